r"""Named f-divergences and Wasserstein distances, their conventions, closed forms and identities.

An f-divergence is one convex function f (Ali and Silvey 1966; Liese and Vajda 2006), and everything
here is made from it. Conventions, stated once for the whole project:

* p is the data's density, q the generator's, u = p/q, m = (p + q)/2; natural logarithms (nats).
* :math:`D_f(p\|q) = \int q\, f(p/q)`, f convex on (0, oo), f(1) = 0. Where q = 0 the integrand is
  :math:`p\,f'(\infty)` with :math:`f'(\infty) = \lim_{u\to\infty} f(u)/u`; where p = 0 it is
  :math:`q\,f(0)`; where both vanish it is 0. The value may be infinite, never undefined.
* KL(p||q) = int p log(p/q); JS = KL(p||m)/2 + KL(q||m)/2, at most log 2; TV = (1/2) int |p - q|;
  squared Hellinger H^2 = 1 - int sqrt(pq); Pearson chi2(p||q) = int (p-q)^2/q; Neyman
  chi2(p||q) = int (p-q)^2/p; Le Cam (triangular) Delta = int (p-q)^2/(p+q), at most 2; softened
  reverse KL = 2 KL(m||p) = KL(q||p) - 2 JS; alpha: f(u) = (u^a - 1 - a(u-1))/(a(a-1)), which is
  KL at a = 1 and reverse KL at a = 0.
* W1 and W2 are the Wasserstein distances themselves; W2 is not squared.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from ganmath.names import Named
from ganmath.theory.distributions import (
    Distribution,
    NoClosedForm,
    Normal,
    PointMass,
    Uniform,
    as_given,
    crossings,
    density,
    edges,
    exact,
    normalised,
    parameters,
    probabilities,
    to_mpf,
)
from ganmath.theory.expression import relu, to_latex, to_mpmath, to_numpy, u
from ganmath.theory.transport import Wasserstein

__all__ = [
    "AlphaFamily",
    "ArimotoFamily",
    "FDivergence",
    "NoClosedForm",
    "Normal",
    "PointMass",
    "Recognition",
    "Uniform",
    "VajdaFamily",
    "Wasserstein",
    "divergences",
    "evaluator",
    "recognise",
]


# ------------------------------------------------------------------------------ f-divergences


@dataclass(frozen=True)
class FDivergence:
    r"""An f-divergence :math:`D_f(p\|q) = \int q\,f(p/q)`, possibly a multiple of a named one.

    f: sympy expression in `u` = p/q, convex, f(1) = 0; it includes the factor `scale`.
    name: of the divergence that f is `scale` times, or None when it has no name here.
    latex: the named divergence (without the scale) as LaTeX.
    scale, offset: an objective whose optimum is offset - scale * named divergence.
    limits: (f(0+), lim f(u)/u) where known; computed by sympy otherwise.
    between_normals: closed form of the named divergence for two normals, or None.
    parameters: of a family, as (("alpha", 3),).
    """

    f: sp.Expr
    name: str | None = None
    latex: str = r"D_f(p\,\|\,q)"
    citation: str = ""
    scale: sp.Expr = sp.S.One
    offset: sp.Expr = sp.S.Zero
    limits: tuple[sp.Expr, sp.Expr] | None = None
    between_normals: Callable[[Normal, Normal], sp.Expr] | None = field(
        default=None, compare=False, repr=False
    )
    parameters: tuple[tuple[str, sp.Expr], ...] = ()

    def scaled(self, factor: Any, offset: Any = 0) -> "FDivergence":
        """`factor` > 0 times this divergence, with everything that is known about it kept."""
        s = exact(factor)
        return replace(
            self,
            f=s * self.f,
            scale=s * self.scale,
            offset=exact(offset),
            limits=self.limits and (s * self.limits[0], s * self.limits[1]),
        )

    @property
    def scaled_latex(self) -> str:
        """`scale` times the named divergence."""
        factor = to_latex(self.scale)
        if self.scale.is_Add:
            factor = rf"\left({factor}\right)"
        return self.latex if self.scale == 1 else rf"{factor}\,{self.latex}"

    @cached_property
    def f_at_zero(self) -> sp.Expr:
        """f(0+), the cost per unit of q where p has no mass; may be oo."""
        if self.limits is not None:
            return sp.sympify(self.limits[0])
        return _limit(self.f, sp.S.Zero)

    @cached_property
    def slope_at_infinity(self) -> sp.Expr:
        """lim f(u)/u as u -> oo, the cost per unit of p where q has no mass; may be oo."""
        if self.limits is not None:
            return sp.sympify(self.limits[1])
        return _limit(self.f / u, sp.oo)

    @cached_property
    def upper_bound(self) -> sp.Expr:
        """Least upper bound of D_f over all pairs, f(0) + f'(oo), reached on disjoint supports."""
        return sp.simplify(self.f_at_zero + self.slope_at_infinity)

    @cached_property
    def is_symmetric(self) -> bool:
        """D_f(p||q) = D_f(q||p) for all p, q: f(u) and u f(1/u) differ by a multiple of u - 1."""
        mirrored = u * self.f.subs(u, 1 / u, simultaneous=True)
        ratio = _screen(self.f, mirrored)
        return ratio is not None and bool(mpmath.almosteq(ratio, 1, 1e-30))

    def __call__(self, p: Any, q: Any) -> float:
        """D_f(p||q) of two probability vectors.

        Parameters: p, q : array (K,), nonnegative, sums to 1 (ValueError otherwise).
        Returns: float in [0, upper_bound], possibly inf; absolute accuracy about 1e-15.
        """
        self._require_number()
        p, q = probabilities(p, q)
        terms = self.terms(p, q)
        total = float(terms.sum())
        # rounding may leave -1e-17 at p = q; a value clearly below zero means f is not convex
        return max(total, 0.0) if total > -1e-12 else total

    def terms(self, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        """The integrand q f(p/q) point by point, with the conventions for zeros; arrays (K,)."""
        out = np.zeros(np.broadcast(p, q).shape)
        only_p, only_q, both = (q == 0) & (p > 0), (p == 0) & (q > 0), (p > 0) & (q > 0)
        if only_p.any():
            out[only_p] = p[only_p] * float(self.slope_at_infinity)
        if only_q.any():
            out[only_q] = q[only_q] * float(self.f_at_zero)
        if is_fast(self.f):
            with np.errstate(all="ignore"):
                out[both] = q[both] * to_numpy(self.f, (u,))(p[both] / q[both])
        else:
            out[both] = math.nan
        # p/q outside the range of doubles, where mpmath's exponents are unbounded; or f an integral
        for i in np.flatnonzero(~np.isfinite(out) & both):
            out[i] = float(self._term(mpmath.mpf(p[i]), mpmath.mpf(q[i])))
        return out

    def _term(self, p: mpmath.mpf, q: mpmath.mpf) -> mpmath.mpf:
        if p == 0 and q == 0:
            return mpmath.mpf(0)
        if q == 0:
            return p * to_mpf(self.slope_at_infinity)
        if p == 0:
            return q * to_mpf(self.f_at_zero)
        return q * evaluator(self.f)(p / q)

    def evaluate(self, p: Sequence[Any], q: Sequence[Any], dps: int = 50) -> mpmath.mpf:
        """D_f(p||q) to `dps` digits.

        Parameters: p, q : sequences of K numbers (int, Fraction, sympy, mpf, float); they are
        divided by their sums at the working precision, so floats may be given.
        """
        self._require_number()
        probabilities([float(x) for x in p], [float(x) for x in q])
        with mpmath.workdps(dps + 15):
            ps, qs = normalised(p), normalised(q)
            total = mpmath.fsum(self._term(a, b) for a, b in zip(ps, qs, strict=True))
        with mpmath.workdps(dps):
            return +total

    def between(self, P: Distribution, Q: Distribution) -> Any:
        """D_f(P||Q) in closed form; exact sympy for exact parameters, float for float ones.

        Raises NoClosedForm where none is known: use `quadrature`.
        """
        if P == Q:
            return as_given(sp.S.Zero, P, Q)
        if isinstance(P, Uniform) and isinstance(Q, Uniform):
            return as_given(self._between_uniforms(P, Q), P, Q)
        if isinstance(P, PointMass) and isinstance(Q, PointMass):
            distance = sp.simplify(exact(P.x) - exact(Q.x))
            if distance.is_zero:
                return as_given(sp.S.Zero, P, Q)
            if distance.is_zero is None:
                bound = sp.Piecewise((0, sp.Eq(distance, 0)), (self.upper_bound, True))
                return as_given(bound, P, Q)
        if isinstance(P, PointMass) or isinstance(Q, PointMass):
            return as_given(self.upper_bound, P, Q)  # mutually singular
        if isinstance(P, Normal) and isinstance(Q, Normal) and self.between_normals is not None:
            return as_given(self.scale * self.between_normals(P, Q), P, Q)
        raise NoClosedForm(
            f"no closed form for {self.name or 'this f-divergence'} between {P} and {Q}; "
            "use .quadrature(P, Q) for its numerical value"
        )

    def _between_uniforms(self, P: Uniform, Q: Uniform) -> sp.Expr:
        """Constant densities: overlap times q f(p/q), and the outer masses at f(0) and f'(oo)."""
        a, b, c, d = parameters(P, Q)
        p, q = 1 / (b - a), 1 / (d - c)
        p_outside = sp.Min(1, p * (sp.Max(0, c - a) + sp.Max(0, b - d)))
        q_outside = sp.Min(1, q * (sp.Max(0, a - c) + sp.Max(0, d - b)))
        ratio = sp.simplify(p / q)
        inside = sp.simplify(self.f.subs(u, ratio)) * q * (b - a) * (1 - p_outside)
        return sp.simplify(
            inside + _charge(q_outside, self.f_at_zero) + _charge(p_outside, self.slope_at_infinity)
        )

    def quadrature(self, P: Normal | Uniform, Q: Normal | Uniform) -> float:
        """D_f(P||Q) for numerical parameters by tanh-sinh quadrature (mpmath), to about 1e-12.

        Raises ArithmeticError where the integral has not settled, as when it is infinite.
        """
        for d in (P, Q):
            if isinstance(d, PointMass):
                raise ValueError("a point mass has no density; use .between(P, Q)")
        self._require_number()
        with mpmath.workdps(25):
            ends, wide = edges(P, Q, 20), edges(P, Q, 40)
            p, q = density(P), density(Q)

            def over(*points: mpmath.mpf) -> mpmath.mpf:
                return mpmath.fsum(
                    mpmath.quad(lambda x: self._term(p(x), q(x)), [left, right])
                    for left, right in pairwise(points)
                )

            value = over(*ends)
            tails = over(wide[0], ends[0]) + over(ends[-1], wide[-1])
            if mpmath.isfinite(value) and abs(tails) > mpmath.mpf("1e-13") * abs(value):
                raise ArithmeticError(
                    f"the integral for {self.name or 'this f-divergence'} between {P} and {Q} does "
                    "not settle; it is most likely infinite"
                )
            return float(value)

    def _require_number(self) -> None:
        if stray := sorted(map(str, self.f.free_symbols - {u})):
            raise ValueError(
                f"f has the open parameter(s) {', '.join(stray)}: set them before asking for a number, "
                "as in losses['lsgan'](a=0, b=1, c=1)"
            )

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.scaled_latex}, \quad f(u) = {to_latex(self.f)}$"


