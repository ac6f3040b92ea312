"""Training films: the optimal critic they show, what quantising loses, and files that are cut off."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import ganmath as gm
from ganmath.networks import MLP, dcgan_discriminator, dcgan_generator
from ganmath.widgets import film, load_film
from ganmath.widgets.films import SPRITE_BYTES, Film, Packed, Recorder, _heat_sprite, _image_sprite

MINIMAX = gm.losses["minimax"]
QUIET = {"progress": False, "device": "cpu"}


def linear(weight: float, bias: float) -> torch.nn.Module:
    """The map x -> weight x + bias: as a generator, N(bias, weight^2)."""
    network = MLP(1, 1)
    with torch.no_grad():
        network[0].weight.fill_(weight)
        network[0].bias.fill_(bias)
    return network


class Known(torch.nn.Module):
    """A critic that is a given function of its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.unused = torch.nn.Parameter(torch.zeros(1))  # what an optimiser asks for

    def forward(self, x):
        return self.function(x) + 0 * self.unused


def still(loss, data, generator, critic, **settings) -> Film:
    """A film of networks that do not learn."""
    recorder = film(loss, data, **settings)
    gm.fit(loss, data, generator, critic, steps=1, lr=0.0, callback=recorder, **QUIET)
    return recorder.film


def normal(x: np.ndarray, mean: float, variance: float) -> np.ndarray:
    return np.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


# --- what the frames show -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss, closed_form",
    [
        (MINIMAX, lambda p, q: np.log(p / q)),
        (gm.losses["lsgan"](a=-1, b=2, c=0), lambda p, q: (2 * p - q) / (p + q)),
    ],
    ids=["minimax", "lsgan"],
)
def test_optimal_critic_is_that_of_the_smoothed_density(loss, closed_form):
    n, h, s, m = 20_000, 0.15, 0.8, 0.5
    grid = np.linspace(-4, 4, 161)
    shown = still(loss, gm.toys["gaussian"], linear(s, m), linear(0.3, 0), samples=n, grid=grid, bandwidth=h)
    x, optimal = (shown.arrays[k].unpack() for k in ("x", "optimal critic"))
    # a Gaussian smoothed by a Gaussian, and by the cells of the histogram
    p, q = normal(x, 0, 1), normal(x, m, s**2 + h**2 + 0.05**2 / 12)
    here = np.isfinite(optimal[0])
    assert 0.5 < here.mean() < 1  # shown in the middle, not where samples are few
    error = 5 / np.sqrt(2 * math.sqrt(math.pi) * h * n * q)  # five standard errors of q, relative
    low, high = closed_form(p, q * (1 + error)), closed_form(p, q / (1 + error))
    slack = 1e-3  # quantisation
    assert (np.minimum(low, high) - slack <= optimal[0])[here].all()
    assert (optimal[0] <= np.maximum(low, high) + slack)[here].all()


def test_critic_at_its_optimum_has_least_loss_and_no_distance():
    h = 0.1
    p, q = (0.0, 1.0), (0.6, 0.9**2 + h**2)

    def optimal(x):
        log_p, log_q = (-((x - m) ** 2) / (2 * v) - math.log(v) / 2 for m, v in (p, q))
        return log_p - log_q

    settings = {"samples": 200_000, "grid": np.linspace(-5, 5, 201), "bandwidth": h}
    best = still(MINIMAX, gm.toys["gaussian"], linear(0.9, 0.6), Known(optimal), **settings).values
    other = still(MINIMAX, gm.toys["gaussian"], linear(0.9, 0.6), linear(0.0, 0.5), **settings).values
    assert best["distance"][0] < 0.03
    assert 0 <= best["critic loss"][0] - best["optimum"][0] < 1e-3
    assert other["optimum"] == best["optimum"]
    # C = 1/2 everywhere: E_p softplus(-1/2) + E_q softplus(1/2)
    assert other["critic loss"][0] == pytest.approx(
        math.log1p(math.exp(-0.5)) + math.log1p(math.exp(0.5)), abs=1e-4
    )
    assert other["distance"][0] > 0.3


