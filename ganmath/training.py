"""The training loop: one visible loop for every loss, a critic step and a generator step.

Alternating steps as in Goodfellow et al. 2014 (arXiv 1406.2661, algorithm 1), Adam as in DCGAN
(Radford et al. 2016), an exponential moving average of the generator (Yazici et al. 2019). Nothing
in the loop waits for the device: losses are written to a buffer there, read every `log_every` steps.
"""

import copy
import json
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ganmath.data import Dataset
from ganmath.networks import (
    MLP,
    build,
    dcgan_discriminator,
    dcgan_generator,
    latent_size,
    logits,
)
from ganmath.records import environment

#: What is logged of each step, beside the step and the number of real images seen so far.
COLUMNS = ("critic_loss", "generator_loss", "c_real", "c_fake")

Sampler = Callable[[int], Tensor]


# --- the two steps -----------------------------------------------------------------------------


def critic_step(
    loss: Any, critic: nn.Module, optimizer: torch.optim.Optimizer, real: Tensor, fake: Tensor
) -> Tensor:
    """One optimiser step of the critic on L_D; the generator is not touched.

    Parameters: real and fake, batches (n, ...); fake is detached here.
    Returns: (critic loss, mean logit on real, mean logit on fake), a tensor (3,) on the device.
    """
    c_real = logits(critic, real)
    c_fake = logits(critic, fake.detach())
    value = loss.critic_loss(c_real, c_fake)
    optimizer.zero_grad(set_to_none=True)
    value.backward()
    optimizer.step()
    return torch.stack([value.detach(), c_real.detach().mean(), c_fake.detach().mean()])


