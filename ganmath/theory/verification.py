"""What `verify` reports: each claim that was compared, in how many cases, and the largest error met."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import sympy as sp

from ganmath.theory.distributions import to_mpf
from ganmath.theory.search import CERTIFIED, Found

#: Two probability vectors.
Pair = tuple[Sequence[Any], Sequence[Any]]
#: The claim of the least value of L_D.
LEAST = "least value of L_D"


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


class Findings:
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
        gaps = [found.gap or 0.0 for found in self.searched]
        what = "least value of L_D" + ("" if LEAST in self.found else ", of which no closed form is claimed")
        if any(found.evidence != CERTIFIED for found in self.searched):
            return (f"{what}: by search, without a lower bound that meets it",)
        return (f"{what}: search and lower bound meet within {max(gaps):.1g} in {len(gaps)} cases",)


def compare_limits(findings: Findings, slope: Callable[[Any], Any], limits: Sequence[mpmath.mpf]) -> None:
    """Limits of the slope of the generator's loss as u goes to 0 and to infinity."""
    for ratio, end in zip((sp.Rational(2) ** -200, sp.Rational(2) ** 200), limits, strict=True):
        at = slope(to_mpf(ratio))
        if mpmath.isinf(end):
            settled = mpmath.sign(at) == mpmath.sign(end) and abs(at) > 10
        else:  # slow where a logarithm decides, so this tells limits apart and no more
            settled = abs(at - end) < mpmath.mpf("0.05") * (1 + abs(end))
        detail = f"the slope there is {mpmath.nstr(at, 8)}, the limit said to be {mpmath.nstr(end, 8)}"
        findings.record("limits of that slope", mpmath.mpf(0) if settled else mpmath.inf, ratio, detail)


def _shown(counterexample: Any) -> str:
    if isinstance(counterexample, tuple):
        p, q = (", ".join(str(x) for x in row) for row in counterexample)
        return f"p = ({p}), q = ({q})"
    return f"u = p/q = {counterexample}"
