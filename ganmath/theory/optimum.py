"""The optimal critic of a pointwise loss: argmin over C of u real(C) + fake(C), for every u = p/q.

The derivative u real'(C) + fake'(C) is negative exactly for u > rho(C), rho = -fake'/real'. Where rho
increases with C the minimum is unique and the optimal critic is the inverse of rho: it follows a
stationary point on smooth pieces, waits at kinks, jumps over pieces on which rho is constant, and
runs to an end of the domain beyond rho's range. This covers hinge, absolute and sigmoid losses as
well as smooth ones.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath
import sympy as sp

from ganmath.theory.expression import as_exponentials, c, log_sigmoid, relu, sigmoid, softplus, to_mpmath, u
from ganmath.theory.loss import GANLoss

_TERMS = ("real", "fake", "gen", "gen_real")
_KINKED = (relu, sp.Abs, sp.sign, sp.Heaviside, sp.Piecewise, sp.Max, sp.Min)
_E = sp.Symbol("E", positive=True)


class NoOptimalCritic(ValueError):
    """The critic's minimum does not exist, is not unique, or is not where its stationary points are."""


@dataclass(frozen=True)
class Branch:
    """The optimal critic on one open interval (low, high) of u, and the terms' values there.

    kind is "stationary" (real' u + fake' = 0), "kink" (a point where a slope jumps) or "end" (an end
    of the critic's domain, where the infimum is approached, not attained, if that end is infinite).
    terms holds real, fake, gen and gen_real as smooth expressions in C on the piece (empty at an end).
    """

    low: sp.Expr
    high: sp.Expr
    critic: sp.Expr
    kind: str
    real: sp.Expr
    fake: sp.Expr
    gen: sp.Expr
    gen_real: sp.Expr
    gen_slope: sp.Expr
    curvature: sp.Expr | None = None

    @property
    def value(self) -> sp.Expr:
        """min over C of u real(C) + fake(C)."""
        return u * self.real + self.fake


@dataclass(frozen=True)
class Optimum:
    """Branches in order of u, and the ratios u at which a whole interval of outputs is optimal."""

    branches: tuple[Branch, ...]
    not_unique: tuple[tuple[sp.Expr, tuple[sp.Expr, sp.Expr]], ...]
    implicit: bool

    def join(self, part: Callable[[Branch], sp.Expr], at_ties: dict[Any, Any] | None = None) -> sp.Expr:
        """One expression in u from a part of each branch; a Piecewise where there are several."""
        if len(self.branches) == 1:
            return part(self.branches[0])
        pieces: list[tuple[sp.Expr, sp.Basic]] = []
        for branch in self.branches:
            pieces.append((part(branch), u < branch.high))
            if at_ties and branch.high in at_ties:
                pieces.append((at_ties[branch.high], sp.Eq(u, branch.high)))
        pieces[-1] = (pieces[-1][0], sp.true)
        return sp.Piecewise(*pieces)

    @property
    def critic(self) -> sp.Expr:
        """C*(u); at a tie the middle of the optimal interval (0 where that is the whole line)."""
        return self.join(lambda b: b.critic, {ratio: _middle(*ends) for ratio, ends in self.not_unique})


def _middle(low: sp.Expr, high: sp.Expr) -> sp.Expr:
    if low.is_infinite and high.is_infinite:
        return sp.S.Zero
    if low.is_infinite or high.is_infinite:
        return high if low.is_infinite else low
    return (low + high) / 2


