"""Exercises: each has a solution that folds and that a hidden cell right after it checks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from .conftest import ROOT

LEAST = 3  # exercises in a chapter


class Solution(NamedTuple):
    """A solution, and the cell that follows the cell it stands in."""

    label: str
    options: str
    text: str
    check: dict[str, Any]


def chapters() -> list[Path]:
    """The chapters with numbers in the table of contents: the preface teaches nothing to exercise."""
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    files = [chapter["file"] for part in parts if part.get("numbered") for chapter in part["chapters"]]
    return [ROOT / f"{name}.ipynb" for name in files]


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def blocks(text: str, kind: str) -> list[tuple[str, str, str]]:
    """Argument, options and text of each directive of one kind."""
    pattern = re.compile(
        rf"^(:::+|```+)\{{{kind}\}}([^\n]*)\n((?::\w+:[^\n]*\n)*)(.*?)^\1$", re.MULTILINE | re.DOTALL
    )
    return [(match[2].strip(), match[3], match[4]) for match in pattern.finditer(text)]


def exercises(path: Path) -> list[str]:
    """Labels of a chapter's exercises."""
    found = [
        re.search(r":label: (\S+)", options)
        for cell in cells(path)
        if cell["cell_type"] == "markdown"
        for _, options, _ in blocks("".join(cell["source"]), "exercise")
    ]
    assert all(found), "an exercise without a label"
    return [match[1] for match in found if match]


def solutions(path: Path) -> list[Solution]:
    """A chapter's solutions, each with the next cell that the reader's page would not show."""
    every = cells(path)
    return [
        Solution(label, options, text, every[number + 1] if number + 1 < len(every) else {})
        for number, cell in enumerate(every)
        if cell["cell_type"] == "markdown"
        for label, options, text in blocks("".join(cell["source"]), "solution")
    ]


CASES = [pytest.param(one, id=one.label) for path in chapters() for one in solutions(path)]


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_every_exercise_has_one_solution(path: Path) -> None:
    labels = exercises(path)
    assert len(labels) >= LEAST
    assert [one.label for one in solutions(path)] == labels


@pytest.mark.parametrize("one", CASES)
class TestSolution:
    def test_folds(self, one: Solution) -> None:
        assert ":class: dropdown" in one.options

    def test_is_followed_by_a_hidden_test(self, one: Solution) -> None:
        assert one.check.get("cell_type") == "code", "the cell after the solution must check it"
        assert "remove-cell" in one.check["metadata"].get("tags", [])
        assert "nbval-skip" not in one.check["metadata"]["tags"]
        assert re.search(r"^\s*assert\b|assert_close|assert_allclose", "".join(one.check["source"]), re.M)

    def test_each_decimal_number_is_in_the_test(self, one: Solution) -> None:
        source = "".join(one.check["source"])
        missing = [number for number in re.findall(r"\d+\.\d+", one.text) if number not in source]
        assert missing == []


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_every_proof_folds(path: Path) -> None:
    text = "\n\n".join("".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "markdown")
    proofs = [
        options
        for title, options, _ in blocks(text, "admonition")
        if title.startswith(("Proof", "Derivation", "Answer", "The answer"))
    ]
    assert proofs
    assert all(":class: dropdown" in options for options in proofs)
    assert not blocks(text, "prf:proof"), "those do not fold: use an admonition of class dropdown"
