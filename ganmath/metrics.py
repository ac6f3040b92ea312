"""What a generator has learned: modes covered, class balance, a Fréchet distance of its own name.

Mode counts follow VEEGAN (Srivastava et al. 2017, arXiv 1705.07761). The Fréchet distance is that of
Heusel et al. 2017 (arXiv 1706.08500) but in the features of a small classifier that ships with
ganmath: it ranks runs on the same data set, and is not comparable to any published FID.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from ganmath.data import Dataset
from ganmath.names import unknown
from ganmath.toy_data import Mixture

CLASSIFIERS = ("mnist", "fashion-mnist")

# --- toys ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModeCoverage:
    """modes: how many components have at least one high-quality sample; high_quality: the fraction
    of samples within three standard deviations of their nearest mode; counts: (K,) high-quality
    samples by mode; kl: KL(mode frequencies of these ‖ the mixture's weights) in nats, None if there
    are none."""

    modes: int
    high_quality: float
    counts: np.ndarray
    kl: float | None


def mode_coverage(samples: Tensor, mixture: Mixture) -> ModeCoverage:
    """Modes and high-quality fraction of samples (n, d) against a Gaussian mixture.

    Even the data's own fraction is below 1: see `high_quality_bound`. Source: Srivastava et al. 2017,
    section 4.1; KL of the frequencies as Lin et al. 2018 (PacGAN, arXiv 1712.04086).
    """
    if not isinstance(mixture, Mixture):
        raise ValueError(f"modes are counted on Gaussian mixtures, not on {type(mixture).__name__}")
    means = mixture.modes.double()
    if samples.ndim != 2 or samples.shape[1] != means.shape[1] or len(samples) == 0:
        raise ValueError(f"samples must be (n, {means.shape[1]}), n > 0, not {tuple(samples.shape)}")
    distance, nearest = torch.cdist(samples.detach().double().cpu(), means).min(dim=1)
    sigma = torch.tensor(mixture.sigmas, dtype=torch.float64)[nearest]
    good = distance <= 3 * sigma
    counts = torch.bincount(nearest[good], minlength=len(means)).numpy()
    kl = _kl(counts, np.asarray(mixture.weights)) if counts.sum() else None
    return ModeCoverage(int((counts > 0).sum()), float(good.double().mean()), counts, kl)


def high_quality_bound(dimension: int = 2) -> float:
    r"""Mass of a d-dimensional Gaussian within three standard deviations of its centre.

    .. math:: P(\chi^2_d \le 9) = 1 - e^{-9/2} = 0.98889\ldots \quad\text{for } d = 2

    The fraction that a perfect generator reaches where the modes lie far apart.
    """
    half = torch.tensor([dimension / 2, 4.5], dtype=torch.float64)
    return float(torch.special.gammainc(half[0], half[1]))


# --- images ----------------------------------------------------------------------------------------


class Classifier(nn.Module):
    """Three convolutions and a layer of 64 features, for images (N, 1, 28, 28) in [-1, 1].

    `forward` gives logits (N, 10), `features` the (N, 64) values before the last layer, after ReLU.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_block(1, 16),
            nn.MaxPool2d(2),
            *_block(16, 32),
            nn.MaxPool2d(2),
            *_block(32, 64),
            nn.Flatten(),  # (N, 64 * 7 * 7)
            nn.Linear(64 * 7 * 7, 64, bias=False),
            nn.BatchNorm1d(64),
            nn.ReLU(),
        )
        self.head = nn.Linear(64, 10)

    def features(self, x: Tensor) -> Tensor:
        return self.body(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


@lru_cache(maxsize=4)
def classifier(name: str, device: Any = "cpu") -> Classifier:
    """The classifier trained on "mnist" or "fashion-mnist", in evaluation mode.

    Trained by tools/train_classifier.py; its test accuracy is in `classifier_record`.
    """
    _require_classifier(name)
    weights = load_safetensors(_data(name, "safetensors"))
    network = Classifier()
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()})
    return network.to(device).eval().requires_grad_(False)


def classifier_record(name: str) -> dict[str, Any]:
    """How the classifier was trained, and its test accuracy (key "test_accuracy")."""
    import json

    _require_classifier(name)
    return json.loads(_data(name, "json"))


@dataclass(frozen=True)
class ClassBalance:
    """counts: (10,) images by predicted class; classes: how many of them occur; kl: KL(frequencies ‖
    uniform) in nats; confidence: mean of the largest class probability."""

    counts: np.ndarray
    classes: int
    kl: float
    confidence: float