def test_loss_never_falls_below_the_optimum_while_training():
    recorder = film(MINIMAX, gm.toys["mixture"], samples=2000)
    gm.fit(MINIMAX, gm.toys["mixture"], steps=60, lr=1e-3, log_every=5, callback=recorder, **QUIET)
    values = recorder.film.values
    assert recorder.film.steps == tuple(range(5, 61, 5))
    assert all(loss >= least for loss, least in zip(values["critic loss"], values["optimum"], strict=True))


def test_loss_without_optimal_critic_is_filmed_without_one():
    one_sided = gm.GANLoss("one-sided", real=-gm.c, fake=gm.softplus(gm.c) * 0, gen=-gm.c)
    with pytest.raises(gm.NoOptimalCritic):
        gm.derive(one_sided)
    shown = still(one_sided, gm.toys["gaussian"], linear(1, 0), linear(1, 0), samples=500)
    assert "optimal critic" not in shown.arrays and list(shown.values) == ["critic loss"]
    assert "optimal" not in shown.show(alt="a film").html.split("<details>")[0]


def test_share_of_samples_outside_the_axis_is_told():
    grid = np.linspace(-3, 3, 121)
    shown = still(MINIMAX, gm.toys["gaussian"], linear(1, 3), linear(1, 0), grid=grid)
    assert shown.values["samples outside"][0] == pytest.approx(0.5, abs=0.02)


def test_plane_counts_modes_and_heat_map_shows_the_sign():
    critic = Known(lambda x: x[:, 0])  # positive on the right
    generator = MLP(2, 2)
    with torch.no_grad():
        generator[0].weight.copy_(0.02 * torch.eye(2))
        generator[0].bias.copy_(torch.tensor([1.0, 0.0]))
    ring = gm.toys["ring"](sigma=0.02)
    shown = still(gm.losses["nonsaturating"], ring, generator, critic, samples=200)
    assert shown.values["modes found"] == (1.0,)
    assert shown.values["near a mode"][0] > 0.95
    points = shown.arrays["q"].unpack()[0]
    assert points.mean(0) == pytest.approx([1, 0], abs=0.01)
    pixels = rgba(shown.sprite)
    left, right = pixels[:, :20], pixels[:, -20:]
    assert (left[..., 0] > left[..., 1]).all() and (right[..., 1] > right[..., 0]).all()
    assert (pixels[:, 0, 3] > pixels[:, 20, 3]).all()  # stronger farther out


def rgba(sprite: bytes) -> np.ndarray:
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(sprite)).convert("RGBA")).astype(int)


def test_image_frames_stand_below_one_another_in_order():
    levels = np.linspace(-0.8, 0.8, 5)
    images = np.broadcast_to(levels[:, None, None, None, None], (5, 8, 1, 28, 28))
    frames = np.split(rgba(_image_sprite(images))[..., 0], 5)
    for level, frame in zip(levels, frames, strict=True):
        assert frame[4:24, 4:24].mean() == pytest.approx(127.5 * (level + 1), abs=4)


@pytest.mark.parametrize("data", ["mixture", "ring", "images"])
def test_filming_changes_nothing_of_the_run(data):
    if data == "images":
        data = gm.load("fashion-mnist", sample=True)
        torch.manual_seed(0)
        networks = lambda: (dcgan_generator(width=4), dcgan_discriminator(width=4))  # noqa: E731
    else:
        data, networks = gm.toys[data], lambda: (None, None)
    runs = []
    for callback in ([], [film(MINIMAX, data, samples=16), film(MINIMAX, data, samples=8)]):
        torch.manual_seed(1)
        generator, critic = networks()
        runs.append(
            gm.fit(
                MINIMAX,
                data,
                generator,
                critic,
                steps=6,
                log_every=2,
                batch_size=8,
                callback=callback,
                **QUIET,
            )
        )
    plain, filmed = runs
    for name, weights in (plain.raw_generator.state_dict() | plain.critic.state_dict()).items():
        assert torch.equal(weights, (filmed.raw_generator.state_dict() | filmed.critic.state_dict())[name])
    assert all(np.array_equal(plain.history[k], filmed.history[k]) for k in plain.history)
    assert all(len(recorder.film.steps) == 3 for recorder in callback)


