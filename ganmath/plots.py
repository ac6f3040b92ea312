"""The book's one visual language: p blue, q orange, the critic green, an optimum dashed.

Figures are inline SVG whose ink is the page's own text colour, so that they read in light and dark;
labels stand on the curves; hues are those of Okabe and Ito (2008), told apart by line style too.
"""

import base64
import html
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from ganmath.names import unknown

if TYPE_CHECKING:  # matplotlib is loaded when a figure is drawn: importing ganmath stays fast
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure
    from matplotlib.lines import Line2D

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
VERMILION, SKY, PURPLE, GREY = "#D55E00", "#56B4E9", "#CC79A7", "#808080"

_DASHED = (0, (4.5, 2))
_LONG = (0, (9, 1.6))
_DASH_DOT = (0, (6, 1.6, 1.4, 1.6))
_DOTTED = (0, (1.2, 1.6))

#: How each role is drawn, as keywords of matplotlib's ``Axes.plot``.
#: An optimum is dashed, in the hue of what should reach it and above it.
styles: Mapping[str, dict[str, Any]] = {
    "p": {"color": BLUE, "linestyle": "-"},
    "q": {"color": ORANGE, "linestyle": _LONG},
    "critic": {"color": GREEN, "linestyle": "-"},
    "generator": {"color": ORANGE, "linestyle": (0, (12, 1))},
    "optimal critic": {"color": GREEN, "linestyle": _DASHED, "zorder": 3},
    "optimal generator": {"color": ORANGE, "linestyle": _DASHED, "zorder": 3},
    "reference": {"color": GREY, "linestyle": _DASHED, "linewidth": 1.6},
    "other": {"color": PURPLE, "linestyle": "-"},
    "other 2": {"color": VERMILION, "linestyle": _DASH_DOT},
    "other 3": {"color": SKY, "linestyle": _DOTTED, "linewidth": 3.0},
    "other 4": {"color": GREY, "linestyle": _LONG},
}
_OTHERS = [name for name in styles if name.startswith("other")]

_RC = {
    "axes.edgecolor": "#000000",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelsize": 13,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 13,
    "grid.alpha": 0.14,
    "grid.color": "#000000",
    "grid.linewidth": 0.8,
    "hatch.linewidth": 0.8,
    "lines.dash_capstyle": "butt",
    "lines.linewidth": 2.4,
    "lines.markersize": 6,
    "lines.scale_dashes": True,
    "lines.solid_capstyle": "round",
    "mathtext.fontset": "dejavusans",
    "svg.fonttype": "none",
    "xtick.labelsize": 12,
    "xtick.major.size": 4,
    "ytick.labelsize": 12,
    "ytick.major.size": 0,
}


