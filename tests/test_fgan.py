"""f-GAN: conjugates are those of the definition, and every convex f becomes a loss that measures D_f."""

import mpmath
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ganmath as gm
from ganmath.theory.divergence import FDivergence
from ganmath.theory.expression import c, sigmoid, softplus, u
from ganmath.theory.fgan import conjugate, fgan, t

half = sp.Rational(1, 2)
MINE = u**3 - 3 * u + 2  # no name; its conjugate is 2 ((t + 3)/3)^(3/2) - 2

# divergence, its multiple of the named one, output activation of Nowozin et al. 2016, catalogue name
ROWS = {
    "kl": (1, c),
    "reverse-kl": (1, -sp.exp(-c)),
    "pearson": (1, c),
    "neyman": (1, 1 - sp.exp(-c)),
    "hellinger": (2, 1 - sp.exp(-c)),
    "js": (2, sp.log(2) - softplus(-c)),
    "le-cam": (1, 1 - 4 * sigmoid(-c) ** 2),
    "total-variation": (1, c),
}
NAMES = {"pearson": "pearson-chi2", "neyman": "neyman-chi2", "hellinger": "squared-hellinger"}
NAMES |= {"js": "jensen-shannon"}


def divergence(row: str) -> FDivergence:
    return gm.divergences[NAMES.get(row, row)].scaled(ROWS[row][0])


@pytest.mark.parametrize("row", ROWS)
def test_the_symbolic_conjugate_is_the_supremum(row):
    """sup_u (u t - f(u)) by search, at slopes of f, equals the closed form to 20 digits."""
    f = divergence(row).f
    star = conjugate(f)
    assert star.expression is not None
    with mpmath.workdps(30):
        for x in (mpmath.mpf(1) / 5, mpmath.mpf(3) / 4, mpmath.mpf(3), mpmath.mpf(11)):
            at = f.diff(u).subs(u, sp.Float(x, 40)).evalf(40)
            closed = star.expression.subs(t, at).evalf(30)
            assert abs(star(str(at)) - mpmath.mpf(str(closed))) < mpmath.mpf(10) ** -14


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("kl", sp.exp(t - 1)),
        ("reverse-kl", -1 - sp.log(-t)),
        ("pearson", t**2 / 4 + t),
        ("neyman", 2 - 2 * sp.sqrt(1 - t)),
        ("hellinger", t / (1 - t)),
        ("js", -sp.log(2 - sp.exp(t))),
        ("le-cam", 4 - t - 4 * sp.sqrt(1 - t)),
    ],
)
def test_conjugates_of_the_table(row, expected):
    assert sp.simplify(conjugate(divergence(row)).expression - expected) == 0


def test_domains_of_the_conjugates():
    assert conjugate(gm.divergences["kl"]).domain == (-sp.oo, sp.oo)
    assert conjugate(gm.divergences["reverse-kl"]).domain == (-sp.oo, 0)
    assert conjugate(gm.divergences["le-cam"]).domain == (-3, 1)
    assert conjugate(gm.divergences["total-variation"]).domain == (-half, half)


@pytest.mark.parametrize("row", ROWS)
def test_the_catalogue_is_what_the_construction_gives(row):
    made, listed = fgan(divergence(row), ROWS[row][1]), gm.losses[f"fgan-{row}"]
    for part in ("real", "fake", "gen"):
        difference = (getattr(made, part) - getattr(listed, part)).rewrite("exp")
        assert sp.simplify(difference) == 0, part


@pytest.mark.parametrize("row", ROWS)
def test_the_critic_measures_the_divergence_it_was_made_from(row):
    d = gm.derive(gm.losses[f"fgan-{row}"])
    expected = divergence(row)
    assert (d.critic_divergence.name, d.critic_divergence.scale) == (expected.name, expected.scale)
    assert d.critic_divergence.offset == 0  # Nowozin et al.: the bound is D_f itself


@pytest.mark.parametrize(
    ("row", "followed", "scale"),
    [
        ("kl", "reverse Kullback-Leibler", 1),
        ("reverse-kl", "Neyman chi-squared", half),
        ("pearson", "Kullback-Leibler", 2),
        ("js", "softened reverse Kullback-Leibler", 1),
    ],
)
def test_the_practical_step_follows_another_divergence(row, followed, scale):
    """f_G'' = f''/u for the step -T, so a KL critic leads the generator down the reverse KL."""
    d = gm.derive(gm.losses[f"fgan-{row}"])
    assert (d.generator_divergence.name, d.generator_divergence.scale) == (followed, scale)


