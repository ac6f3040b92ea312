"""The two steps of training, each of its own network, and the generator's moving average.

Alternating steps as in Goodfellow et al. 2014 (arXiv 1406.2661, algorithm 1); the average after
Yazici et al. 2019. Nothing here waits for the device, and no sympy runs in a step.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganmath.networks import Bounded, Network, Permute, logits
from ganmath.regularizers import Penalty, penalty
from ganmath.theory.penalties import GradientTerm

# of these each output depends on its own sample only, so that real and fake may pass together
_PER_SAMPLE = (
    *(Network, Bounded, Permute, nn.Sequential, nn.Linear, nn.Conv2d, nn.Flatten, nn.Unflatten),
    *(nn.LeakyReLU, nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.ELU, nn.SiLU, nn.GELU, nn.Identity),
)


def _as_they_are(x: Tensor) -> Tensor:
    return x


def _nothing(critic: nn.Module) -> None:
    return None


@dataclass(frozen=True)
class Game:
    """A critic with all that its steps and the generator's touch, gathered once.

    critic_loss, generator_loss: functions (c_real, c_fake) of outputs (n,), c_real None where not
    needs_real. sees: what is done to a batch before the critic sees it, the place of labels, packing and
    augmentation; project: what is done to the critic after its step, the place of clipping.
    """

    critic: nn.Module
    critic_loss: Callable[[Any, Tensor], Tensor]
    generator_loss: Callable[[Any, Tensor], Tensor]
    needs_real: bool
    penalties: tuple[Penalty, ...]
    together: bool
    sees: Callable[[Tensor], Tensor] = _as_they_are
    project: Callable[[nn.Module], None] = _nothing

    @classmethod
    def of(cls, loss: Any, critic: nn.Module, penalties: Iterable[GradientTerm] = ()) -> "Game":
        """The game of a loss with its own penalties and others.

        loss: a GANLoss, or any object with critic_loss(c_real, c_fake), generator_loss(c_fake, c_real) and
        needs_real.
        """
        compiled = getattr(loss, "compiled", None)
        if compiled is None:
            functions = loss.critic_loss, lambda c_real, c_fake: loss.generator_loss(c_fake, c_real)
            needs_real, own = bool(loss.needs_real), ()
        else:
            loss = loss.at_defaults()
            objective = loss.compiled()
            functions = objective.critic, objective.generator
            needs_real, own = objective.needs_real, loss.penalties
        together = all(type(module) in _PER_SAMPLE for module in critic.modules())
        return cls(critic, *functions, needs_real, tuple(map(penalty, (*own, *penalties))), together)

    def outputs(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (n,) on real and (k,) on fake samples: in one pass where no sample sees another."""
        if self.together and real.shape[1:] == fake.shape[1:]:
            both = logits(self.critic, torch.cat([real, fake]))
            return both[: len(real)], both[len(real) :]
        return logits(self.critic, real), logits(self.critic, fake)

    def critic_step(
        self, optimizer: torch.optim.Optimizer, real: Tensor, fake: Tensor, step: int = 0, rng: Any = None
    ) -> Tensor:
        """One optimiser step on L_D and the penalties that are due; returns `critic_step`'s three numbers."""
        x, y = self.sees(real.detach()), self.sees(fake.detach())
        due = [term for term in self.penalties if step % term.every == 0]
        seen = {"real": x, "fake": y}
        # R1 and R2 take the gradient in the loss's pass, but not in one of bfloat16
        shared = [] if torch.is_autocast_enabled(x.device.type) else [t for t in due if t.at in seen]
        for term in shared:
            seen[term.at].requires_grad_()
        c_real, c_fake = self.outputs(x, y)
        value = self.critic_loss(c_real, c_fake)
        for term in due:
            if term in shared:
                extra = term.of_pass(c_real if term.at == "real" else c_fake, seen[term.at])
            else:
                extra = term(self.critic, x, y, rng)
            value = value + term.every * extra  # lazily: every k-th step, k times as strong
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        self.project(self.critic)
        return torch.stack([value.detach(), c_real.detach().mean(), c_fake.detach().mean()])

    def generator_step(
        self, optimizer: torch.optim.Optimizer, fake: Tensor, real: Tensor | None = None
    ) -> Tensor:
        """One optimiser step on L_G; neither weights nor buffers of the critic change."""
        with frozen(self.critic):
            if self.needs_real and real is not None:
                c_real, c_fake = self.outputs(self.sees(real), self.sees(fake))
            else:
                c_real, c_fake = None, logits(self.critic, self.sees(fake))
            value = self.generator_loss(c_real, c_fake)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
        optimizer.step()
        return value.detach()


def critic_step(
    loss: Any, critic: nn.Module, optimizer: torch.optim.Optimizer, real: Tensor, fake: Tensor
) -> Tensor:
    """One optimiser step of the critic on L_D; the generator is not touched.

    Parameters: loss, as `fit`; real and fake, batches (n, ...); fake is detached here.
    Returns: (critic loss with its penalties, mean output on real, on fake), a tensor (3,) on the device.
    """
    return Game.of(loss, critic).critic_step(optimizer, real, fake)


def generator_step(
    loss: Any,
    critic: nn.Module,
    optimizer: torch.optim.Optimizer,
    fake: Tensor,
    real: Tensor | None = None,
) -> Tensor:
    """One optimiser step of the generator on L_G; neither weights nor buffers of the critic change.

    Parameters: fake, a batch with its graph back to the generator; real, used only by losses whose
    generator has a term on real outputs. Returns: the generator's loss, a scalar on the device.
    """
    return Game.of(loss, critic).generator_step(optimizer, fake, real)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Hold the weights fixed (no gradient is computed for them) and put the buffers back at the end.

    Batch normalisation still normalises by the batch, as in training, and spectral normalisation
    still runs; but the running statistics and singular vectors they leave behind are undone.
    """
    weights = [w for w in network.parameters() if w.requires_grad]
    before = [(b, b.clone()) for b in network.buffers()]
    for w in weights:
        w.requires_grad_(False)
    try:
        yield
    finally:
        for w in weights:
            w.requires_grad_(True)
        with torch.no_grad():
            for b, kept in before:
                b.copy_(kept)


@torch.no_grad()
def update_average(
    average: nn.Module, network: nn.Module, batch_size: int, half_life: float, images: int
) -> None:
    r"""Move the average's weights towards the network's; its buffers are copied.

    .. math:: \bar\theta \leftarrow \beta\bar\theta + (1 - \beta)\theta, \qquad
        \beta = 2^{-\text{batch size} / h}, \quad h = \min(\text{half life}, \text{images} / 20)

    half_life counts images; the bound images / 20 keeps the start out of the average. Source: the
    half-life and its ramp of Karras et al. 2020 (StyleGAN2-ADA, arXiv 2006.06676), public code.
    """
    h = min(half_life, images / 20)
    beta = 0.5 ** (batch_size / h) if h > 0 else 0.0
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - beta)
    for kept, buffer in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(buffer)
