"""A loss's torch functions equal its sympy expressions, and its gradients theirs, at any logit."""

import math

import mpmath
import pytest
import sympy as sp
import torch

import ganmath as gm
from ganmath.theory.expression import (
    c,
    javascript_helpers,
    log_sigmoid,
    mean,
    relu,
    sigmoid,
    softplus,
    stabilise,
    to_javascript,
    to_mpmath,
    to_numpy,
    to_torch,
)
from ganmath.theory.loss import GANLoss
from ganmath.theory.rules import delta

from .conftest import OF_SINGLE_SAMPLES

# none at a kink of the losses below, where any subgradient would do
LOGITS = [0.0, *(s * x for x in (1e-3, 0.3, 0.9, 5, 17, 20.5, 30, 80, 90, 300, 1e3, 1e4) for s in (1, -1))]
HARD = {
    "savage": GANLoss("savage", real=sigmoid(-c) ** 2, fake=sigmoid(c) ** 2, gen=log_sigmoid(c)),
}
LOSSES = {name: gm.losses[name] for name in OF_SINGLE_SAMPLES} | HARD
TINY = {torch.float32: 1.2e-38, torch.bfloat16: 1.2e-38, torch.float64: 2.3e-308}
HUGE = {torch.float32: 3.4e38, torch.bfloat16: 3.38e38, torch.float64: 1.7e308}


def largest_term(expr: sp.Expr, x: mpmath.mpf) -> mpmath.mpf:
    """The largest of the terms that are added up, whose rounding the sum inherits."""
    return max(abs(mpmath.mpf(to_mpmath(term)(x))) for term in sp.Add.make_args(sp.expand(expr)))


def assert_same(
    got: float, true: mpmath.mpf, dtype: torch.dtype, tolerance: mpmath.mpf | float, where: str
) -> None:
    """Equal up to rounding; where the true value is not representable, 0 or inf of the right sign."""
    assert not math.isnan(got), where
    if abs(true) > HUGE[dtype]:
        assert got == math.copysign(math.inf, float(mpmath.sign(true))), where
    elif abs(true) < TINY[dtype]:
        assert abs(got) <= 2 * TINY[dtype], where
    else:
        assert abs(got - true) <= tolerance, f"{where}: {got} is not {mpmath.nstr(true, 12)}"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("part", ["real", "fake", "gen"])
@pytest.mark.parametrize("name", LOSSES)
def test_values_and_gradients_equal_50_digit_ones_at_any_logit(name, part, dtype):
    loss = LOSSES[name].at_defaults()
    expr = getattr(loss, part)
    # e^x at |x| = 80 amplifies the rounding of x, and float32 has eps 1.2e-7
    tolerance = {torch.float32: 2e-5, torch.bfloat16: 1.0 / 128, torch.float64: 1e-12}[dtype]
    slope = expr.diff(c).replace(sp.Heaviside, lambda x, *_: (1 + sp.sign(x)) / 2)
    with mpmath.workdps(50):
        for x in LOGITS:
            logit = torch.tensor([x], dtype=dtype, requires_grad=True)
            exact = mpmath.mpf(logit.item())
            value = loss._torch(part, logit)
            value.sum().backward()
            true, true_slope = to_mpmath(expr)(exact), to_mpmath(slope)(exact)
            slack = tolerance * largest_term(expr, exact), tolerance * largest_term(slope, exact)
            assert_same(value.item(), mpmath.mpf(true), dtype, slack[0], f"{name}.{part}({x})")
            assert_same(logit.grad.item(), true_slope, dtype, slack[1], f"d {name}.{part}({x})")


def test_non_saturating_gradient_stays_one_where_log_of_sigmoid_plus_epsilon_vanishes():
    """-log(sigmoid(C) + 1e-8), as shipped elsewhere, has gradient -9e-6 at C = -30; the true one is -1."""
    faulty, ours = (torch.tensor([-30.0], requires_grad=True) for _ in range(2))
    (-torch.log(torch.sigmoid(faulty) + 1e-8)).sum().backward()
    gm.losses["nonsaturating"].generator_loss(ours).backward()
    assert abs(faulty.grad.item()) < 1e-4
    assert ours.grad.item() == pytest.approx(-1, rel=1e-6)


