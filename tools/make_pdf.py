"""Print the built book as one PDF: a title page, contents with page numbers, then every page in order.

usage: python tools/make_pdf.py [OUTPUT]    (default: _build/ganmath.pdf, from _build/html)

Chromium prints each page as the site shows it: formulas set, proofs and solutions unfolded, widgets in
their initial state. Links from page to page become links inside the document.
"""

from __future__ import annotations

import html
import io
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from playwright.sync_api import Browser, sync_playwright
from pypdf import PageObject, PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, FloatObject, NameObject, NullObject

import ganmath

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
CHROMIUM = os.environ.get("GANMATH_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PAPER: dict[str, Any] = {
    "format": "A4",
    "margin": {"top": "18mm", "bottom": "20mm", "left": "17mm", "right": "17mm"},
    "print_background": True,
    "scale": 0.85,
}
# proofs and solutions; cells whose code is hidden stay so
UNFOLD = """() => {
  for (const folded of document.querySelectorAll('details:not(.hide)')) folded.open = true;
  for (const folded of document.querySelectorAll('.toggle-hidden > button.toggle-button')) folded.click();
}"""
# Chromium keeps the place of an element only where a link on the same page leads to it. Links from other
# pages need it too: a hidden link to every anchor.
KEEP_ANCHORS = """() => {
  const links = document.createElement('div');
  links.hidden = true;
  for (const place of document.querySelectorAll('article [id]:not(mjx-container *, svg *)'))
    links.appendChild(document.createElement('a')).href = '#' + encodeURIComponent(place.id);
  document.querySelector('article').append(links);
}"""
STYLE = """body { font: 12pt/1.5 'DejaVu Sans', sans-serif; color: #1a1f2b; } a { color: inherit; }"""


@dataclass(frozen=True)
class Part:
    """One page of the site in print; level 0 for the caption of a part, which has no page."""

    title: str
    level: int
    address: str = ""  # such as book/minimax.html
    pdf: bytes = b""


def listed() -> Iterator[tuple[str, int]]:
    """Captions (level 0) and pages (level 1 and deeper) of the table of contents, in order."""

    def files(entries: list[dict[str, Any]], level: int) -> Iterator[tuple[str, int]]:
        for entry in entries:
            if "file" in entry:  # a page; other entries are links
                yield entry["file"] + ".html", level
            yield from files(entry.get("sections", []), level + 1)

    for part in yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]:
        yield part["caption"], 0
        yield from files(part["chapters"], 1)


def print_page(browser: Browser, address: str, level: int) -> Part:
    """One page of the site, printed."""
    page = browser.new_page(color_scheme="light", viewport={"width": 1000, "height": 1400})
    page.goto((SITE / address).as_uri(), wait_until="load")
    if page.locator(".math").count():
        page.evaluate("MathJax.startup.promise.then(() => true)")
    page.evaluate("document.fonts.ready.then(() => true)")
    page.evaluate(UNFOLD)
    page.evaluate(KEEP_ANCHORS)
    title = page.locator("article h1").first.inner_text().removesuffix("#").strip()
    pdf = page.pdf(**PAPER)
    page.close()
    return Part(title, level, address, pdf)


def print_html(browser: Browser, body: str, **paper: Any) -> PdfReader:
    """PDF of a text of this tool."""
    page = browser.new_page()
    page.set_content(f"<style>{STYLE}</style>{body}")
    pdf = page.pdf(**(PAPER | paper))
    page.close()
    return PdfReader(io.BytesIO(pdf))


def front(browser: Browser, parts: list[Part], numbers: dict[str, int]) -> PdfReader:
    """Title page and contents; the links of the contents name pages of the site."""
    title, _, subtitle = CONFIG["title"].partition(": ")
    body = f"""<div style="break-after: page; padding-top: 35%">
      <h1 style="font-size: 40pt; margin: 0">{html.escape(title)}</h1>
      <p style="font-size: 20pt; margin: 0">{html.escape(subtitle)}</p>
      <p style="margin-top: 3em">Version {ganmath.__version__}</p>
      <p>{html.escape(CONFIG["author"])}</p>
      <p style="font-size: 9pt; margin-top: 10em">Code under the MIT licence, prose and figures under
      CC BY 4.0. Figures that move and the loss lab are alive in the HTML edition.</p></div>
      <h2>Contents</h2>"""
    for part in parts:
        text = html.escape(part.title)
        if part.level == 0:
            body += f'<p style="margin: 1em 0 0.2em"><b>{text}</b></p>'
        else:
            body += (
                f'<div style="display: flex; margin-left: {part.level - 1}em; '
                'justify-content: space-between">'
                f'<a href="{(SITE / part.address).as_uri()}" style="text-decoration: none">{text}</a>'
                f"<span>{numbers.get(part.address, '')}</span></div>"
            )
    return print_html(browser, body, scale=1)


