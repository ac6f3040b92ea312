"""A discriminator judged as a probability: identities that hold for any critic, and calibration."""

import numpy as np
import pytest
import torch

from ganmath import toys
from ganmath.calibration import critic_error, reliability
from ganmath.data import gaussian
from ganmath.theory.catalogue import losses
from ganmath.theory.divergence import Normal, divergences

P, Q = gaussian(0.0, 1.0), gaussian(1.0, 1.0)


def optimum(x):
    return 0.5 - x[:, 0]


def test_the_optimal_critic_has_no_error():
    error = critic_error(optimum, P, Q)
    assert error.excess == pytest.approx(0, abs=1e-12)
    assert error.rms_logit < 1e-6
    assert error.rms_probability < 1e-6


def test_least_loss_is_that_of_the_jensen_shannon_divergence():
    expected = 2 * np.log(2) - 2 * divergences["jensen-shannon"].quadrature(Normal(0, 1), Normal(1, 1))
    assert critic_error(optimum, P, Q, n=400_000).least == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("critic", [lambda x: 2 * x[:, 0], lambda x: torch.sin(5 * x[:, 0]) - 3])
def test_excess_is_the_loss_above_the_least_one(critic):
    n = 400_000
    x, y = P.sample(n, seed=1), Q.sample(n, seed=2)
    difference = losses["minimax"].critic_loss(critic(x), critic(y)) - losses["minimax"].critic_loss(
        optimum(x), optimum(y)
    )
    assert critic_error(critic, P, Q, n=n).excess == pytest.approx(float(difference), abs=2e-2)


def test_excess_bounds_the_squared_error_of_the_probability():
    for scale in (-3, 0, 0.5, 20):
        error = critic_error(lambda x, a=scale: a * x[:, 0], P, Q, n=20_000)
        assert error.excess >= 4 * error.rms_probability**2


def test_supports_must_agree():
    with pytest.raises(ValueError, match="supports"):
        critic_error(optimum, toys["uniform"](low=0.0, high=1.0), toys["uniform"](low=0.5, high=1.5))


def test_logistic_regression_has_the_excess_that_asymptotics_give():
    """E excess = (1 + Delta/2) / (2 n) for the linear critic fitted to n samples of each density."""
    rng, n, replicates = np.random.default_rng(0), 400, 400
    delta = divergences["le-cam"].quadrature(Normal(0, 1), Normal(1, 1))
    excesses = []
    grid = np.linspace(-9, 10, 4001)
    dens = [np.exp(-((grid - a) ** 2) / 2) / np.sqrt(2 * np.pi) for a in (0, 1)]
    for _ in range(replicates):
        x = np.concatenate([rng.normal(0, 1, n), rng.normal(1, 1, n)])
        y = np.repeat([1.0, 0.0], n)
        features, w = np.stack([np.ones(2 * n), x], 1), np.zeros(2)
        for _ in range(12):  # Newton
            d = 1 / (1 + np.exp(-features @ w))
            w += np.linalg.solve((features.T * (d * (1 - d))) @ features, features.T @ (y - d))
        learned, best = w[0] + w[1] * grid, 0.5 - grid
        gap = np.logaddexp(0, learned) - np.logaddexp(0, best)
        gap -= (learned - best) / (1 + np.exp(-best))
        excesses.append(float(np.sum((dens[0] + dens[1]) * gap) * (grid[1] - grid[0])))
    mean, error = np.mean(excesses), np.std(excesses) / np.sqrt(replicates)
    assert abs(mean - (1 + delta / 2) / (2 * n)) < 4 * error
    # and the naive count of parameters over 2 n is told apart from it
    assert abs(mean - 2 / (2 * n)) > 4 * error


def test_the_optimal_discriminator_is_calibrated():
    n = 100_000
    curve = reliability(optimum(P.sample(n, seed=0)), optimum(Q.sample(n, seed=1)))
    assert curve.error < 0.01
    assert np.all((curve.low - 0.005 < curve.predicted) & (curve.predicted < curve.high + 0.005))
    assert curve.mass.sum() == pytest.approx(1)


def test_overconfidence_shows():
    n = 20_000
    curve = reliability(4 * optimum(P.sample(n, seed=0)), 4 * optimum(Q.sample(n, seed=1)))
    assert curve.error > 0.1
    assert curve.observed[0] > curve.predicted[0] + 0.1
    assert curve.observed[-1] < curve.predicted[-1] - 0.1


def test_one_bin_counts_half_real_and_extremes_stay_in_range():
    curve = reliability(torch.tensor([1e4, -1e4]), torch.tensor([1e4, -1e4]), bins=1)
    assert curve.observed == 0.5
    assert reliability(torch.tensor([1e4]), torch.tensor([-1e4])).error == 0


def test_as_many_real_as_generated_samples():
    with pytest.raises(ValueError, match="as many"):
        reliability(torch.zeros(3), torch.zeros(2))
