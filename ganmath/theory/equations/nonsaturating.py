"""Displayed equations of the chapter on the non-saturating loss.

A bar marks the discriminator that is held fixed while the generator moves. Sources: Goodfellow et
al. 2014; Arjovsky and Bottou 2017, theorem 2.5; Shannon et al. 2020; Salimans et al. 2016.
"""

from typing import Any

import sympy as sp

from ganmath.theory.catalogue import losses
from ganmath.theory.derive import derive
from ganmath.theory.divergence import divergences
from ganmath.theory.equations.language import (
    JS,
    KL,
    E,
    Frozen,
    Gradient,
    Int,
    Known,
    add,
    m,
    prove_equal,
    times,
)
from ganmath.theory.equations.registry import Equation, chain, definition, derived, objectives, stack
from ganmath.theory.expression import as_exponentials, c, p, q, sigmoid, softplus, u
from ganmath.theory.loss import GANLoss, Parameter
from ganmath.theory.optimum import optimum, tidy

_loss, _minimax, _smoothed = (losses[name] for name in ("nonsaturating", "minimax", "label-smoothing"))
_log2 = sp.log(2)
_s, _t = sp.symbols("s t", positive=True)  # what is taken off the real label, put on the fake one
_w = sp.Symbol("w", positive=True)  # the mass that a generator drops
_held = Frozen(Known(sp.Symbol(r"\bar{D}"), p / (p + q)))
_log_held = Frozen(Known(sp.Symbol(r"\log \bar{D}"), sp.log(p / (p + q))))

two_sided = GANLoss(
    "two-sided smoothing",
    real=(1 - _s) * softplus(-c) + _s * softplus(c),
    fake=(1 - _t) * softplus(c) + _t * softplus(-c),
    gen=softplus(-c),
    link=sigmoid(c),
    parameters=(
        Parameter("s", _s, sp.Rational(1, 10), "s, taken off the real label,"),
        Parameter("t", _t, sp.Rational(1, 10), "t, put on the fake label,"),
    ),
)


def _same(left: Any, right: Any) -> bool:
    return bool(tidy(as_exponentials(sp.sympify(left) - sp.sympify(right))) == 0)


def _claim(name: str, right: Any, left: Any) -> Equation:
    """name = right, where `left` is what the package derives for that name."""
    return derived(name, name, right, lambda: _same(_positive(left()), right))


def _positive(expr: sp.Expr) -> sp.Expr:
    """The catalogue's smoothing symbol as this module's, which is positive."""
    (parameter,) = _smoothed.parameters
    return sp.sympify(expr).subs(parameter.symbol, _s)


def _limit(name: str, right: Any, left: sp.Expr, x: sp.Symbol, to: Any) -> Equation:
    return derived(name, name, right, lambda: sp.limit(left, x, to, "+" if to == 0 else "-") == right)


def _gen(loss: GANLoss) -> sp.Expr:
    """The generator's per-sample loss at the optimal critic, a function of u."""
    return tidy(loss.gen.subs(c, optimum(loss).critic))


def _followed(loss: GANLoss) -> sp.Expr:
    return tidy(-_gen(loss).diff(u) / u)


def _push(loss: GANLoss) -> sp.Expr:
    """k(u) with -grad_x gen(C*(x)) = k(u(x)) grad_x log u(x)."""
    return tidy(-u * _gen(loss).diff(u))


def _dropped(key: str) -> sp.Expr:
    """D_f(p || q) where q is p restricted to a set of p-mass 1 - w, and renormalised."""
    d = divergences[key]
    return d.f.subs(u, 1 - _w) + _w * d.slope_at_infinity


_f = divergences["softened-reverse-kl"].f
_f0 = add(times(1 + u, sp.log((1 + u) / (2 * u))), u, -1)  # the same with f'(1) = 0
_soft_drop = add(times(2 - _w, sp.log((2 - _w) / (2 * (1 - _w)))), times(-1, _w, _log2))
_js_drop = add(times(1 - _w, sp.log(1 - _w)), times(-1, 2 - _w, sp.log((2 - _w) / 2)), times(_w, _log2))
_h_value = add(2 * _log2, times(-1, 1 - _s, sp.log(1 - _s)), times(-1, 1 + _s, sp.log(1 + _s)))
_h = Known(sp.Symbol("h(s)"), _h_value)


def _smoothed_value() -> bool:
    """min L_D = int q h(C*; p/q) dx as `derive` has it, against the two divergences."""
    value = _positive(derive(_smoothed).critic_value).subs(u, p / q)
    mixture = (_s * p + q) / (1 + _s)
    return prove_equal(Int(q * value), _h_value - (1 - _s) * KL(p, m) - (1 + _s) * KL(mixture, m))


