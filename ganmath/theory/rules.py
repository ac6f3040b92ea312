r"""The rules of `derive`: each looks at what kind of expressions a loss is made of, and makes claims.

A rule takes a loss, the `Structure` of its critic's objective and the claims made so far; the first claim
about a thing stands. Nothing else is known of a loss: `relativistic` and the losses of papers are derived
from their expressions alone. Sources are named where a theorem is used and in the chapters.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from ganmath.theory.claims import AT_EQUALITY, CHECKED, NOTHING, PROVED, Claim, Evidence, Step, weakest
from ganmath.theory.constraints import Free, Interval, Lipschitz
from ganmath.theory.divergence import FDivergence, divergences
from ganmath.theory.expectation import (
    E,
    Pairs,
    at_critic,
    c_x,
    c_y,
    components,
    map_integrands,
    mass,
    n_fake,
    n_real,
    objective_latex,
    outermost,
)
from ganmath.theory.expression import as_exponentials, c, p, q, to_numpy, u
from ganmath.theory.loss import GANLoss, Parameter
from ganmath.theory.optimum import ImplicitCritic, NoOptimalCritic, limit, tidy
from ganmath.theory.pointwise import (
    Saturation,
    critic_alone,
    defaults_in,
    gradient_alone,
    integrated,
    pointwise,
    sign_of,
)
from ganmath.theory.search import CERTIFIED, GAP, search
from ganmath.theory.structure import Structure, influence, pulled, stationarity, structure

Rule = Callable[[GANLoss, Structure, Mapping[str, Claim]], Iterable[Claim]]

#: The Le Cam divergence of p and q, on which the least-squares optima depend.
delta = sp.Symbol("Delta", nonnegative=True)
#: The Wasserstein distance of order 1 of p and q, which Lipschitz critics measure.
W1 = sp.Symbol("W_1", nonnegative=True)

_HYPOTHESES = "the theorem by hand in the chapter on relativistic losses, its hypotheses {}"
_half = sp.Rational(1, 2)


def _defaults(loss: GANLoss) -> str:
    """What is said of claims about a loss that are made at its parameters' defaults."""
    values = defaults_in(loss, loss.critic, loss.generator)
    return f"at {values}" if values else ""


def _as_pointwise(loss: GANLoss) -> dict[str, Claim]:
    """The pointwise rule's claims about a critic; its generator's loss is not looked at."""
    return {claim.about: claim for claim in critic_alone(loss, structure(loss.critic), {})}


# --- Φ(E g, …): a function of means ---------------------------------------------------------------


def multipliers(loss: GANLoss, found: Structure, claims: Mapping[str, Claim]) -> Iterable[Claim]:
    r"""The rule for a concave function of a mean, and a sum over single samples beside it.

    With A a positive combination of means, :math:`\varphi(A) = \min_Z \varphi(Z) + \varphi'(Z)(A - Z)`, and
    for each Z a pointwise loss is left. Where its least value is the same for every Z it is the loss's.
    """
    whole = loss.at_defaults().critic.subs(n_fake, n_real)
    tangent = None if found.pointwise or not isinstance(loss.constraint, Free) else _tangent(whole)
    if tangent is None:
        return []
    outer, inside, bound = tangent
    lifted = GANLoss(loss.name, critic=bound, generator=0, parameters=_sizes(bound))
    best, measured = (_as_pointwise(lifted)[about] for about in ("optimal_critic", "critic_divergence"))
    offset = tidy(sp.expand_log(measured.value.offset))
    if (measured.value.f.free_symbols | offset.free_symbols) & {_Z}:
        return []
    divergence = measured.value.scaled(sp.S.One, offset)
    at_Z = {_argument: _Z}
    steps = (
        Step(
            "A tangent bounds the concave function of the means, whatever Z is:",
            rf"{_tex(outer)} \le {_tex(outer.subs(at_Z))} + {_tex(tidy(outer.diff(_argument).subs(at_Z)))}"
            rf"\left({_argument} - Z\right), \qquad {_argument} = {_tex(inside)}",
            PROVED,
            "With equality for Z = A: the minimum over C is that over C and Z of the bound, whose terms are "
            "functions of single outputs.",
        ),
        Step(
            "For every Z its optimal critic is",
            rf"C^*(u) = {_tex(best.value)}",
            best.evidence,
            "They differ by constants, which the loss does not see." if found.invariant else "",
            "optimal_critic",
        ),
    )
    value = Step(
        "Its least value does not depend on Z, so it is that of the loss:",
        rf"\min_C L_D = {_tex(offset)} - {divergence.scaled_latex}",
        measured.evidence,
        rf"with $f(u) = {_tex(divergence.f)}$, $f(1) = 0$.",
        "critic_divergence",
    )
    sizes = "for batches of one size" if loss.critic.has(n_real, n_fake) else ""
    given = ", ".join(filter(None, (_defaults(loss), sizes)))
    rule, known = "multipliers", _given(best.evidence, given)
    made = [
        Claim("optimal_critic", tidy(best.value.subs(_Z, 1)), known, rule, steps),
        Claim("critic_divergence", divergence, _given(measured.evidence, given), rule, (value,)),
    ]
    seen = _tangent(loss.at_defaults().generator.subs(n_fake, n_real))
    if seen is None or seen[1] != inside or not structure(loss.generator).invariant:
        return made
    # where A = Z = 1, as at that critic, a tangent has the value and the derivative of the loss itself
    both = [x.subs(_Z, 1) for x in (bound, seen[2])]
    same = GANLoss(loss.name, critic=both[0], generator=both[1], parameters=_sizes(both[0] + both[1]))
    for claim in pointwise(same, structure(same.critic), {}):
        if claim.about in _READINGS and claim.about != "minimiser":
            made.append(replace(claim, evidence=_given(claim.evidence, given), rule=rule))
    why = "with the critic frozen L_G is not linear in q, and its minimiser has no closed form"
    return [*made, _unknown("minimiser", why, rule)]