# --- what a figure is -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """A figure of a page: one ``<svg>``, what it shows in words, and a caption.

    Fields: svg, the element as text (valid XML, ink in ``currentColor``, ids of its own);
    alt, what a reader who cannot see it must know; caption, plain text printed below, or None.
    """

    svg: str = field(repr=False)
    alt: str
    caption: str | None = None

    def _repr_html_(self) -> str:
        return _html_figure("gm-figure", self.svg, self.caption)


@dataclass(frozen=True)
class Image:
    """A picture made of pixels: one PNG, what it shows in words, and a caption.

    Fields: png, the file's bytes; alt; caption; width, in CSS pixels (two for each of the PNG's).
    """

    png: bytes = field(repr=False)
    alt: str
    caption: str | None = None
    width: int = 0

    def _repr_html_(self) -> str:
        source = base64.b64encode(self.png).decode()
        # class "dark-light": the theme leaves the image's brightness alone on a dark page
        image = (
            f'<img class="gm-grid dark-light" alt="{html.escape(self.alt)}" width="{self.width}" '
            'style="max-width:100%;height:auto;image-rendering:pixelated;'
            f'padding:0;background:none" src="data:image/png;base64,{source}">'
        )
        return _html_figure("gm-figure", image, self.caption)


@dataclass(frozen=True)
class Row:
    """Figures side by side where the page is wide enough, below one another where it is not."""

    figures: tuple[Figure | Image, ...]

    def _repr_html_(self) -> str:
        cells = "".join(
            f'<div style="flex:1 1 18rem;min-width:0">{figure._repr_html_()}</div>' for figure in self.figures
        )
        return f'<div class="gm-row" style="display:flex;flex-wrap:wrap;gap:0 1.5rem">{cells}</div>'


def row(*figures: Figure | Image) -> Row:
    """Place figures side by side; they wrap on a narrow page."""
    return Row(figures)


def _html_figure(css_class: str, body: str, caption: str | None) -> str:
    below = f"<figcaption>{html.escape(caption, quote=False)}</figcaption>" if caption else ""
    return f'<figure class="{css_class}" style="margin:0.75rem auto;text-align:center">{body}{below}</figure>'


# --- from matplotlib to a page --------------------------------------------------------------------


def figure(
    draw: Callable[["MatplotlibFigure"], object],
    *,
    alt: str,
    caption: str | None = None,
    size: tuple[float, float] = (6.4, 3.6),
) -> Figure:
    """Draw a figure in the book's style: the function that all others here call.

    Parameters: draw, called once with an empty matplotlib figure; each line it plots with a
    ``label`` gets that label on the curve. alt, what the figure shows, in a sentence (ValueError
    when empty). size, in inches, which sets the proportions: the page sets the width.
    Example: ``figure(lambda fig: fig.subplots().plot(x, y, label="p", **styles["p"]), alt=…)``.
    """
    _require_alt(alt)
    with _style():
        from matplotlib.figure import Figure as MatplotlibFigure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        fig = MatplotlibFigure(figsize=size, dpi=72)
        draw(fig)
        # place the axes once and for all: labels go by where the curves are
        ConstrainedLayoutEngine().execute(fig)
        for ax in fig.axes:
            _label_curves(ax)
        return from_matplotlib(fig, alt=alt, caption=caption)


def from_matplotlib(fig: "MatplotlibFigure", *, alt: str, caption: str | None = None) -> Figure:
    """Turn any matplotlib figure into a `Figure`; what is black takes the page's text colour.

    Parameters: fig, left as it was. alt, a sentence (ValueError when empty).
    Returns: Figure; the same drawing gives the same bytes.
    """
    _require_alt(alt)
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "ganmath"}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        fig.savefig(out, format="svg", transparent=True, metadata=nothing)
    return Figure(_page_svg(out.getvalue(), alt), alt, caption)


@contextmanager
def _style() -> Iterator[None]:
    """matplotlib's defaults and our settings over them, whatever the notebook has set."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)  # type: ignore[arg-type]
        yield


def _require_alt(alt: str) -> None:
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError("alt is empty: say in one sentence what the figure shows")


_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_GEOMETRY = ("d", "x", "y", "width", "height")
_LONG_DECIMAL = re.compile(r"-?\d+\.\d{3,}(?!\d*e)")


def _page_svg(source: str, alt: str) -> str:
    """matplotlib's SVG file as part of a page: no global style, no fixed ink, ids of its own."""
    root = ElementTree.fromstring(source)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith("}metadata") or child.find(f"{_SVG}style") is not None:
                parent.remove(child)
    prefix = "gm" + sha256((alt + source).encode()).hexdigest()[:10] + "-"
    used = {e.get(_HREF, "")[1:] for e in root.iter()}
    used |= {e.get("clip-path", "")[5:-1] for e in root.iter()}
    for element in root.iter():
        _rewrite(element, prefix, used)
    width = float(root.attrib["viewBox"].split()[2]) / 12.8  # 12.8 of its units to 1 rem at most
    root.attrib = {
        "xmlns": _SVG[1:-1],
        "class": "gm-svg",
        "role": "img",
        "aria-label": alt,
        "viewBox": root.attrib["viewBox"],
        "width": "100%",
        "style": f"display:block;max-width:{width:.4g}rem;height:auto;margin:0 auto",
        "fill": "currentColor",
        "font-family": "system-ui, sans-serif",
        # which matplotlib writes as a rule for the whole page
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
    }
    return re.sub(r"\s*\n\s*", "\n", ElementTree.tostring(root, encoding="unicode")).strip()


