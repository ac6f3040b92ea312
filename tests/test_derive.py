"""Derivations equal known theory, hold for losses never seen before, and refuse what has no optimum."""

import dataclasses

import mpmath
import pytest
import sympy as sp

import ganmath as gm
from ganmath.theory.derive import PROVED, derive
from ganmath.theory.expression import c, mean, relu, sigmoid, softplus, to_mpmath, u
from ganmath.theory.loss import GANLoss
from ganmath.theory.optimum import NoOptimalCritic, tidy

from .conftest import OF_SINGLE_SAMPLES

p, q = gm.p, gm.q
half = sp.Rational(1, 2)


def zero(expr: sp.Expr) -> bool:
    return tidy(expr) == 0 or sp.simplify(expr) == 0


# --- the four losses of the catalogue -------------------------------------------------------------


def test_minimax_reduces_to_jensen_shannon():
    d = derive(gm.losses["minimax"])
    assert d.optimal_critic == sp.log(u)
    assert zero(d.optimal_discriminator - p / (p + q))
    assert (d.critic_divergence.name, d.critic_divergence.scale) == ("Jensen-Shannon", 2)
    assert zero(d.critic_divergence.offset - sp.log(4))
    # a zero-sum game: the step follows the same divergence (envelope theorem)
    assert (d.generator_divergence.name, d.generator_divergence.scale) == ("Jensen-Shannon", 2)
    assert zero(d.generator_second_derivative - 1 / (u * (1 + u)))
    assert d.saturates and d.saturates.leading == -u and d.saturates.at_infinity == -1


def test_nonsaturating_follows_softened_reverse_kl_and_does_not_saturate():
    d = derive(gm.losses["nonsaturating"])
    assert d.critic_divergence.name == "Jensen-Shannon"
    assert d.generator_divergence.name == "softened reverse Kullback-Leibler"
    assert d.generator_divergence.scale == 1
    assert not d.saturates and d.saturates.at_zero == -1
    # value reading: KL(q||p) - KL(q||m) + log 2, another divergence than the one followed
    value = d.generator_value
    assert value.is_divergence and value.is_f_divergence and zero(value.offset - sp.log(2))
    expected = -sp.log(u) + sp.log((1 + u) / 2)
    assert zero((value.f - expected).diff(u, 2))
    assert not zero((value.f - d.generator_divergence.f).diff(u, 2))


def test_label_smoothing_shrinks_the_discriminator_and_not_what_the_generator_follows():
    d = derive(gm.losses["label-smoothing"])
    s = next(x.symbol for x in d.loss.parameters)
    assert zero(d.optimal_discriminator - (1 - s) * p / (p + q))
    assert zero(d.generator_second_derivative - 1 / (u**2 * (1 + u)))
    at_zero = derive(gm.losses["label-smoothing"](smoothing=0))
    assert at_zero.critic_divergence.name == "Jensen-Shannon"


def test_every_least_squares_coding_has_the_le_cam_divergence():
    d = derive(gm.losses["lsgan"])
    a, b, _ = (x.symbol for x in d.loss.parameters)
    assert zero(d.optimal_critic - (b * u + a) / (u + 1))
    assert zero(d.optimal_discriminator - p / (p + q))
    assert d.critic_divergence.name == "Le Cam"
    assert zero(d.critic_divergence.scale - (b - a) ** 2 / 8)
    assert zero(d.critic_divergence.offset - (b - a) ** 2 / 4)


def test_least_squares_codings_differ_in_what_the_generator_follows():
    usual = derive(gm.losses["lsgan"](a=0, b=1, c=1))
    assert zero(usual.generator_second_derivative - 1 / (u * (1 + u) ** 3))
    assert usual.generator_divergence is not None and usual.why_not is None
    pearson = derive(gm.losses["lsgan"](a=-1, b=1, c=0))
    assert zero(pearson.generator_second_derivative + 2 * (u - 1) / (u * (1 + u) ** 3))
    assert pearson.generator_divergence is None and "negative" in pearson.why_not
    # yet the value is least at p = q alone
    assert pearson.generator_value.is_divergence and not pearson.generator_value.is_f_divergence
    assert "near 1" in pearson.minimiser


