"""The loop: who is trained by which step, averages, resuming, stopping, and errors.

The known faults of GAN libraries that these tests would catch: n_critic overwritten before it is
read, a critic's loss never backpropagated, a generator step that moves the critic, an average whose
batch-norm buffers stay at their start.
"""

import copy
import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import ganmath as gm
from ganmath.networks import MLP, dcgan_discriminator, dcgan_generator
from ganmath.training import (
    CheckpointError,
    TrainingDiverged,
    critic_step,
    fit,
    fit_critic,
    frozen,
    generator_step,
    load_run,
    update_average,
)
from ganmath.training.batches import Batches, device_of
from ganmath.training.fit import _computes_in_bfloat16


class Nonsaturating:
    """The smallest object that `fit` takes for a loss."""

    name = "stub"
    needs_real = False

    def critic_loss(self, c_real, c_fake):
        return F.softplus(-c_real).mean() + F.softplus(c_fake).mean()

    def generator_loss(self, c_fake, c_real=None):
        return F.softplus(-c_fake).mean()


class RealToo(Nonsaturating):
    """Its generator's loss has a term on real outputs."""

    needs_real = True

    def generator_loss(self, c_fake, c_real=None):
        return F.softplus(c_real.mean() - c_fake).mean()


LOSS = Nonsaturating()
RING = gm.toys["ring"]
QUIET = {"progress": False, "log_every": 5}


def state(network):
    return {k: v.clone() for k, v in network.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[k], b[k]) for k in a)


def changed(a, b):
    return {k for k in a if not torch.equal(a[k], b[k])}


def pair(norm="batch"):
    """A generator and a critic with their optimisers, on tiny images."""
    torch.manual_seed(0)
    generator = dcgan_generator(latent=4, width=2)
    critic = dcgan_discriminator(width=4, norm=norm)
    adam = [torch.optim.Adam(m.parameters(), lr=1e-3) for m in (generator, critic)]
    return generator, critic, *adam


# --- the two steps -----------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["batch", "none", "spectral"])
def test_critic_step_changes_every_weight_of_the_critic_and_nothing_else(norm):
    generator, critic, _, adam = pair(norm)
    real, fake = torch.randn(8, 1, 28, 28), generator(torch.randn(8, 4))
    g, d = state(generator), state(critic)
    critic_step(LOSS, critic, adam, real, fake)
    assert same(g, state(generator))
    assert all(w.grad is None for w in generator.parameters())
    weights = {name for name, _ in critic.named_parameters()}
    assert weights <= changed(d, state(critic))


@pytest.mark.parametrize("norm", ["batch", "none", "spectral"])
@pytest.mark.parametrize("loss", [LOSS, RealToo()], ids=lambda x: type(x).__name__)
def test_generator_step_changes_every_weight_of_the_generator_and_nothing_else(norm, loss):
    """Not even the critic's running statistics or singular vectors, nor its gradients."""
    generator, critic, adam, _ = pair(norm)
    real, fake = torch.randn(8, 1, 28, 28), generator(torch.randn(8, 4))
    g, d = state(generator), state(critic)
    generator_step(loss, critic, adam, fake, real)
    assert same(d, state(critic))
    assert all(w.grad is None and w.requires_grad for w in critic.parameters())
    weights = {name for name, _ in generator.named_parameters()}
    assert changed(g, state(generator)) == weights


def test_both_terms_train_the_critic():
    """The step's gradient is the sum of the gradients of the real and of the fake term."""
    _, critic, _, _ = pair("none")
    sgd = torch.optim.SGD(critic.parameters(), lr=1.0)
    real, fake = torch.randn(4, 1, 28, 28), torch.randn(4, 1, 28, 28)
    weights = list(critic.parameters())
    by_real = torch.autograd.grad(F.softplus(-critic(real)).mean(), weights)
    by_fake = torch.autograd.grad(F.softplus(critic(fake)).mean(), weights)
    before = [w.detach().clone() for w in weights]
    values = critic_step(LOSS, critic, sgd, real, fake)
    for w, old, a, b in zip(weights, before, by_real, by_fake, strict=True):
        assert a.abs().max() > 0 and b.abs().max() > 0
        assert torch.allclose(old - w, a + b, atol=1e-6)
    assert values.shape == (3,)


