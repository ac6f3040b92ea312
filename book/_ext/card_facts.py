"""What the card at the head of a chapter says: facts from the loss, the checks and the records.

Plain functions, also for the notebooks' copies of the chapters. Texts are Markdown with the book's
roles; no number in them is typed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganmath import records
from ganmath.checked import checked_equations

RECORDS = Path(__file__).resolve().parents[1] / "records"
SCALES = {"smoke": "smoke", "cpu": "CPU", "gpu": "GPU"}


def chapter_times(folder: Path = RECORDS) -> dict[str, dict[str, Any]]:
    """Measured times: chapter -> scale ("smoke", "cpu", "gpu") -> {"seconds", "environment", "note"?}.

    Empty where none are recorded yet.
    """
    try:
        return records.load_record("chapter-times", folder)
    except FileNotFoundError:
        return {}


def gpu_sizing(folder: Path = RECORDS) -> dict[str, Any]:
    """How long chapters take on a GPU by calculation (tools/size_gpu_scale.py); no chapters where none is
    recorded."""
    try:
        return records.load_record("gpu-sizing", folder)
    except FileNotFoundError:
        return {"chapters": {}}


def card_facts(
    chapter: str, losses: list[str], displayed: int, folder: Path = RECORDS
) -> list[tuple[str, str]]:
    """Rows of a chapter's card, as (term, text in the book's Markdown).

    chapter: the notebook's name; losses: names in ``gm.losses``, or "relativistic KIND NAME" for what
    ``gm.relativistic`` makes of one; displayed: how many equations the
    chapter displays; folder: where the records are. KeyError for an unknown loss.
    """
    rows = []
    for name in losses:
        loss, code = _loss_of(name)
        rows.append(("Loss", f"{loss.title} (`{code}`)"))
        if loss.citation:
            rows.append(("Introduced", f"{loss.year}, {{cite:t}}`{loss.citation}`"))
    checked = sum(row.chapter == chapter for row in checked_equations().values())
    if displayed:
        text = f"{checked} of {displayed} checked"
        rows.append(("Equations", f"{{ref}}`{text} <{equations_section(chapter)}>`"))
    times = chapter_times(folder).get(chapter, {})
    rows.append(("Running time", times_text(times, calculated_text(chapter, gpu_sizing(folder)))))
    runs = [run for name in losses for run in records.runs(folder, loss=name)]
    if losses:
        rows.append(("Recorded runs", runs_text(runs)))
    measured = [times[scale] for scale in SCALES if scale in times] + runs
    if measured:
        rows.append(("Measured with", versions_text([one["environment"] for one in measured])))
    return rows


def _loss_of(name: str) -> tuple[Any, str]:
    """A loss, and the Python that gives it."""
    from ganmath import losses, relativistic

    if name.startswith("relativistic "):
        _, kind, base = name.split()
        return relativistic(base, kind), f'gm.relativistic("{base}", "{kind}")'
    return losses[name], f'gm.losses["{name}"]'


def equations_section(chapter: str) -> str:
    """Label of a chapter's section on the page of all equations."""
    return f"equations-of-{chapter}"


def times_text(times: dict[str, Any], calculated: str = "") -> str:
    """ "smoke 29 s, CPU 12 min on AMD EPYC (2 threads); GPU: not measured".

    calculated: what is said of the GPU scale as long as no GPU is measured.
    """
    on: dict[str, list[str]] = {}
    for scale in (scale for scale in SCALES if scale in times):
        spent = f"{SCALES[scale]} {time_taken(times[scale])}"
        on.setdefault(device(times[scale]["environment"]), []).append(spent)
    parts = [f"{', '.join(spent)} on {where}" for where, spent in on.items()]
    said = {"gpu"} if calculated else set()
    missing = [name for scale, name in SCALES.items() if scale not in times and scale not in said]
    if missing:
        parts.append(f"{', '.join(missing)}: not measured")
    if calculated and "gpu" not in times:
        parts.append(calculated)
    return "; ".join(parts)


def calculated_text(chapter: str, sizing: dict[str, Any]) -> str:
    """ "GPU 6 min on an NVIDIA T4 by calculation, not measured", with a link to how, or ""."""
    if chapter not in sizing["chapters"]:
        return ""
    spent = duration(sizing["chapters"][chapter]["seconds"])
    return f"GPU {spent} on an {sizing['gpu']} {{ref}}`by calculation, not measured <gpu-sizing>`"


def time_taken(measured: dict[str, Any]) -> str:
    """The duration of one measurement, with the note that its record may carry."""
    note = f" ({measured['note']})" if "note" in measured else ""
    return duration(measured["seconds"]) + note


def duration(seconds: float) -> str:
    """ "29 s", or "12 min" from three minutes on."""
    return f"{seconds:.0f} s" if seconds < 180 else f"{seconds / 60:.0f} min"


def device(environment: dict[str, Any]) -> str:
    """ "AMD EPYC (2 threads)", or a GPU's name."""
    threads = environment.get("threads")
    if threads is None:
        return str(environment["device"])
    return f"{environment['device']} ({threads} thread{'s' if threads > 1 else ''})"


def runs_text(runs: list[dict[str, Any]]) -> str:
    """ "2 (seeds 0, 1)" or "none"."""
    if not runs:
        return "none"
    seeds = sorted({run["seed"] for run in runs})
    data = ", ".join(sorted({run["data"] for run in runs}))
    return f"{len(runs)} on {data} (seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))})"


def versions_text(environments: list[dict[str, Any]]) -> str:
    """ "Python 3.11.7, torch 2.15.0, ganmath 0.1.0"; several where the measurements differ."""

    def among(values: set[str]) -> str:
        return " and ".join(sorted(values))

    python = among({e["python"] for e in environments})
    packages = [
        f"{name} {among({e['versions'][name].split('+')[0] for e in environments})}"
        for name in ("torch", "ganmath")
    ]
    return ", ".join([f"Python {python}", *packages])


def card_markdown(facts: list[tuple[str, str]]) -> str:
    """The card as a Markdown list, for the notebooks that readers download."""
    return "\n".join(f"- **{term}**: {text}" for term, text in facts)
