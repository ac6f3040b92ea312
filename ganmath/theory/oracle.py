r"""The independent check of a derivation: its claims against the critic's optimum found by search.

Nothing here uses `derive`'s algebra: `ganmath.theory.search` knows an objective's values and slopes, its
structure and the constraint, and `verify` compares what it finds with what is claimed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ganmath.theory.constraints import Free, Interval
from ganmath.theory.distributions import to_mpf
from ganmath.theory.divergence import FDivergence, divergences, evaluator, is_fast
from ganmath.theory.expectation import n_fake, n_real
from ganmath.theory.expression import c, to_mpmath
from ganmath.theory.loss import GANLoss
from ganmath.theory.plan import Evaluator, plan
from ganmath.theory.relativistic import pairs
from ganmath.theory.rules import W1, delta
from ganmath.theory.scan import Pointwise, optimal_critic
from ganmath.theory.search import CERTIFIED, Found, search
from ganmath.theory.structure import structure
from ganmath.theory.transport import Wasserstein

if TYPE_CHECKING:
    from ganmath.theory.derive import Derivation

__all__ = ["Check", "VerificationError", "VerificationReport", "optimal_critic", "verify"]

_DIGITS = 40
_LEAST = "least value of L_D"

# the one pair on which the gradient is compared where f is an integral of implicit functions
_MILD = ((sp.Rational(1, 3), sp.Rational(2, 3)), (sp.Rational(1, 2), sp.Rational(1, 2)))

Vector = list[mpmath.mpf]
Pair = tuple[Sequence[Any], Sequence[Any]]


class VerificationError(AssertionError):
    """A derivation and the search disagree; `counterexample` holds p and q, or the ratio u."""

    def __init__(self, message: str, counterexample: Any) -> None:
        super().__init__(message)
        self.counterexample = counterexample


@dataclass(frozen=True)
class Check:
    """One claim: in how many cases it was compared, and the largest error met."""

    claim: str
    cases: int
    error: float

    @property
    def digits(self) -> int:
        """Decimal digits that agree, at most 15: beyond, it depends on the processor's rounding."""
        return 15 if self.error < 1e-15 else int(-mpmath.log10(self.error))


@dataclass(frozen=True)
class VerificationReport:
    """What `verify` compared; `distributions` are the pairs (p, q) it used, `notes` say how the least value
    is known where the loss compares samples or its critic is constrained."""

    loss: str
    checks: tuple[Check, ...]
    distributions: tuple[Pair, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.loss}: verified on {len(self.distributions)} pairs of distributions"]
        lines += [f"  {k.claim}: {k.cases} cases agree to {k.digits} digits at least" for k in self.checks]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def _repr_markdown_(self) -> str:
        lines = [f"**{self.loss}**: verified on {len(self.distributions)} pairs of distributions", ""]
        lines += ["| compared with the search | cases | digits agreed, at least |", "|---|---|---|"]
        lines += [f"| {k.claim} | {k.cases} | {k.digits} |" for k in self.checks]
        lines += [part for note in self.notes for part in ("", f"{note[0].upper()}{note[1:]}.")]
        return "\n".join(lines)


# --- the comparison ------------------------------------------------------------------------------


def verify(
    loss: GANLoss,
    *,
    derivation: "Derivation | None" = None,
    n: int = 10,
    seed: int = 0,
    tolerance: float = 1e-9,
) -> VerificationReport:
    """Compare a loss's derivation with the search, at 40 digits.

    Parameters: loss, open parameters are set to their defaults; derivation, the one to check
    (`derive(loss)` for None); n, number of random pairs (p, q) beside fixed ones near p = q, with
    extreme ratios and with disjoint supports; seed, of those pairs; tolerance, on errors relative
    to 1 + |value|.
    Returns: VerificationReport. Raises VerificationError, which holds the counterexample, where
    they disagree; NoOptimalCritic where the loss has no optimal critic.

    Compared are the optimal critic, the value of the critic's objective (on disjoint supports as a
    limit), the value and the gradient reading of the generator's loss with their verdicts, and the
    slope of its loss in the critic's output, on which saturation rests. Where a loss compares samples or
    constrains its critic's slope: on the n random pairs alone, the optimal critic up to what is free, the
    least value or its bound, and that it measures a divergence; what is not claimed is reported as found by
    search, with the gap to its lower bound where there is one. Penalties are left out. Not compared: the
    equilibrium reading.
    """
    if derivation is None:
        from ganmath.theory.derive import derive

        derivation = derive(loss)
    inside, edge = _distributions(n, seed)
    findings = _Findings(loss.label, tolerance)
    fixed, defaults = loss.at_defaults(), {x.symbol: x.default for x in loss.parameters}
    with mpmath.workdps(_DIGITS):
        if loss.is_pointwise and isinstance(loss.constraint, Free | Interval):
            _verify_pointwise(fixed, _Claims(defaults, derivation), findings, inside, edge)
        else:
            inside, edge = inside[:n], []
            _verify_jointly(fixed, _JointClaims(defaults, derivation), findings, inside, seed)
    checks = tuple(Check(claim, *found) for claim, found in findings.found.items())
    return VerificationReport(loss.label, checks, (*inside, *edge), findings.notes())


