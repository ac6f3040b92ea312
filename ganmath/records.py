"""Run records: what was run, where, with which versions, and what came out, as one JSON file each.

Every measured number in the book is read from such a file, none is typed.
"""

import json
import os
import platform
import subprocess
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
        "commit": _commit(),
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

    folder: default ``records`` beside the notebook, then ``book/records`` of a source checkout.
    Raises: FileNotFoundError that lists the records there are; ValueError for a damaged file.
    """
    folders = [Path(folder)] if folder else [Path("records"), *_checkout_records()]
    for place in folders:
        path = place / f"{name}.json"
        if path.is_file():
            try:
                return json.loads(path.read_text(encoding="utf-8"))
            except json.JSONDecodeError as error:
                raise ValueError(f"record {path.name} is damaged ({error}): record it again") from error
    known = sorted({p.stem for place in folders for p in place.glob("*.json")})
    raise FileNotFoundError(f"no record named {name!r}; there are: {', '.join(known) or 'none'}")


def _checkout_records() -> list[Path]:
    return [Path(__file__).parents[1] / "book" / "records"]


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


def _commit() -> str | None:
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
