r"""Smoothed and flipped labels as transformers of any loss: they change the critic's ratio u and no more.

A critic that takes a share s of its real batch for fake and a share t of its fake batch for real
minimises the old loss between other measures,

.. math:: \tilde p = (1 - s)\,p + t\,q, \quad \tilde q = s\,p + (1 - t)\,q, \qquad
    \tilde u = \frac{(1 - s)\,u + t}{s\,u + 1 - t},

so that its optimum is C*(u~) for every pointwise loss with optimum C*(u) (own reading; for the logistic
loss and t = 0 it is Salimans et al. 2016, section 3.4). u~ stays between t/(1 - t) and (1 - s)/s. Both have
mass one for flipped labels, s = t, and so stand for p and q in losses that compare samples too.
"""

from typing import Any

import sympy as sp

from ganmath.theory.expectation import E, Pairs, components, map_integrands
from ganmath.theory.expression import p, q, u
from ganmath.theory.loss import GANLoss, Parameter
from ganmath.theory.structure import structure

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
    For a loss that compares samples s = t only (ValueError): others leave no probability distributions.
    """
    return _mixed(loss, real, fake, "smoothed labels", "salimans2016")


def flip_labels(loss: GANLoss, probability: Any = 0.05) -> GANLoss:
    """The loss in expectation where each label that the critic sees is flipped with a probability.

    Parameters: probability, in [0, 1/2) (ValueError). Equal to smoothing both labels by it: the loss is
    linear in the label, so chance and average differ in the noise of the gradient only. A loss that compares
    samples is taken between the measures p~ and q~.
    """
    return _mixed(loss, probability, probability, "flipped labels", "")


def smoothed_ratio(real: Any, fake: Any) -> sp.Expr:
    """u~ = ((1 - s) u + t) / (s u + 1 - t), which the smoothed critic sees in place of u."""
    s, t = sp.sympify(real), sp.sympify(fake)
    return ((1 - s) * u + t) / (s * u + 1 - t)


def amounts() -> tuple[sp.Symbol, sp.Symbol]:
    """The symbols s and t, for smoothing by amounts that stay open."""
    return _s, _t


def _between(objective: sp.Expr, measures: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
    """The objective between other measures, combinations of p and q."""
    shares = {a: components(measure) for a, measure in measures.items()}

    def moved(e: E) -> sp.Expr:
        if isinstance(e.measure, Pairs):
            x, y = e.measure.args
            return sp.Add(*(v * w * E(Pairs(a, b), e.integrand) for a, v in shares[x] for b, w in shares[y]))
        return sp.Add(*(v * w * E(b, e.integrand) for a, v in components(e.measure) for b, w in shares[a]))

    return map_integrands(objective, moved)


def _mixed(loss: GANLoss, real: Any, fake: Any, what: str, citation: str) -> GANLoss:
    if not isinstance(loss, GANLoss):
        raise TypeError(f"smoothing needs a GANLoss such as gm.losses['hinge'], got {type(loss).__name__}")
    if (parts := structure(loss.critic).pointwise) is not None:
        on_real, on_fake = parts
        critic = E(p, (1 - _s) * on_real + _s * on_fake) + E(q, (1 - _t) * on_fake + _t * on_real)
    elif sp.sympify(real) == sp.sympify(fake):
        critic = _between(loss.critic, {p: (1 - _s) * p + _t * q, q: _s * p + (1 - _t) * q})
    else:
        raise ValueError(
            f"{loss.label} compares samples: smooth both labels by one amount, as flip_labels does, since "
            f"real={real} and fake={fake} leave no probability distributions to compare"
        )
    for amount, own in ((real, _s), (fake, _t)):
        if sp.sympify(amount).free_symbols and amount != own:
            raise ValueError(f"{what}: an amount is a number, or its own symbol of amounts(), not {amount}")
    if loss.critic.free_symbols & {_s, _t}:
        raise ValueError(f"{loss.label} has open amounts of smoothing already: set them first")
    mixed = loss.replace(
        name=f"{loss.label} with {what}",
        critic=critic,
        parameters=(*loss.parameters, *_AMOUNTS),
        title=f"{loss.title or loss.name}, {what}",
        citation=",".join(filter(None, (loss.citation, citation))),
        values=(),
    )
    amount = {"real": real, "fake": fake}
    chosen = {k: v for k, v in amount.items() if v not in (_s, _t)}
    return mixed(**chosen) if chosen else mixed