def test_generator_gradient_passes_through_the_frozen_critic():
    generator, critic, _, _ = pair("none")
    sgd = torch.optim.SGD(generator.parameters(), lr=1.0)
    fake = generator(torch.randn(4, 4))
    weights = list(generator.parameters())
    expected = torch.autograd.grad(F.softplus(-critic(fake)).mean(), weights, retain_graph=True)
    before = [w.detach().clone() for w in weights]
    generator_step(LOSS, critic, sgd, fake)
    for w, old, g in zip(weights, before, expected, strict=True):
        assert torch.allclose(old - w, g, atol=1e-6)


def test_frozen_respects_layers_that_were_frozen_and_survives_errors():
    critic = MLP(2, 3, 1)
    critic[0].requires_grad_(False)
    with pytest.raises(ZeroDivisionError), frozen(critic):
        assert not any(w.requires_grad for w in critic.parameters())
        _ = 1 / 0
    assert [w.requires_grad for w in critic.parameters()] == [False, False, True, True]


# --- the average -------------------------------------------------------------------------------


def test_average_halves_its_distance_in_one_half_life():
    """Past the ramp, and for any batch size: beta^(half life / batch size) = 1/2."""
    for batch_size in (1, 50, 1000):
        average, network = nn.Linear(1, 1).double(), nn.Linear(1, 1).double()
        nn.init.zeros_(average.weight)
        nn.init.ones_(network.weight)
        for _ in range(1000 // batch_size):
            update_average(average, network, batch_size, half_life=1000, images=10**9)
        assert abs(average.weight.item() - 0.5) < 1e-12


def test_average_follows_its_formula_from_the_start():
    average, network = MLP(2, 2).double(), MLP(2, 2).double()
    expected = average[0].weight.detach().clone()
    for step in range(1, 6):
        nn.init.normal_(network[0].weight)
        update_average(average, network, 10, half_life=2.0, images=10 * step)
        beta = 2 ** (-10 / min(2.0, 10 * step / 20))
        expected = beta * expected + (1 - beta) * network[0].weight
        assert torch.allclose(average[0].weight, expected, rtol=1e-12)


def test_average_copies_buffers():
    generator = dcgan_generator(latent=4, width=2)
    average = copy.deepcopy(generator)
    generator(torch.randn(8, 4))
    update_average(average, generator, 8, half_life=1e6, images=10**9)
    for ours, theirs in zip(average.buffers(), generator.buffers(), strict=True):
        assert torch.equal(ours, theirs)


# --- the loop ----------------------------------------------------------------------------------


def test_n_critic_counts_optimiser_steps():
    run = fit(LOSS, RING, steps=7, n_critic=3, **QUIET)
    taken = {name: run._state[f"optimizer_{name}/0/step"].item() for name in "gd"}
    assert taken == {"g": 7, "d": 21}
    assert run.history["images"].tolist() == [64 * 3 * k for k in range(1, 8)]
    assert run.record["images"] == 64 * 21


def test_history_equals_losses_recomputed_by_hand():
    """The first step of fit, repeated with the public pieces, gives the first row of the history."""
    run = fit(LOSS, RING, steps=1, seed=4, **QUIET)
    torch.manual_seed(4)
    generator, critic = MLP(2, 128, 128, 2), MLP(2, 128, 128, 1)
    rng = torch.Generator().manual_seed(4)
    real = RING.sample(64, seed=rng)
    fake = generator(torch.randn(64, 2, generator=rng))
    c_real, c_fake = critic(real).flatten(), critic(fake.detach()).flatten()
    value = LOSS.critic_loss(c_real, c_fake)
    assert np.isclose(run.history["critic_loss"][0], value.item(), rtol=1e-5)
    assert np.isclose(run.history["c_real"][0], c_real.mean().item(), rtol=1e-4, atol=1e-6)
    assert np.isclose(run.history["c_fake"][0], c_fake.mean().item(), rtol=1e-4, atol=1e-6)


def test_same_seed_same_run_and_the_callers_random_state_is_left_alone():
    torch.manual_seed(123)
    expected = torch.rand(3)
    torch.manual_seed(123)
    a = fit(LOSS, RING, steps=6, seed=1, **QUIET)
    assert torch.equal(torch.rand(3), expected)
    b, c = (fit(LOSS, RING, steps=6, seed=s, **QUIET) for s in (1, 2))
    assert same(a._state, b._state) and not same(a._state, c._state)


def test_logging_does_not_change_training():
    runs = [fit(LOSS, RING, steps=9, log_every=k, progress=False) for k in (1, 4, 100)]
    assert same(runs[0]._state, runs[1]._state) and same(runs[0]._state, runs[2]._state)
    assert np.array_equal(runs[0].history["critic_loss"], runs[2].history["critic_loss"])


def test_epochs_see_every_image_once():
    data = torch.arange(10.0)[:, None]
    batches = Batches(data, 5, seed=0, rng=torch.Generator())
    epochs = [torch.cat([batches(2 * e), batches(2 * e + 1)]).flatten() for e in range(3)]
    assert all(e.sort().values.tolist() == list(range(10)) for e in epochs)
    assert not torch.equal(epochs[0], epochs[1])
    assert torch.equal(batches(0), epochs[0][:5, None])  # and back: the order has no memory


@pytest.mark.parametrize("data", ["ring", "images"])
@pytest.mark.parametrize("stop", [5, 8])
def test_resume_equals_uninterrupted_bit_for_bit(tmp_path, data, stop):
    """Also with dropout (the global random state), batch norm, and a stop between two readings."""
    if data == "ring":
        source = RING
        make = lambda: {  # noqa: E731
            "generator": nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2)),
            "critic": MLP(2, 16, 1),
        }
    else:
        source = gm.load("fashion-mnist", "test", sample=True)
        make = lambda: {  # noqa: E731
            "generator": dcgan_generator(latent=4, width=2),
            "critic": dcgan_discriminator(width=4, norm="spectral"),
        }
    path = tmp_path / "run.safetensors"
    setting = {"batch_size": 16, "n_critic": 2, "seed": 3, **QUIET}
    torch.manual_seed(0)
    first = make()
    whole = fit(LOSS, source, **copy.deepcopy(first), steps=12, **setting)
    fit(LOSS, source, **first, steps=stop, checkpoint=path, **setting)
    # other weights at the start: all must come from the file
    rest = fit(LOSS, source, **make(), steps=12, checkpoint=path, resume=True, **setting)
    assert changed(whole._state, rest._state) == set()
    for name in whole.history:
        assert np.array_equal(whole.history[name], rest.history[name])
    assert torch.equal(whole.sample(5), rest.sample(5))


