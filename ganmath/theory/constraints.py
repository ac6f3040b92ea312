"""Which functions a critic may be: all of them, those with outputs in an interval, Lipschitz ones.

A constraint is data. On a finite alphabet it is a box, a polyhedron or an ellipsoid of output vectors,
from which solvers read it. Intervals: Nowozin et al. 2016 (arXiv 1606.00709), Zhao et al. 2017 (arXiv
1609.03126); Lipschitz critics: Arjovsky et al. 2017 (arXiv 1701.07875).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, TypeVar

import numpy as np
import sympy as sp

from ganmath.theory.expression import to_latex

T = TypeVar("T", bound="Constraint")


@dataclass(frozen=True, eq=False)
class Feasible:
    r"""The vectors of outputs C = (C(x_1), …, C(x_n)) that a constraint allows.

    .. math:: \text{low} \le C_i \le \text{high}, \qquad A C \le b, \qquad C^\top Q\,C \le 1

    low, high: floats, infinite where there is no bound. A (m, n) with b (m,), and Q (n, n), symmetric and
    positive semidefinite: None where there is no such condition.
    """

    low: float = -math.inf
    high: float = math.inf
    A: np.ndarray | None = None
    b: np.ndarray | None = None
    Q: np.ndarray | None = None


class Constraint(Protocol):
    """What a loss asks of its critic, beside being a function; a frozen dataclass of sympy expressions."""

    def latex(self) -> str:
        """The condition, as LaTeX without dollar signs."""
        ...

    def on(self, points: Any, p: Any, q: Any) -> Feasible | None:
        """The outputs allowed at points (n,) or (n, d) with probabilities p, q (n,); None where the
        constraint is on the critic's weights and so no set of functions. ValueError while a parameter
        is not set."""
        ...

    def subs(self: T, values: Mapping[Any, Any]) -> T:
        """The constraint with symbols replaced."""
        ...

    @property
    def free_symbols(self) -> set[sp.Basic]:
        """The parameters in it that are not set."""
        ...


@dataclass(frozen=True)
class Free:
    """Any function."""

    def latex(self) -> str:
        return r"C \in \mathbb{R}"

    def on(self, points: Any, p: Any, q: Any) -> Feasible:
        return Feasible()

    def subs(self, values: Mapping[Any, Any]) -> Free:
        return self

    @property
    def free_symbols(self) -> set[sp.Basic]:
        return set()


@dataclass(frozen=True)
class Interval:
    r"""Outputs between two ends, :math:`\text{low} \le C(x) \le \text{high}`.

    Parameters: low, high, real numbers or sympy expressions in a loss's parameters; -oo and oo for no
    bound. ValueError unless low < high.
    """

    low: sp.Expr
    high: sp.Expr

    def __post_init__(self) -> None:
        _make_exact(self)
        ends = f"the interval [{self.low}, {self.high}] of critic outputs"
        if sp.nan in (self.low, self.high) or (self.low < self.high) == sp.false:
            raise ValueError(f"{ends} is empty: set low < high")

    def latex(self) -> str:
        low, high = to_latex(self.low), to_latex(self.high)
        left, right = "(" if self.low == -sp.oo else "[", ")" if self.high == sp.oo else "]"
        return rf"C \in {left}{low}, {high}{right}"

    def on(self, points: Any, p: Any, q: Any) -> Feasible:
        return Feasible(low=_number(self.low), high=_number(self.high))

    def subs(self, values: Mapping[Any, Any]) -> Interval:
        return _substituted(self, values)

    @property
    def free_symbols(self) -> set[sp.Basic]:
        return self.low.free_symbols | self.high.free_symbols


@dataclass(frozen=True)
class Lipschitz:
    r"""Slope at most K: :math:`|C(x) - C(y)| \le K\,\lVert x - y \rVert` for all x and y.

    Parameters: K, positive, a number or a sympy expression in a loss's parameters; ValueError otherwise.
    On a finite alphabet there is one pair of conditions for each pair of points, on the line only for
    neighbours, from which the others follow.
    """

    K: sp.Expr = sp.S.One

    def __post_init__(self) -> None:
        _make_exact(self)
        if (self.K > 0) == sp.false or (not self.K.is_finite and self.K.is_number):
            raise ValueError(f"Lipschitz(K={self.K}): a slope can be bounded by a positive number only")

    def latex(self) -> str:
        return rf"\lVert C \rVert_{{\mathrm{{Lip}}}} \le {to_latex(self.K)}"

    def on(self, points: Any, p: Any, q: Any) -> Feasible:
        x = np.asarray(points, dtype=float)
        x = x[:, None] if x.ndim == 1 else x
        n = len(x)
        if x.shape[1] == 1:
            order = np.argsort(x[:, 0], kind="stable")
            i, j = order[1:], order[:-1]
        else:
            i, j = np.triu_indices(n, 1)
        A = np.zeros((len(i), n))
        rows = np.arange(len(i))
        A[rows, i], A[rows, j] = 1.0, -1.0
        b = _number(self.K) * np.linalg.norm(x[i] - x[j], axis=1)
        return Feasible(A=np.concatenate([A, -A]), b=np.concatenate([b, b]))

    def subs(self, values: Mapping[Any, Any]) -> Lipschitz:
        return _substituted(self, values)

    @property
    def free_symbols(self) -> set[sp.Basic]:
        return self.K.free_symbols


def _make_exact(constraint: Any) -> None:
    """Fields as real sympy expressions; 0.1 is 1/10. TypeError for anything else."""
    for part in fields(constraint):
        given = getattr(constraint, part.name)
        rational = isinstance(given, float) and math.isfinite(given)
        value = sp.nsimplify(given, rational=True) if rational else sp.sympify(given)
        if not isinstance(value, sp.Expr) or (value.is_extended_real is False and value is not sp.nan):
            raise TypeError(f"{type(constraint).__name__}: {part.name}={given!r} is no real number")
        object.__setattr__(constraint, part.name, value)


def _substituted(constraint: Any, values: Mapping[Any, Any]) -> Any:
    new = {part.name: getattr(constraint, part.name).subs(values) for part in fields(constraint)}
    return replace(constraint, **new)


def _number(value: sp.Expr) -> float:
    if value.free_symbols:
        unset = ", ".join(sorted(map(str, value.free_symbols)))
        raise ValueError(
            f"the constraint has the parameter(s) {unset}: set them first, as loss.at_defaults() does"
        )
    return float(value)
