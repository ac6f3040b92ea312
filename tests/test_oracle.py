"""The search finds known optima by itself, and `verify` catches every kind of wrong derivation."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
import scipy.optimize
import sympy as sp

from ganmath.theory.catalogue import losses
from ganmath.theory.claims import Claim, Evidence
from ganmath.theory.constraints import Lipschitz
from ganmath.theory.derive import Derivation, GeneratorValue, NoOptimalCritic, derive
from ganmath.theory.divergence import FDivergence, divergences
from ganmath.theory.expectation import E
from ganmath.theory.expression import c, p, q, relu, sigmoid, softplus, u
from ganmath.theory.loss import GANLoss
from ganmath.theory.oracle import VerificationError, optimal_critic, verify
from ganmath.theory.relativistic import relativistic
from ganmath.theory.rules import W1, delta

HINGE = GANLoss("hinge", relu(1 - c), relu(1 + c), -c)
ABSOLUTE = GANLoss("absolute", sp.Abs(1 - c), sp.Abs(c), sp.Abs(1 - c))
EXPONENTIAL = GANLoss("exponential", sp.exp(-c), sp.exp(c), sp.exp(-c))
PEARSON_CODING = GANLoss("pearson coding", (c - 1) ** 2 / 2, (c + 1) ** 2 / 2, c**2 / 2)
PROBABILITY = GANLoss("probability", -sp.log(c), -sp.log(1 - c), -sp.log(c), domain=(0, 1))
KL_TRAINED = GANLoss("kl", -c, sp.exp(c - 1), -sp.exp(c - 1))
NO_CLOSED_FORM = GANLoss("weighted logistic", softplus(-c) + c**2 / 10, softplus(c) + c**2 / 10, softplus(-c))
RUNS_OFF = GANLoss("sigmoid", sigmoid(-c), sigmoid(c), -c)
OWN = [HINGE, ABSOLUTE, EXPONENTIAL, PEARSON_CODING, PROBABILITY, KL_TRAINED]


def random_pair(seed, size=6):
    p, q = np.random.default_rng(seed).dirichlet(np.full(size, 0.5), 2)
    return p, q


# --- the search ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_logistic_optimum_is_the_log_ratio(seed):
    p, q = random_pair(seed)
    outputs, value = optimal_critic(losses["minimax"], p, q)
    assert outputs == pytest.approx(np.log(p / q), abs=1e-7)
    m = (p + q) / 2
    js = (np.sum(p * np.log(p / m)) + np.sum(q * np.log(q / m))) / 2
    assert value == pytest.approx(np.log(4) - 2 * js, abs=1e-14)


def test_value_has_the_digits_asked_for():
    p, q = [sp.Rational(1, 7), sp.Rational(6, 7)], [sp.Rational(2, 3), sp.Rational(1, 3)]
    outputs, value = optimal_critic(losses["minimax"], p, q, dps=50)
    with mpmath.workdps(60):
        ps, qs = [mpmath.mpf(1) / 7, mpmath.mpf(6) / 7], [mpmath.mpf(2) / 3, mpmath.mpf(1) / 3]
        truth = -mpmath.fsum(
            a * mpmath.log(a / (a + b)) + b * mpmath.log(b / (a + b)) for a, b in zip(ps, qs, strict=True)
        )
        assert abs(value - truth) < mpmath.mpf(10) ** -49
        assert abs(outputs[0] - mpmath.log(ps[0] / qs[0])) < mpmath.mpf(10) ** -25


@pytest.mark.parametrize("seed", range(3))
def test_hinge_optimum_is_that_of_a_linear_program(seed):
    """min p.s + q.t over s >= 1 - c, t >= 1 + c, s, t >= 0: all points in one program."""
    p, q = random_pair(seed)
    k, eye, zero = p.size, np.eye(p.size), np.zeros((p.size, p.size))
    program = scipy.optimize.linprog(
        np.concatenate([np.zeros(k), p, q]),
        A_ub=np.block([[-eye, -eye, zero], [eye, zero, -eye]]),
        b_ub=-np.ones(2 * k),
        bounds=[(None, None)] * k + [(0, None)] * (2 * k),
    )
    outputs, value = optimal_critic(HINGE, p, q)
    assert value == pytest.approx(program.fun, abs=1e-9)
    assert outputs == pytest.approx(np.sign(p - q), abs=1e-12)


@pytest.mark.parametrize(
    "loss", [losses["nonsaturating"], losses["lsgan"], EXPONENTIAL, NO_CLOSED_FORM], ids=str
)
def test_smooth_optimum_is_that_of_a_joint_minimiser(loss):
    """All outputs at once by BFGS, on sympy's own numpy code."""
    p, q = random_pair(4)
    bare = loss.at_defaults()
    real, fake = (
        sp.lambdify(c, e.replace(softplus, lambda x: sp.log(1 + sp.exp(x))), "numpy")
        for e in (bare.real, bare.fake)
    )
    best = scipy.optimize.minimize(
        lambda x: np.sum(p * real(x) + q * fake(x)), np.zeros(p.size), options={"gtol": 1e-9}
    )
    _, value = optimal_critic(loss, p, q)
    assert value == pytest.approx(best.fun, abs=1e-9)
    assert value <= best.fun + 1e-12


