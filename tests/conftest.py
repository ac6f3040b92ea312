"""What a test may need that a machine may lack: the real data sets, a browser, the built book.

Locally a test that lacks something is skipped with the reason. Where CI=true or
GANMATH_REQUIRE_ALL=1 the same test fails, so that nothing goes unchecked unnoticed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

import ganmath as gm

ROOT = Path(__file__).resolve().parent.parent
REQUIRE_ALL = os.environ.get("GANMATH_REQUIRE_ALL") == "1" or os.environ.get("CI") == "true"

# one file of each set in torchvision's folder layout
REAL_DATA = {
    "MNIST": "MNIST/raw/train-images-idx3-ubyte",
    "Fashion-MNIST": "FashionMNIST/raw/train-images-idx3-ubyte",
    "CIFAR-10": "cifar-10-batches-py/data_batch_1",
}


def unavailable(reason: str) -> NoReturn:
    """Skip the test with a reason, or fail it where everything is required."""
    if REQUIRE_ALL:
        pytest.fail(f"{reason} (required by CI=true or GANMATH_REQUIRE_ALL=1)", pytrace=False)
    pytest.skip(reason)


def missing_real_data() -> str | None:
    """Why the real data sets cannot be used, or None when all three are there."""
    root = os.environ.get("GANMATH_DATA")
    if not root:
        return "GANMATH_DATA does not name a folder with MNIST, Fashion-MNIST and CIFAR-10"
    missing = [name for name, path in REAL_DATA.items() if not (Path(root) / path).is_file()]
    return f"GANMATH_DATA lacks {', '.join(missing)}" if missing else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("real_data"):
        reason = missing_real_data()
        if reason:
            unavailable(reason)


#: Names of the losses whose objectives are sums over single samples, the outputs free or in an interval.
OF_SINGLE_SAMPLES = [
    name
    for name, loss in gm.losses.items()
    if loss.is_pointwise and isinstance(loss.constraint, gm.Free | gm.Interval)
]