class _Findings:
    """What was compared so far: (cases, largest error) of every claim, and the searches of which nothing
    is claimed."""

    def __init__(self, label: str, tolerance: float) -> None:
        self.label, self.tolerance = label, tolerance
        self.found: dict[str, tuple[int, float]] = {}
        self.searched: list[Found] = []

    def record(self, claim: str, error: Any, counterexample: Any, detail: str) -> None:
        """VerificationError where the error is above the tolerance."""
        cases, worst = self.found.get(claim, (0, 0.0))
        if not error <= self.tolerance:  # nan is a failure
            raise VerificationError(
                f"{self.label}: {claim} is wrong by {mpmath.nstr(mpmath.mpf(error), 5)} at "
                f"{_shown(counterexample)}: {detail}",
                counterexample,
            )
        self.found[claim] = cases + 1, max(worst, float(error))

    def compare(self, claim: str, derived: Any, searched: Any, counterexample: Any) -> None:
        """Errors are relative to 1 + |searched|."""
        same = derived == searched  # infinities, too
        error = mpmath.mpf(0) if same else abs(derived - searched) / (1 + abs(searched))
        detail = f"derived {mpmath.nstr(derived, 15)}, searched {mpmath.nstr(searched, 15)}"
        self.record(claim, mpmath.inf if mpmath.isnan(error) else error, counterexample, detail)

    def notes(self) -> tuple[str, ...]:
        if not self.searched:
            return ()
        gaps = [found.gap for found in self.searched]
        what = "least value of L_D" + ("" if _LEAST in self.found else ", of which no closed form is claimed")
        if any(found.evidence != CERTIFIED for found in self.searched):
            return (f"{what}: by search, without a lower bound that meets it",)
        return (f"{what}: search and lower bound meet within {max(gaps):.1g} in {len(gaps)} cases",)


# --- losses of single samples -----------------------------------------------------------------------


def _verify_pointwise(
    loss: GANLoss, claims: "_Claims", findings: _Findings, inside: list[Pair], edge: list[Pair]
) -> None:
    work = _Comparison(loss, claims, findings)
    for pair in inside:
        work.critic(pair)
        work.critic_value(pair)
        work.generator_value(pair)
    work.names(inside[0])
    for pair in [_MILD] if work.claims.slow else inside:
        work.gradient(pair)
    for pair in edge:
        work.critic_value(pair)
    work.value_verdict()
    work.gradient_verdict()
    work.saturation()


def _distributions(n: int, seed: int) -> tuple[list[Pair], list[Pair]]:
    """(positive pairs, pairs whose supports differ), as exact fractions."""
    rng = np.random.default_rng(seed)

    def fractions(weights: Iterable[int]) -> tuple[sp.Rational, ...]:
        w = [int(x) for x in weights]
        return tuple(sp.Rational(x, sum(w)) for x in w)

    def random() -> tuple[sp.Rational, ...]:
        return fractions(1 + rng.geometric(0.003, size=4))

    inside: list[Pair] = [(random(), random()) for _ in range(n)]
    for size in (10, 10**4):  # q = p (1 + h / size): near equilibrium
        p = rng.integers(5, 50, size=4)
        inside.append((fractions(p), fractions(p * size + rng.integers(-5, 6, size=4))))
    inside.append((fractions((1, 10**6, 10**3)), fractions((10**6, 1, 10**3))))
    third, half = sp.Rational(1, 3), sp.Rational(1, 2)
    edge: list[Pair] = [
        ((half, half, sp.S.Zero), (sp.S.Zero, third, 2 * third)),
        ((sp.S.One, sp.S.Zero), (sp.S.Zero, sp.S.One)),
        ((third, 2 * third, sp.S.Zero), (sp.S.Zero, sp.S.Zero, sp.S.One)),
        ((half, half, sp.S.Zero), (third, third, third)),
    ]
    return inside, edge


