"""The pages where one looks things up: notation, glossary, index, errata."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from .conftest import ROOT

BOOK = ROOT / "book"
CHAPTERS = sorted(BOOK.glob("*.ipynb"))
MATH = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)
# Greek letters, capital letters and upright names: what a reader looks up
SYMBOL = re.compile(
    r"\\(?:mathrm|operatorname|mathbb|mathcal)\{([A-Za-z]+)\}"
    r"|\\((?:var)?(?:alpha|beta|gamma|delta|epsilon|theta|lambda|mu|pi|rho|sigma|phi|chi|psi)"
    r"|Pi|Delta|Sigma|ell|nabla)\b"
    r"|(?<![\\A-Za-z{])([A-Z])(?![a-z])"
)
OFTEN = 4  # times in one chapter; a letter that serves a proof for a line or two need not be listed


def markdown(path: Path) -> str:
    """The text of a page."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def symbols(text: str) -> Counter[str]:
    """How often each symbol occurs in a text's mathematics."""
    formulas = (display or inline for display, inline in MATH.findall(text))
    found = (match for formula in formulas for match in SYMBOL.finditer(formula))
    return Counter(next(filter(None, match.groups())) for match in found)


def glossary() -> dict[str, str]:
    """Definitions of the glossary by term."""
    (body,) = re.findall(r"```\{glossary\}\n:sorted:\n(.*?)```", markdown(BOOK / "glossary.md"), re.DOTALL)
    entries = [entry.split("\n", 1) for entry in body.strip().split("\n\n")]
    return {term: definition.strip() for term, definition in entries}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_notation_lists_what_a_chapter_uses(path: Path) -> None:
    listed = symbols(markdown(BOOK / "notation.md"))
    often = {symbol for symbol, count in symbols(markdown(path)).items() if count >= OFTEN}
    assert often - set(listed) == set()


@pytest.mark.parametrize("term", glossary())
def test_glossary_entry_says_what_it_is_and_where_it_is_treated(term: str) -> None:
    definition = glossary()[term]
    assert definition.endswith(".")
    assert re.search(r"\{(prf:ref|eq|numref|term)\}`|\]\(\w", definition), "no link"


def test_glossary_has_no_term_twice() -> None:
    text = markdown(BOOK / "glossary.md")
    assert text.count("\n\n") > len(glossary()) > 40  # nothing was lost to the dictionary
    assert len({term.lower() for term in glossary()}) == len(glossary())


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_is_in_the_index(path: Path) -> None:
    assert len(re.findall(r"^```\{index\} \S", markdown(path), re.MULTILINE)) >= 5


def test_errata_page_leads_to_every_chapter_with_errata() -> None:
    page = markdown(BOOK / "errata.md")
    heading = "## Errata of the literature"
    chapters = {path.name for path in CHAPTERS if heading in markdown(path)}
    assert set(re.findall(r"\((\S+\.ipynb)#errata-of-the-literature\)", page)) == chapters


def test_changelog_is_not_typed_twice() -> None:
    page = markdown(BOOK / "changes.md")
    assert "{include} ../CHANGELOG.md" in page
    assert "0.1.0" not in page
