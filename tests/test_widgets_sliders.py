"""Slider figures without a browser: what a reader finds where no script runs, and errors that help."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
import sympy as sp

import ganmath as gm
from ganmath.theory.expression import softplus
from ganmath.widgets import Curve, Line, Panel, Point, Slider, drawing, sliders
from ganmath.widgets.numbers import number

x, theta = sp.symbols("x theta", real=True)
s = sp.Symbol("s", positive=True)
P = sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)
Q = sp.exp(-((x - theta) ** 2) / (2 * s**2)) / (s * sp.sqrt(2 * sp.pi))
SHIFT = Slider(theta, 0, 4, value=2, step=0.05, label="shift θ")
WIDTH = Slider(s, 0.5, 2, value=1, step=0.1, label="width s")
DENSITIES = Panel({"p": P, "q": Q}, x=(x, -6, 6), y=(0, 0.6), title="density")


def figure(**options):
    options = {"alt": "Two densities.", "readouts": {"mean": theta}} | options
    return sliders([SHIFT, WIDTH], DENSITIES, **options)


def svgs(widget):
    found = re.findall(r'<svg class="gm-panel".*?</svg>.*?</svg>', widget.html, re.DOTALL)
    return [ElementTree.fromstring(svg) for svg in found]


def curve(svg, index=0):
    """Vertices (n, 2) of a curve, in units of the frame."""
    path = [e for e in svg.iter("path") if e.get("class") == "gm-curve"][index]
    return np.array(re.findall(r"-?[\d.]+", path.get("d")), dtype=float).reshape(-1, 2)


# --- first state -----------------------------------------------------------------------------------


def test_first_curves_show_the_expressions_at_the_start():
    points = curve(svgs(figure())[0], 1)
    at = -6 + 12 * points[:, 0] / drawing.FRAME_WIDTH
    shown = 0.6 * (1 - points[:, 1] / drawing.FRAME_HEIGHT)
    q = np.exp(-((at - 2) ** 2) / 2) / np.sqrt(2 * np.pi)
    # a tenth of a unit is 3e-4; coordinates of x are rounded too
    np.testing.assert_allclose(shown, q, atol=1.5e-3)
    assert len(points) < drawing.SAMPLES / 2


def test_without_scripts_the_setting_and_the_numbers_are_there():
    html = figure(readouts={"∫ x q": sp.Integral(x * Q, (x, -sp.oo, sp.oo)), "log": sp.log(theta)}).html
    assert "Drawn at shift θ = 2.00, width s = 1.0." in html
    assert "<dt>∫ x q</dt><dd>2</dd>" in html and "<dt>log</dt><dd>0.6931</dd>" in html
    assert "-inf" not in html and "<dd>−∞</dd>" not in html and "<td>−∞</td>" in html  # log at θ = 0


def test_infinite_values_break_the_line():
    panel = Panel({"1/x": theta / x}, x=(x, -1, 1), y=(-50, 50))
    path = next(
        e for e in svgs(sliders(SHIFT, panel, alt="A pole."))[0].iter("path") if e.get("class") == "gm-curve"
    )
    assert path.get("d").count("M") == 2


def test_roles_have_the_style_of_the_books_figures():
    paths = {e.get("stroke"): e for e in svgs(figure())[0].iter("path") if e.get("class") == "gm-curve"}
    assert set(paths) == {"#0072B2", "#E69F00"}
    assert paths["#0072B2"].get("stroke-dasharray") is None
    assert paths["#E69F00"].get("stroke-dasharray") == "21.6 3.8"  # 9 and 1.6 widths of 2.4


def test_point_outside_or_undefined_is_hidden():
    panel = Panel(
        {"a": x * theta},
        x=(x, 0, 1),
        y=(0, 1),
        points=[Point(0, sp.log(theta - 3), "none"), Point(sp.Rational(1, 2), theta / 4, "seen")],
    )
    dots = list(svgs(sliders(SHIFT, panel, alt="Points."))[0].iter("circle"))
    assert [dot.get("visibility") for dot in dots] == ["hidden", None]
    assert float(dots[1].get("cx")) == drawing.FRAME_WIDTH / 2
    assert float(dots[1].get("cy")) == drawing.FRAME_HEIGHT / 2


def test_every_input_has_a_label_of_its_own():
    html = figure().html
    ids = re.findall(r'<input id="([^"]+)"', html)
    assert ids == re.findall(r'<label for="([^"]+)"', html) and len(set(ids)) == 2


def test_same_figure_same_bytes_and_a_short_text():
    assert figure().html == figure().html
    assert repr(figure()) == "Widget(kind='sliders', alt='Two densities.')"


def test_labels_are_text_not_markup():
    panel = Panel([Curve(theta * x, "p < q & <b>")], x=(x, 0, 1), y=(0, 1), title="</script>")
    html = sliders(SHIFT, panel, alt='say "a < b"', caption="<i>").html
    assert "<b>" not in html and "<i>" not in html and html.count("</script") == 1
    assert svgs(sliders(SHIFT, panel, alt='say "a < b"'))[0].get("aria-label") == 'say "a < b"'


def test_reachable_from_the_package():
    assert gm.widgets.sliders is sliders


# --- sliders ---------------------------------------------------------------------------------------


def test_slider_defaults():
    slider = Slider(theta, 0, 4)
    assert (slider.start, slider.ratio, slider.steps, slider.text(2.0)) == (2.0, 0.04, 100, "2.00")
    assert Slider(theta, -1, 1, value=-1, step=0.5, unit="nats").text(-1) == "−1.0 nats"


def test_logarithmic_slider_steps_by_ratios():
    slider = Slider(s, 1 / 16, 16, value=2, step=2 ** (1 / 8), log=True)
    assert slider.steps == 64 and slider.position(2) == 40
    assert np.isclose(slider.at(40), 2) and slider.at(64) == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 1, "high": 1}, "low < high is needed, got 1.0 and 1.0"),
        ({"low": 0, "high": float("inf")}, "low < high is needed"),
        ({"low": 0, "high": 1, "log": True}, "logarithmic range needs low > 0"),
        ({"low": 0, "high": 1, "step": 0}, "step must be above 0"),
        ({"low": 1, "high": 2, "step": 1, "log": True}, "step must be above 1"),
        ({"low": 0, "high": 1, "value": 2}, "the value 2 lies outside 0 to 1"),
        ({"low": 0, "high": 1, "value": 0.26, "step": 0.25}, "between two steps; use 0.25"),
    ],
)
def test_slider_errors(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Slider(s, **options)


def test_slider_of_no_symbol():
    with pytest.raises(TypeError, match="a slider moves a sympy symbol, got 'theta'"):
        Slider("theta", 0, 1)


# --- panels and figures ----------------------------------------------------------------------------


@pytest.mark.parametrize("alt", ["", " "])
def test_empty_alt(alt):
    with pytest.raises(ValueError, match="alt is empty"):
        figure(alt=alt)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Panel({"a": x}, x=(x, 0, 1), y=(1, 0)), "the y axis needs low < high, got 1 and 0"),
        (lambda: Panel({"a": x}, x=(x, 0, 0), y=(0, 1)), "the x axis needs low < high"),
        (lambda: Panel({"a": x}, x=(x, 0, 1), y=(0, 1), log=True), "logarithmic x axis needs low > 0"),
        (lambda: Panel({}, x=(x, 0, 1), y=(0, 1), title="T"), "panel 'T' has no curve"),
        (lambda: Panel([Curve(x, "a", "blue")], x=(x, 0, 1), y=(0, 1)), "no role named 'blue'"),
        (lambda: Panel([Curve(x)] * 9, x=(x, 0, 1), y=(0, 1)), "curves without a style"),
        (lambda: Line(x=1, y=2), "either x"),
        (lambda: sliders([], DENSITIES, alt="a"), "no slider: give at least one"),
        (lambda: sliders([SHIFT], alt="a"), "no panel: give at least one"),
        (lambda: sliders([SHIFT, SHIFT], DENSITIES, alt="a"), "two sliders move one symbol"),
        (
            lambda: sliders(SHIFT, DENSITIES, alt="a"),
            "curve 'q' in panel 'density' depends on s, which no slider moves: add a Slider",
        ),
        (lambda: figure(readouts={"r": x}), "read-out 'r' depends on x, which no slider moves"),
        (lambda: figure(table={"t": x}), "column 't' of the table depends on x"),
        (
            lambda: sliders([SHIFT, WIDTH], Panel({"a": theta * x}, x=(x, 0, 1), y=(0, 1)), alt="a"),
            "the slider of s moves nothing",
        ),
    ],
)
def test_figure_errors(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_what_has_no_javascript_is_named():
    panel = Panel({"a": sp.gamma(x) * theta}, x=(x, 0, 1), y=(0, 1), title="T")
    with pytest.raises(TypeError, match="curve 'a' in panel 'T': gamma has no JavaScript"):
        sliders(SHIFT, panel, alt="a")


def test_a_symbol_of_the_losses_may_be_the_axis():
    panel = Panel({"loss": softplus(gm.c) * theta}, x=(gm.c, -4, 4), y=(0, 5))
    assert "softplus(x)" in sliders(SHIFT, panel, alt="a").html


# --- numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.336812, "0.3368"),
        (-2.0, "−2"),
        (1234.56, "1235"),
        (123456.0, "123456"),
        (1e-5, "1 × 10⁻⁵"),
        (-2.5e17, "−2.5 × 10¹⁷"),
        (0.0012345, "0.001234"),
        (3e-14, "0"),
        (float("inf"), "∞"),
        (float("-inf"), "−∞"),
        (float("nan"), "undefined"),
    ],
)
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("axis", "texts"),
    [
        (drawing.Axis(0, 0.6, 100), ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]),
        (drawing.Axis(-6, 6, 100), ["−6", "−4", "−2", "0", "2", "4", "6"]),
        (drawing.Axis(1 / 16, 16, 100, log=True), ["1/16", "1/4", "1", "4", "16"]),
        (drawing.Axis(0.1, 1, 100), ["0.2", "0.4", "0.6", "0.8", "1"]),
        (drawing.Axis(0.001, 1000, 100, log=True), ["0.001", "0.01", "0.1", "1", "10", "100", "1000"]),
    ],
)
def test_ticks_are_round_numbers(axis, texts):
    assert [text for _, text in axis.ticks(7)] == texts
