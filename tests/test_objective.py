"""The compiled torch objectives: equal to plain torch and to 50 digits, at any logit, compiled and mapped."""

import builtins

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch

import ganmath as gm
from ganmath.objective import compiled
from ganmath.theory.plan import Evaluator, plan
from tests.objectives import KINDS

N = 6
SIDES = ("critic", "generator")


def _outputs(size: float, dtype: torch.dtype = torch.float64, seed: int = 0) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return [
        (size * torch.randn(N, generator=draw, dtype=torch.float64)).to(dtype).requires_grad_()
        for _ in range(2)
    ]


def _loss(name: str) -> gm.GANLoss:
    return gm.GANLoss(name, critic=KINDS[name][0], generator=KINDS[name][0])


def _value_and_gradients(f, real, fake):
    value = f(real, fake)
    gradients = torch.autograd.grad(value, (real, fake), allow_unused=True)
    return value.detach(), [
        torch.zeros_like(x) if g is None else g for x, g in zip((real, fake), gradients, strict=True)
    ]


@pytest.mark.parametrize("size", [1.0, 30.0, 1e4])
@pytest.mark.parametrize("name", KINDS)
def test_objectives_equal_plain_torch(name, size):
    """In value and gradient, but for the rounding of sums of terms of that size."""
    ours, gradients = _value_and_gradients(_loss(name).compiled().critic, *_outputs(size))
    plain, expected = _value_and_gradients(KINDS[name][1], *_outputs(size))
    torch.testing.assert_close(ours, plain, rtol=1e-13, atol=1e-14 * max(1.0, size))
    for a, b in zip(gradients, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.bfloat16, 1 / 64)])
@pytest.mark.parametrize("size", [1.0, 30.0, 1e4])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", [n for n, loss in gm.losses.items() if not loss.is_pointwise])
def test_coupled_losses_equal_40_digit_ones_at_any_logit(name, side, size, dtype, tolerance):
    """On an alphabet of 2 N points with p on the first and q on the last, matched pairs one by one."""
    loss = gm.losses[name].at_defaults()
    real, fake = _outputs(size, dtype)
    call = loss.critic_loss if side == "critic" else (lambda r, f: loss.generator_loss(f, r))
    value, gradients = _value_and_gradients(call, real, fake)
    expr = getattr(loss, side)
    with mpmath.workdps(40):
        exact = np.array([mpmath.mpf(x) for x in (*real.tolist(), *fake.tolist())], dtype=object)
        evaluate = Evaluator(plan(expr), exact=True)
        zero, one = [mpmath.mpf(0)] * N, [mpmath.mpf(1) / N] * N
        if "pq" in [mean.over for mean in plan(expr).means]:
            batches = [
                ([0] * i + [1] + [0] * (2 * N - 1 - i), [0] * (N + i) + [1] + [0] * (N - 1 - i))
                for i in range(N)
            ]
            found = [
                evaluate(exact, *(np.array([mpmath.mpf(x) for x in w]) for w in pair)) for pair in batches
            ]
            true, slope = sum(v for v, _ in found) / N, sum(g for _, g in found) / N
        else:
            true, slope = evaluate(
                exact, np.array(one + zero, dtype=object), np.array(zero + one, dtype=object)
            )
            if expr.has(gm.n_real):  # the sizes of batches, where a population has none
                true += mpmath.log(N)
    assert value.item() == pytest.approx(float(true), rel=tolerance, abs=tolerance * size)
    ours = [*gradients[0].tolist(), *gradients[1].tolist()]
    scale = max(1.0, *(abs(float(x)) for x in slope))
    assert ours == pytest.approx([float(x) for x in slope], rel=tolerance, abs=tolerance * scale)


