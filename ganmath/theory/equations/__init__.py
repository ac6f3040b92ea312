"""The registry of every displayed equation of the book: printed from the object that is checked.

Each chapter's equations live in a module of their own here; the tool that writes them into the
notebooks and the test that compares them read `equations`.
"""

from collections import Counter
from dataclasses import dataclass

from ganmath.checked import CheckedEquation
from ganmath.names import Named
from ganmath.theory.equations import (
    divergences,
    fgan,
    interpolating_losses,
    lsgan,
    margin_losses,
    minimax,
    nonsaturating,
    one_table,
    optimal_discriminator,
    relativistic,
)
from ganmath.theory.equations.registry import DEFINITION, PROVED, Equation, EquationError

__all__ = ["CheckReport", "Equation", "EquationError", "check_all", "checked", "equation", "equations"]

_chapters = (
    divergences,
    optimal_discriminator,
    minimax,
    nonsaturating,
    lsgan,
    fgan,
    margin_losses,
    relativistic,
    interpolating_losses,
    one_table,
)

equations: Named = Named(
    "equation",
    {entry.label: entry for chapter in _chapters for entry in chapter.EQUATIONS},
)


def equation(label: str) -> Equation:
    """The registered equation of a label such as "minimax.reduction".

    Its `.latex` is what the page shows, `.sides` are the sympy objects and `.sympy` Python source that
    gives them back, `.check()` runs the check and returns how the equation is known.
    Raises: KeyError with the nearest labels for an unknown one.
    """
    return equations[label]


@dataclass(frozen=True)
class CheckReport:
    """How every registered equation is known; failures by label."""

    evidence: dict[str, str]
    failures: dict[str, str]

    @property
    def total(self) -> int:
        return len(self.evidence) + len(self.failures)

    def _repr_markdown_(self) -> str:
        counts = Counter(self.evidence.values())
        lines = [f"**{len(self.evidence)} of {self.total} displayed equations hold.**", ""]
        lines += ["| how it is known | equations |", "|---|---|"]
        lines += [f"| {way} | {count} |" for way, count in sorted(counts.items())]
        lines += [f"| **fails** | {label}: {why} |" for label, why in self.failures.items()]
        return "\n".join(lines)


def check_all(labels: list[str] | None = None) -> CheckReport:
    """Run the check of every registered equation (or of the labels given)."""
    evidence, failures = {}, {}
    for label in labels if labels is not None else equations:
        try:
            evidence[label] = equations[label].check()
        except EquationError as error:
            failures[label] = str(error)
    return CheckReport(evidence, failures)


def checked(report: CheckReport) -> list[CheckedEquation]:
    """The equations that a report found to hold, as ``_data/equations.json`` lists them.

    Raises: EquationError that names those that fail.
    """
    if report.failures:
        raise EquationError("; ".join(report.failures.values()))
    module_of = {entry.label: chapter.__name__ for chapter in _chapters for entry in chapter.EQUATIONS}
    kinds = {PROVED: "proved", DEFINITION: "definition"}
    return [
        CheckedEquation(
            label=label,
            chapter=label.split(".")[0].replace("_", "-"),
            latex=equations[label].latex,
            kind=kinds.get(evidence, "digits"),
            evidence=evidence,
            sympy=equations[label].sympy,
            module=module_of[label],
        )
        for label, evidence in report.evidence.items()
    ]
