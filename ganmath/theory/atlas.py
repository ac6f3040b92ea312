"""The atlas: one row for each loss, with what its derivation says and how each entry is known.

Nothing is typed here: an entry is an attribute of the loss's `Derivation`, and its evidence is the check
that the derivation's own steps carry. A loss that cannot be derived keeps its row, which says why.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ganmath.names import Named
from ganmath.theory.catalogue import losses
from ganmath.theory.derive import CHECKED, PROVED, Derivation, NoOptimalCritic, derive
from ganmath.theory.divergence import FDivergence
from ganmath.theory.expression import mean, to_latex
from ganmath.theory.loss import GANLoss
from ganmath.theory.optimum import ImplicitCritic

NO_CLOSED_FORM = "no closed form (numerical)"
# a check that is neither proved nor numerical rests on prose
EVIDENCE = {PROVED: "proved", CHECKED: "checked"}
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

    value: a sympy expression, FDivergence, GeneratorValue, Saturation or str; None where there is none.
    formula: the value in Markdown; verdict: what follows from it, in words. evidence: "proved" (by
    sympy), "checked" (numerically), "argued" (in prose), or "" where nothing is claimed.
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
        found = {entry.evidence for entry in self.entries.values()}
        return next((word for word in ("argued", "checked", "proved") if word in found), "")

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
    settles, show = _SHOWN[about]
    value, formula, verdict = show(found)
    check = found.check(settles)
    evidence = "" if check is None else EVIDENCE.get(check, "argued")
    wide = show(general)[1] if general is not None else ""
    # a verdict is one at the defaults, so the general entry has the formula alone
    return Entry(value, formula, verdict, evidence, "" if wide == formula else wide)


# --- what each entry says: its value, the formula, the verdict -------------------------------------

Said = tuple[Any, str, str]


def _critic(d: Derivation) -> Said:
    return d.optimal_critic, _formula("C^*(u)", d.optimal_critic), ""


def _discriminator(d: Derivation) -> Said:
    if d.optimal_discriminator is None:
        return None, "", NO_CLOSED_FORM if d.loss.link is not None else "no link to a probability"
    return d.optimal_discriminator, _formula("D^*", d.optimal_discriminator), ""


def _divergence(d: Derivation) -> Said:
    return d.critic_divergence, named(d.critic_divergence), ""


def _value(d: Derivation) -> Said:
    value = d.generator_value
    if value is None:
        return None, "", "infinite: no value"
    if value.outer != mean:
        inside = rf"{_tex(value.offset)} + {value.divergence.scaled_latex}"
        verdict = "an increasing function of a divergence" if value.is_divergence else "not a divergence"
        return value, f"${value.latex(inside)}$", verdict
    offset = "" if value.offset == 0 else _tex(value.offset) + " + "
    if value.f == 0:
        return value, f"${_tex(value.offset)}$", "the same for every q; not a divergence"
    formula = named(value.divergence, before=offset)
    if not value.is_divergence:
        return value, formula, "not a divergence"
    return value, formula, "a divergence" if value.is_f_divergence else "a divergence, not an f-divergence"


def _gradient(d: Derivation) -> Said:
    second = d.generator_second_derivative
    formula = "" if second is None else _formula("f_G''(u)", second)
    if d.generator_divergence is None:
        return d.why_not, formula, str(d.why_not).replace("f_G''", "$f_G''$")
    return d.generator_divergence, formula, "follows " + named(d.generator_divergence)


def _equilibrium(d: Derivation) -> Said:
    return d.minimiser, "", d.minimiser.split(";")[0]  # what follows it holds for every loss


def _at_equilibrium(d: Derivation) -> Said:
    offset = d.critic_divergence.offset
    number = "" if offset.is_Rational or offset.free_symbols else rf" \approx {float(offset):.4g}"
    if offset.has(ImplicitCritic):
        return offset, f"${number.strip()}$", ""
    return offset, f"${to_latex(offset)}{number}$", ""


def _saturation(d: Derivation) -> Said:
    s = d.saturates
    if s is None:
        return None, "", NO_CLOSED_FORM
    sign, limit = (r"\to", s.at_zero) if s.at_zero.is_finite and s.at_zero != 0 else (r"\sim", s.leading)
    if s.slope == 0:
        sign, limit = "=", sp.S.Zero
    formula = rf"$\mathrm{{gen}}'(C^*) {sign} {to_latex(limit)}$"
    return s, formula, "saturates" if s else "does not saturate"


# entry: (attribute of the Derivation whose check it takes, what it shows)
_SHOWN = {
    "optimal_critic": ("optimal_critic", _critic),
    "optimal_discriminator": ("optimal_discriminator", _discriminator),
    "critic_divergence": ("critic_divergence", _divergence),
    "value_reading": ("generator_value", _value),
    "gradient_reading": ("generator_divergence", _gradient),
    "equilibrium_reading": ("minimiser", _equilibrium),
    "at_equilibrium": ("critic_divergence", _at_equilibrium),
    "saturation": ("saturates", _saturation),
}


def named(divergence: FDivergence, before: str = "") -> str:
    """A divergence as Markdown: its name's formula with scale, or D_f with its f."""
    if divergence.name is not None:
        return f"${before}{divergence.scaled_latex}$ ({divergence.name})"
    return rf"${before}{divergence.latex}$ with " + _formula("f(u)", divergence.f)


def _formula(name: str, expr: sp.Expr) -> str:
    if _is_numerical(expr):
        return f"${name}$: {NO_CLOSED_FORM}"
    return f"${name} = {to_latex(expr)}$"


def _tex(expr: sp.Expr) -> str:
    """LaTeX of a constant, a number where it has no closed form."""
    return f"{float(expr):.4g}" if _is_numerical(expr) else to_latex(expr)


def _is_numerical(expr: sp.Expr) -> bool:
    return bool(expr.has(ImplicitCritic, sp.Integral))


def in_table(markdown: str) -> str:
    """Bars of formulas would end the cell of a Markdown table."""
    text = markdown.replace(r"\|", r"\Vert ").replace(r"\left|", r"\left\lvert ")
    return text.replace(r"\right|", r"\right\rvert ").replace("|", r"\vert ")