def test_resume_refuses_other_settings(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(LOSS, RING, steps=5, checkpoint=path, **QUIET)
    with pytest.raises(ValueError, match=r"other settings \(lr\)"):
        fit(LOSS, RING, steps=9, lr=1e-3, checkpoint=path, resume=True, **QUIET)
    with pytest.raises(ValueError, match="at step 5 already"):
        fit(LOSS, RING, steps=3, checkpoint=path, resume=True, **QUIET)


def test_save_and_load(tmp_path):
    run = fit(LOSS, RING, steps=6, **QUIET)
    again = load_run(run.save(tmp_path / "run.safetensors"))
    assert torch.equal(run.sample(7, seed=5), again.sample(7, seed=5))
    assert again.record == json.loads(json.dumps(run.record)) and again.step == 6
    assert again.save(tmp_path / "twice.safetensors").read_bytes()  # can be passed on


def test_networks_of_ones_own_are_asked_for(tmp_path):
    own = nn.Sequential(nn.Linear(2, 2))
    run = fit(LOSS, RING, generator=own, steps=2, **QUIET)
    path = run.save(tmp_path / "run.safetensors")
    with pytest.raises(ValueError, match="generator is of your own making"):
        load_run(path)
    again = load_run(path, generator=nn.Sequential(nn.Linear(2, 2)))
    assert torch.equal(run.sample(3), again.sample(3))
    with pytest.raises(ValueError, match="does not fit"):
        load_run(path, generator=nn.Sequential(nn.Linear(2, 3)))


def test_truncated_checkpoint_gives_one_clear_error(tmp_path):
    path = fit(LOSS, RING, steps=2, **QUIET).save(tmp_path / "run.safetensors")
    whole = path.read_bytes()
    for size in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="not a whole run of ganmath"):
            load_run(path)
    path.write_bytes(b"\x80\x04" + whole)  # not even our format: and nothing is unpickled
    with pytest.raises(CheckpointError, match="not a whole run"):
        load_run(path)
    with pytest.raises(FileNotFoundError):
        load_run(tmp_path / "absent.safetensors")


