r"""A discriminator objective seen as a classification loss: its Bayes risk, and what that decides.

With eta = p/(p + q), the probability that a sample drawn from either side with equal chances is real,
the critic's problem at a point is L(eta) = min over C of eta real(C) + (1 - eta) fake(C), so that

.. math:: \min_C L_D = \int (p + q)\,L\!\left(\tfrac{p}{p + q}\right) = 2\,L(\tfrac12) - 2\,D_f(p\|q),
    \qquad f(u) = L(\tfrac12) - \tfrac{1 + u}{2}\,L\!\left(\tfrac{u}{1 + u}\right).

L is concave whatever the loss, so f is convex: a loss chooses the f. Whether p = q is the only best
case is decided by L near 1/2. Sources: Reid and Williamson 2011; Dong and Yang 2019.
"""

from dataclasses import dataclass

import mpmath
import sympy as sp

from ganmath.theory.claims import CHECKED, PROVED, Evidence
from ganmath.theory.constraints import Free, Interval
from ganmath.theory.divergence import FDivergence, recognise
from ganmath.theory.expression import u
from ganmath.theory.loss import GANLoss
from ganmath.theory.optimum import Branch, ImplicitCritic, Optimum, optimum, tidy
from ganmath.theory.structure import structure

#: p/(p + q), the probability of "real" where real and fake samples are drawn with equal chances.
eta = sp.Symbol("eta", positive=True)
_rest = sp.Symbol("rest", positive=True)  # 1 - eta, so that roots of it simplify


@dataclass(frozen=True)
class ProperTest:
    """Whether a discriminator objective singles out p = q; true where it passes Dong and Yang's test.

    is_proper: the Bayes risk has its only maximum at 1/2 (Dong and Yang's test for valid losses).
    is_divergence: the critic's value is that at p = q for no other pair; what `is_proper` is
    sufficient for, not necessary. at: the critic's output at u = 1, the middle one where it is not
    unique. slopes: of the Bayes risk, left and right of 1/2. why_not: what fails, or "".
    check: how the signs of the slopes are known.
    """

    loss: str
    is_proper: bool
    is_divergence: bool
    bayes_risk: sp.Expr
    at: sp.Expr
    slopes: tuple[sp.Expr, sp.Expr]
    why_not: str
    check: Evidence

    def __bool__(self) -> bool:
        return self.is_proper


def bayes_risk(loss: GANLoss) -> sp.Expr:
    """L(eta), the least expected loss at a point that is real with probability ``eta``.

    Returns: a concave sympy expression in ``ganmath.theory.proper.eta``, on (0, 1); a Piecewise for
    losses with kinks. Raises NoOptimalCritic; ValueError where L_D is no sum over single samples.
    """
    return _risk(optimum(_checked(loss)))


def _checked(loss: GANLoss) -> GANLoss:
    if structure(loss.critic).pointwise is None or not isinstance(loss.constraint, (Free, Interval)):
        raise ValueError(
            f"{loss.label} classifies no single samples: it compares samples or bounds its critic's slope; "
            "take a loss with real= and fake="
        )
    return loss.replace(generator=sp.S.Zero)


def _risk(best: Optimum) -> sp.Expr:
    pieces = [(_in_eta(b, best.implicit), _share(b.high)) for b in best.branches]
    if len(pieces) == 1:
        return pieces[0][0]
    inner = [(value, eta < high) for value, high in pieces[:-1]]
    return sp.Piecewise(*inner, (pieces[-1][0], sp.true))


def _in_eta(branch: Branch, implicit: bool) -> sp.Expr:
    value = (_rest * branch.value).subs(u, eta / _rest)
    value = (value if implicit else sp.expand(tidy(value))).subs(_rest, 1 - eta)
    return tidy(value) if value.is_rational_function(eta) else value


def _share(ratio: sp.Expr) -> sp.Expr:
    return sp.S.One if ratio is sp.oo else ratio / (1 + ratio)


