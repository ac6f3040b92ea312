"""The atlas in a browser: sorting and filters by mouse and keyboard, cards on a phone, no script at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

import ganmath as gm

pytestmark = pytest.mark.browser

COUNT = len(gm.losses)


@pytest.fixture(scope="module")
def open_page(browser: Browser, site: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    # formulas have a test of their own (test_pages); without MathJax the page is there at once
    context.route("**/mathjax/**", lambda route: route.abort())
    page = context.new_page()
    page.goto(f"{site}/book/atlas.html", wait_until="load")
    yield page
    context.close()


@pytest.fixture
def page(open_page: Page) -> Page:
    """The atlas at 1280 px with nothing filtered or sorted."""
    open_page.set_viewport_size({"width": 1280, "height": 900})
    if open_page.get_by_role("button", name="Show all").is_enabled():
        open_page.get_by_role("button", name="Show all").click()
    return open_page


def shown(page: Page) -> list[str]:
    """Anchors of the rows in sight, in order."""
    return page.eval_on_selector_all(".gm-atlas tbody tr:not([hidden])", "rows => rows.map(r => r.id)")


def status(page: Page) -> str:
    return page.locator(".gm-atlas-count").inner_text()


def test_rows_come_from_the_catalogue_in_its_order(page: Page) -> None:
    assert shown(page) == [f"loss-{name}" for name in gm.losses]
    assert status(page) == f"{COUNT} of {COUNT} losses shown."
    for name, loss in gm.losses.items():
        text = page.locator(f"#loss-{name}").inner_text().replace("’", "'")
        assert (loss.title or name) in text and f'gm.losses["{name}"]' in text
    chapter = page.locator("#loss-minimax td").last.get_by_role("link")
    assert chapter.get_attribute("href") == "minimax.html"


def test_heading_sorts_by_mouse_and_by_keyboard(page: Page) -> None:
    titles = {f"loss-{name}": loss.title or name for name, loss in gm.losses.items()}
    heading = page.get_by_role("columnheader", name="Loss", exact=True)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    order = [titles[row] for row in shown(page)]
    assert order == page.evaluate("names => [...names].sort((a, b) => a.localeCompare(b))", order)
    assert order != list(titles.values()) and status(page).endswith("sorted by Loss.")

    page.keyboard.press("Enter")  # the button has the focus
    assert heading.get_attribute("aria-sort") == "descending"
    assert [titles[row] for row in shown(page)] == order[::-1]

    other = page.get_by_role("columnheader", name="Critic’s loss at p = q")
    other.get_by_role("button").focus()
    page.keyboard.press("Space")
    assert heading.get_attribute("aria-sort") is None
    # numbers are sorted as numbers: 2 log 2 after 1/4, not by their formulas
    rows = shown(page)
    assert rows.index("loss-lsgan") < rows.index("loss-minimax") < rows.index("loss-hinge")


def test_filters_narrow_together_and_the_count_is_announced(page: Page) -> None:
    assert page.locator(".gm-atlas-count").get_attribute("role") == "status"
    page.get_by_label("Generator’s gradient").select_option("saturates")
    saturating = shown(page)
    assert "loss-minimax" in saturating and "loss-nonsaturating" not in saturating
    assert status(page) == f"{len(saturating)} of {COUNT} losses shown."
    page.get_by_label("Divergence of D").select_option("Jensen-Shannon")
    assert shown(page) == ["loss-minimax", "loss-renyi"]
    page.get_by_label("Find").fill("no such loss")
    assert shown(page) == [] and status(page) == f"0 of {COUNT} losses shown."
    page.get_by_role("button", name="Show all").click()
    assert len(shown(page)) == COUNT
    assert page.evaluate("document.activeElement.id") == "gm-atlas-search"
    page.keyboard.type("Goodfellow non-SAT")
    assert shown(page) == ["loss-nonsaturating"]


def test_only_what_sympy_proved_is_left_by_the_filter_on_evidence(page: Page) -> None:
    page.get_by_label("Weakest evidence").select_option("proved")
    proved = shown(page)
    assert "loss-minimax" in proved and "loss-hinge" not in proved
    for row in proved:
        chips = page.locator(f"#{row} .gm-chip").all_inner_texts()
        assert chips and set(chips) == {"proved"}


def test_wide_tables_scroll_in_boxes_that_the_keyboard_reaches(page: Page) -> None:
    for name in ("Atlas of losses", "Critics and generators"):
        box = page.get_by_role("region", name=name)
        box.focus()
        assert box.evaluate("e => e === document.activeElement && e.scrollWidth > e.clientWidth")
        left = box.locator("tbody tr:first-child > :first-child").bounding_box()["x"]
        box.evaluate("e => { e.scrollLeft = 400; }")
        moved = box.locator("tbody tr:first-child > :first-child").bounding_box()["x"]
        assert abs(moved - left) <= 1  # the first column stays, but for the border
        box.evaluate("e => { e.scrollLeft = 0; }")


def test_pairs_say_their_verdict_in_words(page: Page) -> None:
    cells = page.locator(".gm-pairs td").all_inner_texts()
    assert cells
    verdicts = ("decreases", "increases", "no divergence", "no gradient", "no finite gradient", "not derived")
    assert not [text for text in cells if not text.strip().startswith(verdicts)]


def test_link_to_a_row_brings_back_a_row_that_is_filtered_out(page: Page) -> None:
    page.get_by_label("Find").fill("minimax")
    page.evaluate("location.hash = '#loss-lsgan'")
    page.wait_for_function("!document.getElementById('loss-lsgan').hidden")
    page.evaluate("history.replaceState(null, '', location.pathname)")


def test_on_a_phone_a_loss_is_a_card(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    card = page.locator("#loss-minimax")
    box = card.bounding_box()
    assert 300 < box["width"] <= 360
    assert card.get_by_text("G, gradient reading").is_visible()
    value = card.get_by_text("G, value reading")
    assert not value.is_visible()
    more = card.get_by_role("button", name="all entries")
    assert more.get_attribute("aria-expanded") == "false"
    more.press("Enter")
    assert value.is_visible()
    assert card.get_by_role("button", name="fewer entries").get_attribute("aria-expanded") == "true"
    # headings are out of sight here, so sorting has a list of its own
    page.get_by_label("Sort by").select_option("Year")
    years = [gm.losses[row.removeprefix("loss-")].year for row in shown(page)]
    dated = [year for year in years if year]
    assert dated == sorted(dated) and None not in years[: len(dated)]
    card.get_by_role("button", name="fewer entries").click()


def test_without_javascript_it_is_a_plain_table_with_everything(browser: Browser, site: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/book/atlas.html")
    rows = page.locator(".gm-atlas tbody tr")
    assert rows.count() == COUNT and all(row.is_visible() for row in rows.all())
    # no control that does nothing
    assert page.locator("article .gm-atlas-tools, article .gm-sort, article .gm-copy").count() == 0
    context.close()
