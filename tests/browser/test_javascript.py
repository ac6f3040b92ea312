"""JavaScript printed from sympy, evaluated in Chromium against 60-digit arithmetic.

A number x of the page may differ from the true one t by 1e-9 |t|, and where terms cancel also by the
rounding of those terms: 16 units in the last place of what the expression would be if nothing in it
cancelled (its majorant). Numbers that doubles cannot hold may become 0 or infinite.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch
from playwright.sync_api import Browser, Error, Page

import ganmath as gm
from ganmath.theory.distributions import crossings
from ganmath.theory.expectation import E, Pairs, c_x, c_y, m
from ganmath.theory.expression import c, log_sigmoid, p, q, relu, sigmoid, softplus, to_mpmath, u
from ganmath.theory.javascript import javascript_helpers, to_javascript
from ganmath.theory.optimum import ImplicitCritic
from ganmath.theory.structure import structure
from ganmath.widgets import loss_figures
from ganmath.widgets.numbers import JAVASCRIPT, number
from ganmath.widgets.sliders import _Figure

pytestmark = pytest.mark.browser

SMALLEST, LARGEST = 1e-300, 1.797e308
SIZES = [0.0, 1e-8, 1e-3, 0.1, 0.5, 1.0, 2.0, 5.0, 11.0, 36.5, 100.0, 709.0, 1e3, 1e4]
LOGITS = sorted({sign * size for size in SIZES for sign in (-1, 1)})
RATIOS = [float(x) for x in np.geomspace(1e-6, 1e6, 25)]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def values(page: Page, function: str, points: Sequence[Sequence[float]]) -> list[float]:
    """A JavaScript function of several numbers at the points, with the helpers that it calls."""
    source = f"(points) => {{ {javascript_helpers(function)} const f = {function}; "
    found = page.evaluate(source + "return points.map((point) => f(...point)); }", points)
    return [float(v) for v in found]


def true_value(f, point) -> mpmath.mpf | None:
    """At 60 digits; None where the expression has no real value."""
    try:
        with mpmath.workdps(60):
            t = f(*map(mpmath.mpf, point))
    except (ZeroDivisionError, ValueError):
        return None
    return t if isinstance(t, mpmath.mpf | int | float) and not mpmath.isnan(t) else None


def majorant(expr: sp.Expr, at: dict[sp.Symbol, mpmath.mpf]) -> mpmath.mpf:
    """|expr| if no two terms in it cancelled."""
    if isinstance(expr, sp.Add):
        return mpmath.fsum(majorant(e, at) for e in expr.args)
    if isinstance(expr, sp.Mul):
        return mpmath.fprod(majorant(e, at) for e in expr.args)
    if isinstance(expr, sp.Pow) and expr.exp.is_positive:
        return majorant(expr.base, at) ** majorant(expr.exp, at)
    if isinstance(expr, sp.Piecewise):
        return max(majorant(e, at) for e, _ in expr.args)
    symbols = tuple(expr.free_symbols)
    value = true_value(to_mpmath(expr, symbols), [at[s] for s in symbols])
    return mpmath.mpf(0) if value is None else abs(value)


def assert_close(expr: sp.Expr, symbols: Sequence[sp.Symbol], points, found: list[float]) -> None:
    f = to_mpmath(expr, tuple(symbols))
    wrong = []
    for point, x in zip(points, found, strict=True):
        t = mpmath.mpf(integrated(expr, symbols, point)) if expr.has(sp.Integral) else true_value(f, point)
        if t is None:
            if np.isfinite(x):
                wrong.append(f"at {point}: {x}, should be undefined")
            continue
        if abs(t) > LARGEST or mpmath.isinf(t):
            if x != float(mpmath.sign(t)) * float("inf"):
                wrong.append(f"at {point}: {x}, should overflow to {mpmath.nstr(t, 5)}")
            continue
        with mpmath.workdps(40):
            room = mpmath.mpf("1e-9") * abs(t) + SMALLEST
            if np.isfinite(x) and abs(x - t) <= room:
                continue
            rounding = 16 * 2.0**-53 * majorant(expr, dict(zip(symbols, map(mpmath.mpf, point), strict=True)))
            if not np.isfinite(x) or abs(x - t) > room + rounding:
                wrong.append(f"at {point}: {x}, should be {mpmath.nstr(t, 17)}")
    assert not wrong, f"{expr}\n" + "\n".join(wrong[:8])


def check(page: Page, expr: sp.Expr, symbols: Sequence[sp.Symbol], points: Sequence[Sequence[float]]) -> None:
    names = ",".join(map(str, symbols))
    assert_close(expr, symbols, points, values(page, f"({names}) => {to_javascript(expr)}", points))


def settings(loss: gm.GANLoss) -> list[tuple[float, ...]]:
    """The defaults and values inside and at the ends of each parameter's slider."""
    sliders = loss_figures._parameter_sliders(loss)
    of_objectives = loss.critic.free_symbols | loss.generator.free_symbols
    used = [x.symbol for x in loss.parameters if x.symbol in of_objectives]
    assert [s.symbol for s in sliders] == used
    positions = (0.5, 0.0, 1.0, 0.3)
    found = [tuple(s.start for s in sliders)]
    for shift in range(3):
        row = [positions[(i + shift) % 4] for i in range(len(sliders))]
        found.append(tuple(s.at(round(at * s.steps)) for s, at in zip(sliders, row, strict=True)))
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module", params=list(gm.losses))
def loss(request: pytest.FixtureRequest) -> gm.GANLoss:
    return gm.losses[request.param]


