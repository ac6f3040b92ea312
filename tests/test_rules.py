"""Claims about losses of every kind, against numbers that know nothing of the rules.

At a claimed critic the gradient of L_D vanishes and its value is the claimed one, to 30 digits; distances
come from `ganmath.theory.transport`; readings are compared with the derivative of L_G in q's probabilities.
"""

import re

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy.optimize import minimize

import ganmath as gm
from ganmath.theory.claims import CHECKED, DEFINITION, KINDS, NOTHING, PROVED, Evidence, weakest
from ganmath.theory.derive import derive_afresh
from ganmath.theory.divergence import divergences
from ganmath.theory.expression import c, to_mpmath, u
from ganmath.theory.plan import Evaluator, plan
from ganmath.theory.rules import OF_THE_CRITIC, W1, closed_means, delta
from ganmath.theory.search import search
from ganmath.theory.transport import Wasserstein

E, p, q = gm.E, gm.p, gm.q
NAMES = (
    *("optimal_critic", "optimal_discriminator", "critic_value", "critic_divergence"),
    *("least", "constant", "is_divergence", "pair_divergence", "separable"),
    *("generator_value", "generator_divergence", "minimiser", "saturates"),
)
# positive pairs of exact fractions
PAIRS = [
    ([sp.Rational(k, 10) for k in (4, 3, 2, 1)], [sp.Rational(k, 10) for k in (1, 1, 3, 5)]),
    ([sp.Rational(k, 20) for k in (1, 2, 7, 10)], [sp.Rational(k, 8) for k in (3, 1, 2, 2)]),
]
DONSKER_VARADHAN = gm.GANLoss(
    "dv", critic=sp.log(E(q, sp.exp(c))) - E(p, c), generator=E(p, c) - sp.log(E(q, sp.exp(c)))
)
KNOWN_CRITIC = {
    "softmax-batch": gm.losses["softmax-batch"],
    "dv": DONSKER_VARADHAN,
    "relativistic-paired": gm.losses["relativistic-paired"],
    "paired exponential": gm.relativistic("exponential"),
    "paired kl": gm.relativistic("fgan-reverse-kl"),
    "relativistic-average-lsgan": gm.losses["relativistic-average-lsgan"],
    "paired lsgan": gm.relativistic("lsgan"),
    "centred lsgan": gm.relativistic("lsgan", "centred"),
}


def numbers(values):
    return np.array([mpmath.mpf(sp.Rational(x).p) / sp.Rational(x).q for x in values], dtype=object)


def le_cam(ps, qs):
    return sum((a - b) ** 2 / (a + b) for a, b in zip(ps, qs, strict=True))


def outputs(critic, ps, qs):
    """The critic (K,) at 40 digits, an expression in u and delta."""
    at = to_mpmath(critic.subs(delta, le_cam(ps, qs)), (u,))
    return np.array(
        [mpmath.mpf(at(a / b)) for a, b in zip(numbers(ps), numbers(qs), strict=True)], dtype=object
    )


def evaluated(objective, critic, ps, qs):
    return Evaluator(plan(objective), exact=True)(critic, numbers(ps), numbers(qs))


# --- claims are whole ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", gm.losses)
def test_every_claim_has_evidence_or_says_why_there_is_none(name):
    derived = gm.derive(gm.losses[name])
    assert set(NAMES) <= set(derived.claims)
    for about, claim in derived.claims.items():
        assert claim.about == about and claim.rule
        assert claim.evidence.kind in KINDS
        assert getattr(derived, about) is claim.value
        if claim.value is None:
            assert claim.why_not, about
        else:
            assert claim.evidence, about
        if gm.losses[name].penalties and claim.evidence:
            assert "without its penalties" in claim.evidence.given
    assert all(step.check.kind in (*KINDS, "definition") for step in derived.steps)


def test_evidence_prints_as_pages_say_it():
    assert str(PROVED) == "proved by sympy"
    assert str(CHECKED) == "checked numerically on a grid of u from 1e-6 to 1e6"
    assert str(DEFINITION) == "definition" and not NOTHING
    assert str(Evidence("proved", "by sympy", "at a = 0")) == "proved by sympy, at a = 0"
    argued = Evidence("argued", "by hand")
    assert weakest([PROVED, argued, CHECKED, DEFINITION]) is argued and weakest([DEFINITION]) == NOTHING


