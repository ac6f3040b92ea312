"""A GAN loss as one object: two sympy expressions in expectations, and what is made of them.

What the critic minimises and what the generator minimises are chosen independently: any pair is a GANLoss
(Jolicoeur-Martineau 2018). LaTeX, derivation, torch functions, JavaScript and tests come from the two
expressions, the constraint on the critic and its penalties.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sympy as sp

from ganmath.theory.constraints import Constraint, Free, Interval, Lipschitz
from ganmath.theory.expectation import E, c_x, c_y, n_fake, n_real, objective_latex
from ganmath.theory.expression import c, mean, p, q, stabilise, to_javascript, to_torch
from ganmath.theory.penalties import GradientTerm, gradient_terms
from ganmath.theory.plan import plan
from ganmath.theory.plan_javascript import plan_javascript
from ganmath.theory.structure import generator_parts, pointwise_parts

if TYPE_CHECKING:
    from ganmath.objective import Objective


@dataclass(frozen=True)
class Parameter:
    """A symbol of a loss that users set by keyword; `condition` and the symbol's sign must hold."""

    keyword: str
    symbol: sp.Symbol
    default: sp.Expr
    meaning: str
    condition: sp.Basic = sp.true

    def holds(self, values: Mapping[sp.Symbol, sp.Expr]) -> bool:
        """Whether the values of all parameters allow this one; sympy drops x > 0 where x is positive."""
        value = sp.sympify(values[self.symbol])
        wrong_sign = (self.symbol.is_positive and value.is_nonpositive) or (
            self.symbol.is_nonnegative and value.is_negative
        )
        return not wrong_sign and self.condition.subs(values) != sp.false

    @property
    def needs(self) -> str:
        """The condition in words that sympy reads, with the symbol's own sign."""
        bare = sp.Symbol(str(self.symbol))
        sign = [bare > 0] if self.symbol.is_positive else [bare >= 0] if self.symbol.is_nonnegative else []
        return " and ".join(sp.sstr(part) for part in (*sign, self.condition) if part != sp.true)


