"""Slider figures that follow from a loss alone: nothing in them is typed, all comes from `derive`.

`loss_sliders` moves u = p/q at one point; `distribution_sliders` moves the generator's normal
distribution against the data's.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import sympy as sp

from ganmath.theory.derive import Derivation, NoOptimalCritic, derive
from ganmath.theory.distributions import Normal
from ganmath.theory.divergence import FDivergence
from ganmath.theory.expression import c, mean, p, q, stabilise, to_numpy, u
from ganmath.theory.loss import GANLoss, Parameter
from ganmath.theory.optimum import ImplicitCritic
from ganmath.theory.structure import structure
from ganmath.widgets.page import Widget
from ganmath.widgets.sliders import Curve, Line, Panel, Point, Slider, sliders

_x, _theta = sp.symbols("x theta", real=True)
_s = sp.Symbol("s_q", positive=True)
_log_p = -(_x**2) / 2 - sp.log(2 * sp.pi) / 2
_log_q = -((_x - _theta) ** 2) / (2 * _s**2) - sp.log(_s) - sp.log(2 * sp.pi) / 2
#: log(p/q) of the two normals, so that no density has to be divided by another
_log_ratio = sp.log(_s) + (_x - _theta) ** 2 / (2 * _s**2) - _x**2 / 2
_l = sp.Symbol("l", real=True)  # stands for it while expressions are tidied


def loss_sliders(loss: GANLoss, *, caption: str | None = None) -> Widget:
    """The loss at one point: its objective, its divergences and the generator's slope, for u = p/q.

    Sliders: u, and each parameter of the loss that is not set. Panels: u real(C) + fake(C) with its
    minimum at C*(u); f_D(u), and f_G(u) where the generator's step follows a divergence; gen'(C).
    Each f is drawn with f(1) = f'(1) = 0: a multiple of u - 1 changes no divergence.
    A loss of pairs, h(C(x) - C(y)) for real x and fake y, is shown over the difference of the outputs.
    ValueError where the optimal critic has no closed form, or the loss compares samples otherwise.
    """
    if not loss.is_pointwise:
        return _pairs_sliders(loss, caption)
    theory = _closed(loss)
    ratio = Slider(u, 1 / 8, 8, value=2, step=2 ** (1 / 12), label="u = p/q", log=True)
    controls = [ratio, *_parameter_sliders(loss)]
    best = theory.optimal_critic
    slope = sp.nan if theory.saturates is None else theory.saturates.slope
    outputs = _output_range(loss, best, controls)
    panels = [
        _objective_panel(loss, theory, outputs, controls),
        _divergence_panel(theory, controls),
        _slope_panel(loss, slope, best, outputs, controls),
    ]
    readouts = {"C*(u)": best}
    if theory.optimal_discriminator is not None:
        readouts["D*(u)"] = theory.optimal_discriminator.subs({p: u, q: 1})
    readouts |= {"f_D(u)": _touching_zero(theory.critic_divergence.f), "gen′(C*(u))": slope}
    alt = (
        f"{_name(loss)} at a point where p/q = u: the critic’s objective over its output C with the minimum "
        "at C*(u), the functions f of the divergences over u, each with f(1) = 0 and slope 0 there, and the "
        "slope of the generator’s loss over C."
    )
    return sliders(controls, *panels, readouts=readouts, alt=alt, caption=caption)


def distribution_sliders(loss: GANLoss, *, caption: str | None = None) -> Widget:
    """The loss between two normal distributions, p = N(0, 1) of the data and q = N(θ, s²).

    Sliders: θ, s, and each parameter of the loss that is not set. Panels over x: the densities, the
    optimal critic, the optimal discriminator where the loss has a link, and the weight -gen'(C*(x))
    that the generator's step gives to a sample at x. Read-outs: the divergence that the critic
    measures, and both losses at the optimal critic, all in nats or in the loss's own unit.
    ValueError where the optimal critic has no closed form, or the loss compares samples.
    """
    if not loss.is_pointwise:
        raise _compares(loss)
    theory = _closed(loss)
    controls = [
        Slider(_theta, 0, 4, value=2, step=0.05, label="shift θ"),
        Slider(_s, 0.5, 2, value=1, step=0.05, label="width s"),
        *_parameter_sliders(loss),
    ]
    span, core = (_x, -5, 9), (_x, -2, 4)  # nearly all mass of both at the start is in the core
    densities = {"p": sp.exp(_log_p), "q": sp.exp(_log_q)}
    panels = [Panel(densities, x=span, y=(0, 0.85), title="density")]
    critic = _over_x(theory.optimal_critic)
    marked = [Curve(critic, "C*(x)", "optimal critic")]
    axis = _y_range([critic], core, controls, ends=False)
    panels.append(Panel(marked, x=span, y=axis, title="optimal critic", lines=_zero(axis)))
    if theory.optimal_discriminator is not None:
        best = _over_x(theory.optimal_discriminator.subs({p: u, q: 1}))
        marked = [Curve(best, "D*(x)", "optimal critic")]
        half = Line(y=sp.Rational(1, 2))
        panels.append(Panel(marked, x=span, y=(0, 1), title="optimal discriminator", lines=[half]))
    if theory.saturates is not None:
        weight = _over_x(-theory.saturates.slope)
        axis = _y_range([weight], core, controls)
        marked = [Curve(weight, "−gen′(C*(x))", "generator")]
        title = "weight of a sample in the generator’s step"
        panels.append(Panel(marked, x=span, y=axis, title=title, lines=_zero(axis)))
    alt = (
        f"{_name(loss)} between p = N(0, 1) and q = N(θ, s²): their densities, the optimal critic over x, "
        "and the weight that the generator’s step gives to a sample at x."
    )
    return sliders(controls, *panels, readouts=_values(theory), alt=alt, caption=caption)


# --- what the two share ----------------------------------------------------------------------------


def _closed(loss: GANLoss) -> Derivation:
    """The derivation, if its optimal critic is a formula."""
    way_out = (
        "draw it with gm.widgets.sliders from the loss's own terms (loss.real, loss.fake, loss.gen), or "
        "set its parameters to values for which gm.derive finds one"
    )
    try:
        theory = derive(loss)
    except NoOptimalCritic as error:
        raise ValueError(f"{loss.label} has no optimal critic ({error}): {way_out}") from None
    if theory.critic_value is None:
        why = theory.claims["optimal_critic"].why_not or "it is not optimal point by point"
        raise ValueError(f"{loss.label} has no optimal critic over u = p/q ({why}): {way_out}")
    if theory.optimal_critic.has(ImplicitCritic):
        raise ValueError(f"the optimal critic of {loss.label} has no closed form: {way_out}")
    return theory


def _name(loss: GANLoss) -> str:
    title = loss.title or loss.label
    return title[0].upper() + title[1:]


def _parameter_sliders(loss: GANLoss) -> list[Slider]:
    used = loss.critic.free_symbols | loss.generator.free_symbols
    defaults = {x.symbol: x.default for x in loss.parameters}
    return [_parameter_slider(x, defaults) for x in loss.parameters if x.symbol in used]


def _parameter_slider(parameter: Parameter, defaults: Mapping[sp.Symbol, sp.Expr]) -> Slider:
    """From the default as far as the parameter's condition holds, twenty steps at most each way."""
    start = sp.nsimplify(parameter.default, rational=True)
    step = sp.Rational(1, 20) * max(1, abs(sp.floor(start)))

    def holds(value: sp.Expr) -> bool:
        return parameter.holds({**defaults, parameter.symbol: value})

    def reach(direction: int) -> sp.Expr:
        ends = itertools.takewhile(holds, (start + direction * k * step for k in range(21)))
        return list(ends)[-1]

    symbol = str(parameter.symbol)
    label = symbol if parameter.keyword == symbol else f"{parameter.keyword} {symbol}"
    return Slider(parameter.symbol, reach(-1), reach(1), value=start, step=step, label=label)


