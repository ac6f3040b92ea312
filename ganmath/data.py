"""Image data as tensors that live on the device: MNIST, Fashion-MNIST, CIFAR-10.

The sets fit in memory whole, as uint8; a batch is an index into a tensor, not a DataLoader (after
Jordan 2024, arXiv 2404.00498). Files and downloads are torchvision's; contents are checked here.
"""

import hashlib
import os
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import torch
from torch import Tensor

from ganmath.names import unknown
from ganmath.toy_data import Toy, gaussian, grid, mixture, ring, toys, two_uniforms

__all__ = ["Dataset", "gaussian", "grid", "load", "mixture", "ring", "toys", "two_uniforms"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images, held as uint8 on one device.

    raw: (N, C, H, W) uint8. labels: (N,) int64. classes: names of the labels. source: ``"full"`` for
    the official set, ``"sample"`` for the embedded subset.
    """

    name: str
    split: str
    raw: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)
    classes: tuple[str, ...] = field(repr=False)
    source: str = "full"

    def __len__(self) -> int:
        return len(self.raw)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image, (C, H, W)."""
        return tuple(self.raw.shape[1:])

    @property
    def images(self) -> Tensor:
        """All images as float32 in [-1, 1], (N, C, H, W): four bytes for each of `raw`'s one."""
        return _to_float(self.raw)

    def batch(self, indices: Tensor) -> Tensor:
        """The images at `indices`, (n,) integers on the same device, as float32 in [-1, 1]."""
        return _to_float(self.raw.index_select(0, indices))

    def to(self, device: Any) -> "Dataset":
        """The same data on another device."""
        raw, labels = self.raw.to(device), self.labels.to(device)
        return Dataset(self.name, self.split, raw, labels, self.classes, self.source)


@dataclass(frozen=True)
class _Source:
    """Where a set comes from: torchvision's class, and what each split must contain."""

    torchvision: str
    digests: dict[str, str]  # split -> SHA-256 of the pixels (N, H, W[, C]) and then the labels
    classes: tuple[str, ...]


_SOURCES = {
    "mnist": _Source(
        "MNIST",
        {
            "train": "edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b",
            "test": "c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b",
        },
        tuple("0123456789"),
    ),
    "fashion-mnist": _Source(
        "FashionMNIST",
        {
            "train": "16d82e2b505296aa2b78bd5ea0992634f30419a4c97def7c907d154a35ac6157",
            "test": "9f1ec356a747bfe4ebab3cfb722d3694c9ca737e2570f6f90cf31d7b6fd689d4",
        },
        (
            *("T-shirt", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Boot"),
        ),
    ),
    "cifar10": _Source(
        "CIFAR10",
        {
            "train": "f912919bdea371136f1aa4feed6beeca728015a5f08b1899a29c932a7e30be2b",
            "test": "8193b3fbce55bec361cd1b8fd4880cb1649832dc4d6de6da1e7a21847a4843aa",
        },
        (
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
    ),
}


ToyName = Literal["ring", "grid", "swiss-roll", "gaussian", "mixture", "uniform"]
ImageSet = Literal["mnist", "fashion-mnist", "cifar10"]


@overload
def load(
    name: ImageSet,
    split: str = ...,
    device: Any = ...,
    sample: bool | Literal["auto"] = ...,
    root: str | os.PathLike[str] | None = ...,
) -> Dataset: ...


@overload
def load(name: ToyName) -> Toy: ...


@overload
def load(
    name: str,
    split: str = ...,
    device: Any = ...,
    sample: bool | Literal["auto"] = ...,
    root: str | os.PathLike[str] | None = ...,
) -> Dataset | Toy: ...


def load(
    name: str,
    split: str = "train",
    device: Any = None,
    sample: bool | Literal["auto"] = False,
    root: str | os.PathLike[str] | None = None,
) -> Dataset | Toy:
    """A data set by name, whole on `device`; for a toy's name, the toy distribution.

    Parameters
    ----------
    name : "mnist", "fashion-mnist", "cifar10", or a name in ``gm.toys``.
    split : "train" or "test".
    sample : True gives the subset of Fashion-MNIST that ships with ganmath (500 training and 100
        test images of each class), with no download. "auto" gives the full set where it is on disk
        and that subset elsewhere, and prints which; it never downloads.
    root : folder in torchvision's layout; default ``$GANMATH_DATA``, else the user's cache. A set
        that is not there is downloaded by torchvision.

    Raises: ValueError for an unknown name or split; FileNotFoundError where the data are missing and
    cannot be downloaded; OSError where the files differ from the official ones.
    """
    if name in toys:
        return toys[name]
    if name not in _SOURCES:
        raise ValueError(unknown("data set", name, [*_SOURCES, *toys]))
    if split not in ("train", "test"):
        raise ValueError(f"split={split!r}: choose 'train' or 'test'")
    if sample not in (True, False, "auto"):
        raise ValueError(f"sample={sample!r}: choose True, False or 'auto'")
    if sample and name != "fashion-mnist":
        raise ValueError(f"only fashion-mnist has an embedded sample, {name} has none: sample=False")
    folder = Path(root or os.environ.get("GANMATH_DATA") or _cache())
    if sample == "auto":
        sample = not _on_disk(name, folder)
        kind = "embedded sample of" if sample else "full"
        print(f"ganmath: using the {kind} {name} ({split} split)")
    data = _embedded(name, split) if sample else _official(name, split, folder)
    return data.to(device) if device is not None else data


def _to_float(raw: Tensor) -> Tensor:
    return raw.float().div_(127.5).sub_(1)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ganmath"


def _on_disk(name: str, folder: Path) -> bool:
    marker = {
        "mnist": "MNIST/raw/train-images-idx3-ubyte",
        "fashion-mnist": "FashionMNIST/raw/train-images-idx3-ubyte",
        "cifar10": "cifar-10-batches-py/data_batch_1",
    }
    return (folder / marker[name]).is_file()


def _official(name: str, split: str, folder: Path) -> Dataset:
    import torchvision

    source = _SOURCES[name]
    make = getattr(torchvision.datasets, source.torchvision)
    found = _on_disk(name, folder)
    damaged = OSError(
        f"the {name} files in {folder} are damaged or not the official ones: delete them there and "
        "load again, or set GANMATH_DATA to a folder with a good copy"
    )
    try:
        official = make(folder, train=split == "train", download=not found)
        pixels = np.ascontiguousarray(official.data)
        labels = np.asarray(official.targets, dtype=np.int64)
    except Exception as error:  # torchvision's readers raise whatever they stumble over
        if found:
            raise damaged from error
        raise FileNotFoundError(
            f"{name} is not in {folder} and could not be downloaded ({error}). Three ways out: set "
            "GANMATH_DATA to a folder that holds it in torchvision's layout; run once with a network; "
            "or, for Fashion-MNIST, load('fashion-mnist', sample=True), which needs neither."
        ) from error
    digest = hashlib.sha256(pixels.data)
    digest.update(labels.astype(np.uint8).data)
    if digest.hexdigest() != source.digests[split]:
        raise damaged
    raw = torch.from_numpy(pixels)
    raw = raw[:, None] if raw.ndim == 3 else raw.permute(0, 3, 1, 2).contiguous()  # (N, C, H, W)
    return Dataset(name, split, raw, torch.from_numpy(labels), source.classes)


def _embedded(name: str, split: str) -> Dataset:
    """The subset that tools/make_sample.py wrote; its licence stands beside it."""
    with (
        resources.files("ganmath").joinpath("_data/fashion_mnist_sample.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        raw = torch.from_numpy(arrays[f"{split}_images"])[:, None]
        labels = torch.from_numpy(arrays[f"{split}_labels"].astype(np.int64))
    return Dataset(name, split, raw, labels, _SOURCES[name].classes, source="sample")
