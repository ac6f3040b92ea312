"""Training films: frames of a run, recorded while it trains, kept small, shown behind a scrubber.

On the line a film holds the generator's density, the learned critic and the optimal critic of that
density; in the plane samples and the critic as a heat map; of images a sheet of samples for the same
noise. A frame is computed on the run's device when the history is read, so that training never waits.
"""

import base64
import binascii
import hashlib
import io
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ganmath.widgets.page import Widget

_FORMAT = "ganmath-film-1"
_KINDS = ("line", "plane", "images")
_MISSING = 65535  # the code of NaN

#: Number of steps over which the losses of a frame are averaged, where no integral gives them.
WINDOW = 50


# --- what a film is -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Packed:
    """Numbers as 16-bit integers: low + code (high - low) / 65534, code 65535 for NaN.

    shape; low and high, the range of the numbers; codes, little-endian, in base64. No number is off
    by more than (high - low) / 131068.
    """

    shape: tuple[int, ...]
    low: float
    high: float
    codes: str = field(repr=False)

    @classmethod
    def of(cls, values: Any) -> "Packed":
        """Pack an array; infinite values count as missing."""
        array = np.asarray(values, dtype=float)
        known = array[np.isfinite(array)]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
        scaled = (np.where(np.isfinite(array), array, low) - low) * (65534 / ((high - low) or 1.0))
        codes = np.where(np.isfinite(array), np.rint(scaled), _MISSING).astype("<u2")
        return cls(array.shape, low, high, base64.b64encode(codes.tobytes()).decode())

    def unpack(self) -> np.ndarray:
        """The numbers, float64, NaN where missing."""
        codes = np.frombuffer(base64.b64decode(self.codes), dtype="<u2").reshape(self.shape)
        values = self.low + codes * ((self.high - self.low) / 65534)
        return np.where(codes == _MISSING, np.nan, values)