_Z, _argument = sp.Symbol("Z", positive=True), sp.Symbol("A", positive=True)


def _given(evidence: Evidence, given: str) -> Evidence:
    both = ", ".join(dict.fromkeys(filter(None, (evidence.given, given))))
    return Evidence(evidence.kind, evidence.detail, both)


def _sizes(expr: sp.Expr) -> tuple[Parameter, ...]:
    symbols = (("Z", _Z), ("n", n_real))
    return tuple(Parameter(name, x, sp.S.One, name) for name, x in symbols if expr.has(x))


def _tangent(whole: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr] | None:
    """(phi in A, A in means, the objective with the tangent at Z for phi), or None where there is none."""
    terms = sp.Add.make_args(sp.expand_mul(whole))
    plain = [t for t in terms if structure(t).pointwise is not None]
    rest = sp.Add(*(t for t in terms if t not in plain))
    means = sorted(outermost(rest), key=sp.default_sort_key)
    if not means or any(e.integrand.has(E) or e.measure.has(Pairs) or not e.is_positive for e in means):
        return None
    names = {e: sp.Dummy(positive=True) for e in means}
    phi = rest.xreplace(names)
    slopes = [phi.diff(name) for name in names.values()]
    weights = [tidy(slope / slopes[0]) for slope in slopes]
    if any(weight.free_symbols or not weight.is_positive for weight in weights):
        return None
    total = sp.Add(*weights)
    first, *others = names.values()
    outer = phi.subs(dict.fromkeys(others, 0)).subs(first, total * _argument)
    if not tidy(outer.diff(_argument, 2)).is_negative:
        return None
    inside = sp.Add(*(w / total * e for w, e in zip(weights, means, strict=True)))
    slope = outer.diff(_argument).subs(_argument, _Z)
    tangent = sp.Add(*plain) + outer.subs(_argument, _Z) - _Z * slope + sp.expand(slope * inside)
    return outer, inside, tangent


# --- h(C(x) - C(y)) -------------------------------------------------------------------------------


def paired_lifting(loss: GANLoss, found: Structure, claims: Mapping[str, Claim]) -> Iterable[Claim]:
    r"""The rule for E over pairs of h(C(x) - C(y)): the pointwise loss between the pairs.

    Over all functions T of a pair, :math:`\tfrac12 E_{p \otimes q} h(T) + \tfrac12 E_{q \otimes p} h(-T)` has
    the optimum of the pointwise loss with real(C) = h(C) and fake(C) = h(-C) at the ratio u(x)/u(y). Its
    critic is a difference C(x) - C(y) exactly if it is k log u.
    """
    h = structure(loss.at_defaults().critic).difference
    if h is None or not isinstance(loss.constraint, Free):
        return
    base = GANLoss(f"{loss.name}, pairs", real=h, fake=h.subs(c, -c), gen=0)
    given = _defaults(loss)
    try:
        between = _as_pointwise(base)
    except NoOptimalCritic:
        return
    best, measured = between["optimal_critic"], between["critic_divergence"]
    divergence = measured.value.scaled(_half, measured.value.offset / 2)
    scale = _scale_of_log(best.value)
    ratio = sp.Symbol("U", positive=True)
    shown = r"\text{implicit}" if best.value.has(ImplicitCritic) else _tex(best.value.subs(u, ratio))
    relation, remark = r"\ge", ""
    if scale is not None:
        relation = "="
        remark = f"It is the difference $C^*(x) - C^*(y)$ of $C^* = {_tex(scale * sp.log(u))}$."
    over_pairs = Step(
        "Over all functions T of a pair the minimum is that of the pointwise loss between pairs:",
        rf"T^*(U) = {shown}, \qquad U = \frac{{p(x)\,q(y)}}{{q(x)\,p(y)}} = \frac{{u(x)}}{{u(y)}}",
        best.evidence,
        remark,
        "separable",
    )
    bounded = Step(
        "Critics of the form C(x) − C(y) are some of these, so",
        rf"\min_C L_D {relation} {_tex(divergence.offset)} - {of_pairs(divergence)}",
        measured.evidence,
        "" if divergence.name else rf"with $f(u) = {_tex(divergence.f)}$.",
        "pair_divergence",
    )
    rule = "paired_lifting"
    known = _given(best.evidence, given)
    yield Claim("separable", scale is not None, known, rule, (over_pairs,))
    yield Claim("pair_divergence", divergence, _given(measured.evidence, given), rule, (bounded,))
    if scale is None:
        return
    yield Claim("optimal_critic", scale * sp.log(u), known, rule, (over_pairs,))
    # D_f = 0 only where the pairs agree, and so p and q, unless f = 0 (where k = 0)
    yield Claim("is_divergence", scale != 0, _given(measured.evidence, given), rule, (bounded,))


