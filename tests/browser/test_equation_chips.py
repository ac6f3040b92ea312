"""The marks beside equations: seen by pointer, keyboard and finger, and what they copy is the registry's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from ganmath.theory.equations import equations

pytestmark = pytest.mark.browser

LABEL = "minimax.reduction"
CHIP = "#equation-minimax-reduction + .gm-evidence"

# WCAG 2 contrast of an element's text against the first opaque background behind it
CONTRAST = """e => {
  const rgb = s => (s.match(/[\\d.]+/g) || []).map(Number)
    .map((v, i) => s.startsWith('color(srgb') && i < 3 ? v * 255 : v);
  const luminance = c => c.slice(0, 3).map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  let ground = e;
  const opaque = c => c.length === 3 || c[3] > .5;
  while (ground && !opaque(rgb(getComputedStyle(ground).backgroundColor))) ground = ground.parentElement;
  const behind = ground ? rgb(getComputedStyle(ground).backgroundColor) : [255, 255, 255];
  const [a, b] = [luminance(rgb(getComputedStyle(e).color)), luminance(behind)].sort((x, y) => y - x);
  return (a + .05) / (b + .05);
}"""


def open_page(
    browser: Browser, site: str, name: str = "book/minimax.html", width: int = 1280, **options
) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, permissions=["clipboard-read", "clipboard-write"], **options
    )
    page = context.new_page()
    page.goto(f"{site}/{name}", wait_until="load")
    if options.get("java_script_enabled", True):
        page.wait_for_function("window.MathJax?.startup?.promise !== undefined")
        page.evaluate("MathJax.startup.promise.then(() => true)")
    return page


@pytest.fixture(scope="module")
def minimax(browser: Browser, site: str) -> Iterator[Page]:
    page = open_page(browser, site)
    yield page
    page.context.close()


@pytest.fixture
def page(minimax: Page) -> Page:
    """The chapter with no popover open and the pointer in a corner."""
    minimax.mouse.move(2, 2)
    minimax.evaluate("document.activeElement.blur()")
    minimax.keyboard.press("Escape")
    minimax.locator(CHIP).scroll_into_view_if_needed()
    expect(minimax.locator(".gm-popover:visible")).to_have_count(0)
    return minimax


def test_every_numbered_equation_has_a_mark_with_a_row(page: Page, site: str) -> None:
    numbered = page.locator("div.math[id^='equation-']").count()
    assert numbered == sum(label.startswith("minimax.") for label in equations)
    assert page.locator("div.math[id^='equation-'] + .gm-evidence > button").count() == numbered
    rows = page.evaluate(
        """async targets => {
          const html = await (await fetch('equations.html')).text();
          const there = new DOMParser().parseFromString(html, 'text/html');
          return targets.map(t => there.getElementById(decodeURIComponent(t.split('#')[1]))?.tagName);
        }""",
        page.eval_on_selector_all(".gm-popover a", "links => links.map(a => a.href)"),
    )
    assert rows == ["TR"] * numbered


def test_pointer_shows_and_leaving_hides(page: Page) -> None:
    button, popover = page.locator(f"{CHIP} > button"), page.locator(f"{CHIP} .gm-popover")
    button.hover()
    expect(popover).to_be_visible()
    expect(popover).to_contain_text("checked: proved by sympy")
    expect(button).to_have_attribute("aria-expanded", "true")
    popover.locator("a").hover()  # the way there does not close it
    page.wait_for_timeout(400)
    expect(popover).to_be_visible()
    page.mouse.move(2, 2)
    expect(popover).to_be_hidden()
    expect(button).to_have_attribute("aria-expanded", "false")


def test_keyboard_reaches_all_and_escape_closes(page: Page) -> None:
    button, popover = page.locator(f"{CHIP} > button"), page.locator(f"{CHIP} .gm-popover")
    button.focus()
    expect(popover).to_be_visible()
    assert button.get_attribute("aria-controls") == popover.get_attribute("id")
    page.keyboard.press("Tab")
    expect(popover.locator("a")).to_be_focused()
    page.keyboard.press("Tab")
    expect(popover.get_by_role("button", name="copy LaTeX")).to_be_focused()
    page.keyboard.press("Escape")
    expect(popover).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(popover).to_be_visible()
    page.keyboard.press("Enter")
    expect(popover).to_be_hidden()
    button.blur()
    button.focus()
    for _ in range(4):  # through the popover and out of it
        page.keyboard.press("Tab")
    expect(popover).to_be_hidden()


def test_escape_closes_what_the_pointer_opened(page: Page) -> None:
    page.locator(f"{CHIP} > button").hover()
    expect(page.locator(f"{CHIP} .gm-popover")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(f"{CHIP} .gm-popover")).to_be_hidden()


@pytest.mark.parametrize(("what", "attribute"), [("LaTeX", "latex"), ("sympy", "sympy")])
@pytest.mark.parametrize("label", [LABEL, "minimax.bounds", "minimax.dirac_field"])
def test_copies_exactly_what_is_registered(page: Page, label: str, what: str, attribute: str) -> None:
    chip = page.locator(f"#equation-{label.replace('.', '-').replace('_', '-')} + .gm-evidence")
    chip.locator("> button").click()
    chip.get_by_role("button", name=f"copy {what}").click()
    expect(chip.get_by_role("status")).to_have_text(f"{what} copied")
    assert page.evaluate("navigator.clipboard.readText()") == getattr(equations[label], attribute)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_finger_on_a_phone(browser: Browser, site: str, theme: str) -> None:
    """A tap shows, a second tap hides; nothing is wider than the page, and all can be read."""
    page = open_page(browser, site, width=360, has_touch=True, color_scheme=theme)
    for chip in page.locator("div.math[id^='equation-'] + .gm-evidence").all():
        button, popover = chip.locator("> button"), chip.locator(".gm-popover")
        if not button.is_visible():  # inside a closed proof
            continue
        button.tap()
        expect(popover).to_be_visible()
        box, mark = popover.bounding_box(), button.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360
        assert mark["x"] + mark["width"] <= 360 and mark["height"] >= 24
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for part in (
            button,
            popover.locator("a"),
            popover.locator("> div").first,
            popover.locator("button").last,
        ):
            assert part.evaluate(CONTRAST) >= 4.5
        button.tap()
        expect(popover).to_be_hidden()
    page.context.close()


def test_number_stays_where_it_is_without_the_mark(page: Page) -> None:
    number = page.locator("#equation-minimax-reduction > .eqno")
    formula = page.locator("#equation-minimax-reduction")

    def offsets() -> tuple[float, float]:
        a, b = number.bounding_box(), formula.bounding_box()
        return a["x"] - b["x"], a["y"] - b["y"]

    with_mark = offsets()
    page.locator(CHIP).evaluate("e => { e.style.display = 'none'; }")
    assert offsets() == with_mark
    page.locator(CHIP).evaluate("e => { e.style.display = ''; }")


def test_without_a_script_the_mark_is_a_link_to_the_row(browser: Browser, site: str) -> None:
    page = open_page(browser, site, java_script_enabled=False)
    link = page.locator(f"{CHIP} > a")
    expect(link).to_have_text("proved")
    link.click()
    page.wait_for_url("**/book/equations.html#minimax.reduction")
    expect(page.locator("tr:target a").first).to_have_attribute(
        "href", "minimax.html#equation-minimax-reduction"
    )
    expect(page.locator(".gm-copy:visible")).to_have_count(0)
    page.context.close()


def test_page_of_all_equations(browser: Browser, site: str) -> None:
    """A row for each; its buttons copy the label, LaTeX and source; a phone scrolls formulas in their box."""
    page = open_page(browser, site, "book/equations.html", width=360)
    assert page.locator("table.gm-equations tbody tr").count() == len(equations)
    expect(page.get_by_text(f"{len(equations)} of {len(equations)} displayed equations")).to_be_visible()
    row = page.locator("[id='minimax.reduction']")
    for what, text in {
        "label": LABEL,
        "LaTeX": equations[LABEL].latex,
        "sympy": equations[LABEL].sympy,
    }.items():
        row.get_by_role("button", name=f"copy {what}").click()
        expect(page.locator(".gm-corner")).to_have_text(f"{what} copied")
        assert page.evaluate("navigator.clipboard.readText()") == text
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    row.locator("a").first.click()
    page.wait_for_url("**/book/minimax.html#equation-minimax-reduction")
    page.context.close()