def _charge(mass: sp.Expr, cost: sp.Expr) -> sp.Expr:
    """mass * cost with 0 * oo = 0, for a mass that may be symbolic."""
    if mass.is_zero:
        return sp.S.Zero
    if cost is sp.oo and not mass.is_positive:
        return sp.Piecewise((0, sp.Eq(mass, 0)), (sp.oo, True))
    return mass * cost


def is_fast(f: sp.Expr) -> bool:
    """No integrals, and no functions that are known by their numerical values only."""
    return not f.has(sp.Integral) and not any(hasattr(a, "_imp_") for a in f.atoms(sp.Function))


def evaluator(f: sp.Expr) -> Callable[[mpmath.mpf], mpmath.mpf]:
    """f as a function of u at mpmath's working precision, also where f has integrals over (1, u)
    or functions that are known only numerically."""
    if is_fast(f):
        return to_mpmath(f, (u,))
    return lambda x: _slow_value(f, {u: sp.Float(mpmath.mpf(x), mpmath.mp.dps)})


def _slow_value(f: sp.Expr, at: dict[sp.Symbol, sp.Float]) -> mpmath.mpf:
    def integral(e: sp.Integral) -> sp.Float:
        # mpmath's rule is much faster than evalf's on integrands that are slow to evaluate
        (s, low, high), *_ = e.limits
        ends = [_slow_value(end, at) for end in (low, high)]
        inside = e.function.subs(at)
        total = mpmath.quad(
            lambda t: _slow_value(inside, {s: sp.Float(t, mpmath.mp.dps)}),
            ends,
            method="gauss-legendre",
        )
        return sp.Float(total, mpmath.mp.dps)

    number = f.replace(lambda e: isinstance(e, sp.Integral), integral)
    return to_mpf(number.subs(at))