def _scale_of_log(best: sp.Expr) -> sp.Expr | None:
    """k where the expression is k log u, else None: only then does it turn quotients into differences."""
    if best.has(ImplicitCritic, sp.Piecewise):
        return None
    scale = tidy(u * best.diff(u))
    return scale if not scale.has(u) and tidy(best - scale * sp.log(u)) == 0 else None


def of_pairs(divergence: FDivergence) -> str:
    """LaTeX of a divergence with its scale, between the pairs."""
    lifted = r"p \otimes q{}q \otimes p"
    text = divergence.scaled_latex.replace("(p, q)", f"({lifted.format(', ')})")
    for bar in (r"\,\|\,", r"\|"):
        text = text.replace(f"(p{bar}q)", f"({lifted.format(bar)})").replace(
            f"(q{bar}p)", f"({lifted.format(bar)})"
        )
    return text


# --- convex terms of differences of outputs --------------------------------------------------------


def relative_convexity(loss: GANLoss, found: Structure, claims: Mapping[str, Claim]) -> Iterable[Claim]:
    r"""The rule for convex terms in outputs relative to other outputs: such a critic measures a divergence.

    At p = q a critic that is the same everywhere is best, by Jensen's inequality. Its derivative in the
    critic is kappa (p - q), kappa the combination of the terms' slopes at 0, so that it is best nowhere else
    where kappa is not 0.
    """
    terms = _relative_terms(loss.at_defaults())
    if terms is None or not isinstance(loss.constraint, Free):
        return
    given = _defaults(loss)
    constant = tidy(at_critic(loss.at_defaults().critic, sp.S.Zero))
    at_constant = Step(
        "A critic that is the same everywhere has the loss",
        rf"L_D = {_tex(constant)}",
        PROVED,
        about="constant",
    )
    yield Claim("constant", constant, _given(PROVED, given), "relative_convexity", (at_constant,))
    slopes = [_slope_at_zero(term) for term, _ in terms]
    convex = [_convex(term) for term, _ in terms]
    if None in slopes or None in convex:
        return
    kappa = sum(slope * weight for slope, (_, weight) in zip(slopes, terms, strict=True))
    if kappa == 0:
        return
    how = "by sympy" if set(convex) == {PROVED} else "on a grid of outputs"
    known = Evidence("argued", _HYPOTHESES.format(how))
    step = Step(
        "The terms are convex, their slopes at 0 do not cancel, and so the critic measures a divergence:",
        rf"{_tex(constant)} - \min_C L_D \ge 0, \quad = 0 \text{{ only for }} p = q",
        known,
        about="is_divergence",
    )
    yield Claim("is_divergence", True, _given(known, given), "relative_convexity", (step,))


def _relative_terms(loss: GANLoss) -> list[tuple[sp.Expr, sp.Expr]] | None:
    """(term, w) of each summand: w the weight of p in the measure of its outputs minus what they are
    compared with, whose weight of q is -w; None for losses of other kinds."""
    found = structure(loss.critic)
    if found.difference is not None:
        return [(found.difference, sp.S.One)]
    if found.relative is None:
        return None
    terms = []
    for term, weight, measure, reference in found.relative:
        against = sum(reference.coeff(e) * e.measure for e in outermost(reference))
        shares = dict(components(sp.expand(weight * (measure - against))))
        of_one = all(sp.expand(mass(x) - 1) == 0 for x in (measure, against))
        if not weight.is_positive or not of_one:
            return None
        terms.append((term, shares.get(p, sp.S.Zero)))
    return terms


def _slope_at_zero(term: sp.Expr) -> sp.Expr | None:
    """The derivative at 0, or None at a kink."""
    if structure(E(p, term)).kinked:
        sides = [sp.limit((term - term.subs(c, 0)) / c, c, 0, side) for side in "+-"]
        return sides[0] if sides[0] == sides[1] else None
    return tidy(term.diff(c).subs(c, 0))


def _convex(term: sp.Expr) -> Evidence | None:
    """PROVED or CHECKED (on a grid) where a term is convex, else None."""
    if not structure(E(p, term)).kinked and term.diff(c, 2).is_nonnegative:
        return PROVED
    at = np.linspace(-12, 12, 961)
    values = to_numpy(term)(at)
    second = values[2:] - 2 * values[1:-1] + values[:-2]
    return CHECKED if (second >= -1e-10 * (1 + np.abs(values[1:-1]))).all() else None


# --- squares --------------------------------------------------------------------------------------