@dataclass(frozen=True, init=False)
class GANLoss:
    r"""What the critic minimises, what the generator minimises, and what the critic may be.

    ``GANLoss(name, critic=…, generator=…)`` takes expressions in ``gm.E``. The short form for losses whose
    terms are functions of single critic outputs C is ``GANLoss(name, real=…, fake=…, gen=…)``, for

    .. math::
        L_D = E_p[\mathrm{real}(C)] + E_q[\mathrm{fake}(C)], \qquad
        L_G = \mathrm{outer}(E_q[\mathrm{gen}(C)]) + E_p[\mathrm{gen\_real}(C)]

    Parameters: critic, generator, sympy expressions in expectations, both minimised; real, fake, gen,
    gen_real, expressions in ``gm.c``, and outer, a function of the mean of gen written in the real symbol M
    (``ganmath.theory.expression.mean``), each replacing that part of critic or generator; constraint, what
    the critic may be (``gm.Interval``, ``gm.Lipschitz``), or domain, the ends of an interval of outputs;
    penalties, each a ``gm.GradientTerm``; link, the probability that goes with an output C (sigmoid for
    logits) or None; parameters, the free symbols with their defaults; chapter, the page of the book that
    treats it. ValueError where an expression has a symbol that is no parameter, or an output C outside an
    expectation; TypeError where it is no expression.
    Calling a loss sets parameters: ``losses["lsgan"](a=0, b=1, c=1)``.
    """

    name: str
    critic: sp.Expr
    generator: sp.Expr
    constraint: Constraint
    penalties: tuple[GradientTerm, ...]
    link: sp.Expr | None
    parameters: tuple[Parameter, ...]
    title: str
    citation: str
    year: int | None
    chapter: str = field(repr=False)
    values: tuple[tuple[str, sp.Expr], ...] = field(repr=False)

    def __init__(
        self,
        name: str,
        real: Any = None,
        fake: Any = None,
        gen: Any = None,
        gen_real: Any = None,
        outer: Any = None,
        link: Any = None,
        domain: tuple[Any, Any] | None = None,
        parameters: tuple[Parameter, ...] = (),
        title: str = "",
        citation: str = "",
        year: int | None = None,
        chapter: str = "",
        values: tuple[tuple[str, sp.Expr], ...] = (),
        *,
        critic: Any = None,
        generator: Any = None,
        constraint: Constraint | None = None,
        penalties: tuple[GradientTerm, ...] = (),
    ) -> None:
        known = {parameter.symbol for parameter in parameters}

        def part(label: str, given: Any, bound: sp.Symbol) -> sp.Expr | None:
            return None if given is None else _checked(name, label, given, known | {bound})

        critic = _with_parts(
            name,
            None if critic is None else _checked(name, "critic", critic, known),
            {"real": part("real", real, c), "fake": part("fake", fake, c)},
        )
        generator = _with_generator_parts(
            name,
            None if generator is None else _checked(name, "generator", generator, known),
            {"gen": part("gen", gen, c), "gen_real": part("gen_real", gen_real, c)},
            part("outer", outer, mean),
        )
        if domain is not None:
            ends = tuple(sp.sympify(end) for end in domain)
            constraint = Free() if ends == (-sp.oo, sp.oo) else Interval(*ends)
        constraint = Free() if constraint is None else constraint
        if not hasattr(constraint, "on"):
            raise TypeError(
                f"{name}: a constraint is gm.Interval(low, high) or gm.Lipschitz(K), not {constraint!r}"
            )
        penalties = gradient_terms(penalties)
        things: list[tuple[str, Any]] = [("constraint", constraint), *(("penalty", x) for x in penalties)]
        for what, thing in things:
            if stray := thing.free_symbols - known:
                raise ValueError(
                    f"{name}: the {what} has the unknown symbol(s) {sorted(map(str, stray))}; declare "
                    "them as parameters"
                )
        fields = {
            "name": name,
            "critic": critic,
            "generator": generator,
            "constraint": constraint,
            "penalties": penalties,
            "link": part("link", link, c),
            "parameters": tuple(parameters),
            "title": title,
            "citation": citation,
            "year": year,
            "chapter": chapter,
            "values": tuple(values),
        }
        for key, value in fields.items():
            object.__setattr__(self, key, value)

    # --- the parts of the short form --------------------------------------------------------------

    @property
    def real(self) -> sp.Expr:
        """The critic's term on a real sample; AttributeError where L_D is no sum over single samples."""
        return _part(self, "real", pointwise_parts(self.critic), 0)

    @property
    def fake(self) -> sp.Expr:
        """The critic's term on a fake sample; AttributeError as `real`."""
        return _part(self, "fake", pointwise_parts(self.critic), 1)

    @property
    def gen(self) -> sp.Expr:
        """The generator's term on a fake sample; AttributeError where L_G is no function of its mean."""
        return _part(self, "gen", generator_parts(self.generator), 0)

    @property
    def gen_real(self) -> sp.Expr:
        """The generator's term on a real sample, 0 for most losses; AttributeError as `gen`."""
        return _part(self, "gen_real", generator_parts(self.generator), 1)

    @property
    def outer(self) -> sp.Expr:
        """The function of the mean of gen, in the symbol M; AttributeError as `gen`."""
        return _part(self, "outer", generator_parts(self.generator), 2)

    @property
    def is_pointwise(self) -> bool:
        """Whether L_D is a sum over single samples and L_G made of means of such terms."""
        return pointwise_parts(self.critic) is not None and generator_parts(self.generator) is not None

    @property
    def domain(self) -> tuple[sp.Expr, sp.Expr]:
        """The interval of outputs that the critic may give."""
        if isinstance(self.constraint, Interval):
            return self.constraint.low, self.constraint.high
        return -sp.oo, sp.oo

    # --- parameters ------------------------------------------------------------------------------

    def __call__(self, **settings: Any) -> "GANLoss":
        """The loss with parameters set; TypeError for an unknown one, ValueError out of range."""
        known = {parameter.keyword: parameter for parameter in self.parameters}
        if stray := set(settings) - set(known):
            raise TypeError(
                f"{self.name} has no parameter {sorted(stray)}; it has {sorted(known) or 'none to set'}"
            )
        chosen = {known[keyword].symbol: exact(value) for keyword, value in settings.items()}
        complete = {x.symbol: x.default for x in self.parameters} | chosen
        for parameter in self.parameters:
            if not parameter.holds(complete):
                given = ", ".join(f"{symbol}={value}" for symbol, value in complete.items())
                raise ValueError(
                    f"{self.name} at {given} is out of range: {parameter.meaning} needs {parameter.needs}"
                )
        return replace(
            self,
            critic=self.critic.subs(chosen),
            generator=self.generator.subs(chosen),
            constraint=self.constraint.subs(chosen),
            penalties=tuple(x.subs(chosen) for x in self.penalties),
            link=None if self.link is None else self.link.subs(chosen),
            parameters=tuple(
                replace(x, condition=x.condition.subs(chosen))
                for x in self.parameters
                if x.symbol not in chosen
            ),
            values=self.values + tuple((k, exact(v)) for k, v in settings.items()),
        )

    def replace(self, **changes: Any) -> "GANLoss":
        """The loss with some of the constructor's arguments changed: fields, or parts such as gen."""
        return replace(self, **changes)

    def at_defaults(self) -> "GANLoss":
        """The loss with every parameter that is still a symbol set to its default."""
        return self(**{parameter.keyword: parameter.default for parameter in self.parameters})

    @property
    def label(self) -> str:
        """Name with the parameters that were set, such as lsgan(a=0, b=1, c=1)."""
        inside = ", ".join(f"{keyword}={value}" for keyword, value in self.values)
        return f"{self.name}({inside})" if inside else self.name

    @classmethod
    def pair(cls, critic: "str | GANLoss", generator: "str | GANLoss") -> "GANLoss":
        """The discriminator objective of one loss with the generator objective of another.

        Constraint, penalties and link are those of the critic's loss. Parameters that both have, such as
        labels, are shared; where two of one name differ, the generator's gets a keyword that starts with
        ``generator_``.
        """
        from ganmath.theory.catalogue import losses

        d = losses[critic] if isinstance(critic, str) else critic
        g = losses[generator] if isinstance(generator, str) else generator
        in_critic = _symbols(d, ("critic", "constraint", "penalties"))
        theirs = tuple(x for x in d.parameters if x.symbol in in_critic)
        g = _told_apart(g, theirs)
        parameters = {x.keyword: x for x in (*g.parameters, *theirs)}
        used = in_critic | g.generator.free_symbols
        return cls(
            name=f"{d.label} / {g.label}",
            critic=d.critic,
            generator=g.generator,
            constraint=d.constraint,
            penalties=d.penalties,
            link=d.link,
            parameters=tuple(x for x in parameters.values() if x.symbol in used),
            title=f"critic of {d.title or d.name}, generator of {g.title or g.name}",
            citation=",".join(dict.fromkeys(key for key in (d.citation, g.citation) if key)),
        )

    # --- torch -----------------------------------------------------------------------------------

    def compiled(self, free: tuple[str, ...] = (), pairs: str = "matched") -> "Objective":
        """Both objectives as torch functions without sympy, built once for each loss.

        Parameters: free, keywords of parameters that stay arguments of the functions, the others are at
        their defaults; pairs, "matched" (the i-th real with the i-th fake) or "all". Returns: Objective.
        """
        from ganmath.objective import compiled

        return compiled(self, tuple(free), pairs)

    @property
    def needs_real(self) -> bool:
        """Whether the generator's loss has a term on the critic's real outputs."""
        return _needs_real(self)

    def critic_loss_per_sample(self, c_real: Any, c_fake: Any) -> tuple[Any, Any]:
        """Unreduced critic losses, (real(c_real), fake(c_fake)), shaped as the outputs.

        AttributeError where the loss is no sum over single samples.
        """
        return self._torch("real", c_real), self._torch("fake", c_fake)

    def generator_loss_per_sample(self, c_fake: Any) -> Any:
        """Unreduced generator loss gen(c_fake), shaped as the outputs; AttributeError as above."""
        return self._torch("gen", c_fake)

    def critic_loss(self, c_real: Any, c_fake: Any) -> Any:
        """Critic loss of a batch without its penalties, a torch scalar that the critic minimises.

        Parameters: c_real, c_fake, critic outputs (logits), floating tensors of any shape, not empty, of
        one size where the loss compares real with fake samples in pairs. Half precision is computed in
        float32. TypeError or ValueError for anything else.
        """
        real, fake = (checked_outputs(self.name, x).flatten() for x in (c_real, c_fake))
        return self.compiled().critic(real, fake)

    def generator_loss(self, c_fake: Any, c_real: Any = None) -> Any:
        """Generator loss of a batch, a torch scalar that the generator minimises.

        Parameters: as `critic_loss`; c_real only where the loss has a term on real outputs
        (`needs_real`), ValueError where it is missing.
        """
        objective = self.compiled()
        fake = checked_outputs(self.name, c_fake).flatten()
        if not objective.needs_real:
            return objective.generator(None, fake)
        if c_real is None:
            raise ValueError(f"{self.name}: the generator's loss needs the critic's real outputs too")
        return objective.generator(checked_outputs(self.name, c_real).flatten(), fake)

    def _torch(self, part: str, outputs: Any) -> Any:
        outputs = checked_outputs(self.name, outputs)
        defaults = {x.symbol: x.default for x in self.parameters}
        return to_torch(getattr(self, part).subs(defaults), (c,))(outputs)

    def described(self) -> dict[str, Any]:
        """The loss as it trains, parameters set, as plain JSON: what records and checkpoints know it by.

        `GANLoss.from_description` reads it back.
        """
        fixed = self.at_defaults()
        said: dict[str, Any] = {"name": self.label}
        if fixed._is_written_in_parts():
            said |= {part: str(getattr(fixed, part)) for part in ("real", "fake", "gen", "gen_real")}
            said |= {"outer": str(fixed.outer)} if fixed.outer != mean else {}
        else:
            said |= {"critic": str(fixed.critic), "generator": str(fixed.generator)}
        if self.constraint != Free():
            said["constraint"] = str(fixed.constraint)
        if self.penalties:
            said["penalties"] = [penalty.described() for penalty in fixed.penalties]
        return said

    def _is_written_in_parts(self) -> bool:
        """Whether the parts of the short form give these very expressions back."""
        if not self.is_pointwise:
            return False
        parts = {part: getattr(self, part) for part in ("real", "fake", "gen", "gen_real", "outer")}
        again = GANLoss(self.name, **parts, parameters=self.parameters)
        return again.critic == self.critic and again.generator == self.generator

    @classmethod
    def from_description(cls, said: Mapping[str, Any]) -> "GANLoss":
        """The loss that `described` wrote, as it trained: parameters are numbers, title and link missing.

        ValueError for a description that is none.
        """
        from ganmath.theory.text import read

        parts = ("real", "fake", "gen", "gen_real", "outer", "critic", "generator")
        expressions = {part: read(said[part]) for part in parts if part in said}
        constraint = read_constraint(said.get("constraint", "Free()"))
        penalties = tuple(
            GradientTerm(**{**x, "term": read(x["term"]), "weight": read(x["weight"])})
            for x in said.get("penalties", ())
        )
        return cls(said["name"], **expressions, constraint=constraint, penalties=penalties)

    # --- page ------------------------------------------------------------------------------------

    def latex(self) -> str:
        """Both objectives as LaTeX, aligned, for a display equation."""
        critic, generator = self.latex_objectives()
        asked = "" if self.constraint == Free() else rf", \quad {self.constraint.latex()}"
        return rf"\begin{{aligned}} L_D &= {critic}{asked} \\ L_G &= {generator} \end{{aligned}}"

    def latex_objectives(self) -> tuple[str, str]:
        """L_D and L_G as LaTeX, each without its name."""
        penalties = "".join(f" + {penalty.latex()}" for penalty in self.penalties)
        return objective_latex(self.critic) + penalties, objective_latex(self.generator)

    def _repr_markdown_(self) -> str:
        return f"**{self.title or self.label}**\n\n$$\n{self.latex()}\n$$"

    def to_javascript(self) -> str:
        """JavaScript object literal of the loss without its penalties.

        critic and generator are functions (cReal, cFake, k) of batches, arrays of outputs, that give
        {value, dReal, dFake}: the objective and its gradient in every output. Where the loss is pointwise,
        real, fake, gen, genReal and their derivatives dReal, … are functions of (C, k) too; outer and
        dOuter, the function of the mean of gen and its derivative, of (M, k).

        k holds the parameters by keyword, `parameters` their defaults, needsReal says whether the
        generator's value depends on real outputs; the functions call the helpers of
        `ganmath.theory.expression.javascript_helpers`.
        """
        names = {x.symbol: sp.Symbol(f"k.{x.keyword}", **x.symbol.assumptions0) for x in self.parameters}
        critic, generator = plan(self.critic), plan(self.generator)
        lines = _terms_javascript(self, names) if self.is_pointwise else []
        lines += [
            f"critic: {plan_javascript(critic, names)}",
            f"generator: {plan_javascript(generator, names)}",
            f"needsReal: {'true' if generator.over('p') else 'false'}",
        ]
        defaults = ", ".join(f"{x.keyword}: {float(x.default)}" for x in self.parameters)
        return "{ " + f"parameters: {{ {defaults} }}, " + ", ".join(lines) + " }"


