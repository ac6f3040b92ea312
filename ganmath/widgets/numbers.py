"""Numbers as a reader sees them: four significant digits, the same from Python and from JavaScript.

`JAVASCRIPT` is the twin of `number`; a test compares the two in the browser.
"""

import math

JAVASCRIPT = """\
const number = (x) => {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "undefined" : x < 0 ? "−∞" : "∞";
  const size = Math.abs(x);
  if (size < 1e-12) return "0";
  const [digits, power] = x.toExponential(3).split("e");
  const short = (text) => text.includes(".") ? text.replace(/\\.?0+$/, "") : text;
  const plain = +power >= -3 && +power < 6;
  const raised = (+power + "").replace(/[-\\d]/g, (d) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(d)]);
  const text = plain ? short(x.toFixed(Math.max(0, 3 - power))) : `${short(digits)} × 10${raised}`;
  return text.replaceAll("-", "−");
};
"""


def number(x: float) -> str:
    """Four significant digits without trailing zeros; "∞", and "undefined" for NaN.

    Below 1e-12, where sums of terms near 1 are rounding errors, it is 0.
    """
    if not math.isfinite(x):
        return "undefined" if math.isnan(x) else "−∞" if x < 0 else "∞"
    if abs(x) < 1e-12:
        return "0"
    digits, power = f"{x:.3e}".split("e")
    plain = -3 <= int(power) < 6
    raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    text = _short(f"{x:.{max(0, 3 - int(power))}f}") if plain else f"{_short(digits)} × 10{raised}"
    return text.replace("-", "−")


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
