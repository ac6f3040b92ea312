"""Writes the notebooks that readers download and Colab opens: `notebooks/` of the built book.

They are the chapters with plain Markdown in place of Sphinx's syntax, their hidden cells folded, a list
of references at the end, and, where the book's address is known, with where to install ganmath from.
"""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

from card_facts import card_markdown
from chapter_card import facts_for
from plain_markdown import Chapter, NotPlain
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from ganmath import __version__

FOLDER = "notebooks"
WHEEL = f"ganmath-{__version__}-py3-none-any.whl"
# what stands over a cell whose code is folded, by the tag that folds it
TITLES = {
    "install": "Install ganmath",
    "remove-cell": "Check of the text above",
    "hide-input": "Code of the output below",
}


def export(env: BuildEnvironment, folder: Path) -> list[Path]:
    """Write a copy of every chapter into the folder; ValueError names what has no plain form."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for docname in sorted(env.found_docs):
        source = Path(env.doc2path(docname))
        if source.suffix == ".ipynb":
            path = folder / source.name
            text = json.dumps(plain_copy(env, docname, source), indent=1, ensure_ascii=False)
            path.write_text(text + "\n", encoding="utf-8")
            written.append(path)
    return written


def plain_copy(env: BuildEnvironment, docname: str, source: Path) -> dict[str, Any]:
    """A chapter as a notebook that needs nothing of Sphinx."""
    notebook = json.loads(source.read_text(encoding="utf-8"))
    address = env.config.html_baseurl
    own = {
        "chapter-card": lambda argument, options, content: card_markdown(
            facts_for(source.stem, options.get("losses", ""))
        )
    }
    chapter = Chapter(env, docname, address, own)
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            try:
                text = chapter.plain(text)
            except NotPlain as error:
                raise NotPlain(f"{source.name}, cell {number}: {error}") from error
        elif cell["cell_type"] == "code":
            text, cell["metadata"] = folded_code(text, cell["metadata"])
            if "install" in cell["metadata"].get("tags", []):
                text = with_wheel(text, address)
        cells.append({**cell, "source": text.splitlines(keepends=True)})
    if chapter.cited:
        lines = f"## References\n\n{chapter.references()}".splitlines(keepends=True)
        cells.append({"cell_type": "markdown", "id": "references", "metadata": {}, "source": lines})
    colab = {"name": source.name, "provenance": [], "toc_visible": True}
    metadata = {**notebook["metadata"], "accelerator": "GPU", "colab": colab}
    return {**notebook, "cells": cells, "metadata": metadata}


def folded_code(text: str, metadata: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A code cell folded in JupyterLab and in Colab (where it needs a title) if the pages fold it."""
    tags = metadata.get("tags", [])
    metadata = dict(metadata)
    jupyter = {}
    title = next((title for tag, title in TITLES.items() if tag in tags), None)
    if title:
        text = f"#@title {title}\n{text}"
        metadata["cellView"] = "form"
        jupyter["source_hidden"] = True
    if "hide-output" in tags:
        metadata["collapsed"] = jupyter["outputs_hidden"] = True
    if jupyter:
        metadata["jupyter"] = jupyter
    return text, metadata


def with_wheel(text: str, address: str) -> str:
    """The install cell with the address of the wheel, which lies beside the notebooks."""
    if not address:
        return text
    wheel = f"{address}{FOLDER}/{WHEEL}"
    text, count = re.subn(r'^WHEEL = ""', f'WHEEL = "{wheel}"', text, flags=re.MULTILINE)
    if count != 1:
        raise ValueError('the install cell should hold one line that begins with WHEEL = ""')
    return text


def link_download(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Let the theme's download button of a chapter give the plain copy, not the source."""
    if not str(app.env.doc2path(name, base=False)).endswith(".ipynb"):
        return
    for button in buttons(context.get("header_buttons", [])):
        if button.get("label") == "download-source-button":
            button["url"] = context["pathto"](f"{FOLDER}/{PurePosixPath(name).name}.ipynb", 1)
            button["tooltip"] = "Download notebook"


def buttons(group: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [inner for one in group for inner in [one, *buttons(one.get("buttons", []))]]


def write(app: Sphinx, exception: Exception | None) -> None:
    """After a build of the pages, the notebooks beside them."""
    if exception is None and app.builder.name == "html":
        export(app.env, Path(app.outdir) / FOLDER)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("html-page-context", link_download, priority=900)  # after the theme has its buttons
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