def test_claims_say_where_a_verdict_holds_at_default_parameters_only():
    open_labels, fixed = gm.derive(gm.losses["lsgan"]), gm.derive(gm.losses["lsgan"].at_defaults())
    assert open_labels.claims["generator_divergence"].evidence.given == "at a = 0, b = 1, c = 1"
    assert open_labels.claims["critic_divergence"].evidence.given == ""
    assert not any(claim.evidence.given for claim in fixed.claims.values())
    assert "at a = 0, b = 1" in gm.derive(gm.relativistic("lsgan")).claims["least"].evidence.given


def test_an_attribute_may_be_replaced_and_the_claim_goes_with_it():
    from dataclasses import replace

    derived = gm.derive(gm.losses["minimax"])
    wrong = replace(derived, optimal_critic=2 * sp.log(u))
    assert wrong.claims["optimal_critic"].value == 2 * sp.log(u) and wrong.loss is derived.loss
    assert derived.optimal_critic == sp.log(u)


# --- critics ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", range(len(PAIRS)))
@pytest.mark.parametrize("name", KNOWN_CRITIC)
def test_the_gradient_vanishes_at_the_claimed_critic_and_the_value_is_the_claimed_one(name, pair):
    ps, qs = PAIRS[pair]
    loss = KNOWN_CRITIC[name].at_defaults()
    derived = gm.derive(loss)
    with mpmath.workdps(40):
        value, gradient = evaluated(loss.critic, outputs(derived.optimal_critic, ps, qs), ps, qs)
        assert max(abs(x) for x in gradient) < mpmath.mpf(10) ** -30
        if derived.critic_divergence is not None:
            offset = derived.critic_divergence.offset.subs({gm.n_real: 1, gm.n_fake: 1})
            least = mpmath.mpf(str(offset.evalf(40))) - derived.critic_divergence.evaluate(ps, qs, 40)
        elif derived.least is not None:
            exact = sp.Rational(derived.least.subs(delta, le_cam(ps, qs)))
            least = mpmath.mpf(exact.p) / exact.q
        else:
            two = [a * b for a in ps for b in qs], [b * a for a in qs for b in ps]
            offset = mpmath.mpf(str(derived.pair_divergence.offset.evalf(40)))
            least = offset - derived.pair_divergence.evaluate(*two, 40)
        assert abs(value - least) < mpmath.mpf(10) ** -30


def test_donsker_and_varadhan_measure_kl():
    derived = gm.derive(DONSKER_VARADHAN)
    assert derived.optimal_critic == sp.log(u)
    assert derived.critic_divergence.name == "Kullback-Leibler" and derived.critic_divergence.scale == 1
    assert derived.critic_divergence.offset == 0
    assert derived.claims["critic_divergence"].evidence == PROVED


def test_the_softmax_critic_is_claimed_for_every_normaliser():
    claim = gm.derive(gm.losses["softmax-batch"]).claims["optimal_critic"]
    assert claim.rule == "multipliers" and claim.evidence.kind == "proved"
    assert claim.evidence.given == "for batches of one size"
    assert any("For every Z" in step.title for step in claim.steps)


def test_a_concave_function_whose_least_value_depends_on_the_tangent_is_not_claimed():
    """sqrt E_q exp(C) - E_p C falls without bound as a constant is added: no tangent's value is its."""
    loss = gm.GANLoss("root", critic=sp.sqrt(E(q, sp.exp(c))) - E(p, c), generator=-E(q, c))
    derived = gm.derive(loss)
    assert derived.optimal_critic is None and derived.critic_divergence is None


@pytest.mark.parametrize(
    "name", ["relativistic-average", "relativistic-centred", "relativistic-average-hinge"]
)
def test_what_is_known_by_search_alone_is_not_claimed(name):
    claims = gm.derive(gm.losses[name]).claims
    assert claims["optimal_critic"].value is None and "no closed form" in claims["optimal_critic"].why_not
    assert claims["least"].value is None and claims["least"].rule == "by_search"
    assert gm.derive(gm.losses[name]).claims["is_divergence"].evidence.kind == "argued"


def test_rules_see_the_expression_and_not_how_it_was_made():
    by_hand = gm.GANLoss(
        "mine",
        critic=E(gm.Pairs(p, q), gm.softplus(gm.c_y - gm.c_x)),
        generator=E(gm.Pairs(p, q), gm.softplus(gm.c_x - gm.c_y)),
    )
    ours, theirs = derive_afresh(by_hand), derive_afresh(gm.losses["relativistic-paired"])
    for about, claim in theirs.claims.items():
        assert ours.claims[about].evidence == claim.evidence
        if about != "pair_divergence":
            assert ours.claims[about].value == claim.value, about
    assert all(callable(rule) for rule in OF_THE_CRITIC)


