"""Any critic with any generator: what the generator's step follows, for every pair of objectives.

The two objectives are chosen independently (Jolicoeur-Martineau 2018). With the critic of one loss at
its optimum C* and the generator of another, the step follows the f-divergence with
f_G'' = -(1/u) d/du gen(C*(u)) where that is nonnegative, and no divergence where it is not.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from ganmath.theory.atlas import in_table
from ganmath.theory.catalogue import losses
from ganmath.theory.claims import Claim
from ganmath.theory.derive import NoOptimalCritic, critic_claims, gradient_claims
from ganmath.theory.divergence import FDivergence
from ganmath.theory.expectation import c_x, objective_latex
from ganmath.theory.loss import GANLoss
from ganmath.theory.optimum import ImplicitCritic
from ganmath.theory.structure import influence, pulled, structure

VERDICTS = {
    "divergence": "decreases a divergence",
    "changing": "decreases an f-divergence whose f changes with p and q",
    "opposed": "increases a divergence",
    "none": "no divergence",
    "constant": "no gradient",
    "undefined": "no finite gradient",
    "unknown": "not derived",
}


@dataclass(frozen=True)
class Pair:
    """One critic with one generator, named by the losses they come from.

    second_derivative: f_G'' (None where it is not defined). verdict: a key of `VERDICTS`; "none" where
    f_G'' changes sign, "changing" where it is nonnegative and contains means over p and q. divergence: the
    one that the step decreases or increases, for Lipschitz critics a multiple of the Wasserstein distance.
    why: the reason where it decreases none. evidence: as in the atlas.
    """

    critic: str
    generator: str
    second_derivative: sp.Expr | None
    verdict: str
    divergence: FDivergence | sp.Expr | None = None
    why: str = ""
    evidence: str = ""

    @property
    def markdown(self) -> str:
        """The verdict, with the divergence's formula where it has a name."""
        if self.divergence is None or getattr(self.divergence, "name", "") is None:
            return VERDICTS[self.verdict]
        shown = getattr(self.divergence, "scaled_latex", None) or objective_latex(self.divergence)
        return f"{VERDICTS[self.verdict].split()[0]} ${shown}$"

    @property
    def formula(self) -> str:
        """f_G'' in Markdown, or ""."""
        if self.second_derivative is None or self.second_derivative.has(ImplicitCritic):
            return ""
        return f"$f_G''(u) = {objective_latex(self.second_derivative)}$"


@dataclass(frozen=True)
class PairMatrix:
    """Critics down, generators across; losses that the gradient reading does not tell apart share a line.

    critics, generators: names of the losses on each line. cells: row by row.
    """

    critics: tuple[tuple[str, ...], ...]
    generators: tuple[tuple[str, ...], ...]
    cells: tuple[tuple[Pair, ...], ...]

    def __getitem__(self, names: tuple[str, str]) -> Pair:
        """The cell of (critic, generator), by the names of losses; KeyError for an unknown one."""
        lines = (self.critics, self.generators)
        at = [next((i for i, g in enumerate(x) if n in g), None) for n, x in zip(names, lines, strict=True)]
        if at[0] is None or at[1] is None:
            raise KeyError(f"no pair {names}: critics {self.critics}, generators {self.generators}")
        return self.cells[at[0]][at[1]]

    def _repr_markdown_(self) -> str:
        heads = [", ".join(names) for names in self.generators]
        lines = [f"| critic \\ generator | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
        for names, cells in zip(self.critics, self.cells, strict=True):
            shown = [in_table(f"{cell.formula} {cell.markdown} *{cell.evidence}*") for cell in cells]
            lines.append(f"| {', '.join(names)} | {' | '.join(shown)} |")
        return "\n".join(lines)


def pair_matrix(entries: Iterable[GANLoss] | None = None) -> PairMatrix:
    """The gradient reading of every critic objective with every generator objective.

    entries: losses, by default the whole catalogue, at their parameters' defaults. Some tenths of a
    second for each pair of lines. A pair that cannot be derived has the verdict "unknown".
    """
    fixed = [loss.at_defaults() for loss in (losses.values() if entries is None else entries)]
    critics, generators = lines(fixed)
    cells = tuple(tuple(pair(d[0], g[0]) for g in generators) for d in critics)
    names = [tuple(tuple(x.name for x in group) for group in groups) for groups in (critics, generators)]
    return PairMatrix(names[0], names[1], cells)


def lines(fixed: list[GANLoss]) -> tuple[list[list[GANLoss]], list[list[GANLoss]]]:
    """Losses whose critics have the same optimal output, and losses whose generators have the same slope.

    The gradient reading sees nothing else of a loss: the slope is that of the influence, the derivative of
    L_G in q, in the critic's output.
    """
    critics: dict[object, list[GANLoss]] = {}
    generators: dict[object, list[GANLoss]] = {}
    for loss in fixed:
        critics.setdefault(_optimal_output(loss), []).append(loss)
        slope = sp.expand(pulled(influence(loss.generator).diff(c_x).doit()))
        generators.setdefault(slope, []).append(loss)
    return list(critics.values()), list(generators.values())


def _optimal_output(loss: GANLoss) -> object:
    """C*(u), and whether a constant may be added; the objective itself where there is no closed form."""
    itself = loss.critic, loss.constraint
    try:
        best = critic_claims(loss)["optimal_critic"].value
    except Exception:  # `pair` says in its cell what failed
        return itself
    if best is None or best.has(ImplicitCritic):
        return itself
    return best, structure(loss.critic).invariant


def pair(critic: GANLoss, generator: GANLoss) -> Pair:
    """The cell of the matrix for one critic's and one generator's objective, without parameters."""
    both = GANLoss.pair(critic, generator)
    names = critic.name, generator.name
    try:
        found = gradient_claims(both)
        reading, second = found["generator_divergence"], found["generator_second_derivative"]
        # a step that follows a divergence once its sign is turned increases that divergence
        turned = None
        if reading.value is None and second.value not in (None, 0) and not found["generator_sign"].value:
            turned = gradient_claims(_turned(both))["generator_divergence"]
    except NoOptimalCritic as error:
        return Pair(*names, None, "unknown", why=f"no optimal critic: {error}")
    except Exception as error:  # one pair that sympy fails on must not cost the others their cells
        return Pair(*names, None, "unknown", why=f"not derived: {type(error).__name__}: {error}")
    opposed = turned is not None and turned.value is not None
    decides = turned if turned is not None and opposed else reading
    verdict = "opposed" if opposed else _verdict(reading, second.value, found["generator_sign"].value)
    if verdict == "unknown":
        return Pair(*names, None, verdict, why=reading.why_not)
    return Pair(*names, second.value, verdict, decides.value, reading.why_not, decides.evidence.kind)


def _turned(loss: GANLoss) -> GANLoss:
    """The generator's loss with its step turned round; a function of a mean stays increasing."""
    if loss.is_pointwise:
        return loss.replace(gen=-loss.gen, gen_real=-loss.gen_real)
    return loss.replace(generator=-loss.generator)


def _verdict(reading: Claim, second: sp.Expr | None, sign: int | None) -> str:
    if reading.value is not None:
        return "divergence"
    if not reading.evidence:
        return "unknown"
    if second is None:
        return "undefined"
    if second == 0:
        return "constant"
    return "none" if sign is None else "changing" if sign > 0 else "opposed"