def _terms_javascript(loss: GANLoss, names: Mapping[sp.Symbol, sp.Symbol]) -> list[str]:
    """The terms of a pointwise loss and their derivatives, as entries of an object literal."""
    terms = {"real": loss.real, "fake": loss.fake, "gen": loss.gen, "genReal": loss.gen_real}
    lines = [f"{name}: (C, k) => {to_javascript(e.subs(names))}" for name, e in terms.items()]
    lines += [
        f"d{name[0].upper()}{name[1:]}: (C, k) => {to_javascript(_slope(e).subs(names))}"
        for name, e in terms.items()
    ]
    return lines + [
        f"{name}: (M, k) => {to_javascript(e.subs(names))}"
        for name, e in (("outer", loss.outer), ("dOuter", loss.outer.diff(mean)))
    ]


@lru_cache(maxsize=512)
def _needs_real(loss: GANLoss) -> bool:
    return plan(loss.at_defaults().generator).over("p")


def checked_outputs(name: str, outputs: Any) -> Any:
    """Critic outputs as a floating tensor, half precision raised to float32; TypeError or ValueError."""
    import torch

    if not torch.is_tensor(outputs) or not outputs.is_floating_point():
        kind = getattr(outputs, "dtype", type(outputs).__name__)
        raise TypeError(f"{name}: critic outputs must be floating torch tensors, got {kind}")
    if outputs.numel() == 0:
        raise ValueError(f"{name}: an empty batch has no mean; pass at least one critic output")
    return outputs.float() if outputs.dtype in (torch.float16, torch.bfloat16) else outputs