# --- integral metrics --------------------------------------------------------------------------------


@pytest.mark.parametrize("steepness", [1, 3])
def test_lipschitz_critics_attain_minus_the_wasserstein_distance_on_the_line(steepness):
    loss = gm.losses["wgan"].replace(constraint=gm.Lipschitz(steepness))
    derived = gm.derive(loss)
    assert derived.least == -steepness * W1
    rng = np.random.default_rng(steepness)
    for _ in range(5):
        x = np.sort(rng.normal(size=6))
        ps, qs = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(6))
        gaps = np.cumsum(qs)[:-1] - np.cumsum(ps)[:-1]  # F_q - F_p between the points
        f_p, f_q = (sp.Function(name)(sp.Symbol("x")) for name in ("F_p", "F_q"))
        slope = [float(derived.critic_slope.subs({f_p: 0, f_q: sp.Float(gap)})) for gap in gaps]
        critic = np.concatenate([[0.0], np.cumsum(slope * np.diff(x))])
        value, _ = Evaluator(plan(loss.critic))(critic, ps, qs)
        assert value == pytest.approx(-steepness * Wasserstein(1)(ps, qs, positions=x), abs=1e-13)


def test_no_lipschitz_critic_of_points_in_the_plane_does_better():
    """A linear program over critics of bounded slope, against the optimal plan of POT."""
    from scipy.optimize import linprog

    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 2))
    ps, qs = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(6))
    cost = np.linalg.norm(x[:, None] - x[None], axis=2)
    feasible = gm.Lipschitz().on(x, ps, qs)
    found = linprog(qs - ps, feasible.A, feasible.b, np.ones((1, 6)), [0], bounds=(None, None))
    assert gm.derive(gm.losses["wgan"]).least == -W1
    assert found.fun == pytest.approx(-Wasserstein(1)(ps, qs, cost=cost), abs=1e-9)


def test_weights_that_do_not_balance_have_no_optimal_lipschitz_critic():
    loss = gm.GANLoss("tilted", real=-2 * c, fake=c, gen=-c, constraint=gm.Lipschitz())
    with pytest.raises(gm.NoOptimalCritic, match="adding a constant"):
        gm.derive(loss)


def test_the_wasserstein_generator_and_others_beside_it():
    derived = gm.derive(gm.losses["wgan"])
    assert derived.generator_divergence == W1
    assert derived.claims["generator_divergence"].evidence.kind == "stated"
    assert not derived.saturates and derived.saturates.slope == -1
    assert derived.generator_value is None and "constant" in derived.claims["generator_value"].why_not
    balanced = gm.losses["wgan"].replace(generator=E(p, c) - E(q, c))
    assert gm.derive(balanced).generator_value == W1
    assert gm.derive(gm.GANLoss.pair("wgan", "nonsaturating")).generator_divergence is None


# --- readings ----------------------------------------------------------------------------------------

READ = KNOWN_CRITIC | {
    "minimax / paired": gm.GANLoss.pair("minimax", "relativistic-paired"),
    "lsgan / average": gm.GANLoss.pair("lsgan", "relativistic-average"),
    "alpha / class II": gm.GANLoss.pair("alpha", "nonsaturating").replace(
        generator=(E(p, gm.sigmoid(c)) - E(q, gm.sigmoid(c))) ** 2
    ),
    "paired / linear": gm.losses["relativistic-paired"].replace(generator=E(p, c) - E(q, c)),
}


def at_pair(expr, ps, qs, x):
    """A claim's expression in means over functions of the ratio u(z), at a pair and a ratio u."""
    from ganmath.theory.rules import _on_alphabet

    expr = expr.subs(u, x).subs({gm.n_real: 1, gm.n_fake: 1})
    return mpmath.mpf(str(_on_alphabet(expr.replace(gm.sigmoid, lambda y: 1 / (1 + sp.exp(-y))), ps, qs)))


