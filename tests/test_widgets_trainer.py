"""The training panel, driven as a reader does: values are set, buttons clicked, the status read."""

from __future__ import annotations

import importlib.util
import re
import sys

import nbformat
import numpy as np
import pytest

import ganmath as gm

from .conftest import ROOT

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def panel():
    made = gm.widgets.trainer("gaussian", ["minimax", "lsgan", "nonsaturating"], steps=4)
    yield made
    made._stopped.set()
    made.wait()


def press(panel) -> str:
    """Click "Train", wait, and give the status as plain text."""
    panel.train.click()
    panel.wait()
    assert not panel.train.disabled and panel.stop.disabled
    return status(panel)


def status(panel) -> str:
    return re.sub("<[^>]*>", "", panel.status.value)


def test_trains_what_was_chosen(panel):
    panel.critic.value, panel.generator.value = "lsgan", "nonsaturating"
    panel.lr_critic.value, panel.lr_generator.value = 0.002, 0.0005
    panel.n_critic.value, panel.seed.value = 2, 7
    assert press(panel).startswith("Done: step 4, critic loss ")
    # the same as a call of fit with these settings
    loss = gm.GANLoss.pair("lsgan", "nonsaturating")
    run = gm.fit(
        loss,
        gm.toys["gaussian"],
        steps=4,
        batch_size=256,
        seed=7,
        n_critic=2,
        lr=(0.0005, 0.002),
        progress=False,
    )
    assert all(np.array_equal(run.history[k], panel.run.history[k]) for k in run.history)
    assert panel.film.film.steps == (1, 2, 3, 4)
    pictures = [child.value for child in panel.panel.children[-1].children]
    assert all(p.count("<svg ") == 1 and "after step 4" in p for p in pictures)
    assert "optimal C*" in pictures[0]


def test_trains_in_the_plane():
    panel = gm.widgets.trainer("ring", ["nonsaturating"], steps=3)
    assert press(panel).startswith("Done: step 3,")
    assert panel.film.film.kind == "plane"


@pytest.mark.parametrize(
    "control, value, message",
    [
        ("n_critic", 0, "Not trained: n_critic=0: give a positive integer"),
        ("steps", -5, "Not trained: steps=-5: give a positive integer"),
        ("lr_critic", -1.0, "Not trained: Invalid learning rate: -1.0"),
    ],
)
def test_bad_settings_are_told_and_the_last_run_is_kept(panel, control, value, message):
    press(panel)
    run, picture = panel.run, panel.panel.children[-1].children[0].value
    getattr(panel, control).value = value
    assert press(panel) == message
    assert panel.run is run and panel.panel.children[-1].children[0].value == picture


def test_divergence_is_told_and_the_last_good_state_is_kept(panel):
    panel.lr_generator.value = 1e30
    assert press(panel) == (
        "Diverged: a loss or a weight was not finite after step 1, the last that is kept. "
        "A smaller learning rate usually helps."
    )
    assert panel.run.step == 1 and np.isfinite(panel.run.history["critic_loss"]).all()
    panel.lr_generator.value = 1e-3
    assert press(panel).startswith("Done: step 4,")


def test_stop_ends_the_training_and_keeps_what_there_is(panel):
    panel.steps.value = 10**7
    panel.train.click()
    assert panel.train.disabled and not panel.stop.disabled
    before = panel._thread
    panel.train.click()  # no second training beside the first
    assert panel._thread is before
    panel.stop.click()
    panel.wait()
    assert status(panel).startswith(f"Stopped: step {panel.run.step},")
    assert panel.film.film.steps[-1] == panel.run.step < 10**6
    assert "<svg " in panel.panel.children[-1].children[0].value
    panel.steps.value = 4
    assert press(panel).startswith("Done: step 4,")


def test_page_gets_a_sentence_and_a_kernel_gets_the_panel(panel):
    bundle = panel._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == panel.panel.model_id
    assert "Run this cell in Jupyter or Colab" in bundle["text/markdown"]
    assert "“gaussian”" in bundle["text/markdown"]


def test_stored_notebook_keeps_the_sentence_alone(panel):
    spec = importlib.util.spec_from_file_location("execute_notebooks", ROOT / "tools/execute_notebooks.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    progress_bar = {"text/plain": "0%|", VIEW: {"model_id": "1"}}
    cell = nbformat.v4.new_code_cell("panel")
    cell["outputs"] = [
        nbformat.v4.new_output("display_data", data=progress_bar),
        nbformat.v4.new_output("execute_result", data=panel._repr_mimebundle_(), execution_count=1),
        nbformat.v4.new_output("stream", text="a line\n"),
    ]
    notebook = tool.clean(nbformat.v4.new_notebook(cells=[cell]))
    kept = notebook["cells"][0]["outputs"]
    assert [output["output_type"] for output in kept] == ["execute_result", "stream"]
    assert set(kept[0]["data"]) == {"text/markdown", "text/plain"}


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (("rings",), KeyError, "did you mean 'ring'"),
        (("ring", ["minmax"]), KeyError, "did you mean 'minimax'"),
        (("ring", []), ValueError, "at least one name"),
        ((lambda n: n,), ValueError, "on the line or in the plane"),
    ],
)
def test_what_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        gm.widgets.trainer(*arguments)


def test_without_ipywidgets_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ModuleNotFoundError, match="%pip install ipywidgets"):
        gm.widgets.trainer("ring")
