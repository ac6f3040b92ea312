"""How training keeps what a loss asks of its critic: penalties on the gradient, bounded outputs.

Gradient penalties are per sample, with norms over all but the batch axis (Gulrajani et al. 2017, Mescheder
et al. 2018); an interval of outputs is kept by an activation onto it (Nowozin et al. 2016, section 2.2).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy as sp
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganmath.networks import Bounded
from ganmath.theory.constraints import Constraint, Interval, Lipschitz
from ganmath.theory.expression import torch_names, torch_source
from ganmath.theory.penalties import GradientTerm, g

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Bilinear, nn.Embedding)


@dataclass(frozen=True)
class Penalty:
    """A `GradientTerm` for torch: where, on which steps, and a function of gradients (n, ...) to (n,)."""

    at: str
    every: int
    spread: float
    of_gradient: Callable[[Tensor], Tensor]

    def __call__(self, critic: Callable, real: Tensor, fake: Tensor, rng: Any = None) -> Tensor:
        """Mean over samples, in a pass of its own and without autocast, which would bend the gradient."""
        x = _points(self, real, fake, rng).detach().requires_grad_()
        with torch.enable_grad(), torch.autocast(x.device.type, enabled=False):
            return self.of_pass(critic(x.float()).float(), x)

    def of_pass(self, outputs: Tensor, x: Tensor) -> Tensor:
        """The same from outputs (n,) or (n, 1) that were computed at x, which requires a gradient."""
        (gradient,) = torch.autograd.grad(outputs.sum(), x, create_graph=True)
        return self.of_gradient(gradient.float()).mean()


@lru_cache(maxsize=256)
def penalty(term: GradientTerm) -> Penalty:
    """A gradient term compiled once; ValueError while one of its parameters is a symbol."""
    if term.free_symbols:
        raise ValueError(f"set {sorted(map(str, term.free_symbols))} first: a penalty's weight is a number")
    whole = sp.sympify(term.weight) * term.term
    scope = {**torch_names(), "torch": torch}
    squared, bare = sp.Symbol("s", nonnegative=True), sp.Symbol("g", real=True)
    in_square = sp.expand(whole.subs(g, sp.sqrt(squared)))
    # a term in the squared norm needs no root, whose slope at a flat critic is not finite
    even = sp.simplify(whole.subs(g, -bare) - whole.subs(g, bare)) == 0 and in_square.is_polynomial(squared)
    if even:
        text = f"lambda x: (lambda s: {torch_source(in_square)})(x.flatten(1).square().sum(1))"
    else:
        text = f"lambda x: (lambda g: {torch_source(whole)})(torch.linalg.vector_norm(x.flatten(1), dim=1))"
    return Penalty(term.at, term.every, term.spread, eval(text, scope))  # our own text


def _points(term: Penalty, real: Tensor, fake: Tensor, rng: Any) -> Tensor:
    """Where the gradient is taken; one random number for each sample between a real and a fake one."""
    if term.at in ("real", "fake"):
        return real if term.at == "real" else fake
    if term.at == "around":
        noise = torch.rand(real.shape, generator=rng, device=real.device, dtype=real.dtype)
        return real + term.spread * real.std() * noise
    if len(real) != len(fake):
        raise ValueError(
            f"a penalty between real and fake samples needs as many of each, got {len(real)} and {len(fake)}"
        )
    shape = (len(real),) + (1,) * (real.ndim - 1)
    share = torch.rand(shape, generator=rng, device=real.device, dtype=real.dtype)
    return torch.lerp(fake, real, share)


def bounded(critic: nn.Module, constraint: Constraint) -> nn.Module:
    """The critic with its outputs in the interval that a constraint asks for; itself where it asks none."""
    if not isinstance(constraint, Interval):
        return critic
    ends = float(constraint.low), float(constraint.high)
    return critic if getattr(critic, "ends", None) == ends else Bounded(critic, *ends)


def unmet(constraint: Constraint, critic: nn.Module, penalties: Iterable[GradientTerm]) -> str:
    """Why a critic would not be what its loss asks for, and what to do; "" where nothing is amiss."""
    penalties = tuple(penalties)
    if penalties and any(isinstance(module, _BATCH_NORMS) for module in critic.modules()):
        return (
            "a penalty on the gradient is per sample, and batch normalisation makes each output depend on "
            'the whole batch: use a critic without it, such as dcgan_discriminator(shape, norm="none")'
        )
    if isinstance(constraint, Lipschitz) and not penalties and not _is_spectrally_normalised(critic):
        return (
            "nothing keeps the critic Lipschitz, as its loss asks: add a penalty, "
            'penalties=[gm.GradientTerm("between", (gm.g - 1)**2, weight=10)], or use spectral '
            'normalisation in all layers of the critic, such as dcgan_discriminator(shape, norm="spectral")'
        )
    return ""


def _is_spectrally_normalised(critic: nn.Module) -> bool:
    layers = [module for module in critic.modules() if isinstance(module, _WEIGHTED)]
    return bool(layers) and all(
        parametrize.is_parametrized(layer, "weight")
        and "_SpectralNorm" in [type(p).__name__ for p in layer.parametrizations.weight]  # type: ignore[union-attr]
        for layer in layers
    )
