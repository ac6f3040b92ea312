"""A loss as torch functions: source is written from its plan, compiled once, and holds no sympy.

The last axis of outputs is the batch; axes before it are those of an ensemble of critics. Every operation
traces through ``torch.compile(fullgraph=True)`` and ``torch.func.vmap``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp
import torch
from torch import Tensor

from ganmath.theory.expectation import c_x, c_y, n_fake, n_real
from ganmath.theory.expression import c, torch_names, torch_source
from ganmath.theory.loss import GANLoss
from ganmath.theory.plan import Mean, Plan, plan

_PAIRS = ("matched", "all")


@dataclass(frozen=True)
class Objective:
    """Both objectives of a loss on batches of critic outputs, (…, n) real and (…, k) fake.

    critic, generator: functions (c_real, c_fake, **free) -> (…), minimised by each; free are the parameters
    that `GANLoss.compiled` was asked to keep open, numbers or tensors. c_real may be None for a generator
    unless needs_real. source: the Python text that was compiled.
    """

    critic: Callable[..., Tensor]
    generator: Callable[..., Tensor]
    needs_real: bool
    source: str


@lru_cache(maxsize=512)
def compiled(loss: GANLoss, free: tuple[str, ...] = (), pairs: str = "matched") -> Objective:
    """The Objective of a loss; parameters, returns and errors as `GANLoss.compiled`."""
    if pairs not in _PAIRS:
        raise ValueError(f"pairs={pairs!r}: give one of {_PAIRS}")
    known = {x.keyword: x for x in loss.parameters}
    if stray := set(free) - set(known):
        raise ValueError(f"{loss.name} has no parameter {sorted(stray)}; it has {sorted(known)}")
    fixed = loss(**{k: x.default for k, x in known.items() if k not in free})
    arguments = {known[k].symbol: sp.Symbol(k, **known[k].symbol.assumptions0) for k in free}
    texts, functions = [], []
    for name, expr in (("critic", fixed.critic), ("generator", fixed.generator)):
        text = _function(loss, name, plan(expr), arguments, pairs)
        scope = {**torch_names(), "math": math, "torch": torch}
        exec(compile(text, f"<{loss.label}: {name}>", "exec"), scope)  # our own text
        texts.append(text)
        functions.append(scope[name])
    return Objective(functions[0], functions[1], loss.needs_real, "\n\n".join(texts))


def _function(loss: GANLoss, name: str, program: Plan, arguments: dict, pairs: str) -> str:
    """Python source of one objective."""
    head = ", ".join(["c_real", "c_fake", *(str(x) for x in arguments.values())])
    lines = [f"def {name}({head}):"]
    if pairs == "matched" and any(mean.over == "pq" for mean in program.means):
        lines += [
            "    if c_real.shape[-1] != c_fake.shape[-1]:",
            f"        raise ValueError({_unequal(loss)!r} % (c_real.shape[-1], c_fake.shape[-1]))",
        ]
    known: dict[sp.Symbol, sp.Symbol] = {}  # a mean as a term of single samples or pairs sees it
    for mean in program.means:
        inside = [name for name in known if mean.term.has(name)]
        axes = ", None" * len(mean.over.replace("batch", "b"))
        lines += [f"    {known[name]} = {name}[...{axes}]" for name in inside]
        lines += [f"    {line}" for line in _mean(mean, arguments | {x: known[x] for x in inside}, pairs)]
        known[mean.name] = sp.Symbol(f"{mean.name}_", **mean.name.assumptions0)
    for size, batch in ((n_real, "c_real"), (n_fake, "c_fake")):
        if program.value.has(size) or any(mean.term.has(size) for mean in program.means):
            lines.insert(1, f"    {size} = {batch}.shape[-1]")
            lines.insert(2, f"    log_{size} = math.log({size})")
    value = _source(program.value.xreplace(arguments))
    if not program.means:  # a constant has a graph, and the gradient 0
        value = f"0 * c_fake.sum(-1) + {value}"
    return "\n".join([*lines, f"    return {value}"])


def _unequal(loss: GANLoss) -> str:
    return (
        f"{loss.name} compares the i-th real with the i-th fake output, got %d and %d: use batches of one "
        "size, or compiled(pairs='all')"
    )


def _mean(mean: Mean, arguments: dict, pairs: str) -> list[str]:
    """The lines that compute one mean."""
    batches = {"p": "c_real", "q": "c_fake", "batch": "_both"}
    names = {c: batches.get(mean.over, ""), c_x: "_x", c_y: "_y"}
    term = mean.term.xreplace({old: sp.Symbol(new, real=True) for old, new in names.items()})
    text = _source(term.xreplace(arguments))
    if mean.over == "batch":
        return ["_both = torch.cat([c_real, c_fake], -1)", f"{mean.name} = ({text}).logsumexp(-1)"]
    if len(mean.over) == 1:
        batch = names[c]
        if mean.log:
            return [f"{mean.name} = ({text}).logsumexp(-1) - math.log({batch}.shape[-1])"]
        return [f"{mean.name} = ({text}).mean(-1)"]
    x, y = ("c_real" if a == "p" else "c_fake" for a in mean.over)
    same = x == y
    if pairs == "matched":
        # a batch against itself: each sample with the next one
        lines = [f"_x, _y = {x}, {f'{y}.roll(1, -1)' if same else y}"]
        reduced = f"({text}).logsumexp(-1) - math.log({x}.shape[-1])" if mean.log else f"({text}).mean(-1)"
        return [*lines, f"{mean.name} = {reduced}"]
    lines = [f"_x, _y = {x}.unsqueeze(-1), {y}.unsqueeze(-2)", f"_pairs = {text}"]
    if not same:
        reduced = (
            f"_pairs.flatten(-2).logsumexp(-1) - math.log({x}.shape[-1] * {y}.shape[-1])"
            if mean.log
            else "_pairs.mean((-2, -1))"
        )
        return [*lines, f"{mean.name} = {reduced}"]
    # pairs of different samples only, as in the unbiased estimate
    lines += [f"_n = {x}.shape[-1]", f"_own = torch.eye(_n, dtype=torch.bool, device={x}.device)"]
    if mean.log:
        masked = "_pairs.masked_fill(_own, -math.inf).flatten(-2).logsumexp(-1)"
        return [*lines, f"{mean.name} = {masked} - math.log(_n * (_n - 1))"]
    return [*lines, f"{mean.name} = _pairs.masked_fill(_own, 0.0).sum((-2, -1)) / (_n * (_n - 1))"]


def _source(expr: sp.Expr) -> str:
    sizes = {sp.log(n): sp.Symbol(f"log_{n}", real=True) for n in (n_real, n_fake)}
    return torch_source(expr.xreplace(sizes))
