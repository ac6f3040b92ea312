"""Claims about critics that are optimal at all points together, compared with the search.

These are the losses that compare samples, and critics of bounded slope, for which the points lie on the line
and in the plane. The generator's readings are compared at the critic that the search found.
"""

import itertools
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ganmath.theory.constraints import Free, Interval
from ganmath.theory.distributions import to_mpf
from ganmath.theory.divergence import FDivergence, evaluator
from ganmath.theory.expectation import E, Pairs, components, map_integrands, n_fake, n_real
from ganmath.theory.expression import mean, to_mpmath, u
from ganmath.theory.loss import GANLoss
from ganmath.theory.plan import Evaluator, plan
from ganmath.theory.relativistic import pairs
from ganmath.theory.rules import W1, delta
from ganmath.theory.search import search
from ganmath.theory.structure import structure
from ganmath.theory.transport import Wasserstein
from ganmath.theory.verification import LEAST, Findings, Pair, compare_limits

if TYPE_CHECKING:
    from ganmath.theory.derive import Derivation

_DIGITS = 40
# of mass of q, in differences
_STEP = sp.Rational(1, 10**13)


class JointClaims:
    """A derivation's claims of a critic that is optimal at all points together, and of its least value."""

    def __init__(self, defaults: Mapping[Any, Any], derivation: "Derivation") -> None:
        defaults = {**defaults, n_real: 1, n_fake: 1}  # as the search's `Evaluator` takes them

        def number(about: str) -> Any:
            value = _claimed(derivation, about)
            return value.subs(defaults) if isinstance(value, sp.Basic) else value

        def divergence(about: str) -> FDivergence | None:
            found = _claimed(derivation, about)
            return found and _bare(found, defaults)

        self.optimal_critic, self.least, self.constant = map(number, ("optimal_critic", "least", "constant"))
        self.critic_slope = number("critic_slope")
        self.critic_divergence, self.pair_divergence = map(
            divergence, ("critic_divergence", "pair_divergence")
        )
        self.separable = bool(_claimed(derivation, "separable"))
        self.is_divergence = _claimed(derivation, "is_divergence")
        self.followed, self.second = number("generator_divergence"), number("generator_second_derivative")
        self.sign = _claimed(derivation, "generator_sign")
        self.value, self.saturates = number("generator_value"), _claimed(derivation, "saturates")
        self.defaults = defaults

    def outputs(self, pair: Pair) -> np.ndarray | None:
        """The claimed critic (K,) as mpmath numbers."""
        if self.optimal_critic is None:
            return None
        critic = evaluator(_between(self.optimal_critic, pair))
        return np.array([critic(to_mpf(a / b)) for a, b in zip(*pair, strict=True)], dtype=object)

    def least_value(self, pair: Pair, points: np.ndarray | None) -> Any:
        """min L_D as it is claimed, or None."""
        if self.least is not None:
            return to_mpf(_between(self.least, pair, points))
        if self.critic_divergence is not None:
            return _below(self.critic_divergence, pair)
        return self.bound(pair) if self.separable else None

    def bound(self, pair: Pair) -> Any:
        """A number below min L_D, or None."""
        return None if self.pair_divergence is None else _below(self.pair_divergence, tuple(pairs(*pair)))

    def generator_value(self, pair: Pair) -> Any:
        """L_G at the optimal critic, or None."""
        if self.value is None or isinstance(self.value, sp.Expr):
            return self.value and to_mpf(_between(self.value, pair))
        inside = FDivergence(self.value.f.subs(self.defaults), offset=self.value.offset.subs(self.defaults))
        at = to_mpf(inside.offset) + inside.evaluate(*pair, dps=_DIGITS)
        return to_mpmath(self.value.outer.subs(self.defaults), (mean,))(at)

    def distance(self, pair: Pair, points: np.ndarray | None) -> Any:
        """What the generator's step is said to follow."""
        if isinstance(self.followed, sp.Expr):
            return to_mpf(_between(self.followed, pair, points))
        return _bare(self.followed, self.defaults).evaluate(*pair, dps=_DIGITS)


def _bare(divergence: FDivergence, values: Mapping[Any, Any]) -> FDivergence:
    """Without the limits that came with a name: they are checked too."""
    return FDivergence(divergence.f.subs(values), offset=divergence.offset.subs(values))


def _claimed(derivation: "Derivation", about: str) -> Any:
    """The value of a claim, None where there is none."""
    claim = derivation.claims.get(about)
    return None if claim is None else claim.value


def _below(divergence: FDivergence, pair: Any) -> mpmath.mpf:
    p, q = pair
    return to_mpf(divergence.offset) - divergence.evaluate(p, q, dps=_DIGITS)


# the ratio u at the points that means in claims are over
_u_z, _u_x, _u_y = (sp.Symbol(f"u({at})", positive=True) for at in "zxy")


