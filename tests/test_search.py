"""Searches by different ways agree with each other, with closed forms and with other people's solvers."""

from dataclasses import dataclass

import mpmath
import numpy as np
import pytest
import scipy.optimize
import sympy as sp

import ganmath as gm
from ganmath.theory.constraints import Feasible
from ganmath.theory.convexity import is_convex
from ganmath.theory.expression import relu, sigmoid, softplus
from ganmath.theory.plan import Evaluator, plan
from ganmath.theory.relativistic import pairs
from ganmath.theory.scan import optimal_critic
from ganmath.theory.search import (
    CERTIFIED,
    SEARCHED,
    Found,
    _tangents,
    critic_value,
    numerical_optimum,
    search,
)
from ganmath.theory.structure import structure
from ganmath.theory.transport import Wasserstein
from tests.objectives import KINDS

E, Pairs, c, p, q, m = gm.E, gm.Pairs, gm.c, gm.p, gm.q, gm.m
OWN = {name: gm.GANLoss(name, critic=e, generator=-E(q, c)) for name, (e, _) in KINDS.items()}
RELATIVE = {
    f"{base}-{kind}": gm.relativistic(base, kind)
    for base in ("nonsaturating", "hinge", "absolute", "exponential", "fgan-pearson", "label-smoothing")
    for kind in ("paired", "average", "centred")
}
LOSSES = dict(gm.losses.items()) | RELATIVE | OWN
JOINT = [n for n, loss in LOSSES.items() if structure(loss.critic).pointwise is None]
CONVEX = [n for n in JOINT if is_convex(LOSSES[n].at_defaults().critic)]
SMOOTH = [n for n in CONVEX if not structure(LOSSES[n].critic).kinked]


def random_pair(seed, size=5):
    rng = np.random.default_rng(seed)
    return [rng.dirichlet(np.ones(size)) * 0.95 + 0.05 / size for _ in range(2)]


# --- two searches of one optimum -------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SMOOTH)
def test_newton_agrees_with_a_general_optimiser(name, seed):
    ps, qs = random_pair(seed)
    found = search(LOSSES[name], ps, qs)
    evaluate = Evaluator(plan(LOSSES[name].at_defaults().critic))
    other = scipy.optimize.minimize(
        lambda x: float(evaluate(x, ps, qs)[0]), np.zeros(5), method="BFGS", options={"gtol": 1e-8}
    )
    assert found.value == pytest.approx(other.fun, abs=1e-9)
    assert found.value <= other.fun + 1e-13
    assert found.evidence == CERTIFIED


@pytest.mark.parametrize(
    "name", ["relativistic-paired", "relativistic-average", "relativistic-average-lsgan"]
)
def test_newton_agrees_with_the_linear_programs(name):
    ps, qs = random_pair(3, size=3)
    found = search(LOSSES[name], ps, qs)
    programs = _tangents(LOSSES[name].at_defaults(), (ps, qs), Feasible())
    assert programs.value == pytest.approx(found.value, abs=1e-8)
    assert programs.bound <= found.value + 1e-9


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["hinge", "absolute"])
def test_the_scan_agrees_with_the_linear_programs(name, seed):
    ps, qs = random_pair(seed)
    found = search(gm.losses[name], ps, qs)
    programs = _tangents(gm.losses[name].at_defaults(), (ps, qs), Feasible())
    assert programs.value == pytest.approx(found.value, abs=1e-13)
    assert programs.evidence == found.evidence == CERTIFIED


@pytest.mark.parametrize("seed", range(5))
def test_the_averaged_hinge_is_one_linear_program(seed):
    """min of the sum of weights w_j s_j over s_j >= 1 - (C(x_j) - E_q C), s_j >= 0, and so for fakes."""
    ps, qs = random_pair(seed)
    one, zero = np.eye(5), np.zeros((5, 5))
    away_from_fakes, away_from_reals = one - qs, one - ps
    solved = scipy.optimize.linprog(
        np.concatenate([np.zeros(5), ps / 2, qs / 2]),
        np.block([[-away_from_fakes, -one, zero], [away_from_reals, zero, -one]]),
        -np.ones(10),
        bounds=[(None, None)] * 5 + [(0, None)] * 10,
    )
    found = search(gm.losses["relativistic-average-hinge"], ps, qs)
    assert found.value == pytest.approx(solved.fun, abs=1e-12)
    assert found.evidence == CERTIFIED


