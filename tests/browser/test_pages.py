"""Every page of the built book, in light and dark, on a desk and on a phone.

A reader must get the whole page from this site alone, with all formulas set, every picture
described, text that can be read, nothing serious that axe-core finds, no sideways scrolling at 360 px,
and no more bytes than weights.py allows. One visit answers all of it: loading is what takes the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page

from ..conftest import ROOT
from .conftest import BUILT
from .weights import too_heavy

pytestmark = pytest.mark.browser

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
CHAPTERS = [TOC["root"]] + [c["file"] for part in TOC["parts"] for c in part["chapters"]]
# a chapter that was not built is opened too, and fails
PAGES = sorted({f"{chapter}.html" for chapter in CHAPTERS} | set(BUILT))

# Elements without a text alternative. Decorations are hidden from screen readers and so exempt.
WITHOUT_NAME = """() => {
  const hidden = e => e.closest('[aria-hidden="true"], [role="presentation"], [role="none"]');
  const named = e => ['aria-label', 'alt', 'title'].some(a => (e.getAttribute(a) || '').trim())
    || (e.getAttribute('aria-labelledby') && document.getElementById(e.getAttribute('aria-labelledby')));
  const bad = [];
  // the mark beside the book's name: the link that holds both has a text already
  const besideText = e => e.getAttribute('alt') === '' && e.closest('a')?.textContent.trim();
  for (const e of document.querySelectorAll('img'))
    if (!hidden(e) && !besideText(e) && !(e.getAttribute('alt') || '').trim()) bad.push(e);
  for (const e of document.querySelectorAll('svg'))
    if (!hidden(e) && !named(e) && !e.querySelector(':scope > title')
        && !(e.closest('[role="img"], button, a') && named(e.closest('[role="img"], button, a'))))
      bad.push(e);
  for (const e of document.querySelectorAll('figure'))
    if (!named(e) && !e.querySelector('img[alt], svg[aria-label], svg > title, canvas[aria-label]'))
      bad.push(e);
  for (const e of document.querySelectorAll('canvas, input, select, video'))
    if (!hidden(e) && !named(e) && !(e.labels && e.labels.length) && e.type !== 'hidden') bad.push(e);
  return bad.map(e => e.outerHTML.slice(0, 160));
}"""

# Formulas that were not set: no container, an error, or a macro MathJax does not know (it sets
# such a macro in red and goes on).
UNSET_MATH = r"""() => {
  const bad = [];
  for (const e of document.querySelectorAll('.math'))
    if (!e.querySelector('mjx-container')) bad.push('not set: ' + e.textContent.slice(0, 120));
  for (const e of document.querySelectorAll('mjx-merror, [data-mjx-error], mjx-mtext[style*="red"]'))
    bad.push('error: ' + (e.getAttribute('data-mjx-error')
      || e.closest('mjx-container').querySelector('mjx-assistive-mml')?.textContent || 'red text'));
  // closed dropdowns count too, code does not
  const article = (document.querySelector('article') || document.body).cloneNode(true);
  article.querySelectorAll('pre, code, script, style').forEach(e => e.remove());
  const text = article.textContent;
  for (const m of text.matchAll(/\{(?:eq|cite(?::\w)?|prf:\w+|ref|doc|numref)\}`[^`]*`|\\begin\{\w+\}/g))
    bad.push('left in the text: ' + m[0]);
  return bad;
}"""

# Contrast (WCAG 2) of text against the first opaque background behind it, below 4.5.
LOW_CONTRAST = """() => {
  const rgb = s => {  // rgb(0-255) or, where colours are mixed, color(srgb 0-1)
    const numbers = (s.match(/[\\d.]+/g) || []).map(Number);
    return s.startsWith('color(srgb') ? numbers.map((v, i) => i < 3 ? v * 255 : v) : numbers;
  };
  const luminance = c => c.slice(0, 3).map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > .5) return c;
    }
    return rgb(getComputedStyle(document.documentElement).colorScheme.includes('dark')
      ? 'rgb(18,18,18)' : 'rgb(255,255,255)');
  };
  const selector = 'article p, article h1, article h2, article li, article td, .gm-card, .gm-checked,'
    + 'figure.gm-figure, figure.gm-figure svg text, figcaption, mjx-container';
  const bad = [];
  for (const e of document.querySelectorAll(selector)) {
    const style = getComputedStyle(e);
    const ink = e.tagName === 'text' ? style.fill : style.color;
    const [a, b] = [luminance(rgb(ink)), luminance(ground(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) bad.push(ink + ': ' + e.outerHTML.slice(0, 120));
  }
  return bad;
}"""

# Serious and critical findings of axe-core. Structure is the same in both themes, colours are not. What
# MathJax draws is thousands of elements of one kind, which the checks above and below cover.
AXE = """dark => axe.run(
  {exclude: ['mjx-container > *']},
  // preload would ask again for every style sheet
  {preload: false, resultTypes: ['violations'], ...(dark && {runOnly: ['color-contrast']})}
).then(found => found.violations
  .filter(fault => ['serious', 'critical'].includes(fault.impact))
  .flatMap(fault => fault.nodes.slice(0, 3).map(node => fault.id + ': ' + node.html.slice(0, 160)
    + ' ' + node.failureSummary.slice(0, 200))))"""

OVERFLOW = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  const inOwnBox = e => {
    for (e = e.parentElement; e && e.tagName !== 'ARTICLE'; e = e.parentElement)
      if (getComputedStyle(e).overflowX !== 'visible') return true;
    return false;
  };
  return ['page: ' + root.scrollWidth + ' > ' + root.clientWidth,
    ...[...document.querySelectorAll('article *')]
      .filter(e => e.getBoundingClientRect().right > root.clientWidth + 1 && !inOwnBox(e))
      .slice(0, 5).map(e => e.outerHTML.slice(0, 120))];
}"""


@dataclass
class Visit:
    """A page that was opened, and what went wrong while it loaded."""

    page: Page
    left_site: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    loaded: set[str] = field(default_factory=set)  # files of the site, by their paths


@pytest.fixture(scope="module", params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def visit(request: pytest.FixtureRequest, browser: Browser, site: str, theme: str) -> Iterator[Visit]:
    """Open a page with every request to another host blocked and recorded."""
    context = browser.new_context(color_scheme=theme, viewport={"width": 1280, "height": 900})
    opened = Visit(context.new_page())

    def only_this_site(route):
        if route.request.url.startswith(site + "/"):
            route.continue_()
        else:
            opened.left_site.append(route.request.url)
            route.abort()

    context.route("**/*", only_this_site)
    page = opened.page
    page.on("console", lambda m: opened.console.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: opened.console.append(str(error)))
    page.on("websocket", lambda socket: opened.left_site.append(socket.url))
    page.on("response", lambda r: opened.failed.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.on("request", lambda r: opened.loaded.add(unquote(urlsplit(r.url).path).lstrip("/")))
    page.goto(f"{site}/{request.param}", wait_until="load")
    # index.html forwards to the preface, which then sets its theme
    page.wait_for_function("['light', 'dark'].includes(document.documentElement.dataset.theme)")
    if page.locator(".math").count():
        page.wait_for_function("window.MathJax?.startup?.promise !== undefined")
        page.evaluate("MathJax.startup.promise.then(() => true)")
    page.evaluate("document.fonts.ready.then(() => true)")
    # what scripts still ask for after the load; the state "networkidle" is not always reached
    page.wait_for_timeout(500)
    yield opened
    context.close()


@pytest.mark.parametrize("visit", PAGES, indirect=True)
def test_page(visit: Visit, theme: str) -> None:
    page = visit.page
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert page.title().strip()
    faults = {
        "picture without a text alternative": page.evaluate(WITHOUT_NAME),
        "formula not set": page.evaluate(UNSET_MATH),
        "hard to read": page.evaluate(LOW_CONTRAST),
    }
    faults["too heavy"] = too_heavy(visit.loaded)
    page.evaluate(AXE_SCRIPT)
    faults["accessibility"] = page.evaluate(AXE, theme == "dark")
    page.set_viewport_size({"width": 360, "height": 740})
    faults["wider than a phone"] = page.evaluate(OVERFLOW)
    faults["request left the site"] = visit.left_site
    faults["file missing"] = visit.failed
    faults["console error"] = visit.console
    found = [f"{what}: {where}" for what, places in faults.items() for where in places]
    assert not found, "\n".join(found)