# --- losses ----------------------------------------------------------------------------------------

_d = sp.Symbol("d", positive=True)
#: What the catalogue has not: pairs of one batch with itself, means in a logarithm, a quotient, a parameter.
OBJECTIVES = {
    "of-two-reals": E(Pairs(p, p), softplus(c_x - 2 * c_y)) - E(Pairs(q, q), log_sigmoid(c_x * c_y)),
    "donsker-varadhan": sp.log(E(q, sp.exp(c))) - E(p, c),
    "of-both-batches": sp.log(E(p, sp.exp(-c)) / 3 + _d * E(q, sp.exp(c))),
    "quotient": (E(q, c) - E(p, c)) / sp.sqrt(E(m, c**2)),
    "constant": sp.Integer(3) * _d,
}
MORE = [
    gm.GANLoss(name, critic=e, generator=-e, parameters=(gm.Parameter("d", _d, sp.Integer(2), "a weight"),))
    for name, e in OBJECTIVES.items()
]

ON_BATCHES = """([cReal, cFake]) => {{
  {helpers} const loss = {loss};
  return ["critic", "generator"].map((who) => {{
    const {{value, dReal, dFake}} = loss[who](cReal, cFake, loss.parameters);
    return [value, ...dReal, ...dFake].map(String);
  }});
}}"""


@pytest.mark.parametrize("loss", [*gm.losses.values(), *MORE], ids=lambda loss: loss.name)
@pytest.mark.parametrize("size", [1.0, 30.0, 1e4])
def test_objectives_on_batches_are_those_of_torch(page: Page, loss: gm.GANLoss, size: float) -> None:
    """Value and gradient, to 1e-12 of the value and of the greatest slope; infinite where torch's are."""
    rng = torch.Generator().manual_seed(1)
    real, fake = (size * torch.randn(7, generator=rng, dtype=torch.float64) for _ in range(2))
    text = loss.to_javascript()
    source = ON_BATCHES.format(helpers=javascript_helpers(text), loss=text)
    found = page.evaluate(source, [real.tolist(), fake.tolist()])
    objective = loss.compiled()
    for f, shown in zip((objective.critic, objective.generator), found, strict=True):
        outputs = [x.clone().requires_grad_() for x in (real, fake)]
        value = f(*outputs)
        slopes = torch.autograd.grad(value, outputs, allow_unused=True, materialize_grads=True)
        expected = torch.cat(slopes).numpy()
        numbers = np.array([float(x.replace("Infinity", "inf")) for x in shown])
        assert numbers[0] == pytest.approx(value.item(), rel=1e-12, abs=1e-300, nan_ok=True)
        scale = np.abs(expected).max()
        room = 1e-12 * scale if np.isfinite(scale) else 0.0
        np.testing.assert_allclose(numbers[1:], expected, rtol=1e-12, atol=room)