def _limit(g: sp.Expr, point: sp.Expr) -> sp.Expr:
    """One-sided limit in (0, oo), by sympy, or numerically where sympy gives up."""
    try:
        if not is_fast(g):
            raise NotImplementedError("sympy has no limits of implicit functions")
        value = sp.limit(g, u, point, "+" if point == 0 else "-")
        if not value.has(sp.Limit, sp.AccumBounds, sp.nan) and not value.has(u):
            return sp.simplify(value)
    except (NotImplementedError, ValueError, TypeError, RecursionError, AttributeError):
        pass
    return _numeric_limit(evaluator(g), -1 if point == 0 else 1)


def _numeric_limit(g: Callable[[mpmath.mpf], mpmath.mpf], sign: int) -> sp.Expr:
    """Limit of g(10^(sign k)) for growing k: its value once it has settled, else oo.

    By convexity f(u) near 0 and f(u)/u near oo are monotone and tend to a number or to +oo.
    """
    with mpmath.workdps(450):
        far, farther = (g(mpmath.mpf(10) ** (sign * k)) for k in (200, 400))
        if not mpmath.isfinite(farther) or abs(farther - far) > mpmath.mpf(10) ** -20:
            return sp.oo
        if abs(farther) < mpmath.mpf(10) ** -18:
            return sp.S.Zero
        value = sp.nsimplify(sp.Float(farther, 30), tolerance=1e-18)
        # 18 digits are what a limit approached like u^(1/10) has settled to
        return value if value.is_Rational and value.q < 1000 else sp.Float(farther, 18)


