"""The one loop: steps in blocks, a reading after each, and back to the last good state on NaN.

Nothing in a block waits for the device: each step leaves a row of numbers there, read block by block.
"""

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganmath.training.checkpoints import load_weights, under


@dataclass
class Loop:
    """The state of one training, and the loop over it.

    columns: names of the numbers that a step gives. networks and optimizers: by the names they have in
    a file. advance: takes the step of a number, counted from 0, and returns its numbers, (columns,).
    """

    columns: tuple[str, ...]
    networks: Mapping[str, nn.Module]
    optimizers: Mapping[str, torch.optim.Optimizer]
    rng: torch.Generator
    advance: Callable[[int], Tensor]
    rows: np.ndarray = field(init=False)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.rows = np.empty((0, len(self.columns)))
        self.device = self.rng.device

    @property
    def step(self) -> int:
        """Number of steps taken."""
        return len(self.rows)

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Each column, (steps,), by name, and the number of each step."""
        columns = {name: self.rows[:, i].copy() for i, name in enumerate(self.columns)}
        return {"step": np.arange(1, self.step + 1)} | columns

    def run(
        self,
        steps: int,
        log_every: int,
        progress: bool,
        read: Callable[[dict[str, Tensor]], None],
        diverged: Callable[[str, dict[str, Tensor]], Exception],
    ) -> dict[str, Tensor]:
        """Go on until `steps` are taken, and return the last state.

        read gets the state at every reading. Where something is not finite, the state of the last
        reading is put back and the error raised that `diverged` makes of what happened and that state.
        """
        good = self.snapshot()
        with _progress_bar(total=steps, initial=self.step, disable=not progress) as bar:
            while self.step < steps:
                started = time.perf_counter()
                count = min(log_every - self.step % log_every, steps - self.step)
                buffer = torch.empty(count, len(self.columns), device=self.device)
                for row in range(count):
                    buffer[row] = self.advance(self.step + row)
                block = buffer.cpu().numpy()  # the one place where the host waits
                self.seconds += time.perf_counter() - started
                if not (np.isfinite(block).all() and self.is_finite()):
                    self.restore(good)
                    raise diverged(self.what_happened(block), good)
                self.rows = np.concatenate([self.rows, block])
                good = self.snapshot()
                bar.update(count)
                bar.set_postfix(dict(zip(self.columns, (f"{x:.3f}" for x in block[-1]), strict=True)))
                read(good)
        return good

    def snapshot(self) -> dict[str, Tensor]:
        """A copy of everything that the next step depends on."""
        state = {f"{n}/{k}": v.clone() for n, m in self.networks.items() for k, v in m.state_dict().items()}
        for name, optimizer in self.optimizers.items():
            for i, moments in optimizer.state_dict()["state"].items():
                state |= {f"{name}/{i}/{k}": v.clone() for k, v in moments.items()}
        state["rng/run"] = self.rng.get_state().clone()
        state["rng/cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            state["rng/cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put a snapshot back."""
        for name, network in self.networks.items():
            load_weights(network, state, name)
        for name, optimizer in self.optimizers.items():
            weights = [w for group in optimizer.param_groups for w in group["params"]]
            for i, w in enumerate(weights):
                optimizer.state[w] = {  # moments in the memory format of their weights
                    k: torch.empty_like(w).copy_(v) if v.shape == w.shape and v.ndim else v.clone()
                    for k, v in under(state, f"{name}/{i}").items()
                }
        self.rng.set_state(state["rng/run"].cpu())
        torch.set_rng_state(state["rng/cpu"].cpu())
        if self.device.type == "cuda" and "rng/cuda" in state:
            torch.cuda.set_rng_state(state["rng/cuda"].cpu(), self.device)

    def is_finite(self) -> bool:
        """Whether all weights and buffers are."""
        tensors = [t for m in self.networks.values() for t in m.state_dict().values()]
        checks = [t.isfinite().all() for t in tensors if t.is_floating_point()]
        return bool(torch.stack(checks).all())

    def what_happened(self, block: np.ndarray) -> str:
        """Which kind of number was not finite in the steps after the last reading, and where first."""
        bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
        first = self.step + 1 + (int(bad[0]) if len(bad) else len(block) - 1)
        what = "a loss or logit" if len(bad) else "a weight"
        return f"{what} is not finite at step {first}; the state after step {self.step} is kept"


def _progress_bar(**settings: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without ipywidgets tqdm warns, and falls back to text
        from tqdm.auto import tqdm
    return tqdm(unit="step", mininterval=0.5, **settings)