def chosen_divergence(risk: sp.Expr) -> FDivergence:
    """The f-divergence of a Bayes risk: f(u) = L(1/2) - (1 + u) L(u/(1 + u)) / 2, named where known.

    Parameters: risk, concave in ``eta`` on (0, 1). The critic's value is 2 L(1/2) - 2 D_f.
    """
    f = risk.subs(eta, sp.Rational(1, 2)) - (1 + u) / 2 * _at_share(risk)
    if not f.has(ImplicitCritic):
        f = f if f.has(sp.Piecewise) else tidy(f)
        if (found := recognise(f)) is not None:
            return found.divergence.scaled(found.scale)
    return FDivergence(f)


def _at_share(risk: sp.Expr) -> sp.Expr:
    """L(u/(1 + u)), the conditions of its pieces solved for u."""
    share = u / (1 + u)
    if not isinstance(risk, sp.Piecewise):
        return risk.subs(eta, share)
    pieces = []
    for value, condition in risk.args:
        edge = getattr(condition, "rhs", None)
        below = sp.true if edge is None else u < edge / (1 - edge)
        pieces.append((value.subs(eta, share), below))
    return sp.Piecewise(*pieces)


def is_proper(loss: GANLoss) -> ProperTest:
    r"""Dong and Yang's test of a discriminator objective, and whether its value is a divergence.

    By the envelope theorem L'(1/2) = real(C) - fake(C) at an optimal output C for u = 1, so the risk is
    largest at 1/2 exactly where a sample that may be either kind costs the same under both labels:
    real(y) = fake(y) and real'(y) = -fake'(y) at some y, their conditions on f = -real and g = -fake.
    The value is a divergence under less: L must not be affine around 1/2.

    Parameters: loss, its parameters at their defaults where not set. Raises NoOptimalCritic; ValueError
    where L_D is no sum over single samples.
    Source: Dong and Yang 2019 (arXiv 1901.08753), theorem 5; the weaker condition is our own reading.
    """
    best = optimum(_checked(loss).at_defaults())
    left = next(b for b in best.branches if b.high >= 1)
    right = next(b for b in best.branches if b.high > 1)
    slopes = tuple(_at_one(b.real - b.fake, best.implicit) for b in (left, right))
    signs = [_sign(slope) for slope in slopes]
    moves = [b.kind == "stationary" for b in (left, right)]
    before, after = (sign for sign, _ in signs)
    rises = before > 0 or (before == 0 and moves[0])
    falls = after < 0 or (after == 0 and moves[1])
    jumps = tidy(slopes[0] - slopes[1]) != 0 if left is not right else False
    is_divergence = any(moves) or bool(jumps)
    return ProperTest(
        loss=loss.label,
        is_proper=rises and falls,
        is_divergence=is_divergence,
        bayes_risk=_risk(best),
        at=_at_one(best.critic, best.implicit),
        slopes=(slopes[0], slopes[1]),
        why_not=_why(rises, falls, is_divergence, slopes[1] if rises else slopes[0]),
        check=PROVED if all(proved for _, proved in signs) else CHECKED,
    )


def _at_one(expr: sp.Expr, implicit: bool) -> sp.Expr:
    value = expr.subs(u, 1)
    return value.evalf(30) if implicit else tidy(sp.expand_log(value))


def _sign(slope: sp.Expr) -> tuple[int, bool]:
    """-1, 0 or 1, and whether sympy decides it exactly."""
    if slope.is_zero or sp.simplify(slope).is_zero:
        return 0, True
    number = mpmath.mpf(str(slope.evalf(40)))
    if abs(number) < mpmath.mpf(10) ** -25:
        return 0, False
    return int(mpmath.sign(number)), slope.is_positive is not None


def _why(rises: bool, falls: bool, is_divergence: bool, slope: sp.Expr) -> str:
    if rises and falls:
        return ""
    if not is_divergence:
        return (
            "the Bayes risk is affine around eta = 1/2: the critic's value does not change while p/q stays "
            "near 1, so it is no divergence; move the loss's kink to u = 1"
        )
    return (
        f"the Bayes risk has slope {sp.sstr(sp.nsimplify(slope) if slope.is_Float else slope)} at eta = 1/2, "
        "not its maximum there; its value is a divergence all the same"
    )