@pytest.mark.parametrize("seed", range(5))
def test_the_paired_logistic_loss_is_the_pointwise_one_between_pairs(seed):
    rng = np.random.default_rng(seed)
    ps, qs = ([sp.Rational(int(k), int(w.sum())) for k in w] for w in rng.integers(1, 50, size=(2, 4)))
    half = gm.GANLoss("half", softplus(-c) / 2, softplus(c) / 2, -c)
    _, between = optimal_critic(half, *pairs(ps, qs), dps=40)
    found = search(gm.losses["relativistic-paired"], ps, qs, dps=40)
    with mpmath.workdps(40):
        assert abs(found.value - between) < mpmath.mpf(10) ** -38
        logs = np.array([mpmath.log(mpmath.mpf((a / b).p) / (a / b).q) for a, b in zip(ps, qs, strict=True)])
        rest = found.outputs - logs
        assert max(abs(rest - rest[0])) < mpmath.mpf(10) ** -37


@pytest.mark.parametrize("seed", range(5))
def test_averaged_least_squares_measure_the_le_cam_divergence(seed):
    rng = np.random.default_rng(seed)
    ps, qs = ([sp.Rational(int(k), int(w.sum())) for k in w] for w in rng.integers(1, 50, size=(2, 5)))
    delta = sum((a - b) ** 2 / (a + b) for a, b in zip(ps, qs, strict=True))
    found = search(gm.losses["relativistic-average-lsgan"], ps, qs, dps=40)
    with mpmath.workdps(40):
        closed = (2 - delta) / (2 * (2 + 3 * delta))
        assert abs(found.value - mpmath.mpf(closed.p) / closed.q) < mpmath.mpf(10) ** -38


@pytest.mark.parametrize("seed", range(5))
def test_donsker_and_varadhans_bound_is_attained(seed):
    ps, qs = random_pair(seed)
    found = search(OWN["donsker-varadhan"], ps, qs)
    assert found.value == pytest.approx(-np.sum(ps * np.log(ps / qs)), abs=1e-14)
    rest = found.outputs - np.log(ps / qs)
    assert np.ptp(rest) < 1e-12


@pytest.mark.parametrize("name", SMOOTH)
def test_the_gradient_vanishes_to_forty_digits(name):
    ps, qs = random_pair(0)
    found = search(LOSSES[name], ps, qs, dps=40)
    with mpmath.workdps(50):
        exact = [np.array([mpmath.mpf(x) for x in v], dtype=object) for v in (ps, qs)]
        exact = [v / v.sum() for v in exact]
        value, gradient = Evaluator(plan(LOSSES[name].at_defaults().critic), exact=True)(
            found.outputs, *exact
        )
        assert max(map(abs, gradient)) < mpmath.mpf(10) ** -38
        assert abs(value - found.value) < mpmath.mpf(10) ** -40


# --- evidence ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*CONVEX, "wgan", "minimax", "hinge", "ebgan", "fgan-total-variation"])
def test_a_convex_minimum_is_certified_and_no_critic_is_better(name):
    ps, qs = random_pair(11)
    loss = LOSSES[name].at_defaults()
    points = np.arange(5.0)
    found = search(loss, ps, qs, points)
    assert found.evidence == CERTIFIED
    assert found.gap < 1e-12
    feasible = loss.constraint.on(points, ps, qs)
    evaluate = Evaluator(plan(loss.critic))
    assert float(evaluate(found.outputs, ps, qs)[0]) == pytest.approx(found.value, abs=1e-12)
    rng = np.random.default_rng(0)
    for scale in (1e-3, 0.1, 1, 10):
        near = np.clip(found.outputs + scale * rng.normal(size=5), feasible.low, feasible.high)
        if feasible.A is None or (feasible.A @ near <= feasible.b).all():
            assert float(evaluate(near, ps, qs)[0]) >= found.value - 1e-13


NOT_CONVEX = ["class-1-squared", "class-2-squared", "class-3-squared", "fgan-le-cam"]


@pytest.mark.parametrize("name", NOT_CONVEX)
def test_a_loss_that_is_not_convex_is_never_certified(name):
    for seed in range(3):
        found = search(LOSSES[name], *random_pair(seed))
        assert found.evidence == SEARCHED
        assert found.bound is None and found.gap is None