def _rewrite(element: ElementTree.Element, prefix: str, used: set[str]) -> None:
    """Make one element fit for a page: its ids, its numbers, its colours."""
    element.tag = element.tag.removeprefix(_SVG)
    if (name := element.attrib.pop("id", None)) in used:
        element.set("id", f"{prefix}{name}")
    elif name is not None and name.startswith("gm-"):  # an artist's gid: a part that a script moves
        element.set("data-part", name[3:])
    if (target := element.attrib.pop(_HREF, None)) is not None:
        local = target.startswith("#")
        element.set("href", f"#{prefix}{target[1:]}" if local else "".join(target.split()))
    if (clip := element.get("clip-path")) is not None:
        element.set("clip-path", f"url(#{prefix}{clip[5:-1]})")
    for key in _GEOMETRY:
        if (value := element.get(key)) is not None:
            value = _LONG_DECIMAL.sub(lambda m: f"{float(m[0]):.2f}", value)
            # a point after a point of a polygon is a line anyway
            plain = key == "d" and not re.search("[CQ]", value)
            element.set(key, re.sub(r"\s+L " if plain else r"\s+", " ", value).strip())
    if element.get("transform", "").startswith("rotate(-0"):
        del element.attrib["transform"]
    if (style := element.get("style")) is not None:
        element.set("style", _page_style(style, is_text=element.tag in ("text", "tspan")))


def _page_style(style: str, is_text: bool) -> str:
    style = style.replace("#000000", "currentColor")
    if not is_text:
        return style
    # formulas are set glyph by glyph in DejaVu's widths, which Verdana shares; other text flows
    formula = "font-family: 'DejaVu Sans'"
    family = f"{formula}, Verdana, sans-serif" if re.search(f"{formula}(;|$)", style) else ""
    style = re.sub(r"font-family: [^;]*;? ?", f"{family}; " if family else "", style).rstrip("; ")
    # a hue that is plain as a line is pale as a word: mix in the ink, where the browser can
    return re.sub(
        r"(?<![\w-])fill: (#\w{6})",
        r"fill: \1; fill: color-mix(in srgb, \1 60%, currentColor)",
        style,
    )


# --- labels on the curves -------------------------------------------------------------------------


def _label_curves(ax: "Axes") -> None:
    """Write each labelled line's label beside it, where it is nearest to its own line only.

    Where curves leave no such place, the label stands off and a thin line leads to its curve.
    """
    frame = ax.get_window_extent()
    inks = {line: _ink(line, frame) for line in ax.get_lines()}
    inks = {line: ink for line, ink in inks.items() if len(ink)}
    boxes = [text.get_window_extent() for text in ax.texts]
    for line, ink in inks.items():
        label = str(line.get_label())
        if not label or label.startswith("_"):
            continue
        others = np.concatenate([np.empty((0, 2)), *(inks[key] for key in inks if key is not line)])
        text = ax.text(0, 0, label, color=line.get_color(), ha="center", va="center")
        gid = line.get_gid()
        text.set_gid(gid and f"{gid}-label")
        text.set_in_layout(False)
        extent = text.get_window_extent()
        half = np.array([extent.width, extent.height]) / 2
        centre, anchor, cost = _best_place(half, ink, others, boxes, frame, distance=0)
        if cost > 40:
            away = [_best_place(half, ink, others, boxes, frame, distance=d) for d in (15, 30, 50)]
            far = min(away, key=lambda place: place[2])
            if far[2] < cost:
                centre, anchor, _ = far
                near = np.clip(anchor, centre - half, centre + half)
                _lead(ax, near, anchor, line.get_color(), gid and f"{gid}-leader")
        text.set_transform(ax.transAxes)
        x, y = ax.transAxes.inverted().transform(centre)
        text.set_position((float(x), float(y)))
        boxes.append(extent.from_extents(*(centre - half), *(centre + half)))


def _lead(ax: "Axes", start: np.ndarray, end: np.ndarray, color: Any, gid: str | None) -> None:
    """A thin line from a label to the dot that marks its curve, both in pixels."""
    (x0, y0), (x1, y1) = ax.transAxes.inverted().transform([start, end])
    leader = {"color": color, "transform": ax.transAxes, "linewidth": 1}
    ax.plot([x0, x1], [y0, y1], marker="o", markevery=[1], markersize=4, gid=gid, **leader)