def generator_step(
    loss: Any,
    critic: nn.Module,
    optimizer: torch.optim.Optimizer,
    fake: Tensor,
    real: Tensor | None = None,
) -> Tensor:
    """One optimiser step of the generator on L_G; neither weights nor buffers of the critic change.

    Parameters: fake, a batch with its graph back to the generator; real, used only by losses whose
    generator has a term on real outputs. Returns: the generator's loss, a scalar on the device.
    """
    with frozen(critic):
        c_fake = logits(critic, fake)
        c_real = logits(critic, real) if loss.needs_real and real is not None else None
        value = loss.generator_loss(c_fake, c_real)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
    optimizer.step()
    return value.detach()


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Hold the weights fixed (no gradient is computed for them) and put the buffers back at the end.

    Batch normalisation still normalises by the batch, as in training, and spectral normalisation
    still runs; but the running statistics and singular vectors they leave behind are undone.
    """
    weights = [w for w in network.parameters() if w.requires_grad]
    before = [(b, b.clone()) for b in network.buffers()]
    for w in weights:
        w.requires_grad_(False)
    try:
        yield
    finally:
        for w in weights:
            w.requires_grad_(True)
        with torch.no_grad():
            for b, kept in before:
                b.copy_(kept)


@torch.no_grad()
def update_average(
    average: nn.Module, network: nn.Module, batch_size: int, half_life: float, images: int
) -> None:
    r"""Move the average's weights towards the network's; its buffers are copied.

    .. math:: \bar\theta \leftarrow \beta\bar\theta + (1 - \beta)\theta, \qquad
        \beta = 2^{-\text{batch size} / h}, \quad h = \min(\text{half life}, \text{images} / 20)

    half_life counts images; the bound images / 20 keeps the start out of the average. Source: the
    half-life and its ramp of Karras et al. 2020 (StyleGAN2-ADA, arXiv 2006.06676), public code.
    """
    h = min(half_life, images / 20)
    beta = 0.5 ** (batch_size / h) if h > 0 else 0.0
    for mean, weight in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(weight, 1 - beta)
    for kept, buffer in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(buffer)


# --- what a training run gives back --------------------------------------------------------------


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
    tensors, header = _read(path)
    where = torch.device(device or "cpu")
    generator = _place(_rebuild(header, "generator") if generator is None else generator, where)
    critic = _place(_rebuild(header, "critic") if critic is None else critic, where)
    average = _averaged_copy(generator)
    for name, network in (("generator", generator), ("average", average), ("critic", critic)):
        _load_weights(network, tensors, name)
    history = {k: v.numpy() for k, v in _under(tensors, "history").items()}
    state = {k: v for k, v in tensors.items() if not k.startswith("history/")}
    return Run(average, critic, generator, history, header["record"], state)


class CheckpointError(ValueError):
    """The file is not a whole run of ganmath."""


class TrainingDiverged(RuntimeError):
    """A loss or a weight became infinite or NaN. `.run` is the run in its last good state."""

    def __init__(self, message: str, run: Any):
        super().__init__(message)
        self.run = run


# --- the loop ------------------------------------------------------------------------------------


def fit(
    loss: Any,
    data: Any,
    generator: nn.Module | None = None,
    critic: nn.Module | None = None,
    *,
    steps: int,
    batch_size: int = 64,
    seed: int = 0,
    n_critic: int = 1,
    lr: float | tuple[float, float] = 2e-4,
    betas: tuple[float, float] = (0.5, 0.999),
    ema: float = 10_000,
    device: Any = None,
    autocast: bool | None = None,
    log_every: int = 50,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 1000,
    resume: bool | str | os.PathLike[str] = False,
    progress: bool = True,
    callback: Callable[[Run], None] | Sequence[Callable[[Run], None]] = (),
) -> Run:
    """Train a generator and a critic on `data` with `loss`.

    Parameters
    ----------
    loss : a GANLoss, or any object with critic_loss(c_real, c_fake), generator_loss(c_fake, c_real)
        and needs_real.
    data : a data set of gm.load, a toy, or a float tensor (N, ...).
    generator, critic : modules, trained in place: noise (n, latent) to samples; samples to logits
        (n,) or (n, 1). Default: DCGAN of width 32 for images of 28x28 and 32x32, perceptrons with
        two hidden layers of 128 for points.
    steps : generator steps; each follows `n_critic` critic steps on fresh batches. The last of these
        and the generator step share their fakes.
    lr : Adam's learning rate, or (generator's, critic's). betas : Adam's.
    ema : half-life, in images, of the generator's moving average (`update_average`).
    device : default CUDA where there is one (a data set of gm.load is copied there whole); for a
        tensor, where it lies.
    autocast : run the networks in bfloat16 (losses stay float32). Default: on CUDA devices that
        compute in it, those of compute capability 8.0 and above.
    log_every : steps between readings of the history, when it is also checked to be finite.
    checkpoint : file written at the first reading after every `checkpoint_every` steps, and at the
        end.
    resume : True continues from `checkpoint` if it exists; a path continues from that file. On the
        same device and versions the result equals the uninterrupted run bit for bit.
    callback : a function, or several in a list, called with the Run, still in training, at every
        reading; what one draws at random does not change the run.

    Raises: ValueError for shapes and settings that do not fit; CheckpointError; TrainingDiverged,
    with the last good state, when a loss or a weight is not finite.
    """
    lr_g, lr_d = (float(x) for x in (lr if isinstance(lr, (tuple, list)) else (lr, lr)))
    for name, value in (("steps", steps), ("batch_size", batch_size), ("n_critic", n_critic)):
        _require_count(name, value)
    _require_count("log_every", log_every)
    where = _device(device, data)
    with _isolated(where):
        torch.manual_seed(seed)
        shape = _sample_shape(data)
        generator = _place(_default_generator(shape) if generator is None else generator, where).train()
        critic = _place(_default_critic(shape) if critic is None else critic, where).train()
        _check_shapes(generator, critic, shape, where)
        bf16 = _computes_in_bfloat16(where) if autocast is None else autocast
        settings = {
            "loss": _describe_loss(loss),
            "data": _describe_data(data),
            "batch_size": batch_size,
            "seed": seed,
            "n_critic": n_critic,
            "lr": [lr_g, lr_d],
            "betas": list(betas),
            "ema": ema,
            "autocast": bool(bf16),
            "generator": _describe_network(generator),
            "critic": _describe_network(critic),
        }
        loop = _Loop(loss, data, generator, critic, settings, where)
        if (source := _resume_from(resume, checkpoint)) is not None:
            loop.load(source)
        if loop.step > steps:
            raise ValueError(f"{source} is at step {loop.step} already: ask for more than {steps}")
        callbacks = [callback] if callable(callback) else list(callback or ())
        return loop.run(steps, log_every, checkpoint, checkpoint_every, progress, callbacks)


class _Loop:
    """The state of one `fit`, and the loop over it."""

    def __init__(
        self,
        loss: Any,
        data: Any,
        generator: nn.Module,
        critic: nn.Module,
        settings: dict[str, Any],
        device: torch.device,
    ):
        self.loss, self.settings, self.device = loss, settings, device
        self.generator, self.critic = generator, critic
        self.average = _averaged_copy(generator)
        self.optimizer_g = _adam(generator, settings["lr"][0], settings["betas"])
        self.optimizer_d = _adam(critic, settings["lr"][1], settings["betas"])
        self.rng = torch.Generator(device=device).manual_seed(settings["seed"])
        self.real = _Batches(data, settings["batch_size"], settings["seed"], self.rng)
        self.noise = (settings["batch_size"], latent_size(generator))
        self.history = np.empty((0, len(COLUMNS)))
        self.seconds = 0.0

    @property
    def step(self) -> int:
        return len(self.history)

    def run(
        self,
        steps: int,
        log_every: int,
        checkpoint: Any,
        checkpoint_every: int,
        progress: bool,
        callbacks: Sequence[Callable[[Run], None]],
    ) -> Run:
        good, saved = self.snapshot(), self.step
        with _progress_bar(total=steps, initial=self.step, disable=not progress) as bar:
            while self.step < steps:
                started = time.perf_counter()
                count = min(log_every - self.step % log_every, steps - self.step)
                block = self.take_steps(count).cpu().numpy()  # the one place where the host waits
                self.seconds += time.perf_counter() - started
                if not (np.isfinite(block).all() and _is_finite(self.generator, self.critic)):
                    raise self.diverged(block, good, checkpoint)
                self.history = np.concatenate([self.history, block])
                good = self.snapshot()
                bar.update(count)
                bar.set_postfix(critic=f"{block[-1, 0]:.3f}", generator=f"{block[-1, 1]:.3f}")
                for callback in callbacks:
                    callback(self.result(good))
                due = self.step - saved >= checkpoint_every or self.step == steps
                if checkpoint is not None and due:
                    self.result(good).save(checkpoint)
                    saved = self.step
        return self.result(good)

    def take_steps(self, count: int) -> Tensor:
        """`count` iterations: n_critic critic steps, a generator step, the average. No host sync."""
        n, n_critic = self.settings["batch_size"], self.settings["n_critic"]
        buffer = torch.empty(count, len(COLUMNS), device=self.device)
        for row in range(count):
            step = self.step + row
            with self.autocast():
                for k in range(n_critic):
                    real = self.real(step * n_critic + k)
                    with torch.set_grad_enabled(k == n_critic - 1):  # the last fakes train both
                        z = torch.randn(self.noise, generator=self.rng, device=self.device)
                        fake = self.generator(z)
                    d = critic_step(self.loss, self.critic, self.optimizer_d, real, fake)
            with self.autocast():  # anew: autocast keeps casts of the critic's weights, now stale
                g = generator_step(self.loss, self.critic, self.optimizer_g, fake, real)
            update_average(self.average, self.generator, n, self.settings["ema"], (step + 1) * n)
            buffer[row] = torch.stack([d[0], g, d[1], d[2]])
        return buffer

    def autocast(self) -> AbstractContextManager:
        enabled = self.settings["autocast"]
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=enabled)

    def snapshot(self) -> dict[str, Tensor]:
        """A copy of everything that the next step depends on."""
        networks = {"generator": self.generator, "average": self.average, "critic": self.critic}
        state = {f"{n}/{k}": v.clone() for n, m in networks.items() for k, v in m.state_dict().items()}
        for name, optimizer in self.optimizers.items():
            for i, moments in optimizer.state_dict()["state"].items():
                state |= {f"{name}/{i}/{k}": v.clone() for k, v in moments.items()}
        state["rng/run"] = self.rng.get_state().clone()
        state["rng/cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            state["rng/cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"optimizer_g": self.optimizer_g, "optimizer_d": self.optimizer_d}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        networks = {"generator": self.generator, "average": self.average, "critic": self.critic}
        for name, network in networks.items():
            _load_weights(network, state, name)
        for name, optimizer in self.optimizers.items():
            weights = [w for group in optimizer.param_groups for w in group["params"]]
            for i, w in enumerate(weights):
                optimizer.state[w] = {  # moments in the memory format of their weights
                    k: torch.empty_like(w).copy_(v) if v.shape == w.shape and v.ndim else v.clone()
                    for k, v in _under(state, f"{name}/{i}").items()
                }
        self.rng.set_state(state["rng/run"].cpu())
        torch.set_rng_state(state["rng/cpu"].cpu())
        if self.device.type == "cuda" and "rng/cuda" in state:
            torch.cuda.set_rng_state(state["rng/cuda"].cpu(), self.device)

    def load(self, path: Path) -> None:
        """Continue from a file; ValueError where its settings are not those of this call."""
        tensors, header = _read(path)
        theirs = header["record"]["settings"]
        ours = json.loads(json.dumps(self.settings))
        if theirs != ours:
            differ = [k for k in ours if theirs.get(k) != ours[k]]
            raise ValueError(
                f"{path} was made with other settings ({', '.join(differ)}): call fit with the same "
                "ones, or start afresh in another file"
            )
        self.restore(tensors)
        history = _under(tensors, "history")
        self.history = np.stack([history[name].numpy() for name in COLUMNS], axis=1)
        self.seconds = header["record"]["seconds"]

    def result(self, state: dict[str, Tensor]) -> Run:
        step = np.arange(1, self.step + 1)
        images = step * self.settings["batch_size"] * self.settings["n_critic"]
        history = {"step": step, "images": images}
        history |= {name: self.history[:, i].copy() for i, name in enumerate(COLUMNS)}
        record = {
            "environment": environment(self.device),
            "settings": self.settings,
            "steps": self.step,
            "images": int(images[-1]) if self.step else 0,
            "seconds": self.seconds,
            "images_per_second": float(images[-1]) / self.seconds if self.step else 0.0,
        }
        return Run(self.average, self.critic, self.generator, history, record, state)

    def diverged(self, block: np.ndarray, good: dict[str, Tensor], checkpoint: Any) -> Exception:
        """Go back to the last good state, save it, and say what happened."""
        bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
        first = self.step + 1 + (int(bad[0]) if len(bad) else len(block) - 1)
        what = "a loss or logit" if len(bad) else "a weight"
        self.restore(good)
        run = self.result(good)
        kept = "in .run of this error"
        if checkpoint is not None:
            run.save(checkpoint)
            kept += f" and in {checkpoint}"
        return TrainingDiverged(
            f"{what} is not finite at step {first}; the state after step {self.step} is kept {kept}. "
            "A smaller learning rate or a penalty on the critic's gradient usually helps.",
            run,
        )


# --- the critic alone ----------------------------------------------------------------------------


@dataclass(frozen=True)
class CriticRun:
    """A critic trained between two fixed distributions. history: "step", "critic_loss", "c_real",
    "c_fake", arrays (steps,). record: environment, settings and timing, as plain JSON."""

    critic: nn.Module
    history: dict[str, np.ndarray]
    record: dict[str, Any]


def fit_critic(
    loss: Any,
    p: Any,
    q: Any,
    critic: nn.Module | None = None,
    *,
    steps: int,
    batch_size: int = 512,
    seed: int = 0,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    device: Any = None,
    log_every: int = 100,
    progress: bool = True,
) -> CriticRun:
    """Train only a critic, between samples of p (real) and of q (fake), both held fixed.

    Parameters: p, q, each a toy, a data set, a Run, a float tensor (N, ...), or a function from n
    to a batch (n, ...). critic: default a perceptron with two hidden layers of 128. lr: Adam's first
    learning rate; it falls to zero along half a cosine, so that the noise of the last batches
    averages out. Others as in `fit`. Raises: ValueError; TrainingDiverged.
    """
    for name, value in (("steps", steps), ("batch_size", batch_size), ("log_every", log_every)):
        _require_count(name, value)
    where = _device(device, p)
    with _isolated(where):
        torch.manual_seed(seed)
        rng = torch.Generator(device=where).manual_seed(seed)
        real, fake = (_Batches(x, batch_size, seed + i, rng) for i, x in enumerate((p, q)))
        shape = tuple(real(0).shape[1:])
        if (other := tuple(fake(0).shape[1:])) != shape:
            raise ValueError(f"p gives samples of shape {shape}, q of shape {other}: they must agree")
        critic = _place(_default_critic(shape) if critic is None else critic, where).train()
        optimizer = _adam(critic, lr, betas)
        good = {k: v.clone() for k, v in critic.state_dict().items()}
        history = np.empty((0, 3))
        started = time.perf_counter()

        def result() -> CriticRun:
            names = ("critic_loss", "c_real", "c_fake")
            columns = {name: history[:, i].copy() for i, name in enumerate(names)}
            record = {
                "environment": environment(where),
                "settings": {
                    "loss": _describe_loss(loss),
                    "p": _describe_data(p),
                    "q": _describe_data(q),
                    "critic": _describe_network(critic),
                    "batch_size": batch_size,
                    "seed": seed,
                    "lr": lr,
                    "betas": list(betas),
                },
                "steps": len(history),
                "seconds": time.perf_counter() - started,
            }
            return CriticRun(critic, {"step": np.arange(1, len(history) + 1)} | columns, record)

        with _progress_bar(total=steps, disable=not progress) as bar:
            while len(history) < steps:
                count = min(log_every, steps - len(history))
                buffer = torch.empty(count, 3, device=where)
                for row in range(count):
                    i = len(history) + row
                    optimizer.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * i / steps)) / 2
                    buffer[row] = critic_step(loss, critic, optimizer, real(i), fake(i))
                block = buffer.cpu().numpy()
                if not (np.isfinite(block).all() and _is_finite(critic)):
                    critic.load_state_dict(good)
                    raise TrainingDiverged(
                        f"a loss, logit or weight is not finite by step {len(history) + count}; the "
                        f"critic after step {len(history)} is kept in .run of this error. Use a "
                        "smaller lr.",
                        result(),
                    )
                history = np.concatenate([history, block])
                good = {k: v.clone() for k, v in critic.state_dict().items()}
                bar.update(count)
        critic.eval()
        return result()


# --- data, networks, devices -----------------------------------------------------------------------


class _Batches:
    """The i-th batch of real samples, on the run's device.

    Images and tensors come in random order without replacement, epoch by epoch; the order depends on
    (seed, epoch) alone, so that a resumed run needs only its step. Toys draw from the run's `rng`.
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
            raise ValueError(
                f"data must be a data set of gm.load, a toy or a float tensor, not {type(data).__name__}"
            )

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


