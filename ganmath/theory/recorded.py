"""Derivations of the catalogue, recorded in the package: `derive` takes seconds, reading one does not.

Expressions are kept as sympy's own constructors (srepr) and read back against a fixed list of names.
`tools/write_derivations.py` writes the file, a test compares it with fresh derivations, and a loss that is
not in it (a user's own, or other parameters) is derived when asked for.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import sympy as sp
from sympy.core.parameters import distribute
from sympy.printing.repr import ReprPrinter

from ganmath.theory import derive as engine
from ganmath.theory.constraints import Free, Interval
from ganmath.theory.divergence import FDivergence, divergences
from ganmath.theory.expectation import E, Pairs
from ganmath.theory.expression import log_sigmoid, relu, sigmoid, softplus
from ganmath.theory.loss import GANLoss
from ganmath.theory.optimum import ImplicitCritic

_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        engine.Derivation,
        engine.Claim,
        engine.Evidence,
        engine.Step,
        engine.GeneratorValue,
        engine.Saturation,
        FDivergence,
    )
}
_NAMES: dict[str, Any] = {
    **{name: getattr(sp, name) for name in dir(sp) if not name.startswith("_")},
    **{f.__name__: f for f in (log_sigmoid, relu, sigmoid, softplus)},
    "Expectation": E,
    "Pairs": Pairs,
    "ExprCondPair": sp.functions.elementary.piecewise.ExprCondPair,
    "__builtins__": {},
}


class _Printer(ReprPrinter):
    """srepr, but that an expectation is not called E, which is Euler's number there."""

    def _print_E(self, expr: E) -> str:
        return f"Expectation({', '.join(map(self.doprint, expr.args))})"


def look_up(loss: GANLoss) -> Any:
    """The recorded Derivation of a loss, or None."""
    data = _read().get(key(loss))
    return None if data is None else _decoded(data, loss)


def key(loss: GANLoss) -> str:
    """The loss's label, and a digest of all that a derivation depends on."""
    short = loss.is_pointwise and not loss.penalties and isinstance(loss.constraint, (Free, Interval))
    parts = [getattr(loss, name) for name in (_SHORT if short else _WHOLE)]
    text = repr([_plain(part) for part in parts])
    return f"{loss.label} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


_SHORT = ("name", "real", "fake", "gen", "gen_real", "outer", "link", "domain", "parameters")
_WHOLE = ("name", "critic", "generator", "constraint", "penalties", "link", "parameters")


def encoded(derivation: Any) -> dict[str, Any] | None:
    """A Derivation as JSON can hold it; None where its critic is known by bisection only."""
    critic = derivation.optimal_critic
    if critic is not None and critic.has(ImplicitCritic):
        return None
    return _encoded(derivation)


def _encoded(value: Any) -> Any:
    if isinstance(value, sp.Basic):
        return {"sympy": _plain(value)}
    if isinstance(value, (tuple, list)):
        return [_encoded(item) for item in value]
    if isinstance(value, Mapping):  # of claims, each of which knows its name
        return [_encoded(claim) for claim in value.values()]
    if is_dataclass(value):
        found = {"class": type(value).__name__}
        for field in fields(value):
            item = getattr(value, field.name)
            if not isinstance(item, GANLoss) and field.name != "between_normals":
                found[field.name] = _encoded(item)
        return found
    return value


def _plain(value: Any) -> str:
    if isinstance(value, sp.Basic):  # a Dummy's number depends on what was computed before
        value = value.xreplace({d: sp.Symbol(d.name, **d.assumptions0) for d in value.atoms(sp.Dummy)})
        return str(_Printer().doprint(value))
    if isinstance(value, tuple):
        return repr([_plain(item) for item in value])
    if is_dataclass(value):
        return repr([(field.name, _plain(getattr(value, field.name))) for field in fields(value)])
    return repr(value)


def _decoded(data: Any, loss: GANLoss) -> Any:
    if isinstance(data, list):
        return tuple(_decoded(item, loss) for item in data)
    if not isinstance(data, dict):
        return data
    if "sympy" in data:
        with distribute(False):  # 2 (u - 1) as it was, not 2 u - 2
            return eval(data["sympy"], _NAMES)  # the package's own data, and no builtins
    values = {name: _decoded(item, loss) for name, item in data.items() if name != "class"}
    kind = _KINDS[data["class"]]
    if kind is engine.Derivation:
        values = {"loss": loss, "claims": {claim.about: claim for claim in values["claims"]}}
    if kind is FDivergence:
        values["between_normals"] = _between_normals(values["name"], values["parameters"])
    return kind(**values)


def _between_normals(name: str | None, parameters: tuple) -> Any:
    """The closed form that goes with a divergence's name."""
    for entry in divergences.values():
        if getattr(entry, "name", None) == name and name is not None:
            named = entry(*(value for _, value in parameters)) if parameters else entry
            return named.between_normals
    return None


@lru_cache(maxsize=1)
def _read() -> dict[str, Any]:
    path = files("ganmath") / "_data" / "derivations.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
