r"""A lower bound of what a critic can reach, from tangents: what makes a searched minimum a certain one.

A convex function lies above each of its tangents, so that the least value of the highest tangents bounds
that of the function, and a linear program finds it (Kelley 1960). With a tangent for each term of the
objective few rounds are enough where a loss has kinks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganmath.theory.constraints import Feasible
from ganmath.theory.convexity import of_means
from ganmath.theory.plan import Evaluator, Plan

# in steps: a program whose solution lies on the edge of this box has bounded nothing
_BOX = 1e7
_PRECISE: Any = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


@dataclass(frozen=True, eq=False)
class Terms:
    r"""A convex objective as a weighted sum of convex terms, on a finite alphabet.

    .. math:: L(C) = L_0 + \sum_j w_j\,t_j(C), \qquad w_j \ge 0

    constant: :math:`L_0`; weights (J,); at: from outputs (K,) to the values (J,) of the terms and their
    slopes (J, K), subgradients at kinks.
    """

    constant: float
    weights: np.ndarray
    at: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def whole(evaluate: Evaluator, p: np.ndarray, q: np.ndarray) -> Terms:
    """The objective as one term."""

    def at(outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, gradient = evaluate(outputs, p, q)
        return np.array([float(value)]), np.asarray(gradient, dtype=float)[None]

    return Terms(0.0, np.ones(1), at)


def by_sample(program: Plan, p: np.ndarray, q: np.ndarray) -> Terms | None:
    """The objective with one term for each sample, or pair of samples, of each mean.

    None where the objective is no weighted sum of means whose terms are proved convex.
    """
    bends, factors = of_means(program), {}
    for mean in program.means:
        factor = program.value.diff(mean.name)
        nested = any(bends[name] != 0 for name in mean.term.free_symbols & set(bends))
        if mean.log or nested or factor.free_symbols:
            return None
        if bends[mean.name] != 0 and factor != 0 and bends[mean.name] != (1 if factor > 0 else -1):
            return None
        factors[mean.name] = float(factor)
    evaluate, signs = Evaluator(program), np.sign([*factors.values()])
    parts = evaluate.samples(np.zeros(len(p)), p, q)
    weights = [abs(f) * w for f, (w, _, _) in zip(factors.values(), parts, strict=True)]
    seen = np.concatenate(weights) > 0

    def at(outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = evaluate.samples(outputs, p, q)
        values = np.concatenate([s * v for s, (_, v, _) in zip(signs, found, strict=True)])
        slopes = np.concatenate([s * m for s, (_, _, m) in zip(signs, found, strict=True)])
        return values[seen], slopes[seen]

    constant = float(program.value.subs(dict.fromkeys(factors, 0)))
    return Terms(constant, np.concatenate(weights)[seen], at)


def lower_bound(
    terms: Terms,
    critics: Sequence[np.ndarray],
    feasible: Feasible,
    step: float = 1.0,
    fixed: int | None = None,
) -> tuple[float, np.ndarray]:
    r"""The least value of the highest tangents, a lower bound of a convex L over a polyhedron.

    .. math::
        \min_{C\ \text{feasible}} L(C) \;\ge\; \min_{C\ \text{feasible}}
        L_0 + \sum_j w_j \max_k \big( t_j(C_k) + t_j'(C_k)^\top (C - C_k) \big)

    Hypotheses: every term is convex with a nonnegative weight and the slopes are subgradients, so that
    tangents lie below; nothing is asked of the critics :math:`C_k`, which need not be feasible. The bound is
    near the minimum where they surround it.

    Parameters: terms; critics, one or more outputs (K,), the first of them the point that the program is
    written around; feasible, without an ellipsoid (ValueError); step, the size of the movements of interest,
    in which the program is scaled; fixed, the index of an output that may be held, where a constant added to
    all outputs changes neither L nor what is feasible.
    Returns: the bound, -inf where the tangents bound nothing, and the outputs (K,) that attain it. Exact up
    to rounding and the program's tolerance, 1e-10 of the tangents' rise over one step. Source: Kelley 1960.
    """
    if feasible.Q is not None:
        raise ValueError("tangents bound over boxes and polyhedra; over an ellipsoid use bound_on_ellipsoid")
    from scipy.optimize import linprog

    centre = critics[0]
    size, count = len(centre), len(terms.weights)
    base, slope = terms.at(centre)
    gradient = terms.weights @ slope
    if not np.isfinite([*base, *gradient]).all():
        return -np.inf, centre
    # each term's rise over its tangent at the centre, which is not negative
    rises, turns = np.full((len(critics) - 1, count), -1.0), np.zeros((len(critics) - 1, count, size))
    for rise, turn, critic in zip(rises, turns, critics[1:], strict=True):
        values, slopes = terms.at(critic)
        usable = np.isfinite(values) & np.isfinite(slopes).all(axis=1)
        rise[usable] = (values + slopes @ (centre - critic) - base)[usable]
        turn[usable] = step * (slopes - slope)[usable]
    unit = np.abs(turns).max(initial=0.0) or 1.0
    above = np.zeros((*rises.shape, count))
    above[:, range(count), range(count)] = -1.0
    rows = [np.concatenate([turns / unit, above], axis=2).reshape(-1, size + count)]
    ends = [-rises.ravel() / unit]
    if feasible.A is not None and feasible.b is not None:
        rows.append(np.hstack([feasible.A, np.zeros((len(feasible.A), count))]))
        ends.append((feasible.b - feasible.A @ centre) / step)
    low = np.maximum((feasible.low - centre) / step, -_BOX)
    high = np.minimum((feasible.high - centre) / step, _BOX)
    if fixed is not None:
        low[fixed] = high[fixed] = 0.0
    solved: Any = linprog(
        np.concatenate([step * gradient / unit, terms.weights]),
        np.concatenate(rows),
        np.concatenate(ends),
        bounds=[*zip(low, high, strict=True), *[(0.0, None)] * count],
        method="highs",
        options=_PRECISE,
    )
    if solved.status != 0:
        return -np.inf, centre
    moved = solved.x[:size]
    bounded = (np.abs(moved) < _BOX).all()
    value = terms.constant + terms.weights @ base + unit * solved.fun
    return float(value) if bounded else -np.inf, centre + step * moved


def bound_on_ellipsoid(value: float, gradient: np.ndarray, outputs: np.ndarray, Q: np.ndarray) -> float:
    r"""The least value of the tangent at one critic over an ellipsoid, a lower bound of a convex L there.

    .. math:: \min_{C^\top Q\,C \le 1} L(C) \;\ge\; L(C_0) - g^\top C_0 - \sqrt{g^\top Q^{+} g}

    Hypotheses: L convex with the subgradient g at :math:`C_0`; Q (K, K) symmetric, positive semidefinite.
    Returns -inf where g has a part that Q does not bound. Source: Cauchy and Schwarz.
    """
    inverse = np.linalg.pinv(Q, rcond=1e-13, hermitian=True)
    unbounded = np.abs(gradient - Q @ (inverse @ gradient)).max() > 1e-9 * (1 + np.abs(gradient).max())
    return (
        -np.inf if unbounded else float(value - gradient @ outputs - np.sqrt(gradient @ inverse @ gradient))
    )
