"""Draw the site's pictures: social card, icon of the browser's tab, icon of a phone's home screen.

usage: python tools/make_social_card.py

All show the book's subject in its colours: the data's density p (blue), the generator's q (orange),
and on the card the optimal discriminator p / (p + q) (green, dashed). They are written to book/_static/
and committed; run this again only after a change here.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from ganmath.plots import BLUE, GREEN, ORANGE

STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"
INK, PAPER = "#1a1f2b", "#ffffff"


def density(x: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    return np.exp(-(((x - mean) / deviation) ** 2) / 2) / deviation


def draw_card(path: Path) -> None:
    """1200 x 630 pixels, the size that most services show in full."""
    figure = plt.figure(figsize=(12, 6.3), dpi=100, facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 0.62))
    x = np.linspace(0, 1, 800)
    p, q = density(x, 0.45, 0.09), density(x, 0.66, 0.11)
    for curve, colour in ((p, BLUE), (q, ORANGE)):
        axes.fill_between(x, curve, color=colour, alpha=0.22, linewidth=0)
        axes.plot(x, curve, color=colour, linewidth=6)
    inside = p + q > 0.02  # elsewhere the ratio of two tails says nothing
    axes.plot(x[inside], 10.0 * (p / (p + q))[inside], color=GREEN, linewidth=5, linestyle=(0, (4, 2)))
    for place, text, colour in (
        ((0.32, 5.6), "p", BLUE),
        ((0.79, 6.2), "q", ORANGE),
        ((0.15, 7.6), r"$D^{*} = \frac{p}{p+q}$", GREEN),
    ):
        axes.text(*place, text, color=colour, fontsize=38, fontstyle="italic", ha="center")
    axes.set(xlim=(0, 1), ylim=(0, 12.5))
    axes.axis("off")
    figure.text(0.06, 0.83, "ganmath", color=INK, fontsize=60, fontweight="bold")
    figure.text(
        0.06, 0.725, "the mathematics of GAN losses: derived, checked, trained", color=INK, fontsize=25
    )
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def draw_icon(path: Path) -> None:
    """180 x 180 pixels on white: phones put no ground behind a transparent icon."""
    figure = plt.figure(figsize=(1.8, 1.8), dpi=100, facecolor=PAPER)
    axes = figure.add_axes((0.06, 0.14, 0.88, 0.72))
    x = np.linspace(0, 1, 200)
    for mean, colour in ((0.36, BLUE), (0.64, ORANGE)):
        axes.fill_between(x, density(x, mean, 0.13), color=colour, alpha=0.85, linewidth=0)
    axes.set(xlim=(0, 1), ylim=(0, None))
    axes.axis("off")
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def draw_favicon(path: Path) -> None:
    """The icon as SVG, which browsers scale to their tabs."""

    def bell(mean: float, colour: str) -> str:
        x = np.linspace(0, 32, 33)
        y = 28 - 23 * np.exp(-(((x - mean) / 4.6) ** 2) / 2)
        points = " L".join(f"{a:g} {b:.1f}" for a, b in zip(x, y, strict=True))
        return f'<path d="M0 28 L{points} L32 28Z" fill="{colour}" fill-opacity=".85"/>'

    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f"{bell(11.5, BLUE)}{bell(20.5, ORANGE)}</svg>\n"
    )


if __name__ == "__main__":
    draw_card(STATIC / "social-card.png")
    draw_icon(STATIC / "favicon.png")
    draw_favicon(STATIC / "favicon.svg")
