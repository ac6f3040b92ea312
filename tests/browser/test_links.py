"""The built pages as files, without a browser: every link leads somewhere, every address is kept."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from sphinx.util.inventory import InventoryFile

import ganmath

from ..conftest import ROOT
from .conftest import BUILT, SITE

pytestmark = pytest.mark.usefixtures("site")
ADDRESSES = ROOT / "book" / "urls.txt"


class Links(HTMLParser):
    """Anchors of a page, and what it links to or loads."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is not None and (name == "id" or (tag == "a" and name == "name")):
                self.anchors.add(value)
            elif value is not None and name in ("href", "src", "action"):
                self.targets.add(value)


@cache
def links(page: Path) -> Links:
    found = Links()
    found.feed(page.read_text(encoding="utf-8"))
    return found


def dead(page: Path) -> Iterator[str]:
    """Targets of a page that are on this site and do not exist."""
    for target in sorted(links(page).targets):
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if not file.is_file():
            yield f"{target}: no such file"
        elif parts.fragment and file.suffix == ".html" and unquote(parts.fragment) not in links(file).anchors:
            yield f"{target}: no such anchor"


@pytest.mark.parametrize("name", BUILT)
def test_every_link_on_the_site_leads_somewhere(name: str) -> None:
    assert not list(dead(SITE / name))


def test_addresses_are_kept() -> None:
    """Whoever links to a page of one version finds it in the next one. A page that goes away leaves a
    page behind that says where its content is; a new page is added to the list."""
    listed = ADDRESSES.read_text().split()
    assert listed == sorted(set(listed)), "book/urls.txt is sorted, one address a line"
    assert not set(listed) - set(BUILT), "published addresses without a page"
    assert not set(BUILT) - set(listed), "pages that are not listed in book/urls.txt: add them"


def test_every_public_name_is_in_the_reference() -> None:
    with (SITE / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda _, path: path)
    documented = {name for kind, names in inventory.items() if kind.startswith("py:") for name in names}
    public = {f"{home}.{name}" for name, home in ganmath._home_of.items()}
    assert not public - documented, "add them to a page under book/api/"