def _device(device: Any, data: Any) -> torch.device:
    if device is not None:
        return torch.device(device)
    if isinstance(data, Tensor):
        return data.device
    if isinstance(data, Dataset) and data.raw.is_cuda:  # there may be several
        return data.raw.device
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _computes_in_bfloat16(device: torch.device) -> bool:
    """Whether the device has bfloat16 arithmetic. Older GPUs (a T4: 7.5) emulate it, far slower than
    float32, and torch.cuda.is_bf16_supported() says yes of them too."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def _sample_shape(data: Any) -> tuple[int, ...]:
    shape = getattr(data, "shape", None)
    if shape is None:
        raise ValueError(
            f"data must be a data set of gm.load, a toy or a float tensor, not {type(data).__name__}"
        )
    return tuple(shape[1:] if isinstance(data, Tensor) else shape)


def _default_generator(shape: tuple[int, ...]) -> nn.Module:
    if len(shape) == 1:
        return MLP(max(2, shape[0]), 128, 128, shape[0])
    return dcgan_generator(shape, latent=64, width=32)  # type: ignore[arg-type]  # it checks


def _default_critic(shape: tuple[int, ...]) -> nn.Module:
    if len(shape) == 1:
        return MLP(shape[0], 128, 128, 1)
    return dcgan_discriminator(shape, width=32)  # type: ignore[arg-type]  # it checks


def _place(network: nn.Module, device: torch.device) -> nn.Module:
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _averaged_copy(generator: nn.Module) -> nn.Module:
    return copy.deepcopy(generator).eval().requires_grad_(False)


def _adam(network: nn.Module, lr: float, betas: Any) -> torch.optim.Adam:
    weights = [w for w in network.parameters() if w.requires_grad]
    fused = all(w.device.type in ("cpu", "cuda") and w.is_floating_point() for w in weights)
    return torch.optim.Adam(weights, lr=lr, betas=tuple(betas), fused=fused)


@torch.no_grad()
def _check_shapes(
    generator: nn.Module, critic: nn.Module, shape: tuple[int, ...], device: torch.device
) -> None:
    """Run both networks once, in evaluation mode so that no buffer moves."""
    generator.eval()
    critic.eval()
    fake = generator(torch.zeros(2, latent_size(generator), device=device))
    if tuple(fake.shape) != (2, *shape):
        raise ValueError(
            f"the generator makes samples of shape {tuple(fake.shape[1:])}, the data have {shape}: "
            "make them agree"
        )
    logits(critic, fake)
    generator.train()
    critic.train()


def _is_finite(*networks: nn.Module) -> bool:
    tensors = [t for m in networks for t in m.state_dict().values() if t.is_floating_point()]
    return bool(torch.stack([t.isfinite().all() for t in tensors]).all())


def _require_count(name: str, value: Any) -> None:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}={value!r}: give a positive integer")


@contextmanager
def _isolated(device: torch.device) -> Iterator[None]:
    """Leave the caller's random state alone, and let cuDNN choose only repeatable algorithms."""
    cuda = [device] if device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices=cuda),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
    ):
        yield


