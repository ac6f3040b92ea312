"""The loss lab: its page's directive, and the catalogue of losses as the JavaScript that the page runs.

Every formula in ``_static/lab/catalogue.js`` is printed from ``gm.losses`` and what ``gm.derive`` says
of it (`gm.pair_matrix` of pairs), so that the page follows the catalogue by itself. Objectives that
several losses share are listed once. What has no closed form (or none that prints as JavaScript) is
left null: the page then finds the optimal critic by minimising. Critics that the page cannot keep to what
their loss asks are left out, and it says which.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import atlas_data
import sympy as sp
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import ganmath as gm
from ganmath.theory import expression
from ganmath.theory.constraints import Free, Interval
from ganmath.theory.expression import to_latex
from ganmath.theory.optimum import ImplicitCritic
from ganmath.theory.rules import delta
from ganmath.theory.structure import structure

SCRIPTS = ("network.js", "toys.js", "train.js", "measure.js", "draw.js", "lab.js")
RECORD = "benchmark-loss-lab"

#: Toys of the page: (code that makes the toy, its title, the interval or square that is drawn).
TOYS = {
    "mixture": ('gm.toys["mixture"]', "two Gaussians on the line", (-4.5, 4.5)),
    "gaussian": ('gm.toys["gaussian"](mean=2)', "one Gaussian, N(2, 1)", (-4.0, 8.0)),
    "far-gaussian": (
        'gm.toys["gaussian"](mean=4, sigma=0.5)',
        "a Gaussian far from the start, N(4, 0.25)",
        (-4.0, 8.0),
    ),
    "uniform": ('gm.toys["uniform"](low=-1, high=1)', "uniform on [-1, 1]", (-2.5, 2.5)),
    "ring": ('gm.toys["ring"](sigma=0.1)', "ring of 8 Gaussians in the plane", (-1.8, 1.8)),
    "grid": ('gm.toys["grid"](spacing=1, sigma=0.1)', "grid of 25 Gaussians in the plane", (-2.9, 2.9)),
    "swiss-roll": ('gm.toys["swiss-roll"](sigma=0.1)', "swiss roll in the plane", (-2.6, 2.6)),
}

# --- the catalogue as JavaScript ------------------------------------------------------------------


class Code(str):
    """JavaScript source, which `javascript` writes as it is."""


def javascript(value: Any) -> str:
    """A JavaScript literal: JSON, except that `Code` stands unquoted."""
    if isinstance(value, Code):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {javascript(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(javascript, value)) + "]"
    return json.dumps(value)


def function(expr: Any, arguments: str, parameters: tuple) -> Code | None:
    """(arguments) => expression, or None where the printer does not know a function in it."""
    names = {x.symbol: sp.Symbol(f"k.{x.keyword}") for x in parameters}
    try:
        if isinstance(expr, sp.Tuple):
            text = "[" + ", ".join(expression.to_javascript(x.subs(names)) for x in expr) + "]"
        else:
            text = expression.to_javascript(sp.sympify(expr).subs(names))
    except (NotImplementedError, TypeError, ValueError):  # what sympy's printers raise
        return None
    return Code(f"({arguments}) => {text}") if "Not supported" not in text else None


def conditions(parameters: tuple) -> Code:
    """(k) => whether the parameters are in range: their conditions, and what their symbols assume."""
    names = {x.symbol: sp.Symbol(f"k.{x.keyword}") for x in parameters}
    tests = [f"({sp.jscode(x.condition.subs(names))})" for x in parameters if x.condition != sp.true]
    tests += [f"k.{x.keyword} > 0" for x in parameters if x.symbol.is_positive]
    return Code("(k) => " + (" && ".join(dict.fromkeys(tests)) or "true"))


def controls(parameters: tuple) -> dict[str, Any]:
    """What the page needs to offer the parameters: their defaults and meanings, by keyword."""
    return {x.keyword: {"value": float(x.default), "meaning": x.meaning.rstrip(",")} for x in parameters}


def used(one: Any, *parts: str) -> tuple:
    """The parameters that occur in some parts of a loss."""
    symbols = set().union(*(getattr(one, part).free_symbols for part in parts))
    return tuple(x for x in one.parameters if x.symbol in symbols)


def kept(one: Any) -> bool:
    """Whether the page keeps the critic to what the loss asks: intervals it does, by an activation.

    It has no second derivatives of its networks, which penalties on gradients need, and no Lipschitz ones.
    """
    return not one.penalties and one.constraint in (Free(), Interval(*one.domain))


def left_out() -> str:
    """A sentence that names the losses whose critics are not offered, or ""."""
    penalised = [name for name, one in gm.losses.items() if one.penalties]
    others = [name for name, one in gm.losses.items() if not kept(one) and not one.penalties]
    reasons = [
        (penalised, "they have a penalty on the critic's gradient, which needs second derivatives"),
        (others, "nothing in this page keeps its networks to what these losses ask of a critic"),
    ]
    said = [f"{', '.join(names)} ({why})" for names, why in reasons if names]
    return f"Not offered as discriminator objectives: {'; '.join(said)}." if said else ""


def critic_entry(one: Any) -> dict[str, Any]:
    """A discriminator objective: its terms, and its optimum where there is one."""
    parameters = used(one, "critic", "constraint")
    entry: dict[str, Any] = {
        "parameters": controls(parameters),
        "holds": conditions(parameters),
        "latex": f"L_D = {one.latex_objectives()[0]}",
        "domain": None if one.constraint == Free() else function(sp.Tuple(*one.domain), "k", parameters),
        "optimum": None,
    }
    try:
        found = gm.derive(gm.losses[one.name])
    except gm.NoOptimalCritic as error:
        why = f"The critic has no optimum, so only the learned one is drawn: {error}"
        return entry | {"why": why, "known": []}
    if found.critic_value is None:
        return entry | {"why": AMONG_SAMPLES, "known": known(found)}
    implicit = found.optimal_critic.has(ImplicitCritic)
    f = found.critic_divergence
    offset = "" if f.offset == 0 else to_latex(f.offset)
    entry["optimum"] = {
        "critic": None if implicit else function(found.optimal_critic, "u, k", parameters),
        "criticLatex": None if implicit else f"C^*(u) = {to_latex(found.optimal_critic)}",
        "discriminatorLatex": None
        if found.optimal_discriminator is None
        else f"D^* = {to_latex(found.optimal_discriminator)}",
        "f": None if implicit else function(f.f, "u, k", parameters),
        "offset": None if implicit else function(f.offset, "k", parameters),
        "name": f.name,
        "latex": None if implicit else rf"\min_C L_D = {offset} - {f.scaled_latex}",
        "fLatex": None if implicit else f"f(u) = {to_latex(f.f)}",
    }
    return entry


#: Said of a critic's objective that is no sum over single samples.
AMONG_SAMPLES = (
    "The objective compares samples with one another. The page finds optimal critics and divergences point "
    "by point, so only the learned critic is drawn"
)


def known(found: gm.Derivation) -> list[list[str]]:
    """What the derivation claims of a critic that the page does not follow: [words, LaTeX] lines."""
    lines = []
    if found.optimal_critic is not None:
        free = " up to a constant" if structure(found.loss.critic).invariant else ""
        given = found.claims["optimal_critic"].evidence.given
        words = f"With u = p/q the optimal critic is{free}{f', {given},' if given else ''}"
        words += ", with Δ the Le Cam divergence of p and q" if found.optimal_critic.has(delta) else ""
        lines.append([words, f"C^*(u) = {to_latex(found.optimal_critic)}"])
    return lines


def generator_entry(one: Any) -> dict[str, Any]:
    """A generator objective: what of it is not in the terms."""
    parameters = used(one, "generator")
    return {
        "parameters": controls(parameters),
        "holds": conditions(parameters),
        "latex": f"L_G = {one.latex_objectives()[1]}",
        "needsReal": one.needs_real,
    }


def told_apart(losses: list[gm.GANLoss]) -> dict[str, gm.GANLoss]:
    """Losses by name, a keyword that has another meaning in an earlier one with its loss's name behind."""
    meanings: dict[str, str] = {}
    found = {}
    for one in losses:
        parameters = tuple(
            x
            if meanings.setdefault(x.keyword, x.meaning) == x.meaning
            else replace(x, keyword=f"{x.keyword}_{one.name.replace('-', '_')}")
            for x in one.parameters
        )
        found[one.name] = replace(one, parameters=parameters)
    return found


