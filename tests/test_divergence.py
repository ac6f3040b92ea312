"""f-divergences: conventions, exact values, published tables, identities, recognition."""

import math
import pickle
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from ganmath.theory.divergence import (
    AlphaFamily,
    FDivergence,
    NoClosedForm,
    Normal,
    PointMass,
    Uniform,
    _numeric_limit,
    divergences,
    recognise,
)
from ganmath.theory.expression import relu, u
from ganmath.theory.relations import identities, inequalities

NAMED = [key for key, d in divergences.items() if isinstance(d, FDivergence)]
POSITIVE = sp.Symbol("theta", positive=True)


def integral(term):
    """Sum over points of a term in p, q: the definition, written without f."""
    return lambda p, q: mpmath.fsum(term(a, b) for a, b in zip(p, q, strict=True))


# each divergence as its textbook integral, independent of f
DEFINITIONS = {
    "kl": integral(lambda p, q: p * mpmath.log(p / q)),
    "reverse-kl": integral(lambda p, q: q * mpmath.log(q / p)),
    "jensen-shannon": integral(
        lambda p, q: (p * mpmath.log(2 * p / (p + q)) + q * mpmath.log(2 * q / (p + q))) / 2
    ),
    "total-variation": integral(lambda p, q: abs(p - q) / 2),
    "squared-hellinger": integral(lambda p, q: (mpmath.sqrt(p) - mpmath.sqrt(q)) ** 2 / 2),
    "pearson-chi2": integral(lambda p, q: (p - q) ** 2 / q),
    "neyman-chi2": integral(lambda p, q: (p - q) ** 2 / p),
    "le-cam": integral(lambda p, q: (p - q) ** 2 / (p + q)),
    "softened-reverse-kl": integral(lambda p, q: (p + q) * mpmath.log((p + q) / (2 * p))),
}


def weights(size=4, zeros=False):
    """Rational probability vectors; with zeros, some entries may vanish."""
    entries = st.lists(st.integers(0 if zeros else 1, 50), min_size=size, max_size=size)
    return entries.filter(any).map(lambda w: [sp.Rational(x, sum(w)) for x in w])


def floats(values):
    return np.array([float(x) for x in values])


def test_every_named_divergence_has_a_definition():
    assert set(DEFINITIONS) == set(NAMED)


@pytest.mark.parametrize("key", NAMED)
@settings(max_examples=15, deadline=None)
@given(p=weights(), q=weights())
def test_value_is_the_textbook_integral_to_50_digits(key, p, q):
    with mpmath.workdps(65):
        ps = [mpmath.mpf(x.p) / x.q for x in p]
        qs = [mpmath.mpf(x.p) / x.q for x in q]
        truth = DEFINITIONS[key](ps, qs)
        assert abs(divergences[key].evaluate(p, q) - truth) < mpmath.mpf(10) ** -48
    assert divergences[key](floats(p), floats(q)) == pytest.approx(float(truth), abs=1e-12)


@pytest.mark.parametrize("key", NAMED)
@settings(max_examples=15, deadline=None)
@given(p=weights(zeros=True), q=weights(zeros=True))
def test_zeros_are_limits_of_small_masses(key, p, q):
    d = divergences[key]
    value = d(floats(p), floats(q))
    assert value >= 0 and not math.isnan(value)
    # move a little mass onto the empty points: a finite value is approached, inf is outgrown
    with mpmath.workdps(60):
        eps = mpmath.mpf(10) ** -40
        p_, q_ = ([mpmath.mpf(x.p) / x.q + eps for x in v] for v in (p, q))
        near = d.evaluate(p_, q_)
        if math.isinf(value):
            assert near > 0.5  # grows like log or 1/eps; a mass is at least 1/200
            with mpmath.workdps(500):
                p_, q_ = ([mpmath.mpf(x.p) / x.q + eps**10 for x in v] for v in (p, q))
                assert d.evaluate(p_, q_, 100) > near + mpmath.mpf("0.5")
        else:
            assert abs(near - value) < 1e-12


