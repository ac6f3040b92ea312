"""How a widget becomes HTML: what a page with several widgets and a strict parser need of it."""

import json
import re

import pytest

from ganmath.widgets import page
from ganmath.widgets.page import Script, javascript, widget


@pytest.fixture(autouse=True)
def small_widget(monkeypatch):
    """A kind of widget with three lines of script."""
    sources = {"toy.js": "// note\nfunction start(root, data) {\n  root.title = data.x;\n}\n", "toy.css": ""}
    read = page._read
    monkeypatch.setattr(page, "_read", lambda name, default=None: sources.get(name) or read(name, default))


def test_same_content_gives_the_same_bytes_and_other_content_another_id():
    one, same, other = (widget("toy", "<p>a</p>", alt="A toy.", data={"x": x}) for x in (1, 1, 2))
    assert one.html == same.html
    ids = [re.search('data-gm="(gm[0-9a-f]+)"', w.html)[1] for w in (one, other)]
    assert ids[0] != ids[1]


def test_text_form_is_short_and_says_what_is_shown():
    assert repr(widget("toy", "<p>" + "a" * 5000, alt="A toy.")) == "Widget(kind='toy', alt='A toy.')"


@pytest.mark.parametrize("alt", ["", "  ", None])
def test_empty_alt(alt):
    with pytest.raises(ValueError, match="alt is empty: say in one sentence"):
        widget("toy", "", alt=alt)


def test_data_cannot_end_the_script():
    hostile = {"a": "</script><script>alert(1)</script><!-- ", "b": [1.5, None, True, "\u2028"]}
    html = widget("toy", "", alt="A toy.", data=hostile).html
    assert html.count("</script") == 1 and "<!--" not in html
    assert json.loads(javascript(hostile)) == hostile


def test_functions_stay_source():
    assert javascript({"f": Script("(x) => 2*x"), "n": 3}) == '{"f":(x) => 2*x,"n":3}'


def test_numbers_must_be_finite():
    with pytest.raises(ValueError):
        javascript(float("nan"))


def test_comments_and_indents_are_left_out():
    html = widget("toy", "", alt="A toy.").html
    assert "note" not in html and "\nroot.title=data.x;" in html and "/*" not in html


def test_shortening_keeps_text_and_signs():
    short = page._short_js(
        '// a : b\nconst a = (x) => { return x - -1; };\n\n  const b = "p : q, r" + ` ${ a(1) } ; `;'
    )
    assert short == 'const a=(x)=>{return x - -1;};\nconst b="p : q, r" + ` ${ a(1) } ; `;'
