"""Smoothed and flipped labels: the old optimum at another ratio, for every loss of the catalogue."""

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ganmath as gm
from ganmath.theory.expression import to_mpmath, u
from ganmath.theory.labels import amounts, flip_labels, smooth_labels, smoothed_ratio
from ganmath.theory.oracle import optimal_critic
from ganmath.theory.plan import Evaluator, plan

from .conftest import OF_SINGLE_SAMPLES

NAMES = OF_SINGLE_SAMPLES
amount = st.integers(0, 40).map(lambda k: sp.Rational(k, 100))
share = st.integers(2, 48).map(lambda k: sp.Rational(k, 50))


@settings(max_examples=25, deadline=None)
@given(name=st.sampled_from(NAMES), s=amount, t=amount, a=share, b=share)
def test_smoothing_is_a_change_of_ratio(name, s, t, a, b):
    """The search's minimum for smoothed labels is the plain loss's, derived at u~ with mass q~."""
    loss = gm.losses[name].at_defaults()
    p, q = (a, 1 - a), (b, 1 - b)
    _, found = optimal_critic(smooth_labels(loss, real=s, fake=t), p, q, dps=30)
    value = to_mpmath(gm.derive(loss).critic_value, (u,))
    total = mpmath.mpf(0)
    for x, y in zip(p, q, strict=True):
        ratio = smoothed_ratio(s, t).subs(u, x / y)
        fakes = s * x + (1 - t) * y
        total += mpmath.mpf(fakes.p) / fakes.q * value(mpmath.mpf(ratio.p) / ratio.q)
    assert mpmath.almosteq(found, total, 1e-12, 1e-12)


def test_one_sided_smoothing_is_the_catalogue_row():
    ours, row = smooth_labels(gm.losses["nonsaturating"]), gm.losses["label-smoothing"].at_defaults()
    assert sp.simplify(ours.real - row.real) == 0 and ours.fake == row.fake and ours.gen == row.gen
    found = gm.derive(smooth_labels(gm.losses["minimax"], real=0.1))
    s = sp.Rational(1, 10)
    assert sp.simplify(found.optimal_discriminator - (1 - s) * gm.p / (gm.p + gm.q)) == 0


def test_open_amounts_give_the_general_optimum():
    """D* = ((1 - s) p + t q) / (p + q) with s and t as symbols."""
    s, t = amounts()
    found = gm.derive(smooth_labels(gm.losses["minimax"], real=s, fake=t))
    expected = ((1 - s) * gm.p + t * gm.q) / (gm.p + gm.q)
    assert sp.simplify(found.optimal_discriminator - expected) == 0
    assert sp.simplify(sp.exp(found.optimal_critic) - smoothed_ratio(s, t)) == 0


def test_range_of_the_smoothed_ratio():
    s, t = sp.Rational(1, 10), sp.Rational(1, 5)
    ratio = smoothed_ratio(s, t)
    assert sp.limit(ratio, u, 0) == t / (1 - t) and sp.limit(ratio, u, sp.oo) == (1 - s) / s
    assert sp.factor(ratio.diff(u)) == sp.factor((1 - s - t) / (s * u + 1 - t) ** 2)


def test_flipping_is_smoothing_in_expectation():
    """Labels drawn anew for every sample: the mean loss over many draws is the transformed loss."""
    base, flipped = gm.losses["minimax"], flip_labels(gm.losses["minimax"], 0.2)
    rng = torch.Generator().manual_seed(0)
    c_real, c_fake = torch.tensor([0.7, -1.3]), torch.tensor([0.2, 2.1])
    total = torch.zeros((), dtype=torch.float64)
    n = 20_000
    for outputs, label in ((c_real, True), (c_fake, False)):
        flips = torch.rand(n, 2, generator=rng) < 0.2
        kept, other = base.critic_loss_per_sample(outputs, outputs)
        if not label:
            kept, other = other, kept
        total += torch.where(flips, other, kept).double().mean()
    assert float(total) == pytest.approx(float(flipped.critic_loss(c_real, c_fake)), abs=0.03)
    assert flipped.gen == base.gen


def test_other_parameters_stay_open():
    s, _ = amounts()
    loss = smooth_labels(gm.losses["lsgan"], real=s, fake=0)
    assert {x.keyword for x in loss.parameters} == {"a", "b", "c", "real"}
    assert loss(a=-1, b=1, c=0, real=0.25).real.free_symbols == {gm.c}


@pytest.mark.parametrize(("real", "fake"), [(-0.1, 0), (0.6, 0.5), (1, 0)])
def test_amounts_out_of_range(real, fake):
    with pytest.raises(ValueError, match="out of range"):
        smooth_labels(gm.losses["minimax"], real=real, fake=fake)


def test_half_of_the_labels_flipped_leaves_nothing_to_learn():
    with pytest.raises(ValueError, match="out of range"):
        flip_labels(gm.losses["minimax"], 0.5)
    with pytest.raises(TypeError, match="GANLoss"):
        smooth_labels("minimax")


@pytest.mark.parametrize("name", ["relativistic-paired", "relativistic-average", "softmax-batch", "wgan"])
def test_flipping_the_labels_of_losses_that_compare_samples_mixes_the_measures(name):
    loss, s = gm.losses[name].at_defaults(), sp.Rational(1, 5)
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])
    outputs = np.array([1.5, -0.25, -2.0])
    mixed = 0.8 * p + 0.2 * q, 0.2 * p + 0.8 * q
    flipped, plain = (Evaluator(plan(x.critic)) for x in (flip_labels(loss, s), loss))
    assert flipped(outputs, p, q)[0] == pytest.approx(plain(outputs, *mixed)[0], abs=1e-14)
    assert flip_labels(loss, s).generator == loss.generator


def test_one_sided_smoothing_of_losses_that_compare_samples_is_refused():
    with pytest.raises(ValueError, match="smooth both labels by one amount"):
        smooth_labels(gm.losses["relativistic-paired"], real=0.1)


def test_open_amounts_stand_in_their_own_place_only():
    s, t = amounts()
    with pytest.raises(ValueError, match="its own symbol"):
        flip_labels(gm.losses["minimax"], s)
    with pytest.raises(ValueError, match="its own symbol"):
        smooth_labels(gm.losses["minimax"], real=t, fake=s)
    with pytest.raises(ValueError, match="set them first"):
        smooth_labels(smooth_labels(gm.losses["minimax"], real=s, fake=0), real=0.2)
