"""Toys against their exact densities; image sets against what the official files hold."""

import math
import os

import numpy as np
import pytest
import torch
from scipy import integrate, stats

import ganmath as gm
from ganmath.data import grid, mixture, ring, two_uniforms

TOYS_2D = [ring(sigma=0.1), grid(side=3, spacing=1.0, sigma=0.2), gm.toys["swiss-roll"](sigma=0.1)]


@pytest.mark.parametrize("toy", TOYS_2D, ids=lambda t: t.name)
def test_planar_density_integrates_to_one(toy):
    x = torch.linspace(-3.2, 3.2, 201, dtype=torch.float64)
    points = torch.stack(torch.meshgrid(x, x, indexing="ij"), -1)
    mass = toy.log_density(points).exp().sum() * (x[1] - x[0]) ** 2  # trapezoid: spectrally exact
    assert abs(mass.item() - 1) < 1e-8


@pytest.mark.parametrize("toy", TOYS_2D, ids=lambda t: t.name)
def test_planar_samples_follow_the_density(toy):
    """Chi-squared test of 40,000 draws in square cells against integrals of the density."""
    n, edges, fine = 40_000, torch.linspace(-3.2, 3.2, 17), 10
    x = toy.sample(n, seed=1)
    assert x.shape == (n, 2) and x.dtype == torch.float32
    observed = np.histogram2d(*x.double().numpy().T, bins=[edges.numpy()] * 2)[0]
    step = 6.4 / 16 / fine
    centres = torch.arange(16 * fine, dtype=torch.float64) * step - 3.2 + step / 2
    density = toy.log_density(torch.stack(torch.meshgrid(centres, centres, indexing="ij"), -1)).exp()
    expected = n * step**2 * density.reshape(16, fine, 16, fine).sum((1, 3)).numpy()
    cells = expected > 8
    statistic = ((observed - expected)[cells] ** 2 / expected[cells]).sum()
    assert stats.chi2.sf(statistic, cells.sum() - 1) > 1e-3


def test_gaussian_and_mixture_on_the_line_equal_scipy():
    x = torch.linspace(-9, 9, 101, dtype=torch.float64)
    normal = gm.toys["gaussian"](mean=1.5, sigma=0.7)
    assert np.allclose(normal.log_density(x), stats.norm(1.5, 0.7).logpdf(x), rtol=1e-12)
    mixed = mixture(means=[-2, 3], sigma=[0.5, 1.5], weights=[1, 3])
    pdf = 0.25 * stats.norm(-2, 0.5).pdf(x) + 0.75 * stats.norm(3, 1.5).pdf(x)
    assert np.allclose(mixed.log_density(x[:, None]).exp(), pdf, rtol=1e-12)
    draws = mixed.sample(20_000, seed=3)[:, 0].numpy()
    cdf = lambda t: 0.25 * stats.norm(-2, 0.5).cdf(t) + 0.75 * stats.norm(3, 1.5).cdf(t)  # noqa: E731
    assert stats.kstest(draws, cdf).pvalue > 1e-3


def test_score_of_the_ring_points_at_the_nearest_mode():
    """Far from the other modes, grad log p(x) = (mode - x) / sigma^2."""
    toy = ring(sigma=0.05)
    x = (toy.modes[3].double() + torch.tensor([0.03, -0.02])).requires_grad_(True)
    (score,) = torch.autograd.grad(toy.log_density(x), x)
    assert torch.allclose(score, (toy.modes[3] - x.detach()) / 0.05**2, rtol=1e-6)


@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.3])
def test_swiss_roll_quadrature(sigma):
    """The density against adaptive quadrature, on the curve, beside it, and at both of its ends."""
    toy = gm.toys["swiss-roll"](sigma=sigma)

    def curve(t):
        return np.array([t * np.cos(t), t * np.sin(t)]) * 4 / (9 * math.pi)

    for t0, shift in [(1.5, 0.0), (2.4, 1.0), (3.7, -2.0), (4.5, 0.5)]:
        x = curve(t0 * math.pi) + shift * sigma
        near = np.linspace(1.5 * math.pi, 4.5 * math.pi, 4001)
        hot = near[np.argmin(((curve(near) - x[:, None]) ** 2).sum(0))]
        value, _ = integrate.quad(
            lambda t, x=x: np.exp(-((curve(t) - x) ** 2).sum() / (2 * sigma**2)),
            1.5 * math.pi,
            4.5 * math.pi,
            points=[hot],
            limit=2000,
            epsabs=0,
            epsrel=1e-9,
        )
        exact = math.log(value / (2 * math.pi * sigma**2) / (3 * math.pi))
        assert abs(toy.log_density(torch.from_numpy(x)).item() - exact) < 1e-6


