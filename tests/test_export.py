"""The notebooks that readers download and Colab opens say what the pages say, in plain Markdown."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from .conftest import ROOT, unavailable

pytestmark = pytest.mark.book
SITE = ROOT / "_build" / "html"
CHAPTERS = sorted(path.stem for path in (ROOT / "book").glob("*.ipynb"))
CODE = re.compile(r"(`+).+?\1", re.DOTALL)


def cells(path: Path, kind: str) -> list[str]:
    """Sources of a notebook's cells of one kind."""
    return ["".join(c["source"]) for c in json.loads(path.read_text())["cells"] if c["cell_type"] == kind]


def prose(path: Path) -> str:
    """A notebook's text without what stands in code marks, and without the list of works."""
    return CODE.sub("`code`", "\n\n".join(cells(path, "markdown"))).split("## References\n")[0]


@pytest.fixture(params=CHAPTERS, scope="module")
def chapter(request: pytest.FixtureRequest) -> str:
    if not (SITE / "notebooks" / f"{request.param}.ipynb").is_file():
        unavailable("the book is not built: run `make book`")
    return request.param


@pytest.fixture(scope="module")
def notebook(chapter: str) -> Path:
    return SITE / "notebooks" / f"{chapter}.ipynb"


@pytest.fixture(scope="module")
def page(chapter: str) -> Any:
    """The chapter's page, without what its code cells answered."""
    html = (SITE / "book" / f"{chapter}.html").read_text()
    article = BeautifulSoup(html, "html.parser").select_one("article")
    for output in article.select("div.cell"):
        output.decompose()
    return article


