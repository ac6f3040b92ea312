"""Metrics against closed forms, invariances and independent computations."""

import math

import numpy as np
import pytest
import torch
from scipy import linalg, stats

import ganmath as gm
from ganmath.data import grid, mixture, ring
from ganmath.metrics import (
    class_balance,
    classifier,
    classifier_record,
    features,
    frechet_classifier_distance,
    frechet_distance,
    frechet_gaussians,
    high_quality_bound,
    mode_coverage,
)


def random_covariance(rng, d, rank=None):
    a = rng.normal(size=(d, rank or d))
    return a @ a.T / d


# --- modes -------------------------------------------------------------------------------------


def test_bound_is_the_closed_form():
    assert high_quality_bound(2) == pytest.approx(1 - math.exp(-9 / 2), rel=1e-14)
    assert high_quality_bound(1) == pytest.approx(math.erf(3 / math.sqrt(2)), rel=1e-14)
    assert high_quality_bound(10) == pytest.approx(stats.chi2.cdf(9, 10), rel=1e-12)


@pytest.mark.parametrize("toy", [ring(), grid()], ids=lambda t: t.name)
def test_the_data_themselves_reach_the_bound(toy):
    n = 20_000
    result = mode_coverage(toy.sample(n, seed=0), toy)
    bound = high_quality_bound(2)
    assert abs(result.high_quality - bound) < 4 * math.sqrt(bound * (1 - bound) / n)
    assert result.modes == len(toy.modes) and result.kl < 0.005


def test_a_collapsed_generator():
    toy = ring()
    result = mode_coverage(toy.modes[2].expand(50, 2), toy)
    assert result.modes == 1 and result.high_quality == 1 and result.counts[2] == 50
    assert result.kl == pytest.approx(math.log(8))
    far = mode_coverage(torch.full((9, 2), 7.0), toy)
    assert (far.modes, far.high_quality, far.kl) == (0, 0.0, None)


def test_three_sigma_is_measured_with_each_modes_own_sigma():
    toy = mixture(means=[(0.0, 0.0), (10.0, 0.0)], sigma=[0.1, 1.0])
    inside = torch.tensor([[0.29, 0.0], [12.9, 0.0]])
    outside = torch.tensor([[0.31, 0.0], [13.1, 0.0]])
    assert mode_coverage(inside, toy).modes == 2 and mode_coverage(outside, toy).modes == 0


def test_mode_errors():
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        mode_coverage(torch.zeros(3, 1), ring())
    with pytest.raises(ValueError, match="Gaussian mixtures, not on SwissRoll"):
        mode_coverage(torch.zeros(3, 2), gm.toys["swiss-roll"])


# --- the distance ------------------------------------------------------------------------------


def test_one_dimension_is_the_closed_form():
    """Between N(m, s^2) and N(n, t^2): (m - n)^2 + (s - t)^2."""
    value = frechet_gaussians([1.0], [[4.0]], [-2.0], [[0.25]])
    assert value == pytest.approx(9 + 1.5**2, rel=1e-14)


def test_commuting_covariances_are_the_closed_form():
    """sum (sqrt a_i - sqrt b_i)^2 in any common orthonormal basis."""
    rng = np.random.default_rng(0)
    basis = linalg.qr(rng.normal(size=(6, 6)))[0]
    a, b = rng.uniform(0.1, 3, (2, 6))
    value = frechet_gaussians(np.zeros(6), basis * a @ basis.T, np.ones(6), basis * b @ basis.T)
    assert value == pytest.approx(6 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum(), rel=1e-12)


def test_against_the_general_matrix_square_root():
    rng = np.random.default_rng(1)
    for d in (2, 5, 20):
        m1, m2 = rng.normal(size=(2, d))
        s1, s2 = random_covariance(rng, d), random_covariance(rng, d)
        root = linalg.sqrtm(s1 @ s2)
        expected = ((m1 - m2) ** 2).sum() + np.trace(s1 + s2) - 2 * np.trace(root).real
        assert frechet_gaussians(m1, s1, m2, s2) == pytest.approx(expected, rel=1e-8)


def test_singular_covariances():
    """Orthogonal supports: the cross term vanishes. Equal singular ones: the distance is zero."""
    a, b = np.diag([2.0, 0.0, 0.0]), np.diag([0.0, 3.0, 0.0])
    assert frechet_gaussians(np.zeros(3), a, np.zeros(3), b) == pytest.approx(5)
    s = random_covariance(np.random.default_rng(2), 30, rank=4)
    assert frechet_gaussians(np.zeros(30), s, np.zeros(30), s) == pytest.approx(0, abs=1e-6)


