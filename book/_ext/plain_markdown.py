"""The book's Markdown as Jupyter and Colab know it: the text of a cell with every directive, role and
label of Sphinx replaced by what it says on the page.

Numbers, titles and citations come from Sphinx's environment, so they are those of the HTML pages. What
is not known here raises: nothing of Sphinx's syntax gets through to a reader.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from docutils.nodes import make_id
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from pybtex.plugin import find_plugin
from sphinx.environment import BuildEnvironment

PARSER = create_md_parser(
    MdParserConfig(enable_extensions={"amsmath", "colon_fence", "deflist", "dollarmath"}), RendererHTML
)
# what the parser finds where Markdown has only words
FOREIGN = re.compile(r"myst_|math_block_label|amsmath|colon_fence|footnote|dl_open|substitution|front_matter")
ASIDES = {"note", "tip", "hint", "important", "warning", "caution", "attention", "danger", "seealso"}


class NotPlain(ValueError):
    """Something of Sphinx that has no plain Markdown here: add it, or write it without."""


@dataclass(frozen=True)
class Chapter:
    """One page of the book whose text is converted, with what Sphinx knows about all of them."""

    env: BuildEnvironment
    name: str  # such as "book/minimax"
    address: str = ""  # of the published book, ending in "/"; empty where there is none
    directives: dict[str, Callable[[str, dict[str, str], str], str]] = field(default_factory=dict)
    cited: list[str] = field(default_factory=list)  # keys, as they come up in the text
    headings: list[str] = field(default_factory=list)  # likewise

    def plain(self, text: str) -> str:
        """Plain Markdown of one cell's text; NotPlain (a ValueError) where it cannot be."""
        result = self._blocks(text)
        leftovers(result)
        return result

    def references(self) -> str:
        """Markdown list of the works cited so far, as on the page of references and in its order."""
        markdown = find_plugin("pybtex.backends", "markdown")()
        works = [c for c in self.env.get_domain("cite").citations if c.key in self.cited]
        if len(works) < len(set(self.cited)):
            raise NotPlain(f"a work cited in {self.name} is not on the page of references")
        texts = [" ".join(work.formatted_entry.text.render(markdown).split()) for work in works]
        # the backend escapes every sign that Markdown may use anywhere; these mean nothing inside a line
        return re.sub(r"\\([-.()!+#])", r"\1", "\n".join(f"- {text}" for text in texts))

    # --- blocks ---------------------------------------------------------------------------------------

    def _blocks(self, text: str) -> str:
        """The text with each block that Sphinx alone knows replaced, all other lines as they were."""
        lines = text.split("\n")
        out: list[str] = []
        done = 0
        for block in (token for token in PARSER.parse(text) if token.level == 0 and token.map):
            start, end = block.map or (0, 0)
            if start < done:  # a closing token
                continue
            out += lines[done:start]
            source = "\n".join(lines[start:end])
            trailing = source[len(source.rstrip("\n")) :]
            out.append(self._block(block, source.rstrip("\n")) + trailing)
            done = end
        return "\n".join(out + lines[done:])

    def _block(self, block: Token, source: str) -> str:
        if block.type in ("colon_fence", "fence") and block.info.startswith("{"):
            return self._directive(block)
        if block.type == "math_block_label":
            return f"$$\n{block.content.strip()} \\tag{{{self._equation(block.info)[1:-1]}}}\n$$"
        if block.type in ("fence", "code_block", "math_block", "html_block", "hr"):
            return source
        if block.type in ("myst_target", "myst_line_comment"):
            return ""
        if block.type == "heading_open":
            return self._heading(source)
        return self._inline(source)

    def _heading(self, source: str) -> str:
        """A heading with the number of its chapter and section, where the book numbers it."""
        if not source.startswith("#"):
            raise NotPlain(f"a heading without #: {source!r}")
        numbers = list(self.env.toc_secnumbers.get(self.name, {}).values())
        order = len(self.headings)
        self.headings.append(source)
        number = numbers[order] if order < len(numbers) else None
        marks, _, title = source.partition(" ")
        prefix = "".join(f"{part}." for part in number or ()) + " "
        return f"{marks} {prefix.lstrip()}{self._inline(title)}"

    def _directive(self, block: Token) -> str:
        found = re.fullmatch(r"\{([\w:-]+)\}\s*(.*)", block.info.strip())
        if not found:
            raise NotPlain(f"a directive without a name: {block.info!r}")
        name, argument = found.groups()
        options, content = split_options(block.content)
        if name in self.directives:
            return self._blocks(self.directives[name](argument, options, content))
        if name == "index":  # entries of the book's index, which notebooks have not
            return ""
        kind = name.removeprefix("prf:")
        if name.startswith("prf:") and kind != "proof":
            return self._numbered(kind, argument, options, content)
        if name == "exercise":
            return self._numbered(name, argument, options, content)
        if name == "solution":
            number = self._number(argument)[1]
            return folded(f"Solution to {number}", self._blocks(content))
        if name == "prf:proof":
            return folded("Proof", self._blocks(content))
        if name in ASIDES:
            content = f"{argument}\n{content}".strip()
            argument = "See also" if name == "seealso" else name.capitalize()
        elif name != "admonition":
            raise NotPlain(f"directive {name!r} has no plain Markdown: add it to {__name__}.py")
        title, body = self._inline(argument), self._blocks(content)
        if "dropdown" in options.get("class", "").split():
            return folded(title, body)
        return quoted(f"**{title}**\n\n{body}")

    def _numbered(self, kind: str, title: str, options: dict[str, str], content: str) -> str:
        """A theorem or an exercise: its name, number and title in front of what it says."""
        if "nonumber" in options:
            head = f"**{kind.capitalize()}**"
        elif "label" in options:
            head = f"**{self._number(options['label'])[1]}**"
        else:
            raise NotPlain(f"{kind} {title!r} has no label")
        if title:
            head += f" ({self._inline(title)})"
        return quoted(f"{head}\n\n{self._blocks(content)}")

    # --- inside a line --------------------------------------------------------------------------------

    def _inline(self, text: str) -> str:
        """The text with roles and links replaced; code and formulas stay as they are."""

        def replace(match: re.Match[str]) -> str:
            if match["role"]:
                return self._role(match["role"], " ".join(match["content"].split()))
            if match["target"]:
                return self._link(self._inline(match["text"]), match["target"])
            return match.group()

        return INLINE.sub(replace, text)

    def _role(self, role: str, content: str) -> str:
        titled = re.fullmatch(r"(.+?)\s*<([^<>]+)>", content)
        text, target = titled.groups() if titled else (None, content)
        if role == "eq":
            docname, _ = self._known(self.env.get_domain("math").equations, target)
            return self._page_link(self._equation(target), docname, make_id(f"equation-{target}"))
        if role in ("prf:ref", "numref") or (role == "ref" and target in self._numbers()):
            docname, number = self._number(target)
            return self._page_link(text or number, docname, target)
        if role == "ref":
            docname, anchor, title = self._known(self.env.get_domain("std").labels, target)
            return self._page_link(text or title, docname, anchor)
        if role == "doc":
            docname = self._docname(target)
            return self._page_link(text or self.env.titles[docname].astext(), docname)
        if role == "term":
            return text or target
        if role == "index":
            return text or target.split(";")[-1].strip()
        if role in ("cite:t", "cite:p", "cite"):
            return self._citation(content, in_text=role == "cite:t")
        raise NotPlain(f"role {role!r} has no plain Markdown: add it to {__name__}.py")

    def _link(self, text: str, target: str) -> str:
        if re.match(r"(https?|mailto):", target):
            return f"[{text}]({target})"
        if target.startswith("#"):
            return text
        page, _, anchor = target.partition("#")
        return self._page_link(text, self._docname(page), anchor)

    def _page_link(self, text: str, docname: str, anchor: str = "") -> str:
        """A link to another page: published, or the notebook beside this one; this page needs none."""
        if docname == self.name:
            return text
        if self.address:
            return f"[{text}]({self.address}{docname}.html{'#' + anchor if anchor else ''})"
        if self.env.doc2path(docname).endswith(".ipynb"):
            return f"[{text}]({PurePosixPath(docname).name}.ipynb)"
        return text

    def _docname(self, target: str) -> str:
        """The page that a relative link such as "minimax" or "../book/minimax.ipynb" names."""
        path = re.sub(r"\.(ipynb|md|html)$", "", target)
        docname, _ = self.env.relfn2path(path, self.name)
        if docname not in self.env.found_docs:
            raise NotPlain(f"no page {target!r}")
        return docname

    # --- numbers and names, as Sphinx gave them ---------------------------------------------------------

    def _known(self, names: dict[str, Any], key: str) -> Any:
        if key not in names:
            raise NotPlain(f"nothing is labelled {key!r}")
        return names[key]

    def _equation(self, label: str) -> str:
        """Such as "(3.4)"."""
        docname, order = self._known(self.env.get_domain("math").equations, label)
        numbers = self.env.toc_fignumbers.get(docname, {}).get("displaymath", {})
        number = numbers.get(make_id(f"equation-{label}"), (order,))
        return f"({'.'.join(map(str, number))})"

    def _numbers(self) -> dict[str, tuple[str, str]]:
        """Page and name, such as "Theorem 3.1", by label."""
        return {
            label: (docname, f"{kind.capitalize()} {'.'.join(map(str, number))}")
            for docname, kinds in self.env.toc_fignumbers.items()
            for kind, labels in kinds.items()
            if kind != "displaymath"
            for label, number in labels.items()
        }

    def _number(self, label: str) -> tuple[str, str]:
        return self._known(self._numbers(), label)

    def _citation(self, keys: str, in_text: bool) -> str:
        works = []
        for key in (key.strip() for key in keys.split(",")):
            entry = self._known(self.env.get_domain("cite").bibdata.data.entries, key)
            self.cited.append(key)
            names = [" ".join(p.prelast_names + p.last_names) for p in entry.persons["author"]]
            who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
            year = entry.fields.get("year", "n.d.")
            works.append(re.sub(r"[{}]", "", f"{who} ({year})" if in_text else f"{who}, {year}"))
        return ", ".join(works) if in_text else f"({'; '.join(works)})"