def toy_entry(code: str, title: str, view: tuple[float, float]) -> dict[str, Any]:
    """A toy as data: its kind, numbers, and the window in which it is drawn."""
    toy = eval(code, {"gm": gm})  # the code that the page shows is the code that makes the toy
    entry = {"code": code, "title": title, "view": view, "dimension": toy.shape[0]}
    if hasattr(toy, "means"):
        return entry | {"kind": "mixture", "means": toy.means, "sigmas": toy.sigmas, "weights": toy.weights}
    if hasattr(toy, "low"):
        return entry | {"kind": "uniform", "low": toy.low, "high": toy.high}
    return entry | {"kind": "spiral", "sigma": toy.sigma}


def grouped(losses: dict[str, gm.GANLoss], parts: tuple[str, ...]) -> dict[str, list[str]]:
    """Losses by what they share: first name of each group to all of its names."""
    groups: dict[Any, list[str]] = {}
    for name, one in losses.items():
        key = (*(getattr(one, part) for part in parts), used(one, *parts))
        groups.setdefault(key, []).append(name)
    return {names[0]: names for names in groups.values()}


def catalogue() -> str:
    """The whole of catalogue.js; some seconds, most of them torch's import for the toys."""
    losses = told_apart(list(gm.losses.values()))
    critics = grouped({k: x for k, x in gm.losses.items() if kept(x)}, ("critic", "constraint"))
    generators = grouped(dict(gm.losses), ("generator",))

    def head(names: list[str]) -> str:
        terms = "terms: terms[" + json.dumps(names[0]) + "]"
        return f"{terms}, names: {json.dumps(names)}, title: {json.dumps(losses[names[0]].title or names[0])}"

    lines = ['"use strict";', "(function (lab) {", expression.javascript_helpers(), "const terms = {"]
    lines += [f"  {json.dumps(name)}: {one.to_javascript()}," for name, one in losses.items()]
    lines += ["};", "const critics = {"]
    for name, names in critics.items():
        lines.append(
            f"  {json.dumps(name)}: {{ {head(names)}, ...{javascript(critic_entry(losses[name]))} }},"
        )
    lines += ["};", "const generators = {"]
    for name, names in generators.items():
        entry = javascript(generator_entry(losses[name]))
        lines.append(f"  {json.dumps(name)}: {{ {head(names)}, ...{entry} }},")
    lines += ["};", "const followed = {"]
    pairs = atlas_data.matrix(list(losses.values()), atlas_data.Derived())
    for d in critics:
        for g in generators:
            lines.append(f"  {json.dumps(f'{d}|{g}')}: {json.dumps(atlas_data.at(pairs, d, g)['followed'])},")
    toys = {name: toy_entry(*entry) for name, entry in TOYS.items()}
    lines += ["};", f"const toys = {javascript(toys)};"]
    lines += [f"const leftOut = {json.dumps(left_out())};"]
    lines += ["lab.catalogue = { critics, generators, followed, toys, leftOut };"]
    lines += ["})((window.ganmathLab = window.ganmathLab || {}));", ""]
    return "\n".join(lines)