class _Claims:
    """A derivation's expressions as functions of u, its parameters at their defaults."""

    def __init__(self, defaults: Mapping[Any, Any], derivation: "Derivation") -> None:
        def number(e: Any) -> sp.Expr:
            return sp.sympify(e).subs(defaults)

        def divergence(d: FDivergence) -> FDivergence:
            # without the limits that came with a name: they are checked too
            return FDivergence(number(d.f), offset=number(d.offset))

        self.optimal_critic = evaluator(number(derivation.optimal_critic))
        self.critic_divergence = divergence(derivation.critic_divergence)
        self.value = derivation.generator_value
        if self.value is not None:
            self.value_f = evaluator(number(self.value.f))
            self.value_offset = to_mpf(number(self.value.offset))
            self.counterexample = self.value.counterexample
        followed = derivation.generator_divergence
        self.followed = None if followed is None else evaluator(number(followed.f))
        self.slow = followed is not None and not is_fast(number(followed.f))
        self.why_not = derivation.why_not
        read = (derivation.critic_divergence, self.value and self.value.divergence, followed)
        self.named = [(d.name, number(d.scale), divergence(d)) for d in read if d and d.name]
        second = derivation.generator_second_derivative
        self.second = None
        if second is not None:  # its kinks are seen in the jumps of gen(C*)
            self.second = evaluator(number(second).replace(sp.DiracDelta, lambda *_: sp.S.Zero))
        saturates = derivation.saturates
        self.slope = None if saturates is None else evaluator(number(saturates.slope))
        self.limits = None
        if saturates is not None:
            self.limits = to_mpf(number(saturates.at_zero)), to_mpf(number(saturates.at_infinity))