def quadratic(loss: GANLoss, found: Structure, claims: Mapping[str, Claim]) -> Iterable[Claim]:
    r"""The rule for convex squares of relative outputs: a multiple of (p - q)/(p + q) is optimal.

    The critic :math:`\beta (p - q)/(p + q)` has the means :math:`\pm\beta\Delta/2` and second moments under
    p and q that add up to :math:`\beta^2 \Delta`; beta makes the functional derivative vanish everywhere.
    """
    fixed = loss.at_defaults()
    terms = _relative_terms(fixed)
    if found.degree != 2 or terms is None or not isinstance(loss.constraint, Free):
        return
    if not all(_convex(term) for term, _ in terms):
        return
    beta, moment = sp.symbols("beta moment", real=True)
    critic = beta * (p - q) / (p + q)
    a, b = (_at_moments(pulled(x), beta, moment).subs(c_x, critic) for x in stationarity(fixed.critic))
    residual = sp.together(p * a + q * b).as_numer_denom()[0]
    solutions = sp.solve(sp.Poly(residual, p, q).coeffs(), beta, dict=True)
    if len(solutions) != 1 or beta not in solutions[0]:
        return
    scale = sp.factor(solutions[0][beta])
    least = tidy(_at_moments(_unpaired(pulled(fixed.critic)), beta, moment).subs(beta, scale))
    if least.has(moment):
        return
    best, least = scale * (u - 1) / (u + 1), sp.factor(least)
    step = Step(
        r"Least squares: the gradient vanishes at a multiple of (p − q)/(p + q), with Δ = Δ(p, q)",
        rf"C^*(x) = {_tex(best.subs(u, p / q).factor())} + \text{{const}}, \qquad \min_C L_D = {_tex(least)}",
        PROVED,
        about="optimal_critic",
    )
    known = _given(PROVED, _defaults(loss))
    yield Claim("optimal_critic", best, known, "quadratic", (step,))
    yield Claim("least", least, known, "quadratic", (step,))


def _at_moments(expr: sp.Expr, beta: sp.Expr, moment: sp.Expr) -> sp.Expr:
    """Means of the output and of its square in place, at beta (p - q)/(p + q)."""
    known = {
        E(p, c): beta * delta / 2,
        E(q, c): -beta * delta / 2,
        E(p, c**2): moment,
        E(q, c**2): beta**2 * delta - moment,
    }
    return sp.expand(expr.subs(known))


def _unpaired(expr: sp.Expr) -> sp.Expr:
    """Means over pairs of a polynomial as products of means over p and over q."""

    def split(e: E) -> sp.Expr:
        if not isinstance(e.measure, Pairs):
            return e
        x, y = e.measure.args
        terms = sp.Poly(e.integrand, c_x, c_y).terms()
        return sp.Add(*(k * E(x, c**i) * E(y, c**j) for (i, j), k in terms))

    return map_integrands(expr, split)


# --- linear critics under a constraint -------------------------------------------------------------


def integral_metric(loss: GANLoss, found: Structure, claims: Mapping[str, Claim]) -> Iterable[Claim]:
    r"""The rule for E_q C - E_p C over critics of slope at most K: the Wasserstein distance.

    .. math:: \min_C L_D = -K\,W_1(p, q)

    Source: Kantorovich and Rubinstein's duality, Villani 2009, remark 6.5; the generator's step is Arjovsky,
    Chintala and Bottou 2017, theorem 3.
    """
    if not found.linear or not isinstance(loss.constraint, Lipschitz):
        return
    real, fake = (pulled(loss.critic).coeff(E(measure, c)) for measure in (p, q))
    if sp.expand(real + fake) != 0:
        raise NoOptimalCritic(
            f"{loss.label}: adding a constant to the critic lowers L_D without bound, as the weights of "
            "real and fake samples differ"
        )
    if fake == 0:
        return  # the loss is 0 for every critic
    K, rule = loss.constraint.K, "integral_metric"
    least = -sp.Abs(fake) * K * W1
    duality = Evidence("stated", "Kantorovich and Rubinstein's duality, Villani 2009, remark 6.5")
    sign = sp.sign(fake)
    measured = Step(
        "A linear loss over critics of bounded slope measures the Wasserstein distance, and attains it:",
        rf"\min_C L_D = {_tex(least)}",
        duality,
        "The critic that attains it is unique only up to a constant, and only where an optimal plan moves "
        "mass: elsewhere any extension of slope at most K will do.",
        "least",
    )
    F_p, F_q = sp.Function("F_p")(sp.Symbol("x")), sp.Function("F_q")(sp.Symbol("x"))
    slope = sign * K * sp.sign(F_q - F_p)
    line = Step(
        "On the line its slope is the sign of the difference of the distribution functions:",
        rf"\frac{{d C^*}}{{dx}} = {_tex(slope)}, \qquad W_1(p, q) = \int \left|F_p - F_q\right| dx",
        Evidence("argued", "integration by parts, as E_p C - E_q C is the integral of C' (F_q - F_p)"),
        about="critic_slope",
    )
    yield Claim("least", least, duality, rule, (measured,))
    yield Claim("critic_slope", slope, line.check, rule, (line,))
    yield Claim("constant", sp.S.Zero, PROVED, rule)
    yield Claim("is_divergence", True, duality, rule)
    why = "it depends on where p and q lie, not on u = p/q; on the line its slope is known"
    yield _unknown("optimal_critic", why, rule)
    yield from _of_linear(loss, sp.expand(fake), least)


