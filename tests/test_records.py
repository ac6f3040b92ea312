"""Records hold what they should, nothing of the machine's owner, and are written whole."""

import json
import os
import platform

import numpy as np
import pytest
import torch

from ganmath import by_scale, scale
from ganmath.records import environment, load_record, runs, save_record, summarise, table


def test_environment_names_device_and_versions_but_no_path_or_host():
    facts = environment("cpu")
    assert facts["kind"] == "cpu" and facts["device"] and facts["threads"] >= 1
    assert facts["versions"]["torch"] == torch.__version__
    text = json.dumps(facts)
    assert "/" not in facts["device"] and os.getcwd() not in text
    assert platform.node() not in text or not platform.node()


def test_summary_keeps_the_mean_and_the_last_step():
    history = {"step": np.arange(1, 1001), "critic_loss": np.random.default_rng(0).normal(size=1000)}
    short = summarise(history, points=200)
    assert len(short["step"]) == 200 and short["step"][-1] == 1000
    assert np.mean(short["critic_loss"]) == pytest.approx(history["critic_loss"].mean(), abs=1e-5)
    assert len(summarise({"step": np.arange(3)})["step"]) == 3


def test_save_and_load(tmp_path):
    record = {"value": 0.25, "name": "Fréchet"}
    save_record(record, tmp_path / "one.json")
    assert load_record("one", tmp_path) == record
    with pytest.raises(FileNotFoundError, match="there are: one"):
        load_record("two", tmp_path)
    (tmp_path / "one.json").write_text('{"value": 0.')
    with pytest.raises(ValueError, match="damaged"):
        load_record("one", tmp_path)


def test_nan_is_refused_and_the_previous_record_kept(tmp_path):
    path = save_record({"value": 1.0}, tmp_path / "one.json")
    with pytest.raises(ValueError, match="JSON compliant"):
        save_record({"value": float("nan")}, path)
    assert load_record("one", tmp_path) == {"value": 1.0}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["smoke", "cpu", "gpu"])
def test_scale_follows_the_environment(name, monkeypatch):
    monkeypatch.setenv("GANMATH_SCALE", name)
    assert scale() == name and by_scale(smoke="smoke", cpu="cpu", gpu="gpu") == name


def test_scale_by_machine_and_errors(monkeypatch):
    monkeypatch.delenv("GANMATH_SCALE", raising=False)
    assert scale() == ("gpu" if torch.cuda.is_available() else "cpu")
    monkeypatch.setenv("GANMATH_SCALE", "huge")
    with pytest.raises(ValueError, match="smoke, cpu, gpu"):
        scale()


def test_table_of_recorded_runs(tmp_path):
    """Student's interval by hand: mean 2, s = 1, n = 3, t(0.975, 2) = 4.303, half width 2.48."""
    for seed, value in enumerate((1.0, 2.0, 3.0)):
        record = {
            "loss": "minimax",
            "data": "mnist",
            "seed": seed,
            "metrics": {"class_kl": value},
            "images": 640,
            "seconds": 2.0,
            "environment": {"device": "a GPU", "versions": {"torch": "2.11"}, "commit": "0123456789"},
        }
        save_record(record, tmp_path / f"minimax-mnist-cuda-seed{seed}.json")
    assert len(runs(tmp_path, loss="minimax", seed=[0, 2])) == 2
    assert runs(tmp_path, loss="lsgan") == []
    text = table(runs(tmp_path), metrics=("class_kl",)).markdown
    assert "| mnist | minimax | 2 ± 2.5 | 3 |" in text
    assert "3 recorded runs on a GPU, 640 images and 2 s each, torch 2.11, commit 0123456." in text


def test_table_of_one_seed_has_no_interval_and_of_none_no_rows(tmp_path):
    record = {
        "loss": "lsgan",
        "data": "mnist",
        "metrics": {"class_kl": 0.25},
        "images": 640,
        "seconds": 2.0,
        "environment": {"device": "a CPU", "versions": {"torch": "2.11"}, "commit": None},
    }
    save_record(record, tmp_path / "lsgan-mnist-cpu-seed0.json")
    assert "| mnist | lsgan | 0.25 | 1 |" in table(runs(tmp_path), metrics=("class_kl",)).markdown
    assert table([]).markdown == "No runs are recorded."