def test_pairs_need_batches_of_one_size(page: Page) -> None:
    loss = gm.losses["relativistic-paired"]
    text = loss.to_javascript()
    source = ON_BATCHES.format(helpers=javascript_helpers(text), loss=text)
    with pytest.raises(Error, match="as many real as fake"):
        page.evaluate(source, [[1.0, 2.0], [1.0]])


def test_terms_and_their_derivatives(page: Page, loss: gm.GANLoss) -> None:
    """As `GANLoss.to_javascript` gives them, for every logit up to 1e4."""
    if not loss.is_pointwise:
        assert "dReal:" not in loss.to_javascript()
        return
    terms = {"real": loss.real, "fake": loss.fake, "gen": loss.gen, "genReal": loss.gen_real}
    # |x|^k/|x| as |x|^(k - 1), which has a value at 0 too
    slopes = {name: sp.powsimp(sp.diff(e, c).doit()) for name, e in terms.items()}
    terms |= {f"d{name[0].upper()}{name[1:]}": e for name, e in slopes.items()}
    symbols = [c, *(s.symbol for s in loss_figures._parameter_sliders(loss))]
    keys = [x.keyword for x in loss.parameters if x.symbol in symbols]
    points = [(x, *setting) for setting in settings(loss) for x in LOGITS]
    for name, expr in terms.items():
        inside = ",".join(f"{key}:k[{i}]" for i, key in enumerate(keys))
        function = f"(C, ...k) => ({loss.to_javascript()}).{name}(C, {{{inside}}})"
        assert_close(expr, symbols, points, values(page, function, points))


def test_theory(page: Page, loss: gm.GANLoss) -> None:
    """Optimal critic, f_D, f_G and the value reading over u, and D* over p and q."""
    theory = gm.derive(loss)
    if theory.critic_value is None:  # nothing is claimed point by point; the pages print no such theory
        return
    over_u = [theory.optimal_critic, theory.critic_value, theory.critic_divergence.f]
    if theory.generator_divergence is not None:
        over_u.append(theory.generator_divergence.f)
    if theory.generator_value is not None:
        over_u.append(theory.generator_value.f)
    if theory.saturates is not None:
        over_u.append(theory.saturates.slope)
    parameters = [s.symbol for s in loss_figures._parameter_sliders(loss)]
    for expr in over_u:
        if not expr.has(ImplicitCritic):  # which has no formula, and no JavaScript
            points = [(x, *setting) for setting in settings(loss) for x in RATIOS]
            check(page, expr, [u, *parameters], points)
    if theory.optimal_discriminator is not None:
        points = [(x, 0.3, *setting) for setting in settings(loss) for x in RATIOS]
        check(page, theory.optimal_discriminator, [p, q, *parameters], points)


def formula(argument: object) -> str:
    """The formula names its case; what it is compared with has an address that differs by process."""
    return str(argument) if isinstance(argument, sp.Basic) else ""