def test_a_value_that_no_critic_attains_is_found_by_search_alone():
    """The critic sees smoothed real samples only, and softplus(-C) falls for ever."""
    found = search(OWN["smoothed"], *random_pair(0))
    assert np.isposinf(found.outputs).all()
    assert (found.value, found.evidence) == (0, SEARCHED)


def test_a_gap_is_measured_from_the_bound():
    assert Found(np.zeros(1), 1.0, 0.75, SEARCHED).gap == 0.25
    assert Found(np.zeros(1), 1.0, 1.0 + 1e-17, CERTIFIED).gap == 0


# --- constraints --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("slope", [1, 0.3])
def test_lipschitz_critics_measure_the_wasserstein_distance(slope, seed):
    import ot

    rng = np.random.default_rng(seed)
    ps, qs = random_pair(seed, size=8)
    ps = np.where(rng.random(8) < 0.3, 0, ps)
    ps = ps / ps.sum()
    loss = gm.losses["wgan"].replace(constraint=gm.Lipschitz(slope))
    line, plane = rng.normal(size=8), rng.normal(size=(8, 2))
    found = search(loss, ps, qs, line)
    assert found.value == pytest.approx(-slope * Wasserstein(1)(ps, qs, positions=line), abs=1e-12)
    assert found.evidence == CERTIFIED
    cost = np.linalg.norm(plane[:, None] - plane[None], axis=2)
    found = search(loss, ps, qs, plane)
    assert found.value == pytest.approx(-slope * ot.emd2(ps, qs, cost), abs=1e-12)


@pytest.mark.parametrize("kind", ["smooth", "kinked", "relative"])
def test_lipschitz_critics_of_other_losses(kind):
    """Against a general solver, and never better than free critics; a slope that does not bind changes
    nothing."""
    ps, qs = random_pair(2)
    points = np.array([0.0, 0.3, 1.1, 1.7, 2.0])
    base = {
        "smooth": gm.losses["nonsaturating"],
        "kinked": gm.losses["hinge"],
        "relative": gm.losses["relativistic-average"],
    }[kind]
    free = search(base, ps, qs)
    tight = search(base.replace(constraint=gm.Lipschitz(sp.Rational(1, 4))), ps, qs, points)
    loose = search(base.replace(constraint=gm.Lipschitz(10**4)), ps, qs, points)
    assert {tight.evidence, loose.evidence} == {CERTIFIED}
    assert loose.value == pytest.approx(free.value, abs=1e-10)
    assert tight.value > free.value + 1e-3
    assert (np.abs(np.diff(tight.outputs)) <= np.diff(points) / 4 + 1e-9).all()
    evaluate = Evaluator(plan(base.at_defaults().critic))
    # the rises between neighbours are the unknowns of a problem with bounds alone
    rises = scipy.optimize.minimize(
        lambda x: float(evaluate(x[0] + np.concatenate([[0], np.cumsum(x[1:])]), ps, qs)[0]),
        np.zeros(5),
        method="Powell",
        bounds=[(-5, 5), *[(-d / 4, d / 4) for d in np.diff(points)]],
        options={"xtol": 1e-12, "ftol": 1e-15, "maxiter": 100_000},
    )
    assert tight.value <= rises.fun + 1e-12
    assert tight.value == pytest.approx(rises.fun, abs=1e-6)


@dataclass(frozen=True)
class Ellipsoid:
    """Critics with C' Q C <= 1, Q from the points: here the second moment under (p + q)/2, or a kernel's
    unit ball."""

    kernel: bool = False
    free_symbols = frozenset()

    def latex(self):
        return "C' Q C <= 1"

    def subs(self, values):
        return self

    def on(self, points, p, q):
        if not self.kernel:
            return Feasible(Q=np.diag((p + q) / 2))
        return Feasible(Q=np.linalg.inv(np.exp(-np.abs(points[:, None] - points[None]))))


@pytest.mark.parametrize("kernel", [False, True])
def test_ellipsoids_give_the_chi_squared_distance_and_the_mean_discrepancy(kernel):
    ps, qs = random_pair(5)
    points = np.array([0.0, 0.5, 1.5, 1.8, 3.0])
    found = search(gm.losses["wgan"].replace(constraint=Ellipsoid(kernel)), ps, qs, points)
    gram = np.exp(-np.abs(points[:, None] - points[None]))
    metric = gram if kernel else np.diag(2 / (ps + qs))
    assert found.value == pytest.approx(-np.sqrt((ps - qs) @ metric @ (ps - qs)), abs=1e-9)
    assert found.evidence == CERTIFIED
    squares = search(gm.losses["lsgan"].replace(constraint=Ellipsoid(kernel)), ps, qs, points)
    assert squares.evidence == CERTIFIED


