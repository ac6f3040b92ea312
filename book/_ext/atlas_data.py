"""Rows of the atlas and cells of the matrix of pairs as plain data.

A whole catalogue takes a minute to derive, so what was derived is kept in book/records/atlas.json, keyed
by the losses' expressions (`python tools/write_atlas.py`; a test compares it with fresh derivations). A
loss that is not recorded there is derived while the book is built.
"""

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import sympy as sp

import ganmath as gm
from ganmath.records import save_record
from ganmath.theory import atlas, pairs
from ganmath.theory.expression import to_latex

RECORD = Path(__file__).parents[1] / "records" / "atlas.json"


class Derived:
    """What was derived, by key: recorded entries, and those that had to be derived now."""

    def __init__(self, known: dict[str, Any] | None = None) -> None:
        recorded = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
        self.known = recorded if known is None else known
        self.used: dict[str, Any] = {}

    def __call__(self, make: Callable, cases: list[tuple[gm.GANLoss, ...]]) -> list[Any]:
        """make(*case) for each case, on all cores where many are missing."""
        keys = [_key(make.__name__, case) for case in cases]
        missing = {key: case for key, case in zip(keys, cases, strict=True) if key not in self.known}
        if len(missing) > 8:
            with ProcessPoolExecutor(min(os.cpu_count() or 1, len(missing))) as pool:
                futures = {key: pool.submit(make, *case) for key, case in missing.items()}
                self.known |= {key: future.result() for key, future in futures.items()}
        else:
            self.known |= {key: make(*case) for key, case in missing.items()}
        self.used |= {key: self.known[key] for key in keys}
        return [self.known[key] for key in keys]


def rows(losses: list[gm.GANLoss], derived: Derived) -> list[dict[str, Any]]:
    """One row for each loss: Markdown by entry, and what the page sorts and filters by."""
    return derived(row, [(loss,) for loss in losses])


def matrix(losses: list[gm.GANLoss], derived: Derived) -> dict[str, Any]:
    """Names of the losses on each line, and the cells line by line."""
    fixed = [loss.at_defaults() for loss in losses]
    [groups] = derived(lines, [tuple(fixed)])
    by_name = {loss.name: loss for loss in fixed}
    heads = [(by_name[d[0]], by_name[g[0]]) for d in groups["critics"] for g in groups["generators"]]
    cells = iter(derived(cell, heads))
    return {**groups, "cells": [[next(cells) for _ in groups["generators"]] for _ in groups["critics"]]}


def write(losses: list[gm.GANLoss]) -> Path:
    """Derive everything afresh and record it; entries of losses that are gone are dropped."""
    fresh = Derived(known={})
    rows(losses, fresh)
    matrix(losses, fresh)
    return save_record(fresh.used, RECORD)


def row(loss: gm.GANLoss) -> dict[str, Any]:
    """A row of the atlas."""
    found = atlas.row(loss)
    entries = {
        name: {"formula": e.formula, "verdict": e.verdict, "evidence": e.evidence, "general": e.general}
        for name, e in found.entries.items()
    }
    critic, generator = found.loss.latex_objectives()
    measured, offset = found.critic_divergence, found.at_equilibrium.value
    return {
        "definition": [f"$L_D = {critic}$", f"$L_G = {generator}$"],
        "parameters": [f"{to_latex(x.symbol)} = {to_latex(x.default)}" for x in loss.parameters],
        "entries": entries,
        "trouble": found.trouble,
        "evidence": found.evidence,
        "divergence": "" if found.trouble else atlas.family(measured.value),
        "followed": getattr(found.gradient_reading.value, "name", None) or found.gradient_reading.verdict,
        "at_equilibrium": None if offset is None or offset.free_symbols else float(offset),
    }


def lines(*fixed: gm.GANLoss) -> dict[str, list[list[str]]]:
    """Names of the losses that share a line of the matrix."""
    critics, generators = pairs.lines(list(fixed))
    return {
        "critics": [[loss.name for loss in group] for group in critics],
        "generators": [[loss.name for loss in group] for group in generators],
    }


def cell(critic: gm.GANLoss, generator: gm.GANLoss) -> dict[str, Any]:
    """A cell of the matrix; followed: name and LaTeX of the divergence that the step decreases, or None."""
    found = pairs.pair(critic, generator)
    parts = ("verdict", "markdown", "formula", "why", "evidence")
    divergence = found.divergence if found.verdict == "divergence" else None
    named = None if divergence is None else getattr(divergence, "name", atlas.family(divergence))
    return {
        **{name: getattr(found, name) for name in parts},
        "followed": {"name": named, "latex": atlas.formula(divergence)} if named else None,
    }


def at(table: dict[str, Any], critic: str, generator: str) -> dict[str, Any]:
    """The cell of two losses, by their names."""
    row = next(i for i, names in enumerate(table["critics"]) if critic in names)
    column = next(i for i, names in enumerate(table["generators"]) if generator in names)
    return table["cells"][row][column]


def _key(kind: str, case: tuple[gm.GANLoss, ...]) -> str:
    """Readable where it can be: names, and a digest of the expressions behind them."""
    text = "\n".join(map(_expressions, case))
    names = " / ".join(loss.name for loss in case) if len(case) < 3 else f"{len(case)} losses"
    return f"{kind} {names} {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _expressions(loss: gm.GANLoss) -> str:
    parts = [x for x in (loss.critic, loss.generator, loss.link) if x is not None]
    settings = [(x.keyword, x.symbol, x.default, x.condition) for x in loss.parameters]
    asked = [loss.constraint, *(penalty.described() for penalty in loss.penalties)]
    return f"{loss.name}: {sp.srepr(parts)} {asked} {settings}"
