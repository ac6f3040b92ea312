"""Lower bounds lie below, tangents add up to the objective, and convexity is claimed only where it holds."""

import numpy as np
import pytest
import sympy as sp

import ganmath as gm
from ganmath.theory.certificate import Terms, bound_on_ellipsoid, by_sample, lower_bound, whole
from ganmath.theory.constraints import Feasible
from ganmath.theory.convexity import curvature, is_convex
from ganmath.theory.expression import log_sigmoid, logaddexp, relu, sigmoid, softplus
from ganmath.theory.plan import Evaluator, plan
from tests.objectives import KINDS

E, Pairs, c, p, q, m = gm.E, gm.Pairs, gm.c, gm.p, gm.q, gm.m
K = 4
OBJECTIVES = (
    {name: expr for name, (expr, _) in KINDS.items()}
    | {name: loss.at_defaults().critic for name, loss in gm.losses.items()}
    | {
        f"{base}-{kind}": gm.relativistic(base, kind).at_defaults().critic
        for base in ("hinge", "absolute", "alpha", "fgan-le-cam", "fgan-neyman")
        for kind in ("paired", "average", "centred")
    }
)
CONVEX = [name for name, expr in OBJECTIVES.items() if is_convex(expr)]
NOT_DECIDED = sorted(set(OBJECTIVES) - set(CONVEX))


def vectors(seed):
    rng = np.random.default_rng(seed)
    return rng, *(rng.dirichlet(np.ones(K)) * 0.9 + 0.1 / K for _ in range(2))


# --- convexity -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONVEX)
def test_what_is_called_convex_lies_below_its_chords(name):
    evaluate = Evaluator(plan(OBJECTIVES[name]))
    rng, ps, qs = vectors(0)
    for scale in (0.1, 1, 5):
        for _ in range(20):
            x, y = scale * rng.normal(size=(2, K))
            t = rng.random()
            ends = [float(evaluate(z, ps, qs)[0]) for z in (x, y)]
            between = float(evaluate(t * x + (1 - t) * y, ps, qs)[0])
            chord = t * ends[0] + (1 - t) * ends[1]
            assert between <= chord + 1e-12 * (1 + abs(chord))


def test_what_is_not_convex_is_not_called_so():
    """Each lies above one of its chords."""
    above = 0
    for name in NOT_DECIDED:
        evaluate = Evaluator(plan(OBJECTIVES[name]))
        rng, ps, qs = vectors(1)
        for _ in range(300):
            x, y = 4 * rng.normal(size=(2, K))
            ends = [float(evaluate(z, ps, qs)[0]) for z in (x, y)]
            if float(evaluate((x + y) / 2, ps, qs)[0]) > sum(ends) / 2 + 1e-9:
                above += 1
                break
        else:
            raise AssertionError(f"{name} may be convex: a rule is missing")
    assert above >= 10


x, y = sp.symbols("x y", real=True)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (3 * x - y + 2, 0),
        (softplus(x - y) + relu(y), 1),
        (-softplus(x), -1),
        (log_sigmoid(x) - sp.Abs(y), -1),
        (sp.exp(softplus(x)), 1),
        (softplus(-softplus(x)), None),
        ((x - y) ** 2 - x, 1),
        (x**2 - 2 * x * y + y**2, 1),
        (x * y, None),
        (x**2 - y**2, None),
        (x**3, None),
        (x**4 - x**2, None),
        (sp.Max(x, y**2), 1),
        (logaddexp(x, y), 1),
        (sp.log(x), -1),
        (sigmoid(x), None),
        (sp.exp(-x) * 2 - 1, 1),
        (sp.sqrt(1 + x**2), 1),
        (sp.exp(-softplus(x)), None),
    ],
)
def test_curvature_of_expressions(expr, expected):
    assert curvature(expr, {x: 0, y: 0}) == expected


def test_curvature_of_what_is_bent_already():
    assert curvature(softplus(x), {x: 1}) == 1
    assert curvature(softplus(x), {x: -1}) is None
    assert curvature(x**2, {x: 1}) is None
    assert curvature(sp.log(x), {x: -1}) == -1
    a = sp.Symbol("a", real=True)
    assert curvature(a * x, {x: 0}) == 0
    assert curvature(a * x, {x: 1}) is None


# --- terms ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONVEX)
def test_terms_add_up_to_the_objective_and_its_gradient(name):
    evaluate = Evaluator(plan(OBJECTIVES[name]))
    rng, ps, qs = vectors(2)
    one, several = whole(evaluate, ps, qs), by_sample(plan(OBJECTIVES[name]), ps, qs)
    assert several is not None or "softmax-batch" in name or name in ("donsker-varadhan", "pooled")
    for outputs in rng.normal(size=(3, K)):
        value, gradient = evaluate(outputs, ps, qs)
        for terms in filter(None, (one, several)):
            values, slopes = terms.at(outputs)
            assert (terms.weights >= 0).all()
            assert terms.constant + terms.weights @ values == pytest.approx(float(value), abs=1e-13)
            assert terms.weights @ slopes == pytest.approx(gradient, abs=1e-13)


@pytest.mark.parametrize("name", CONVEX)
def test_tangents_of_every_term_lie_below_it(name):
    rng, ps, qs = vectors(3)
    terms = by_sample(plan(OBJECTIVES[name]), ps, qs) or whole(Evaluator(plan(OBJECTIVES[name])), ps, qs)
    for at, to in rng.normal(size=(20, 2, K)) * 2:
        values, slopes = terms.at(at)
        assert (terms.at(to)[0] >= values + slopes @ (to - at) - 1e-12).all()


