"""Objectives of every kind, beside those of the catalogue, and what they are in plain torch."""

import sympy as sp
import torch
from torch.nn.functional import logsigmoid

import ganmath as gm
from ganmath.theory.expression import relu, sigmoid, softplus

E, Pairs, c, c_x, c_y, p, q, m = gm.E, gm.Pairs, gm.c, gm.c_x, gm.c_y, gm.p, gm.q, gm.m
_D = sigmoid(c)


def _softplus(x):
    return -logsigmoid(-x)


def _log_mean_exp(x):
    return x.logsumexp(0) - torch.log(torch.tensor(float(len(x)), dtype=x.dtype))


#: name: (objective, the same in torch on a batch of real and of as many fake outputs).
KINDS = {
    "class-1-squared": (
        E(q, (_D - E(p, _D)) ** 2),
        lambda r, f: ((f.sigmoid() - r.sigmoid().mean()) ** 2).mean(),
    ),
    "class-2-squared": (
        E(Pairs(p, q), (sigmoid(c_x) - sigmoid(c_y)) ** 2),
        lambda r, f: ((r.sigmoid() - f.sigmoid()) ** 2).mean(),
    ),
    "class-3-squared": (
        (E(p, _D) - E(q, _D)) ** 2,
        lambda r, f: (r.sigmoid().mean() - f.sigmoid().mean()) ** 2,
    ),
    "class-3-log": (
        sp.log(1 + (E(p, c) - E(q, c)) ** 2),
        lambda r, f: torch.log1p((r.mean() - f.mean()) ** 2),
    ),
    "donsker-varadhan": (sp.log(E(q, sp.exp(c))) - E(p, c), lambda r, f: _log_mean_exp(f) - r.mean()),
    "pooled": (
        sp.log(E(m, sp.exp(c))) - E(p, c),
        lambda r, f: _log_mean_exp(torch.cat([r, f])) - r.mean(),
    ),
    "fisher-quotient": (
        (E(q, c) - E(p, c)) / sp.sqrt(E(m, c**2)),
        lambda r, f: (f.mean() - r.mean()) / ((r**2).mean() / 2 + (f**2).mean() / 2).sqrt(),
    ),
    "relativistic-average": (
        E(p, softplus(E(q, c) - c)) / 2 + E(q, softplus(c - E(p, c))) / 2,
        lambda r, f: (_softplus(f.mean() - r).mean() + _softplus(f - r.mean()).mean()) / 2,
    ),
    "relativistic-hinge": (
        E(p, relu(1 - c + E(q, c))),
        lambda r, f: torch.relu(1 - r + f.mean()).mean(),
    ),
    "smoothed": (
        E(sp.Rational(9, 10) * p + sp.Rational(1, 10) * q, softplus(-c)),
        lambda r, f: 0.9 * _softplus(-r).mean() + 0.1 * _softplus(-f).mean(),
    ),
}
