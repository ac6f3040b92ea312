"""Penalties equal closed forms and symbolic gradients; constraints are kept, or refused with a way out."""

import copy

import pytest
import sympy as sp
import torch
from torch import nn

import ganmath as gm
from ganmath.networks import MLP, Bounded, build, dcgan_discriminator
from ganmath.regularizers import bounded, penalty, unmet
from ganmath.training import critic_step, generator_step
from ganmath.training.steps import Game

g = gm.g
GP = gm.GradientTerm("between", (g - 1) ** 2, weight=10)
LP = gm.GradientTerm("between", gm.relu(g - 1) ** 2, weight=10)
R1 = gm.GradientTerm("real", g**2 / 2, weight=3)
R2 = gm.GradientTerm("fake", g**2 / 2, weight=3)
DRAGAN = gm.GradientTerm("around", (g - 1) ** 2, weight=10)
QUIET = {"progress": False, "device": "cpu"}


class Quadratic(nn.Module):
    """C(x) = x'Ax/2 + b'x for a symmetric A, with the gradient Ax + b."""

    def __init__(self, d: int = 3):
        super().__init__()
        self.A = nn.Parameter(torch.eye(d, dtype=torch.float64) * 0.7)
        self.b = nn.Parameter(torch.arange(1.0, d + 1, dtype=torch.float64) / 5)

    def forward(self, x):
        return ((x @ self.A) * x).sum(1) / 2 + x @ self.b


def _linear(slope: list[float]) -> nn.Module:
    critic = nn.Linear(len(slope), 1)
    critic.weight.data = torch.tensor([slope])
    return critic


def _batches(n: int = 64, d: int = 3, dtype=torch.float64):
    draw = torch.Generator().manual_seed(0)
    return (torch.randn(n, d, generator=draw, dtype=torch.float64).to(dtype) for _ in range(2))


@pytest.mark.parametrize("term", [GP, LP, R1, R2, DRAGAN])
@pytest.mark.parametrize("slope", [[0.6, 0.8], [3.0, 4.0], [0.3, 0.4]])
def test_a_linear_critic_pays_the_term_at_its_slope(term, slope):
    """A batch norm of gradients in place of per-sample ones would make (8 - 1)^2 of the first."""
    real, fake = _batches(d=2, dtype=torch.float32)
    norm = (slope[0] ** 2 + slope[1] ** 2) ** 0.5
    expected = float(term.weight * term.term.subs(g, sp.nsimplify(norm)))
    assert term.value(_linear(slope), real, fake).item() == pytest.approx(expected, rel=1e-5, abs=1e-10)


def test_images_have_one_norm_each():
    images = torch.randn(5, 2, 4, 4, dtype=torch.float64)
    critic = lambda x: 3 * x.flatten(1).sum(1)  # noqa: E731  # gradient 3 everywhere, norm 3 sqrt(32)
    assert R1.value(critic, images, images).item() == pytest.approx(3 * 9 * 32 / 2)


@pytest.mark.parametrize(
    "term", [R1, R2, gm.GradientTerm("real", (g - 1) ** 2), gm.GradientTerm("real", g**3)]
)
def test_gradient_in_the_weights_equals_the_symbolic_one(term):
    """For the critic x'Ax/2 + b'x: E t(|Ax + b|), differentiated by sympy at each sample."""
    critic = Quadratic(2)
    real, fake = _batches(n=5, d=2)
    term.value(critic, real, fake).backward()
    a = sp.Matrix(2, 2, sp.symbols("a:4", real=True))
    b, x = sp.Matrix(sp.symbols("b:2", real=True)), sp.Matrix(sp.symbols("x:2", real=True))
    slope = (a + a.T) / 2 * x + b
    cost = float(term.weight) * term.term.subs(g, sp.sqrt(slope.dot(slope)))
    at = dict(zip((*a, *b), (*critic.A.detach().flatten().tolist(), *critic.b.tolist()), strict=True))
    points = (real if term.at == "real" else fake).tolist()
    for variables, ours in ((a, critic.A.grad), (b, critic.b.grad)):
        for symbol, value in zip(variables, ours.flatten().tolist(), strict=True):
            exact = cost.diff(symbol).subs(at)
            mean = sum(float(exact.subs(dict(zip(x, point, strict=True)))) for point in points) / len(points)
            assert value == pytest.approx(mean, rel=1e-10)


