"""What a site needs around its pages: head tags, robots.txt, sitemap.xml and a page for wrong addresses.

Where the site's address is known (`html: baseurl` in _config.yml, filled in when publishing) each page
names its canonical address and its social card, and a sitemap lists all pages. Without an address
nothing points anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from markupsafe import Markup
from sphinx.application import Sphinx

CARD = "_static/social-card.png"
CARD_SIZE = (1200, 630)
CARD_TEXT = "Two overlapping densities, p in blue and q in orange, and the optimal discriminator in green"

NOT_FOUND = """<h1>No page at this address</h1>
<p>The pages of this book keep their addresses, so the link that led here is probably mistyped.</p>
<form class="gm-search" role="search" action="search.html" method="get">
<label for="gm-search-field">Search the book</label>
<input id="gm-search-field" type="search" name="q" autocomplete="off">
<button type="submit">Search</button>
</form>
<ul>
<li><a href="book/index.html">The front page</a></li>
<li><a href="book/atlas.html">Atlas of losses</a></li>
<li><a href="book/equations.html">Checked equations</a></li>
<li><a href="genindex.html">Index</a></li>
</ul>
"""


def first_sentence(document: nodes.document | None) -> str:
    """First sentence of a page's text, for search results and social cards ("" where there is none)."""
    for paragraph in document.findall(nodes.paragraph) if document else ():
        if isinstance(paragraph.parent, (nodes.section, nodes.container)):
            text = re.sub(r"[\\{}]|\s+", " ", paragraph.astext())
            sentence = re.split(r"(?<=[.?!]) (?=[A-Z])", " ".join(text.split()))[0]
            return sentence if len(sentence) <= 300 else sentence[:299] + "…"
    return ""


def head_tags(
    app: Sphinx, page: str, template: str, context: dict[str, Any], document: nodes.document | None
) -> None:
    """Add title, description, social card and icons to a page's head; links to it when it has an address."""
    front = page == app.config.root_doc
    book = app.config.html_title
    title = re.sub("<[^>]*>", "", str(context.get("title") or book))
    description = first_sentence(document)
    tags = {"og:type": "website" if front else "article", "og:site_name": book, "og:title": title}
    if description:
        tags |= {"description": description, "og:description": description}
    if base := app.config.html_baseurl:
        tags |= {
            "og:url": context["pageurl"],
            "og:image": base.rstrip("/") + "/" + CARD,
            "og:image:width": str(CARD_SIZE[0]),
            "og:image:height": str(CARD_SIZE[1]),
            "og:image:alt": CARD_TEXT,
            "twitter:card": "summary_large_image",
        }
    lines = [
        f'<meta {"property" if name.startswith("og:") else "name"}="{name}" content="{escape(content)}">'
        for name, content in tags.items()
    ]
    png = context["pathto"]("_static/favicon.png", resource=True)
    lines.append(f'<link rel="alternate icon" type="image/png" href="{png}">')
    lines.append(f'<link rel="apple-touch-icon" sizes="180x180" href="{png}">')
    context["metatags"] = context.get("metatags", "") + "\n" + "\n".join(lines) + "\n"
    if front:  # its own heading is the book's title
        context["title"], context["docstitle"] = book, ""
    if base and "theme_extra_footer" in context:
        versions = f'<a href="{base.rstrip("/")}/versions.html">All versions of the book</a>'
        context["theme_extra_footer"] += f"<p>{versions}</p>"


def mend(
    app: Sphinx, page: str, template: str, context: dict[str, Any], document: nodes.document | None
) -> None:
    """Mend what the theme and docutils write that a screen reader would stumble over."""
    if tree := context.get("generate_toctree_html"):

        def with_names(*arguments: Any, **options: Any) -> str:
            """The sidebar, its arrows with a name."""
            html = str(tree(*arguments, **options))
            return Markup(html.replace("<summary>", '<summary aria-label="Pages of this section">'))

        context["generate_toctree_html"] = with_names
    if "body" in context:  # lists whose items are no list items, a role that no longer exists
        for wrong in (' role="list"', ' role="doc-biblioentry"', ' role="doc-backlink"'):
            context["body"] = context["body"].replace(wrong, "")


def extra_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """404.html, which GitHub Pages and most servers answer with where there is no page."""
    yield "404", {"title": "No page at this address", "body": NOT_FOUND}, "page.html"


def make_absolute(html: str, base: str) -> str:
    """A page of the root folder with its relative links made absolute: it is shown at any depth."""
    folder = urlsplit(base).path.rstrip("/") + "/"
    html = re.sub(r'\b(href|src|action)="(?![a-z]+:|[#/])(?:\./)?', rf'\1="{folder}', html)
    return html.replace('data-content_root="./"', f'data-content_root="{folder}"')


def write_files(app: Sphinx, error: Exception | None) -> None:
    """Write robots.txt and sitemap.xml, and finish 404.html."""
    if error or app.builder.name != "html":
        return
    folder, base = Path(app.outdir), app.config.html_baseurl
    robots = "User-agent: *\nAllow: /\n"
    if base:
        base = base.rstrip("/") + "/"
        robots += f"Sitemap: {base}sitemap.xml\n"
        pages = sorted(app.env.found_docs)
        urls = "".join(
            f"<url><loc>{escape(base + app.builder.get_target_uri(p))}</loc></url>\n" for p in pages
        )
        (folder / "sitemap.xml").write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n'
        )
        page = folder / "404.html"
        page.write_text(make_absolute(page.read_text(encoding="utf-8"), base), encoding="utf-8")
    (folder / "robots.txt").write_text(robots)
    drop_icon_script(folder)


def drop_icon_script(folder: Path) -> None:
    """The theme brings its icons twice: as a web font, and as a script of three times its bytes."""
    script = folder / "_static" / "scripts" / "fontawesome.js"
    if script.is_file():
        script.write_text("// The icons are those of the web font in the theme's style sheet.\n")
    for source_map in (folder / "_static").rglob("*.map"):  # for debugging the theme, in no page
        source_map.unlink()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("html-page-context", head_tags)
    app.connect("html-page-context", mend, priority=900)  # after the theme's own
    app.connect("html-collect-pages", extra_pages)
    app.connect("build-finished", write_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