EQUATIONS = (
    definition("nonsaturating.losses", _loss.latex(), **objectives(_loss)),
    stack(
        "nonsaturating.weights",
        _claim(r"\frac{d}{dC}\left(-\log D\right)", -sigmoid(-c), lambda: _loss.gen.diff(c)),
        _claim(r"\frac{d}{dC}\log\left(1 - D\right)", -sigmoid(c), lambda: _minimax.gen.diff(c)),
        _claim(
            r"\frac{\text{non-saturating}}{\text{minimax}}",
            sp.exp(-c),
            lambda: _loss.gen.diff(c) / _minimax.gen.diff(c),
        ),
    ),
    chain(
        "nonsaturating.identity",
        add(KL(q, p), -2 * JS(p, q)),
        add(KL(q, p), -KL(q, m), -KL(p, m)),
        add(E(q, sp.log(m / p)), E(p, sp.log(m / p))),
        2 * E(m, sp.log(m / p)),
        2 * KL(m, p),
    ),
    chain(
        "nonsaturating.followed",
        Gradient(E(q, -_log_held)),
        Gradient(2 * KL(m, p)),
        Gradient(add(KL(q, p), -2 * JS(p, q))),
    ),
    stack(
        "nonsaturating.push",
        definition("", r"k(u) = -u\,\frac{d}{du}\,\mathrm{gen}\left(C^*(u)\right)"),
        _claim(r"k_{\text{non-saturating}}(u)", 1 / (1 + u), lambda: _push(_loss)),
        _claim(r"k_{\text{minimax}}(u)", u / (1 + u), lambda: _push(_minimax)),
    ),
    chain(
        "nonsaturating.value",
        E(q, sp.log((p + q) / p)),
        add(E(q, sp.log(q / p)), -E(q, sp.log(q / m)), _log2),
        add(KL(q, p), -KL(q, m), _log2),
        lhs=r"\mathbb{E}_{q}\left[-\log D^*\right]",
    ),
    chain(
        "nonsaturating.total",
        Gradient(E(q, -sp.log(p / (p + q)))),
        Gradient(add(E(q, -_log_held), E(q, 1 - _held))),
    ),
    stack(
        "nonsaturating.curvatures",
        _claim(r"f_G''(u)", 1 / (u**2 * (1 + u)), lambda: derive(_loss).generator_second_derivative),
        _claim(
            r"f_V''(u)",
            (1 + 2 * u) / (u**2 * (1 + u) ** 2),
            lambda: derive(_loss).generator_value.f.diff(u, 2),
        ),
        _claim(
            r"\frac{f_V''(u)}{f_G''(u)}",
            add(1, u / (1 + u)),
            lambda: derive(_loss).generator_value.f.diff(u, 2) / derive(_loss).generator_second_derivative,
        ),
    ),
    chain(
        "nonsaturating.split",
        add(u**-2, -1 / (u * (1 + u))),
        times(u**-2, add(1, -u / (1 + u))),
        1 / (u**2 * (1 + u)),
        lhs=r"f_G''(u)",
    ),
    stack(
        "nonsaturating.limits",
        _claim("f_G(u)", _f0, lambda: _f + u - 1),
        _limit(r"\lim_{u \to 0} f_G(u)", sp.oo, _f + u - 1, u, 0),
        _limit(r"\lim_{u \to \infty} \frac{f_G(u)}{u}", 1 - _log2, (_f + u - 1) / u, u, sp.oo),
    ),
    stack(
        "nonsaturating.dropped",
        _claim(r"\mathrm{KL}(q\,\|\,p)", -sp.log(1 - _w), lambda: _dropped("reverse-kl")),
        _claim(r"2\,\mathrm{JS}(p, q)", _js_drop, lambda: 2 * _dropped("jensen-shannon")),
        _claim(r"2\,\mathrm{KL}(m\,\|\,p)", _soft_drop, lambda: _dropped("softened-reverse-kl")),
        derived(
            "",
            r"\mathrm{KL}(p\,\|\,q)",
            sp.oo,
            lambda: divergences["kl"].slope_at_infinity is sp.oo,
        ),
    ),
    definition("nonsaturating.smoothed_losses", _smoothed.latex(), **objectives(_smoothed)),
    stack(
        "nonsaturating.smoothed_optimum",
        _claim("D^*(x)", times(1 - _s, p, 1 / (p + q)), lambda: derive(_smoothed).optimal_discriminator),
        _claim(
            "C^*(u)", sp.log(times(1 - _s, u, 1 / (1 + _s * u))), lambda: derive(_smoothed).optimal_critic
        ),
        _claim(
            r"\lim_{u \to \infty} C^*(u)",
            sp.log((1 - _s) / _s),
            lambda: sp.log(sp.limit(sp.exp(_positive(derive(_smoothed).optimal_critic)), u, sp.oo)),
        ),
    ),
    stack(
        "nonsaturating.smoothed_value",
        derived(
            "",
            r"\min_D L_D",
            add(
                _h,
                times(-1, 1 - _s, KL(p, m)),
                times(-1, 1 + _s, KL(times(add(times(_s, p), q), 1 / (1 + _s)), m)),
            ),
            _smoothed_value,
        ),
        derived(
            "",
            "h(s)",
            _h_value,
            lambda: _same(_positive(derive(_smoothed).critic_divergence.offset), _h_value),
        ),
    ),
    derived(
        "nonsaturating.smoothed_followed",
        r"f_G''(u) = -\frac{1}{u}\,\frac{d}{du}\left(-\log D^*\right)",
        1 / (u**2 * (1 + u)),
        lambda: _same(_positive(derive(_smoothed).generator_second_derivative), 1 / (u**2 * (1 + u))),
    ),
    stack(
        "nonsaturating.two_sided",
        _claim(
            "D^*(x)",
            times(add(times(1 - _s, p), times(_t, q)), 1 / (p + q)),
            lambda: sigmoid(optimum(two_sided).critic).subs(u, p / q),
        ),
        _claim(
            "k(u)",
            times(1 - _s - _t, u, 1 / (1 + u), 1 / add(times(1 - _s, u), _t)),
            lambda: _push(two_sided),
        ),
    ),
)
