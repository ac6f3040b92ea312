r"""Relativistic losses: what a critic says of a sample is compared with what it says of the other kind.

`relativistic` makes one of any loss of single samples (Jolicoeur-Martineau 2019, 2020). What follows from it
is derived by the rules of `ganmath.theory.rules`, which see the expression and not how it was made.
"""

from typing import Any

import numpy as np
import sympy as sp

from ganmath.names import unknown
from ganmath.theory.constraints import Interval
from ganmath.theory.expectation import E, Pairs, c_x, c_y
from ganmath.theory.expression import c, p, q
from ganmath.theory.loss import GANLoss
from ganmath.theory.structure import structure

KINDS = ("paired", "average", "centred")

_names = {
    ("paired", "minimax"): "Relativistic GAN, zero-sum (RpGAN)",
    ("paired", "nonsaturating"): "Relativistic GAN (RSGAN, RpGAN)",
    ("average", "nonsaturating"): "Relativistic average GAN (RaSGAN)",
    ("average", "lsgan"): "Relativistic average least-squares GAN (RaLSGAN)",
    ("average", "hinge"): "Relativistic average hinge GAN (RaHingeGAN)",
}


def relativistic(loss: str | GANLoss, kind: str = "paired") -> GANLoss:
    r"""The relativistic form of a pointwise loss: outputs relative to those on the other kind of sample.

    .. math::
        L_D = \tfrac12 E_p[\mathrm{real}(C - \bar C_q)] + \tfrac12 E_q[\mathrm{fake}(C - \bar C_p)], \qquad
        L_G = \tfrac12 E_p[\mathrm{fake}(C - \bar C_q)] + \tfrac12 E_q[\mathrm{real}(C - \bar C_p)]

    Parameters: loss, a GANLoss or the name of one in ``gm.losses``; kind, "paired", where an output is
    compared with that of one independent sample of the other kind (:math:`\bar C_q = C(y)`), "average", with
    the mean output on the other kind, or "centred", with the midpoint of both means. The generator's loss
    swaps the roles and uses the critic's terms, not gen. Gradients flow through the means. TypeError for
    anything else than a GANLoss, KeyError or ValueError for an unknown name or kind, ValueError for a loss
    whose outputs are confined to an interval or whose critic is no sum over single samples. Source:
    Jolicoeur-Martineau 2019 (arXiv 1807.00734) and 2020 (arXiv 1901.02474), each with a half before both
    terms.
    """
    if isinstance(loss, str):
        from ganmath.theory.catalogue import losses

        loss = losses[loss]
    if not isinstance(loss, GANLoss):
        raise TypeError(f"relativistic needs a GANLoss or the name of one, got {type(loss).__name__}")
    if kind not in KINDS:
        raise ValueError(unknown("kind of relativistic loss", kind, list(KINDS)))
    if isinstance(loss.constraint, Interval):
        low, high = loss.domain
        raise ValueError(
            f"{loss.label} takes outputs from {low} to {high} only, and differences of outputs "
            "leave that range: use a base whose critic may give any real number"
        )
    if structure(loss.critic).pointwise is None:
        raise ValueError(
            f"{loss.label} compares samples already: use a loss of single samples, with real= and fake="
        )
    plain = f"Relativistic ({kind}): {loss.title or loss.label}"
    centred = kind == "centred"
    return loss.replace(
        name=f"relativistic-{kind}-{loss.name}",
        critic=_compared(loss.real, loss.fake, kind),
        generator=_compared(loss.fake, loss.real, kind),
        link=None,
        title=_names.get((kind, loss.name), plain),
        citation="jolicoeur2020" if centred else "jolicoeur2019",
        year=2020 if centred else 2019,
        chapter="relativistic",
    )


def _compared(on_real: sp.Expr, on_fake: sp.Expr, kind: str) -> sp.Expr:
    """Both terms of relative outputs, half each."""
    if kind == "paired":
        term = on_real.subs(c, c_x - c_y), on_fake.subs(c, c_y - c_x)
        same = sp.expand(term[0] - term[1]) == 0
        return E(Pairs(p, q), term[0] if same else (term[0] + term[1]) / 2)
    of_p, of_q = E(p, c), E(q, c)
    against = [(of_p + of_q) / 2] * 2 if kind == "centred" else [of_q, of_p]
    return E(p, on_real.subs(c, c - against[0])) / 2 + E(q, on_fake.subs(c, c - against[1])) / 2


def pairs(p: Any, q: Any) -> tuple[np.ndarray, np.ndarray]:
    r"""The probability vectors :math:`p \otimes q` and :math:`q \otimes p` of pairs, each (K^2,)."""
    return np.outer(p, q).ravel(), np.outer(q, p).ravel()
