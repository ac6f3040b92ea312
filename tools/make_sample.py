"""Write the embedded sample of Fashion-MNIST from the full set: the first 500 training and 100 test
images of each class, in the set's order, so that anyone gets the same file.

Usage: python tools/make_sample.py (with the full set where ganmath.load finds it)
"""

from pathlib import Path

import numpy as np
import torch

import ganmath as gm

OUT = Path(__file__).parents[1] / "ganmath" / "_data" / "fashion_mnist_sample.npz"


def first_of_each_class(labels: torch.Tensor, count: int) -> torch.Tensor:
    """Indices of the first `count` items of every class, in the order of the set."""
    each = [torch.nonzero(labels == k)[:count, 0] for k in labels.unique()]
    return torch.cat(each).sort().values


def main() -> None:
    arrays = {}
    for split, count in (("train", 500), ("test", 100)):
        data = gm.load("fashion-mnist", split)
        chosen = first_of_each_class(data.labels, count)
        arrays[f"{split}_images"] = data.raw[chosen, 0].numpy()
        arrays[f"{split}_labels"] = data.labels[chosen].numpy().astype(np.uint8)
    np.savez_compressed(OUT, **arrays)
    print(f"{OUT.name}: {OUT.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
