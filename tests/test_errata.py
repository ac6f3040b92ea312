"""Known faults of published code and texts, each written down here, and what tells ours apart from it."""

import math

import pytest
import sympy as sp
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce

import ganmath as gm
from ganmath.theory.fgan import conjugate, t
from ganmath.theory.labels import smooth_labels


def test_undocumented_factor_moves_the_optimum():
    """A page that plays GANs weighs log D(real) by 0.95: its optimum is 19p/(19p + 20q), not p/(p + q)."""
    real, fake = gm.losses["minimax"].real, gm.losses["minimax"].fake
    loss = gm.GANLoss("weighted", real=0.95 * real, fake=fake, gen=-fake, link=gm.sigmoid(gm.c))
    found = gm.derive(loss).optimal_discriminator
    assert sp.simplify(sp.nsimplify(found) - 19 * gm.p / (19 * gm.p + 20 * gm.q)) == 0
    assert gm.derive(gm.losses["minimax"]).optimal_discriminator == gm.p / (gm.p + gm.q)


def test_default_smoothing_under_the_plain_formula():
    """TF-GAN's minimax loss smooths by y(1 - s) + s/2 with s = 1/4 on real labels alone.

    Its optimum is 7/8 p/(p + q), 7/16 at p = q; the formula printed with it has p/(p + q).
    """
    smoothed = gm.derive(smooth_labels(gm.losses["minimax"], real=sp.Rational(1, 8)))
    d_star = smoothed.optimal_discriminator
    assert sp.simplify(d_star - sp.Rational(7, 8) * gm.p / (gm.p + gm.q)) == 0
    assert sp.simplify(d_star.subs(gm.p, gm.q)) == sp.Rational(7, 16)
    assert not gm.is_proper(smooth_labels(gm.losses["minimax"], real=sp.Rational(1, 8)))


def test_squares_of_probabilities_are_not_least_squares():
    """compare_gan takes the squares of sigmoid outputs: the optimum is the same, the slopes are not."""

    def faulty(logits: torch.Tensor) -> torch.Tensor:
        return 0.5 * torch.mean(torch.square(torch.sigmoid(logits) - 1.0))

    squares = gm.losses["lsgan"](a=0, b=1, c=1)
    d = gm.sigmoid(gm.c)
    squashed = gm.GANLoss(
        "squares of probabilities", real=(d - 1) ** 2 / 2, fake=d**2 / 2, gen=(d - 1) ** 2 / 2, link=d
    )
    slopes = {}
    for name, compute in (
        ("theirs", faulty),
        ("squashed", squashed.generator_loss),
        ("ours", squares.generator_loss),
    ):
        logit = torch.tensor([-20.0], dtype=torch.float64, requires_grad=True)
        compute(logit).backward()
        slopes[name] = logit.grad.item()
    assert abs(slopes["theirs"] - slopes["squashed"]) < 1e-15  # the code is this loss
    assert slopes["ours"] == -21 and -1e-8 < slopes["theirs"] < 0
    theirs, ours = gm.derive(squashed), gm.derive(squares)
    assert theirs.optimal_discriminator == ours.optimal_discriminator == gm.p / (gm.p + gm.q)
    assert theirs.saturates.at_zero == 0 and ours.saturates.at_zero == -1