# ------------------------------------------------------------------------------ closed forms


def _normal_affinity(P: Normal, Q: Normal, order: Any) -> sp.Expr:
    r"""int p^a q^(1-a) of two normals, a = `order`; oo where the integral diverges.

    With s = a s2^2 + (1-a) s1^2 it is s1^(1-a) s2^a / sqrt(s) exp(-a(1-a) d^2 / (2 s)), if s > 0.
    """
    mu1, s1, mu2, s2 = parameters(P, Q)
    a = exact(order)
    s = sp.simplify(a * s2**2 + (1 - a) * s1**2)
    value = s1 ** (1 - a) * s2**a / sp.sqrt(s) * sp.exp(-a * (1 - a) * (mu1 - mu2) ** 2 / (2 * s))
    if s.is_positive:
        return sp.simplify(value)
    if s.is_nonpositive:
        return sp.oo
    return sp.Piecewise((sp.simplify(value), s > 0), (sp.oo, True))


def _normal_kl(P: Normal, Q: Normal) -> sp.Expr:
    mu1, s1, mu2, s2 = parameters(P, Q)
    return sp.log(s2 / s1) + (s1**2 + (mu1 - mu2) ** 2) / (2 * s2**2) - sp.Rational(1, 2)


def _normal_tv(P: Normal, Q: Normal) -> sp.Expr:
    """P(A) - Q(A) for A = {p > q}: a half line, or the inside or outside of two points."""
    mu1, s1, mu2, s2 = parameters(P, Q)
    if sp.simplify(s1 - s2) == 0:
        return sp.erf(sp.Abs(mu1 - mu2) / (2 * sp.sqrt(2) * s1))
    low, high = crossings(P, Q)

    def inside(mu: sp.Expr, s: sp.Expr) -> sp.Expr:
        a, b = (low - mu) / (sp.sqrt(2) * s), (high - mu) / (sp.sqrt(2) * s)
        return (sp.erf(b) - sp.erf(a)) / 2

    return sp.Abs(inside(mu1, s1) - inside(mu2, s2))


def _normal_reverse_kl(P: Normal, Q: Normal) -> sp.Expr:
    return _normal_kl(Q, P)


def _normal_power(P: Normal, Q: Normal, order: Any, multiple: Any) -> sp.Expr:
    """`multiple` * (int p^a q^(1-a) - 1), a = `order`."""
    return sp.simplify(multiple * (_normal_affinity(P, Q, order) - 1))