@pytest.mark.parametrize(
    ("generator", "expected"),
    [
        (-softplus(c), 1 / (u * (1 + u))),
        (softplus(-c), 1 / (u**2 * (1 + u))),
        (-c, 1 / u**2),
        (-sigmoid(c), 1 / (u * (1 + u) ** 2)),
        ((1 - sigmoid(c)) ** 2, 2 / (u * (1 + u) ** 3)),
        (softplus(-c) ** 2, 2 * sp.log((1 + u) / u) / (u**2 * (1 + u))),
        ((sigmoid(c) - half) ** 2, -(u - 1) / (u * (1 + u) ** 3)),
    ],
)
def test_gradient_reading_of_generator_losses_on_a_logistic_critic(generator, expected):
    """The table of f_G'' for seven generator losses on the same critic."""
    d = derive(GANLoss("mixed", real=softplus(-c), fake=softplus(c), gen=generator, link=sigmoid(c)))
    assert zero(d.generator_second_derivative - expected)
    assert (d.generator_divergence is None) == bool(expected.subs(u, 2) < 0)


def test_alpha_loss_measures_the_arimoto_divergence_for_every_alpha():
    """D* = p^a / (p^a + q^a) and, zero-sum, what is measured is what is followed (Kurri et al. 2021)."""
    d = derive(gm.losses["alpha"])
    a = d.loss.parameters[0].symbol
    assert zero(d.optimal_critic - a * sp.log(u))
    for read in (d.critic_divergence, d.generator_divergence):
        assert (read.name, read.scale, read.parameters) == ("Arimoto", 1, (("alpha", a),))
    assert zero(d.critic_divergence.offset - a / (a - 1) * (2 - 2 ** (1 / a)))
    at_half = derive(gm.losses["alpha"](alpha=half))
    assert (at_half.critic_divergence.name, at_half.critic_divergence.scale) == ("squared Hellinger", 2)


@pytest.mark.parametrize("order", [1, 2, sp.Rational(5, 2), 3])
def test_lkgan_value_with_its_real_term_is_the_pearson_vajda_divergence(order):
    """With c = (a + b)/2: |c - b|^k int |p - q|^k / (p + q)^(k-1) = 2 |c - b|^k chi^k(p||m)."""
    loss = gm.losses["lkgan"](a=sp.Rational(3, 5), b=sp.Rational(2, 5), c=sp.Rational(1, 2), k=order)
    both = dataclasses.replace(loss, gen_real=loss.gen)
    value = derive(both).generator_value
    assert value.offset == 0 and value.is_divergence
    ps, qs = [sp.Rational(k, 10) for k in (1, 2, 7)], [sp.Rational(k, 10) for k in (4, 5, 1)]
    terms = (abs(a - b) ** order / (a + b) ** (order - 1) for a, b in zip(ps, qs, strict=True))
    expected = sp.N(sp.Rational(1, 10) ** order * sum(terms), 40)
    vajda = gm.divergences["pearson-vajda"](order).evaluate(ps, qs)
    with mpmath.workdps(40):
        found = value.divergence.evaluate(ps, qs)
        tenth = mpmath.mpf(str(sp.N(sp.Rational(1, 10) ** order, 40)))
        assert mpmath.almosteq(found, mpmath.mpf(str(expected)), 1e-35)
        assert mpmath.almosteq(found, 2 * tenth * vajda, 1e-35)
    names = {1: "total variation", 2: "Le Cam"}
    assert value.name == names.get(order, "Pearson-Vajda")
    gm.verify(both)


def test_lkgan_step_at_every_order_and_what_a_label_in_the_middle_does():
    """c = b: f_G'' = k/(u (1 + u)^(k + 1)); c = (a + b)/2 turns the step round at u = 1."""
    usual = derive(gm.losses["lkgan"](a=0, b=1, c=1))
    k = next(x.symbol for x in gm.losses["lkgan"].parameters if x.keyword == "k")
    assert sp.simplify(usual.generator_second_derivative - k / (u * (1 + u) ** (k + 1))) == 0
    assert derive(gm.losses["lkgan"](a=0, b=1, c=1, k=2)).generator_second_derivative == sp.sympify(
        2 * derive(gm.losses["lsgan"](a=0, b=1, c=1)).generator_second_derivative
    )
    middle = derive(gm.losses["lkgan"](a=0, b=1, c=0.5))
    assert middle.generator_divergence is None and "negative at u = 2" in middle.why_not
    gm.verify(gm.losses["lkgan"])


