"""Displayed equations of the chapter on the minimax loss (Goodfellow et al. 2014, arXiv 1406.2661).

The game, its reduction to JS, the readings of the generator's loss, saturation (Arjovsky and Bottou
2017, arXiv 1701.04862), and the Dirac-GAN (Mescheder et al. 2018, arXiv 1801.04406).
"""

import sympy as sp

from ganmath.theory.catalogue import losses
from ganmath.theory.derive import derive
from ganmath.theory.divergence import divergences
from ganmath.theory.equations.language import JS, KL, E, Frozen, Gradient, add, m, tex, times
from ganmath.theory.equations.registry import (
    PROVED,
    Equation,
    EquationError,
    chain,
    definition,
    derived,
    inequality,
    objectives,
    stack,
)
from ganmath.theory.expression import as_exponentials, c, p, q, sigmoid, softplus, u
from ganmath.theory.optimum import tidy

_loss = losses["minimax"]
_log2 = sp.log(2)
_D = sp.Symbol("D(x)")
_value = add(E(p, sp.log(_D)), E(q, sp.log(1 - _D)))
_objective = add(times(p, softplus(-c)), times(q, softplus(c)))
_pointwise = add(times(p, sp.log(p / (p + q))), times(q, sp.log(q / (p + q))))


def _is_zero(expr: sp.Expr) -> bool:
    return bool(sp.simplify(as_exponentials(expr)) == 0)


def _gradient(label: str, name: str, side: sp.Expr, followed: sp.Expr) -> Equation:
    """name = grad followed, where name stands for the gradient of `side`."""
    claim = chain(label, Gradient(side), Gradient(followed))
    return Equation(label, f"{name} = {tex(Gradient(followed))}", claim.check, claim.sides)


# --- the generator's gradient in x ---------------------------------------------------------------

_eps, _slope = sp.Symbol("epsilon", positive=True), sp.Symbol(r"\left\|\nabla_{x} D(x)\right\|")


def _logit_gradient() -> bool:
    """The chain rule for log(1 - sigma(C(x))), C any function of x."""
    x = sp.Symbol("x")
    critic = sp.Function("C")(x)
    return _is_zero(sp.log(1 - sigmoid(critic)).diff(x) + sigmoid(critic) * critic.diff(x))


def _vanishing() -> str:
    """eps/(1 - eps) - |grad D|/(1 - D) > 0 where D + |grad D| < eps < 1, D >= 0: no negative term."""
    d, g = sp.symbols("d g", nonnegative=True)  # D and |grad D|
    s, r = sp.symbols("s r", positive=True)  # eps = d + g + s and 1 - eps = r, so 1 - d = r + g + s
    top, bottom = sp.fraction(sp.together((d + g + s) / r - g / (r + g + s)))
    if min(sp.Poly(top, d, g, s, r).coeffs()) < 0 or not bottom.is_positive:
        raise EquationError("minimax.vanishing_step: the bound does not follow")
    return PROVED


# --- the Dirac-GAN: p = delta_0, q = delta_theta, C(x) = psi x --------------------------------------

_theta, _psi = sp.symbols("theta psi", real=True)
_h = sp.Symbol("h", positive=True)
_move = {
    _theta: -_loss.gen.subs(c, _psi * _theta).diff(_theta),
    _psi: -_loss.fake.subs(c, _psi * _theta).diff(_psi),
}
_s = sigmoid(_psi * _theta)


def _dirac_step() -> bool:
    radius = sum((x + _h * move) ** 2 for x, move in _move.items())
    return bool(sp.expand(radius - (1 + _h**2 * _s**2) * (_theta**2 + _psi**2)) == 0)


