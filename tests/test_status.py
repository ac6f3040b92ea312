"""Pytest's report condensed for the status page, and what the page says of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="7" time="12.5"
    timestamp="2026-03-01T13:30:00+02:00">
  <testcase classname="tests.test_loss" name="test_a" time="0.5" />
  <testcase classname="tests.test_loss.TestFiles" name="test_b[x]" time="1.25"
    ><failure message="no" /></testcase>
  <testcase classname="tests.test_data" name="test_c" time="0.25"><skipped message="no data" /></testcase>
  <testcase classname="book.minimax.ipynb" name="Cell 0" time="3.0" />
  <testcase classname="book.minimax.ipynb" name="Cell 1" time="1.0"><error message="kernel died" /></testcase>
  <testcase classname="book.nonsaturating.ipynb" name="Cell 0" time="2.0" />
  <testcase classname="tests.browser.test_pages" name="test_page[light]" time="4.0" />
</testsuite></testsuites>
"""


@pytest.fixture(scope="module", autouse=True)
def modules():
    """The tool and the extension, which are no part of the package."""
    folders = [str(ROOT / "tools"), str(ROOT / "book" / "_ext")]
    sys.path[:0] = folders
    yield
    for folder in folders:
        sys.path.remove(folder)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "results.xml"
    path.write_text(REPORT)
    return path


def test_report_is_counted_by_group_and_by_chapter(report):
    from write_status import condensed

    found = condensed(report)
    assert found["groups"] == {
        "package": {"passed": 1, "failed": 1, "skipped": 1, "seconds": 2.0},
        "chapters": {"passed": 2, "failed": 1, "skipped": 0, "seconds": 6.0},
        "pages": {"passed": 1, "failed": 0, "skipped": 0, "seconds": 4.0},
    }
    assert found["chapters"]["minimax"] == {"passed": 1, "failed": 1, "skipped": 0, "seconds": 4.0}
    assert found["chapters"]["nonsaturating"]["passed"] == 1
    assert found["seconds"] == 12.5
    assert found["date"] == "2026-03-01 11:30 UTC"


def test_report_without_tests_is_no_success(tmp_path):
    from write_status import condensed

    path = tmp_path / "empty.xml"
    path.write_text('<testsuites><testsuite name="pytest" tests="0" time="0" /></testsuites>')
    with pytest.raises(ValueError, match=r"empty\.xml holds no test"):
        condensed(path)


def test_failures_and_skips_come_first_in_the_verdict(report):
    from status_page import tests_table, verdict
    from write_status import condensed

    tests = condensed(report)
    assert verdict(tests["groups"]) == "**2 of 7 tests failed**; skipped: 1."
    table = "\n".join(tests_table(tests))
    assert "| package, tools and files | 1 | **1** | 1 | 2 s |" in table

    clean = {"passed": 3, "failed": 0, "skipped": 0, "seconds": 1.0}
    assert verdict({"package": clean}) == "All 3 tests passed."
    skipped = verdict({"package": clean | {"skipped": 2}})
    assert "**skipped: 2**" in skipped and "All" not in skipped
    # a group of which no test ran is not shown as passed
    assert "| pages, in a browser | not run |" in "\n".join(tests_table({"groups": {"package": clean}}))


ENVIRONMENT = {
    "device": "Example CPU",
    "kind": "cpu",
    "threads": 2,
    "python": "3.11.7",
    "versions": {"torch": "2.15.0", "sympy": "1.14.0"},
    "commit": "0123456789abcdef+",
}


def test_page_says_at_which_commit_and_when_the_tests_ran():
    from status_page import provenance

    status = {"tests": {"date": "2026-03-01 11:30 UTC"}, "environment": ENVIRONMENT}
    text = provenance(status, True, "fedcba9876543210")
    assert "built from commit `fedcba9876`." in text
    assert "2026-03-01 11:30 UTC, at commit `0123456789` with changes not committed" in text
    assert "**not** what this page was built from" in text
    assert "on Example CPU (2 threads), with Python 3.11.7, sympy 1.14.0, torch 2.15.0" in text

    same = provenance(status, True, ENVIRONMENT["commit"])
    assert "ran before this build" in same and "**not**" not in same
    assert "last recorded run" in provenance(status, False, ENVIRONMENT["commit"])
    assert "not run in this build" in provenance(None, False, None)


def test_own_run_goes_before_the_recorded_one(tmp_path):
    from status_page import last_run

    build, records = tmp_path / "build", tmp_path / "records"
    build.mkdir(), records.mkdir()
    assert last_run(build, records) == (None, False)
    (records / "status.json").write_text(json.dumps({"tests": "recorded"}))
    assert last_run(build, records) == ({"tests": "recorded"}, False)
    (build / "status.json").write_text(json.dumps({"tests": "own"}))
    assert last_run(build, records) == ({"tests": "own"}, True)


def test_chapters_without_a_measurement_or_a_run_say_so(tmp_path):
    from status_page import chapters_table, executed

    times = {"minimax": {"smoke": {"seconds": 29.1, "environment": ENVIRONMENT}}}
    sizing = {"gpu": "Small GPU", "chapters": {"lsgan": {"seconds": 384}}}
    lines = chapters_table(None, times, sizing)
    [line] = [x for x in lines if "(/book/minimax)" in x]
    assert line.split(" | ")[3:] == ["not run", "29 s", "not measured", "not measured |"]
    [line] = [x for x in lines if "(/book/lsgan)" in x]
    assert line.split(" | ")[4:] == ["not measured", "not measured", "6 min (calculated) |"]

    notebook = {
        "cells": [{"cell_type": "code", "source": "1", "metadata": {}, "execution_count": 2, "outputs": []}]
    }
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook))
    assert not executed(path)
    notebook["cells"][0] |= {"execution_count": 1}
    path.write_text(json.dumps(notebook))
    assert executed(path)
    notebook["cells"][0]["outputs"] = [{"output_type": "error"}]
    path.write_text(json.dumps(notebook))
    assert not executed(path)
