"""Softmax GAN: stable at any logit, optimal at log(p/(p + q)), and lifted to single samples by a tangent."""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy.optimize import minimize

import ganmath as gm
from ganmath.theory.softmax import lifted

LOSS = gm.SoftmaxLoss()
P, Q = (3, 4, 1, 8), (4, 2, 9, 1)  # how often each of four points is in a batch of 16 of each kind
N = sum(P)


def on_points(values, counts):
    return torch.as_tensor(values)[torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_and_gradients_at_any_logit(dtype):
    """log Z - mean C with gradient softmax - target, the softmax taken at 50 digits."""
    tolerance = {torch.float32: 1e-4, torch.bfloat16: 1.0 / 64}[dtype]
    for values in ([1e4, -1e4, 3.0], [0.5, -2.0, 1.5], [-1e4, -1e4, -9e3]):
        real = torch.tensor(values, dtype=dtype, requires_grad=True)
        fake = torch.tensor([2.0, -1e4], dtype=dtype, requires_grad=True)
        with mpmath.workdps(50):
            everything = [mpmath.mpf(x) for x in (*real.tolist(), *fake.tolist())]
            top = max(everything)
            z = mpmath.fsum(mpmath.exp(x - top) for x in everything)
            shares = [mpmath.exp(x - top) / z for x in everything]
            log_z = mpmath.log(z) + top
            cases = [
                (
                    LOSS.critic_loss(real, fake),
                    log_z - mpmath.fsum(everything[:3]) / 3,
                    [1 / 3] * 3 + [0] * 2,
                ),
                (LOSS.generator_loss(fake, real), log_z - mpmath.fsum(everything) / 5, [1 / 5] * 5),
            ]
        for value, true, target in cases:
            slopes = torch.cat(torch.autograd.grad(value, (real, fake))).float()
            assert value.item() == pytest.approx(float(true), rel=tolerance)
            expected = [float(s) - t for s, t in zip(shares, target, strict=True)]
            assert slopes.tolist() == pytest.approx(expected, abs=tolerance)


def test_optimal_critic_is_the_log_share_and_the_value_kl_from_the_mixture():
    """Found by an optimiser over the critic's outputs on four points: log 2n - KL(p||m)."""
    p, q = np.array(P) / N, np.array(Q) / N
    m = (p + q) / 2

    def loss(x):
        x = torch.tensor(x, requires_grad=True)
        value = LOSS.critic_loss(on_points(x, P), on_points(x, Q))
        value.backward()
        return value.item(), x.grad.numpy()

    found = minimize(loss, np.zeros(4), jac=True, method="BFGS", options={"gtol": 1e-10})
    theory = gm.derive(LOSS)
    kl = float(np.sum(p * np.log(p / m)))
    assert found.fun == pytest.approx(math.log(2 * N) - kl, abs=1e-9)
    at_equilibrium = float(theory.critic_divergence.offset.subs(gm.n_real, N))
    assert found.fun == pytest.approx(at_equilibrium - theory.critic_divergence(p, q), abs=1e-9)
    best = np.array([float(theory.optimal_critic.subs(gm.u, ratio)) for ratio in p / q])
    np.testing.assert_allclose(found.x - found.x.mean(), best - best.mean(), atol=1e-6)
    np.testing.assert_allclose(np.exp(best) / 2, p / (p + q), rtol=1e-12)


def test_lifted_loss_lies_above_and_touches_where_the_critic_is_normalised():
    rng = torch.Generator().manual_seed(0)
    for _ in range(50):
        outputs = 3 * torch.randn(4, generator=rng, dtype=torch.float64)
        batch = on_points(outputs, P), on_points(outputs, Q)
        above = lifted.critic_loss(*batch) - 1 + math.log(2 * N) - LOSS.critic_loss(*batch)
        assert above >= -1e-12
        shift = torch.cat(batch).logsumexp(0) - math.log(2 * N)  # E_m exp(C) = 1
        touching = [x - shift for x in batch]
        gap = lifted.critic_loss(*touching) - 1 + math.log(2 * N) - LOSS.critic_loss(*touching)
        assert abs(gap) < 1e-12


def test_generator_step_is_that_of_the_lifted_loss_and_follows_no_divergence():
    """In the logits of q on four points, the critic frozen at its optimum; f_G'' changes sign at u = 1."""
    p = torch.tensor(P, dtype=torch.float64) / N
    logits = torch.log(torch.tensor(Q, dtype=torch.float64)).requires_grad_()
    q = logits.softmax(0)
    best = torch.log(2 * p / (p + q)).detach()
    m = (p + q) / 2
    whole = torch.log((m * best.exp()).sum()) - (m * best).sum()  # L_G - log 2n on infinite batches
    alone = (q * lifted.generator_loss_per_sample(best)).sum()
    torch.testing.assert_close(
        *(torch.autograd.grad(x, logits, retain_graph=True)[0] for x in (whole, alone))
    )
    counted = LOSS.generator_loss(on_points(best, Q), on_points(best, P)) - math.log(2 * N)
    torch.testing.assert_close(counted, whole.detach())
    theory = gm.derive(LOSS)
    assert theory.generator_divergence is None and theory.generator_value.is_f_divergence
    assert theory.generator_second_derivative.subs(gm.u, 1) == 0
    assert (
        theory.generator_second_derivative.subs(gm.u, 2)
        < 0
        < theory.generator_second_derivative.subs(gm.u, 0.5)
    )


def test_it_trains_and_its_errors_say_what_to_do():
    run = gm.fit(LOSS, gm.toys["ring"], steps=3, batch_size=8, device="cpu", progress=False)
    assert math.isfinite(run.history["generator_loss"][-1])
    with pytest.raises(ValueError, match="needs the critic's real outputs"):
        LOSS.generator_loss(torch.zeros(3))
    with pytest.raises(ValueError, match="softmax-batch: an empty batch"):
        LOSS.critic_loss(torch.zeros(0), torch.zeros(3))
