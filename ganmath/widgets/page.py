"""How a widget becomes the output of a cell: markup, style, data and script in one piece of HTML.

A page, JupyterLab, Jupyter Notebook and Colab (where each output is a frame of its own) get the same
text and need no other file. Scripts live in a function, ids come from the content, so that any number
of widgets share a page; a widget that appears twice works twice.
"""

import json
import re
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from typing import Any

#: Finds the widget's own elements and hands each to `start`. JupyterLab may run the script before the
#: output is in the document: then look again at the next frames. A widget that a page shows twice gets
#: ids of its own the second time. Keys pressed in a widget are its own, not the shortcuts of a notebook
#: or a page around it.
_START = """\
const begin = (tries) => {
const roots = document.querySelectorAll('[data-gm="%(name)s"]:not([data-gm-live])');
if (!roots.length && tries) return void requestAnimationFrame(() => begin(tries - 1));
for (const root of roots) {
root.dataset.gmLive = "";
const copy = [...document.querySelectorAll('[data-gm="%(name)s"]')].indexOf(root);
for (const a of copy ? ["id", "for", "aria-describedby"] : [])
for (const e of root.querySelectorAll(`[${a}^=%(name)s]`))
e.setAttribute(a, e.getAttribute(a).replace("%(name)s", `%(name)s-${copy}`));
root.addEventListener("keydown", (event) => event.stopPropagation());
start(root, data);
}
};
begin(100);"""


@dataclass(frozen=True)
class Widget:
    """The output of a cell: what it is, what it shows in words, and its HTML.

    Its text form is short and always the same, as `Widget(kind='sliders', alt='…')`.
    """

    kind: str
    alt: str
    html: str = field(repr=False)

    def _repr_html_(self) -> str:
        return self.html


@dataclass(frozen=True)
class Script:
    """JavaScript source that goes into a widget's data as it is, such as a function."""

    source: str


def widget(kind: str, body: str, *, alt: str, data: Any = None, prefix: str = "") -> Widget:
    """Put a widget together from its markup, its data and the files `<kind>.js`, `widgets.css`.

    Parameters: kind, such as "sliders", which names the script and, when there is one, `<kind>.css`.
    body, the markup in its first state, where ``{id}`` stands for an identifier of this widget alone.
    alt, what it shows, in a sentence (ValueError when empty). data, None, numbers, text, lists and
    dictionaries of these, and `Script`. prefix, JavaScript before the script, such as helpers.

    The script defines ``function start(root, data)``; root is the ``<div>`` around the body. It may
    call nothing outside itself. So that it can be shortened, comments stand on lines of their own, text
    in "…" or in `…` without another `…` inside.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError("alt is empty: say in one sentence what the widget shows")
    style = _short_css(_read("widgets.css") + _read(f"{kind}.css", ""))
    code = _short_js(f"const data = {javascript(data)};\n{prefix}\n{_read(f'{kind}.js')}")
    name = "gm" + sha256((body + style + code + alt).encode()).hexdigest()[:12]
    script = code + "\n" + _START % {"name": name}
    # the last attribute keeps JupyterLab's shortcuts off, which see keys before the widget does
    root = f'<div class="gm-widget gm-{kind}" data-gm="{name}" data-lm-suppress-shortcuts="true">'
    body = body.replace("{id}", name)
    html = f"{root}\n<style>{style}</style>\n{body}\n<script>(() => {{\n{script}\n}})();</script>\n</div>"
    return Widget(kind, alt, html)


def javascript(value: Any) -> str:
    """JavaScript of a Python value: JSON, with `Script` kept as source; safe inside <script>.

    ValueError for NaN and infinity, which JSON lacks.
    """
    if isinstance(value, Script):
        return value.source.replace("</", r"<\/")
    if isinstance(value, dict):
        return "{" + ",".join(f"{javascript(str(k))}:{javascript(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(javascript(v) for v in value) + "]"
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.replace("<", r"\u003c").replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")


def _read(name: str, default: str | None = None) -> str:
    path = files(__package__) / name
    return default if default is not None and not path.is_file() else path.read_text("utf-8")


_TEXT_OR_SPACE = re.compile(r"""("(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)|[ ]*([=*/<>?:;,(){}\[\]&|])[ ]*""")


def _short_js(source: str) -> str:
    """Without indents, blank lines, lines that are comments, and spaces around most operators.

    Spaces beside + and - stay ("a - -b"), as does what stands in "…" and in `…`.
    """
    lines = (line.strip() for line in source.splitlines())
    code = "\n".join(line for line in lines if line and not line.startswith("//"))
    return _TEXT_OR_SPACE.sub(lambda m: m[1] or m[2], code)


def _short_css(source: str) -> str:
    """Without comments and the space that CSS does not need."""
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    return re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r"\s+", " ", source)).strip()
