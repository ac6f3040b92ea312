"""Head tags, sitemap and the page for wrong addresses, on a book of two pages with and without an address."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

pytest.importorskip("sphinx")

CONF = """
import sys
sys.path.insert(0, {extensions!r})
extensions = ["site_files"]
project = html_title = "A book"
html_baseurl = {address!r}
"""
FRONT = "Front\n=====\n\nWhat it is for. And more.\n\n.. toctree::\n\n   part/deep\n"
DEEP = 'Deep "page"\n===========\n\n.. note:: Not this.\n\nThe value is :math:`\\log 2`. See :doc:`/index`.\n'


def build(folder: Path, address: str) -> Path:
    (folder / "part").mkdir(parents=True)
    extensions = str(ROOT / "book" / "_ext")
    (folder / "conf.py").write_text(CONF.format(extensions=extensions, address=address))
    (folder / "index.rst").write_text(FRONT)
    (folder / "part" / "deep.rst").write_text(DEEP)
    command = [sys.executable, "-m", "sphinx", "-qW", "-b", "html", str(folder), str(folder / "html")]
    subprocess.run(command, check=True)
    return folder / "html"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("published"), "https://owner.example/book/")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("local"), "")


def tags(page: Path) -> dict[str, str]:
    """Contents of a page's meta tags by name or property."""
    found = re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', page.read_text())
    return dict(found)


def test_each_page_describes_itself(published: Path) -> None:
    front, deep = tags(published / "index.html"), tags(published / "part" / "deep.html")
    assert front["description"] == front["og:description"] == "What it is for."
    assert deep["description"] == "The value is log 2."  # the first paragraph, its formula without TeX
    assert deep["og:title"] == "Deep “page”"
    assert (front["og:type"], deep["og:type"]) == ("website", "article")


def test_a_published_page_names_its_address_and_card(published: Path) -> None:
    deep = published / "part" / "deep.html"
    address = "https://owner.example/book/part/deep.html"
    assert tags(deep)["og:url"] == address
    assert f'<link rel="canonical" href="{address}"' in deep.read_text()
    card = tags(deep)["og:image"]
    assert card.startswith("https://owner.example/book/")
    assert (ROOT / "book" / card.removeprefix("https://owner.example/book/")).is_file()


def test_sitemap_lists_every_page_and_no_other(published: Path) -> None:
    listed = re.findall("<loc>(.*?)</loc>", (published / "sitemap.xml").read_text())
    assert listed == ["https://owner.example/book/index.html", "https://owner.example/book/part/deep.html"]
    assert "Sitemap: https://owner.example/book/sitemap.xml" in (published / "robots.txt").read_text()


def test_the_page_for_wrong_addresses_works_at_any_depth(published: Path) -> None:
    """GitHub Pages shows it in place of /book/no/such/page, where a relative link would miss."""
    targets = re.findall(r'(?:href|src|action)="([^"]*)"', (published / "404.html").read_text())
    assert "/book/search.html" in targets and "/book/index.html" in targets
    assert not [t for t in targets if not t.startswith(("/book/", "#", "https:"))]


def test_without_an_address_nothing_points_anywhere(local: Path) -> None:
    for page in local.rglob("*.html"):
        assert not [name for name in tags(page) if name in ("og:url", "og:image", "twitter:card")]
        assert 'rel="canonical"' not in page.read_text()
    assert not (local / "sitemap.xml").exists()
    assert "Sitemap" not in (local / "robots.txt").read_text()
    assert 'action="search.html"' in (local / "404.html").read_text()
