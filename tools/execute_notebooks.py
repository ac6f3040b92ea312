"""Execute chapters in place and store their outputs, the same bytes wherever it is run twice.

usage: python tools/execute_notebooks.py [--time-only | --keep-measured] [book/minimax.ipynb ...]

Without names, every chapter.

The scale is GANMATH_SCALE, else what the machine allows. The seconds that each chapter took go into
book/records/chapter-times.json, by chapter and scale, with device and versions; --time-only writes
nothing else:

    GANMATH_SCALE=smoke OMP_NUM_THREADS=1 python tools/execute_notebooks.py --time-only

--keep-measured renews what does not depend on the scale and keeps the rest: after a change of the theory
or the widgets, at smoke scale, nothing needs to be trained again.

Kernels start in book/. Nothing that belongs to the machine is stored: no times of execution, no
folder names, no memory addresses, no kernel version, no progress bars and other widgets (dead on a
static page). A chapter that raises an error is left as it was.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from ganmath import scale
from ganmath.records import environment, load_record, save_record

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
TIMES = BOOK / "records" / "chapter-times.json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def without_machine(text: str) -> str:
    """Text without the folders and memory addresses of this run (the latter as in nbval.cfg)."""
    text = text.replace(str(ROOT), "ganmath").replace(str(Path.home()), "~")
    # not within a picture's base64, where the same characters come by chance
    text = re.sub(r"(?<![A-Za-z0-9+/])0x[0-9a-fA-F]{6,16}", "0xADDRESS", text)
    return re.sub(r"ipykernel_\d+/\d+\.py", "cell", text)


def clean_output(output: NotebookNode) -> NotebookNode:
    """One output without execution times and folder names."""
    output.pop("transient", None)
    if "text" in output:
        output["text"] = without_machine(output["text"])
    if "traceback" in output:
        output["traceback"] = [without_machine(line) for line in output["traceback"]]
    for mime, value in output.get("data", {}).items():
        if isinstance(value, str) and not mime.startswith("image/"):
            output["data"][mime] = without_machine(value)
    return output


def without_panel(output: NotebookNode) -> NotebookNode | None:
    """An output without what only a kernel can show; None where nothing made for a page is left.

    A progress bar leaves nothing; `ganmath.widgets.trainer` leaves the sentence that it carries.
    """
    data = output.get("data", {})
    views = [mime for mime in data if "jupyter.widget" in mime]
    for mime in views:
        del data[mime]
    return None if views and not set(data) - {"text/plain"} else output


def clean(notebook: NotebookNode) -> NotebookNode:
    """Only what the author wrote and what the cells answered, with an id for every cell."""
    notebook["metadata"] = nbformat.from_dict(METADATA)
    taken: set[str] = set()
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"] = {k: v for k, v in cell["metadata"].items() if k in ("tags", "mystnb")}
        if not cell.get("id") or cell["id"] in taken:
            cell["id"] = f"cell-{number}"
        taken.add(cell["id"])
        if cell["cell_type"] == "code":
            cell["outputs"] = [
                clean_output(output) for output in map(without_panel, cell["outputs"]) if output
            ]
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    return notebook


def execute(path: Path, before: str = "") -> NotebookNode:
    """One chapter with the outputs of a fresh kernel, in which the code `before` has been run.

    CellExecutionError when a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    if before:
        notebook["cells"].insert(0, nbformat.v4.new_code_cell(before))
    NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    return notebook


def with_measured(executed: NotebookNode, stored: NotebookNode) -> NotebookNode:
    """The executed chapter with the stored outputs of the cells that measure.

    Those are the cells tagged nbval-ignore-output, save slider figures and answer fields, which hold
    no measurement. ValueError where the two differ in their code.
    """
    for cell, old in zip(executed["cells"], stored["cells"], strict=True):
        if cell["source"] != old["source"]:
            raise ValueError(f"cell {old.get('id')} has changed")
        if cell["cell_type"] != "code" or "nbval-ignore-output" not in cell["metadata"].get("tags", []):
            continue
        shown = "".join(str(output.get("data", {})) for output in old["outputs"])
        if not re.search("gm-slider|gm-answer", shown):
            cell["outputs"] = old["outputs"]
    return executed


def store(notebook: NotebookNode, path: Path) -> None:
    """Replace a chapter by its executed copy."""
    text = nbformat.writes(clean(notebook))
    temporary = path.with_suffix(".ipynb.new")
    temporary.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    temporary.replace(path)


def record_time(chapter: str, seconds: float, path: Path = TIMES) -> None:
    """Note what a whole chapter took at this scale on this machine, start of the kernel included.

    A machine that had more to do than it has processors gets a note that says so.
    """
    times: dict[str, Any] = load_record(path.stem, path.parent) if path.is_file() else {}
    measured: dict[str, Any] = {"seconds": round(seconds, 1), "environment": environment()}
    if hasattr(os, "getloadavg") and os.getloadavg()[1] > 1.25 * (os.cpu_count() or 1):
        measured["note"] = "on a busy machine"
    times.setdefault(chapter, {})[scale()] = measured
    save_record(times, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", type=Path, help="default: every chapter")
    parser.add_argument("--time-only", action="store_true", help="record the time, store no outputs")
    parser.add_argument("--keep-measured", action="store_true", help="renew what no scale changes")
    arguments = parser.parse_args()
    chapters = [path.resolve() for path in arguments.chapters] or sorted(BOOK.glob("*.ipynb"))
    missing = [path for path in chapters if not path.is_file()]
    if missing or not chapters:
        print(f"no such chapter: {', '.join(map(str, missing)) or BOOK}", file=sys.stderr)
        return 2
    failed = 0
    for path in chapters:
        stored = nbformat.read(path, as_version=4)
        start = time.perf_counter()
        try:
            notebook = execute(path)
        except CellExecutionError as error:
            failed += 1
            print(f"{path.name}: failed, left as it was\n{error}", file=sys.stderr)
            continue
        seconds = time.perf_counter() - start
        if arguments.keep_measured:
            store(with_measured(notebook, stored), path)
        else:
            record_time(path.stem, seconds)
            if not arguments.time_only:
                store(notebook, path)
        print(f"{path.name}: executed in {seconds:.0f} s at scale {scale()}", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
