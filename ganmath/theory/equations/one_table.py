"""Displayed equations of the chapter that reads the table of losses as theorems.

Statements about every pointwise loss are proved for functions real, fake and gen that sympy knows nothing
of. Sources: Reid and Williamson 2011 (a loss chooses the f); Dong and Yang 2019 (valid losses).
"""

from collections.abc import Callable
from typing import Any

import sympy as sp

from ganmath.theory.catalogue import losses
from ganmath.theory.derive import derive
from ganmath.theory.equations.language import add, times
from ganmath.theory.equations.registry import (
    PROVED,
    Equation,
    EquationError,
    definition,
    derived,
    stack,
)
from ganmath.theory.expression import c, p, q, relu, u
from ganmath.theory.labels import smoothed_ratio
from ganmath.theory.loss import GANLoss
from ganmath.theory.optimum import optimum, tidy
from ganmath.theory.proper import bayes_risk, eta

_half = sp.Rational(1, 2)
_real, _fake, _gen, _phi, _L, _best = map(sp.Function, ("real", "fake", "gen", "varphi", "L", "C_star"))
_s, _t = sp.symbols("s t", nonnegative=True)

#: The hinge loss with the real term counted twice: its value is no divergence.
lopsided_hinge = GANLoss("lopsided hinge", real=2 * relu(1 - c), fake=relu(1 + c), gen=-c)


def _proof(label: str, latex: str, claim: Callable[[], bool]) -> Equation:
    """Hand-set LaTeX of a statement that sympy decides."""

    def check() -> str:
        if not claim():
            raise EquationError(f"{label}: the proof does not go through")
        return PROVED

    return Equation(label, latex, check)


def _zero(expr: Any) -> bool:
    return bool(sp.simplify(sp.expand(sp.sympify(expr).doit())) == 0)


def _integrates_to_zero(integrand: sp.Expr) -> bool:
    """A multiple of p - q, which both integrate to 1."""
    return not sp.simplify(sp.expand(integrand) / (p - q)).has(p, q)


# --- the value -------------------------------------------------------------------------------------


def _every() -> bool:
    """E_q phi(u) = phi(1) - E_q[phi(1) - phi(u)]."""
    value = q * _phi(p / q)
    return _integrates_to_zero(value - (p * _phi(1) - q * (_phi(1) - value / q)))


def _rescaled() -> bool:
    """eta real + (1 - eta) fake = (1 - eta) (u real + fake) at u = eta/(1 - eta), for every C."""
    ratio = eta / (1 - eta)
    return _zero(eta * _real(c) + (1 - eta) * _fake(c) - (1 - eta) * (ratio * _real(c) + _fake(c)))


def _chosen() -> bool:
    """int (p + q) L(p/(p + q)) = 2 L(1/2) - 2 D_f, with L at its argument a symbol of its own."""
    at_share, at_half = sp.symbols("L_x L_half", real=True)
    f = at_half - (1 + p / q) / 2 * at_share
    return _integrates_to_zero((p + q) * at_share - (2 * p * at_half - 2 * q * f))


def _risk(name: str, loss: str, value: sp.Expr) -> Equation:
    def claim() -> bool:
        found = bayes_risk(losses[loss].at_defaults())
        if isinstance(found, sp.Piecewise):  # equal on each side of 1/2
            points = [sp.Rational(k, 7) for k in range(1, 7)]
            linear = all(sp.degree(sp.expand(part), eta) <= 1 for part, _ in found.args)
            return linear and all(found.subs(eta, x) == value.subs(eta, x) for x in points)
        return _zero(sp.expand_log(found - value.doit(), force=True))

    return derived("", rf"L_{{\text{{{name}}}}}(\eta)", value, claim)


def _slope_at_half() -> bool:
    """d/d eta of the risk at an output C(eta) that is best for every eta, so that the last term is 0."""
    output = _best(eta)
    value = eta * _real(output) + (1 - eta) * _fake(output)
    at = sp.Symbol("C", real=True)
    outer = (eta * _real(at) + (1 - eta) * _fake(at)).diff(at).subs(at, output)
    return _zero(value.diff(eta) - (_real(output) - _fake(output)) - outer * output.diff(eta))


def _flat_risk() -> bool:
    branches = optimum(lopsided_hinge).branches
    found = [(tidy(branch.value), branch.high) for branch in branches]
    return found == [(4 * u, _half), (sp.Integer(2), sp.oo)]


def _measured(name: str, label: str, value: sp.Expr) -> Equation:
    """The Le Cam divergence from the least critic's loss, L_D."""

    def claim() -> bool:
        found = derive(losses[name].at_defaults()).critic_divergence
        least = sp.Symbol("L", real=True)
        return found.name == "Le Cam" and _zero(
            (found.offset - least) / found.scale - value.doit().subs(_least, least)
        )

    return derived("", rf"\Delta(p, q)\big|_{{\text{{{label}}}}}", value, claim)