# --- Sphinx ---------------------------------------------------------------------------------------


def write_catalogue(app: Sphinx) -> None:
    """Write catalogue.js among the static files, before pages ask for its checksum."""
    if app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "lab" / "catalogue.js"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(catalogue(), encoding="utf-8")


class LossLab(SphinxDirective):
    """``{loss-lab}``: the place on the page that lab.js fills, and the speed that was recorded."""

    def run(self) -> list[nodes.Node]:
        self.env.metadata[self.env.docname]["loss_lab"] = True
        without = "<noscript>The lab runs in JavaScript, which is off.</noscript>"
        html = f'<div id="gm-lab" class="gm-lab">{without}</div>'
        return [nodes.raw("", html, format="html"), *self.speed()]

    def speed(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir) / "book" / "records" / f"{RECORD}.json"
        if not path.is_file():
            return []
        self.env.note_dependency(str(path))
        record = json.loads(path.read_text())
        line, plane = (record["steps_per_second"][f"drawn-{where}"] for where in ("line", "plane"))
        of = record["settings"]
        text = (
            f"Measured with the pictures drawn, two hidden layers of {of['width']} and batches of "
            f"{of['batch_size']}: {line['mean']:,.0f} full steps (one of the critic, one of the generator) "
            f"per second on the line and {plane['mean']:,.0f} in the plane, means of {line['n']} rounds in "
            f"headless {record['browser']} on {record['environment']['device']}."
        )
        return [nodes.paragraph("", text)]


def add_scripts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Load the lab's files on its own page only."""
    if not app.env.metadata.get(page, {}).get("loss_lab"):
        return
    app.add_css_file("lab/lab.css")
    for name in ("catalogue.js", *SCRIPTS):
        app.add_js_file(f"lab/{name}", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("loss-lab", LossLab)
    app.connect("builder-inited", write_catalogue)
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
