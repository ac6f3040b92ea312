"""Generators and critics: a multilayer perceptron and DCGAN for 28x28x1 and 32x32x3 images.

Architecture after Radford, Metz and Chintala 2016 (DCGAN, arXiv 1511.06434): strided convolutions,
batch normalisation, weights from N(0, 0.02). Critics return logits of shape (N,), never a sigmoid.
"""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid
from torch.nn.utils.parametrizations import spectral_norm

NORMS = ("batch", "none", "spectral")


class Network(nn.Sequential):
    """A chain of layers that remembers how it was built.

    ``spec`` names the builder and its arguments, as plain JSON: this is what a checkpoint stores
    instead of pickled code. ``latent`` is the size of the noise vector, for generators. A slice of a
    network has neither.
    """

    def __init__(self, *layers: Any, spec: Mapping[str, Any] | None = None, latent: int | None = None):
        super().__init__(*layers)
        self.spec = spec
        self.latent = latent


class Permute(nn.Module):
    """The input with its dimensions in another order: a view, no copy."""

    def __init__(self, *order: int):
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.order)


class Bounded(nn.Module):
    r"""A critic with its output R mapped onto an interval, increasing in R.

    .. math::
        \text{low} + (\text{high} - \text{low})\,\sigma(R), \qquad
        \text{low} + \operatorname{softplus}(R), \qquad \text{high} - \operatorname{softplus}(-R)

    Parameters: network, the critic whose output is R; low < high, one of them may be infinite. Source:
    Nowozin et al. 2016 (arXiv 1606.00709, section 2.2), where an output activation keeps the domain.
    """

    def __init__(self, network: nn.Module, low: float, high: float):
        super().__init__()
        self.network = network
        self.ends = (low, high)
        inner = getattr(network, "spec", None)
        # JSON has no infinity
        ends = [None if math.isinf(end) else end for end in self.ends]
        self.spec = None if inner is None else {"builder": "Bounded", "network": dict(inner), "ends": ends}

    def forward(self, x: Tensor) -> Tensor:
        low, high = self.ends
        raw = self.network(x).float()
        if math.isinf(high):
            return low - logsigmoid(-raw)
        if math.isinf(low):
            return high + logsigmoid(raw)
        return low + (high - low) * torch.exp(logsigmoid(raw))


def MLP(*sizes: int, slope: float = 0.2) -> Network:
    """Multilayer perceptron with leaky ReLU between its linear layers.

    Parameters: sizes, at least two widths, input first: ``MLP(2, 128, 128, 1)`` maps (N, 2) to
    (N, 1). slope, the negative slope of the leaky ReLU. Initialised as torch does.
    """
    if len(sizes) < 2 or any(int(s) != s or s < 1 for s in sizes):
        raise ValueError(f"MLP needs two or more positive widths, input first, not {sizes}")
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.LeakyReLU(slope)]
    spec = {"builder": "MLP", "sizes": list(sizes), "slope": slope}
    return Network(*layers[:-1], spec=spec, latent=sizes[0])


