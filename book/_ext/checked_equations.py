"""Sphinx extension: how each displayed equation is known, beside it and on the page of all equations.

Everything comes from ganmath/_data/equations.json. Beside an equation stands a link to its row on the
page; book/_static/equations.js makes of it a button with a popover. The build stops where the book
displays an equation that is not in the file, or differs from it.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections import Counter
from functools import lru_cache
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any

from card_facts import equations_section
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from ganmath.checked import CheckedEquation, checked_equations

ROOT = Path(__file__).resolve().parents[2]
PAGE = "book/equations"


# --- plain functions ------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _tool() -> ModuleType:
    """tools/write_equations.py, which knows how the chapters display equations."""
    spec = importlib.util.spec_from_file_location("write_equations", ROOT / "tools" / "write_equations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _displayed() -> tuple[dict[str, str], list[str]]:
    """The chapter that displays each label, and what is wrong."""
    return _tool().displayed({label: row.latex for label, row in checked_equations().items()})


def displayed_in(chapter: str) -> int:
    """How many equations a chapter displays."""
    return sum(place == chapter for place in _displayed()[0].values())


def check_book() -> None:
    """ExtensionError that says what to do where the chapters and equations.json disagree."""
    _, problems = _displayed()
    if problems:
        raise ExtensionError(
            "the displayed equations are not the checked ones:\n  "
            + "\n  ".join(problems)
            + "\nRegister them in ganmath/theory/equations/ and run tools/write_equations.py."
        )


def chapter_title(chapter: str) -> str:
    """The first heading of a chapter's notebook."""
    notebook = json.loads((ROOT / "book" / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    text = "".join(next(c for c in notebook["cells"] if c["cell_type"] == "markdown")["source"])
    return re.search(r"^# +(.+)$", text, re.MULTILINE)[1]


def chip_text(row: CheckedEquation) -> str:
    """What the mark beside an equation says: "proved", "50 digits" or "definition"."""
    return re.search(r"\d+ digits", row.evidence)[0] if row.kind == "digits" else row.kind


def chip(row: CheckedEquation, href: str) -> str:
    """HTML of the mark beside an equation, a link to its row; the script reads its data attributes."""
    data = {"label": row.label, "evidence": row.evidence, "latex": row.latex, "sympy": row.sympy}
    attributes = " ".join(f'data-{name}="{escape(text)}"' for name, text in data.items() if text)
    name = escape(f"{chip_text(row)}: how equation {row.label} is known")
    return (
        f'<div class="gm-evidence"><a class="gm-checked gm-{row.kind}" href="{escape(href)}" '
        f'aria-label="{name}" {attributes}>{chip_text(row)}</a></div>'
    )


def count_sentence(rows: list[CheckedEquation], displayed: int) -> str:
    """ "70 of 70 displayed equations are checked: 52 proved by sympy, …", strongest evidence first."""
    order = ("proved", "digits", "definition")
    counts = Counter((order.index(row.kind), row.evidence) for row in rows)
    ways = [
        f"{n} {way}{'s' if way == 'definition' and n > 1 else ''}" for (_, way), n in sorted(counts.items())
    ]
    return f"{len(rows)} of {displayed} displayed equations are checked: {', '.join(ways)}."


def source_link(row: CheckedEquation, repository: str, branch: str) -> str:
    """HTML that names the label and the file of the check, a link where the repository has an address."""
    text = f"<code>{row.path}</code>"
    if repository:
        text = f'<a href="{escape(f"{repository}/blob/{branch}/{row.path}")}">{text}</a>'
    return f"<code>{row.label}</code> in {text}"


def copy_buttons(row: CheckedEquation) -> str:
    """HTML of the buttons that copy a row's label, LaTeX and sympy source; hidden without JavaScript."""
    data = {"label": row.label, "LaTeX": row.latex, "sympy": row.sympy}
    return " ".join(
        f'<button type="button" class="gm-copy" data-copy="{escape(text)}" hidden '
        f'aria-label="copy {name} of {row.label}">copy {name}</button>'
        for name, text in data.items()
        if text
    )


# --- in Sphinx ------------------------------------------------------------------------------------


class CheckedEquations(SphinxDirective):
    """Every equation by chapter: number, formula, how it is known, label, where its check is."""

    def run(self) -> list[nodes.Node]:
        rows = list(checked_equations().values())
        total = count_sentence(rows, len(_displayed()[0]))
        parts: list[nodes.Node] = [nodes.paragraph("", "", nodes.strong("", total))]
        for chapter in dict.fromkeys(row.chapter for row in rows):
            members = [row for row in rows if row.chapter == chapter]
            title = chapter_title(chapter)
            section = nodes.section(names=[equations_section(chapter)])
            section += nodes.title(title, title)
            self.state.document.note_explicit_target(section)
            section += nodes.paragraph("", count_sentence(members, displayed_in(chapter)))
            section += self._table(members)
            parts.append(section)
        return parts

    def _table(self, rows: list[CheckedEquation]) -> nodes.table:
        group = nodes.tgroup(cols=3)
        group += [nodes.colspec(colwidth=width) for width in (12, 68, 20)]
        head = nodes.row()
        for name in ("Equation", "Formula", "How it is known"):
            head += nodes.entry("", nodes.paragraph("", name))
        group += nodes.thead("", head)
        body = nodes.tbody()
        for row in rows:
            line = nodes.row(ids=[row.label])
            line += nodes.entry("", nodes.paragraph("", "", self._number(row)))
            line += nodes.entry("", self._formula(row), self._details(row), classes=["gm-formula"])
            line += nodes.entry("", nodes.paragraph("", row.evidence))
            body += line
        group += body
        return nodes.table("", group, classes=["gm-equations"])

    def _number(self, row: CheckedEquation) -> nodes.Node:
        number = addnodes.pending_xref(
            "",
            nodes.literal("", row.label),
            refdomain="math",
            reftype="eq",
            reftarget=row.label,
            refwarn=True,
        )
        number["refdoc"] = self.env.docname
        return number

    def _formula(self, row: CheckedEquation) -> nodes.Node:
        text = rf"\begin{{split}}{row.latex}\end{{split}}" if r"\\" in row.latex else row.latex
        return nodes.math_block(
            text, text, nowrap=False, label=None, number=None, docname=self.env.docname, xml_space="preserve"
        )

    def _details(self, row: CheckedEquation) -> nodes.Node:
        options = self.config.html_theme_options
        link = source_link(row, options.get("repository_url", ""), options.get("repository_branch", "main"))
        html = f'<div class="gm-details"><div>{link}</div><div>{copy_buttons(row)}</div></div>'
        return nodes.raw("", html, format="html")


def add_chips(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """A chip after each labelled display equation."""
    if app.builder.format != "html":
        return
    page = app.builder.get_relative_uri(docname, PAGE)
    for block in list(doctree.findall(nodes.math_block)):
        row = checked_equations().get(block.get("label"))
        if row:
            block.parent.insert(
                block.parent.index(block) + 1,
                nodes.raw("", chip(row, f"{page}#{row.label}"), format="html"),
            )


def add_files(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Script and style, on pages that have use for them."""
    if doctree is not None and (page == PAGE or "gm-evidence" in context.get("body", "")):
        app.add_js_file("equations.js", loading_method="defer")
        app.add_css_file("equations.css")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", lambda app: check_book())
    app.connect("doctree-resolved", add_chips)
    app.connect("html-page-context", add_files)
    app.add_directive("checked-equations", CheckedEquations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
