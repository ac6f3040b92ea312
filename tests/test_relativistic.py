"""Relativistic losses: their code, their gradients, and what is derived for them against a search."""

import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch

import ganmath as gm
from ganmath.theory.divergence import divergences
from ganmath.theory.expression import c, to_mpmath
from ganmath.theory.plan import Evaluator, plan
from ganmath.theory.relativistic import KINDS, pairs
from ganmath.theory.rules import delta
from ganmath.theory.search import numerical_optimum
from ganmath.theory.structure import structure

LOGISTIC, SQUARES = gm.losses["nonsaturating"], gm.losses["lsgan"]
SIGNED = SQUARES(a=-1, b=1)


def value(objective, outputs, p, q):
    """An objective of the outputs (K,) between probability vectors p, q (K,)."""
    return float(Evaluator(plan(objective))(outputs, p, q)[0])


def random_pair(seed, size=5):
    rng = np.random.default_rng(seed)
    return [rng.dirichlet(np.ones(size)) * 0.95 + 0.05 / size for _ in range(2)]


# --- torch -----------------------------------------------------------------------------------------

# real and fake outputs: ordinary ones, near ties, and far apart in both directions
OUTPUTS = [
    ([0.5, -1.25, 3.0], [0.25, 2.0, -0.75]),
    ([1e4, -1e4, 90.0], [-1e4, 1e4, 97.0]),
    ([1e4, 9984.0, 1e4], [1e4, 1e4, 1e4]),
    ([-300.0, 20.0, 0.0], [80.0, 30.0, -1e4]),
]


def by_hand(base, kind, real, fake, first, second):
    """Value and gradients in all outputs at 40 digits, from the symbolic terms."""
    x, y = [mpmath.mpf(v) for v in real], [mpmath.mpf(v) for v in fake]
    n = len(x)
    mean_x, mean_y = mpmath.fsum(x) / n, mpmath.fsum(y) / n
    against = {
        "paired": (y, x),
        "average": ([mean_y] * n, [mean_x] * n),
        "centred": ([(mean_x + mean_y) / 2] * n,) * 2,
    }[kind]
    value, d_real, d_fake = mpmath.mpf(0), [mpmath.mpf(0)] * n, [mpmath.mpf(0)] * n
    for part, own, other, d_own, d_other in (
        (first, x, against[0], d_real, d_fake),
        (second, y, against[1], d_fake, d_real),
    ):
        term, slope = (to_mpmath(e) for e in (part, part.diff(c)))
        for i, (a, b) in enumerate(zip(own, other, strict=True)):
            value += term(a - b) / (2 * n)
            push = slope(a - b) / (2 * n)
            d_own[i] += push
            if kind == "paired":
                d_other[i] -= push
            else:
                share = {"average": ((d_other, 1),), "centred": ((d_other, 0.5), (d_own, 0.5))}[kind]
                for target, weight in share:
                    for k in range(n):
                        target[k] -= weight * push / n
    return value, d_real, d_fake


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("base", [LOGISTIC, SIGNED, gm.losses["hinge"]], ids=lambda loss: loss.name)
@pytest.mark.parametrize("step", ["critic", "generator"])
def test_values_and_gradients_equal_the_symbolic_ones_at_any_logit(step, base, kind, dtype):
    base = base.at_defaults()
    loss = gm.relativistic(base, kind)
    first, second = (base.real, base.fake) if step == "critic" else (base.fake, base.real)
    for case in OUTPUTS:
        real, fake = (torch.tensor(v, dtype=dtype).requires_grad_() for v in case)
        value = loss.critic_loss(real, fake) if step == "critic" else loss.generator_loss(fake, real)
        value.backward()
        with mpmath.workdps(40):
            exact, d_real, d_fake = by_hand(base, kind, real.tolist(), fake.tolist(), first, second)
        scale = max(map(abs, (*real.tolist(), *fake.tolist())))
        # a mean of outputs of size s is rounded by s eps, and logistic slopes move by a quarter of that
        tolerance = 1e-6 * (1 + scale * (1 if kind != "paired" else 0.1))
        assert value.item() == pytest.approx(float(exact), rel=1e-5, abs=tolerance)
        rounding = 5e-3 if dtype is torch.bfloat16 else 1e-6 if kind == "paired" else 1e-3
        for got, true in ((real.grad, d_real), (fake.grad, d_fake)):
            largest = max(1e-30, *(abs(float(t)) for t in true))
            assert got.dtype is dtype
            assert np.allclose(
                got.float().numpy(), [float(t) for t in true], rtol=rounding, atol=rounding * largest
            )


