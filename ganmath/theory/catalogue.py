"""Every named loss, a few lines each: the only place where its formulas are written."""

import sympy as sp

from ganmath.names import Named
from ganmath.theory.constraints import Lipschitz
from ganmath.theory.expectation import E
from ganmath.theory.expression import c, log_sigmoid, mean, p, q, relu, sigmoid, softplus
from ganmath.theory.loss import GANLoss, Parameter
from ganmath.theory.penalties import GradientTerm, g
from ganmath.theory.relativistic import relativistic
from ganmath.theory.softmax import SoftmaxLoss
from ganmath.theory.softmax import lifted as lifted_softmax

_a, _b, _c = sp.symbols("a b c", real=True)
_s = sp.Symbol("s", real=True)
_half = sp.Rational(1, 2)
_margin, _alpha, _power = sp.symbols("m alpha k", positive=True)
_weight, _anchor = sp.symbols("lambda a", positive=True)
_order = sp.Symbol("alpha", real=True)
_gamma = sp.Symbol("gamma", positive=True)

_line = (-sp.oo, sp.oo)

_lsgan_labels = (
    Parameter("a", _a, sp.S.Zero, "a, the critic's target on fake data,", sp.Ne(_a, _b)),
    Parameter("b", _b, sp.S.One, "b, the critic's target on real data,", sp.Ne(_a, _b)),
    Parameter("c", _c, sp.S.One, "c, the generator's target"),
)


def _alpha_loss(logit: sp.Expr) -> sp.Expr:
    """alpha/(alpha - 1) (1 - D^((alpha - 1)/alpha)) for D = sigmoid(logit); alpha -> 1 is -log D."""
    return _alpha / (_alpha - 1) * (1 - sp.exp((_alpha - 1) / _alpha * log_sigmoid(logit)))


def _order_of(what: str) -> Parameter:
    """The order alpha of an alpha- or a Rényi loss."""
    meaning = f"alpha, the order of {what} (its limit at 1 is the minimax loss),"
    return Parameter("alpha", _alpha, sp.S(2), meaning, (_alpha > 0) & sp.Ne(_alpha, 1))


