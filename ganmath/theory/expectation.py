r"""Expectations over the data p and the generator q, the words that losses and equations are written in.

``E(p, g)`` is the mean of g over one draw from p; it binds ``c``, the critic's output there. ``E(Pairs(p, q),
h)`` is the mean over independent draws x from p and y from q, with the outputs ``c_x`` and ``c_y`` there. An
expectation may stand inside another's integrand (relativistic averages, Jolicoeur-Martineau 2019) or inside
any function (the Rényi and Donsker-Varadhan forms). Nothing evaluates by itself but the mean of a number.
"""

from functools import lru_cache
from typing import Any

import sympy as sp

from ganmath.theory.expression import BookPrinter, c, p, q

#: The mixture (p + q)/2, as a measure: ``E(m, g)`` pools real and fake samples.
m = sp.Symbol("m", positive=True)
#: The critic's output at the first point of a pair.
c_x = sp.Symbol("C_x", real=True)
#: The critic's output at the second point of a pair.
c_y = sp.Symbol("C_y", real=True)
#: Size of the real batch, for losses that are sums over batches.
n_real = sp.Symbol("n_real", positive=True, integer=True)
#: Size of the fake batch.
n_fake = sp.Symbol("n_fake", positive=True, integer=True)

_DENSITIES = (p, q, m)


class Pairs(sp.Function):
    """Pairs(a, b): independent draws x from a and y from b, each p or q, as the measure of an `E`."""

    nargs = 2

    @classmethod
    def eval(cls, a: sp.Expr, b: sp.Expr) -> None:
        if a not in (p, q) or b not in (p, q):
            raise ValueError(f"Pairs({a}, {b}): each of the two is gm.p or gm.q")

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        a, b = (printer.doprint(density) for density in self.args)
        return rf"x \sim {a},\, y \sim {b}"


class E(sp.Function):
    r"""The expectation of g under a measure: p, q, m, a linear combination of these, or `Pairs`.

    E(p, g), g an expression in ``c`` (or, in equations, in the densities p and q at a point). It binds
    what stands for a point: ``c``, or ``c_x`` and ``c_y`` under pairs.
    """

    nargs = 2
    is_commutative = True

    @classmethod
    def eval(cls, measure: sp.Expr, g: sp.Expr) -> sp.Expr | None:
        if g.is_number:
            return g * mass(measure)
        return None

    @property
    def measure(self) -> sp.Expr:
        return self.args[0]

    @property
    def integrand(self) -> sp.Expr:
        return self.args[1]

    @property
    def binds(self) -> tuple[sp.Symbol, ...]:
        """The symbols of outputs that have no meaning outside."""
        return (c_x, c_y) if isinstance(self.measure, Pairs) else (c,)

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        measure = self.measure.free_symbols - set(_DENSITIES)
        return measure | (self.integrand.free_symbols - set(self.binds))

    def _eval_is_real(self) -> bool | None:
        return True if self.integrand.is_real else None

    def _eval_is_positive(self) -> bool | None:
        of_mass_one = self.measure in _DENSITIES or isinstance(self.measure, Pairs)
        return True if of_mass_one and self.integrand.is_positive else None

    def _eval_derivative(self, symbol: sp.Symbol) -> sp.Expr:
        if symbol not in self.free_symbols:
            return sp.S.Zero
        inside = E(self.measure, self.integrand.diff(symbol))
        if symbol not in self.measure.free_symbols:
            return inside
        moved = sp.Add(*(w.diff(symbol) * E(a, self.integrand) for a, w in components(self.measure)))
        return inside + moved

    def _eval_subs(self, old: Any, new: Any) -> "E | None":
        return self if old in self.binds else None

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        measure, inside = (printer.doprint(arg) for arg in self.args)
        text = rf"\mathbb{{E}}_{{{measure}}}\left[{inside}\right]"
        return text if exp is None else rf"{text}^{{{exp}}}"


