"""Python source of the sides of an equation: a snippet that runs on its own and gives them back.

What the button "copy sympy" of the book copies, and what `Equation.sympy` holds.
"""

import ast
import re
from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.str import StrPrinter

from ganmath.theory import expression
from ganmath.theory.equations import language

_OURS = {
    "ganmath.theory.equations.language": (
        language,
        ("E", "Int", "Frozen", "Known", "Gradient", "KL", "JS", "TV", "H2", "Chi2", "Neyman", "LeCam", "m"),
    ),
    "ganmath.theory.expression": (
        expression,
        ("softplus", "sigmoid", "log_sigmoid", "relu", "c", "p", "q", "u"),
    ),
}
_NAMES = {getattr(module, name): name for module, names in _OURS.values() for name in names}


class _SourcePrinter(StrPrinter):
    """Terms in the order written; functions and symbols by the names they have in Python."""

    def __init__(self, names: dict[Any, str]):
        super().__init__({"order": "none"})
        self.names = names

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        return self.names[expr]

    def _print_Function(self, expr: sp.Function) -> str:
        known = self.names.get(expr.func.name if isinstance(expr, AppliedUndef) else expr.func)
        return f"{known or type(expr).__name__}({self.stringify(expr.args, ', ')})"

    def _print_Rational(self, expr: sp.Rational) -> str:
        return f"Rational({expr.p}, {expr.q})"  # 1/2 would be a float


def _identifier(name: str, taken: set[str]) -> str:
    """A Python name for a symbol's LaTeX name, such as D_star for D^*."""
    text = re.sub(r"\\(?:mathrm|mathcal|left|right)\b", "", name.replace("^*", "_star"))
    text = re.sub(r"\W+", "_", text).strip("_") or "x"
    while text in taken or hasattr(sp, text):
        text += "_"
    return text


def source(lines: Sequence[tuple[str, tuple[Any, ...]]]) -> str:
    """Python that defines `sides`, or `lines` of sides where a display has several.

    lines: for each line its left side's LaTeX ("" where that is the first side) and its sides, sympy
    expressions in the functions of `language`. Sides of a line are equal, or in ascending order.
    """
    expressions = [sp.sympify(side) for _, sides in lines for side in sides]
    names: dict[Any, str] = dict(_NAMES)
    definitions = []
    symbols = {s for e in expressions for s in e.atoms(sp.Symbol)} - set(names)
    functions = {f.func.name for e in expressions for f in e.atoms(AppliedUndef)}
    for thing in sorted(symbols, key=lambda s: (s.name, sp.srepr(s))):
        names[thing] = _identifier(thing.name, set(names.values()))
        definitions.append(f"{names[thing]} = {sp.srepr(thing)}")
    for name in sorted(functions):
        names[name] = _identifier(name, set(names.values()))
        definitions.append(f"{names[name]} = Function({name!r})")
    printer = _SourcePrinter(names)

    def block(name: str, sides: tuple[Any, ...], indent: str) -> list[str]:
        head = [f"{indent}# {name} ="] if name else []
        return head + [f"{indent}{printer.doprint(sp.sympify(side))}," for side in sides]

    if len(lines) == 1:
        body = ["sides = (", *block(*lines[0], indent="    "), ")"]
    else:
        body = ["lines = ("]
        for name, sides in lines:
            body += ["    (", *block(name, sides, indent="        "), "    ),"]
        body += [")"]
    return "\n".join([*_imports([*definitions, *body]), "", *definitions, *body])


def _imports(code: list[str]) -> list[str]:
    used = {node.id for node in ast.walk(ast.parse("\n".join(code))) if isinstance(node, ast.Name)}
    homes = [(home, sorted(used.intersection(names))) for home, (_, names) in _OURS.items()]
    homes.append(("sympy", sorted(name for name in used - set(_NAMES.values()) if hasattr(sp, name))))
    return [f"from {home} import {', '.join(names)}" for home, names in homes if names]