def exact(value: Any) -> sp.Expr:
    """A number as sympy means it: 0.1 becomes 1/10, not its binary neighbour."""
    return sp.nsimplify(value, rational=True) if isinstance(value, float) else sp.sympify(value)


def read_constraint(text: str) -> Constraint:
    """Free(), Interval(low=…, high=…) or Lipschitz(K=…), from the text that each prints as."""
    from ganmath.theory.text import read

    kinds = {kind.__name__: kind for kind in (Free, Interval, Lipschitz)}
    name, _, inside = text.removesuffix(")").partition("(")
    if name not in kinds:
        raise ValueError(f"{text[:80]!r} is no constraint: there are {sorted(kinds)}")
    pairs = (argument.split("=", 1) for argument in inside.split(", ") if argument)
    return kinds[name](**{key: read(value) for key, value in pairs})


def _told_apart(loss: GANLoss, others: Collection[Parameter]) -> GANLoss:
    """The loss with new names for its parameters that are among others with another meaning or default."""
    theirs = {str(x.symbol): x for x in others}
    keywords = {x.keyword for x in others}

    def is_shared(x: Parameter) -> bool:
        y = theirs.get(str(x.symbol), x)
        return (x.symbol, x.meaning, x.default) == (y.symbol, y.meaning, y.default)

    def free(name: str, taken: Collection[str], change: Callable[[str], str]) -> str:
        return name if name not in taken else free(change(name), taken, change)

    renamed = {
        x.symbol: sp.Symbol(free(str(x.symbol), theirs, lambda n: f"{n}_G"), **x.symbol.assumptions0)
        for x in loss.parameters
        if not is_shared(x)
    }
    if not renamed:
        return loss
    parameters = tuple(
        replace(
            x,
            keyword=free(x.keyword, keywords, lambda n: f"generator_{n}")
            if x.symbol in renamed
            else x.keyword,
            symbol=renamed.get(x.symbol, x.symbol),
            condition=x.condition.subs(renamed),
        )
        for x in loss.parameters
    )
    return replace(
        loss,
        critic=loss.critic.subs(renamed),
        generator=loss.generator.subs(renamed),
        constraint=loss.constraint.subs(renamed),
        penalties=tuple(x.subs(renamed) for x in loss.penalties),
        link=None if loss.link is None else loss.link.subs(renamed),
        parameters=parameters,
    )