def test_an_interval_of_outputs_of_a_loss_that_compares_samples():
    ps, qs = random_pair(6)
    boxed = gm.losses["relativistic-paired"].replace(constraint=gm.Interval(-sp.Rational(1, 4), 0.25))
    found = search(boxed, ps, qs)
    assert found.evidence == CERTIFIED
    assert np.abs(found.outputs).max() <= 0.25 + 1e-12
    assert found.value > search(gm.losses["relativistic-paired"], ps, qs).value + 1e-3


def test_kinks_without_convexity_are_searched_from_several_starts():
    loss = gm.GANLoss(
        "both", critic=E(Pairs(p, q), relu(1 - gm.c_x + gm.c_y)) + E(m, sigmoid(c)) / 10, gen=-c
    )
    ps, qs = random_pair(1)
    found = search(loss, ps, qs)
    assert found.evidence == SEARCHED
    # the sigmoid is in [0, 1/10], and the paired hinge is certain
    hinge = search(gm.relativistic("hinge"), ps, qs).value
    assert hinge <= found.value <= hinge + 0.1


# --- the interface of the chapters -----------------------------------------------------------------


def test_what_a_constant_does_not_change_is_centred():
    ps, qs = random_pair(8)
    outputs, value = numerical_optimum(gm.losses["relativistic-average"], ps, qs)
    assert (ps + qs) @ outputs == pytest.approx(0, abs=1e-14)
    assert value == search(gm.losses["relativistic-average"], ps, qs).value
    outputs, _ = numerical_optimum(gm.losses["minimax"], ps, qs)
    assert outputs == pytest.approx(np.log(ps / qs), abs=1e-7)


def test_the_value_of_any_critic():
    ps, qs = random_pair(9)
    outputs = np.array([0.5, -1.0, 2.0, 0.0, 0.25])
    squares = gm.losses["lsgan"](a=-1, b=1)
    assert critic_value(squares, outputs, ps, qs) == pytest.approx(
        ps @ (outputs - 1) ** 2 / 2 + qs @ (outputs + 1) ** 2 / 2, abs=1e-14
    )
    centred = gm.relativistic(squares, "centred")
    relative = outputs - (ps + qs) @ outputs / 2
    assert 2 * critic_value(centred, outputs, ps, qs) == pytest.approx(
        critic_value(squares, relative, ps, qs), abs=1e-14
    )
    with pytest.raises(ValueError, match="same length"):
        critic_value(squares, outputs, ps, qs[:-1] / qs[:-1].sum())


def test_bad_input_gets_one_clear_error():
    paired, wgan = gm.losses["relativistic-paired"], gm.losses["wgan"]
    half = [0.5, 0.5]
    with pytest.raises(ValueError, match="positive probability under p and q"):
        search(paired, [1, 0], half)
    with pytest.raises(ValueError, match="same length, got 2 and 3"):
        search(paired, half, [0.5, 0.25, 0.25])
    with pytest.raises(ValueError, match="q has negative"):
        search(paired, half, [1.5, -0.5])
    with pytest.raises(ValueError, match="p sums to 0.9"):
        search(paired, [0.5, 0.4], half)
    with pytest.raises(ValueError, match="p must be a vector"):
        search(paired, [], [])
    with pytest.raises(ValueError, match="give points="):
        search(wgan, half, half)
    with pytest.raises(ValueError, match="3 points for 2 probabilities"):
        search(wgan, half, half, points=[0, 1, 2])
    falls = gm.GANLoss("falls", critic=E(Pairs(p, q), gm.c_y - gm.c_x), gen=-c)
    with pytest.raises(ValueError, match="fall without bound"):
        search(falls, [0.2, 0.8], half)
    runs_off = gm.GANLoss("runs off", critic=sp.exp(E(p, -c)), gen=-c)
    with pytest.raises(ValueError, match="no minimum found"):
        search(runs_off, [0.2, 0.8], half)