@pytest.mark.parametrize("order", [sp.Rational(1, 2), 2, 3])
def test_renyi_value_is_an_increasing_function_of_an_f_divergence(order):
    """L_G at C* is R_a(q||m) - log 2, and with the constant real term 2 JR_a - 2 log 2."""
    found = derive(gm.losses["renyi"](alpha=order))
    value = found.generator_value
    ps, qs = [mpmath.mpf(k) / 10 for k in (1, 2, 7)], [mpmath.mpf(k) / 10 for k in (4, 5, 1)]
    with mpmath.workdps(40):
        a = mpmath.mpf(order.p) / order.q if isinstance(order, sp.Rational) else mpmath.mpf(order)

        def renyi(row):
            powers = (x**a * ((s + t) / 2) ** (1 - a) for x, s, t in zip(row, ps, qs, strict=True))
            return mpmath.log(mpmath.fsum(powers)) / (a - 1)

        inside = value.offset + sp.Float(value.divergence.evaluate(ps, qs, dps=30), 30)
        at_optimum = value.outer.subs(mean, inside).evalf(30)
        assert mpmath.almosteq(mpmath.mpf(str(at_optimum)), renyi(qs) - mpmath.log(2), 1e-14)
        real = mpmath.log(mpmath.fsum(s * (s / (s + t)) ** (a - 1) for s, t in zip(ps, qs, strict=True)))
        both = mpmath.mpf(str(at_optimum)) + real / (a - 1)
        assert mpmath.almosteq(both, renyi(ps) + renyi(qs) - 2 * mpmath.log(2), 1e-14)
    assert value.is_f_divergence and found.generator_divergence is not None
    assert "increasing function" in next(x.remark for x in found.steps if x.about == "generator_value")
    gm.verify(gm.losses["renyi"](alpha=order))


def test_renyi_step_tends_to_the_minimax_one():
    general = derive(gm.losses["renyi"])
    (parameter,) = gm.losses["renyi"].parameters
    minimax = derive(gm.losses["minimax"]).generator_second_derivative
    assert sp.simplify(general.generator_second_derivative.subs(parameter.symbol, 1) - minimax) == 0


def test_function_of_the_mean_that_decreases_is_refused():
    """-E_q gen is E_q(-gen); a square falls where the mean is negative."""
    assert dataclasses.replace(gm.losses["minimax"], outer=-mean).gen == softplus(c)
    loss = dataclasses.replace(gm.losses["minimax"], name="falling", outer=mean**2)
    with pytest.raises(ValueError, match="falling: outer must increase"):
        derive(loss)


def test_lecam_regularised_wasserstein_critic_measures_le_cam():
    """E_p C* - E_q C* = (1/(2 lambda) - a) Delta (Tseng et al. 2021); its value, too, is in Delta."""
    d = derive(gm.losses["lecam"])
    weight, anchor = (x.symbol for x in d.loss.parameters)
    assert d.critic_divergence.name == "Le Cam"
    gap = (u - 1) * d.optimal_critic  # E_p C* - E_q C* as an f-divergence
    assert zero(gap - (1 / (2 * weight) - anchor) * (u - 1) ** 2 / (u + 1))
    assert zero(d.critic_divergence.scale - (1 - 2 * weight * anchor) ** 2 / (4 * weight))


def test_energies_are_low_on_real_data():
    d = derive(gm.losses["ebgan"])
    m = d.loss.parameters[0].symbol
    assert [d.optimal_critic.subs(u, x) for x in (half, 2)] == [m, 0]
    assert (d.critic_divergence.name, d.critic_divergence.scale) == ("total variation", m)


def test_boundary_seeking_step_follows_no_divergence():
    d = derive(gm.losses["boundary-seeking"])
    assert d.generator_divergence is None and "negative" in d.why_not
    assert zero(d.generator_second_derivative + sp.log(u) / u**2)


# --- kinks, infinite optima, energies --------------------------------------------------------------


def test_hinge_jumps_and_follows_total_variation():
    d = derive(GANLoss("hinge", real=relu(1 - c), fake=relu(1 + c), gen=-c))
    assert [d.optimal_critic.subs(u, x) for x in (half, 1, 2)] == [-1, 0, 1]
    assert d.not_unique == ((1, (-1, 1)),)
    assert (d.critic_divergence.name, d.critic_divergence.scale) == ("total variation", 2)
    assert d.critic_divergence.offset == 2
    assert (d.generator_divergence.name, d.generator_divergence.scale) == ("total variation", 2)
    assert d.generator_second_derivative == 2 * sp.DiracDelta(u - 1)
    assert not d.generator_value.is_divergence


