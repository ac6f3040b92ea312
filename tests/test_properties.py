"""Properties over random losses: derivation against search, gradient reading against autograd."""

import mpmath
import pytest
import sympy as sp
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import ganmath as gm
from ganmath.theory.derive import gradient_reading
from ganmath.theory.expression import c, to_torch, u
from ganmath.theory.loss import GANLoss
from ganmath.theory.optimum import optimum
from ganmath.theory.oracle import optimal_critic

from .conftest import OF_SINGLE_SAMPLES

quick = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
label = st.integers(-12, 12).map(lambda k: sp.Rational(k, 4))
weight = st.integers(1, 8).map(lambda k: sp.Rational(k, 4))
masses = st.lists(st.integers(1, 30), min_size=4, max_size=4)
# smooth on the whole line, real data high: any positive mixture of them has one optimal critic
MIXABLE = ("minimax", "lsgan", "exponential", "hinge", "fgan-js", "fgan-hellinger")


def fractions(weights: list[int]) -> list[sp.Rational]:
    return [sp.Rational(x, sum(weights)) for x in weights]


def least_loss(loss: GANLoss, p: list[sp.Rational], q: list[sp.Rational]) -> mpmath.mpf:
    """sum of q h(C*(p/q); p/q) at the derived critic."""
    best = optimum(loss)
    value = best.join(lambda b: b.value)
    return mpmath.fsum(
        mpmath.mpf(str((y * value.subs(u, x / y)).evalf(30))) for x, y in zip(p, q, strict=True)
    )


@quick
@given(a=label, b=label, generator=label, p=masses, q=masses)
# the labels disagree only for outputs between 0 and -1/4, where a coarse scan looks at none
@example(a=sp.S.Zero, b=-sp.Rational(1, 4), generator=sp.S.Zero, p=[1, 2, 3, 4], q=[4, 3, 2, 1])
def test_any_labels_of_least_squares(a, b, generator, p, q):
    """Every coding a != b has the Le Cam divergence as its value, (b - a)^2 / 8 times, and no other."""
    if a == b:
        with pytest.raises(ValueError, match="out of range"):
            gm.losses["lsgan"](a=a, b=b, c=generator)
        return
    loss = gm.losses["lsgan"](a=a, b=b, c=generator)
    found = gm.derive(loss).critic_divergence
    assert found.name == "Le Cam" and found.scale == (b - a) ** 2 / 8
    ps, qs = fractions(p), fractions(q)
    outputs, value = optimal_critic(loss, ps, qs, dps=30)
    assert mpmath.almosteq(value, least_loss(loss, ps, qs), 1e-15, 1e-15)
    for x, y, output in zip(ps, qs, outputs, strict=True):
        assert abs(output - mpmath.mpf(str(((b * x + a * y) / (x + y)).evalf(30)))) < 1e-12


@quick
@given(
    parts=st.lists(
        st.tuples(st.sampled_from(MIXABLE), weight), min_size=2, max_size=3, unique_by=lambda x: x[0]
    ),
    p=masses,
    q=masses,
)
def test_mixtures_of_losses(parts, p, q):
    """A weighted sum of critics' objectives, most of which have no closed optimum."""
    chosen = [(gm.losses[name].at_defaults(), w) for name, w in parts]
    real = sum((w * loss.real for loss, w in chosen), start=sp.S.Zero)
    fake = sum((w * loss.fake for loss, w in chosen), start=sp.S.Zero)
    mixture = GANLoss("mixture", real=real, fake=fake, gen=-c)
    ps, qs = fractions(p), fractions(q)
    _, searched = optimal_critic(mixture, ps, qs, dps=25)
    assert mpmath.almosteq(searched, least_loss(mixture, ps, qs), 1e-12, 1e-12)


SMOOTH = [name for name in OF_SINGLE_SAMPLES if not gm.losses[name].real.has(sp.Abs, gm.relu)]


@quick
@given(name=st.sampled_from(SMOOTH), p=masses, q=masses)
def test_gradient_reading_is_what_autograd_sees(name, p, q):
    """q = softmax(theta): d/dtheta E_q gen(C*), C* frozen, is d/dtheta D_f with f'' = f_G''."""
    loss = gm.losses[name].at_defaults()
    second = gradient_reading(loss).second_derivative
    best = optimum(loss)
    if len(best.branches) > 1:
        return
    target = torch.tensor([float(x) for x in fractions(p)], dtype=torch.float64)
    theta = torch.tensor([float(x) for x in fractions(q)], dtype=torch.float64).log().requires_grad_()
    now = theta.softmax(0)
    frozen = to_torch(best.critic, (u,))(target / now.detach())
    (step,) = torch.autograd.grad((now * to_torch(loss.gen, (c,))(frozen)).sum(), theta)

    # d/dtheta D_f = sum_i dq_i (f(u_i) - u_i f'(u_i)), whose slope in u is -u f''
    ratio = target / now.detach()
    slope = torch.stack([charge(second, float(x)) for x in ratio])
    (followed,) = torch.autograd.grad((theta.softmax(0) * slope).sum(), theta)
    torch.testing.assert_close(step, followed, rtol=1e-6, atol=1e-8)


def charge(second: sp.Expr, ratio: float) -> torch.Tensor:
    """f(u) - u f'(u) up to a constant, as -integral of s f''(s) from 1 to u."""
    integrand = sp.lambdify(u, u * second, "mpmath")
    return torch.tensor(-float(mpmath.quad(integrand, [1, ratio])), dtype=torch.float64)