def test_infimum_that_is_not_attained():
    p, q = [0.5, 0.5, 0.0], [0.0, 0.5, 0.5]
    outputs, value = optimal_critic(losses["minimax"], p, q)
    assert list(outputs[[0, 2]]) == [np.inf, -np.inf]
    assert outputs[1] == pytest.approx(0, abs=1e-7)
    assert value == pytest.approx(np.log(2), abs=1e-12)
    outputs, value = optimal_critic(EXPONENTIAL, [1, 0], [0, 1], dps=30)
    assert value == 0 and list(outputs) == [mpmath.inf, -mpmath.inf]


def test_no_minimum_is_minus_infinity():
    linear = GANLoss("linear", -c, c, -c)
    outputs, value = optimal_critic(linear, [0.4, 0.6], [0.5, 0.5])
    assert value == -np.inf and list(outputs) == [-np.inf, np.inf]
    # the KL-trained critic has none where q = 0
    assert optimal_critic(KL_TRAINED, [0.5, 0.5], [1, 0])[1] == -np.inf


def test_domain_is_respected():
    clipped = GANLoss("clipped", -c, c, -c, domain=(-1, 1))
    outputs, value = optimal_critic(clipped, [0.2, 0.8], [0.5, 0.5])
    assert list(outputs) == [-1, 1] and value == pytest.approx(-0.6)
    outputs, _ = optimal_critic(PROBABILITY, [0.2, 0.8], [0.5, 0.5])
    assert outputs == pytest.approx([2 / 7, 8 / 13], abs=1e-7)


def test_points_without_mass_are_free():
    outputs, value = optimal_critic(losses["lsgan"], [1, 0, 0], [0, 1, 0])
    assert np.isnan(outputs[2]) and value == pytest.approx(0, abs=1e-12)


def test_search_refuses_what_is_no_probability_vector():
    with pytest.raises(ValueError, match="sums to"):
        optimal_critic(HINGE, [0.5, 0.6], [0.5, 0.5])


# --- verification --------------------------------------------------------------------------------


SINGLE = [x for x in losses.values() if x.is_pointwise and not isinstance(x.constraint, Lipschitz)]
JOINT = [x for x in losses.values() if x not in SINGLE]


@pytest.mark.parametrize("loss", [*SINGLE, *OWN, NO_CLOSED_FORM], ids=lambda x: x.name)
def test_derivations_agree_with_the_search(loss):
    report = verify(loss, n=4)
    claims = {check.claim: check for check in report.checks}
    assert len(report.distributions) == 11
    assert claims["objective at the optimal critic"].cases >= 25
    # 4 random pairs, 2 near equilibrium, 1 extreme, 4 with other supports
    assert claims["value of the critic's objective"].cases == 11
    assert claims["whether the step follows a divergence"].cases == 1
    assert max(check.error for check in report.checks) < 1e-12
    assert loss.label in str(report)


@pytest.mark.parametrize("settings", [{"a": -1, "b": 1, "c": 0}, {"a": 0, "b": 3, "c": 2}])
def test_other_parameters_of_a_loss(settings):
    report = verify(losses["lsgan"](**settings), n=2)
    assert "lsgan(" in report.loss


def test_a_loss_without_an_optimum_says_so():
    with pytest.raises(NoOptimalCritic, match="without bound"):
        verify(GANLoss("linear", -c, c, -c))


