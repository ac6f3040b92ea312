"""What training gives back, and its file: one safetensors file a run, from which no code is unpickled."""

import copy
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ganmath.networks import build, latent_size
from ganmath.regularizers import bounded
from ganmath.theory.loss import read_constraint

_FORMAT = "ganmath-run-1"


@dataclass
class Run:
    """A trained pair, its history and its record.

    generator: the moving average, in evaluation mode (what samples are drawn from). raw_generator:
    the weights that were trained. history: arrays (steps,) by name: "step", "images" (real images
    seen), "critic_loss", "generator_loss", "c_real" and "c_fake" (mean logits on real and fake).
    record: environment, settings, steps and timing, as plain JSON.
    """

    generator: nn.Module
    critic: nn.Module
    raw_generator: nn.Module
    history: dict[str, np.ndarray]
    record: dict[str, Any]
    _state: dict[str, Tensor] = field(default_factory=dict, repr=False)

    @property
    def step(self) -> int:
        """Number of generator steps taken."""
        return len(self.history["step"])

    @torch.no_grad()
    def sample(self, n: int, seed: int | torch.Generator = 0, batch_size: int = 1000) -> Tensor:
        """n samples of the averaged generator, float32 on its device; the same for the same seed.

        seed: an integer, or a torch.Generator of any device, which draws the noise there.
        """
        device = next(self.generator.parameters()).device
        if isinstance(seed, int):
            seed = torch.Generator(device=device).manual_seed(seed)
        z = torch.randn(n, latent_size(self.generator), generator=seed, device=seed.device).to(device)
        return torch.cat([self.generator(part).float() for part in z.split(batch_size)])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the run to one safetensors file: weights, optimisers, random states and history as
        tensors, the record as JSON in the header. Written beside and renamed: never half a file."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        networks = {"generator": self.raw_generator, "critic": self.critic}
        specs = {name: getattr(network, "spec", None) for name, network in networks.items()}
        header = json.dumps({"format": _FORMAT, "record": self.record, "networks": specs})
        history = {f"history/{k}": torch.from_numpy(v) for k, v in self.history.items()}
        tensors = {k: v.cpu().contiguous() for k, v in (self._state | history).items()}
        beside = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            save_file(tensors, beside, metadata={"ganmath": header})
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        return path


@dataclass(frozen=True)
class CriticRun:
    """A critic trained between two fixed distributions. history: "step", "critic_loss", "c_real",
    "c_fake", arrays (steps,). record: environment, settings and timing, as plain JSON."""

    critic: nn.Module
    history: dict[str, np.ndarray]
    record: dict[str, Any]


def load_run(
    path: str | os.PathLike[str],
    generator: nn.Module | None = None,
    critic: nn.Module | None = None,
    device: Any = None,
) -> Run:
    """A run saved by `Run.save` or by a checkpoint of `fit`; no code is unpickled.

    generator, critic: needed only for networks that ganmath did not build; their weights are
    overwritten. Raises: FileNotFoundError; CheckpointError for a file that is cut off or of another
    kind; ValueError for networks that do not fit.
    """
    tensors, header = read(path)
    where = torch.device(device or "cpu")
    generator = place(_rebuild(header, "generator") if generator is None else generator, where)
    critic = _rebuild(header, "critic") if critic is None else _as_trained(critic, header)
    critic = place(critic, where)
    average = averaged_copy(generator)
    for name, network in (("generator", generator), ("average", average), ("critic", critic)):
        load_weights(network, tensors, name)
    history = {k: v.numpy() for k, v in under(tensors, "history").items()}
    state = {k: v for k, v in tensors.items() if not k.startswith("history/")}
    return Run(average, critic, generator, history, header["record"], state)


class CheckpointError(ValueError):
    """The file is not a whole run of ganmath."""


class TrainingDiverged(RuntimeError):
    """A loss or a weight became infinite or NaN. `.run` is the run in its last good state."""

    def __init__(self, message: str, run: Any):
        super().__init__(message)
        self.run = run


# --- parts of files and networks ------------------------------------------------------------------


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a run's file and its header; FileNotFoundError, CheckpointError."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no run saved at {path}")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("ganmath", "{}"))
            if header.get("format") == _FORMAT:
                return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118
        reason = "it holds no ganmath run"
    except (SafetensorError, ValueError, OSError) as error:
        reason = str(error)
    raise CheckpointError(
        f"{path} is not a whole run of ganmath: it was cut off or is another kind of file ({reason}). "
        "Resume from an earlier file, or delete it and start afresh."
    )


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names start with "prefix/", by the rest of their names."""
    start = f"{prefix}/"
    return {k[len(start) :]: v for k, v in tensors.items() if k.startswith(start)}


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Copy a network's weights and buffers out of a file's tensors; ValueError where they do not fit."""
    try:
        network.load_state_dict(under(tensors, name))
    except RuntimeError as error:
        raise ValueError(f"the saved {name} does not fit this network: {error}") from error


def place(network: nn.Module, device: torch.device) -> nn.Module:
    """The network on the device, images channels last."""
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def averaged_copy(generator: nn.Module) -> nn.Module:
    """A copy in evaluation mode, for the moving average."""
    return copy.deepcopy(generator).eval().requires_grad_(False)


def _as_trained(critic: nn.Module, header: Mapping[str, Any]) -> nn.Module:
    """A critic of the user's own, with outputs in the interval that the run's loss asked for."""
    loss = header["record"]["settings"]["loss"]
    return bounded(critic, read_constraint(loss["constraint"])) if "constraint" in loss else critic


def _rebuild(header: Mapping[str, Any], name: str) -> nn.Module:
    spec = header["networks"].get(name)
    if spec is None:
        raise ValueError(f"this run's {name} is of your own making: pass load_run(..., {name}=…)")
    return build(spec)