def test_points_between_lie_on_the_segments_one_share_for_each_sample():
    """At x between r and f the gradient of |x|^2/2 is x: on the segments, not all over the box."""
    real, fake = torch.zeros(1000, 2, dtype=torch.float64), torch.ones(1000, 2, dtype=torch.float64)
    seen = []
    gm.GradientTerm("between", g**2).value(
        lambda x: (seen.append(x.detach()), (x**2).sum(1) / 2)[1], real, fake
    )
    (x,) = seen
    assert torch.equal(x[:, 0], x[:, 1]) and 0 <= x.min() < 0.05 and 0.95 < x.max() <= 1
    assert x[:, 0].mean().item() == pytest.approx(0.5, abs=0.05) and len(x[:, 0].unique()) > 900
    with pytest.raises(ValueError, match="as many of each"):
        GP.value(_linear([1.0, 0.0]), real[:3].float(), fake.float())


def test_a_steep_critic_in_the_gap_pays_where_a_penalty_at_real_points_would_not():
    """Slope 50 between two far points, flat at both."""
    critic = lambda x: 25 * torch.tanh(x * 2).flatten()  # noqa: E731  # slope 50 at 0
    real, fake = torch.full((2000, 1), 6.0), torch.full((2000, 1), -6.0)
    assert GP.value(critic, real, fake).item() > 1000
    at_real = gm.GradientTerm("real", (g - 1) ** 2, weight=10)
    assert at_real.value(critic, real, fake).item() == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize("term", [GP, LP, R1, DRAGAN, gm.GradientTerm("real", g)])
def test_a_flat_critic_has_gradient_zero_not_nan(term):
    critic = nn.Linear(2, 1)
    nn.init.zeros_(critic.weight)
    real, fake = _batches(d=2, dtype=torch.float32)
    term.value(critic, real, fake).backward()
    assert torch.equal(critic.weight.grad, torch.zeros(1, 2))


@pytest.mark.parametrize("term", [R1, R2])
def test_in_the_pass_of_the_loss_or_in_its_own_the_step_is_the_same(term):
    real, fake = _batches()
    own, shared = Quadratic(), Quadratic()
    loss = gm.losses["nonsaturating"]
    value = loss.critic_loss(own(real), own(fake)) + term.value(own, real, fake)
    value.backward()
    optimizer = torch.optim.SGD(shared.parameters(), lr=0.1)
    before = [w.clone() for w in shared.parameters()]
    step = Game.of(loss, shared, [term]).critic_step(optimizer, real, fake)
    assert step[0].item() == pytest.approx(value.item(), rel=1e-6)  # outputs are float32 in the step
    for old, new, w in zip(before, shared.parameters(), own.parameters(), strict=True):
        torch.testing.assert_close((old - new) / 0.1, w.grad, rtol=1e-5, atol=1e-6)


def test_every_third_step_pays_three_times():
    real, fake = _batches()
    critic = Quadratic()
    sgd = torch.optim.SGD(critic.parameters(), lr=0.0)
    lazy = Game.of(gm.losses["lsgan"], critic, [gm.GradientTerm("real", g**2 / 2, weight=3, every=3)])
    plain = Game.of(gm.losses["lsgan"], critic)
    base = plain.critic_step(sgd, real, fake)[0].item()
    paid = [lazy.critic_step(sgd, real, fake, step)[0].item() - base for step in range(6)]
    one = R1.value(critic, real, fake).item()
    assert paid == pytest.approx([3 * one, 0, 0, 3 * one, 0, 0], rel=1e-5, abs=1e-6)


def test_penalties_of_a_loss_and_of_fit_add_up_and_leave_the_generator_alone():
    real, fake = _batches(d=2, dtype=torch.float32)
    critic = MLP(2, 8, 1)
    generator = nn.Linear(2, 2)
    loss = gm.losses["nonsaturating-r1"](gamma=3)
    game = Game.of(loss, critic, [R2])
    value = game.critic_step(torch.optim.SGD(critic.parameters(), lr=0.0), real, generator(fake))
    made = generator(fake).detach()
    plain = loss.critic_loss(critic(real).flatten(), critic(made).flatten())
    expected = plain + R1.value(critic, real, made) + R2.value(critic, real, made)
    assert value[0].item() == pytest.approx(expected.item(), rel=1e-5)
    assert all(w.grad is None for w in generator.parameters())


def test_public_steps_take_the_penalties_of_the_loss():
    real, fake = _batches(d=2, dtype=torch.float32)
    critic = _linear([3.0, 4.0])
    value = critic_step(
        gm.losses["wgan-gp"], critic, torch.optim.SGD(critic.parameters(), lr=0.0), real, fake
    )
    plain = gm.losses["wgan-gp"].critic_loss(critic(real), critic(fake))
    assert value[0].item() == pytest.approx(plain.item() + 160, rel=1e-5)
    mover = nn.Linear(2, 2)
    before = copy.deepcopy(critic.state_dict())
    generator_step(gm.losses["wgan-gp"], critic, torch.optim.SGD(mover.parameters(), lr=0.1), mover(fake))
    assert all(torch.equal(before[k], v) for k, v in critic.state_dict().items())


