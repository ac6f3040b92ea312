r"""f-GAN: one variational bound, a loss for every convex f (Nowozin, Cseke and Tomioka 2016).

For convex f with f(1) = 0 and its conjugate f*(t) = sup_u (u t - f(u)),

.. math:: D_f(p\|q) = \sup_T\ E_p[T] - E_q[f^*(T)], \qquad T^* = f'(p/q),

so a critic T = g(C), g an output activation onto the domain of f*, minimises
L_D = -E_p[g(C)] + E_q[f*(g(C))]. `conjugate` finds f* symbolically where sympy can.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import mpmath
import sympy as sp

from ganmath.theory.catalogue import losses
from ganmath.theory.divergence import FDivergence, divergences, recognise
from ganmath.theory.expression import as_exponentials, c, sigmoid, softplus, to_mpmath, u
from ganmath.theory.loss import GANLoss, Parameter
from ganmath.theory.optimum import limit

t = sp.Symbol("t", real=True)

#: The f of each f-GAN loss of the catalogue, as Nowozin et al. print them (table 1; Le Cam's is own)
family: Mapping[str, sp.Expr] = MappingProxyType(
    {
        "fgan-kl": u * sp.log(u),
        "fgan-reverse-kl": -sp.log(u),
        "fgan-pearson": (u - 1) ** 2,
        "fgan-neyman": (1 - u) ** 2 / u,
        "fgan-hellinger": (sp.sqrt(u) - 1) ** 2,
        "fgan-js": u * sp.log(u) - (u + 1) * sp.log((u + 1) / 2),
        "fgan-gan": u * sp.log(u) - (u + 1) * sp.log(u + 1),
        "fgan-le-cam": (u - 1) ** 2 / (u + 1),
        "fgan-total-variation": sp.Abs(u - 1) / 2,
        "fgan-alpha": divergences["alpha"](losses["fgan-alpha"].parameters[0].symbol).f,
    }
)

_E = sp.Symbol("E", positive=True)
_S = sp.Symbol("S", positive=True)


@dataclass(frozen=True)
class Conjugate:
    """f*(t) = sup over u > 0 of u t - f(u).

    expression: f* in `t` on the interior of `domain` = (f'(0+), f'(oo)), or None where sympy does not
    find it; calling the object evaluates it at mpmath's precision either way.
    """

    f: sp.Expr
    expression: sp.Expr | None
    domain: tuple[sp.Expr, sp.Expr]

    def __call__(self, at: Any) -> mpmath.mpf:
        """f*(at) by search over u; f is convex, so f'(u) = at is solved by bisection in log u."""
        at = mpmath.mpf(at)
        slope, value = to_mpmath(self.f.diff(u), (u,)), to_mpmath(self.f, (u,))
        left, right = mpmath.mpf(-1000), mpmath.mpf(1000)  # log u
        for _ in range(4 * mpmath.mp.prec // 3 + 12):
            middle = (left + right) / 2
            if slope(mpmath.exp(middle)) < at:
                left = middle
            else:
                right = middle
        x = mpmath.exp((left + right) / 2)
        return x * at - value(x)


def conjugate(f: sp.Expr | FDivergence) -> Conjugate:
    """The convex conjugate of a divergence's f, as `Conjugate`.

    Parameters: f, convex in `u` on u > 0 (ValueError otherwise; f(1) may be anything).
    """
    f = f.f if isinstance(f, FDivergence) else sp.sympify(f)
    _require_convex(f)
    slope = f.diff(u)
    domain = (limit(slope, u, sp.S.Zero), limit(slope, u, sp.oo))
    return Conjugate(f, _solved(f, slope, domain), domain)


def _solved(f: sp.Expr, slope: sp.Expr, domain: tuple[sp.Expr, sp.Expr]) -> sp.Expr | None:
    """f* from the root of f'(u) = t, checked against the definition at three points."""
    if (named := recognise(f - f.subs(u, 1))) is not None and named.name == "total variation":
        return t - f.subs(u, 1)  # k |u - 1|: u (t - k) rises up to u = 1 and falls after it
    if f.has(sp.Abs, sp.Piecewise, sp.Max, sp.Min):
        return None
    # t counted from a finite end of the domain, so that roots and logarithms stay real
    low, high = domain
    gap = sp.Symbol("s", positive=True)
    if high.is_finite:
        at, back = high - gap, high - t
    elif low.is_finite:
        at, back = low + gap, t - low
    else:
        at, back, gap = t, t, t
    try:
        roots = sp.solve(sp.Eq(sp.expand_log(slope, force=True), at), u)
    except NotImplementedError:
        return None
    for root in roots:
        value = sp.simplify(root * at - f.subs(u, root)).subs(gap, back)
        for candidate in (sp.simplify(sp.expand_log(value, force=True)), value):
            if all(
                _agrees(candidate, f, slope, x) for x in (mpmath.mpf(1) / 3, mpmath.mpf(1), mpmath.mpf(4))
            ):
                return candidate
    return None


def _agrees(candidate: sp.Expr, f: sp.Expr, slope: sp.Expr, x: mpmath.mpf) -> bool:
    others = {s: sp.Rational(2, 7) for s in f.free_symbols - {u}}
    with mpmath.workdps(30):
        at = to_mpmath(slope.subs(others), (u,))(x)
        truth = x * at - to_mpmath(f.subs(others), (u,))(x)
        try:
            value = to_mpmath(candidate.subs(others), (t,))(at)
        except (ValueError, ZeroDivisionError, TypeError):
            return False
        return abs(value - truth) < mpmath.mpf(10) ** -20 * (1 + abs(truth))


def _require_convex(f: sp.Expr) -> None:
    """ValueError with three ratios at which f lies above its chord."""
    if stray := [s for s in f.free_symbols if s != u and not s.is_positive and not s.is_real]:
        raise ValueError(f"f must be written in ganmath.u (a positive symbol named u); it has {stray}")
    if not f.has(u):
        raise ValueError(f"f = {f} does not depend on ganmath.u")
    others = {s: sp.Rational(2, 7) for s in f.free_symbols - {u}}
    value = to_mpmath(f.subs(others), (u,))
    with mpmath.workdps(30):
        grid = [mpmath.mpf(10) ** (mpmath.mpf(k) / 8) for k in range(-32, 33)]
        for low, middle, high in zip(grid, grid[1:], grid[2:], strict=False):
            chord = ((high - middle) * value(low) + (middle - low) * value(high)) / (high - low)
            if value(middle) > chord + mpmath.mpf(10) ** -20 * (1 + abs(chord)):
                raise ValueError(
                    f"f = {f} is not convex: at u = {mpmath.nstr(middle, 4)} it lies above the chord from "
                    f"{mpmath.nstr(low, 4)} to {mpmath.nstr(high, 4)}; an f-divergence needs a convex f"
                )


def fgan(
    f: str | sp.Expr | FDivergence,
    activation: sp.Expr | None = None,
    *,
    zero_sum: bool = False,
    name: str = "fgan",
    title: str = "",
    citation: str = "nowozin2016",
    year: int | None = 2016,
    parameters: tuple[Parameter, ...] = (),
) -> GANLoss:
    """The loss whose critic measures D_f, for any convex f.

    Parameters: f, a divergence, its name in `divergences`, or an expression in ``ganmath.u`` with
    f(1) = 0; activation, T = g(C) in ``ganmath.c``, increasing, with values in the domain of f*;
    default f'(e^C), with which C* = log u for every f and no conjugate is needed (own choice).
    zero_sum: the generator minimises -f*(T) (Nowozin et al., section 2.2) instead of the practical
    -T (their section 3.2).
    Raises: ValueError where f is not convex, f(1) is not 0, or f* has no closed form for the
    activation given.
    """
    f = divergences[f].f if isinstance(f, str) else f.f if isinstance(f, FDivergence) else sp.sympify(f)
    _require_convex(f)
    if sp.simplify(f.subs(u, 1)) != 0:
        raise ValueError(f"f(1) must be 0, got {f.subs(u, 1)}: subtract it (no divergence sees a constant)")
    if activation is None:
        if f.has(sp.Abs, sp.Piecewise, sp.Max, sp.Min):
            raise ValueError(
                f"f = {f} has a kink, so f'(e^C) jumps and gives the critic no gradient: pass an activation "
                "into the domain of its conjugate, such as tanh(C)/2 for the total variation"
            )
        ratio = sp.exp(c)
        output = _logistic(f.diff(u).subs(u, ratio))
        dual = _logistic((u * f.diff(u) - f).subs(u, ratio))
    else:
        star = conjugate(f).expression
        if star is None:
            raise ValueError(
                f"sympy finds no closed form of the conjugate of f = {f}; leave the activation out (then "
                "none is needed), or evaluate it numerically with ganmath.theory.fgan.conjugate(f)(t)"
            )
        output = sp.sympify(activation)
        dual = _logistic(star.subs(t, output))
    return GANLoss(
        name,
        real=-output,
        fake=dual,
        gen=-dual if zero_sum else -output,
        parameters=parameters,
        title=title or f"f-GAN with f(u) = {f}",
        citation=citation,
        year=year,
    )


def _logistic(expr: sp.Expr) -> sp.Expr:
    """An expression in e^C in terms that do not overflow before they must: C, softplus, sigmoid."""
    in_e = sp.powdenest(_in_e(as_exponentials(expr)), force=True)

    def split(inside: sp.Expr) -> sp.Expr:
        return sp.expand_log(sp.log(sp.factor(sp.together(inside))), force=True)

    logs = {sp.log(_E): sp.Dummy("l"), sp.log(1 + _E): sp.Dummy("l")}
    rational = in_e.replace(sp.log, split).subs(logs)
    if any(e.has(_E, *logs.values()) for e in rational.atoms(sp.Function)):
        return expr  # neither logarithms of E and 1 + E nor powers: left as it is
    meaning = dict(zip(logs.values(), (c, softplus(c)), strict=True))
    terms = dict(sp.Poly(sp.expand(rational), *meaning).terms())
    total = sp.S.Zero
    if (1, 0) in terms and terms[1, 0] == -terms.get((0, 1), 0):  # softplus(C) - C = softplus(-C)
        total += _bounded(sp.simplify(terms.pop((0, 1)))) * softplus(-c)
        del terms[1, 0]
    for powers, coefficient in terms.items():
        factor = sp.prod(whole**power for whole, power in zip(meaning.values(), powers, strict=True))
        total += _bounded(sp.powsimp(sp.simplify(coefficient), force=True)) * factor
    return total


def _in_e(expr: sp.Expr) -> sp.Expr:
    """e^(k C + b) as e^b E^k."""

    def power(inside: sp.Expr) -> sp.Expr:
        inside = sp.expand(inside)
        k = inside.coeff(c)
        return sp.exp(sp.expand(inside - k * c)) * _E**k

    return expr.replace(sp.exp, power).subs(c, sp.log(_E))


def _bounded(rational: sp.Expr) -> sp.Expr:
    """A function of E = e^C; with a denominator in 1 + E it is written in sigmoid(C), sigmoid(-C)."""
    bottom = sp.factor(sp.denom(sp.together(rational)))
    if not bottom.has(1 + _E):
        return sp.expand(rational).subs(_E, sp.exp(c))
    in_s = sp.factor(sp.cancel(sp.together(rational.subs(_E, (1 - _S) / _S))))  # S = sigmoid(-C)
    return in_s.subs({1 - _S: sigmoid(c), _S - 1: -sigmoid(c)}).subs(_S, sigmoid(-c))
