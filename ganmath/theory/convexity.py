r"""Whether an objective is convex in the critic's outputs, proved by composition and never assumed.

The rules are those of disciplined convex programming (Grant, Boyd, Ye 2006): sums keep curvature, a convex
function that rises may be applied to a convex one, any convex function to an affine one. Where they decide
nothing a quadratic is decided by its matrix, and a function of one output by the sign of its second
derivative. What they do not decide is unknown, though it may be convex.
"""

from collections.abc import Mapping
from functools import lru_cache

import sympy as sp

from ganmath.theory.expression import log_sigmoid, logaddexp, relu, sigmoid, softplus
from ganmath.theory.plan import OUTPUTS, Plan, plan

#: Curvature: 1 convex, -1 concave, 0 affine, None unknown.
Curvature = int | None

# curvature of functions that rise in each argument
_RISING = {sp.exp: 1, softplus: 1, relu: 1, logaddexp: 1, sp.Max: 1, log_sigmoid: -1, sp.log: -1, sp.Min: -1}


@lru_cache(maxsize=1024)
def is_convex(objective: sp.Expr) -> bool:
    """Whether an objective without open parameters is proved convex in the critic; False: not decided.

    As functions of the output at every point, for all p and q.
    """
    program = plan(objective)
    return curvature(program.value, of_means(program)) in (0, 1)


def of_means(program: Plan) -> dict[sp.Symbol, Curvature]:
    """Curvature, in the outputs, of each mean of a plan without open parameters, by name."""
    known: dict[sp.Symbol, Curvature] = {}
    for mean in program.means:
        found = curvature(mean.term, known | dict.fromkeys(OUTPUTS[mean.over], 0))
        # the log of a mean of exponentials is convex and rises in each exponent
        known[mean.name] = (1 if found in (0, 1) else None) if mean.log else found
    return known


def curvature(expr: sp.Expr, known: Mapping[sp.Symbol, Curvature]) -> Curvature:
    """Curvature of an expression in symbols of known curvature: 1, -1, 0 or None."""
    inside = expr.free_symbols & set(known)
    if not inside:
        return 0
    if isinstance(expr, sp.Symbol):
        return known[expr]
    found = _composed(expr, known)
    if found is None and all(known[x] == 0 for x in inside):
        return _of_second_derivatives(expr, sorted(inside, key=str))
    return found


def _composed(expr: sp.Expr, known: Mapping[sp.Symbol, Curvature]) -> Curvature:
    if isinstance(expr, sp.Add):
        return _together({curvature(term, known) for term in expr.args})
    if isinstance(expr, sp.Mul):
        factor, rest = expr.as_independent(*known, as_Add=False)
        found = None if rest == expr else curvature(rest, known)
        if found is None or found == 0:
            return found
        return found if factor.is_nonnegative else -found if factor.is_nonpositive else None
    of_args = [curvature(arg, known) for arg in expr.args]
    if expr.func in _RISING:
        own = _RISING[expr.func]
        return own if set(of_args) <= {0, own} else None
    if isinstance(expr, sp.Abs) or _is_even_power(expr):
        return 1 if of_args[0] == 0 else None
    return None


def _together(parts: set[Curvature]) -> Curvature:
    """Curvature of a sum."""
    bent = parts - {0}
    return bent.pop() if len(bent) == 1 else None if bent else 0


def _is_even_power(expr: sp.Expr) -> bool:
    return isinstance(expr, sp.Pow) and bool(expr.exp.is_even) and bool(expr.exp.is_positive)


def _of_second_derivatives(expr: sp.Expr, symbols: list[sp.Symbol]) -> Curvature:
    """By the matrix of a quadratic; for one symbol by the sign that sympy proves."""
    if expr.has(relu, sp.Abs, sp.sign, sp.Heaviside, sp.Piecewise, sp.Max, sp.Min):
        return None
    if expr.is_polynomial(*symbols) and sp.Poly(expr, *symbols).total_degree() <= 2:
        matrix = sp.hessian(expr, symbols)
        return 1 if matrix.is_positive_semidefinite else -1 if matrix.is_negative_semidefinite else None
    if len(symbols) > 1:
        return None
    second = expr.diff(symbols[0], 2).replace(sigmoid, lambda x: 1 / (1 + sp.exp(-x)))
    second = sp.factor(second)
    return 1 if second.is_nonnegative else -1 if second.is_nonpositive else None
