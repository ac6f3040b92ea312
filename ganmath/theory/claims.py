"""What is claimed about a loss, and how it is known: evidence is data, and steps show the way.

A rule of `ganmath.theory.rules` makes claims; `ganmath.theory.derive` collects them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Evidence:
    """How something is known; prints as kind and detail, "proved by sympy" or "argued: …".

    kind: "proved" (a proof by sympy ran), "certified" (a search and a lower bound meet), "checked"
    (numerically, detail says on what), "argued" (a theorem by hand, detail says which and how its
    hypotheses are known), "stated" (detail names the source), "searched" (a search, nothing else), or ""
    where nothing is claimed. given: what it is known under, such as the default parameters, or "".
    """

    kind: str
    detail: str = ""
    given: str = ""

    def __str__(self) -> str:
        joint = " " if self.kind in ("proved", "checked") or not self.detail else ": "
        return ", ".join(filter(None, (f"{self.kind}{joint}{self.detail}".strip(), self.given)))

    def __bool__(self) -> bool:
        return bool(self.kind)


#: From the strongest to the weakest.
KINDS = ("proved", "certified", "checked", "argued", "stated", "searched", "")

PROVED = Evidence("proved", "by sympy")
CHECKED = Evidence("checked", "numerically on a grid of u from 1e-6 to 1e6")
DEFINITION = Evidence("definition")
NOTHING = Evidence("")

#: What a frozen loss that is linear in q says at p = q, where its critic is flat: the end of a statement.
AT_EQUALITY = "; at p = q every q"


@dataclass(frozen=True)
class Step:
    """One step of a derivation: what it says, its LaTeX, and how it was checked.

    about: the claim that the step settles, or "" for a step on the way.
    """

    title: str
    latex: str
    check: Evidence
    remark: str = ""
    about: str = ""


@dataclass(frozen=True)
class Claim:
    """One thing that is known of a loss: about which attribute, its value, by which rule and steps.

    value: None where there is none, and why_not says why.
    """

    about: str
    value: Any
    evidence: Evidence
    rule: str
    steps: tuple[Step, ...] = ()
    why_not: str = ""


def weakest(found: Iterable[Evidence]) -> Evidence:
    """The weakest of several; definitions do not count, and none is `NOTHING`."""
    ranked = sorted((x for x in found if x.kind in KINDS), key=lambda x: KINDS.index(x.kind))
    return ranked[-1] if ranked else NOTHING


def steps_markdown(title: str, steps: Sequence[Step]) -> str:
    """A derivation's steps as a numbered list in Markdown."""
    lines = [f"**Derivation: {title}**"]
    for number, step in enumerate(steps, 1):
        inside = " " * len(f"{number}. ")  # Markdown's indent of what belongs to the item
        known = f" *({step.check})*" if step.check else ""
        lines += ["", f"{number}. {step.title}{known}", ""]
        lines += [f"{inside}{line}" for line in ("$$", step.latex, "$$")]
        lines += ["", f"{inside}{step.remark}"] if step.remark else []
    return "\n".join(lines)
