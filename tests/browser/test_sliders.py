"""Slider figures in Chromium: moved by keyboard, alone and several to a page, with and without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
import sympy as sp
from playwright.sync_api import Browser, Locator, Page, expect

import ganmath as gm
from ganmath.widgets import Line, Panel, Point, Slider, distribution_sliders, drawing, loss_sliders, sliders

from .conftest import SITE

pytestmark = pytest.mark.browser

x, theta = sp.symbols("x theta", real=True)
s = sp.Symbol("s", positive=True)
P = sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)
Q = sp.exp(-((x - theta) ** 2) / (2 * s**2)) / (s * sp.sqrt(2 * sp.pi))


def example():
    """One of everything: curves, areas, a point, both kinds of line, an integral, a pole."""
    return sliders(
        [
            Slider(theta, 0, 4, value=2, step=0.05, label="shift θ", unit="σ"),
            Slider(s, 0.25, 4, value=1, step=2 ** (1 / 4), label="width s", log=True),
        ],
        Panel({"p": P, "q": Q}, x=(x, -6, 6), y=(0, 0.6), title="density", lines=[Line(x=theta, label="θ")]),
        Panel(
            {"s/x": s / x, "other": sp.Piecewise((-1, x < theta), (1, True))},
            x=(x, -1, 5),
            y=(-5, 5),
            points=[Point(theta, s / theta, "here")],
            lines=[Line(y=s, label="s")],
        ),
        readouts={"mean": sp.Integral(x * Q, (x, -sp.oo, sp.oo)), "θ/s": theta / s},
        table={"θ²": theta**2},
        alt="Everything that a slider figure may hold.",
        caption="An example.",
    )


FIGURES = {
    "example": example,
    "loss": lambda: loss_sliders(gm.losses["lsgan"]),
    "distributions": lambda: distribution_sliders(gm.losses["label-smoothing"]),
    "kinks": lambda: distribution_sliders(gm.losses["hinge"]),
}
HTML = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
)


@dataclass
class Opened:
    """A page and what its console complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    found = Opened(page)
    page.on("console", lambda m: found.complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    yield found
    page.close()
    assert not found.complaints


@pytest.fixture(scope="module", params=FIGURES)
def html(request: pytest.FixtureRequest) -> str:
    return FIGURES[request.param]()._repr_html_()


def drawn(figure: Locator) -> list[str]:
    """All geometry of the figure that may move."""
    return figure.evaluate(
        """f => [...f.querySelectorAll('.gm-curve, .gm-fill, .gm-dot, .gm-line')].map(e =>
             ['d', 'cx', 'cy', 'visibility'].map(a => e.getAttribute(a)).join())"""
    )


def texts(figure: Locator) -> list[str]:
    return figure.locator(".gm-readouts dd").all_inner_texts()


def settle(page: Page) -> None:
    """After the frame in which a move is drawn."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def move_every_slider(page: Page, figure: Locator) -> None:
    """From end to end by keyboard: figure, read-outs and the value that is spoken must change."""
    for slider in figure.locator("input[type=range]").all():
        seen = []
        for key in ("Home", "PageUp", "End"):  # what is read out may be the same at both ends
            slider.press(key)
            settle(page)
            seen.append((drawn(figure), texts(figure), slider.get_attribute("aria-valuetext")))
        (first, first_texts, first_value), *_, (last, _, last_value) = seen
        assert first_value != last_value
        assert first != last
        assert any(shown != first_texts for _, shown, _ in seen) or not first_texts
        name = slider.evaluate("e => e.labels[0].textContent")
        assert name.strip() and last_value.strip()
        assert figure.locator(f".gm-value >> text='{last_value}'").count()


def vertices(path: str) -> np.ndarray:
    return np.array(re.findall(r"-?[\d.]+", path), dtype=float).reshape(-1, 2)


def same_number(one: str, other: str) -> bool:
    """Equal text, or numbers that differ by a unit in the last of four digits (15.375 rounds both ways)."""
    if one == other:
        return True
    a, b = (float(text.replace("−", "-")) for text in (one, other))
    return abs(a - b) <= 1.01e-3 * max(abs(a), abs(b))


# --- one figure ------------------------------------------------------------------------------------


def test_every_slider_moves_the_figure(opened: Opened, html: str) -> None:
    opened.page.set_content(HTML + html)
    move_every_slider(opened.page, opened.page.locator(".gm-sliders"))


def test_the_script_draws_what_python_drew(opened: Opened, html: str) -> None:
    """After moving and Reset: curves, marks, labels, numbers and tables as in the first state."""
    page = opened.page
    page.set_content(HTML + html)
    figure = page.locator(".gm-sliders")
    get = """f => ({
      curves: [...f.querySelectorAll('.gm-curve, .gm-line')].map(e => e.getAttribute('d')),
      places: [...f.querySelectorAll('.gm-name, .gm-note, .gm-mark, .gm-dot')].map(e =>
        e.getAttribute('visibility') === 'hidden' ? null
          : ['x', 'y', 'cx', 'cy'].map(a => Number(e.getAttribute(a)))),
      texts: [...f.querySelectorAll('dd, td, .gm-value')].map(e => e.textContent),
    })"""
    first = figure.evaluate(get)
    figure.locator("input").first.press("End")
    settle(page)
    assert figure.evaluate(get)["curves"] != first["curves"]
    figure.get_by_role("button", name="Reset").click()
    figure.locator("summary").click()
    page.wait_for_timeout(600)
    again = figure.evaluate(get)
    for shown in zip(first["texts"], again["texts"], strict=True):
        assert same_number(*shown), shown
    for old, new in zip(first["curves"], again["curves"], strict=True):
        assert old.count("M") == new.count("M")
        pieces = zip(re.findall("M[^M]*", old), re.findall("M[^M]*", new), strict=True)
        for python, script in pieces:
            if "H" in python or "V" in python:
                assert python == script
                continue
            a, b = vertices(python), vertices(script)
            # Python leaves out points that move the line by less than a tenth of a unit; coordinates
            # are rounded to a tenth, which moves a steep line up or down by its slope times that
            slope = np.abs(np.gradient(b[:, 1], b[:, 0]))
            assert (np.abs(np.interp(b[:, 0], a[:, 0], a[:, 1]) - b[:, 1]) < 0.21 + 0.11 * slope).all()
    for old, new in zip(first["places"], again["places"], strict=True):
        assert (old is None) == (new is None)
        if old is not None:
            np.testing.assert_allclose(new, old, atol=0.11)


def test_drawn_curve_is_the_expression_after_a_move(opened: Opened) -> None:
    page = opened.page
    page.set_content(HTML + example()._repr_html_())
    shift, width = page.locator("input").all()
    for _ in range(20):
        shift.press("ArrowRight")
    for _ in range(4):
        width.press("ArrowLeft")
    settle(page)
    assert shift.get_attribute("aria-valuetext") == "3.00 σ"
    assert width.get_attribute("aria-valuetext") == "0.5"
    assert texts(page.locator(".gm-sliders")) == ["3", "6"]
    points = vertices(page.locator(".gm-panel .gm-curve").nth(1).get_attribute("d"))
    at = np.linspace(-6, 6, drawing.SAMPLES)
    density = np.exp(-((at - 3) ** 2) / 0.5) / (0.5 * np.sqrt(2 * np.pi))
    height = drawing.FRAME_HEIGHT * (1 - density / 0.6)
    np.testing.assert_allclose(points[:, 1], height, atol=0.0501)  # written to a tenth of a unit


def test_keys_of_the_native_slider(opened: Opened) -> None:
    page = opened.page
    page.set_content(HTML + example()._repr_html_())
    slider = page.get_by_role("slider", name="shift θ")
    seen = {}
    for key in ("Home", "PageUp", "ArrowUp", "ArrowLeft", "PageDown", "End"):
        slider.press(key)
        settle(page)
        seen[key] = float(slider.get_attribute("aria-valuetext").split()[0])
    assert seen["Home"] == 0 and seen["End"] == 4
    assert seen["PageUp"] > seen["Home"] + 0.2  # several steps at once
    assert seen["ArrowUp"] == pytest.approx(seen["PageUp"] + 0.05)
    assert seen["ArrowLeft"] == pytest.approx(seen["PageUp"])
    assert seen["PageDown"] == pytest.approx(seen["Home"])


def test_screen_readers_hear_the_result_once_the_slider_rests(opened: Opened) -> None:
    page = opened.page
    page.set_content(HTML + example()._repr_html_())
    live = page.get_by_role("status")
    assert live.inner_text() == ""
    said = page.evaluate_handle("() => []")
    page.evaluate(
        "said => new MutationObserver(() => said.push(1))"
        ".observe(document.querySelector('.gm-live'), {childList: true})",
        said,
    )
    for _ in range(5):
        page.get_by_role("slider", name="shift θ").press("ArrowLeft")
    expect(live).to_have_text("mean: 1.75; θ/s: 1.75")
    assert said.json_value() == [1]


def test_table_follows_while_it_is_open(opened: Opened) -> None:
    page = opened.page
    page.set_content(HTML + example()._repr_html_())
    page.locator("summary").click()
    width = page.get_by_role("slider", name="width s")
    width.press("End")
    rows = page.locator("table").first.locator("tbody tr")
    # θ from 0 to 4 in nine rows: mean, θ/s with s = 4, θ²
    expect(rows.nth(8).locator("td")).to_have_text(["4", "1", "16"])
    expect(rows.nth(4).locator("td")).to_have_text(["2", "0.5", "4"])
    expect(page.locator("table").nth(1).locator("tbody tr").nth(4).locator("td").nth(1)).to_have_text(
        "0.08802"
    )


def test_paper_shows_the_first_state(opened: Opened) -> None:
    page = opened.page
    page.set_content(HTML + example()._repr_html_())
    slider = page.get_by_role("slider", name="shift θ")
    slider.press("End")
    settle(page)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert slider.get_attribute("aria-valuetext") == "2.00 σ"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert slider.get_attribute("aria-valuetext") == "4.00 σ"


# --- around it -------------------------------------------------------------------------------------


def test_several_figures_on_one_page_do_not_meet(opened: Opened) -> None:
    page = opened.page
    page.set_content(HTML + example()._repr_html_() * 2 + FIGURES["kinks"]()._repr_html_())
    figures = page.locator(".gm-sliders").all()
    before = [drawn(figure) for figure in figures]
    for i, figure in enumerate(figures):
        move_every_slider(page, figure)
        others = [drawn(other) for other in figures]
        assert [k for k in range(3) if others[k] != before[k]] == list(range(i + 1))
    own = page.evaluate("Object.keys(window).filter(name => /^gm|^start$|^data$|^softplus$/.test(name))")
    assert own == []


def test_without_scripts_the_first_state_can_be_read(browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(HTML + example()._repr_html_())
    assert page.get_by_text("Drawn at shift θ = 2.00 σ, width s = 1.").is_visible()
    assert page.locator(".gm-panel").first.is_visible()
    assert page.locator(".gm-readouts").inner_text().split() == ["mean", "2", "θ/s", "2"]
    assert not page.locator("input").first.is_visible()
    page.locator("summary").click()
    assert page.locator("td").first.is_visible()
    context.close()


@pytest.mark.parametrize(
    "insert",
    [
        # a frame of its own, as in Colab
        """html => { const f = document.createElement('iframe'); f.srcdoc = html; f.width = 800;
             document.body.append(f); }""",
        # JupyterLab: markup first, its scripts made anew, all of it in the page only later
        """html => { const host = document.createElement('div'); host.innerHTML = html;
             for (const old of host.querySelectorAll('script')) {
               const fresh = document.createElement('script'); fresh.textContent = old.textContent;
               old.replaceWith(fresh); }
             setTimeout(() => document.body.append(host), 50); }""",
        # and one that runs the script before the markup is in the page
        """html => { const host = document.createElement('div'); host.innerHTML = html;
             const code = host.querySelector('script').textContent;
             setTimeout(() => document.body.append(host), 200); (0, eval)(code); }""",
    ],
    ids=["frame", "late", "script first"],
)
def test_ways_notebooks_show_an_output(opened: Opened, insert: str) -> None:
    page = opened.page
    page.set_content(HTML + "<body></body>")
    page.evaluate(insert, example()._repr_html_())
    page.wait_for_timeout(400)
    frame = page.frames[-1]
    slider = frame.get_by_role("slider", name="shift θ")
    slider.press("End")
    frame.wait_for_function("document.querySelector('input').getAttribute('aria-valuetext') === '4.00 σ'")


def test_keys_stay_in_the_widget(opened: Opened) -> None:
    page = opened.page
    page.set_content(HTML + example()._repr_html_())
    page.evaluate("() => { window.heard = 0; document.addEventListener('keydown', () => window.heard++); }")
    page.get_by_role("slider", name="shift θ").press("ArrowRight")
    assert page.evaluate("window.heard") == 0
    assert page.locator("[data-lm-suppress-shortcuts=true]").count() == 1


def test_on_a_phone_nothing_is_too_wide_or_too_small(opened: Opened, html: str) -> None:
    page = opened.page
    page.set_viewport_size({"width": 360, "height": 740})
    page.set_content(HTML + html)
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for target in (*page.locator("input").all(), page.locator(".gm-reset"), page.locator("summary")):
        assert target.bounding_box()["height"] >= 44
    width = page.locator("input").first.bounding_box()["width"]
    assert width > 150


def test_focus_is_visible(opened: Opened) -> None:
    page = opened.page
    page.set_content(HTML + example()._repr_html_())
    page.keyboard.press("Tab")
    focused = page.evaluate(
        "[document.activeElement.type, getComputedStyle(document.activeElement).outlineStyle]"
    )
    assert focused == ["range", "solid"]


# --- the book --------------------------------------------------------------------------------------

WITH_SLIDERS = sorted(
    path.relative_to(SITE).as_posix()
    for path in SITE.rglob("*.html")
    if "_static" not in path.parts and 'class="gm-widget gm-sliders"' in path.read_text("utf-8")
)


@pytest.mark.parametrize("name", WITH_SLIDERS)
def test_sliders_of_the_book(opened: Opened, site: str, name: str) -> None:
    opened.page.goto(f"{site}/{name}", wait_until="load")
    for figure in opened.page.locator(".gm-sliders").all():
        # a folded solution hides its sliders
        figure.evaluate("e => { for (; e; e = e.parentElement) if (e.tagName === 'DETAILS') e.open = true; }")
        move_every_slider(opened.page, figure)