def test_terms_are_refused_where_the_sum_is_not_one_of_convex_terms():
    _, ps, qs = vectors(0)
    for expr in (
        E(q, sp.exp(c)) - E(p, softplus(c)),  # a concave term
        sp.log(E(q, sp.exp(c))) - E(p, c),  # a logarithm of a mean
        E(p, softplus(c - E(q, softplus(c)))),  # a bent mean within a mean
        E(p, c) ** 2 + E(q, c**2),  # a square of a mean
    ):
        assert by_sample(plan(expr), ps, qs) is None


# --- bounds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("where", ["box", "polyhedron"])
def test_a_bound_lies_below_every_critic_wherever_its_tangents_are_taken(name, where):
    rng, ps, qs = vectors(4)
    points = np.sort(rng.normal(size=K))
    feasible = Feasible(-1.0, 2.0) if where == "box" else gm.Lipschitz(2).on(points, ps, qs)
    evaluate = Evaluator(plan(OBJECTIVES[name]))
    several = by_sample(plan(OBJECTIVES[name]), ps, qs)
    for terms in filter(None, (whole(evaluate, ps, qs), several)):
        critics = list(rng.normal(size=(4, K)))
        for step in (0.1, 1.0):
            bound, outputs = lower_bound(terms, critics, feasible, step)
            assert outputs.shape == (K,)
            for start in rng.uniform(-1, 2, size=(50, K)):
                critic = start if where == "box" else np.interp(points, points[::2], start[::2] * 0.1)
                if feasible.A is None or (feasible.A @ critic <= feasible.b).all():
                    assert bound <= float(evaluate(critic, ps, qs)[0]) + 1e-9


def test_more_tangents_raise_the_bound_to_the_minimum():
    _, ps, qs = vectors(5)
    evaluate = Evaluator(plan(OBJECTIVES["minimax"]))
    terms = by_sample(plan(OBJECTIVES["minimax"]), ps, qs)
    least = float(evaluate(np.log(ps / qs), ps, qs)[0])
    critics = [np.full(K, k / 2) for k in (0, *range(-8, 0), *range(1, 9))]
    few, _ = lower_bound(terms, critics[::4], Feasible(-4.0, 4.0))
    many, _ = lower_bound(terms, critics, Feasible(-4.0, 4.0))
    assert few < many <= least
    assert least - many < (least - few) / 4
    exact, _ = lower_bound(terms, [np.log(ps / qs), np.full(K, -4.0), np.full(K, 4.0)], Feasible())
    assert exact == pytest.approx(least, abs=1e-13)


def test_a_bound_of_piecewise_linear_terms_is_exact_with_a_tangent_for_each_piece():
    _, ps, qs = vectors(6)
    terms = by_sample(plan(OBJECTIVES["hinge"]), ps, qs)
    bound, outputs = lower_bound(terms, [np.full(K, k) for k in (0.0, -3.0, 3.0)], Feasible())
    assert bound == pytest.approx(2 * np.minimum(ps, qs).sum(), abs=1e-12)
    unequal = np.abs(ps - qs) > 1e-6
    assert outputs[unequal] == pytest.approx(np.sign(ps - qs)[unequal], abs=1e-9)


def test_too_few_tangents_bound_nothing():
    _, ps, qs = vectors(7)
    terms = whole(Evaluator(plan(OBJECTIVES["minimax"])), ps, qs)
    assert lower_bound(terms, [np.zeros(K), np.ones(K)], Feasible())[0] == -np.inf


def test_a_held_output_changes_no_bound_of_what_a_constant_does_not_change():
    _, ps, qs = vectors(8)
    terms = by_sample(plan(OBJECTIVES["hinge-paired"]), ps, qs)
    critics = [np.zeros(K), *np.random.default_rng(0).normal(size=(6, K)) * 3]
    values = [lower_bound(terms, critics, Feasible(), fixed=i)[0] for i in (0, 2)]
    assert values[0] == pytest.approx(values[1], abs=1e-9)


def test_the_hypothesis_of_convexity_is_needed():
    """Tangents of a concave function bound nothing: this is why convexity is checked before."""
    concave = Terms(0.0, np.ones(1), lambda x: (np.array([-(x @ x)]), -2 * x[None]))
    bound, _ = lower_bound(concave, [np.zeros(2), np.ones(2)], Feasible(-1.0, 1.0))
    assert bound > -2  # the least value


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_over_an_ellipsoid_is_that_of_cauchy_and_schwarz(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(K, K))
    Q, gradient, at = root @ root.T + np.eye(K) / 10, rng.normal(size=K), rng.normal(size=K)
    bound = bound_on_ellipsoid(1.5, gradient, at, Q)
    best = -np.linalg.solve(Q, gradient)
    best = best / np.sqrt(best @ Q @ best)
    assert bound == pytest.approx(1.5 + gradient @ (best - at), abs=1e-12)
    for direction in rng.normal(size=(50, K)):
        critic = direction / np.sqrt(direction @ Q @ direction)
        assert bound <= 1.5 + gradient @ (critic - at) + 1e-12


def test_what_an_ellipsoid_does_not_bound():
    Q = np.diag([1.0, 1.0, 0.0])
    assert bound_on_ellipsoid(0.0, np.array([1.0, 0.0, 1.0]), np.zeros(3), Q) == -np.inf
    assert bound_on_ellipsoid(0.0, np.array([3.0, 4.0, 0.0]), np.zeros(3), Q) == pytest.approx(-5)
    with pytest.raises(ValueError, match="bound_on_ellipsoid"):
        lower_bound(Terms(0.0, np.ones(1), lambda x: (x[:1], np.eye(3)[:1])), [np.zeros(3)], Feasible(Q=Q))
