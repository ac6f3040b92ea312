"""The landing page's picture of the book's idea, drawn from a loss object itself.

`{one-object} minimax` shows a loss as it is written and, beside it, what is made of that one object;
the role `` {equations-checked}`of` `` says how many displayed equations hold. Formulas, code and counts
come from the package at build time: nothing of it is typed.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def written(loss: Any) -> str:
    """The loss as a user writes it, one term a line."""
    terms = [f"    {part}={getattr(loss, part)}," for part in ("real", "fake", "gen")]
    return f'GANLoss("{loss.name}",\n' + "\n".join(terms).replace("C", "c") + "\n)"


def made_of(loss: Any) -> list[tuple[str, str, str, str]]:
    """What is made of a loss: (what, page that shows it, "math" or "code", content)."""
    from ganmath import derive
    from ganmath.theory.expression import to_latex

    derivation = derive(loss)
    divergence = derivation.critic_divergence
    critic_objective = re.search(r"(L_D) &(.*?)\\\\", loss.latex())
    real = re.search(r"real: (.*?), fake:", loss.to_javascript())
    if critic_objective is None or real is None or divergence.latex is None:
        raise ExtensionError(
            f"the landing page cannot show {loss.name!r}: choose a loss with a named divergence"
        )
    value = f"{to_latex(divergence.offset)} - {to_latex(divergence.scale)}\\,{divergence.latex}"
    definition = critic_objective[1] + critic_objective[2].replace("operatorname", "mathrm")
    discriminator = f"D^*(x) = {to_latex(derivation.optimal_discriminator)}"
    return [
        ("LaTeX", loss.name, "math", definition),
        ("Optimal discriminator", "optimal-discriminator", "math", discriminator),
        ("Divergence", "divergences", "math", rf"\min_C L_D = {value}"),
        ("PyTorch", "api", "code", "loss.critic_loss(c_real, c_fake)"),
        ("Slider", "loss-lab", "code", real[1]),
        ("Test", "equations", "code", f'gm.verify(gm.losses["{loss.name}"])'),
    ]


class OneObject(Directive):
    """`{one-object} NAME`: the named loss and the six things that are made of it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        from ganmath import losses

        loss = losses[self.arguments[0]]
        source = f"<p>A loss is written once</p><pre><code>{escape(written(loss))}</code></pre>"
        parts: list[nodes.Node] = [
            _html(f'<div class="gm-one"><div class="gm-one-source">{source}</div>'),
            _html('<ul class="gm-one-made" aria-label="What is made of it">'),
        ]
        for what, page, kind, content in made_of(loss):
            parts.append(_html(f'<li><a href="{page}.html"><span class="gm-one-what">{what}</span></a> '))
            is_math = kind == "math"
            parts.append(
                nodes.math(content, content) if is_math else _html(f"<code>{escape(content)}</code>")
            )
            parts.append(_html("</li>"))
        return [*parts, _html("</ul></div>")]


class Count(nodes.Inline, nodes.TextElement):
    """The place of the count of equations, which is known once all pages are read."""


def equations_checked(*_: Any) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """The role `` {equations-checked}`of` ``: "70 of 70", say."""
    return [Count()], []


def fill_in_count(app: Sphinx, document: nodes.document, page: str) -> None:
    """Of the equations that the chapters display, how many the package's record of checks holds."""
    from ganmath.checked import checked_equations

    shown = app.env.get_domain("math").equations  # type: ignore[attr-defined]
    checked = [label for label in shown if label in checked_equations()]
    for place in list(document.findall(Count)):
        place.replace_self(nodes.Text(f"{len(checked)} of {len(shown)}"))


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("one-object", OneObject)
    app.add_role("equations-checked", equations_checked)
    app.connect("doctree-resolved", fill_in_count)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
