"""Symbols and functions that losses are written in, and printers to every place a loss is used.

``softplus``, ``sigmoid``, ``log_sigmoid`` and ``relu`` stay whole in sympy expressions, so that one
definition prints as stable torch primitives, numpy, mpmath (any precision), JavaScript and LaTeX.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.printing.lambdarepr import LambdaPrinter
from sympy.printing.latex import LatexPrinter

from ganmath.theory.javascript import javascript_helpers as javascript_helpers
from ganmath.theory.javascript import to_javascript as to_javascript

#: The critic's output C, a real symbol.
c = sp.Symbol("C", real=True)
#: The density ratio u = p/q, a positive symbol.
u = sp.Symbol("u", positive=True)
#: The mean of gen(C) over fakes, a real symbol, for losses that are a function of it.
mean = sp.Symbol("M", real=True)
#: The data's density at a point, a positive symbol.
p = sp.Symbol("p", positive=True)
#: The generator's density at a point, a positive symbol.
q = sp.Symbol("q", positive=True)


def _exponential(x: sp.Expr) -> sp.Expr | None:
    """exp(x) where that is free of exponentials (x = log u gives u); None otherwise."""
    value = sp.exp(x)
    return None if value.has(sp.exp, sp.E) else value


class softplus(sp.Function):
    """log(1 + e^x), positive and increasing; its derivative is the sigmoid."""

    nargs = 1
    is_real = True
    is_positive = True

    @classmethod
    def eval(cls, x: sp.Expr) -> sp.Expr | None:
        if x is sp.oo:
            return sp.oo
        if x is -sp.oo:
            return sp.S.Zero
        value = _exponential(x)
        return None if value is None else sp.log(1 + value)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sigmoid(self.args[0])

    def _eval_rewrite_as_exp(self, x: sp.Expr, **kwargs: Any) -> sp.Expr:
        return sp.log(1 + sp.exp(x))

    def _eval_evalf(self, prec: int) -> sp.Expr:
        import mpmath

        x = self.args[0]._to_mpmath(prec)
        with mpmath.workprec(prec):
            value = max(x, mpmath.mpf(0)) + mpmath.log1p(mpmath.exp(-abs(x)))
        return sp.Expr._from_mpmath(value, prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _named(printer, r"\operatorname{softplus}", self.args[0], exp)


class sigmoid(sp.Function):
    """1/(1 + e^-x), in (0, 1); its derivative is sigmoid(x) sigmoid(-x)."""

    nargs = 1
    is_real = True
    is_positive = True

    @classmethod
    def eval(cls, x: sp.Expr) -> sp.Expr | None:
        if x is sp.oo:
            return sp.S.One
        if x is -sp.oo:
            return sp.S.Zero
        value = _exponential(x)
        return None if value is None else value / (1 + value)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sigmoid(self.args[0]) * sigmoid(-self.args[0])

    def _eval_rewrite_as_exp(self, x: sp.Expr, **kwargs: Any) -> sp.Expr:
        return 1 / (1 + sp.exp(-x))

    def _eval_evalf(self, prec: int) -> sp.Expr:
        import mpmath

        x = self.args[0]._to_mpmath(prec)
        with mpmath.workprec(prec):
            value = mpmath.exp(min(x, mpmath.mpf(0))) / (1 + mpmath.exp(-abs(x)))
        return sp.Expr._from_mpmath(value, prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _named(printer, r"\sigma", self.args[0], exp)


class log_sigmoid(sp.Function):
    """log(sigmoid(x)) = -softplus(-x), negative and increasing."""

    nargs = 1
    is_real = True
    is_negative = True

    @classmethod
    def eval(cls, x: sp.Expr) -> sp.Expr | None:
        if x is sp.oo:
            return sp.S.Zero
        if x is -sp.oo:
            return -sp.oo
        value = _exponential(-x)
        return None if value is None else -sp.log(1 + value)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sigmoid(-self.args[0])

    def _eval_rewrite_as_exp(self, x: sp.Expr, **kwargs: Any) -> sp.Expr:
        return -sp.log(1 + sp.exp(-x))

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return (-softplus(-self.args[0]))._eval_evalf(prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _named(printer, r"\log\sigma", self.args[0], exp)


class relu(sp.Function):
    """max(0, x), with a kink at 0."""

    nargs = 1
    is_real = True
    is_nonnegative = True

    @classmethod
    def eval(cls, x: sp.Expr) -> sp.Expr | None:
        if x.is_nonnegative:
            return x
        if x.is_nonpositive:
            return sp.S.Zero
        return None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.Heaviside(self.args[0])

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return sp.Max(0, self.args[0].evalf(n=sp.core.evalf.prec_to_dps(prec)))

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        base = rf"\left({printer.doprint(self.args[0])}\right)_{{+}}"
        return base if exp is None else rf"{base}^{{{exp}}}"


class logaddexp(sp.Function):
    """log(e^x + e^y)."""

    nargs = 2
    is_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        x, y = self.args
        return sigmoid(x - y) if argindex == 1 else sigmoid(y - x)

    def _eval_rewrite_as_exp(self, x: sp.Expr, y: sp.Expr, **kwargs: Any) -> sp.Expr:
        return sp.log(sp.exp(x) + sp.exp(y))


def _named(printer: Any, name: str, argument: sp.Expr, exp: str | None) -> str:
    power = "" if exp is None else f"^{{{exp}}}"
    return rf"{name}{power}\left({printer.doprint(argument)}\right)"


def stabilise(expr: sp.Expr) -> sp.Expr:
    """Rewrite naive forms of the logistic functions into the whole ones.

    log(1 + e^x) becomes softplus(x), 1/(1 + e^-x) sigmoid(x), log(sigmoid(x)) log_sigmoid(x) and
    log(1 - sigmoid(x)) -softplus(x), so that a loss typed from a paper trains without overflow.
    """
    expr = sp.sympify(expr)
    expr = expr.replace(_is_one_plus_exp_power, _as_sigmoid_power)
    expr = expr.replace(lambda e: isinstance(e, sp.Mul), _exp_times_sigmoid)
    return expr.replace(lambda e: isinstance(e, sp.log), _stable_log)


def _one_plus_exp(e: sp.Expr) -> Any:
    """x where e is 1 + exp(x), else None."""
    if isinstance(e, sp.Add) and len(e.args) == 2 and sp.S.One in e.args:
        other = e.args[0] if e.args[1] == 1 else e.args[1]
        if isinstance(other, sp.exp) and other.free_symbols:
            return other.args[0]
    return None


def _is_one_plus_exp_power(e: sp.Expr) -> bool:
    return isinstance(e, sp.Pow) and e.exp.is_negative and _one_plus_exp(e.base) is not None


def _as_sigmoid_power(e: sp.Expr) -> sp.Expr:
    return sigmoid(-_one_plus_exp(e.base)) ** (-e.exp)


def _exp_times_sigmoid(e: sp.Expr) -> sp.Expr:
    """exp(x) sigmoid(-x) = sigmoid(x)."""
    for factor in e.args:
        if isinstance(factor, sp.exp) and sigmoid(-factor.args[0]) in e.args:
            return e / factor / sigmoid(-factor.args[0]) * sigmoid(factor.args[0])
    return e


def _stable_log(e: sp.Expr) -> sp.Expr:
    inner = e.args[0]
    x = _one_plus_exp(inner)
    if x is not None:
        return softplus(x)
    if isinstance(inner, sigmoid):
        return log_sigmoid(inner.args[0])
    complement = 1 - inner
    if isinstance(complement, sigmoid):
        return -softplus(complement.args[0])
    return e


def as_exponentials(expr: sp.Expr) -> sp.Expr:
    """The same expression in exp and log alone, for algebra."""
    for whole in (softplus, log_sigmoid, sigmoid):
        expr = expr.replace(whole, lambda x, whole=whole: whole(x).rewrite("exp"))
    return expr


# --- printers ----------------------------------------------------------------------------------


class _ArrayPrinter(LambdaPrinter):
    """Python source in which the functions are names and Piecewise is an elementwise `where`."""

    def _print_Piecewise(self, expr: Any) -> str:
        *pieces, (last, condition) = expr.args
        text = (
            self._print(last)
            if condition == sp.true
            else f"where({self._print(condition)}, {self._print(last)}, nan)"
        )
        for value, condition in reversed(pieces):
            text = f"where({self._print(condition)}, {self._print(value)}, {text})"
        return text

    def _print_And(self, expr: Any) -> str:
        return " & ".join(f"({self._print(arg)})" for arg in expr.args)

    def _print_Or(self, expr: Any) -> str:
        return " | ".join(f"({self._print(arg)})" for arg in expr.args)

    def _print_Function(self, expr: Any) -> str:
        return f"{type(expr).__name__}({', '.join(self._print(a) for a in expr.args)})"

    def _print_Max(self, expr: Any) -> str:
        return _fold("maximum", [self._print(a) for a in expr.args])

    def _print_Min(self, expr: Any) -> str:
        return _fold("minimum", [self._print(a) for a in expr.args])

    def _print_sign(self, expr: Any) -> str:
        return f"sign({self._print(expr.args[0])})"

    def _print_Heaviside(self, expr: Any) -> str:
        return f"heaviside({self._print(expr.args[0])})"

    def _print_Integral(self, expr: Any) -> str:
        variable, low, high = (self._print(part) for part in expr.limits[0])
        return f"quadrature(lambda {variable}: {self._print(expr.function)}, {low}, {high})"

    def _print_Infinity(self, expr: Any) -> str:
        return "inf"

    def _print_NegativeInfinity(self, expr: Any) -> str:
        return "-inf"


def _fold(function: str, arguments: list[str]) -> str:
    text = arguments[0]
    for argument in arguments[1:]:
        text = f"{function}({text}, {argument})"
    return text


_ELEMENTARY = ("exp", "log", "sqrt", "tanh", "cosh", "sinh", "sin", "cos", "sign")


def _numbers(expr: sp.Expr) -> sp.Expr:
    """log(2) and its like as numbers: torch.log takes no int."""
    return expr.replace(lambda e: e.is_Function and e.is_number and e.is_finite, lambda e: e.evalf(17))


_SETTINGS = {"fully_qualified_modules": False, "allow_unknown_functions": True}


def _compile(expr: sp.Expr, symbols: Sequence[sp.Symbol], names: dict[str, Any]) -> Callable:
    printer = _ArrayPrinter(_SETTINGS)
    return sp.lambdify(list(symbols), _numbers(expr), modules=[names], printer=printer)


def torch_source(expr: sp.Expr) -> str:
    """Python text of an expression, in the functions of `torch_names` and its symbols' own names."""
    return str(_ArrayPrinter(_SETTINGS).doprint(_numbers(expr)))


