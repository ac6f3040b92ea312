"""A plan as JavaScript: an objective on batches of outputs, with its gradient in every output.

The reverse pass is written out, mean by mean; log-sum-exp stays one, so that no logit overflows. Pairs are
matched: the i-th real output with the i-th fake one, each sample of a batch with the one before it.
"""

from collections.abc import Mapping

import sympy as sp

from ganmath.theory.expectation import c_x, c_y, n_fake, n_real
from ganmath.theory.javascript import to_javascript
from ganmath.theory.plan import OUTPUTS, Mean, Plan

_BATCHES = {"p": ("cReal", "dReal"), "q": ("cFake", "dFake")}
_SIZES = {n_real: sp.Symbol("nReal", positive=True), n_fake: sp.Symbol("nFake", positive=True)}
_NAMES = {c_x: sp.Symbol("x", real=True), c_y: sp.Symbol("y", real=True), **_SIZES}


def plan_javascript(program: Plan, parameters: Mapping[sp.Symbol, sp.Symbol]) -> str:
    """JavaScript function (cReal, cFake, k) => ({value, dReal, dFake}) of an objective's plan.

    parameters: what stands for each open symbol, such as k.beta. The function takes arrays of outputs, and
    gives the value and the gradient in each output as arrays; it throws an Error where pairs are matched and
    the batches differ in size. It calls the helpers of `javascript_helpers`.
    """
    names = {**_NAMES, **parameters}
    lines = ["const nReal = cReal.length, nFake = cFake.length;"]
    lines += ["const dReal = new Float64Array(nReal), dFake = new Float64Array(nFake);"]
    if any(mean.over == "pq" for mean in program.means):
        lines += ['if (nReal !== nFake) throw new Error("pairs need as many real as fake outputs");']
    for mean in program.means:
        lines += _forward(mean, names)
    for mean in program.means:
        lines += [f"let d{mean.name} = {_source(program.value.diff(mean.name), names)};"]
    for i, mean in reversed(list(enumerate(program.means))):
        lines += _backward(mean, program.means[:i], names)
    value = _source(program.value, names)
    return f"(cReal, cFake, k) => {{ {' '.join(lines)} return {{ value: {value}, dReal, dFake }}; }}"


def _forward(mean: Mean, names: Mapping[sp.Symbol, sp.Symbol]) -> list[str]:
    """The lines that compute a mean; of a logarithm also its greatest term and its sum."""
    term, name = _source(mean.term, names), mean.name
    if not mean.log:
        return [f"let {name} = 0;", *_each(mean, f"{name} += {term};"), f"{name} /= {_count(mean)};"]
    return [
        f"let top{name} = -Infinity, sum{name} = 0;",
        *_each(mean, f"top{name} = Math.max(top{name}, {term});"),
        *_each(mean, f"sum{name} += Math.exp({term} - top{name});"),
        f"const {name} = top{name} + Math.log(sum{name} / {_count(mean)});",
    ]


def _backward(mean: Mean, before: tuple[Mean, ...], names: Mapping[sp.Symbol, sp.Symbol]) -> list[str]:
    """The lines that hand the derivative in a mean on to outputs and to the means before it."""
    weight = f"d{mean.name} / {_count(mean)}"
    if mean.log:
        weight = f"d{mean.name} * Math.exp({_source(mean.term, names)} - top{mean.name}) / sum{mean.name}"
    targets = dict(zip(OUTPUTS[mean.over], ("dHere[i]", "dThere[j]"), strict=False))
    targets |= {x.name: f"d{x.name}" for x in before if mean.term.has(x.name)}
    slopes = {target: _slope(mean.term, symbol) for symbol, target in targets.items()}
    steps = [f"{to} += w * ({_source(slope, names)});" for to, slope in slopes.items() if slope != 0]
    return _each(mean, f"const w = {weight};", *steps)


def _each(mean: Mean, *steps: str) -> list[str]:
    """Loops in which steps see the outputs of a sample or of a pair, and where their gradients lie."""
    body = " ".join(steps)
    if len(mean.over) == 2:
        (x, dx), (y, dy) = (_BATCHES[a] for a in mean.over)
        j = "i" if mean.over == "pq" else f"(i + {x}.length - 1) % {x}.length"
        head = f"const j = {j}, x = {x}[i], y = {y}[j], dHere = {dx}, dThere = {dy};"
        return [f"for (let i = 0; i < {x}.length; i++) {{ {head} {body} }}"]
    batches = [_BATCHES[a] for a in ("pq" if mean.over == "batch" else mean.over)]
    return [
        f"for (let i = 0; i < {x}.length; i++) {{ const C = {x}[i], dHere = {dx}; {body} }}"
        for x, dx in batches
    ]


def _count(mean: Mean) -> str:
    """What a sum of terms is divided by; over the batch it stays a sum."""
    return "1" if mean.over == "batch" else "nReal" if mean.over[0] == "p" else "nFake"


def _slope(term: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """The derivative; |x|^k / |x| as one power, and the jump of a step without mass."""
    slope = term.diff(symbol).doit().replace(sp.DiracDelta, lambda *_: sp.S.Zero)
    return sp.powsimp(slope) if slope.has(sp.Abs) else slope


def _source(expr: sp.Expr, names: Mapping[sp.Symbol, sp.Symbol]) -> str:
    return to_javascript(expr.xreplace(names))