def _of_linear(loss: GANLoss, fake: sp.Expr, least: sp.Expr) -> Iterable[Claim]:
    """The readings of a generator's loss that is linear in the critic, L_D being fake (E_q C - E_p C)."""
    seen, rule = structure(loss.generator), "integral_metric"
    push = influence(loss.generator).diff(c_x).doit()
    times = tidy(-push / fake)
    if not seen.linear or not times.is_positive:
        for about in _READINGS:
            why = "L_G is not a positive multiple of -L_D in q, and the optimal critic has no closed form"
            yield _unknown(about, why, rule)
        return
    if seen.invariant:
        value = -times * least
        step = Step("Value reading:", rf"L_G(C^*) = {_tex(value)}", PROVED, about="generator_value")
        yield Claim("generator_value", value, PROVED, rule, (step,))
    else:
        why = "the optimal critic is one of many that differ by constants, and L_G depends on the constant"
        yield _unknown("generator_value", why, rule)
    envelope = Evidence("stated", "Arjovsky, Chintala and Bottou 2017, theorem 3, where both gradients exist")
    gradient = Step(
        "Gradient reading: with the critic frozen the generator's step is that of",
        rf"-{_tex(times)}\,\min_C L_D = {_tex(-times * least)}" if times != 1 else _tex(-least),
        envelope,
        "By the envelope theorem: L_G and -L_D differ by a term without q.",
        "generator_divergence",
    )
    yield Claim("generator_divergence", -times * least, envelope, rule, (gradient,))
    yield _unknown("generator_second_derivative", "the step follows no f-divergence", rule)
    size, end = ("smallest", "min") if push.is_positive else ("largest", "max")
    statement = f"a point mass where the critic is {size}"
    frozen = Step(
        "Equilibrium reading: with the critic frozen the loss is linear in q, and its own minimiser is",
        rf"\arg\min_q L_G = \left\{{ q : q \text{{ lives on }} \arg\{end}_x\, C^*(x) \right\}}",
        PROVED,
        "The set is empty where the critic has no such point, as it may on an unbounded space.",
        "minimiser",
    )
    yield Claim("minimiser", statement, PROVED, rule, (frozen,))
    slope = Step(
        "The generator's gradient with respect to the critic's output is the same everywhere:",
        rf"\frac{{\partial}}{{\partial C}}\frac{{\delta L_G}}{{\delta q}} = {_tex(push)}",
        PROVED,
        "It does not saturate.",
        "saturates",
    )
    yield Claim("saturates", Saturation(push, push, push, push), PROVED, rule, (slope,))


# --- the generator's three readings ----------------------------------------------------------------

#: The density ratio at a point that a mean runs over, and at the two points of a pair.
_v, _v_x, _v_y = (sp.Symbol(name, positive=True) for name in ("u(z)", "u(x)", "u(y)"))
_READINGS = (
    "generator_value",
    "generator_divergence",
    "generator_second_derivative",
    "generator_sign",
    "minimiser",
    "saturates",
)


def readings(loss: GANLoss, found: Structure, claims: Mapping[str, Claim]) -> Iterable[Claim]:
    r"""The rule for any generator where the optimal critic is a function of u = p/q.

    Value: L_G at that critic. Gradient: with the influence i(C), the derivative of L_G in q with the critic
    frozen, :math:`f_G''(u) = -\tfrac1u \tfrac{d}{du}\, i(C^*(u))`. Equilibrium: L_G is least
    on a point mass where it is linear in q. Saturation: the slope of i in the critic's output.
    """
    critic = claims.get("optimal_critic")
    if "generator_divergence" in claims or critic is None or critic.value is None:
        return []
    defaults, fixed = _defaults(loss), {x.symbol: x.default for x in loss.parameters}
    loss = loss.at_defaults()
    seen = structure(loss.generator)
    if found.invariant and not seen.invariant:
        why = "the optimal critic is one of many that differ by constants, and L_G depends on the constant"
        return [_unknown(about, why) for about in _READINGS]
    best = critic.value.subs(fixed)
    if best.has(sp.Piecewise, ImplicitCritic, sp.sign, sp.Abs) or best.is_infinite:
        why = "the optimal critic is no smooth function of u with a closed form"
        return [_unknown(about, why) for about in _READINGS]
    given = "for batches of one size" if loss.generator.has(n_real, n_fake) else ""
    known = _given(critic.evidence, ", ".join(filter(None, (defaults, given))))
    return _Readings(loss.generator.subs(n_fake, n_real), best, known).claims()


def _unknown(about: str, why_not: str, rule: str = "readings") -> Claim:
    return Claim(about, None, NOTHING, rule, why_not=why_not)


