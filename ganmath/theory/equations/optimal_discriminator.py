"""Displayed equations of the chapter on the game and its optimal discriminator."""

from typing import Any

import mpmath
import sympy as sp

from ganmath.theory.derive import derive
from ganmath.theory.equations.language import JS, E, Int, Known, add, m, tex, times
from ganmath.theory.equations.registry import (
    PROVED,
    Equation,
    EquationError,
    chain,
    definition,
    derived,
    numeric,
)
from ganmath.theory.expression import as_exponentials, c, p, q, sigmoid, softplus, u
from ganmath.theory.loss import GANLoss, Parameter
from ganmath.theory.optimum import optimum, tidy

_log2 = sp.log(2)
_D = sp.Symbol("D", positive=True)
_D_of_C = Known(_D, sigmoid(c))
_D_star = Known(sp.Symbol("D^*"), p / (p + q))
_C_star = Known(sp.Symbol("C^*"), sp.log(p / q))
_integrand = add(times(p, softplus(-c)), times(q, softplus(c)))


def _bernoulli_kl(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    return a * sp.log(a / b) + (1 - a) * sp.log((1 - a) / (1 - b))


_kl = Known(sp.Symbol(r"\,\mathrm{kl}(D^*\,\|\,D)"), _bernoulli_kl(p / (p + q), sigmoid(c)))


# --- the game ------------------------------------------------------------------------------------

_value_of_D = add(E(p, sp.log(_D)), E(q, sp.log(add(1, -_D))))
_value = definition(
    "optimal_discriminator.value",
    r"\min_G \max_D V(D, G), \qquad V(D, G) = " + tex(_value_of_D),
    V=_value_of_D,
)

_in_logits = chain(
    "optimal_discriminator.logits",
    add(times(-1, E(p, sp.log(_D_of_C))), times(-1, E(q, sp.log(add(1, times(-1, _D_of_C)))))),
    add(E(p, softplus(-c)), E(q, softplus(c))),
    lhs="L_D(C) = -V(D, G)",
)


# --- the optimum ---------------------------------------------------------------------------------


def _slope() -> Equation:
    slope = times(add(p, q), add(sigmoid(c), times(-1, p / (p + q))))
    first = add(times(-1, p, sigmoid(-c)), times(q, sigmoid(c)))
    steps = chain("optimal_discriminator.stationarity", first, slope, lhs=r"\frac{\partial \ell}{\partial C}")

    def check() -> str:
        if sp.diff(_integrand.doit(), c) - first.doit() != 0:
            raise EquationError("optimal_discriminator.stationarity: the derivative is another one")
        return steps.check()

    return Equation(steps.label, steps.latex, check, steps.sides)


def _optimum_is_derived() -> bool:
    from ganmath.theory.catalogue import losses

    found = derive(losses["minimax"])
    return bool(tidy(found.optimal_discriminator - p / (p + q)) == 0 and found.optimal_critic == sp.log(u))


_optimum = derived(
    "optimal_discriminator.optimum",
    rf"C^*(x) = {tex(sp.log(p / q))}, \qquad D^*(x) = \sigma(C^*(x))",
    p / (p + q),
    _optimum_is_derived,
)


def _curvature_check() -> str:
    second = sp.diff(_integrand.doit(), c, 2) - _curvature_value.doit()
    if not tidy(as_exponentials(second)) == 0 or not _curvature_value.doit().is_positive:
        raise EquationError("optimal_discriminator.curvature: the second derivative is another one")
    if tidy(_curvature_value.doit().subs(c, sp.log(p / q)) - p * q / (p + q)) != 0:
        raise EquationError("optimal_discriminator.curvature: its value at C* is another one")
    return PROVED


_curvature_value = times(add(p, q), sigmoid(c), sigmoid(-c))
_curvature = Equation(
    "optimal_discriminator.curvature",
    rf"\frac{{\partial^2 \ell}}{{\partial C^2}} = {tex(_curvature_value)} > 0, \qquad "
    rf"\frac{{\partial^2 \ell}}{{\partial C^2}}\bigg|_{{C^*}} = {tex(p * q / (p + q))}",
    _curvature_check,
    (_curvature_value,),
)

_least = chain(
    "optimal_discriminator.least",
    add(E(p, sp.log(p / (p + q))), E(q, sp.log(q / (p + q)))),
    add(E(p, sp.log(2 * p / (p + q))), E(q, sp.log(2 * q / (p + q))), times(-2, _log2)),
    add(times(2, JS(p, q)), times(-2, _log2)),
    lhs=r"V(D^*, G) = -\min_C L_D",
)

# --- distance from the optimum -------------------------------------------------------------------

_kl_of_a_b = _bernoulli_kl(*sp.symbols("a b", positive=True))
_kl_definition = definition(
    "optimal_discriminator.kl", r"\mathrm{kl}(a\,\|\,b) = " + tex(_kl_of_a_b), kl=_kl_of_a_b
)

_bregman = chain(
    "optimal_discriminator.bregman",
    _kl,
    add(
        softplus(c),
        times(-1, softplus(_C_star)),
        times(-1, _D_star, add(c, times(-1, _C_star))),
    ),
)

_excess_steps = chain(
    "optimal_discriminator.excess",
    add(
        E(p, add(softplus(-c), times(-1, softplus(times(-1, _C_star))))),
        E(q, add(softplus(c), times(-1, softplus(_C_star)))),
    ),
    Int(times(add(p, q), _kl)),
)
_excess = Equation(
    _excess_steps.label,
    rf"L_D(C) - L_D(C^*) = {tex(_excess_steps.sides[1])}",
    _excess_steps.check,
    _excess_steps.sides,
)


def _pinsker_check() -> str:
    """g(b) = kl(a||b) - 2 (a - b)^2 has g(a) = 0 and falls before a, rises after it."""
    a, b = sp.symbols("a b", positive=True)
    gap = _bernoulli_kl(a, b) - 2 * (a - b) ** 2
    slope = (b - a) * (1 - 2 * b) ** 2 / (b * (1 - b))
    if gap.subs(b, a) != 0 or sp.simplify(gap.diff(b) - slope) != 0:
        raise EquationError("optimal_discriminator.pinsker: the proof does not go through")
    return PROVED


_pinsker = Equation(
    "optimal_discriminator.pinsker",
    r"\begin{aligned} \mathrm{kl}(a\,\|\,b) &\ge 2\,(a - b)^2 \\[0.6ex] "
    + tex(E(m, sp.Pow(add(_D_of_C, times(-1, _D_star)), 2)))
    + r" &\le \tfrac{1}{4}\left(L_D(C) - L_D(C^*)\right) \end{aligned}",
    _pinsker_check,
)

_phi = sp.Function("varphi")
_calibrated = chain(
    "optimal_discriminator.calibrated",
    times(sp.Rational(1, 2), E(p, _phi(_D_star))),
    E(m, times(_D_star, _phi(_D_star))),
)


def _sandwich() -> Any:
    """tr(H^-1 V)/2 minus (1 + Delta/2)/2 for N(0, 1), N(1, 1) and the critic w_0 + w_1 x, n -> oo.

    n samples of each: the fitted w has covariance H^-1 V H^-1 / n, where H is the Hessian of L_D and V
    the sum of the covariances of the two classes' scores. The trapezoidal rule converges geometrically
    for these integrands: they are analytic within pi of the real line, so its error is exp(-2 pi^2/h).
    """
    h = mpmath.mpf(1) / 6
    nodes = [k * h for k in range(-90, 97)]
    dens = [(x, mpmath.npdf(x), mpmath.npdf(x, 1)) for x in nodes]

    def integral(g: Any) -> Any:
        return h * mpmath.fsum(g(x, a, b) for x, a, b in dens)

    overlap = [integral(lambda x, a, b, k=k: a * b / (a + b) * x**k) for k in range(3)]
    second = [
        integral(lambda x, a, b, k=k: (a * (b / (a + b)) ** 2 + b * (a / (a + b)) ** 2) * x**k)
        for k in range(3)
    ]
    hessian = mpmath.matrix([[overlap[i + j] for j in (0, 1)] for i in (0, 1)])
    v = mpmath.matrix([[second[i + j] - 2 * overlap[i] * overlap[j] for j in (0, 1)] for i in (0, 1)])
    product = hessian**-1 * v
    delta = integral(lambda x, a, b: (a - b) ** 2 / (a + b))
    return (product[0, 0] + product[1, 1]) / 2 - (1 + delta / 2) / 2


_sample_size = numeric(
    "optimal_discriminator.sample_size",
    r"\mathbb{E}\left[L_D(\hat C) - L_D(C^*)\right] = "
    r"\frac{k - 1 + \tfrac{1}{2}\Delta(p, q)}{2n} + o\left(\frac{1}{n}\right)",
    _sandwich,
    digits=30,
)

_theta = sp.Symbol("theta", real=True)


def _gaussian_ratio() -> bool:
    x = sp.Symbol("x", real=True)
    ratio = sp.exp(-(x**2) / 2) / sp.exp(-((x - _theta) ** 2) / 2)
    return bool(sp.expand(sp.expand_log(sp.log(ratio), force=True) - _gaussian_critic) == 0)


_gaussian_critic = add(_theta**2 / 2, times(-1, _theta, sp.Symbol("x", real=True)))
_gaussian = derived(
    "optimal_discriminator.gaussian",
    r"p = N(0, 1),\quad q = N(\theta, 1): \qquad C^*(x)",
    _gaussian_critic,
    _gaussian_ratio,
)


# --- any pointwise loss --------------------------------------------------------------------------

_r, _f = sp.Symbol(r"\,\mathrm{real}'(C)"), sp.Symbol(r"\mathrm{fake}'(C)")
_rho = Known(sp.Symbol(r"\rho(C)"), -_f / _r)
_inverse = chain(
    "optimal_discriminator.inverse",
    add(times(u, _r), _f),
    times(-1, _r, add(_rho, times(-1, u))),
)
_inverse = Equation(
    _inverse.label,
    _inverse.latex + rf", \qquad \rho(C) = -\frac{{{tex(_f)}}}{{{tex(_r)}}}",
    _inverse.check,
    _inverse.sides,
)

_pi = sp.Symbol("pi", positive=True)


def weighted(real: sp.Expr, fake: sp.Expr = sp.S.One, smooth: sp.Expr = sp.S.Zero) -> GANLoss:
    """Logistic loss with weights: real softplus(-C) + smooth softplus(C) on real, fake softplus(C)."""
    share = Parameter("prior", _pi, sp.Rational(1, 3), "pi, the share of real samples", (_pi > 0) & (_pi < 1))
    uses = {share.symbol} & (real.free_symbols | fake.free_symbols)
    return GANLoss(
        "weighted",
        real=real * softplus(-c) + smooth * softplus(c),
        fake=fake * softplus(c),
        gen=softplus(-c),
        link=sigmoid(c),
        parameters=(share,) if uses else (),
    )


def _has_optimum(loss: GANLoss, expected: sp.Expr) -> bool:
    found = sigmoid(optimum(loss).critic.subs(u, p / q))
    return bool(tidy(as_exponentials(found) - expected) == 0)


_prior_optimum = times(times(_pi, p), sp.Pow(add(times(_pi, p), times(add(1, times(-1, _pi)), q)), -1))
_prior = derived(
    "optimal_discriminator.prior",
    r"D^*_\pi(x)",
    _prior_optimum,
    lambda: _has_optimum(weighted(_pi, 1 - _pi), _prior_optimum.doit()),
)

_gan_lab_optimum = times(19, p) / add(times(19, p), times(20, q))
_gan_lab = derived(
    "optimal_discriminator.gan_lab",
    r"D^*_{0.95}(x)",
    _gan_lab_optimum,
    lambda: _has_optimum(weighted(sp.Rational(19, 20)), _gan_lab_optimum.doit()),
)

_smoothed_optimum = sp.factor(7 * p / (8 * (p + q)))
_smoothed = derived(
    "optimal_discriminator.smoothed",
    r"D^*_{7/8}(x)",
    _smoothed_optimum,
    lambda: _has_optimum(weighted(sp.Rational(7, 8), smooth=sp.Rational(1, 8)), _smoothed_optimum.doit()),
)

EQUATIONS = (
    _value,
    _in_logits,
    _slope(),
    _optimum,
    _curvature,
    _least,
    _kl_definition,
    _excess,
    _bregman,
    _pinsker,
    _calibrated,
    _sample_size,
    _gaussian,
    _inverse,
    _prior,
    _gan_lab,
    _smoothed,
)
