"""The three one-dimensional distributions with closed forms: normal, uniform, point mass.

Parameters may be numbers or sympy symbols. Exact parameters (int, Fraction, sympy) give exact
results, float parameters give floats.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import sympy as sp


class NoClosedForm(NotImplementedError):
    """No closed form is known here for this pair; the message names the way out."""


def exact(x: Any) -> sp.Expr:
    """int, Fraction and sympy numbers stay exact; floats become sympy Floats."""
    return sp.sympify(x)


@dataclass(frozen=True)
class Normal:
    """Normal distribution, mean `mu`, standard deviation `sigma` > 0 (numbers or symbols)."""

    mu: Any
    sigma: Any = 1

    def __post_init__(self) -> None:
        if exact(self.sigma).is_positive is False:
            raise ValueError(f"Normal needs sigma > 0, got sigma = {self.sigma}")


@dataclass(frozen=True)
class Uniform:
    """Uniform distribution on [a, b], a < b (numbers or symbols)."""

    a: Any
    b: Any

    def __post_init__(self) -> None:
        if (exact(self.b) - exact(self.a)).is_positive is False:
            raise ValueError(f"Uniform needs a < b, got a = {self.a}, b = {self.b}")


@dataclass(frozen=True)
class PointMass:
    """All mass in the single point `x` (a number or symbol)."""

    x: Any


Distribution = Normal | Uniform | PointMass


def parameters(*distributions: Distribution) -> list[sp.Expr]:
    """All parameters in order, as sympy expressions."""
    return [exact(v) for d in distributions for v in vars(d).values()]


def as_given(value: sp.Expr, *distributions: Distribution) -> Any:
    """Float if a parameter was a float, else the exact sympy value."""
    if any(v.atoms(sp.Float) for v in parameters(*distributions)) and not value.free_symbols:
        return float(value)
    return value


def to_mpf(x: Any) -> mpmath.mpf:
    """Exact numbers (sympy, Fraction, int) at the current precision; floats as they are."""
    if isinstance(x, (float, int, mpmath.mpf)):  # numpy's float64 is a float
        return +mpmath.mpf(x)
    value = exact(x.item() if hasattr(x, "item") else x)
    if value is sp.oo:
        return mpmath.inf
    return mpmath.mpf(value.evalf(mpmath.mp.dps + 5)._to_mpmath(mpmath.mp.prec))


def probabilities(p: Any, q: Any) -> tuple[np.ndarray, np.ndarray]:
    """The arrays in float64; ValueError unless both are probability vectors of the same length."""
    arrays = []
    for name, values in (("p", p), ("q", q)):
        raw = np.asarray(values)
        array = raw.astype(np.float64)
        if array.ndim != 1 or array.size == 0:
            raise ValueError(f"{name} must be a vector of probabilities, got shape {array.shape}")
        if not np.all(np.isfinite(array)) or np.any(array < 0):
            raise ValueError(f"{name} has negative or non-finite entries; probabilities are >= 0")
        tolerance = 1e-5 if raw.dtype in (np.float32, np.float16) else 1e-9
        if abs(array.sum() - 1) > tolerance:
            raise ValueError(f"{name} sums to {array.sum():.12g}; probabilities sum to 1")
        arrays.append(array)
    if arrays[0].shape != arrays[1].shape:
        raise ValueError(f"p and q must have the same length, got {arrays[0].size} and {arrays[1].size}")
    return arrays[0], arrays[1]


def _numeric_limit(g: Callable[[Any], Any], at: Callable[[int], Any]) -> sp.Expr:
    """Limit of a monotone g along at(k), k = 50..400: its value once it has settled, else oo.

    By convexity f(u) near 0 and f(u)/u near oo tend to a number or to +oo.
    """
    with mpmath.workdps(450):
        far, farther = g(at(200)), g(at(400))
        if abs(farther - far) > mpmath.mpf(10) ** -20 * (1 + abs(far)):
            return sp.oo
        # 18 digits are as much as a limit that is approached like u^(1/8) has settled to
        value = sp.nsimplify(sp.Float(str(farther), 40), tolerance=1e-18)
        return value if value.is_Rational and value.q < 1000 else sp.Float(str(farther), 20)


def normalised(values: Iterable[Any]) -> list[mpmath.mpf]:
    """The numbers divided by their sum, at mpmath's current precision."""
    numbers = [to_mpf(x) for x in values]
    total = mpmath.fsum(numbers)
    return [x / total for x in numbers]


def density(d: Normal | Uniform) -> Callable[[mpmath.mpf], mpmath.mpf]:
    """The density as a function on mpmath numbers, at the precision in force at the call."""
    if isinstance(d, Normal):
        mu, sigma = (to_mpf(v) for v in parameters(d))
        return lambda x: mpmath.npdf(x, mu, sigma)
    a, b = (to_mpf(v) for v in parameters(d))
    return lambda x: 1 / (b - a) if a <= x <= b else mpmath.mpf(0)


def quantile(d: Distribution) -> Callable[[mpmath.mpf], mpmath.mpf]:
    """s -> the quantile at level Phi(s), Phi the standard normal distribution function.

    In s both tails keep their digits, and a normal's quantile is just mu + sigma s.
    """
    first, *rest = (to_mpf(v) for v in parameters(d))
    if isinstance(d, PointMass):
        return lambda s: first
    if isinstance(d, Normal):
        return lambda s: first + rest[0] * s
    return lambda s: first + (rest[0] - first) * mpmath.ncdf(s)


def edges(P: Normal | Uniform, Q: Normal | Uniform, reach: int) -> list[mpmath.mpf]:
    """Ends of quadrature intervals: supports, means +- sigmas up to `reach`, crossings of p, q."""
    points: set[mpmath.mpf] = set()
    for d in (P, Q):
        first, second = (to_mpf(v) for v in parameters(d))
        if isinstance(d, Uniform):
            points |= {first, second}
        else:
            points |= {first + k * second for k in (-12, -7, -4, -2, -1, 0, 1, 2, 4, 7, 12)}
            points |= {first - reach * second, first + reach * second}
    normals = [d for d in (P, Q) if isinstance(d, Normal)]
    if normals:
        # integrands such as p^2/q peak outside [mu1, mu2]: one more span on each side
        low, high = min(points), max(points)
        means = [to_mpf(exact(d.mu)) for d in normals]
        span = max(means) - min(means)
        points |= {low - span, high + span, *(mu + s * span for mu in means for s in (-1, 1))}
    # a kink of f at u = 1 sits where the densities cross
    points |= {to_mpf(x) for x in crossings(P, Q) if x.is_real}
    return sorted(points)


def crossings(P: Normal | Uniform, Q: Normal | Uniform) -> list[sp.Expr]:
    """Where the densities of two different distributions are equal, edges of supports apart."""
    if isinstance(P, Uniform) and isinstance(Q, Uniform):
        return []
    if isinstance(P, Uniform):
        P, Q = Q, P
    if isinstance(Q, Uniform):
        mu, s, a, b = parameters(P, Q)
        root = s * sp.sqrt(2 * sp.log((b - a) / (s * sp.sqrt(2 * sp.pi))))
        return [mu - root, mu + root]
    mu1, s1, mu2, s2 = parameters(P, Q)
    if sp.simplify(s1 - s2) == 0:
        return [(mu1 + mu2) / 2]
    root = s1 * s2 * sp.sqrt((mu1 - mu2) ** 2 + 2 * (s1**2 - s2**2) * sp.log(s1 / s2))
    middle = mu2 * s1**2 - mu1 * s2**2
    return [(middle + sign * root) / (s1**2 - s2**2) for sign in (-1, 1)]
