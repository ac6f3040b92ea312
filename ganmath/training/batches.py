"""Batches of real samples on the run's device: images and tensors epoch by epoch, toys drawn anew."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ganmath.data import Dataset

Sampler = Callable[[int], Tensor]


class Batches:
    """The i-th batch of real samples, on the device of `rng`.

    Images and tensors come in random order without replacement, epoch by epoch; the order depends on
    (seed, epoch) alone, so that a resumed run needs only its step. Toys draw from the run's `rng`.
    Raises: ValueError for data of another kind, integers, or fewer samples than a batch.
    """

    def __init__(self, data: Any, n: int, seed: int, rng: torch.Generator):
        self.n, self.seed, self.rng, self.epoch = n, seed, rng, -1
        self.order = torch.empty(0, dtype=torch.int64, device=rng.device)
        self.data = data.to(rng.device) if isinstance(data, (Dataset, Tensor)) else data
        if isinstance(data, Tensor) and not data.is_floating_point():
            raise ValueError(f"the data tensor has dtype {data.dtype}: scale it to floats, near [-1, 1]")
        if isinstance(data, (Dataset, Tensor)) and len(data) < n:
            raise ValueError(f"batch_size={n} exceeds the {len(data)} samples there are")
        if not isinstance(data, (Dataset, Tensor)) and not callable(data) and not hasattr(data, "sample"):
            raise ValueError(_not_data(data))

    def __call__(self, i: int) -> Tensor:
        if hasattr(self.data, "sample"):  # a Run may lie on another device, and so does what it draws
            return self.data.sample(self.n, seed=self.rng).to(self.rng.device)
        if not isinstance(self.data, (Dataset, Tensor)):
            return self.data(self.n).to(self.rng.device)
        epoch, j = divmod(i, len(self.data) // self.n)
        if epoch != self.epoch:
            order = torch.Generator(device=self.rng.device).manual_seed((self.seed << 32) + epoch + 1)
            self.order = torch.randperm(len(self.data), generator=order, device=self.rng.device)
            self.epoch = epoch
        chosen = self.order[j * self.n : (j + 1) * self.n]
        x = self.data.batch(chosen) if isinstance(self.data, Dataset) else self.data[chosen]
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def sample_shape(data: Any) -> tuple[int, ...]:
    """Shape of one sample of a data set, toy or tensor; ValueError for anything else."""
    shape = getattr(data, "shape", None)
    if shape is None:
        raise ValueError(_not_data(data))
    return tuple(shape[1:] if isinstance(data, Tensor) else shape)


def device_of(device: Any, data: Any) -> torch.device:
    """The device to train on: the one asked for, else where the data lie, else CUDA where there is one."""
    if device is not None:
        return torch.device(device)
    if isinstance(data, Tensor):
        return data.device
    if isinstance(data, Dataset) and data.raw.is_cuda:  # there may be several
        return data.raw.device
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def describe_data(data: Any) -> dict[str, Any]:
    """The data as a record names them."""
    if isinstance(data, Dataset):
        return {"name": data.name, "split": data.split, "source": data.source, "size": len(data)}
    if isinstance(data, Tensor):
        return {"name": "tensor", "shape": list(data.shape)}
    plain = (int, float, str, tuple)
    arguments = {k: v for k, v in getattr(data, "__dict__", {}).items() if isinstance(v, plain)}
    return {"name": getattr(data, "name", "function"), "arguments": arguments}


def _not_data(data: Any) -> str:
    return f"data must be a data set of gm.load, a toy or a float tensor, not {type(data).__name__}"