# in this order, from left to right: what is code or a formula holds neither roles nor links
INLINE = re.compile(
    r"""
    \\.                                                                   # an escaped character
    | \{(?P<role>[a-z][\w:-]*)\}(?P<ticks>`+)(?P<content>.+?)(?P=ticks)(?!`)
    | (?P<code>`+)(?!`).+?(?<!`)(?P=code)(?!`)
    | \$\$?(?:\\.|[^$\\])+\$\$?
    | (?<!!)\[(?P<text>(?:\\.|[^\[\]\\]|\[[^\[\]]*\])*)\]\((?P<target>[^()\s]+)\)
    """,
    re.DOTALL | re.VERBOSE,
)


def split_options(content: str) -> tuple[dict[str, str], str]:
    """A directive's options, the lines `:name: value` at its top, and the rest."""
    options: dict[str, str] = {}
    lines = content.strip("\n").split("\n")
    while lines and (found := re.fullmatch(r":([\w-]+):\s*(.*)", lines[0])):
        options[found[1]] = found[2].strip()
        lines.pop(0)
    return options, "\n".join(lines).strip("\n")


def folded(title: str, body: str) -> str:
    """Markdown behind a title that opens it. The blank lines let Markdown and formulas render in it."""
    return f"<details>\n<summary><b>{html.escape(title, quote=False)}</b></summary>\n\n{body}\n\n</details>"


def quoted(text: str) -> str:
    """A block quote. Each displayed formula stands on one line: readers would take `>` for part of it."""
    text = re.sub(r"^\$\$\n(.*?)\n\$\$$", lambda m: one_line(m[1]), text, flags=re.DOTALL | re.MULTILINE)
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def one_line(latex: str) -> str:
    if re.search(r"(?<!\\)%", latex):
        raise NotPlain(f"a comment in a formula: {latex!r}")
    return f"$${' '.join(latex.split())}$$"


def leftovers(markdown: str) -> None:
    """NotPlain where something of Sphinx, or a formula that does not close, is left."""
    for token in walk(PARSER.parse(markdown)):
        if FOREIGN.match(token.type) or (token.type == "fence" and token.info.startswith("{")):
            raise NotPlain(f"{token.type} {token.info} cannot stand here: {token.content!r}")
        if token.type == "text" and re.search(r"\$|:::|\{[\w:-]+\}(`|$)", token.content):
            raise NotPlain(f"an open formula or role: {token.content!r}")


def walk(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from walk(token.children or [])