def _between(expr: sp.Expr, pair: Pair, points: np.ndarray | None = None) -> sp.Expr:
    """A claim with its distances of p and q as numbers, and its means, of functions of the ratio, as sums."""
    known = {delta: sum((a - b) ** 2 / (a + b) for a, b in zip(*pair, strict=True))}
    if points is not None and expr.has(W1):
        cost = np.linalg.norm(points[:, None] - points[None], axis=2)
        p, q = ([float(x) for x in v] for v in pair)
        known[W1] = sp.Float(Wasserstein(1)(p, q, cost=cost), 17)
    weights, ratios = dict(zip("pq", pair, strict=True)), [a / b for a, b in zip(*pair, strict=True)]

    def mean_of(e: E) -> sp.Expr:
        if not isinstance(e.measure, Pairs):
            return sum(
                share * w * e.integrand.subs(_u_z, r)
                for measure, share in components(e.measure)
                for w, r in zip(weights[str(measure)], ratios, strict=True)
            )
        first, second = (zip(weights[str(a)], ratios, strict=True) for a in e.measure.args)
        both = itertools.product(first, second)
        return sum(w * v * e.integrand.subs({_u_x: r, _u_y: s}) for (w, r), (v, s) in both)

    return map_integrands(expr, mean_of).subs(known)


def verify_jointly(
    loss: GANLoss, claims: JointClaims, findings: Findings, distributions: list[Pair], seed: int
) -> None:
    """All outputs at once: on the line and in the plane where the constraint compares points."""
    rng = np.random.default_rng(seed)
    everywhere = isinstance(loss.constraint, Free | Interval)
    for pair in distributions:
        for dimension in (None,) if everywhere else (1, 2):
            points = None if dimension is None else rng.normal(size=(len(pair[0]), dimension))
            _compare_least(loss, claims, findings, pair, points)


def _compare_least(
    loss: GANLoss, claims: JointClaims, findings: Findings, pair: Pair, points: np.ndarray | None
) -> None:
    found = search(loss, *pair, points, _DIGITS)
    findings.searched.append(found)
    objective = _exactly(loss.critic, pair)
    outputs = claims.outputs(pair)
    unique = not structure(loss.critic).kinked and isinstance(loss.constraint, Free)
    if outputs is not None and unique:
        free = abs(objective(outputs + 1) - objective(outputs)) < mpmath.mpf(10) ** (5 - _DIGITS)
        claim = "optimal critic up to a constant" if free else "optimal critic"
        _compare_outputs(claim, findings, outputs, found.outputs, pair, free)
    elif outputs is not None:
        findings.compare("L_D at the optimal critic", objective(outputs), found.value, pair)
    if claims.critic_slope is not None and points is not None and points.shape[1] == 1:
        along = _integrated(claims.critic_slope, points[:, 0], pair)
        findings.compare("L_D at the critic of the claimed slope", objective(along), found.value, pair)
    least, bound = claims.least_value(pair, points), claims.bound(pair)
    if least is not None:
        findings.compare(LEAST, least, found.value, pair)
    elif bound is not None:
        detail = f"bound {mpmath.nstr(bound, 15)}, searched {mpmath.nstr(found.value, 15)}"
        findings.record(
            "least value of L_D above the pairs' bound", max(bound - found.value, 0), pair, detail
        )
    if claims.is_divergence and claims.constant is not None:
        constant = to_mpf(claims.constant)
        above = f"the least value {mpmath.nstr(found.value, 15)}, of a constant critic {claims.constant}"
        wrong = found.value >= constant - findings.tolerance
        findings.record("positive where p and q differ", mpmath.inf if wrong else 0, pair, above)
        same = (pair[0], pair[0])
        findings.compare("zero where p = q", constant, search(loss, *same, points, _DIGITS).value, same)
    if unique or points is not None:
        _compare_generator(loss, claims, findings, pair, points, found.outputs)


