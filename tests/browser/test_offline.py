"""The packed book, unpacked where a reader might put it and opened without server or network."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ..conftest import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("site")]


@pytest.fixture(scope="module")
def book(site: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the unpacked book."""
    subprocess.run([sys.executable, ROOT / "tools" / "make_zip.py"], check=True, stdout=subprocess.DEVNULL)
    folder = tmp_path_factory.mktemp("my books é")
    with zipfile.ZipFile(ROOT / "_build" / "ganmath-book.zip") as packed:
        packed.extractall(folder)
    return folder / "ganmath-book"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that can reach files and nothing else; console errors fail the test."""
    context = browser.new_context(offline=True)
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda r: errors.append(f"failed: {r.url}"))
    page.on("request", lambda r: errors.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
    yield page
    context.close()
    assert not errors, errors


def test_it_opens_at_the_front_page(book: Path, page: Page) -> None:
    page.goto((book / "index.html").as_uri())
    expect(page.locator("article h1")).to_contain_text("GAN losses")
    page.get_by_role("link", name="Read").press("Enter")  # the link is the whole card
    expect(page.locator("article h1")).to_contain_text("Preface")


def test_a_chapter_is_set_and_its_scripts_run(book: Path, page: Page) -> None:
    page.goto((book / "book" / "minimax.html").as_uri())
    page.wait_for_function("window.MathJax?.startup?.promise !== undefined")
    page.evaluate("MathJax.startup.promise.then(() => true)")
    assert page.locator("mjx-container").count() > 50
    assert page.locator("button.copybtn").count() > 0


def test_every_page_knows_its_neighbours_and_its_sections(book: Path, page: Page) -> None:
    page.goto((book / "book" / "minimax.html").as_uri())
    expect(page.locator("a.left-prev")).to_have_attribute("href", "optimal-discriminator.html")
    expect(page.locator("a.right-next")).to_have_attribute("href", "nonsaturating.html")
    contents = page.locator("#pst-page-toc-nav a")
    assert contents.count() >= 5
    contents.nth(2).click()
    assert page.evaluate("location.hash && document.querySelector(decodeURI(location.hash)) !== null")


@pytest.mark.parametrize("word", ["saturates", "Jensen"])
def test_search_finds_a_word_of_the_chapters(book: Path, page: Page, word: str) -> None:
    page.goto((book / "search.html").as_uri())
    page.locator(".bd-search-container input[name=q]").fill(word)
    page.keyboard.press("Enter")
    results = page.locator("#search-results li a")
    expect(results.first).to_be_visible()
    assert any("minimax" in (link.get_attribute("href") or "") for link in results.all())
    results.first.click()
    expect(page.locator("article h1")).to_be_visible()