def test_the_practical_step_of_order_alpha_follows_order_alpha_minus_one():
    """f'' = u^(alpha - 2), so f_G'' = u^(alpha - 3); and E_q gen is 2 - alpha times that divergence."""
    d = gm.derive(gm.losses["fgan-alpha"])
    (order,) = (parameter.symbol for parameter in d.loss.parameters)
    assert d.optimal_critic == sp.log(u)  # for every order
    for at, divergence in ((order, d.critic_divergence), (order - 1, d.generator_divergence)):
        assert (divergence.name, divergence.scale, divergence.parameters) == ("alpha", 1, (("alpha", at),))
    assert sp.simplify(d.generator_value.divergence.scale - (2 - order)) == 0
    assert d.generator_second_derivative == u ** (order - 3)


@pytest.mark.parametrize(
    ("order", "measured", "followed"),
    [
        (2, ("Pearson chi-squared", half), ("Kullback-Leibler", 1)),
        (half, ("squared Hellinger", 4), ("alpha", 1)),
        (-1, ("Neyman chi-squared", half), ("alpha", 1)),
        (sp.Rational(3, 2), ("alpha", 1), ("squared Hellinger", 4)),
        (sp.Rational(3, 4), ("alpha", 1), ("alpha", 1)),
    ],
)
def test_named_orders_of_the_alpha_family(order, measured, followed):
    d = gm.derive(gm.losses["fgan-alpha"](alpha=order))
    assert (d.critic_divergence.name, d.critic_divergence.scale) == measured
    assert (d.generator_divergence.name, d.generator_divergence.scale) == followed


@pytest.mark.parametrize("order", [0, 1])
def test_orders_at_which_the_alpha_loss_is_a_limit_are_refused(order):
    with pytest.raises(ValueError, match=r"out of range: alpha.*fgan-kl.*needs Ne\(alpha, 0\)"):
        gm.losses["fgan-alpha"](alpha=order)


def test_the_zero_sum_step_follows_the_divergence_itself():
    d = gm.derive(fgan("kl", c, zero_sum=True))
    assert (d.generator_divergence.name, d.generator_divergence.scale) == ("Kullback-Leibler", 1)


def test_an_f_of_ones_own():
    loss = fgan(MINE, name="mine")
    d = gm.derive(loss)
    assert d.optimal_critic == sp.log(u)
    assert sp.simplify((d.critic_divergence.f - MINE).diff(u, 2)) == 0 and d.critic_divergence.offset == 0
    assert all(check.digits >= 9 for check in gm.verify(loss).checks)
    assert sp.simplify(conjugate(MINE).expression - (2 * ((t + 3) / 3) ** sp.Rational(3, 2) - 2)) == 0


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=3, max_size=3).filter(any))
def test_mixtures_of_divergences_have_the_oracle_as_their_optimum(weights):
    parts = ("kl", "pearson-chi2", "le-cam")
    f = sum(w * gm.divergences[name].f for w, name in zip(weights, parts, strict=True))
    assert all(check.digits >= 9 for check in gm.verify(fgan(f), n=2).checks)


def test_a_conjugate_without_closed_form_is_evaluated_and_needs_no_formula():
    f = u * sp.log(u) + (u - 1) ** 2  # f' = log u + 2 u - 1 has Lambert's function as inverse
    star = conjugate(f + (u - 1) ** 4)
    assert star.expression is None
    with mpmath.workdps(30):  # f'(1) = 1, and there f* = u t - f(u) = 1
        assert abs(star(1) - 1) < mpmath.mpf(10) ** -14
    assert gm.derive(fgan(f + (u - 1) ** 4)).optimal_critic == sp.log(u)
    with pytest.raises(ValueError, match="leave the activation out"):
        fgan(f + (u - 1) ** 4, c)


def test_what_is_no_divergence_is_refused():
    with pytest.raises(ValueError, match="not convex: at u = "):
        fgan(sp.sqrt(u) - 1)
    with pytest.raises(ValueError, match=r"f\(1\) must be 0, got 1"):
        fgan(u**2)
    with pytest.raises(ValueError, match="has a kink.*tanh"):
        fgan("total-variation")
    with pytest.raises(KeyError, match="did you mean"):
        fgan("pearson")


def test_reverse_kl_has_no_nan_for_negative_outputs():
    """An activation -log(v), as shipped elsewhere, is NaN for v < 0; ours is -exp(-v)."""
    outputs = torch.tensor([-5.0, -0.1, 3.0], requires_grad=True)
    loss = gm.losses["fgan-reverse-kl"]
    loss.critic_loss(outputs, outputs).backward()
    assert torch.isfinite(outputs.grad).all()
    assert torch.isnan(-torch.log(outputs.detach())).any()
