"""Known faults of published code and texts, each written down here, and what tells ours apart from it."""

import pytest
import sympy as sp
import torch

import ganmath as gm
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
