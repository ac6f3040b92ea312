"""Expressions as JavaScript, for what the page computes: one line of source, and the helpers it calls.

What would lose digits if printed term by term stays whole: softplus and sigmoid, log(1 + x), e^x - 1.
Integrals become adaptive Gauss-Kronrod quadrature (Piessens et al. 1983, QUADPACK's QAG with 7 and 15
points).
"""

import re
from typing import Any

import sympy as sp
from sympy.printing.jscode import JavascriptCodePrinter

#: Name -> definition. A helper may call those above it.
_HELPERS = {
    "softplus": "(x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))",
    "sigmoid": "(x) => Math.exp(Math.min(x, 0)) / (1 + Math.exp(-Math.abs(x)))",
    "log_sigmoid": "(x) => -softplus(-x)",
    "relu": "(x) => Math.max(x, 0)",
    "logaddexp": "(x, y) => y + softplus(x - y)",
    "heaviside": "(x) => (x > 0 ? 1 : x < 0 ? 0 : x === 0 ? 0.5 : NaN)",
    # a series of positive terms near 0, Lentz's continued fraction of erfc beyond
    "erf": """(x) => {
  if (Math.abs(x) < 2.5) {
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  const z = Math.abs(x);
  let f = z;
  for (let n = 60; n > 0; n--) f = z + n / 2 / f;
  return x !== x ? x : Math.sign(x) * (1 - (z > 27 ? 0 : Math.exp(-z * z) / (Math.sqrt(Math.PI) * f)));
}""",
    # the piece with the greatest error is halved until the errors sum to 1e-12 of the whole
    "quadrature": """(f, a, b) => {
  if (a === b) return 0;
  if (a > b) return -quadrature(f, b, a);
  if (a === -Infinity && b === Infinity) {
    const real = (t) => f(t / (1 - t * t)) * (1 + t * t) / (1 - t * t) ** 2;
    return quadrature(real, -1, 1);
  }
  if (b === Infinity) return quadrature((t) => f(a + t / (1 - t)) / (1 - t) ** 2, 0, 1);
  if (a === -Infinity) return quadrature((x) => f(-x), -b, Infinity);
  const nodes = [0.9914553711208126, 0.9491079123427585, 0.8648644233597691, 0.7415311855993945,
    0.5860872354676911, 0.4058451513773972, 0.20778495500789848, 0];
  const kronrod = [0.022935322010529224, 0.06309209262997856, 0.10479001032225019, 0.14065325971552592,
    0.1690047266392679, 0.19035057806478542, 0.20443294007529889, 0.20948214108472782];
  const gauss = [0, 0.1294849661688697, 0, 0.27970539148927664, 0, 0.3818300505051189, 0,
    0.4179591836734694];
  const rule = (low, high) => {
    const half = (high - low) / 2, middle = (high + low) / 2;
    let value = 0, coarse = 0, size = 0;
    nodes.forEach((t, i) => {
      for (const y of t ? [f(middle - half * t), f(middle + half * t)] : [f(middle)]) {
        value += kronrod[i] * y; coarse += gauss[i] * y; size += kronrod[i] * Math.abs(y);
      }
    });
    return { low, high, value: value * half, size: size * half, error: Math.abs(value - coarse) * half };
  };
  const pieces = [];
  for (let i = 0; i < 10; i++) pieces.push(rule(a + (b - a) * i / 10, a + (b - a) * (i + 1) / 10));
  const sum = (key) => pieces.reduce((total, piece) => total + piece[key], 0);
  while (pieces.length < 300 && sum("error") > 1e-12 * sum("size") && sum("size") < Infinity) {
    pieces.sort((one, other) => one.error - other.error);
    const { low, high } = pieces.pop(), middle = (low + high) / 2;
    pieces.push(rule(low, middle), rule(middle, high));
  }
  return sum("value");
}""",
}


def javascript_helpers(source: str | None = None) -> str:
    """JavaScript definitions that expressions from `to_javascript` call.

    source: JavaScript that calls them, to get no more than it needs; None for all of them.
    """
    wanted: list[str] = []
    text = source
    for name, body in reversed(_HELPERS.items()):
        if text is None or re.search(rf"\b{name}\b", text):
            wanted.append(f"const {name} = {body};\n")
            text = None if text is None else text + body
    return "".join(reversed(wanted))


class _Printer(JavascriptCodePrinter):
    """sympy's printer, with what it lacks, and an error instead of a comment for what it cannot."""

    def __init__(self) -> None:
        own = {name: name for name in ("softplus", "sigmoid", "log_sigmoid", "relu", "logaddexp", "erf")}
        own |= {"Heaviside": "heaviside", "log1p": "Math.log1p", "expm1": "Math.expm1"}
        super().__init__({"user_functions": own})

    def _print_log(self, expr: Any) -> str:
        rest = expr.args[0] - 1
        near_one = expr.args[0].is_Add and sp.S.One in expr.args[0].args
        return f"Math.log1p({self._print(rest)})" if near_one else f"Math.log({self._print(expr.args[0])})"

    def _print_Add(self, expr: Any, order: Any = None) -> str:
        for power in (e for e in expr.args if isinstance(e, sp.exp) and sp.S.NegativeOne in expr.args):
            rest = expr - power + 1
            head = f"Math.expm1({self._print(power.args[0])})"
            return head if rest == 0 else f"{head} + ({self._print(rest)})"
        return super()._print_Add(expr, order)

    def _print_Piecewise(self, expr: Any) -> str:
        text = "NaN"  # where no condition holds
        for value, condition in reversed(expr.args):
            value = self._print(value)
            text = f"({value})" if condition == sp.true else f"({self._print(condition)} ? {value} : {text})"
        return text

    def _print_Integral(self, expr: Any) -> str:
        if len(expr.limits) != 1 or len(expr.limits[0]) != 3:
            raise TypeError(f"only integrals over one variable with two ends have JavaScript, not {expr}")
        variable, low, high = expr.limits[0]
        inside = self._print(expr.function)
        return f"quadrature(({self._print(variable)}) => {inside}, {self._print(low)}, {self._print(high)})"

    def _print_Infinity(self, expr: Any) -> str:
        return "Infinity"

    def _print_NegativeInfinity(self, expr: Any) -> str:
        return "(-Infinity)"

    def _print_NaN(self, expr: Any) -> str:
        return "NaN"

    def _print_Float(self, expr: Any) -> str:
        return repr(float(expr))

    def _print_not_supported(self, expr: Any) -> str:
        raise TypeError(f"{type(expr).__name__} has no JavaScript here; it occurs in {expr}")

    emptyPrinter = _print_ImaginaryUnit = _print_not_supported

    def _print_Function(self, expr: Any) -> str:
        known = type(expr).__name__ in self.known_functions
        return str(super()._print_Function(expr)) if known else self._print_not_supported(expr)


def to_javascript(expr: sp.Expr) -> str:
    """JavaScript expression (one line); symbols keep their names, helpers as `javascript_helpers`.

    Knows what losses and divergences are made of: powers, exp, log, erf, the logistic functions, relu,
    Abs, sign, Max, Min, Heaviside, Piecewise and definite integrals. TypeError for anything else.
    """
    return " ".join(_Printer().doprint(sp.sympify(expr)).split())
