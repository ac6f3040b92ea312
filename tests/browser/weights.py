"""What a page weighs: its own files on the disk, and what the first view of it transfers."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from .conftest import SITE

OWN = 2_000_000  # bytes: a page's HTML and the files that not every page shares
FIRST_VIEW = 1_200_000  # bytes as compressed by a server, MathJax and theme included, images apart
IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg", ".ico"}
SHARED = ("_static/vendor/mathjax/", "searchindex.js")


@cache
def theme() -> frozenset[str]:
    """Files that a page without content of its own asks for."""
    html = (SITE / "404.html").read_text(encoding="utf-8")
    return frozenset(re.findall(r'(?:href|src)="(?:\./)?(_static/[^"?]+)', html))


@cache
def compressed(path: str) -> int:
    """Bytes of a file as GitHub Pages sends it; fonts are compressed already."""
    return len(gzip.compress((SITE / path).read_bytes(), 6)) if "woff" not in path else size(path)


@cache
def size(path: str) -> int:
    return (SITE / path).stat().st_size


def too_heavy(loaded: Iterable[str]) -> list[str]:
    """Which limits a page breaks, from the files that its first view loaded (paths on the site)."""
    files = {path for path in loaded if (SITE / path).is_file()}
    own = {path for path in files - theme() if not path.startswith(SHARED) and "/fonts/" not in path}
    sums = {
        "own files": (sum(map(size, own)), OWN),
        "first view, compressed": (
            sum(compressed(path) for path in files if Path(path).suffix not in IMAGES),
            FIRST_VIEW,
        ),
    }
    return [f"{what}: {total} of {limit} bytes" for what, (total, limit) in sums.items() if total > limit]
