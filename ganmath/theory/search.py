r"""The least value of any loss's critic objective by search, on a finite alphabet: `verify`'s other side.

The structure of the objective and the constraint choose the solver. A convex objective gets a lower bound
too, and where search and bound meet the minimum is certified. Nothing here knows how `derive` reasons: only
values and gradients of the objective, its structure and the constraint are used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from ganmath.theory.certificate import Terms, bound_on_ellipsoid, by_sample, lower_bound, whole
from ganmath.theory.constraints import Feasible, Free, Interval
from ganmath.theory.convexity import is_convex
from ganmath.theory.distributions import normalised, probabilities
from ganmath.theory.loss import GANLoss
from ganmath.theory.plan import Evaluator, plan
from ganmath.theory.scan import optimal_critic
from ganmath.theory.structure import structure

#: The evidence of a minimum: search and lower bound meet within `GAP`, or there is the search alone.
CERTIFIED, SEARCHED = "certified", "searched"
#: Search and bound meet where they differ by at most GAP (1 + |value|).
GAP = 1e-9

_STARTS, _ROUNDS = 4, 100
# how far from a critic found the other tangents are taken, in units of its outputs; the first that bound win
_REACHES = (0.25, 0.01)

# outputs -> (value, gradient)
Objective = Callable[[np.ndarray], Any]


@dataclass(frozen=True, eq=False)
class Found:
    """The least value of a critic's objective, as a search found it.

    outputs (K,), of one of the best critics, infinite where no finite ones attain the infimum; value;
    bound, below which no critic comes, in float64, None where none is known; evidence, "certified" where
    value and bound meet within `GAP`, else "searched".
    """

    outputs: np.ndarray
    value: Any
    bound: float | None
    evidence: str

    @property
    def gap(self) -> float | None:
        """How far the value may lie above the minimum; None where there is no bound."""
        return None if self.bound is None else max(float(self.value) - self.bound, 0.0)


def search(loss: GANLoss, p: Any, q: Any, points: Any = None, dps: int | None = None) -> Found:
    """The optimal critic of any loss between two distributions on K points, penalties left out.

    Parameters: loss, open parameters are set to their defaults; p, q, probability vectors (K,); points,
    (K,) or (K, d), where the K points lie, for constraints that compare points; dps, decimal digits of
    outputs and value where the critic is free and the loss smooth, or where it is a sum over single samples
    (None and all others: float64).
    Returns: Found. ValueError for vectors that are no probabilities or differ in length, for missing points,
    for zeros in p or q where the optimum of a loss that compares samples may lie at infinity, and where no
    minimum is found.
    """
    loss = loss.at_defaults()
    weights, exact = _checked(p, q), (p, q)
    kind, constraint = structure(loss.critic), loss.constraint
    free, convex = isinstance(constraint, Free), is_convex(loss.critic)
    if kind.pointwise is not None and isinstance(constraint, Free | Interval):
        return _pointwise(loss, exact, weights, convex, dps)
    if free and not all((w > 0).all() for w in weights):
        raise ValueError(
            f"{loss.label}: give every point a positive probability under p and q: "
            "the optimum may be infinite"
        )
    feasible = _feasible(loss, points, *weights)
    if convex and feasible.Q is None and (kind.kinked or kind.linear):
        return _tangents(loss, weights, feasible)
    if free and not kind.kinked:
        return _smooth(loss, exact, weights, convex, dps)
    return _constrained(loss, weights, feasible, convex)


def numerical_optimum(loss: GANLoss, p: Any, q: Any, points: Any = None) -> tuple[np.ndarray, float]:
    """The optimal critic (K,) and min L_D by `search`, in float64; parameters and errors as there.

    Where a constant added to all outputs changes nothing they are shifted to have the mean 0 under (p + q)/2.
    """
    found = search(loss, p, q, points)
    outputs, (p, q) = found.outputs, _checked(p, q)
    if structure(loss.at_defaults().critic).invariant and np.isfinite(outputs).all():
        outputs = outputs - (p + q) @ outputs / 2
    return outputs, float(found.value)


def critic_value(loss: GANLoss, outputs: Any, p: Any, q: Any) -> float:
    """L_D of a critic on K points without its penalties, open parameters at their defaults.

    Parameters: outputs (K,), the critic's; p, q, probability vectors (K,), ValueError otherwise.
    """
    weights = _checked(p, q)
    return float(Evaluator(plan(loss.at_defaults().critic))(np.asarray(outputs, dtype=float), *weights)[0])


def _checked(p: Any, q: Any) -> tuple[np.ndarray, np.ndarray]:
    vectors = [[float(x) for x in np.atleast_1d(np.asarray(v, dtype=object)).ravel()] for v in (p, q)]
    return probabilities(*vectors)


def _feasible(loss: GANLoss, points: Any, p: np.ndarray, q: np.ndarray) -> Feasible:
    if points is None and not isinstance(loss.constraint, Free | Interval):
        raise ValueError(
            f"{loss.label}: its constraint compares points: give points=, where the {len(p)} lie"
        )
    if points is not None and len(points) != len(p):
        raise ValueError(f"{loss.label}: {len(points)} points for {len(p)} probabilities")
    feasible = loss.constraint.on(points, p, q)
    if feasible is None:
        raise ValueError(f"{loss.label}: its constraint is one on weights, not on outputs: nothing to search")
    return feasible


def _found(outputs: np.ndarray, value: Any, bound: float | None) -> Found:
    if bound is not None and not np.isfinite(bound):
        bound = None
    meet = bound is not None and abs(float(value) - bound) <= GAP * (1 + abs(float(value)))
    return Found(outputs, value, bound, CERTIFIED if meet else SEARCHED)


# --- one output at a time ---------------------------------------------------------------------------


def _pointwise(loss: GANLoss, exact: Any, weights: Any, convex: bool, dps: int | None) -> Found:
    """Scan and golden section; the bound from the tangents on both sides of the outputs found."""
    p, q = exact
    outputs, value = optimal_critic(loss, p, q, dps)
    at = np.array([float(x) for x in outputs])
    terms = by_sample(plan(loss.critic), *weights) if convex and np.isfinite(at).all() else None
    if terms is None:
        return _found(outputs, value, None)
    low, high = loss.domain
    feasible = Feasible(float(low), float(high))
    return _found(outputs, value, _bound_around(terms, at, feasible, None, lambda reach: reach))


# --- tangents: kinks, and linear objectives -----------------------------------------------------------


def _tangents(loss: GANLoss, weights: Any, feasible: Feasible) -> Found:
    """Programs over more and more tangents, each of which bounds the minimum and proposes a critic."""
    program, size = plan(loss.critic), len(weights[0])
    evaluate = Evaluator(program)
    terms = by_sample(program, *weights) or whole(evaluate, *weights)
    fixed = _held(_objective(evaluate, *weights), feasible, weights)
    critics = [np.zeros(size), *np.random.default_rng(0).normal(size=(2, size))]
    best, bound = (np.inf, critics[0]), -np.inf
    for turn in range(_ROUNDS):
        below, outputs = lower_bound(terms, critics, feasible, fixed=fixed)
        if np.isfinite(below):
            value = float(evaluate(outputs, *weights)[0])
            best, bound = min(best, (value, outputs), key=lambda x: x[0]), max(bound, below)
            if best[0] - bound <= 1e-12 * (1 + abs(best[0])):
                return _found(best[1], best[0], bound)
        # where nothing bounds yet, farther and farther out
        reach = np.inf if np.isfinite(below) else 10.0 * 2**turn
        critics.append(np.clip(outputs, -reach, reach))
    if not np.isfinite(best[0]):
        raise ValueError(
            f"{loss.label}: no minimum found: its critic's objective seems to fall without bound"
        )
    return _found(best[1], best[0], bound)


def _held(objective: Objective, feasible: Feasible, weights: Any) -> int | None:
    """The heaviest point, whose output may be held, where a constant added to all changes nothing."""
    boxed = np.isfinite([feasible.low, feasible.high]).any()
    moved = feasible.A is not None and np.abs(feasible.A.sum(axis=1)).max() > 0
    if boxed or moved or not _is_invariant(objective, len(weights[0])):
        return None
    return int((weights[0] + weights[1]).argmax())


def _is_invariant(objective: Objective, size: int) -> bool:
    """Whether the slope along the constants vanishes, at three critics."""
    slopes = [objective(x)[1] for x in np.random.default_rng(1).normal(size=(3, size))]
    return all(abs(g.sum()) <= 1e-13 * (1 + np.abs(g).sum()) for g in slopes)


# --- smooth, any function -----------------------------------------------------------------------------


def _objective(evaluate: Evaluator, p: Any, q: Any) -> Objective:
    def at(outputs: np.ndarray) -> Any:
        with np.errstate(all="ignore"):
            return evaluate(outputs, p, q)

    return at


def _smooth(loss: GANLoss, exact: Any, weights: Any, convex: bool, dps: int | None) -> Found:
    """L-BFGS, Newton on the exact gradient, and Newton again in mpmath where digits are asked for."""
    evaluate, size = Evaluator(plan(loss.critic)), len(weights[0])
    objective = _objective(evaluate, *weights)
    constant = _is_invariant(objective, size)
    scale = (weights[0] + weights[1]) ** -0.5
    starts = [np.zeros(size)] if convex else _starts(scale)
    reached = [
        x for start in starts if (x := _newton(objective, _lbfgs(objective, start), constant)) is not None
    ]
    if not reached:
        raise ValueError(f"{loss.label}: no minimum found from {len(starts)} start(s)")
    outputs = min(reached, key=lambda x: objective(x)[0])
    value: Any = float(objective(outputs)[0])
    bound = None
    if convex:
        bound = _bound_around(whole(evaluate, *weights), outputs, Feasible(), 0 if constant else None)
    if dps is not None:
        with mpmath.workdps(dps + 10):
            p, q = (np.array(normalised(v), dtype=object) for v in exact)
            exactly = _objective(Evaluator(plan(loss.critic), exact=True), p, q)
            outputs, value = _in_mpmath(exactly, outputs, constant)
        if value is None:
            raise ValueError(f"{loss.label}: Newton's method did not reach {dps} digits")
    return _found(outputs, value, bound)


def _starts(scale: np.ndarray) -> np.ndarray:
    starts = np.random.default_rng(0).normal(size=(_STARTS, len(scale))) * scale
    starts[0] = 0.0
    return starts


def _lbfgs(objective: Objective, start: np.ndarray) -> np.ndarray:
    from scipy.optimize import minimize

    options: Any = {"maxiter": 300, "gtol": 1e-8, "ftol": 1e-13}  # Newton does the rest, faster
    return np.asarray(minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x)


def _hessian(objective: Objective, x: np.ndarray, constant: bool, step: Any = 1e-5) -> np.ndarray:
    """By central differences of the gradient, in float64; the free constant gets the mean curvature."""
    steps = [step * (1 + abs(v)) for v in x]
    with np.errstate(all="ignore"):
        columns = [
            (objective(x + h * e)[1] - objective(x - h * e)[1]) / (2 * h)
            for h, e in zip(steps, np.eye(len(x)), strict=True)
        ]
    hessian = np.array(columns, dtype=float)
    hessian = (hessian + hessian.T) / 2
    return np.asarray(hessian + constant * np.abs(np.trace(hessian)) / len(x) ** 2)


def _newton(objective: Objective, x: np.ndarray, constant: bool) -> np.ndarray | None:
    """Newton's method with a ridge where the Hessian is not positive, and halved steps; None if it fails."""
    value, gradient = objective(x)
    for _ in range(_ROUNDS):
        hessian = _hessian(objective, x, constant)
        if not np.isfinite(hessian).all():
            return None
        low, high = np.linalg.eigvalsh(hessian)[[0, -1]]
        least = np.abs(gradient).max()
        if high <= 0:  # flat to the working precision, far out where the loss saturates
            return None
        positive = low > 1e-12 * high
        if not positive and low > -1e-9 * high and least < 1e-9 * high:  # one of many minima
            return x
        ridge = 0.0 if positive else 1e-3 * high + abs(low)
        step = -np.linalg.solve(hessian + ridge * np.eye(len(x)), gradient)
        size = 1.0
        found = objective(x + step)
        if positive and -gradient @ step < 1e-12 * (1 + abs(value)):  # too near for values to tell
            if not np.abs(found[1]).max() < least / 2:
                return x if least < 1e-9 * (1 + abs(value)) else None
        else:
            while not found[0] <= value + 1e-4 * size * (gradient @ step):
                size /= 2
                if size < 1e-12:
                    return None
                found = objective(x + size * step)
        x = x + size * step
        value, gradient = found
    return None