@lru_cache(maxsize=1)
def torch_names() -> dict[str, Any]:
    """What the source of torch functions calls, by name."""
    import torch
    from torch.nn.functional import logsigmoid

    # F.softplus turns linear above 20 and so is off by e^-20 in float64; logsigmoid is exact.
    # exp(logsigmoid) keeps the sigmoid's derivative where 1 - sigmoid(x) has rounded to 0.
    def maximum(a: Any, b: Any) -> Any:
        like = a if torch.is_tensor(a) else b
        return torch.maximum(torch.as_tensor(a).to(like), torch.as_tensor(b).to(like))

    def minimum(a: Any, b: Any) -> Any:
        return -maximum(-a, -b)

    return {
        "softplus": lambda x: -logsigmoid(-x),
        "sigmoid": lambda x: torch.exp(logsigmoid(x)),
        "log_sigmoid": logsigmoid,
        "logaddexp": torch.logaddexp,
        "relu": torch.relu,
        **{name: getattr(torch, name) for name in _ELEMENTARY},
        "atan": torch.atan,
        "abs": torch.abs,
        "Abs": torch.abs,
        "heaviside": lambda x: 0.5 * (1 + torch.sign(x)),
        "where": torch.where,
        "maximum": maximum,
        "minimum": minimum,
        "inf": float("inf"),
        "nan": float("nan"),
        "pi": float(sp.pi),
    }


