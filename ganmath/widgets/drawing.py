"""A panel of curves as SVG, in its first state: what `sliders.js` redraws when a slider moves.

Frame, grid, ticks and axis names never change. Curves, points, lines and the labels that stand on the
curves do: their geometry below is computed by the same steps as in `sliders.js`.
"""

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ganmath.plots import styles
from ganmath.widgets.numbers import number

#: Size of the picture and, inside it, of the frame that the curves live in, in units of the SVG.
WIDTH, HEIGHT, LEFT, TOP, FRAME_WIDTH, FRAME_HEIGHT = 360, 262, 44, 28, 308, 192
SAMPLES = 193


@dataclass(frozen=True)
class Axis:
    """An interval of numbers laid out on `length` units, evenly or by logarithm."""

    low: float
    high: float
    length: float
    log: bool = False

    def values(self, n: int) -> np.ndarray:
        """n numbers at equal distances along the axis."""
        t = np.linspace(0, 1, n)
        if self.log:
            return np.asarray(self.low * (self.high / self.low) ** t)
        return np.asarray(self.low + (self.high - self.low) * t)

    def place(self, x: np.ndarray) -> np.ndarray:
        """Distance from the axis's start, in units."""
        if self.log:
            return np.asarray(self.length * np.log(x / self.low) / math.log(self.high / self.low))
        return np.asarray(self.length * (x - self.low) / (self.high - self.low))

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """(position, text) at round numbers, at most so many."""
        values = _log_ticks(self.low, self.high, most) if self.log else _ticks(self.low, self.high, most)
        return [(float(self.place(np.asarray(v))), _tick_text(v, self.log)) for v in values]


@dataclass(frozen=True)
class Mark:
    """A curve, point or line with its numbers: values, (n,) of a curve; (x, y) of a point, NaN for none."""

    role: str
    label: str
    values: np.ndarray
    fill: bool = False


def draw(
    x: Axis,
    y: Axis,
    curves: Sequence[Mark],
    points: Sequence[Mark],
    lines: Sequence[Mark],
    *,
    x_label: str,
    title: str,
    alt: str,
    width: float,
) -> str:
    """One panel as <svg>; width, the greatest it may have on the page, in rem."""
    heights = [height_on(y, curve.values) for curve in curves]
    across = np.linspace(0, FRAME_WIDTH, SAMPLES)
    inside: list[str] = []
    inside += [
        f'<path class="gm-fill" d="{_area(across, h, y)}" fill="{_color(m.role)}" fill-opacity=".13"/>'
        for m, h in zip(curves, heights, strict=True)
        if m.fill
    ]
    inside += [_line(mark, x, y) for mark in lines]
    inside += [
        f'<path class="gm-curve" d="{_path(across, h)}" fill="none" {_stroke(m.role)}/>'
        for m, h in zip(curves, heights, strict=True)
    ]
    spots = [(float(x.place(m.values[0])), float(height_on(y, m.values[1:])[0])) for m in points]
    inside += [_dot(mark, spot) for mark, spot in zip(points, spots, strict=True)]
    level = [height_on(y, np.full(SAMPLES, m.values[1])) for m in lines if np.isfinite(m.values[1])]
    labels = place_labels(heights, [m.label for m in curves], spots, [m.label for m in points], level)
    texts = [_label(m, at, "gm-name") for m, at in zip(curves, labels[: len(curves)], strict=True)]
    texts += [_label(m, at, "gm-note") for m, at in zip(points, labels[len(curves) :], strict=True)]
    texts += [_line_label(mark, x, y) for mark in lines if mark.label]
    return (
        f'<svg class="gm-panel" role="img" aria-label="{html.escape(alt)}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="100%" style="display:block;max-width:{width}rem;height:auto;margin:0 auto" '
        'fill="currentColor" font-family="system-ui, sans-serif" font-size="13">'
        f"{''.join(_scaffold(x, y, x_label, title))}"
        f'<svg x="{LEFT}" y="{TOP}" width="{FRAME_WIDTH}" height="{FRAME_HEIGHT}" overflow="hidden">'
        f'{"".join(inside)}</svg><g transform="translate({LEFT} {TOP})">{"".join(texts)}</g></svg>'
    )


def height_on(y: Axis, values: np.ndarray) -> np.ndarray:
    """Distance from the frame's top; NaN where the value is not finite, at most nine frames away."""
    values = np.where(np.isfinite(values), values, np.nan)
    return np.clip(y.length - y.place(values), -9 * y.length, 10 * y.length)


# --- what stays ------------------------------------------------------------------------------------


