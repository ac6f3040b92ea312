"""Condense pytest's report into what the book's status page shows.

Usage: python tools/write_status.py [--record] [REPORT]

Reads pytest's JUnit report (_build/test-results.xml, which `make test` writes) and writes
_build/status.json: tests by group, passed, failed and skipped, seconds, when, at which commit, with which
versions, on which kind of machine. --record also writes it to book/records/status.json, which the page
shows where a build follows no test run of its own.
"""

import argparse
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from ganmath.records import environment, save_record

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "_build" / "test-results.xml"
STATUS = ROOT / "_build" / "status.json"
RECORD = ROOT / "book" / "records" / "status.json"
TOOLS = ("sympy", "mpmath", "jupyter-book", "pytest")


def condensed(report: Path) -> dict[str, Any]:
    """Counts and seconds of a JUnit report; ValueError where it holds no test."""
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    cases = [case for suite in suites for case in suite.iter("testcase")]
    if not cases:
        raise ValueError(f"{report.name} holds no test: pytest stopped before it ran any")
    groups: dict[str, dict[str, float]] = {}
    chapters: dict[str, dict[str, float]] = {}
    for case in cases:
        name = case.get("classname", "")
        _count(groups.setdefault(_group(name), _empty()), case)
        if _group(name) == "chapters":
            _count(chapters.setdefault(_chapter(name), _empty()), case)
    starts = [_utc(suite.get("timestamp", "")) for suite in suites]
    return {
        "groups": groups,
        "chapters": chapters,
        # two processes share the work, so the run takes less than the tests' seconds together
        "seconds": round(sum(float(suite.get("time", 0)) for suite in suites), 1),
        "date": min(starts).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _group(classname: str) -> str:
    if ".ipynb" in classname:
        return "chapters"
    return "pages" if classname.startswith("tests.browser") else "package"


def _chapter(classname: str) -> str:
    """book.minimax.ipynb -> minimax"""
    return classname.split(".ipynb")[0].split(".")[-1]


def _empty() -> dict[str, float]:
    return {"passed": 0, "failed": 0, "skipped": 0, "seconds": 0.0}


def _count(total: dict[str, float], case: ElementTree.Element) -> None:
    broken = case.find("failure") is not None or case.find("error") is not None
    kind = "failed" if broken else "skipped" if case.find("skipped") is not None else "passed"
    total[kind] += 1
    total["seconds"] = round(total["seconds"] + float(case.get("time", 0)), 3)


def _utc(timestamp: str) -> datetime:
    moment = datetime.fromisoformat(timestamp)
    # older versions of pytest write local time without saying so
    return moment.astimezone(timezone.utc)


def main() -> None:
    """Write _build/status.json, and the record with --record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", nargs="?", type=Path, default=REPORT)
    parser.add_argument("--record", action="store_true", help="write book/records/status.json too")
    options = parser.parse_args()
    if not options.report.is_file():
        raise SystemExit(f"there is no report {options.report.name}: run `make test` first")
    machine = environment()
    tools = {name: metadata.version(name) for name in TOOLS}
    status = {
        "tests": condensed(options.report),
        "environment": machine | {"versions": machine["versions"] | tools},
    }
    for path in (STATUS, RECORD) if options.record else (STATUS,):
        print(save_record(status, path).relative_to(ROOT))


if __name__ == "__main__":
    main()
