r"""The independent check of a derivation: its claims against the critic's optimum found by search.

Nothing here uses `derive`'s algebra: `ganmath.theory.search` knows an objective's values and slopes, its
structure and the constraint, and `verify` compares what it finds with what is claimed.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import sympy as sp

from ganmath.theory.constraints import Free, Interval
from ganmath.theory.distributions import to_mpf
from ganmath.theory.divergence import FDivergence, divergences, evaluator, is_fast
from ganmath.theory.expression import c, to_mpmath
from ganmath.theory.joint import JointClaims, verify_jointly
from ganmath.theory.loss import GANLoss
from ganmath.theory.scan import Pointwise, optimal_critic
from ganmath.theory.verification import (
    Check,
    Findings,
    Pair,
    VerificationError,
    VerificationReport,
    compare_limits,
)

if TYPE_CHECKING:
    from ganmath.theory.derive import Derivation

__all__ = ["Check", "VerificationError", "VerificationReport", "optimal_critic", "verify"]

_DIGITS = 40

# the one pair on which the gradient is compared where f is an integral of implicit functions
_MILD = ((sp.Rational(1, 3), sp.Rational(2, 3)), (sp.Rational(1, 2), sp.Rational(1, 2)))

Vector = list[mpmath.mpf]


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
    least value or its bound, that it measures a divergence, and the same readings without their verdicts.
    How the least value is known, and a claim of it or none, is in the report's notes. Penalties are left
    out. Not compared: the equilibrium reading.
    """
    if derivation is None:
        from ganmath.theory.derive import derive

        derivation = derive(loss)
    inside, edge = _distributions(n, seed)
    findings = Findings(loss.label, tolerance)
    fixed, defaults = loss.at_defaults(), {x.symbol: x.default for x in loss.parameters}
    with mpmath.workdps(_DIGITS):
        if loss.is_pointwise and isinstance(loss.constraint, Free | Interval):
            _verify_pointwise(fixed, _Claims(defaults, derivation), findings, inside, edge)
        else:
            inside, edge = inside[:n], []
            verify_jointly(fixed, JointClaims(defaults, derivation), findings, inside, seed)
    checks = tuple(Check(claim, *found) for claim, found in findings.found.items())
    return VerificationReport(loss.label, checks, (*inside, *edge), findings.notes())


# --- losses of single samples -----------------------------------------------------------------------


def _verify_pointwise(
    loss: GANLoss, claims: "_Claims", findings: Findings, inside: list[Pair], edge: list[Pair]
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

    def __init__(self, loss: GANLoss, claims: _Claims, findings: Findings) -> None:
        self.claims = claims
        self.findings = findings
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
            pairs = itertools.pairwise(zip(ratios, values, strict=True))
            rises = [ratio for (_, before), (ratio, after) in pairs if after > before + slack]
            constant = max(values) - min(values) <= slack
            follows = not rises and not constant
        else:
            rises, follows = [], False
        claimed = self.claims.followed is not None
        detail = f"gen(C*) rises with u up to {rises[0]}" if rises else "gen(C*) falls with u throughout"
        said = self.claims.why_not or ("that it does" if claimed else "that it does not")
        self.record(
            "whether the step follows a divergence",
            mpmath.mpf(0) if claimed == follows else mpmath.inf,
            rises[0] if rises else ratios[0],
            f"{detail}, but the derivation says {said}",
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
        compare_limits(self.findings, self.claims.slope, self.claims.limits)


def _softmax_gradient(weights: Vector, values: Vector) -> Vector:
    mean = mpmath.fsum(w * v for w, v in zip(weights, values, strict=True))
    return [w * (v - mean) for w, v in zip(weights, values, strict=True)]