def _progress_bar(**settings: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without ipywidgets tqdm warns, and falls back to text
        from tqdm.auto import tqdm
    return tqdm(unit="step", mininterval=0.5, **settings)


# --- descriptions and files --------------------------------------------------------------------------

_FORMAT = "ganmath-run-1"


def _describe_loss(loss: Any) -> dict[str, str]:
    parts = ("real", "fake", "gen", "gen_real")
    terms = getattr(loss, "base", loss)  # a relativistic loss is made of another, whose terms it uses
    expressions = {k: str(getattr(terms, k)) for k in parts if hasattr(terms, k)}
    expressions |= {"kind": loss.kind} if terms is not loss else {}
    if str(getattr(terms, "outer", "M")) != "M":
        expressions["outer"] = str(terms.outer)
    name = getattr(loss, "label", None) or getattr(loss, "name", type(loss).__name__)
    return {"name": str(name)} | expressions


def _describe_data(data: Any) -> dict[str, Any]:
    if isinstance(data, Dataset):
        return {"name": data.name, "split": data.split, "source": data.source, "size": len(data)}
    if isinstance(data, Tensor):
        return {"name": "tensor", "shape": list(data.shape)}
    return {"name": getattr(data, "name", "function"), "arguments": _toy_arguments(data)}


def _toy_arguments(data: Any) -> dict[str, Any]:
    plain = (int, float, str, tuple)
    return {k: v for k, v in getattr(data, "__dict__", {}).items() if isinstance(v, plain)}


def _describe_network(network: nn.Module) -> dict[str, Any]:
    spec = getattr(network, "spec", None) or {"builder": type(network).__name__}
    return {**spec, "parameters": sum(w.numel() for w in network.parameters())}


def _resume_from(resume: Any, checkpoint: Any) -> Path | None:
    if resume is False:
        return None
    if resume is not True:
        return Path(resume)
    if checkpoint is None:
        raise ValueError("resume=True continues from `checkpoint`: name that file")
    return Path(checkpoint) if Path(checkpoint).exists() else None


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
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


def _rebuild(header: Mapping[str, Any], name: str) -> nn.Module:
    spec = header["networks"].get(name)
    if spec is None:
        raise ValueError(f"this run's {name} is of your own making: pass load_run(..., {name}=…)")
    return build(spec)


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {k[len(start) :]: v for k, v in tensors.items() if k.startswith(start)}


def _load_weights(network: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    try:
        network.load_state_dict(_under(tensors, name))
    except RuntimeError as error:
        raise ValueError(f"the saved {name} does not fit this network: {error}") from error