def test_bfloat16_does_not_bend_the_gradient_of_a_penalty():
    """Inside autocast the penalty runs in float32; computed there it would be off by a percent."""
    critic = MLP(3, 64, 64, 1)
    real, fake = _batches(dtype=torch.float32)
    expected = R1.value(critic, real, fake)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert R1.value(critic, real, fake).item() == pytest.approx(expected.item(), rel=1e-6)
        game = Game.of(gm.losses["nonsaturating"], critic, [R1])
        plain = Game.of(gm.losses["nonsaturating"], critic)
        still = torch.optim.SGD(critic.parameters(), lr=0.0)
        extra = game.critic_step(still, real, fake)[0] - plain.critic_step(still, real, fake)[0]
    assert extra.item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"at": "everywhere", "term": g}, "taken at one of"),
        ({"at": "real", "term": sp.Symbol("x")}, "gm.g"),
        ({"at": "real", "term": g, "weight": -1}, "not negative"),
        ({"at": "real", "term": g, "every": 0}, "positive integer"),
        ({"at": "real", "term": g, "every": 2.5}, "positive integer"),
    ],
)
def test_a_penalty_that_is_none_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        gm.GradientTerm(**settings)


def test_an_open_weight_is_refused_by_name():
    with pytest.raises(ValueError, match="lam"):
        penalty(gm.GradientTerm("real", g**2, weight=sp.Symbol("lam", positive=True)))


# --- constraints ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", [(0, sp.oo), (-sp.oo, 3), (-0.5, 0.5)])
def test_bounded_outputs_fill_the_interval_increasingly_and_come_back_from_their_spec(ends):
    low, high = (float(sp.sympify(end)) for end in ends)
    critic = bounded(nn.Identity(), gm.Interval(*ends))
    raw = torch.tensor([-1e4, -40.0, -1.0, 0.0, 1.0, 40.0, 1e4])
    out = critic(raw)
    assert (out >= low).all() and (out <= high).all() and (out.diff() >= 0).all()
    assert out[2] < out[3] < out[4]
    rebuilt = build(bounded(MLP(2, 4, 1), gm.Interval(*ends)).spec)
    assert isinstance(rebuilt, Bounded) and rebuilt.ends == (low, high)
    assert bounded(critic, gm.Interval(*ends)) is critic and bounded(raw, gm.Free()) is raw


@pytest.mark.parametrize("name", ["ebgan", "fgan-total-variation"])
def test_outputs_stay_in_the_interval_that_the_loss_asks_for(name, tmp_path):
    """Without an output activation the energy runs to -119 and the total-variation critic to -7."""
    loss = gm.losses[name]
    low, high = (float(end) for end in loss.domain)
    file = tmp_path / "run"
    run = gm.fit(loss, gm.toys["ring"], steps=200, seed=1, lr=1e-3, checkpoint=file, **QUIET)
    x = 10 * torch.randn(500, 2)
    for critic in (run.critic, gm.load_run(file).critic):
        out = critic(x)
        assert (out >= low).all() and (out <= high).all()
    for column in ("c_real", "c_fake"):
        assert run.history[column].min() >= low and run.history[column].max() <= high
    torch.testing.assert_close(gm.load_run(file).critic(x), run.critic(x))
    alone = gm.fit_critic(loss, gm.toys["ring"], torch.randn(1000, 2), steps=20, **QUIET)
    assert (alone.critic(x) >= low).all() and (alone.critic(x) <= high).all()


def test_a_critic_of_the_users_own_is_loaded_with_its_interval(tmp_path):
    own = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    run = gm.fit(
        gm.losses["ebgan"], gm.toys["ring"], critic=own, steps=3, checkpoint=tmp_path / "run", **QUIET
    )
    again = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    x = torch.randn(9, 2)
    loaded = gm.load_run(tmp_path / "run", critic=again)
    torch.testing.assert_close(loaded.critic(x), run.critic(x))


@pytest.mark.parametrize("normalise", [nn.utils.spectral_norm, nn.utils.parametrizations.spectral_norm])
def test_spectral_normalisation_counts_in_all_layers_only_in_either_spelling_of_torch(normalise):
    critic = MLP(2, 4, 1)
    normalise(critic[0])
    assert "nothing keeps the critic Lipschitz" in unmet(gm.Lipschitz(), critic, ())
    normalise(critic[2])
    assert unmet(gm.Lipschitz(), critic, ()) == ""


