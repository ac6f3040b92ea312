"""The atlas: one row for each loss, with what its derivation says and how each entry is known.

Nothing is typed here: an entry is a claim of the loss's `Derivation`, with that claim's evidence, or says why
there is none. A loss that cannot be derived keeps its row, which says why.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ganmath.names import Named
from ganmath.theory.catalogue import losses
from ganmath.theory.claims import AT_EQUALITY, KINDS
from ganmath.theory.derive import Derivation, GeneratorValue, NoOptimalCritic, derive
from ganmath.theory.divergence import FDivergence
from ganmath.theory.expectation import objective_latex
from ganmath.theory.expression import mean
from ganmath.theory.loss import GANLoss
from ganmath.theory.optimum import ImplicitCritic
from ganmath.theory.rules import W1, of_pairs

NO_CLOSED_FORM = "no closed form (numerical)"
COLUMNS = {
    "optimal_critic": "optimal critic",
    "critic_divergence": "divergence of the critic",
    "value_reading": "value reading",
    "gradient_reading": "gradient reading",
    "equilibrium_reading": "equilibrium reading",
    "at_equilibrium": "critic's loss at p = q",
    "saturation": "generator's gradient as u → 0",
}


@dataclass(frozen=True)
class Entry:
    """One entry of a row: the object it says, the same in Markdown, and how it is known.

    value: a sympy expression, FDivergence, GeneratorValue, Saturation, bool or str; None where there is none.
    formula: the value in Markdown; verdict: what follows from it, in words, or why there is none. evidence:
    the kind of the claim's `Evidence`, such as "proved" (by sympy), "checked" (numerically), "argued" (by
    hand) or "stated" (in the literature), and "" where nothing is claimed.
    general: the formula for every value of the loss's parameters, or "".
    """

    value: Any = None
    formula: str = ""
    verdict: str = ""
    evidence: str = ""
    general: str = ""

    @property
    def markdown(self) -> str:
        return "; ".join(filter(None, (self.formula, self.verdict)))


@dataclass(frozen=True)
class AtlasRow:
    """What follows from one loss, its parameters at their defaults.

    The critic is optimal for the ratio u = p/q of each q in all entries. trouble: why there is no
    derivation, or "".
    """

    loss: GANLoss
    optimal_critic: Entry
    optimal_discriminator: Entry
    critic_divergence: Entry
    value_reading: Entry
    gradient_reading: Entry
    equilibrium_reading: Entry
    at_equilibrium: Entry
    saturation: Entry
    trouble: str = ""

    @property
    def name(self) -> str:
        return self.loss.name

    @property
    def title(self) -> str:
        return self.loss.title or self.loss.label

    @property
    def year(self) -> int | None:
        return self.loss.year

    @property
    def citation(self) -> str:
        """Keys in the book's bibliography, separated by commas."""
        return self.loss.citation

    @property
    def chapter(self) -> str:
        """Page of the book that treats the loss, or ""."""
        return self.loss.chapter

    @property
    def evidence(self) -> str:
        """The weakest evidence among the entries; "" where there is no derivation."""
        found = {entry.evidence for entry in self.entries.values()} - {""}
        return max(found, key=KINDS.index, default="")

    @property
    def entries(self) -> dict[str, Entry]:
        """The entries by the keys of `COLUMNS`, and the optimal discriminator."""
        names = ["optimal_critic", "optimal_discriminator", *list(COLUMNS)[1:]]
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Atlas:
    """Rows of the atlas; iterates over them, finds one by its loss's name, displays as a table."""

    rows: tuple[AtlasRow, ...]

    def __iter__(self) -> Iterator[AtlasRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> AtlasRow:
        return Named("loss", {row.name: row for row in self.rows})[name]

    def _repr_markdown_(self) -> str:
        lines = [f"| loss | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
        for row in self.rows:
            if row.trouble:
                lines.append(f"| {row.title} | {row.trouble} |" + " |" * (len(COLUMNS) - 1))
                continue
            entries = [getattr(row, name) for name in COLUMNS]
            cells = [f"{e.markdown} *{e.evidence}*" if e.evidence else e.markdown for e in entries]
            lines.append(f"| {row.title} | " + " | ".join(map(in_table, cells)) + " |")
        return "\n".join(lines)


def atlas(entries: Iterable[GANLoss] | None = None) -> Atlas:
    """One row for each loss: optimal critic, divergence, three readings, equilibrium, saturation.

    entries: losses, by default the whole catalogue; each is taken at its parameters' defaults, and
    derived a second time for every value of them. A second or two for each loss. Raises nothing for a
    loss that cannot be derived: its row has `trouble`.
    """
    chosen = losses.values() if entries is None else entries
    return Atlas(tuple(row(loss) for loss in chosen))


def row(loss: GANLoss) -> AtlasRow:
    """The atlas's row of one loss."""
    fixed = loss.at_defaults()
    found, trouble = _derived(fixed)
    if found is None:
        empty: dict[str, Any] = dict.fromkeys(_SHOWN, Entry())
        return AtlasRow(fixed, trouble=trouble, **empty)
    general = _derived(loss)[0] if loss.parameters else None
    entries: dict[str, Any] = {about: _entry(about, found, general) for about in _SHOWN}
    return AtlasRow(fixed, **entries)


def _derived(loss: GANLoss) -> tuple[Derivation | None, str]:
    try:
        return derive(loss), ""
    except NoOptimalCritic as error:
        return None, f"no optimal critic: {error}"
    except Exception as error:  # one loss that sympy fails on must not cost the others their rows
        return None, f"not derived: {type(error).__name__}: {error}"


def _entry(about: str, found: Derivation, general: Derivation | None) -> Entry:
    show = _SHOWN[about]
    settles, value, formula, verdict = show(found)
    claim = found.claims[settles]
    if claim.value is None:
        verdict = verdict or re.sub(r"\b(L_[DG]|f_G(?:'')?)", r"$\1$", claim.why_not)
    wide = show(general)[2] if general is not None else ""
    # a verdict is one at the defaults, so the general entry has the formula alone
    return Entry(value, formula, verdict, claim.evidence.kind, "" if wide == formula else wide)


# --- what each entry says: the claim it is, its value, the formula, the verdict --------------------

Said = tuple[str, Any, str, str]
_MEASURED = ("critic_divergence", "least", "pair_divergence", "is_divergence")


def _critic(d: Derivation) -> Said:
    alone = "without its penalties" if d.loss.penalties else ""
    if d.critic_slope is not None:
        return "critic_slope", d.critic_slope, _formula(r"\frac{d C^*}{dx}", d.critic_slope), alone
    if d.optimal_critic is None:
        return "optimal_critic", None, "", ""
    return "optimal_critic", d.optimal_critic, _formula("C^*(u)", d.optimal_critic), alone


def _discriminator(d: Derivation) -> Said:
    best = d.optimal_discriminator
    return "optimal_discriminator", best, "" if best is None else _formula("D^*", best), ""


def _divergence(d: Derivation) -> Said:
    about = next((name for name in _MEASURED if d.claims[name].value is not None), "critic_divergence")
    value = d.claims[about].value
    formula, verdict = "", ""
    if about == "critic_divergence" and value is not None:
        formula = named(value)
    elif about == "least":
        formula = rf"$\min_C L_D = {_tex(value)}$"
    elif about == "pair_divergence":
        relation = "=" if d.separable else r"\ge"
        offset = "" if value.offset == 0 else _tex(value.offset) + " "
        formula = rf"$\min_C L_D {relation} {offset}- {of_pairs(value)}$"
    elif about == "is_divergence":
        verdict = "a divergence, without a closed form" if value else "no divergence"
    return about, value, formula, verdict


def _value(d: Derivation) -> Said:
    return "generator_value", d.generator_value, *_valued(d.generator_value)


def _valued(value: Any) -> tuple[str, str]:
    """(formula, verdict) of a value reading."""
    if not isinstance(value, GeneratorValue):  # an expression in means, or nothing
        return ("" if value is None else f"${_tex(value)}$"), ""
    if value.outer != mean:
        inside = rf"{_tex(value.offset)} + {value.divergence.scaled_latex}"
        verdict = "an increasing function of a divergence" if value.is_divergence else "not a divergence"
        return f"${value.latex(inside)}$", verdict
    offset = "" if value.offset == 0 else _tex(value.offset) + " + "
    if value.f == 0:
        return f"${_tex(value.offset)}$", "the same for every q; not a divergence"
    formula = named(value.divergence, before=offset)
    if not value.is_divergence:
        return formula, "not a divergence"
    return formula, "a divergence" if value.is_f_divergence else "a divergence, not an f-divergence"


def _gradient(d: Derivation) -> Said:
    second, followed = d.generator_second_derivative, d.generator_divergence
    formula = "" if second is None else _formula("f_G''(u)", second)
    if followed is None:
        return "generator_divergence", d.why_not, formula, ""
    return "generator_divergence", followed, formula, "follows " + named(followed)


def _equilibrium(d: Derivation) -> Said:
    # what it ends with holds for every loss
    return "minimiser", d.minimiser, "", (d.minimiser or "").removesuffix(AT_EQUALITY)


def _at_equilibrium(d: Derivation) -> Said:
    if d.critic_divergence is None and d.constant is None:
        return "constant", None, "", ""
    about = "constant" if d.critic_divergence is None else "critic_divergence"
    offset = d.constant if d.critic_divergence is None else d.critic_divergence.offset
    number = "" if offset.is_Rational or offset.free_symbols else rf" \approx {float(offset):.4g}"
    if offset.has(ImplicitCritic):
        return about, offset, f"${number.strip()}$", ""
    return about, offset, f"${_tex(offset)}{number}$", ""


def _saturation(d: Derivation) -> Said:
    s = d.saturates
    if s is None:
        return "saturates", None, "", ""
    sign, limit = (r"\to", s.at_zero) if s.at_zero.is_finite and s.at_zero != 0 else (r"\sim", s.leading)
    if s.slope == 0:
        sign, limit = "=", sp.S.Zero
    formula = rf"$\mathrm{{gen}}'(C^*) {sign} {_tex(limit)}$"
    return "saturates", s, formula, "saturates" if s else "does not saturate"


_SHOWN = {
    "optimal_critic": _critic,
    "optimal_discriminator": _discriminator,
    "critic_divergence": _divergence,
    "value_reading": _value,
    "gradient_reading": _gradient,
    "equilibrium_reading": _equilibrium,
    "at_equilibrium": _at_equilibrium,
    "saturation": _saturation,
}


def family(measured: Any) -> str:
    """The name of what a critic measures, by which rows are sorted and filtered."""
    if isinstance(measured, sp.Expr):
        return "Wasserstein-1" if measured.has(W1) else "Le Cam"
    if isinstance(measured, FDivergence):
        return measured.name or "without a name"
    return "no closed form"


def formula(divergence: FDivergence | sp.Expr) -> str:
    """LaTeX of a divergence with its scale."""
    return _tex(divergence) if isinstance(divergence, sp.Expr) else divergence.scaled_latex


def named(divergence: FDivergence | sp.Expr, before: str = "") -> str:
    """A divergence as Markdown: its name's formula with scale, or D_f with its f; or a distance."""
    if isinstance(divergence, sp.Expr):
        return f"${before}{_tex(divergence)}$"
    if divergence.name is not None:
        return f"${before}{divergence.scaled_latex}$ ({divergence.name})"
    return rf"${before}{divergence.latex}$ with " + _formula("f(u)", divergence.f)


def _formula(name: str, expr: sp.Expr) -> str:
    if _is_numerical(expr):
        return f"${name}$: {NO_CLOSED_FORM}"
    return f"${name} = {objective_latex(expr)}$"


def _tex(expr: sp.Expr) -> str:
    """LaTeX of a constant, a number where it has no closed form."""
    return f"{float(expr):.4g}" if _is_numerical(expr) else objective_latex(expr)


def _is_numerical(expr: sp.Expr) -> bool:
    return bool(expr.has(ImplicitCritic, sp.Integral))


def in_table(markdown: str) -> str:
    """Bars of formulas would end the cell of a Markdown table."""
    text = markdown.replace(r"\|", r"\Vert ").replace(r"\left|", r"\left\lvert ")
    return text.replace(r"\right|", r"\right\rvert ").replace("|", r"\vert ")
