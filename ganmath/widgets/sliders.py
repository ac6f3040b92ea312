"""Figures that answer to sliders: curves are sympy expressions, printed as JavaScript.

Python draws the first state; in the page the script redraws it from the same expressions, so that the
figure needs no server, no kernel and no network. `sliders` is the one call.
"""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from ganmath.names import unknown
from ganmath.plots import styles
from ganmath.theory.expression import to_numpy
from ganmath.theory.javascript import javascript_helpers, to_javascript
from ganmath.widgets import drawing
from ganmath.widgets.numbers import JAVASCRIPT, number
from ganmath.widgets.page import Script, Widget, javascript, widget

_OTHERS = [role for role in styles if role.startswith("other")]


@dataclass(frozen=True)
class Slider:
    """A number that the reader sets: the value of a sympy symbol.

    Parameters: symbol; low, high, its range; value at the start (default: the middle); step (default:
    a hundredth of the range), for a logarithmic slider the ratio of neighbouring values; label and
    unit, as the reader sees them; log, whether values grow by ratios. ValueError for an empty range,
    or a value outside it or between two steps.
    """

    symbol: sp.Symbol
    low: float
    high: float
    value: float | None = None
    step: float | None = None
    label: str = ""
    unit: str = ""
    log: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.symbol, sp.Symbol):
            raise TypeError(f"a slider moves a sympy symbol, got {self.symbol!r}")
        for name in ("low", "high", "value", "step"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, float(getattr(self, name)))
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"slider {self.name}: low < high is needed, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"slider {self.name}: a logarithmic range needs low > 0, got {self.low}")
        if self.step is None:
            step = (self.high / self.low) ** 0.01 if self.log else (self.high - self.low) / 100
            object.__setattr__(self, "step", step)
        if not self.ratio > (1 if self.log else 0):
            raise ValueError(f"slider {self.name}: step must be above {int(self.log)}, got {self.step}")
        if self.value is None:
            object.__setattr__(self, "value", self.at(self.steps // 2))
        if not self.low <= self.start <= self.high:
            raise ValueError(
                f"slider {self.name}: the value {self.value:g} lies outside {self.low:g} to {self.high:g}"
            )
        near = self.at(self.position(self.start))
        if not math.isclose(near, self.start, rel_tol=1e-9, abs_tol=1e-9 * (self.high - self.low)):
            raise ValueError(
                f"slider {self.name}: the value {self.value:g} lies between two steps; use {near:.6g}"
            )

    @property
    def name(self) -> str:
        return self.label or str(self.symbol)

    @property
    def ratio(self) -> float:
        """Difference, or ratio, of neighbouring values."""
        return self.step or 0.0

    @property
    def start(self) -> float:
        return self.low if self.value is None else self.value

    @property
    def steps(self) -> int:
        """Number of steps from one end to the other; of a logarithmic slider the ends are values."""
        if self.log:
            return round(math.log(self.high / self.low) / math.log(self.ratio))
        return math.floor((self.high - self.low) / self.ratio + 1e-9)

    def position(self, value: float) -> int:
        """Number of steps from the lower end to the value nearest to this one."""
        if self.log:
            return round(self.steps * math.log(value / self.low) / math.log(self.high / self.low))
        return round((value - self.low) / self.ratio)

    def at(self, position: int) -> float:
        """The value so many steps from the lower end."""
        if self.log:
            return float(self.low * (self.high / self.low) ** (position / self.steps))
        return self.low + position * self.ratio

    @property
    def decimals(self) -> int:
        """Digits after the point that tell neighbouring values of a linear slider apart."""
        return next((k for k in range(9) if abs(self.ratio * 10**k - round(self.ratio * 10**k)) < 1e-6), 3)

    def text(self, value: float) -> str:
        """A value as the reader sees it, with its unit."""
        shown = number(value) if self.log else f"{value:.{self.decimals}f}".replace("-", "−")
        return f"{shown} {self.unit}" if self.unit else shown


@dataclass(frozen=True)
class Curve:
    """A curve of a panel: expr in the panel's x and the sliders' symbols; style, a role of
    `ganmath.plots.styles` (default: "other", "other 2", … in turn); fill, shade the area down to 0."""

    expr: sp.Expr
    label: str = ""
    style: str | None = None
    fill: bool = False


@dataclass(frozen=True)
class Point:
    """A dot at (x, y), expressions of the sliders' symbols; not drawn where either is not finite."""

    x: sp.Expr
    y: sp.Expr
    label: str = ""
    style: str = "critic"


@dataclass(frozen=True)
class Line:
    """A vertical line at x or a horizontal one at y, an expression of the sliders' symbols."""

    x: sp.Expr | None = None
    y: sp.Expr | None = None
    label: str = ""
    style: str = "reference"

    def __post_init__(self) -> None:
        if (self.x is None) == (self.y is None):
            raise ValueError("a Line has either x (vertical) or y (horizontal)")


@dataclass(frozen=True)
class Panel:
    """Curves over one axis, in a frame that stays while they move.

    Parameters
    ----------
    curves : {role or label: expression}, or a sequence of `Curve`. A key that is a role of
        `ganmath.plots.styles` ("p", "q", "critic", "optimal critic", …) gives the style; the areas
        under "p" and "q" are shaded.
    x : (symbol, low, high). y : (low, high); what lies outside is cut off.
    x_label, default the symbol; title, what the vertical axis shows, written above it.
    points, lines : `Point` and `Line`. log : whether x is laid out by logarithm.
    """

    curves: Mapping[str, sp.Expr] | Sequence[Curve]
    x: tuple[sp.Symbol, float, float]
    y: tuple[float, float]
    x_label: str = ""
    title: str = ""
    points: Sequence[Point] = ()
    lines: Sequence[Line] = ()
    log: bool = False

    def __post_init__(self) -> None:
        name = f"panel {self.title!r}"
        if not self.drawn:
            raise ValueError(f"{name} has no curve")
        if not isinstance(self.x[0], sp.Symbol):
            raise TypeError(f"{name}: x is (symbol, low, high), got {self.x!r}")
        for axis, (low, high) in (("x", self.x[1:]), ("y", self.y)):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(f"{name}: the {axis} axis needs low < high, got {low} and {high}")
        if self.log and self.x[1] <= 0:
            raise ValueError(f"{name}: a logarithmic x axis needs low > 0, got {self.x[1]}")
        marks: list[Curve | Point | Line] = [*self.drawn, *self.points, *self.lines]
        for mark in marks:
            if mark.style not in styles:
                raise ValueError(unknown("role", mark.style, list(styles)))

    @property
    def drawn(self) -> tuple[Curve, ...]:
        """The curves, each with its style."""
        given: Sequence[Curve]
        if isinstance(self.curves, Mapping):
            given = [
                Curve(e, label, label if label in styles else None, fill=label in ("p", "q"))
                for label, e in self.curves.items()
            ]
        else:
            given = self.curves
        free = iter(_OTHERS)
        curves = []
        for curve in given:
            style = curve.style or next(free, None)
            if style is None:
                raise ValueError(f"more than {len(_OTHERS)} curves without a style: give some a role")
            curves.append(Curve(sp.sympify(curve.expr), curve.label, style, curve.fill))
        return tuple(curves)


def sliders(
    controls: Sequence[Slider] | Slider,
    *panels: Panel,
    alt: str,
    readouts: Mapping[str, Any] | None = None,
    table: Mapping[str, Any] | None = None,
    caption: str | None = None,
) -> Widget:
    """A figure that answers to sliders, in the page, in Jupyter and in Colab.

    Parameters
    ----------
    controls : the sliders. panels : side by side where there is room, else below one another.
    readouts : label -> expression of the sliders' symbols, shown as a number; definite integrals
        (`sympy.Integral` over one variable) are computed by quadrature, to 1e-9 where smooth.
    table : further columns, as readouts, of the table over the range of the first slider. Behind
        "Table of values" stand this table, readouts first, and the curves of each panel at nine x.
    alt : what the figure shows, in a sentence (ValueError when empty). caption : printed below.

    Raises ValueError for a symbol without a slider and for a slider that moves nothing, TypeError for
    what has no JavaScript.
    """
    moved = [controls] if isinstance(controls, Slider) else list(controls)
    figure = _Figure(tuple(moved), panels, _sympified(readouts), _sympified(table))
    figure.check()
    data = figure.data()
    helpers = javascript_helpers(javascript(data))
    return widget("sliders", figure.body(alt, caption), alt=alt, data=data, prefix=helpers + JAVASCRIPT)


def _sympified(expressions: Mapping[str, Any] | None) -> dict[str, sp.Expr]:
    return {label: sp.sympify(expr) for label, expr in (expressions or {}).items()}


@dataclass(frozen=True)
class _Figure:
    """All parts of one figure: what becomes JavaScript (`data`) and what Python draws (`body`)."""

    sliders: tuple[Slider, ...]
    panels: tuple[Panel, ...]
    readouts: dict[str, sp.Expr]
    table: dict[str, sp.Expr]

    def check(self) -> None:
        if not self.sliders:
            raise ValueError("no slider: give at least one Slider(symbol, low, high)")
        if not self.panels:
            raise ValueError("no panel: give at least one Panel({label: expression}, x=…, y=…)")
        symbols = [s.symbol for s in self.sliders]
        if len(set(symbols)) < len(symbols):
            raise ValueError(f"two sliders move one symbol; the sliders are {', '.join(map(str, symbols))}")
        used: set[sp.Symbol] = set()
        for where, expr, own in self._expressions():
            if stray := sorted(map(str, expr.free_symbols - {*symbols, *own})):
                raise ValueError(
                    f"{where} depends on {', '.join(stray)}, which no slider moves: add a Slider or "
                    "set it with .subs"
                )
            used |= expr.free_symbols
            try:
                to_javascript(expr)
            except TypeError as error:
                raise TypeError(f"{where}: {error}") from None
        if idle := [str(s.symbol) for s in self.sliders if s.symbol not in used]:
            raise ValueError(f"the slider of {', '.join(idle)} moves nothing: leave it out")

    def _expressions(self) -> list[tuple[str, sp.Expr, tuple[sp.Symbol, ...]]]:
        """(where it stands, expression, symbols it may have besides the sliders')."""
        found: list[tuple[str, sp.Expr, tuple[sp.Symbol, ...]]] = []
        for panel in self.panels:
            name = f"in panel {panel.title!r}"
            found += [(f"curve {c.label!r} {name}", c.expr, panel.x[:1]) for c in panel.drawn]
            marks: list[Point | Line] = [*panel.points, *panel.lines]
            for mark in marks:
                kind = type(mark).__name__.lower()
                ends = [sp.sympify(e) for e in (mark.x, mark.y) if e is not None]
                found += [(f"{kind} {mark.label!r} {name}", e, ()) for e in ends]
        found += [(f"read-out {label!r}", e, ()) for label, e in self.readouts.items()]
        found += [(f"column {label!r} of the table", e, ()) for label, e in self.table.items()]
        return found

    # --- JavaScript --------------------------------------------------------------------------------

    def data(self) -> dict[str, Any]:
        """What `sliders.js` gets."""
        size = {"width": drawing.FRAME_WIDTH, "height": drawing.FRAME_HEIGHT, "samples": drawing.SAMPLES}
        data: dict[str, Any] = {
            "size": size,
            "sliders": [self._slider_data(s) for s in self.sliders],
            "panels": [self._panel_data(panel) for panel in self.panels],
            "readouts": [self._function(e) for e in self.readouts.values()],
        }
        if self.readouts or self.table:
            more = [self._function(e) for e in self.table.values()]
            data["rows"] = {"at": self._first_values(), "more": more}
        return data

    @staticmethod
    def _slider_data(s: Slider) -> dict[str, Any]:
        if s.log:
            return {"low": s.low, "high": s.high, "log": 1, "steps": s.steps, "unit": s.unit}
        return {"decimals": s.decimals, "unit": s.unit}

    def _panel_data(self, panel: Panel) -> dict[str, Any]:
        symbol, low, high = panel.x

        def curve(c: Curve) -> dict[str, Any]:
            shown = {"f": self._function(c.expr, symbol), "label": c.label}
            return {**shown, "fill": 1} if c.fill else shown

        def mark(m: Point | Line) -> dict[str, Any]:
            ends = {"x": m.x, "y": m.y}
            return {k: self._function(sp.sympify(e)) for k, e in ends.items() if e is not None} | {
                "label": m.label
            }

        return {
            "x": {"low": float(low), "high": float(high), "log": int(panel.log)},
            "y": {"low": float(panel.y[0]), "high": float(panel.y[1])},
            "at": [float(f"{x:.6g}") for x in _axes(panel)[0].values(9)],
            "curves": [curve(c) for c in panel.drawn],
            "points": [mark(point) for point in panel.points],
            "lines": [mark(line) for line in panel.lines],
        }

    def _function(self, expr: sp.Expr, x: sp.Symbol | None = None) -> Script:
        """(x, [values of the sliders]) => number, or of the sliders alone."""
        names = {s.symbol: f"v{i}" for i, s in enumerate(self.sliders)} | ({x: "x"} if x else {})
        # the same assumptions, so that renaming changes nothing else
        new = {s: sp.Symbol(name, **s.assumptions0) for s, name in names.items()}
        arguments = f"[{','.join(f'v{i}' for i in range(len(self.sliders)))}]"
        return Script(f"({'x,' if x else ''}{arguments})=>{to_javascript(expr.xreplace(new))}")

    def _first_values(self) -> list[float]:
        """Nine values of the first slider, both ends with it."""
        s = self.sliders[0]
        positions = np.unique(np.linspace(0, s.steps, 9).round().astype(int))
        return [float(f"{s.at(int(k)):.9g}") for k in positions]

    # --- first state -------------------------------------------------------------------------------

    def _evaluate(self, expr: sp.Expr, x: sp.Symbol | None = None, at: Any = 0.0, first: Any = None) -> Any:
        """The expression at the sliders' start, at x, the first slider set to `first`."""
        symbols = (*((x,) if x else ()), *(s.symbol for s in self.sliders))
        values = [s.start for s in self.sliders]
        if first is not None:
            values[0] = first
        with np.errstate(all="ignore"):
            return to_numpy(expr, symbols)(*((at,) if x else ()), *values)

    def body(self, alt: str, caption: str | None) -> str:
        parts = [f'<div class="gm-panels">{"".join(self._drawings(alt))}</div>']
        parts.append(
            f'<div class="gm-controls" role="group" aria-label="Sliders" hidden>{self._controls()}</div>'
        )
        set_to = ", ".join(f"{s.name} = {s.text(s.start)}" for s in self.sliders)
        parts.append(
            f'<p class="gm-still">Drawn at {_text(set_to)}. '
            "The sliders appear where the page’s script may run.</p>"
        )
        if self.readouts:
            rows = (
                f"<div><dt>{_text(label)}</dt><dd>{number(float(self._evaluate(e)))}</dd></div>"
                for label, e in self.readouts.items()
            )
            parts.append(f'<dl class="gm-readouts">{"".join(rows)}</dl>')
        parts.append('<p class="gm-live" role="status"></p>')
        tables = f'<div class="gm-tables">{"".join(self._tables())}</div>'
        parts.append(f"<details><summary>Table of values</summary>{tables}</details>")
        if caption:
            parts.append(f"<figcaption>{_text(caption)}</figcaption>")
        return '<figure class="gm-figure">' + "\n".join(parts) + "</figure>"

    def _drawings(self, alt: str) -> list[str]:
        drawn = []
        for i, panel in enumerate(self.panels):
            x, y = _axes(panel)
            symbol = panel.x[0]
            at = x.values(drawing.SAMPLES)
            names = ", ".join(c.label for c in panel.drawn if c.label)
            drawn.append(
                drawing.draw(
                    x,
                    y,
                    [
                        drawing.Mark(str(c.style), c.label, self._evaluate(c.expr, symbol, at), c.fill)
                        for c in panel.drawn
                    ],
                    [self._mark(point) for point in panel.points],
                    [self._mark(line) for line in panel.lines],
                    x_label=panel.x_label or str(symbol),
                    title=panel.title,
                    alt=alt if i == 0 else f"{panel.title or 'curves'}: {names}",
                    width=22.5 if len(self.panels) > 1 else 30,
                )
            )
        return drawn

    def _mark(self, mark: Point | Line) -> drawing.Mark:
        ends = [math.nan if e is None else float(self._evaluate(sp.sympify(e))) for e in (mark.x, mark.y)]
        return drawing.Mark(mark.style, mark.label, np.array(ends))

    def _controls(self) -> str:
        rows = []
        for i, s in enumerate(self.sliders):
            span = (0, s.steps, 1, s.position(s.start)) if s.log else (s.low, s.high, s.step, s.start)
            low, high, step, value = (f"{x:.12g}" for x in span)
            text = html.escape(s.text(s.start))
            rows.append(
                f'<div class="gm-slider"><label for="{{id}}-{i}">{_text(s.name)}</label>'
                f'<input id="{{id}}-{i}" type="range" min="{low}" max="{high}" step="{step}" '
                f'value="{value}" aria-valuetext="{text}" autocomplete="off">'
                f'<span class="gm-value" aria-hidden="true">{text}</span></div>'
            )
        return "".join(rows) + '<button type="button" class="gm-reset">Reset</button>'

    def _tables(self) -> list[str]:
        tables = []
        columns = {**self.readouts, **self.table}
        if columns:
            s = self.sliders[0]
            rows = [
                (s.text(v), [float(self._evaluate(e, first=v)) for e in columns.values()])
                for v in self._first_values()
            ]
            others = " and the other sliders as set" if len(self.sliders) > 1 else ""
            tables.append(_table(f"Values for each {s.name}{others}", s.name, list(columns), rows))
        for panel in self.panels:
            name = panel.x_label or str(panel.x[0])
            at = np.array([float(f"{x:.6g}") for x in _axes(panel)[0].values(9)])
            values = [self._evaluate(c.expr, panel.x[0], at) for c in panel.drawn]
            rows = [(number(float(x)), [float(v[k]) for v in values]) for k, x in enumerate(at)]
            title = f"{panel.title or 'Curves'} over {name}, the sliders as set"
            tables.append(_table(title, name, [c.label for c in panel.drawn], rows))
        return tables


def _axes(panel: Panel) -> tuple[drawing.Axis, drawing.Axis]:
    _, low, high = panel.x
    return (
        drawing.Axis(float(low), float(high), drawing.FRAME_WIDTH, panel.log),
        drawing.Axis(float(panel.y[0]), float(panel.y[1]), drawing.FRAME_HEIGHT),
    )


def _table(caption: str, first: str, columns: list[str], rows: list[tuple[str, list[float]]]) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in (first, *columns))
    body = "".join(
        f'<tr><th scope="row">{_text(name)}</th>' + "".join(f"<td>{number(v)}</td>" for v in values) + "</tr>"
        for name, values in rows
    )
    return (
        f'<div class="gm-scroll" tabindex="0" role="region" aria-label="{html.escape(caption)}"><table>'
        f"<caption>{_text(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _text(words: str) -> str:
    return html.escape(words, quote=False)
