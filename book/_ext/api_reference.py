"""API reference from the docstrings: the table of public names, and docstrings as Sphinx wants them.

`{public-names}` lists `ganmath.__all__` by the module that a name lives in, each with the first line of
its documentation. Docstrings of the package are prose in which a bar or a star is mathematics; in
reStructuredText |p - q| would be a substitution and `c*` would open an emphasis, so both characters
are escaped, except in literals, roles and formulas.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.ext.napoleon import NumpyDocstring
from sphinx.pycode import ModuleAnalyzer

# what keeps its stars and bars: ``literal``, :role:`text`, `code`, the star of a list
KEPT = re.compile(r"(^\s*\* |``.+?``|(?::[\w:]+:)?`[^`]+`)")


def escape(line: str) -> str:
    """The line with its stars and bars escaped outside of literals and roles."""
    pieces = KEPT.split(line)
    pieces[::2] = [re.sub(r"([*|])", r"\\\1", piece) for piece in pieces[::2]]
    return "".join(pieces)


def escape_lines(lines: list[str]) -> list[str]:
    """All lines escaped but those of indented blocks: formulas (`.. math::`) and code (`::`)."""
    escaped, block = [], None  # block: indentation of the line that opened one
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if block is not None and line.strip() and indent <= block:
            block = None
        if block is None and re.search(r"^\s*\.\. |::\s*$", line):
            block = indent
            escaped.append(line)
        else:
            escaped.append(line if block is not None else escape(line))
    return escaped


def prepare(app: Sphinx, what: str, name: str, item: Any, options: Any, lines: list[str]) -> None:
    """Rewrite one docstring in place, as autodoc wants it."""
    lines[:] = escape_lines(lines)
    if "----------" in lines:  # numpy-style sections; all else is prose already
        lines[:] = NumpyDocstring(lines).lines()


def summary(home: str, name: str) -> str:
    """First line of what documents a name: its docstring or, of an instance, the comment above it."""
    item = getattr(import_module(home), name)
    if inspect.isclass(item) or inspect.isroutine(item):
        return (inspect.getdoc(item) or "").split("\n")[0]
    return " ".join(ModuleAnalyzer.for_module(home).find_attr_docs().get(("", name), ())).strip()


class PublicNames(Directive):
    """`{public-names}`: a table of the names that `import ganmath as gm` gives."""

    def run(self) -> list[nodes.Node]:
        import ganmath

        lines = ["| name | what it is |", "|---|---|"]
        for name, home in ganmath._home_of.items():  # in the package's own order, by module
            lines.append(f"| {{py:obj}}`gm.{name} <{home}.{name}>` | {escape(summary(home, name))} |")
        box = nodes.container(classes=["gm-public-names"])
        self.state.nested_parse(StringList(lines, self.state.document["source"]), self.content_offset, box)
        return [box]


def mend_signatures(
    app: Sphinx, page: str, template: str, context: dict[str, Any], document: nodes.document | None
) -> None:
    """Parameters on lines of their own come as lists of definitions without terms, which are not valid."""

    def mend(heading: re.Match[str]) -> str:
        return re.sub(r"<(/?)d[ld]>", r"<\1span>", heading.group())

    if "body" in context:
        context["body"] = re.sub(r'<dt class="sig .*?</dt>', mend, context["body"], flags=re.S)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("public-names", PublicNames)
    app.connect("html-page-context", mend_signatures)
    app.connect("autodoc-process-docstring", prepare)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
