"""Structure is read off an expression; the two derivatives equal differences on finite alphabets."""

import numpy as np
import pytest
import sympy as sp

import ganmath as gm
from ganmath.theory.expectation import E as _E
from ganmath.theory.plan import Evaluator, plan
from ganmath.theory.structure import generator_parts, influence, pointwise_parts, stationarity, structure
from tests.objectives import KINDS

E, Pairs, c, c_x, c_y, p, q = gm.E, gm.Pairs, gm.c, gm.c_x, gm.c_y, gm.p, gm.q
OBJECTIVES = {name: expr for name, (expr, _) in KINDS.items()} | {
    f"{name}.{side}": getattr(loss.at_defaults(), side)
    for name, loss in gm.losses.items()
    for side in ("critic", "generator")
}
K = 4


def _alphabet() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.uniform(0.05, 0.45, K), rng.dirichlet(np.ones(K)), rng.dirichlet(np.ones(K))


def _at(expr: sp.Expr, i: int, outputs: np.ndarray, ps: np.ndarray, qs: np.ndarray) -> float:
    """An expression in c_x and expectations, at the i-th point."""
    there = expr.xreplace({c_x: sp.Float(outputs[i], 17), gm.n_real: sp.S.One, gm.n_fake: sp.S.One})
    return float(Evaluator(plan(there))(outputs, ps, qs)[0]) if there.has(_E) else float(there)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_stationarity_is_the_derivative_in_the_output(name):
    outputs, ps, qs = _alphabet()
    on_real, on_fake = stationarity(OBJECTIVES[name])
    found = [
        ps[i] * _at(on_real, i, outputs, ps, qs) + qs[i] * _at(on_fake, i, outputs, ps, qs) for i in range(K)
    ]
    gradient = Evaluator(plan(OBJECTIVES[name]))(outputs, ps, qs)[1]
    np.testing.assert_allclose(found, gradient, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_influence_is_the_derivative_in_the_density_up_to_a_constant(name):
    outputs, ps, qs = _alphabet()
    evaluate = Evaluator(plan(OBJECTIVES[name]))
    found = np.array([_at(influence(OBJECTIVES[name]), i, outputs, ps, qs) for i in range(K)])
    h, slopes = 1e-5, []
    for i in range(1, K):
        move = h * (np.eye(K)[i] - np.eye(K)[0])  # mass from the first point to the i-th
        slopes.append((evaluate(outputs, ps, qs + move)[0] - evaluate(outputs, ps, qs - move)[0]) / (2 * h))
    np.testing.assert_allclose(found[1:] - found[0], slopes, rtol=1e-6, atol=1e-8)


def test_parts_come_back_as_they_were_written():
    for loss in gm.losses.values():
        parts = pointwise_parts(loss.critic)
        if parts is not None:
            again = E(p, parts[0]) + E(q, parts[1])
            assert (
                sp.simplify(
                    again.replace(_E, lambda a, g: a * g) - loss.critic.replace(_E, lambda a, g: a * g)
                )
                == 0
            )
    renyi = gm.losses["renyi"]
    gen, gen_real, outer = generator_parts(renyi.generator)
    assert gen_real == 0 and outer.subs(sp.Symbol("M", real=True), E(q, gen)) == renyi.generator
    assert pointwise_parts(E(gm.m, c) + 3) == (c / 2 + 3, c / 2)
    assert pointwise_parts(E(p, c) ** 2) is None and pointwise_parts(E(p, c - E(q, c))) is None


@pytest.mark.parametrize(
    ("name", "is_true"),
    [
        ("minimax", lambda s: s.pointwise and not s.invariant and not s.linear and s.degree is None),
        ("lsgan", lambda s: s.degree == 2 and not s.kinked),
        ("hinge", lambda s: s.kinked and s.degree is None),
        ("wgan", lambda s: s.linear and s.invariant and s.degree == 1),
        ("softmax-batch", lambda s: s.pointwise is None and s.relative is None),
        ("relativistic-paired", lambda s: s.difference == gm.softplus(-c) and s.invariant),
        ("relativistic-average", lambda s: len(s.relative) == 2 and s.invariant),
        ("relativistic-average-lsgan", lambda s: s.degree == 2 and s.invariant),
        ("relativistic-average-hinge", lambda s: s.kinked and s.invariant),
    ],
)
def test_what_kind_each_critic_is(name, is_true):
    assert is_true(structure(gm.losses[name].critic))


def test_the_base_of_a_relativistic_loss_comes_back_from_its_expression():
    for base in ("nonsaturating", "hinge", "exponential"):
        loss = gm.losses[base]
        (real, half, over_p, of_q), (fake, _, over_q, of_p) = structure(
            gm.relativistic(loss, "average").critic
        ).relative
        assert (real, fake, half) == (loss.real, loss.fake, sp.Rational(1, 2))
        assert (over_p, over_q, of_q, of_p) == (p, q, E(q, c), E(p, c))
        h = structure(gm.relativistic(loss).critic).difference
        assert sp.simplify(h - (loss.real + loss.fake.subs(c, -c)) / 2) == 0