def test_the_gradient_penalty_at_real_points_costs_no_pass_through_the_fakes():
    """With the gradient taken in the loss's pass the two halves of the batch go apart, else together."""
    sizes = []
    critic = MLP(2, 4, 1)
    critic.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    real, fake = _batches(n=6, d=2, dtype=torch.float32)
    adam = torch.optim.Adam(critic.parameters())
    for penalties in ((), (R1,), (GP,)):
        Game.of(gm.losses["lsgan"], critic, penalties).critic_step(adam, real, fake)
    assert sizes == [12, 6, 6, 12, 6]


def test_a_lipschitz_loss_without_means_names_the_ways():
    with pytest.raises(ValueError, match=r"GradientTerm.*spectral"):
        gm.fit(gm.losses["wgan"], gm.toys["ring"], steps=1, **QUIET)
    with pytest.raises(ValueError, match="Lipschitz"):
        gm.fit_critic(gm.losses["wgan"], gm.toys["ring"], torch.randn(1000, 2), steps=1, **QUIET)
    assert gm.fit(gm.losses["wgan"], gm.toys["ring"], steps=2, penalties=[LP], **QUIET).step == 2
    assert unmet(gm.Lipschitz(), dcgan_discriminator(norm="spectral", width=2), ()) == ""
    assert unmet(gm.Lipschitz(), dcgan_discriminator(norm="none", width=2), ()) != ""


def test_a_penalised_critic_with_batch_normalisation_is_refused_and_the_default_has_none():
    data = gm.load("fashion-mnist", "test", sample=True)
    loss = gm.losses["wgan-gp"]
    with pytest.raises(ValueError, match='norm="none"'):
        gm.fit(loss, data, critic=dcgan_discriminator(width=2), steps=1, **QUIET)
    run = gm.fit(loss, data, steps=1, batch_size=4, **QUIET)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in run.critic.modules())


def test_penalties_that_are_none_are_refused():
    with pytest.raises(TypeError, match="gm.GradientTerm"):
        gm.fit(gm.losses["minimax"], gm.toys["ring"], steps=1, penalties=["R1"], **QUIET)
    with pytest.raises(TypeError, match="gm.GradientTerm"):
        gm.losses["minimax"].replace(penalties=["R1"])
    with pytest.raises(TypeError, match="gm.Interval"):
        gm.losses["minimax"].replace(constraint=(0, 1))
    assert gm.losses["minimax"].replace(penalties=R1).penalties == (R1,)


# --- learned equals derived -----------------------------------------------------------------------


def test_the_penalised_critic_between_two_points_has_slope_one_and_the_value_of_the_closed_form():
    """Point masses at distance d, linear critics of slope s: -s d + 10 (s - 1)^2 is least at s = 1 + d/20."""
    d = 2.0
    real, fake = torch.full((64, 1), d), torch.zeros(64, 1)
    critic = _linear([0.5])  # a negative slope would lead to the other minimum, at d/20 - 1
    run = gm.fit_critic(gm.losses["wgan-gp"], real, fake, critic, steps=2000, batch_size=64, lr=3e-2, **QUIET)
    slope = run.critic.weight.item()
    assert slope == pytest.approx(1 + d / 20, abs=2e-4)
    assert run.history["critic_loss"][-1] == pytest.approx(-d - d**2 / 40, abs=1e-4)


def test_records_say_which_penalties_and_old_settings_keep_their_keys(tmp_path):
    run = gm.fit(gm.losses["minimax"], gm.toys["ring"], steps=2, penalties=[R1], **QUIET)
    assert run.record["settings"]["penalties"] == [R1.described()]
    plain = gm.fit(gm.losses["minimax"], gm.toys["ring"], steps=2, **QUIET)
    assert "penalties" not in plain.record["settings"]
    assert plain.record["settings"]["loss"] == {
        "name": "minimax",
        "real": "softplus(-C)",
        "fake": "softplus(C)",
        "gen": "-softplus(C)",
        "gen_real": "0",
    }


def test_no_sympy_runs_in_a_step(monkeypatch):
    loss, critic = gm.losses["wgan-gp"], MLP(2, 8, 1)
    game = Game.of(loss, critic, [R1])
    mover = nn.Linear(2, 2)
    adam = [torch.optim.Adam(m.parameters()) for m in (critic, mover)]
    real, fake = _batches(d=2, dtype=torch.float32)

    def refuse(*_args, **_settings):
        raise AssertionError("sympy ran")

    for place, name in ((sp.Basic, "__new__"), (sp.Basic, "subs"), (sp, "lambdify"), (sp.Basic, "__hash__")):
        monkeypatch.setattr(place, name, refuse)
    game.critic_step(adam[0], real, mover(fake))
    game.generator_step(adam[1], mover(fake), real)


@pytest.mark.parametrize("spread", [0, -1, float("nan"), float("inf")])
def test_noise_around_real_samples_has_a_size(spread):
    with pytest.raises(ValueError, match="spread"):
        gm.GradientTerm("around", g, spread=spread)
