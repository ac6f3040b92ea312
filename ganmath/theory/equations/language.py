"""Expectations, divergences and gradients as sympy functions that print and can be checked.

A side of an equation is a sympy expression in the densities p and q at a point and in the functions
below. It stands for an integral; two sides are equal for all p, q exactly if their integrands differ
by a multiple of p - q. sympy proves that, or both sides are evaluated to 50 digits on random
finite distributions.
"""

from collections.abc import Sequence
from typing import Any

import mpmath
import sympy as sp

from ganmath.theory.divergence import divergences
from ganmath.theory.expectation import E, m
from ganmath.theory.expression import BookPrinter, as_exponentials, c, p, q, to_mpmath, u
from ganmath.theory.optimum import tidy

theta = sp.Symbol("theta")


class Int(sp.Function):
    """The integral over x of an expression in p and q at x."""

    nargs = 1

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"\int {printer.doprint(self.args[0])}\,dx"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


class Frozen(sp.Function):
    """A function of x that does not move with q (a critic that is held fixed); prints as itself."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.S.Zero

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return str(printer.doprint(self.args[0]))


class Known(sp.Function):
    """Known(symbol, value): prints as the symbol and is checked as the value, as D^* for p/(p + q)."""

    nargs = 2

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        name = str(printer.doprint(self.args[0]))
        return name if exp is None else rf"\left({name}\right)^{{{exp}}}"


class Gradient(sp.Function):
    """The gradient in the generator's parameters theta of an expression in q = q_theta."""

    nargs = 1

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        inner = printer.doprint(self.args[0])
        if self.args[0].is_Add:
            inner = rf"\left({inner}\right)"
        return rf"\nabla_{{\theta}}\,{inner}"


def _divergence(key: str, command: str, separator: str) -> type:
    """sympy function D(a, b) for the named f-divergence between the densities a and b."""

    def _latex(self: Any, printer: Any, exp: str | None = None) -> str:
        a, b = (printer.doprint(arg) for arg in self.args)
        power = "" if exp is None else f"^{{{exp}}}"
        tall = r"\frac" in a + b
        left, right, bar = (r"\left(", r"\right)", r"\,\middle\|\,") if tall else ("(", ")", r"\,\|\,")
        return rf"{command}{power}{left}{a}{bar if separator == '|' else ', '}{b}{right}"

    def integrand(self: Any) -> sp.Expr:
        a, b = self.args
        return b * divergences[key].f.subs(u, a / b)

    members = {"nargs": 2, "_latex": _latex, "integrand": property(integrand), "key": key}
    return type(key.replace("-", "_"), (sp.Function,), members)


KL = _divergence("kl", r"\operatorname{KL}", "|")
JS = _divergence("jensen-shannon", r"\operatorname{JS}", ",")
TV = _divergence("total-variation", r"\operatorname{TV}", ",")
H2 = _divergence("squared-hellinger", r"\mathrm{H}^2", ",")
Chi2 = _divergence("pearson-chi2", r"\chi^2", "|")
Neyman = _divergence("neyman-chi2", r"\chi^2_{\mathrm{N}}", "|")
LeCam = _divergence("le-cam", r"\Delta", ",")


def add(*terms: Any) -> sp.Expr:
    """A sum that prints in the order given."""
    return sp.Add(*terms, evaluate=False)


def times(*factors: Any) -> sp.Expr:
    """A product that prints in the order given."""
    return sp.Mul(*factors, evaluate=False)


class _SidePrinter(BookPrinter):
    """A fraction before an integral, expectation or divergence is set small, not as a bar below it."""

    def _print_log(self, expr: sp.log, exp: str | None = None) -> str:
        if isinstance(expr.args[0], Known) and exp is None:
            return rf"\log {self._print(expr.args[0])}"
        return str(super()._print_log(expr, exp))

    def _print_Mul(self, expr: sp.Mul) -> str:
        first, *rest = expr.args
        if not rest or not first.is_Rational or first.is_Integer or not _is_integral(expr):
            return str(super()._print_Mul(expr))
        sign = "- " if first < 0 else ""
        others = self._print(rest[0] if len(rest) == 1 else sp.Mul(*rest, evaluate=False))
        return rf"{sign}\tfrac{{{abs(first.p)}}}{{{first.q}}} {others}"


def tex(side: Any) -> str:
    """LaTeX of a side, terms in the order written."""
    return str(_SidePrinter({"order": "none"}).doprint(sp.sympify(side)))