class _Readings:
    """The readings of a generator's objective at the optimal critic, a smooth function of u."""

    def __init__(self, generator: sp.Expr, critic: sp.Expr, known: Evidence) -> None:
        self.generator, self.critic, self.known = generator, critic, known
        self.influence = influence(generator)

    def claims(self) -> list[Claim]:
        at_best = _tidy_means(closed_means(self._at(self.influence)))
        second = _tidy_means(-at_best.diff(u) / u)
        gradient = self._gradient(second)
        return [self._value(), *gradient, self._equilibrium(gradient[-1]), self._saturation()]

    def _at(self, expr: sp.Expr) -> sp.Expr:
        """An expression in c_x, the output at a point, and in means, at the critic."""
        outputs = {c_x: self.critic, c: self.critic.subs(u, _v)}
        return _tidy_means(expr.xreplace(outputs).doit())

    def _value(self) -> Claim:
        outputs = {c: _v, c_x: _v_x, c_y: _v_y}
        there = {output: self.critic.subs(u, ratio) for output, ratio in outputs.items()}
        value = _tidy_means(closed_means(_tidy_means(self.generator.xreplace(there))))
        step = Step(
            "Value reading: the generator's loss with the critic re-optimised for every q,",
            rf"L_G(C^*) = {_tex(value)}",
            self.known,
            about="generator_value",
        )
        return Claim("generator_value", value, self.known, "readings", (step,))

    def _gradient(self, second: sp.Expr) -> list[Claim]:
        factor, shape = second.as_independent(u, as_Add=False)
        why_not, remark = "", ""
        sign: int | None = None
        divergence: FDivergence | None = None
        evidence = self.known
        of_both = second.has(E, delta)
        if second == 0:
            why_not = "the derivative of L_G in q is constant: the generator gets no gradient"
        elif of_both and not shape.has(E, delta) and factor.is_positive is None:
            why_not = f"the sign of f_G'' is that of ${_tex(factor)}$, which is not settled"
        elif not of_both or (not shape.has(E, delta) and factor.is_positive):
            smooth = shape if of_both else second
            word, how = sign_of(smooth, {})
            evidence = weakest([self.known, how])
            if word == "nonnegative":
                divergence, named = integrated(smooth, [])
                evidence = weakest([evidence, named])
                times = rf", times the positive number ${_tex(factor)}$" if of_both else ""
                remark = f"The step follows ${divergence.scaled_latex}${times}."
            else:
                why_not = "f_G'' is negative somewhere, so the step follows no divergence"
        elif second.is_nonnegative:
            why_not = _CHANGES
        else:
            witness = _negative_somewhere(second)
            evidence = weakest([evidence, _ON_PAIRS])
            why_not = _CHANGES if witness is None else f"f_G'' is negative {witness}"
        if divergence is not None or why_not is _CHANGES:
            sign = 1
        elif second != 0 and second.is_nonpositive:
            sign = -1
        step = Step(
            "Gradient reading: with the critic frozen the generator's step follows f_G with",
            rf"f_G''(u) = -\frac{{1}}{{u}}\frac{{d}}{{du}}\,\frac{{\delta L_G}}{{\delta q}}(C^*(u)) = "
            rf"{_tex(second)}",
            evidence,
            remark or f"{why_not[0].upper()}{why_not[1:]}.",
            "generator_divergence",
        )
        return [
            Claim("generator_divergence", divergence, evidence, "readings", (step,), why_not),
            Claim("generator_second_derivative", second, self.known, "readings"),
            Claim(
                "generator_sign", sign, evidence if sign else NOTHING, "readings", (), "" if sign else why_not
            ),
        ]

    def _equilibrium(self, sign: Claim) -> Claim:
        if any(e.measure.has(q) or e.measure not in (p, q) for e in self.influence.atoms(E)):
            why = "with the critic frozen L_G is not linear in q, and its minimiser has no closed form"
            return _unknown("minimiser", why)
        words = {1: "largest", -1: "smallest"}
        if self._at(self.influence.diff(c_x)) == 0:
            statement = "any point, since the derivative of L_G in q is the same everywhere"
            return Claim("minimiser", statement, self.known, "readings")
        if sign.value is None:
            return _unknown("minimiser", "L_G is linear in q; where its derivative is least is not settled")
        statement = f"a point mass on the points where p/q is {words[sign.value]}{AT_EQUALITY}"
        step = Step(
            "Equilibrium reading: with the critic frozen the loss is linear in q, and its own minimiser is",
            r"\arg\min_q L_G = \left\{ q : q \text{ lives on } "
            r"\arg\min_x\, \frac{\delta L_G}{\delta q}(C^*(x)) \right\}",
            sign.evidence,
            statement[0].upper() + statement[1:] + " is a minimiser.",
            "minimiser",
        )
        return Claim("minimiser", statement, sign.evidence, "readings", (step,))

    def _saturation(self) -> Claim:
        slope = _tidy_means(closed_means(self._at(self.influence.diff(c_x).doit())))
        evidence = self.known
        if any(e.integrand.has(u) for e in slope.atoms(E)):
            if not all(_within_one(e.integrand) for e in slope.atoms(E)):
                return _unknown("saturates", "the generator's gradient contains means that are not bounded")
            detail = "the limits inside the means by dominated convergence, their bounds by sympy"
            evidence = weakest([evidence, Evidence("argued", detail)])
        at_zero, at_infinity = (_limit_inside(slope, end) for end in (sp.S.Zero, sp.oo))
        found = Saturation(slope, at_zero, at_infinity, at_zero)
        word = "saturates" if found else "does not saturate"
        step = Step(
            "The generator's gradient with respect to the critic's output, at the optimal critic:",
            rf"\frac{{\partial}}{{\partial C}}\frac{{\delta L_G}}{{\delta q}} = {_tex(slope)}, \qquad "
            rf"\lim_{{u \to 0}} = {_tex(at_zero)}, \quad \lim_{{u \to \infty}} = {_tex(at_infinity)}",
            evidence,
            f"It {word} as u goes to 0, where the critic rejects the generator's samples.",
            "saturates",
        )
        return Claim("saturates", found, evidence, "readings", (step,))


