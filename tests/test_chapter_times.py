"""Executed chapters: their times by scale and machine, on a GPU too; which of their outputs are renewed."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

import ganmath as gm

from .conftest import ROOT

pytestmark = pytest.mark.book
RECORD = ROOT / "book" / "records" / "chapter-times.json"


@pytest.fixture
def execute(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("execute_notebooks")


@pytest.fixture
def sizing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("size_gpu_scale")


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


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_chapter_takes_ten_minutes_at_most_on_a_free_gpu(path: Path, sizing: ModuleType) -> None:
    """Measured where a GPU has run it, else by calculation from the cells as they are now."""
    measured = json.loads(RECORD.read_text()).get(path.stem, {}).get("gpu")
    found = json.loads(sizing.RECORD.read_text())["chapters"][path.stem]
    assert found["scales"] == sizing.scales_digest(path), (
        f"cells of {path.name} that choose by scale have changed: run tools/size_gpu_scale.py {path}"
    )
    assert found["seconds"] == pytest.approx(sum(found["parts"].values()), abs=2)
    assert (measured or found)["seconds"] <= 600


def test_short_runs_reckon_what_whole_ones_cost(tmp_path: Path, sizing: ModuleType) -> None:
    log, loss, ring = tmp_path / "runs", gm.losses["nonsaturating"], gm.toys["ring"]
    fit = sizing.shortened(gm.fit, {}, log)
    critic = sizing.shortened(gm.fit_critic, {}, log)
    points = ring.sample(64, seed=0), ring.sample(64, seed=1)
    quiet = {"progress": False, "batch_size": 16}
    assert fit(loss, ring, steps=3, **quiet).step == 3
    assert fit(loss, ring, steps=1000, device="cpu", **quiet).step == sizing.EXECUTED
    critic(loss, *points, steps=2000, **quiet)
    critic(loss, ring, ring, gm.networks.MLP(2, 8, 1), steps=5, **quiet)
    runs = [json.loads(line) for line in log.read_text().splitlines()]
    assert [run["steps"] for run in runs] == [3, 1000, 2000, 5]
    # where there is a GPU, toys and data sets train on it, unless told otherwise; points do where they lie
    assert ["dispatch" in run for run in runs] == [True, False, False, True]
    # linear maps: 2 operations for each weight and sample forwards, twice that backwards without the input's
    weights = 2 * 8 + 8 * 1
    samples = 2 * 16
    forwards = 2 * weights * samples
    backwards = forwards + 2 * 8 * samples
    assert runs[3]["operations"] == pytest.approx(forwards + backwards, rel=0.1)
    assert all(run["step"] > 0 and run["spent"] > 0 for run in runs)
