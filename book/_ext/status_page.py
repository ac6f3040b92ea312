"""The directives `{book-status}`: what was checked in this book, when, and at which commit, and
`{gpu-sizing}`: how the times on a GPU are calculated where none is measured.

Equations come from the list that their own test compares, chapters from the notebooks, times from their
record, and tests from the last run of pytest that tools/write_status.py condensed: the one before this
build (_build/status.json) or else the recorded one. Nothing is typed, and what is missing is said to be.
"""

import json
from pathlib import Path
from typing import Any

from card_facts import SCALES, chapter_times, device, duration, gpu_sizing, time_taken
from checked_equations import chapter_title, count_sentence, displayed_in
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ganmath.checked import checked_equations
from ganmath.records import commit

BOOK = Path(__file__).resolve().parents[1]
GROUPS = {
    "package": "package, tools and files",
    "chapters": "chapters, cell by cell",
    "pages": "pages, in a browser",
}
NOT_RUN = "not run"


def last_run(build: Path, records: Path = BOOK / "records") -> tuple[dict[str, Any] | None, bool]:
    """The condensed report of the tests, and whether it belongs to this build folder; None: no report."""
    for path, own in ((build / "status.json", True), (records / "status.json", False)):
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8")), own
    return None, False


def provenance(status: dict[str, Any] | None, own: bool, built: str | None) -> str:
    """Which run of the tests the page shows: when, at which commit, on what, with which versions."""
    here = f"This page was built from {_commit(built)}. "
    if status is None:
        return here + "The tests were not run in this build, and no earlier run is recorded."
    at, environment = status["environment"]["commit"], status["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(environment["versions"].items()))
    which = "The tests shown ran before this build" if own else "The tests shown are the last recorded run"
    same = "" if at == built else ", which is **not** what this page was built from"
    return (
        f"{here}{which}: {status['tests']['date']}, at {_commit(at)}{same}, on {device(environment)}, "
        f"with Python {environment['python']}, {versions}."
    )


def _commit(name: str | None) -> str:
    if name is None:
        return "a source tree without a commit"
    changed = " with changes not committed" if name.endswith("+") else ""
    return f"commit `{name.rstrip('+')[:10]}`{changed}"


def verdict(groups: dict[str, dict[str, float]]) -> str:
    """One sentence on all tests; what failed or was skipped comes first."""
    total = {
        kind: int(sum(group[kind] for group in groups.values())) for kind in ("passed", "failed", "skipped")
    }
    count = sum(total.values())
    if total["failed"]:
        return f"**{total['failed']} of {count} tests failed**; skipped: {total['skipped']}."
    if total["skipped"]:
        return f"{total['passed']} of {count} tests passed, **skipped: {total['skipped']}**, none failed."
    return f"All {count} tests passed."


def tests_table(tests: dict[str, Any]) -> list[str]:
    """Markdown table of passed, failed and skipped tests by group."""
    lines = ["| Tests | passed | failed | skipped | time |", "|---|---|---|---|---|"]
    for key, title in GROUPS.items():
        group = tests["groups"].get(key)
        if group is None:
            lines.append(f"| {title} | {NOT_RUN} | | | |")
            continue
        failed = f"**{group['failed']}**" if group["failed"] else "0"
        lines.append(
            f"| {title} | {group['passed']} | {failed} | {group['skipped']} | {duration(group['seconds'])} |"
        )
    return lines


def executed(path: Path) -> bool:
    """Whether a stored notebook was run from top to bottom without an error that it does not announce."""
    cells = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    run = [c for c in cells if "".join(c["source"]).strip()]
    in_order = [c["execution_count"] for c in run] == list(range(1, len(run) + 1))
    meant = "raises-exception"
    return in_order and not any(
        output["output_type"] == "error"
        for c in run
        if meant not in c["metadata"].get("tags", [])
        for output in c["outputs"]
    )


def chapters_table(tests: dict[str, Any] | None, times: dict[str, Any], sizing: dict[str, Any]) -> list[str]:
    """Markdown table of the chapters: stored outputs, equations, cells run again, times."""
    heads = ["Chapter", "executed", "equations checked", "cells run again", *SCALES.values()]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for path in sorted(BOOK.glob("*.ipynb")):
        name = path.stem
        checked = sum(row.chapter == name for row in checked_equations().values())
        again = (tests or {}).get("chapters", {}).get(name)
        cells = [
            f"[{chapter_title(name)}](/book/{name})",
            "without errors" if executed(path) else "**not from top to bottom**",
            f"{checked} of {displayed_in(name)}",
            _cells(again) if again else NOT_RUN,
            *(_time(name, scale, times, sizing) for scale in SCALES),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _time(chapter: str, scale: str, times: dict[str, Any], sizing: dict[str, Any]) -> str:
    if scale in times.get(chapter, {}):
        return time_taken(times[chapter][scale])
    if scale == "gpu" and chapter in sizing["chapters"]:
        return f"{duration(sizing['chapters'][chapter]['seconds'])} (calculated)"
    return "not measured"


def _cells(counts: dict[str, float]) -> str:
    count = sum(int(counts[kind]) for kind in ("passed", "failed", "skipped"))
    text = f"{counts['passed']} of {count} as stored"
    return f"**{text}**" if counts["failed"] else text


def devices(times: dict[str, Any]) -> str:
    """Where the times of each scale were measured."""
    on: dict[str, set[str]] = {scale: set() for scale in SCALES}
    for chapter in times.values():
        for scale, one in chapter.items():
            on[scale].add(device(one["environment"]))
    parts = [f"{SCALES[scale]} on {' and '.join(sorted(where))}" for scale, where in on.items() if where]
    missing = [SCALES[scale] for scale, where in on.items() if not where]
    sentence = f"Times of whole chapters: {', '.join(parts)}. " if parts else ""
    return sentence + (f"Not measured: {', '.join(missing)}." if missing else "")


def page(build: Path) -> list[str]:
    """Markdown of the whole page below its title."""
    status, own = last_run(build)
    tests = status["tests"] if status else None
    rows = list(checked_equations().values())
    chapters = sorted(BOOK.glob("*.ipynb"))
    displayed = sum(displayed_in(path.stem) for path in chapters)
    times = chapter_times()
    stored = sum(map(executed, chapters))
    return [
        provenance(status, own, commit()),
        "",
        f"- {count_sentence(rows, displayed)}",
        f"- {stored} of {len(chapters)} notebooks are stored as executed from top to bottom without errors.",
        f"- {verdict(tests['groups']) if tests else 'Tests: not run in this build.'}",
        "",
        *(tests_table(tests) if tests else []),
        "",
        *chapters_table(tests, times, gpu_sizing()),
        "",
        devices(times),
    ]


class BookStatus(SphinxDirective):
    """`{book-status}`"""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()  # the tests may have run since the page was last read
        return self.parse_text_to_nodes("\n".join(page(Path(self.env.app.outdir).parent)))


def sizing_text(sizing: dict[str, Any]) -> list[str]:
    """Markdown that says how the times on a GPU were calculated, with their parts by chapter."""
    chapters = sizing["chapters"]
    if not chapters:
        return ["Nothing is calculated yet."]
    parts = list(next(iter(chapters.values()))["parts"])
    where = " and ".join(sorted({device(one["environment"]) for one in chapters.values()}))
    lines = [
        "The GPU scale is sized so that a whole chapter takes less than ten minutes on Colab's free GPU, "
        f"an {sizing['gpu']}. As long as no GPU has run the chapters, that is a calculation: the figures "
        f"below are no measurements of a GPU. It rests on processor times measured on {where}: of a chapter "
        "at GPU scale without its training, of a training step that stays on the processor, and of starting "
        "the operations of a step (the same step of networks two channels wide). Colab's processor is taken "
        f"to need {sizing['slower']:g} times as long for each. To a step on the GPU are added its "
        f"floating-point operations, counted, at {sizing['sustained'] / 1e12:.4g} · 10¹² a second, a quarter "
        "of what the GPU's data sheet gives for float32. Memory traffic is not counted apart.",
        "",
        f"| Chapter | {' | '.join(parts)} | sum | steps on the GPU |",
        "|---" * (len(parts) + 3) + "|",
    ]
    for name, one in sorted(chapters.items()):
        spent = [duration(one["parts"][part]) for part in parts]
        cells = [*spent, duration(one["seconds"]), f"{one['steps']['on the GPU']:,}"]
        lines.append(f"| [{chapter_title(name)}](/book/{name}) | {' | '.join(cells)} |")
    return lines


class GpuSizing(SphinxDirective):
    """`{gpu-sizing}`"""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(sizing_text(gpu_sizing())))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("book-status", BookStatus)
    app.add_directive("gpu-sizing", GpuSizing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
