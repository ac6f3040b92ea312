"""Slider figures made from a loss: what they show is what the loss and its derivation say."""

import re

import numpy as np
import pytest
import sympy as sp

import ganmath as gm
from ganmath.theory.expression import c, relu, softplus, to_mpmath, to_numpy, u
from ganmath.widgets import distribution_sliders, loss_figures, loss_sliders
from ganmath.widgets.loss_figures import _between, _integrand, _over_x, _parameter_sliders, _s, _theta, _x

HINGE = gm.GANLoss("my-hinge", real=relu(1 - c), fake=relu(1 + c), gen=-c)
# u/(1 + e^C) = C: no formula
IMPLICIT = gm.GANLoss("my-implicit", real=softplus(-c), fake=c**2 / 2, gen=-c)
UNBOUNDED = gm.GANLoss("my-unbounded", real=-c, fake=-c, gen=-c)


#: Losses with an optimal critic at each ratio u = p/q, as both figures need it.
OF_RATIOS = [name for name, loss in gm.losses.items() if gm.derive(loss).critic_value is not None]


@pytest.fixture(scope="module", params=[*OF_RATIOS, "my-hinge"])
def loss(request):
    return HINGE if request.param == "my-hinge" else gm.losses[request.param]


def readouts(widget):
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", widget.html))


@pytest.mark.parametrize("make", [loss_sliders, distribution_sliders])
def test_every_loss_has_both_figures_with_a_slider_for_each_parameter(loss, make):
    widget = make(loss)
    sliders = widget.html.count('type="range"')
    assert sliders == len(_parameter_sliders(loss)) + (1 if make is loss_sliders else 2)
    assert "undefined" not in readouts(widget).values()


def test_a_loss_of_pairs_is_shown_over_the_difference_of_outputs():
    loss = gm.losses["relativistic-paired"]
    widget = loss_sliders(loss)
    assert "C(x) − C(y)" in widget.html
    shown = [float(x.replace("−", "-")) for x in readouts(widget).values()]
    # log(1 + e^-1) and log(1 + e), their slopes -1/(1 + e) and 1/(1 + e^-1)
    expected = [np.log1p(np.exp(-1)), np.log1p(np.e), -1 / (1 + np.e), 1 / (1 + np.exp(-1))]
    assert shown == pytest.approx(expected, rel=5e-4)  # four digits are shown
    with pytest.raises(ValueError, match=r"loss_sliders shows it over C\(x\) - C\(y\)"):
        distribution_sliders(loss)


@pytest.mark.parametrize("make", [loss_sliders, distribution_sliders])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("relativistic-average", "compares samples with one another"),
        ("softmax-batch", "gm.derive"),
        ("wgan", "no optimal critic over u"),
        ("wgan-gp", "no optimal critic over u"),
    ],
)
def test_losses_without_a_curve_say_what_to_use(make, name, message):
    with pytest.raises(ValueError, match=message):
        make(gm.losses[name])


def test_setting_a_parameter_removes_its_slider():
    lsgan = gm.losses["lsgan"]
    widgets = [loss_sliders(lsgan(a=-1, b=1, c=0)), loss_sliders(lsgan)]
    assert [widget.html.count('type="range"') for widget in widgets] == [1, 4]
    # C* = (u b + a)/(u + 1) at u = 2
    assert readouts(widgets[0])["C*(u)"] == "0.3333"