def test_hinge_code_under_a_wasserstein_formula():
    """labml's page on the Wasserstein GAN prints E f(x) - E f(g(z)); its code is the hinge loss."""

    def coded(f_real: torch.Tensor, f_fake: torch.Tensor) -> torch.Tensor:
        return torch.relu(1 - f_real).mean() + torch.relu(1 + f_fake).mean()

    def printed(f_real: torch.Tensor, f_fake: torch.Tensor) -> torch.Tensor:
        return f_fake.mean() - f_real.mean()

    hinge = gm.losses["hinge"]
    f_real, f_fake = (3 * torch.randn(64, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    assert torch.allclose(coded(f_real, f_fake), hinge.critic_loss(f_real, f_fake))
    assert not torch.allclose(2 + printed(f_real, f_fake), hinge.critic_loss(f_real, f_fake))
    inside = f_real.clamp(-1, 1), f_fake.clamp(-1, 1)  # where the two agree, up to the constant
    assert torch.allclose(2 + printed(*inside), hinge.critic_loss(*inside), atol=1e-6)
    assert gm.derive(hinge).critic_divergence.name == "total variation"
    with pytest.raises(gm.NoOptimalCritic):  # without a bound on f the printed objective has no optimum
        gm.derive(gm.GANLoss("printed", real=-gm.c, fake=gm.c, gen=-gm.c))


# --- relativistic losses ---------------------------------------------------------------------------


def _logits(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(64, generator=rng, dtype=torch.float64) + shift for shift in (0.5, -0.5))


def test_pytorch_gan_overwrites_its_relativistic_generator_loss() -> None:
    """PyTorch-GAN #52: the line after the relativistic g_loss replaces it by the plain one."""
    real, fake = _logits()
    valid = torch.ones_like(fake)
    g_loss = bce(fake - real.mean(), valid)  # what the page is about
    g_loss = bce(fake, valid)  # and the line after it
    assert torch.allclose(g_loss, gm.losses["nonsaturating"].generator_loss(fake))
    for kind in ("paired", "average"):
        assert abs(g_loss - gm.relativistic("nonsaturating", kind).generator_loss(fake, real)) > 0.1


def test_hypergan_compares_real_outputs_with_themselves() -> None:
    """HyperGAN's rgan loss uses d_real - d_real: a constant, with no gradient for anyone."""
    real, fake = (x.requires_grad_() for x in _logits())
    wrong = bce(real - real, torch.ones_like(real))
    right = gm.relativistic("nonsaturating").critic_loss(real, fake)
    slopes = torch.autograd.grad(wrong, (real, fake), allow_unused=True)
    assert wrong.item() == pytest.approx(math.log(2))
    assert slopes[0].abs().max() == 0
    assert slopes[1] is None
    assert min(x.abs().min() for x in torch.autograd.grad(right, (real, fake))) > 0


def test_rasgan_of_the_first_runs_gives_every_fake_the_same_push() -> None:
    """AlexiaJM/RelativisticGAN #2: both terms compared reals with the mean of the fakes, none the fakes.

    Fakes then enter through their mean alone, and the generator is told nothing of which of them is bad.
    """
    real, fake = (x.requires_grad_() for x in _logits())
    ones, zeros = torch.ones_like(real), torch.zeros_like(real)
    faulty = (bce(real - fake.mean(), zeros) + bce(fake.mean() - real, ones)) / 2
    right = gm.relativistic("nonsaturating", "average").generator_loss(fake, real)
    paper = (bce(real - fake.mean(), zeros) + bce(fake - real.mean(), ones)) / 2
    (pushed,), (felt,) = (torch.autograd.grad(loss, fake) for loss in (faulty, right))
    assert torch.allclose(right, paper)
    assert pushed.std() < 1e-12
    assert felt.std() > 0.1 * felt.abs().mean()


def test_naive_logarithm_saturates_where_the_logits_do_not() -> None:
    """mimicry's non-saturating loss, -log(sigmoid(l) + 1e-8): no gradient on samples rejected for sure."""
    logit = torch.tensor([-30.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(-torch.log(torch.sigmoid(logit) + 1e-8).mean(), logit)
    (exact,) = torch.autograd.grad(gm.losses["nonsaturating"].generator_loss(logit), logit)
    assert abs(slope.item()) < 1e-4
    assert exact.item() == pytest.approx(-1)


def test_activation_of_the_reverse_kl_on_negative_outputs():
    """HyperGAN 1.0.6 takes -log(C) for T, not a number for C < 0; T = -e^(-C) reaches all of T < 0."""
    outputs = torch.tensor([-3.0, -0.5, 0.5, 3.0])
    assert torch.isnan(-outputs.log()).tolist() == [True, True, False, False]
    real, fake = gm.losses["fgan-reverse-kl"].critic_loss_per_sample(outputs, outputs)
    assert torch.isfinite(real).all() and (real > 0).all()  # -T
    star = conjugate(gm.divergences["reverse-kl"]).expression
    expected = [float(star.subs(t, -sp.exp(-sp.Float(x)))) for x in outputs.tolist()]
    assert fake.tolist() == pytest.approx(expected, rel=1e-5)


def test_factor_inside_the_power_of_the_alpha_conjugate():
    """HyperGAN 1.0.6 has ((T (a - 1) + 1)/a)^(a/(a - 1)) - 1/a: its bound is 3/2, not 0, at p = q."""
    a = sp.Rational(1, 2)  # its default
    published = ((t * (a - 1) + 1) / a) ** (a / (a - 1)) - 1 / a
    ours = conjugate(gm.divergences["alpha"](a)).expression
    assert (published.subs(t, 0), ours.subs(t, 0)) == (sp.Rational(-3, 2), 0)
    loss = gm.losses["fgan-alpha"](alpha=a)
    assert sp.simplify(loss.fake - ours.subs(t, -loss.real)) == 0
