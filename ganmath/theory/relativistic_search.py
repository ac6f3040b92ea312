"""The optimum of a relativistic loss by search: the independent check of what `derive` says of it.

On a finite alphabet L_D is a sum of base terms of linear functions of the critic's outputs, convex where
the base is. Newton's method finds the minimum of smooth losses, a linear program that of piecewise
linear ones. Nothing here uses the algebra of `ganmath.theory.rules`.
"""

from typing import Any, NamedTuple

import mpmath
import numpy as np
import sympy as sp

from ganmath.theory.derive import derive
from ganmath.theory.expectation import components, outermost
from ganmath.theory.expression import c, relu, to_numpy
from ganmath.theory.expression import p as p_
from ganmath.theory.loss import GANLoss
from ganmath.theory.oracle import Check, VerificationError, VerificationReport
from ganmath.theory.structure import structure

_ROUNDS = 200


class Sum(NamedTuple):
    """One summand of L_D on a finite alphabet: the sum over j of weights_j term(functionals_j C)."""

    weights: np.ndarray
    functionals: np.ndarray
    term: sp.Expr


def sums(loss: GANLoss, p: Any, q: Any) -> list[Sum]:
    """L_D of the outputs C (K,), between probability vectors p, q (K,), as a sum of `Sum`."""
    one = np.eye(len(p))
    found = structure(loss.critic)
    if found.difference is not None:
        differences = (one[:, None, :] - one[None, :, :]).reshape(-1, len(p))
        return [Sum(np.outer(p, q).ravel(), differences, found.difference)]
    if found.relative is None:
        raise ValueError(f"{loss.label} compares no samples with samples or means")
    return [
        Sum(float(weight) * _vector(measure, p, q), one - _mean_outputs(reference, p, q), term)
        for term, weight, measure, reference in found.relative
    ]


