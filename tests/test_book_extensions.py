"""The plain functions of the book's Sphinx extensions: what they print comes from data, nothing is typed."""

from __future__ import annotations

import importlib
import json
import re
import sys
from types import ModuleType

import pytest
import yaml
from bs4 import BeautifulSoup

import ganmath as gm
from ganmath import __version__, records
from ganmath.checked import checked_equations

from .conftest import ROOT


def extension(name: str) -> ModuleType:
    """A module of book/_ext, or a skip where the book's tools are not installed."""
    pytest.importorskip("sphinx")
    folder = str(ROOT / "book" / "_ext")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


page = extension("checked_equations")
card = extension("card_facts")
cite = extension("cite_page")
ROWS = checked_equations()


# --- equations ----------------------------------------------------------------------------------------


def test_the_book_as_it_is_passes():
    page.check_book()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda latex: latex.pop("minimax.reduction"), "no registered equation 'minimax.reduction'"),
        (
            lambda latex: latex.update({"minimax.other": "x"}),
            "minimax.other: registered but displayed nowhere",
        ),
        (lambda latex: latex.update({"minimax.reduction": "x = y"}), "minimax.ipynb: equations differ"),
    ],
)
def test_the_build_names_an_equation_that_is_not_the_checked_one(monkeypatch, change, message):
    latex = {label: row.latex for label, row in ROWS.items()}
    change(latex)
    _, problems = page._tool().displayed(latex)
    assert any(message in problem for problem in problems)
    monkeypatch.setattr(page._tool(), "displayed", lambda _: ({}, problems))
    with pytest.raises(page.ExtensionError, match=r"write_equations\.py"):
        page.check_book()


def test_a_page_of_prose_displays_no_equation_of_its_own(monkeypatch, tmp_path):
    (tmp_path / "glossary.md").write_text("A term\n\n$$\nx = y\n$$\n")
    monkeypatch.setattr(page._tool(), "BOOK", tmp_path)
    assert page._tool().displayed({})[1] == ["glossary.md: no registered equation '': '$$\\nx = y\\n$$'"]


def test_chip_says_how_the_equation_is_known_and_links_to_its_row():
    html = page.chip(ROWS["minimax.bounds"], "equations.html#minimax.bounds")
    assert ">50 digits</a>" in html and 'href="equations.html#minimax.bounds"' in html
    assert "to 50 digits on 20 random pairs" in html
    assert page.chip_text(ROWS["optimal_discriminator.sample_size"]) == "30 digits"
    assert "data-sympy" not in page.chip(ROWS["divergences.kantorovich"], "#x")


def test_counts_are_those_of_the_rows():
    rows = [ROWS[label] for label in ("minimax.reduction", "minimax.game", "minimax.losses")]
    assert page.count_sentence(rows, 3) == (
        "3 of 3 displayed equations are checked: 1 proved by sympy, 2 definitions."
    )
    assert page.count_sentence(rows[:1], 2).startswith("1 of 2 ")


def test_source_is_a_link_only_where_the_repository_has_an_address():
    row = ROWS["minimax.reduction"]
    assert "<a" not in page.source_link(row, "", "main") and row.path in page.source_link(row, "", "main")
    linked = page.source_link(row, "https://example.org/a/b", "notebooks")
    assert f'href="https://example.org/a/b/blob/notebooks/{row.path}"' in linked


# --- card ---------------------------------------------------------------------------------------------

ENVIRONMENT = {"device": "A processor", "kind": "cpu", "threads": 2, "python": "3.12.1",
               "versions": {"torch": "2.9.0+cpu", "ganmath": "9.9", "numpy": "2"}}  # fmt: skip


def facts(chapter: str, losses: list[str], folder=card.RECORDS) -> dict[str, str]:
    return dict(card.card_facts(chapter, losses, page.displayed_in(chapter), folder))


def test_card_says_what_loss_checks_and_records_say():
    told = facts("minimax", ["minimax"])
    loss = gm.losses["minimax"]
    assert loss.title in told["Loss"]
    assert str(loss.year) in told["Introduced"] and f"{{cite:t}}`{loss.citation}`" in told["Introduced"]
    n = sum(row.chapter == "minimax" for row in ROWS.values())
    notebook = (ROOT / "book" / "minimax.ipynb").read_text(encoding="utf-8")
    assert n == len(re.findall(r"\$\$ \(minimax\.\w+\)", notebook)) > 0
    assert f"{n} of {n} checked" in told["Equations"]
    runs = records.runs(ROOT / "book" / "records", loss="minimax")
    assert told["Recorded runs"].startswith(f"{len(runs)} on ")
    assert all(str(run["seed"]) in told["Recorded runs"] for run in runs)
    assert all(run["environment"]["python"] in told["Measured with"] for run in runs)


def test_card_of_a_chapter_without_a_loss_leaves_its_rows_out():
    assert not {"Loss", "Introduced", "Equations", "Recorded runs"} & set(facts("preface", []))
    assert "Loss" not in facts("divergences", []) and "Equations" in facts("divergences", [])