@mpmath.workdps(40)
def optimum(loss: GANLoss) -> Optimum:
    """The optimal critic of a loss; NoOptimalCritic names the condition that fails and where."""
    terms = {part: getattr(loss, part) for part in _TERMS}
    defaults = {x.symbol: x.default for x in loss.parameters}
    low, high = loss.domain
    if not (loss.real.has(c) and loss.fake.has(c)):
        missing = "real" if not loss.real.has(c) else "fake"
        raise NoOptimalCritic(f"{loss.label}: the {missing} term does not depend on the critic's output")
    if _is_reversed(terms, (low, high), defaults, loss.label):
        mirrored = {part: expr.subs(c, -c) for part, expr in terms.items()}
        found = _ascending(mirrored, (-high, -low), defaults, loss.label)
        return Optimum(
            tuple(_mirror(branch) for branch in found.branches),
            tuple((ratio, (-ends[1], -ends[0])) for ratio, ends in found.not_unique),
            found.implicit,
        )
    return _ascending(terms, (low, high), defaults, loss.label)


def _mirror(b: Branch) -> Branch:
    return Branch(
        b.low,
        b.high,
        -b.critic,
        b.kind,
        b.real,
        b.fake,
        b.gen,
        b.gen_real,
        -b.gen_slope,
        b.curvature,
    )


def _is_reversed(terms: dict, domain: tuple[Any, Any], defaults: dict, label: str) -> bool:
    """Whether real data want a low output (an energy) instead of a high one."""
    up = down = None
    for low, high in _pieces(terms, domain, defaults):
        real, fake = (_smooth(terms[t], (low, high), defaults).diff(c) for t in ("real", "fake"))
        for x in _telling((real, fake), (low, high), defaults):
            slopes = _number(real, x, defaults), _number(fake, x, defaults)
            if slopes[0] < 0 < slopes[1]:
                up = x
            if slopes[1] < 0 < slopes[0]:
                down = x
    if up is not None and down is not None:
        raise NoOptimalCritic(
            f"{label}: the second-order condition fails: real data want a higher output at C = "
            f"{mpmath.nstr(up, 4)} and a lower one at C = {mpmath.nstr(down, 4)}, so a stationary point "
            "need not be the minimum"
        )
    return down is not None


def _ascending(terms: dict, domain: tuple[Any, Any], defaults: dict, label: str) -> Optimum:
    """Scan the pieces from left to right and invert rho."""
    branches: list[Branch] = []
    ties: list[tuple[sp.Expr, tuple[sp.Expr, sp.Expr]]] = []
    implicit = False
    done: sp.Expr = sp.S.Zero
    last_rho = mpmath.mpf(0)
    pieces = _pieces(terms, domain, defaults)
    before: dict[str, Any] = {}
    for low, high in pieces:
        smooth = {
            part: _smooth(expr, (low, high), defaults, whole=part.startswith("gen"))
            for part, expr in terms.items()
        }
        slopes = smooth["real"].diff(c), smooth["fake"].diff(c)
        if slopes[0] == 0 and slopes[1] == 0:
            raise NoOptimalCritic(
                f"{label}: the minimum is not unique: the critic's loss is constant for C in "
                f"({low}, {high}), whatever u is"
            )
        last_rho = _check_increasing(slopes, (low, high), defaults, last_rho, label)
        first, last = _range(slopes, (low, high), defaults)
        if _less(done, first, defaults):
            kind = "end" if (low, high) == pieces[0] else "kink"
            branches.append(
                _rest(terms, (before or smooth, smooth), low, kind, (done, first), defaults, label)
            )
        if _less(first, last, defaults):
            critic = _invert(slopes, (low, high), (first, last), defaults)
            implicit |= isinstance(critic, ImplicitCritic)
            at = {part: smooth[part].subs(c, critic) for part in _TERMS}
            curvature = (u * slopes[0].diff(c) + slopes[1].diff(c)).subs(c, critic)
            slope = smooth["gen"].diff(c).subs(c, critic)
            branches.append(
                Branch(first, last, critic, "stationary", **at, gen_slope=slope, curvature=curvature)
            )
        elif _less(0, first, defaults) and _less(first, sp.oo, defaults):
            if ties and ties[-1][0] == first and ties[-1][1][1] == low:
                ties[-1] = (first, (ties[-1][1][0], high))
            else:
                ties.append((first, (low, high)))
        done, before = last, smooth
    if _less(done, sp.oo, defaults):
        branches.append(_rest(terms, (before, before), pieces[-1][1], "end", (done, sp.oo), defaults, label))
    return Optimum(tuple(branches), tuple(ties), implicit)