def _ink(line: "Line2D", frame: Any) -> np.ndarray:
    """Points every two pixels along the part of a line that lies in the frame, (n, 2) in pixels."""
    points = np.asarray(line.get_path().transformed(line.get_transform()).vertices, dtype=float)
    steps = np.diff(points, axis=0)
    finite = np.isfinite(steps).all(axis=1)
    starts, steps = points[:-1][finite], steps[finite]
    counts = np.minimum(np.hypot(*steps.T) / 2, 400).astype(int) + 2
    segment = np.repeat(np.arange(len(steps)), counts)
    rank = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    dense = starts[segment] + steps[segment] * (rank / (counts[segment] - 1))[:, None]
    inside = (dense >= (frame.x0, frame.y0)) & (dense <= (frame.x1, frame.y1))
    dense = dense[inside.all(axis=1)]
    # one point for each square of 2 by 2 pixels, in the order of the line
    first = np.unique((dense / 2).astype(int), axis=0, return_index=True)[1]
    return dense[np.sort(first)]


def _best_place(
    half: np.ndarray,
    ink: np.ndarray,
    others: np.ndarray,
    boxes: Sequence[Any],
    frame: Any,
    distance: float,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Centre of the best box of half-size `half`, the point of the curve it names, and its cost.

    Parameters: ink, (n, 2), of the curve; others, (m, 2), of all else; boxes, of other labels;
    distance between label and curve in pixels, 0 for side by side.
    """
    anchors = ink[np.linspace(0, len(ink) - 1, min(len(ink), 60)).astype(int)]
    dx, dy = half + np.array([5, 3]) + distance
    sides = [(0, dy), (0, -dy), (dx, 0), (-dx, 0), (dx, dy), (-dx, dy), (dx, -dy), (-dx, -dy)]
    centres = (anchors[:, None] + np.array(sides)).reshape(-1, 2)
    low, high = centres - half, centres + half
    overrun = np.maximum([frame.x0 + 4, frame.y0 + 4] - low, 0)
    overrun += np.maximum(high - [frame.x1, frame.y1], 0)
    own, other = _distances(centres, half, ink), _distances(centres, half, others)
    nearest = own.min(axis=1)
    cost = (
        1000 * (overrun.max(axis=1) > 0) + 40 * (own < 1.5).sum(axis=1) + 0.5 * distance + 10 * (distance > 0)
    )
    if distance == 0:
        cost += nearest
    if others.size:
        cost += 40 * (other < 2).sum(axis=1)
        # a label belongs to the curve it is nearest to: others must be well farther away, or,
        # where a line leads to the curve, stand off from that line's end
        lead = other.min(axis=1) - nearest
        if distance:
            ends = np.repeat(anchors, len(sides), axis=0)
            lead = _distances(ends, np.zeros(2), others).min(axis=1)
            starts = np.clip(ends, low, high)
            for t in np.linspace(0, 0.9, 10):  # that line crosses no other curve
                on_line = starts + t * (ends - starts)
                cost += 25 * (_distances(on_line, np.zeros(2), others) < 3).any(axis=1)
        cost += 60 * np.exp(-np.maximum(lead, -10) / 9)
    for box in boxes:
        overlap = np.minimum(high, [box.x1, box.y1]) - np.maximum(low, [box.x0, box.y0]) + 4
        cost += 20 * np.where((overlap > 0).all(axis=1), overlap.min(axis=1) + 10, 0)
    best = int(np.argmin(cost))
    return centres[best], anchors[best // len(sides)], float(cost[best])


def _distances(centres: np.ndarray, half: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance of each point from each box, (boxes, points), 0 inside."""
    squares = np.zeros((len(centres), len(points)), np.float32)
    for axis in (0, 1):
        away = np.abs(np.subtract.outer(centres[:, axis], points[:, axis]).astype(np.float32))
        away -= np.float32(half[axis])
        np.maximum(away, 0, out=away)
        squares += away * away
    return np.sqrt(squares)


# --- the figures of the book ----------------------------------------------------------------------


def curves(
    x: Any,
    ys: Mapping[str, Any],
    *,
    alt: str,
    xlabel: str,
    ylabel: str,
    kinds: Mapping[str, str] | None = None,
    bands: Mapping[str, tuple[Any, Any]] | None = None,
    fill: Sequence[str] = (),
    markers: bool = False,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float | None, float | None] | None = None,
    xscale: str = "linear",
    yscale: str = "linear",
    caption: str | None = None,
    size: tuple[float, float] = (6.4, 3.6),
) -> Figure:
    """Curves over one axis, each with its label on it.

    Parameters
    ----------
    x : (n,). ys : label -> (n,), or (seeds, n) drawn as their mean with its 95 % interval, or a
        function of x, or a sympy expression in one symbol. NaN and ±inf leave a gap.
    xlabel, ylabel : name and unit. kinds : label -> role in `styles`; a label that is itself a role
        has that role, the rest take "other", "other 2", … in turn.
    bands : label -> (low, high), each (n,), shaded in the curve's colour. fill : labels whose area
        down to 0 is shaded. markers : mark each point.

    Raises ValueError for an empty alt, arrays of wrong shape, an unknown role, or a curve that has
    no finite point.
    """
    if not ys:
        raise ValueError("ys is empty: give at least one curve as {label: values}")

    def draw(fig: "MatplotlibFigure") -> None:
        ax = fig.subplots()
        ax.set(xscale=xscale, yscale=yscale)
        _plot_curves(ax, x, ys, kinds, bands, fill, markers)
        ax.set(xlim=xlim, ylim=ylim)
        _name_axes(ax, xlabel, ylabel)

    return figure(draw, alt=alt, caption=caption, size=size)