_CHANGES = (
    "f_G'' is nonnegative, but f_G changes with p and q, on which the means in it depend: the step follows "
    "no one divergence"
)
_ON_PAIRS = Evidence("checked", "on u from 1e-6 to 1e6 between three pairs of distributions on four points")
_FOUR_POINTS = (
    ((4, 3, 2, 1), (1, 1, 3, 5)),
    ((30, 25, 25, 20), (26, 27, 22, 25)),
    ((60, 30, 9, 1), (1, 4, 15, 80)),
)


def _negative_somewhere(second: sp.Expr) -> str | None:
    """Where f_G'', which contains means, is negative, in words; None where it is nowhere found to be."""
    grid = [mpmath.mpf(10) ** (mpmath.mpf(k) / 3) for k in range(-18, 19)]
    for counts in _FOUR_POINTS:
        pair = [[sp.Rational(k, sum(side)) for k in side] for side in counts]
        inside = _on_alphabet(as_exponentials(second), *pair)
        for x in sorted(grid, key=lambda x: abs(mpmath.log(x))):
            if _on_alphabet(inside.subs(u, sp.Float(x, 40)), *pair) < -(mpmath.mpf(10) ** -25):
                of = (
                    f"{name} = ({', '.join(map(str, side))})" for name, side in zip("pq", pair, strict=True)
                )
                return f"at u = {mpmath.nstr(x, 3)} between {' and '.join(of)}"
    return None


def _on_alphabet(expr: sp.Expr, of_p: Sequence[sp.Expr], of_q: Sequence[sp.Expr]) -> sp.Expr:
    """The expression with `delta`, and its means where they are free of u, as numbers."""
    weights, squares = {p: of_p, q: of_q}, sp.S.Zero
    ratios = []
    for a, b in zip(of_p, of_q, strict=True):
        squares += (a - b) ** 2 / (a + b)
        ratios.append(a / b)

    def number(e: E) -> sp.Expr:
        if e.integrand.has(u):
            return e
        parts = [(w * weights[a][i], x) for a, w in components(e.measure) for i, x in enumerate(ratios)]
        return sp.Add(*(w * e.integrand.subs(_v, x).evalf(40) for w, x in parts))

    return map_integrands(expr.subs(delta, squares), number).evalf(40)


def _within_one(g: sp.Expr) -> bool:
    """Whether sympy sees 0 <= g <= 1."""
    return bool(g.is_nonnegative and sp.together(1 - g).is_nonnegative)


def _limit_inside(expr: sp.Expr, to: sp.Expr) -> sp.Expr:
    """A limit in u, taken inside means."""
    inside = {e: E(e.measure, limit(e.integrand, u, to)) for e in outermost(expr) if e.integrand.has(u)}
    return limit(expr.xreplace(inside), u, to)


def _tidy_means(expr: sp.Expr) -> sp.Expr:
    """Rational functions of u and of exponentials in lowest terms, inside means and outside."""

    def inside(e: E) -> sp.Expr:
        if isinstance(e.measure, Pairs):
            return e
        factor, rest = _plain(e.integrand).as_independent(_v, as_Add=False)
        return factor * E(e.measure, rest)

    expr = map_integrands(expr, inside)
    names = {e: sp.Dummy(positive=e.is_positive, real=True) for e in outermost(expr)}
    back = {name: e for e, name in names.items()}
    return _plain(expr.xreplace(names)).xreplace(back)


def _plain(expr: sp.Expr) -> sp.Expr:
    written = as_exponentials(expr)
    rational = sp.powsimp(written).subs(sp.exp(0), 1)
    if rational.has(sp.exp, sp.log):
        simpler = sp.logcombine(rational, force=True).doit()
        rational = simpler if not simpler.has(sp.log, sp.exp) else expr
    return sp.factor(rational) if not rational.has(sp.exp, sp.log, sp.Function) else rational


def closed_means(expr: sp.Expr) -> sp.Expr:
    """Means of functions of the ratio, over one point, as numbers or in `delta` where they are such.

    The mean over p of g(u) is the integral of q u g(u): where u g(u) is affine it is a number, where it is an
    affine function and a multiple of the Le Cam divergence's f the mean is known in `delta`.
    """
    if not expr.has(E):
        return expr
    expr = expr.func(*(closed_means(arg) for arg in expr.args))
    terms = sp.Add.make_args(expr)
    single = [t for t in terms if _weighted(t) is not None]
    whole = _integral(sum(_weighted(t) for t in single)) if single else None
    return expr if whole is None else sp.Add(whole, *(t for t in terms if t not in single))


def _weighted(term: sp.Expr) -> sp.Expr | None:
    """What a weighted mean of a function of one point's ratio integrates against q; None for others."""
    means = [f for f in sp.Mul.make_args(term) if isinstance(f, E)]
    if len(means) != 1 or isinstance(means[0].measure, Pairs) or means[0].integrand.has(E, u):
        return None
    weight = term / means[0]
    if weight.has(E):
        return None
    return (
        sum(weight * w * (_v if a == p else 1) for a, w in components(means[0].measure)) * means[0].integrand
    )


