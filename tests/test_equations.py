"""Every displayed equation of the book is registered, holds, and reads as the registry prints it."""

import importlib.util
import json
from pathlib import Path

import mpmath
import pytest
import sympy as sp

from ganmath.theory.equations import check_all, equation, equations
from ganmath.theory.equations.language import (
    JS,
    KL,
    TV,
    Chi2,
    E,
    Frozen,
    Gradient,
    LeCam,
    add,
    evaluate,
    m,
    prove_equal,
    random_pair,
)
from ganmath.theory.equations.registry import DEFINITION, FIFTY, PROVED, EquationError, chain, inequality
from ganmath.theory.expression import p, q

ROOT = Path(__file__).parent.parent
_log = sp.log


def _tool():
    spec = importlib.util.spec_from_file_location("write_equations", ROOT / "tools" / "write_equations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = _tool()
LATEX = {label: entry.latex for label, entry in equations.items()}


@pytest.mark.parametrize("label", equations)
def test_equation_holds(label):
    assert equations[label].check()


def test_labels_are_distinct_and_belong_to_a_chapter():
    assert all(label == entry.label and label.count(".") == 1 for label, entry in equations.items())


# --- a wrong equation is found -----------------------------------------------------------------------


def test_zhong_equation_5_as_printed_is_refused_and_corrected_is_proved():
    """The printed value of V(D*) lost both logarithms, and its second numerator must be 2 q."""
    value = add(2 * JS(p, q), -2 * _log(2))
    printed = add(E(p, 2 * p / (p + q)), E(q, 2 * p / (p + q)), -2 * _log(2))
    corrected = add(E(p, _log(2 * p / (p + q))), E(q, _log(2 * q / (p + q))), -2 * _log(2))
    with pytest.raises(EquationError, match="differ"):
        chain("test.printed", value, printed).check()
    assert chain("test.corrected", value, corrected).check() == PROVED


@pytest.mark.parametrize(
    "wrong",
    [
        chain("t.sign", KL(q, p) - 2 * JS(p, q), -2 * KL(m, p)),
        chain("t.factor", KL(q, p) - 2 * JS(p, q), KL(m, p)),
        chain("t.order", KL(p, q), KL(q, p)),
        chain("t.half", E(p, p / (p + q)) - E(q, p / (p + q)), LeCam(p, q)),
        chain("t.gradient", Gradient(E(q, Frozen(-_log(p / (p + q))))), Gradient(2 * JS(p, q))),
        inequality("t.pinsker", KL(p, q), 2 * TV(p, q) ** 2),
    ],
    ids=lambda entry: entry.label,
)
def test_a_wrong_sign_factor_or_order_is_found(wrong):
    with pytest.raises(EquationError, match=wrong.label):
        wrong.check()


def test_gradient_with_the_critic_frozen_is_not_that_of_the_value():
    """-E_q log D*: with D* frozen the gradient of 2 KL(m||p), with D* moving another one."""
    loss = -_log(p / (p + q))
    assert prove_equal(Gradient(E(q, Frozen(loss))), Gradient(2 * KL(m, p)))
    assert not prove_equal(Gradient(E(q, loss)), Gradient(2 * KL(m, p)))
    assert prove_equal(Gradient(E(q, loss)), Gradient(KL(q, p) - KL(q, m)))


def test_sides_are_evaluated_on_finite_distributions():
    with mpmath.workdps(50):
        ps, qs = [mpmath.mpf(1) / 2, mpmath.mpf(1) / 2], [mpmath.mpf(1) / 4, mpmath.mpf(3) / 4]
        assert mpmath.almosteq(evaluate(TV(p, q), ps, qs), mpmath.mpf(1) / 4, 1e-45)
        assert mpmath.almosteq(evaluate(Chi2(p, q) + 1, ps, qs), mpmath.mpf(4) / 3, 1e-45)
        direct = mpmath.log(2) / 2 + mpmath.log(mpmath.mpf(2) / 3) / 2
        assert mpmath.almosteq(evaluate(KL(p, q), ps, qs), direct, 1e-45)


def test_random_pairs_are_distributions_and_repeatable():
    with mpmath.workdps(50):
        assert random_pair(3) == random_pair(3) != random_pair(4)
        assert all(abs(mpmath.fsum(side) - 1) < 1e-45 for side in random_pair(5))


def test_what_sympy_cannot_prove_is_compared_at_50_digits():
    assert chain("t.numeric", _log(JS(p, q)), _log(KL(p, m) + KL(q, m)) - _log(2)).check() == FIFTY


def test_report_counts_and_names_failures(monkeypatch):
    wrong = chain("test.wrong", KL(p, q), KL(q, p))
    monkeypatch.setitem(equations, "test.wrong", wrong)
    report = check_all(["minimax.reduction", "test.wrong"])
    assert report.total == 2 and set(report.failures) == {"test.wrong"}
    assert "1 of 2" in report._repr_markdown_() and DEFINITION not in report.evidence.values()


def test_unknown_label_names_the_nearest():
    with pytest.raises(KeyError, match="minimax.reduction"):
        equation("minimax.reductoin")


# --- the book shows what the registry prints ---------------------------------------------------------


def test_book_displays_every_registered_equation_once_and_no_other(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["write_equations.py", "--check"])
    status = tool.main()
    assert status == 0, capsys.readouterr().out


def test_changed_character_in_a_chapter_is_found():
    text = f"$$\n{equations['minimax.reduction'].latex}\n$$ (minimax.reduction)"
    assert tool.rewritten(text, "here", LATEX) == (text, ["minimax.reduction"], [])
    new, _, _ = tool.rewritten(text.replace("- 2", "+ 2"), "here", LATEX)
    assert new == text


@pytest.mark.parametrize(
    "text",
    [
        "$$ x = 1 $$",
        "$$ x $$ (no.such_label)",
        r"\begin{align} x \end{align}",
        "```{math}\nx\n```",
        r"\[ x \]",
    ],
)
def test_unregistered_display_equation_is_found(text):
    assert tool.rewritten(text, "here", LATEX)[2]


def test_every_markdown_display_is_seen_by_the_tool():
    """No chapter hides a display equation from the tool, in a code cell's Markdown for instance."""
    for path in (ROOT / "book").glob("*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] == "code":
                assert "$$" not in "".join(cell["source"]), path.name
