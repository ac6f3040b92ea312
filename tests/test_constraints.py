"""Constraints as data: their sets of outputs, against the definition and against linear programmes."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance

from ganmath.theory.constraints import Feasible, Free, Interval, Lipschitz

m = sp.Symbol("m", positive=True)
x = sp.Symbol("x", real=True)
RNG = np.random.default_rng(0)


def allowed(feasible: Feasible, outputs: np.ndarray) -> bool:
    inside = bool((outputs >= feasible.low).all() and (outputs <= feasible.high).all())
    polyhedron = feasible.A is None or bool((feasible.A @ outputs <= feasible.b).all())
    ellipsoid = feasible.Q is None or bool(outputs @ feasible.Q @ outputs <= 1)
    return inside and polyhedron and ellipsoid


def greatest(feasible: Feasible, direction: np.ndarray) -> float:
    """The greatest value of direction · C over the set."""
    bounds = [(feasible.low, feasible.high)] * len(direction)
    found = linprog(-direction, A_ub=feasible.A, b_ub=feasible.b, bounds=bounds)
    return -found.fun


def test_free_allows_every_vector():
    feasible = Free().on(range(5), None, None)
    assert all(allowed(feasible, 1e6 * RNG.standard_normal(5)) for _ in range(20))
    assert Free() == Free() and not Free().free_symbols


@pytest.mark.parametrize(("low", "high"), [(0, sp.oo), (-sp.oo, 2), (-0.5, 0.5)])
def test_interval_allows_what_lies_between_its_ends(low, high):
    feasible = Interval(low, high).on(range(4), None, None)
    for outputs in 2 * RNG.standard_normal((200, 4)):
        assert allowed(feasible, outputs) == all(low <= value <= high for value in outputs)


def test_interval_gives_total_variation():
    """max E_p C - E_q C over |C| <= 1/2 is half the L1 distance."""
    p, q = RNG.dirichlet(np.ones(6), 2)
    feasible = Interval(-sp.S.Half, sp.S.Half).on(range(6), p, q)
    assert abs(greatest(feasible, p - q) - np.abs(p - q).sum() / 2) < 1e-9


@pytest.mark.parametrize("d", [1, 2, 3])
def test_lipschitz_allows_exactly_what_its_definition_does(d):
    points = RNG.standard_normal((5, d))
    feasible = Lipschitz(2).on(points, None, None)
    verdicts = set()
    for scale in (0.3, 1.0, 3.0):
        for outputs in scale * RNG.standard_normal((100, 5)):
            pairs = itertools.combinations(range(5), 2)
            defined = all(
                abs(outputs[i] - outputs[j]) <= 2 * np.linalg.norm(points[i] - points[j]) for i, j in pairs
            )
            assert allowed(feasible, outputs) == defined
            verdicts.add(defined)
    assert verdicts == {True, False}


@pytest.mark.parametrize("K", [1, 3])
def test_lipschitz_gives_the_wasserstein_distance_on_the_line(K):
    """Kantorovich and Rubinstein: K W1 = max E_p C - E_q C; scipy integrates |F_p - F_q|."""
    points = RNG.standard_normal(7)  # in no order
    p, q = RNG.dirichlet(np.ones(7), 2)
    value = greatest(Lipschitz(K).on(points, p, q), p - q)
    assert abs(value - K * wasserstein_distance(points, points, p, q)) < 1e-9


def test_equal_points_get_equal_outputs():
    for points in ([0.0, 1.0, 0.0], [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]):
        feasible = Lipschitz().on(points, None, None)
        assert allowed(feasible, np.array([0.5, 0.7, 0.5]))
        assert not allowed(feasible, np.array([0.5, 0.7, 0.6]))


def test_parameters_are_set_and_decimals_are_exact():
    interval, slope = Interval(-m, m), Lipschitz(m)
    assert interval.free_symbols == slope.free_symbols == {m}
    assert interval.subs({m: 3}) == Interval(-3, 3) and slope.subs({m: 3}) == Lipschitz(3)
    assert Interval(0.1, 0.3) == Interval(sp.Rational(1, 10), sp.Rational(3, 10))
    assert interval.subs({m: sp.Rational(1, 3)}).on([0], None, None).high == 1 / 3
    for constraint in (interval, slope):
        with pytest.raises(ValueError, match=r"parameter\(s\) m: set them first"):
            constraint.on([0.0, 1.0], None, None)


@pytest.mark.parametrize("ends", [(1, -1), (0, 0), (sp.oo, sp.oo), (-sp.oo, -sp.oo), (m, -m), (0, sp.nan)])
def test_empty_intervals_are_refused(ends):
    with pytest.raises(ValueError, match="is empty: set low < high"):
        Interval(*ends)
    if ends == (m, -m):  # also one that becomes empty
        with pytest.raises(ValueError, match="set low < high"):
            Interval(x, 1).subs({x: 2})


@pytest.mark.parametrize("K", [0, -1, sp.oo, -m])
def test_slopes_are_bounded_by_positive_numbers(K):
    with pytest.raises(ValueError, match="positive number"):
        Lipschitz(K)


@pytest.mark.parametrize("wrong", ["[1, 2]", sp.I, sp.true])
def test_ends_are_real(wrong):
    with pytest.raises(TypeError, match="no real number"):
        Interval(wrong, sp.oo)


def test_latex():
    assert Free().latex() == r"C \in \mathbb{R}"
    assert Interval(0, sp.oo).latex() == r"C \in [0, \infty)"
    assert Interval(-sp.oo, m).latex() == r"C \in (-\infty, m]"
    assert Lipschitz().latex() == r"\lVert C \rVert_{\mathrm{Lip}} \le 1"


@pytest.mark.parametrize("constraint", [Free(), Interval(-m, sp.oo), Lipschitz(m)])
def test_constraints_are_plain_data(constraint):
    assert pickle.loads(pickle.dumps(constraint)) == constraint and hash(constraint) == hash(constraint)