def _vector(measure: sp.Expr, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return sum(float(weight) * (p if of == p_ else q) for of, weight in components(measure))


def _mean_outputs(reference: sp.Expr, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The vector whose product with the outputs is a combination of their means."""
    return sum(float(reference.coeff(e)) * _vector(e.measure, p, q) for e in outermost(reference))


def numerical_optimum(loss: GANLoss, p: Any, q: Any) -> tuple[np.ndarray, float]:
    """The optimal critic and min L_D between two positive probability vectors, by search.

    Parameters: loss, a loss of `relativistic`; p, q, probability vectors (K,) without zeros (where a
    point has none under p or q the optimum may lie at infinity).
    Returns: outputs (K,), shifted so that their mean under (p + q)/2 is 0, since any constant may be
    added; and the minimum. For a base that is not convex the best of several local minima.
    ValueError for zeros, or where no minimum is found.
    """
    loss = loss.at_defaults()
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    if not ((p > 0) & (q > 0)).all():
        raise ValueError("give every point a positive probability under p and q: the optimum may be infinite")
    terms = sums(loss, p, q)
    kinks = _kinks(terms)
    outputs = _linear_program(loss, terms, kinks) if kinks else _newton(loss, terms, p + q)
    outputs = outputs - (p + q) @ outputs / 2
    return outputs, float(sum(w @ to_numpy(term)(a @ outputs) for w, a, term in terms))


def _kinks(terms: list[Sum]) -> list[float]:
    """Where relu and absolute values of the terms have their kinks."""
    found = {root for x in terms for part in x.term.atoms(relu, sp.Abs) for root in sp.solve(part.args[0], c)}
    return sorted(float(root) for root in found)


def _linear_program(loss: GANLoss, terms: list[Sum], at: list[float]) -> np.ndarray:
    """min sum of w_j t_j with t_j above every linear piece of its term (both convex)."""
    from scipy.optimize import linprog

    kinks = np.array(at)
    between = np.concatenate([[kinks[0] - 1], (kinks[1:] + kinks[:-1]) / 2, [kinks[-1] + 1]])
    weights = np.concatenate([x.weights for x in terms])
    size = terms[0].functionals.shape[1]
    rows: list[np.ndarray] = []
    bounds: list[np.ndarray] = []
    start = 0
    for w, a, term in terms:
        value, slope = to_numpy(term), to_numpy(term.diff(c).doit())
        for at in between:
            s = float(slope(at))
            above = np.zeros((len(w), len(weights)))
            above[:, start : start + len(w)] = -np.eye(len(w))
            rows.append(np.hstack([s * a, above]))
            bounds.append(np.full(len(w), s * at - float(value(at))))
        start += len(w)
    gauge = np.zeros((1, size + len(weights)))
    gauge[0, 0] = 1  # any constant may be added
    found = linprog(
        np.concatenate([np.zeros(size), weights]),
        np.vstack(rows),
        np.concatenate(bounds),
        gauge,
        [0.0],
        bounds=(None, None),
    )
    if not found.success:
        raise ValueError(f"{loss.label}: no minimum found ({found.message})")
    return np.array(found.x)[:size]


def _newton(loss: GANLoss, terms: list[Sum], mass: np.ndarray) -> np.ndarray:
    """The best stationary point that damped Newton steps reach from a few starts.

    The output where there is most mass is held at 0; the others are scaled by the root of their mass.
    """
    held = int(mass.argmax())
    scale = np.delete(mass, held) ** -0.5
    parts = []
    for w, a, term in terms:
        free = np.delete(a, held, axis=1) * scale
        parts.append((w, free, *(to_numpy(term.diff(c, k).doit()) for k in range(3))))
    starts = np.random.default_rng(0).normal(size=(4, len(scale))) * np.array([[0], [1], [1], [1]])
    found = [_descend(parts, start / scale) for start in starts]
    reached = [x for x in found if x is not None]
    if not reached:
        raise ValueError(f"{loss.label}: no minimum found from {len(starts)} starts")
    best = min(reached, key=lambda x: _sums(parts, x)[0])
    return np.insert(best * scale, held, 0.0)


def _sums(parts: Any, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Value, gradient and Hessian."""
    value, gradient, hessian = 0.0, np.zeros(len(x)), np.zeros((len(x), len(x)))
    with np.errstate(all="ignore"):
        for w, a, f, f1, f2 in parts:
            at = a @ x
            value += w @ f(at)
            gradient += a.T @ (w * f1(at))
            hessian += a.T @ ((w * f2(at))[:, None] * a)
    return float(value), gradient, hessian


def _descend(parts: Any, x: np.ndarray) -> np.ndarray | None:
    """Newton's method with a ridge where the Hessian is not positive, and halved steps; None if it fails."""
    value, gradient, hessian = _sums(parts, x)
    for _ in range(_ROUNDS):
        low, high = np.linalg.eigvalsh(hessian)[[0, -1]]
        if high <= 0:  # flat to the working precision, far out where the loss saturates
            return None
        ridge = 0.0 if low > 1e-12 * high else 1e-3 * high + abs(low)
        step = -np.linalg.solve(hessian + ridge * np.eye(len(x)), gradient)
        if low > 0 and np.abs(step).max() < 1e-11 * (1 + np.abs(x).max()):
            return x + step
        size = 1.0
        while not (found := _sums(parts, x + size * step))[0] <= value + 1e-4 * size * (gradient @ step):
            size /= 2
            if size < 1e-12:
                # nothing lower to the working precision: at a minimum, or stuck
                settled = low > 0 and np.abs(step).max() < 1e-6 * (1 + np.abs(x).max())
                return x + step if settled else None
        x = x + size * step
        value, gradient, hessian = found
        if not np.isfinite(hessian).all():
            return None
    return None


# --- the comparison --------------------------------------------------------------------------------


def verify_relativistic(
    loss: GANLoss,
    *,
    derivation: Any = None,
    n: int = 10,
    seed: int = 0,
    tolerance: float = 1e-9,
) -> VerificationReport:
    """Compare what is derived for a relativistic loss with the search, in double precision.

    Parameters, returns, raises: as `ganmath.verify`. Compared on n random pairs of distributions on four
    points: the optimal critic (to the square root of the tolerance) and its value, or, where these are not
    known, that the minimum stays above the derived bound; and that constant - min L_D is a divergence.
    """
    derivation = derive(loss) if derivation is None else derivation
    rng = np.random.default_rng(seed)
    found: dict[str, tuple[int, float]] = {}
    pairs = [tuple(rng.dirichlet(np.ones(4)) * 0.98 + 0.005 for _ in range(2)) for _ in range(n)]

    def record(claim: str, error: float, allowed: float, pair: Any) -> None:
        if not error <= allowed:
            p, q = pair
            raise VerificationError(f"{loss.label}: {claim} is wrong by {error:.3g} at p={p}, q={q}", pair)
        cases, worst = found.get(claim, (0, 0.0))
        found[claim] = cases + 1, max(worst, float(error))

    for p, q in pairs:
        bound, outputs = derivation.bound(p, q), derivation.outputs(p, q)
        if bound is None and not derivation.is_divergence:
            continue  # nothing is claimed
        searched, least = numerical_optimum(loss, p, q)
        if outputs is not None and bound is not None:
            gap = np.abs(outputs - (p + q) @ outputs / 2 - searched).max()
            record("optimal critic up to a constant", gap, tolerance**0.5 * (1 + np.ptp(searched)), (p, q))
            record("least value of L_D", abs(bound - least), tolerance * (1 + abs(least)), (p, q))
        elif bound is not None:
            record("least value of L_D above the pairs' bound", max(bound - least, 0), tolerance, (p, q))
        if derivation.is_divergence:
            value = float(derivation.constant)
            record("positive where p and q differ", max(least - value + tolerance, 0), tolerance, (p, q))
            record("zero where p = q", abs(value - numerical_optimum(loss, p, p)[1]), tolerance, (p, p))
    checks = tuple(Check(claim, *result) for claim, result in found.items())
    exact = tuple((tuple(map(mpmath.mpf, p)), tuple(map(mpmath.mpf, q))) for p, q in pairs)
    return VerificationReport(loss.label, checks, exact)