def test_the_logistic_paired_loss_is_softplus_of_the_difference():
    real, fake = torch.randn(50, 1), torch.randn(50)
    loss = gm.relativistic("nonsaturating")
    softplus = torch.nn.functional.softplus
    assert torch.allclose(loss.critic_loss(real, fake), softplus(fake - real.flatten()).mean())
    assert torch.allclose(loss.generator_loss(fake, real), softplus(real.flatten() - fake).mean())


def test_gradients_flow_through_the_means():
    """Detaching them, a common shortcut, is another step."""
    real, fake = torch.tensor([0.3, -0.4], requires_grad=True), torch.tensor([1.5], requires_grad=True)
    gm.relativistic(LOGISTIC, "average").critic_loss(real, fake).backward()
    assert abs(float(real.grad.sum() + fake.grad.sum())) < 1e-7  # a constant added to all costs nothing
    own = -torch.sigmoid(torch.tensor(1.5 - 0.3)) / 4
    through_the_mean = -torch.sigmoid(torch.tensor(1.5 - (0.3 - 0.4) / 2)) / 4
    assert float(real.grad[0]) == pytest.approx(float(own + through_the_mean), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_adding_a_constant_to_the_critic_changes_nothing(kind):
    p, q = random_pair(1)
    outputs = np.array([0.3, -1.0, 2.0, 0.1, -0.4])
    loss = gm.relativistic(LOGISTIC, kind)
    assert value(loss.critic, outputs + 7.25, p, q) == pytest.approx(
        value(loss.critic, outputs, p, q), abs=1e-14
    )


@pytest.mark.parametrize("kind", KINDS)
def test_expected_values_are_the_limits_of_batch_means(kind):
    """Samples in the exact proportions of p and q; for pairs, every combination once."""
    p, q = np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])
    outputs = np.array([0.7, -0.2, -1.1])
    real, fake = (torch.tensor(np.repeat(outputs, (4 * w).astype(int))) for w in (p, q))
    if kind == "paired":
        real, fake = real.repeat_interleave(4), fake.repeat(4)
    loss = gm.relativistic(SIGNED, kind)
    assert float(loss.critic_loss(real, fake)) == pytest.approx(value(loss.critic, outputs, p, q), abs=1e-14)
    assert float(loss.generator_loss(fake, real)) == pytest.approx(
        value(loss.generator, outputs, p, q), abs=1e-14
    )


# --- errors ------------------------------------------------------------------------------------------


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="did you mean 'paired'"):
        gm.relativistic("minimax", "pair")
    with pytest.raises(KeyError, match="did you mean"):
        gm.relativistic("minmax")
    with pytest.raises(TypeError, match="needs a GANLoss or the name of one, got int"):
        gm.relativistic(3)
    with pytest.raises(ValueError, match="compares samples already"):
        gm.relativistic(gm.relativistic("minimax"))
    with pytest.raises(ValueError, match="differences of outputs leave that range"):
        gm.relativistic("ebgan")
    loss = gm.relativistic("minimax")
    with pytest.raises(ValueError, match="got 3 and 4: use batches of one size"):
        loss.critic_loss(torch.zeros(3), torch.zeros(4))
    with pytest.raises(ValueError, match="needs the critic's real outputs"):
        loss.generator_loss(torch.zeros(3))
    with pytest.raises(ValueError, match="empty batch"):
        loss.critic_loss(torch.zeros(0), torch.zeros(0))
    with pytest.raises(TypeError, match="floating torch tensors"):
        loss.critic_loss(np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="positive probability"):
        numerical_optimum(loss, [1.0, 0.0], [0.0, 1.0])