def _symbols(loss: GANLoss, parts: tuple[str, ...]) -> set[sp.Basic]:
    things = [getattr(loss, part) for part in parts]
    flat = [x for thing in things for x in (thing if isinstance(thing, tuple) else (thing,))]
    return set().union(*(x.free_symbols for x in flat))


# --- the short form -------------------------------------------------------------------------------


def _checked(name: str, part: str, given: Any, known: set[sp.Symbol]) -> sp.Expr:
    """An expression of the user's, exact and stable; TypeError or ValueError that says what to write."""
    expr = stabilise(_decimals(given))
    if not isinstance(expr, sp.Expr):
        raise TypeError(f"{name}: {part} must be a sympy expression in ganmath.c")
    stray = expr.free_symbols - known - {n_real, n_fake}
    if part in ("critic", "generator") and stray & {c, c_x, c_y}:
        raise ValueError(
            f"{name}: {part} has the critic's output outside an expectation; write gm.E(gm.p, …) around a "
            "term on real samples and gm.E(gm.q, …) around one on fakes, or give real=, fake= and gen="
        )
    if stray:
        variable = "M, the mean of gen" if part == "outer" else "ganmath.c (a real symbol named C)"
        raise ValueError(
            f"{name}: {part} has the unknown symbol(s) {sorted(map(str, stray))}; write it "
            f"in {variable} and declare others as parameters"
        )
    return expr


