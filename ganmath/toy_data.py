"""Toy distributions whose densities are known exactly, so that what a GAN learns can be judged.

Ring of 8 and grid of 25 Gaussians as specified by VEEGAN (Srivastava et al. 2017, arXiv 1705.07761)
and PacGAN (Lin et al. 2018, arXiv 1712.04086); a swiss roll; mixtures and uniforms on the line.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganmath.names import Named

Seed = int | torch.Generator | None


@dataclass(frozen=True)
class Mixture:
    r"""Mixture of isotropic Gaussians in d dimensions.

    .. math:: p(x) = \sum_k w_k (2\pi\sigma_k^2)^{-d/2} \exp(-\|x - \mu_k\|^2 / 2\sigma_k^2)

    Parameters: means, K points of d coordinates each; sigma, one standard deviation or K of them;
    weights, K positive numbers (normalised here), equal where not given. Calling a named toy sets
    its arguments: ``gm.toys["ring"](sigma=0.05)``.
    """

    name: str
    means: tuple[tuple[float, ...], ...]
    sigmas: tuple[float, ...]
    weights: tuple[float, ...]
    make: Callable[..., "Mixture"] = field(repr=False, compare=False)

    def __call__(self, **arguments: Any) -> "Mixture":
        return self.make(**arguments)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample, (d,)."""
        return (len(self.means[0]),)

    @property
    def modes(self) -> Tensor:
        """Centres of the components, (K, d)."""
        return torch.tensor(self.means)

    @property
    def sigma(self) -> float:
        """The standard deviation of the components; ValueError where they differ."""
        if len(set(self.sigmas)) > 1:
            raise ValueError(f"the components of {self.name} differ in width: see .sigmas")
        return self.sigmas[0]

    def sample(self, n: int, seed: Seed = None, device: Any = None) -> Tensor:
        """n independent draws, (n, d) float32. seed: an integer, a torch.Generator, or None."""
        rng = _generator(seed, device)
        weights = torch.tensor(self.weights, device=rng.device)
        component = torch.multinomial(weights, n, replacement=True, generator=rng)
        noise = torch.randn(n, *self.shape, generator=rng, device=rng.device)
        sigma = torch.tensor(self.sigmas, device=rng.device)[component, None]
        return self.modes.to(rng.device)[component] + sigma * noise

    def log_density(self, x: Tensor) -> Tensor:
        """Exact log p(x) in nats. x: (..., d), or any shape where d = 1; returns x's without d."""
        x = _points(x, self.shape[0])
        means, sigmas = _like(x, self.means), _like(x, self.sigmas)
        r2 = (x[..., None, :] - means).square().sum(-1)  # (..., K)
        d = self.shape[0]
        each = -r2 / (2 * sigmas**2) - d * sigmas.log() - d / 2 * math.log(2 * math.pi)
        return torch.logsumexp(each + _like(x, self.weights).log(), -1)


@dataclass(frozen=True)
class Uniform:
    """Uniform distribution on the interval [low, high]."""

    low: float = 0.0
    high: float = 1.0
    name: str = "uniform"

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"the interval [{self.low}, {self.high}] is empty: set low < high")

    def __call__(self, **arguments: Any) -> "Uniform":
        return replace(self, **arguments)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample, (1,)."""
        return (1,)

    def sample(self, n: int, seed: Seed = None, device: Any = None) -> Tensor:
        """n independent draws, (n, 1) float32. seed: an integer, a torch.Generator, or None."""
        rng = _generator(seed, device)
        unit = torch.rand(n, 1, generator=rng, device=rng.device)
        return self.low + (self.high - self.low) * unit

    def log_density(self, x: Tensor) -> Tensor:
        """Exact log p(x) in nats, -inf outside the interval. x: any shape, or (..., 1)."""
        x = _points(x, 1)[..., 0]
        inside = (x >= self.low) & (x <= self.high)
        level = x.new_tensor(-math.log(self.high - self.low))
        return torch.where(inside, level, x.new_tensor(-math.inf))


@dataclass(frozen=True)
class SwissRoll:
    r"""A spiral in the plane, blurred by Gaussian noise.

    .. math:: x = \frac{2\,t}{9\pi/2}(\cos t, \sin t) + \sigma\varepsilon,
        \quad t \sim U[3\pi/2, 9\pi/2], \quad \varepsilon \sim N(0, I_2)

    The outer end lies at distance 2 from the origin. The density is the convolution of the curve's
    uniform measure in t with the Gaussian.
    """

    sigma: float = 0.05
    name: str = "swiss-roll"

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise ValueError(f"sigma={self.sigma}: a swiss roll without noise has no density")

    def __call__(self, **arguments: Any) -> "SwissRoll":
        return replace(self, **arguments)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample, (2,)."""
        return (2,)

    def sample(self, n: int, seed: Seed = None, device: Any = None) -> Tensor:
        """n independent draws, (n, 2) float32. seed: an integer, a torch.Generator, or None."""
        rng = _generator(seed, device)
        t = (1.5 + 3 * torch.rand(n, generator=rng, device=rng.device)) * math.pi
        curve = torch.stack((t * t.cos(), t * t.sin()), -1) * (4 / (9 * math.pi))
        return curve + self.sigma * torch.randn(n, 2, generator=rng, device=rng.device)

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (..., 2) to (...).

        The integral over t is taken by Gauss-Legendre quadrature on panels of at most five standard
        deviations' length with 16 nodes each: relative error below 1e-6 in float64.
        """
        x = _points(x, 2)
        centres, weights = _spiral_quadrature(self.sigma)
        means, log_w = _like(x, centres), _like(x, weights).log()
        log_w = log_w - math.log(2 * math.pi * self.sigma**2)
        out = [  # in chunks: the table of distances is (points, nodes)
            torch.logsumexp(-_distances(part, means).square() / (2 * self.sigma**2) + log_w, -1)
            for part in x.reshape(-1, 2).split(4096)
        ]
        return torch.cat(out).reshape(x.shape[:-1])


@lru_cache(maxsize=8)
def _spiral_quadrature(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes on the swiss roll's curve, (M, 2), and weights, (M,), of the average over t."""
    panels = max(16, math.ceil(13 / (3 * sigma)))  # the curve is 12.6 long
    node, weight = np.polynomial.legendre.leggauss(16)
    start = np.arange(panels)[:, None]
    t = (1.5 + 3 * (start + (node + 1) / 2) / panels).ravel() * math.pi
    curve = np.stack((t * np.cos(t), t * np.sin(t)), -1) * (4 / (9 * math.pi))
    return curve, np.tile(weight / 2, panels) / panels


