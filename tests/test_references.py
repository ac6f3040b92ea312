"""The bibliography: every entry is complete and cited, every citation has its entry."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from pybtex.database import BibliographyData, Entry, parse_file

import ganmath as gm

from .conftest import ROOT

BOOK = ROOT / "book"
BIBLIOGRAPHY: BibliographyData = parse_file(str(BOOK / "references.bib"))
ENTRIES: dict[str, Entry] = dict(BIBLIOGRAPHY.entries.items())

# where each kind of entry says that it appeared
VENUE = {
    "article": "journal",
    "book": "publisher",
    "inproceedings": "booktitle",
    "misc": "eprint",
    "techreport": "institution",
}
FIELDS = set(VENUE.values()) | {
    *("title", "year", "volume", "number", "pages", "doi", "url", "archiveprefix", "note")
}
# A paper whose year, place of publication and identifier could not be confirmed, and whose note says so.
UNCONFIRMED = {"zhong"}

DOI = re.compile(r"10\.\d{4,9}/\S+")
# year and month, then four digits up to 2014 and five since
ARXIV = re.compile(r"(0[7-9]|1[0-4])(0[1-9]|1[0-2])\.\d{4}|(1[5-9]|[2-9]\d)(0[1-9]|1[0-2])\.\d{5}")
CITATION = re.compile(r"\{cite:\w+\}`([^`]+)`")


def title_words(entry: Entry) -> str:
    """The title in small letters, without braces and punctuation."""
    return " ".join(re.findall(r"\w+", entry.fields["title"].lower()))


def texts() -> Iterator[tuple[str, str]]:
    """Name and Markdown of each page of the book."""
    for path in sorted(BOOK.glob("*.md")):
        yield path.name, path.read_text(encoding="utf-8")
    for path in sorted(BOOK.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        yield path.name, "\n\n".join(sources)


def cited() -> dict[str, set[str]]:
    """Keys of the bibliography that are cited, each with where."""
    places: dict[str, set[str]] = {}
    for page, text in texts():
        for keys in CITATION.findall(text):
            for key in keys.split(","):
                places.setdefault(key.strip(), set()).add(page)
    named = [*gm.losses.values(), *gm.divergences.values()]
    for one in named:
        for key in filter(None, getattr(one, "citation", "").split(",")):
            places.setdefault(key, set()).add(one.name)
    return places


CITED = cited()


@pytest.mark.parametrize("key", ENTRIES)
class TestEntry:
    def test_key_is_the_first_authors_name_and_the_year(self, key: str) -> None:
        entry = ENTRIES[key]
        name = re.sub(r"[\W_]", "", "".join(entry.persons["author"][0].last_names).lower())
        assert re.match(r"[a-z]+", key)[0] in name.replace("ø", "o"), name  # type: ignore[index]
        if key not in UNCONFIRMED:
            assert re.search(r"\d{4}", key)[0] == entry.fields["year"]  # type: ignore[index]

    def test_fields_have_the_names_that_all_entries_use(self, key: str) -> None:
        assert set(map(str.lower, ENTRIES[key].fields)) <= FIELDS

    def test_is_complete(self, key: str) -> None:
        entry = ENTRIES[key]
        missing = [field for field in ("title", "year", VENUE[entry.type]) if field not in entry.fields]
        if not {"doi", "eprint", "url"} & set(entry.fields):
            missing.append("doi, eprint or url")
        assert entry.persons["author"]
        if key in UNCONFIRMED:  # leaves the list when the gap is filled
            assert missing
            assert "could not be confirmed" in entry.fields["note"]
        else:
            assert not missing

    def test_identifiers_are_well_formed(self, key: str) -> None:
        fields = ENTRIES[key].fields
        if "doi" in fields:
            assert DOI.fullmatch(fields["doi"]), fields["doi"]
        if "eprint" in fields:
            assert fields["archiveprefix"] == "arXiv"
            number = ARXIV.fullmatch(fields["eprint"])
            assert number, fields["eprint"]
            # a preprint may come long before the paper, and a little after it
            assert 2000 + int(number[1] or number[3]) <= int(fields["year"]) + 1
        if "url" in fields:
            assert fields["url"].startswith("https://")

    def test_is_cited(self, key: str) -> None:
        assert key in CITED, "cite it, or take it out of references.bib"

    def test_is_on_a_page(self, key: str) -> None:
        """The list of references shows what pages cite; a loss's citation alone would not show."""
        assert any(place.endswith((".md", ".ipynb")) for place in CITED[key]), CITED[key]


def test_every_citation_has_an_entry() -> None:
    assert {key: places for key, places in CITED.items() if key not in ENTRIES} == {}


@pytest.mark.parametrize("field", ["doi", "eprint", "url", "title"])
def test_no_work_has_two_entries(field: str) -> None:
    owners: dict[str, list[str]] = {}
    for key, entry in ENTRIES.items():
        if field in entry.fields:
            value = title_words(entry) if field == "title" else entry.fields[field].lower()
            owners.setdefault(value, []).append(key)
    assert {value: keys for value, keys in owners.items() if len(keys) > 1} == {}


def test_what_comes_from_a_paper_cites_it() -> None:
    """A loss with a year has a source; one without either is a construction of this book."""
    silent = [loss.name for loss in gm.losses.values() if bool(loss.citation) != bool(loss.year)]
    silent += [d.name for d in gm.divergences.values() if hasattr(d, "f") and not d.citation]
    assert silent == []


def test_patterns_refuse_what_is_no_identifier() -> None:
    for wrong in ("doi:10.1109/18.61115", "https://doi.org/10.1109/18.61115", "11.1109/x"):
        assert not DOI.fullmatch(wrong)
    for wrong in ("arXiv:1701.07875", "1713.07875", "1701.0787", "1406.02661", "hep-th/9901001"):
        assert not ARXIV.fullmatch(wrong)
