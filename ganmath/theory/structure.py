r"""What kind of expression an objective is, read off and never declared; and its two derivatives.

`stationarity` is the derivative in the critic's output at a point, :math:`p\,a(C) + q\,b(C)`, `influence`
that in the generator's density with the critic held fixed. Together they carry the theory beyond losses
whose terms are functions of single outputs.
"""

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from ganmath.theory.expectation import E, Pairs, at_critic, c_x, c_y, components, outermost
from ganmath.theory.expression import c, mean, p, q, relu

_KINKED = (relu, sp.Abs, sp.sign, sp.Heaviside, sp.Piecewise, sp.Max, sp.Min)
_scale, _shift = sp.symbols("k_ s_", real=True)


@dataclass(frozen=True)
class Structure:
    """What holds of an objective; None or False where it does not.

    pointwise: (real, fake) of E_p real(C) + E_q fake(C). difference: h, where the objective is the mean of
    h(C(x) - C(y)) over real x and fake y. relative: (term, weight, measure, reference) for each summand
    weight E_measure term(C - reference), the reference a combination of mean outputs. linear: in C.
    degree: in C, a polynomial's, else None. kinked: somewhere not differentiable in C. invariant: unchanged
    where a constant is added to every output.
    """

    pointwise: tuple[sp.Expr, sp.Expr] | None
    difference: sp.Expr | None
    relative: tuple[tuple[sp.Expr, sp.Expr, sp.Expr, sp.Expr], ...] | None
    linear: bool
    degree: int | None
    kinked: bool
    invariant: bool


@lru_cache(maxsize=1024)
def structure(expr: sp.Expr) -> Structure:
    """The structure of an objective in expectations."""
    degree = _degree(expr)
    return Structure(
        pointwise=pointwise_parts(expr),
        difference=_difference(expr),
        relative=_relative(expr),
        linear=degree == 1 and at_critic(expr, sp.S.Zero) == 0,
        degree=degree,
        kinked=expr.has(*_KINKED),
        invariant=_is_invariant(expr),
    )


