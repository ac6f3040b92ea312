"""Pack the built book for reading without a network: _build/ganmath-book.zip, from _build/html.

usage: python tools/make_zip.py

Unpacked anywhere, its index.html opens in a browser: no server, no network.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

BUILD = Path(__file__).resolve().parent.parent / "_build"


def main() -> int:
    site, archive = BUILD / "html", BUILD / "ganmath-book.zip"
    if not (site / "index.html").is_file():
        print("The book is not built: run `make book`.", file=sys.stderr)
        return 1
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(site.rglob("*")):
            if path.is_file():
                # the time of the archive, not of the file: the same book gives the same bytes
                entry = zipfile.ZipInfo(f"ganmath-book/{path.relative_to(site).as_posix()}")
                entry.external_attr = 0o644 << 16
                packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