# ------------------------------------------------------------------------------ the catalogue

_half = sp.Rational(1, 2)
_log2 = sp.log(2)

_named = {
    "kl": FDivergence(
        u * sp.log(u),
        "Kullback-Leibler",
        r"\mathrm{KL}(p\,\|\,q)",
        "kullback1951",
        limits=(sp.S.Zero, sp.oo),
        between_normals=_normal_kl,
    ),
    "reverse-kl": FDivergence(
        -sp.log(u),
        "reverse Kullback-Leibler",
        r"\mathrm{KL}(q\,\|\,p)",
        "kullback1951",
        limits=(sp.oo, sp.S.Zero),
        between_normals=_normal_reverse_kl,
    ),
    "jensen-shannon": FDivergence(
        _half * (u * sp.log(u) - (u + 1) * sp.log((u + 1) / 2)),
        "Jensen-Shannon",
        r"\mathrm{JS}(p, q)",
        "lin1991",
        limits=(_log2 / 2, _log2 / 2),
    ),
    "total-variation": FDivergence(
        sp.Abs(u - 1) / 2,
        "total variation",
        r"\mathrm{TV}(p, q)",
        "liese2006",
        limits=(_half, _half),
        between_normals=_normal_tv,
    ),
    "squared-hellinger": FDivergence(
        (sp.sqrt(u) - 1) ** 2 / 2,
        "squared Hellinger",
        r"\mathrm{H}^2(p, q)",
        "liese2006",
        limits=(_half, _half),
        between_normals=partial(_normal_power, order=_half, multiple=-1),
    ),
    "pearson-chi2": FDivergence(
        (u - 1) ** 2,
        "Pearson chi-squared",
        r"\chi^2(p\,\|\,q)",
        "liese2006",
        limits=(sp.S.One, sp.oo),
        between_normals=partial(_normal_power, order=2, multiple=1),
    ),
    "neyman-chi2": FDivergence(
        (u - 1) ** 2 / u,
        "Neyman chi-squared",
        r"\chi^2(q\,\|\,p)",
        "liese2006",
        limits=(sp.oo, sp.S.One),
        between_normals=partial(_normal_power, order=-1, multiple=1),
    ),
    "le-cam": FDivergence(
        (u - 1) ** 2 / (u + 1),
        "Le Cam",
        r"\Delta(p, q)",
        "lecam1986",
        limits=(sp.S.One, sp.S.One),
    ),
    "softened-reverse-kl": FDivergence(
        (1 + u) * sp.log((1 + u) / (2 * u)),
        "softened reverse Kullback-Leibler",
        r"2\,\mathrm{KL}(m\,\|\,p)",
        "shannon2020",
        limits=(sp.oo, -_log2),
    ),
}


@dataclass(frozen=True)
class AlphaFamily:
    r"""The alpha-divergences; calling it with alpha (number or symbol) gives the FDivergence.

    f(u) = (u^a - 1 - a(u-1)) / (a(a-1)), f''(u) = u^(a-2); a = 1 is KL(p||q), a = 0 KL(q||p),
    a = 1/2 four times the squared Hellinger, a = 2 half Pearson's chi-squared.
    Source: Liese and Vajda 2006, the power divergences.
    """

    name: str = "alpha"
    latex: str = r"D_\alpha(p\,\|\,q)"
    citation: str = "liese2006"

    def __call__(self, alpha: Any) -> FDivergence:
        a = exact(alpha)
        if a == 1:
            return _named["kl"]
        if a == 0:
            return _named["reverse-kl"]
        at_zero = sp.oo if a.is_negative else 1 / a if a.is_positive else None
        below_one = (1 - a).is_positive
        slope = 1 / (1 - a) if below_one else sp.oo if (a - 1).is_positive else None
        limits = None if at_zero is None or slope is None else (at_zero, slope)
        return FDivergence(
            (u**a - 1 - a * (u - 1)) / (a * (a - 1)),
            self.name,
            rf"D_{{{sp.latex(a)}}}(p\,\|\,q)",
            self.citation,
            limits=limits,
            between_normals=partial(_normal_power, order=a, multiple=1 / (a * (a - 1))),
            parameters=(("alpha", a),),
        )