def test_counterexample_of_the_value_reading_is_one():
    value = derive(GANLoss("hinge", real=relu(1 - c), fake=relu(1 + c), gen=-c)).generator_value
    ps, qs = value.counterexample
    assert sum(ps) == sum(qs) == 1 and ps != qs
    assert sum(b * value.f.subs(u, a / b) for a, b in zip(ps, qs, strict=True)) <= 0


def test_absolute_value_loss_has_total_variation():
    d = derive(GANLoss("absolute", real=sp.Abs(1 - c), fake=sp.Abs(c), gen=sp.Abs(1 - c)))
    assert [d.optimal_critic.subs(u, x) for x in (half, 2)] == [0, 1]
    assert (d.critic_divergence.name, d.critic_divergence.scale) == ("total variation", 1)
    assert d.critic_divergence.offset == 1


def test_exponential_loss_has_hellinger():
    d = derive(GANLoss("exponential", real=sp.exp(-c), fake=sp.exp(c), gen=sp.exp(-c)))
    assert d.optimal_critic == sp.log(u) / 2
    assert (d.critic_divergence.name, d.critic_divergence.scale) == ("squared Hellinger", 2)


def test_energy_with_margin_wants_real_data_low():
    margin = sp.Symbol("m", positive=True)
    loss = GANLoss(
        "margin",
        real=c,
        fake=relu(margin - c),
        gen=c,
        domain=(0, sp.oo),
        parameters=(gm.Parameter("margin", margin, sp.Integer(3), "m, the margin,", margin > 0),),
    )
    d = derive(loss)
    assert [d.optimal_critic.subs(u, x) for x in (half, 2)] == [margin, 0]
    assert d.critic_divergence.name == "total variation" and d.critic_divergence.offset == margin


def test_optimum_at_infinity_has_a_value_but_no_gradient():
    d = derive(GANLoss("sigmoid", real=sigmoid(-c), fake=sigmoid(c), gen=-c))
    assert [d.optimal_critic.subs(u, x) for x in (half, 2)] == [-sp.oo, sp.oo]
    assert d.critic_divergence.name == "total variation" and d.critic_divergence.scale == 1
    assert d.generator_divergence is None and "infinite" in d.why_not and d.generator_value is None
    assert any("not attained" in step.remark for step in d.steps)


def test_piecewise_loss_follows_its_pieces():
    """Huber's loss: quadratic near the target, linear beyond; the critic's formula changes at u = 1."""

    def huber(x: sp.Expr) -> sp.Expr:
        return sp.Piecewise((x**2 / 2, sp.Abs(x) < half), (half * (sp.Abs(x) - half / 2), True))

    d = derive(GANLoss("huber", real=huber(c - 1), fake=huber(c), gen=-c))
    assert zero(d.optimal_critic.subs(u, sp.Rational(1, 3)) - sp.Rational(1, 6))
    assert zero(d.optimal_critic.subs(u, 3) - sp.Rational(5, 6))


def test_squared_hinge_is_smooth_where_it_counts():
    d = derive(GANLoss("squared hinge", real=relu(1 - c) ** 2, fake=relu(1 + c) ** 2, gen=-c))
    assert zero(d.optimal_critic - (u - 1) / (u + 1))
    assert (d.critic_divergence.name, d.critic_divergence.scale) == ("Le Cam", 1)


def test_reversed_critic_gives_the_mirrored_optimum():
    d = derive(GANLoss("fakeness", real=softplus(c), fake=softplus(-c), gen=softplus(c)))
    assert d.optimal_critic == -sp.log(u)
    assert d.generator_divergence.name == "softened reverse Kullback-Leibler"
    assert d.saturates.at_zero == 1


def test_loss_without_closed_form_is_derived_numerically():
    loss = GANLoss("quartic", real=(c - 1) ** 4, fake=(c + 1) ** 4 + softplus(c), gen=-c)
    d = derive(loss)
    slope = (u * loss.real + loss.fake).diff(c)
    for x in (sp.Rational(1, 50), 1, 7):
        optimum = d.optimal_critic.subs(u, x).evalf(40)
        assert abs(slope.subs({u: x, c: optimum}).evalf(40)) < 1e-35
    # envelope theorem: f_D' = -real(C*)
    gap = d.critic_divergence.f.diff(u) + loss.real.subs(c, d.optimal_critic)
    assert abs(gap.subs(u, 3).evalf(30)) < 1e-25
    assert d.generator_divergence is not None


