"""Displayed equations of the chapter on interpolating losses.

Sources: Kurri, Sypherd and Sankar 2021 (alpha-loss, Arimoto divergence); Bhatia et al. 2021 (Rényi and
LkGAN); Lin 2017 (Softmax GAN). That LkGAN and RényiGAN share their step is our own reading.
"""

from typing import Any

import sympy as sp

from ganmath.theory.catalogue import losses
from ganmath.theory.derive import derive
from ganmath.theory.divergence import divergences
from ganmath.theory.equations.language import JS, KL, TV, Int, Known, add, m, times
from ganmath.theory.equations.registry import Equation, definition, derived, objectives, stack
from ganmath.theory.expression import as_exponentials, c, p, q, to_latex, u
from ganmath.theory.loss import GANLoss
from ganmath.theory.optimum import optimum, tidy
from ganmath.theory.softmax import SoftmaxLoss

_loss, _renyi, _lk, _softmax = (losses[name] for name in ("alpha", "renyi", "lkgan", "softmax"))
_alpha = _loss.parameters[0].symbol
_k = next(x.symbol for x in _lk.parameters if x.keyword == "k")
_a, _b = sp.symbols("a b", real=True)
_v = sp.Symbol("v", positive=True)
_log2 = sp.log(2)
_factor = _alpha / add(_alpha, -1)
_root = (1 + u**_alpha) ** (1 / _alpha)
_f = times(_factor, add(_root, times(-1, 2 ** add(1 / _alpha, -1), add(1, u))))


def _over(top: Any, *below: Any) -> sp.Expr:
    """A fraction that prints as one, with symbols in the exponents of its denominator."""
    bottom = below[0] if len(below) == 1 else times(*below)
    whole = sp.Pow(bottom, -1, evaluate=False)
    return whole if top == 1 else times(top, whole)


_power = add(1, u**_alpha) ** add(2, -1 / _alpha)
_curvature = _over(times(_alpha, u ** add(_alpha, -2)), _power)
_push = _over(times(_alpha, u**_alpha), _power)
_arimoto = Known(sp.Symbol(r"A_{\alpha}(p, q)"), Int(q * _f.subs(u, p / q)))
practical = GANLoss(
    "alpha, practical step",
    real=_loss.real,
    fake=_loss.fake,
    gen=_loss.real,
    link=_loss.link,
    parameters=_loss.parameters,
)


def _zero(expr: Any) -> bool:
    expr = as_exponentials(sp.sympify(expr).doit())
    return bool(tidy(expr) == 0 or sp.simplify(sp.powsimp(sp.expand(expr))) == 0 or sp.simplify(expr) == 0)


def _same(left: Any, right: Any) -> bool:
    """Whether a quotient of positive powers is 1."""
    ratio = sp.powsimp(sp.expand_power_base(as_exponentials(left.doit() / right.doit()), force=True))
    return bool(sp.simplify(ratio) == 1)


def _claim(name: str, right: Any, left: Any) -> Equation:
    """name = right, where `left` is what the package derives for that name."""
    return derived(name, name, right, lambda: _zero(left() - right))


def _gen(loss: GANLoss) -> sp.Expr:
    """The generator's term at the optimal critic, a function of u."""
    return loss.gen.subs(c, optimum(loss).critic)


def _followed(loss: GANLoss) -> sp.Expr:
    return derive(loss).generator_second_derivative


def _tends_to_total_variation() -> bool:
    """(1 + u^alpha)^(1/alpha) -> max(1, u), on both sides of u = 1."""
    above = sp.limit(((1 + _v) ** -_alpha + 1) ** (1 / _alpha), _alpha, sp.oo)
    tv = divergences["total-variation"].f
    sides = ((1 + _v, (1 + _v) * above), (1 / (1 + _v), above))
    return all(sp.simplify(side - (1 + x) / 2 - tv.subs(u, x)) == 0 for x, side in sides)


def _renyi_of(density: sp.Expr) -> sp.Expr:
    name = sp.Symbol(rf"R_{{\alpha}}({density}\,\|\,m)")
    return Known(name, sp.log(Int(density**_alpha * m ** (1 - _alpha))) / (_alpha - 1))


def _renyi_integrands() -> bool:
    """2^(alpha - 1) q (q/(p + q))^(alpha - 1) = q^alpha m^(1 - alpha), and with p in place of q."""
    mixture = (p + q) / 2
    return all(
        _zero(sp.log(2 ** (_alpha - 1) * x * (x / (p + q)) ** (_alpha - 1)) - _log(x, mixture))
        for x in (p, q)
    )


def _log(x: sp.Expr, mixture: sp.Expr) -> sp.Expr:
    return _alpha * sp.log(x) + (1 - _alpha) * sp.log(mixture)


