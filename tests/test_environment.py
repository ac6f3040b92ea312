"""pyproject.toml, environment.yml, requirements.lock and CITATION.cff say the same."""

from __future__ import annotations

import re
import sys

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ganmath import __version__

from .conftest import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIREMENTS = [
    Requirement(line)
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in group
]
# conda's names where they differ
CONDA_NAMES = {"pytorch": "torch"}


def as_pair(requirement: Requirement) -> tuple[str, str]:
    """Name and bounds of a requirement in one spelling."""
    name = canonicalize_name(requirement.name)
    return CONDA_NAMES.get(name, name), str(requirement.specifier)


def locked() -> dict[str, list[str]]:
    """Versions in requirements.lock by name; two where they depend on Python's version."""
    versions: dict[str, list[str]] = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", line
            versions.setdefault(canonicalize_name(requirement.name), []).append(specifier.version)
    return versions


def test_conda_environment_says_the_same() -> None:
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
    conda = [Requirement(entry) for entry in dependencies if isinstance(entry, str)]
    conda += [Requirement(line) for line in pip if line != "-e ."]
    pairs = {as_pair(requirement) for requirement in conda if requirement.name != "pip"}
    expected = {as_pair(requirement) for requirement in REQUIREMENTS}
    assert pairs == expected | {("python", PROJECT["requires-python"])}
    assert "-e ." in pip


def test_package_has_lower_bounds_only() -> None:
    """A hosted notebook must never see what it ships replaced by an older version."""
    for line in PROJECT["dependencies"]:
        assert [s.operator for s in Requirement(line).specifier] == [">="], line


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_lock_satisfies(requirement: Requirement) -> None:
    if requirement.marker and not requirement.marker.evaluate({"python_version": "3.11"}):
        return  # the lock is for Python 3.11 and newer
    versions = locked().get(canonicalize_name(requirement.name), [])
    assert versions, f"{requirement} is not in requirements.lock: run `make lock`"
    assert all(requirement.specifier.contains(version) for version in versions)


def test_every_supported_python_is_tested() -> None:
    """From requires-python on, and up to the newest; hosted notebooks run between the two."""
    prefix = "Programming Language :: Python :: 3."
    supported = [c.removeprefix(prefix) for c in PROJECT["classifiers"] if c.startswith(prefix)]
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert jobs["package"]["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in supported]
    assert PROJECT["requires-python"] == f">=3.{supported[0]}"
    assert [int(minor) for minor in supported] == list(range(10, 15))


def test_lock_names_no_registry() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-", text, re.MULTILINE), "options such as --index-url"


def test_citation_has_the_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
