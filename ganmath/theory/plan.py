r"""The one normal form of an objective: a straight-line program of means, and a value made of them.

Every backend reads it: torch source, JavaScript, numpy and mpmath on finite alphabets with the gradient.
Mixtures are split into p and q, equal means are shared, constants leave their means, and the logarithm of
a positive combination of means of exponentials becomes a log-sum-exp, which no logit overflows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from ganmath.theory.expectation import E, Pairs, c_x, c_y, components, n_fake, n_real
from ganmath.theory.expression import c, logaddexp, stabilise, to_mpmath, to_numpy

#: The two points' outputs of a mean over pairs, and the one output of the others.
OUTPUTS = {"p": (c,), "q": (c,), "batch": (c,), "pp": (c_x, c_y), "pq": (c_x, c_y), "qq": (c_x, c_y)}


@dataclass(frozen=True)
class Mean:
    """name = mean of term over p, q or pairs pp, pq, qq; where `log`, the log of the mean of exp(term).

    Over "batch" it is the log of the sum of exp(term) over real and fake samples together.
    """

    name: sp.Symbol
    term: sp.Expr
    over: str
    log: bool = False


@dataclass(frozen=True)
class Plan:
    """means, each in terms of outputs, parameters and the means before it; value in the means' names."""

    means: tuple[Mean, ...]
    value: sp.Expr

    def over(self, measure: str) -> bool:
        """Whether samples of a measure, "p" or "q", are needed, if only to count them."""
        size = {"p": n_real, "q": n_fake}[measure]
        counted = any(expr.has(size) for expr in (self.value, *(mean.term for mean in self.means)))
        return counted or any(mean.over == "batch" or measure in mean.over for mean in self.means)


@lru_cache(maxsize=1024)
def plan(expr: sp.Expr) -> Plan:
    """The program of an objective. Parameters may stay symbols; ValueError for a measure that is none."""
    builder = _Builder()
    value = builder.visit(expr)
    needed = _needed(builder.means, value)
    return Plan(tuple(mean for mean in builder.means if mean.name in needed), value)


class _Builder:
    """The means found so far, each once."""

    def __init__(self) -> None:
        self.means: list[Mean] = []
        self.known: dict[tuple[str, sp.Expr, bool], sp.Symbol] = {}

    def visit(self, expr: sp.Expr) -> sp.Expr:
        if not expr.has(E):
            return expr
        if isinstance(expr, E):
            inside = self.visit(expr.integrand)
            parts = components(expr.measure)
            return sp.Add(*(weight * self.mean(measure, inside) for measure, weight in parts))
        args = [self.visit(arg) for arg in expr.args]
        if isinstance(expr, sp.log):
            return self.logarithm(args[0])
        return expr.func(*args)

    def mean(self, measure: sp.Expr, term: sp.Expr) -> sp.Expr:
        """The mean's name, times what no draw changes."""
        if isinstance(measure, Pairs):
            over = "".join(map(str, measure.args))
            if over == "qp":
                over, term = "pq", term.xreplace({c_x: c_y, c_y: c_x})
        else:
            over = str(measure)
        if stray := term.free_symbols & {c, c_x, c_y} - set(OUTPUTS[over]):
            names = ", ".join(sorted(map(str, stray)))
            raise ValueError(f"a mean over {over} has the output(s) {names}, which are bound outside of it")
        factor, rest = term.as_independent(*OUTPUTS[over], as_Add=False)
        return factor if rest == 1 else factor * self.named(over, stabilise(rest), False)

    def named(self, over: str, term: sp.Expr, log: bool) -> sp.Symbol:
        if (over, term, log) not in self.known:
            letter = "L" if log else "M"
            positive = {"positive": True} if not log and term.is_positive else {"real": True}
            name = sp.Symbol(f"{letter}_{len(self.means)}", **positive)
            self.known[over, term, log] = name
            self.means.append(Mean(name, term, over, log))
        return self.known[over, term, log]

    def logarithm(self, inside: sp.Expr) -> sp.Expr:
        """log of a sum of positive multiples of means of exponentials, without the exponentials."""
        by_name = {mean.name: mean for mean in self.means}
        found = []
        for summand in sp.Add.make_args(sp.expand(inside)):
            names = [x for x in summand.free_symbols if x in by_name]
            mean = by_name[names[0]] if len(names) == 1 else None
            if mean is None or mean.log or not isinstance(mean.term, sp.exp):
                return sp.log(inside)
            weight = summand / mean.name
            if weight.has(mean.name) or not weight.is_positive:
                return sp.log(inside)
            found.append((mean.over, mean.term.args[0], weight))
        sizes = {"p": n_real, "q": n_fake}
        if {over for over, _, _ in found} == set(sizes) and len(found) == 2:
            weights = {weight / sizes[over] for over, _, weight in found}
            if len(weights) == 1 and found[0][1] == found[1][1]:
                return sp.log(weights.pop()) + self.named("batch", found[0][1], True)
        logs = [sp.log(weight) + self.named(over, term, True) for over, term, weight in found]
        total = logs[0]
        for part in logs[1:]:
            total = logaddexp(total, part)
        return total


def _needed(means: Sequence[Mean], value: sp.Expr) -> set[sp.Basic]:
    needed = set(value.free_symbols)
    for mean in reversed(means):
        if mean.name in needed:
            needed |= mean.term.free_symbols
    return needed


# --- on a finite alphabet -------------------------------------------------------------------------


