"""Colab's contract: the install cell takes seconds and changes nothing that is installed; every chapter
runs to its end, without a restart, with the versions that Colab ships.

A fresh virtual environment with those versions (tests/colab-requirements.txt), the wheel, and the copies
of the chapters that Colab opens, in a folder outside the repository. pip is kept from the network: the
install cell must need nothing but the wheel.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOT, unavailable

pytestmark = pytest.mark.book

CHAPTERS = sorted(path.stem for path in (ROOT / "book").glob("*.ipynb"))
LEAKS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "GANMATH_DATA", "JUPYTER_PATH", "IPYTHONDIR")
UV = Path(sys.executable).parent / "uv"
NO_NETWORK = re.compile(r"failed to fetch|error sending request|dns error|unreachable|timed out", re.I)


def uv(*arguments: str | Path) -> str:
    """What uv answers; where it cannot reach the package index the test is skipped."""
    result = subprocess.run([UV, *map(str, arguments)], capture_output=True, text=True)
    if result.returncode and NO_NETWORK.search(result.stderr):
        unavailable(f"the package index cannot be reached: {result.stderr.strip().splitlines()[-1]}")
    assert result.returncode == 0, result.stderr
    return result.stdout


@dataclass(frozen=True)
class Colab:
    """A machine as Colab's: an environment, an empty folder, and the address the book is published at."""

    python: Path
    folder: Path
    address: str

    def installed(self) -> set[str]:
        """Installed versions, such as numpy==2.1.3."""
        return set(uv("pip", "freeze", "-q", "--python", self.python).splitlines())

    def notebook(self, chapter: str) -> Any:
        """A chapter as Colab opens it, its install cell filled in as in the published book."""
        import nbformat
        from notebook_copies import with_wheel

        copy = ROOT / "_build" / "html" / "notebooks" / f"{chapter}.ipynb"
        if not copy.is_file():
            unavailable("the book is not built: run `make book`")
        notebook = nbformat.read(copy, as_version=4)
        (install,) = (cell for cell in notebook.cells if "install" in cell.metadata.get("tags", []))
        install.source = with_wheel(install.source, self.address)
        return notebook

    def run(self, notebook: Any) -> None:
        """Execute a notebook with this environment's kernel; CellExecutionError where a cell fails."""
        from nbclient import NotebookClient

        environment = {name: value for name, value in os.environ.items() if name not in LEAKS}
        environment |= {
            "HOME": str(self.folder),
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}",
            "PIP_NO_INDEX": "1",
            "GANMATH_SCALE": "smoke",
            "OMP_NUM_THREADS": "1",
        }
        work = self.folder / "content"
        work.mkdir(exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JUPYTER_PATH", str(self.folder))  # where this kernel is registered
            client = NotebookClient(
                notebook, kernel_name="colab", timeout=600, resources={"metadata": {"path": str(work)}}
            )
            client.execute(env=environment)


@pytest.fixture(scope="module")
def colab(tmp_path_factory: pytest.TempPathFactory) -> Colab:
    """The environment without ganmath, and the wheel where the published book serves it."""
    if not UV.exists() or not importlib.util.find_spec("nbclient"):
        unavailable("uv or Jupyter Book is not installed: run `make install`")
    folder = tmp_path_factory.mktemp("colab")
    python = folder / "environment" / "bin" / "python"
    uv("venv", "-q", "--python", sys.executable, folder / "environment")
    torch = [f"{name}=={version(name)}" for name in ("torch", "torchvision")]
    listed = ROOT / "tests" / "colab-requirements.txt"
    uv("pip", "install", "-q", "--python", python, "-r", listed, *torch)
    uv("build", "-q", "--wheel", "-o", folder / "site" / "notebooks", ROOT)
    kernel = folder / "kernels" / "colab" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    arguments = f'["{python}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]'
    kernel.write_text(f'{{"argv": {arguments}, "display_name": "Colab", "language": "python"}}')
    return Colab(python, folder, f"{(folder / 'site').as_uri()}/")


def test_wheel_is_small_and_carries_the_recorded_runs(colab: Colab) -> None:
    import zipfile

    (wheel,) = (colab.folder / "site" / "notebooks").glob("*.whl")
    assert wheel.stat().st_size < 6e6
    records = {path.name for path in (ROOT / "book" / "records").iterdir()}
    names = zipfile.ZipFile(wheel).namelist()
    assert {Path(name).name for name in names if name.startswith("ganmath/_data/records/")} == records


def test_install_cell_takes_seconds_and_changes_nothing(colab: Colab) -> None:
    """Seconds of processor time: pip waits for nothing here, and the machine may be busy with others."""
    import nbformat

    before = {line for line in colab.installed() if not line.startswith("ganmath")}
    uv("pip", "uninstall", "-q", "--python", colab.python, "ganmath")
    notebook = colab.notebook(CHAPTERS[0])
    install = next(cell for cell in notebook.cells if "install" in cell.metadata.get("tags", []))
    clock = nbformat.v4.new_code_cell(
        "import resource\nsum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])"
    )
    works = nbformat.v4.new_code_cell("import ganmath\nassert ganmath.losses and ganmath.records.runs()")
    notebook.cells = [clock, install, nbformat.from_dict(clock), works]
    colab.run(notebook)
    start, end = (float(cell.outputs[0].data["text/plain"]) for cell in notebook.cells[::2])
    assert 0 < end - start < 10
    after = colab.installed()
    (package,) = after - before
    assert package.startswith("ganmath") and before < after


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_runs_to_its_end(colab: Colab, chapter: str) -> None:
    notebook = colab.notebook(chapter)
    colab.run(notebook)
    text = str([cell.outputs for cell in notebook.cells if cell.cell_type == "code"])
    assert "No runs are recorded" not in text
    assert not re.search(r"(?<!['\w])(?:\w+)?Warning: ", text)