@dataclass(frozen=True)
class ArimotoFamily:
    r"""The symmetric divergences of Arimoto's entropies; calling it with alpha gives the FDivergence.

    f(u) = a/(a-1) ((1 + u^a)^(1/a) - 2^(1/a - 1) (1 + u)), a > 0 (ValueError otherwise). a = 1/2 is
    twice the squared Hellinger, a -> 1 twice Jensen-Shannon, a -> oo tends to total variation.
    Source: Liese and Vajda 2006; as the value of the alpha-loss, Kurri, Sankar and Sypherd 2021.
    """

    name: str = "Arimoto"
    latex: str = r"A_\alpha(p, q)"
    citation: str = "liese2006"

    def __call__(self, alpha: Any) -> FDivergence:
        a = exact(alpha)
        if a.is_positive is False:
            raise ValueError(f"the Arimoto divergence needs alpha > 0, got {a}")
        if a == 1:
            return _named["jensen-shannon"].scaled(2)
        end = a / (a - 1) * (1 - 2 ** (1 / a - 1))
        return FDivergence(
            a / (a - 1) * ((1 + u**a) ** (1 / a) - 2 ** (1 / a - 1) * (1 + u)),
            self.name,
            rf"A_{{{sp.latex(a)}}}(p, q)",
            self.citation,
            limits=(end, end),
            parameters=(("alpha", a),),
        )


@dataclass(frozen=True)
class VajdaFamily:
    r"""Pearson-Vajda divergences of order k from the mixture; calling it with k gives the FDivergence.

    chi^k(p||m) = int |p - m|^k / m^(k-1), so that f(u) = |u - 1|^k / (u + 1)^(k-1) / 2, k >= 1
    (ValueError otherwise): symmetric, at most 1. k = 1 is total variation, k = 2 half of Le Cam.
    Source: as the value of LkGAN's generator, Bhatia et al. 2021.
    """

    name: str = "Pearson-Vajda"
    latex: str = r"\chi^{k}(p\,\|\,m)"
    citation: str = "bhatia2021"

    def __call__(self, k: Any) -> FDivergence:
        order = exact(k)
        if order.is_number and not order >= 1:
            raise ValueError(f"the Pearson-Vajda divergence needs k >= 1, got {order}")
        return FDivergence(
            sp.Abs(u - 1) ** order / (u + 1) ** (order - 1) / 2,
            self.name,
            rf"\chi^{{{sp.latex(order)}}}(p\,\|\,m)",
            self.citation,
            limits=(_half, _half),
            parameters=(("k", order),),
        )


#: Every named divergence and distance: ``divergences["jensen-shannon"](p, q)`` on arrays of
#: probabilities, ``.between(Normal(0, 1), Normal(2, 1))`` on densities.
divergences: Mapping[str, Any] = MappingProxyType(
    Named(
        "divergence",
        {
            **_named,
            "alpha": AlphaFamily(),
            "arimoto": ArimotoFamily(),
            "pearson-vajda": VajdaFamily(),
            "wasserstein-1": Wasserstein(1),
            "wasserstein-2": Wasserstein(2),
        },
    )
)


# ------------------------------------------------------------------------------ recognition


@dataclass(frozen=True)
class Recognition:
    """f is `scale` times the named `divergence`, up to a multiple of u - 1 (which integrates to 0).

    proved: shown symbolically; otherwise it agrees to 30 digits at the probes only.
    """

    name: str
    scale: sp.Expr
    divergence: FDivergence
    proved: bool


def recognise(f: sp.Expr) -> Recognition | None:
    """The named f-divergence that f is a positive multiple of, or None.

    Parameters: f, sympy expression in `u` with f(1) = 0 (ValueError otherwise); other symbols are
    parameters. First a numerical screening (second divided differences at rational points, 50
    digits, blind to affine terms), then a symbolic proof: f'' = scale n'' on every smooth piece and
    the same slope of f - scale n on all pieces.
    """
    f = sp.sympify(f)
    with mpmath.workdps(50):
        at_one = _probe(f)(mpmath.mpf(1))
        if abs(at_one) > mpmath.mpf(10) ** -30:
            raise ValueError(f"f(1) must be 0, got {mpmath.nstr(at_one, 8)}; subtract it first")
    for named in _named.values():
        ratio = _screen(f, named.f)
        if ratio is None or ratio <= 0:
            continue
        scale = _exact_scale(f, named.f)
        if scale is not None and _same_up_to_affine(f, scale * named.f):
            return Recognition(str(named.name), scale, named, True)
        guess = scale if scale is not None else sp.nsimplify(sp.Float(ratio, 40), tolerance=1e-30)
        return Recognition(str(named.name), guess, named, False)
    return _recognise_alpha(f) or _recognise_arimoto(f) or _recognise_vajda(f)


