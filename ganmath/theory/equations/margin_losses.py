"""Displayed equations of the chapter on margin losses: hinge, absolute, energy margin, exponential.

Sources: Lim and Ye 2017 (hinge), Dong and Yang 2019 (absolute), Zhao et al. 2017 (energy margin). The
piecewise linear ones need cases in place of derivatives. A bar marks the critic that is held fixed.
"""

from collections.abc import Callable
from typing import Any

import sympy as sp

from ganmath.theory.catalogue import losses
from ganmath.theory.derive import derive
from ganmath.theory.divergence import divergences
from ganmath.theory.equations.language import (
    H2,
    TV,
    E,
    Frozen,
    Gradient,
    Int,
    Known,
    add,
    tex,
    times,
)
from ganmath.theory.equations.registry import (
    Equation,
    EquationError,
    chain,
    definition,
    derived,
    inequality,
    objectives,
    stack,
)
from ganmath.theory.expression import as_exponentials, c, p, q, relu, u
from ganmath.theory.loss import GANLoss
from ganmath.theory.optimum import optimum, tidy

_hinge, _absolute, _energy, _exponential = (
    losses[name] for name in ("hinge", "absolute", "ebgan", "exponential")
)
_m = _energy.parameters[0].symbol
_half = sp.Rational(1, 2)
_C = sp.Symbol("C^*")
_sign = Known(_C, sp.sign(p - q))
_log_ratio = Known(_C, sp.log(p / q) / 2)
_held_sign = Frozen(Known(sp.Symbol(r"\bar{C}"), sp.sign(p - q)))
_held_log = Frozen(Known(sp.Symbol(r"\bar{C}"), sp.log(p / q) / 2))
_root = Known(sp.Symbol(r"\sqrt{p\,q}"), sp.sqrt(p * q))
_inverse_root = Known(sp.Symbol(r"\sqrt{q/p}"), sp.sqrt(q / p))
_D = Known(sp.Symbol("D"), c)  # an energy, low on data


def _losses(label: str, loss: GANLoss, real: sp.Expr, fake: sp.Expr, gen: sp.Expr) -> Equation:
    """Both objectives of a loss as a mathematician orders their terms, compared with the loss's own."""
    parts = {"L_D": add(real, fake), "L_G": gen}
    for (name, shown), own in zip(parts.items(), objectives(loss).values(), strict=True):
        plain = shown.replace(Known, lambda _, value: value)
        if sp.simplify(plain.doit() - own.doit()) != 0:
            raise ValueError(f"{label}: {name} is not that of {loss.name}")
    latex = r" \\ ".join(f"{name} &= {tex(side)}" for name, side in parts.items())
    return definition(label, rf"\begin{{aligned}} {latex} \end{{aligned}}", **parts)


def _same(left: Any, right: Any) -> bool:
    return bool(tidy(as_exponentials(sp.sympify(left) - sp.sympify(right))) == 0)


def _claim(name: str, right: Any, left: Callable[[], Any]) -> Equation:
    """name = right, where `left` is what the package derives for that name."""
    return derived(name, name, right, lambda: _same(left(), sp.sympify(right).doit()))