@lru_cache(maxsize=1024)
def to_torch(expr: sp.Expr, symbols: tuple[sp.Symbol, ...] = (c,)) -> Callable:
    """Elementwise torch function of the symbols, differentiable, stable at any logit.

    Parameters: expr, sympy expression whose free symbols are `symbols`.
    Returns: callable on tensors (shapes broadcast).
    """
    import torch

    if expr.free_symbols & set(symbols):
        return _compile(expr, symbols, torch_names())
    return lambda *arguments: torch.full_like(arguments[0], float(expr))


@lru_cache(maxsize=1024)
def to_numpy(expr: sp.Expr, symbols: tuple[sp.Symbol, ...] = (c,)) -> Callable:
    """Elementwise numpy function of the symbols, in float64 and stable at any logit.

    Integrals over one variable become adaptive quadrature.
    """
    import numpy as np

    def sigmoid_(x: Any) -> Any:
        return np.exp(-np.logaddexp(0.0, -x))

    function = _compile(
        expr,
        symbols,
        {
            "softplus": lambda x: np.logaddexp(0.0, x),
            "sigmoid": sigmoid_,
            "log_sigmoid": lambda x: -np.logaddexp(0.0, -x),
            "relu": lambda x: np.maximum(x, 0.0),
            "logaddexp": np.logaddexp,
            **{
                name: getattr(np, name)
                for name in (*_ELEMENTARY, "where", "maximum", "minimum", "inf", "nan", "pi")
            },
            "atan": np.arctan,
            "abs": np.abs,
            "Abs": np.abs,
            "heaviside": lambda x: np.heaviside(x, 0.5),
            "erf": np.vectorize(math.erf, otypes=[float]),
            "quadrature": _quadrature,
        },
    )

    def elementwise(*arguments: Any) -> Any:
        arrays = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in arguments))
        flat = np.asarray(function(*(a.ravel() for a in arrays)), dtype=float)
        return np.broadcast_to(flat, arrays[0].size).reshape(arrays[0].shape)

    return elementwise