def components(measure: sp.Expr) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
    """((a, weight), …) with a measure as the sum of weight times a, each a in p, q or `Pairs`.

    ValueError for anything that is not linear in p, q and m.
    """
    if isinstance(measure, Pairs):
        return ((measure, sp.S.One),)
    whole = sp.expand(measure.subs(m, (p + q) / 2))
    weights = {a: whole.coeff(a) for a in (p, q)}
    rest = sp.expand(whole - sum(w * a for a, w in weights.items()))
    if rest != 0 or any(w.has(p, q) for w in weights.values()):
        raise ValueError(f"E({measure}, …): the measure is linear in gm.p, gm.q and gm.m, or gm.Pairs")
    return tuple((a, w) for a, w in weights.items() if w != 0)


def mass(measure: sp.Expr) -> sp.Expr:
    """Total mass of a measure, 1 for p, q, m and pairs."""
    return sp.Add(*(weight for _, weight in components(measure)))


def outermost(expr: sp.Expr) -> set[E]:
    """The expectations of an expression that stand inside no other."""
    if isinstance(expr, E):
        return {expr}
    return set().union(*(outermost(arg) for arg in expr.args)) if expr.args else set()


def at_critic(expr: sp.Expr, critic: sp.Expr) -> sp.Expr:
    """The expression with C replaced by another critic, an expression in ``c``, in all expectations."""
    outputs = {c: critic, c_x: critic.subs(c, c_x), c_y: critic.subs(c, c_y)}
    return expr.xreplace(outputs)


def map_integrands(expr: sp.Expr, change: Any) -> sp.Expr:
    """The expression with change(E) in place of each expectation, the innermost first."""
    if not expr.has(E):
        return expr
    args = [map_integrands(arg, change) for arg in expr.args]
    again = expr.func(*args) if args else expr
    return change(again) if isinstance(again, E) else again


def of_constants(expr: sp.Expr) -> sp.Expr:
    """The expression with factors that no draw changes in front of their expectations."""

    def outside(e: E) -> sp.Expr:
        factor, rest = e.integrand.as_independent(*e.binds, as_Add=False)
        return factor * E(e.measure, rest)

    return map_integrands(expr, outside)


# --- LaTeX ----------------------------------------------------------------------------------------


class ObjectivePrinter(BookPrinter):
    """Objectives as papers set them.

    Positive terms come first, p before q, an output before means of it, so that m - C is no longer
    -C + m; rational factors of an expectation are small; constants leave the logarithm of a mean.
    """

    def _print_Symbol(self, expr: sp.Symbol, style: str = "plain") -> str:
        return _SYMBOLS.get(expr) or str(super()._print_Symbol(expr, style))

    def _as_ordered_terms(self, expr: sp.Add, order: str | None = None) -> list[sp.Expr]:
        terms = list(super()._as_ordered_terms(expr, order=None))
        if expr.has(E):
            return sorted(terms, key=_reading_order)
        return sorted(terms, key=_is_subtracted) if _is_subtracted(terms[0]) else terms

    def _print_Mul(self, expr: sp.Mul) -> str:
        factor, rest = expr.as_coeff_Mul()
        if factor in (1, -1) or factor.is_Integer or not factor.is_Rational or not rest.has(E):
            return str(super()._print_Mul(expr))
        text = self.parenthesize(rest, 40) if rest.is_Add else self._print(rest)
        return rf"{'- ' if factor < 0 else ''}\tfrac{{{abs(factor.p)}}}{{{factor.q}}}\,{text}"

    def _print_log(self, expr: sp.log, exp: str | None = None) -> str:
        inner = of_constants(expr.args[0])
        if isinstance(inner, E):
            text = self._print(inner)
            return rf"\log {text}" if exp is None else rf"\log^{{{exp}}} {text}"
        return str(super()._print_log(sp.log(inner, evaluate=False), exp))


_SYMBOLS = {c_x: "C(x)", c_y: "C(y)", n_real: "n", n_fake: "k"}


def _reading_order(term: sp.Expr) -> tuple[bool, int]:
    """Added terms first; a bare output, then means over p, over q and over others."""
    measures = [e.measure for e in outermost(term)]
    places = [_DENSITIES.index(a) if a in _DENSITIES else len(_DENSITIES) for a in measures]
    return _is_subtracted(term), min(places, default=-1)


def _is_subtracted(term: sp.Expr) -> bool:
    return bool(term.as_coeff_Mul()[0].is_negative)


@lru_cache(maxsize=4096)
def objective_latex(expr: sp.Expr) -> str:
    """LaTeX of an objective in expectations."""
    return str(ObjectivePrinter().doprint(expr))
