r"""Wasserstein distances, the optimal-transport counterpart of the f-divergences.

.. math:: W_k(p, q) = \Big(\inf_{\gamma \in \Pi(p, q)} E_\gamma |x - y|^k\Big)^{1/k}, \quad k = 1, 2

over all couplings with marginals p and q (Villani 2009, chapter 6). On the line the optimal
coupling joins equal quantiles; on other finite spaces the linear program goes through POT.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from ganmath.theory.distributions import (
    Distribution,
    NoClosedForm,
    Normal,
    PointMass,
    Uniform,
    as_given,
    exact,
    parameters,
    probabilities,
    quantile,
)


@dataclass(frozen=True)
class Wasserstein:
    """The Wasserstein distance of order 1 or 2 (not its square)."""

    order: int

    def __post_init__(self) -> None:
        if self.order not in (1, 2):
            raise ValueError(f"order must be 1 or 2, got {self.order}")

    @property
    def name(self) -> str:
        return f"Wasserstein-{self.order}"

    @property
    def latex(self) -> str:
        return f"W_{self.order}(p, q)"

    def __call__(self, p: Any, q: Any, *, positions: Any = None, cost: Any = None) -> float:
        """Distance of two probability vectors on K points.

        Parameters: p, q : array (K,), probabilities that sum to 1. Exactly one of
        positions : array (K,), the points on the line (solved exactly by quantiles), or
        cost : array (K, K), the distances d(x_i, x_j) between the points, raised here to the power
        `order` (solved by POT's network simplex; by scipy's linear programming, slower, where POT is
        not installed). ValueError otherwise.
        """
        p, q = probabilities(p, q)
        if (positions is None) == (cost is None):
            raise ValueError("pass either positions (points on the line) or cost (matrix of distances)")
        if positions is not None:
            return self.samples(positions, positions, p, q)
        cost = np.asarray(cost, dtype=np.float64)
        if cost.shape != (p.size, p.size) or not np.all(np.isfinite(cost)) or np.any(cost < 0):
            raise ValueError(
                f"cost must be a finite, nonnegative {p.size} x {p.size} matrix of distances, "
                f"got shape {cost.shape}"
            )
        return float(max(_least_cost(p, q, cost**self.order), 0.0)) ** (1 / self.order)

    def samples(self, x: Any, y: Any, x_weights: Any = None, y_weights: Any = None) -> float:
        """Distance of two weighted samples on the line, by matching their quantiles.

        Parameters: x : array (N,), y : array (M,), finite; weights sum to 1, equal by default.
        Source: int_0^1 |F_p^-1(t) - F_q^-1(t)|^k dt, Villani 2003, chapter 2.
        """
        xs, x_levels = _sorted_levels(x, x_weights)
        ys, y_levels = _sorted_levels(y, y_weights)
        levels = np.concatenate([x_levels, y_levels])
        levels.sort()
        widths = np.diff(levels, prepend=0.0)
        # the quantile at the middle of each step is on no jump, whatever rounding did to the ends
        middles = levels - widths / 2
        i = np.searchsorted(x_levels, middles).clip(max=xs.size - 1)
        j = np.searchsorted(y_levels, middles).clip(max=ys.size - 1)
        return float(np.sum(widths * np.abs(xs[i] - ys[j]) ** self.order)) ** (1 / self.order)

    def between(self, P: Distribution, Q: Distribution) -> Any:
        """Distance in closed form; exact sympy for exact parameters, float for float ones.

        Raises NoClosedForm for W1 of a normal and a uniform: use `quadrature`.
        """
        value = sp.S.Zero if P == Q else self._closed_form(P, Q)
        if value is None:
            raise NoClosedForm(
                f"no closed form for {self.name} between {P} and {Q}; "
                "use .quadrature(P, Q) for its numerical value"
            )
        return as_given(sp.simplify(value), P, Q)

    def _closed_form(self, P: Distribution, Q: Distribution) -> sp.Expr | None:
        (m1, s1), (m2, s2) = _mean_and_spread(P), _mean_and_spread(Q)
        if self.order == 2:
            return sp.sqrt((m1 - m2) ** 2 + s1**2 + s2**2 - 2 * s1 * s2 * _comonotone(P, Q))
        kinds = {type(P), type(Q)} - {PointMass}
        if len(kinds) == 2:
            return None
        # the quantiles differ by (m1 - m2) + (s1 - s2) Z, Z standard normal or uniform
        d, s = m1 - m2, sp.Abs(s1 - s2)
        if not kinds or s.is_zero or sp.simplify(s) == 0:
            return sp.Abs(d)
        if kinds == {Normal}:
            return s * sp.sqrt(2 / sp.pi) * sp.exp(-(d**2) / (2 * s**2)) + d * sp.erf(d / (s * sp.sqrt(2)))
        half = s * sp.sqrt(3)  # half width of the uniform difference
        return sp.Piecewise((sp.Abs(d), sp.Abs(d) >= half), ((d**2 + half**2) / (2 * half), True))

    def quadrature(self, P: Distribution, Q: Distribution) -> float:
        """The integral over quantiles by mpmath, for numerical parameters, to about 1e-12."""
        with mpmath.workdps(20):
            x, y = quantile(P), quantile(Q)
            grid = [mpmath.mpf(k) / 2 for k in range(-24, 25)]
            # |x - y| has kinks where the quantiles cross
            kinks = [
                mpmath.findroot(lambda s: x(s) - y(s), (a, b), solver="anderson", verify=False)
                for a, b in pairwise(grid)
                if (x(a) - y(a)) * (x(b) - y(b)) < 0
            ]
            total = mpmath.quad(
                lambda s: abs(x(s) - y(s)) ** self.order * mpmath.npdf(s), sorted(grid + kinks)
            )
            return float(total ** (mpmath.mpf(1) / self.order))


def _mean_and_spread(d: Distribution) -> tuple[sp.Expr, sp.Expr]:
    """Mean and standard deviation."""
    if isinstance(d, PointMass):
        return exact(d.x), sp.S.Zero
    if isinstance(d, Normal):
        return exact(d.mu), exact(d.sigma)
    a, b = parameters(d)
    return (a + b) / 2, (b - a) / sp.sqrt(12)


def _comonotone(P: Distribution, Q: Distribution) -> sp.Expr:
    """Correlation of the quantiles: 1 within a family, sqrt(3/pi) for normal and uniform."""
    kinds = {type(P), type(Q)}
    return sp.sqrt(3 / sp.pi) if kinds == {Normal, Uniform} else sp.S.One


def _sorted_levels(x: Any, weights: Any) -> tuple[np.ndarray, np.ndarray]:
    """Sample in order, and the distribution function right after each of its points."""
    points = np.asarray(x, dtype=np.float64)
    if points.ndim != 1 or points.size == 0 or not np.all(np.isfinite(points)):
        raise ValueError(f"a sample must be a vector of finite numbers, got shape {points.shape}")
    if weights is None:
        weights = np.full(points.size, 1 / points.size)
    masses, _ = probabilities(weights, weights)
    if masses.shape != points.shape:
        raise ValueError(f"{masses.size} weights for {points.size} points")
    order = np.argsort(points, kind="stable")
    levels = np.cumsum(masses[order])
    return points[order], levels / levels[-1]


def _least_cost(p: np.ndarray, q: np.ndarray, cost: np.ndarray) -> float:
    """Kantorovich's linear program: the least mean cost of a coupling of p and q."""
    try:
        # POT looks for every array library when it is imported, torch included: only here
        from ot import emd2
    except ModuleNotFoundError:
        return _by_linear_program(p, q, cost)
    return float(emd2(p, q, cost))


def _by_linear_program(p: np.ndarray, q: np.ndarray, cost: np.ndarray) -> float:
    from scipy.optimize import linprog

    k = p.size
    ones = np.ones((1, k))
    marginals = np.vstack([np.kron(np.eye(k), ones), np.kron(ones, np.eye(k))])  # row sums p, column sums q
    solved = linprog(cost.ravel(), A_eq=marginals, b_eq=np.concatenate([p, q]), method="highs")
    if solved.fun is None:  # not solved
        raise ArithmeticError(f"optimal transport was not solved: {solved.message}")
    return float(solved.fun)