def tampered_value(derivation, **changes):
    return replace(derivation.generator_value, **changes)


def named(key, scale=1, offset=0):
    return divergences[key].scaled(scale, offset)


MINIMAX, NONSATURATING = losses["minimax"], losses["nonsaturating"]
WRONG = {
    # (loss, what to change, the claim that must fail)
    "critic without its log": (MINIMAX, {"optimal_critic": u - 1}, "optimal critic"),
    "critic of swapped roles": (MINIMAX, {"optimal_critic": -sp.log(u)}, "optimal critic"),
    "critic off by 1e-6": (
        MINIMAX,
        {"optimal_critic": sp.log(u) + sp.Rational(1, 10**6)},
        "optimal critic",
    ),
    "hinge critic of twice the height": (
        HINGE,
        {"optimal_critic": 2 * sp.sign(u - 1)},
        "objective at the optimal critic",
    ),
    "JS without its factor 2": (
        MINIMAX,
        {"critic_divergence": named("jensen-shannon", 1, sp.log(4))},
        "value of the critic",
    ),
    "value log 2 instead of log 4": (
        MINIMAX,
        {"critic_divergence": named("jensen-shannon", 2, sp.log(2))},
        "value of the critic",
    ),
    "f not normalised": (
        MINIMAX,
        {"critic_divergence": FDivergence(2 * divergences["jensen-shannon"].f + sp.log(2), offset=sp.log(4))},
        "value of the critic",
    ),
    "LSGAN called Pearson": (
        PEARSON_CODING,
        {"critic_divergence": replace(named("le-cam", sp.Rational(1, 2), 1), name="Pearson chi-squared")},
        "the name Pearson",
    ),
    "right f, wrong scale": (
        MINIMAX,
        {"critic_divergence": replace(named("jensen-shannon", 2, sp.log(4)), scale=sp.S.One)},
        "the name Jensen-Shannon",
    ),
    "non-saturating said to follow JS": (
        NONSATURATING,
        {"generator_divergence": named("jensen-shannon", 2)},
        "gradient of the generator",
    ),
    "KL(q||p) - 2 JS without the 2 JS": (
        NONSATURATING,
        {"generator_divergence": named("reverse-kl")},
        "gradient of the generator",
    ),
    "non-saturating said to follow nothing": (
        NONSATURATING,
        {"generator_divergence": None},
        "whether the step follows a divergence",
    ),
    "Pearson coding said to follow Le Cam": (
        PEARSON_CODING,
        {"generator_divergence": named("le-cam", sp.Rational(1, 2))},
        "gradient of the generator",
    ),
    "wrong second derivative": (
        NONSATURATING,
        {"generator_second_derivative": 1 / (u * (1 + u))},
        "second derivative",
    ),
    "slope of the generator's loss with the wrong sign": (
        MINIMAX,
        {"saturates": replace(derive(MINIMAX).saturates, slope=u / (1 + u))},
        "slope of the generator's loss",
    ),
    "non-saturating said to saturate": (
        NONSATURATING,
        {"saturates": replace(derive(NONSATURATING).saturates, at_zero=sp.S.Zero)},
        "limits of that slope",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_derivations_are_caught(fault):
    loss, changes, claim = WRONG[fault]
    with pytest.raises(VerificationError, match=claim) as caught:
        verify(loss, derivation=replace(derive(loss), **changes), n=2)
    assert caught.value.counterexample is not None
    assert any(words in str(caught.value) for words in ("derived", "derivation says", "said to be"))


def test_a_wrong_value_reading_is_caught():
    derivation = derive(NONSATURATING)
    for changes, claim in (
        ({"offset": sp.log(4)}, "value of the generator's loss"),
        ({"divergence": named("kl")}, "value of the generator's loss"),
        (
            {"counterexample": ((sp.Rational(1, 4), sp.Rational(3, 4)), (sp.Rational(1, 2),) * 2)},
            "counterexample to the value reading",
        ),
    ):
        wrong = replace(derivation, generator_value=tampered_value(derivation, **changes))
        with pytest.raises(VerificationError, match=claim):
            verify(NONSATURATING, derivation=wrong, n=2)
    with pytest.raises(VerificationError, match="no finite value"):
        verify(NONSATURATING, derivation=replace(derivation, generator_value=None), n=2)


def test_a_false_divergence_verdict_is_caught():
    """The critic's value with the wrong sign has its largest value at p = q, not its least."""
    loss = GANLoss("reversed", softplus(-c), softplus(c), softplus(c))
    derivation = derive(loss)
    assert derivation.generator_value.counterexample is not None
    wrong = replace(derivation, generator_value=tampered_value(derivation, counterexample=None))
    with pytest.raises(VerificationError, match="least at p = q"):
        verify(loss, derivation=wrong, n=2)


def test_the_counterexample_is_one():
    wrong = replace(derive(MINIMAX), optimal_critic=sp.log(u) + 1)
    with pytest.raises(VerificationError) as caught:
        verify(MINIMAX, derivation=wrong)
    ratio = caught.value.counterexample
    p, q = ratio / (1 + ratio), 1 / (1 + ratio)
    outputs, _ = optimal_critic(MINIMAX, [p, 1 - p], [q, 1 - q])
    assert abs(outputs[0] - float(sp.log(ratio) + 1)) == pytest.approx(1, abs=1e-6)


def test_infimum_that_is_not_attained_is_told_from_a_plateau():
    """u sigmoid(-C) + sigmoid(C) has its minimum at infinity, a hinge beyond its margin at the margin."""
    outputs, value = optimal_critic(RUNS_OFF, [0.25, 0.75], [0.75, 0.25])
    assert list(outputs) == [-np.inf, np.inf] and value == pytest.approx(0.5)
    assert verify(RUNS_OFF).checks
    outputs, value = optimal_critic(HINGE, [1, 0], [0, 1])
    assert np.isfinite(outputs).all() and value == 0


# --- losses that compare samples, and critics of bounded slope ----------------------------------------


@pytest.mark.parametrize("loss", JOINT, ids=lambda x: x.name)
def test_joint_derivations_agree_with_the_search(loss):
    report = verify(loss, n=4)
    assert len(report.distributions) == 4
    # the Wasserstein distance is known to 16 digits, and so its gradient by differences to 10
    differences = "gradient of the generator's step" if isinstance(loss.constraint, Lipschitz) else ""
    assert max(check.error for check in report.checks if check.claim != differences) < 1e-12
    claims = {check.claim: check.cases for check in report.checks}
    derived = derive(loss)
    known = bool(derived.least is not None or derived.critic_divergence is not None or derived.separable)
    on_the_line_and_in_the_plane = 2 if isinstance(loss.constraint, Lipschitz) else 1
    assert claims.get("least value of L_D", 0) == 4 * known * on_the_line_and_in_the_plane
    (note,) = report.notes
    assert ("of which no closed form is claimed" in note) is not known
    assert "search and lower bound meet within" in note
    assert note in str(report)
    assert note[1:] in report._repr_markdown_()


@pytest.mark.parametrize("kind", ["paired", "average", "centred"])
@pytest.mark.parametrize(
    "base", ["hinge", "exponential", "lsgan", "label-smoothing", "fgan-pearson", "fgan-kl"]
)
def test_relativistic_forms_of_other_losses(base, kind):
    assert verify(relativistic(base, kind), n=2).checks


def test_what_is_not_convex_is_said_to_be_searched_alone():
    report = verify(relativistic("fgan-le-cam", "centred"), n=2)
    assert "without a lower bound" in report.notes[0]


@pytest.mark.parametrize("slope", [2, sp.Rational(1, 3)])
def test_other_slopes_of_the_wasserstein_critic(slope):
    wgan = losses["wgan"].replace(constraint=Lipschitz(slope))
    claims = {check.claim: check.cases for check in verify(wgan, n=3).checks}
    assert claims["least value of L_D"] == 6
    assert claims["L_D at the critic of the claimed slope"] == 3


PAIRED, AVERAGED = losses["relativistic-paired"], losses["relativistic-average-lsgan"]
SOFTMAX, WGAN = losses["softmax-batch"], losses["wgan"]
HINGES = relativistic("hinge")
WRONG_JOINT = {
    "critic of swapped roles": (PAIRED, {"optimal_critic": -sp.log(u)}, "optimal critic up to a constant"),
    "critic off by 1e-6": (
        PAIRED,
        {"optimal_critic": sp.log(u) * (1 + sp.Rational(1, 10**6))},
        "optimal critic up to a constant",
    ),
    "divergence of pairs doubled": (
        PAIRED,
        {"pair_divergence": named("jensen-shannon", 2, sp.log(2))},
        "least value of L_D",
    ),
    "a bound above the minimum": (
        HINGES,
        {"pair_divergence": named("total-variation", sp.Rational(1, 10), 1)},
        "above the pairs' bound",
    ),
    "a bound said to be attained": (HINGES, {"separable": True}, "least value of L_D"),
    "another function of the Le Cam divergence": (
        AVERAGED,
        {"least": (2 - delta) / (2 * (2 + delta))},
        "least value of L_D",
    ),
    "least squares of the opposite sign": (
        AVERAGED,
        {"optimal_critic": -derive(AVERAGED).optimal_critic},
        "optimal critic up to a constant",
    ),
    "constant critic of another loss": (AVERAGED, {"constant": sp.S.Zero}, "positive where p and q differ"),
    "a constant that is too large": (AVERAGED, {"constant": sp.S(2)}, "zero where p = q"),
    "softmax without its logarithm": (SOFTMAX, {"optimal_critic": u / (1 + u)}, "optimal critic up to"),
    "softmax offset": (
        SOFTMAX,
        {"critic_divergence": derive(SOFTMAX).critic_divergence.scaled(1, sp.log(3))},
        "least value of L_D",
    ),
    "distance of the opposite sign": (WGAN, {"least": W1}, "least value of L_D"),
    "slope of the opposite sign": (
        WGAN,
        {"critic_slope": -derive(WGAN).claims["critic_slope"].value},
        "the critic of the claimed slope",
    ),
}


@pytest.mark.parametrize("fault", WRONG_JOINT)
def test_wrong_joint_derivations_are_caught(fault):
    loss, changes, claim = WRONG_JOINT[fault]
    with pytest.raises(VerificationError, match=claim) as caught:
        verify(loss, derivation=replace(derive(loss), **changes), n=3)
    ps, qs = caught.value.counterexample
    assert sum(ps) == sum(qs) == 1 and len(ps) == len(qs)


def test_readings_of_a_generator_beyond_single_samples():
    """Donsker and Varadhan's critic is log u up to a constant, which E_p C - E_q C does not see: its value is
    KL(p||q) + KL(q||p), and a step with the critic frozen follows KL(q||p)."""
    loss = GANLoss("dv", critic=sp.log(E(q, sp.exp(c))) - E(p, c), generator=E(p, c) - E(q, c))
    by_hand = Evidence("argued", "by hand")

    def claimed(followed, value):
        values = {
            "optimal_critic": sp.log(u),
            "generator_divergence": followed,
            "generator_value": GeneratorValue(value, sp.S.Zero, True, None, by_hand),
        }
        return Derivation(loss, {name: Claim(name, x, by_hand, "by hand") for name, x in values.items()})

    jeffreys = FDivergence((u - 1) * sp.log(u))
    report = verify(loss, derivation=claimed(divergences["reverse-kl"], jeffreys), n=2)
    assert {check.claim for check in report.checks} == {
        "optimal critic up to a constant",
        "value of the generator's loss",
        "gradient of the generator's step",
    }
    with pytest.raises(VerificationError, match="value of the generator's loss"):
        verify(loss, derivation=claimed(divergences["reverse-kl"], divergences["kl"]), n=2)
    with pytest.raises(VerificationError, match="gradient of the generator's step"):
        verify(loss, derivation=claimed(divergences["kl"], jeffreys), n=2)


def test_the_critic_of_one_loss_with_the_generator_of_another_kind():
    mixed = GANLoss.pair("minimax", "relativistic-paired")
    claims = {check.claim for check in verify(mixed, n=2).checks}
    assert {"optimal critic", "least value of L_D"} <= claims
    with pytest.raises(VerificationError, match="optimal critic"):
        verify(mixed, derivation=replace(derive(mixed), optimal_critic=2 * sp.log(u)), n=2)


def test_a_sign_that_is_claimed_of_the_step_is_compared():
    loss = losses["relativistic-paired"]
    derivation = derive(loss)
    assert derivation.generator_sign == 1
    with pytest.raises(VerificationError, match="sign of f_G''"):
        verify(loss, derivation=replace(derivation, generator_sign=-1))