def densities(
    x: Any,
    p: Any,
    q: Any,
    *,
    alt: str,
    others: Mapping[str, Any] | None = None,
    p_label: str = "p (data)",
    q_label: str = "q (generator)",
    xlabel: str = "x",
    ylabel: str = "density",
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float | None, float | None] = (0, None),
    caption: str | None = None,
    size: tuple[float, float] = (6.4, 3.6),
) -> Figure:
    """The data's density p and the generator's q over x, their areas shaded.

    Parameters: x, (n,); p, q and the values of others as in `curves`. The density's unit is 1 over
    that of x. Raises as `curves`.
    """
    return curves(
        x,
        {p_label: p, q_label: q, **(others or {})},
        kinds={p_label: "p", q_label: "q"},
        fill=(p_label, q_label),
        alt=alt,
        xlabel=xlabel,
        ylabel=ylabel,
        xlim=xlim,
        ylim=ylim,
        caption=caption,
        size=size,
    )


def critic_against_optimum(
    x: Any,
    learned: Any,
    optimal: Any,
    p: Any,
    q: Any,
    *,
    alt: str,
    learned_label: str = "learned C",
    optimal_label: str = "optimal C*",
    xlabel: str = "x",
    ylabel: str = "critic’s output C (logit)",
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float | None, float | None] | None = None,
    caption: str | None = None,
    size: tuple[float, float] = (6.4, 4.6),
) -> Figure:
    """A learned critic on the one it should reach, above the densities that decide both.

    Parameters: x, (n,); learned, (n,) or (seeds, n), which gives the mean and its 95 % interval;
    optimal, p, q as in `curves`. For a discriminator D = σ(C) set the labels. Raises as `curves`.
    """

    def draw(fig: "MatplotlibFigure") -> None:
        top, bottom = fig.subplots(2, sharex=True, height_ratios=(3, 1.25))
        both = {learned_label: learned, optimal_label: optimal}
        _plot_curves(top, x, both, {learned_label: "critic", optimal_label: "optimal critic"})
        _plot_curves(bottom, x, {"p": p, "q": q}, fill=("p", "q"))
        top.set(ylim=ylim)
        top.tick_params(axis="x", length=0)
        bottom.set(xlim=xlim, ylim=(0, None))
        _name_axes(top, "", ylabel)
        _name_axes(bottom, xlabel, "density")

    return figure(draw, alt=alt, caption=caption, size=size)


