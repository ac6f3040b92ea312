"""A film in a page of its own: every frame reachable by keyboard, drawn where its numbers say.

The films are made here, of frames whose place in the picture is known, and judged by what the browser
shows: where a curve stands beside the ticks, what colour a pixel has.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from ganmath.widgets.films import Film, Packed, _heat_sprite, _image_sprite

from ..conftest import ROOT
from .test_pages import LOW_CONTRAST, OVERFLOW, WITHOUT_NAME

pytestmark = pytest.mark.browser

STEPS = (100, 200, 300, 400, 500)
LOSSES = {"critic loss": (1.2, 1.25, 1.3, 1.35, None), "optimum": (1.0, 1.1, 1.2, 1.3, 1.386)}
INK = {"light": ("#ffffff", "#222832"), "dark": ("#14181e", "#ced6dd")}


def packed(**values: object) -> dict[str, Packed]:
    return {name.replace("_", " "): Packed.of(value) for name, value in values.items()}


def line() -> Film:
    """Frame k: the critic is k everywhere, q a bump at -2 + k, the optimal critic missing below 0."""
    x = np.linspace(-3, 3, 121)
    k = np.arange(5)[:, None]
    bump = np.exp(-2 * (x - (k - 2)) ** 2)
    optimal = np.where(x < 0, np.nan, 4.0 - k + 0 * x)
    arrays = packed(x=x, p=np.exp(-2 * x**2), q=bump, critic=k + 0 * x, optimal_critic=optimal)
    return Film("line", STEPS, LOSSES, arrays, {"note": "How the numbers were computed."})


def plane() -> Film:
    """Frame k: all samples at (k - 2, 1); the heat map green on even frames, purple on odd ones."""
    q = np.stack([np.full((9, 2), (k - 2, 1)) for k in range(5)])
    heat = np.stack([np.full((48, 48), (-1.0) ** k) for k in range(5)])
    arrays = packed(real=np.zeros((4, 2)), q=q, extent=[(-3, -3), (3, 3)])
    return Film("plane", STEPS, LOSSES, arrays, {"note": ""}, _heat_sprite(heat))


def images() -> Film:
    """Frame k: sixteen images of one grey, darker than the next frame's."""
    levels = np.linspace(-0.8, 0.8, 5)[:, None, None, None, None]
    sprite = _image_sprite(np.broadcast_to(levels, (5, 16, 1, 28, 28)))
    return Film("images", STEPS, LOSSES, {}, {"note": ""}, sprite)


Open = Callable[..., Page]


@pytest.fixture
def open_film(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    contexts = []

    def open_page(*films: Film, theme: str = "light", width: int = 1280, **settings: object) -> Page:
        ground, ink = INK[theme]
        css = (ROOT / "book/_static/ganmath.css").read_text()
        outputs = "".join(
            film.show(alt=f"The film of a {film.kind}.", caption="A film.")._repr_html_() for film in films
        )
        path = tmp_path / "film.html"
        path.write_text(
            f'<!doctype html><html lang="en" data-theme="{theme}"><title>Film</title>'
            '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<style>:root{{color-scheme:{theme};--pst-color-text-base:{ink}}}"
            f"body{{background:{ground};color:{ink};margin:12px}}{css}</style>"
            f'<article class="bd-article">{outputs}</article></html>',
            encoding="utf-8",
        )
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, **settings
        )
        contexts.append(context)
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else problems.append(r.url))
        if "reduced_motion" in settings:  # time stands still until the test moves it
            page.clock.install(time=0)
            page.clock.pause_at(1000)
        page.goto(path.as_uri())
        page.problems = problems  # type: ignore[attr-defined]
        return page

    yield open_page
    for context in contexts:
        assert [p.problems for p in context.pages] == [[] for _ in context.pages]
        context.close()


def slider(page: Page):
    return page.get_by_role("slider", name="step")


def go_to(page: Page, frame: int) -> None:
    slider(page).focus()
    page.keyboard.press("Home")
    for _ in range(frame):
        page.keyboard.press("ArrowRight")