# --- checking ------------------------------------------------------------------------------------


def integrand(side: Any) -> sp.Expr | None:
    """g(p, q) with side = integral of g dx, or None where the side is not linear in integrals.

    A constant k becomes k p, since p integrates to 1.
    """
    side = sp.sympify(side)
    if isinstance(side, E):
        density, inner = side.args
        return density * inner
    if isinstance(side, Int):
        return side.args[0]
    if hasattr(side, "key"):
        return side.integrand
    if not side.has(E, Int) and not any(hasattr(a, "key") for a in sp.preorder_traversal(side)):
        return None if side.has(p, q, m) else side * p
    if side.is_Add:
        parts = [integrand(term) for term in side.args]
        return None if any(part is None for part in parts) else sp.Add(*parts)
    if side.is_Mul:
        scalars = [f for f in side.args if integrand(f) is not None and not _is_integral(f)]
        rest = [f for f in side.args if f not in scalars]
        if len(rest) == 1:
            inner = integrand(rest[0])
            return None if inner is None else sp.Mul(*scalars) * inner
    return None


def _is_integral(side: sp.Expr) -> bool:
    return side.has(E, Int) or any(hasattr(a, "key") for a in sp.preorder_traversal(side))


def _plain(g: sp.Expr) -> sp.Expr:
    """Mixture written out, names replaced by what they stand for, all in exp and log."""
    g = g.replace(Known, lambda _, value: value).replace(Frozen, lambda inner: inner)
    return as_exponentials(g.subs(m, (p + q) / 2))


def prove_equal(left: Any, right: Any) -> bool:
    """Whether sympy proves that two sides are equal for all densities p and q."""
    left, right = sp.sympify(left), sp.sympify(right)
    if isinstance(left, Gradient) and isinstance(right, Gradient):
        parts = [_functional_derivative(side.args[0]) for side in (left, right)]
        if parts[0] is None or parts[1] is None:
            return False
        return not tidy(parts[0] - parts[1]).has(p, q)  # sum of dq is 0: constants drop out
    if not (_is_integral(left) or _is_integral(right)):
        return bool(tidy(_plain(left - right)) == 0)
    parts = [integrand(side) for side in (left, right)]
    if parts[0] is None or parts[1] is None:
        return False
    difference = tidy(_plain(parts[0] - parts[1]))
    # a multiple of p - q integrates to 0; C, the critic's output at x, is no constant
    return bool(difference == 0 or not tidy(difference / (p - q)).has(p, q, c))


def _functional_derivative(side: sp.Expr) -> sp.Expr | None:
    """d/dq of the integrand at a point, frozen functions held fixed."""
    g = integrand(side)
    if g is None:
        return None
    return _plain(g.subs(m, (p + q) / 2).diff(q).doit())


def evaluate(side: Any, ps: Sequence[Any], qs: Sequence[Any]) -> Any:
    """A side on finite distributions, at mpmath's working precision (a list for a Gradient)."""
    side = sp.sympify(side)
    if isinstance(side, Gradient):
        slope = _functional_derivative(side.args[0])
        values = [to_mpmath(slope, (p, q))(a, b) for a, b in zip(ps, qs, strict=True)]
        return [v - values[0] for v in values]
    if isinstance(side, (E, Int)) or hasattr(side, "key"):
        g = to_mpmath(_plain(integrand(side)), (p, q))
        return mpmath.fsum(g(a, b) for a, b in zip(ps, qs, strict=True))
    if side.is_Add or side.is_Mul or side.is_Pow or side.is_Function:
        if not side.has(p, q, m):
            return to_mpmath(side, ())()
        args = [evaluate(arg, ps, qs) for arg in side.args]
        if side.is_Add:
            return mpmath.fsum(args)
        if side.is_Mul:
            return mpmath.fprod(args)
        dummies = [sp.Dummy() for _ in args]
        return to_mpmath(side.func(*dummies), tuple(dummies))(*args)
    return to_mpmath(side, ())()


def random_pair(seed: int, size: int = 6) -> tuple[list[Any], list[Any]]:
    """Two random distributions with full support, as mpmath numbers; the same for the same seed."""
    import random

    draw = random.Random(seed)
    rows = [[mpmath.mpf(draw.randint(1, 10**6)) for _ in range(size)] for _ in range(2)]
    return [x / mpmath.fsum(rows[0]) for x in rows[0]], [x / mpmath.fsum(rows[1]) for x in rows[1]]