def _rest(
    terms: dict,
    sides: tuple[Any, Any],
    at: sp.Expr,
    kind: str,
    span: tuple[Any, Any],
    defaults: dict,
    label: str,
) -> Branch:
    """The branch on which the critic rests at a kink or at an end of its domain."""
    smooth = sides[1]
    if at.is_finite:
        value: dict[str, Any] = {part: sp.sympify(expr).subs(c, at) for part, expr in terms.items()}
        # where gen has a kink too, the middle of its subdifferential
        slope = sum(side["gen"].diff(c).subs(c, at) for side in sides) / 2
        return Branch(*span, at, kind, **value, gen_slope=slope)
    value = {part: limit(smooth[part], c, at) for part in _TERMS}
    inside = _between(*span, defaults)
    infimum = limit((inside * smooth["real"] + smooth["fake"]).subs(defaults), c, at)
    if infimum is -sp.oo or not infimum.is_finite:
        side = "<" if at is -sp.oo else ">"
        bound = span[1] if at is -sp.oo else span[0]
        raise NoOptimalCritic(
            f"{label}: the critic's minimum does not exist: for u {side} {bound}, u real(C) + fake(C) "
            f"falls without bound as C goes to {at} (u = p/q); restrict the critic (a Lipschitz bound, "
            "clipping, a penalty) or give the loss a domain"
        )
    return Branch(*span, at, kind, **value, gen_slope=limit(smooth["gen"].diff(c), c, at))


# --- pieces ------------------------------------------------------------------------------------


def _pieces(terms: dict, domain: tuple[Any, Any], defaults: dict) -> list[tuple[sp.Expr, sp.Expr]]:
    """The intervals of C between the kinks of all terms.

    A kink of the generator's terms that moves with a parameter is left out: where it lies among the
    critic's outputs depends on the parameters, so that `_smooth` keeps the function whole.
    """
    kinks = set()
    for part, expr in terms.items():
        for atom in expr.atoms(*_KINKED):
            for root in _kinks(atom):
                if part.startswith("gen") and root.free_symbols:
                    continue
                value = _number(root, 0, defaults)
                if _number(domain[0], 0, defaults) < value < _number(domain[1], 0, defaults):
                    kinks.add(root)
    ordered = sorted(kinks, key=lambda root: _number(root, 0, defaults))
    ends = [domain[0], *ordered, domain[1]]
    return list(itertools.pairwise(ends))


def _kinks(atom: sp.Basic) -> list[sp.Expr]:
    if isinstance(atom, sp.Piecewise):
        edges = [r.lhs - r.rhs for _, cond in atom.args for r in cond.atoms(sp.core.relational.Relational)]
    elif isinstance(atom, (sp.Max, sp.Min)):
        edges = [a - b for i, a in enumerate(atom.args) for b in atom.args[:i]]
    else:
        edges = [atom.args[0]]
    roots = []
    for edge in edges:
        for inner in edge.atoms(relu, sp.Abs):
            edge = edge.subs(inner, sp.Max(0, inner.args[0]) if isinstance(inner, relu) else inner)
        if edge.has(c):
            roots += [root for root in sp.solve(edge, c) if root.is_real is not False]
    return roots