# --- general theorems on every loss ------------------------------------------------------------------

EVERY = {
    **{name: gm.losses[name].at_defaults() for name in OF_SINGLE_SAMPLES},
    "lsgan(-1,1,0)": gm.losses["lsgan"](a=-1, b=1, c=0),
    "savage": GANLoss("savage", real=sigmoid(-c) ** 2, fake=sigmoid(c) ** 2, gen=-c),
    "reverse kl": GANLoss("rkl", real=-c, fake=-1 - sp.log(-c), gen=-c, domain=(-sp.oo, 0)),
}


@pytest.mark.parametrize("name", EVERY)
def test_critic_divergence_is_convex_zero_at_one_and_minus_the_minimum(name):
    """f_D(u) = offset - min_C [u real + fake] + k (u - 1), compared at 50 digits with its own minimum."""
    loss, d = EVERY[name], derive(EVERY[name])
    f = to_mpmath(d.critic_divergence.f, (u,))
    with mpmath.workdps(50):
        assert abs(f(mpmath.mpf(1))) < 1e-45
        xs = [mpmath.mpf(k) / 4 for k in range(1, 30)]
        assert all(
            f(b) <= (f(a) + f(e)) / 2 + mpmath.mpf(10) ** -45
            for a, b, e in zip(xs, xs[1:], xs[2:], strict=False)
        )
        critic = to_mpmath(d.optimal_critic, (u,))
        real, fake = to_mpmath(loss.real), to_mpmath(loss.fake)
        offset = mpmath.mpf(str(d.critic_divergence.offset.evalf(45)))
        gaps = [offset - (x * real(critic(x)) + fake(critic(x))) - f(x) for x in map(mpmath.mpf, (0.5, 2, 5))]
        slope = gaps[1]  # k (u - 1) at u = 2
        assert mpmath.almosteq(gaps[0], -slope / 2, 1e-35, 1e-35)
        assert mpmath.almosteq(gaps[2], 4 * slope, 1e-35, 1e-35)


@pytest.mark.parametrize("name", EVERY)
def test_optimum_beats_every_other_output(name):
    loss, critic = EVERY[name], to_mpmath(derive(EVERY[name]).optimal_critic, (u,))
    objective = to_mpmath(u * loss.real + loss.fake, (u, c))
    low, high = (float(end) for end in loss.domain)
    for x in (1e-3, 0.4, 1, 3, 200):
        best = critic(mpmath.mpf(x))
        for shift in (-3, -0.1, -1e-4, 1e-4, 0.1, 3):
            if low < best + shift < high:
                tie = any(x == ratio for ratio, _ in derive(EVERY[name]).not_unique)
                beaten = objective(x, best + shift)
                assert objective(x, best) <= beaten if tie else objective(x, best) < beaten


@pytest.mark.parametrize("name", EVERY)
def test_gradient_reading_equals_the_second_derivative_of_what_is_followed(name):
    d = derive(EVERY[name])
    if d.generator_divergence is None:
        value = to_mpmath(d.generator_second_derivative, (u,))
        assert min(value(mpmath.mpf(x)) for x in (0.5, 2)) < 0
    else:
        assert zero(d.generator_divergence.f.diff(u, 2) - d.generator_second_derivative)
        assert zero(d.generator_divergence.f.subs(u, 1))


# --- what has no optimum ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (GANLoss("wgan", real=-c, fake=c, gen=-c), r"minimum does not exist: for u < 1, .* C goes to -oo"),
        (GANLoss("bad", real=-((c - 1) ** 2), fake=-((c + 1) ** 2), gen=-c), "second-order condition fails"),
        (GANLoss("flat", real=relu(-1 - c), fake=relu(c - 1), gen=-c), r"not unique.*\(-1, 1\)"),
        (GANLoss("blind", real=sp.Integer(1), fake=softplus(c), gen=-c), "real term does not depend"),
        (GANLoss("fold", real=c**2 - c, fake=c**2 + c - c**4 / 4, gen=-c), "second-order condition fails"),
    ],
)
def test_losses_without_an_optimal_critic_say_which_condition_fails_and_where(loss, message):
    with pytest.raises(NoOptimalCritic, match=message):
        derive(loss)