def test_two_uniforms():
    p, q = two_uniforms(theta=0.25)
    x = torch.tensor([-0.1, 0.1, 0.3, 1.1, 1.3])
    assert p.log_density(x).tolist() == [-math.inf, 0, 0, -math.inf, -math.inf]
    assert q.log_density(x).tolist() == [-math.inf, -math.inf, 0, 0, -math.inf]
    assert stats.kstest(q.sample(5000, seed=0)[:, 0].numpy(), stats.uniform(0.25, 1).cdf).pvalue > 1e-3


def test_toys_have_the_published_specification():
    assert gm.toys["ring"].modes.norm(dim=1).allclose(torch.ones(8)) and gm.toys["ring"].sigma == 0.01
    ticks = sorted({tuple(m) for m in gm.toys["grid"].modes.tolist()})
    assert ticks == [(float(a), float(b)) for a in range(-4, 5, 2) for b in range(-4, 5, 2)]
    assert gm.toys["grid"].sigma == 0.05


def test_seeds():
    a, b, c = (gm.toys["grid"].sample(9, seed=s) for s in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)
    rng = torch.Generator().manual_seed(1)
    assert torch.equal(gm.toys["grid"].sample(9, seed=rng), a)
    assert not torch.equal(gm.toys["grid"].sample(9, seed=rng), a)  # it moved on


def test_sample_is_balanced_and_real():
    for split, n in (("train", 500), ("test", 100)):
        data = gm.load("fashion-mnist", split, sample=True)
        assert data.source == "sample" and data.raw.dtype == torch.uint8
        assert torch.bincount(data.labels).tolist() == [n] * 10
        assert data.images.shape == (10 * n, 1, 28, 28)
        assert data.images.min() == -1 and data.images.max() == 1


def test_batch_is_a_part_of_images():
    data = gm.load("fashion-mnist", sample=True)
    index = torch.tensor([7, 3, 4999])
    assert torch.equal(data.batch(index), data.images[index])
    assert torch.equal(data.batch(index), data.raw[index] / 127.5 - 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "fasion-mnist"}, "did you mean 'fashion-mnist'"),
        ({"name": "mnist", "split": "val"}, "'train' or 'test'"),
        ({"name": "mnist", "sample": True}, "only fashion-mnist has an embedded sample"),
        ({"name": "fashion-mnist", "sample": 1.5}, "True, False or 'auto'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        gm.load(**arguments)


def test_missing_network_names_three_ways_out(tmp_path, monkeypatch):
    import torchvision

    def offline(*_, **__):
        raise RuntimeError("no route to host")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", offline)
    with pytest.raises(FileNotFoundError, match=r"GANMATH_DATA.*with a network.*sample=True"):
        gm.load("mnist", root=tmp_path)


def test_auto_says_which(tmp_path, capsys):
    assert gm.load("fashion-mnist", sample="auto", root=tmp_path).source == "sample"
    assert "embedded sample of fashion-mnist" in capsys.readouterr().out


def test_damaged_files_are_refused(tmp_path):
    """A whole, well-formed file with other pixels than the official ones, and one cut off."""
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    images = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(2 * 784)
    labels = bytes([0, 0, 8, 1, 0, 0, 0, 2, 1, 2])
    for start in ("train", "t10k"):
        (folder / f"{start}-images-idx3-ubyte").write_bytes(images)
        (folder / f"{start}-labels-idx1-ubyte").write_bytes(labels)
    with pytest.raises(OSError, match="damaged or not the official ones"):
        gm.load("fashion-mnist", root=tmp_path)
    (folder / "train-images-idx3-ubyte").write_bytes(images[:900])
    with pytest.raises(OSError, match="damaged or not the official ones"):
        gm.load("fashion-mnist", root=tmp_path)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "shape", "train", "per_class"),
    [
        ("mnist", (1, 28, 28), 60_000, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        ("fashion-mnist", (1, 28, 28), 60_000, [6000] * 10),
        ("cifar10", (3, 32, 32), 50_000, [5000] * 10),
    ],
)
def test_official_sets(name, shape, train, per_class):
    """Contents are compared by SHA-256 inside load; here sizes, classes and order of dimensions."""
    data = gm.load(name)
    assert len(data) == train and data.shape == shape and data.raw.dtype == torch.uint8
    assert torch.bincount(data.labels).tolist() == per_class
    assert len(gm.load(name, "test")) == 10_000
    import torchvision

    class_name = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10"}[name]
    peer = getattr(torchvision.datasets, class_name)(os.environ["GANMATH_DATA"], train=True)
    for i in (0, 17, train - 1):
        image, label = peer[i]
        expected = torch.from_numpy(np.array(image)).reshape(*shape[1:], shape[0]).permute(2, 0, 1)
        assert torch.equal(data.raw[i], expected) and int(data.labels[i]) == label


@pytest.mark.real_data
def test_sample_is_the_start_of_each_class_of_the_official_set():
    full, part = gm.load("fashion-mnist"), gm.load("fashion-mnist", sample=True)
    for k in range(10):
        assert torch.equal(part.raw[part.labels == k], full.raw[full.labels == k][:500])