def history(
    run: Any,
    *,
    alt: str,
    critic_optimum: tuple[str, float] | None = None,
    generator_optimum: tuple[str, float] | None = None,
    points: int = 200,
    ylabel: str = "loss (nats)",
    ylim: tuple[float | None, float | None] | None = None,
    caption: str | None = None,
    size: tuple[float, float] = (6.4, 3.6),
) -> Figure:
    """The critic's and the generator's loss against the number of real images seen.

    Parameters
    ----------
    run : a run, its history (a mapping with "images", "critic_loss" and "generator_loss", each
        (n,)), or a list of either, one a seed, drawn as the mean and its 95 % interval.
    critic_optimum, generator_optimum : (label, value) of the loss where the critic is optimal for
        the q that the label names, such as ("2 log 2 (p = q)", 1.386), drawn dashed.
    points : at most so many are drawn: a longer history is cut into blocks of steps (the axis says
        of how many), each drawn as its mean; one run is shaded from a block's least value to its
        greatest.

    Raises ValueError where a loss is missing, or runs differ in length.
    """
    runs = list(run) if isinstance(run, Sequence) else [run]
    records = [_history_of(one) for one in runs]
    steps = len(records[0]["images"])
    if any(len(record["images"]) != steps for record in records):
        raise ValueError("the runs differ in their number of steps: plot them one by one")
    width = -(-steps // points)
    if width > 1:
        ylabel += f", means of {width} steps"
    starts = np.arange(0, steps, width)
    sizes = np.diff([*starts, steps])
    images = np.add.reduceat(records[0]["images"], starts) / sizes
    thousands = images[-1] >= 10_000
    at = images / 1000 if thousands else images

    def draw(fig: "MatplotlibFigure") -> None:
        ax = fig.subplots()
        for role, optimum in (("critic", critic_optimum), ("generator", generator_optimum)):
            losses = np.stack([record[f"{role}_loss"] for record in records])
            bands = {}
            if len(losses) == 1 and width > 1:
                least, greatest = np.minimum.reduceat, np.maximum.reduceat
                bands = {role: (least(losses[0], starts), greatest(losses[0], starts))}
            means = np.add.reduceat(losses, starts, axis=1) / sizes
            _plot_curves(ax, at, {role: means}, bands=bands)
            if optimum is not None:
                label, value = optimum
                _plot_curves(ax, at, {label: float(value)}, {label: f"optimal {role}"})
        ax.set(xlim=(0, at[-1]), ylim=ylim)
        _name_axes(ax, "real images seen" + (" (thousands)" if thousands else ""), ylabel)

    return figure(draw, alt=alt, caption=caption, size=size)


def scatter(
    samples_p: Any,
    samples_q: Any,
    *,
    alt: str,
    p_label: str = "p (data)",
    q_label: str = "q (generator)",
    xlabel: str = "x₁",
    ylabel: str = "x₂",
    lim: tuple[float, float] | None = None,
    caption: str | None = None,
    size: tuple[float, float] = (4.8, 4.8),
) -> Figure:
    """Points of the data (blue discs) and of the generator (orange crosses) in the plane.

    Parameters: samples_p, samples_q, (n, 2), at equal scale on both axes; with more than 2,000
    points in all, they become one picture inside the SVG. lim, of both axes.
    """
    named = {"samples_p": as_array(samples_p), "samples_q": as_array(samples_q)}
    for name, points in named.items():
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"{name} has shape {points.shape}: points of the plane are (n, 2)")
    a, b = named.values()
    raster = len(a) + len(b) > 2000

    def draw(fig: "MatplotlibFigure") -> None:
        ax = fig.subplots()
        style: dict[str, Any] = {"s": 14 if raster else 22, "rasterized": raster}
        ax.scatter(a[:, 0], a[:, 1], **style, color=BLUE, alpha=0.5, lw=0)
        ax.scatter(b[:, 0], b[:, 1], **style, marker="x", color=ORANGE, alpha=0.7, lw=1.3)
        ax.set(xlim=lim, ylim=lim, aspect="equal")
        ax.grid(False)
        _name_axes(ax, xlabel, ylabel)
        keys = [
            ax.scatter([], [], s=36, color=BLUE, linewidths=0, label=p_label),
            ax.scatter([], [], s=36, color=ORANGE, marker="x", linewidths=1.8, label=q_label),
        ]
        # clouds have no edge to write on: the two names stand above, each beside its mark
        ax.legend(
            handles=keys, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False,
            borderpad=0, borderaxespad=0.3, handletextpad=0.2, columnspacing=1.2,
            labelcolor="linecolor",
        )  # fmt: skip

    return figure(draw, alt=alt, caption=caption, size=size)


