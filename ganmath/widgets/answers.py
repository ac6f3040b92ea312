"""Numeric self-checks: a question, a field for the reader's number, and a verdict in words.

The key is computed by the cell and stands encoded in the page, to spare readers the sight of it; it is
no secret.
"""

import base64
import html
import math
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from ganmath.widgets.numbers import JAVASCRIPT
from ganmath.widgets.page import widget


@dataclass(frozen=True)
class Answer:
    """A question with its key; `check` gives in Python the verdict that the page gives.

    Its text form is short and does not tell the key.
    """

    prompt: str
    key: float = field(repr=False)
    tolerance: float = field(repr=False)
    html: str = field(repr=False)

    def check(self, number: Any) -> str:
        """ "right", "close" (within ten tolerances: look at the rounding) or "not right"."""
        error = abs(float(number) - self.key)
        room = self.tolerance * (abs(self.key) or 1.0)
        return "right" if error <= room else "close" if error <= 10 * room else "not right"

    def _repr_html_(self) -> str:
        return self.html


def answer(
    prompt: str,
    expected: Any,
    *,
    tolerance: float = 1e-3,
    hint: str | None = None,
    unit: str | None = None,
) -> Answer:
    """A question whose answer is a number, checked in the page, in Jupyter and in Colab.

    Parameters
    ----------
    prompt : the question, plain text. expected : the key, a number or a sympy expression without
        symbols, best computed by the cell. tolerance : greatest error of a right answer, relative to
        the key (absolute where that is 0). hint : shown after a wrong answer. unit : shown behind the
        field.

    Readers type numbers as 0.5, 1/2, 1e-3, log(2), ln 2, sqrt(2) or 2*pi (log is natural).
    Raises ValueError for an empty prompt, a key that is no finite number, a tolerance not in (0, 0.1).
    """
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError("prompt is empty: write the question in plain text")
    if not 0 < tolerance < 0.1:
        raise ValueError(f"tolerance is {tolerance}: it is relative to the key, between 0 and 0.1")
    key = _number(expected)
    body = _body(prompt, unit)
    data = {
        # base64, so that the key is not in plain sight
        "key": base64.b64encode(repr(key).encode()).decode(),
        "tolerance": tolerance,
        "hint": hint or "",
    }
    made = widget("answers", body, alt=prompt, data=data, prefix=JAVASCRIPT)
    return Answer(prompt, key, tolerance, made.html)


def _number(expected: Any) -> float:
    if symbols := getattr(sp.sympify(expected), "free_symbols", None):
        names = ", ".join(sorted(map(str, symbols)))
        raise ValueError(f"the key depends on {names}: set it with .subs before asking for a number")
    try:
        key = float(expected)
    except (TypeError, ValueError):
        raise ValueError(f"the key must be a real number, got {expected!r}") from None
    if not math.isfinite(key):
        raise ValueError(f"the key must be finite, got {key}")
    return key


def _body(prompt: str, unit: str | None) -> str:
    after = f" {html.escape(unit, quote=False)}" if unit else ""
    return (
        f'<p class="gm-prompt"><label for="{{id}}-0">{html.escape(prompt, quote=False)}</label></p>\n'
        '<form class="gm-answer" hidden><label for="{id}-0">Your answer:</label>'
        '<span><input id="{id}-0" type="text" autocomplete="off" autocapitalize="off" spellcheck="false" '
        f'aria-describedby="{{id}}-1">{after}</span><button>Check</button></form>\n'
        '<p id="{id}-1" class="gm-verdict" role="status"></p>\n'
        '<p class="gm-still">To check your number where the page’s script does not run: run this cell in '
        "Python, name its result, and call <code>.check(number)</code> on it.</p>"
    )
