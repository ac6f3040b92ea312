"""Displayed equations of the chapter on the minimax loss."""

import sympy as sp

from ganmath.theory.catalogue import losses
from ganmath.theory.derive import derive
from ganmath.theory.equations.language import JS, KL, E, Frozen, Gradient, add, m, times
from ganmath.theory.equations.registry import chain, definition, derived
from ganmath.theory.expression import p, q
from ganmath.theory.optimum import tidy

_loss = losses["minimax"]
_log2 = sp.log(2)


def _optimal_discriminator() -> bool:
    return bool(tidy(derive(_loss).optimal_discriminator - p / (p + q)) == 0)


EQUATIONS = (
    definition("minimax.losses", _loss.latex()),
    derived("minimax.optimal_discriminator", "D^*(x)", p / (p + q), _optimal_discriminator),
    chain(
        "minimax.reduction",
        add(E(p, sp.log(p / (p + q))), E(q, sp.log(q / (p + q)))),
        add(E(p, sp.log(p / m)), E(q, sp.log(q / m)), -2 * _log2),
        add(KL(p, m), KL(q, m), -2 * _log2),
        add(2 * JS(p, q), times(-2, _log2)),
        lhs="V(D^*)",
    ),
    chain(
        "minimax.followed",
        Gradient(E(q, Frozen(sp.log(q / (p + q))))),
        Gradient(2 * JS(p, q)),
    ),
)