def _settings(controls: Sequence[Slider], ends: bool) -> Iterator[dict[sp.Symbol, float]]:
    """The start, and with `ends` every combination of the parameters' ends (not of θ, s and u)."""
    choices = [
        (s.start, s.low, s.high) if ends and s.symbol not in (_theta, _s, u) else (s.start,) for s in controls
    ]
    return (
        {s.symbol: value for s, value in zip(controls, values, strict=True)}
        for values in itertools.product(*choices)
    )


def _numbers(
    expr: sp.Expr, x: sp.Symbol, at: np.ndarray, controls: Sequence[Slider], ends: bool
) -> np.ndarray:
    """Finite values of an expression over x, at the settings."""
    symbols = [s.symbol for s in controls if s.symbol != x]
    function = to_numpy(expr, (x, *symbols))
    with np.errstate(all="ignore"):
        found = [
            function(at, *(settings[symbol] for symbol in symbols)) for settings in _settings(controls, ends)
        ]
    values = np.concatenate(found)
    return values[np.isfinite(values)]


def _rounded_out(low: float, high: float) -> tuple[float, float]:
    """The interval, and a little more, with round ends."""
    if high - low < 1e-9:
        low, high = low - 1, high + 1
    room = 0.05 * (high - low)
    size = 10.0 ** math.floor(math.log10((high - low) / 5))
    step = next(k * size for k in (1, 2, 5, 10) if (high - low) / (k * size) <= 10)
    return math.floor((low - room) / step) * step, math.ceil((high + room) / step) * step


