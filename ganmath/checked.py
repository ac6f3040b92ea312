"""What was found when every displayed equation of the book was last checked, without sympy.

`ganmath.theory.equations` holds the equations and checks them; ``tools/write_equations.py`` writes what it
finds into ``_data/equations.json``, which the wheel carries, and a test compares the file with a fresh
check. The book's pages are made from this file.
"""

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from ganmath.names import Named

DATA = Path(__file__).parent / "_data" / "equations.json"


@dataclass(frozen=True)
class CheckedEquation:
    """A displayed equation and how it is known.

    label: "chapter.name"; chapter: the notebook's name; latex: as displayed; kind: "proved", "digits" or
    "definition"; evidence: the same in words, such as "proved by sympy"; sympy: Python source that gives
    its sides, or None where they are no sympy objects; module: where it is registered and checked.
    """

    label: str
    chapter: str
    latex: str
    kind: str
    evidence: str
    sympy: str | None
    module: str

    @property
    def path(self) -> str:
        """The source file that holds the check, from the repository's root."""
        return self.module.replace(".", "/") + ".py"


@lru_cache(maxsize=1)
def checked_equations() -> Named:
    """`CheckedEquation` by label, in the book's order; KeyError with the nearest labels for a wrong one."""
    rows = [CheckedEquation(**row) for row in json.loads(DATA.read_text(encoding="utf-8"))]
    return Named("equation", {row.label: row for row in rows})


def as_json(rows: list[CheckedEquation]) -> str:
    """The text of ``equations.json``."""
    return json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False) + "\n"