@dataclass(frozen=True)
class Film:
    """Frames of one run, as they are stored and shown.

    kind: "line", "plane" or "images". steps: (F,) steps at which frames were taken. values: numbers
    of each frame by name, (F,), None where there is none. arrays, by name: on the line "x" and "p"
    (G,), "q", "critic" and "optimal critic" (F, G), the last only for a loss that has one; in the
    plane "real" (m, 2), "q" (F, n, 2) and "extent" (2, 2). Critics are cut off far outside the picture,
    samples outside it are missing. sprite: one PNG or WebP with the frames'
    pictures below one another, F of them. about: the loss, the data, the environment, and "note", how
    the numbers were computed.
    """

    kind: str
    steps: tuple[int, ...]
    values: Mapping[str, tuple[float | None, ...]]
    arrays: Mapping[str, Packed] = field(repr=False)
    about: Mapping[str, Any] = field(repr=False)
    sprite: bytes | None = field(default=None, repr=False)

    def show(self, *, alt: str, caption: str | None = None) -> "Widget":
        """The film behind a scrubber, as the output of a cell.

        alt: what it shows, in a sentence (ValueError when empty). caption: text below.
        """
        from ganmath.widgets.film_page import film_widget

        return film_widget(self, alt=alt, caption=caption)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write <path>.json and, where there are pictures, <path>.png or .webp; JSON last, each whole.

        `load_film` reads them back; the film it gives equals this one.
        """
        path = _without_json(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {
            "format": _FORMAT,
            "kind": self.kind,
            "steps": self.steps,
            "values": self.values,
            "arrays": {name: asdict(packed) for name, packed in self.arrays.items()},
            "about": self.about,
        }
        if self.sprite is not None:
            picture = path.with_name(path.name + _suffix(self.sprite))
            content["sprite"] = {
                "file": picture.name,
                "sha256": hashlib.sha256(self.sprite).hexdigest(),
            }
            _write(picture, self.sprite)
        text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
        return _write(path.with_name(path.name + ".json"), (text + "\n").encode())


def load_film(name: str, folder: str | os.PathLike[str] | None = None) -> Film:
    """A film saved by `Film.save`, by name, such as "film-minimax-mixture".

    folder: default as of `ganmath.records.load_record`, so that a chapter shows the film of a recorded run.
    Raises: FileNotFoundError that lists the films there are; ValueError for a damaged film.
    """
    from ganmath.records import _record_folders

    folders = [Path(folder)] if folder else _record_folders()
    path = next((f / f"{name}.json" for f in folders if (f / f"{name}.json").is_file()), None)
    if path is None:
        known = sorted({p.stem for place in folders for p in place.glob("film-*.json")})
        raise FileNotFoundError(f"no film named {name!r}; there are: {', '.join(known) or 'none'}")
    try:
        return _checked(json.loads(path.read_text(encoding="utf-8")), path.parent)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ValueError(
            f"film {path.name} is damaged or of another kind ({error}): record it again"
        ) from error


def _checked(content: Any, folder: Path) -> Film:
    """A film from what its file holds; ValueError, KeyError or TypeError says what is wrong."""
    if not isinstance(content, dict) or content.get("format") != _FORMAT or content["kind"] not in _KINDS:
        raise ValueError(f"it is not of format {_FORMAT}")
    steps = tuple(int(step) for step in content["steps"])
    values = {str(k): tuple(v) for k, v in content["values"].items()}
    if not steps or any(len(column) != len(steps) for column in values.values()):
        raise ValueError("its columns differ in length")
    arrays = {}
    for key, packed in content["arrays"].items():
        shape = tuple(int(n) for n in packed["shape"])
        try:
            size = len(base64.b64decode(packed["codes"], validate=True))
        except binascii.Error as error:
            raise ValueError(f"{key} is not base64") from error
        if size != 2 * math.prod(shape):
            raise ValueError(f"{key} holds {size} bytes, its shape {shape} needs {2 * math.prod(shape)}")
        arrays[key] = Packed(shape, float(packed["low"]), float(packed["high"]), packed["codes"])
    sprite = None
    if "sprite" in content:
        file = str(content["sprite"]["file"])
        if Path(file).name != file:
            raise ValueError("its picture lies elsewhere")
        sprite = (folder / file).read_bytes()
        if hashlib.sha256(sprite).hexdigest() != content["sprite"]["sha256"]:
            raise ValueError(f"{file} is not the picture that was saved with it")
    return Film(content["kind"], steps, values, arrays, dict(content["about"]), sprite)


# --- recording ------------------------------------------------------------------------------------


@dataclass
class Recorder:
    """Records a film: give it to `fit` as ``callback``, then show or save it.

    Keeps at most `frames` frames. They are those of all readings while these are few; else of every
    second, every fourth and so on, and always of the last.
    """

    frames: int
    take: Callable[[Any], dict[str, Any]] = field(repr=False)
    develop: Callable[[list[dict[str, Any]]], dict[str, Any]] = field(repr=False)
    about: dict[str, Any] = field(repr=False)
    _shots: list[tuple[int, dict[str, Any]]] = field(default_factory=list, repr=False)
    _readings: int = field(default=0, repr=False)
    _stride: int = field(default=1, repr=False)

    def __call__(self, run: Any) -> None:
        """Take a frame of a run in training; nothing of the run changes, random states included."""
        if self._shots and run.step <= self._shots[-1][0]:
            raise ValueError(
                f"this film holds a run up to step {self._shots[-1][0]} already: make a new one for a new run"
            )
        if (self._readings - 1) % self._stride:
            self._shots.pop()  # the last reading was kept only because it was the last
        self._shots.append((run.step, self.take(run)))
        if len(self._shots) > self.frames:
            last = self._shots[-1]
            self._shots = [*self._shots[:-1:2], last]
            self._stride *= 2
        self._readings += 1
        self.about["environment"] = run.record["environment"]

    @property
    def film(self) -> Film:
        """The film so far; ValueError before the first reading."""
        if not self._shots:
            raise ValueError("no frame was taken yet: pass this film as callback= to gm.fit")
        made = self.develop([shot for _, shot in self._shots])
        steps = tuple(step for step, _ in self._shots)
        return Film(steps=steps, about=dict(self.about), **made)

    def show(self, *, alt: str, caption: str | None = None) -> "Widget":
        """The film so far behind a scrubber: see `Film.show`."""
        return self.film.show(alt=alt, caption=caption)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the film so far: see `Film.save`."""
        return self.film.save(path)


