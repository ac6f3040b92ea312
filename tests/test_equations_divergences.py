"""The checks of the divergence chapter's equations: they hold, and each would notice a fault."""

import mpmath
import numpy as np
import pytest
import sympy as sp

from ganmath.theory.divergence import FDivergence, divergences
from ganmath.theory.equations import divergences as chapter
from ganmath.theory.equations.language import JS, KL, Chi2, LeCam, m, random_pair
from ganmath.theory.equations.registry import PROVED, EquationError, chain, inequality, stack
from ganmath.theory.expression import p, q, u


@pytest.mark.parametrize("equation", chapter.EQUATIONS, ids=lambda e: e.label)
def test_equation_holds(equation):
    assert equation.check()


def test_a_function_that_is_not_convex_breaks_jensen():
    wavy = FDivergence(sp.sin(u - 1), limits=(-sp.sin(1), sp.S.Zero))
    pairs = [random_pair(seed) for seed in range(20)]
    with mpmath.workdps(60):
        assert any(chapter._below_jensen(wavy, *pair) for pair in pairs)
        assert any(chapter._out_of_range(wavy, *pair) for pair in pairs)


@pytest.mark.parametrize(
    "wrong",
    [
        chain("x", KL(q, p) - 2 * JS(p, q), KL(m, p)),  # the factor 2 is lost
        chain("x", Chi2(p, m), LeCam(p, q)),  # and the half
        inequality("x", JS(p, q), LeCam(p, q) / 4),  # the wrong way round
    ],
)
def test_one_wrong_line_fails_the_whole_display(wrong):
    right = chain("y", JS(p, q), KL(p, m) / 2 + KL(q, m) / 2)
    assert right.check() == PROVED
    with pytest.raises(EquationError):
        stack("z", right, wrong).check()


def test_a_display_is_known_as_well_as_its_weakest_line():
    proved = chain("y", JS(p, q), KL(p, m) / 2 + KL(q, m) / 2)
    tried = inequality("x", LeCam(p, q) / 4, JS(p, q))
    assert stack("z", proved, tried).check() == tried.check() != PROVED


def test_coupling_and_potential_agree_with_the_linear_program():
    positions = np.arange(9.0)
    for seed in range(5):
        ps, qs = random_pair(seed, 9)
        rows = [np.array([float(x) for x in row]) for row in (ps, qs)]
        program = divergences["wasserstein-1"](*rows, cost=np.abs(positions[:, None] - positions))
        assert float(chapter.transport_cost(ps, qs)) == pytest.approx(program, abs=1e-12)
        assert float(chapter.dual_gain(ps, qs)) == pytest.approx(program, abs=1e-12)


def test_closed_forms_on_the_page_are_those_of_the_package():
    from ganmath.theory.divergence import Normal

    values = {"mu_p": -0.5, "sigma_p": 0.7, "mu_q": 0.25, "sigma_q": 0.6}
    P, Q = Normal(values["mu_p"], values["sigma_p"]), Normal(values["mu_q"], values["sigma_q"])
    for key, form in chapter._normal_forms.items():
        page = chapter._plain(form)
        number = page.subs({s: values[s.name] for s in page.free_symbols})
        assert float(number) == pytest.approx(divergences[key].between(P, Q), rel=1e-12)