def page_numbers(browser: Browser, count: int) -> PdfReader:
    """As many empty pages with their number at the foot; the first, the title, has none."""
    sheet = '<div style="height: 297mm; break-after: page; position: relative">{}</div>'
    foot = '<span style="position: absolute; bottom: 9mm; width: 100%; text-align: center">{}</span>'
    body = "".join(sheet.format(foot.format(n) if n > 1 else "") for n in range(1, count + 1))
    return print_html(browser, f"<style>body {{ margin: 0 }}</style>{body}", margin={}, scale=1)


def places(reader: PdfReader, first: int) -> dict[str, tuple[int, float]]:
    """Anchors of one printed page: the page of the book they are on, and how high."""
    found = {}
    for name, place in reader.named_destinations.items():
        number = reader.get_destination_page_number(place)
        if number is not None:
            found[unquote(name.removeprefix("/"))] = (first + number, float(place.top or 0))
    return found


def target(link: DictionaryObject) -> str | None:
    """What a link annotation leads to: an address, or #anchor on the same printed page."""
    action = link.get("/A", DictionaryObject()).get_object()
    if "/URI" in action:
        return str(action["/URI"])
    place = link.get("/Dest", action.get("/D"))
    return "#" + unquote(str(place).removeprefix("/")) if place is not None else None


def relink(
    page: PageObject, address: str, book: PdfWriter, anchors: dict[str, dict[str, tuple[int, float]]]
) -> None:
    """Lead a page's links on the site to their places in the book; drop those to what is not in it."""
    kept = ArrayObject()
    for reference in page.get("/Annots", ArrayObject()):
        link = reference.get_object()
        goal = target(link) if link.get("/Subtype") == "/Link" else None
        if goal is not None and not goal.startswith(("http:", "https:", "mailto:")):
            parts = urlsplit(goal)
            file = os.path.relpath(unquote(parts.path), SITE) if parts.path else address
            if file not in anchors:
                continue
            number, top = anchors[file].get(unquote(parts.fragment)) or anchors[file][""]
            for key in ("/A", "/Dest"):
                link.pop(key, None)
            there = book.pages[number].indirect_reference
            place = [there, NameObject("/XYZ"), NullObject(), FloatObject(top), NullObject()]
            link[NameObject("/Dest")] = ArrayObject(place)
        kept.append(reference)
    page[NameObject("/Annots")] = kept


def bind(browser: Browser, parts: list[Part]) -> PdfWriter:
    """All parts as one document with page numbers, bookmarks and links that work."""
    printed = {part.address: PdfReader(io.BytesIO(part.pdf)) for part in parts if part.pdf}
    length = len(front(browser, parts, {}).pages)
    starts = {}
    for address, reader in printed.items():
        starts[address] = length
        length += len(reader.pages)
    opening = front(browser, parts, {address: start + 1 for address, start in starts.items()})

    book = PdfWriter()
    sources = [("", opening), *printed.items()]
    for _, reader in sources:
        for page in reader.pages:
            book.add_page(page)
    anchors = {a: places(r, starts[a]) | {"": (starts[a], 842.0)} for a, r in printed.items()}
    addresses = [address for address, reader in sources for _ in reader.pages]
    numbers = page_numbers(browser, length)
    for page, address, number in zip(book.pages, addresses, numbers.pages, strict=False):
        relink(page, address, book, anchors)
        page.merge_page(number)

    parents: list[Any] = []
    for index, part in enumerate(parts):
        # a caption's bookmark leads to its first page
        address = part.address or next(p.address for p in parts[index:] if p.address)
        del parents[part.level :]
        parent = parents[-1] if parents else None
        parents.append(book.add_outline_item(title=part.title, page_number=starts[address], parent=parent))
    book.add_metadata({"/Title": CONFIG["title"], "/Author": CONFIG["author"]})
    book.compress_identical_objects()
    return book


def main() -> int:
    if CHROMIUM is None or not (SITE / "index.html").is_file():
        print("The PDF needs Chromium and the built book (make book).", file=sys.stderr)
        return 1
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "ganmath.pdf"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        parts = [print_page(browser, name, level) if level else Part(name, 0) for name, level in listed()]
        book = bind(browser, parts)
        browser.close()
    book.write(output)
    print(f"{output}: {len(book.pages)} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
