"""What readers find at the published addresses after one version, after the next, and after an old one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT


def build(folder: Path, text: str, *more: str) -> Path:
    """A book of a front page, a chapter and further files, all of the same text."""
    for name in ("index.html", "book/minimax.html", "_static/a.css", "404.html", "sitemap.xml", *more):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def assemble(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "tools" / "assemble_site.py", *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with version 0.9.0 at the root and in its folder."""
    wheel = "notebooks/ganmath-0.9.0-py3-none-any.whl"
    first = build(tmp_path / "first", "0.9", wheel)
    assert assemble(first, tmp_path / "site", "v0.9.0").returncode == 0
    return tmp_path / "site"


def test_the_newest_version_is_at_the_root_and_the_earlier_one_stays(site: Path, tmp_path: Path) -> None:
    second = build(tmp_path / "second", "0.10", "book/new.html")
    assert assemble(second, site, "v0.10.0").returncode == 0
    assert (site / "book" / "minimax.html").read_text() == "0.10"
    assert (site / "v0.9.0" / "book" / "minimax.html").read_text() == "0.9"
    assert (site / "v0.10.0" / "book" / "new.html").read_text() == "0.10"
    listed = (site / "versions.html").read_text()
    assert 0 < listed.index("v0.10.0/index.html") < listed.index("v0.9.0/index.html")
    # a notebook that someone saved still installs
    assert (site / "notebooks" / "ganmath-0.9.0-py3-none-any.whl").read_text() == "0.9"
    # these describe the whole site
    assert (site / "sitemap.xml").read_text() == "0.10"
    assert not (site / "v0.10.0" / "404.html").exists() and not (site / "v0.10.0" / "sitemap.xml").exists()


def test_a_fix_of_an_old_version_leaves_the_newest_at_the_root(site: Path, tmp_path: Path) -> None:
    assert assemble(build(tmp_path / "fix", "0.8.1"), site, "v0.8.1").returncode == 0
    assert (site / "index.html").read_text() == "0.9"
    assert (site / "v0.8.1" / "index.html").read_text() == "0.8.1"


def test_a_build_between_versions_replaces_the_root_alone(site: Path, tmp_path: Path) -> None:
    assert assemble(build(tmp_path / "draft", "draft"), site).returncode == 0
    assert (site / "index.html").read_text() == "draft"
    assert (site / "v0.9.0" / "index.html").read_text() == "0.9"


def test_no_published_page_loses_its_address(site: Path, tmp_path: Path) -> None:
    second = build(tmp_path / "second", "0.10")
    (second / "book" / "minimax.html").unlink()
    result = assemble(second, site, "v0.10.0")
    assert result.returncode == 1 and "book/minimax.html" in result.stderr
    assert (site / "book" / "minimax.html").read_text() == "0.9"
    assert not (site / "v0.10.0").exists()


@pytest.mark.parametrize("version", ["0.2.0", "v0.2rc1", "../v1"])
def test_a_folder_is_named_by_a_version(site: Path, tmp_path: Path, version: str) -> None:
    result = assemble(build(tmp_path / "second", "x"), site, version)
    assert result.returncode == 1 and "no version" in result.stderr
