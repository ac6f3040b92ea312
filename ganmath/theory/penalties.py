r"""Penalties on the critic's gradient, as data: where it is taken, what is asked of its norm, how strongly.

.. math:: \lambda\,\mathbb{E}_{x \sim r}\left[t(\lVert \nabla_x C(x) \rVert)\right]

The torch side is in `ganmath.regularizers`. A penalty that is a function of outputs only is no penalty
object but a term of the loss.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from ganmath.theory.expression import to_latex

#: Norm of the critic's gradient in x at one sample; has a meaning inside penalties only.
g = sp.Symbol("g", nonnegative=True)

_WHERE = {
    "real": r"x \sim p",
    "fake": r"x \sim q",
    "between": r"\hat x \text{ between } p \text{ and } q",
    "around": r"\hat x \text{ around } p",
}


@dataclass(frozen=True)
class GradientTerm:
    r"""weight times the mean of a term in the norm g of the critic's gradient.

    Parameters: at, "real" (R1), "fake" (R2), "between", uniform on the segment from a real to a fake sample
    (WGAN-GP), or "around", a real sample moved by noise of `spread` times the batch's standard deviation
    (DRAGAN); term, a sympy expression in ``gm.g``; weight, a number or a parameter's symbol; every, n for a
    penalty on each n-th critic step, n times as strong; spread, of "around" only. ValueError otherwise.
    Sources: Gulrajani et al. 2017 (arXiv 1704.00028, eq. 3), (g - 1)^2 with weight 10; Petzka et al. 2018
    (arXiv 1709.08894), relu(g - 1)^2; Mescheder et al. 2018 (arXiv 1801.04406, eq. 9), g^2/2 with weight
    gamma; Kodali et al. 2017 (arXiv 1705.07215).
    """

    at: str
    term: sp.Expr
    weight: Any = sp.S.One
    every: int = 1
    spread: float = 0.5

    def __post_init__(self) -> None:
        if self.at not in _WHERE:
            raise ValueError(f"a gradient term is taken at one of {sorted(_WHERE)}, not at {self.at!r}")
        term, weight = sp.sympify(self.term), sp.nsimplify(self.weight, rational=True)
        if g not in term.free_symbols:
            raise ValueError(f"the term {term} of a gradient penalty is written in gm.g, the gradient's norm")
        if weight.is_negative:
            raise ValueError(f"weight={weight}: a penalty's weight is not negative")
        if not isinstance(self.every, int) or self.every < 1:
            raise ValueError(f"every={self.every!r}: give a positive integer")
        if not 0 < self.spread < math.inf:
            raise ValueError(f"spread={self.spread!r}: give a positive number of standard deviations")
        object.__setattr__(self, "term", term)
        object.__setattr__(self, "weight", weight)

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        return (self.term.free_symbols | self.weight.free_symbols) - {g}

    def subs(self, values: Any) -> "GradientTerm":
        """The penalty with symbols of its term and weight replaced."""
        return replace(self, term=self.term.subs(values), weight=self.weight.subs(values))

    def latex(self) -> str:
        """LaTeX of the penalty, weight included."""
        norm = sp.Symbol(r"\lVert{\nabla_x C}\rVert", nonnegative=True)
        weight = "" if self.weight == 1 else to_latex(self.weight) + r"\,"
        return rf"{weight}\mathbb{{E}}_{{{_WHERE[self.at]}}}\left[{to_latex(self.term.subs(g, norm))}\right]"

    def described(self) -> dict[str, Any]:
        """The penalty as plain JSON, from which it can be read back."""
        return {"at": self.at, "term": str(self.term), "weight": str(self.weight), "every": self.every} | (
            {"spread": self.spread} if self.at == "around" else {}
        )

    def value(self, critic: Any, real: Any, fake: Any) -> Any:
        """The penalty on batches, a torch scalar with the weight and without `every`, differentiable.

        Parameters: critic, a function of samples; real and fake, batches of samples (n, ...). Points
        between and around are drawn from torch's own random state.
        """
        from ganmath.regularizers import penalty

        return penalty(self)(critic, real, fake)


def gradient_terms(penalties: Any) -> tuple[GradientTerm, ...]:
    """Several penalties as a tuple; TypeError for anything else than gradient terms."""
    several = tuple(penalties) if isinstance(penalties, list | tuple) else (penalties,)
    for term in several:
        if not isinstance(term, GradientTerm):
            raise TypeError(f"penalties are gm.GradientTerm(at, term, weight=…) in a list, not {term!r}")
    return several