@pytest.mark.parametrize("name", READ)
def test_the_gradient_reading_is_the_derivative_in_q_at_the_frozen_critic(name):
    """d L_G / d q_i - d L_G / d q_j, by differences at 60 digits, is the integral of u f_G''."""
    loss = READ[name].at_defaults()
    derived = gm.derive(loss)
    ps, qs = PAIRS[0]
    with mpmath.workdps(60):
        critic = outputs(derived.optimal_critic, ps, qs)
        objective = Evaluator(plan(loss.generator), exact=True)
        step = mpmath.mpf(10) ** -20

        def slope(i):
            moved = []
            for sign in (1, -1):
                at = numbers(qs)
                at[i] += sign * step
                moved.append(objective(critic, numbers(ps), at)[0])
            return (moved[0] - moved[1]) / (2 * step)

        second = derived.generator_second_derivative
        ratios = numbers(ps) / numbers(qs)
        # the influence falls by the integral of u f_G''(u) between two ratios
        for i, j in ((0, 1), (2, 3)):
            with mpmath.workdps(25):
                fall = mpmath.quad(
                    lambda x: x * at_pair(second, ps, qs, sp.Float(x, 40)),
                    [ratios[j], ratios[i]],
                    maxdegree=5,
                )
            assert abs((slope(j) - slope(i)) - fall) < mpmath.mpf(10) ** -12 * (1 + abs(fall))


@pytest.mark.parametrize("name", ["relativistic-paired", "relativistic-average-lsgan", "softmax-batch"])
def test_the_value_reading_is_the_generators_loss_at_the_claimed_critic(name):
    loss = gm.losses[name].at_defaults()
    derived = gm.derive(loss)
    for ps, qs in PAIRS:
        with mpmath.workdps(40):
            value, _ = evaluated(loss.generator, outputs(derived.optimal_critic, ps, qs), ps, qs)
            claimed = derived.generator_value
            if name == "relativistic-paired":
                ratios = [a / b for a, b in zip(ps, qs, strict=True)]
                claimed = sum(
                    a * b * sp.log(1 + v / w)
                    for a, v in zip(ps, ratios, strict=True)
                    for b, w in zip(qs, ratios, strict=True)
                )
                assert str(derived.generator_value.args[1]) == "log(u(x)/u(y) + 1)"
                claimed = mpmath.mpf(str(claimed.evalf(40)))
            elif name == "softmax-batch":
                offset = mpmath.mpf(str(claimed.offset.subs(gm.n_real, 1).evalf(40)))
                claimed = offset + claimed.divergence.evaluate(ps, qs, 40)
            else:
                exact = sp.Rational(claimed.subs(delta, le_cam(ps, qs)))
                claimed = mpmath.mpf(exact.p) / exact.q
            assert abs(value - claimed) < mpmath.mpf(10) ** -30


def test_paired_generators_do_not_saturate_and_follow_no_one_divergence():
    derived = gm.derive(gm.losses["relativistic-paired"])
    assert derived.saturates.at_zero == -1 and derived.saturates.at_infinity == 0 and not derived.saturates
    assert derived.claims["saturates"].evidence.kind == "argued"
    assert derived.generator_sign == 1 and derived.claims["generator_sign"].evidence == PROVED
    assert derived.generator_divergence is None and "no one divergence" in derived.why_not
    assert "largest" in derived.minimiser


def test_readings_of_losses_that_see_the_critics_constant_are_not_claimed():
    """log u and log u + 1 are both optimal for pairs; softplus(-C) tells them apart."""
    derived = gm.derive(gm.GANLoss.pair("relativistic-paired", "nonsaturating"))
    assert derived.optimal_critic == sp.log(u)
    assert derived.generator_value is None and "constant" in derived.claims["generator_value"].why_not
    linear = gm.derive(READ["paired / linear"])
    assert linear.generator_divergence.name == "reverse Kullback-Leibler"


def test_a_generator_that_walks_away_from_the_data_is_told_by_a_witness():
    turned = gm.losses["relativistic-paired"].replace(generator=-gm.losses["relativistic-paired"].generator)
    derived = gm.derive(turned)
    assert derived.generator_sign == -1 and "smallest" in derived.minimiser
    assert "negative at u" in derived.why_not


def test_means_of_the_le_cam_critic_are_closed():
    """E_p and E_q of (p - q)/(p + q) are Delta/2 and -Delta/2; E_p + E_q of its square is Delta."""
    v = sp.Symbol("u(z)", positive=True)
    half = (v - 1) / (v + 1)
    assert closed_means(E(p, half)) == delta / 2 and closed_means(E(q, half)) == -delta / 2
    assert sp.expand(closed_means(E(p, half**2) + E(q, half**2)) - delta) == 0
    assert closed_means(E(p, half**2)).has(E)  # alone it has no such form
    assert closed_means(E(gm.m, 2 * v / (1 + v))) == 1