def _distance_from_middle() -> bool:
    """C* - (a + b)/2 = (b - a)/2 (p - q)/(p + q), so that (p + q)|C* - c|^k is the integrand shown."""
    best = optimum(_lk).critic.subs(u, p / q)
    return _zero(best - (_a + _b) / 2 - (_b - _a) / 2 * (p - q) / (p + q))


def _lk_turns() -> bool:
    """f_G'' for c = (a + b)/2 below and above u = 1, from |C* - c| = |b - a| |u - 1| / (2 (u + 1))."""
    width = sp.Symbol("w", positive=True)
    for x, size, sign in ((1 / (1 + _v), 1 - u, -1), (1 + _v, u - 1, 1)):
        gen = (width * size / (2 * (u + 1))) ** _k
        right = -2 * _k * sign / u * (width / 2) ** _k * size ** (_k - 1) / (u + 1) ** (_k + 1)
        ratio = sp.powsimp(sp.expand_power_base((-gen.diff(u) / u / right).subs(u, x), force=True))
        if sp.simplify(ratio) != 1:
            return False
    return True


def _lk_direct() -> bool:
    """c = b: C* - b = (a - b)/(1 + u), so that |b - a|^k stands before what the labels 0, 1, 1 give."""
    scales = _zero(optimum(_lk).critic - _lk_b - (_lk_a - _lk_b) / (1 + u))
    return scales and _same(_width**_k * _followed(_lk(a=0, b=1, c=1)), _lk_step)


def _tail() -> sp.Expr:
    """log of k(u) / u^(1 - alpha), written in u^-alpha."""
    return sp.log(_alpha) + (1 / _alpha - 2) * sp.log(1 + u**-_alpha)


_width = sp.Abs(add(_b, -_a))
_lk_step = _over(times(_k, _width**_k), u, add(1, u) ** add(_k, 1))
_lk_a, _lk_b = (next(x.symbol for x in _lk.parameters if x.keyword == key) for key in "ab")
_objectives = SoftmaxLoss().latex()