def _y_range(
    expressions: Sequence[sp.Expr],
    span: tuple[sp.Symbol, float, float],
    controls: Sequence[Slider],
    ends: bool = True,
) -> tuple[float, float]:
    """Round ends around the values of all expressions over x."""
    at = np.linspace(span[1], span[2], 97)
    values = np.concatenate([_numbers(e, span[0], at, controls, ends) for e in expressions])
    if not len(values):
        return -1.0, 1.0
    low, high = float(values.min()), float(values.max())
    axis = _rounded_out(low, high)
    # what is never negative starts at 0
    return (0.0, axis[1]) if axis[0] < 0 <= low else (axis[0], 0.0) if high <= 0 < axis[1] else axis


def _zero(axis: tuple[float, float]) -> list[Line]:
    """The line of zero where it is inside the frame."""
    return [Line(y=sp.S.Zero)] if axis[0] < 0 < axis[1] else []


# --- losses that compare samples -------------------------------------------------------------------


def _compares(loss: GANLoss) -> ValueError:
    figure = "gm.widgets.loss_sliders shows it over C(x) - C(y)" if _of_pairs(loss) else "none shows it"
    return ValueError(
        f"{loss.label} compares samples with one another, so one output has no objective of its own: of the "
        f"slider figures {figure}; gm.derive(loss) says what is known of it, gm.widgets.film how it trains"
    )


def _of_pairs(loss: GANLoss) -> bool:
    return all(structure(e).difference is not None for e in (loss.critic, loss.generator))


def _pairs_sliders(loss: GANLoss, caption: str | None) -> Widget:
    """h(C(x) - C(y)) of the critic and of the generator over the difference of a pair's outputs."""
    critic, generator = (structure(e).difference for e in (loss.critic, loss.generator))
    if critic is None or generator is None:
        raise _compares(loss)
    gap = sp.Symbol("d", real=True)
    controls = [
        Slider(gap, -5, 5, value=1, step=0.1, label="C(x) − C(y)"),
        *_parameter_sliders(loss),
    ]
    terms = {"critic": critic, "generator": generator}
    slopes = {who: sp.diff(term, c).doit() for who, term in terms.items()}
    panels = []
    for title, curves in (("loss of a pair", terms), ("its slope", slopes)):
        axis = _y_range(list(curves.values()), (c, -5, 5), controls)
        panels.append(
            Panel(
                [Curve(e, who, who) for who, e in curves.items()],
                x=(c, -5, 5),
                y=axis,
                x_label="C(x) − C(y), x real, y fake",
                title=title,
                points=[Point(gap, e.subs(c, gap), "", who) for who, e in curves.items()],
                lines=_zero(axis),
            )
        )
    readouts = {f"{who}’s loss": term.subs(c, gap) for who, term in terms.items()}
    readouts |= {f"{who}’s slope": slope.subs(c, gap) for who, slope in slopes.items()}
    alt = (
        f"{_name(loss)}: the loss of a pair of a real sample x and a fake sample y, and its slope, over "
        "C(x) − C(y), for the critic and for the generator."
    )
    return sliders(controls, *panels, readouts=readouts, alt=alt, caption=caption)