def _in_mpmath(objective: Objective, x: np.ndarray, constant: bool) -> tuple[np.ndarray, Any]:
    """Newton's steps with Hessians in float64, each of which adds some of its digits."""
    at = np.array([mpmath.mpf(v) for v in x], dtype=object)
    goal = mpmath.mpf(10) ** (5 - mpmath.mp.dps) * (1 + max(map(abs, at)))
    for turn in range(_ROUNDS):
        if turn % 5 == 0:
            hessian = _hessian(objective, at, constant, mpmath.sqrt(mpmath.eps))
            inverse = np.linalg.pinv(hessian, rcond=1e-14, hermitian=True).astype(object)
        value, gradient = objective(at)
        if max(map(abs, gradient)) < goal:
            return at, value
        at = at - inverse @ gradient
    return at, None


def _bound_around(
    terms: Terms, outputs: np.ndarray, feasible: Feasible, fixed: int | None, moves: Callable = np.diag
) -> float:
    """The bound from tangents at the outputs found and on both sides of them: of each output, or of all."""
    best = -np.inf
    for share in _REACHES:
        reach = share * (1 + np.abs(outputs))
        around = [outputs + sign * move for move in np.atleast_2d(moves(reach)) for sign in (-1, 1)]
        with np.errstate(all="ignore"):
            found, _ = lower_bound(terms, [outputs, *around], feasible, float(reach.max()), fixed)
        best = max(best, found)
        if np.isfinite(best):
            break
    return best


