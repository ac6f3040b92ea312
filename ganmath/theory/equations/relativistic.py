"""Displayed equations of the chapter on relativistic losses.

Pairs are sums over two points, which the language of the other chapters has no words for: what is not
proved symbolically is compared to 50 digits on random distributions. Sources: Jolicoeur-Martineau 2019
and 2020; the closed forms for squares and the divergence that the generator follows are our own.
"""

from collections.abc import Callable, Iterable
from typing import Any

import mpmath
import sympy as sp

from ganmath.theory.catalogue import losses
from ganmath.theory.derive import derive
from ganmath.theory.divergence import divergences
from ganmath.theory.equations.language import E, Int, add, random_pair, tex, times
from ganmath.theory.equations.registry import (
    FIFTY,
    PROVED,
    Equation,
    EquationError,
    chain,
    definition,
    derived,
)
from ganmath.theory.expression import as_exponentials, c, p, q, sigmoid, softplus, to_mpmath, u
from ganmath.theory.optimum import tidy
from ganmath.theory.relativistic import relativistic
from ganmath.theory.rules import delta

_logistic, _squares = losses["nonsaturating"], losses["lsgan"](a=-1, b=1)
_pair = r"p \otimes q,\, q \otimes p"
_x, _y = sp.symbols("u(x) u(y)", positive=True)
_s, _t = sp.Symbol("C(x)", real=True), sp.Symbol("C(y)", real=True)

Vector = list[Any]


def _value(key: str) -> Callable[[Vector, Vector], Any]:
    return lambda ps, qs: divergences[key].evaluate(ps, qs, mpmath.mp.dps)


_kl, _js, _tv = (_value(key) for key in ("kl", "jensen-shannon", "total-variation"))


def _swapped(ps: Vector, qs: Vector) -> tuple[Vector, Vector]:
    return [a * b for a in ps for b in qs], [b * a for a in qs for b in ps]


def _js_of_pairs(ps: Vector, qs: Vector) -> Any:
    return _js(*_swapped(ps, qs))


def _softplus(x: Any) -> Any:
    return max(x, mpmath.mpf(0)) + mpmath.log1p(mpmath.exp(-abs(x)))


def _on_random_pairs(
    label: str, latex: str, values: Callable[[Vector, Vector], Iterable[tuple[Any, str, Any]]]
) -> Equation:
    """An equation whose sides, as (left, sign, right), hold to 50 digits on 20 random pairs."""

    def check() -> str:
        with mpmath.workdps(65):
            for seed in range(20):
                for left, sign, right in values(*random_pair(seed, size=4)):
                    gap = left - right if sign == "<=" else abs(left - right)
                    if not gap <= mpmath.mpf(10) ** -50 * (1 + abs(left)):
                        shown = f"{mpmath.nstr(left, 20)} {sign} {mpmath.nstr(right, 20)}"
                        raise EquationError(f"{label}: {shown} fails on random pair {seed}")
        return FIFTY

    return Equation(label, latex, check)


def _lifted(ps: Vector, qs: Vector) -> Iterable[tuple[Any, str, Any]]:
    """For a loss whose real and fake terms are no mirror images."""
    real, fake = (to_mpmath(part, (c,)) for part in (losses["fgan-kl"].real, losses["fgan-kl"].fake))
    critic = [mpmath.mpf(3 * i * i - 5 * i) / 7 for i in range(len(ps))]
    pairs = [(i, j, critic[i] - critic[j]) for i in range(len(ps)) for j in range(len(qs))]
    left = mpmath.fsum(ps[i] * qs[j] * (real(t) + fake(-t)) for i, j, t in pairs)
    of_p = mpmath.fsum(ps[i] * qs[j] * real(t) for i, j, t in pairs)
    of_q = mpmath.fsum(qs[i] * ps[j] * fake(t) for i, j, t in pairs)
    yield left / 2, "=", (of_p + of_q) / 2