def _compare_generator(
    loss: GANLoss,
    claims: JointClaims,
    findings: Findings,
    pair: Pair,
    points: np.ndarray | None,
    outputs: np.ndarray,
) -> None:
    """The readings of the generator's loss, at the searched critic."""
    objective = _exactly(loss.generator, pair)
    if (value := claims.generator_value(pair)) is not None:
        findings.compare("value of the generator's loss", value, objective(outputs), pair)
    # W1 is known to 16 digits, and linear in small movements of mass
    step, factor = _STEP if points is None else sp.Rational(1, 10**6), None
    for point in range(1, len(outputs)):
        # L_G, the critic frozen, as mass of q moves from the first point to another
        far = [_moved(pair, point, sign * step) for sign in (1, -1)]
        rise = _exactly(loss.generator, far[0])(outputs) - _exactly(loss.generator, far[1])(outputs)
        searched = rise / to_mpf(2 * step)
        if claims.followed is not None:
            derived = (claims.distance(far[0], points) - claims.distance(far[1], points)) / to_mpf(2 * step)
            if factor is None:  # of a divergence that is followed up to a factor of means
                factor = abs(searched / derived) if _of_means(claims.second) else mpmath.mpf(1)
            findings.compare("gradient of the generator's step", factor * derived, searched, pair)
        if claims.sign is not None:
            # f_G'' of one sign: the derivative of L_G in q falls with u, or rises
            steeper = pair[0][point] / pair[1][point] - pair[0][0] / pair[1][0]
            wrong = claims.sign * searched * mpmath.sign(to_mpf(steeper)) > findings.tolerance
            detail = f"the derivative of L_G in q moves by {mpmath.nstr(searched, 8)}"
            findings.record("sign of f_G''", mpmath.inf if wrong else mpmath.mpf(0), pair, detail)
        if claims.second is not None:
            f = to_mpmath(u * _between(claims.second, pair), (u,))
            ends = [to_mpf(pair[0][i] / pair[1][i]) for i in (0, point)]
            findings.compare("second derivative f_G''", -mpmath.quad(f, ends), searched, pair)
    if claims.saturates is not None:
        slope = to_mpmath(_between(claims.saturates.slope.subs(claims.defaults), pair), (u,))
        for a, b, output in zip(*pair, outputs, strict=True):
            derived, searched = slope(to_mpf(a / b)), _slope_in_output(loss.generator, pair, outputs, output)
            findings.compare("slope of the generator's loss in C", derived, searched, pair)
        limits = claims.saturates.at_zero, claims.saturates.at_infinity
        compare_limits(findings, slope, [to_mpf(_between(end.subs(claims.defaults), pair)) for end in limits])


def _of_means(second: sp.Expr | None) -> bool:
    """Whether f_G'' has a factor that depends on p and q, which no divergence has."""
    return second is not None and second.has(E, delta)


def _moved(pair: Pair, point: int, mass: sp.Expr) -> Pair:
    """The pair with mass of q moved from the first point to another."""
    q = list(pair[1])
    q[0], q[point] = q[0] - mass, q[point] + mass
    return pair[0], tuple(q)


def _slope_in_output(objective: sp.Expr, pair: Pair, outputs: np.ndarray, output: Any) -> mpmath.mpf:
    """Slope in its output of what a little mass of q adds to the objective, at a point of its own."""
    h, more = mpmath.mpf(10) ** -10, ((*pair[0], sp.S.Zero), (*pair[1], _STEP))
    values = [_exactly(objective, more)(np.append(outputs, output + sign * h)) for sign in (1, -1)]
    return (values[0] - values[1]) / (2 * h * to_mpf(_STEP))


def _exactly(objective: sp.Expr, pair: Pair) -> Callable[[np.ndarray], mpmath.mpf]:
    """The objective as a function of mpmath outputs (K,)."""
    p, q = (np.array([to_mpf(x) for x in v], dtype=object) for v in pair)
    evaluate = _evaluator(objective)
    return lambda outputs: mpmath.mpf(evaluate(outputs, p, q)[0])


@lru_cache(maxsize=64)
def _evaluator(objective: sp.Expr) -> Evaluator:
    return Evaluator(plan(objective), exact=True)


def _compare_outputs(
    claim: str, findings: Findings, derived: np.ndarray, searched: np.ndarray, pair: Pair, free: bool
) -> None:
    """Each output; where a constant is free, each less the mean under (p + q)/2."""
    weights = np.array([to_mpf((a + b) / 2) for a, b in zip(*pair, strict=True)], dtype=object)
    shift = (weights @ (derived - searched)) * int(free)
    worst = max(range(len(derived)), key=lambda i: abs(derived[i] - shift - searched[i]))
    findings.compare(claim, derived[worst] - shift, searched[worst], pair)


def _integrated(slope: sp.Expr, x: np.ndarray, pair: Pair) -> np.ndarray:
    """Outputs at points x (K,) on the line of a critic whose slope is given by the distribution functions
    F_p and F_q."""
    order = np.argsort(x)
    F = [np.cumsum([to_mpf(v[i]) for i in order]) for v in pair]
    levels = sp.symbols("F_p F_q", real=True)
    named = {f: level for f in slope.atoms(AppliedUndef) for level in levels if str(f.func) == str(level)}
    value = to_mpmath(slope.xreplace(named), levels)
    rises = [value(F[0][k], F[1][k]) * (x[order[k + 1]] - x[order[k]]) for k in range(len(x) - 1)]
    outputs = np.full(len(x), mpmath.mpf(0), dtype=object)
    outputs[order[1:]] = np.cumsum(np.array(rises, dtype=object))
    return outputs