def test_card_counts_an_equation_that_is_not_checked():
    n = page.displayed_in("minimax")
    assert f"{n} of {n + 1} checked" in dict(card.card_facts("minimax", [], n + 1))["Equations"]


def test_card_follows_its_records(tmp_path):
    """Other records, another card: nothing of it is typed."""
    told = facts("minimax", ["minimax"], tmp_path)
    assert told["Recorded runs"] == "none" and "Measured with" not in told
    assert told["Running time"] == "smoke, CPU, GPU: not measured"

    run = {"loss": "minimax", "data": "mnist", "environment": ENVIRONMENT}
    for seed in (0, 7):
        (tmp_path / f"minimax-mnist-seed{seed}.json").write_text(json.dumps({**run, "seed": seed}))
    times = {"smoke": {"seconds": 29.1, "environment": ENVIRONMENT},
             "cpu": {"seconds": 250.0, "environment": ENVIRONMENT}}  # fmt: skip
    (tmp_path / "chapter-times.json").write_text(json.dumps({"minimax": times}))
    told = facts("minimax", ["minimax"], tmp_path)
    assert told["Recorded runs"] == "2 on mnist (seeds 0, 7)"
    assert told["Running time"] == "smoke 29 s, CPU 4 min on A processor (2 threads); GPU: not measured"
    assert told["Measured with"] == "Python 3.12.1, torch 2.9.0, ganmath 9.9"
    sizing = {"gpu": "NVIDIA Example", "chapters": {"minimax": {"seconds": 384}}}
    (tmp_path / "gpu-sizing.json").write_text(json.dumps(sizing))
    told = facts("minimax", [], tmp_path)["Running time"]
    assert told.endswith("; GPU 6 min on an NVIDIA Example {ref}`by calculation, not measured <gpu-sizing>`")
    assert "calculation" not in facts("lsgan", [], tmp_path)["Running time"]
    times["gpu"] = {"seconds": 61.0, "environment": {**ENVIRONMENT, "device": "A card", "threads": None}}
    assert card.times_text(times).endswith("; GPU 61 s on A card")
    assert card.times_text(times, told) == card.times_text(times)  # a measurement replaces a calculation


def test_recorded_times_are_on_the_card():
    for chapter, times in card.chapter_times().items():
        for scale, time in times.items():
            assert f"{card.SCALES[scale]} {card.time_taken(time)}" in facts(chapter, [])["Running time"]


def test_unknown_loss_names_the_nearest():
    with pytest.raises(KeyError, match="minimax"):
        card.card_facts("minimax", ["minmax"], 1)


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_chapter_opens_with_its_card(path):
    first = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    assert re.match(r"# .+\n\n:::\{chapter-card\}\n(:losses: .+\n)?:::\n", first)


def test_buttons_are_the_themes_own_links():
    header = [
        {
            "type": "group",
            "label": "launch-buttons",
            "buttons": [{"text": "Colab", "url": "https://colab/x"}],
        },
        {"type": "group", "buttons": [{"label": "download-source-button", "url": "../notebooks/a.ipynb"}]},
        {"label": "download-pdf-button", "url": "#"},
    ]
    row = extension("chapter_card").button_row
    found = [link["href"] for link in BeautifulSoup(row(header), "html.parser").find_all("a")]
    assert found == ["https://colab/x", "../notebooks/a.ipynb"]
    assert "Colab" not in row(header[1:])  # no dead button where the repository has no address


# --- cite this page -----------------------------------------------------------------------------------


def parsed(entry: str):
    database = pytest.importorskip("pybtex.database").parse_string(entry, "bibtex")
    ((key, found),) = database.entries.items()
    return key, found


def test_bibtex_names_author_page_book_and_version():
    source = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    key, entry = parsed(cite.bibtex("ganmath-minimax", "The minimax loss", "2026"))
    assert key == "ganmath-minimax" and entry.type == "incollection"
    assert [str(person) for person in entry.persons["author"]] == [f"{{{source['authors'][0]['name']}}}"]
    assert entry.fields["title"] == "{The minimax loss}"
    assert entry.fields["booktitle"] == f"{{{source['title']}}}"
    assert entry.fields["year"] == "2026" and __version__ in entry.fields["note"]
    assert "url" not in entry.fields


def test_bibtex_has_an_address_only_where_there_is_one_and_escapes_titles():
    _, entry = parsed(cite.bibtex("k", "A & B_c 100 %", "2026", "https://example.org/book/a.html"))
    assert entry.fields["url"] == "https://example.org/book/a.html"
    assert entry.fields["title"] == r"{A \& B\_c 100 \%}"


def test_the_page_that_is_the_books_own_title_is_not_part_of_itself():
    title = yaml.safe_load((ROOT / "CITATION.cff").read_text())["title"]
    _, entry = parsed(cite.bibtex("k", title, "2026"))
    assert entry.type == "misc" and "booktitle" not in entry.fields


def test_citation_file_agrees_with_the_package():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