def _reduction(ps: Vector, qs: Vector) -> Iterable[tuple[Any, str, Any]]:
    critic = [mpmath.log(a / b) for a, b in zip(ps, qs, strict=True)]
    value = mpmath.fsum(
        a * b * _softplus(d - e)
        for a, e in zip(ps, critic, strict=True)
        for b, d in zip(qs, critic, strict=True)
    )
    yield value, "=", mpmath.log(2) - _js_of_pairs(ps, qs)


def _bounds(ps: Vector, qs: Vector) -> Iterable[tuple[Any, str, Any]]:
    lifted = _js_of_pairs(ps, qs)
    yield _js(ps, qs), "<=", lifted
    yield lifted, "<=", min(2 * _js(ps, qs), mpmath.log(2))


def _followed(ps: Vector, qs: Vector) -> Iterable[tuple[Any, str, Any]]:
    """Derivatives in q at each point, up to a constant, which no movement of mass sees."""
    critic = [mpmath.log(a / b) for a, b in zip(ps, qs, strict=True)]
    left = [mpmath.fsum(a * _softplus(e - d) for a, e in zip(ps, critic, strict=True)) for d in critic]

    def slope_of_js(j: int) -> Any:
        """d JS(pairs) / d q_j, the sum over i of p_i log(2 p_i q_j / (p_i q_j + q_i p_j))."""
        terms = []
        for i, a in enumerate(ps):
            one, two = a * qs[j], qs[i] * ps[j]
            terms.append(a * mpmath.log(2 * one / (one + two)))
        return mpmath.fsum(terms)

    right = [mpmath.log(qs[j] / ps[j]) - slope_of_js(j) for j in range(len(ps))]
    for j in range(1, len(ps)):
        yield left[j] - left[0], "=", right[j] - right[0]


def _between(ps: Vector, qs: Vector) -> Iterable[tuple[Any, str, Any]]:
    m = [(a + b) / 2 for a, b in zip(ps, qs, strict=True)]
    followed = _kl(qs, ps) - _js_of_pairs(ps, qs)
    yield 2 * _kl(m, ps), "<=", followed
    yield followed, "<=", _kl(qs, ps) - _js(ps, qs)


def _optimum_is_derived() -> bool:
    found = derive(relativistic(_logistic))
    slope = u * (-sigmoid(-c)) + sigmoid(c)  # of the pointwise loss between pairs
    return bool(found.separable and found.optimal_critic == sp.log(u) and tidy(slope.subs(c, sp.log(u))) == 0)


def _separation() -> str:
    """h(v/w) = h(v) - h(w) differentiated in v at v = w gives h'(1)/w = h'(w); k log fulfils it."""
    v, w, k = sp.symbols("v w k", positive=True)
    h = sp.Function("h")
    left, right = h(v / w).diff(v).doit().subs(v, w).doit(), h(v).diff(v).subs(v, w).doit()
    found = sp.dsolve(sp.Eq(h(w).diff(w), k / w), h(w)).rhs
    is_log = sp.simplify(found - k * sp.log(w)).diff(w) == 0
    fulfils = sp.expand_log(k * sp.log(v / w) - k * (sp.log(v) - sp.log(w)), force=True) == 0
    if not (is_log and fulfils and left.has(1 / w) and right == h(w).diff(w)):
        raise EquationError("relativistic.separation: the proof does not go through")
    return PROVED


def _mirror() -> bool:
    """Both sides agree at s = t and have the same derivative in s."""
    left, right = softplus(_s - _t), softplus(_t - _s) + _s - _t
    slope = tidy(as_exponentials(left.diff(_s) - right.diff(_s)))
    return bool(slope == 0 and (left - right).subs(_s, _t) == 0)


_BETA = {"paired": (2, add(2, delta)), "average": (4, add(2, times(3, delta))), "centred": (1, sp.S.One)}
_LEAST = {"paired": times(2, add(2, delta)), "average": times(2, add(2, times(3, delta))), "centred": sp.S(4)}


