r"""Identities and inequalities between divergences, as data that can be checked on any p, q.

Each holds for all probability vectors p, q, with value oo allowed on both sides. Notation and
conventions are those of `ganmath.theory.divergence`; m = (p + q)/2 and D* = p/(p + q).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath

from ganmath.theory.distributions import normalised
from ganmath.theory.divergence import divergences

Vector = list[mpmath.mpf]
Side = Callable[[Vector, Vector], mpmath.mpf]


@dataclass(frozen=True)
class Relation:
    """left = right, or left <= right, for all p and q on a finite alphabet."""

    name: str
    latex: str
    sign: str
    left: Side
    right: Side
    source: str = ""

    def sides(self, p: Sequence[Any], q: Sequence[Any], dps: int = 50) -> tuple[Any, Any]:
        """Both sides to about `dps` digits; p, q as for `FDivergence.evaluate`."""
        with mpmath.workdps(dps + 15):
            ps, qs = normalised(p), normalised(q)
            return self.left(ps, qs), self.right(ps, qs)

    def holds(self, p: Sequence[Any], q: Sequence[Any], dps: int = 50) -> bool:
        """Whether it holds to `dps` - 5 digits."""
        left, right = self.sides(p, q, dps)
        with mpmath.workdps(dps + 15):
            slack = mpmath.mpf(10) ** (5 - dps) * (1 + min(abs(left), abs(right)))
            if left == right:  # both infinite, too
                return True
            return bool(left <= right + slack and (self.sign == "<=" or right <= left + slack))


def _value(key: str) -> Side:
    return lambda p, q: divergences[key].evaluate(p, q, mpmath.mp.dps)


_kl, _js, _tv, _hellinger, _pearson, _le_cam, _softened = (
    _value(key)
    for key in [
        "kl",
        "jensen-shannon",
        "total-variation",
        "squared-hellinger",
        "pearson-chi2",
        "le-cam",
        "softened-reverse-kl",
    ]
)


def _mixture(p: Vector, q: Vector) -> Vector:
    return [(a + b) / 2 for a, b in zip(p, q, strict=True)]


def _sum(term: Callable[[mpmath.mpf, mpmath.mpf], mpmath.mpf]) -> Side:
    """Sum of a term over the points where p + q > 0."""
    return lambda p, q: mpmath.fsum(term(a, b) for a, b in zip(p, q, strict=True) if a + b > 0)


def _js_of_pairs(p: Vector, q: Vector) -> mpmath.mpf:
    """JS between the pair (x, y) ~ p x q and the swapped pair."""
    return _js([a * b for a in p for b in q], [b * a for a in q for b in p])


identities: tuple[Relation, ...] = (
    Relation(
        "Jensen-Shannon as mixture",
        r"\mathrm{JS}(p, q) = \tfrac12\mathrm{KL}(p\,\|\,m) + \tfrac12\mathrm{KL}(q\,\|\,m)",
        "=",
        _js,
        lambda p, q: (_kl(p, m := _mixture(p, q)) + _kl(q, m)) / 2,
        "Lin 1991",
    ),
    Relation(
        "softened reverse KL",
        r"\mathrm{KL}(q\,\|\,p) - 2\,\mathrm{JS}(p, q) = 2\,\mathrm{KL}(m\,\|\,p)",
        "=",
        lambda p, q: _kl(q, p) - 2 * _js(p, q),
        lambda p, q: 2 * _kl(_mixture(p, q), p),
        "Shannon et al. 2020",
    ),
    Relation(
        "softened reverse KL as f-divergence",
        r"\int q\,f(p/q) = 2\,\mathrm{KL}(m\,\|\,p),\quad f(u) = (1 + u)\log\frac{1 + u}{2u}",
        "=",
        _softened,
        lambda p, q: 2 * _kl(_mixture(p, q), p),
    ),
    Relation(
        "Pearson against the mixture",
        r"\chi^2(p\,\|\,m) = \tfrac12\Delta(p, q)",
        "=",
        lambda p, q: _pearson(p, _mixture(p, q)),
        lambda p, q: _le_cam(p, q) / 2,
    ),
    Relation(
        "gap of the optimal discriminator",
        r"E_p D^* - E_q D^* = \tfrac12\Delta(p, q)",
        "=",
        _sum(lambda a, b: (a - b) * a / (a + b)),
        lambda p, q: _le_cam(p, q) / 2,
    ),
    Relation(
        "optimal discriminator on fakes",
        r"E_q D^* = \tfrac12 - \tfrac14\Delta(p, q)",
        "=",
        _sum(lambda a, b: b * a / (a + b)),
        lambda p, q: mpmath.mpf(1) / 2 - _le_cam(p, q) / 4,
    ),
    Relation(
        "total variation as overlap",
        r"\mathrm{TV}(p, q) = 1 - \int \min(p, q)",
        "=",
        _tv,
        lambda p, q: 1 - _sum(min)(p, q),
    ),
    Relation(
        "squared Hellinger as affinity",
        r"\mathrm{H}^2(p, q) = 1 - \int \sqrt{p\,q}",
        "=",
        _hellinger,
        lambda p, q: 1 - _sum(lambda a, b: mpmath.sqrt(a * b))(p, q),
    ),
)

inequalities: tuple[Relation, ...] = (
    Relation(
        "Topsoe, lower",
        r"\tfrac14\Delta \le \mathrm{JS}",
        "<=",
        lambda p, q: _le_cam(p, q) / 4,
        _js,
        "Topsoe 2000",
    ),
    Relation(
        "Topsoe, upper",
        r"\mathrm{JS} \le \tfrac{\log 2}{2}\,\Delta",
        "<=",
        _js,
        lambda p, q: mpmath.log(2) * _le_cam(p, q) / 2,
        "Topsoe 2000",
    ),
    Relation(
        "Le Cam above total variation",
        r"2\,\mathrm{TV}^2 \le \Delta",
        "<=",
        lambda p, q: 2 * _tv(p, q) ** 2,
        _le_cam,
    ),
    Relation(
        "Le Cam below total variation",
        r"\Delta \le 2\,\mathrm{TV}",
        "<=",
        _le_cam,
        lambda p, q: 2 * _tv(p, q),
    ),
    Relation(
        "Jensen-Shannon below total variation",
        r"\mathrm{JS} \le \log 2\,\mathrm{TV}",
        "<=",
        _js,
        lambda p, q: mpmath.log(2) * _tv(p, q),
        "Lin 1991",
    ),
    Relation(
        "Pinsker",
        r"2\,\mathrm{TV}^2 \le \mathrm{KL}(p\,\|\,q)",
        "<=",
        lambda p, q: 2 * _tv(p, q) ** 2,
        _kl,
    ),
    Relation(
        "Hellinger below total variation",
        r"\mathrm{H}^2 \le \mathrm{TV}",
        "<=",
        _hellinger,
        _tv,
    ),
    Relation(
        "Hellinger above total variation",
        r"\mathrm{TV}^2 \le \mathrm{H}^2(2 - \mathrm{H}^2)",
        "<=",
        lambda p, q: _tv(p, q) ** 2,
        lambda p, q: (h := _hellinger(p, q)) * (2 - h),
    ),
    Relation(
        "Hellinger above Le Cam",
        r"\tfrac14\Delta \le \mathrm{H}^2",
        "<=",
        lambda p, q: _le_cam(p, q) / 4,
        _hellinger,
    ),
    Relation(
        "Hellinger below Le Cam",
        r"\mathrm{H}^2 \le \tfrac12\Delta",
        "<=",
        _hellinger,
        lambda p, q: _le_cam(p, q) / 2,
    ),
    Relation(
        "KL below chi-squared",
        r"\mathrm{KL}(p\,\|\,q) \le \log(1 + \chi^2(p\,\|\,q))",
        "<=",
        _kl,
        lambda p, q: mpmath.log(1 + _pearson(p, q)),
    ),
    Relation(
        "paired Jensen-Shannon, lower",
        r"\mathrm{JS}(p, q) \le \mathrm{JS}(p \otimes q, q \otimes p)",
        "<=",
        _js,
        _js_of_pairs,
    ),
    Relation(
        "paired Jensen-Shannon, upper",
        r"\mathrm{JS}(p \otimes q, q \otimes p) \le \min(2\,\mathrm{JS}(p, q), \log 2)",
        "<=",
        _js_of_pairs,
        lambda p, q: min(2 * _js(p, q), mpmath.log(2)),
    ),
)
