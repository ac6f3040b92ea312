"""The plan of an objective: its value by summation, its gradient by differences, no logit overflows it."""

import mpmath
import numpy as np
import pytest
import sympy as sp

import ganmath as gm
from ganmath.theory.plan import Evaluator, plan
from tests.objectives import KINDS

E, Pairs, c, c_x, c_y, p, q = gm.E, gm.Pairs, gm.c, gm.c_x, gm.c_y, gm.p, gm.q
OBJECTIVES = {name: expr for name, (expr, _) in KINDS.items()} | {
    f"{name}.{side}": getattr(loss.at_defaults(), side)
    for name, loss in gm.losses.items()
    for side in ("critic", "generator")
}


def _alphabet(seed: int, size: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    outputs = rng.uniform(0.05, 0.45, size)  # inside every interval of the catalogue, off the kinks
    return outputs, rng.dirichlet(np.ones(size)), rng.dirichlet(np.ones(size))


def _paired(inside: sp.Expr, x: mpmath.mpf, y: mpmath.mpf) -> sp.Expr:
    return inside.xreplace({c_x: sp.Float(x, 50), c_y: sp.Float(y, 50)})


def _directly(expr: sp.Expr, outputs: list, ps: list, qs: list) -> mpmath.mpf:
    """Expectations replaced by sums, the innermost first: no plan, no sharing, no log-sum-exp."""
    if isinstance(expr, E):
        measure, inside = expr.args
        weights = {"p": ps, "q": qs}
        if isinstance(measure, Pairs):
            a, b = (weights[str(x)] for x in measure.args)
            return mpmath.fsum(
                wa
                * wb
                * _directly(inside.xreplace({c_x: sp.Float(x, 50), c_y: sp.Float(y, 50)}), outputs, ps, qs)
                for wa, x in zip(a, outputs, strict=True)
                for wb, y in zip(b, outputs, strict=True)
            )
        whole = sp.lambdify((p, q), measure.subs(gm.m, (p + q) / 2), "mpmath")
        total = mpmath.mpf(0)
        for x, wp, wq in zip(outputs, ps, qs, strict=True):
            total += whole(wp, wq) * _directly(inside.subs(c, sp.Float(x, 50)), outputs, ps, qs)
        return total
    if not expr.args:
        return mpmath.mpf(str(sp.N(expr.xreplace({gm.n_real: sp.S.One, gm.n_fake: sp.S.One}), 50)))
    if not expr.has(E):
        return mpmath.mpf(str(sp.N(expr.xreplace({gm.n_real: sp.S.One, gm.n_fake: sp.S.One}), 50)))
    values = [sp.Float(_directly(arg, outputs, ps, qs), 50) for arg in expr.args]
    return mpmath.mpf(str(sp.N(expr.func(*values), 50)))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_value_equals_sums_and_gradient_equals_differences_at_40_digits(name):
    outputs, ps, qs = _alphabet(3, size=3)
    with mpmath.workdps(40):
        exact = [np.array([mpmath.mpf(float(x)) for x in a], dtype=object) for a in (outputs, ps, qs)]
        evaluate = Evaluator(plan(OBJECTIVES[name]), exact=True)
        value, gradient = evaluate(*exact)
        assert abs(value - _directly(OBJECTIVES[name], *(list(a) for a in exact))) < mpmath.mpf(10) ** -36
        h = mpmath.mpf(10) ** -13
        for i, one in enumerate(np.eye(3)):
            step = np.array([h * int(x) for x in one], dtype=object)
            rise = evaluate(exact[0] + step, *exact[1:])[0] - evaluate(exact[0] - step, *exact[1:])[0]
            assert abs(rise / (2 * h) - gradient[i]) < mpmath.mpf(10) ** -20
    double = Evaluator(plan(OBJECTIVES[name]))(outputs, ps, qs)
    assert float(abs(double[0] - value)) < 1e-14 and np.abs(double[1] - gradient.astype(float)).max() < 1e-13


def test_equal_means_are_shared_and_unneeded_ones_dropped():
    program = plan((E(p, c) - E(q, c)) ** 2 + E(p, 2 * c) + sp.log(E(q, sp.exp(c))))
    found = [(mean.over, mean.term, mean.log) for mean in program.means]
    assert len(found) == 3 and set(found) == {("p", c, False), ("q", c, False), ("q", c, True)}
    assert plan(E(Pairs(q, p), c_x - 2 * c_y)).means == plan(E(Pairs(p, q), c_y - 2 * c_x)).means


@pytest.mark.parametrize("size", [1, 30, 1e4])
def test_logarithms_of_means_of_exponentials_do_not_overflow(size):
    outputs, ps, qs = _alphabet(1)
    outputs = (outputs - 0.2) * size * 10
    value, gradient = Evaluator(plan(KINDS["pooled"][0]))(outputs, ps, qs)
    top = outputs.max()
    expected = top + np.log((ps + qs) / 2 @ np.exp(outputs - top)) - ps @ outputs
    assert value == pytest.approx(expected, rel=1e-14) and np.isfinite(gradient).all()


def test_a_weight_that_may_be_negative_is_not_taken_into_a_logarithm():
    a = sp.Symbol("a", real=True)
    program = plan(sp.log(a * E(p, sp.exp(c)) + E(q, sp.exp(c))))
    assert not any(mean.log for mean in program.means)