def test_averaged_kinds_take_batches_of_any_two_sizes():
    for kind in ("average", "centred"):
        assert torch.isfinite(gm.relativistic("hinge", kind).critic_loss(torch.zeros(3), torch.ones(5)))


def test_parameters_are_those_of_the_base():
    loss = gm.relativistic("lsgan", "average")
    assert [x.keyword for x in loss.parameters] == ["a", "b", "c"]
    assert loss(a=-1, b=1).label == "relativistic-average-lsgan(a=-1, b=1)"
    assert loss.at_defaults().parameters == ()
    assert loss.title == "Relativistic average least-squares GAN (RaLSGAN)"


# --- theory ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_the_logistic_pair_measures_the_divergence_of_pairs(seed):
    p, q = random_pair(seed)
    critic, least = numerical_optimum(gm.relativistic(LOGISTIC), p, q)
    ratio = np.log(p / q)
    assert np.allclose(critic, ratio - (p + q) @ ratio / 2, atol=1e-9)
    lifted = divergences["jensen-shannon"](*pairs(p, q))
    assert least == pytest.approx(math.log(2) - lifted, abs=1e-13)
    assert (
        divergences["jensen-shannon"](p, q)
        <= lifted
        <= min(2 * divergences["jensen-shannon"](p, q), math.log(2))
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_exponential_pair_measures_the_squared_affinity(seed):
    """min L_D = BC(p, q)^2, by the Cauchy-Schwarz inequality."""
    p, q = random_pair(seed)
    critic, least = numerical_optimum(gm.relativistic("exponential"), p, q)
    assert least == pytest.approx(np.sqrt(p * q).sum() ** 2, abs=1e-13)
    half = np.log(p / q) / 2
    assert np.allclose(critic, half - (p + q) @ half / 2, atol=1e-9)


SEPARATE = {
    "minimax": 1,
    "nonsaturating": 1,
    "exponential": sp.Rational(1, 2),
    "alpha": 2,
    "fgan-gan": 1,
    "fgan-reverse-kl": 1,
    "fgan-hellinger": sp.Rational(1, 2),
}


@pytest.mark.parametrize("name", SEPARATE)
def test_losses_whose_optimum_separates(name):
    derived = gm.derive(gm.relativistic(name))
    assert derived.separable
    assert derived.is_divergence
    assert sp.simplify(derived.optimal_critic - SEPARATE[name] * sp.log(gm.u)) == 0
    checks = {check.claim: check.cases for check in gm.verify(gm.relativistic(name), n=3).checks}
    assert set(checks) >= {
        "optimal critic up to a constant",
        "least value of L_D",
        "positive where p and q differ",
        "zero where p = q",
        "value of the generator's loss",
        "second derivative f_G''",
    }


@pytest.mark.parametrize("name", ["hinge", "label-smoothing"])
def test_losses_whose_optimum_does_not(name):
    derived = gm.derive(gm.relativistic(name))
    assert not derived.separable
    assert derived.optimal_critic is None
    p, q = random_pair(0)
    assert numerical_optimum(gm.relativistic(name), p, q)[1] > derived.bound(p, q) + 1e-4
    gm.verify(gm.relativistic(name), n=3)


def test_the_hinge_pair_attains_the_bound_for_two_ratios_and_not_for_three():
    loss = gm.relativistic("hinge")
    q = np.full(4, 0.25)
    for p, attained in ((np.array([0.4, 0.2, 0.2, 0.2]), True), (np.array([0.4, 0.25, 0.2, 0.15]), False)):
        excess = numerical_optimum(loss, p, q)[1] - gm.derive(loss).bound(p, q)
        assert abs(excess) < 1e-12 if attained else excess > 1e-3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("labels", [(0, 1), (-1, 1), (-2, 3)])
def test_least_squares_measure_the_le_cam_divergence(labels, kind):
    a, b = labels
    loss = gm.relativistic(SQUARES(a=a, b=b), kind)
    derived = gm.derive(loss)
    over = {"paired": 2 + delta, "average": 2 + 3 * delta, "centred": sp.S(2)}[kind]
    left = sp.Rational(b - a, 2) ** 2 * (2 - delta) / (2 * over) + sp.Rational((a + b) ** 2, 8)
    assert sp.simplify(derived.least - left) == 0
    gm.verify(loss, n=5)


def test_the_centred_least_squares_critic_is_that_of_lsgan():
    pointwise = gm.derive(SIGNED).optimal_critic
    assert sp.simplify(gm.derive(gm.relativistic(SIGNED, "centred")).optimal_critic - pointwise) == 0


def test_a_paired_absolute_loss_measures_nothing():
    loss = gm.relativistic("absolute")
    assert gm.derive(loss).is_divergence is False
    p, q = random_pair(3)
    assert numerical_optimum(loss, p, q)[1] == pytest.approx(0.5, abs=1e-12)


def test_pairing_sees_the_symmetric_part_of_a_loss_alone():
    base = gm.losses["fgan-kl"]
    p, q = random_pair(4)
    outputs = np.random.default_rng(0).normal(size=5)
    term = (base.real + base.fake.subs(c, -c)) / 2
    symmetric = gm.GANLoss("symmetric", real=term, fake=term.subs(c, -c), gen=-c)
    same = value(gm.relativistic(symmetric).critic, outputs, p, q)
    assert same == pytest.approx(value(gm.relativistic(base).critic, outputs, p, q), abs=1e-13)
    assert sp.expand(structure(gm.relativistic(base).critic).difference - term) == 0


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["nonsaturating", "hinge", "exponential", "fgan-pearson"])
def test_every_kind_of_a_convex_loss_measures_a_divergence(name, kind, seed):
    loss = gm.relativistic(name, kind)
    derived = gm.derive(loss)
    assert derived.is_divergence
    p, q = random_pair(seed)
    measured = float(derived.constant) - numerical_optimum(loss, p, q)[1]
    assert measured > 1e-3
    near = 0.99 * p + 0.01 * q  # nearer, and so smaller, but still positive
    assert 0 < float(derived.constant) - numerical_optimum(loss, p, near)[1] < measured
    assert numerical_optimum(loss, p, p)[1] == pytest.approx(float(derived.constant), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_averaging_lowers_every_convex_loss(seed):
    """Jensen's inequality: E f(C(x) - C(y)) >= E f(C(x) - E C(y))."""
    p, q = random_pair(seed)
    outputs = 3 * np.random.default_rng(seed).normal(size=5)
    for name in ("nonsaturating", "hinge", "exponential"):
        forms = [gm.relativistic(name, kind).critic for kind in ("average", "paired")]
        values = [value(form, outputs, p, q) for form in forms]
        assert values[0] <= values[1]


def test_the_averaged_logistic_critic_is_no_multiple_of_the_log_ratio():
    p, q = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.1, 0.3, 0.5])
    critic, _ = numerical_optimum(gm.relativistic(LOGISTIC, "average"), p, q)
    steps = np.diff(critic) / np.diff(np.log(p / q))
    assert steps.min() > 1.3
    assert steps.max() - steps.min() > 0.05
    assert gm.derive(gm.relativistic(LOGISTIC, "average")).optimal_critic is None


