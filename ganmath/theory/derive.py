"""From a loss to its theory: the claims that the rules make of it, in the order in which they stand.

What the generator then does has three readings that the literature mixes up: the value of its loss with the
critic re-optimised for every q, the gradient of its step with the critic frozen, and where its loss alone
would send q, the critic frozen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from ganmath.theory.claims import CHECKED, DEFINITION, NOTHING, PROVED, Claim, Evidence, Step, steps_markdown
from ganmath.theory.distributions import probabilities
from ganmath.theory.divergence import divergences
from ganmath.theory.expression import to_numpy, u
from ganmath.theory.loss import GANLoss
from ganmath.theory.optimum import NoOptimalCritic
from ganmath.theory.pointwise import GeneratorValue, GradientReading, Saturation, gradient_reading
from ganmath.theory.relativistic import pairs
from ganmath.theory.rules import OF_THE_CRITIC, OF_THE_GRADIENT, RULES, Rule, delta
from ganmath.theory.structure import structure

__all__ = [
    "CHECKED",
    "PROVED",
    "Claim",
    "Derivation",
    "Evidence",
    "GeneratorValue",
    "GradientReading",
    "NoOptimalCritic",
    "Saturation",
    "Step",
    "derive",
    "derive_afresh",
    "gradient_reading",
]


def _said(about: str) -> Any:
    return property(lambda found: found.claims[about].value)


@dataclass(frozen=True, init=False)
class Derivation:
    r"""All that follows from a loss at the optimal critic; displays itself as numbered LaTeX steps.

    claims: what is known, by name, each a `Claim` with its evidence; the value of each is an attribute of
    the same name, None where no claim stands, and the claim's why_not says why.

    * optimal_critic, a function of u = p/q, and of `ganmath.theory.rules.delta`, the Le Cam divergence of
      p and q, in averaged squares; where L_D does not see a constant, one of those that differ by one.
      not_unique: the ratios u at which a whole interval of outputs is optimal. optimal_discriminator: the
      same as a probability. critic_value: the least u real(C) + fake(C).
    * critic_divergence: min over C of L_D = critic_divergence.offset - D_f(p || q). pair_divergence:
      min L_D >= pair_divergence.offset - D_f between :math:`p \otimes q` and :math:`q \otimes p`, an
      equality where `separable`. least: min L_D as an expression in `delta` and `ganmath.theory.rules.W1`.
      critic_slope: the optimal critic's slope on the line, in the distribution functions. constant: L_D of a
      critic that is the same everywhere. is_divergence: whether constant - min L_D is >= 0, and 0
      only for p = q.
    * generator_value, generator_divergence, minimiser: value, gradient and equilibrium reading.
      generator_second_derivative: f_G'' of the gradient reading. generator_sign: of an f_G'' that contains
      means over p and q, 1 or -1. saturates: whether the generator's
      gradient vanishes where the critic rejects its samples.
    """

    loss: GANLoss
    claims: Mapping[str, Claim] = field(hash=False, repr=False)

    def __init__(self, loss: GANLoss, claims: Mapping[str, Claim], **values: Any) -> None:
        """values: other values for some of the claims."""
        changed = {about: replace(claims[about], value=value) for about, value in values.items()}
        object.__setattr__(self, "loss", loss)
        object.__setattr__(self, "claims", {**claims, **changed})

    optimal_critic = _said("optimal_critic")
    not_unique = _said("not_unique")
    optimal_discriminator = _said("optimal_discriminator")
    critic_value = _said("critic_value")
    critic_divergence = _said("critic_divergence")
    pair_divergence = _said("pair_divergence")
    separable = _said("separable")
    least = _said("least")
    critic_slope = _said("critic_slope")
    constant = _said("constant")
    is_divergence = _said("is_divergence")
    generator_value = _said("generator_value")
    generator_divergence = _said("generator_divergence")
    generator_second_derivative = _said("generator_second_derivative")
    generator_sign = _said("generator_sign")
    minimiser = _said("minimiser")
    saturates = _said("saturates")

    @property
    def why_not(self) -> str | None:
        """Why the generator's step follows no divergence."""
        return self.claims["generator_divergence"].why_not or None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of all claims, in order."""
        return tuple(dict.fromkeys(step for claim in self.claims.values() for step in claim.steps))

    def check(self, about: str) -> Evidence | None:
        """How an attribute such as "critic_divergence" is known; None where nothing is claimed."""
        return self.claims[about].evidence or None

    def outputs(self, p: Any, q: Any) -> np.ndarray | None:
        """The optimal critic (K,) on positive probability vectors p, q, or None where it is not known."""
        if self.optimal_critic is None:
            return None
        p, q = probabilities(p, q)
        return np.asarray(to_numpy(_between(self.optimal_critic, p, q), (u,))(p / q))

    def bound(self, p: Any, q: Any) -> float | None:
        """min L_D on probability vectors p, q; for pairs that are not `separable` only a lower bound.

        None where neither is known.
        """
        p, q = probabilities(p, q)
        if self.critic_divergence is not None:
            return float(self.critic_divergence.offset) - self.critic_divergence(p, q)
        if isinstance(self.least, sp.Expr):
            return float(_between(self.least, p, q))
        if self.pair_divergence is None:
            return None
        return float(self.pair_divergence.offset) - self.pair_divergence(*pairs(p, q))

    def _repr_markdown_(self) -> str:
        return steps_markdown(self.loss.title or self.loss.label, self._shown())

    def _shown(self) -> list[Step]:
        """The steps, with what the loss is, and a critic without closed form, where none says so."""
        shown = list(self.steps)
        if not shown or shown[0].check != DEFINITION:
            shown.insert(0, Step("Critic and generator minimise", self.loss.latex(), DEFINITION))
        critic = self.claims["optimal_critic"]
        if critic.value is None:
            why = f"{critic.why_not[:1].upper()}{critic.why_not[1:]}."
            shown.append(Step("The optimal critic:", r"C^*\ \text{by search, no closed form}", NOTHING, why))
        return shown


def _between(expr: sp.Expr, p: np.ndarray, q: np.ndarray) -> sp.Expr:
    return expr.subs(delta, sp.Float(divergences["le-cam"](p, q), 17))


@lru_cache(maxsize=512)
@mpmath.workdps(40)
def derive(loss: GANLoss) -> Derivation:
    """Derive the optimal critic, what it measures, and the three readings of the generator's loss.

    The catalogue's derivations are recorded in the package; any other loss takes seconds.

    Parameters: loss, any GANLoss; symbols left as parameters stay symbols.
    Returns: Derivation. Raises NoOptimalCritic, which names the condition that fails and where, for losses
    of single samples that have none.
    """
    from ganmath.theory import recorded

    known = recorded.look_up(loss)
    return known if known is not None else derive_afresh(loss)


@mpmath.workdps(40)
def derive_afresh(loss: GANLoss) -> Derivation:
    """`derive` without the recorded derivations; parameters, returns and errors as there."""
    claims = _walked(loss, RULES)
    return Derivation(loss, claims if not loss.penalties else _without_penalties(loss, claims))


def critic_claims(loss: GANLoss) -> dict[str, Claim]:
    """The claims about the critic alone; parameters and errors as for `derive`."""
    return _walked(loss.replace(generator=sp.S.Zero), OF_THE_CRITIC)


@lru_cache(maxsize=2048)
@mpmath.workdps(40)
def gradient_claims(loss: GANLoss) -> dict[str, Claim]:
    """The claims about the generator's gradient, at a fraction of the cost of a whole derivation.

    Parameters, errors: as `derive`.
    """
    return _walked(loss, OF_THE_GRADIENT)


def _walked(loss: GANLoss, rules: Sequence[Rule]) -> dict[str, Claim]:
    """The claims of some rules; the first about a thing stands."""
    found = structure(loss.critic)
    claims: dict[str, Claim] = {}
    for rule in rules:
        for claim in rule(loss, found, claims):
            claims.setdefault(claim.about, claim)
    return claims


def _without_penalties(loss: GANLoss, claims: Mapping[str, Claim]) -> dict[str, Claim]:
    """The claims as those about a loss whose penalties the rules did not see."""
    added = " + ".join(penalty.latex() for penalty in loss.penalties)
    first = Step("What follows leaves out the critic's penalties", added, DEFINITION)
    new: dict[str, Claim] = {}
    for about, claim in claims.items():
        given = ", ".join(filter(None, (claim.evidence.given, "without its penalties")))
        evidence = replace(claim.evidence, given=given) if claim.evidence else claim.evidence
        steps = (first, *claim.steps) if not new else claim.steps
        new[about] = replace(claim, evidence=evidence, steps=steps)
    return new