def centre(page: Page, selector: str) -> tuple[float, float]:
    """Middle of an element on the screen."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def ticks(page: Page, text: str) -> list[dict[str, float]]:
    """Boxes of the axes' labels that say this, from the top of the screen down."""
    boxes = [t.bounding_box() for t in page.locator(f'figure > svg text:text-is("{text}")').all()]
    return sorted((box for box in boxes if box), key=lambda box: box["y"])


def up(page: Page, value: int) -> float:
    """Screen y of a tick of the upper picture."""
    box = ticks(page, str(value))[0]
    return box["y"] + box["height"] / 2


def along(page: Page, value: int) -> float:
    """Screen x of a tick of the axis along the bottom."""
    box = ticks(page, str(value).replace("-", "−"))[-1]
    return box["x"] + box["width"] / 2


# --- the player -----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [line, plane, images])
def test_every_frame_by_keyboard_with_read_out_and_table(open_film: Open, make: Callable[[], Film]) -> None:
    page = open_film(make())
    control, read_out = slider(page), page.locator("output")
    last = "Step 500 of 500: critic loss –, optimum 1.386"
    expect(read_out).to_have_text(last)  # the last frame first
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Play")).to_be_focused()
    page.keyboard.press("Tab")
    expect(control).to_be_focused()
    page.get_by_text("Table of the values").click()
    control.focus()
    page.keyboard.press("Home")
    for k, step in enumerate(STEPS):
        expect(control).to_have_attribute("aria-valuetext", f"step {step} of 500")
        loss = "–" if k == 4 else f"{LOSSES['critic loss'][k]:.3f}"
        optimum = f"{LOSSES['optimum'][k]:.3f}"
        expect(read_out).to_have_text(f"Step {step} of 500: critic loss {loss}, optimum {optimum}")
        row = page.locator('tr[aria-current="true"]')
        assert row.locator("th, td").all_inner_texts() == [str(step), loss, optimum]
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(control).to_have_attribute("aria-valuetext", "step 400 of 500")
    page.keyboard.press("End")
    expect(read_out).to_have_text(last)
    assert page.locator("thead th[scope=col]").all_inner_texts() == ["step", "critic loss", "optimum"]


@pytest.mark.parametrize("motion, too_soon, due", [("no-preference", 150, 100), ("reduce", 1900, 200)])
def test_plays_only_when_asked_and_calmly_where_wanted(open_film: Open, motion, too_soon, due) -> None:
    page = open_film(line(), reduced_motion=motion)
    control = slider(page)
    page.clock.run_for(10_000)
    expect(control).to_have_attribute("aria-valuetext", "step 500 of 500")
    page.get_by_role("button", name="Play").press("Enter")
    expect(page.get_by_role("button", name="Pause")).to_be_focused()
    expect(page.locator("output")).to_have_attribute("aria-live", "off")
    page.clock.run_for(too_soon)
    expect(control).to_have_attribute("aria-valuetext", "step 100 of 500")
    page.clock.run_for(due)
    expect(control).to_have_attribute("aria-valuetext", "step 200 of 500")
    page.keyboard.press("Space")  # pauses
    page.clock.run_for(10_000)
    expect(control).to_have_attribute("aria-valuetext", "step 200 of 500")
    page.keyboard.press("Space")
    page.clock.run_for(10_000)
    expect(control).to_have_attribute("aria-valuetext", "step 500 of 500")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    expect(page.locator("output")).to_have_attribute("aria-live", "polite")


def test_films_on_one_page_move_alone(open_film: Open) -> None:
    page = open_film(line(), images(), line())
    sliders = page.get_by_role("slider").all()
    sliders[1].focus()
    page.keyboard.press("Home")
    assert [s.get_attribute("aria-valuetext") for s in sliders] == [
        "step 500 of 500",
        "step 100 of 500",
        "step 500 of 500",
    ]


@pytest.mark.parametrize("make", [line, plane, images])
def test_without_script_the_last_frame_and_the_table_stand(open_film: Open, make) -> None:
    page = open_film(make(), java_script_enabled=False)
    assert not page.get_by_role("button").all() and not page.get_by_role("slider").all()
    assert page.locator("output").inner_text().startswith("Step 500 of 500")
    page.get_by_text("Table of the values").click()
    assert page.locator("tbody tr").count() == 5
    assert page.get_by_role("img", name=f"The film of a {make().kind}.").is_visible()
    if make is line:
        y = centre(page, '[data-part="critic"] path')[1]
        assert y == pytest.approx(up(page, 4), abs=2)