def _least(kind: str) -> Equation:
    top, bottom = _BETA[kind]
    value = add(2, times(-1, delta)), _LEAST[kind]

    def check() -> str:
        found = derive(relativistic(_squares, kind))
        beta = found.optimal_critic * (u + 1) / (u - 1)
        if tidy(beta - (top / bottom).doit()) != 0 or tidy(found.least - (value[0] / value[1]).doit()) != 0:
            raise EquationError(f"relativistic.squares: the {kind} loss has another optimum")
        return PROVED

    factor = "" if kind == "centred" else rf"\frac{{{top}}}{{{tex(bottom)}}}\,"
    latex = (
        rf"\text{{{kind}:}} \quad C^* &= {factor}\frac{{p - q}}{{p + q}}, & "
        rf"\min_C L_D &= \frac{{{tex(value[0])}}}{{{tex(value[1])}}}"
    )
    return Equation("", latex, check)


def _rows(label: str, *lines: Equation) -> Equation:
    """Lines aligned where each has its &."""

    def check() -> str:
        ways = {line.check() for line in lines}
        return PROVED if ways == {PROVED} else FIFTY

    rows = r" \\[0.8ex] ".join(line.latex for line in lines)
    return Equation(label, rf"\begin{{aligned}} {rows} \end{{aligned}}", check)


def _bound_of_hinge(ps: Vector, qs: Vector) -> Iterable[tuple[Any, str, Any]]:
    """sign(u(x) - u(y)), the best function of a pair, attains the right side."""
    total = mpmath.mpf(0)
    for i, a in enumerate(ps):
        for j, b in enumerate(qs):
            t = mpmath.sign(a * qs[j] - qs[i] * ps[j])
            total += a * b * max(0, 1 - t)
    yield total, "=", 1 - _tv(*_swapped(ps, qs))


def _tails(ps: Vector, qs: Vector) -> Iterable[tuple[Any, str, Any]]:
    """The critic of the proof on three cells A, the rest and B, of sizes taken from the random pair."""
    rare = [min(a, b) / 4 for a, b in zip(ps, qs, strict=True)]
    for alpha, beta, far in ((rare[0], rare[1], 40 * ps[2]), (rare[2], rare[0], 400 * qs[3])):
        eps = rare[3]
        of_p = [alpha, 1 - alpha - eps * beta, eps * beta]
        of_q = [eps * alpha, 1 - beta - eps * alpha, beta]
        critic = [far / alpha, 0, -far / beta]
        mean_p, mean_q = (mpmath.fsum(a * b for a, b in zip(w, critic, strict=True)) for w in (of_p, of_q))
        on_real = mpmath.fsum(a * _softplus(mean_q - b) for a, b in zip(of_p, critic, strict=True))
        on_fake = mpmath.fsum(a * _softplus(b - mean_p) for a, b in zip(of_q, critic, strict=True))
        yield (on_real + on_fake) / 2, "<=", _softplus(-(1 - eps) * far) + eps * (far + mpmath.log(2))


def _push() -> bool:
    value = sp.log(1 + _x / _y)
    return bool(sp.simplify(-_y * value.diff(_y) - _x / (_x + _y)) == 0)


