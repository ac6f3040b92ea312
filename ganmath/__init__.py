"""GAN losses derived, checked and trained: a loss is written once, as one symbolic object.

Names are loaded when first used, so that ``import ganmath`` costs neither sympy nor torch.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_homes = {
    "ganmath.theory.expression": ["c", "u", "p", "q", "softplus", "sigmoid", "log_sigmoid", "relu"],
    "ganmath.theory.expectation": ["E", "Pairs", "m", "c_x", "c_y", "n_real", "n_fake"],
    "ganmath.theory.loss": ["GANLoss", "Parameter"],
    "ganmath.theory.constraints": ["Free", "Interval", "Lipschitz"],
    "ganmath.theory.penalties": ["GradientTerm", "g"],
    "ganmath.theory.catalogue": ["losses"],
    "ganmath.theory.relativistic": ["relativistic"],
    "ganmath.theory.softmax": ["SoftmaxLoss"],
    "ganmath.theory.derive": ["derive", "Derivation", "NoOptimalCritic"],
    "ganmath.theory.fgan": ["fgan"],
    "ganmath.theory.atlas": ["atlas"],
    "ganmath.theory.pairs": ["pair_matrix"],
    "ganmath.theory.proper": ["is_proper"],
    "ganmath.theory.labels": ["smooth_labels", "flip_labels"],
    "ganmath.theory.divergence": ["divergences", "FDivergence", "Normal", "Uniform", "PointMass"],
    "ganmath.theory.oracle": ["verify", "VerificationError"],
    "ganmath.theory.equations": ["equation"],
    "ganmath.data": ["load"],
    "ganmath.toy_data": ["toys"],
    "ganmath.training.fit": ["fit", "fit_critic"],
    "ganmath.training.checkpoints": ["load_run", "Run", "TrainingDiverged"],
    "ganmath.scales": ["scale", "by_scale"],
}
_home_of = {name: home for home, names in _homes.items() for name in names}
__all__ = sorted(_home_of)


def __getattr__(name: str) -> Any:
    if name in _home_of:
        return getattr(import_module(_home_of[name]), name)
    try:
        return import_module(f"ganmath.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"ganmath.{name}":
            raise
    raise AttributeError(f"module 'ganmath' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