def _scaffold(x: Axis, y: Axis, x_label: str, title: str) -> Iterator[str]:
    """Axes, grid, numbers and names."""
    bottom = TOP + FRAME_HEIGHT
    yield f'<text x="4" y="15">{html.escape(title, quote=False)}</text>'
    for at, text in y.ticks(6):
        height = _n(bottom - at)
        yield f'<path d="M{LEFT} {height}h{FRAME_WIDTH}" stroke="currentColor" stroke-opacity=".14"/>'
        yield f'<text x="{LEFT - 6}" y="{_n(bottom - at + 4)}" font-size="12" text-anchor="end">{text}</text>'
    for at, text in x.ticks(7):
        place = _n(LEFT + at)
        yield f'<path d="M{place} {bottom}v4" stroke="currentColor"/>'
        yield f'<text x="{place}" y="{bottom + 17}" font-size="12" text-anchor="middle">{text}</text>'
    yield f'<path d="M{LEFT} {TOP}V{bottom}h{FRAME_WIDTH}" fill="none" stroke="currentColor"/>'
    middle = _n(LEFT + FRAME_WIDTH / 2)
    name = html.escape(x_label, quote=False)
    yield f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{name}</text>'


def _ticks(low: float, high: float, most: int) -> list[float]:
    size = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(k * size for k in (1, 2, 2.5, 5, 10, 20) if (high - low) / (k * size) <= most - 1)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    for base in (2.0, 4.0, 10.0, 100.0, 1000.0):
        first, last = (math.log(end) / math.log(base) for end in (low, high))
        powers = range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1)
        if len(powers) <= most + (base == 4):
            return [base**k for k in powers]
    return [low, high]


def _tick_text(value: float, log: bool) -> str:
    if log and value < 1 and math.log2(value).is_integer():
        return f"1/{round(1 / value)}"
    return number(value)


# --- what moves ------------------------------------------------------------------------------------


def _path(across: np.ndarray, heights: np.ndarray) -> str:
    """Lines through the finite points, without those that lie on a straight piece anyway."""
    parts: list[str] = []
    for start, end in _runs(heights):
        kept = _corners(across[start:end], heights[start:end])
        parts.append("M" + " ".join(f"{_n(across[start + i])} {_n(heights[start + i])}" for i in kept))
    return "".join(parts)


def _area(across: np.ndarray, heights: np.ndarray, y: Axis) -> str:
    """The region between a curve and 0."""
    ground = _n(float(height_on(y, np.asarray([0.0]))[0]))
    parts: list[str] = []
    for start, end in _runs(heights):
        kept = _corners(across[start:end], heights[start:end])
        edge = " ".join(f"{_n(across[start + i])} {_n(heights[start + i])}" for i in kept)
        parts.append(f"M{_n(across[start])} {ground}L{edge}V{ground}Z")
    return "".join(parts)