def test_a_write_that_fails_keeps_the_previous_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.safetensors"
    fit(LOSS, RING, steps=5, checkpoint=path, **QUIET)
    before = path.read_bytes()

    def disk_full(tensors, file, metadata):
        file.write_bytes(b"half a file")
        raise OSError("no space left on device")

    monkeypatch.setattr("ganmath.training.checkpoints.save_file", disk_full)
    with pytest.raises(OSError, match="no space left"):
        fit(LOSS, RING, steps=9, checkpoint=path, resume=True, **QUIET)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


class Poisoned(Nonsaturating):
    """Gives NaN (in value or only in gradient) from critic step `at` on."""

    def __init__(self, at, gradient_only):
        self.at, self.gradient_only, self.calls = at, gradient_only, 0

    def critic_loss(self, c_real, c_fake):
        self.calls += 1
        value = super().critic_loss(c_real, c_fake)
        if self.calls < self.at:
            return value
        if self.gradient_only:  # sqrt(0) has value 0 and slope infinity; times 0 it is NaN
            return value + 0 * (0 * c_real).sum().sqrt()
        return value * math.nan


@pytest.mark.parametrize("gradient_only", [False, True])
def test_divergence_stops_the_run_and_keeps_the_last_good_state(tmp_path, gradient_only):
    path = tmp_path / "run.safetensors"
    good = fit(LOSS, RING, steps=10, **QUIET)
    loss = Poisoned(13, gradient_only)
    with pytest.raises(TrainingDiverged, match="state after step 10 is kept") as caught:
        fit(loss, RING, steps=30, checkpoint=path, **QUIET)
    run = caught.value.run
    assert run.step == 10 and len(run.history["critic_loss"]) == 10
    assert changed(good._state, run._state) == set()
    assert same(state(run.generator), state(good.generator))
    assert all(torch.isfinite(w).all() for w in run.critic.parameters())
    assert torch.equal(load_run(path).sample(4), good.sample(4))


def test_divergence_between_log_points_at_the_last_step():
    with pytest.raises(TrainingDiverged, match="step 7; the state after step 5"):
        fit(Poisoned(7, False), RING, steps=7, **QUIET)


def test_callback_and_samples():
    seen = []
    run = fit(LOSS, RING, steps=12, callback=lambda r: seen.append((r.step, r.sample(3))), **QUIET)
    assert [step for step, _ in seen] == [5, 10, 12]
    assert torch.equal(seen[-1][1], run.sample(3)) and not torch.equal(seen[0][1], seen[1][1])


def test_loss_with_a_term_on_real_outputs_trains():
    a, b = (fit(loss, RING, steps=5, **QUIET) for loss in (LOSS, RealToo()))
    assert a.history["generator_loss"][0] != b.history["generator_loss"][0]


@pytest.mark.parametrize("name", ["minimax", "nonsaturating", "label-smoothing", "lsgan"])
def test_catalogue_trains_on_images(name):
    data = gm.load("fashion-mnist", "test", sample=True)
    networks = {"generator": dcgan_generator(width=2), "critic": dcgan_discriminator(width=2)}
    run = fit(gm.losses[name], data, **networks, steps=4, batch_size=8, **QUIET)
    assert run.sample(2).shape == (2, 1, 28, 28)
    assert run.record["settings"]["loss"] == gm.losses[name].described()