class TestChapters:
    def test_nothing_of_sphinx_is_left(self, notebook: Path) -> None:
        assert not re.findall(
            r":::|```\{|\{[\w:-]+\}`|\$\$ ?\(\w|^\(.+\)=$|^%", prose(notebook), re.MULTILINE
        )

    def test_formulas_are_closed(self, notebook: Path) -> None:
        for text in cells(notebook, "markdown"):
            text = CODE.sub("", text).replace(r"\$", "")
            display = re.split(r"\$\$", text)
            assert len(display) % 2, text
            for paragraph in re.split(r"\n\s*\n", "".join(display[::2])):
                assert paragraph.count("$") % 2 == 0, paragraph
            # a reader's Markdown would take a quote's mark inside a formula for part of it
            assert not [formula for formula in display[1::2] if re.search(r"^>", formula, re.MULTILINE)]

    def test_equations_have_the_pages_numbers(self, notebook: Path, page: Any) -> None:
        shown = [number.contents[0] for number in page.select(".eqno")]
        assert [f"({tag})" for tag in re.findall(r"\\tag\{([\d.]+)\}", prose(notebook))] == shown

    def test_theorems_and_exercises_have_the_pages_numbers(self, notebook: Path, page: Any) -> None:
        shown = [caption.get_text(strip=True) for caption in page.select(".caption-number")]
        assert re.findall(r"^> \*\*(\w+ [\d.]+)\*\*", prose(notebook), re.MULTILINE) == shown

    def test_headings_have_the_pages_numbers(self, notebook: Path, page: Any) -> None:
        heads = page.select("h1, h2, h3, h4")
        shown = [(heading.select_one(".section-number") or heading).get_text(strip=True) for heading in heads]
        shown = [text if re.fullmatch(r"[\d.]+", text) else "" for text in shown]
        found = re.findall(r"^#+ (?:((?:\d+\.)+) )?", prose(notebook), re.MULTILINE)
        assert found == shown

    def test_references_say_what_the_page_says(self, notebook: Path, page: Any) -> None:
        """Equations, theorems and exercises that the text points to, and the works it cites."""
        text = prose(notebook)
        for link in page.select("a.reference.internal[href*='#']"):
            said = " ".join(link.get_text().split())
            if re.fullmatch(r"\([\d.]+\)|\w+ [\d.]+", said):
                text_after = text.partition(said)[2]
                assert text_after, said
        cited = {link["title"] for link in page.select(".bibtex-citation a")}
        works = "\n\n".join(cells(notebook, "markdown")).partition("## References\n")[2]
        assert works.count("\n- ") == len(cited)

    def test_links_lead_somewhere(self, notebook: Path) -> None:
        text = "\n\n".join(CODE.sub("", text) for text in cells(notebook, "markdown"))
        for target in re.findall(r"\]\(([^()\s]+)\)", text):
            assert target.startswith("https://") or (notebook.parent / target).is_file(), target

    def test_code_is_the_chapters(self, notebook: Path, chapter: str) -> None:
        """Folded cells get a title for Colab; nothing else changes, and no output is lost."""
        source, copy = (
            [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
            for path in (ROOT / "book" / f"{chapter}.ipynb", notebook)
        )
        assert [c["outputs"] for c in copy] == [c["outputs"] for c in source]
        for one, other in zip(copy, source, strict=True):
            text = re.sub(r"\A#@title .*\n", "", "".join(one["source"]))
            assert text == "".join(other["source"])
            folds = {"remove-cell", "hide-input"} & set(other["metadata"].get("tags", []))
            assert bool(folds) == (one["metadata"].get("cellView") == "form")
            assert bool(folds) == bool(one["metadata"].get("jupyter", {}).get("source_hidden"))

    def test_download_button_gives_the_plain_copy(self, chapter: str) -> None:
        html = (SITE / "book" / f"{chapter}.html").read_text()
        assert f'href="../notebooks/{chapter}.ipynb"' in html
        assert "_sources/" not in html


# --- a book of two chapters, for what the others do not show ------------------------------------------

SETTINGS = {
    "extensions": ["myst_nb", "sphinx_proof", "sphinx_exercise", "sphinxcontrib.bibtex", "notebook_copies"],
    "bibtex_bibfiles": ["references.bib"],
    "html_theme": "basic",
    "nb_execution_mode": "off",
    "myst_enable_extensions": ["amsmath", "colon_fence", "deflist", "dollarmath"],
    "numfig": True,
    "math_numfig": True,
    "numfig_secnum_depth": 1,
}
INDEX = """# Book

(here)=
## A place

```{toctree}
:numbered: 2
first
second
```

```{glossary}
critic
: The other network.
```

```{bibliography}
```
"""
WORKS = """
@misc{one, author = {Smith, Ann}, title = {One}, year = {2014}, doi = {10.1/one}}
@misc{two, author = {Smith, Ann and Doe, Bo}, title = {Two}, year = {2015}}
@misc{three, author = {de Boor, Carl and Doe, Bo and Roe, Cy}, title = {Three}, year = {2016}}
"""
FIRST = r"""# First

$$
a \\
c
$$ (first.a)

See {eq}`first.a`, {eq}`second.b`, {prf:ref}`t`, {numref}`x`, {ref}`here`, {ref}`there <here>`,
{doc}`second`, [that](second.ipynb), a {term}`critic`, {index}`words`, `{eq}` in code and $\{a\}$.
{cite:t}`one`; {cite:p}`one,two`; {cite:t}`three`.

% a comment

```{index} place; of words
```

:::{prf:lemma} On $a$
:label: t
It is

$$ a $$

so.
:::

:::{admonition} Proof <
:class: dropdown
By {eq}`first.a`.
:::

:::{exercise}
:label: x
Why?
:::

:::{solution} x
So.
:::

```{note}
Well.
```

```python
":::{note}"
```
"""
PLAIN = r"""# 1. First

$$
a \\
c \tag{1.1}
$$

See (1.1), [(2.1)](second.ipynb), Lemma 1.1, Exercise 1.1, A place, there,
[Second](second.ipynb), [that](second.ipynb), a critic, words, `{eq}` in code and $\{a\}$.
Smith (2014); (Smith, 2014; Smith and Doe, 2015); de Boor et al. (2016).





> **Lemma 1.1** (On $a$)
>
> It is
>
> $$ a $$
>
> so.

<details>
<summary><b>Proof &lt;</b></summary>

By (1.1).

</details>

> **Exercise 1.1**
>
> Why?

<details>
<summary><b>Solution to Exercise 1.1</b></summary>

So.

</details>

> **Note**
>
> Well.

```python
":::{note}"
```
"""
SECOND = "# Second\n\n$$\nb\n$$ (second.b)\n"


def small_book(folder: Path, first: str) -> Any:
    """Sphinx's application of a book of two chapters, built."""
    if not importlib.util.find_spec("myst_nb"):
        unavailable("Jupyter Book is not installed: run `make install`")
    from sphinx.testing.util import SphinxTestApp

    (folder / "conf.py").write_text("")
    (folder / "index.md").write_text(INDEX)
    (folder / "references.bib").write_text(WORKS)
    for name, text in (("first", first), ("second", SECOND)):
        cell = {"cell_type": "markdown", "id": "m", "metadata": {}, "source": text.splitlines(keepends=True)}
        notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook))
    app = SphinxTestApp("html", srcdir=folder, confoverrides=SETTINGS)
    app.build()
    return app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return small_book(tmp_path_factory.mktemp("book"), FIRST)


