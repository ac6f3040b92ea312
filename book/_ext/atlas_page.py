"""The directives `{atlas}` and `{pair-matrix}`: tables generated from the catalogue of losses.

They are ordinary tables, readable without JavaScript; atlas.js adds sorting and filters from the data
that stands beside them.
"""

import json
import re
from typing import Any

import atlas_data
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import ganmath as gm

# heading of each column, and the entries it shows; cards show the others on demand
COLUMNS = {
    "Optimal critic": ("optimal_critic", "optimal_discriminator"),
    "Divergence of D": ("critic_divergence",),
    "G, value reading": ("value_reading",),
    "G, gradient reading": ("gradient_reading",),
    "G, equilibrium reading": ("equilibrium_reading",),
    "Critic’s loss at p = q": ("at_equilibrium",),
    "G’s gradient as u → 0": ("saturation",),
}
FIRST_ON_CARDS = ("critic_divergence", "gradient_reading", "saturation")


# --- tables ---------------------------------------------------------------------------------------


class Table:
    """A docutils table that grows by rows; `parse` turns Markdown into nodes."""

    def __init__(self, directive: SphinxDirective, heads: list[str], classes: list[str]) -> None:
        self.parse = directive.parse_text_to_nodes
        self.heads = heads
        self.node = nodes.table(classes=classes)
        group = nodes.tgroup(cols=len(heads))
        group += [nodes.colspec(colwidth=1, stub=int(i == 0)) for i in range(len(heads))]
        line = nodes.row()
        line += [nodes.entry("", nodes.paragraph("", "", *self.inline(head))) for head in heads]
        self.body = nodes.tbody()
        group += [nodes.thead("", line), self.body]
        self.node += group

    def inline(self, markdown: str) -> list[nodes.Node]:
        """Inline nodes of a Markdown text of one paragraph."""
        return [child for block in self.parse(markdown) for child in block.children]

    def paragraph(self, markdown: str, *more: nodes.Node, classes: str = "") -> nodes.paragraph:
        return nodes.paragraph("", "", *self.inline(markdown), *more, classes=classes.split())

    def label(self, column: int) -> nodes.paragraph:
        """The column's heading inside the cell, shown where the table becomes cards."""
        return nodes.paragraph("", "", *self.inline(self.heads[column]), classes=["gm-cell-label"])


def chip(evidence: str) -> list[nodes.Node]:
    if not evidence:
        return []
    return [nodes.Text(" "), nodes.inline("", evidence, classes=["gm-chip", f"gm-chip-{evidence}"])]