def film(
    loss: Any,
    data: Any,
    *,
    frames: int | None = None,
    samples: int | None = None,
    grid: Any = None,
    bandwidth: float | None = None,
) -> Recorder:
    """A film to be recorded, of the kind that fits the data: pass it to `fit` as ``callback``.

    Parameters: loss, a GANLoss, and data, as given to `fit`. frames, at most this many, two or more:
    default 40, of images 24. samples, how many the generator draws for a frame, always from the same
    noise: default 20,000 on the line, 250 in the plane, 32 images. grid (line only), evenly spaced
    points (G,), default 161 over the data's range. bandwidth (line only), standard deviation of the
    Gaussian that smooths the histogram of samples into q, default two grid steps.
    Raises: ValueError for data and settings that do not fit.

    Line and plane show the generator in training, whose samples the critic sees; images its average.
    Example: ``film = gm.widgets.film(loss, data); gm.fit(loss, data, steps=2000, callback=film);
    film.show(alt="…")``.
    """
    shape = getattr(data, "shape", None)
    if shape is None:
        raise ValueError(f"data must be a data set of gm.load or a toy, not {type(data).__name__}")
    shape = tuple(shape[1:] if hasattr(data, "ndim") else shape)
    frames = (24 if len(shape) == 3 else 40) if frames is None else frames
    if frames < 2:
        raise ValueError(f"frames={frames}: a film needs two or more")
    if samples is not None and samples < 1:
        raise ValueError(f"samples={samples}: needed is at least 1")
    if shape != (1,) and (grid is not None or bandwidth is not None):
        raise ValueError("grid and bandwidth are for data on the line only")
    about = {"loss": getattr(loss, "label", type(loss).__name__), "data": getattr(data, "name", "tensor")}
    if shape == (1,):
        return _line_film(loss, data, frames, samples or 20_000, grid, bandwidth, about)
    if shape == (2,):
        return _plane_film(loss, data, frames, samples or 250, about)
    if len(shape) == 3:
        return _image_film(shape, frames, samples or 32, about)
    raise ValueError(f"data of shape {shape} cannot be filmed: needed are (1,), (2,) or (C, H, W)")


@contextmanager
def _evaluated(*networks: Any) -> Iterator[None]:
    """In evaluation mode and without gradients, each module's own mode put back at the end."""
    import torch

    modes = [(module, module.training) for network in networks for module in network.modules()]
    try:
        for network in networks:
            network.eval()
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def _noise(count: int, generator: Any) -> Any:
    """The same noise for every frame, (count, latent), on the generator's device."""
    import torch

    from ganmath.networks import latent_size

    rng = torch.Generator().manual_seed(0)  # on the host: the same numbers on every device
    z = torch.randn(count, latent_size(generator), generator=rng)
    return z.to(next(generator.parameters()).device)


def _recent(run: Any) -> dict[str, float]:
    """Mean losses over the last steps, from the part of the history that the host holds already."""
    names = ("critic_loss", "generator_loss")
    return {name.replace("_", " "): float(run.history[name][-WINDOW:].mean()) for name in names}


def _losses(shots: list[dict[str, Any]]) -> dict[str, list[float]]:
    """The mean losses of all frames, (F,) by name."""
    return {name: [shot["losses"][name] for shot in shots] for name in shots[0]["losses"]}


_RECENT_NOTE = f"Losses are means over the {WINDOW} steps before each frame."


