"""Equations about a critic that is not optimal: wrong variants are refused, and they hold in numbers."""

import mpmath
import pytest
import sympy as sp

from ganmath.theory.equations import equations
from ganmath.theory.equations.language import E, Int, Known, add, prove_equal, times
from ganmath.theory.equations.optimal_discriminator import weighted
from ganmath.theory.expression import c, p, q, sigmoid, softplus
from ganmath.theory.optimum import optimum

_D = Known(sp.Symbol("D"), sigmoid(c))


def test_the_critics_output_is_no_constant():
    """E_p C and E_q C differ, although their integrands differ by C times p - q."""
    assert not prove_equal(E(p, c), E(q, c))
    assert prove_equal(E(p, 3 + 0 * c), E(q, sp.Integer(3)))


def test_a_name_is_checked_as_what_it_stands_for():
    assert prove_equal(E(p, sp.log(_D)), -E(p, softplus(-c)))
    assert not prove_equal(E(p, sp.log(_D)), -E(p, softplus(c)))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda kl: Int(times(p, kl)),  # half of the mixture is missing
        lambda kl: 2 * Int(times(add(p, q), kl)),
        lambda kl: add(Int(times(add(p, q), kl)), E(p, c), -E(q, c)),
    ],
)
def test_wrong_excess_loss_is_refused(wrong):
    first, last = equations["optimal_discriminator.excess"].sides
    kl = next(iter(last.atoms(Known)))
    assert prove_equal(first, last)
    assert not prove_equal(first, wrong(kl))


def test_excess_loss_and_its_bound_in_numbers():
    """On two points, against the loss itself at 30 digits."""
    with mpmath.workdps(30):
        P, Q = (mpmath.mpf("0.7"), mpmath.mpf("0.3")), (mpmath.mpf("0.2"), mpmath.mpf("0.8"))
        C = mpmath.mpf(2), mpmath.mpf("-0.1")

        def sp_(t):
            return mpmath.log(1 + mpmath.exp(t))

        loss = sum(a * sp_(-x) + b * sp_(x) for a, b, x in zip(P, Q, C, strict=True))
        least = sum(
            -a * mpmath.log(a / (a + b)) - b * mpmath.log(b / (a + b)) for a, b in zip(P, Q, strict=True)
        )

        def kl(a, b):
            return a * mpmath.log(a / b) + (1 - a) * mpmath.log((1 - a) / (1 - b))

        D = [1 / (1 + mpmath.exp(-x)) for x in C]
        best = [a / (a + b) for a, b in zip(P, Q, strict=True)]
        excess = sum((a + b) * kl(s, d) for a, b, s, d in zip(P, Q, best, D, strict=True))
        assert abs(loss - least - excess) < mpmath.mpf(10) ** -28
        square = sum((a + b) / 2 * (s - d) ** 2 for a, b, s, d in zip(P, Q, best, D, strict=True))
        assert square <= excess / 4


def test_smoothed_optimum_is_seven_sixteenths_at_equality():
    """TF-GAN's default asks for 7/16, not 1/2, where the generator is perfect."""
    loss = weighted(sp.Rational(7, 8), smooth=sp.Rational(1, 8))
    critic = optimum(loss).critic
    (u,) = critic.free_symbols
    ratio = sp.exp(critic.subs(u, 1))
    assert sp.nsimplify(ratio / (1 + ratio)) == sp.Rational(7, 16)
