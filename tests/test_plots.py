"""Figures: what a page needs of them, and that they show the numbers they were given."""

import io
import re
import subprocess
import sys
from itertools import pairwise
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
import sympy as sp
import torch
from PIL import Image

from ganmath import plots
from ganmath.theory.expression import softplus

X = np.linspace(-4, 4, 161)
P = np.exp(-((X + 1) ** 2))
Q = np.exp(-((X - 1) ** 2) / 2)


def history(steps=50, seed=0):
    noise = np.random.default_rng(seed).normal(size=(2, steps))
    images = 64 * np.arange(1, steps + 1)
    return {"images": images, "critic_loss": 1 + noise[0], "generator_loss": 2 + noise[1]}


FIGURES = {
    "curves": lambda alt: plots.curves(
        X, {"$e^x$": np.exp(X), "x": X}, alt=alt, xlabel="x", ylabel="y", markers=True
    ),
    "densities": lambda alt: plots.densities(X, P, Q, alt=alt, others={"m": (P + Q) / 2}),
    "critic_against_optimum": lambda alt: plots.critic_against_optimum(
        X, np.stack([X, X + 1]), np.log(P / Q), P, Q, alt=alt
    ),
    "history": lambda alt: plots.history(history(), alt=alt, critic_optimum=("2 log 2", 2 * np.log(2))),
    "scatter": lambda alt: plots.scatter(
        np.c_[X, P], np.c_[X, Q], alt=alt, caption="Points of p < q & others."
    ),
    "bars": lambda alt: plots.bars(
        {"a": 1.0, "b": -0.5}, errors={"a": 0.1}, reference=("r", 0.5), alt=alt, xlabel="v"
    ),
}


@pytest.fixture(scope="module", params=FIGURES)
def make(request):
    return FIGURES[request.param]


def elements(figure, tag):
    return ElementTree.fromstring(figure.svg).iter(f"{{http://www.w3.org/2000/svg}}{tag}")


def polylines(figure, color):
    """Vertices (n, 2) of each stroked line of a colour, in the figure's units."""
    found = []
    for path in elements(figure, "path"):
        if f"stroke: {color.lower()}" in path.get("style", "") and path.get("clip-path"):
            numbers = re.findall(r"-?\d+\.?\d*", path.get("d"))
            found.append(np.array(numbers, dtype=float).reshape(-1, 2))
    return found


# --- what a page needs ---


def test_is_well_formed_and_says_what_it_shows(make):
    alt = 'p < q & "r" everywhere'
    figure = make(alt)
    root = ElementTree.fromstring(figure.svg)
    assert root.get("role") == "img" and root.get("aria-label") == alt
    page = ElementTree.fromstring(figure._repr_html_())
    assert page.tag == "figure"
    caption = page.find("figcaption")
    assert (caption is None) == (figure.caption is None)
    assert caption is None or caption.text == figure.caption


def test_takes_its_ink_from_the_page(make):
    svg = make("a figure").svg
    assert "currentColor" in svg
    assert not re.search(r"#000000|#000\b|black|rgb\(0, *0, *0\)", svg)
    assert "#ffffff" not in svg, "the ground is transparent"
    assert "<style" not in svg, "a style element would reach the whole page"


def test_same_input_gives_same_bytes_whatever_the_notebook_has_set(make):
    first = make("a figure").svg
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.hashsalt": None}):
        assert make("a figure").svg == first


def test_leaves_the_users_settings_alone(make):
    with matplotlib.rc_context({"lines.linewidth": 7.5}):
        make("a figure")
        assert matplotlib.rcParams["lines.linewidth"] == 7.5


def test_ids_are_unique_over_figures_and_every_reference_resolves():
    seen = set()
    for svg in [make("one").svg for make in FIGURES.values()] + [FIGURES["bars"]("two").svg]:
        ids = re.findall(r' id="([^"]+)"', svg)
        used = re.findall(r'(?:url\(| href=")#([^)"]+)', svg)
        assert ids and len(ids) == len(set(ids)) and not seen & set(ids)
        assert set(used) == set(ids)
        seen |= set(ids)


@pytest.mark.parametrize("alt", ["", "  \n", None])
def test_refuses_an_empty_alt(make, alt):
    with pytest.raises(ValueError, match="alt is empty"):
        make(alt)


@pytest.mark.parametrize("alt", ["", None])
def test_image_grid_refuses_an_empty_alt(alt):
    with pytest.raises(ValueError, match="alt is empty"):
        plots.image_grid(np.zeros((1, 1, 2, 2)), alt=alt)


def test_alt_must_be_given():
    with pytest.raises(TypeError, match="alt"):
        plots.curves(X, {"p": P}, xlabel="x", ylabel="y")


def test_is_small_in_a_notebook_as_text():
    assert repr(FIGURES["curves"]("two curves")) == "Figure(alt='two curves', caption=None)"


