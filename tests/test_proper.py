"""Bayes risk: concave, equal to a search, chooses the divergence; Dong and Yang's test and its converse."""

import mpmath
import pytest
import sympy as sp

import ganmath as gm
from ganmath.theory.expression import c, relu, softplus, to_mpmath
from ganmath.theory.labels import smooth_labels
from ganmath.theory.loss import GANLoss
from ganmath.theory.oracle import optimal_critic
from ganmath.theory.proper import bayes_risk, chosen_divergence, eta, is_proper

from .conftest import OF_SINGLE_SAMPLES

# the kink at u = 2 leaves the value flat around p = q
LATE_HINGE = GANLoss("late hinge", real=relu(1 - c), fake=2 * relu(1 + c), gen=-c)


@pytest.mark.parametrize("name", OF_SINGLE_SAMPLES)
def test_risk_is_what_a_search_finds(name):
    """Between p = (x, 1 - x) and q = (1 - x, x) the critic's least loss is L(x) + L(1 - x)."""
    loss = gm.losses[name].at_defaults()
    risk = to_mpmath(bayes_risk(loss), (eta,))
    for x in (sp.Rational(1, 16), sp.Rational(3, 7), sp.Rational(1, 2)):
        _, found = optimal_critic(loss, [x, 1 - x], [1 - x, x], dps=20)
        x = mpmath.mpf(x.p) / x.q
        assert mpmath.almosteq(found, risk(x) + risk(1 - x), 1e-12, 1e-12)


@pytest.mark.parametrize("name", OF_SINGLE_SAMPLES)
def test_risk_is_concave(name):
    value = to_mpmath(bayes_risk(gm.losses[name].at_defaults()), (eta,))
    grid = [mpmath.mpf(k) / 40 for k in range(1, 40)]
    for a, b, d in zip(grid, grid[1:], grid[2:], strict=False):
        assert value(b) >= (value(a) + value(d)) / 2 - mpmath.mpf(10) ** -12


@pytest.mark.parametrize("name", OF_SINGLE_SAMPLES)
def test_a_loss_chooses_the_f(name):
    """min L_D = 2 L(1/2) - 2 D_f with the f of the risk: the divergence that `derive` finds by itself."""
    loss = gm.losses[name].at_defaults()
    chosen, derived = chosen_divergence(bayes_risk(loss)), gm.derive(loss).critic_divergence
    assert chosen.name == derived.name
    p, q = (sp.Rational(1, 10), sp.Rational(9, 10)), (sp.Rational(2, 5), sp.Rational(3, 5))
    with mpmath.workdps(50):
        assert mpmath.almosteq(2 * chosen.evaluate(p, q), derived.evaluate(p, q), 1e-40)
    half = bayes_risk(loss).subs(eta, sp.Rational(1, 2))
    assert abs((2 * half - derived.offset).evalf(40)) < 1e-30


RISKS = {
    "logistic": (-eta * sp.log(eta) - (1 - eta) * sp.log(1 - eta), "Jensen-Shannon", 1),
    "square": (eta * (1 - eta), "Le Cam", sp.Rational(1, 8)),
    "exponential": (2 * sp.sqrt(eta * (1 - eta)), "squared Hellinger", 1),
    "hinge": (2 * sp.Piecewise((eta, eta < sp.Rational(1, 2)), (1 - eta, True)), "total variation", 1),
}


@pytest.mark.parametrize("name", RISKS)
def test_table_of_proper_losses(name):
    risk, divergence, scale = RISKS[name]
    chosen = chosen_divergence(risk)
    assert (chosen.name, chosen.scale) == (divergence, scale)


@pytest.mark.parametrize(
    ("name", "at"),
    [("minimax", 0), ("hinge", 0), ("lsgan", sp.Rational(1, 2)), ("absolute", sp.Rational(1, 2))],
)
def test_points_at_which_both_labels_cost_the_same(name, at):
    """The y* of Dong and Yang: 0 for the classic and the hinge loss, 1/2 for least squares."""
    found = is_proper(gm.losses[name])
    assert found and found.is_divergence and found.at == at


@pytest.mark.parametrize("name", ["fgan-kl", "fgan-reverse-kl", "label-smoothing"])
def test_the_test_is_sufficient_only(name):
    """These fail it, their risk being largest elsewhere, and their value is a divergence all the same."""
    found = is_proper(gm.losses[name])
    assert not found and found.is_divergence and "divergence all the same" in found.why_not
    value = gm.derive(gm.losses[name].at_defaults()).critic_divergence
    assert value.evaluate([0.5, 0.5], [0.51, 0.49]) > 0


def test_a_value_that_is_flat_around_equilibrium_is_no_divergence():
    found = is_proper(LATE_HINGE)
    assert not found and not found.is_divergence and "affine around" in found.why_not
    p, q = (sp.Rational(3, 5), sp.Rational(2, 5)), (sp.Rational(2, 5), sp.Rational(3, 5))
    equal, other = (optimal_critic(LATE_HINGE, p, against)[1] for against in (p, q))
    assert other == pytest.approx(equal)


def test_implicit_optimum():
    """sigmoid losses mixed with squares have no closed critic; the test still decides, numerically."""
    loss = GANLoss("mixed", real=softplus(-c) + (c - 1) ** 2, fake=softplus(c) + (c + 1) ** 2, gen=-c)
    found = is_proper(loss)
    assert found and found.is_divergence and abs(found.at) < 1e-20
    for share in (0.1, 0.5, 0.7):
        _, total = optimal_critic(loss, [share, 1 - share], [1 - share, share])
        value = 2 * float(found.bayes_risk.subs(eta, sp.Float(share, 30)).evalf(20))
        assert total == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("s", [0.1, 0.3])
def test_two_sided_smoothing_keeps_a_loss_proper(s):
    assert is_proper(smooth_labels(gm.losses["hinge"], real=s, fake=s))
    assert is_proper(smooth_labels(gm.losses["minimax"], real=s, fake=s))
    assert not is_proper(smooth_labels(gm.losses["minimax"], real=s, fake=0))


def test_no_optimum_no_risk():
    with pytest.raises(gm.NoOptimalCritic):
        is_proper(GANLoss("wasserstein", real=-c, fake=c, gen=-c))


@pytest.mark.parametrize("name", ["relativistic-paired", "softmax-batch", "wgan"])
def test_losses_that_classify_no_single_samples_are_refused(name):
    for ask in (is_proper, bayes_risk):
        with pytest.raises(ValueError, match="classifies no single samples"):
            ask(gm.losses[name])