@pytest.mark.parametrize("theta", [1.0, 0.5])
def test_the_averaged_logistic_loss_of_two_normals_falls_to_zero_with_the_tails(theta):
    """Critics that are constant on x < -L, between, and x > L + theta: their least loss, as L grows."""
    tail = lambda z: math.erfc(z / math.sqrt(2)) / 2  # noqa: E731
    least = []
    for cut in (1, 2, 3, 4):
        large, small = tail(cut), tail(cut + theta)
        p, q = np.array([large, 1 - large - small, small]), np.array([small, 1 - large - small, large])
        least.append(
            [numerical_optimum(gm.relativistic(LOGISTIC, kind), p, q)[1] for kind in ("average", "paired")]
        )
    averaged, paired = np.array(least).T
    assert (np.diff(averaged[1:]) < 0).all()
    assert averaged[-1] < (0.06 if theta == 1 else 0.4)
    assert (np.diff(paired) > 0).all()
    assert paired[-1] > 0.69


@pytest.mark.parametrize("seed", range(3))
def test_the_paired_generator_follows_reverse_kl_minus_the_pairs_divergence(seed):
    """With C* frozen: autograd of L_G in the logits of q against that of KL(q||p) - JS(pairs)."""
    p, q = (torch.tensor(v) for v in random_pair(seed))
    scores = q.log().clone().requires_grad_()

    def step(value):
        return torch.autograd.grad(value, scores, retain_graph=True)[0]

    critic = (p / q).log()
    moving = torch.softmax(scores, 0)
    frozen = p @ torch.nn.functional.softplus(critic[:, None] - critic[None, :]) @ moving
    one, two = torch.outer(p, moving), torch.outer(moving, p)
    mixture = (one + two) / 2
    js = ((one * (one / mixture).log()).sum() + (two * (two / mixture).log()).sum()) / 2
    followed = (moving * (moving / p).log()).sum() - js
    assert torch.allclose(step(frozen), step(followed), atol=1e-12)
    assert followed.item() >= 2 * divergences["kl"]((p + q) / 2, p) - 1e-12