def test_minimax_and_non_saturating_generator_gradients_differ_by_odds():
    """d gen_minimax / d gen_nonsaturating = D/(1 - D) = e^C, so they are not the same step."""
    with mpmath.workdps(50):
        for x in (-20, -1, 0.5, 7):
            slopes = [to_mpmath(gm.losses[n].gen.diff(c))(x) for n in ("minimax", "nonsaturating")]
            assert mpmath.almosteq(slopes[0] / slopes[1], mpmath.exp(x), 1e-40)


def test_mean_losses_are_means_of_the_per_sample_ones():
    loss = gm.losses["lsgan"](a=-1, b=1, c=0)
    real, fake = torch.randn(7), torch.randn(5, 1)
    per_real, per_fake = loss.critic_loss_per_sample(real, fake)
    assert per_real.shape == real.shape and per_fake.shape == fake.shape
    torch.testing.assert_close(per_real, (real - 1) ** 2 / 2)
    torch.testing.assert_close(loss.critic_loss(real, fake), per_real.mean() + per_fake.mean())
    torch.testing.assert_close(loss.generator_loss(fake), (fake**2 / 2).mean())


@pytest.mark.parametrize("name", [x for x in gm.losses if gm.derive(gm.losses[x]).optimal_critic is not None])
def test_arguments_are_real_then_fake(name):
    """At the optimal critic's outputs for u = 4 on real and u = 1/4 on fake data: swapping must cost."""
    loss = gm.losses[name].at_defaults()
    best = gm.derive(loss).optimal_critic.subs(delta, sp.S.Half)
    real, fake = (torch.full((4,), float(best.subs(gm.u, x))) for x in (4, sp.Rational(1, 4)))
    assert loss.critic_loss(real, fake) < loss.critic_loss(fake, real)
    energy = loss.domain[0] == 0  # an energy is low on real data, every other output high
    assert bool((real > fake).all()) != energy


@pytest.mark.parametrize("name", [x for x in gm.losses if gm.derive(gm.losses[x]).optimal_critic is None])
def test_critics_want_high_outputs_on_real_data_and_generators_on_fakes(name):
    """The same where no optimal critic is known: outputs 1 on real and -1 on fake data."""
    loss = gm.losses[name].at_defaults()
    real, fake = torch.ones(4), torch.full((4,), -1.0, requires_grad=True)
    assert loss.critic_loss(real, fake) < loss.critic_loss(fake, real)
    loss.generator_loss(fake, real).backward()
    assert (fake.grad < 0).all()


def test_term_on_real_outputs_is_asked_for_and_added():
    loss = GANLoss("both", real=softplus(-c), fake=softplus(c), gen=softplus(-c), gen_real=softplus(c))
    fake, real = torch.tensor([0.3]), torch.tensor([-1.2])
    with pytest.raises(ValueError, match="needs the critic's real outputs"):
        loss.generator_loss(fake)
    expected = torch.nn.functional.softplus(-fake) + torch.nn.functional.softplus(real)
    torch.testing.assert_close(loss.generator_loss(fake, real), expected.mean())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("order", [0.5, 2, 5])
def test_function_of_a_mean_and_its_gradient_at_any_logit(order, dtype):
    """log mean (1 - D)^(a-1) / (a-1), its gradient -softmax((a-1) log(1 - D)) D, where no power fits."""
    tolerance = {torch.float32: 1e-4, torch.bfloat16: 1.0 / 64}[dtype]
    for values in ([1e4, -1e4, 3.0, 0.0], [1e4, 9e3], [-1e4, -300.0], [40.0, 42.0, -1.0]):
        logits = torch.tensor(values, dtype=dtype, requires_grad=True)
        value = gm.losses["renyi"](alpha=order).generator_loss(logits)
        value.backward()
        with mpmath.workdps(50):
            exact = [mpmath.mpf(x) for x in logits.tolist()]
            a = mpmath.mpf(order)
            weights = [mpmath.exp((1 - a) * to_mpmath(softplus(c))(x)) for x in exact]
            true = mpmath.log(mpmath.fsum(weights) / len(weights)) / (a - 1)
            shares = [w / mpmath.fsum(weights) for w in weights]
            slopes = [-w * to_mpmath(sigmoid(c))(x) for w, x in zip(shares, exact, strict=True)]
        assert value.item() == pytest.approx(float(true), rel=tolerance, abs=1e-6)
        assert logits.grad.tolist() == pytest.approx([float(x) for x in slopes], rel=tolerance, abs=1e-6)


