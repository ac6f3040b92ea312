"""Wasserstein distances: quantiles, linear programs, closed forms and duality agree."""

import math
import sys

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.stats
import sympy as sp

from ganmath.theory.divergence import NoClosedForm, Normal, PointMass, Uniform, divergences

W1, W2 = divergences["wasserstein-1"], divergences["wasserstein-2"]


def pair(seed, size=7):
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.full(size, 0.5), 2)
    return p, q, np.sort(rng.normal(size=size)) * 3


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("w", [W1, W2], ids=lambda w: w.name)
def test_quantiles_agree_with_the_linear_program(w, seed):
    p, q, x = pair(seed)
    distances = np.abs(x[:, None] - x[None, :])
    assert w(p, q, positions=x) == pytest.approx(w(p, q, cost=distances), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_w1_is_the_kantorovich_dual(seed):
    """sup E_p g - E_q g over 1-Lipschitz g, by linear programming over g on the points."""
    p, q, x = pair(seed)
    gaps = np.diff(x)
    rows = np.diff(np.eye(x.size), axis=0)
    dual = scipy.optimize.linprog(
        -(p - q),
        A_ub=np.vstack([rows, -rows]),
        b_ub=np.concatenate([gaps, gaps]),
        bounds=[(0, 0)] + [(None, None)] * (x.size - 1),
    )
    assert W1(p, q, positions=x) == pytest.approx(-dual.fun, abs=1e-9)


def test_samples_agree_with_scipy_and_with_sorting():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=200), 2 + 3 * rng.normal(size=200)
    assert W1.samples(x, y) == pytest.approx(scipy.stats.wasserstein_distance(x, y), abs=1e-12)
    # equal weights: match in order
    paired = np.sqrt(np.mean((np.sort(x) - np.sort(y)) ** 2))
    assert W2.samples(x, y) == pytest.approx(paired, abs=1e-12)
    weights = rng.dirichlet(np.ones(200))
    expected = scipy.stats.wasserstein_distance(x, y[:50], weights)
    assert W1.samples(x, y[:50], weights) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("w", [W1, W2], ids=lambda w: w.name)
@pytest.mark.parametrize(
    ("P", "Q"),
    [
        (Normal(0, 1), Normal(2, 1)),
        (Normal(0, 1), Normal(1, 3)),
        (Normal(0, 1), Normal(0, sp.Rational(1, 2))),
        (Uniform(-1, 2), Uniform(-2, 4)),
        (Uniform(0, 1), Uniform(5, 7)),
        (PointMass(1), Normal(0, 2)),
        (Uniform(0, 1), PointMass(sp.Rational(1, 3))),
        (PointMass(0), PointMass(-4)),
    ],
)
def test_closed_form_is_the_integral_over_quantiles(w, P, Q):
    assert float(w.between(P, Q)) == pytest.approx(w.quadrature(P, Q), rel=1e-10)
    assert w.between(P, Q) == pytest.approx(w.between(Q, P))


def test_w2_of_normal_and_uniform():
    P, Q = Normal(0, 1), Uniform(-1, 2)
    assert float(W2.between(P, Q)) == pytest.approx(W2.quadrature(P, Q), rel=1e-10)
    with pytest.raises(NoClosedForm, match="quadrature"):
        W1.between(P, Q)


def test_quadrature_of_w1_is_the_area_between_distribution_functions():
    grid = np.linspace(-9, 9, 2_000_001)
    gap = np.abs(scipy.stats.norm.cdf(grid) - scipy.stats.uniform(-1, 3).cdf(grid))
    area = scipy.integrate.trapezoid(gap, grid)
    assert W1.quadrature(Normal(0, 1), Uniform(-1, 2)) == pytest.approx(area, abs=1e-9)


def test_folded_normal_in_closed_form():
    # same mean: |s1 - s2| sqrt(2/pi)
    assert W1.between(Normal(0, 1), Normal(0, 3)) == 2 * sp.sqrt(2 / sp.pi)
    assert W2.between(Normal(0, 1), Normal(0, 3)) == 2


def test_point_masses_see_their_distance():
    theta = sp.Symbol("theta", real=True)
    assert W1.between(PointMass(0), PointMass(theta)) == sp.Abs(theta)
    assert W2.between(PointMass(0), PointMass(3)) == 3


def test_order_of_the_points_does_not_matter():
    p, q, x = pair(3)
    order = np.random.default_rng(1).permutation(x.size)
    assert W1(p[order], q[order], positions=x[order]) == pytest.approx(W1(p, q, positions=x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either positions"),
        ({"positions": [0, 1], "cost": np.zeros((2, 2))}, "either positions"),
        ({"positions": [0, 1, 2]}, "2 weights for 3 points"),
        ({"cost": np.zeros((3, 3))}, "2 x 2"),
        ({"cost": np.full((2, 2), -1.0)}, "nonnegative"),
        ({"positions": [0, math.inf]}, "finite"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        W1([0.5, 0.5], [0.5, 0.5], **arguments)


def test_only_orders_one_and_two():
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        type(W1)(3)


@pytest.mark.parametrize("order", [1, 2])
def test_without_pot_a_linear_program_gives_the_same_distance(order, monkeypatch):
    rng = np.random.default_rng(3)
    p, q = rng.dirichlet(np.ones(7), size=2)
    points = rng.normal(size=(7, 2))
    cost = np.linalg.norm(points[:, None] - points[None], axis=-1)
    distance = divergences[f"wasserstein-{order}"]
    with_pot = distance(p, q, cost=cost)
    monkeypatch.setitem(sys.modules, "ot", None)  # its import then fails
    assert distance(p, q, cost=cost) == pytest.approx(with_pot, abs=1e-9)