def _smooth(expr: sp.Expr, piece: tuple[Any, Any], defaults: dict, whole: bool = False) -> sp.Expr:
    """The expression on one piece, with relu, Abs, Max, Min, sign and Piecewise resolved.

    whole: leave those alone whose kink moves with a parameter.
    """
    x = _samples(*piece, defaults)[len(_samples(*piece, defaults)) // 2]

    def positive(argument: sp.Expr) -> bool:
        return _number(argument, x, defaults) > 0

    def choose(e: sp.Basic) -> sp.Expr:
        if whole and any(root.free_symbols for root in _kinks(e)):
            return e
        if isinstance(e, relu):
            return e.args[0] if positive(e.args[0]) else sp.S.Zero
        if isinstance(e, sp.Abs):
            return e.args[0] if positive(e.args[0]) else -e.args[0]
        if isinstance(e, sp.sign):
            return sp.S.One if positive(e.args[0]) else sp.S.NegativeOne
        if isinstance(e, sp.Heaviside):
            return sp.S.One if positive(e.args[0]) else sp.S.Zero
        if isinstance(e, sp.Piecewise):
            point = {c: sp.Float(x, 30), **defaults}
            return next(value for value, cond in e.args if cond.subs(point) == sp.true)
        pick = max if isinstance(e, sp.Max) else min
        return pick(e.args, key=lambda a: _number(a, x, defaults))

    return sp.sympify(expr).replace(lambda e: isinstance(e, _KINKED), choose)


# --- rho = -fake'/real' --------------------------------------------------------------------------


def _rho(slopes: tuple[Any, Any], x: mpmath.mpf, defaults: dict) -> mpmath.mpf:
    """The ratio u above which the critic's loss decreases at output x, in [0, oo]."""
    real, fake = (_number(slope, x, defaults) for slope in slopes)
    if real < 0:
        return max(-fake / real, mpmath.mpf(0))
    return mpmath.inf if fake > 0 or real > 0 else mpmath.mpf(0)


def _check_increasing(
    slopes: tuple[Any, Any], piece: tuple[Any, Any], defaults: dict, before: mpmath.mpf, label: str
) -> mpmath.mpf:
    """Second-order condition on a piece: rho must not decrease. Returns rho at the piece's end."""
    for x in _telling(slopes, piece, defaults):
        rho = _rho(slopes, x, defaults)
        if rho < before * (1 - mpmath.mpf(10) ** -20):
            raise NoOptimalCritic(
                f"{label}: the second-order condition fails at C = {mpmath.nstr(x, 4)}: there the stationary "
                f"point of u real(C) + fake(C), u = {mpmath.nstr(rho, 4)}, is not a minimum (minus the "
                "critic's loss is not concave there)"
            )
        before = max(before, rho)
    return before


def _range(slopes: tuple[Any, Any], piece: tuple[Any, Any], defaults: dict) -> tuple[sp.Expr, sp.Expr]:
    """Limits of rho at both ends of a piece, as sympy expressions."""
    samples = _samples(*piece, defaults)
    ratio = sp.S.Zero if slopes[0] == 0 else tidy(-slopes[1] / slopes[0])
    ends = []
    for x, end, side in ((samples[0], piece[0], "+"), (samples[-1], piece[1], "-")):
        rho = _rho(slopes, x, defaults)
        if rho == 0 or rho == mpmath.inf:
            ends.append(sp.S.Zero if rho == 0 else sp.oo)
        elif not ratio.has(c):
            ends.append(ratio)
        else:
            ends.append(limit(ratio, c, end, side))
    return ends[0], ends[1]


def _invert(
    slopes: tuple[Any, Any], piece: tuple[Any, Any], span: tuple[Any, Any], defaults: dict
) -> sp.Expr:
    """The stationary output as a function of u: closed where it can be found, implicit otherwise."""
    targets = _spread(*span, defaults)
    numeric = [_solve(slopes, piece, target, defaults) for target in targets]

    def fits(candidate: sp.Expr) -> bool:
        for target, truth in zip(targets, numeric, strict=True):
            value = candidate.subs(defaults).subs(u, sp.Float(target, 40)).evalf(30)
            if not value.is_real or abs(mpmath.mpf(str(value)) - truth) > mpmath.mpf(10) ** -12 * (
                1 + abs(truth)
            ):
                return False
        return True

    for candidate in _candidates(slopes):
        if fits(candidate):
            return candidate
    return implicit_critic(slopes, piece, defaults)(u)


def _candidates(slopes: tuple[Any, Any]) -> list[sp.Expr]:
    """Closed solutions of u real'(C) + fake'(C) = 0: linear in C, log-linear in C, polynomial in e^C."""
    ratio = tidy(-slopes[1] / slopes[0])
    found: list[sp.Expr] = []
    for logarithm in (_log_of(as_exponentials(ratio)), _log_of(-slopes[1] / slopes[0])):
        if logarithm.is_polynomial(c) and sp.degree(logarithm, c) == 1:
            slope, offset = sp.Poly(logarithm, c).all_coeffs()
            found.append(tidy((sp.log(u) - offset) / slope))
            break
    equation = sp.together(as_exponentials(u * slopes[0] + slopes[1]))
    in_c = sp.numer(equation)
    if in_c.is_polynomial(c):
        found += _roots(in_c, c)
    in_e = sp.numer(sp.together(sp.powsimp(sp.expand(in_c)).subs(sp.exp(-c), 1 / _E).subs(sp.exp(c), _E)))
    if not in_e.has(c) and in_e.is_polynomial(_E):
        found += [_log(root) for root in _roots(in_e, _E)]
    return found


def _log_of(ratio: sp.Expr) -> sp.Expr:
    """log of a positive ratio, its sigmoids all in terms of softplus(-C)."""

    def fold(x: sp.Expr) -> sp.Expr:  # softplus(C) = C + softplus(-C)
        return x + softplus(-x) if x == c else softplus(x)

    logarithm = sp.expand(sp.expand_log(sp.log(ratio), force=True))
    logarithm = logarithm.replace(
        lambda e: isinstance(e, sp.log) and isinstance(e.args[0], sigmoid),
        lambda e: log_sigmoid(e.args[0].args[0]),
    )
    return sp.expand(logarithm.replace(log_sigmoid, lambda x: -softplus(-x)).replace(softplus, fold))


def _roots(polynomial: sp.Expr, x: sp.Symbol) -> list[sp.Expr]:
    if sp.degree(polynomial, x) > 2:
        polynomial = sp.factor(polynomial)
    parts = sp.Mul.make_args(polynomial)
    return [tidy(r) for part in parts if part.has(x) and sp.degree(part, x) <= 2 for r in sp.solve(part, x)]


def _log(root: sp.Expr) -> sp.Expr:
    whole = sp.factor(root)
    return sp.expand_log(sp.log(whole)) if whole.is_Pow else sp.log(whole)


def _solve(slopes: tuple[Any, Any], piece: tuple[Any, Any], target: mpmath.mpf, defaults: dict) -> mpmath.mpf:
    """The output at which rho reaches a target: bisection in a bounded coordinate, then Newton."""
    low, high = (_number(end, 0, defaults) for end in piece)
    left, right = mpmath.mpf(0), mpmath.mpf(1)
    with mpmath.workdps(60):

        def halve(times: int) -> mpmath.mpf:
            nonlocal left, right
            for _ in range(times):
                middle = (left + right) / 2
                if _rho(slopes, _unsquash(middle, low, high), defaults) < target:
                    left = middle
                else:
                    right = middle
            return _unsquash((left + right) / 2, low, high)

        x = halve(25)
        bracket = _unsquash(left, low, high), _unsquash(right, low, high)
        curvatures = slopes[0].diff(c), slopes[1].diff(c)
        for _ in range(8):
            slope = target * _number(slopes[0], x, defaults) + _number(slopes[1], x, defaults)
            curvature = target * _number(curvatures[0], x, defaults) + _number(curvatures[1], x, defaults)
            step = slope / curvature if curvature else mpmath.inf
            x -= step
            if not bracket[0] <= x <= bracket[1]:
                return halve(160)
            if abs(step) < mpmath.mpf(10) ** -50 * (1 + abs(x)):
                return x
        return halve(160)


class ImplicitCritic(sp.Function):
    """An optimal critic with no closed form: defined by its stationarity, evaluated by bisection."""

    nargs = 1
    is_real = True

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"C^{{*}}\left({printer.doprint(self.args[0])}\right){power}"


@lru_cache(maxsize=256)
def _implicit(slopes: tuple[Any, Any], piece: tuple[Any, Any], defaults: tuple[Any, Any]) -> type:
    settings = dict(defaults)

    @lru_cache(maxsize=4096)
    def evaluate(x: str) -> mpmath.mpf:
        with mpmath.workdps(60):
            return _solve(slopes, piece, mpmath.mpf(x), settings)

    def fdiff(self: Any, argindex: int = 1) -> sp.Expr:
        x = self.args[0]
        curvature = x * slopes[0].diff(c) + slopes[1].diff(c)
        return -(slopes[0] / curvature).subs(c, self)

    def _eval_evalf(self: Any, prec: int) -> sp.Expr | None:
        x = self.args[0].evalf(n=60)
        return sp.Float(evaluate(str(x)), 60) if x.is_number else None

    def vectorised(x: Any) -> Any:
        import numpy as np

        return np.vectorize(lambda value: float(evaluate(repr(float(value)))), otypes=[float])(x)

    members = {"fdiff": fdiff, "_eval_evalf": _eval_evalf, "_imp_": staticmethod(vectorised)}
    return type("implicit_critic", (ImplicitCritic,), members)


def implicit_critic(slopes: tuple[Any, Any], piece: tuple[Any, Any], defaults: dict) -> type:
    """sympy function of u that solves u real'(C) + fake'(C) = 0 on a piece, with its derivative."""
    return _implicit(slopes, piece, tuple(sorted(defaults.items(), key=str)))


# --- numbers -------------------------------------------------------------------------------------


def tidy(expr: sp.Expr) -> sp.Expr:
    """A short equivalent form: rational functions factored, logarithms split and collected."""
    expr = sp.sympify(expr)
    if expr.has(sp.Piecewise, ImplicitCritic, sp.Integral):
        return expr
    if expr.has(sp.log):
        return _collect_logs(expr)
    if expr.is_rational_function(*expr.free_symbols):
        forms = [sp.factor(expr), expr, sp.cancel(expr)]
    else:
        forms = [expr, _real_powers(sp.simplify(expr))]
    return min((_absorb_minus(form) for form in forms), key=sp.count_ops)


def _real_powers(expr: sp.Expr) -> sp.Expr:
    """|x^k| written as |x|^k, where no number is complex on the way."""
    return expr.replace(
        lambda e: isinstance(e, sp.Abs) and isinstance(e.args[0], sp.Pow) and e.args[0].exp.is_real,
        lambda e: sp.Abs(e.args[0].base) ** e.args[0].exp,
    )


def _collect_logs(expr: sp.Expr) -> sp.Expr:
    """sum of (coefficient) log(factor) over distinct factors; zero exactly if they cancel."""

    def split(x: sp.Expr) -> sp.Expr:
        whole = _absorb_minus(sp.factor(sp.together(x)))
        return sp.expand_log(sp.log(whole), force=True, factor=True)

    expr = expr.replace(sp.log, split)
    expr = sp.expand(expr, log=False, power_base=False, power_exp=False)
    logs = sorted(expr.atoms(sp.log), key=sp.default_sort_key)
    parts = sp.collect(expr, logs, evaluate=False, func=None)
    total = sp.S.Zero
    for term, coefficient in parts.items():
        coefficient = sp.factor(sp.together(coefficient))
        total += _absorb_minus(coefficient) * term
    return total


def _absorb_minus(expr: sp.Expr) -> sp.Expr:
    """-p (s - 1) written as p (1 - s), and -1/(s - 1) as 1/(1 - s)."""
    if not (expr.is_Mul and expr.could_extract_minus_sign()):
        return expr
    for factor in expr.args:
        base, exponent = factor.as_base_exp()
        mixed = base.is_Add and any(term.could_extract_minus_sign() for term in base.args)
        if mixed and exponent.is_odd:
            return -expr / factor * (-base) ** exponent
    return expr


def limit(expr: sp.Expr, x: sp.Symbol, to: sp.Expr, side: str = "+") -> sp.Expr:
    """sympy's limit, after writing the whole functions out; plain substitution where it suffices."""
    if not expr.has(x):
        return expr
    direct = expr.subs(x, to) if sp.sympify(to).is_infinite else sp.nan
    if direct.is_number and direct is not sp.nan and not direct.has(sp.zoo, sp.AccumBounds):
        return direct
    if not expr.is_rational_function(x):
        expr = sp.simplify(as_exponentials(expr))
    return sp.limit(expr, x, to, side)


def _number(expr: sp.Expr, x: Any, defaults: dict) -> mpmath.mpf:
    expr = sp.sympify(expr)
    if expr.is_infinite:
        return mpmath.inf if expr is sp.oo else -mpmath.inf
    with mpmath.workdps(max(mpmath.mp.dps, 30)):
        symbols = (c, *defaults)
        values = [mpmath.mpf(x), *(mpmath.mpf(str(sp.N(v, 40))) for v in defaults.values())]
        return mpmath.mpf(to_mpmath(expr, symbols)(*values))


def _unsquash(t: Any, low: mpmath.mpf, high: mpmath.mpf) -> mpmath.mpf:
    """(0, 1) onto the interval, increasing; the infinite ends through t/(1-t)."""
    t = mpmath.mpf(t)
    if mpmath.isinf(low) and mpmath.isinf(high):
        return 4 * (2 * t - 1) / (t * (1 - t)) if 0 < t < 1 else (high if t else low)
    if mpmath.isinf(high):
        return low + t / (1 - t)
    if mpmath.isinf(low):
        return high - (1 - t) / t
    return low + t * (high - low)


def _samples(low: sp.Expr, high: sp.Expr, defaults: dict) -> list[mpmath.mpf]:
    ends = [_number(end, 0, defaults) for end in (low, high)]
    return [_unsquash(mpmath.mpf(i) / 64, *ends) for i in range(2, 63)]


def _telling(slopes: tuple[Any, Any], piece: tuple[Any, Any], defaults: dict) -> list[mpmath.mpf]:
    """The samples, and a point in each interval between two zeros of the slopes, however narrow."""
    samples = _samples(*piece, defaults)
    zeros: list[mpmath.mpf] = []
    for slope in slopes:
        signs = [mpmath.sign(_number(slope, x, defaults)) for x in samples]
        for left, right, before, after in zip(samples, samples[1:], signs, signs[1:], strict=False):
            if after == 0:
                zeros.append(right)
            if before * after < 0:
                zeros.append(_zero(slope, left, right, before, defaults))
    zeros.sort()
    return sorted([*samples, *((a + b) / 2 for a, b in itertools.pairwise(zeros) if a < b)])


def _zero(
    slope: sp.Expr, left: mpmath.mpf, right: mpmath.mpf, sign: mpmath.mpf, defaults: dict
) -> mpmath.mpf:
    for _ in range(60):
        middle = (left + right) / 2
        if mpmath.sign(_number(slope, middle, defaults)) == sign:
            left = middle
        else:
            right = middle
    return (left + right) / 2


def _less(a: Any, b: Any, defaults: dict) -> bool:
    return bool(_number(sp.sympify(a), 0, defaults) < _number(sp.sympify(b), 0, defaults))


def _spread(low: sp.Expr, high: sp.Expr, defaults: dict) -> list[mpmath.mpf]:
    ends = [_number(end, 0, defaults) for end in (low, high)]
    return [_unsquash(mpmath.mpf(i) / 5, *ends) for i in range(1, 5)]


def _between(low: sp.Expr, high: sp.Expr, defaults: dict) -> sp.Expr:
    return sp.Rational(str(mpmath.nstr(_spread(low, high, defaults)[1], 6)))