class TestSyntax:
    def test_every_role_and_directive(self, app: Any) -> None:
        text, works = cells(Path(app.outdir) / "notebooks" / "first.ipynb", "markdown")
        assert text == PLAIN
        assert works == (
            "## References\n\n"
            "- Carl de Boor, Bo Doe, and Cy Roe. Three. 2016.\n"
            "- Ann Smith. One. 2014. [doi:10.1/one](https://doi.org/10.1/one).\n"
            "- Ann Smith and Bo Doe. Two. 2015."
        )

    def test_published_copy_points_to_the_pages(self, app: Any) -> None:
        from plain_markdown import Chapter

        chapter = Chapter(app.env, "first", "https://example.org/b/")
        text = chapter.plain("[a](second), {eq}`second.b`, {ref}`here`, {prf:ref}`t`, [b](#first)")
        assert text == (
            "[a](https://example.org/b/second.html), "
            "[(2.1)](https://example.org/b/second.html#equation-second-b), "
            "[A place](https://example.org/b/index.html#here), Lemma 1.1, b"
        )

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("{sub}`x`", "role 'sub'"),
            ("{eq}`nowhere`", "nothing is labelled 'nowhere'"),
            ("{cite:p}`nobody`", "nothing is labelled 'nobody'"),
            ("[a](nowhere)", "no page 'nowhere'"),
            ("```{figure} a.png\n```", "directive 'figure'"),
            ("- $$ a $$ (first.b)", "math_block_label"),
            ("- :::{note}\n  x\n  :::", "colon_fence"),
            ("word\n: definition", "dl_open"),
            (":::{prf:lemma} x\ny\n:::", "has no label"),
            ("a $x", "open formula"),
            ("> {eq}``", "open formula or role"),
        ],
    )
    def test_what_has_no_plain_form_raises(self, text: str, reason: str, app: Any) -> None:
        from plain_markdown import Chapter, NotPlain

        with pytest.raises(NotPlain, match=re.escape(reason)):
            Chapter(app.env, "first").plain(text)

    def test_the_build_stops_there_and_says_where(self, tmp_path: Path) -> None:
        with pytest.raises(Exception, match=r"first\.ipynb, cell 0: role 'sub'"):
            small_book(tmp_path, "# First\n\n{sub}`x`")


class TestInstallCell:
    def test_learns_the_wheels_address(self) -> None:
        from notebook_copies import WHEEL, with_wheel

        for name in CHAPTERS:
            (install,) = [s for s in cells(ROOT / "book" / f"{name}.ipynb", "code") if "%pip" in s]
            assert with_wheel(install, "") == install
            assert f'\nWHEEL = "https://x.org/notebooks/{WHEEL}"  #' in with_wheel(install, "https://x.org/")
        with pytest.raises(ValueError, match="should hold one line"):
            with_wheel("import ganmath", "https://x.org/")