def test_a_frame_that_explodes_leaves_the_others_sharp():
    recorder = film(MINIMAX, gm.toys["gaussian"], samples=500)
    critics = [linear(0.5, 0.25), linear(0.5, 0.25), linear(0.5, 0.25), linear(1e9, 0), linear(math.nan, 0)]
    for step, critic in enumerate(critics, 1):
        generator = linear(1 if step < 5 else math.inf, 0)
        record = {"environment": {}}
        recorder(SimpleNamespace(step=step, raw_generator=generator, critic=critic, record=record))
    x, critic = (recorder.film.arrays[name].unpack() for name in ("x", "critic"))
    assert critic[0] == pytest.approx(0.5 * x + 0.25, abs=1e-3)
    assert np.isfinite(critic[3]).all() and np.isnan(critic[4]).all()
    assert recorder.film.values["critic loss"][4] is None
    assert recorder.show(alt="a film").html.count("<svg ") == 1


# --- which frames are kept ------------------------------------------------------------------------


@pytest.mark.parametrize("readings", [1, 4, 5, 9, 37, 100])
def test_frames_are_even_in_number_bounded_and_end_with_the_last(readings):
    recorder = Recorder(4, lambda run: {}, lambda shots: {"kind": "line", "values": {}, "arrays": {}}, {})
    for i in range(1, readings + 1):
        recorder(SimpleNamespace(step=50 * i, record={"environment": {}}))
    steps = recorder.film.steps
    assert min(readings, 3) <= len(steps) <= 4
    assert steps[0] == 50 and steps[-1] == 50 * readings
    assert len(set(np.diff(steps[:-1]))) <= 1  # evenly spaced, but for the last


# --- size and precision ---------------------------------------------------------------------------


@given(
    arrays(
        float,
        st.tuples(st.integers(1, 4), st.integers(1, 9)),
        elements=st.floats(-1e6, 1e6) | st.just(math.nan),
    )
)
def test_packing_is_exact_to_half_a_code(values):
    packed = Packed.of(values)
    back = packed.unpack()
    known = np.isfinite(values)
    assert back.shape == values.shape and np.array_equal(np.isfinite(back), known)
    bound = (packed.high - packed.low) / 131068
    assert (np.abs(back - values)[known] <= bound * (1 + 1e-9) + 1e-12 * np.abs(values[known])).all()


def test_sizes(tmp_path):
    recorder = film(MINIMAX, gm.toys["mixture"], samples=500)
    gm.fit(MINIMAX, gm.toys["mixture"], steps=80, log_every=1, batch_size=8, callback=recorder, **QUIET)
    assert 20 <= len(recorder.film.steps) <= 40
    assert recorder.save(tmp_path / "film-line").stat().st_size <= 60_000
    # images of pure noise, which nothing can compress
    noise = np.random.default_rng(0).uniform(-1, 1, (24, 32, 1, 28, 28))
    assert len(_image_sprite(noise)) <= SPRITE_BYTES
    colour = np.random.default_rng(0).uniform(-1, 1, (24, 32, 3, 32, 32))
    assert len(_image_sprite(colour)) <= SPRITE_BYTES


def test_same_film_gives_the_same_bytes():
    make = lambda: still(MINIMAX, gm.toys["gaussian"], linear(1, 0), linear(1, 0), samples=500)  # noqa: E731
    assert make().show(alt="a film").html == make().show(alt="a film").html


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    heat = np.linspace(-1, 1, 2 * 48 * 48).reshape(2, 48, 48)
    content = {"real": np.zeros((3, 2)), "q": np.ones((2, 3, 2)), "extent": [[-1, -1], [2, 2]]}
    packed = {name: Packed.of(values) for name, values in content.items()}
    made = Film(
        "plane",
        (5, 10),
        {"critic loss": (1.5, None)},
        packed,
        {"note": "n", "loss": "minimax"},
        _heat_sprite(heat),
    )
    made.save(tmp_path / "film-a")
    return made, tmp_path


def test_saved_film_comes_back_equal_and_looks_the_same(saved):
    made, folder = saved
    back = load_film("film-a", folder)
    assert back == made
    assert back.show(alt="a film").html == made.show(alt="a film").html
    assert not list(folder.glob("*.part"))


