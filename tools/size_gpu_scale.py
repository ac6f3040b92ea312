"""Calculate how long each chapter takes at GPU scale on a free Colab GPU, where none could be measured.

usage: OMP_NUM_THREADS=1 python tools/size_gpu_scale.py [book/minimax.ipynb ...]

Each chapter is executed here at GPU scale with every training run cut short: its first steps are timed,
and the rest is reckoned from them, in seconds of processor time on one thread. What would train on the
processor in Colab too is scaled by SLOWER. A step on the GPU is taken to cost what starting its operations
costs here (the same step of networks two channels wide with a batch of two, where there is hardly more than
that to do), times SLOWER, plus its multiplications and additions, counted here, at the rate SUSTAINED. Both
assumptions are meant to be on the slow side; nothing here is a measurement of a GPU.

The result goes into book/records/gpu-sizing.json, from which the cards of the chapters and the status page
say it; tests/test_chapter_times.py holds it below ten minutes a chapter.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from execute_notebooks import BOOK, execute

from ganmath.records import environment, load_record, save_record

RECORD = BOOK / "records" / "gpu-sizing.json"
GPU = "NVIDIA T4"
#: Colab's processor is taken to need twice the time of the one that is measured, also for a launch.
SLOWER = 2.0
#: Operations a second: a quarter of the 8.1e12 in float32 that NVIDIA's data sheet gives for the T4.
SUSTAINED = 8.1e12 / 4
#: Steps of a run that are executed, and with which the cost of its operations is measured.
EXECUTED, TIMED = 100, 40
NETWORKS = ("generator", "critic")
Train = Callable[..., Any]


# --- in the chapter's kernel -------------------------------------------------------------------------


class Unasserted(ast.NodeTransformer):
    """Cells without their assertions on what is learned: the runs are cut short."""

    def visit_Assert(self, node: ast.Assert) -> ast.Pass:
        return ast.copy_location(ast.Pass(), node)


def watch(log: str) -> None:
    """Replace `fit` and `fit_critic` by short runs that write what a whole one costs, a line each."""
    from IPython import get_ipython

    import ganmath
    from ganmath import training

    get_ipython().ast_transformers.append(Unasserted())
    costs: dict[str, tuple[float, float]] = {}  # of a step on the GPU, by what is trained
    for name in ("fit", "fit_critic"):
        short = shortened(getattr(training, name), costs, Path(log))
        setattr(training, name, short)
        setattr(ganmath, name, short)


def shortened(train: Train, costs: dict[str, tuple[float, float]], log: Path) -> Train:
    """`train` for the first EXECUTED of its steps; what was executed and what is left goes to `log`."""

    def short(*arguments: Any, steps: int, **settings: Any) -> Any:
        started = time.process_time()
        before = copy.deepcopy((arguments, settings)) if on_gpu(arguments, settings) else None
        executed = min(steps, EXECUTED)
        begin = time.process_time()
        run = train(*arguments, steps=executed, **settings)
        a_step = (time.process_time() - begin) / executed
        entry = {"steps": steps, "step": a_step}
        if before is not None:
            trained = {k: v for k, v in run.record["settings"].items() if k not in ("seed", "data", "p", "q")}
            key = json.dumps(trained, sort_keys=True)
            if key not in costs:
                costs[key] = cost_of_step(train, *before)
            entry["dispatch"], entry["operations"] = costs[key]
        entry["spent"] = time.process_time() - started
        with log.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        return run

    return short


def on_gpu(arguments: tuple[Any, ...], settings: dict[str, Any]) -> bool:
    """Whether `fit` would train on a GPU if there were one: all but tensors of points, unless told."""
    points = getattr(arguments[1], "ndim", 4) == 2
    return settings.get("device") is None and not points


def cost_of_step(train: Train, arguments: tuple[Any, ...], settings: dict[str, Any]) -> tuple[float, float]:
    """Seconds that starting the operations of a step takes, and its floating-point operations."""
    from torch.utils.flop_counter import FlopCounterMode

    settings = {name: value for name, value in settings.items() if name != "callback"}
    with FlopCounterMode(display=False) as counter:
        run = train(*copy.deepcopy(arguments), steps=2, **settings)
    fixed = {name: value for name, value in settings.items() if name not in NETWORKS}
    thin = {name: narrow(getattr(run, name)) for name in NETWORKS if hasattr(run, name)}
    data = arguments[: 3 if train.__name__ == "fit_critic" else 2]  # networks may follow
    seconds = []
    for _ in range(3):
        started = time.process_time()
        train(*data, **thin, steps=TIMED, **fixed | {"batch_size": 2, "log_every": TIMED})
        seconds.append(time.process_time() - started)
    # the least of three: what disturbs such a short measurement only ever lengthens it
    return min(seconds) / TIMED, counter.get_total_flops() / 2


def narrow(network: Any) -> Any:
    """A network of the same layers, two channels or units wide within."""
    from ganmath.networks import build

    spec = network.spec
    if spec["builder"] == "MLP":
        first, *inner, last = spec["sizes"]
        return build(spec | {"sizes": [first, *(2 for _ in inner), last]})
    return build(spec | {"width": 2})


# --- outside of it -----------------------------------------------------------------------------------


def size(path: Path) -> dict[str, Any]:
    """Calculated seconds of one chapter, by where they are spent."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "runs.jsonl"
        log.touch()
        started = processor_time_of_kernels()
        execute(path, before=f"import size_gpu_scale\nsize_gpu_scale.watch({str(log)!r})")
        whole = processor_time_of_kernels() - started
        runs = [json.loads(line) for line in log.read_text().splitlines()]
    there = [run for run in runs if "dispatch" in run]
    here = [run for run in runs if "dispatch" not in run]
    parts = {
        "derivations, measures and figures": SLOWER * (whole - sum(run["spent"] for run in runs)),
        "training on the processor": SLOWER * sum(run["steps"] * run["step"] for run in here),
        "training on the GPU": sum(
            run["steps"] * (SLOWER * run["dispatch"] + run["operations"] / SUSTAINED) for run in there
        ),
    }
    return {
        "seconds": round(sum(parts.values())),
        "parts": {name: round(seconds) for name, seconds in parts.items()},
        "steps": {
            "on the processor": sum(run["steps"] for run in here),
            "on the GPU": sum(run["steps"] for run in there),
        },
        "scales": scales_digest(path),
        "environment": environment("cpu"),
    }


def processor_time_of_kernels() -> float:
    """Seconds that the kernels which have ended kept processors busy."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def scales_digest(path: Path) -> str:
    """SHA-256 of the cells that choose by scale: a calculation holds for these only."""
    cells = nbformat.read(path, as_version=4)["cells"]
    code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    chosen = "\n".join(source for source in code if "scale(" in source)
    return hashlib.sha256(chosen.encode()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", type=Path, help="default: every chapter")
    chapters = [path.resolve() for path in parser.parse_args().chapters] or sorted(BOOK.glob("*.ipynb"))
    os.environ["GANMATH_SCALE"] = "gpu"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    for path in chapters:
        found = size(path)
        record = load_record(RECORD.stem, RECORD.parent) if RECORD.is_file() else {"chapters": {}}
        record |= {"gpu": GPU, "slower": SLOWER, "sustained": SUSTAINED}
        record["chapters"][path.stem] = found
        save_record(record, RECORD)
        print(f"{path.name}: {found['seconds']} s on an {GPU}, calculated: {found['parts']}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
