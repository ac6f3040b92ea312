"""Displayed equations of the chapter on least squares (Mao et al. 2017, arXiv 1611.04076).

A bar marks the critic that is held fixed while the generator moves. gamma is the generator's target in
units of the critic's two labels, (c - a)/(b - a): nothing else of a coding matters.
"""

from typing import Any

import sympy as sp

from ganmath.theory.catalogue import losses
from ganmath.theory.derive import derive
from ganmath.theory.equations.language import (
    KL,
    Chi2,
    E,
    Frozen,
    Gradient,
    Int,
    Known,
    LeCam,
    add,
    m,
    times,
)
from ganmath.theory.equations.registry import Equation, chain, definition, derived, objectives, stack
from ganmath.theory.expression import as_exponentials, c, p, q, sigmoid, u
from ganmath.theory.loss import GANLoss
from ganmath.theory.optimum import optimum, tidy

_loss = losses["lsgan"]
_binary, _centred = _loss(a=0, b=1, c=1), _loss(a=-1, b=1, c=0)
_a, _b, _c = (parameter.symbol for parameter in _loss.parameters)
_gamma = sp.Symbol("gamma", real=True)
_half, _quarter, _eighth = sp.Rational(1, 2), sp.Rational(1, 4), sp.Rational(1, 8)
_labels = sp.Pow(add(_b, times(-1, _a)), 2)  # (b - a)^2, in this order
_best = (_b * p + _a * q) / (p + q)
_C = Known(sp.Symbol("C^*"), _best)
_D = p / (p + q)
_held = Frozen(Known(sp.Symbol(r"\bar{C}"), _D))

logistic = GANLoss(
    "squares of probabilities",
    real=(sigmoid(c) - 1) ** 2 / 2,
    fake=sigmoid(c) ** 2 / 2,
    gen=(sigmoid(c) - 1) ** 2 / 2,
    link=sigmoid(c),
)
"""The least-squares loss (0, 1, 1) of a probability instead of the critic's output."""


def _same(left: Any, right: Any) -> bool:
    return bool(tidy(as_exponentials(sp.sympify(left) - sp.sympify(right))) == 0)


def _claim(name: str, right: Any, left: Any) -> Equation:
    """name = right, where `left` is what the package derives for that name."""
    return derived(
        name, name, right, lambda: _same(left(), right.doit() if hasattr(right, "doit") else right)
    )


def _gen(loss: GANLoss) -> sp.Expr:
    """The generator's per-sample loss at the optimal critic, a function of u."""
    return tidy(loss.gen.subs(c, optimum(loss).critic))


def _push(loss: GANLoss) -> sp.Expr:
    """k(u) with -grad_x gen(C*(x)) = k(u(x)) grad_x log u(x)."""
    return tidy(-u * _gen(loss).diff(u))


def _in_gamma(expr: sp.Expr) -> sp.Expr:
    """An expression with the generator's target c written as a + gamma (b - a)."""
    return sp.sympify(expr).subs(_c, _a + _gamma * (_b - _a))


def _square(x: sp.Expr, y: Any) -> sp.Expr:
    return sp.Pow(add(x, times(-1, y)), 2)


_followed_any = (_b - _a) ** 2 * (_gamma - (1 - _gamma) * u) / (u * (1 + u) ** 3)
_f = derive(_binary).generator_divergence
assert _f is not None  # f_G'' = 1/(u (1 + u)^3) is positive
_f_shown = add(
    times(u, sp.log(2 * u / (1 + u))),
    times(1 - u, 3 + 5 * u, 1 / (8 * (1 + u))),
)

