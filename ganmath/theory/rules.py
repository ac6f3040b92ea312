"""What follows from losses that are no sums over single samples: the rules beyond the pointwise one."""

import sympy as sp

#: The Le Cam divergence of p and q, on which the least-squares optima depend.
delta = sp.Symbol("Delta", nonnegative=True)
