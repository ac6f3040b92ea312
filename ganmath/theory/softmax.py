r"""Softmax GAN (Lin 2017): one cross-entropy over a whole batch, real and fake samples together.

The normaliser Z couples all samples, so that the loss is a function of batches and not a mean over
single outputs. On large batches it is the Donsker-Varadhan bound of KL(p||m), m = (p + q)/2, and the
tangent of the logarithm, log Z <= s + exp(-s) Z - 1, lifts it to a pointwise loss (``pointwise``).
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy as sp

from ganmath.theory.expression import c
from ganmath.theory.loss import GANLoss, checked_outputs

if TYPE_CHECKING:
    from ganmath.theory.derive import Derivation

#: The loss at the best tangent of log Z, for the critic whose mean of exp(C) over m is 1, up to constants.
lifted = GANLoss(
    "softmax",
    real=sp.exp(c) / 2 - c,
    fake=sp.exp(c) / 2,
    gen=(sp.exp(c) - c) / 2,
    gen_real=(sp.exp(c) - c) / 2,
    title="Softmax GAN, lifted to single samples",
    citation="lin2017",
    year=2017,
    chapter="interpolating-losses",
)


@dataclass(frozen=True)
class SoftmaxLoss:
    r"""Softmax cross-entropy over the batch: the critic puts all mass on real samples, the generator on all.

    .. math::
        L_D = \log Z - \frac{1}{n} \sum_{i \le n} C(x_i), \qquad
        L_G = \log Z - \frac{1}{n + k} \Big(\sum_i C(x_i) + \sum_j C(y_j)\Big), \qquad
        Z = \sum_i e^{C(x_i)} + \sum_j e^{C(y_j)}

    for n real samples x and k fakes y; Lin (2017) writes mu = -C. Both gradients flow through Z.
    `derive` takes its ``pointwise`` form. The optimal critic is log(p/(p + q)) up to a constant.
    """

    name: str = "softmax-batch"
    title: str = "Softmax GAN"
    citation: str = "lin2017"
    year: int = 2017
    chapter: str = "interpolating-losses"

    #: The generator's loss is a function of the critic's real outputs too.
    needs_real = True

    @property
    def label(self) -> str:
        return self.name

    @property
    def pointwise(self) -> GANLoss:
        """The loss whose critic has the same optimum: E_m exp(C) - 1 in place of log E_m exp(C)."""
        return lifted

    def derivation(self) -> "Derivation":
        """The theory of the pointwise form, which is this loss on infinite batches up to a constant."""
        from ganmath.theory.derive import derive

        return derive(self.pointwise)

    def critic_loss(self, c_real: Any, c_fake: Any) -> Any:
        """L_D of a batch, a torch scalar >= log n; arguments and errors as `GANLoss.critic_loss`."""
        real, fake = self._outputs(c_real, c_fake)
        return _log_normaliser(real, fake) - real.mean()

    def generator_loss(self, c_fake: Any, c_real: Any = None) -> Any:
        """L_G of a batch, a torch scalar >= log(n + k); ValueError without the critic's real outputs."""
        if c_real is None:
            raise ValueError(f"{self.name}: the generator's loss needs the critic's real outputs too")
        real, fake = self._outputs(c_real, c_fake)
        everything = real.numel() + fake.numel()
        return _log_normaliser(real, fake) - (real.sum() + fake.sum()) / everything

    def constant(self, n: int) -> float:
        """log(2n), which the batch's loss has on top of log E_m exp(C) - E_p C for n samples of each kind."""
        return math.log(2 * n)

    def latex(self) -> str:
        """Both objectives as LaTeX, aligned, for a display equation."""
        mean = r"\frac{1}{|B_+ \cup B_-|} \sum_{x \in B_+ \cup B_-} C(x)"
        return (
            r"\begin{aligned} L_D &= \log Z - \frac{1}{|B_+|} \sum_{x \in B_+} C(x) \\ "
            rf"L_G &= \log Z - {mean} \\ Z &= \sum_{{x \in B_+ \cup B_-}} e^{{C(x)}} \end{{aligned}}"
        )

    def _repr_markdown_(self) -> str:
        return f"**{self.title}**\n\n$$\n{self.latex()}\n$$"

    def _outputs(self, *outputs: Any) -> list[Any]:
        return [checked_outputs(self.name, x).flatten() for x in outputs]


def _log_normaliser(real: Any, fake: Any) -> Any:
    import torch

    return torch.cat([real, fake]).logsumexp(0)