# --- the pictures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1280, 360])
def test_curves_stand_where_the_axes_say(open_film: Open, width: int) -> None:
    page = open_film(line(), width=width)
    for k in (0, 3, 2, 4):
        go_to(page, k)
        assert centre(page, '[data-part="critic"] path')[1] == pytest.approx(up(page, k), abs=2)
        # nothing is drawn where the optimal critic is missing, x < 0
        box = page.locator('[data-part="optimal-critic"] path').bounding_box()
        assert box["x"] == pytest.approx(along(page, 0), abs=3)
        peak = page.evaluate(
            """() => {
              const path = document.querySelector('[data-part="q"] path');
              const points = path.getAttribute('d').slice(1).split('L').map(s => s.split(' ').map(Number));
              const top = points.reduce((a, b) => b[1] < a[1] ? b : a);
              const at = new DOMPoint(...top).matrixTransform(path.getScreenCTM());
              return at.x;
            }"""
        )
        left, right = along(page, -2), along(page, 2)
        assert peak == pytest.approx(left + (right - left) * k / 4, abs=3)


def test_labels_stay_beside_their_curves(open_film: Open) -> None:
    page = open_film(line())
    for k in range(5):
        go_to(page, k)
        boxes = {}
        for name in ("critic", "q", "p", "optimal-critic"):
            boxes[name] = page.locator(f'[data-part="{name}-label"] text').bounding_box()
        _, curve = centre(page, '[data-part="critic"] path')
        box = boxes["critic"]
        distance = max(box["y"] - curve, curve - box["y"] - box["height"])
        assert -2 < distance < 25, f"frame {k}"
        for a in boxes:
            for b in boxes:
                if a < b:
                    apart = max(
                        abs(boxes[a]["x"] + boxes[a]["width"] / 2 - boxes[b]["x"] - boxes[b]["width"] / 2)
                        - (boxes[a]["width"] + boxes[b]["width"]) / 2,
                        abs(boxes[a]["y"] + boxes[a]["height"] / 2 - boxes[b]["y"] - boxes[b]["height"] / 2)
                        - (boxes[a]["height"] + boxes[b]["height"]) / 2,
                    )
                    assert apart > -2, f"frame {k}: {a} on {b}"


def test_samples_and_heat_of_the_plane(open_film: Open) -> None:
    page = open_film(plane())
    for k in (0, 1, 4, 3):
        go_to(page, k)
        x = centre(page, '[data-part="q"] path')[0]
        left, right = along(page, -2), along(page, 2)
        assert x == pytest.approx(left + (right - left) * k / 4, abs=3)
        red, green, _ = pixel(page, "figure > svg", 0.3, 0.65)
        assert green > red if k % 2 == 0 else red > green


def test_image_sprite_shows_the_frame(open_film: Open) -> None:
    page = open_film(images())
    for k in (0, 4, 2, 1, 3):
        go_to(page, k)
        expected = 127.5 * (1 + np.linspace(-0.8, 0.8, 5)[k])
        for x, y in ((0.06, 0.25), (0.94, 0.25), (0.06, 0.75), (0.94, 0.75)):
            assert pixel(page, "figure > svg", x, y)[0] == pytest.approx(expected, abs=6), f"frame {k}"


def pixel(page: Page, selector: str, x: float, y: float) -> tuple[int, int, int]:
    """Colour at a place of an element, given in parts of its width and height."""
    shot = Image.open(io.BytesIO(page.locator(selector).first.screenshot())).convert("RGB")
    return shot.getpixel((int(x * shot.width), int(y * shot.height)))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_readable_in_both_themes_and_on_a_phone(open_film: Open, theme: str, width: int) -> None:
    page = open_film(line(), plane(), images(), theme=theme, width=width)
    for summary in page.get_by_text("Table of the values").all():
        summary.click()
    assert page.evaluate(WITHOUT_NAME) == []
    assert page.evaluate(LOW_CONTRAST) == []
    assert page.evaluate(OVERFLOW) == []
    for control in page.locator("button, input, summary").all():
        assert control.bounding_box()["height"] >= 44