def _host(frames: list[dict[str, Any]], name: str) -> np.ndarray:
    """One entry of all frames as a float64 array (F, …): here the host waits for the device."""
    return np.stack([frame[name].cpu().double().numpy() for frame in frames])


# --- on the line ----------------------------------------------------------------------------------


def _line_film(
    loss: Any, data: Any, frames: int, samples: int, grid: Any, bandwidth: float | None, about: dict[str, Any]
) -> Recorder:
    import torch

    from ganmath.networks import logits

    if not hasattr(data, "log_density"):
        raise ValueError("on the line a film needs data with a known density: a toy of gm.toys")
    x = _default_grid(data) if grid is None else np.asarray(grid, dtype=float)
    spacing = float(x[1] - x[0]) if x.ndim == 1 and len(x) > 2 else 0.0
    if spacing <= 0 or not np.allclose(np.diff(x), spacing):
        raise ValueError("grid must be three or more evenly spaced points (G,) in rising order")
    h = 2 * spacing if bandwidth is None else float(bandwidth)
    if not h >= spacing:
        raise ValueError(
            f"bandwidth={h} is below the grid's spacing {spacing:.3g}: widen it or refine the grid"
        )
    p = np.exp(data.log_density(torch.as_tensor(x)).double().numpy())
    smooth = np.exp(-((x[:, None] - x) ** 2) / (2 * h**2)) / (h * math.sqrt(2 * math.pi))
    kept: dict[str, Any] = {}

    def take(run: Any) -> dict[str, Any]:
        if not kept:
            kept["noise"] = _noise(samples, run.raw_generator)
            kept["x"] = torch.as_tensor(x, dtype=torch.float32, device=kept["noise"].device)
        with _evaluated(run.raw_generator, run.critic):
            drawn = run.raw_generator(kept["noise"]).float().flatten()
            critic = logits(run.critic, kept["x"][:, None])
        cell = ((drawn - x[0]) / spacing).round()
        inside = (cell >= 0) & (cell < len(x))
        cell = torch.where(inside, cell, 0).long()  # NaN, which has no cell, is not inside either
        # index_add_ and not bincount, for which the host would wait
        counts = torch.zeros_like(kept["x"]).index_add_(0, cell, inside.to(kept["x"].dtype))
        return {"counts": counts, "critic": critic}

    def develop(shots: list[dict[str, Any]]) -> dict[str, Any]:
        q = _host(shots, "counts") @ smooth / samples
        critic = _host(shots, "critic")
        # relative standard error of q: its variance is q / (2 sqrt(pi) h samples)
        error = (2 * math.sqrt(math.pi) * h * samples * np.maximum(q, 1e-300)) ** -0.5
        enough = (error <= _ERROR) & (p >= _FLOOR * p.max())
        columns, optimal = _against_optimum(loss, x, p, q, critic, enough)
        columns |= _outside(1 - _host(shots, "counts").sum(1) / samples)
        low, high = critic_range(critic, optimal)
        reach = low - 2 * (high - low), high + 2 * (high - low)
        arrays = {"x": x, "p": p, "q": q, "critic": np.clip(critic, *reach)}
        arrays |= {} if optimal is None else {"optimal critic": np.clip(optimal, *reach)}
        return {
            "kind": "line",
            "values": {name: _column(column) for name, column in columns.items()},
            "arrays": {name: Packed.of(array) for name, array in arrays.items()},
        }

    about["note"] = (
        f"q is a histogram of {samples:,} samples, smoothed by a Gaussian of standard deviation {h:.3g}. "
        "Critic loss and optimum are integrals over the axis shown. The optimal critic is shown where q is "
        f"known to {100 * _ERROR:.0f} % and p exceeds {100 * _FLOOR:.1f} % of its maximum; the distance is "
        "the root mean square of learned minus optimal critic there, weighted by (p + q)/2."
    )
    return Recorder(frames, take, develop, about)


