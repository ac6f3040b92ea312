"""Sphinx extension of the book: chapter_card (not written yet)."""

from typing import Any

from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    return {"parallel_read_safe": True, "parallel_write_safe": True}
