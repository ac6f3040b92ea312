"""Training, what is done with its results, and every chapter, on the CUDA of tests/pretend_cuda.py."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ganmath as gm
from ganmath.calibration import critic_error, reliability
from ganmath.training import frozen

from .pretend_cuda import CUDA, Pretend, pretend_cuda

LOSS = gm.losses["nonsaturating"]
RING = gm.toys["ring"]


@pytest.fixture
def cuda() -> Iterator[None]:
    with pretend_cuda():
        yield


def devices(*networks: nn.Module) -> set[torch.device]:
    return {t.device for network in networks for t in network.state_dict().values()}


def images() -> Any:
    return gm.load("fashion-mnist", sample=True)


# --- the pretence: what fails on CUDA fails, what works there works -----------------------------------


def _line(x: Tensor) -> nn.Module:
    return nn.Linear(3, 1).to(x.device)


MIXED: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "a sum": lambda x, y: x + y,
    "a sum, reflected": lambda x, y: 2 - x + y,
    "a number of CUDA beside a CPU tensor": lambda x, y: x * y.sum(),
    "a comparison": lambda x, y: x > y,
    "equal": torch.equal,
    "allclose": torch.allclose,
    "where": lambda x, y: torch.where(x > 0, x, y),
    "cat": lambda x, y: torch.cat([x, y]),
    "stack of numbers": lambda x, y: torch.stack([x.sum(), y.sum()]),
    "a network and its input": lambda x, y: _line(x)(y),
    "a loss": nn.functional.mse_loss,
    "in place": lambda x, y: x.clone().add_(y),
    "in place, by an operator": lambda x, y: x.clone().__iadd__(y.sum()),
    "an interpolation": lambda x, y: x.clone().lerp_(y, 0.5),
    "an index into a CPU tensor": lambda x, y: x[y.argmax(dim=0)],
    "index_select": lambda x, y: x.index_select(0, y.argmax(dim=0)),
    "values where an index chooses": lambda x, y: x.clone().__setitem__(y.argmax(dim=0), y),
    "Adam": lambda x, y: _adam_step(x, y),
}


def _adam_step(x: Tensor, y: Tensor) -> None:
    weight = nn.Parameter(x)
    weight.grad = y
    torch.optim.Adam([weight], fused=True).step()


@pytest.mark.parametrize("name", MIXED)
def test_two_devices_in_one_call_raise(cuda: None, name: str) -> None:
    there = torch.randn(3, 3, device="cuda")
    here = there.cpu()
    MIXED[name](here, here.clone())
    MIXED[name](there, there.clone())
    with pytest.raises(RuntimeError, match="same device"):
        MIXED[name](here, there)


def test_numpy_takes_no_cuda_tensor(cuda: None) -> None:
    there = torch.ones(3, device="cuda")
    for convert in (there.numpy, lambda: np.asarray(there), lambda: np.array([there.sum()])):
        with pytest.raises(TypeError, match="can't convert cuda:0"):
            convert()
    with pytest.raises(TypeError):
        np.ones(3) * there
    assert there.cpu().numpy().tolist() == there.tolist() == [1, 1, 1]


@pytest.mark.parametrize(("ours", "theirs"), [("cuda", "cpu"), ("cpu", "cuda")])
def test_generator_of_another_device_raises(cuda: None, ours: str, theirs: str) -> None:
    rng = torch.Generator(device=ours).manual_seed(0)
    assert rng.device.type == ours
    weights = torch.ones(3, device=theirs)
    for draw in (
        lambda: torch.randn(3, generator=rng, device=theirs),
        lambda: torch.randperm(3, generator=rng, device=theirs),
        lambda: torch.multinomial(weights, 1, generator=rng),
        lambda: weights.normal_(generator=rng),
    ):
        with pytest.raises(RuntimeError, match="generator"):
            draw()
    assert torch.randn(3, generator=rng, device=ours).device.type == ours


def test_what_cuda_allows_works(cuda: None) -> None:
    there, here = torch.arange(3.0, device="cuda"), torch.arange(3.0)
    assert {t.device for t in (there + 1, there * here.sum(), there[here.long()], there.clone())} == {CUDA}
    here.copy_(there)
    there[:2] = here[:2]
    assert here.device.type == there.cpu().device.type == there.to("cpu").device.type == "cpu"
    assert here.to(there).device == here.cuda().device == torch.as_tensor(here, device="cuda").device == CUDA
    moved = here.to("cuda")
    moved += 1
    assert here.tolist() == [0, 1, 2]  # a copy, as on CUDA


def test_derivatives_lie_with_their_variables(cuda: None) -> None:
    here, there = torch.ones(2, requires_grad=True), torch.ones(2, device="cuda", requires_grad=True)
    value = (here.to("cuda") * there).sum()
    slopes = torch.autograd.grad(value, [here, there], retain_graph=True)
    value.backward()
    kinds = [t.device.type for t in (*slopes, here.grad, there.grad)]
    assert kinds == ["cpu", "cuda", "cpu", "cuda"]


def test_networks_move_copy_and_load(cuda: None) -> None:
    network = gm.networks.dcgan_discriminator(norm="spectral")
    weight = network.get_parameter("0.bias")
    assert network.to("cuda").get_parameter("0.bias") is weight and isinstance(weight, nn.Parameter)
    twin = copy.deepcopy(network)
    assert devices(network, twin) == {CUDA} and len(list(twin.parameters())) == 6
    assert devices(network.cpu()) == {torch.device("cpu")} and type(weight) is nn.Parameter
    network.load_state_dict(twin.state_dict())
    assert devices(network) == {torch.device("cpu")}


# --- training -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capability", [(7, 5), (8, 0)])
def test_fit_trains_images_on_cuda(capability: tuple[int, int]) -> None:
    with pretend_cuda(capability):
        run = gm.fit(LOSS, images(), steps=2, batch_size=8, progress=False)
        assert devices(run.generator, run.raw_generator, run.critic) == {CUDA}
        assert run.record["environment"]["kind"] == "cuda"
        assert run.record["settings"]["autocast"] == (capability == (8, 0))
        assert run.sample(2).device == CUDA


def test_pretence_changes_no_number() -> None:
    def trained(device: str) -> Any:
        return gm.fit(LOSS, RING, steps=20, batch_size=32, n_critic=2, device=device, progress=False)

    here = trained("cpu")
    with pretend_cuda():
        there = trained("cuda")
        assert devices(there.generator, there.critic) == {CUDA}
        weights = {name: t.cpu() for name, t in there.generator.state_dict().items()}
    assert all(torch.equal(t, weights[name]) for name, t in here.generator.state_dict().items())
    assert all(np.array_equal(here.history[name], there.history[name]) for name in here.history)


def test_a_tensor_trains_where_it_lies(cuda: None) -> None:
    points = RING.sample(100, seed=0)
    for data in (points, points.cuda()):
        run = gm.fit(LOSS, data, steps=2, batch_size=16, progress=False)
        assert devices(run.generator, run.critic) == {data.device}


@pytest.mark.parametrize("name", [*gm.losses, "softmax"])
def test_every_loss_computes_on_cuda(cuda: None, name: str) -> None:
    loss = gm.SoftmaxLoss() if name == "softmax" else gm.losses[name]
    c_real, c_fake = torch.randn(2, 4, device="cuda").unbind()
    c_real.requires_grad_(), c_fake.requires_grad_()
    for value in (loss.critic_loss(c_real, c_fake), loss.generator_loss(c_fake, c_real)):
        value.backward()
        assert value.device == CUDA
    assert c_fake.grad.device == CUDA


@pytest.mark.parametrize("kind", ["paired", "average", "centred"])
def test_relativistic_losses_train_on_cuda(cuda: None, kind: str) -> None:
    run = gm.fit(gm.relativistic("nonsaturating", kind), RING, steps=2, batch_size=16, progress=False)
    assert devices(run.generator, run.critic) == {CUDA}


def _sources() -> dict[str, Any]:
    points = RING.sample(100, seed=0)
    fitted = {"batch_size": 16, "steps": 1, "progress": False}
    return {
        "toy": RING,
        "swiss roll": gm.toys["swiss-roll"],
        "tensor": points,
        "tensor on CUDA": points.to("cuda"),
        "run": gm.fit(LOSS, points, **fitted),
        "run on CUDA": gm.fit(LOSS, RING, **fitted),
        "function": lambda n: torch.randn(n, 2),
    }


@pytest.mark.parametrize("p", ["toy", "tensor", "tensor on CUDA", "run", "function"])
def test_critic_is_trained_between_any_two_sources(cuda: None, p: str) -> None:
    sources = _sources()
    for q in sources.values():
        run = gm.fit_critic(LOSS, sources[p], q, steps=2, batch_size=16, progress=False)
        assert {d.type for d in devices(run.critic)} == {"cpu" if p == "tensor" else "cuda"}


def test_critic_is_trained_between_images_and_a_run(cuda: None) -> None:
    data = images()
    gan = gm.fit(LOSS, data, steps=1, batch_size=8, device="cpu", progress=False)
    critic = gm.networks.dcgan_discriminator(norm="spectral", width=8)
    run = gm.fit_critic(LOSS, data, gan, critic, steps=2, batch_size=8, progress=False)
    assert devices(gan.generator) == {torch.device("cpu")} and devices(run.critic) == {CUDA}


# --- what is done with a run ------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [None, "cpu", "cuda"])
def test_a_run_is_saved_loaded_and_resumed(cuda: None, tmp_path: Path, place: str | None) -> None:
    settings = {"batch_size": 16, "progress": False, "checkpoint": tmp_path / "run"}
    gm.fit(LOSS, RING, steps=4, log_every=2, **settings)
    loaded = gm.load_run(tmp_path / "run", device=place)
    assert {d.type for d in devices(loaded.generator, loaded.critic)} == {place or "cpu"}
    loaded.save(tmp_path / "again")
    whole = gm.fit(LOSS, RING, steps=6, **settings | {"checkpoint": None})
    resumed = gm.fit(LOSS, RING, steps=6, resume=tmp_path / "again", **settings)
    assert devices(resumed.generator, resumed.critic) == {CUDA}
    assert np.array_equal(whole.history["critic_loss"], resumed.history["critic_loss"])


def test_a_run_that_diverges_goes_back_on_cuda(cuda: None) -> None:
    with pytest.raises(gm.TrainingDiverged) as error:
        gm.fit(gm.losses["lsgan"], RING, steps=200, batch_size=16, lr=1e12, log_every=1, progress=False)
    assert devices(error.value.run.critic) == {CUDA}


def test_frozen_weights_and_buffers_stay_on_cuda(cuda: None) -> None:
    critic = gm.networks.dcgan_discriminator(width=8).to("cuda")
    before = copy.deepcopy(critic.state_dict())
    with frozen(critic):
        critic(torch.randn(4, 1, 28, 28, device="cuda"))
    assert devices(critic) == {CUDA}
    assert all(torch.equal(value, before[name]) for name, value in critic.state_dict().items())


@pytest.mark.parametrize("name", ["mixture", "ring", "tensor", "images"])
def test_films_are_recorded_on_cuda(cuda: None, name: str) -> None:
    others = {"tensor": lambda: RING.sample(100, seed=0).to("cuda"), "images": images}
    data = others[name]() if name in others else gm.toys[name]
    film = gm.widgets.film(LOSS, data, samples=16)
    gm.fit(LOSS, data, steps=4, batch_size=16, log_every=2, progress=False, callback=film)
    assert film.show(alt="a film")._repr_html_()


def test_the_panel_trains_on_cuda(cuda: None) -> None:
    pytest.importorskip("ipywidgets")
    panel = gm.widgets.trainer("ring", losses=["nonsaturating"], steps=4)
    same_thread = lambda target, daemon: SimpleNamespace(start=target, is_alive=lambda: False)  # noqa: E731
    with mock.patch.object(threading, "Thread", same_thread):
        panel.train.click()
    assert "Done" in panel.status.value and devices(panel.run.generator) == {CUDA}


def test_metrics_take_cuda_tensors(cuda: None) -> None:
    data = images()
    there, few = data.to("cuda"), data.images[:50].to("cuda")
    assert gm.metrics.class_balance(few, "fashion-mnist").counts.sum() == 50
    assert gm.metrics.class_balance(there, "fashion-mnist").classes == 10
    assert gm.metrics.frechet_classifier_distance(few, data.images[:50], "fashion-mnist") < 1e-3
    assert gm.metrics.mode_coverage(RING.sample(500, seed=0, device="cuda"), RING).modes == 8
    assert gm.plots.image_grid(few[:4], alt="clothes").png


@pytest.mark.parametrize("name", list(gm.toys))
def test_toys_draw_and_judge_on_cuda(cuda: None, name: str) -> None:
    toy = gm.toys[name]
    points = toy.sample(50, seed=0, device="cuda")
    assert points.device == toy.log_density(points).device == CUDA


def test_critics_on_cuda_are_judged(cuda: None) -> None:
    p, q = gm.toys["gaussian"](), gm.toys["gaussian"](mean=1.0)
    critic = gm.fit_critic(LOSS, p, q, steps=2, batch_size=16, progress=False).critic
    assert devices(critic) == {CUDA} and critic_error(critic, p, q, n=100).excess >= 0
    outputs = [gm.networks.logits(critic, toy.sample(50, seed=0, device="cuda")) for toy in (p, q)]
    assert 0 <= reliability(*outputs).error <= 1 and isinstance(outputs[0], Pretend)