def _recognise_alpha(f: sp.Expr) -> Recognition | None:
    """alpha from u f'''/f'' + 2, which is constant exactly for the alpha family."""
    if f.has(sp.Piecewise, sp.Abs, sp.Max, sp.Min, sp.sign, sp.Heaviside):
        return None
    second = sp.diff(f, u, 2)
    with mpmath.workdps(50):
        curvature, slope = _probe(second), _probe(sp.diff(second, u))
        values = [(x, curvature(x)) for x in _points()]
        if any(not mpmath.isfinite(v) or v <= 0 for _, v in values):
            return None
        orders = [x * slope(x) / v + 2 for x, v in values]
        if max(abs(a - orders[0]) for a in orders) > mpmath.mpf(10) ** -30:
            return None
    alpha = sp.simplify(u * sp.diff(second, u) / second + 2)
    scale = sp.simplify(second.subs(u, 1))
    proved = not alpha.has(u)
    if not proved:
        alpha = sp.nsimplify(sp.Float(orders[0], 40), tolerance=1e-30)
    family: AlphaFamily = divergences["alpha"]
    return Recognition(family.name, scale, family(alpha), proved)


def _recognise_arimoto(f: sp.Expr) -> Recognition | None:
    """alpha from the second derivative of log f''(e^v) at v = 0, which is (a - 2 a^2) / 4."""
    if _is_kinked(f) or f.has(sp.Integral) or (f.free_symbols - {u} and not f.has(sp.Pow)):
        return None
    family: ArimotoFamily = divergences["arimoto"]
    with mpmath.workdps(50):
        second = _probe(sp.diff(f, u, 2))

        def log_curvature(v: mpmath.mpf) -> mpmath.mpf:
            return mpmath.log(second(mpmath.exp(v)))

        try:
            bend = mpmath.diff(log_curvature, 0, 2)
        except (ValueError, TypeError, ZeroDivisionError):
            return None
        inside = 1 - 32 * bend
        if not mpmath.isfinite(inside) or mpmath.im(inside) or mpmath.re(inside) < 0:
            return None
        order = (1 + mpmath.sqrt(mpmath.re(inside))) / 4
    names = sorted(f.free_symbols - {u}, key=str)
    guesses = [*names, sp.nsimplify(sp.Float(order, 30), rational=True, tolerance=1e-20)]
    for alpha in guesses:
        if alpha == 1 or alpha.is_positive is not True:
            continue
        candidate = family(alpha)
        ratio = _screen(f, candidate.f)
        if ratio is None or ratio <= 0:
            continue
        scale = _exact_scale(f, candidate.f)
        proved = scale is not None and _same_up_to_affine(f, scale * candidate.f)
        if scale is None or not proved:
            scale = sp.nsimplify(sp.Float(ratio, 40), tolerance=1e-30)
        return Recognition(family.name, scale, candidate, proved)
    return None


def _recognise_vajda(f: sp.Expr) -> Recognition | None:
    """k and the scale s from log(f/(u + 1)) = log s + k log(|u - 1|/(u + 1)); f as it is, no affine part."""
    if f.has(sp.Integral) or not is_fast(f):
        return None
    with mpmath.workdps(50):
        value = _probe(f)
        at = [x for x in _points() if x != 1]
        values = [value(x) / (x + 1) for x in at]
        if not all(mpmath.im(v) == 0 and v > 0 for v in values):
            return None
        logs = [(mpmath.log(abs(x - 1) / (x + 1)), mpmath.log(v)) for x, v in zip(at, values, strict=True)]
        (x0, y0), (x1, y1) = logs[:2]
        order = (y1 - y0) / (x1 - x0)
        if order < 1 or any(abs(y - y0 - order * (x - x0)) > mpmath.mpf(10) ** -30 for x, y in logs):
            return None
        scale = sp.nsimplify(sp.Float(2 * mpmath.exp(y0 - order * x0), 40), tolerance=1e-30)
    family: VajdaFamily = divergences["pearson-vajda"]
    k = sp.nsimplify(sp.Float(order, 30), rational=True, tolerance=1e-20)
    candidate = family(k)
    return Recognition(family.name, scale, candidate, _same_up_to_affine(f, scale * candidate.f))


