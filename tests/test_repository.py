"""What every file of the repository must hold to: nothing of one machine, notebooks with outputs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .conftest import ROOT

BINARY = {".png", ".webp", ".jpg", ".woff", ".woff2", ".safetensors", ".npz", ".gz", ".ico"}
# spelled in parts, so that this file passes its own test
REGISTRIES = re.compile(
    "|".join(
        rf"{host}\.{domain}"
        for host, domain in [
            ("py" + "pi", "org"),
            ("python" + "hosted", "org"),
            ("registry" + r"\.npm" + "js", "org"),
            ("deb" + ".debian", "org"),
        ]
    )
)
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|root|tmp|farm|home/\w+|Users/\w+)/[\w.]")
LARGEST = 5_000_000  # bytes


def repository_files() -> list[Path]:
    """Files under version control, and new ones that are not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


FILES = repository_files() if (ROOT / ".git").exists() else []
OWN_TEXT = [
    path
    for path in FILES
    if path.suffix not in BINARY and "vendor" not in path.parts and "LICENSE" not in path.name
]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))


def found(pattern: re.Pattern[str]) -> list[str]:
    """Where a pattern stands in the project's own text, as file:line: match."""
    places = []
    for path in OWN_TEXT:
        text = path.read_text(encoding="utf-8")
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            places.append(f"{path.relative_to(ROOT)}:{line}: {match.group()}")
    return places


@pytest.mark.skipif(not FILES, reason="not a git checkout")
class TestFiles:
    def test_no_address_of_a_package_registry(self) -> None:
        assert not found(REGISTRIES)

    def test_no_path_of_a_machine(self) -> None:
        assert not found(MACHINE_PATHS)

    def test_no_merge_conflict(self) -> None:
        assert not found(re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE))

    def test_no_file_too_large_to_clone_quickly(self) -> None:
        assert not [path.name for path in FILES if path.stat().st_size > LARGEST]


def test_settings_name_no_repository_until_one_is_filled_in(tmp_path: Path) -> None:
    """A local build has no dead button; the published one has Colab's, and it points home."""
    (tmp_path / "tools").mkdir()
    for name in ("_config.yml", "tools/set_repository.py"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    settings = yaml.safe_load((tmp_path / "_config.yml").read_text())
    assert settings["repository"]["url"] == settings["launch_buttons"]["colab_url"] == ""
    assert settings["html"]["baseurl"] == ""

    url, pages = "https://github.com/OWNER/NAME", "https://OWNER.github.io/NAME"
    command = [sys.executable, tmp_path / "tools" / "set_repository.py"]
    assert subprocess.run([*command, url], capture_output=True).returncode == 2
    subprocess.run([*command, url, pages, "notebooks"], check=True)
    settings = yaml.safe_load((tmp_path / "_config.yml").read_text())
    assert settings["repository"] == {"url": url, "branch": "notebooks"}
    assert settings["launch_buttons"]["colab_url"].startswith("https://")
    assert settings["html"]["baseurl"] == f"{pages}/"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
class TestNotebook:
    def test_begins_with_the_install_cell_of_all(self, path: Path) -> None:
        """Which says what to do where ganmath is missing and the copy does not know the wheel."""
        first, source = (
            next(c for c in json.loads(chapter.read_text())["cells"] if c["cell_type"] == "code")
            for chapter in (CHAPTERS[0], path)
        )
        assert source["source"] == first["source"]
        assert source["metadata"]["tags"] == ["install", "hide-input"] and not source["outputs"]
        code = "".join(source["source"]).replace("%pip install -q {WHEEL}", "raise AssertionError")
        with pytest.raises(ModuleNotFoundError, match="pip install"):
            exec(code.replace('"ganmath"', '"absent"'), {})

    def test_was_executed_from_top_to_bottom(self, path: Path) -> None:
        cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
        counts = [c["execution_count"] for c in cells if "".join(c["source"]).strip()]
        assert counts == list(range(1, len(counts) + 1)), "run `make notebooks`"

    def test_shows_no_error(self, path: Path) -> None:
        for cell in json.loads(path.read_text())["cells"]:
            if "raises-exception" not in cell["metadata"].get("tags", []):
                kinds = [output["output_type"] for output in cell.get("outputs", [])]
                assert "error" not in kinds, cell["id"]

    def test_stores_only_what_every_machine_would(self, path: Path) -> None:
        notebook = json.loads(path.read_text())
        assert notebook["metadata"]["kernelspec"]["name"] == "python3"
        assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
        assert notebook["metadata"]["language_info"] == {"name": "python"}
        ids = [cell["id"] for cell in notebook["cells"]]
        assert len(set(ids)) == len(ids)
        for cell in notebook["cells"]:
            assert set(cell["metadata"]) <= {"tags", "mystnb"}, cell["id"]
            for output in cell.get("outputs", []):
                assert not [mime for mime in output.get("data", {}) if "widget" in mime], cell["id"]