# --- the rest -----------------------------------------------------------------------------------------


def _constrained(loss: GANLoss, weights: Any, feasible: Feasible, convex: bool) -> Found:
    """Sequential quadratic programs from one start, or several; the bound from tangents at the best."""
    from scipy.optimize import minimize

    evaluate, size = Evaluator(plan(loss.critic)), len(weights[0])
    objective = _objective(evaluate, *weights)
    A, b, Q = feasible.A, feasible.b, feasible.Q
    conditions: Any = []
    if A is not None and b is not None:
        conditions.append({"type": "ineq", "fun": lambda x: b - A @ x, "jac": lambda x: -A})
    if Q is not None:
        conditions.append({"type": "ineq", "fun": lambda x: 1 - x @ Q @ x, "jac": lambda x: -2 * Q @ x})
    starts = _starts(np.ones(size))[: 2 if convex else None]  # an ellipsoid has no slope at 0
    reached = [
        minimize(
            objective,
            np.clip(start, feasible.low, feasible.high),
            jac=True,
            method="SLSQP",
            bounds=[(feasible.low, feasible.high)] * size,
            constraints=conditions,
            options={"ftol": 1e-16, "maxiter": 500},
        ).x
        for start in starts
    ]
    # where the constraint does not bind Newton's method has the digits that the programs have not
    constant = _is_invariant(objective, size)
    inside = [x for start in reached if (x := _newton(objective, start, constant)) is not None]
    inside = [x for x in inside if _allowed(x, feasible)]
    if not (convex and inside):
        inside += [x for x in reached if _allowed(x, feasible)]
    if not inside:
        raise ValueError(f"{loss.label}: no minimum found from {len(starts)} starts")
    outputs = min(inside, key=lambda x: objective(x)[0])
    value, gradient = objective(outputs)
    bound = None
    if convex and Q is None:
        fixed = _held(objective, feasible, weights)
        bound = _bound_around(whole(evaluate, *weights), outputs, feasible, fixed)
    elif convex and Q is not None and A is None and not np.isfinite([feasible.low, feasible.high]).any():
        bound = bound_on_ellipsoid(float(value), gradient, outputs, Q)
    return _found(outputs, float(value), bound)


def _allowed(outputs: np.ndarray, feasible: Feasible) -> bool:
    """Whether outputs meet the constraint, to 1e-8."""
    slack = [outputs.min() - feasible.low, feasible.high - outputs.max()]
    if feasible.A is not None and feasible.b is not None:
        slack.append((feasible.b - feasible.A @ outputs).min())
    if feasible.Q is not None:
        slack.append(1 - outputs @ feasible.Q @ outputs)
    return bool(min(slack) > -1e-8)