def test_verify_catches_a_wrong_derivation():
    loss = gm.relativistic(LOGISTIC)
    derived = gm.derive(loss)
    for wrong in (
        replace(derived, optimal_critic=2 * sp.log(gm.u)),
        replace(derived, pair_divergence=derived.pair_divergence.scaled(2, derived.pair_divergence.offset)),
    ):
        with pytest.raises(gm.VerificationError) as caught:
            gm.verify(loss, derivation=wrong, n=2)
        assert len(caught.value.counterexample) == 2
    averaged = gm.relativistic(SIGNED, "average")
    with pytest.raises(gm.VerificationError, match="least value"):
        gm.verify(averaged, derivation=replace(gm.derive(averaged), least=(2 - delta) / (2 * (2 + delta))))


def test_the_search_agrees_with_a_general_optimiser():
    from scipy.optimize import minimize

    p, q = random_pair(7)
    for kind in KINDS:
        loss = gm.relativistic(LOGISTIC, kind)
        objective = Evaluator(plan(loss.critic))
        found = minimize(objective, np.zeros(5), args=(p, q), jac=True, method="BFGS", options={"gtol": 1e-9})
        assert numerical_optimum(loss, p, q)[1] == pytest.approx(found.fun, abs=1e-10)


# --- page and training -----------------------------------------------------------------------------


def test_latex_names_both_objectives():
    assert "softplus}\\left(C(y) - C(x)\\right)" in gm.relativistic(LOGISTIC).latex()
    assert r"\mathbb{E}_{q}\left[C\right]" in gm.relativistic(LOGISTIC, "average").latex()
    text = gm.derive(gm.relativistic(LOGISTIC))._repr_markdown_()
    assert r"\mathrm{JS}(p \otimes q, q \otimes p)" in text


@pytest.mark.parametrize("kind", KINDS)
def test_trains_with_fit_and_fit_critic(kind):
    loss = gm.relativistic("nonsaturating", kind)
    run = gm.fit(loss, gm.load("ring"), steps=3, batch_size=8, seed=0, progress=False)
    assert np.isfinite(run.history["generator_loss"]).all()
    assert run.record["settings"]["loss"]["critic"] == str(loss.critic)
    critic = gm.fit_critic(
        loss, torch.randn(64, 1), torch.randn(64, 1) + 1, steps=3, batch_size=8, progress=False
    )
    assert np.isfinite(critic.history["critic_loss"]).all()


def test_films_record_it(tmp_path):
    loss = gm.relativistic("nonsaturating")
    recorder = gm.widgets.film(loss, gm.load("ring"), frames=2, samples=20)
    gm.fit(loss, gm.load("ring"), steps=4, batch_size=8, log_every=2, progress=False, callback=recorder)
    assert len(recorder.film.steps) >= 2