def _integral(f: sp.Expr) -> sp.Expr | None:
    """The integral of q f where f is affine and a multiple of the Le Cam divergence's f; else None.

    f is a function of the ratio there, and may contain u, the ratio at another point.
    """
    f = tidy(f)
    multiple = tidy(f.diff(_v, 2) / divergences["le-cam"].f.diff(u, 2).subs(u, _v))
    return None if multiple.has(_v) else tidy(f.subs(_v, 1)) + multiple * delta


# --- what is left ---------------------------------------------------------------------------------

_NAMES = (
    "optimal_critic",
    "not_unique",
    "optimal_discriminator",
    "critic_value",
    "critic_divergence",
    "pair_divergence",
    "separable",
    "least",
    "constant",
    "is_divergence",
    "critic_slope",
    *_READINGS,
)


def by_search(loss: GANLoss, found: Structure, claims: Mapping[str, Claim]) -> Iterable[Claim]:
    """The rule for a least value without closed form: what a search finds between one pair of distributions.

    The claim has no value, and the number as its evidence.
    """
    if any(about in claims and claims[about].value for about in ("least", "critic_divergence", "separable")):
        return
    compares_points = not isinstance(loss.constraint, Free | Interval)
    try:
        searched = search(loss, *_MILD, points=range(3) if compares_points else None)
    except ValueError:
        return
    between = " and ".join(
        f"{name} = ({', '.join(map(str, side))})" for name, side in zip("pq", _MILD, strict=True)
    )
    where = f"between {between}" + (" on the points 0, 1, 2 of the line" if compares_points else "")
    value = f"{float(searched.value):.9f}"
    bound = (
        f", a lower bound within {GAP:.0e} (1 + |min L_D|) of it" if searched.evidence == CERTIFIED else ""
    )
    evidence = Evidence(searched.evidence, f"min L_D = {value} {where}{bound}", _defaults(loss))
    step = Step(
        f"The least value has no closed form that is known; {where} it is",
        rf"\min_C L_D \approx {value}",
        Evidence(searched.evidence, "", _defaults(loss)),
        about="least",
    )
    yield Claim("least", None, evidence, "by_search", (step,), "no closed form of min L_D is known")


_MILD = (
    (sp.Rational(1, 2), sp.Rational(1, 3), sp.Rational(1, 6)),
    (sp.Rational(1, 6), sp.Rational(1, 3), sp.Rational(1, 2)),
)


def nothing_known(loss: GANLoss, found: Structure, claims: Mapping[str, Claim]) -> Iterable[Claim]:
    """The last rule: says of everything else why nothing is claimed."""
    critic = claims.get("optimal_critic")
    for about in _NAMES:
        if about not in claims:
            yield _unknown(about, _why_not(about, loss, found, critic), "nothing_known")


def _why_not(about: str, loss: GANLoss, found: Structure, critic: Claim | None) -> str:
    if about == "optimal_critic" and not isinstance(loss.constraint, Free | Interval):
        return "no closed form is known of the best critic under this constraint"
    if about == "optimal_critic" and found.difference is not None:
        return (
            "the optimum over all functions of a pair is no difference C(x) - C(y), so the pairs' divergence "
            "only bounds the optimum, for which no closed form is known"
        )
    if about == "optimal_critic":
        return "no closed form is known: the means tie the outputs at all points together"
    if about in _READINGS and (critic is None or critic.value is None):
        return "no closed form of the optimal critic is known, at which it would be read"
    return _ABSENT.get(about, "nothing is known about it")


_ABSENT = {
    "not_unique": "the optimal critic is not derived point by point",
    "optimal_discriminator": "the critic's output is no logit of one sample",
    "critic_value": "L_D is no integral of a function of u",
    "critic_divergence": "no f-divergence of p and q is known that L_D measures",
    "pair_divergence": "the critic's loss compares no pairs of samples",
    "separable": "the critic's loss compares no pairs of samples",
    "least": "min L_D is known through the divergence that the critic measures, or not at all",
    "constant": "L_D depends on the constant, or is not made of relative outputs",
    "critic_slope": "the critic is not bounded in slope",
    "generator_sign": "f_G'' is a function of u alone, or not known",
    "is_divergence": "it is critic_divergence that says what is measured, or no theorem applies",
}

_BEYOND: tuple[Rule, ...] = (multipliers, relative_convexity, paired_lifting, quadratic, integral_metric)

#: In this order; the first claim about a thing stands.
RULES: tuple[Rule, ...] = (pointwise, *_BEYOND, readings, by_search, nothing_known)
#: What they say about the critic alone, and about the gradient that the generator gets from it.
OF_THE_CRITIC: tuple[Rule, ...] = (critic_alone, *_BEYOND, nothing_known)
OF_THE_GRADIENT: tuple[Rule, ...] = (gradient_alone, *_BEYOND, readings, nothing_known)


# --- LaTeX ----------------------------------------------------------------------------------------


def _tex(expr: Any) -> str:
    return objective_latex(sp.sympify(expr))
