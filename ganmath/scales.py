"""How large an experiment this machine should run: smoke, cpu or gpu.

Each training cell of the book states one value per scale, so that continuous integration, a laptop
and a GPU run the same lines of code with different budgets.
"""

import os
from typing import TypeVar

T = TypeVar("T")

SCALES = ("smoke", "cpu", "gpu")


def scale() -> str:
    """The scale of experiments: ``"smoke"``, ``"cpu"`` or ``"gpu"``.

    ``$GANMATH_SCALE`` decides where it is set (ValueError for any other word); otherwise ``"gpu"``
    where torch sees a CUDA device and ``"cpu"`` elsewhere.
    """
    chosen = os.environ.get("GANMATH_SCALE", "").strip().lower()
    if not chosen:
        import torch

        return "gpu" if torch.cuda.is_available() else "cpu"
    if chosen not in SCALES:
        raise ValueError(f"GANMATH_SCALE={chosen!r}: set it to one of {', '.join(SCALES)}")
    return chosen


def by_scale(smoke: T, cpu: T, gpu: T) -> T:
    """The one of three values that belongs to the current :func:`scale`."""
    return {"smoke": smoke, "cpu": cpu, "gpu": gpu}[scale()]