EQUATIONS = (
    definition(
        "minimax.game",
        r"\min_G\,\max_D\ V(D, G), \qquad V(D, G) = " + tex(_value),
        V=_value,
    ),
    stack(
        "minimax.logits",
        chain("minimax.logits", sp.log(sigmoid(c)), -softplus(-c)),
        chain("minimax.logits", sp.log(1 - sigmoid(c)), -softplus(c)),
    ),
    definition("minimax.losses", _loss.latex(), **objectives(_loss)),
    derived(
        "minimax.stationarity",
        rf"\frac{{\partial}}{{\partial C}}\left({tex(_objective)}\right)",
        add(times(p + q, sigmoid(c)), -p),
        lambda: _is_zero((p * _loss.real + q * _loss.fake).diff(c) - (p + q) * sigmoid(c) + p),
    ),
    derived(
        "minimax.optimal_discriminator",
        "D^*(x)",
        p / (p + q),
        lambda: bool(tidy(derive(_loss).optimal_discriminator - p / (p + q)) == 0),
    ),
    chain(
        "minimax.reduction",
        add(E(p, sp.log(p / (p + q))), E(q, sp.log(q / (p + q)))),
        add(E(p, sp.log(p / m)), E(q, sp.log(q / m)), -2 * _log2),
        add(KL(p, m), KL(q, m), -2 * _log2),
        add(2 * JS(p, q), times(-2, _log2)),
        lhs="V(D^*)",
    ),
    derived(
        "minimax.minimum",
        r"\min_C L_D",
        add(2 * _log2, times(-2, JS(p, q))),
        lambda: (
            (found := derive(_loss).critic_divergence).name == "Jensen-Shannon"
            and found.scale == 2
            and found.offset == 2 * _log2
        ),
    ),
    inequality("minimax.bounds", -2 * _log2, add(2 * JS(p, q), times(-2, _log2)), sp.S.Zero),
    chain(
        "minimax.value",
        E(q, sp.log(q / (p + q))),
        add(E(q, sp.log(q / m)), -_log2),
        add(KL(q, m), -_log2),
        lhs=r"\mathbb{E}_{q}\left[\log\left(1 - D^*\right)\right]",
    ),
    derived(
        "minimax.envelope",
        rf"\frac{{\partial}}{{\partial q}}\left({tex(_pointwise)}\right)",
        sp.log(q / (p + q)),
        lambda: bool(tidy(_pointwise.doit().diff(q) - sp.log(q / (p + q))) == 0),
    ),
    _gradient(
        "minimax.followed",
        r"\nabla_{\theta}\,\mathbb{E}_{q}\left[\log\left(1 - D\right)\right]\Big|_{D = D^*}",
        E(q, Frozen(sp.log(q / (p + q)))),
        2 * JS(p, q),
    ),
    _gradient(
        "minimax.moving",
        r"\nabla_{\theta}\left(\mathbb{E}_{q}\left[\log\left(1 - D^*\right)\right]\right)",
        E(q, sp.log(q / (p + q))),
        KL(q, m),
    ),
    stack(
        "minimax.slope",
        derived(
            "minimax.slope",
            rf"\frac{{d}}{{dC}}\left({tex(_loss.gen)}\right)",
            -sigmoid(c),
            lambda: bool(_loss.gen.diff(c) + sigmoid(c) == 0),
        ),
        derived(
            "minimax.slope",
            r"-\sigma\left(C^*\right)",
            -p / (p + q),
            lambda: bool(tidy(derive(_loss).saturates.slope.subs(u, p / q) + p / (p + q)) == 0),
        ),
    ),
    derived(
        "minimax.logit_gradient",
        rf"\nabla_x\,{tex(sp.log(1 - _D))}",
        times(-1, _D, sp.Symbol(r"\nabla_{x} C(x)")),
        _logit_gradient,
    ),
    derived(
        "minimax.disjoint",
        tex(JS(p, q)),
        _log2,
        lambda: bool(divergences["jensen-shannon"].upper_bound == _log2),
    ),
    Equation(
        "minimax.vanishing_step",
        rf"{tex(_slope / (1 - _D))} < {tex(_eps / (1 - _eps))}",
        _vanishing,
    ),
    stack(
        "minimax.dirac_field",
        derived("minimax.dirac_field", r"\dot\theta", _psi * _s, lambda: bool(_move[_theta] == _psi * _s)),
        derived("minimax.dirac_field", r"\dot\psi", -_theta * _s, lambda: bool(_move[_psi] == -_theta * _s)),
    ),
    derived(
        "minimax.dirac_step",
        r"\theta_{t+1}^2 + \psi_{t+1}^2",
        times(1 + _h**2 * _s**2, _theta**2 + _psi**2),
        _dirac_step,
    ),
    derived(
        "minimax.ratio",
        r"\frac{\frac{d}{dC}\,\log\left(1 - D\right)}{\frac{d}{dC}\left(-\log D\right)}",
        sp.exp(c),
        lambda: _is_zero(_loss.gen.diff(c) / losses["nonsaturating"].gen.diff(c) - sp.exp(c)),
    ),
)