def ring(modes: int = 8, radius: float = 1.0, sigma: float = 0.01) -> Mixture:
    """Equal Gaussians evenly spaced on a circle, the first on the positive x axis."""
    angles = [2 * math.pi * k / modes for k in range(modes)]
    points = [(radius * math.cos(a), radius * math.sin(a)) for a in angles]
    return _mixture("ring", points, sigma, None, ring)


def grid(side: int = 5, spacing: float = 2.0, sigma: float = 0.05) -> Mixture:
    """Equal Gaussians on a square grid centred at the origin: {-4, -2, 0, 2, 4}^2 by default."""
    ticks = [spacing * (k - (side - 1) / 2) for k in range(side)]
    return _mixture("grid", [(a, b) for a in ticks for b in ticks], sigma, None, grid)


def gaussian(mean: float = 0.0, sigma: float = 1.0) -> Mixture:
    """The normal distribution N(mean, sigma^2) on the line."""
    return _mixture("gaussian", [mean], sigma, None, gaussian)


def mixture(
    means: Sequence[Any] = (-2.0, 2.0),
    sigma: float | Sequence[float] = 0.5,
    weights: Sequence[float] | None = None,
) -> Mixture:
    """Mixture of Gaussians, on the line where `means` are numbers, in d dimensions for points."""
    return _mixture("mixture", means, sigma, weights, mixture)


def two_uniforms(theta: float = 1.0) -> tuple[Uniform, Uniform]:
    """p = U[0, 1] and q = U[theta, 1 + theta]: JS(p, q) = theta log 2 and W1 = theta on [0, 1]."""
    return Uniform(0.0, 1.0), Uniform(theta, 1.0 + theta)


def _mixture(
    name: str,
    means: Sequence[Any],
    sigma: float | Sequence[float],
    weights: Sequence[float] | None,
    make: Callable[..., Mixture],
) -> Mixture:
    points = tuple(tuple(map(float, np.atleast_1d(m))) for m in means)
    k = len(points)
    sigmas = tuple(float(s) for s in np.broadcast_to(np.asarray(sigma, float), k))
    w = np.full(k, 1 / k) if weights is None else np.asarray(weights, float)
    if k == 0 or len({len(m) for m in points}) != 1:
        raise ValueError("a mixture needs one or more means, all of the same dimension")
    if w.shape != (k,) or not (w > 0).all() or not (np.asarray(sigmas) > 0).all():
        raise ValueError("a mixture needs one positive weight and one positive sigma for each mean")
    return Mixture(name, points, sigmas, tuple((w / w.sum()).tolist()), make)


def _generator(seed: Seed, device: Any) -> torch.Generator:
    """The generator given, or a new one on `device` with the seed given (or a random one)."""
    if isinstance(seed, torch.Generator):
        return seed
    rng = torch.Generator(device=device or "cpu")
    rng.seed() if seed is None else rng.manual_seed(seed)
    return rng


def _points(x: Tensor, d: int) -> Tensor:
    """x as floating points (..., d); on the line the last dimension of size 1 may be left out."""
    x = torch.as_tensor(x)
    x = x if x.is_floating_point() else x.float()
    if d == 1 and (x.ndim == 0 or x.shape[-1] != 1):
        x = x[..., None]
    if x.shape[-1] != d:
        raise ValueError(f"points must have shape (..., {d}), not {tuple(x.shape)}")
    return x


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances (n, m), by differences: torch's default for many points subtracts squares."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def _like(x: Tensor, values: Any) -> Tensor:
    return torch.as_tensor(np.asarray(values), dtype=x.dtype, device=x.device)


Toy = Mixture | Uniform | SwissRoll

#: Toys by name. Calling one sets its arguments: ``toys["ring"](modes=6)``.
toys: Named = Named(
    "toy distribution",
    {
        "ring": ring(),
        "grid": grid(),
        "swiss-roll": SwissRoll(),
        "gaussian": gaussian(),
        "mixture": mixture(),
        "uniform": Uniform(),
    },
)