def test_import_loads_no_matplotlib_and_no_pyplot_is_ever_loaded():
    code = (
        "import sys, ganmath.plots as g; assert 'matplotlib' not in sys.modules; "
        "g.curves([0, 1], {'p': [0, 1]}, alt='a', xlabel='x', ylabel='y'); "
        "assert 'matplotlib.pyplot' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- what a figure shows ---


def test_hues_and_dashes_of_the_roles():
    assert plots.styles["p"]["color"] == "#0072B2"
    assert plots.styles["q"]["color"] == "#E69F00"
    assert plots.styles["critic"]["color"] == "#009E73"
    for role in ("critic", "generator"):
        reached, optimum = plots.styles[role], plots.styles[f"optimal {role}"]
        assert reached["color"] == optimum["color"]
        assert reached["linestyle"] != optimum["linestyle"]
    assert plots.styles["p"]["linestyle"] != plots.styles["q"]["linestyle"]
    looks = {(style["color"], str(style["linestyle"])) for style in plots.styles.values()}
    assert len(looks) == len(plots.styles), "no two roles look the same"


def test_optimum_is_drawn_dashed_over_the_solid_critic():
    figure = plots.critic_against_optimum(X, X, X + 1, P, Q, alt="a figure")
    styles = [path.get("style") for path in elements(figure, "path") if path.get("clip-path")]
    green = [style for style in styles if "stroke: #009e73" in style]
    assert ["stroke-dasharray" in style for style in green] == [False, True]


def test_line_passes_through_the_numbers():
    """The drawn curve is an affine image of (x, y): straight against the axes' own scale."""
    y = X**3 - 4 * X
    figure = plots.curves(X, {"p": y}, alt="a cubic", xlabel="x", ylabel="y", markers=True)
    marks = [(float(m.get("x")), float(m.get("y"))) for m in elements(figure, "use")]
    drawn = np.array(marks)[-len(X) :]
    for have, want, sign in ((drawn[:, 0], X, 1), (drawn[:, 1], y, -1)):
        slope, offset = np.polyfit(want, have, 1)
        assert sign * slope > 0
        np.testing.assert_allclose(have, slope * want + offset, atol=0.02)


def test_arrays_tensors_functions_and_expressions_draw_the_same():
    c = sp.Symbol("C", real=True)
    given = [
        np.logaddexp(0, X),
        torch.logaddexp(torch.zeros(()), torch.tensor(X, requires_grad=True)),
        lambda x: np.logaddexp(0, x),
        softplus(c),
        np.stack([np.logaddexp(0, X)]),
    ]
    svgs = [plots.curves(X, {"p": y}, alt="a", xlabel="x", ylabel="y").svg for y in given]
    assert len(set(svgs)) == 1


def test_bfloat16_tensor_is_read():
    assert plots.as_array(torch.tensor([0.5, 1.0], dtype=torch.bfloat16)).tolist() == [0.5, 1.0]


def test_poles_leave_a_gap():
    y = np.where(np.abs(X) < 0.1, np.inf, X)
    (line,) = polylines(plots.curves(X, {"p": y}, alt="a", xlabel="x", ylabel="y"), plots.BLUE)
    assert max(b - a for a, b in pairwise(line[:, 0])) > 2


def test_interval_is_students():
    """Three seeds at 0, 1, 2: mean 1, s = 1, t(0.975, 2) = 4.30265 of the tables."""
    mean, low, high = plots.mean_interval([[0.0], [1.0], [2.0]])
    assert mean == 1
    np.testing.assert_allclose([low[0], high[0]], 1 + np.array([-1, 1]) * 4.30265 / np.sqrt(3), 1e-5)
    with pytest.raises(ValueError, match="two seeds"):
        plots.mean_interval([[1.0, 2.0]])


def test_interval_covers_the_mean_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(size=(4, 20_000))
    _, low, high = plots.mean_interval(draws, level=0.9)
    assert np.mean((low < 0) & (high > 0)) == pytest.approx(0.9, abs=4 * np.sqrt(0.09 / 20_000))


def test_labels_stand_on_no_curve_and_on_no_other_label():
    """Boxes as matplotlib measures them, rebuilt from the drawing, against all curves drawn."""
    boxes, inks = [], []

    def draw(fig):
        ax = fig.subplots()
        for label, y in {"p": P, "q": Q, "m = (p + q)/2": (P + Q) / 2, "1/2": 0 * X + 0.5}.items():
            ax.plot(X, y, label=label)
        fig.draw_without_rendering()
        plots._label_curves(ax)
        for text in ax.texts:
            boxes.append(text.get_window_extent())
        for line in ax.get_lines():
            if not str(line.get_label()).startswith("_"):
                inks.append(plots._ink(line, ax.get_window_extent()))
            line.set_label("_done")

    plots.figure(draw, alt="four curves")
    assert len(boxes) == len(inks) == 4
    for box in boxes:
        for ink in inks:
            inside = (ink > (box.x0, box.y0)) & (ink < (box.x1, box.y1))
            assert not inside.all(axis=1).any()
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_long_history_is_drawn_as_means_of_blocks():
    long = history(1000)
    figure = plots.history(long, alt="losses", points=100)
    (line,) = polylines(figure, plots.GREEN)
    assert len(line) <= 100
    assert "means of 10 steps" in figure.svg
    assert "means" not in plots.history(history(50), alt="losses").svg
    means = long["critic_loss"].reshape(100, 10).mean(axis=1)
    # simplification may drop points on the way between neighbours: compare the highest one
    at = (line[np.argmin(line[:, 1]), 0] - line[0, 0]) / np.ptp(line[:, 0])
    assert at == pytest.approx(np.argmax(means) / 99, abs=0.005)


def test_history_takes_runs_and_names_what_lacks():
    class Run:
        history = history()

    one, two = plots.history(Run(), alt="a"), plots.history(history(), alt="a")
    assert one.svg == two.svg
    assert plots.history([history(seed=1), history(seed=2)], alt="a").svg != one.svg
    with pytest.raises(ValueError, match="lacks generator_loss"):
        plots.history({"images": [1], "critic_loss": [1]}, alt="a")
    with pytest.raises(ValueError, match="number of steps"):
        plots.history([history(50), history(60)], alt="a")


def test_many_points_become_one_picture():
    points = np.random.default_rng(0).normal(size=(1001, 2))
    assert "<image" in plots.scatter(points, points, alt="a cloud").svg
    assert "<image" not in plots.scatter(points[:100], points, alt="a cloud").svg


# --- images ---


def read(image):
    return np.asarray(Image.open(io.BytesIO(image.png)))


@pytest.mark.parametrize("channels", [1, 3])
def test_every_level_of_an_image_survives(channels):
    levels = np.random.default_rng(0).integers(0, 256, size=(5, channels, 6, 4))
    levels[0, 0].flat[:2] = 0, 255
    sheet = read(plots.image_grid(torch.tensor(levels / 127.5 - 1), alt="noise", columns=3))
    assert sheet.shape[:2] == (2 * 7 - 1, 3 * 5 - 1)
    sheet = sheet.reshape(*sheet.shape[:2], channels)
    for i, level in enumerate(levels):
        top, left = 7 * (i // 3), 5 * (i % 3)
        assert (sheet[top : top + 6, left : left + 4] == level.transpose(1, 2, 0)).all()


def test_values_outside_the_range_are_cut():
    assert read(plots.image_grid(np.array([-3.0, 3.0]).reshape(1, 1, 1, 2), alt="a")).tolist() == [[0, 255]]


def test_image_is_one_element_with_its_alt():
    image = plots.image_grid(np.zeros((3, 1, 4, 4)), alt='a "grey" grid')
    page = image._repr_html_()
    assert page.count("<img") == 1 and 'alt="a &quot;grey&quot; grid"' in page
    assert image.width == 2 * read(image).shape[1]
    assert repr(image).count("png") == 0


def test_row_holds_its_figures():
    grid = plots.image_grid(np.zeros((3, 1, 4, 4)), alt="a")
    page = plots.row(grid, FIGURES["bars"]("b"))._repr_html_()
    assert page.count("<figure") == 2


# --- bad input ---


def curve(**changes):
    settings = {"x": X, "ys": {"p": P}, "alt": "a", "xlabel": "x", "ylabel": "y"} | changes
    return plots.curves(settings.pop("x"), settings.pop("ys"), **settings)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: curve(ys={}), "ys is empty"),
        (lambda: curve(ys={"p": P[:-1]}), r"'p' has shape \(160,\): needed is \(161,\)"),
        (lambda: curve(x=X[None]), r"x has shape \(1, 161\)"),
        (lambda: curve(ys={"p": np.full(161, np.nan)}), "'p' has no finite value"),
        (lambda: curve(kinds={"p": "critc"}), "did you mean 'critic'"),
        (lambda: curve(fill=["P"]), "no curve named 'P'"),
        (lambda: curve(ys={"a": sp.Symbol("s") + sp.Symbol("t")}), "all symbols but one"),
        (lambda: curve(ys=dict.fromkeys("abcde", P)), "more than 4 curves without a role"),
        (lambda: plots.scatter(P, Q, alt="a"), r"samples_p has shape \(161,\)"),
        (lambda: plots.bars({}, alt="a", xlabel="v"), "values is empty"),
        (lambda: plots.bars({"a": np.nan}, alt="a", xlabel="v"), "NaN or inf"),
        (lambda: plots.image_grid(np.zeros((4, 4)), alt="a"), r"images has shape \(4, 4\)"),
        (lambda: plots.image_grid(np.full((1, 1, 2, 2), np.nan), alt="a"), "has diverged"),
        (lambda: plots.image_grid(np.zeros((1, 1, 2, 2)), alt="a", columns=0), "at least 1"),
    ],
)
def test_bad_input_gets_one_clear_error(bad, message):
    with pytest.raises(ValueError, match=message):
        bad()
