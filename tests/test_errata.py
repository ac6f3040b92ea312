"""Known faults of published code and texts, each written down here, and what tells ours apart from it."""

import sympy as sp

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
