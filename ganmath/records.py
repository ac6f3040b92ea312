"""Run records: what was run, where, with which versions, and what came out, as one JSON file each.

Every measured number in the book is read from such a file, none is typed.
"""

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np


@lru_cache(maxsize=8)
def environment(device: Any = None) -> dict[str, Any]:
    """Device, versions and commit, with no path, user or host name.

    device: a torch device; default CUDA where there is one. Keys: "device" (the processor's or GPU's
    product name), "threads" (on a CPU), "python", "versions", "commit" (of the source tree that
    ganmath was imported from, with "+" where tracked files differ; None outside one).
    """
    import torch

    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    versions = {"ganmath": _version("ganmath"), "torch": torch.__version__, "numpy": np.__version__}
    facts: dict[str, Any] = {
        "device": torch.cuda.get_device_name(where) if where.type == "cuda" else _processor(),
        "kind": where.type,
        "python": platform.python_version(),
        "versions": versions,
        "commit": commit(),
    }
    if where.type == "cpu":
        facts["threads"] = torch.get_num_threads()
    return facts


def summarise(history: dict[str, Any], points: int = 200) -> dict[str, list[float]]:
    """A history of at most `points` rows: means over equal stretches, six significant digits.

    history: arrays (n,) by name. "step" and "images" keep the last value of each stretch.
    """
    n = len(next(iter(history.values())))
    edges = np.unique(np.linspace(0, n, min(points, n) + 1).round().astype(int))
    short = {}
    for name, values in history.items():
        parts = [np.asarray(values[a:b]) for a, b in pairwise(edges)]
        counts = name in ("step", "images")
        short[name] = [int(x[-1]) if counts else float(f"{x.mean():.6g}") for x in parts]
    return short


def save_record(record: dict[str, Any], path: str | os.PathLike[str]) -> Path:
    """Write a record as JSON, atomically; ValueError where it holds NaN or infinity."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text + "\n", encoding="utf-8")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def load_record(name: str, folder: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """A record by name, such as "benchmark-training-speed".

    folder: default ``records`` beside the notebook, then ``book/records`` of a source checkout, then
    what the wheel carries.
    Raises: FileNotFoundError that lists the records there are; ValueError for a damaged file.
    """
    folders = [Path(folder)] if folder else _record_folders()
    for place in folders:
        path = place / f"{name}.json"
        if path.is_file():
            try:
                return json.loads(path.read_text(encoding="utf-8"))
            except json.JSONDecodeError as error:
                raise ValueError(f"record {path.name} is damaged ({error}): record it again") from error
    known = sorted({p.stem for place in folders for p in place.glob("*.json")})
    raise FileNotFoundError(f"no record named {name!r}; there are: {', '.join(known) or 'none'}")


def _record_folders() -> list[Path]:
    package = Path(__file__).parent
    return [Path("records"), package.parent / "book" / "records", package / "_data" / "records"]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        from ganmath import __version__

        return __version__ if package == "ganmath" else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(s.split(":", 1)[1].strip() for s in lines if s.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit() -> str | None:
    """Commit of the checkout that this file is in; None where it is installed from a wheel."""
    tree = Path(__file__).parents[1]
    if not (tree / ".git").exists():
        return None
    try:
        git = ["git", "-C", str(tree)]
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10)
        dirty = subprocess.run(
            [*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if head.returncode != 0:
        return None
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


# --- reading grids of runs --------------------------------------------------------------------------


def runs(folder: str | os.PathLike[str] | None = None, **wanted: Any) -> list[dict[str, Any]]:
    """Training records that match, such as ``runs(loss="minimax", data="mnist")``, by name.

    wanted: values of a record's top-level keys, or a collection of values. Each record gets its
    "name". folder: as in `load_record`.
    """
    folders = [Path(folder)] if folder else _record_folders()
    place = next((f for f in folders if f.is_dir()), None)
    names = sorted(path.stem for path in place.glob("*-seed*.json")) if place else []
    records = [{"name": name, **load_record(name, place)} for name in names]
    allowed = {k: v if isinstance(v, (list, tuple, set)) else [v] for k, v in wanted.items()}
    return [r for r in records if all(r.get(k) in values for k, values in allowed.items())]


@dataclass(frozen=True)
class RunTable:
    """Markdown table of means and 95 % intervals over seeds; displays itself."""

    markdown: str

    def _repr_markdown_(self) -> str:
        return self.markdown


def table(
    records: list[dict[str, Any]],
    metrics: tuple[str, ...] = ("frechet_classifier_distance", "class_kl", "confidence"),
) -> RunTable:
    """Metrics by loss and data set: mean ± half of Student's 95 % interval over seeds (one seed: none).

    Says below the table on which device, with how many images and at which commits it was measured.
    """
    from ganmath.plots import mean_interval

    if not records:
        return RunTable(provenance(records))
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault((record["data"], record["loss"]), []).append(record)
    heads = [metric.replace("_", " ") for metric in metrics]
    lines = [f"| data | loss | {' | '.join(heads)} | seeds |", "|---|---|" + "---|" * (len(heads) + 1)]
    for (data, loss), members in groups.items():
        cells = []
        for metric in metrics:
            values = np.array([member["metrics"][metric] for member in members])
            if len(values) == 1:  # one seed has no interval
                cells.append(f"{values[0]:.3g}")
                continue
            mean, low, _ = (float(x[0]) for x in mean_interval(values[:, None]))
            cells.append(f"{mean:.3g} ± {mean - low:.2g}")
        lines.append(f"| {data} | {loss} | {' | '.join(cells)} | {len(members)} |")
    return RunTable("\n".join([*lines, "", provenance(records)]))


def provenance(records: list[dict[str, Any]]) -> str:
    """One sentence on where records come from: device, images seen, seconds, torch, commit."""
    if not records:
        return "No runs are recorded."

    def spread(values: list[float], unit: str) -> str:
        low, high = min(values), max(values)
        same = f"{low:,.0f}" == f"{high:,.0f}"
        return f"{low:,.0f}{unit}" if same else f"{low:,.0f} to {high:,.0f}{unit}"

    environments = [record["environment"] for record in records]
    return (
        f"{len(records)} recorded runs on {_among(e['device'] for e in environments)}, "
        f"{spread([r['images'] for r in records], ' images')} and "
        f"{spread([r['seconds'] for r in records], ' s')} each, "
        f"torch {_among(e['versions']['torch'] for e in environments)}, "
        f"commit {_among((e['commit'] or 'unknown')[:7] for e in environments)}."
    )


def _among(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(values)))


def samples(record: dict[str, Any], *, alt: str, folder: str | os.PathLike[str] | None = None) -> Any:
    """The grid of samples stored beside a record that `runs` gave, as an image with alt text."""
    from ganmath.plots import Image

    folders = [Path(folder)] if folder else _record_folders()
    path = next(
        (f / f"{record['name']}.png" for f in folders if (f / f"{record['name']}.png").is_file()), None
    )
    if path is None:
        raise FileNotFoundError(f"no sample grid {record['name']}.png beside the records")
    png = path.read_bytes()
    return Image(png, alt, width=2 * int.from_bytes(png[16:20], "big"))
