"""Expectations bind the critic's output, are linear in their measure, and print as papers set them."""

import pytest
import sympy as sp

import ganmath as gm
from ganmath.theory.expectation import at_critic, components, mass, objective_latex, outermost
from ganmath.theory.expression import softplus

E, Pairs, c, c_x, c_y, p, q, m = gm.E, gm.Pairs, gm.c, gm.c_x, gm.c_y, gm.p, gm.q, gm.m
s, t = sp.symbols("s t", positive=True)


def test_the_output_is_bound():
    relative = E(p, softplus(E(q, c) - c))
    assert relative.free_symbols == set() and relative.diff(c) == 0
    assert relative.subs(c, 3) == relative
    assert E(Pairs(p, q), c_x - c_y).subs(c_x, 1) == E(Pairs(p, q), c_x - c_y)
    assert E(p, s * c).free_symbols == {s} and E(p, s * c).subs(s, 2) == E(p, 2 * c)


def test_only_the_mean_of_a_number_evaluates():
    assert E(p, sp.S(3)) == 3 and E(m, sp.S(3)) == 3 and E(Pairs(p, q), sp.S(3)) == 3
    assert E((1 - s) * p + t * q, sp.S(2)).equals(2 * (1 - s + t))
    assert E(p, s) != s and E(p, 2 * c).func is E and isinstance(E(p, c) + E(p, c), sp.Mul)


def test_derivative_in_a_parameter_goes_inside_and_into_the_measure():
    smoothed = E((1 - s) * p + s * q, s * c)
    expected = E((1 - s) * p + s * q, c) - E(p, s * c) + E(q, s * c)
    assert sp.expand(smoothed.diff(s) - expected) == 0


def test_measures_are_linear_combinations_or_pairs():
    assert dict(components(m)) == {p: sp.Rational(1, 2), q: sp.Rational(1, 2)}
    assert dict(components((1 - s) * p + t * q)) == {p: 1 - s, q: t}
    assert mass(2 * p - q) == 1 and mass(Pairs(p, q)) == 1
    for wrong in (p * q, p**2, sp.S(1) + p, c):
        with pytest.raises(ValueError, match="linear in"):
            components(wrong)
    with pytest.raises(ValueError, match="gm.p or gm.q"):
        Pairs(p, m)


def test_another_critic_goes_in_everywhere():
    relative = E(p, softplus(E(q, c) - c)) + E(Pairs(p, q), c_x * c_y)
    moved = at_critic(relative, 2 * c + 1)
    expected = E(p, softplus(E(q, 2 * c + 1) - 2 * c - 1)) + E(Pairs(p, q), (2 * c_x + 1) * (2 * c_y + 1))
    assert moved == expected
    assert outermost(relative) == {E(p, softplus(E(q, c) - c)), E(Pairs(p, q), c_x * c_y)}


@pytest.mark.parametrize(
    ("expr", "latex"),
    [
        (E(q, gm.relu(sp.Symbol("m", positive=True) - c)), r"\left(m - C\right)_{+}"),
        (E(q, c) - E(p, c), r"\mathbb{E}_{q}\left[C\right] - \mathbb{E}_{p}\left[C\right]"),
        (E(q, c) + E(p, c), r"\mathbb{E}_{p}\left[C\right] + \mathbb{E}_{q}\left[C\right]"),
        (E(p, c - E(q, c)), r"C - \mathbb{E}_{q}\left[C\right]"),
        (E(Pairs(p, q), c_y - c_x), r"\mathbb{E}_{x \sim p,\, y \sim q}\left[C(y) - C(x)\right]"),
        (E(m, c) / 2, r"\tfrac{1}{2}\,\mathbb{E}_{m}\left[C\right]"),
        (sp.log(s * E(q, sp.exp(c) / s)), r"\log \mathbb{E}_{q}\left[e^{C}\right]"),
        (sp.log(gm.n_real * E(p, c)), r"\log\left(n \mathbb{E}_{p}\left[C\right]\right)"),
    ],
)
def test_latex_reads_as_in_papers(expr, latex):
    assert latex in objective_latex(expr)
