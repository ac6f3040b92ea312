"""Put a new build of the book into the published site, and keep what was published before.

usage: python tools/assemble_site.py BUILD SITE [VERSION]

BUILD is the folder of built pages, SITE the published site's folder (empty the first time). The newest
book is at the root, at addresses that never change; with VERSION (such as v0.2.0) it stays readable
under SITE/v0.2.0/ for good. A VERSION older than the newest one there is added and leaves the root
alone. Wheels that earlier notebooks install stay where they were. Where a page that is published would
lose its address, nothing is written.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

# what speaks for the whole site, and so has its place at the root alone
ROOT_ONLY = ("404.html", "robots.txt", "sitemap.xml")
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Versions of the book</title>
<link rel="icon" href="_static/favicon.svg">
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 40rem; margin: 3rem auto; padding: 0 1rem; font: 1.1rem/1.6 system-ui, sans-serif; }}
</style>
</head>
<body>
<main>
<h1>Versions of the book</h1>
<p>The newest is at <a href="index.html">the front page</a>; earlier ones stay as they were.</p>
<ul>
{items}
</ul>
</main>
</body>
</html>
"""


def number(version: str) -> tuple[int, ...]:
    """Order of versions: (0, 10, 0) for v0.10.0; ValueError for anything else."""
    if not re.fullmatch(r"v\d+(\.\d+)*", version):
        raise ValueError(f"{version!r} is no version such as v0.2.0")
    return tuple(int(part) for part in version[1:].split("."))


def versions(site: Path) -> list[str]:
    """Versions that the site keeps, newest first."""
    names = [folder.name for folder in site.glob("v*") if re.fullmatch(r"v\d+(\.\d+)*", folder.name)]
    return sorted(names, key=number, reverse=True)


def pages(root: Path) -> set[str]:
    """Addresses of the book at the root of a site or build."""
    kept = {"versions.html"}
    found = {path.relative_to(root) for path in root.rglob("*.html")}
    return {path.as_posix() for path in found if not re.match(r"v\d", path.parts[0])} - kept


def replace_root(build: Path, site: Path) -> None:
    """The build in place of the root's book; versions and wheels stay."""
    lost = sorted(pages(site) - pages(build))
    if lost:
        raise ValueError(f"published pages would lose their address: {', '.join(lost)}")
    keep = set(versions(site)) | {".git"}
    wheels = {path.relative_to(site): path.read_bytes() for path in site.glob("notebooks/*.whl")}
    for path in site.iterdir():
        if path.name not in keep:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(build, site, dirs_exist_ok=True)
    for path, content in wheels.items():
        if not (site / path).exists():
            (site / path).parent.mkdir(exist_ok=True)
            (site / path).write_bytes(content)


def assemble(build: Path, site: Path, version: str | None = None) -> None:
    """Bring the site up to date with a build, of a version where one is given."""
    if not (build / "index.html").is_file():
        raise ValueError(f"{build} holds no built book")
    newest = max((number(other) for other in versions(site)), default=())
    is_newest = version is None or number(version) >= newest
    site.mkdir(parents=True, exist_ok=True)
    if is_newest:
        replace_root(build, site)
    if version is not None:
        shutil.rmtree(site / version, ignore_errors=True)
        shutil.copytree(build, site / version, ignore=lambda *_: ROOT_ONLY)
    items = "\n".join(f'<li><a href="{name}/index.html">{name}</a></li>' for name in versions(site))
    (site / "versions.html").write_text(PAGE.format(items=items), encoding="utf-8")
    (site / ".nojekyll").touch()  # GitHub Pages would leave out folders that begin with _


def main() -> int:
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        assemble(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
