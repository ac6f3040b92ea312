"""Executed chapters: their times by scale and machine, and which of their outputs are renewed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

from .conftest import ROOT

pytestmark = pytest.mark.book
RECORD = ROOT / "book" / "records" / "chapter-times.json"


@pytest.fixture
def execute() -> ModuleType:
    specification = importlib.util.spec_from_file_location("execute", ROOT / "tools" / "execute_notebooks.py")
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_a_time_replaces_that_of_the_same_scale_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, execute: ModuleType
) -> None:
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


def chapter(*cells: tuple[str, list[str], str]) -> nbformat.NotebookNode:
    made = []
    for source, tags, shown in cells:
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": tags})
        cell["outputs"] = [nbformat.v4.new_output("display_data", {"text/html": shown})]
        made.append(cell)
    return nbformat.v4.new_notebook(cells=made)


def test_measured_outputs_are_kept_and_all_others_renewed(execute: ModuleType) -> None:
    measures, tags = "train()", ["nbval-ignore-output"]
    old = chapter(
        ("derive()", [], "old"), (measures, tags, "cpu scale"), ("slide()", tags, "<p class='gm-sliders'>old")
    )
    new = chapter(
        ("derive()", [], "new"),
        (measures, tags, "smoke scale"),
        ("slide()", tags, "<p class='gm-sliders'>new"),
    )
    kept = execute.with_measured(new, old)
    shown = [cell["outputs"][0]["data"]["text/html"] for cell in kept["cells"]]
    assert shown == ["new", "cpu scale", "<p class='gm-sliders'>new"]
    with pytest.raises(ValueError, match="has changed"):
        execute.with_measured(chapter(("other()", [], "")), chapter(("derive()", [], "")))


def test_addresses_go_and_pictures_stay(execute: ModuleType) -> None:
    picture = "<img src='data:image/png;base64,evcdrhZQ7r0xabc123SSvsKM'>"
    assert execute.without_machine(picture) == picture
    assert execute.without_machine("<object at 0x7f3a12345678>") == "<object at 0xADDRESS>"