EQUATIONS = (
    definition("lsgan.losses", _loss.latex(), **objectives(_loss)),
    chain(
        "lsgan.square",
        add(times(_half, p, _square(c, _b)), times(_half, q, _square(c, _a))),
        add(
            times(_half, add(p, q), _square(c, _C)),
            times(_half, _labels, p, q, 1 / (p + q)),
        ),
    ),
    stack(
        "lsgan.optimum",
        _claim(
            "C^*(x)",
            times(add(times(_b, p), times(_a, q)), 1 / (p + q)),
            lambda: optimum(_loss).critic.subs(u, p / q),
        ),
        _claim(r"\frac{C^*(x) - a}{b - a}", _D, lambda: derive(_loss).optimal_discriminator),
    ),
    chain(
        "lsgan.least",
        times(_half, _labels, Int(p * q / (p + q))),
        add(times(_quarter, _labels), times(-_eighth, _labels, LeCam(p, q))),
        lhs=r"\min_C L_D",
    ),
    chain(
        "lsgan.excess",
        add(
            times(_half, E(p, add(_square(c, _b), times(-1, _square(_C, _b))))),
            times(_half, E(q, add(_square(c, _a), times(-1, _square(_C, _a))))),
        ),
        E(m, _square(c, _C)),
        lhs="L_D(C) - L_D(C^*)",
    ),
    chain(
        "lsgan.coding",
        add(E(p, _square(_C, _c)), E(q, _square(_C, _c))),
        add(_square(_b, _c), _square(_a, _c), times(-1, _labels, Int(p * q / (p + q)))),
        add(
            _square(_b, _c),
            _square(_a, _c),
            times(-_half, _labels),
            times(_quarter, _labels, LeCam(p, q)),
        ),
    ),
    chain(
        "lsgan.paper",
        Int(times(sp.Pow(add(times(_b - _c, p), times(_a - _c, q)), 2), 1 / (p + q))),
        add(E(p, _square(_C, _c)), E(q, _square(_C, _c))),
    ),
    chain(
        "lsgan.pearson",
        Int(times(sp.Pow(add(times(2, q), times(-1, add(p, q))), 2), 1 / (p + q))),
        times(2, Chi2(q, m)),
        LeCam(p, q),
    ),
    derived(
        "lsgan.followed_any",
        "f_G''(u)",
        times(_labels, add(_gamma, times(-1, add(1, times(-1, _gamma)), u)), 1 / u, sp.Pow(1 + u, -3)),
        lambda: _same(_in_gamma(derive(_loss).generator_second_derivative), _followed_any),
    ),
    stack(
        "lsgan.followed_two",
        _claim(
            r"(0, 1, 1)\colon \quad f_G''(u)",
            1 / (u * (1 + u) ** 3),
            lambda: derive(_binary).generator_second_derivative,
        ),
        _claim(
            r"(-1, 1, 0)\colon \quad f_G''(u)",
            times(-2, add(u, -1), 1 / u, sp.Pow(1 + u, -3)),
            lambda: derive(_centred).generator_second_derivative,
        ),
    ),
    chain(
        "lsgan.followed",
        Gradient(times(_half, E(q, _square(_held, 1)))),
        Gradient(add(KL(p, m), times(-_eighth, LeCam(p, q)))),
    ),
    stack(
        "lsgan.prices",
        derived("", "f_G(u)", _f_shown, lambda: _same(_f.f, _f_shown.doit())),
        derived(
            "", r"\lim_{u \to 0} f_G(u)", sp.Rational(3, 8), lambda: sp.limit(_f.f, u, 0) == sp.Rational(3, 8)
        ),
        derived(
            "",
            r"\lim_{u \to \infty} \frac{f_G(u)}{u}",
            add(sp.log(2), -sp.Rational(5, 8)),
            lambda: _same(sp.limit(_f.f / u, u, sp.oo), sp.log(2) - sp.Rational(5, 8)),
        ),
    ),
    stack(
        "lsgan.readings",
        _claim("f_G''(u)", 1 / (u * (1 + u) ** 3), lambda: derive(_binary).generator_second_derivative),
        _claim("f_V''(u)", 3 / (1 + u) ** 4, lambda: derive(_binary).generator_value.f.diff(u, 2)),
        _claim("f_D''(u)", 1 / (1 + u) ** 3, lambda: derive(_binary).critic_divergence.f.diff(u, 2)),
    ),
    stack(
        "lsgan.push",
        _claim("k_{(0, 1, 1)}(u)", u / (1 + u) ** 3, lambda: _push(_binary)),
        _claim("k_{(-1, 1, 0)}(u)", times(2, u, 1 - u, sp.Pow(1 + u, -3)), lambda: _push(_centred)),
        _claim(r"k_{\text{minimax}}(u)", u / (1 + u), lambda: _push(losses["minimax"])),
        _claim(r"k_{\text{non-saturating}}(u)", 1 / (1 + u), lambda: _push(losses["nonsaturating"])),
    ),
    stack(
        "lsgan.sigmoid",
        _claim(
            r"\frac{d}{dC}\,\tfrac{1}{2}\left(\sigma(C) - 1\right)^2",
            times(-1, sigmoid(c), sp.Pow(sigmoid(-c), 2)),
            lambda: logistic.gen.diff(c),
        ),
        _claim(
            r"\frac{d}{dC}\,\tfrac{1}{2}\,\sigma(C)^2",
            times(sp.Pow(sigmoid(c), 2), sigmoid(-c)),
            lambda: logistic.fake.diff(c),
        ),
        _claim(r"C^*(u)", sp.log(u), lambda: optimum(logistic).critic),
    ),
)
