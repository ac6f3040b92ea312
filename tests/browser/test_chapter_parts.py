"""What frames a chapter: the card at its head, the citation and the link to the changes at its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from ..conftest import ROOT

pytestmark = pytest.mark.browser

CHAPTERS = sorted(path.stem for path in (ROOT / "book").glob("*.ipynb"))


@pytest.fixture(scope="module")
def page(browser: Browser, site: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, permissions=["clipboard-read", "clipboard-write"]
    )
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_card_stands_under_the_title_and_its_links_lead_somewhere(
    page: Page, site: str, chapter: str
) -> None:
    page.goto(f"{site}/book/{chapter}.html")
    card = page.locator("h1 + .gm-card")
    expect(card).to_have_count(1)
    assert card.locator("dt").count() == card.locator("dd").count() >= 1
    box = card.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360
    targets = card.locator("a").evaluate_all("links => links.map(a => a.href)")
    assert any(target.endswith(f"/notebooks/{chapter}.ipynb") for target in targets)
    for target in targets:
        assert target.startswith(site)  # a local build knows no repository, so no button leads to Colab
        answer = page.request.get(target)
        assert answer.ok
        if "#" in target:
            assert f'id="{target.split("#")[1]}"' in answer.text()


def test_citation_unfolds_and_is_copied(page: Page, site: str) -> None:
    page.goto(f"{site}/book/minimax.html")
    entry = page.locator(".gm-cite pre")
    expect(entry).to_be_hidden()
    page.get_by_text("Cite this page").click()
    expect(entry).to_be_visible()
    entry.hover()
    page.locator(".gm-cite button.copybtn").click()
    page.wait_for_function(
        "navigator.clipboard.readText().then(t => t.startsWith('@incollection{ganmath-minimax'))"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_changes_are_one_link_away(page: Page, site: str) -> None:
    page.goto(f"{site}/book/nonsaturating.html")
    page.locator(".gm-changes a").click()
    page.wait_for_url("**/book/changes.html")
    expect(page.locator("article h1")).to_be_visible()