@pytest.mark.parametrize(("capability", "computes"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_bfloat16_is_left_to_gpus_that_compute_in_it(monkeypatch, capability, computes):
    """A T4 (7.5) only emulates it, which torch.cuda.is_bf16_supported() calls supported."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert _computes_in_bfloat16(torch.device("cuda")) is computes
    assert not _computes_in_bfloat16(torch.device("cpu"))


@pytest.mark.parametrize("there_is_one", [True, False])
def test_data_sets_and_toys_train_on_a_gpu_where_there_is_one(monkeypatch, there_is_one):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there_is_one)
    images = gm.load("fashion-mnist", sample=True)  # in the host's memory
    best = "cuda" if there_is_one else "cpu"
    assert [device_of(None, data).type for data in (images, RING)] == [best, best]
    assert device_of(None, images.raw.float()).type == "cpu"  # a tensor: where it lies
    assert device_of("cpu", images).type == "cpu"


def test_bfloat16_autocast_stays_close_and_logits_are_float32():
    data = gm.load("fashion-mnist", "test", sample=True)
    networks = [{"generator": dcgan_generator(width=4), "critic": dcgan_discriminator(width=4)} for _ in "ab"]
    for part in networks[0]:
        networks[1][part].load_state_dict(networks[0][part].state_dict())
    exact, rough = (
        fit(LOSS, data, **n, steps=3, autocast=a, **QUIET)
        for n, a in zip(networks, (False, True), strict=True)
    )
    assert rough.record["settings"]["autocast"] is True
    difference = np.abs(exact.history["critic_loss"] - rough.history["critic_loss"])
    assert 0 < difference.max() < 0.05
    assert all(w.dtype == torch.float32 for w in rough.critic.parameters())


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"critic": MLP(2, 2)}, "one logit per sample"),
        ({"generator": MLP(2, 3)}, r"makes samples of shape \(3,\), the data have \(2,\)"),
        ({"generator": nn.Sequential(nn.Tanh())}, "attribute `latent`"),
        ({"data": [1, 2, 3]}, "must be a data set of gm.load, a toy or a float tensor, not list"),
        ({"data": torch.zeros(100, 2, dtype=torch.uint8)}, "scale it to floats"),
        ({"data": torch.zeros(10, 2)}, "exceeds the 10 samples"),
        ({"data": torch.zeros(100, 1, 64, 64)}, "resize the images"),
        ({"steps": 0}, "steps=0: give a positive integer"),
        ({"n_critic": 1.5}, "n_critic=1.5"),
        ({"resume": True}, "name that file"),
    ],
)
def test_bad_arguments(change, message):
    arguments = {"loss": LOSS, "data": RING, "steps": 1, **QUIET} | change
    with pytest.raises(ValueError, match=message):
        fit(**arguments)


# --- the critic alone ----------------------------------------------------------------------------


def test_learned_critic_equals_the_log_density_ratio():
    """Minimax critic between N(0, 1) and N(1, 1): C* = log p/q = 1/2 - x."""
    p, q = gm.toys["gaussian"], gm.toys["gaussian"](mean=1.0)
    run = fit_critic(LOSS, p, q, MLP(1, 32, 1), steps=500, lr=5e-3, progress=False)
    x = torch.linspace(-1, 2, 31)[:, None]  # where both densities put mass
    error = run.critic(x).flatten() - (p.log_density(x) - q.log_density(x))
    assert error.abs().max() < 0.15
    assert run.history["step"][-1] == 500


def test_fit_critic_takes_tensors_functions_and_runs():
    rng = torch.Generator().manual_seed(0)
    for q in (
        torch.randn(1000, 2),
        lambda n: torch.randn(n, 2, generator=rng),
        fit(LOSS, RING, steps=1, **QUIET),
    ):
        run = fit_critic(LOSS, RING, q, steps=3, batch_size=32, progress=False)
        assert len(run.history["critic_loss"]) == 3
    with pytest.raises(ValueError, match=r"p gives samples of shape \(2,\), q of shape \(1,\)"):
        fit_critic(LOSS, RING, gm.toys["gaussian"], steps=3, progress=False)


def test_fit_critic_keeps_the_last_good_critic():
    with pytest.raises(TrainingDiverged, match="after step 4 is kept") as caught:
        fit_critic(Poisoned(7, True), RING, gm.toys["grid"], steps=9, log_every=4, progress=False)
    assert all(torch.isfinite(w).all() for w in caught.value.run.critic.parameters())
