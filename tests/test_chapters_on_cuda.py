"""Every chapter at smoke scale on the CUDA of tests/pretend_cuda.py, trained for a few steps only.

What a chapter claims is not judged here, where nothing has been learned: an `assert` is evaluated, and its
verdict ignored. Cells that neither compute with torch nor are needed or followed by one are left out.
"""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest
from IPython.core.formatters import DisplayFormatter

from ganmath import training

from .conftest import ROOT
from .pretend_cuda import pretend_cuda

CHAPTERS = sorted(path.stem for path in (ROOT / "book").glob("*.ipynb"))
STEPS = 3
COMPUTES = re.compile(r"\btorch\.|\.(fit|fit_critic|load|sample)\(|critic_error\(")


class _Unjudged(ast.NodeTransformer):
    """Evaluates what an assert claims, and goes on."""

    def visit_Assert(self, node: ast.Assert) -> ast.Expr:
        return ast.Expr(node.test)


def _cells(chapter: str) -> list[str]:
    notebook = nbformat.read(ROOT / "book" / f"{chapter}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell.source for cell in code if "install" not in cell.metadata.get("tags", [])]


def _names(source: str) -> tuple[set[str], set[str], set[str]]:
    """The global names that a cell reads, makes and imports."""

    def inner(table: symtable.SymbolTable) -> Iterator[symtable.Symbol]:
        for child in table.get_children():
            yield from (symbol for symbol in child.get_symbols() if symbol.is_global())
            yield from inner(child)

    top = symtable.symtable(source, "cell", "exec")
    symbols = top.get_symbols()
    read = {s.get_name() for s in (*inner(top), *symbols) if s.is_referenced()}
    made = {s.get_name() for s in symbols if s.is_assigned() or s.is_namespace()}
    return read, made, {s.get_name() for s in symbols if s.is_imported()}


def computing(cells: list[str]) -> list[str]:
    """The cells that compute with torch, those that use what these made, and those that both need."""
    made_by: dict[str, int] = {}
    needs: list[set[int]] = []
    imported: set[str] = set()
    chosen: set[int] = set()
    for i, source in enumerate(cells):
        read, made, brought = _names(source)
        imported |= brought
        needs.append({made_by[name] for name in read if name in made_by})
        before = {made_by[name] for name in read - made - imported if name in made_by}
        if COMPUTES.search(source) or before & chosen:
            chosen.add(i)
        made_by |= dict.fromkeys(made | brought, i)
    for i in reversed(range(len(cells))):
        if i in chosen:
            chosen |= needs[i]
    return [source for i, source in enumerate(cells) if i in chosen]


def _execute(source: str, names: dict[str, Any]) -> None:
    """Run one cell, and show the value of its last line in every format, as a notebook does."""
    tree = ast.fix_missing_locations(_Unjudged().visit(ast.parse(source)))
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if last is not None:
        DisplayFormatter().format(eval(compile(ast.Expression(last.value), "cell", "eval"), names))


def _brief(fit: Callable) -> Callable:
    return lambda *args, steps, **settings: fit(*args, steps=min(steps, STEPS), **settings)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_keeps_its_tensors_on_one_device(
    chapter: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("GANMATH_SCALE", "smoke")
    monkeypatch.chdir(ROOT / "book")
    for name in ("fit", "fit_critic"):
        monkeypatch.setattr(training, name, _brief(getattr(training, name)))
    names: dict[str, Any] = {"__name__": "__main__"}
    with pretend_cuda():
        for source in computing(_cells(chapter)):
            _execute(source, names)
    assert "Traceback" not in capsys.readouterr().err  # where a value cannot be shown IPython says so there