class _Comparison:
    """Claims about a loss of single samples against the search, one output at a time."""

    def __init__(self, loss: GANLoss, claims: _Claims, findings: _Findings) -> None:
        self.claims = claims
        self.record, self.compare, self.tolerance = findings.record, findings.compare, findings.tolerance
        self.objective = Pointwise(loss)
        self.gen, self.gen_real = to_mpmath(loss.gen, (c,)), to_mpmath(loss.gen_real, (c,))
        self.optima: dict[tuple[Any, Any], tuple[mpmath.mpf, mpmath.mpf]] = {}

    def optimum(self, a: Any, b: Any) -> tuple[mpmath.mpf, mpmath.mpf]:
        """The search's (output, minimum) at the weights a, b, remembered."""
        if (a, b) not in self.optima:
            self.optima[a, b] = self.objective.minimise(to_mpf(a), to_mpf(b))
        return self.optima[a, b]

    # --- critic --------------------------------------------------------------------------------

    def critic(self, pair: Pair) -> None:
        """The derived output attains the minimum, and is the minimiser where that is unique."""
        for a, b in zip(*pair, strict=True):
            ratio = a / b
            derived = self.claims.optimal_critic(to_mpf(ratio))
            searched, lowest = self.optimum(a, b)
            p, q = to_mpf(a), to_mpf(b)
            if mpmath.isinf(derived):
                attained = self.objective.at_infinity(p, q, mpmath.sign(derived))
            else:
                attained = self.objective(p, q, derived)
            self.compare("objective at the optimal critic", attained, lowest, ratio)
            if mpmath.isfinite(searched) and self._is_unique(p, q, searched, lowest):
                self.compare("optimal critic", derived, searched, ratio)

    def _is_unique(self, p: mpmath.mpf, q: mpmath.mpf, x: mpmath.mpf, lowest: mpmath.mpf) -> bool:
        """Whether the objective rises measurably within 1e-12 on both sides of x."""
        step = mpmath.mpf(10) ** -12 * (1 + abs(x))
        rise = mpmath.mpf(10) ** (5 - _DIGITS) * (p + q)
        sides = [x + s * step for s in (-1, 1)]
        return all(
            not self.objective.low <= y <= self.objective.high or self.objective(p, q, y) - lowest > rise
            for y in sides
        )

    def critic_value(self, pair: Pair) -> None:
        """min L_D = offset - D_f(p || q), both sides possibly infinite."""
        divergence = self.claims.critic_divergence
        searched = mpmath.fsum(self.optimum(a, b)[1] for a, b in zip(*pair, strict=True))
        derived = to_mpf(divergence.offset) - divergence.evaluate(*pair, dps=_DIGITS)
        self.compare("value of the critic's objective", derived, searched, pair)

    def names(self, pair: Pair) -> None:
        """A divergence that carries a name is its scale times the one of that name."""
        for name, scale, claimed in self.claims.named:
            named = [d for d in divergences.values() if d.name == name]
            if named and isinstance(named[0], FDivergence):
                derived = to_mpf(scale) * named[0].evaluate(*pair, dps=_DIGITS)
                value = claimed.evaluate(*pair, dps=_DIGITS)
                self.compare(f"the name {name}", derived, value, pair)

    # --- generator -----------------------------------------------------------------------------

    def _gen(self, a: Any, b: Any) -> mpmath.mpf:
        """gen(C*) with the searched critic."""
        x, _ = self.optimum(a, b)
        return self._limit(self.gen, x)

    @staticmethod
    def _limit(term: Callable[[mpmath.mpf], mpmath.mpf], x: mpmath.mpf) -> mpmath.mpf:
        """A term at x; at an infinite x its limit, infinite if it has not settled."""
        if mpmath.isfinite(x):
            return mpmath.mpf(term(x))
        near, far = (term(mpmath.sign(x) * mpmath.mpf(10) ** k) for k in (_DIGITS, 2 * _DIGITS))
        return far if abs(far - near) < 1 else mpmath.sign(far - near) * mpmath.inf

    def _searched_value(self, pair: Pair) -> mpmath.mpf:
        """E_q gen(C*) + E_p gen_real(C*) with the searched critic."""
        terms = []
        for a, b in zip(*pair, strict=True):
            real = self._limit(self.gen_real, self.optimum(a, b)[0])
            terms.append(to_mpf(b) * self._gen(a, b) + to_mpf(a) * real)
        return mpmath.fsum(terms)

    def generator_value(self, pair: Pair) -> None:
        """Value reading: offset + sum q f(p/q) on one pair, where the minimisers are unique."""
        searched = self._searched_value(pair)
        if self.claims.value is None:
            self.record(
                "the generator's loss has no finite value",
                mpmath.inf if mpmath.isfinite(searched) else mpmath.mpf(0),
                pair,
                f"searched {mpmath.nstr(searched, 15)}",
            )
            return
        if any(a == b for a, b in zip(*pair, strict=True)):
            return  # u = 1 exactly, where piecewise linear losses leave the critic free
        derived = self.claims.value_offset + mpmath.fsum(
            to_mpf(b) * self.claims.value_f(to_mpf(a / b)) for a, b in zip(*pair, strict=True)
        )
        self.compare("value of the generator's loss", derived, searched, pair)
        if self.claims.value.is_divergence:
            above = searched - self.claims.value_offset
            self.record(
                "the value is least at p = q",
                mpmath.mpf(0) if above > 0 else mpmath.inf,
                pair,
                f"{mpmath.nstr(above, 8)} above the value at p = q",
            )

    def value_verdict(self) -> None:
        """A counterexample to 'the value is a divergence' must be one."""
        if self.claims.value is None or self.claims.counterexample is None:
            return
        pair = self.claims.counterexample
        above = self._searched_value(pair) - self.claims.value_offset
        self.record(
            "the counterexample to the value reading",
            mpmath.mpf(0) if above <= self.tolerance else above,
            pair,
            f"the value there is {mpmath.nstr(above, 8)} above the one at p = q",
        )

    def gradient(self, pair: Pair) -> None:
        """Gradient reading: frozen critic against D_f, in the logits theta of q = softmax(theta).

        Of sum_j q_j(theta) g_j it is q_j (g_j - sum q g), with g = gen(C*) for the step and
        g_j = d/dq_j of q_j f(p_j / q_j), by central differences, for the divergence.
        """
        if self.claims.followed is None or any(a == b for a, b in zip(*pair, strict=True)):
            return
        f, slope = self.claims.followed, []
        step = [self._gen(a, b) for a, b in zip(*pair, strict=True)]
        digits = 20 if self.claims.slow else _DIGITS
        with mpmath.workdps(digits):
            for a, b in zip(*pair, strict=True):
                p, q = to_mpf(a), to_mpf(b)
                h = q * mpmath.mpf(10) ** (-digits // 3)
                slope.append(((q + h) * f(p / (q + h)) - (q - h) * f(p / (q - h))) / (2 * h))
        weights = [to_mpf(b) for b in pair[1]]
        for derived, searched in zip(
            _softmax_gradient(weights, slope), _softmax_gradient(weights, step), strict=True
        ):
            self.compare("gradient of the generator's step", derived, searched, pair)

    def gradient_verdict(self) -> None:
        """gen(C*) falls with u exactly if the step follows a divergence; f_G'' is its slope."""
        ratios = [sp.Rational(k, 8) for k in (1, 2, 4, 6, 7)]
        ratios += [1 / r for r in reversed(ratios)]
        values = [self._gen(r, sp.S.One) for r in ratios]
        if all(mpmath.isfinite(v) for v in values):
            self._compare_second_derivative(ratios)
            slack = mpmath.mpf(10) ** (8 - _DIGITS // 2)
            pairs = pairwise(zip(ratios, values, strict=True))
            rises = [ratio for (_, before), (ratio, after) in pairs if after > before + slack]
            constant = max(values) - min(values) <= slack
            follows = not rises and not constant
        else:
            rises, follows = [], False
        claimed = self.claims.followed is not None
        detail = f"gen(C*) rises with u up to {rises[0]}" if rises else "gen(C*) falls with u throughout"
        self.record(
            "whether the step follows a divergence",
            mpmath.mpf(0) if claimed == follows else mpmath.inf,
            rises[0] if rises else ratios[0],
            f"{detail}, but the derivation says {self.claims.why_not or 'that it does'}",
        )

    def _compare_second_derivative(self, ratios: list[sp.Rational]) -> None:
        if self.claims.second is None:
            return
        h = sp.Rational(1, 10**8)
        for ratio in ratios:
            # central differences: h^2 from the formula, 1e-28/h from the searched minimisers
            rise = self._gen(ratio + h, sp.S.One) - self._gen(ratio - h, sp.S.One)
            searched = -rise / to_mpf(2 * h * ratio)
            derived = self.claims.second(to_mpf(ratio))
            self.compare("second derivative f_G''", derived, searched, ratio)

    def saturation(self) -> None:
        """gen'(C*) by differences of gen at the searched critic, and the limits that it tends to."""
        if self.claims.slope is None or self.claims.limits is None:
            return
        for exponent in (-20, -10, -1, 1, 10, 20):
            ratio = sp.Rational(2) ** exponent
            x, _ = self.optimum(ratio, sp.S.One)
            if not mpmath.isfinite(x):
                continue
            h = mpmath.mpf(10) ** (-_DIGITS // 3) * (1 + abs(x))
            below, at, above = (self.gen(x + k * h) for k in (-1, 0, 1))
            if abs(above - 2 * at + below) > mpmath.sqrt(h) * h:
                continue  # at a kink gen has no one slope
            derived = self.claims.slope(to_mpf(ratio))
            self.compare("slope of the generator's loss in C", derived, (above - below) / (2 * h), ratio)
        for ratio, end in zip(
            (sp.Rational(2) ** -200, sp.Rational(2) ** 200), self.claims.limits, strict=True
        ):
            slope = self.claims.slope(to_mpf(ratio))
            if mpmath.isinf(end):
                settled = mpmath.sign(slope) == mpmath.sign(end) and abs(slope) > 10
            else:  # slow where a logarithm decides, so this tells limits apart and no more
                settled = abs(slope - end) < mpmath.mpf("0.05") * (1 + abs(end))
            self.record(
                "limits of that slope",
                mpmath.mpf(0) if settled else mpmath.inf,
                ratio,
                f"the slope there is {mpmath.nstr(slope, 8)}, the limit said to be {mpmath.nstr(end, 8)}",
            )


# --- losses that compare samples, and critics of bounded slope ----------------------------------------


class _JointClaims:
    """A derivation's claims of a critic that is optimal at all points together, and of its least value."""

    def __init__(self, defaults: Mapping[Any, Any], derivation: "Derivation") -> None:
        defaults = {**defaults, n_real: 1, n_fake: 1}  # as the search's `Evaluator` takes them

        def number(about: str) -> Any:
            value = _claimed(derivation, about)
            return value.subs(defaults) if isinstance(value, sp.Basic) else value

        def divergence(about: str) -> FDivergence | None:
            found = _claimed(derivation, about)
            return found and FDivergence(found.f.subs(defaults), offset=found.offset.subs(defaults))

        self.optimal_critic, self.least, self.constant = map(number, ("optimal_critic", "least", "constant"))
        self.critic_slope = number("critic_slope")
        self.critic_divergence, self.pair_divergence = map(
            divergence, ("critic_divergence", "pair_divergence")
        )
        self.separable = bool(_claimed(derivation, "separable"))
        self.is_divergence = _claimed(derivation, "is_divergence")

    def outputs(self, pair: Pair) -> np.ndarray | None:
        """The claimed critic (K,) as mpmath numbers."""
        if self.optimal_critic is None:
            return None
        critic = evaluator(self.optimal_critic.subs(_distances(pair)))
        return np.array([critic(to_mpf(a / b)) for a, b in zip(*pair, strict=True)], dtype=object)

    def least_value(self, pair: Pair, points: np.ndarray | None) -> Any:
        """min L_D as it is claimed, or None."""
        attained = self.pair_divergence if self.separable else None
        if self.least is not None:
            return to_mpf(self.least.subs(_distances(pair, points)))
        if self.critic_divergence is not None:
            return _below(self.critic_divergence, pair)
        return None if attained is None else _below(attained, tuple(pairs(*pair)))

    def bound(self, pair: Pair) -> Any:
        """A number below min L_D, or None."""
        return None if self.pair_divergence is None else _below(self.pair_divergence, tuple(pairs(*pair)))


def _claimed(derivation: "Derivation", about: str) -> Any:
    """The value of a claim, None where there is none."""
    claim = derivation.claims.get(about)
    return None if claim is None else claim.value


def _below(divergence: FDivergence, pair: Any) -> mpmath.mpf:
    return to_mpf(divergence.offset) - divergence.evaluate(*pair, dps=_DIGITS)


def _distances(pair: Pair, points: np.ndarray | None = None) -> dict[sp.Symbol, sp.Expr]:
    """The distances of p and q that claims are written in, as numbers."""
    squares = sum((a - b) ** 2 / (a + b) for a, b in zip(*pair, strict=True))
    known = {delta: squares}
    if points is not None:
        cost = np.linalg.norm(points[:, None] - points[None], axis=2)
        p, q = ([float(x) for x in v] for v in pair)
        known[W1] = sp.Float(Wasserstein(1)(p, q, cost=cost), 17)
    return known


def _verify_jointly(
    loss: GANLoss, claims: _JointClaims, findings: _Findings, distributions: list[Pair], seed: int
) -> None:
    """All outputs at once: on the line and in the plane where the constraint compares points."""
    rng = np.random.default_rng(seed)
    everywhere = isinstance(loss.constraint, Free | Interval)
    for pair in distributions:
        for dimension in (None,) if everywhere else (1, 2):
            points = None if dimension is None else rng.normal(size=(len(pair[0]), dimension))
            _compare_least(loss, claims, findings, pair, points)


def _compare_least(
    loss: GANLoss, claims: _JointClaims, findings: _Findings, pair: Pair, points: np.ndarray | None
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
        findings.compare(_LEAST, least, found.value, pair)
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


def _exactly(objective: sp.Expr, pair: Pair) -> Callable[[np.ndarray], mpmath.mpf]:
    p, q = (np.array([to_mpf(x) for x in v], dtype=object) for v in pair)
    evaluate = Evaluator(plan(objective), exact=True)
    return lambda outputs: mpmath.mpf(evaluate(outputs, p, q)[0])


def _compare_outputs(
    claim: str, findings: _Findings, derived: np.ndarray, searched: np.ndarray, pair: Pair, free: bool
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


def _softmax_gradient(weights: Vector, values: Vector) -> Vector:
    mean = mpmath.fsum(w * v for w, v in zip(weights, values, strict=True))
    return [w * (v - mean) for w, v in zip(weights, values, strict=True)]


def _shown(counterexample: Any) -> str:
    if isinstance(counterexample, tuple):
        p, q = (", ".join(str(x) for x in row) for row in counterexample)
        return f"p = ({p}), q = ({q})"
    return f"u = p/q = {counterexample}"
