"""Sphinx extension: "Cite this page" and "What changed" at the end of each chapter.

Author, book and licences come from CITATION.cff, the version from the package, the address from the
book's settings (there is none until it is published).
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from sphinx.application import Sphinx

from ganmath import __version__

CITATION = Path(__file__).resolve().parents[2] / "CITATION.cff"
CHANGES = "book/changes"


def bibtex(key: str, title: str, year: str, url: str = "") -> str:
    """BibTeX entry of one page.

    key: such as "ganmath-minimax"; title: the page's, plain text; url: the page's address or "".
    """
    book = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    authors = " and ".join(f"{{{tex(author['name'])}}}" for author in book["authors"])
    fields = {"author": authors, "title": f"{{{tex(title)}}}"}
    if title != book["title"]:
        fields["booktitle"] = f"{{{tex(book['title'])}}}"
    fields |= {"year": year, "note": f"Version {__version__}"}
    if url:
        fields["url"] = url
    kind = "incollection" if "booktitle" in fields else "misc"
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@{kind}{{{key},\n{lines}\n}}"


def tex(text: str) -> str:
    """Plain text with the signs that TeX takes for its own escaped, and its dashes."""
    text = re.sub(r"([&%$#_{}])", r"\\\1", text)
    return text.replace("–", "--").replace("—", "---")


def end_of_page(entry: str, licences: list[str], changes: str) -> str:
    """HTML: the entry, folded, and the link to what changed."""
    return (
        '<details class="gm-cite"><summary>Cite this page</summary>'
        '<div class="highlight-bibtex notranslate"><div class="highlight">'
        f"<pre>{escape(entry)}</pre></div></div>"
        f"<p>Licences: {escape(', '.join(licences))}.</p></details>"
        f'<p class="gm-changes"><a href="{escape(changes)}">What changed</a> from version to version.</p>'
    )


def add_citation(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Append to the body of every page that is a notebook."""
    if doctree is None or not str(app.env.doc2path(page, base=False)).endswith(".ipynb"):
        return
    year = re.search(r"\d{4}", app.config.copyright)[0]
    url = context.get("pageurl") or ""
    title = app.env.titles[page].astext()
    entry = bibtex(f"ganmath-{PurePosixPath(page).name}", title, year, url)
    licences = yaml.safe_load(CITATION.read_text(encoding="utf-8"))["license"]
    context["body"] += end_of_page(entry, licences, context["pathto"](CHANGES))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("html-page-context", add_citation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
