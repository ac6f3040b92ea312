"""Displayed equations of the chapter on f-GAN.

Statements about every convex f are proved for a function f that sympy knows nothing of, or tried on the
family of Nowozin, Cseke and Tomioka 2016. A bar marks the critic that is held fixed.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
import sympy as sp

from ganmath.theory.catalogue import losses
from ganmath.theory.derive import derive
from ganmath.theory.divergence import divergences
from ganmath.theory.equations.language import (
    H2,
    JS,
    KL,
    Chi2,
    E,
    Frozen,
    Gradient,
    Int,
    Known,
    add,
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
    numeric,
    objectives,
    stack,
)
from ganmath.theory.expression import c, p, q, to_mpmath, u
from ganmath.theory.fgan import conjugate, family, t

_f = sp.Function("f")
_half = sp.Rational(1, 2)
_alpha_loss = losses["fgan-alpha"]
_order = _alpha_loss.parameters[0].symbol
_x, _theta = sp.symbols("x theta", real=True)
_smooth = {name: f for name, f in family.items() if name not in ("fgan-total-variation", "fgan-alpha")}


def _proof(label: str, latex: str, claim: Callable[[], bool], *sides: Any) -> Equation:
    """Hand-set LaTeX of a statement that sympy decides."""

    def check() -> str:
        if not claim():
            raise EquationError(f"{label}: the proof does not go through")
        return PROVED

    return Equation(label, latex, check, sides)


# --- conjugates and the bound ----------------------------------------------------------------------


@cache
def _callables(f: sp.Expr) -> tuple[Any, Any, Any]:
    """f, f' and f* for numbers."""
    star = conjugate(f).expression
    return to_mpmath(f, (u,)), to_mpmath(f.diff(u), (u,)), to_mpmath(star, (t,))


def _young() -> Any:
    """Largest violation, over ratios u and slopes t = f'(v), of u t <= f(u) + f*(t), equal at v = u."""
    worst = mpmath.mpf(0)
    ratios = [mpmath.mpf(k) / 7 for k in (1, 5, 7, 9, 40)]
    for f in _smooth.values():
        value, slope, star = _callables(f)
        for v in ratios:
            at = slope(v)
            worst = max(worst, abs(value(v) + star(at) - v * at))
            worst = max([worst, *(x * at - value(x) - star(at) for x in ratios)])
    return worst


def _bound() -> str:
    """On random pairs: no critic f'(v) with random v exceeds D_f, and T* = f'(p/q) attains it."""
    with mpmath.workdps(65):
        tiny = mpmath.mpf(10) ** -50
        for name, f in _smooth.items():
            value, slope, star = _callables(f)
            for seed in range(20):
                ps, qs = random_pair(seed)
                others = [a / b for a, b in zip(*random_pair(seed + 100), strict=True)]
                true = mpmath.fsum(b * value(a / b) for a, b in zip(ps, qs, strict=True))

                def reached(ratios: list, ps: list = ps, qs: list = qs) -> Any:
                    critic = [slope(r) for r in ratios]  # noqa: B023
                    gain = mpmath.fsum(a * T for a, T in zip(ps, critic, strict=True))
                    return gain - mpmath.fsum(b * star(T) for b, T in zip(qs, critic, strict=True))  # noqa: B023

                best = reached([a / b for a, b in zip(ps, qs, strict=True)])
                if abs(best - true) > tiny * (1 + abs(true)) or reached(others) > true + tiny:
                    raise EquationError(f"fgan.bound: fails for {name} on random pair {seed}")
    return FIFTY


def _gap() -> bool:
    """The integrands of both sides agree, with f*(T*) = u T* - f(u), for any numbers T, T*, f*(T), f(u)."""
    T, best, star_at_T, value = sp.symbols("T T_star F f_u", real=True)
    star_at_best = p / q * best - value
    left = q * value - (p * T - q * star_at_T)
    right = q * (star_at_T - star_at_best - p / q * (T - best))
    return bool(sp.expand(left - right) == 0)


# the slope of f at p/q, as a function that needs no derivative
_slope = sp.Function("f_prime")
_attained = chain(
    "fgan.attained",
    add(E(p, _slope(p / q)), times(-1, E(q, add(times(p / q, _slope(p / q)), times(-1, _f(p / q)))))),
    E(q, _f(p / q)),
)
_attained = Equation(
    _attained.label,
    r"\mathbb{E}_p\left[f'(u)\right] - \mathbb{E}_q\left[u\,f'(u) - f(u)\right] "
    r"= \mathbb{E}_q\left[f(u)\right] = D_f(p\,\|\,q)",
    _attained.check,
    _attained.sides,
)