def test_parameters_keep_their_conditions():
    smoothing = _parameter_sliders(gm.losses["label-smoothing"])[0]
    assert (smoothing.low, smoothing.high, smoothing.start) == (0.0, 0.95, 0.1)
    weight = _parameter_sliders(gm.losses["lecam"])[0]
    assert weight.low > 0
    for loss in gm.losses.values():
        by_symbol = {x.symbol: x for x in loss.parameters}
        for slider in _parameter_sliders(loss):
            parameter = by_symbol[slider.symbol]
            for k in (0, slider.steps // 3, slider.steps):
                loss(**{parameter.keyword: sp.nsimplify(round(slider.at(k), 9), rational=True)})


def test_formulas_with_parameters_hold_when_they_are_set(loss):
    """C* and f_D with symbols, their numbers put in, are those of the loss with its numbers set."""
    sliders = _parameter_sliders(loss)
    theory = gm.derive(loss)
    unseen = {x.symbol: x.default for x in loss.parameters}  # a penalty's weight has no slider
    positions = [
        unseen | {x.symbol: sp.Rational(round(20 * x.at(round(position * x.steps))), 20) for x in sliders}
        for position in (0.2, 0.5, 0.7)
    ]
    allowed = [values for values in positions if all(x.holds(values) for x in loss.parameters)]
    assert len(allowed) >= 2
    for values in allowed[-2:]:
        keywords = {x.keyword: values[x.symbol] for x in loss.parameters}
        own = gm.derive(loss(**keywords))
        for ratio in (0.3, 1.7):
            for general, special in (
                (theory.optimal_critic, own.optimal_critic),
                (theory.critic_divergence.f, own.critic_divergence.f),
            ):
                f = [to_mpmath(e.subs(values), (u,))(ratio) for e in (general, special)]
                # f may differ by a multiple of u - 1; it has none of its own here
                assert abs(f[0] - f[1]) < 1e-12 * (1 + abs(f[1]))


@pytest.mark.parametrize("make", [loss_sliders, distribution_sliders])
@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (IMPLICIT, "the optimal critic of my-implicit has no closed form: draw it with gm.widgets.sliders"),
        (UNBOUNDED, "my-unbounded has no optimal critic"),
    ],
)
def test_without_a_formula_the_error_says_what_to_do(make, loss, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make(loss)


# --- between two normals ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["jensen-shannon", "total-variation", "le-cam", "softened-reverse-kl", "kl"])
@pytest.mark.parametrize(("shift", "width"), [(2.0, 1.0), (4.0, 0.5), (0.5, 2.0)])
def test_divergence_between_normals(name, shift, width):
    divergence = gm.divergences[name]
    with np.errstate(all="ignore"):  # the branch that `where` does not take may overflow
        shown = to_numpy(_between(divergence), (_theta, _s))(shift, width)
    between = divergence.quadrature(gm.Normal(0, 1), gm.Normal(shift, width))
    # kinks cost the quadrature of the first state accuracy; the page's own is adaptive
    assert float(shown) == pytest.approx(float(between), rel=1e-5)


@pytest.mark.parametrize("name", ["jensen-shannon", "le-cam", "squared-hellinger", "total-variation"])
def test_integrand_is_q_f_everywhere(name):
    f = gm.divergences[name].f
    integrand = to_numpy(_integrand(f), (_x, _theta, _s))
    x = np.linspace(-5, 6, 45)
    for shift, width in ((2.0, 1.0), (1.0, 0.5)):
        p = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
        q = np.exp(-((x - shift) ** 2) / (2 * width**2)) / (width * np.sqrt(2 * np.pi))
        with np.errstate(all="ignore"):  # the branch that `where` does not take may overflow
            near = integrand(x, shift, width)
            far = integrand(np.array([-1e6, -50.0, 50.0, 1e6]), shift, width)
        np.testing.assert_allclose(near, q * to_numpy(f, (u,))(p / q), atol=1e-15)
        assert np.isfinite(far).all() and np.abs(far).max() < 1e-100


def test_optimal_critic_of_two_normals_is_their_log_ratio():
    assert sp.expand(_over_x(gm.derive(gm.losses["minimax"]).optimal_critic) - loss_figures._log_ratio) == 0


def test_losses_at_the_optimum_are_those_of_the_theory():
    shown = readouts(distribution_sliders(gm.losses["minimax"]))
    js = float(gm.divergences["jensen-shannon"].quadrature(gm.Normal(0, 1), gm.Normal(2, 1)))
    assert float(shown["Jensen-Shannon"]) == pytest.approx(js, abs=5e-5)
    assert float(shown["critic’s loss at C*"]) == pytest.approx(2 * np.log(2) - 2 * js, abs=5e-5)