def dcgan_generator(shape: tuple[int, int, int] = (1, 28, 28), latent: int = 64, width: int = 64) -> Network:
    """DCGAN generator: noise (N, latent) to images (N, *shape) in (-1, 1).

    The first layer is written as a linear map to a 7x7 (or 4x4) image: the same function as
    DCGAN's transposed convolution of a 1x1 image, and faster. `width` is the number of channels
    before the image. Shapes: (C, 28, 28) and (C, 32, 32); ValueError for others.
    """
    channels, start, doublings = _plan(shape)
    top = width * 2 ** (doublings - 1)
    layers: list[nn.Module] = [
        nn.Linear(latent, 2 * top * start * start, bias=False),
        nn.Unflatten(1, (start, start, 2 * top)),
        Permute(0, 3, 1, 2),  # (N, 2 top, start, start), channels last in memory
        nn.BatchNorm2d(2 * top),
        nn.ReLU(inplace=True),
    ]
    n = 2 * top
    for _ in range(doublings - 1):  # each doubles height and width, and halves the channels
        layers += [
            nn.ConvTranspose2d(n, n // 2, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(n // 2),
            nn.ReLU(inplace=True),
        ]
        n //= 2
    layers += [nn.ConvTranspose2d(n, channels, 4, stride=2, padding=1), nn.Tanh()]
    spec = {"builder": "dcgan_generator", "shape": list(shape), "latent": latent, "width": width}
    return Network(*layers, spec=spec, latent=latent).apply(_dcgan_init)


def dcgan_discriminator(
    shape: tuple[int, int, int] = (1, 28, 28), width: int = 64, norm: str = "batch"
) -> Network:
    """DCGAN discriminator: images (N, *shape) to logits (N,).

    norm: ``"batch"`` (as published: every layer but the first and the last), ``"none"`` (what
    gradient penalties need) or ``"spectral"`` (every layer; Miyato et al. 2018, arXiv 1802.05957).
    The last layer is written as a linear map: the same function as DCGAN's convolution to 1x1.
    """
    if norm not in NORMS:
        raise ValueError(f"norm={norm!r}: choose one of {', '.join(NORMS)}")
    channels, start, doublings = _plan(shape)
    wrap: Callable[[nn.Module], nn.Module] = spectral_norm if norm == "spectral" else lambda m: m
    layers: list[nn.Module] = []
    n_in, n_out = channels, width
    for i in range(doublings):  # each halves height and width
        has_norm = norm == "batch" and i > 0
        layers.append(wrap(nn.Conv2d(n_in, n_out, 4, stride=2, padding=1, bias=not has_norm)))
        layers += [nn.BatchNorm2d(n_out)] if has_norm else []
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        n_in, n_out = n_out, 2 * n_out
    # (N, n, start, start) -> (N, start^2 n) -> (N, 1) -> (N,)
    layers += [Permute(0, 2, 3, 1), nn.Flatten(), wrap(nn.Linear(n_in * start * start, 1)), nn.Flatten(0)]
    spec = {"builder": "dcgan_discriminator", "shape": list(shape), "width": width, "norm": norm}
    network = Network(*layers, spec=spec)
    # spectral normalisation divides by the largest singular value, so the scale of the start is moot
    return network if norm == "spectral" else network.apply(_dcgan_init)


def build(spec: Mapping[str, Any]) -> nn.Module:
    """The network that a ``spec`` describes, with fresh weights (ValueError for an unknown one)."""
    arguments = dict(spec)
    builder = arguments.pop("builder", None)
    if builder == "Bounded":
        low, high = arguments["ends"]
        ends = -math.inf if low is None else low, math.inf if high is None else high
        return Bounded(build(arguments["network"]), *ends)
    if builder == "MLP":
        return MLP(*arguments.pop("sizes"), **arguments)
    if builder in ("dcgan_generator", "dcgan_discriminator"):
        make = dcgan_generator if builder == "dcgan_generator" else dcgan_discriminator
        return make(tuple(arguments.pop("shape")), **arguments)
    raise ValueError(
        f"no network builder named {builder!r}: MLP, dcgan_generator, dcgan_discriminator, Bounded"
    )


def latent_size(generator: nn.Module) -> int:
    """Length of the noise vector that `generator` takes.

    Its attribute ``latent``, else the input width of its first linear layer; ValueError if it has
    neither.
    """
    latent = getattr(generator, "latent", None)
    if isinstance(latent, int):
        return latent
    for module in generator.modules():
        if isinstance(module, nn.Linear):
            return module.in_features
    raise ValueError("cannot tell the noise size of this generator: give it an integer attribute `latent`")


def logits(critic: nn.Module, x: Tensor) -> Tensor:
    """The critic's output as float32 logits of shape (N,); ValueError unless it is one per sample."""
    c = critic(x)
    if c.numel() != x.shape[0]:
        raise ValueError(
            f"the critic must return one logit per sample, (N,) or (N, 1): for input "
            f"{tuple(x.shape)} it returned {tuple(c.shape)}"
        )
    return c.flatten().float()


def _plan(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Channels, size of the smallest image, and number of doublings for an image shape."""
    plan = {(28, 28): (7, 2), (32, 32): (4, 3)}.get(tuple(shape[1:]))  # type: ignore[arg-type]
    if len(shape) != 3 or plan is None:
        raise ValueError(
            f"DCGAN here is for images (C, 28, 28) and (C, 32, 32), not {tuple(shape)}: "
            "resize the images, or pass networks of your own"
        )
    return (shape[0], *plan)


def _dcgan_init(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
