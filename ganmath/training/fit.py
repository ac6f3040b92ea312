"""`fit` trains a generator with its critic, `fit_critic` a critic alone: checks, settings, and one loop.

Adam as in DCGAN (Radford et al. 2016). Both describe in a record everything they were told.
"""

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganmath.networks import MLP, dcgan_discriminator, dcgan_generator, latent_size, logits
from ganmath.records import environment
from ganmath.regularizers import bounded, unmet
from ganmath.theory.constraints import Free
from ganmath.theory.penalties import GradientTerm, gradient_terms
from ganmath.training.batches import Batches, describe_data, device_of, sample_shape
from ganmath.training.checkpoints import CriticRun, Run, TrainingDiverged, averaged_copy, place, read, under
from ganmath.training.loop import Loop
from ganmath.training.steps import Game, update_average

#: What is logged of each step, beside the step and the number of real images seen so far.
COLUMNS = ("critic_loss", "generator_loss", "c_real", "c_fake")
CRITIC_COLUMNS = ("critic_loss", "c_real", "c_fake")


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
    penalties: Sequence[GradientTerm] = (),
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
        (n,) or (n, 1). Default: DCGAN of width 32 for images of 28x28 and 32x32 (its critic without
        batch normalisation where the gradient is penalised), perceptrons with two hidden layers of 128
        for points. Where the loss asks for outputs in an interval, the critic of the run is a `Bounded`
        one around the module given.
    steps : generator steps; each follows `n_critic` critic steps on fresh batches. The last of these
        and the generator step share their fakes.
    lr : Adam's learning rate, or (generator's, critic's). betas : Adam's.
    ema : half-life, in images, of the generator's moving average (`update_average`).
    penalties : gradient terms (`GradientTerm`) beside those of the loss.
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

    Raises ValueError for shapes and settings that do not fit, and where nothing keeps the critic
    Lipschitz that the loss wants so, with the ways that would. Raises CheckpointError, and
    TrainingDiverged, with the last good state, when a loss or a weight is not finite.
    """
    lr_g, lr_d = (float(x) for x in (lr if isinstance(lr, (tuple, list)) else (lr, lr)))
    for name, value in (("steps", steps), ("batch_size", batch_size), ("n_critic", n_critic)):
        _require_count(name, value)
    _require_count("log_every", log_every)
    penalties, where = gradient_terms(penalties), device_of(device, data)
    with _isolated(where):
        torch.manual_seed(seed)
        shape = sample_shape(data)
        generator = place(_default_generator(shape) if generator is None else generator, where).train()
        critic = _critic(loss, critic, shape, penalties, where)
        _check_shapes(generator, critic, shape, where)
        game = Game.of(loss, critic, penalties)
        bf16 = bool(_computes_in_bfloat16(where) if autocast is None else autocast)
        settings = {
            "loss": _describe_loss(loss),
            "data": describe_data(data),
            "batch_size": batch_size,
            "seed": seed,
            "n_critic": n_critic,
            "lr": [lr_g, lr_d],
            "betas": list(betas),
            "ema": ema,
            "autocast": bf16,
            "generator": _describe_network(generator),
            "critic": _describe_network(critic),
            **_describe_penalties(penalties),
        }
        rng = torch.Generator(device=where).manual_seed(seed)
        batches = Batches(data, batch_size, seed, rng)
        noise = (batch_size, latent_size(generator))
        average = averaged_copy(generator)
        optimizer_g, optimizer_d = _adam(generator, lr_g, betas), _adam(critic, lr_d, betas)

        def advance(step: int) -> Tensor:
            """`n_critic` critic steps, a generator step, the average."""
            with torch.autocast(where.type, dtype=torch.bfloat16, enabled=bf16):
                for k in range(n_critic):
                    real = batches(step * n_critic + k)
                    with torch.set_grad_enabled(k == n_critic - 1):  # the last fakes train both
                        fake = generator(torch.randn(noise, generator=rng, device=where))
                    d = game.critic_step(optimizer_d, real, fake, step * n_critic + k, rng)
            # anew: autocast keeps casts of the critic's weights, now stale
            with torch.autocast(where.type, dtype=torch.bfloat16, enabled=bf16):
                g = game.generator_step(optimizer_g, fake, real)
            update_average(average, generator, batch_size, ema, (step + 1) * batch_size)
            return torch.stack([d[0], g, d[1], d[2]])

        networks = {"generator": generator, "average": average, "critic": critic}
        optimizers = {"optimizer_g": optimizer_g, "optimizer_d": optimizer_d}
        loop = Loop(COLUMNS, networks, optimizers, rng, advance)

        def result(state: dict[str, Tensor]) -> Run:
            history = loop.history
            history["images"] = history["step"] * batch_size * n_critic
            images = loop.step * batch_size * n_critic
            speed = {"images": images, "images_per_second": images / loop.seconds if images else 0.0}
            record = _record(settings, loop) | speed
            return Run(average, critic, generator, history, record, state)

        saved = 0

        def read(state: dict[str, Tensor]) -> None:
            nonlocal saved
            for act in [callback] if callable(callback) else callback or ():
                act(result(state))
            due = loop.step - saved >= checkpoint_every or loop.step == steps
            if checkpoint is not None and due:
                result(state).save(checkpoint)
                saved = loop.step

        def diverged(what: str, state: dict[str, Tensor]) -> Exception:
            kept = "in .run of this error"
            if checkpoint is not None:
                result(state).save(checkpoint)
                kept += f" and in {checkpoint}"
            return TrainingDiverged(f"{what} {kept}. {_REMEDY}", result(state))

        if (source := _resume_from(resume, checkpoint)) is not None:
            _continue(loop, settings, source)
        if loop.step > steps:
            raise ValueError(f"{source} is at step {loop.step} already: ask for more than {steps}")
        saved = loop.step
        return result(loop.run(steps, log_every, progress, read, diverged))


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
    penalties: Sequence[GradientTerm] = (),
    device: Any = None,
    log_every: int = 100,
    progress: bool = True,
) -> CriticRun:
    """Train only a critic, between samples of p (real) and of q (fake), both held fixed.

    Parameters: p, q, each a toy, a data set, a Run, a float tensor (N, ...), or a function from n
    to a batch (n, ...). critic: default a perceptron with two hidden layers of 128. lr: Adam's first
    learning rate; it falls to zero along half a cosine, so that the noise of the last batches
    averages out. Others as in `fit`, the critic's constraint and penalties too. Raises: ValueError;
    TrainingDiverged.
    """
    for name, value in (("steps", steps), ("batch_size", batch_size), ("log_every", log_every)):
        _require_count(name, value)
    penalties, where = gradient_terms(penalties), device_of(device, p)
    with _isolated(where):
        torch.manual_seed(seed)
        rng = torch.Generator(device=where).manual_seed(seed)
        real, fake = (Batches(x, batch_size, seed + i, rng) for i, x in enumerate((p, q)))
        shape = tuple(real(0).shape[1:])
        if (other := tuple(fake(0).shape[1:])) != shape:
            raise ValueError(f"p gives samples of shape {shape}, q of shape {other}: they must agree")
        critic = _critic(loss, critic, shape, penalties, where)
        game = Game.of(loss, critic, penalties)
        optimizer = _adam(critic, lr, betas)
        settings = {
            "loss": _describe_loss(loss),
            "p": describe_data(p),
            "q": describe_data(q),
            "critic": _describe_network(critic),
            "batch_size": batch_size,
            "seed": seed,
            "lr": lr,
            "betas": list(betas),
            **_describe_penalties(penalties),
        }

        def advance(step: int) -> Tensor:
            optimizer.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * step / steps)) / 2
            return game.critic_step(optimizer, real(step), fake(step), step, rng)

        loop = Loop(CRITIC_COLUMNS, {"critic": critic}, {"optimizer": optimizer}, rng, advance)

        def result() -> CriticRun:
            return CriticRun(critic, loop.history, _record(settings, loop))

        def diverged(what: str, state: dict[str, Tensor]) -> Exception:
            return TrainingDiverged(f"{what} in .run of this error. {_REMEDY}", result())

        loop.run(steps, log_every, progress, lambda state: None, diverged)
        critic.eval()
        return result()


_REMEDY = "A smaller learning rate or a penalty on the critic's gradient usually helps."


def _record(settings: dict[str, Any], loop: Loop) -> dict[str, Any]:
    """Environment, settings, steps and seconds, as plain JSON."""
    where = environment(loop.device)
    return {"environment": where, "settings": settings, "steps": loop.step, "seconds": loop.seconds}


def _continue(loop: Loop, settings: dict[str, Any], path: Path) -> None:
    """Continue from a file; ValueError where its settings are not those of this call."""
    tensors, header = read(path)
    theirs = header["record"]["settings"]
    ours = json.loads(json.dumps(settings))
    if theirs != ours:
        differ = sorted(k for k in ours.keys() | theirs.keys() if theirs.get(k) != ours.get(k))
        raise ValueError(
            f"{path} was made with other settings ({', '.join(differ)}): call fit with the same "
            "ones, or start afresh in another file"
        )
    loop.restore(tensors)
    history = under(tensors, "history")
    loop.rows = np.stack([history[name].numpy() for name in loop.columns], axis=1)
    loop.seconds = header["record"]["seconds"]


def _computes_in_bfloat16(device: torch.device) -> bool:
    """Whether the device has bfloat16 arithmetic. Older GPUs (a T4: 7.5) emulate it, far slower than
    float32, and torch.cuda.is_bf16_supported() says yes of them too."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def _critic(
    loss: Any, critic: nn.Module | None, shape: tuple[int, ...], penalties: Any, where: torch.device
) -> nn.Module:
    """The critic to train, as the loss's constraint wants it; ValueError where it cannot be that."""
    fixed = loss.at_defaults() if hasattr(loss, "at_defaults") else loss
    constraint, own = getattr(fixed, "constraint", Free()), getattr(fixed, "penalties", ())
    if critic is None:
        critic = _default_critic(shape, "none" if own or penalties else "batch")
    if reason := unmet(constraint, critic, (*own, *penalties)):
        raise ValueError(f"{getattr(loss, 'label', loss)}: {reason}")
    return place(bounded(critic, constraint), where).train()


def _default_generator(shape: tuple[int, ...]) -> nn.Module:
    if len(shape) == 1:
        return MLP(max(2, shape[0]), 128, 128, shape[0])
    return dcgan_generator(shape, latent=64, width=32)  # type: ignore[arg-type]  # it checks


def _default_critic(shape: tuple[int, ...], norm: str) -> nn.Module:
    if len(shape) == 1:
        return MLP(shape[0], 128, 128, 1)
    return dcgan_discriminator(shape, width=32, norm=norm)  # type: ignore[arg-type]  # it checks


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


def _describe_loss(loss: Any) -> dict[str, Any]:
    """What the loss says of itself; a name for other objects."""
    if hasattr(loss, "described"):
        return loss.described()
    return {"name": str(getattr(loss, "name", type(loss).__name__))}


def _describe_penalties(penalties: Sequence[GradientTerm]) -> dict[str, Any]:
    """Penalties beside the loss's own, where there are some."""
    return {"penalties": [term.described() for term in penalties]} if penalties else {}


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