def test_any_function_of_the_mean_is_applied_once():
    loss = GANLoss("root", real=softplus(-c), fake=softplus(c), gen=softplus(-c), outer=sp.sqrt(mean))
    fake = torch.tensor([0.3, -1.2])
    torch.testing.assert_close(loss.generator_loss(fake), torch.nn.functional.softplus(-fake).mean().sqrt())
    assert r"\sqrt{\mathbb{E}_{q}" in loss.latex() and "outer: (M, k) => Math.sqrt(M)" in loss.to_javascript()
    assert GANLoss.pair(critic="hinge", generator=loss).outer == sp.sqrt(mean)
    with pytest.raises(ValueError, match=r"outer has the unknown symbol\(s\) \['C'\]"):
        GANLoss("wrong", real=c, fake=c, gen=c, outer=c**2)


def test_pair_takes_each_side_from_its_own_loss():
    pair = GANLoss.pair(critic="minimax", generator="lsgan")
    assert pair.real == gm.losses["minimax"].real and pair.fake == gm.losses["minimax"].fake
    assert pair.gen == gm.losses["lsgan"].gen
    assert [x.keyword for x in pair.parameters] == ["c"]
    assert pair.link == gm.losses["minimax"].link


def test_parameters_are_set_by_keyword_and_checked():
    lsgan = gm.losses["lsgan"]
    assert lsgan(a=-1, b=1, c=0).real == (c - 1) ** 2 / 2
    assert gm.losses["label-smoothing"](smoothing=0.1).real.coeff(softplus(c)) == sp.Rational(1, 10)
    with pytest.raises(ValueError, match=r"needs Ne\(a, b\)"):
        lsgan(a=1)
    with pytest.raises(ValueError, match="the amount taken off the real label"):
        gm.losses["label-smoothing"](smoothing=1.5)
    with pytest.raises(TypeError, match=r"no parameter \['d'\]; it has \['a', 'b', 'c'\]"):
        lsgan(d=1)
    with pytest.raises(ValueError, match=r"lecam at lambda=-1, a=1/4 is out of range: .* needs lambda > 0"):
        gm.losses["lecam"](weight=-1)


def test_unknown_loss_names_the_nearest():
    with pytest.raises(KeyError, match="did you mean 'lsgan'"):
        gm.losses["lsgn"]
    with pytest.raises(KeyError, match="nonsaturating"):
        gm.losses["non-saturating"]


@pytest.mark.parametrize(
    ("outputs", "error", "message"),
    [
        ([0.1, 0.2], TypeError, "floating torch tensors, got list"),
        (torch.tensor([1, 2]), TypeError, "floating torch tensors, got torch.int64"),
        (torch.empty(0), ValueError, "empty batch"),
    ],
)
def test_outputs_that_make_no_sense_are_refused(outputs, error, message):
    with pytest.raises(error, match=message):
        gm.losses["minimax"].generator_loss(outputs)


def test_stray_symbols_are_refused():
    with pytest.raises(ValueError, match=r"unknown symbol\(s\) \['x'\]"):
        GANLoss("mine", real=sp.Symbol("x"), fake=c, gen=c)


def test_naive_forms_become_stable_ones():
    naive = GANLoss(
        "typed from a paper",
        real=-sp.log(1 / (1 + sp.exp(-c))),
        fake=-sp.log(1 - 1 / (1 + sp.exp(-c))),
        gen=sp.log(1 + sp.exp(-c)),
        link=sp.exp(c) / (1 + sp.exp(c)),
    )
    extreme = torch.tensor([-1e4, 1e4])
    assert naive.critic_loss_per_sample(extreme, extreme)[0].tolist() == [1e4, 0]
    assert naive.critic_loss_per_sample(extreme, extreme)[1].tolist() == [0, 1e4]
    assert naive.gen == softplus(-c) and naive.link == sigmoid(c)