def _points() -> Iterator[mpmath.mpf]:
    return (mpmath.mpf(a) / b for a, b in ((1, 7), (2, 5), (3, 4), (1, 1), (9, 7), (5, 2), (23, 3)))


def _probe(f: sp.Expr) -> Callable[[mpmath.mpf], mpmath.mpf]:
    """f at mpmath precision, its other symbols replaced by fixed fractions in (0, 1)."""
    others = sorted(f.free_symbols - {u}, key=str)
    values = {s: sp.Rational(2 * k + 2, 6 * k + 7) for k, s in enumerate(others)}
    return to_mpmath(f.subs(values), (u,))


def _differences(f: sp.Expr) -> list[mpmath.mpf]:
    """Second divided differences over neighbouring probes: 0 for every affine function."""
    g = _probe(f)
    at = [(x, g(x)) for x in _points()]
    slopes = [(d - b) / (c - a) for (a, b), (c, d) in pairwise(at)]
    return [t - s for s, t in pairwise(slopes)]


def _screen(f: sp.Expr, n: sp.Expr) -> mpmath.mpf | None:
    """The number s with f = s n + affine at the probes, to 30 digits; None if there is none."""
    with mpmath.workdps(50):
        pairs = list(zip(_differences(f), _differences(n), strict=True))
        _, ratio = max((abs(b), a / b if b else mpmath.mpf(0)) for a, b in pairs)
        if not mpmath.isfinite(ratio) or ratio == 0:
            return None
        worst = max(abs(a - ratio * b) for a, b in pairs)
        return ratio if worst < mpmath.mpf(10) ** -30 * (1 + abs(ratio)) else None


def _pieces(f: sp.Expr) -> list[tuple[sp.Expr, sp.Set]]:
    """(expression, interval) of the smooth pieces of f on (0, oo), left to right.

    NotImplementedError where sympy cannot say where the pieces end.
    """
    folded = sp.piecewise_fold(f.replace(relu, lambda x: sp.Max(0, x)).rewrite(sp.Piecewise))
    domain = sp.Interval.open(0, sp.oo)
    if not isinstance(folded, sp.Piecewise):
        return [(folded, domain)]
    pairs = folded.as_expr_set_pairs(domain)
    return sorted(((e, s) for e, s in pairs if s.measure != 0), key=lambda pair: float(pair[1].inf))


def _exact_scale(f: sp.Expr, n: sp.Expr) -> sp.Expr | None:
    """s with f = s n + affine: the ratio of second derivatives, or of the jumps in slope at 1."""
    try:
        if not _is_kinked(n):
            base = _pieces(f)[0][0]
            return sp.simplify((sp.diff(base, u, 2) / sp.diff(n, u, 2)).subs(u, 1))

        def jump(g: sp.Expr) -> sp.Expr:
            pieces = _pieces(g)
            return sp.diff(pieces[-1][0] - pieces[0][0], u)

        scale = sp.simplify(jump(f) / jump(n))
        return None if scale.has(u) else scale
    except (NotImplementedError, TypeError, ValueError):
        return None


def _is_kinked(f: sp.Expr) -> bool:
    return bool(f.has(sp.Abs, sp.Max, sp.Min, sp.Piecewise, sp.sign, relu))


def _same_up_to_affine(f: sp.Expr, n: sp.Expr) -> bool:
    """Whether f - n is proved to be a multiple of u - 1 on (0, oo)."""
    try:
        slopes = [sp.diff(e, u) for e, _ in _pieces(f - n)]
    except (NotImplementedError, TypeError, ValueError):
        return False
    if not all(_is_zero(sp.diff(slope, u)) for slope in slopes):
        return False
    first = slopes[0].subs(u, 1)
    return all(_is_zero(slope.subs(u, 1) - first) for slope in slopes[1:])


def _is_zero(e: sp.Expr) -> bool:
    # together + cancel settles rational functions in milliseconds, simplify the rest
    return e == 0 or sp.cancel(sp.together(e)) == 0 or sp.simplify(e) == 0