def test_damaged_files_give_one_error(saved):
    _, folder = saved
    path, picture = folder / "film-a.json", folder / "film-a.png"
    text, pixels = path.read_text(), picture.read_bytes()
    content = json.loads(text)
    damaged = {
        "cut off": text[: len(text) // 2],
        "another kind": json.dumps(["a", "list"]),
        "of another format": json.dumps(content | {"format": "ganmath-film-0"}),
        "a column too short": json.dumps(content | {"values": {"critic loss": [1.5]}}),
        "an array too short": text.replace(
            content["arrays"]["q"]["codes"], content["arrays"]["q"]["codes"][8:]
        ),
        "no base64": text.replace(content["arrays"]["q"]["codes"], "*" + content["arrays"]["q"]["codes"][1:]),
        "a picture elsewhere": text.replace("film-a.png", "../film-a.png"),
    }
    for damage in damaged.values():
        path.write_text(damage)
        with pytest.raises(ValueError, match="^film film-a.json is damaged .*record it again$"):
            load_film("film-a", folder)
    path.write_text(text)
    picture.write_bytes(pixels[:-20])
    with pytest.raises(ValueError, match="film-a.png is not the picture"):
        load_film("film-a", folder)
    picture.unlink()
    with pytest.raises(ValueError, match="is damaged .*record it again"):
        load_film("film-a", folder)


def test_unknown_film_names_those_there_are(saved):
    with pytest.raises(FileNotFoundError, match="no film named 'film-b'; there are: film-a"):
        load_film("film-b", saved[1])


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, settings, message",
    [
        (gm.toys["mixture"], {"frames": 1}, "two or more"),
        (gm.toys["mixture"], {"samples": 0}, "at least 1"),
        (gm.toys["mixture"], {"grid": [0, 1, 3]}, "evenly spaced"),
        (gm.toys["mixture"], {"bandwidth": 1e-6}, "below the grid's spacing"),
        (gm.toys["ring"], {"bandwidth": 0.1}, "on the line only"),
        (torch.zeros(9, 1), {}, "known density"),
        (lambda n: torch.zeros(n, 1), {}, "a data set of gm.load or a toy"),
        (torch.zeros(9, 1, 28, 28), {"samples": 100}, "smaller frames= or samples="),
        (torch.zeros(9, 5), {}, "cannot be filmed"),
    ],
)
def test_settings_that_do_not_fit(data, settings, message):
    with pytest.raises(ValueError, match=message):
        film(MINIMAX, data, **settings)


def test_a_film_is_of_one_run_and_not_empty():
    recorder = film(MINIMAX, gm.toys["gaussian"], samples=50)
    with pytest.raises(ValueError, match="callback="):
        recorder.show(alt="a film")
    gm.fit(MINIMAX, gm.toys["gaussian"], steps=2, callback=recorder, **QUIET)
    with pytest.raises(ValueError, match="alt is empty"):
        recorder.show(alt=" ")
    with pytest.raises(ValueError, match="make a new one"):
        gm.fit(MINIMAX, gm.toys["gaussian"], steps=2, callback=recorder, **QUIET)


def test_widgets_import_neither_torch_nor_ipywidgets():
    heavy = {"torch", "ipywidgets", "matplotlib"}
    code = f"import sys, ganmath.widgets; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_critic_loss_of_a_loss_that_compares_samples():
    """L_D on the grid against means over 400,000 draws, for pairs and for averages."""
    from ganmath.widgets.films import _critic_loss_on_grid

    x = np.linspace(-8, 10, 400)
    p, q = (np.exp(-((x - at) ** 2) / 2) / math.sqrt(2 * math.pi) for at in (0, 1.5))
    rng = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(400_000, generator=rng, dtype=torch.float64) + at for at in (0, 1.5))
    for name in ("relativistic-paired", "relativistic-average", "relativistic-average-hinge"):
        found = _critic_loss_on_grid(gm.losses[name], p[None], q[None], np.sin(x)[None])
        expected = gm.losses[name].critic_loss(real.sin(), fake.sin()).item()
        assert found.shape == (1,) and found[0] == pytest.approx(expected, abs=0.006), name