def _with_parts(name: str, critic: sp.Expr | None, given: Mapping[str, sp.Expr | None]) -> sp.Expr:
    """E_p real + E_q fake, a part that is not given taken from the critic."""
    real, fake = given["real"], given["fake"]
    if real is None and fake is None and critic is not None:
        return critic
    known = None if critic is None else pointwise_parts(critic)
    if known is None and (real is None or fake is None):
        raise ValueError(f"{name}: give the critic's objective, as critic= or as both real= and fake=")
    old = known or (sp.S.Zero, sp.S.Zero)
    return E(p, old[0] if real is None else real) + E(q, old[1] if fake is None else fake)


def _with_generator_parts(
    name: str, generator: sp.Expr | None, given: Mapping[str, sp.Expr | None], outer: sp.Expr | None
) -> sp.Expr:
    """outer(E_q gen) + E_p gen_real, a part that is not given taken from the generator."""
    gen, gen_real = given["gen"], given["gen_real"]
    if gen is None and gen_real is None and outer is None and generator is not None:
        return generator
    known = None if generator is None else generator_parts(generator)
    if known is None and gen is None:
        raise ValueError(f"{name}: give the generator's objective, as generator= or as gen=")
    old = known or (sp.S.Zero, sp.S.Zero, mean)
    gen = old[0] if gen is None else gen
    on_fake = (old[2] if outer is None else outer).subs(mean, E(q, gen))
    return on_fake + E(p, old[1] if gen_real is None else gen_real)


def _part(loss: GANLoss, name: str, parts: tuple[sp.Expr, ...] | None, index: int) -> sp.Expr:
    if parts is None:
        raise AttributeError(
            f"{loss.label} has no {name}: its objective is no sum of terms on single samples; "
            "use loss.critic and loss.generator"
        )
    return parts[index]


def _decimals(expr: Any) -> Any:
    """0.95 as 19/20: binary neighbours of decimal fractions would keep sympy from proving anything."""
    if not isinstance(expr, sp.Basic):
        return expr
    return expr.xreplace({x: exact(float(x)) for x in expr.atoms(sp.Float)})


def _slope(term: sp.Expr) -> sp.Expr:
    """d term / dC; |x|^k / |x| as one power, which has a value at x = 0 for k >= 1."""
    slope = sp.diff(term, c).doit()
    return sp.powsimp(slope) if slope.has(sp.Abs) else slope