EQUATIONS = (
    definition("interpolating_losses.alpha_losses", _loss.latex(), **objectives(_loss)),
    stack(
        "interpolating_losses.alpha_optimum",
        _claim("C^*(u)", times(_alpha, sp.log(u)), lambda: derive(_loss).optimal_critic),
        _claim(
            "D^*(x)",
            p**_alpha / (p**_alpha + q**_alpha),
            lambda: derive(_loss).optimal_discriminator,
        ),
        _claim(
            r"\frac{\partial^2 h}{\partial C^2}\Big|_{C^*}",
            _over(u**_alpha, _alpha, _power),
            lambda: (u * _loss.real + _loss.fake).diff(c, 2).subs(c, _alpha * sp.log(u)),
        ),
    ),
    stack(
        "interpolating_losses.alpha_value",
        _claim("h(C^*; u)", times(_factor, add(1, u, -_root)), lambda: derive(_loss).critic_value),
        derived(
            "",
            r"\min_C L_D",
            add(times(_factor, add(2, -(2 ** (1 / _alpha)))), times(-1, _arimoto)),
            lambda: (
                _zero(derive(_loss).critic_divergence.offset - _factor * (2 - 2 ** (1 / _alpha)))
                and _zero(derive(_loss).critic_divergence.f - _f.doit())
            ),
        ),
    ),
    stack(
        "interpolating_losses.arimoto",
        definition("", r"A_{\alpha}(p, q) = \int q\,f_{\alpha}\left(\frac{p}{q}\right) dx"),
        _claim(r"f_{\alpha}(u)", _f, lambda: divergences["arimoto"](_alpha).f),
    ),
    stack(
        "interpolating_losses.limits",
        derived(
            "",
            "A_{1/2}(p, q)",
            Int((sp.sqrt(p) - sp.sqrt(q)) ** 2),
            lambda: _zero(
                q * _f.doit().subs(_alpha, sp.Rational(1, 2)).subs(u, p / q) - (sp.sqrt(p) - sp.sqrt(q)) ** 2
            ),
        ),
        derived(
            "",
            r"\lim_{\alpha \to 1} A_{\alpha}(p, q)",
            2 * JS(p, q),
            lambda: _zero(sp.limit(_f.doit(), _alpha, 1) - 2 * divergences["jensen-shannon"].f),
        ),
        derived(
            "",
            "A_2(p, q)",
            add(2 * Int(sp.sqrt(p**2 + q**2)), -2 * sp.sqrt(2)),
            lambda: _zero(_f.doit().subs(_alpha, 2) - 2 * sp.sqrt(1 + u**2) + sp.sqrt(2) * (1 + u)),
        ),
        derived("", r"\lim_{\alpha \to \infty} A_{\alpha}(p, q)", TV(p, q), _tends_to_total_variation),
    ),
    derived(
        "interpolating_losses.alpha_followed",
        "f_G''(u)",
        _curvature,
        lambda: _same(_followed(_loss), _curvature),
    ),
    stack(
        "interpolating_losses.push",
        _claim("k(u)", _push, lambda: -u * _gen(_loss).diff(u)),
        derived(
            "",
            r"\lim_{u \to 0} \frac{k(u)}{u^{\alpha}}",
            _alpha,
            lambda: (_push.doit() / u**_alpha).subs(u**_alpha, 0) == _alpha,
        ),
        derived(
            "",
            r"\lim_{u \to \infty} \frac{k(u)}{u^{1 - \alpha}}",
            _alpha,
            lambda: (
                _zero(sp.log(_push.doit() / u ** (1 - _alpha)) - _tail())
                and _tail().subs(u**-_alpha, 0) == sp.log(_alpha)
            ),
        ),
    ),
    derived(
        "interpolating_losses.practical",
        r"f_G''(u) = \frac{1}{u}\,f_{\alpha}''(u)",
        _over(times(_alpha, u ** add(_alpha, -3)), _power),
        lambda: (
            _zero(_followed(practical) - _curvature.doit() / u)
            and _zero(_f.doit().diff(u, 2) - _curvature.doit())
        ),
    ),
    definition("interpolating_losses.renyi_losses", _renyi.latex(), **objectives(_renyi)),
    stack(
        "interpolating_losses.renyi_value",
        definition(
            "",
            r"R_{\alpha}(p\,\|\,q) = "
            + to_latex(1 / (_alpha - 1))
            + r"\,\log \int p^{\alpha}\, q^{1 - \alpha}\,dx",
        ),
        derived(
            "",
            r"\frac{1}{\alpha - 1}\,\log \mathbb{E}_{q}\left[(1 - D^*)^{\alpha - 1}\right]",
            add(_renyi_of(q), -_log2),
            _renyi_integrands,
        ),
        derived(
            "",
            r"\frac{1}{\alpha - 1}\,\log \mathbb{E}_{p}\left[(D^*)^{\alpha - 1}\right]",
            add(_renyi_of(p), -_log2),
            _renyi_integrands,
        ),
    ),
    definition("interpolating_losses.lk_losses", _lk.latex(), **objectives(_lk)),
    derived(
        "interpolating_losses.lk_value",
        r"\mathbb{E}_{p}\left[\left|C^* - c\right|^{k}\right] "
        r"+ \mathbb{E}_{q}\left[\left|C^* - c\right|^{k}\right]",
        times((_width / 2) ** _k, Int(_over(sp.Abs(add(p, -q)) ** _k, add(p, q) ** add(_k, -1)))),
        _distance_from_middle,
    ),
    derived(
        "interpolating_losses.lk_middle",
        "f_G''(u)",
        times(
            -1,
            sp.sign(add(u, -1)),
            _over(times(2, _k, sp.Abs(add(u, -1)) ** add(_k, -1)), u, add(1, u) ** add(_k, 1)),
            (_width / 2) ** _k,
        ),
        _lk_turns,
    ),
    stack(
        "interpolating_losses.same_step",
        derived(
            "",
            r"f''_{\mathrm{R},\alpha}(u)",
            _over(1, u, add(1, u) ** _alpha),
            lambda: _same(_followed(_renyi), _over(1, u, add(1, u) ** _alpha)),
        ),
        derived("", r"f''_{\mathrm{L},k}(u)", _lk_step, _lk_direct),
    ),
    definition("interpolating_losses.softmax_losses", _objectives),
    stack(
        "interpolating_losses.softmax_optimum",
        _claim("C^*(u)", sp.log(2 * u / (1 + u)), lambda: derive(_softmax).optimal_critic),
        derived(
            "",
            r"\min_C L_D",
            add(sp.log(2 * sp.Symbol("n", positive=True)), -KL(p, m)),
            lambda: _zero(derive(_softmax).critic_value - u - u * sp.log((1 + u) / (2 * u))),
        ),
        derived(
            "",
            r"L_G\left(C^*\right)",
            add(sp.log(2 * sp.Symbol("n", positive=True)), KL(m, p)),
            lambda: (
                derive(_softmax).generator_value.name == "softened reverse Kullback-Leibler"
                and derive(_softmax).generator_value.divergence.scale == sp.Rational(1, 2)
            ),
        ),
    ),
    derived(
        "interpolating_losses.softmax_followed",
        r"f_G''(u)",
        (1 - u) / (2 * u**2 * (1 + u) ** 2),
        lambda: _zero(_followed(_softmax) - (1 - u) / (2 * u**2 * (1 + u) ** 2)),
    ),
)