# --- critics and steps -----------------------------------------------------------------------------

_e = sp.exp(c)


def _stationary() -> bool:
    """d/dC [u real + fake] for real = -f'(e^C), fake = e^C f'(e^C) - f(e^C)."""
    slope, second = _f(u).diff(u), _f(u).diff(u, 2)
    output, dual = slope.subs(u, _e), (u * slope - _f(u)).subs(u, _e)
    ratio = sp.Symbol("r", positive=True)
    derivative = (-ratio * output + dual).diff(c).doit()
    return bool(sp.simplify(derivative - (_e - ratio) * _e * second.subs(u, _e).doit()) == 0)


def _generic(gen: sp.Expr) -> sp.Expr:
    """-(1/u) d/du gen(C*(u)) for a generator's loss given at T*(u)."""
    return sp.simplify(-gen.diff(u) / u)


_T, _T_dual = _f(u).diff(u), u * _f(u).diff(u) - _f(u)
_second = _f(u).diff(u, 2)


def _frozen(name: str, output: sp.Expr) -> sp.Expr:
    return Frozen(Known(sp.Symbol(rf"\bar{{T}}_{{\mathrm{{{name}}}}}"), output))


def _follows(name: str, output: sp.Expr, divergence: sp.Expr) -> Equation:
    return chain("", Gradient(E(q, -_frozen(name, output))), Gradient(divergence))


_ratio = p / q
_followed = stack(
    "fgan.followed",
    _follows("KL", 1 + sp.log(_ratio), KL(q, p)),
    _follows("RKL", -1 / _ratio, times(_half, Chi2(q, p))),
    _follows("P", 2 * (_ratio - 1), 2 * KL(p, q)),
    _follows("GAN", sp.log(p / (p + q)), 2 * KL(m, p)),
)


def _alpha(part: str) -> sp.Expr:
    d = derive(_alpha_loss)
    return {
        "measured": d.critic_divergence.f.diff(u, 2),
        "followed": d.generator_second_derivative,
        "value": d.generator_value.f.diff(u, 2),
    }[part]


def _same(left: Any, right: Any) -> bool:
    return bool(sp.simplify(sp.powsimp(sp.sympify(left) - sp.sympify(right).doit(), force=True)) == 0)


def _claim(name: str, right: Any, left: Callable[[], Any]) -> Equation:
    return derived(name, name, right, lambda: _same(left(), right))


_D_below = sp.Symbol(r"D_{\alpha - 1}(p\,\|\,q)")


def _value_of_alpha() -> bool:
    value = derive(_alpha_loss).generator_value
    below = divergences["alpha"](_order - 1).f
    return value.offset == 0 and _same(value.f.diff(u, 2), (2 - _order) * below.diff(u, 2))


def _push(power: int) -> sp.Expr:
    """k(u) = -u d/du gen for gen = -T* (power 1) or -f*(T*) (power 2)."""
    return sp.simplify(-u * (-_T if power == 1 else -_T_dual).diff(u))


# --- conventions, normals, few features ------------------------------------------------------------


def _convention(name: str, row: str, value: sp.Expr) -> Equation:
    side = Int(q * family[row].subs(u, p / q))
    return derived(
        "", rf"D_{{f}}(p\,\|\,q)\big|_{{\text{{{name}}}}}", value, lambda: prove_equal(side, value)
    )


_log_ratio = _theta**2 / 2 - _theta * _x


def _at_normals(row: str, expected: sp.Expr) -> Callable[[], bool]:
    """f'(p/q) for N(0, 1) and N(theta, 1)."""
    densities = sp.exp(-(_x**2) / 2) / sp.exp(-((_x - _theta) ** 2) / 2)
    best = family[row].diff(u).subs(u, sp.exp(sp.expand(sp.expand_log(sp.log(densities), force=True))))
    return lambda: sp.simplify(sp.expand_log(best, force=True) - expected.doit()) == 0


def _normal(name: str, row: str, value: sp.Expr) -> Equation:
    return derived("", rf"T^*_{{\mathrm{{{name}}}}}(x)", value, _at_normals(row, value))


