"""Self-checks in Chromium: what readers type, and what they are told."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import sympy as sp
from playwright.sync_api import Browser, Page

from ganmath.widgets import answer

from .test_sliders import HTML

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 360, "height": 700})
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    page.close()
    assert not complaints


def told(page: Page, key: object, typed: str, **options: object) -> str:
    """The verdict on what was typed, asked for with Enter."""
    page.set_content(HTML + answer("What is it?", key, **options)._repr_html_())
    field = page.get_by_label("What is it?")
    field.fill(typed)
    field.press("Enter")
    return page.get_by_role("status").inner_text()


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("0.5", 0.5),
        (" .5 ", 0.5),
        ("1/2", 0.5),
        ("0,5", 0.5),
        ("1e-3", 1e-3),
        ("-1.5E+2", -150.0),
        ("log(2)", math.log(2)),
        ("ln 2", math.log(2)),
        ("Log 2 / 2", math.log(2) / 2),
        ("2 log(2) − 1", 2 * math.log(2) - 1),
        ("sqrt(2)", math.sqrt(2)),
        ("√2", math.sqrt(2)),
        ("2*pi", 2 * math.pi),
        ("2π", 2 * math.pi),
        ("-2^2", -4.0),
        ("2^-1", 0.5),
        ("2**3**2", 512.0),
        ("8/2/2", 2.0),
        ("7 - 2 - 1", 4.0),
        ("(1 + 2) * (3 - -1)", 12.0),
        ("exp(-1/2)", math.exp(-0.5)),
        ("1/(1+e^-1)", 1 / (1 + math.exp(-1))),
        ("3 × 4 · 2", 24.0),
    ],
)
def test_ways_to_write_a_number(page: Page, typed: str, value: float) -> None:
    assert told(page, value, typed, tolerance=1e-9).startswith("✓")
    assert told(page, value * 1.02, typed, tolerance=1e-9).startswith("✗")


@pytest.mark.parametrize(
    "typed",
    [
        "abc",
        "1 +",
        "(1",
        "1)",
        "1 2",
        "alert(1)",
        "constructor",
        "log2(8)",
        "1/0",
        "log(-1)",
        "1e999",
        "x",
        "2..5",
    ],
)
def test_what_is_no_number(page: Page, typed: str) -> None:
    assert told(page, 1, typed).startswith("This cannot be read as a number.")


def test_verdicts_are_words(page: Page) -> None:
    key, hint = sp.log(2), "Where do p and q overlap?"
    assert told(page, key, "0.6931", hint=hint) == "✓ 0.6931 is right."
    assert told(page, key, "0.69", hint=hint) == "≈ 0.69 is close: check the rounding."
    assert told(page, key, "1/2", hint=hint) == "✗ 0.5 is not right. Hint: Where do p and q overlap?"
    assert told(page, key, "1/2") == "✗ 0.5 is not right."
    assert told(page, key, "  ") == "Type a number first."


@pytest.mark.parametrize("typed", [0.6931, 0.6938, 0.694, 0.69, 0.7001, -0.6931])
def test_page_and_python_agree(page: Page, typed: float) -> None:
    said = {"✓": "right", "≈": "close", "✗": "not right"}[told(page, sp.log(2), str(typed))[0]]
    assert said == answer("What is it?", sp.log(2)).check(typed)


def test_button_touch_and_several_questions(page: Page) -> None:
    questions = [answer("One?", 1), answer("Two?", 2, unit="nats"), answer("One?", 1)]
    page.set_content(HTML + "".join(question._repr_html_() for question in questions))
    fields = page.locator("input").all()
    for field, value in zip(fields, "121", strict=True):
        field.fill(value)
    for i, button in enumerate(page.get_by_role("button", name="Check").all()):
        assert button.bounding_box()["height"] >= 44
        button.click()
        verdicts = page.get_by_role("status").all_inner_texts()
        assert [bool(verdict) for verdict in verdicts] == [k <= i for k in range(3)]
        assert verdicts[i].startswith("✓")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    # what a screen reader calls each field
    assert [field.evaluate("e => e.labels[0].textContent") for field in fields] == ["One?", "Two?", "One?"]


def test_without_scripts_it_says_how_to_check(browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(HTML + answer("What is it?", 1)._repr_html_())
    assert page.get_by_text(".check(number)").is_visible()
    assert not page.get_by_role("button").is_visible()
    context.close()
