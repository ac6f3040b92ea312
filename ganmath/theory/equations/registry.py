"""One registered equation: its label, LaTeX that is printed from what is checked, and the check."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import mpmath
import sympy as sp

from ganmath.theory.equations.language import E, add, evaluate, prove_equal, random_pair, tex
from ganmath.theory.equations.source import source
from ganmath.theory.expression import mean, p, q
from ganmath.theory.loss import GANLoss

PROVED = "proved by sympy"
FIFTY = "to 50 digits on 20 random pairs of distributions"
DEFINITION = "definition"

_DIGITS = 50
_PAIRS = 20


class EquationError(AssertionError):
    """A registered equation that does not hold."""


@dataclass(frozen=True)
class Equation:
    """A display equation of the book.

    label: "chapter.name"; latex: what the page shows; check: called with no argument, returns how the
    equation is known (one of the strings above, or "to 30 digits") or raises EquationError; sides: the
    sympy objects, in the functions of `ganmath.theory.equations.language`; lines: the sides of each line
    of a display, after the LaTeX of a left side that is a name ("" where the first side is one).
    """

    label: str
    latex: str
    check: Callable[[], str]
    sides: tuple[Any, ...] = ()
    lines: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    def __post_init__(self) -> None:
        if self.sides and not self.lines:
            object.__setattr__(self, "lines", (("", self.sides),))

    @property
    def sympy(self) -> str | None:
        """Python source that gives the sides back when run; None where they are no sympy objects."""
        return source(self.lines) if self.lines else None

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"


def chain(label: str, *sides: Any, lhs: str | None = None) -> Equation:
    """side = side = …: every step proved by sympy, else equal to 50 digits on random distributions.

    lhs: LaTeX of a name that the first side defines, such as "V(D^*)".
    """
    texts = ([lhs] if lhs else []) + [tex(side) for side in sides]
    first, *rest = texts
    if len(texts) == 2:
        latex = f"{first} = {rest[0]}"
    else:
        lines = [rf"{first} &= {rest[0]}", *(rf"&= {text}" for text in rest[1:])]
        latex = r"\begin{aligned} " + r" \\ ".join(lines) + r" \end{aligned}"

    def check() -> str:
        ways = [_equal(label, a, b) for a, b in pairwise(sides)]
        if not ways:
            return DEFINITION
        return PROVED if all(way == PROVED for way in ways) else FIFTY

    return Equation(label, latex, check, sides, ((lhs or "", sides),))


def _equal(label: str, left: Any, right: Any) -> str:
    if prove_equal(left, right):
        return PROVED
    with mpmath.workdps(_DIGITS + 15):
        for seed in range(_PAIRS):
            ps, qs = random_pair(seed)
            a, b = evaluate(left, ps, qs), evaluate(right, ps, qs)
            _compare(label, a, b, f"{tex(left)} and {tex(right)}")
    return FIFTY


def _compare(label: str, a: Any, b: Any, what: str) -> None:
    pairs = zip(a, b, strict=True) if isinstance(a, list) else [(a, b)]
    for x, y in pairs:
        if not abs(x - y) <= mpmath.mpf(10) ** -_DIGITS * (1 + abs(x)):
            raise EquationError(f"{label}: {what} differ: {mpmath.nstr(x, 20)} is not {mpmath.nstr(y, 20)}")


def inequality(label: str, *sides: Any) -> Equation:
    """side <= side <= …, on 20 random pairs at 50 digits."""
    latex = r" \le ".join(tex(side) for side in sides)

    def check() -> str:
        with mpmath.workdps(_DIGITS + 15):
            for seed in range(_PAIRS):
                values = [evaluate(side, *random_pair(seed)) for side in sides]
                if any(a > b for a, b in pairwise(values)):
                    shown = ", ".join(mpmath.nstr(v, 20) for v in values)
                    raise EquationError(f"{label}: out of order on random pair {seed}: {shown}")
        return FIFTY

    return Equation(label, latex, check, sides)


def definition(label: str, latex: str, **named: Any) -> Equation:
    """A definition: nothing to check but that its LaTeX is printed from the object it defines.

    named: the sympy objects that it defines, by name.
    """
    lines = tuple((name, (side,)) for name, side in named.items())
    return Equation(label, latex, lambda: DEFINITION, tuple(named.values()), lines)


def objectives(loss: GANLoss) -> dict[str, sp.Expr]:
    """L_D and L_G of a loss, as expectations."""
    critic = add(E(p, loss.real), E(q, loss.fake))
    generator = loss.outer.subs(mean, E(q, loss.gen))
    return {"L_D": critic, "L_G": add(generator, E(p, loss.gen_real)) if loss.needs_real else generator}


def derived(label: str, name: str, expr: sp.Expr, claim: Callable[[], bool]) -> Equation:
    """name = expr, where `claim` decides it; the LaTeX of expr is printed from expr.

    claim: returns True where sympy proves it, raises or returns False otherwise.
    """

    def check() -> str:
        if not claim():
            raise EquationError(f"{label}: {name} is not {sp.sstr(expr)}")
        return PROVED

    return Equation(label, f"{name} = {tex(expr)}", check, (expr,), ((name, (expr,)),))


def numeric(
    label: str,
    latex: str,
    difference: Callable[[], Any],
    digits: int = _DIGITS,
    lines: tuple[tuple[str, tuple[Any, ...]], ...] = (),
) -> Equation:
    """An equation known to `digits` digits: `difference` returns |left - right| at that precision.

    lines: names and sympy objects, as in `Equation`, where `difference` evaluates such.
    """

    def check() -> str:
        with mpmath.workdps(digits + 15):
            gap = abs(mpmath.mpf(difference()))
            if not gap <= mpmath.mpf(10) ** -digits:
                raise EquationError(f"{label}: both sides differ by {mpmath.nstr(gap, 5)}")
        return f"to {digits} digits"

    return Equation(label, latex, check, tuple(side for _, sides in lines for side in sides), lines)


def stack(label: str, *lines: Equation) -> Equation:
    """Several equations under one label, aligned at their first relation; every line is checked."""
    relations = (r" \le ", " = ", r" \ge ", " < ")

    def aligned(latex: str) -> str:
        _, first = min((latex.find(r), r) for r in relations if r in latex)
        return latex.replace(first, f" &{first.strip()} ", 1)

    def check() -> str:
        strength = {PROVED: 1, DEFINITION: 2}
        return min((line.check() for line in lines), key=lambda way: strength.get(way, 0))

    rows = r" \\[0.6ex] ".join(aligned(line.latex) for line in lines)
    sides = tuple(side for line in lines for side in line.sides)
    named = tuple(row for line in lines for row in line.lines)
    return Equation(label, rf"\begin{{aligned}} {rows} \end{{aligned}}", check, sides, named)
