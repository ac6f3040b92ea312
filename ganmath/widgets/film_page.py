"""A film on a page: its last frame drawn by Python, and the player that moves it.

The player needs no drawing library: axes and labels are the book's own figure (`ganmath.plots`), in
which a script replaces the paths that move. Where no script runs, the last frame and the table stand.
"""

import base64
import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ganmath.plots import BLUE, ORANGE, figure, styles
from ganmath.widgets.films import Film, critic_range
from ganmath.widgets.page import Widget, widget

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure


def film_widget(film: Film, *, alt: str, caption: str | None = None) -> Widget:
    """The film behind a scrubber: see `Film.show`."""
    svg, data = _picture(film, alt)
    rows = _rows(film)
    below = f"<figcaption>{html.escape(caption, quote=False)}</figcaption>" if caption else ""
    last = film.steps[-1]
    body = (
        f'<figure class="gm-figure">{svg}\n'
        # shown by the script: without it they would do nothing
        '<div class="gm-film-controls" hidden>'
        '<button type="button">Play</button>'
        f'<label for="{{id}}-step">step</label>'
        f'<input type="range" id="{{id}}-step" min="0" max="{len(film.steps) - 1}" '
        f'value="{len(film.steps) - 1}" aria-valuetext="step {last} of {last}">'
        "</div>\n"
        f'<output for="{{id}}-step">{html.escape(_read_out(film, rows[-1]))}</output>\n'
        f"{below}</figure>\n{_table(film, rows)}"
    )
    return widget("film", body, alt=alt, data={"steps": film.steps, **data})


def last_frame(film: Film, alt: str) -> str:
    """The film's last frame as a still, one ``<svg>``."""
    return _picture(film, alt)[0]


def _picture(film: Film, alt: str) -> tuple[str, dict[str, Any]]:
    """The last frame as ``<svg>``, and what the script needs to draw the others."""
    draw = {"line": _line_picture, "plane": _plane_picture, "images": _image_picture}[film.kind]
    return draw(film, alt)


# --- numbers --------------------------------------------------------------------------------------


def _rows(film: Film) -> list[list[str]]:
    """Each frame's numbers as text, without the step."""
    columns = [[_number(name, x) for x in column] for name, column in film.values.items()]
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in film.steps]


def _number(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name in ("samples outside", "near a mode"):
        return f"{100 * value:.0f}\N{NO-BREAK SPACE}%"
    text = f"{value:.0f}" if name == "modes found" else f"{value:.3f}" if abs(value) < 1e4 else f"{value:.3g}"
    return text.replace("-", "−")


def _read_out(film: Film, row: Sequence[str]) -> str:
    """The last frame in words; the script composes the others in the same way from the table."""
    parts = [f"{name} {text}" for name, text in zip(film.values, row, strict=True)]
    return ": ".join([f"Step {film.steps[-1]} of {film.steps[-1]}", ", ".join(parts)])


def _table(film: Film, rows: Sequence[Sequence[str]]) -> str:
    heads = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in ("step", *film.values))
    lines = "".join(
        f'<tr><th scope="row">{step}</th>' + "".join(f"<td>{text}</td>" for text in row) + "</tr>"
        for step, row in zip(film.steps, rows, strict=True)
    )
    note = f"<p>{html.escape(str(film.about.get('note', '')), quote=False)}</p>"
    return (
        "<details><summary>Table of the values</summary>"
        '<div class="gm-film-table" tabindex="0" role="region" aria-label="Values of every frame">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>{note}</details>"
    )


# --- pictures -------------------------------------------------------------------------------------


def _line_picture(film: Film, alt: str) -> tuple[str, dict[str, Any]]:
    """Critic above densities, and for the script the curves that move with their axes."""
    a = {name: packed.unpack() for name, packed in film.arrays.items()}
    x, p, q, critic = a["x"], a["p"], a["q"], a["critic"]
    optimal = a.get("optimal critic")
    parts: dict[str, tuple[Axes, str]] = {}

    def draw(fig: "MatplotlibFigure") -> None:
        top, bottom = fig.subplots(2, sharex=True, height_ratios=(3, 2))

        def moving(ax: "Axes", name: str, label: str, frames: np.ndarray) -> None:
            ax.plot(x, frames[-1], label=label, gid=f"gm-{name.replace(' ', '-')}", **styles[name])
            parts[name.replace(" ", "-")] = (ax, name)

        bottom.plot(x, p, label="p (data)", gid="gm-p", **styles["p"])
        bottom.fill_between(x, 0, p, color=BLUE, alpha=0.13, linewidth=0)
        moving(bottom, "q", "q (generator)", q)
        moving(top, "critic", "learned C", critic)
        if optimal is not None:
            moving(top, "optimal critic", "optimal C*", optimal)
        top.tick_params(axis="x", length=0)
        top.set(ylim=critic_range(critic, optimal))
        height = np.clip(q.max(), p.max(), 2 * p.max())  # a peak far above p runs out of the picture
        bottom.set(xlim=(x[0], x[-1]), ylim=(0, 1.2 * height), xlabel="x")
        top.set_title("critic’s output C", loc="left", fontsize=13, pad=8, x=0)
        bottom.set_title("density", loc="left", fontsize=13, pad=8, x=0)

    svg = figure(draw, alt=alt, size=(6.4, 5.2)).svg
    first = film.arrays["x"]
    curves = [
        {"part": part, "frames": _coded(film.arrays[name]), **_axes(ax)} for part, (ax, name) in parts.items()
    ]
    still = {"part": "p", "still": True, "frames": _coded(film.arrays["p"]), **_axes(parts["q"][0])}
    return svg, {"curves": [*curves, still], "span": [first.low, first.high]}