# --- at one point ----------------------------------------------------------------------------------


def _output_range(loss: GANLoss, best: sp.Expr, controls: Sequence[Slider]) -> tuple[sp.Symbol, float, float]:
    """The outputs C of the two panels: all optimal ones and room beside them, within the domain."""
    values = _numbers(best, u, np.geomspace(1 / 8, 8, 25), controls, ends=True)
    low, high = (float(values.min()), float(values.max())) if len(values) else (-1.0, 1.0)
    room = max(0.35 * (high - low), 1.0)
    low, high = _rounded_out(low - room, high + room)
    defaults = {x.symbol: x.default for x in loss.parameters}
    ends = [float(end.subs(defaults)) for end in loss.domain]
    return c, max(low, ends[0]), min(high, ends[1])


def _objective_panel(
    loss: GANLoss, theory: Derivation, outputs: tuple[sp.Symbol, float, float], controls: Sequence[Slider]
) -> Panel:
    least = theory.critic_value
    values = _numbers(least, u, np.geomspace(1 / 8, 8, 25), controls, ends=True)
    low, high = min(float(values.min()), 0.0), float(values.max())
    curve = Curve(u * loss.real + loss.fake, "u·real(C) + fake(C)", "critic")
    return Panel(
        [curve],
        x=outputs,
        y=_rounded_out(low, high + 0.6 * max(high - low, 1.0)) if low < 0 else (0.0, 1.6 * max(high, 1.0)),
        x_label="critic’s output C",
        title="what the critic minimises",
        points=[Point(theory.optimal_critic, least, "C*(u)", "optimal critic")],
    )


def _divergence_panel(theory: Derivation, controls: Sequence[Slider]) -> Panel:
    functions = {"f_D": ("critic", _touching_zero(theory.critic_divergence.f))}
    title = "f_D, which the critic measures"
    if theory.generator_divergence is not None:
        f = _touching_zero(theory.generator_divergence.f)
        if not f.has(sp.Integral) and sp.simplify(f - functions["f_D"][1]) == 0:
            functions = {"f_D = f_G": ("critic", f)}
        else:
            functions["f_G"] = ("generator", f)
        title = "f_D (critic) and f_G (generator’s step)"
    ratio = sp.Symbol("r", positive=True)  # the axis; u itself is where the slider stands
    curves = [Curve(f.subs(u, ratio), label, style) for label, (style, f) in functions.items()]
    axis = _y_range([curve.expr for curve in curves], (ratio, 1 / 8, 8), controls, ends=False)
    return Panel(
        curves,
        x=(ratio, 0.02, 8),
        y=axis,
        x_label="u = p/q",
        title=title,
        points=[Point(u, f, "", style) for style, f in functions.values()],
        lines=[Line(x=u)],
    )


def _touching_zero(f: sp.Expr) -> sp.Expr:
    """f without the multiple of u - 1 that gives it a slope at 1; as it is where it has a kink there."""
    if f.has(sp.Piecewise, sp.Abs, sp.Integral):
        return f
    slope = f.diff(u).subs(u, 1)
    return f - sp.simplify(slope) * (u - 1) if slope.is_finite is not False else f


def _slope_panel(
    loss: GANLoss,
    slope: sp.Expr,
    best: sp.Expr,
    outputs: tuple[sp.Symbol, float, float],
    controls: Sequence[Slider],
) -> Panel:
    curve = Curve(sp.diff(loss.gen, c).doit(), "gen′(C)", "generator")
    axis = _y_range([curve.expr], outputs, controls, ends=False)
    return Panel(
        [curve],
        x=outputs,
        y=axis,
        x_label="critic’s output C",
        title="slope of the generator’s loss",
        points=[Point(best, slope, "at C*(u)", "generator")],
        lines=_zero(axis),
    )


# --- between two normals ---------------------------------------------------------------------------


def _over_x(expr: sp.Expr) -> sp.Expr:
    """An expression in u at u = p(x)/q(x), its logistic parts whole."""
    return stabilise(expr.subs(u, sp.exp(_l))).xreplace({_l: _log_ratio})