@pytest.mark.parametrize("key", NAMED)
def test_given_limits_are_the_limits_of_f(key):
    d = divergences[key]
    f = sp.lambdify(u, d.f, "mpmath")
    with mpmath.workdps(700):
        tiny, huge = mpmath.mpf(10) ** -300, mpmath.mpf(10) ** 300
        for value, limit in ((f(tiny), d.f_at_zero), (f(huge) / huge, d.slope_at_infinity)):
            if limit is sp.oo:
                assert value > 600  # at least log(10^300)
            else:
                assert abs(value - mpmath.mpf(sp.N(limit, 50))) < 1e-40


@pytest.mark.parametrize("key", NAMED)
def test_f_is_normalised_and_convex(key):
    f = divergences[key].f
    assert f.subs(u, 1) == 0
    g = sp.lambdify(u, f, "mpmath")
    for a, b in ((0.01, 3.7), (0.4, 0.9), (1.1, 40.0), (0.5, 2.0)):
        assert g((a + b) / 2) <= (g(a) + g(b)) / 2 + 1e-15


@pytest.mark.parametrize(
    ("key", "bound"),
    [
        ("jensen-shannon", math.log(2)),
        ("total-variation", 1),
        ("squared-hellinger", 1),
        ("le-cam", 2),
        ("kl", math.inf),
        ("softened-reverse-kl", math.inf),
    ],
)
def test_bound_is_reached_on_disjoint_supports(key, bound):
    d = divergences[key]
    assert d([0.5, 0.5, 0], [0, 0, 1]) == pytest.approx(bound)
    assert float(d.upper_bound) == pytest.approx(bound)


def test_three_point_example():
    p, q = [0.5, 0.5, 0], [0, 0.5, 0.5]
    expected = {
        "jensen-shannon": math.log(2) / 2,
        "total-variation": 0.5,
        "le-cam": 1,
        "squared-hellinger": 0.5,
        "kl": math.inf,
        "reverse-kl": math.inf,
    }
    for key, value in expected.items():
        assert divergences[key](p, q) == pytest.approx(value)
    assert divergences["wasserstein-1"](p, q, positions=[0, 1, 2]) == pytest.approx(1)


def test_symmetry():
    symmetric = {key for key in NAMED if divergences[key].is_symmetric}
    assert symmetric == {"jensen-shannon", "total-variation", "squared-hellinger", "le-cam"}


@pytest.mark.parametrize("relation", identities + inequalities, ids=lambda r: r.name)
@settings(max_examples=10, deadline=None)
@given(p=weights(3, zeros=True), q=weights(3, zeros=True))
def test_relation_holds(relation, p, q):
    left, right = relation.sides(p, q)
    assert relation.holds(p, q), f"{relation.name}: {left} {relation.sign} {right}"