@lru_cache(maxsize=4096)
def pointwise_parts(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """(real, fake) of an objective E_p real(C) + E_q fake(C), as they were written; None for others.

    Mixtures are split; a constant belongs to real.
    """
    parts = {p: sp.S.Zero, q: sp.S.Zero}
    for term in sp.Add.make_args(expr):
        if not term.has(E):
            parts[p] += term
            continue
        weight, e = _one_mean(term)
        if e is None or isinstance(e.measure, Pairs) or e.integrand.has(E):
            return None
        for measure, share in components(e.measure):
            parts[measure] += weight * share * e.integrand
    return parts[p], parts[q]


@lru_cache(maxsize=4096)
def generator_parts(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr] | None:
    """(gen, gen_real, outer) of an objective outer(E_q gen(C)) + E_p gen_real(C); None for others."""
    plain = pointwise_parts(expr)
    if plain is not None:
        return plain[1], plain[0], mean
    real = [t for t in sp.Add.make_args(expr) if (e := _one_mean(t)[1]) is not None and e.measure == p]
    rest = expr - sp.Add(*real)
    inside = outermost(rest)
    on_real = pointwise_parts(sp.Add(*real)) if real else (sp.S.Zero, sp.S.Zero)
    if len(inside) != 1 or on_real is None:
        return None
    (e,) = inside
    if e.measure != q or e.integrand.has(E):
        return None
    return e.integrand, on_real[0], rest.xreplace({e: mean})


def _one_mean(term: sp.Expr) -> tuple[sp.Expr, E | None]:
    """(weight, E) of weight times one expectation; (term, None) for anything else."""
    means = [f for f in sp.Mul.make_args(term) if isinstance(f, E)]
    weight = term / means[0] if len(means) == 1 else term
    return (weight, means[0]) if means and not weight.has(E) else (term, None)


# --- derivatives ----------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def stationarity(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """(a, b) with the derivative of the objective in the output at a point equal to p a + q b there.

    a and b are expressions in ``c_x``, the output at that point, and in expectations over all others.
    """
    a, b = sp.S.Zero, sp.S.Zero
    for e, weight in _partials(expr):
        for at, slope in _in_output(e):
            a, b = (a + weight * slope, b) if at == p else (a, b + weight * slope)
    return a, b


def _partials(expr: sp.Expr) -> list[tuple[E, sp.Expr]]:
    """(E, derivative of the expression in it) for each outermost expectation."""
    return [(e, _partial(expr, e)) for e in sorted(outermost(expr), key=sp.default_sort_key)]


def _partial(expr: sp.Expr, e: E) -> sp.Expr:
    name = sp.Dummy(positive=e.is_positive, real=True)
    return expr.xreplace({e: name}).diff(name).doit().xreplace({name: e})


def _in_output(e: E) -> list[tuple[sp.Symbol, sp.Expr]]:
    """(density, factor) of the derivative of an expectation in the output at a point."""
    inside = e.integrand
    found = []
    for measure, share in components(e.measure):
        if isinstance(measure, Pairs):
            for at, other, x, y in ((*measure.args, c_x, c_y), (*measure.args[::-1], c_y, c_x)):
                found.append((at, share * _over(other, inside.diff(x).doit(), x, y)))
        else:
            found.append((measure, share * inside.diff(c).doit().subs(c, c_x)))
    for inner, slope in _partials(inside):
        weight = E(e.measure, slope)
        found += [(at, weight * factor) for at, factor in _in_output(inner)]
    return found


def _over(measure: sp.Symbol, term: sp.Expr, here: sp.Symbol, there: sp.Symbol) -> sp.Expr:
    """The mean of a function of a pair's outputs over the point `there`; the output `here` becomes c_x."""
    return E(measure, term.subs({here: c_x, there: c}, simultaneous=True))


@lru_cache(maxsize=1024)
def influence(expr: sp.Expr) -> sp.Expr:
    """The derivative of the objective in the generator's density q at a point, the critic held fixed.

    An expression in ``c_x``, the output there, and in expectations; up to a constant, which no movement of
    mass sees.
    """
    return sp.Add(*(weight * _in_density(e) for e, weight in _partials(expr)))


def _in_density(e: E) -> sp.Expr:
    total = sp.S.Zero
    for measure, share in components(e.measure):
        if isinstance(measure, Pairs):
            for at, other, x, y in ((*measure.args, c_x, c_y), (*measure.args[::-1], c_y, c_x)):
                total += share * _over(other, e.integrand, x, y) if at == q else sp.S.Zero
        elif measure == q:
            total += share * e.integrand.subs(c, c_x)
    inner = (E(e.measure, slope) * _in_density(x) for x, slope in _partials(e.integrand))
    return total + sp.Add(*inner)


# --- shapes ---------------------------------------------------------------------------------------


def _degree(expr: sp.Expr) -> int | None:
    """Degree in the critic, from its value at k C; None where that is no polynomial in k."""
    scaled = pulled(at_critic(expr, _scale * c))
    if not scaled.is_polynomial(_scale):
        return None
    return int(sp.degree(scaled, _scale)) if scaled.has(_scale) else 0


def pulled(expr: sp.Expr) -> sp.Expr:
    """Sums, factors k and mixtures taken out of expectations, the innermost first."""
    if not expr.has(E):
        return expr
    if not isinstance(expr, E):
        return sp.expand(expr.func(*(pulled(arg) for arg in expr.args)))
    total = sp.S.Zero
    for term in sp.Add.make_args(sp.expand(pulled(expr.integrand))):
        factor, rest = term.as_independent(*expr.binds, as_Add=False)
        for measure, share in components(expr.measure):
            total += share * factor * _of_one_point(measure, rest)
    return total


def _of_one_point(measure: sp.Expr, term: sp.Expr) -> sp.Expr:
    """The mean of a term, over one point where it sees only one of a pair."""
    if isinstance(measure, Pairs):
        for at, own, other in zip(measure.args, (c_x, c_y), (c_y, c_x), strict=True):
            if other not in term.free_symbols:
                return E(at, term.subs(own, c))
    return E(measure, term)


def _is_invariant(expr: sp.Expr) -> bool:
    moved = pulled(at_critic(expr, c + _shift))
    if not moved.has(_shift):
        return True
    means = outermost(moved)
    if not means or any(e.has(_shift) for e in means):
        return False
    names = {e: sp.Dummy(real=True) for e in means}  # exp(s) leaves a logarithm's means as a factor
    return bool(sp.simplify(moved.xreplace(names).diff(_shift)) == 0)


def _difference(expr: sp.Expr) -> sp.Expr | None:
    """h of E_{x~p, y~q} h(C(x) - C(y)), a sum of such; None for others."""
    total = sp.S.Zero
    for term in sp.Add.make_args(expr):
        weight, e = _one_mean(term)
        if e is None or e.integrand.has(E) or e.measure not in (Pairs(p, q), Pairs(q, p)):
            return None
        x, y = (c_x, c_y) if e.measure == Pairs(p, q) else (c_y, c_x)
        h = e.integrand.xreplace({x: c, y: sp.S.Zero})
        if sp.simplify(e.integrand - h.xreplace({c: x - y})) != 0:
            return None
        total += weight * h
    return total


def _relative(expr: sp.Expr) -> tuple[tuple[sp.Expr, sp.Expr, sp.Expr, sp.Expr], ...] | None:
    """(term, weight, measure, reference) of each weight E_measure term(C - reference); None for others."""
    found = []
    for summand in sp.Add.make_args(expr):
        weight, e = _one_mean(summand)
        if e is None or isinstance(e.measure, Pairs):
            return None
        inside = outermost(e.integrand)
        if not inside or any(x.integrand != c for x in inside):
            return None
        reference = _reference(e.integrand, inside)
        if reference is None:
            return None
        found.append((e.integrand.xreplace(dict.fromkeys(inside, sp.S.Zero)), weight, e.measure, reference))
    return tuple(found) or None


def _reference(integrand: sp.Expr, inside: set[E]) -> sp.Expr | None:
    """r with integrand = term(C - r), r a combination of mean outputs, term the integrand at zero means."""
    names = {e: sp.Dummy(real=True) for e in inside}
    term = integrand.xreplace(dict.fromkeys(inside, sp.S.Zero))
    for weights in ((1,) * len(inside), (sp.Rational(1, len(inside)),) * len(inside)):
        r = sp.Add(*(w * names[e] for w, e in zip(weights, names, strict=True)))
        if sp.expand(term.subs(c, c - r) - integrand.xreplace(names)) == 0:
            return r.xreplace({name: e for e, name in names.items()})
    return None
