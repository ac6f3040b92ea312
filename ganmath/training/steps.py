"""The two steps of training, each of its own network, and the generator's moving average.

Alternating steps as in Goodfellow et al. 2014 (arXiv 1406.2661, algorithm 1); the average after
Yazici et al. 2019. Nothing here waits for the device.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ganmath.networks import logits


def critic_step(
    loss: Any, critic: nn.Module, optimizer: torch.optim.Optimizer, real: Tensor, fake: Tensor
) -> Tensor:
    """One optimiser step of the critic on L_D; the generator is not touched.

    Parameters: real and fake, batches (n, ...); fake is detached here.
    Returns: (critic loss, mean logit on real, mean logit on fake), a tensor (3,) on the device.
    """
    c_real = logits(critic, real)
    c_fake = logits(critic, fake.detach())
    value = loss.critic_loss(c_real, c_fake)
    optimizer.zero_grad(set_to_none=True)
    value.backward()
    optimizer.step()
    return torch.stack([value.detach(), c_real.detach().mean(), c_fake.detach().mean()])


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
    with frozen(critic):
        c_fake = logits(critic, fake)
        c_real = logits(critic, real) if loss.needs_real and real is not None else None
        value = loss.generator_loss(c_fake, c_real)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
    optimizer.step()
    return value.detach()


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
    for mean, weight in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(weight, 1 - beta)
    for kept, buffer in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(buffer)