def bars(
    values: Mapping[str, float],
    *,
    alt: str,
    xlabel: str,
    errors: Mapping[str, float] | None = None,
    kinds: Mapping[str, str] | None = None,
    reference: tuple[str, float] | None = None,
    decimals: int = 3,
    caption: str | None = None,
) -> Figure:
    """One horizontal bar a name, with its value in a column at the right.

    Parameters: values, name -> number; errors, name -> half width of its interval; kinds, name ->
    role in `styles`; reference, (label, value) of a dashed line; decimals, how many are
    printed.
    """
    if not values:
        raise ValueError("values is empty: give at least one bar as {name: number}")
    names = list(values)
    numbers = np.array([float(values[name]) for name in names])
    if not np.isfinite(numbers).all():
        raise ValueError("values holds NaN or inf: leave such a bar out and say so in the text")
    half = np.array([float((errors or {}).get(name, 0.0)) for name in names])

    def draw(fig: "MatplotlibFigure") -> None:
        ax = fig.subplots()
        colors = [_style_of((kinds or {}).get(name, "p"))["color"] for name in names]
        ax.barh(range(len(names)), numbers, height=0.62, color=colors, alpha=0.85)
        for i, (number, error) in enumerate(zip(numbers, half, strict=True)):
            if error:
                ax.errorbar(number, i, xerr=error, color="#000000", lw=1.6, capsize=4, capthick=1.6)
            text = f"{number:.{decimals}f}" + (f" ± {error:.{decimals}f}" if error else "")
            ax.annotate(
                text.replace("-", "−"), (1, i), (8, 0), xycoords=("axes fraction", "data"),
                textcoords="offset points", va="center", fontsize=12,
            )  # fmt: skip
        if reference is not None:
            label, value = reference
            ax.axvline(value, **_style_of("reference"))
            ax.annotate(
                label, (value, 1), (0, 4), xycoords=("data", "axes fraction"), color=GREY,
                textcoords="offset points", ha="center", va="bottom", fontsize=12,
            )  # fmt: skip
        ax.set_yticks(range(len(names)), names)
        ax.invert_yaxis()
        ax.grid(False)
        _name_axes(ax, xlabel, "")

    return figure(draw, alt=alt, caption=caption, size=(6.4, 1.2 + 0.42 * len(names)))


def image_grid(images: Any, *, alt: str, columns: int = 8, caption: str | None = None) -> Image:
    """Images in rows as one PNG, drawn at twice their size with sharp pixels.

    Parameters: images, (N, C, H, W) in [-1, 1], C = 1 (grey) or 3 (colour); values outside are cut
    to that range. columns, images a row.
    Returns: Image; grey level 127.5 (x + 1), rounded, so that no level of an 8-bit image is lost.
    """
    _require_alt(alt)
    sheet = image_sheet(images, columns)
    return Image(_png(sheet), alt, caption, 2 * sheet.shape[1])


def image_sheet(images: Any, columns: int = 8) -> np.ndarray:
    """The pixels of `image_grid`, (height, width, 1 or 3) uint8, and its ValueErrors."""
    pixels = as_array(images)
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or not len(pixels):
        raise ValueError(f"images has shape {pixels.shape}: needed is (N, 1, H, W) or (N, 3, H, W)")
    if not np.isfinite(pixels).all():
        raise ValueError("images holds NaN or inf: the generator that made them has diverged")
    if columns < 1:
        raise ValueError(f"columns is {columns}: needed is at least 1")
    levels = np.rint((np.clip(pixels, -1, 1) + 1) * 127.5).astype(np.uint8)
    count, channels, height, width = levels.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    # one pixel of middle grey between images: visible on white and on black
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, channels), 128, np.uint8)
    for i, level in enumerate(levels):
        top, left = (height + 1) * (i // columns), (width + 1) * (i % columns)
        sheet[top : top + height, left : left + width] = level.transpose(1, 2, 0)
    return sheet


def _png(pixels: np.ndarray) -> bytes:
    """(H, W, 1 or 3) of uint8 as a PNG without loss."""
    from PIL import Image as PillowImage

    out = io.BytesIO()
    PillowImage.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).save(
        out, "PNG", optimize=True
    )
    return out.getvalue()


# --- pieces ---------------------------------------------------------------------------------------