@pytest.mark.parametrize("whole", [softplus, sigmoid, log_sigmoid])
def test_whole_functions_equal_their_exponential_forms(whole):
    """Value, derivative and simplification at log u agree with the textbook form, at 50 digits."""
    written_out = whole(c).rewrite("exp")
    with mpmath.workdps(50):
        for x in (-30, -2, 0.7, 11):
            for k in range(3):
                ours, naive = (to_mpmath(e.diff(c, k))(mpmath.mpf(x)) for e in (whole(c), written_out))
                assert mpmath.almosteq(ours, naive, 1e-35)
    assert sp.simplify(whole(sp.log(gm.u)) - written_out.subs(c, sp.log(gm.u))) == 0
    assert stabilise(written_out) in (whole(c), -softplus(-c))


def test_every_printer_gives_the_same_numbers():
    expr = softplus(-c) * sigmoid(c) + relu(1 - c) + sp.Max(0, c) + sp.Abs(c - 2)
    expr += sp.Piecewise((c**2, c < 1), (2 * c - 1, True)) + log_sigmoid(c)
    for x in (-3.0, 0.25, 1.5, 40.0):
        true = to_mpmath(expr)(mpmath.mpf(x))
        assert float(to_numpy(expr)(x)) == pytest.approx(float(true), rel=1e-14)
        assert to_torch(expr)(torch.tensor(x, dtype=torch.float64)).item() == pytest.approx(
            float(true), 1e-14
        )


def test_javascript_names_helpers_and_parameters():
    text = gm.losses["lsgan"].to_javascript()
    assert "C - k.b" in text and "parameters: { a: 0.0, b: 1.0, c: 1.0 }" in text
    assert to_javascript(softplus(-c)) == "softplus(-C)" and "const softplus" in javascript_helpers()


def test_latex_shows_both_objectives():
    text = gm.losses["minimax"].latex()
    assert r"\mathbb{E}_{p}" in text and r"\operatorname{softplus}" in text and "L_G" in text


def test_decimal_fractions_are_taken_as_written():
    loss = GANLoss("weighted", real=0.95 * softplus(-c), fake=softplus(c), gen=-softplus(c))
    assert loss.real == sp.Rational(19, 20) * softplus(-c)
    assert gm.derive(loss).claims["critic_divergence"].evidence.kind == "proved"


def test_a_pair_tells_parameters_of_one_name_apart():
    """The alpha of the alpha-loss is positive, that of the alpha-divergences is any real number."""
    both = GANLoss.pair("alpha", "fgan-alpha")
    assert {x.keyword for x in both.parameters} == {"alpha", "generator_alpha"}
    one = both(alpha=3, generator_alpha=-1)
    assert one.real == gm.losses["alpha"](alpha=3).real and one.gen == gm.losses["fgan-alpha"](alpha=-1).gen
    orders = GANLoss.pair("alpha", "renyi")  # both are called alpha and both are positive
    assert {x.keyword for x in orders.parameters} == {"alpha", "generator_alpha"}
    anchor = GANLoss.pair("lecam", "lsgan")  # the one's anchor and the other's label are both called a
    assert len({str(x.symbol) for x in anchor.parameters}) == len(anchor.parameters)
    shared = GANLoss.pair("lsgan", "lsgan")
    assert [x.keyword for x in shared.parameters] == [x.keyword for x in gm.losses["lsgan"].parameters]


def test_a_pair_keeps_defaults_that_differ_apart():
    weight = sp.Symbol("w", positive=True)

    def weighted(name, default):
        parameter = gm.Parameter("w", weight, sp.S(default), "w, the generator's weight")
        return GANLoss(
            name, weight * softplus(-c), softplus(c), -weight * softplus(c), parameters=(parameter,)
        )

    three = GANLoss.pair(GANLoss.pair(weighted("one", 1), weighted("two", 2)), weighted("three", 3))
    assert {x.keyword: x.default for x in three.parameters} == {"w": 1, "generator_w": 3}
    fake = torch.tensor([0.7])
    assert three.generator_loss(fake).item() == pytest.approx(-3 * softplus(0.7).evalf())
    same = GANLoss.pair(weighted("one", 1), weighted("other", 1))
    assert [x.keyword for x in same.parameters] == ["w"]
