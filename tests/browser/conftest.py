"""Serves the built book on 127.0.0.1 and opens it in a Chromium that can reach nothing else."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, sync_playwright

from ..conftest import ROOT, unavailable

SITE = ROOT / "_build" / "html"
BUILT = sorted(
    path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts
)
CHROMIUM = os.environ.get("GANMATH_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """No access log among the test results."""


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Address of the served book, such as http://127.0.0.1:40123."""
    if not (SITE / "index.html").is_file():
        unavailable("the book is not built: run `make book`")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all pages."""
    if CHROMIUM is None:
        unavailable("Chromium is not installed: `apt-get install chromium`, or set GANMATH_CHROMIUM")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            # --no-sandbox: CI containers run as root, and the pages are our own
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()
