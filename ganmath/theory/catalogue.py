"""Every named loss, a few lines each: the only place where its formulas are written."""

import sympy as sp

from ganmath.names import Named
from ganmath.theory.expression import c, sigmoid, softplus
from ganmath.theory.loss import GANLoss, Parameter

_a, _b, _c = sp.symbols("a b c", real=True)
_s = sp.Symbol("s", real=True)
_half = sp.Rational(1, 2)

_lsgan_labels = (
    Parameter("a", _a, sp.S.Zero, "a, the critic's target on fake data,", sp.Ne(_a, _b)),
    Parameter("b", _b, sp.S.One, "b, the critic's target on real data,", sp.Ne(_a, _b)),
    Parameter("c", _c, sp.S.One, "c, the generator's target"),
)

losses: Named = Named(
    "loss",
    {
        loss.name: loss
        for loss in (
            GANLoss(
                "minimax",
                real=softplus(-c),
                fake=softplus(c),
                gen=-softplus(c),
                link=sigmoid(c),
                title="Minimax (saturating) GAN",
                citation="goodfellow2014",
                year=2014,
            ),
            GANLoss(
                "nonsaturating",
                real=softplus(-c),
                fake=softplus(c),
                gen=softplus(-c),
                link=sigmoid(c),
                title="Non-saturating GAN",
                citation="goodfellow2014",
                year=2014,
            ),
            GANLoss(
                "label-smoothing",
                real=(1 - _s) * softplus(-c) + _s * softplus(c),
                fake=softplus(c),
                gen=softplus(-c),
                link=sigmoid(c),
                parameters=(
                    Parameter(
                        "smoothing",
                        _s,
                        sp.Rational(1, 10),
                        "s, the amount taken off the real label,",
                        (_s >= 0) & (_s < 1),
                    ),
                ),
                title="Non-saturating GAN with one-sided label smoothing",
                citation="salimans2016",
                year=2016,
            ),
            GANLoss(
                "lsgan",
                real=_half * (c - _b) ** 2,
                fake=_half * (c - _a) ** 2,
                gen=_half * (c - _c) ** 2,
                link=(c - _a) / (_b - _a),
                parameters=_lsgan_labels,
                title="Least-squares GAN",
                citation="mao2017",
                year=2017,
            ),
        )
    },
)