@pytest.mark.parametrize("relation", identities + inequalities, ids=lambda r: r.name)
def test_relation_holds_on_many_pairs(relation):
    """200 pairs for each of them, from nearly uniform ones to such with almost all mass on a point."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        spread = np.full(rng.integers(2, 6), 10 ** rng.uniform(-1, 1))
        p, q = rng.dirichlet(spread), rng.dirichlet(spread)
        assert relation.holds(p, q, dps=20), f"{relation.name} at p = {p}, q = {q}"


@pytest.mark.parametrize("relation", identities + inequalities, ids=lambda r: r.name)
def test_relation_can_fail(relation):
    """With sides swapped (inequality) or one side off by 1e-30 (identity) the check says no."""
    p, q = [sp.Rational(1, 5), sp.Rational(4, 5)], [sp.Rational(2, 3), sp.Rational(1, 3)]
    epsilon = mpmath.mpf(10) ** -30

    def raised(a, b):
        return relation.right(a, b) + epsilon

    if relation.sign == "=":
        off = replace(relation, right=raised)
    else:
        off = replace(relation, left=raised, right=relation.left)
    assert not off.holds(p, q)


# --- published values ----------------------------------------------------------------------------

# N(0,1) against N(d,1): JS, TV, Le Cam and 2 KL(m||p) by quadrature, the others in closed form
GAUSSIANS = {
    0.5: (0.125, 0.030311301, 0.197413, 0.061534, 0.284025, 0.117892, 0.064377),
    1.0: (0.5, 0.111421482, 0.382925, 0.235006, 1.71828, 0.408109, 0.277157),
    2.0: (2.0, 0.336830820, 0.682689, 0.786939, 53.5982, 1.100801, 1.326338),
    3.0: (4.5, 0.526777307, 0.866386, 1.350695, 8102.08, 1.605515, 3.446445),
    4.0: (8.0, 0.632720194, 0.954500, 1.729329, 8.886e6, 1.862805, 6.734560),
    6.0: (18.0, 0.689297933, 0.997300, 1.977782, 4.31e15, 1.991698, 16.621404),
    8.0: (32.0, 0.693053645, 0.999937, 1.999329, 6.24e27, 1.999804, 30.613893),
}


@pytest.mark.parametrize("shift", GAUSSIANS)
def test_table_of_shifted_gaussians(shift):
    P, Q = Normal(0.0, 1.0), Normal(shift, 1.0)
    kl, js, tv, hellinger, chi2, le_cam, softened = GAUSSIANS[shift]
    assert divergences["kl"].between(P, Q) == pytest.approx(kl)
    assert divergences["reverse-kl"].between(P, Q) == pytest.approx(kl)
    assert divergences["total-variation"].between(P, Q) == pytest.approx(tv, abs=6e-7)
    assert 2 * divergences["squared-hellinger"].between(P, Q) == pytest.approx(hellinger, abs=6e-7)
    assert divergences["pearson-chi2"].between(P, Q) == pytest.approx(chi2, rel=1e-3)
    assert divergences["wasserstein-1"].between(P, Q) == pytest.approx(shift)
    assert divergences["wasserstein-2"].between(P, Q) == pytest.approx(shift)
    assert divergences["jensen-shannon"].quadrature(P, Q) == pytest.approx(js, abs=6e-10)
    assert divergences["le-cam"].quadrature(P, Q) == pytest.approx(le_cam, abs=6e-7)
    assert divergences["softened-reverse-kl"].quadrature(P, Q) == pytest.approx(softened, abs=6e-7)


@pytest.mark.parametrize("key", ["kl", "reverse-kl", "total-variation", "squared-hellinger", "pearson-chi2"])
@pytest.mark.parametrize(
    ("P", "Q"), [(Normal(0, 1), Normal(3, 1)), (Normal(0, 1), Normal(sp.Rational(1, 2), 2))]
)
def test_closed_form_is_the_integral(key, P, Q):
    d = divergences[key]
    assert float(d.between(P, Q)) == pytest.approx(d.quadrature(P, Q), rel=1e-11)


@pytest.mark.parametrize("order", [sp.Rational(1, 3), 3, -1])
def test_alpha_closed_form_is_the_integral(order):
    d = divergences["alpha"](order)
    P, Q = Normal(0, 1), Normal(1, sp.Rational(5, 4))
    if order == -1:
        P, Q = Q, P
    assert float(d.between(P, Q)) == pytest.approx(d.quadrature(P, Q), rel=1e-11)


def test_chi_squared_of_a_wide_gaussian_is_infinite():
    wide, narrow = Normal(0, 2), Normal(0, 1)
    assert divergences["pearson-chi2"].between(wide, narrow) is sp.oo
    assert divergences["pearson-chi2"].between(narrow, wide).is_finite
    with pytest.raises(ArithmeticError, match="infinite"):
        divergences["pearson-chi2"].quadrature(wide, narrow)


def test_symbolic_gaussians_stay_exact():
    mu = sp.Symbol("mu", real=True)
    kl = divergences["kl"].between(Normal(0, 1), Normal(mu, 1))
    assert sp.simplify(kl - mu**2 / 2) == 0
    hellinger = divergences["squared-hellinger"].between(Normal(0, 1), Normal(mu, 1))
    assert sp.simplify(hellinger - (1 - sp.exp(-(mu**2) / 8))) == 0


def test_uniform_shift_is_exact_for_every_theta():
    """JS = log 2 min(1, theta), and so on: all but W1 stop moving at theta = 1."""
    P, Q = Uniform(0, 1), Uniform(POSITIVE, POSITIVE + 1)
    overlap = sp.Min(1, POSITIVE)
    expected = {
        "jensen-shannon": sp.log(2) * overlap,
        "total-variation": overlap,
        "squared-hellinger": overlap,
        "le-cam": 2 * overlap,
        "kl": sp.oo,
        "reverse-kl": sp.oo,
        "wasserstein-1": POSITIVE,
        "wasserstein-2": POSITIVE,
    }
    for key, value in expected.items():
        assert sp.simplify(divergences[key].between(P, Q) - value) == 0 or (
            value is sp.oo and divergences[key].between(P, Q) is sp.oo
        ), key


def test_shift_that_may_be_zero():
    theta = sp.Symbol("theta", nonnegative=True)
    kl = divergences["kl"].between(Uniform(0, 1), Uniform(theta, theta + 1))
    assert (kl.subs(theta, 0), kl.subs(theta, sp.Rational(1, 3))) == (0, sp.oo)


def test_uniforms_of_different_width():
    # nested: p = 2 on [0, 1/2], q = 1 on [0, 1]
    P, Q = Uniform(0, sp.Rational(1, 2)), Uniform(0, 1)
    assert divergences["kl"].between(P, Q) == sp.log(2)
    assert divergences["reverse-kl"].between(P, Q) is sp.oo
    assert divergences["total-variation"].between(P, Q) == sp.Rational(1, 2)
    # exactly the two-point problem p = (1, 0), q = (1/2, 1/2)
    assert float(divergences["jensen-shannon"].between(P, Q)) == pytest.approx(
        divergences["jensen-shannon"]([1, 0], [0.5, 0.5])
    )


@pytest.mark.parametrize("key", NAMED)
def test_point_masses(key):
    d = divergences[key]
    assert d.between(PointMass(0), PointMass(0)) == 0
    assert d.between(PointMass(0), PointMass(POSITIVE)) == d.upper_bound
    assert d.between(PointMass(0), Normal(0, 1)) == d.upper_bound
    x = sp.Symbol("x", real=True)
    either = d.between(PointMass(0), PointMass(x))
    assert (either.subs(x, 0), either.subs(x, 3)) == (0, d.upper_bound)


def test_missing_closed_form_names_the_way_out():
    with pytest.raises(NoClosedForm, match=r"Jensen-Shannon.*quadrature"):
        divergences["jensen-shannon"].between(Normal(0, 1), Normal(1, 1))


def test_float_parameters_give_floats():
    assert isinstance(divergences["kl"].between(Normal(0.0, 1), Normal(1, 1)), float)
    assert divergences["kl"].between(Normal(0, 1), Normal(1, 1)) == sp.Rational(1, 2)


def test_quadrature_handles_a_kink_where_densities_cross():
    P, Q = Normal(0, 1), Uniform(-1, 2)
    tv = divergences["total-variation"]
    # P outside [-1, 2], and the two sides of the crossing at x = +-sqrt(2 log(3/sqrt(2 pi)))
    with mpmath.workdps(30):
        x = mpmath.sqrt(2 * mpmath.log(3 / mpmath.sqrt(2 * mpmath.pi)))
        above = mpmath.ncdf(x) - mpmath.ncdf(-x) - 2 * x / 3
        outside = 1 - (mpmath.ncdf(2) - mpmath.ncdf(-1))
    assert tv.quadrature(P, Q) == pytest.approx(float(above + outside), abs=1e-13)


# --- arrays --------------------------------------------------------------------------------------


def test_identical_arrays_are_at_distance_zero():
    p = np.random.default_rng(0).dirichlet(np.ones(1000))
    for key in NAMED:
        assert divergences[key](p, p) == 0


def test_ratios_outside_the_range_of_doubles():
    p, q = [1 - 1e-16, 1e-16], [1e-320, 1.0]
    assert divergences["le-cam"](p, q) == pytest.approx(2)
    assert divergences["jensen-shannon"](p, q) == pytest.approx(math.log(2))
    assert divergences["kl"](p, q) == pytest.approx(320 * math.log(10), rel=1e-4)


@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        ([0.5, 0.6], [0.5, 0.5], "p sums to 1.1"),
        ([0.5, 0.5], [1.5, -0.5], "q has negative"),
        ([0.5, 0.5], [1.0], "same length"),
        ([[0.5, 0.5]], [[0.5, 0.5]], "vector"),
        ([math.nan, 1.0], [0.5, 0.5], "non-finite"),
        ([], [], "vector"),
    ],
)
def test_bad_arrays_are_refused(p, q, message):
    with pytest.raises(ValueError, match=message):
        divergences["kl"](p, q)


def test_open_parameters_are_named():
    s = sp.Symbol("s", positive=True)
    d = divergences["kl"].scaled(s)
    for ask in (
        lambda: d([0.5, 0.5], [0.5, 0.5]),
        lambda: d.evaluate([1, 0], [1, 0]),
        lambda: d.quadrature(Normal(0, 1), Normal(1, 1)),
    ):
        with pytest.raises(ValueError, match=r"open parameter\(s\) s"):
            ask()
    assert d.between(Normal(0, 1), Normal(2, 1)) == 2 * s


def test_divergences_are_plain_values():
    """Equal, hashable, picklable, and shown without memory addresses."""
    for key in NAMED:
        twice = divergences[key].scaled(2)
        assert twice == divergences[key].scaled(2) and hash(twice) == hash(pickle.loads(pickle.dumps(twice)))
        assert "0x" not in repr(twice) and twice.latex in twice._repr_latex_()


def test_float32_probabilities_are_accepted():
    p = np.random.default_rng(1).dirichlet(np.ones(1000)).astype(np.float32)
    assert divergences["kl"](p, p) == pytest.approx(0, abs=1e-6)


def test_unknown_name_lists_the_nearest():
    with pytest.raises(KeyError, match="jensen-shannon"):
        divergences["jenson-shannon"]


@pytest.mark.parametrize("build", [lambda: Normal(0, 0), lambda: Normal(0, -1), lambda: Uniform(1, 1)])
def test_bad_distributions_are_refused(build):
    with pytest.raises(ValueError, match="needs"):
        build()


# --- alpha ---------------------------------------------------------------------------------------


def test_alpha_at_special_orders():
    alpha, p, q = divergences["alpha"], [0.2, 0.3, 0.5], [0.6, 0.3, 0.1]
    assert alpha(1) is divergences["kl"]
    assert alpha(0) is divergences["reverse-kl"]
    assert alpha(2)(p, q) == pytest.approx(divergences["pearson-chi2"](p, q) / 2)
    assert alpha(-1)(p, q) == pytest.approx(divergences["neyman-chi2"](p, q) / 2)
    half = alpha(sp.Rational(1, 2))
    assert half(p, q) == pytest.approx(4 * divergences["squared-hellinger"](p, q))
    for order, end in ((1, "kl"), (0, "reverse-kl")):
        near = alpha(order + sp.Rational(1, 10**8))
        assert near(p, q) == pytest.approx(divergences[end](p, q), abs=1e-7)


@pytest.mark.parametrize("order", [-2, -1, sp.Rational(1, 3), sp.Rational(3, 2), 4])
def test_limits_of_alpha(order):
    d = divergences["alpha"](order)
    bare = FDivergence(d.f)
    assert (bare.f_at_zero, bare.slope_at_infinity) == (d.f_at_zero, d.slope_at_infinity)


# --- limits without help -------------------------------------------------------------------------


@pytest.mark.parametrize("key", NAMED)
def test_a_bare_f_gets_the_same_value(key):
    """Limits computed from f alone (sympy, or numerically) agree with the given ones."""
    d = divergences[key]
    bare = FDivergence(d.f)
    for p, q in (([0.4, 0.6, 0], [0, 0.5, 0.5]), ([1, 0], [0, 1])):
        assert bare(p, q) == pytest.approx(d(p, q))


def test_numerical_limits():
    """What stands in where sympy finds no limit: settled values, and oo for slow growth too."""
    cases = [
        (lambda x: (1 + x) * mpmath.log(2 + x), -1, math.log(2)),
        (lambda x: 3 - x ** mpmath.mpf("-0.1"), 1, 3),
        (lambda x: mpmath.log(x), 1, math.inf),
        (lambda x: 1 / x, -1, math.inf),
    ]
    for g, sign, expected in cases:
        assert float(_numeric_limit(g, sign)) == pytest.approx(expected, rel=1e-15)


# --- recognition ---------------------------------------------------------------------------------


@pytest.mark.parametrize("key", NAMED)
@pytest.mark.parametrize("scale", [1, sp.Rational(3, 7), sp.pi])
def test_named_ones_are_recognised_up_to_scale_and_affine_terms(key, scale):
    named = divergences[key]
    found = recognise(sp.expand(scale * named.f) + sp.log(3) * (u - 1))
    assert found is not None and found.divergence is named and found.proved
    assert sp.simplify(found.scale - scale) == 0


@pytest.mark.parametrize(
    ("f", "key", "scale"),
    [
        # minus the value of the minimax loss at the optimal critic, plus log 4
        (u * sp.log(u / (1 + u)) + sp.log(1 / (1 + u)) + sp.log(4), "jensen-shannon", 2),
        (2 - 2 * sp.Min(1, u), "total-variation", 2),
        (relu(u - 1), "total-variation", 1),
        (sp.Max(u, 1) - 1, "total-variation", 1),
        (sp.Piecewise((0, u < 1), (3 * (u - 1), True)), "total-variation", 3),
        (1 - 2 * u / (1 + u), "le-cam", sp.Rational(1, 2)),
        (2 - 2 * sp.sqrt(u), "squared-hellinger", 2),
        (-sp.log(u) + 2 * u - 2, "reverse-kl", 1),
    ],
)
def test_recognition_sees_through_other_forms(f, key, scale):
    found = recognise(f)
    assert found is not None and found.name == divergences[key].name and found.proved
    assert sp.simplify(found.scale - scale) == 0


def test_recognition_keeps_parameters_symbolic():
    a, b = sp.symbols("a b", real=True)
    # least squares with labels a, b: the Le Cam divergence for every coding
    f = (b - a) ** 2 * (sp.Rational(1, 2) - u / (1 + u)) / 2
    found = recognise(f)
    assert found is not None and found.name == "Le Cam" and found.proved
    assert sp.simplify(found.scale - (b - a) ** 2 / 8) == 0


@pytest.mark.parametrize("order", [3, -2, sp.Rational(1, 3)])
def test_alpha_family_is_recognised(order):
    f = 5 * divergences["alpha"](order).f + 2 * (u - 1)
    found = recognise(sp.expand(f))
    assert found is not None and found.name == "alpha" and found.proved
    assert found.scale == 5 and found.divergence.parameters == (("alpha", order),)


@pytest.mark.parametrize(
    "f",
    [
        (u - 1) ** 2 / (u + 1) ** 2,
        sp.Abs(u - 2) - 1,  # a kink, but not at 1
        -divergences["kl"].f,  # concave
        sp.Abs(u - 1) + (u - 1) ** 2,
        3 * (u - 1),  # affine: no divergence at all
        divergences["kl"].f + (u - 1) ** 2 / 10**12,  # nearly KL
    ],
)
def test_others_are_not_recognised(f):
    assert recognise(f) is None


def test_recognition_needs_a_normalised_f():
    with pytest.raises(ValueError, match=r"f\(1\) must be 0"):
        recognise(u**2)


def test_scaling_keeps_what_is_known():
    twice = divergences["jensen-shannon"].scaled(2, sp.log(4))
    p, q = [0.2, 0.8], [0.7, 0.3]
    assert twice(p, q) == pytest.approx(2 * divergences["jensen-shannon"](p, q))
    assert (twice.scale, twice.offset, twice.upper_bound) == (2, sp.log(4), sp.log(4))
    assert divergences["kl"].scaled(3).between(Normal(0, 1), Normal(2, 1)) == 6
    assert isinstance(divergences["alpha"], AlphaFamily)