EQUATIONS = (
    definition(
        "relativistic.paired",
        r"\begin{aligned} L_D &= \tfrac12\,\mathbb{E}_{p \otimes q}\left["
        r"\mathrm{real}\left(C(x) - C(y)\right) + "
        r"\mathrm{fake}\left(C(y) - C(x)\right)\right] \\ L_G &= \tfrac12\,\mathbb{E}_{p \otimes q}\left["
        r"\mathrm{fake}\left(C(x) - C(y)\right) + \mathrm{real}\left(C(y) - C(x)\right)\right] \end{aligned}",
    ),
    definition("relativistic.logistic", relativistic(_logistic).latex()),
    definition("relativistic.averaged", relativistic(_logistic, "average").latex()),
    definition(
        "relativistic.measured",
        r"D(p, q) = \tfrac12\left(\mathrm{real}(0) + \mathrm{fake}(0)\right) - \min_C L_D(C)",
    ),
    _on_random_pairs(
        "relativistic.lifted",
        r"\begin{aligned} L_D(C) &= \tfrac12\,\mathbb{E}_{p \otimes q}\left[\mathrm{real}(T)\right] + "
        r"\tfrac12\,\mathbb{E}_{q \otimes p}\left[\mathrm{fake}(T)\right] \\ "
        r"T(x, y) &= C(x) - C(y) \end{aligned}",
        _lifted,
    ),
    definition(
        "relativistic.ratio",
        r"U(x, y) = \frac{p(x)\,q(y)}{q(x)\,p(y)} = \frac{u(x)}{u(y)}",
    ),
    derived("relativistic.optimum", "C^*(x)", sp.log(p / q), _optimum_is_derived),
    _on_random_pairs(
        "relativistic.reduction",
        rf"\min_C L_D = L_D(C^*) = \log 2 - \operatorname{{JS}}\left({_pair}\right)",
        _reduction,
    ),
    _on_random_pairs(
        "relativistic.bounds",
        rf"\operatorname{{JS}}(p, q) \le \operatorname{{JS}}\left({_pair}\right) \le "
        r"\min\left(2 \operatorname{JS}(p, q),\, \log 2\right)",
        _bounds,
    ),
    Equation(
        "relativistic.separation",
        r"h\left(\frac{v}{w}\right) = h(v) - h(w) "
        r"\quad \Longleftrightarrow \quad "
        r"h(u) = k \log u",
        _separation,
    ),
    chain(
        "relativistic.exponential",
        times(E(p, sp.sqrt(q / p)), E(q, sp.sqrt(p / q))),
        sp.Pow(Int(sp.sqrt(p * q)), 2, evaluate=False),
        lhs=r"\min_C\ \mathbb{E}_{p}\left[e^{-C}\right] \mathbb{E}_{q}\left[e^{C}\right]",
    ),
    _on_random_pairs(
        "relativistic.hinge",
        rf"\min_C L_D \ge 1 - \operatorname{{TV}}\left({_pair}\right)",
        _bound_of_hinge,
    ),
    _rows("relativistic.squares", *(_least(kind) for kind in ("paired", "average", "centred"))),
    derived(
        "relativistic.mirror",
        tex(softplus(add(_s, times(-1, _t)))),
        add(softplus(add(_t, times(-1, _s))), _s, times(-1, _t)),
        _mirror,
    ),
    _on_random_pairs(
        "relativistic.followed",
        r"\nabla_\theta\,L_G\Big|_{C = C^*} = \nabla_\theta\left(\operatorname{KL}(q\,\|\,p) - "
        rf"\operatorname{{JS}}\left({_pair}\right)\right)",
        _followed,
    ),
    _on_random_pairs(
        "relativistic.between",
        r"\begin{aligned} 2 \operatorname{KL}(m\,\|\,p) &\le \operatorname{KL}(q\,\|\,p) - "
        rf"\operatorname{{JS}}\left({_pair}\right) \\ "
        r"&\le \operatorname{KL}(q\,\|\,p) - \operatorname{JS}(p, q) \end{aligned}",
        _between,
    ),
    _on_random_pairs(
        "relativistic.tails",
        r"L_D(C) \le \operatorname{softplus}\left(-(1 - \varepsilon) M\right) + "
        r"\varepsilon \left(M + \log 2\right)",
        _tails,
    ),
    derived(
        "relativistic.push",
        r"k(y)",
        E(sp.Symbol(r"x \sim p", positive=True), _x / (_x + _y)),
        _push,
    ),
)