_ERROR = 0.2
_FLOOR = 0.001


def _default_grid(data: Any) -> np.ndarray:
    """161 points over the range of 10,000 samples and a fifth of it more."""
    sample = data.sample(10_000, seed=0)
    low, high = float(sample.min()), float(sample.max())
    margin = 0.1 * (high - low)
    return np.linspace(low - margin, high + margin, 161)


def critic_range(critic: np.ndarray, optimal: np.ndarray | None) -> tuple[float, float]:
    """Limits of an axis for the critics of all frames, (F, G): nearly all of nearly every frame.

    A frame that reaches thirty times as far as the middle one, as when training diverges, is ignored.
    """
    frames = [critic, *([] if optimal is None else [optimal])]
    known = [values[np.isfinite(values)] for values in np.concatenate(frames)]
    ends = np.array([np.quantile(values, (0.02, 0.98)) for values in known if values.size])
    if not ends.size:
        return -1.0, 1.0
    reach = np.abs(ends).max(1)
    ends = ends[reach <= 30 * np.median(reach)]
    low, high = float(np.quantile(ends[:, 0], 0.05)), float(np.quantile(ends[:, 1], 0.95))
    margin = 0.1 * (high - low) or 1.0
    return low - margin, high + margin


def _against_optimum(
    loss: Any, x: np.ndarray, p: np.ndarray, q: np.ndarray, critic: np.ndarray, enough: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    r"""Critic loss, its least value and the distance of the critics, (F,), and the optimal critic, (F, G).

    .. math:: L_D = \int p\,\mathrm{real}(C) + q\,\mathrm{fake}(C)\,dx, \qquad
        \min L_D = \int q\,\min_c[u\,\mathrm{real}(c) + \mathrm{fake}(c)]\,dx, \quad u = p/q

    enough: (F, G), where the optimal critic is shown and the distance is taken. A loss without an
    optimal critic gets its loss only.
    """
    from ganmath.theory.derive import NoOptimalCritic, derive
    from ganmath.theory.expression import to_numpy, u
    from ganmath.theory.structure import pointwise_parts

    loss = loss.at_defaults()
    if pointwise_parts(loss.critic) is None:  # no integral over single points
        return {"critic loss": _critic_loss_on_grid(loss, p, q, critic)}, None
    real, fake = to_numpy(loss.real), to_numpy(loss.fake)
    with np.errstate(all="ignore"):  # a critic that has diverged: its loss is missing
        learned = _integral(p * real(critic) + q * fake(critic), x)
    columns = {"critic loss": learned}
    try:
        derivation = derive(loss)
    except NoOptimalCritic:
        return columns, None
    if derivation.critic_value is None:  # the critic is not optimal point by point
        return columns, None
    # floors so far below any density that they change no integral, only keep u finite
    ratio = np.maximum(p, 1e-30) / np.maximum(q, 1e-30)
    with np.errstate(all="ignore"):
        least = to_numpy(derivation.critic_value, (u,))(ratio) * np.maximum(q, 1e-30)
        optimal = to_numpy(derivation.optimal_critic, (u,))(ratio)
    optimal = np.where(enough & np.isfinite(optimal), optimal, np.nan)
    columns["optimum"] = _integral(least, x)
    weight = np.where(np.isfinite(optimal), (p + q) / 2, 0.0)
    squares = weight * np.nan_to_num(critic - optimal) ** 2
    with np.errstate(invalid="ignore"):
        columns["distance"] = np.sqrt(squares.sum(1) / weight.sum(1))
    return columns, optimal


def _critic_loss_on_grid(loss: Any, p: np.ndarray, q: np.ndarray, critic: np.ndarray) -> np.ndarray:
    """L_D (F,) of a loss that compares samples, between the densities' shares of the grid's points."""
    from ganmath.theory.plan import Evaluator, plan

    value = Evaluator(plan(loss.critic))
    p = np.broadcast_to(p, critic.shape)
    with np.errstate(all="ignore"):
        return np.array(
            [value(c, a / a.sum(), b / b.sum())[0] for c, a, b in zip(critic, p, q, strict=True)], dtype=float
        )


def _integral(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Trapezoidal rule over the last axis, on evenly spaced points."""
    return (x[1] - x[0]) * (values.sum(-1) - (values[..., 0] + values[..., -1]) / 2)


def _outside(share: np.ndarray) -> dict[str, np.ndarray]:
    """The share of samples outside the picture, (F,), where there are any to speak of."""
    return {"samples outside": share} if (share > 0.005).any() else {}


def _column(numbers: Any) -> tuple[float | None, ...]:
    """Six significant digits of each, None for what is not finite."""
    return tuple(float(f"{x:.6g}") if math.isfinite(x) else None for x in map(float, numbers))


# --- in the plane ---------------------------------------------------------------------------------


_SIDE = 48  # pixels of the heat map


def _plane_film(loss: Any, data: Any, frames: int, samples: int, about: dict[str, Any]) -> Recorder:
    import torch

    from ganmath.networks import logits

    if hasattr(data, "sample"):
        real, spread = (data.sample(n, seed=0) for n in (samples, 10_000))
    else:
        rows = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[:samples]
        real, spread = data[rows.to(data.device)].cpu(), data.cpu()
    centre = (spread.amin(0) + spread.amax(0)) / 2
    half = 0.65 * float((spread.amax(0) - spread.amin(0)).max())  # a square, with a margin of 15 %
    extent = np.stack([centre.numpy() - half, centre.numpy() + half]).astype(float)
    axes = [np.linspace(a + (b - a) / (2 * _SIDE), b - (b - a) / (2 * _SIDE), _SIDE) for a, b in extent.T]
    # rows from the top, as pixels go
    pixels = np.stack(np.meshgrid(axes[0], axes[1][::-1]), -1).reshape(-1, 2)
    kept: dict[str, Any] = {}

    def take(run: Any) -> dict[str, Any]:
        if not kept:
            kept["noise"] = _noise(samples, run.raw_generator)
            kept["x"] = torch.as_tensor(pixels, dtype=torch.float32, device=kept["noise"].device)
        with _evaluated(run.raw_generator, run.critic):
            q = run.raw_generator(kept["noise"]).float()
            critic = logits(run.critic, kept["x"])
        return {"q": q, "critic": critic, "losses": _recent(run)}

    def develop(shots: list[dict[str, Any]]) -> dict[str, Any]:
        q = _host(shots, "q")
        critic = _host(shots, "critic").reshape(-1, _SIDE, _SIDE) - _neutral(loss)
        columns: dict[str, Any] = _losses(shots) | _modes(q, data)
        inside = ((q > extent[0]) & (q < extent[1])).all(-1, keepdims=True)
        columns |= _outside(1 - inside.mean((1, 2)))
        q = np.where(inside, q, np.nan)
        return {
            "kind": "plane",
            "values": {name: _column(column) for name, column in columns.items()},
            "arrays": {k: Packed.of(v) for k, v in {"real": real, "q": q, "extent": extent}.items()},
            "sprite": _heat_sprite(critic),
        }

    about["note"] = (
        f"{_RECENT_NOTE} Green: the critic's output is above the one that is optimal where p = q; "
        "purple: below. Stronger colour is farther, on one scale for all frames."
    )
    return Recorder(frames, take, develop, about)


def _modes(q: np.ndarray, data: Any) -> dict[str, list[float]]:
    """Modes found and share of samples near one, for mixtures, (F,) each."""
    import torch

    from ganmath.metrics import mode_coverage
    from ganmath.toy_data import Mixture

    if not isinstance(data, Mixture):
        return {}
    found = [mode_coverage(torch.as_tensor(points), data) for points in q]
    return {"modes found": [f.modes for f in found], "near a mode": [f.high_quality for f in found]}


def _neutral(loss: Any) -> float:
    """The optimal critic's output where p = q; 0 where it is unknown, or known up to a constant."""
    from ganmath.theory.derive import NoOptimalCritic, derive
    from ganmath.theory.expression import to_numpy, u
    from ganmath.theory.structure import structure

    loss = loss.at_defaults()
    if structure(loss.critic).invariant:
        return 0.0
    try:
        best = derive(loss).optimal_critic
    except NoOptimalCritic:
        return 0.0
    if best is None or best.free_symbols - {u}:
        return 0.0
    value = float(to_numpy(best, (u,))(1.0))
    return value if math.isfinite(value) else 0.0


def _heat_sprite(critic: np.ndarray) -> bytes:
    """(F, H, W) as one PNG of F pictures: green above 0, purple below, in steps of opacity."""
    from PIL import Image as PillowImage

    from ganmath.plots import GREEN, PURPLE

    levels = 6
    scale = float(np.quantile(np.abs(critic), 0.95)) or 1.0
    strength = np.rint(np.clip(critic / scale, -1, 1) * levels).astype(int)  # -levels … levels
    shades = range(-levels, levels + 1)
    hues = [bytes.fromhex((PURPLE if k < 0 else GREEN)[1:]) for k in shades]
    picture = PillowImage.fromarray((strength + levels).astype(np.uint8).reshape(-1, critic.shape[2]), "P")
    picture.putpalette(b"".join(hues))
    out = io.BytesIO()
    opacity = bytes(round(130 * abs(k) / levels) for k in shades)
    picture.save(out, "PNG", optimize=True, transparency=opacity)
    return out.getvalue()


# --- images ---------------------------------------------------------------------------------------


#: Bytes that the pictures of an image film may take, and how many pixels fit into them, noise or not.
SPRITE_BYTES = 250_000
SPRITE_PIXELS = 1_000_000


def _image_film(shape: tuple[int, ...], frames: int, samples: int, about: dict[str, Any]) -> Recorder:
    if (pixels := frames * samples * shape[1] * shape[2]) > SPRITE_PIXELS:
        raise ValueError(
            f"{frames} frames of {samples} images have {pixels:,} pixels, above {SPRITE_PIXELS:,}: film "
            "with smaller frames= or samples="
        )
    kept: dict[str, Any] = {}

    def take(run: Any) -> dict[str, Any]:
        if not kept:
            kept["noise"] = _noise(samples, run.generator)
        with _evaluated(run.generator):
            return {"images": run.generator(kept["noise"]).float(), "losses": _recent(run)}

    def develop(shots: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "kind": "images",
            "values": {name: _column(column) for name, column in _losses(shots).items()},
            "arrays": {},
            "sprite": _image_sprite(np.nan_to_num(_host(shots, "images"))),
        }

    about["note"] = f"{_RECENT_NOTE} Every frame shows the same {samples} noise vectors, in the same places."
    return Recorder(frames, take, develop, about)


def _image_sprite(images: np.ndarray) -> bytes:
    """(F, N, C, H, W) in [-1, 1] as one WebP of F sheets below one another, eight images a row."""
    from PIL import Image as PillowImage

    from ganmath.plots import image_sheet

    sheets = np.concatenate([image_sheet(frame) for frame in images])
    picture = PillowImage.fromarray(sheets.squeeze(2) if sheets.shape[2] == 1 else sheets)
    for quality in (90, 75, 60, 45, 30, 15, 1):
        out = io.BytesIO()
        picture.convert("RGB").save(out, "WEBP", quality=quality, method=6)
        if out.tell() <= SPRITE_BYTES:
            break
    return out.getvalue()


# --- files ----------------------------------------------------------------------------------------


def _suffix(sprite: bytes) -> str:
    return ".png" if sprite.startswith(b"\x89PNG") else ".webp"


def _without_json(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    return path.with_suffix("") if path.suffix == ".json" else path


def _write(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path