def _few_features() -> bool:
    """sup over a, b of E_p T - E_q[T^2/4 + T], T = a + b x, from the moments of x."""
    a, b, mean_p, mean_q = sp.symbols("a b mu_p mu_q", real=True)
    variance = sp.Symbol("v", positive=True)
    gain = b * (mean_p - mean_q) - ((a + b * mean_q) ** 2 + b**2 * variance) / 4
    best = sp.solve([gain.diff(a), gain.diff(b)], [a, b], dict=True)
    concave = sp.hessian(gain, (a, b)).det().subs(mean_q, 0).simplify() == variance / 4
    return concave and sp.simplify(gain.subs(best[0]) - (mean_p - mean_q) ** 2 / variance) == 0


EQUATIONS = (
    definition("fgan.conjugate", r"f^*(t) = \sup_{u > 0}\left(u\,t - f(u)\right)"),
    numeric(
        "fgan.young",
        r"u\,t \le f(u) + f^*(t), \qquad u\,f'(u) = f(u) + f^*(f'(u))",
        _young,
    ),
    Equation(
        "fgan.bound",
        r"D_f(p\,\|\,q) = \sup_T\left(\mathbb{E}_p[T] - \mathbb{E}_q[f^*(T)]\right), "
        r"\qquad T^* = f'\left(\frac{p}{q}\right)",
        _bound,
    ),
    _attained,
    _proof(
        "fgan.gap",
        r"D_f(p\,\|\,q) - \left(\mathbb{E}_p[T] - \mathbb{E}_q[f^*(T)]\right) = "
        r"\mathbb{E}_q\left[f^*(T) - f^*(T^*) - u\,(T - T^*)\right]",
        _gap,
    ),
    definition(
        "fgan.losses",
        r"\begin{aligned} L_D &= -\mathbb{E}_p\left[g(C)\right] + \mathbb{E}_q\left[f^*(g(C))\right] \\ "
        r"L_G &= -\mathbb{E}_q\left[f^*(g(C))\right] \quad\text{(zero-sum)} \\ "
        r"L_G &= -\mathbb{E}_q\left[g(C)\right] \quad\text{(practical)} \end{aligned}",
    ),
    _proof(
        "fgan.logit",
        r"g(C) = f'(e^C): \qquad \frac{\partial h}{\partial C} = (e^C - u)\,e^C f''(e^C), "
        r"\qquad C^* = \log u",
        _stationary,
    ),
    stack(
        "fgan.steps",
        _proof("", r"f_G''(u) = f''(u) \quad\text{(zero-sum)}", lambda: _generic(-_T_dual) == _second),
        _proof(
            "",
            r"f_G''(u) = \frac{f''(u)}{u} \quad\text{(practical)}",
            lambda: sp.simplify(_generic(-_T) - _second / u) == 0,
        ),
    ),
    _followed,
    definition("fgan.alpha_losses", _alpha_loss.latex(), **objectives(_alpha_loss)),
    stack(
        "fgan.alpha",
        _claim(r"f_D''(u)", u ** add(_order, -2), lambda: _alpha("measured")),
        _claim(r"f_G''(u)", u ** add(_order, -3), lambda: _alpha("followed")),
        derived(
            "",
            r"\mathbb{E}_q\left[\mathrm{gen}(C^*)\right]",
            times(add(2, -_order), _D_below),
            _value_of_alpha,
        ),
    ),
    stack(
        "fgan.push",
        _proof("", r"k(u) = u\,f''(u) \quad\text{(practical)}", lambda: _push(1) == u * _second),
        _proof("", r"k(u) = u^2 f''(u) \quad\text{(zero-sum)}", lambda: _push(2) == u**2 * _second),
    ),
    stack(
        "fgan.conventions",
        _convention("JS", "fgan-js", times(2, JS(p, q))),
        _convention("GAN", "fgan-gan", add(times(2, JS(p, q)), -2 * sp.log(2))),
        _convention("Hellinger", "fgan-hellinger", times(2, H2(p, q))),
    ),
    stack(
        "fgan.normals",
        _normal("KL", "fgan-kl", add(1, _theta**2 / 2, times(-1, _theta, _x))),
        _normal("RKL", "fgan-reverse-kl", -sp.exp(add(times(_theta, _x), -(_theta**2) / 2))),
        _normal("P", "fgan-pearson", times(2, add(sp.exp(add(_theta**2 / 2, times(-1, _theta, _x))), -1))),
    ),
    _proof(
        "fgan.linear",
        r"\sup_{a,\,b}\left(\mathbb{E}_p[T] - \mathbb{E}_q\left["
        + tex(add(t**2 / 4, t)).replace("t", "T")
        + r"\right]\right) "
        r"= \frac{\left(\mathbb{E}_p[x] - \mathbb{E}_q[x]\right)^2}{\operatorname{Var}_q(x)}",
        _few_features,
    ),
)
