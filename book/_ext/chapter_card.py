"""Sphinx extension: the directive `chapter-card`, facts at the head of a chapter.

    :::{chapter-card}
    :losses: minimax
    :::

What it says comes from `card_facts`; the buttons are the theme's own links to Colab and to the notebook.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import PurePosixPath
from typing import Any, ClassVar

from card_facts import card_facts
from checked_equations import displayed_in
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

BUTTONS = "<!-- chapter-card buttons -->"


def facts_for(chapter: str, losses: str) -> list[tuple[str, str]]:
    """Facts of a chapter, from the directive's option (names of losses with commas, or "")."""
    names = [name.strip() for name in losses.split(",") if name.strip()]
    return card_facts(chapter, names, displayed_in(chapter))


class ChapterCard(SphinxDirective):
    """The card, as a definition list; its buttons are filled in when the page is written."""

    option_spec: ClassVar[dict[str, Any]] = {"losses": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        chapter = PurePosixPath(self.env.docname).name
        try:
            facts = facts_for(chapter, self.options.get("losses", ""))
        except KeyError as error:
            raise self.error(str(error.args[0])) from error
        text = "\n\n".join(f"{term}\n: {fact}" for term, fact in facts)
        # is_div: without the theme's class "container", which has margins of its own
        card = nodes.container(classes=["gm-card"], is_div=True)
        self.state.nested_parse(StringList(text.split("\n")), self.content_offset, card)
        card += nodes.raw("", BUTTONS, format="html")
        return [card]


def links(group: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every link among the theme's buttons, also inside its menus."""
    for button in group:
        if button.get("url"):
            yield button
        yield from links(button.get("buttons", []))


def button_row(header: list[dict[str, Any]]) -> str:
    """HTML links to Colab (where the theme has that button) and to the notebook."""
    texts = {"Colab": "Open in Colab", "download-source-button": "Download the notebook"}
    found = {}
    for button in links(header):
        key = button["text"] if button.get("text") == "Colab" else button.get("label")
        if key in texts:
            found[key] = f'<a class="gm-button" href="{escape(button["url"])}">{texts[key]}</a>'
    return f'<div class="gm-buttons">{" ".join(found[key] for key in texts if key in found)}</div>'


def fill_buttons(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if BUTTONS in context.get("body", ""):
        context["body"] = context["body"].replace(BUTTONS, button_row(context.get("header_buttons", [])))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("chapter-card", ChapterCard)
    app.connect("html-page-context", fill_buttons, priority=950)  # after the theme and notebook_copies
    return {"parallel_read_safe": True, "parallel_write_safe": True}