def objective_on(loss: GANLoss, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """h(C; u) = u real(C) + fake(C) on an interval of C that holds no kink, as a polynomial in C.

    The sign of each part is read at a point inside; ValueError where the interval holds a kink.
    """
    ends = {-sp.oo: high - 2, sp.oo: low + 2}
    inside = (ends.get(low, low) + ends.get(high, high)) / 2
    h = u * loss.real + loss.fake
    for part in h.atoms(relu, sp.Abs):
        inner = part.args[0]
        kinks = sp.solve(inner, c)
        if any(low < kink < high for kink in kinks):
            raise ValueError(f"{part} has a kink at {kinks} between {low} and {high}")
        positive = inner.subs(c, inside) > 0
        negative = sp.S.Zero if isinstance(part, relu) else -inner
        h = h.subs(part, inner if positive else negative)
    return sp.expand(h)


def _on(loss: GANLoss, where: str, low: Any, high: Any, shown: sp.Expr) -> Equation:
    """What h(C; u) is on an interval of C."""
    return derived(
        "",
        rf"C \in {where}\colon \quad h(C; u)",
        shown,
        lambda: _same(objective_on(loss, sp.sympify(low), sp.sympify(high)), shown.doit()),
    )


def _optimum_is(loss: GANLoss, below: Any, above: Any) -> bool:
    """Whether the optimal critic is one constant for u < 1, another for u > 1, any between at u = 1."""
    found = optimum(loss)
    low, high = found.branches
    ((ratio, ends),) = found.not_unique
    return bool(
        (low.critic, high.critic) == (below, above)
        and (low.high, high.low, ratio) == (1, 1, 1)
        and set(ends) == {below, above}
    )


def _least(loss: GANLoss, label: str, *sides: Any) -> Equation:
    """min L_D = side = …; the last side, 2 - 2 D, is compared with the divergence that `derive` finds."""
    steps = chain(label, *sides, lhs=r"\min_C L_D")

    def check() -> str:
        found = derive(loss).critic_divergence
        f = divergences[sides[-1].atoms(TV, H2).pop().key].f
        if not (found.offset == 2 and sp.simplify(found.f - 2 * f) == 0):
            raise EquationError(f"{label}: the critic's value is another one")
        return steps.check()

    return Equation(steps.label, steps.latex, check, steps.sides, steps.lines)


def _push(loss: GANLoss) -> sp.Expr:
    """k(u) with -grad_x gen(C*(x)) = k(u(x)) grad_x log u(x)."""
    return tidy(-u * tidy(loss.gen.subs(c, optimum(loss).critic)).diff(u))


_zero_sum = GANLoss("exponential, zero-sum", real=_exponential.real, fake=_exponential.fake, gen=-sp.exp(c))
_min = Known(sp.Symbol(r"\min(p, q)"), (p + q - sp.Abs(p - q)) / 2)
_pointwise = add(times(p, sp.exp(-c)), times(q, sp.exp(c)))
_gap = add(c, times(-1, _log_ratio))
_cosh = times(2, _root, sp.cosh(_gap))
_excess = times(_root, sp.Pow(sp.sinh(times(_half, _gap)), 2))
_theta = sp.Symbol("theta", positive=True)
_speed = sp.sqrt(2 / sp.pi) * sp.exp(-(_theta**2) / 8)  # twice a normal density at theta/2


def _hyperbolic(expr: sp.Expr) -> bool:
    """Whether an expression in p, q, C with hyperbolic functions is zero."""
    plain = expr.replace(Known, lambda _, value: value).doit()
    plain = plain.replace(sp.log, lambda x: sp.expand_log(sp.log(x), force=True)).rewrite(sp.exp)
    return bool(sp.simplify(sp.powsimp(sp.expand(plain), force=True)) == 0)


EQUATIONS = (
    _losses("margin_losses.hinge", _hinge, E(p, relu(add(1, -c))), E(q, relu(add(1, c))), E(q, -c)),
    stack(
        "margin_losses.cases",
        _on(_hinge, r"(-\infty, -1]", -sp.oo, -1, times(u, add(1, times(-1, c)))),
        _on(_hinge, r"[-1, 1]", -1, 1, add(1 + u, times(add(1, times(-1, u)), c))),
        _on(_hinge, r"[1, \infty)", 1, sp.oo, add(1, c)),
    ),
    derived(
        "margin_losses.hinge_optimum",
        "C^*(x)",
        sp.Function(r"\operatorname{sign}")(p - q),
        lambda: _optimum_is(_hinge, -1, 1),
    ),
    _least(
        _hinge,
        "margin_losses.hinge_least",
        times(2, Int(_min)),
        add(2, times(-2, TV(p, q))),
    ),
    chain(
        "margin_losses.gap",
        add(E(p, _sign), times(-1, E(q, _sign))),
        Int(sp.Abs(p - q)),
        times(2, TV(p, q)),
    ),
    chain(
        "margin_losses.followed",
        Gradient(E(q, times(-1, _held_sign))),
        Gradient(times(2, TV(p, q))),
    ),
    definition("margin_losses.absolute", _absolute.latex(), **objectives(_absolute)),
    _losses("margin_losses.energy", _energy, E(p, _D), E(q, relu(add(_m, times(-1, _D)))), E(q, _D)),
    stack(
        "margin_losses.same",
        derived(
            "",
            r"\text{hinge},\ C \in [-1, 1]\colon \quad h",
            add(1 + u, times(add(1, times(-1, u)), c)),
            lambda: _same(objective_on(_hinge, sp.S(-1), sp.S(1)), 1 + u + (1 - u) * c),
        ),
        derived(
            "",
            r"\text{absolute},\ C \to \tfrac{1}{2}(1 + C)\colon \quad h",
            times(_half, add(1 + u, times(add(1, times(-1, u)), c))),
            lambda: _same(
                objective_on(_absolute, sp.S(0), sp.S(1)).subs(c, (1 + c) / 2), (1 + u + (1 - u) * c) / 2
            ),
        ),
        derived(
            "",
            r"\text{energy},\ D \to \tfrac{m}{2}(1 - C)\colon \quad h",
            times(_m / 2, add(1 + u, times(add(1, times(-1, u)), c))),
            lambda: _same((u * c + _m - c).subs(c, _m * (1 - c) / 2), _m * (1 + u + (1 - u) * c) / 2),
        ),
    ),
    definition("margin_losses.exponential", _exponential.latex(), **objectives(_exponential)),
    derived(
        "margin_losses.cosh",
        tex(_pointwise),
        _cosh,
        lambda: _hyperbolic(_pointwise - _cosh),
    ),
    derived(
        "margin_losses.exponential_optimum",
        "C^*(x)",
        times(_half, sp.log(p / q)),
        lambda: _same(optimum(_exponential).critic, sp.log(u) / 2),
    ),
    _least(
        _exponential,
        "margin_losses.exponential_least",
        times(2, Int(_root)),
        add(2, times(-2, H2(p, q))),
    ),
    derived(
        "margin_losses.exponential_excess",
        "L_D(C) - L_D(C^*)",
        times(4, Int(_excess)),
        lambda: _hyperbolic(_pointwise - _pointwise.subs(c, sp.log(p / q) / 2) - 4 * _excess),
    ),
    chain(
        "margin_losses.exponential_followed",
        Gradient(E(q, times(-1, sp.exp(_held_log)))),
        Gradient(times(2, H2(p, q))),
    ),
    chain(
        "margin_losses.exponential_own",
        Gradient(E(q, sp.exp(times(-1, _held_log)))),
        Gradient(times(sp.Rational(2, 3), E(q, _inverse_root))),
    ),
    stack(
        "margin_losses.push",
        _claim(r"k_{\exp}(u)", times(_half, u**-_half), lambda: _push(_exponential)),
        _claim(r"k_{\text{zero-sum}}(u)", times(_half, u**_half), lambda: _push(_zero_sum)),
    ),
    derived(
        "margin_losses.jump",
        r"p = N(0, 1),\ q = N(\theta, 1)\colon \quad \frac{d}{d\theta}\,2\operatorname{TV}(p, q)",
        _speed,
        lambda: _same((2 * sp.erf(_theta / (2 * sp.sqrt(2)))).diff(_theta), _speed),
    ),
    inequality(
        "margin_losses.order",
        H2(p, q),
        TV(p, q),
        sp.sqrt(times(H2(p, q), add(2, times(-1, H2(p, q))))),
    ),
)
