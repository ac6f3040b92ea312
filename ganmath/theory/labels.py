r"""Smoothed and flipped labels as transformers of any loss: they change the critic's ratio u and no more.

A critic that takes a share s of its real batch for fake and a share t of its fake batch for real
minimises the old loss between other measures,

.. math:: \tilde p = (1 - s)\,p + t\,q, \quad \tilde q = s\,p + (1 - t)\,q, \qquad
    \tilde u = \frac{(1 - s)\,u + t}{s\,u + 1 - t},

so that its optimum is C*(u~) for every pointwise loss with optimum C*(u) (own reading; for the logistic
loss and t = 0 it is Salimans et al. 2016, section 3.4). u~ stays between t/(1 - t) and (1 - s)/s.
"""

from typing import Any

import sympy as sp

from ganmath.theory.expression import u
from ganmath.theory.loss import GANLoss, Parameter

_s, _t = sp.symbols("s t", nonnegative=True)
_AMOUNTS = (
    Parameter("real", _s, sp.Rational(1, 10), "s, taken off the real label,", _s + _t < 1),
    Parameter("fake", _t, sp.S.Zero, "t, put on the fake label,", _s + _t < 1),
)


def smooth_labels(loss: GANLoss, real: Any = 0.1, fake: Any = 0) -> GANLoss:
    """The loss with smoothed labels: its critic's terms mixed, its generator's as they are.

    Parameters: real, s >= 0, the weight that a real sample gives to the fake term; fake, t >= 0, the
    other way round; s + t < 1 (ValueError), or the labels would be swapped. Numbers or sympy symbols
    s, t of `amounts`. One-sided smoothing, fake = 0, is the one that is advised (Salimans et al. 2016).
    """
    return _mixed(loss, real, fake, "smoothed labels", "salimans2016")


def flip_labels(loss: GANLoss, probability: Any = 0.05) -> GANLoss:
    """The loss in expectation where each label that the critic sees is flipped with a probability.

    Parameters: probability, in [0, 1/2) (ValueError). Equal to smoothing both labels by it: the loss is
    linear in the label, so chance and average differ in the noise of the gradient only.
    """
    return _mixed(loss, probability, probability, "flipped labels", "")


def smoothed_ratio(real: Any, fake: Any) -> sp.Expr:
    """u~ = ((1 - s) u + t) / (s u + 1 - t), which the smoothed critic sees in place of u."""
    s, t = sp.sympify(real), sp.sympify(fake)
    return ((1 - s) * u + t) / (s * u + 1 - t)


def amounts() -> tuple[sp.Symbol, sp.Symbol]:
    """The symbols s and t, for smoothing by amounts that stay open."""
    return _s, _t


def _mixed(loss: GANLoss, real: Any, fake: Any, what: str, citation: str) -> GANLoss:
    if not isinstance(loss, GANLoss):
        raise TypeError(f"smoothing needs a GANLoss such as gm.losses['hinge'], got {type(loss).__name__}")
    mixed = loss.replace(
        name=f"{loss.label} with {what}",
        real=(1 - _s) * loss.real + _s * loss.fake,
        fake=(1 - _t) * loss.fake + _t * loss.real,
        parameters=(*loss.parameters, *_AMOUNTS),
        title=f"{loss.title or loss.name}, {what}",
        citation=",".join(filter(None, (loss.citation, citation))),
        values=(),
    )
    amount = {"real": real, "fake": fake}
    chosen = {k: v for k, v in amount.items() if v not in (_s, _t)}
    return mixed(**chosen) if chosen else mixed