class Evaluator:
    """A plan without open symbols as a function of the outputs on a finite alphabet, with its gradient.

    numpy in float64, or mpmath at its working precision (arrays of objects) where `exact`. Sizes of batches
    are taken as 1 each: a population has none.
    """

    def __init__(self, program: Plan, exact: bool = False) -> None:
        self.exact = exact
        names: list[sp.Symbol] = []
        self.steps = []
        for mean in program.means:
            outputs = OUTPUTS[mean.over]
            used = [name for name in names if mean.term.has(name)]
            slopes = [self._function(mean.term.diff(x).doit(), (*outputs, *used)) for x in (*outputs, *used)]
            term = self._function(mean.term, (*outputs, *used))
            self.steps.append((mean, used, term, slopes[: len(outputs)], slopes[len(outputs) :]))
            names.append(mean.name)
        self.names = names
        self.value = self._function(program.value, tuple(names))
        self.slopes = [self._function(program.value.diff(name), tuple(names)) for name in names]

    def _function(self, expr: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> Callable:
        expr = expr.xreplace({n_real: sp.S.One, n_fake: sp.S.One})
        expr = expr.replace(sp.DiracDelta, lambda *_: sp.S.Zero)  # a slope's jump has no mass on points
        if not self.exact:
            return to_numpy(expr, symbols) if symbols else (lambda: float(expr))
        scalar = to_mpmath(expr, symbols)
        if not symbols:
            return lambda: mpmath.mpf(scalar())
        return np.frompyfunc(lambda *x: mpmath.mpf(scalar(*x)), len(symbols), 1)

    def __call__(self, outputs: Any, p: Any, q: Any) -> tuple[Any, np.ndarray]:
        """(value, gradient (K,)) of outputs (K,) between probability vectors p and q, each (K,)."""
        outputs, weights = np.asarray(outputs), {"p": np.asarray(p), "q": np.asarray(q)}
        found: dict[sp.Symbol, Any] = {}
        tapes = []
        for mean, used, term, by_output, by_name in self.steps:
            at, w = _points(mean.over, outputs, weights)
            arguments = (*at, *(found[name] for name in used))
            values = term(*arguments)
            if mean.log:
                top = values[w > 0].max()
                relative = np.where(w > 0, w * self._exp(values - top), 0 * w)
                total = relative.sum()
                found[mean.name] = top + self._log(total)
                w = relative / total
            else:
                found[mean.name] = np.where(w > 0, w * values, 0 * w).sum()
            tapes.append((mean, used, arguments, w, by_output, by_name))
        in_order = tuple(found[name] for name in self.names)
        adjoint = {name: s(*in_order) for name, s in zip(self.names, self.slopes, strict=True)}
        gradient = 0 * outputs
        for mean, used, arguments, w, by_output, by_name in reversed(tapes):
            factor = adjoint[mean.name]
            for axis, slope in enumerate(by_output):
                moved = np.where(w > 0, w * slope(*arguments), 0 * w)
                gradient = gradient + factor * (moved if moved.ndim == 1 else moved.sum(axis=1 - axis))
            for name, slope in zip(used, by_name, strict=True):
                adjoint[name] = adjoint[name] + factor * np.where(w > 0, w * slope(*arguments), 0 * w).sum()
        return self.value(*in_order), gradient

    def samples(self, outputs: Any, p: Any, q: Any) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(weights, values, slopes) of each mean's term at its n points or n pairs of points.

        In float64: (n,), (n,) and (n, K), the last with respect to all outputs (K,), also through the means
        that stand in the term. ValueError for a plan with the logarithm of a mean of exponentials.
        """
        weights, moves = {"p": p, "q": q}, np.eye(len(outputs))
        means: dict[sp.Symbol, tuple[float, np.ndarray]] = {}
        found = []
        for mean, used, term, by_output, by_name in self.steps:
            if mean.log:
                raise ValueError(
                    f"{mean.name} is no mean: the samples of {mean.term} have no terms of their own"
                )
            at, w = _points(mean.over, outputs, weights)
            arguments = (*at, *(means[name][0] for name in used))
            values, slopes = term(*arguments), np.zeros((*w.shape, len(outputs)))
            for axis, slope in enumerate(by_output):
                own = moves if w.ndim == 1 else np.expand_dims(moves, 1 - axis)
                slopes = slopes + slope(*arguments)[..., None] * own
            for name, slope in zip(used, by_name, strict=True):
                slopes = slopes + slope(*arguments)[..., None] * means[name][1]
            w, values, slopes = w.ravel(), values.ravel(), slopes.reshape(w.size, -1)
            means[mean.name] = float(w @ values), w @ slopes
            found.append((w, values, slopes))
        return found

    def _exp(self, x: Any) -> Any:
        return np.frompyfunc(mpmath.exp, 1, 1)(x) if self.exact else np.exp(x)

    def _log(self, x: Any) -> Any:
        return mpmath.log(x) if self.exact else np.log(x)


def _points(over: str, outputs: np.ndarray, weights: dict[str, np.ndarray]) -> tuple[tuple, np.ndarray]:
    """The outputs that a mean's term takes, and their weights: (K,), or (K, K) over pairs."""
    if over == "batch":
        return (outputs,), weights["p"] + weights["q"]
    if len(over) == 1:
        return (outputs,), weights[over]
    one = 0 * outputs + 1
    pair = np.multiply.outer(weights[over[0]], weights[over[1]])
    return (np.multiply.outer(outputs, one), np.multiply.outer(one, outputs)), pair
