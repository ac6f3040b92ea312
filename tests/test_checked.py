"""equations.json says what the checks find now, and the Python source in it gives the sides back."""

import re

import pytest
import sympy as sp

from ganmath.checked import DATA, as_json, checked_equations
from ganmath.theory.equations import CheckReport, EquationError, check_all, checked, equation, equations
from ganmath.theory.equations.language import E, add
from ganmath.theory.equations.source import source
from ganmath.theory.expression import p, q

from .conftest import ROOT

ROWS = checked_equations()
WITH_SOURCE = [row for row in ROWS.values() if row.sympy]


def run(code: str) -> list[list[sp.Expr]]:
    """Lines of sides that a snippet defines."""
    names: dict = {}
    exec(code, names)
    return [list(line) for line in names.get("lines", (names.get("sides"),))]


def test_file_holds_what_a_fresh_check_finds():
    fresh = as_json(checked(check_all()))
    assert DATA.read_text(encoding="utf-8") == fresh, "run tools/write_equations.py"


@pytest.mark.parametrize("row", WITH_SOURCE, ids=lambda row: row.label)
def test_source_gives_the_sides_back(row):
    wanted = [[sp.sympify(side) for side in sides] for _, sides in equations[row.label].lines]
    found = run(row.sympy)
    assert [len(line) for line in found] == [len(line) for line in wanted]
    for line, sides in zip(found, wanted, strict=True):
        for a, b in zip(line, sides, strict=True):
            # sides keep the order of the page (evaluate=False), which Python's operators do not
            a, b = sp.sympify(a).doit(), b.doit()
            assert a == b or sp.simplify(a - b) == 0


def test_source_of_another_equation_is_another_one():
    """The comparison above can fail: E_p and E_q, p and a symbol of that name without its sign."""
    (line,) = run(equation("minimax.reduction").sympy)
    assert line[0].doit() != run(source([("", (E(p, sp.log(q / (p + q))),))]))[0][0].doit()
    loose = run(source([("", (sp.Symbol("p") + 1,))]))[0][0]
    assert loose != p + 1 and loose == sp.Symbol("p") + 1


def test_source_keeps_fractions_exact_and_terms_in_order():
    text = source([("x", (add(q, sp.Rational(-1, 2), p),))])
    assert "q - 1/2" not in text and "Rational(-1, 2)" in text
    assert text.index("q +") < text.index("+ p")
    assert run(text) == [[p + q - sp.Rational(1, 2)]]


def test_equations_without_sides_claim_no_source():
    assert equation("divergences.kantorovich").sympy is None
    assert sum(row.sympy is not None for row in ROWS.values()) >= 60


def test_kind_is_read_from_the_evidence():
    for row in ROWS.values():
        expected = {"proved by sympy": "proved", "definition": "definition"}.get(row.evidence, "digits")
        assert row.kind == expected
        assert expected != "digits" or re.match(r"to \d+ digits", row.evidence)


def test_a_failing_equation_is_never_written():
    with pytest.raises(EquationError, match="is not"):
        checked(CheckReport({}, {"x.y": "x.y: one is not the other"}))


def test_the_check_of_an_equation_is_where_the_file_says():
    for row in ROWS.values():
        assert f'"{row.label}"' in (ROOT / row.path).read_text(encoding="utf-8")


def test_unknown_label_names_the_nearest():
    with pytest.raises(KeyError, match="minimax.reduction"):
        ROWS["minimax.reductoin"]