def class_balance(images: "Tensor | Dataset", name: str) -> ClassBalance:
    """How the classifier of data set `name` sorts images (N, 1, 28, 28) in [-1, 1]."""
    network = classifier(name, _device(images))
    outputs = _in_batches(network, images).softmax(dim=1)
    best, label = outputs.max(dim=1)
    counts = torch.bincount(label, minlength=10).cpu().numpy()
    kl = _kl(counts, np.full(10, 0.1))
    return ClassBalance(counts, int((counts > 0).sum()), kl, float(best.mean()))


def frechet_classifier_distance(
    images: "Tensor | Dataset", reference: "Tensor | Dataset", name: str
) -> float:
    """Fréchet distance between two sets of images in the features of data set `name`'s classifier.

    Gaussians are fitted to the 64 features of each set, see `frechet_distance`. Sets of the same size
    should be compared with each other: as for FID, the estimate is biased upwards, like 1/n.
    """
    return frechet_distance(features(images, name), features(reference, name))


def features(images: "Tensor | Dataset", name: str) -> np.ndarray:
    """Features (N, 64) of images (N, 1, 28, 28) in [-1, 1] in the classifier of data set `name`."""
    network = classifier(name, _device(images))
    return _in_batches(network.features, images).double().cpu().numpy()


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """`frechet_gaussians` between the sample means and covariances of x (n, d) and y (m, d)."""
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ValueError(f"two arrays (n, d) with n > 1 and the same d, not {x.shape} and {y.shape}")
    x, y = x.astype(np.float64), y.astype(np.float64)
    cov_x, cov_y = (np.atleast_2d(np.cov(a, rowvar=False)) for a in (x, y))
    return frechet_gaussians(x.mean(0), cov_x, y.mean(0), cov_y)


def frechet_gaussians(mean_1: Any, cov_1: Any, mean_2: Any, cov_2: Any) -> float:
    r"""Squared 2-Wasserstein distance between two Gaussians.

    .. math:: \|\mu_1-\mu_2\|^2 + \operatorname{tr}\bigl(\Sigma_1 + \Sigma_2
        - 2(\Sigma_1^{1/2}\Sigma_2\Sigma_1^{1/2})^{1/2}\bigr)

    Through the eigenvalues of the symmetric product, in float64: no general matrix square root, whose
    rounding gives complex results for nearly singular covariances. Parameters: means (d,),
    covariances (d, d). Source: Dowson and Landau 1982; Heusel et al. 2017, eq. (6).
    """
    mean_1, cov_1, mean_2, cov_2 = (np.asarray(a, np.float64) for a in (mean_1, cov_1, mean_2, cov_2))
    values, vectors = np.linalg.eigh(cov_1)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    cross = np.linalg.eigvalsh(root @ cov_2 @ root).clip(0)
    d2 = np.sum((mean_1 - mean_2) ** 2)
    return float(d2 + np.trace(cov_1) + np.trace(cov_2) - 2 * np.sqrt(cross).sum())


# --- helpers ---------------------------------------------------------------------------------------


def _block(n_in: int, n_out: int) -> list[nn.Module]:
    return [
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    ]


def _require_classifier(name: str) -> None:
    if name not in CLASSIFIERS:
        raise ValueError(unknown("classifier", name, list(CLASSIFIERS)))


def _data(name: str, ending: str) -> bytes:
    stem = f"classifier_{name.replace('-', '_')}"
    return resources.files("ganmath").joinpath(f"_data/{stem}.{ending}").read_bytes()


def _device(images: "Tensor | Dataset") -> torch.device:
    return (images.raw if isinstance(images, Dataset) else images).device


@torch.no_grad()
def _in_batches(function: Any, images: "Tensor | Dataset", size: int = 1000) -> Tensor:
    raw = images.raw if isinstance(images, Dataset) else images
    if raw.ndim != 4 or tuple(raw.shape[1:]) != (1, 28, 28) or len(raw) == 0:
        raise ValueError(f"the classifiers take images (N, 1, 28, 28), N > 0, not {tuple(raw.shape)}")
    if not isinstance(images, Dataset) and (not raw.is_floating_point() or raw.abs().max() > 1.01):
        raise ValueError("images must be floats in [-1, 1], as gm.load and generators give them")
    index = torch.arange(len(raw), device=raw.device).split(size)
    get = images.batch if isinstance(images, Dataset) else images.__getitem__
    return torch.cat([function(get(i)) for i in index])


def _kl(counts: np.ndarray, weights: np.ndarray) -> float:
    """KL(counts / total ‖ weights) in nats."""
    seen = counts > 0
    p = counts[seen] / counts.sum()
    return float(np.sum(p * np.log(p / weights[seen])))