def _plane_picture(film: Film, alt: str) -> tuple[str, dict[str, Any]]:
    """Samples of data and generator over the critic's heat map."""
    real, q = film.arrays["real"].unpack(), film.arrays["q"].unpack()
    (left, bottom), (right, top) = film.arrays["extent"].unpack()
    made: list[Axes] = []

    def draw(fig: "MatplotlibFigure") -> None:
        from matplotlib.patches import Rectangle

        ax = fig.subplots()
        for part in ("heat", "real", "q"):  # empty places, filled below
            ax.add_patch(Rectangle((left, bottom), right - left, top - bottom, gid=f"gm-{part}"))
        ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        ax.grid(False)
        ax.set_xlabel("x₁\ncritic: green says data, purple says generator")
        ax.set_title("x₂", loc="left", fontsize=13, pad=8, x=0)
        keys = [
            ax.scatter([], [], s=36, color=BLUE, linewidths=0, label="p (data)"),
            ax.scatter([], [], s=36, color=ORANGE, marker="x", linewidths=1.8, label="q (generator)"),
        ]
        ax.legend(
            handles=keys, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False,
            borderpad=0, borderaxespad=0.3, handletextpad=0.2, columnspacing=1.2,
            labelcolor="linecolor",
        )  # fmt: skip
        made.append(ax)

    svg = figure(draw, alt=alt, size=(5.2, 5.6)).svg
    axes = _axes(made[0])
    x0, x1, y0, y1 = axes["frame"]
    sprite, count = film.sprite or b"", len(film.steps)
    heat = _window(sprite, count, f'x="{x0}" y="{y0}" width="{x1 - x0:.2f}" height="{y1 - y0:.2f}"')
    dots = _marks(real, axes, "M{:.1f} {:.1f}h0")
    crosses = _marks(q[-1], axes, _CROSS)
    marks = 'fill="none" stroke-linecap="round"'
    svg = _fill(svg, "heat", heat)
    svg = _fill(svg, "real", f'<path {marks} stroke="{BLUE}" stroke-width="5" d="{dots}"/>')
    svg = _fill(svg, "q", f'<path {marks} stroke="{ORANGE}" stroke-width="1.4" d="{crosses}"/>')
    return svg, {"marks": [{"part": "q", "frames": _coded(film.arrays["q"]), **axes}]}


_CROSS = "M{:.1f} {:.1f}m-2.5-2.5l5 5m0-5l-5 5"


def _image_picture(film: Film, alt: str) -> tuple[str, dict[str, Any]]:
    """The sheet of samples, seen through a window on the sprite."""
    sprite = film.sprite or b""
    width, height = _size(sprite)
    height //= len(film.steps)
    window = _window(sprite, len(film.steps), f'width="{width}" height="{height}"')
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gm-svg" role="img" aria-label="{html.escape(alt)}" '
        f'viewBox="0 0 {width} {height}" width="100%" '
        f'style="display:block;max-width:{2 * width}px;height:auto;margin:0 auto;image-rendering:pixelated">'
        f"{window}</svg>"
    )
    return svg, {}


def _window(sprite: bytes, count: int, place: str) -> str:
    """A nested <svg> that shows one of `count` pictures below one another: the last."""
    width, height = _size(sprite)
    height //= count
    kind = "png" if sprite.startswith(b"\x89PNG") else "webp"
    source = f"data:image/{kind};base64,{base64.b64encode(sprite).decode()}"
    return (
        f'<svg data-part="sprite" {place} viewBox="0 0 {width} {height}" preserveAspectRatio="none">'
        f'<image width="{width}" height="{height * count}" y="{-height * (count - 1)}" '
        f'preserveAspectRatio="none" href="{source}"/></svg>'
    )


def _size(picture: bytes) -> tuple[int, int]:
    import io

    from PIL import Image as PillowImage

    return PillowImage.open(io.BytesIO(picture)).size


def _fill(svg: str, part: str, content: str) -> str:
    """Replace what the group of this part holds."""
    start = svg.index(">", svg.index(f'data-part="{part}"')) + 1
    return svg[:start] + content + svg[svg.index("</g>", start) :]


def _marks(points: np.ndarray, axes: Mapping[str, Any], mark: str) -> str:
    """Path data with one mark at each point (n, 2) that is not missing."""
    ax, bx, ay, by = axes["map"]
    return "".join(mark.format(ax + bx * x, ay + by * y) for x, y in points if np.isfinite(x))


def _axes(ax: "Axes") -> dict[str, Any]:
    """Where an axes lies in the SVG: "map", x = map[0] + map[1] * data and so on; "frame", its edges."""
    height = ax.figure.get_figheight() * 72  # type: ignore[union-attr]
    (x0, y0), (x1, y1) = ax.transData.transform([(0, 0), (1, 1)])
    box = ax.get_window_extent()
    frame = [box.x0, box.x1, height - box.y1, height - box.y0]
    return {
        "map": [round(float(v), 4) for v in (x0, x1 - x0, height - y0, y0 - y1)],
        "frame": [round(float(v), 2) for v in frame],
    }


def _coded(packed: Any) -> dict[str, Any]:
    """Packed numbers for the script."""
    return {"low": packed.low, "high": packed.high, "codes": packed.codes}
