"""The mathematics of GAN losses in sympy, mpmath and numpy; nothing here imports torch on import.

Its modules are imported when they are first named, as `ganmath.theory.oracle`.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