@pytest.mark.parametrize("name", [*gm.losses, *KINDS])
@pytest.mark.parametrize("side", SIDES)
def test_objectives_trace_whole_and_map_over_ensembles(name, side):
    loss = gm.losses[name] if name in gm.losses else _loss(name)
    f = getattr(loss.compiled(), side)
    draw = torch.Generator().manual_seed(1)
    real, fake = (torch.rand(3, N, generator=draw, dtype=torch.float64) * 0.4 + 0.05 for _ in range(2))
    one_by_one = torch.stack([f(r, k) for r, k in zip(real, fake, strict=True)])
    torch.testing.assert_close(f(real, fake), one_by_one, rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(torch.func.vmap(f)(real, fake), one_by_one, rtol=1e-14, atol=1e-15)
    slopes = torch.func.vmap(torch.func.grad(f, argnums=1))(real, fake)
    own = fake.clone().requires_grad_()
    expected = torch.autograd.grad(f(real, own).sum(), own)[0]
    torch.testing.assert_close(slopes, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "name", ["minimax", "renyi", "softmax-batch", "relativistic-average", "relativistic-paired"]
)
def test_objectives_compile_as_one_graph_forwards_and_backwards(name):
    torch._dynamo.reset()
    objective = gm.losses[name].compiled()

    def both(real, fake):
        return objective.critic(real, fake) + objective.generator(real, fake)

    traced = torch.compile(both, fullgraph=True, backend="aot_eager")
    ours = _value_and_gradients(traced, *_outputs(1.0))
    expected = _value_and_gradients(both, *_outputs(1.0))
    torch.testing.assert_close(ours, expected, rtol=1e-13, atol=1e-15)


def test_open_parameters_are_arguments_numbers_or_tensors():
    objective = gm.losses["lsgan"].compiled(free=("a", "b"))
    real, fake = _outputs(1.0)
    expected = gm.losses["lsgan"](a=-1, b=2).critic_loss(real, fake)
    torch.testing.assert_close(objective.critic(real, fake, -1.0, 2.0), expected)
    weight = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    objective.critic(real, fake, a=-1.0, b=weight).backward()
    assert weight.grad.item() == pytest.approx((2 - real).mean().item())
    with pytest.raises(ValueError, match="no parameter"):
        gm.losses["lsgan"].compiled(free=("z",))


def test_pairs_are_matched_or_all_and_a_batch_is_not_paired_with_itself():
    c_x, c_y, p, q = gm.c_x, gm.c_y, gm.p, gm.q
    kernel = sp.exp(-((c_x - c_y) ** 2))
    mmd = gm.E(gm.Pairs(p, p), kernel) + gm.E(gm.Pairs(q, q), kernel) - 2 * gm.E(gm.Pairs(p, q), kernel)
    loss = gm.GANLoss("mmd", critic=-mmd, generator=mmd)
    real, fake = _outputs(1.0)
    k = lambda x, y: torch.exp(-((x[:, None] - y[None, :]) ** 2))  # noqa: E731
    apart = [(k(x, x).sum() - N) / (N * (N - 1)) for x in (real, fake)]
    unbiased = apart[0] + apart[1] - 2 * k(real, fake).mean()
    torch.testing.assert_close(loss.compiled(pairs="all").generator(real, fake), unbiased)
    longer = torch.cat([real, real])
    loss.compiled(pairs="all").critic(longer, fake)
    with pytest.raises(ValueError, match="one size"):
        loss.critic_loss(longer, fake)
    with pytest.raises(ValueError, match="matched"):
        loss.compiled(pairs="some")


def test_no_sympy_runs_in_a_call(monkeypatch):
    objective = compiled(gm.losses["renyi"])
    real, fake = _outputs(1.0)

    def refuse(*_args, **_settings):
        raise AssertionError("sympy ran")

    monkeypatch.setattr(sp.Basic, "__new__", refuse)
    monkeypatch.setattr(sp.Basic, "subs", refuse)
    monkeypatch.setattr(sp, "lambdify", refuse)
    monkeypatch.setattr(builtins, "exec", refuse)
    objective.critic(real, fake).backward()
    objective.generator(real, fake).backward()
    gm.losses["renyi"].critic_loss(real, fake)


def test_what_is_compiled_can_be_read():
    assert "c_real" in gm.losses["relativistic-average"].compiled().source
    assert gm.losses["relativistic-average"].needs_real and not gm.losses["hinge"].needs_real


def test_a_parameter_may_have_any_name_and_a_mean_sees_no_other_point():
    """Locals of the compiled text must not take an open parameter's place."""
    x = sp.Symbol("x", real=True)
    c_x, c_y, pairs = gm.c_x, gm.c_y, gm.Pairs(gm.p, gm.q)
    loss = gm.GANLoss(
        "named",
        critic=gm.E(pairs, (c_x - x * c_y) ** 2),
        generator=-gm.E(gm.q, gm.c),
        parameters=(gm.Parameter("x", x, sp.S.One, "x, a weight"),),
    )
    real, fake = _outputs(1.0)
    torch.testing.assert_close(
        loss.compiled(free=("x",)).critic(real, fake, x=3.0), ((real - 3 * fake) ** 2).mean()
    )
    with pytest.raises(ValueError, match="bound outside"):
        plan(gm.E(pairs, gm.E(gm.q, gm.c * c_x)))


def test_a_generator_that_counts_real_samples_asks_for_them():
    loss = gm.losses["minimax"].replace(generator=gm.E(gm.q, gm.c) * gm.n_fake / gm.n_real)
    real, fake = torch.zeros(4), torch.ones(6)
    assert loss.needs_real and loss.generator_loss(fake, real).item() == pytest.approx(1.5)
    with pytest.raises(ValueError, match="needs the critic's real outputs"):
        loss.generator_loss(fake)