class AtlasDirective(SphinxDirective):
    """`{atlas}`: the whole catalogue as one table."""

    def run(self) -> list[nodes.Node]:
        losses = list(gm.losses.values())
        rows = [
            {"name": loss.name, "title": loss.title or loss.name, "year": loss.year, **derived}
            | {"citation": loss.citation, "chapter": loss.chapter}
            for loss, derived in zip(losses, atlas_data.rows(losses, atlas_data.Derived()), strict=True)
        ]
        table = Table(self, ["Loss", *COLUMNS, "Definition", "Chapter"], ["gm-atlas", "gm-sticky"])
        for row in rows:
            table.body += self.row(table, row)
        return [nodes.container("", table.node, classes=["gm-atlas-box"]), self.data(rows)]

    def row(self, table: Table, row: dict[str, Any]) -> nodes.row:
        line = nodes.row(ids=[f"loss-{row['name']}"])
        line += nodes.entry("", *self.head(table, row), classes=["gm-loss"])
        if row["trouble"]:
            text = nodes.paragraph("", row["trouble"][0].upper() + row["trouble"][1:])
            line += nodes.entry("", text, morecols=len(COLUMNS) - 1, classes=["gm-trouble"])
        else:
            for number, names in enumerate(COLUMNS.values(), 1):
                content = [p for name in names for p in self.entry(table, row["entries"][name])]
                rank = [] if set(names) & set(FIRST_ON_CARDS) else ["gm-minor"]
                line += nodes.entry("", table.label(number), *content, classes=rank)
        defined = table.label(len(table.heads) - 2), *self.definition(table, row)
        line += nodes.entry("", *defined, classes=["gm-minor"])
        chapter = row["chapter"]
        link = table.paragraph(f"{{doc}}`/book/{chapter}`" if chapter else "none yet")
        line += nodes.entry("", table.label(len(table.heads) - 1), link)
        return line

    def head(self, table: Table, row: dict[str, Any]) -> list[nodes.Node]:
        """Name of the loss with its link, citation, and how to call it."""
        here = nodes.reference("", "#", refid=f"loss-{row['name']}", classes=["gm-anchor"])
        title = nodes.paragraph("", "", nodes.strong("", row["title"]), nodes.Text(" "), here)
        keys = [key for key in row["citation"].split(",") if key]
        cited = [table.paragraph(f"{{cite:p}}`{','.join(keys)}`")] if keys else []
        code = nodes.literal("", f'gm.losses["{row["name"]}"]')
        return [title, *cited, nodes.paragraph("", "", code, classes=["gm-python"])]

    def definition(self, table: Table, row: dict[str, Any]) -> list[nodes.Node]:
        lines = list(row["definition"])
        if row["parameters"]:
            lines.append(f"at ${', '.join(row['parameters'])}$")
        return [table.paragraph(line, classes="gm-definition") for line in lines]

    def entry(self, table: Table, entry: dict[str, str]) -> list[nodes.Node]:
        """Formula, verdict with the chip, and the general formula of one entry."""
        lines = [line for line in (entry["formula"], entry["verdict"]) if line]
        shown = [table.paragraph(line) for line in lines]
        if shown and entry["evidence"]:
            shown[-1] += chip(entry["evidence"])
        if entry["general"]:
            shown.append(nodes.raw("", "<details><summary>in general</summary>", format="html"))
            shown.append(table.paragraph(entry["general"], classes="gm-general"))
            shown.append(nodes.raw("", "</details>", format="html"))
        return shown

    def data(self, rows: list[dict[str, Any]]) -> nodes.raw:
        """What atlas.js sorts and filters by, one object for each row, keyed by the row's anchor."""
        keep = {
            f"loss-{row['name']}": {
                "sort": {
                    "Loss": row["title"],
                    "Year": row["year"],
                    "Optimal critic": row["entries"]["optimal_critic"]["formula"],
                    "Divergence of D": row["divergence"],
                    "G, value reading": row["entries"]["value_reading"]["verdict"],
                    "G, gradient reading": row["followed"],
                    "G, equilibrium reading": row["entries"]["equilibrium_reading"]["verdict"],
                    "Critic’s loss at p = q": row["at_equilibrium"],
                    "G’s gradient as u → 0": row["entries"]["saturation"]["verdict"],
                    "Definition": " ".join(row["definition"]),
                    "Chapter": row["chapter"],
                },
                "divergence": row["divergence"] or "not derived",
                "saturation": row["entries"]["saturation"]["verdict"] or "not derived",
                "evidence": row["evidence"] or "not derived",
            }
            for row in rows
        }
        return script("gm-atlas-data", keep)


def script(identity: str, data: Any) -> nodes.raw:
    # "<" may not end the script element early
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return nodes.raw("", f'<script type="application/json" id="{identity}">{text}</script>', format="html")


class PairMatrixDirective(SphinxDirective):
    """`{pair-matrix}`: what the generator of one loss follows with the critic of another."""

    def run(self) -> list[nodes.Node]:
        data = atlas_data.matrix(list(gm.losses.values()), atlas_data.Derived())
        heads = ["Critic (down), generator (across)", *[", ".join(names) for names in data["generators"]]]
        table = Table(self, heads, ["gm-pairs", "gm-sticky"])
        for names, cells in zip(data["critics"], data["cells"], strict=True):
            line = nodes.row()
            line += nodes.entry("", nodes.paragraph("", ", ".join(names)), classes=["gm-loss"])
            for generators, cell in zip(data["generators"], cells, strict=True):
                line += self.cell(table, cell, own=bool(set(names) & set(generators)))
            table.body += line
        return [nodes.container("", table.node, classes=["gm-atlas-box"])]

    def cell(self, table: Table, cell: dict[str, str], own: bool) -> nodes.entry:
        shown = [table.paragraph(cell["markdown"], *chip(cell["evidence"]), classes="gm-verdict")]
        if own:
            shown.append(nodes.paragraph("", "both from one loss", classes=["gm-why"]))
        if cell["formula"]:
            shown.append(table.paragraph(cell["formula"]))
        if cell["why"]:
            where = re.search(r"negative at (u = [^,]+)", cell["why"])
            text = f"$f_G'' < 0$ at ${where[1]}$" if where else cell["why"]
            shown.append(table.paragraph(text, classes="gm-why") if where else nodes.paragraph("", text))
        return nodes.entry("", *shown, classes=[f"gm-pair-{cell['verdict']}"])


def add_assets(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Script and style on the pages that show one of the tables."""
    if doctree is not None and any("gm-sticky" in t["classes"] for t in doctree.findall(nodes.table)):
        app.add_js_file("atlas.js", loading_method="defer")
        app.add_css_file("atlas.css")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("atlas", AtlasDirective)
    app.add_directive("pair-matrix", PairMatrixDirective)
    app.connect("html-page-context", add_assets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
