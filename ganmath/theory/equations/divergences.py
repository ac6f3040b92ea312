"""Displayed equations of the chapter on divergences and distances.

Statements about every f are checked on all named divergences; closed forms between normals against
the integrals that define them, at 50 digits.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import mpmath
import sympy as sp

from ganmath.theory.divergence import Uniform, divergences
from ganmath.theory.equations.language import (
    H2,
    JS,
    KL,
    TV,
    Chi2,
    E,
    Int,
    LeCam,
    add,
    evaluate,
    m,
    prove_equal,
    random_pair,
    tex,
    times,
)
from ganmath.theory.equations.registry import (
    FIFTY,
    PROVED,
    Equation,
    EquationError,
    chain,
    definition,
    derived,
    inequality,
    numeric,
    stack,
)
from ganmath.theory.expression import p, q, to_mpmath, u

_DIGITS = 65
_half = sp.Rational(1, 2)
_log2 = sp.log(2)
_f = sp.Function("f")
_k = sp.Symbol("k", real=True)
_named = [d for d in divergences.values() if hasattr(d, "f")]


# --- statements about every f ----------------------------------------------------------------------

_D_f = r"D_f(p\,\|\,q)"


def _for_every_f(label: str, latex: str, violated: Callable[[Any, list[Any], list[Any]], bool]) -> Equation:
    """A statement about D_f, tried on every named divergence and 20 random pairs at 50 digits."""

    def check() -> str:
        with mpmath.workdps(_DIGITS):
            for d in _named:
                for seed in range(20):
                    if violated(d, *random_pair(seed)):
                        raise EquationError(f"{label}: fails for {d.name} on random pair {seed}")
        return FIFTY

    return Equation(label, latex, check)


def _below_jensen(d: Any, ps: list[Any], qs: list[Any]) -> bool:
    f = to_mpmath(d.f, (u,))
    mean_of_f = mpmath.fsum(b * f(a / b) for a, b in zip(ps, qs, strict=True))
    f_of_mean = f(mpmath.fsum(b * (a / b) for a, b in zip(ps, qs, strict=True)))
    tiny = mpmath.mpf(10) ** -50
    return bool(mean_of_f < f_of_mean - tiny or abs(f_of_mean) > tiny)


def _out_of_range(d: Any, ps: list[Any], qs: list[Any]) -> bool:
    value = d.evaluate(ps, qs, 50)
    zeros = [mpmath.mpf(0)] * len(ps)
    disjoint = d.evaluate([*ps, *zeros], [*zeros, *qs], 50)
    bound = mpmath.inf if d.upper_bound is sp.oo else to_mpmath(d.upper_bound, ())()
    reached = disjoint == bound or abs(disjoint - bound) < mpmath.mpf(10) ** -45
    return not (0 <= value <= bound and reached)


_ratio_terms = (
    E(q, add(_f(p / q), times(_k, add(p / q, -1)))),
    E(q, _f(p / q)),
)
_swapped_terms = (E(p, _f(q / p)), E(q, times(p / q, _f(q / p))))


# --- the alpha family ------------------------------------------------------------------------------

_alpha = sp.Symbol("alpha", real=True)
_f_alpha = add(u**_alpha, -1, times(-1, _alpha, add(u, -1))) / times(_alpha, add(_alpha, -1))


def _alpha_members() -> bool:
    """KL at 1, reverse KL at 0, four times Hellinger at 1/2, half of Pearson at 2; f'' = u^(a-2)."""
    f = _f_alpha.doit()

    def affine(difference: sp.Expr) -> bool:
        difference = sp.expand(sp.simplify(difference))
        return bool(sp.simplify(difference.diff(u, 2)) == 0 and sp.simplify(difference.subs(u, 1)) == 0)

    return (
        affine(sp.limit(f, _alpha, 1) - divergences["kl"].f)
        and affine(sp.limit(f, _alpha, 0) - divergences["reverse-kl"].f)
        and affine(f.subs(_alpha, _half) - 4 * divergences["squared-hellinger"].f)
        and affine(f.subs(_alpha, 2) - divergences["pearson-chi2"].f / 2)
        and bool(sp.simplify(f.diff(u, 2) - u ** (_alpha - 2)) == 0)
        and bool(sp.simplify(f - divergences["alpha"](_alpha).f) == 0)
    )


# --- inequalities ----------------------------------------------------------------------------------

t = sp.Symbol("t", real=True)
_phi = times(_half, add(times(add(1, t), sp.log(1 + t)), times(add(1, -t), sp.log(1 - t))))


def _phi_minus_series() -> Any:
    """Largest difference between phi(t) and its series at five points of [-1, 1]."""
    phi = to_mpmath(_phi.doit(), (t,))

    def series(x: Any) -> Any:
        return mpmath.nsum(lambda k: x ** (2 * k) / (2 * k * (2 * k - 1)), [1, mpmath.inf])

    inside = max(abs(phi(x) - series(x)) for x in (mpmath.mpf(k) / 8 for k in (-5, -2, 1, 4)))
    # at t = 1, where (1 - t) log(1 - t) is 0, the sum of the coefficients is log 2
    return max(inside, abs(mpmath.log(2) - series(mpmath.mpf(1))))


_g = add(times(u, sp.log(u)), -u, 1)
_pinsker_gap = (sp.Rational(4, 3) + 2 * u / 3) * _g.doit() - (u - 1) ** 2


def _pinsker_lemma() -> str:
    """The gap h has h(1) = h'(1) = 0 and h'' = 4 g / (3 u), and g >= 0 as g(1) = g'(1) = 0, g'' = 1/u."""
    g = _g.doit()
    facts = (
        _pinsker_gap.subs(u, 1),
        _pinsker_gap.diff(u).subs(u, 1),
        sp.simplify(_pinsker_gap.diff(u, 2) - 4 * g / (3 * u)),
        g.subs(u, 1),
        g.diff(u).subs(u, 1),
        sp.simplify(g.diff(u, 2) - 1 / u),
    )
    if any(fact != 0 for fact in facts):
        raise EquationError("divergences.pinsker_lemma: the gap is not convex with minimum 0 at u = 1")
    return PROVED


# --- closed forms ----------------------------------------------------------------------------------

_theta = sp.Symbol("theta", positive=True)
_shift = (Uniform(0, 1), Uniform(_theta, 1 + _theta))


def _is_uniform_shift(key: str) -> bool:
    """The closed form at three shifts, against the masses of p and q on the three pieces of the line."""
    closed = divergences[key].between(*_shift)
    for shift in (sp.Rational(1, 3), sp.S.One, sp.Rational(5, 2)):
        expected = closed.subs(_theta, shift)
        if key == "wasserstein-1":  # six equal masses, 1/6 apart, moved by a multiple of that
            zeros, masses = [mpmath.mpf(0)] * int(6 * shift), [mpmath.mpf(1) / 6] * 6
            value = transport_cost([*masses, *zeros], [*zeros, *masses]) / 6
        else:
            overlap = max(sp.S.Zero, 1 - shift)
            pieces = [1 - overlap, overlap, sp.S.Zero]
            value = divergences[key].evaluate(pieces, pieces[::-1], 50)
        if expected is sp.oo and mpmath.isinf(value):
            continue
        if abs(value - expected.evalf(55)) > sp.Float("1e-48"):
            return False
    return True


def _shift_line(name: str, *keys: str) -> Equation:
    """One line for divergences that agree on the shift."""
    form = divergences[keys[0]].between(*_shift)

    def claim() -> bool:
        with mpmath.workdps(_DIGITS):
            same = all(divergences[key].between(*_shift) == form for key in keys)
            return same and all(_is_uniform_shift(key) for key in keys)

    return derived(f"shift, {keys[0]}", name, form, claim)


class _Exp(sp.Function):
    """exp with its argument in brackets, for arguments that are fractions."""

    nargs = 1

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return rf"\exp\left({printer.doprint(self.args[0])}\right)"


def _root(inner: Any) -> sp.Expr:
    """A square root that stays whole."""
    return sp.Pow(inner, _half, evaluate=False)


def _plain(form: sp.Expr) -> sp.Expr:
    return form.replace(_Exp, sp.exp).doit()


_mu_p, _mu_q = sp.symbols("mu_p mu_q", real=True)
_s_p, _s_q = sp.symbols("sigma_p sigma_q", positive=True)
_gap2 = (_mu_p - _mu_q) ** 2
_both = add(_s_p**2, _s_q**2)
_excess = add(2 * _s_q**2, -(_s_p**2))
_normal_forms = {
    "kl": add(sp.log(_s_q / _s_p), add(_s_p**2, _gap2) / (2 * _s_q**2), -_half),
    "squared-hellinger": add(
        1, times(-1, _root(times(2, _s_p, _s_q) / _both), _Exp(-_gap2 / times(4, _both)))
    ),
    "pearson-chi2": add(times(_s_q**2 / times(_s_p, _root(_excess)), _Exp(_gap2 / _excess)), -1),
}
# (mu_p, sigma_p, mu_q, sigma_q), each with 2 sigma_q^2 > sigma_p^2
_settings = ((0, 1, 1, 1), (1, 2, 0, 3), ("-0.5", "0.7", 0, "0.6"))


def _normal(x: Any, mu: Any, sigma: Any) -> Any:
    return mpmath.exp(-(((x - mu) / sigma) ** 2) / 2) / (sigma * mpmath.sqrt(2 * mpmath.pi))


def _integral(g: Callable[[Any], Any], centre: Any, width: Any) -> Any:
    """Trapezoidal rule over the line, exact to 60 digits for sums of Gaussians wider than width / 2.

    Its error for exp(-x^2 / 2 s^2) and step h is of the order exp(-2 (pi s / h)^2).
    """
    h = width / 4
    return h * mpmath.fsum(g(centre + k * h) for k in range(-160, 161))


def _against_integral(key: str) -> Any:
    """Closed form minus the integral of q f(p/q), the largest of the settings."""
    form = to_mpmath(_plain(_normal_forms[key]), (_mu_p, _s_p, _mu_q, _s_q))
    integrand = to_mpmath(divergences[key].f.subs(u, p / q) * q, (p, q))

    def gap(a: Any, s: Any, b: Any, r: Any) -> Any:
        value = _integral(lambda x: integrand(_normal(x, a, s), _normal(x, b, r)), (a + b) / 2, min(s, r))
        return abs(form(a, s, b, r) - value)

    return max(gap(*map(mpmath.mpf, setting)) for setting in _settings)


def _normal_line(key: str, name: str, condition: str = "") -> Equation:
    latex = f"{name} = {tex(_normal_forms[key])}{condition}"
    return numeric(
        f"closed form of {key}",
        latex,
        lambda: _against_integral(key),
        lines=((name, (_plain(_normal_forms[key]),)),),
    )


_d, _s = sp.Symbol("d", real=True), sp.Symbol("s", positive=True)


def _over(numerator: Any, *factors: Any) -> sp.Expr:
    """A fraction whose denominator stays as written."""
    return times(numerator, sp.Pow(times(*factors), -1, evaluate=False))


_w1 = add(
    times(_s, _root(2 / sp.pi), _Exp(-(_d**2) / (2 * _s**2))),
    times(_d, sp.erf(_over(_d, sp.sqrt(2), _s), evaluate=False)),
)
_tv = sp.erf(_over(sp.Abs(_d), 2, sp.sqrt(2), _s), evaluate=False)


def _half_line(g: Callable[[Any], Any], start: Any, end: Any) -> Any:
    return mpmath.quad(g, mpmath.linspace(start, end, 3))


def _w1_difference() -> Any:
    """W1 against the integral of |d + s z| over a standard normal z: equal quantiles are joined."""
    form = to_mpmath(_plain(_w1), (_d, _s))

    def gap(d: Any, s: Any) -> Any:
        pieces = [_half_line(lambda z: abs(d + s * z) * _normal(z, 0, 1), -d / s, end) for end in (-18, 18)]
        return abs(form(d, s) - (pieces[1] - pieces[0]))

    return max(gap(mpmath.mpf(d), mpmath.mpf(s)) for d, s in ((1, 1), ("-0.3", 2)))


def _w2_difference() -> Any:
    """(mu_p - mu_q)^2 + (sigma_p - sigma_q)^2 against the integral over equal quantiles."""

    def gap(a: Any, s: Any, b: Any, r: Any) -> Any:
        value = _integral(lambda z: (a - b + (s - r) * z) ** 2 * _normal(z, 0, 1), 0, mpmath.mpf(1))
        return abs(value - (a - b) ** 2 - (s - r) ** 2)

    return max(gap(*map(mpmath.mpf, setting)) for setting in _settings)


def _tv_difference() -> Any:
    """Equal sigma: the integral of p - q from where the densities cross."""
    form = to_mpmath(_plain(_tv), (_d, _s))

    def gap(d: Any, s: Any) -> Any:
        value = _half_line(lambda x: _normal(x, d, s) - _normal(x, 0, s), d / 2, d + 18 * s)
        return abs(form(d, s) - value)

    return max(gap(mpmath.mpf(d), mpmath.mpf(s)) for d, s in ((1, 1), (3, 2)))


# --- transport -------------------------------------------------------------------------------------


def transport_cost(ps: list[Any], qs: list[Any]) -> Any:
    """Cost of the coupling on 0, 1, 2, ... that serves demand q from supply p in order."""
    left, right = list(ps), list(qs)
    i = j = 0
    cost = mpmath.mpf(0)
    while i < len(left) and j < len(right):
        moved = min(left[i], right[j])
        cost += moved * abs(i - j)
        left[i] -= moved
        right[j] -= moved
        i, j = (i + 1, j) if left[i] <= right[j] else (i, j + 1)
    return cost


def dual_gain(ps: list[Any], qs: list[Any]) -> Any:
    """E_p h - E_q h of the 1-Lipschitz h whose slope is the sign of F_q - F_p."""
    h, values, gap = mpmath.mpf(0), [], mpmath.mpf(0)
    for a, b in zip(ps, qs, strict=True):
        values.append(h)
        gap += b - a
        h += mpmath.sign(gap)
    if any(abs(y - x) > 1 for x, y in pairwise(values)):
        raise EquationError("divergences.kantorovich: the potential is not 1-Lipschitz")
    return mpmath.fsum(v * (a - b) for v, a, b in zip(values, ps, qs, strict=True))


def _kantorovich_gap() -> Any:
    """A coupling's cost and a potential's gain bound W1 from both sides: their largest gap."""
    worst = mpmath.mpf(0)
    for seed in range(20):
        ps, qs = random_pair(seed, 9)
        cdf = mpmath.fsum(abs(mpmath.fsum(ps[: k + 1]) - mpmath.fsum(qs[: k + 1])) for k in range(9))
        cost, gain = transport_cost(ps, qs), dual_gain(ps, qs)
        worst = max(worst, abs(cost - gain), abs(cost - cdf))
    return worst


# --- the bound that a critic gives -----------------------------------------------------------------

_D = sp.Symbol("D", positive=True)
_D_best = sp.Symbol("D^*", positive=True)
_gap_sides = (
    add(
        JS(p, q),
        times(-1, _log2),
        times(-_half, E(p, sp.log(_D))),
        times(-_half, E(q, sp.log(1 - _D))),
    ),
    add(
        times(_half, E(p, sp.log(_D_best / _D))),
        times(_half, E(q, sp.log((1 - _D_best) / (1 - _D)))),
    ),
    E(
        m,
        add(
            times(_D_best, sp.log(_D_best / _D)),
            times(add(1, -_D_best), sp.log((1 - _D_best) / (1 - _D))),
        ),
    ),
)


def _gap_is_proved() -> str:
    """The chain with D* = p / (p + q) put in; D stays any function of x."""
    known = [side.subs(_D_best, p / (p + q)) for side in _gap_sides]
    for left, right in pairwise(known):
        if not prove_equal(left, right):
            raise EquationError(f"divergences.js_gap: {tex(left)} is not {tex(right)}")
    return PROVED


def _estimate_is_a_bound() -> str:
    """The estimate stays below JS for D = (1 + a p) / (2 + a p + b q), several a and b."""
    with mpmath.workdps(_DIGITS):
        for seed in range(20):
            ps, qs = random_pair(seed)
            js = evaluate(JS(p, q), ps, qs)
            for a, b in ((0, 0), (1, 1), (30, 5), (2, 70), (500, 500)):
                D = (1 + a * p) / (2 + a * p + b * q)
                value = evaluate(add(E(p, sp.log(D)), E(q, sp.log(1 - D))), ps, qs) / 2 + mpmath.log(2)
                if value > js:
                    raise EquationError(f"divergences.estimate: above JS on random pair {seed}")
    return FIFTY


_estimate = (
    r"\begin{aligned} \widehat{\mathrm{JS}}(C) &= \log 2 - \tfrac{1}{2} L_D(C) \\ &= "
    + tex(add(_log2, times(_half, E(p, sp.log(_D))), times(_half, E(q, sp.log(1 - _D)))))
    + r" \le \mathrm{JS}(p, q) \end{aligned}"
)


_hellinger = chain(
    "H2",
    H2(p, q),
    times(_half, Int((sp.sqrt(p) - sp.sqrt(q)) ** 2)),
    add(1, times(-1, Int(sp.sqrt(p * q)))),
)

EQUATIONS = (
    definition(
        "divergences.f_divergence",
        rf"{_D_f} = {tex(E(q, _f(p / q)))} = {tex(Int(times(q, _f(p / q))))}",
        D_f=E(q, _f(p / q)),
    ),
    stack(
        "divergences.named",
        chain("KL", KL(p, q), Int(times(p, sp.log(p / q)))),
        chain("JS", JS(p, q), add(times(_half, KL(p, m)), times(_half, KL(q, m)))),
        chain("TV", TV(p, q), times(_half, Int(sp.Abs(p - q)))),
        replace(
            _hellinger,
            latex=rf"{tex(H2(p, q))} = {tex(times(_half, Int((sp.sqrt(p) - sp.sqrt(q)) ** 2)))}"
            rf" = {tex(add(1, times(-1, Int(sp.sqrt(sp.Mul(p, q, evaluate=False), evaluate=False)))))}",
        ),
        chain("Pearson", Chi2(p, q), Int((p - q) ** 2 / q)),
        chain("Neyman", Chi2(q, p), Int((p - q) ** 2 / p)),
        chain("Le Cam", LeCam(p, q), Int((p - q) ** 2 / (p + q))),
    ),
    derived("divergences.alpha", r"f_\alpha(u)", _f_alpha, _alpha_members),
    stack(
        "divergences.invariance",
        chain("affine", *_ratio_terms),
        chain("swapped", *_swapped_terms),
    ),
    _for_every_f(
        "divergences.jensen",
        rf"{_D_f} = {tex(E(q, _f(p / q)))} \ge f\left({tex(E(q, p / q))}\right) = f(1) = 0",
        _below_jensen,
    ),
    _for_every_f("divergences.range", rf"0 \le {_D_f} \le f(0) + f'(\infty)", _out_of_range),
    chain(
        "divergences.softened",
        add(KL(q, p), times(-2, JS(p, q))),
        add(E(q, sp.log(q / p)), times(-1, E(q, sp.log(q / m))), times(-1, E(p, sp.log(p / m)))),
        add(E(q, sp.log(m / p)), E(p, sp.log(m / p))),
        times(2, E(m, sp.log(m / p))),
        times(2, KL(m, p)),
    ),
    stack(
        "divergences.le_cam",
        chain("mixture", Chi2(p, m), times(_half, LeCam(p, q))),
        chain(
            "gap",
            add(E(p, p / (p + q)), times(-1, E(q, p / (p + q)))),
            times(_half, LeCam(p, q)),
        ),
    ),
    numeric(
        "divergences.series",
        rf"\varphi(t) = {tex(_phi)} = \sum_{{k=1}}^{{\infty}} \frac{{t^{{2k}}}}{{2k\,(2k - 1)}}",
        _phi_minus_series,
        lines=((r"\varphi(t)", (_phi,)),),
    ),
    stack(
        "divergences.order",
        inequality(
            "Topsoe", times(sp.Rational(1, 4), LeCam(p, q)), JS(p, q), times(_half, LeCam(p, q), _log2)
        ),
        inequality("Le Cam and TV", times(2, TV(p, q) ** 2), LeCam(p, q), times(2, TV(p, q))),
        inequality("Pinsker", times(2, TV(p, q) ** 2), KL(p, q)),
    ),
    Equation(
        "divergences.pinsker_lemma",
        rf"{tex(add(u, -1) ** 2)} \le \left({tex(add(sp.Rational(4, 3), 2 * u / 3))}\right) "
        rf"\left({tex(_g)}\right)",
        _pinsker_lemma,
    ),
    stack(
        "divergences.uniform_shift",
        _shift_line(r"\mathrm{JS}(p, q_\theta)", "jensen-shannon"),
        _shift_line(
            r"\mathrm{TV}(p, q_\theta) = \mathrm{H}^2(p, q_\theta)", "total-variation", "squared-hellinger"
        ),
        _shift_line(r"\Delta(p, q_\theta)", "le-cam"),
        _shift_line(r"\mathrm{KL}(p\,\|\,q_\theta) = \mathrm{KL}(q_\theta\,\|\,p)", "kl", "reverse-kl"),
        _shift_line(r"W_1(p, q_\theta)", "wasserstein-1"),
    ),
    stack(
        "divergences.normals",
        _normal_line("kl", r"\mathrm{KL}(p\,\|\,q)"),
        _normal_line("squared-hellinger", r"\mathrm{H}^2(p, q)"),
        _normal_line("pearson-chi2", r"\chi^2(p\,\|\,q)"),
    ),
    stack(
        "divergences.normal_distances",
        numeric("W2", r"W_2(p, q)^2 = (\mu_p - \mu_q)^2 + (\sigma_p - \sigma_q)^2", _w2_difference),
        numeric(
            "W1",
            rf"W_1(p, q) = {tex(_w1)}",
            _w1_difference,
            lines=(("W_1(p, q)", (_plain(_w1),)),),
        ),
        numeric(
            "TV",
            rf"\mathrm{{TV}}(p, q) = {tex(_tv)}\quad\text{{if }}\sigma_p = \sigma_q",
            _tv_difference,
            lines=((r"\mathrm{TV}(p, q)", (_plain(_tv),)),),
        ),
    ),
    definition(
        "divergences.ipm",
        r"d_{\mathcal{H}}(p, q) = \sup_{h \in \mathcal{H}}\left|\mathbb{E}_p[h] - \mathbb{E}_q[h]\right|",
    ),
    numeric(
        "divergences.kantorovich",
        r"W_1(p, q) = \inf_{\gamma \in \Pi(p, q)} \mathbb{E}_{(x, y) \sim \gamma}\|x - y\|"
        r" = \sup_{\|h\|_{\mathrm{Lip}} \le 1} \left(\mathbb{E}_p[h] - \mathbb{E}_q[h]\right)",
        _kantorovich_gap,
    ),
    Equation("divergences.estimate", _estimate, _estimate_is_a_bound),
    Equation(
        "divergences.js_gap",
        r"\begin{aligned} \mathrm{JS}(p, q) - \widehat{\mathrm{JS}}(C) &= "
        + r" \\ &= ".join(tex(side) for side in _gap_sides)
        + r" \end{aligned}",
        _gap_is_proved,
        _gap_sides,
    ),
)