def test_argument_order_of_a_loss_that_rewards_fakes_is_seen():
    """Swapped real and fake terms give the inverse ratio, not the same critic."""
    swapped = GANLoss("swapped", real=softplus(c), fake=softplus(-c), gen=-softplus(c))
    assert derive(swapped).optimal_critic == -derive(gm.losses["minimax"]).optimal_critic


# --- steps -----------------------------------------------------------------------------------------


def test_steps_come_in_order_with_latex_and_check():
    d = derive(gm.losses["minimax"])
    titles = [step.title.split()[0] for step in d.steps]
    assert titles[:5] == ["The", "Stationarity", "The", "Second-order", "The"]
    assert [t for t in titles if t in ("Value", "Gradient", "Equilibrium")] == [
        "Value",
        "Value",
        "Gradient",
        "Equilibrium",
    ]
    assert all(step.latex and step.check for step in d.steps)
    assert {step.check for step in d.steps[1:]} == {PROVED}
    shown = d._repr_markdown_()
    assert shown.count("$$") == 2 * len(d.steps) and r"2\,\mathrm{JS}(p, q)" in shown


# --- known faults of others ------------------------------------------------------------------------


def test_hidden_label_weights_move_the_optimal_discriminator():
    """0.95 log D(real) gives D* = 19p/(19p + 20q); smoothing y(1-s) + s/2, s = 1/4, gives 7p/(8(p + q))."""
    weighted = GANLoss(
        "0.95", real=sp.Rational(19, 20) * softplus(-c), fake=softplus(c), gen=-c, link=sigmoid(c)
    )
    assert zero(derive(weighted).optimal_discriminator - 19 * p / (19 * p + 20 * q))
    target = sp.Rational(7, 8)
    smoothed = GANLoss(
        "7/8",
        real=target * softplus(-c) + (1 - target) * softplus(c),
        fake=softplus(c),
        gen=-softplus(c),
        link=sigmoid(c),
    )
    d = derive(smoothed).optimal_discriminator
    assert zero(d - target * p / (p + q)) and d.subs({p: 1, q: 1}) == sp.Rational(7, 16)


def test_hinge_is_not_the_wasserstein_objective():
    """relu(1 - C) + relu(1 + C) under the name of E C(x) - E C(G(z)): one has an optimum, one has none."""
    hinge = GANLoss("hinge", real=relu(1 - c), fake=relu(1 + c), gen=-c)
    assert derive(hinge).critic_divergence.name == "total variation"
    with pytest.raises(NoOptimalCritic):
        derive(GANLoss("linear", real=-c, fake=c, gen=-c))


def test_generator_loss_is_not_small_where_the_generator_is_perfect():
    """At D = 1 on fakes -log(1 - D) diverges with slope 1 in the logit; it vanishes at D -> 0."""
    saturating = to_mpmath(softplus(c)), to_mpmath(softplus(c).diff(c))
    assert saturating[0](100) == pytest.approx(100) and saturating[1](100) == pytest.approx(1)
    assert saturating[0](-100) < 1e-40 and saturating[1](-100) < 1e-40


def test_two_open_parameters_are_derived_and_do_not_clash_with_the_variable_of_an_integral():
    """Smoothing on both sides: D* = ((1 - s) p + t q)/(p + q); f_G is left as an integral in u, s, t."""
    s, t = sp.symbols("s t", positive=True)
    loss = GANLoss(
        "two-sided",
        real=(1 - s) * softplus(-c) + s * softplus(c),
        fake=(1 - t) * softplus(c) + t * softplus(-c),
        gen=softplus(-c),
        link=sigmoid(c),
        parameters=(
            gm.Parameter("s", s, sp.Rational(1, 10), "s"),
            gm.Parameter("t", t, sp.Rational(1, 5), "t"),
        ),
    )
    d = derive(loss)
    assert zero(d.optimal_discriminator - ((1 - s) * p + t * q) / (p + q))
    assert zero(d.generator_second_derivative - (1 - s - t) / (u * (1 + u) * ((1 - s) * u + t)))
    followed = d.generator_divergence.f
    assert followed.free_symbols == {s, t, u}
    at = {s: sp.Rational(1, 10), t: sp.Rational(1, 5)}
    numbers = derive(loss.at_defaults()).generator_divergence.f
    assert abs((followed.subs(at) - numbers).subs(u, 3).evalf(20)) < 1e-12