def _runs(heights: np.ndarray) -> Iterator[tuple[int, int]]:
    """(start, end) of each stretch of finite numbers, two at least."""
    finite = np.concatenate([[False], np.isfinite(heights), [False]])
    edges = np.flatnonzero(finite[1:] != finite[:-1])
    return ((a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 1)


def _corners(across: np.ndarray, heights: np.ndarray) -> list[int]:
    """Indices of points without which the line would move by more than a tenth of a unit."""
    kept = [0, len(across) - 1]
    todo = [(0, len(across) - 1)]
    while todo:
        a, b = todo.pop()
        if b - a < 2:
            continue
        inner = slice(a + 1, b)
        straight = np.interp(across[inner], across[[a, b]], heights[[a, b]])
        gaps = np.abs(heights[inner] - straight)
        if gaps.max() > 0.1:
            middle = a + 1 + int(gaps.argmax())
            kept.append(middle)
            todo += [(a, middle), (middle, b)]
    return sorted(kept)


def _dot(mark: Mark, spot: tuple[float, float]) -> str:
    x, y = spot
    at = f'cx="{_n(x)}" cy="{_n(y)}"' if math.isfinite(x + y) else 'visibility="hidden"'
    return f'<circle class="gm-dot" {at} r="5" fill="{_color(mark.role)}"/>'


def _line(mark: Mark, x: Axis, y: Axis) -> str:
    return f'<path class="gm-line" d="{_line_path(mark, x, y)}" fill="none" {_stroke(mark.role)}/>'


def _line_path(mark: Mark, x: Axis, y: Axis) -> str:
    if np.isfinite(mark.values[0]):
        return f"M{_n(float(x.place(mark.values[0])))} 0V{_n(y.length)}"
    return f"M0 {_n(float(height_on(y, mark.values[1:])[0]))}H{_n(x.length)}"


def _line_label(mark: Mark, x: Axis, y: Axis) -> str:
    if np.isfinite(mark.values[0]):
        at = (float(x.place(mark.values[0])), -3.0)
        at = (min(max(at[0], 0), x.length), at[1])
        return _text(mark, at, "gm-mark", "middle")
    return _text(mark, (x.length, float(height_on(y, mark.values[1:])[0]) - 4), "gm-mark", "end")


def _label(mark: Mark, at: tuple[float, float] | None, css_class: str) -> str:
    return _text(mark, at, css_class, "middle")


def _text(mark: Mark, at: tuple[float, float] | None, css_class: str, anchor: str) -> str:
    color = _color(mark.role)
    where = f'x="{_n(at[0])}" y="{_n(at[1])}"' if at else 'visibility="hidden"'
    # as words, pale hues are mixed with the ink
    ink = f"fill:{color};fill:color-mix(in srgb,{color} 60%,currentColor)"
    label = html.escape(mark.label, quote=False)
    return f'<text class="{css_class}" {where} text-anchor="{anchor}" style="{ink}">{label}</text>'


def place_labels(
    heights: Sequence[np.ndarray],
    names: Sequence[str],
    spots: Sequence[tuple[float, float]],
    notes: Sequence[str],
    level: Sequence[np.ndarray] = (),
) -> list[tuple[float, float] | None]:
    """Where the names of curves and then the notes at points stand (their baseline's middle).

    A name goes beside its own curve, where it meets no curve and no other name and is nearest
    to its own; None where the curve has no finite point in the frame. Names avoid level lines too.
    """
    boxes: list[tuple[float, float, float]] = []  # centre and half width; all are as high
    step = FRAME_WIDTH / (SAMPLES - 1)

    def cost(x: float, y: float, half: float, own: int) -> float:
        """What speaks against the box; own, the curve it names, or -1."""
        total = 2 * math.exp((y - FRAME_HEIGHT) / 40)  # rather not down at the axis
        first, last = max(0, int((x - half) / step)), min(SAMPLES - 1, int((x + half) / step) + 1)
        for k, h in enumerate([*heights, *level]):
            near = math.inf
            for a, b in pairwise(h[first : last + 1]):
                if math.isfinite(a + b):
                    gap = max(min(a, b) - y, y - max(a, b), 0)
                    near = min(near, gap)
                    total += 4 * (gap < 8)
            if k != own:
                total += 12 * math.exp(-near / 8) + 3 * math.exp(-near / 60)
        for bx, by, bhalf in boxes:
            over = min(half + bhalf + 4 - abs(x - bx), 17 - abs(y - by))
            total += 20 + 5 * over if over > 0 else 0
        return total

    def best(choices: Iterator[tuple[float, float]], half: float, own: int) -> tuple[float, float] | None:
        found, least = None, math.inf
        for x, y in choices:
            x = min(max(x, half + 6), FRAME_WIDTH - half - 2)
            if 8 <= y <= FRAME_HEIGHT - 8 and (price := cost(x, y, half, own)) < least - 1e-9:
                found, least = (x, y), price
        if found:
            boxes.append((*found, half))
            return found[0], found[1] + 4
        return None

    placed: dict[int, tuple[float, float] | None] = {}
    for k, ((x, y), note) in enumerate(zip(spots, notes, strict=True)):
        half = 3.5 * len(note)
        shown = note and math.isfinite(x + y) and 0 <= x <= FRAME_WIDTH and 0 <= y <= FRAME_HEIGHT
        around = [(0, -15), (0, 15), (half + 9, 0), (-half - 9, 0), (half, -15), (half, 15)]
        around += [(-half, -15), (-half, 15)]
        choices = ((x + dx, y + dy) for dx, dy in around)
        placed[len(names) + k] = best(choices, half, -1) if shown else None
    for k, (h, name) in enumerate(zip(heights, names, strict=True)):
        half = 3.5 * len(name)
        sides = (
            (i * step + dx, h[i] + dy)
            for i in range(6, SAMPLES, 9)
            if math.isfinite(h[i]) and 0 <= h[i] <= FRAME_HEIGHT
            for dx, dy in ((0, -13), (0, 13), (half + 8, 0), (-half - 8, 0))
        )
        placed[k] = best(sides, half, k) if name else None
    return [placed[k] for k in range(len(names) + len(notes))]


# --- ink -------------------------------------------------------------------------------------------


def _color(role: str) -> str:
    return str(styles[role]["color"])


def _stroke(role: str) -> str:
    """Colour, width and dashes of a role, as matplotlib draws them: dashes in widths of the line."""
    style = styles[role]
    width = style.get("linewidth", 2.4)
    text = f'stroke="{style["color"]}" stroke-width="{width}" stroke-linejoin="round"'
    if style["linestyle"] != "-":
        dashes = " ".join(_n(width * length) for length in style["linestyle"][1])
        text += f' stroke-dasharray="{dashes}"'
    return text


def _n(x: float) -> str:
    """A coordinate, to a tenth of a unit."""
    return f"{x:.1f}".removesuffix(".0")
