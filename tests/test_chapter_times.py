"""Times of whole chapters: kept by chapter and scale, with the machine they were taken on."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from .conftest import ROOT

pytestmark = pytest.mark.book
RECORD = ROOT / "book" / "records" / "chapter-times.json"


def test_a_time_replaces_that_of_the_same_scale_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specification = importlib.util.spec_from_file_location("execute", ROOT / "tools" / "execute_notebooks.py")
    assert specification and specification.loader
    execute = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(execute)
    path = tmp_path / "times.json"
    for scale, seconds in (("smoke", 20.0), ("cpu", 300.0), ("smoke", 21.04)):
        monkeypatch.setenv("GANMATH_SCALE", scale)
        execute.record_time("minimax", seconds, path)
    execute.record_time("preface", 5.0, path)
    times = json.loads(path.read_text())
    assert {scale: entry["seconds"] for scale, entry in times["minimax"].items()} == {"smoke": 21, "cpu": 300}
    assert list(times["preface"]) == ["smoke"]
    assert times["preface"]["smoke"]["environment"]["versions"]["torch"]


def test_recorded_chapters_exist_and_say_on_what_they_ran() -> None:
    for chapter, scales in json.loads(RECORD.read_text()).items():
        assert (ROOT / "book" / f"{chapter}.ipynb").is_file()
        for scale, entry in scales.items():
            assert scale in ("smoke", "cpu", "gpu") and entry["seconds"] > 0
            assert entry["environment"]["kind"] == ("cuda" if scale == "gpu" else "cpu") or scale == "smoke"
            assert entry["environment"]["device"]
