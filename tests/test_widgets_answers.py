"""Self-checks without a browser: the key is the cell's, hidden from plain sight, and errors help."""

import math
import re

import pytest
import sympy as sp

import ganmath as gm
from ganmath.widgets import answer


@pytest.mark.parametrize(
    ("number", "verdict"),
    [
        (math.log(2), "right"),
        (0.6931, "right"),
        (0.694, "close"),
        (0.69, "close"),
        (0.5, "not right"),
        (-math.log(2), "not right"),
    ],
)
def test_verdicts(number, verdict):
    assert answer("JS of disjoint p and q?", sp.log(2)).check(number) == verdict


def test_tolerance_is_relative_except_at_zero():
    assert answer("?", 1e6, tolerance=0.01).check(1.009e6) == "right"
    assert answer("?", 0, tolerance=0.01).check(0.009) == "right"
    assert answer("?", 0).check(0.5) == "not right"


def test_key_is_not_in_plain_sight():
    question = answer("What is log 2?", sp.log(2), hint="About 0.7.")
    assert "0.693" not in question.html and "0.693" not in repr(question)
    assert repr(question) == "Answer(prompt='What is log 2?')"


def test_without_scripts_it_says_how_to_check():
    html = answer("What is 1 + 1?", 2).html
    assert "call <code>.check(number)</code>" in html
    assert re.search(r"<form [^>]*hidden>", html)


def test_words_are_text_not_markup():
    html = answer("Is p < q & <b>?", 1, hint="</script><i>", unit="<u>").html
    assert "<b>" not in html and "<i>" not in html and "<u>" not in html and html.count("</script") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", 1), "prompt is empty"),
        (("?", gm.u), "the key depends on u: set it with .subs"),
        (("?", sp.oo), "the key must be finite, got inf"),
        (("?", float("nan")), "the key must be finite"),
        (("?", sp.I), "the key must be a real number, got I"),
        (("?", 1, 0.0), "tolerance is 0.0: it is relative"),
        (("?", 1, 0.1), "tolerance is 0.1"),
    ],
)
def test_errors(arguments, message):
    prompt, expected, *tolerance = arguments
    with pytest.raises(ValueError, match=re.escape(message)):
        answer(prompt, expected, **({"tolerance": tolerance[0]} if tolerance else {}))


def test_same_question_same_bytes():
    assert answer("?", 1).html == answer("?", 1).html