def as_array(values: Any) -> np.ndarray:
    """Numbers as a float64 array; torch tensors of any type and device too."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=float)


def mean_interval(values: Any, level: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over seeds and Student's interval for it: mean ± t s/√S with S − 1 degrees of freedom.

    Parameters: values, (S, …) with S ≥ 2 (ValueError otherwise); level, in (0, 1).
    Returns: mean, low, high, each (…). The level holds exactly when seeds are independent and
    normal, and roughly otherwise (Student 1908).
    """
    from scipy.stats import t

    array = as_array(values)
    if len(array) < 2:
        raise ValueError("an interval needs at least two seeds")
    mean = array.mean(axis=0)
    error = array.std(axis=0, ddof=1) / np.sqrt(len(array))
    half = float(t.ppf(0.5 + level / 2, len(array) - 1)) * error
    return mean, mean - half, mean + half


def _values(y: Any, x: Any, label: str) -> np.ndarray:
    """y as an array (n,) or (seeds, n): an array itself, a function of x, or a sympy expression."""
    if hasattr(y, "free_symbols"):
        from ganmath.theory.expression import to_numpy

        if len(y.free_symbols) > 1:
            raise ValueError(f"{label!r} depends on {y.free_symbols}: set all symbols but one")
        y = to_numpy(y, tuple(y.free_symbols))(as_array(x)) if y.free_symbols else float(y)
    array = as_array(y(x) if callable(y) else y)
    n = len(as_array(x))
    if array.ndim == 0:
        array = np.full(n, array)
    if array.shape[-1:] != (n,) or array.ndim > 2:
        raise ValueError(f"{label!r} has shape {array.shape}: needed is ({n},) or (seeds, {n}), as x")
    if not np.isfinite(array).any():
        raise ValueError(f"{label!r} has no finite value")
    return array


def _style_of(role: str) -> dict[str, Any]:
    if role not in styles:
        raise ValueError(unknown("role", role, list(styles)))
    return dict(styles[role])


def _plot_curves(
    ax: "Axes",
    x: Any,
    ys: Mapping[str, Any],
    kinds: Mapping[str, str] | None = None,
    bands: Mapping[str, tuple[Any, Any]] | None = None,
    fill: Sequence[str] = (),
    markers: bool = False,
) -> None:
    """Draw labelled curves by role; `_label_curves` later writes their labels."""
    kinds, bands = kinds or {}, bands or {}
    for stray in {*kinds, *bands, *fill} - set(ys):
        raise ValueError(unknown("curve", stray, list(ys)))
    free = iter(_OTHERS)
    at = as_array(x)
    if at.ndim != 1:
        raise ValueError(f"x has shape {at.shape}: needed is (n,)")
    for label, y in ys.items():
        role = kinds.get(label) or (label if label in styles else next(free, None))
        if role is None:
            raise ValueError(f"more than {len(_OTHERS)} curves without a role: give kinds, or two figures")
        style, values = _style_of(role), _values(y, x, label)
        band = bands.get(label)
        if values.ndim == 2:
            if len(values) > 1 and band is None:
                band = mean_interval(values)[1:]
            values = values.mean(axis=0)
        values = np.where(np.isfinite(values), values, np.nan)
        if band is not None:
            low, high = (_values(edge, x, f"band of {label}") for edge in band)
            ax.fill_between(at, low, high, color=style["color"], alpha=0.22, linewidth=0)
        if label in fill:
            ax.fill_between(at, 0, values, color=style["color"], alpha=0.13, linewidth=0)
        ax.plot(at, values, label=label, marker="o" if markers else None, **style)


def _name_axes(ax: "Axes", xlabel: str, ylabel: str) -> None:
    """Name the axes; the vertical one's name lies flat above it, where it needs no tilted head."""
    ax.set_xlabel(xlabel)
    if ylabel:
        ax.set_title(ylabel, loc="left", fontsize=13, pad=8, x=0)


def _history_of(run: Any) -> dict[str, np.ndarray]:
    history = getattr(run, "history", run)
    needed = ("images", "critic_loss", "generator_loss")
    missing = [key for key in needed if key not in history]
    if missing:
        raise ValueError(f"the history lacks {', '.join(missing)}: give a run of gm.fit or its history")
    return {key: as_array(history[key]) for key in needed}