def test_le_cam_is_the_divergence_that_delta_stands_for():
    ps, qs = PAIRS[0]
    assert float(le_cam(ps, qs)) == pytest.approx(
        divergences["le-cam"](*(np.array(x, float) for x in (ps, qs)))
    )


@pytest.mark.parametrize(
    "critic",
    [
        gm.E(gm.q - gm.p, gm.c),
        gm.E(gm.Pairs(gm.p, gm.q), gm.c_y - gm.c_x),
        2 * gm.E(gm.m, gm.c) - 2 * gm.E(gm.p, gm.c),
    ],
)
def test_a_difference_of_means_is_one_however_it_is_written(critic):
    """Coefficients read off E(p, C) and E(q, C) alone would give a least value of 0."""
    loss = gm.GANLoss("w1", critic=critic, generator=-gm.E(gm.q, gm.c), constraint=gm.Lipschitz())
    assert gm.derive(loss).claims["least"].value == gm.derive(gm.losses["wgan"]).claims["least"].value
    nothing = loss.replace(critic=gm.E(gm.p, gm.c) * 0)
    assert gm.derive(nothing).claims["is_divergence"].value is not True


def test_a_generator_without_gradient_has_no_preferred_point():
    flat = gm.relativistic("nonsaturating").replace(generator=sp.S.Zero)
    claims = gm.derive(flat).claims
    assert claims["generator_sign"].value is None and claims["minimiser"].value.startswith("any point")


def test_a_reference_that_is_no_mean_makes_no_constant():
    """softplus(2 k - k) is not the same for every constant critic k."""
    c = gm.c
    loss = gm.GANLoss(
        "twice", critic=gm.E(2 * gm.p, gm.softplus(gm.E(2 * gm.q, c) - c)), generator=-gm.E(gm.q, c)
    )
    claims = gm.derive(loss).claims
    assert claims["constant"].value is None and claims["is_divergence"].value is None


def test_a_least_value_without_closed_form_carries_what_a_search_found():
    """Newton's method on the averaged logistic loss, written down here, reaches the same number."""
    claim = gm.derive(gm.losses["relativistic-average"]).claims["least"]
    assert claim.value is None and claim.rule == "by_search" and claim.evidence.kind == "certified"
    number = float(re.search(r"min L_D = (\S+) between p = \(1/2, 1/3, 1/6\)", str(claim.evidence))[1])
    ps, qs = np.array([3, 2, 1]) / 6, np.array([1, 2, 3]) / 6

    def value(outputs):
        outputs = np.append(outputs, 0.0)
        on_real = ps @ np.logaddexp(0, qs @ outputs - outputs)
        return (on_real + qs @ np.logaddexp(0, outputs - ps @ outputs)) / 2

    least = minimize(value, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-12, "fatol": 1e-15}).fun
    assert number == pytest.approx(least, abs=1e-9)
    # what cannot be searched is not given a number
    away = -((gm.E(gm.p, gm.sigmoid(gm.c)) - gm.E(gm.q, gm.sigmoid(gm.c))) ** 2)
    nothing = gm.derive(gm.GANLoss("away", critic=away, generator=-gm.E(gm.q, gm.c))).claims["least"]
    assert nothing.value is None and not nothing.evidence


def test_claims_made_at_default_parameters_say_so():
    a = sp.Symbol("a", positive=True)
    loss = gm.GANLoss(
        "weighted",
        critic=a * sp.log(gm.E(gm.q, sp.exp(gm.c))) - a * gm.E(gm.p, gm.c),
        generator=-gm.E(gm.q, gm.c),
        parameters=(gm.Parameter("a", a, sp.S(2), "a, a weight"),),
    )
    claim = gm.derive(loss).claims["critic_divergence"]
    assert claim.value.scale.equals(2) and "a = 2" in str(claim.evidence)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_frozen_generator_goes_where_its_critic_asks_it_to(sign):
    """With both objectives turned round it seeks the smallest output; a linear program agrees."""
    c, loss = gm.c, gm.losses["wgan"]
    turned = loss.replace(critic=sign * (gm.E(gm.q, c) - gm.E(gm.p, c)), generator=-sign * gm.E(gm.q, c))
    ps, qs, points = [0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.0, 1.0, 3.0]
    outputs = search(turned, ps, qs, points).outputs
    least = [float(-sign * outputs[i]) for i in range(3)]  # L_G of a point mass at each
    best = int(np.argmin(least))
    word = {int(np.argmax(outputs)): "largest", int(np.argmin(outputs)): "smallest"}[best]
    assert gm.derive(turned).minimiser == f"a point mass where the critic is {word}"