_least = sp.Symbol("L_D^*", real=True)

# --- the steps -------------------------------------------------------------------------------------


def _chain_rule() -> bool:
    value = _gen(c).subs(c, _best(u))
    outer = _gen(c).diff(c).subs(c, _best(u))
    return _zero(-value.diff(u) / u + outer * _best(u).diff(u) / u)


def _monotone() -> bool:
    """Both optimality inequalities, added: (u - v) (real(C_u) - real(C_v)) <= 0."""
    v, r_u, r_v, f_u, f_v = sp.symbols("v r_u r_v f_u f_v", real=True)
    first = (u * r_u + f_u) - (u * r_v + f_v)  # <= 0, as C_u is best at u
    second = (v * r_v + f_v) - (v * r_u + f_u)  # <= 0, as C_v is best at v
    return _zero(first + second - (u - v) * (r_u - r_v))


# --- labels ----------------------------------------------------------------------------------------


def _smoothed() -> bool:
    """u real~ + fake~ = (s u + 1 - t) (u~ real + fake) for every C."""
    real = (1 - _s) * _real(c) + _s * _fake(c)
    fake = (1 - _t) * _fake(c) + _t * _real(c)
    ratio = smoothed_ratio(_s, _t)
    return _zero(sp.together(u * real + fake - (_s * u + 1 - _t) * (ratio * _real(c) + _fake(c))))


_ratio = times(add(times(add(1, -_s), u), _t), 1 / add(times(_s, u), 1, -_t))

EQUATIONS = (
    definition(
        "one_table.pointwise",
        r"\varphi(u) = \min_C\left(u\,\mathrm{real}(C) + \mathrm{fake}(C)\right), \qquad "
        r"\min_C L_D = \mathbb{E}_q\left[\varphi\left(\tfrac{p}{q}\right)\right]",
    ),
    _proof(
        "one_table.every",
        r"\min_C L_D = \varphi(1) - D_{f_D}(p\,\|\,q), \qquad f_D(u) = \varphi(1) - \varphi(u)",
        _every,
    ),
    _proof(
        "one_table.risk",
        r"L(\eta) = \min_C\left(\eta\,\mathrm{real}(C) + (1 - \eta)\,\mathrm{fake}(C)\right) "
        r"= (1 - \eta)\,\varphi\left(\frac{\eta}{1 - \eta}\right)",
        _rescaled,
    ),
    _proof(
        "one_table.chosen",
        r"\begin{aligned} \min_C L_D &= 2\,L\left(\tfrac12\right) - 2\,D_f(p\,\|\,q) \\[0.6ex] "
        r"f(u) &= L\left(\tfrac12\right) - \frac{1 + u}{2}\,L\left(\frac{u}{1 + u}\right) \end{aligned}",
        _chosen,
    ),
    stack(
        "one_table.risks",
        _risk(
            "logistic",
            "minimax",
            add(times(-1, eta, sp.log(eta)), times(-1, add(1, -eta), sp.log(add(1, -eta)))),
        ),
        _risk("squares", "lsgan", times(_half, eta, add(1, -eta))),
        _risk(
            "exponential", "exponential", times(2, sp.Pow(times(eta, add(1, -eta)), _half, evaluate=False))
        ),
        _risk("hinge", "hinge", times(2, sp.Min(eta, 1 - eta))),
    ),
    _proof(
        "one_table.slope",
        r"L'\left(\tfrac12\right) = \mathrm{real}(y) - \mathrm{fake}(y), \qquad y = C^*(1)",
        _slope_at_half,
    ),
    derived(
        "one_table.flat",
        r"\varphi(u) = \min_C\left(2\,u\,(1 - C)_+ + (1 + C)_+\right)",
        sp.Min(4 * u, 2),
        _flat_risk,
    ),
    _proof(
        "one_table.verdict",
        r"f_G''(u) = -\frac{\mathrm{gen}'(C^*(u))}{u}\,\frac{dC^*}{du}",
        _chain_rule,
    ),
    _proof(
        "one_table.monotone",
        r"(u - v)\left(\mathrm{real}(C^*(u)) - \mathrm{real}(C^*(v))\right) \le 0",
        _monotone,
    ),
    stack(
        "one_table.smoothed",
        derived("", r"\tilde u", _ratio, lambda: _zero(_ratio.doit() - smoothed_ratio(_s, _t))),
        _proof("", r"\tilde\varphi(u) = (s\,u + 1 - t)\,\varphi(\tilde u)", _smoothed),
        _proof("", r"\tilde C^*(u) = C^*(\tilde u)", _smoothed),
    ),
    stack(
        "one_table.le_cam",
        _measured("lsgan", "least squares", add(2, times(-8, _least))),
        _measured("fgan-le-cam", "f-GAN", times(-1, _least)),
    ),
)