def _quadrature(f: Callable, low: Any, high: Any) -> Any:
    """Integral of f from low to high, each a number or (m,), adaptive, for all m at once."""
    import numpy as np
    from scipy.integrate import quad_vec

    def whole(g: Callable, start: float, end: float) -> Any:
        inside = lambda t: np.atleast_1d(g(t))  # noqa: E731
        return quad_vec(inside, start, end, epsabs=1e-13, epsrel=1e-10, norm="max", limit=500)[0]

    if np.ndim(low) == np.ndim(high) == 0:
        return whole(f, low, high)
    if np.isinf(low).all():
        return whole(lambda t: f(high - t), 0.0, np.inf)
    if np.isinf(high).all():
        return whole(lambda t: f(low + t), 0.0, np.inf)
    return whole(lambda t: f(low + (high - low) * t) * (high - low), 0.0, 1.0)


@lru_cache(maxsize=4096)
def to_mpmath(expr: sp.Expr, symbols: tuple[sp.Symbol, ...] = (c,)) -> Callable:
    """Scalar function of the symbols at mpmath's working precision."""
    import mpmath

    def softplus_(x: Any) -> Any:
        return max(x, mpmath.mpf(0)) + mpmath.log1p(mpmath.exp(-abs(x)))

    names: dict[str, Any] = {
        "softplus": softplus_,
        "log_sigmoid": lambda x: -softplus_(-x),
        "sigmoid": lambda x: mpmath.exp(min(x, mpmath.mpf(0))) / (1 + mpmath.exp(-abs(x))),
        "relu": lambda x: max(x, mpmath.mpf(0)),
        "logaddexp": lambda x, y: y + softplus_(x - y),
        "Heaviside": lambda x, half=0.5: (1 + mpmath.sign(x)) / 2,
    }
    return sp.lambdify(list(symbols), expr, modules=[names, "mpmath"])


class BookPrinter(LatexPrinter):
    """LaTeX as the book sets it: log u, log 2 and log of a fraction without brackets."""

    def _print_log(self, expr: Any, exp: str | None = None) -> str:
        inner = expr.args[0]
        text = self._print(inner)
        bare = inner.is_Symbol or (inner.is_Integer and inner > 0) or text.startswith(r"\frac")
        if bare and not inner.is_Add:
            return rf"\log {text}" if exp is None else rf"\log^{{{exp}}} {text}"
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\log{power}\left({text}\right)"


def to_latex(expr: sp.Expr, **settings: Any) -> str:
    """LaTeX of an expression in the book's notation; pass order="none" to keep terms as written."""
    return str(BookPrinter(settings).doprint(expr))