def test_distance_is_symmetric_and_invariant_under_isometries():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(200, 5)), rng.normal(size=(300, 5)) @ rng.normal(size=(5, 5))
    d = frechet_distance(x, y)
    turn = linalg.qr(rng.normal(size=(5, 5)))[0]
    assert frechet_distance(y, x) == pytest.approx(d, rel=1e-10)
    assert frechet_distance(x @ turn + 3, y @ turn + 3) == pytest.approx(d, rel=1e-10)
    assert frechet_distance(2 * x, 2 * y) == pytest.approx(4 * d, rel=1e-10)
    assert frechet_distance(x, x + 2) == pytest.approx(5 * 4, rel=1e-10)


def test_distance_keeps_float32_features_exact():
    """Large means beside small spreads: in float32 the covariance would be lost."""
    rng = np.random.default_rng(4)
    x = (1000 + rng.normal(size=(4000, 2))).astype(np.float32)
    y = (1000 + 2 * rng.normal(size=(4000, 2))).astype(np.float32)
    assert frechet_distance(x, y) == pytest.approx(2, rel=0.06)


def test_distance_errors():
    with pytest.raises(ValueError, match="the same d"):
        frechet_distance(np.zeros((5, 2)), np.zeros((5, 3)))


# --- classifiers ---------------------------------------------------------------------------------


def test_records_state_the_required_accuracy():
    assert classifier_record("mnist")["test_accuracy"] >= 0.99
    assert classifier_record("fashion-mnist")["test_accuracy"] >= 0.91


def test_fashion_classifier_on_the_embedded_test_images():
    data = gm.load("fashion-mnist", "test", sample=True)
    with torch.no_grad():
        right = classifier("fashion-mnist")(data.images).argmax(1) == data.labels
    assert right.double().mean() > 0.89  # 1000 images: within 2.3 standard errors of 0.91


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_classifier_reaches_its_recorded_accuracy(name):
    data = gm.load(name, "test")
    network = classifier(name)
    with torch.no_grad():
        hits = [network(data.batch(i)).argmax(1) == data.labels[i] for i in torch.arange(10_000).split(1000)]
    accuracy = torch.cat(hits).double().mean().item()
    assert accuracy == pytest.approx(classifier_record(name)["test_accuracy"], abs=3e-4)


def test_class_balance_sees_balance_and_collapse():
    data = gm.load("fashion-mnist", "test", sample=True)
    whole = class_balance(data, "fashion-mnist")
    assert whole.counts.sum() == 1000 and whole.classes == 10 and whole.kl < 0.01
    shoes = class_balance(data.images[data.labels == 9], "fashion-mnist")
    assert shoes.counts.argmax() == 9 and shoes.kl > 0.8 * math.log(10)


def test_distance_grows_with_noise_and_with_dropped_classes():
    data = gm.load("fashion-mnist", sample=True)  # in the set's order: classes are mixed
    reference, other = data.images[:2500], data.images[2500:]
    known = features(reference, "fashion-mnist")
    d = lambda x: frechet_distance(features(x, "fashion-mnist"), known)  # noqa: E731
    torch.manual_seed(0)
    noisy = [(other + s * torch.randn_like(other)).clamp(-1, 1) for s in (0.1, 0.5)]
    five = other[data.labels[2500:] < 5]
    same = frechet_classifier_distance(reference, reference, "fashion-mnist")
    assert same == pytest.approx(0, abs=1e-6)
    assert d(other) < d(noisy[0]) < d(noisy[1])
    assert d(five) > 10 * d(other)


def test_features_do_not_depend_on_batches_or_on_the_kind_of_input():
    data = gm.load("fashion-mnist", "test", sample=True)
    x = features(data, "fashion-mnist")
    assert x.shape == (1000, 64) and x.dtype == np.float64
    assert np.allclose(x[:7], features(data.images[:7], "fashion-mnist"), atol=1e-5)


def test_classifier_errors():
    with pytest.raises(ValueError, match="did you mean"):
        classifier("fashion_mnist")
    with pytest.raises(ValueError, match=r"\(N, 1, 28, 28\)"):
        class_balance(torch.zeros(2, 3, 32, 32), "mnist")
    with pytest.raises(ValueError, match=r"in \[-1, 1\]"):
        class_balance(torch.full((2, 1, 28, 28), 255.0), "mnist")
