r"""Softmax GAN (Lin 2017): one cross-entropy over a whole batch, real and fake samples together.

The normaliser Z couples all samples, so that the loss is a function of means and not a mean of a function.
On large batches it is the Donsker-Varadhan bound of KL(p||m), m = (p + q)/2, and the tangent of the
logarithm, log Z <= s + exp(-s) Z - 1, lifts it to a loss of single samples (`lifted`).
"""

import sympy as sp

from ganmath.theory.expectation import E, n_fake, n_real
from ganmath.theory.expression import c, p, q
from ganmath.theory.loss import GANLoss

#: The loss at the best tangent of log Z, for the critic whose mean of exp(C) over m is 1, up to constants.
lifted = GANLoss(
    "softmax",
    real=sp.exp(c) / 2 - c,
    fake=sp.exp(c) / 2,
    gen=(sp.exp(c) - c) / 2,
    gen_real=(sp.exp(c) - c) / 2,
    title="Softmax GAN, lifted to single samples",
    citation="lin2017",
    year=2017,
    chapter="interpolating-losses",
)

_log_normaliser = sp.log(n_real * E(p, sp.exp(c)) + n_fake * E(q, sp.exp(c)))


def SoftmaxLoss() -> GANLoss:
    r"""Softmax cross-entropy over the batch: the critic puts all mass on real samples, the generator on all.

    .. math::
        L_D = \log Z - \frac{1}{n} \sum_{i \le n} C(x_i), \qquad
        L_G = \log Z - \frac{1}{n + k} \Big(\sum_i C(x_i) + \sum_j C(y_j)\Big), \qquad
        Z = \sum_i e^{C(x_i)} + \sum_j e^{C(y_j)}

    for n real samples x and k fakes y; Lin (2017) writes mu = -C. Both gradients flow through Z.
    """
    return GANLoss(
        "softmax-batch",
        critic=_log_normaliser - E(p, c),
        generator=_log_normaliser - (n_real * E(p, c) + n_fake * E(q, c)) / (n_real + n_fake),
        title="Softmax GAN",
        citation="lin2017",
        year=2017,
        chapter="interpolating-losses",
    )