_plain: tuple[GANLoss, ...] = (
    GANLoss(
        "minimax",
        real=softplus(-c),
        fake=softplus(c),
        gen=-softplus(c),
        link=sigmoid(c),
        title="Minimax (saturating) GAN",
        citation="goodfellow2014",
        year=2014,
        chapter="minimax",
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
        chapter="nonsaturating",
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
        chapter="nonsaturating",
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
        chapter="lsgan",
    ),
    GANLoss(
        "hinge",
        real=relu(1 - c),
        fake=relu(1 + c),
        gen=-c,
        title="Hinge loss (geometric GAN)",
        citation="lim2017",
        year=2017,
        chapter="margin-losses",
    ),
    GANLoss(
        "absolute",
        real=sp.Abs(1 - c),
        fake=sp.Abs(c),
        gen=sp.Abs(1 - c),
        title="Absolute loss",
        citation="dong2019",
        year=2019,
        chapter="margin-losses",
    ),
    GANLoss(
        "exponential",
        real=sp.exp(-c),
        fake=sp.exp(c),
        gen=sp.exp(-c),
        title="Exponential loss",
        citation="",
        chapter="margin-losses",
    ),
    GANLoss(
        "ebgan",
        real=c,
        fake=relu(_margin - c),
        gen=c,
        domain=(sp.S.Zero, sp.oo),
        parameters=(Parameter("margin", _margin, sp.S.One, "m, the energy asked of fakes,", _margin > 0),),
        title="Energy-based GAN (margin on the energy)",
        citation="zhao2017",
        year=2017,
        chapter="margin-losses",
    ),
    GANLoss(
        "alpha",
        real=_alpha_loss(c),
        fake=_alpha_loss(-c),
        gen=-_alpha_loss(-c),
        link=sigmoid(c),
        parameters=(_order_of("the loss"),),
        title="α-GAN (α-loss)",
        citation="kurri2021",
        year=2021,
        chapter="interpolating-losses",
    ),
    lifted_softmax,
    SoftmaxLoss(),
    # L_G = log(E_q (1 - D)^(alpha - 1)) / (alpha - 1); gen carries the factor 1/(alpha - 1) so that
    # outer increases for alpha < 1 too
    GANLoss(
        "renyi",
        real=softplus(-c),
        fake=softplus(c),
        gen=sp.exp((_alpha - 1) * log_sigmoid(-c)) / (_alpha - 1),
        outer=sp.log((_alpha - 1) * mean) / (_alpha - 1),
        link=sigmoid(c),
        parameters=(_order_of("the generator's loss"),),
        title="RényiGAN",
        citation="bhatia2021",
        year=2021,
        chapter="interpolating-losses",
    ),
    # in the paper's letters: alpha = a, beta = b, gamma = c; its versions (a, b, c) are
    # (0.6, 0.4, 0.5), (1, 0, 0.5) and (0, 1, 1)
    GANLoss(
        "lkgan",
        real=(c - _b) ** 2,
        fake=(c - _a) ** 2,
        gen=sp.Abs(c - _c) ** _power,
        link=(c - _a) / (_b - _a),
        parameters=(
            *_lsgan_labels,
            Parameter("k", _power, sp.S(3), "k, the order of the generator's loss,", _power >= 1),
        ),
        title="LkGAN (generator of order k)",
        citation="bhatia2021",
        year=2021,
        chapter="interpolating-losses",
    ),
    GANLoss(
        "lecam",
        real=-c + _weight * (c + _anchor) ** 2,
        fake=c + _weight * (c - _anchor) ** 2,
        gen=-c,
        parameters=(
            Parameter("weight", _weight, _half, "lambda, the regulariser's weight,", _weight > 0),
            Parameter(
                "anchor",
                _anchor,
                sp.Rational(1, 4),
                "a, the outputs' anchor,",
                (_anchor > 0) & (2 * _anchor * _weight < 1),
            ),
        ),
        title="Wasserstein critic with the LeCam regulariser",
        citation="tseng2021",
        year=2021,
    ),
    GANLoss(
        "boundary-seeking",
        real=softplus(-c),
        fake=softplus(c),
        gen=c**2 / 2,
        link=sigmoid(c),
        title="Boundary-seeking GAN (continuous data)",
        citation="hjelm2018",
        year=2018,
    ),
    *(
        GANLoss(
            f"fgan-{name}",
            real=-output,
            fake=dual,
            gen=-output,
            domain=domain,
            title=f"f-GAN: {title}",
            citation="nowozin2016",
            year=2016,
            chapter="fgan",
        )
        # output T = g(C) and f*(T) with the activations g of Nowozin et al., table 2
        for name, title, output, dual, domain in (
            ("kl", "Kullback–Leibler", c, sp.exp(c - 1), _line),
            ("reverse-kl", "reverse Kullback–Leibler", -sp.exp(-c), c - 1, _line),
            ("pearson", "Pearson chi-squared", c, c**2 / 4 + c, _line),
            ("neyman", "Neyman chi-squared", 1 - sp.exp(-c), 2 - 2 * sp.exp(-c / 2), _line),
            ("hellinger", "squared Hellinger", 1 - sp.exp(-c), sp.exp(c) - 1, _line),
            (
                "js",
                "Jensen–Shannon",
                sp.log(2) - softplus(-c),
                softplus(c) - sp.log(2),
                _line,
            ),
            ("gan", "the GAN's own divergence", -softplus(-c), softplus(c), _line),
            (
                "le-cam",
                "Le Cam",
                1 - 4 * sigmoid(-c) ** 2,
                3 - 8 * sigmoid(-c) + 4 * sigmoid(-c) ** 2,
                _line,
            ),
            ("total-variation", "total variation", c, c, (-_half, _half)),
        )
    ),
    GANLoss(  # T = f'(e^C), so that C* = log u for every order
        "fgan-alpha",
        real=-(sp.exp((_order - 1) * c) - 1) / (_order - 1),
        fake=(sp.exp(_order * c) - 1) / _order,
        gen=-(sp.exp((_order - 1) * c) - 1) / (_order - 1),
        parameters=(
            Parameter(
                "alpha",
                _order,
                sp.Rational(3, 4),
                "alpha, the order (fgan-kl is the limit at 1, fgan-reverse-kl at 0),",
                sp.Ne(_order, 0) & sp.Ne(_order, 1),
            ),
        ),
        title="f-GAN: α-divergence",
        citation="nowozin2016",
        year=2016,
        chapter="fgan",
    ),
    GANLoss(
        "wgan",
        critic=E(q, c) - E(p, c),
        generator=-E(q, c),
        constraint=Lipschitz(),
        title="Wasserstein GAN",
        citation="arjovsky2017wasserstein",
        year=2017,
    ),
    GANLoss(
        "wgan-gp",
        critic=E(q, c) - E(p, c),
        generator=-E(q, c),
        constraint=Lipschitz(),
        penalties=(GradientTerm("between", (g - 1) ** 2, weight=_weight),),
        parameters=(Parameter("weight", _weight, sp.S(10), "lambda, the penalty's weight,", _weight > 0),),
        title="Wasserstein GAN with gradient penalty",
        citation="gulrajani2017",
        year=2017,
    ),
    GANLoss(
        "nonsaturating-r1",
        real=softplus(-c),
        fake=softplus(c),
        gen=softplus(-c),
        penalties=(GradientTerm("real", g**2 / 2, weight=_gamma),),
        link=sigmoid(c),
        parameters=(Parameter("gamma", _gamma, sp.S(10), "gamma, the penalty's weight,", _gamma > 0),),
        title="Non-saturating GAN with the R1 penalty",
        citation="mescheder2018",
        year=2018,
    ),
)

_by_name = {loss.name: loss for loss in _plain}

# the forms that the papers train
_compared = (
    relativistic(_by_name["nonsaturating"]).replace(name="relativistic-paired"),
    relativistic(_by_name["nonsaturating"], "average").replace(name="relativistic-average"),
    relativistic(_by_name["nonsaturating"], "centred").replace(name="relativistic-centred"),
    relativistic(_by_name["lsgan"](a=-1, b=1, c=1), "average").replace(
        name="relativistic-average-lsgan", values=()
    ),
    relativistic(_by_name["hinge"], "average").replace(name="relativistic-average-hinge"),
)

#: Every named loss; ``losses["lsgan"](a=0, b=1, c=1)`` sets the parameters of one that has some.
losses: Named = Named("loss", {loss.name: loss for loss in (*_plain, *_compared)})
