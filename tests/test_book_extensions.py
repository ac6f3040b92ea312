"""The plain functions of the book's Sphinx extensions: what they print comes from data, nothing is typed."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest

from ganmath.checked import checked_equations

from .conftest import ROOT


def extension(name: str) -> ModuleType:
    """A module of book/_ext, or a skip where the book's tools are not installed."""
    pytest.importorskip("sphinx")
    folder = str(ROOT / "book" / "_ext")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


page = extension("checked_equations")
ROWS = checked_equations()


# --- equations ----------------------------------------------------------------------------------------


def test_the_book_as_it_is_passes():
    page.check_book()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda latex: latex.pop("minimax.reduction"), "no registered equation 'minimax.reduction'"),
        (
            lambda latex: latex.update({"minimax.other": "x"}),
            "minimax.other: registered but displayed nowhere",
        ),
        (lambda latex: latex.update({"minimax.reduction": "x = y"}), "minimax.ipynb: equations differ"),
    ],
)
def test_the_build_names_an_equation_that_is_not_the_checked_one(monkeypatch, change, message):
    latex = {label: row.latex for label, row in ROWS.items()}
    change(latex)
    _, problems = page._tool().displayed(latex)
    assert any(message in problem for problem in problems)
    monkeypatch.setattr(page._tool(), "displayed", lambda _: ({}, problems))
    with pytest.raises(page.ExtensionError, match=r"write_equations\.py"):
        page.check_book()


def test_chip_says_how_the_equation_is_known_and_links_to_its_row():
    html = page.chip(ROWS["minimax.bounds"], "equations.html#minimax.bounds")
    assert ">50 digits</a>" in html and 'href="equations.html#minimax.bounds"' in html
    assert "to 50 digits on 20 random pairs" in html
    assert page.chip_text(ROWS["optimal_discriminator.sample_size"]) == "30 digits"
    assert "data-sympy" not in page.chip(ROWS["divergences.kantorovich"], "#x")


def test_counts_are_those_of_the_rows():
    rows = [ROWS[label] for label in ("minimax.reduction", "minimax.game", "minimax.losses")]
    assert page.count_sentence(rows, 3) == (
        "3 of 3 displayed equations are checked: 1 proved by sympy, 2 definitions."
    )
    assert page.count_sentence(rows[:1], 2).startswith("1 of 2 ")


def test_source_is_a_link_only_where_the_repository_has_an_address():
    row = ROWS["minimax.reduction"]
    assert "<a" not in page.source_link(row, "", "main") and row.path in page.source_link(row, "", "main")
    linked = page.source_link(row, "https://example.org/a/b", "notebooks")
    assert f'href="https://example.org/a/b/blob/notebooks/{row.path}"' in linked