@pytest.mark.parametrize("make", ["loss_sliders", "distribution_sliders"])
def test_slider_figures(page: Page, loss: gm.GANLoss, make: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every expression of the loss's figures, as the figure prints it, over its axis and its sliders."""
    theory = gm.derive(loss)
    of_pairs = make == "loss_sliders" and structure(loss.critic).difference is not None
    if not loss.is_pointwise and not of_pairs:
        with pytest.raises(ValueError, match="compares samples"):
            getattr(loss_figures, make)(loss)
        return
    if loss.is_pointwise and (theory.critic_value is None or theory.optimal_critic.has(ImplicitCritic)):
        with pytest.raises(ValueError, match=r"no closed form|no optimal critic over u"):
            getattr(loss_figures, make)(loss)
        return
    monkeypatch.setattr(loss_figures, "sliders", lambda *parts, **named: (parts, named))
    (controls, *panels), named = getattr(loss_figures, make)(loss)
    figure = _Figure(tuple(controls), tuple(panels), named["readouts"], {})
    symbols = [s.symbol for s in controls]
    spans = {panel.x[0]: panel.x[1:] for panel in panels}
    positions = itertools.islice(itertools.cycle((0.5, 0.0, 1.0, 0.3)), len(controls) + 2)
    rows = list(positions)
    set_to = [
        [s.start for s in controls],
        [s.at(round(at * s.steps)) for s, at in zip(controls, rows, strict=False)],
        [s.at(round(at * s.steps)) for s, at in zip(controls, rows[2:], strict=False)],
    ]
    for _where, expr, own in figure._expressions():
        x = own[0] if own else None
        function = figure._function(expr, x).source
        at = np.linspace(*spans[x], 13) if x is not None else [None]
        points = [[*([float(v)] if x is not None else []), *row] for row in set_to for v in at]
        calls = [[v[0], v[1:]] if x is not None else [v] for v in points]
        found = values(page, function, calls)
        if expr.has(sp.Integral):
            # every second point will do where each costs an integral
            for point, shown in list(zip(points, found, strict=True))[::2]:
                true = integrated(expr, [*own, *symbols], point)
                assert shown == pytest.approx(true, rel=1e-9, abs=1e-13)
        else:
            assert_close(expr, [*own, *symbols], points, found)


def kinks_of(expr: sp.Expr, x: sp.Symbol) -> list[sp.Expr]:
    """Where an argument of Abs is zero."""
    zeros = [sp.solve(sp.numer(sp.together(e.args[0])), x) for e in expr.atoms(sp.Abs) if e.has(x)]
    return [root for roots in zeros for root in roots if root.is_real]


def integrated(expr: sp.Expr, symbols: Sequence[sp.Symbol], point: Sequence[float]) -> float:
    """An expression with integrals, each by mpmath; over the line between the densities' crossings."""
    setting = dict(zip(symbols, map(sp.Rational, point), strict=True))  # as doubles, exactly

    def integral(e: sp.Integral) -> sp.Float:
        (x, low, high), *_ = e.limits
        f = to_mpmath(e.function.subs(setting), (x,))
        if (low, high) != (-sp.oo, sp.oo):
            start, end = (mpmath.mpf(sp.N(side.subs(setting), 30)) for side in (low, high))
            # a quadrature that runs over a kink, or over decades, loses digits
            kinks = [mpmath.mpf(sp.N(root, 30)) for root in kinks_of(e.function.subs(setting), x)]
            breaks = [*kinks, *(mpmath.mpf(10) ** k for k in range(-6, 7))]
            inner = sorted(b for b in set(breaks) if min(start, end) < b < max(start, end))
            edges = [start, *(inner if start < end else reversed(inner)), end]
        else:
            p, q = gm.Normal(0, 1), gm.Normal(setting[loss_figures._theta], setting[loss_figures._s])
            # beyond 24 standard deviations lies less than 1e-30
            inner = [] if p == q else [mpmath.mpf(sp.N(v, 30)) for v in crossings(p, q)]
            edges = sorted({*map(mpmath.mpf, range(-24, 29, 2)), *inner})
        with mpmath.workdps(25):
            return sp.Float(mpmath.quad(f, edges, method="gauss-legendre"), 25)

    return float(expr.replace(lambda e: isinstance(e, sp.Integral), integral).subs(setting))


# --- the printer -----------------------------------------------------------------------------------

x, y = sp.symbols("x y", real=True)
REALS = [*LOGITS, 0.3, -0.7, 2.4999, 2.5, -2.5001]
SMALL = [v for v in REALS if abs(v) <= 100]


@pytest.mark.parametrize(
    ("expr", "at"),
    [
        (sp.erf(x), REALS),
        (sp.erf(x / sp.sqrt(2)) ** 2, REALS),
        (softplus(x) - log_sigmoid(-x) + relu(x), REALS),
        (sigmoid(x) * sigmoid(-x), REALS),
        (sp.exp(x) - 1, REALS),
        (2 + sp.exp(x) - 3, SMALL),
        (sp.log(1 + x**2), REALS),
        (sp.log(1 + sp.exp(x)), SMALL),
        (sp.Piecewise((x**2, x < -1), (sp.Abs(x), sp.And(x >= -1, x < 1)), (sp.nan, True)), REALS),
        (sp.Piecewise((1, sp.Or(x < -2, x > 2)), (x / 2, sp.Ne(x, 0)), (7, True)), REALS),
        (sp.Piecewise((x, x > 0)), REALS),
        (sp.Max(x, -x / 2, 1) + sp.Min(x, 2), REALS),
        (sp.sign(x) * sp.Abs(x - 1) + sp.Heaviside(x), REALS),
        (sp.Rational(9, 10) * x - sp.pi + sp.E, REALS),
        ((x**2 + 1) ** sp.Rational(1, 3) / sp.sqrt(x**2 + 2), REALS),
        (1 / (x - 1) ** 2, REALS),
        (sp.tanh(x) + sp.atan(x) + sp.sin(x), SMALL),
        (-((x**2) ** 2) + (-2 * x) ** 3, SMALL),
        (sp.Float("0.1") * x, REALS),
    ],
    ids=formula,
)
def test_printed_functions(page: Page, expr: sp.Expr, at: list[float]) -> None:
    check(page, expr, [x], [(v,) for v in at])


@pytest.mark.parametrize(
    ("integral", "value"),
    [
        (sp.Integral(sp.exp(-(x**2) / 2), (x, -sp.oo, sp.oo)), lambda y: mpmath.sqrt(2 * mpmath.pi)),
        (
            sp.Integral(sp.exp(-((x - y) ** 2) * 50), (x, -sp.oo, sp.oo)),
            lambda y: mpmath.sqrt(mpmath.pi / 50),
        ),
        (sp.Integral(x**2 * sp.exp(-x * y), (x, 0, sp.oo)), lambda y: 2 / y**3),
        (sp.Integral(sp.exp(x), (x, -sp.oo, y)), mpmath.exp),
        (sp.Integral(1 / (1 + x**2), (x, -sp.oo, sp.oo)), lambda y: mpmath.pi),
        (sp.Integral(sp.log(x), (x, 1, y)), lambda y: y * mpmath.log(y) - y + 1),
        (sp.Integral(sp.Abs(x - y / 3), (x, 0, y)), lambda y: 5 * y**2 / 18),
        (sp.Integral(x, (x, y, y)), lambda y: mpmath.mpf(0)),
        (3 - 2 * sp.Integral(sp.cos(x * y), (x, 0, 1)), lambda y: 3 - 2 * mpmath.sin(y) / y),
    ],
    ids=formula,
)
def test_integrals(page: Page, integral: sp.Expr, value) -> None:
    at = [0.25, 1.0, 3.5]
    found = values(page, f"(y) => {to_javascript(integral)}", [(v,) for v in at])
    for v, shown in zip(at, found, strict=True):
        assert shown == pytest.approx(float(value(mpmath.mpf(v))), rel=1e-9, abs=1e-300)


def test_divergent_integral_is_infinite(page: Page) -> None:
    integral = sp.Integral(sp.exp(x**2 - sp.Abs(x)), (x, -sp.oo, sp.oo))
    assert values(page, f"() => {to_javascript(integral)}", [()]) == [float("inf")]


def test_numbers_read_alike_in_python_and_on_the_page(page: Page) -> None:
    generator = np.random.default_rng(0)
    numbers = [*(10.0 ** generator.uniform(-14, 20, 300) * generator.choice([-1, 1], 300)), 0.0, -2.0, 1e5]
    numbers += [999999.4, 0.00099996, 1e-12, float("inf"), float("-inf"), float("nan"), 0.5, 100.0, 1234.56]
    shown = page.evaluate(f"(numbers) => {{ {JAVASCRIPT} return numbers.map(number); }}", numbers)
    assert shown == [number(v) for v in numbers]
