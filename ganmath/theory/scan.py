r"""The pointwise optimum by search: one output at a time, scanned and then narrowed down.

On a finite alphabet the critic's objective :math:`\sum_i p_i\,\mathrm{real}(c_i) + q_i\,\mathrm{fake}(c_i)`
separates into one scalar problem per point, which a scan brackets and golden-section search (Kiefer 1953)
solves at any precision. Nothing here uses derivatives, or knows what `derive` does.
"""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from ganmath.theory.distributions import normalised, probabilities
from ganmath.theory.expression import c, to_mpmath, to_numpy
from ganmath.theory.loss import GANLoss

# outputs that the scan visits: 1 % apart in relative terms, both signs, out to 1e8
_REACH, _STEPS = 1e8, 4001


def optimal_critic(loss: GANLoss, p: Any, q: Any, dps: int | None = None) -> tuple[np.ndarray, Any]:
    r"""argmin and minimum over c of sum_i p_i real(c_i) + q_i fake(c_i), found by search.

    Parameters: loss, parameters at their defaults where not set; p, q, probability vectors (K,),
    zeros allowed; dps, digits of the value (float64 for None).
    Returns: the outputs (K,) and the infimum. An output is +-inf where the infimum is approached
    but not attained, nan where p = q = 0; the infimum is -inf where there is none. Where the
    minimum is not unique the output is one of the minimisers. Outputs of smooth losses are good
    to half the digits of the value. Minima narrower than 1 % of |c| may be missed.
    """
    probabilities([float(x) for x in p], [float(x) for x in q])
    objective = Pointwise(loss)
    with mpmath.workdps(dps or 16):
        ps, qs = normalised(p), normalised(q)
        found = [objective.minimise(a, b) for a, b in zip(ps, qs, strict=True)]
        value = mpmath.fsum(v for _, v in found)
    if dps is None:
        return np.array([float(x) for x, _ in found]), float(value)
    return np.array([x for x, _ in found], dtype=object), value


class Pointwise:
    """a real(C) + b fake(C) of one loss as functions of the weights a, b >= 0 and the output C."""

    def __init__(self, loss: GANLoss) -> None:
        loss = loss.at_defaults()
        self.low, self.high = (float(end) for end in loss.domain)
        self.real, self.fake = to_mpmath(loss.real, (c,)), to_mpmath(loss.fake, (c,))
        scan = np.sinh(np.linspace(-np.arcsinh(_REACH), np.arcsinh(_REACH), _STEPS))
        inside = scan[(scan > self.low) & (scan < self.high)]
        finite = [end for end in (self.low, self.high) if np.isfinite(end)]
        self.scan = np.unique(np.concatenate([inside, finite]))
        with np.errstate(all="ignore"):
            self.scanned = [to_numpy(e, (c,))(self.scan) for e in (loss.real, loss.fake)]

    def __call__(self, a: mpmath.mpf, b: mpmath.mpf, x: mpmath.mpf) -> mpmath.mpf:
        # a weight of 0 switches its term off, even where that term is infinite
        try:
            return (a * self.real(x) if a else mpmath.mpf(0)) + (b * self.fake(x) if b else 0)
        except (ZeroDivisionError, OverflowError):  # a pole at an end of the domain; exp(exp(1e80))
            return mpmath.inf

    def minimise(self, a: mpmath.mpf, b: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
        """(output, infimum) at the weights a, b to mpmath's working precision."""
        if a == 0 and b == 0:
            return mpmath.nan, mpmath.mpf(0)
        weights = float(a / (a + b)), float(b / (a + b))
        with np.errstate(all="ignore"):
            values = sum(w * v for w, v in zip(weights, self.scanned, strict=True) if w)
        values = np.where(np.isnan(values), np.inf, values)
        floor = values.min()
        slack = 1e-14 * abs(floor) if np.isfinite(floor) else 0.0
        lowest = np.flatnonzero(values <= floor + slack)
        left = mpmath.mpf(self.scan[max(lowest[0] - 1, 0)])
        right = mpmath.mpf(self.scan[min(lowest[-1] + 1, self.scan.size - 1)])
        with mpmath.extradps(15):
            candidates = [_golden(lambda x: self(a, b, x), left, right)]
            candidates += [(left, self(a, b, left)), (right, self(a, b, right))]
            best = min(candidates, key=lambda found: (found[1], abs(found[0])))
            for end in (self.low, self.high):
                if np.isinf(end):
                    infimum = self.at_infinity(a, b, mpmath.sign(end))
                    # an infinite output is reported only where no finite one is as good
                    if infimum < best[1] or (infimum == best[1] and not self._attained(a, b, end, infimum)):
                        best = mpmath.mpf(end), infimum
            return best

    def _attained(self, a: mpmath.mpf, b: mpmath.mpf, end: float, infimum: mpmath.mpf) -> bool:
        """Whether the objective has reached its limit already, and not only up to rounding."""
        if self.low < 0 < self.high and self(a, b, mpmath.mpf(0)) <= infimum:
            return True
        with mpmath.workdps(1000):  # shows exp(-1000)
            return bool(self(a, b, mpmath.sign(end) * 1000) <= infimum)

    def at_infinity(self, a: mpmath.mpf, b: mpmath.mpf, sign: int) -> mpmath.mpf:
        """Limit of the objective as C runs to an infinite end, -oo where it falls without bound."""
        near, far = (self(a, b, sign * mpmath.mpf(10) ** k) for k in (mpmath.mp.dps, 2 * mpmath.mp.dps))
        # what is left of exp(-C) or 1/C is no part of the limit
        return -mpmath.inf if near - far > (a + b) else mpmath.chop(far, mpmath.eps)


def _golden(
    g: Callable[[mpmath.mpf], mpmath.mpf], left: mpmath.mpf, right: mpmath.mpf
) -> tuple[mpmath.mpf, mpmath.mpf]:
    """Golden-section search (Kiefer 1953) on [left, right] down to the working precision."""
    golden = (mpmath.sqrt(5) - 1) / 2
    inner, outer = right - golden * (right - left), left + golden * (right - left)
    g_inner, g_outer = g(inner), g(outer)
    while right - left > 8 * mpmath.eps * (1 + min(abs(left), abs(right))):
        if g_inner <= g_outer:
            right, outer, g_outer = outer, inner, g_inner
            inner = right - golden * (right - left)
            g_inner = g(inner)
        else:
            left, inner, g_inner = inner, outer, g_outer
            outer = left + golden * (right - left)
            g_outer = g(outer)
    return min(((inner, g_inner), (outer, g_outer)), key=lambda found: found[1])