def _values(theory: Derivation) -> dict[str, sp.Expr]:
    """The divergence that the critic measures, and both losses at the optimal critic."""
    divergence = theory.critic_divergence
    measured = _between(divergence)
    values: dict[str, sp.Expr] = {}
    if divergence.name is None:
        values["divergence D_f(p‖q), f = f_D"] = measured
    else:
        set_to = "".join(f", {name} = {value}" for name, value in divergence.parameters if value.is_number)
        values[divergence.name + set_to] = _between(divergence.scaled(1 / divergence.scale))
    values["critic’s loss at C*"] = divergence.offset - measured
    value = theory.generator_value
    if value is not None and not theory.loss.needs_real:
        inside = value.offset + _between(value.divergence)
        values["generator’s loss at C*"] = value.outer.subs(mean, inside)
    return values


def _between(divergence: FDivergence) -> sp.Expr:
    """D_f(N(0, 1) || N(θ, s²)): its closed form, or the integral over x."""
    if divergence.between_normals is not None:
        named = divergence.between_normals(Normal(0, 1), Normal(_theta, _s))
        if named.subs({_theta: 2, _s: 1}).is_finite:  # some formulas lack equal widths
            return divergence.scale * named
    return sp.Integral(_integrand(divergence.f), (_x, -sp.oo, sp.oo))


def _integrand(f: sp.Expr) -> sp.Expr:
    """q f(p/q), written as p v f(1/v) with v = q/p where p > q: no ratio above 1, so no overflow."""
    v, w = sp.Symbol("v", positive=True), sp.Symbol("w", real=True)
    mirrored = _tidied(f.subs(u, 1 / v), v).subs(v, sp.exp(-_l))
    above = _weighted(mirrored, w).xreplace({w: _log_p})
    below = _weighted(_tidied(f, sp.S.One).subs(u, sp.exp(_l)), w).xreplace({w: _log_q})
    return sp.Piecewise((below, _l <= 0), (above, True)).xreplace({_l: _log_ratio})


def _weighted(expr: sp.Expr, log_weight: sp.Symbol) -> sp.Expr:
    """exp(log_weight) times an expression, term by term, the exponentials of a term joined into one."""
    if isinstance(expr, sp.Piecewise):
        return sp.Piecewise(*((_weighted(e, log_weight), condition) for e, condition in expr.args))
    roots = expr.replace(
        lambda e: isinstance(e, sp.Pow) and not e.exp.is_Integer and e.base.is_Add,
        lambda e: sp.exp(e.exp * stabilise(sp.log(e.base))),  # (1 + e^z)^k is exp(k softplus(z))
    )
    return sp.Add(*(_joined(log_weight, term) for term in _terms(roots)))


def _terms(expr: sp.Expr) -> list[sp.Expr]:
    """The terms of an expression when its sums, those in denominators apart, are multiplied out."""
    if isinstance(expr, sp.Add):
        return [term for part in expr.args for term in _terms(part)]
    for factor in expr.args if isinstance(expr, sp.Mul) else ():
        if isinstance(factor, sp.Add):
            return [term for part in factor.args for term in _terms(expr / factor * part)]
    return [expr]


def _joined(log_weight: sp.Expr, term: sp.Expr) -> sp.Expr:
    """exp(log_weight) times one term, as one exponential times the rest."""
    factors = sp.Mul.make_args(term)
    exponent = sp.Add(log_weight, *(e.args[0] for e in factors if isinstance(e, sp.exp)))
    return sp.exp(exponent) * sp.Mul(*(e for e in factors if not isinstance(e, sp.exp)))


def _tidied(expr: sp.Expr, factor: sp.Expr) -> sp.Expr:
    """factor times an expression, its fractions cancelled and logarithms of products split."""
    if isinstance(expr, sp.Piecewise):
        return sp.Piecewise(*((_tidied(e, factor), condition) for e, condition in expr.args))
    expr = expr.replace(
        lambda e: isinstance(e, sp.Function) and not isinstance(e, sp.Piecewise),
        lambda e: e.func(*(sp.factor(sp.together(a)) for a in e.args)),
    )
    expr = factor * sp.expand_log(expr, force=True)
    return expr if expr.has(sp.Piecewise) else sp.factor(expr)
