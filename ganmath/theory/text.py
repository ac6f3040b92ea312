"""Expressions read back from the text that sympy writes, without running it: what records hold of a loss.

sympy's own reader evaluates Python, which no file from others should; this one knows a fixed list of names.
"""

import ast
import operator
from collections.abc import Callable
from typing import Any

import sympy as sp

from ganmath.theory import expectation, expression
from ganmath.theory.penalties import g

_SYMBOLS: dict[str, sp.Expr] = {
    str(symbol): symbol
    for symbol in (
        *(expression.c, expression.p, expression.q, expression.mean, g),
        *(expectation.m, expectation.c_x, expectation.c_y, expectation.n_real, expectation.n_fake),
    )
} | {"pi": sp.pi, "E": sp.E, "oo": sp.oo, "GoldenRatio": sp.GoldenRatio, "True": sp.true, "False": sp.false}
_FUNCTIONS: dict[str, Callable[..., sp.Expr]] = {
    function.__name__: function
    for function in (
        *(expression.softplus, expression.sigmoid, expression.log_sigmoid, expression.relu),
        *(expression.logaddexp, expectation.E, expectation.Pairs),
        *(sp.exp, sp.log, sp.Abs, sp.sign, sp.Max, sp.Min, sp.Heaviside, sp.Piecewise, sp.erf),
        *(sp.sin, sp.cos, sp.tanh, sp.sinh, sp.cosh, sp.atan, sp.asinh),
    )
} | {"sqrt": sp.sqrt}
_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_LONGEST = 20_000


def read(text: str) -> sp.Expr:
    """The expression that ``str`` wrote. ValueError for other text, or a name that no loss is written in."""
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise ValueError("an expression is a text of at most 20000 characters")
    try:
        return sp.sympify(_value(ast.parse(text, mode="eval").body))
    except (SyntaxError, RecursionError, TypeError, MemoryError) as error:
        raise ValueError(f"{text[:80]!r} is no expression of a loss: {error}") from error


def _value(node: ast.AST) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return sp.Integer(number) if isinstance(number, int) else sp.Float(repr(number))
        case ast.Constant(value=bool() as truth):
            return sp.true if truth else sp.false
        case ast.Name(id=name) if name in _SYMBOLS:
            return _SYMBOLS[name]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*map(_value, arguments))
        case ast.Tuple(elts=parts):
            return tuple(map(_value, parts))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return (
                _power(_value(left), _value(right))
                if isinstance(op, ast.Pow)
                else _OPERATORS[type(op)](_value(left), _value(right))
            )
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left), _value(right))
    raise ValueError(
        f"{ast.unparse(node)[:80]!r} is not known here: losses are written in {sorted(_FUNCTIONS)}"
    )


def _power(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    """A power; numbers that would fill the memory are refused."""
    if base.is_number and exponent.is_number and abs(exponent) > 1000:
        raise ValueError(f"the power {exponent} of a number is too large")
    return base**exponent
