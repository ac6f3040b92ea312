"""A GAN loss as one object: three sympy expressions of the critic's output, and what is made of them.

Everything else (LaTeX, derivation, torch functions, JavaScript, tests) comes from these expressions.
A discriminator objective and a generator objective are chosen independently: any pair is a GANLoss
(Jolicoeur-Martineau 2018).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from ganmath.theory.expression import c, mean, stabilise, to_javascript, to_latex, to_torch


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


@dataclass(frozen=True)
class GANLoss:
    r"""A loss whose terms are functions of single critic outputs C.

    .. math::
        L_D = E_p[\mathrm{real}(C)] + E_q[\mathrm{fake}(C)], \qquad
        L_G = \mathrm{outer}(E_q[\mathrm{gen}(C)]) + E_p[\mathrm{gen\_real}(C)]

    Parameters: real, fake, sympy expressions in ``ganmath.c``, both minimised by the critic; gen,
    gen_real, minimised by the generator; outer, an increasing function of the mean of gen, written in
    the real symbol M (``ganmath.theory.expression.mean``), by default the mean itself; link, the
    probability that goes with an output C (sigmoid for logits) or None; domain, the interval of outputs
    that the critic may take; parameters, the free symbols with their defaults; chapter, the page of the
    book that treats it. ValueError where an
    expression has a symbol that is neither ``ganmath.c`` nor a parameter.
    Calling a loss sets parameters: ``losses["lsgan"](a=0, b=1, c=1)``.
    """

    name: str
    real: sp.Expr
    fake: sp.Expr
    gen: sp.Expr
    gen_real: sp.Expr = sp.S.Zero
    outer: sp.Expr = mean
    link: sp.Expr | None = None
    domain: tuple[sp.Expr, sp.Expr] = (-sp.oo, sp.oo)
    parameters: tuple[Parameter, ...] = ()
    title: str = ""
    citation: str = ""
    year: int | None = None
    chapter: str = field(default="", repr=False)
    values: tuple[tuple[str, sp.Expr], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        settable = {parameter.symbol for parameter in self.parameters}
        for part in ("real", "fake", "gen", "gen_real", "link", "outer"):
            known = settable | {mean if part == "outer" else c}
            variable = "M, the mean of gen" if part == "outer" else "ganmath.c (a real symbol named C)"
            if getattr(self, part) is None:
                continue
            expr = stabilise(_decimals(getattr(self, part)))
            if not isinstance(expr, sp.Expr):
                raise TypeError(f"{self.name}: {part} must be a sympy expression in ganmath.c")
            if stray := expr.free_symbols - known:
                raise ValueError(
                    f"{self.name}: {part} has the unknown symbol(s) {sorted(map(str, stray))}; write it "
                    f"in {variable} and declare others as parameters"
                )
            object.__setattr__(self, part, expr)
        object.__setattr__(self, "domain", tuple(sp.sympify(end) for end in self.domain))

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
        parts = ("real", "fake", "gen", "gen_real", "link", "outer")
        new = {p: getattr(self, p).subs(chosen) for p in parts if getattr(self, p) is not None}
        return replace(
            self,
            **new,
            domain=tuple(end.subs(chosen) for end in self.domain),
            parameters=tuple(
                replace(x, condition=x.condition.subs(chosen))
                for x in self.parameters
                if x.symbol not in chosen
            ),
            values=self.values + tuple((k, exact(v)) for k, v in settings.items()),
        )

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

        Parameters that both have, such as labels, are shared; where two of one name differ, the
        generator's gets a keyword that starts with ``generator_``.
        """
        from ganmath.theory.catalogue import losses

        d = losses[critic] if isinstance(critic, str) else critic
        g = losses[generator] if isinstance(generator, str) else generator
        g = _told_apart(g, d)
        parameters = {x.keyword: x for x in (*g.parameters, *d.parameters)}
        used = d.real.free_symbols | d.fake.free_symbols | g.gen.free_symbols | g.gen_real.free_symbols
        return cls(
            name=f"{d.label} / {g.label}",
            real=d.real,
            fake=d.fake,
            gen=g.gen,
            gen_real=g.gen_real,
            outer=g.outer,
            link=d.link,
            domain=d.domain,
            parameters=tuple(x for x in parameters.values() if x.symbol in used),
            title=f"critic of {d.title or d.name}, generator of {g.title or g.name}",
            citation=",".join(dict.fromkeys(key for key in (d.citation, g.citation) if key)),
        )

    # --- torch -----------------------------------------------------------------------------------

    @property
    def needs_real(self) -> bool:
        """Whether the generator's loss has a term on the critic's real outputs."""
        return self.gen_real != 0

    def critic_loss_per_sample(self, c_real: Any, c_fake: Any) -> tuple[Any, Any]:
        """Unreduced critic losses, (real(c_real), fake(c_fake)), shaped as the outputs."""
        return self._torch("real", c_real), self._torch("fake", c_fake)

    def generator_loss_per_sample(self, c_fake: Any) -> Any:
        """Unreduced generator loss gen(c_fake), shaped as the outputs."""
        return self._torch("gen", c_fake)

    def critic_loss(self, c_real: Any, c_fake: Any) -> Any:
        """Mean critic loss, a torch scalar that the critic minimises.

        Parameters: c_real, c_fake, critic outputs (logits), floating tensors of any shape, not empty.
        Half precision is computed in float32. TypeError or ValueError for anything else.
        """
        real, fake = self.critic_loss_per_sample(c_real, c_fake)
        return real.mean() + fake.mean()

    def generator_loss(self, c_fake: Any, c_real: Any = None) -> Any:
        """Mean generator loss, a torch scalar that the generator minimises.

        Parameters: as `critic_loss`; c_real only where the loss has a term on real outputs
        (`needs_real`), ValueError where it is missing.
        """
        value = self._outer_of_mean(c_fake)
        if not self.needs_real:
            return value
        if c_real is None:
            raise ValueError(f"{self.name}: the generator's loss needs the critic's real outputs too")
        return value + self._torch("gen_real", c_real).mean()

    def _outer_of_mean(self, outputs: Any) -> Any:
        """outer(mean of gen), a torch scalar; the logarithm of a mean of exponentials by log-sum-exp."""
        if self.outer == mean:
            return self._torch("gen", outputs).mean()
        fixed = self.at_defaults()
        factor, inside = fixed.gen.as_independent(c, as_Add=False)
        logarithm = sp.Symbol("l", real=True)
        if not isinstance(inside, sp.exp):
            return to_torch(fixed.outer, (mean,))(fixed._torch("gen", outputs).mean())
        exponents = replace(fixed, gen=inside.args[0])._torch("gen", outputs).flatten()
        log_mean = exponents.logsumexp(0) - math.log(exponents.numel())
        return to_torch(fixed.outer.subs(mean, factor * sp.exp(logarithm)), (logarithm,))(log_mean)

    def _torch(self, part: str, outputs: Any) -> Any:
        outputs = checked_outputs(self.name, outputs)
        defaults = {x.symbol: x.default for x in self.parameters}
        return to_torch(getattr(self, part).subs(defaults), (c,))(outputs)

    # --- page ------------------------------------------------------------------------------------

    def latex(self) -> str:
        """Both objectives as LaTeX, aligned, for a display equation."""
        critic, generator = self.latex_objectives()
        return rf"\begin{{aligned}} L_D &= {critic} \\ L_G &= {generator} \end{{aligned}}"

    def latex_objectives(self) -> tuple[str, str]:
        """L_D and L_G as LaTeX, each without its name."""
        critic = f"{_expectation('p', self.real)} + {_expectation('q', self.fake)}"
        factor, inside = self.gen.as_independent(c, as_Add=False)
        generator = _expectation("q", self.gen)
        if self.outer != mean:  # a constant factor cancels in a logarithm
            generator = to_latex(self.outer.subs(mean, factor * sp.Symbol(_expectation("q", inside))))
        if self.needs_real:
            generator += f" + {_expectation('p', self.gen_real)}"
        return critic, generator

    def _repr_markdown_(self) -> str:
        return f"**{self.title or self.label}**\n\n$$\n{self.latex()}\n$$"

    def to_javascript(self) -> str:
        """JavaScript object literal with the terms and their derivatives as functions of (C, k).

        outer and dOuter, the function of the mean of gen and its derivative, take (M, k).

        k holds the parameters by keyword, `parameters` their defaults; the functions call the helpers
        of `ganmath.theory.expression.javascript_helpers`.
        """
        names = {x.symbol: sp.Symbol(f"k.{x.keyword}") for x in self.parameters}
        terms = {"real": self.real, "fake": self.fake, "gen": self.gen, "genReal": self.gen_real}
        lines = [f"{name}: (C, k) => {to_javascript(e.subs(names))}" for name, e in terms.items()]
        lines += [
            f"d{name[0].upper()}{name[1:]}: (C, k) => {to_javascript(_slope(e).subs(names))}"
            for name, e in terms.items()
        ]
        lines += [
            f"{name}: (M, k) => {to_javascript(e.subs(names))}"
            for name, e in (("outer", self.outer), ("dOuter", self.outer.diff(mean)))
        ]
        defaults = ", ".join(f"{x.keyword}: {float(x.default)}" for x in self.parameters)
        return "{ " + f"parameters: {{ {defaults} }}, " + ", ".join(lines) + " }"


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


def _told_apart(loss: GANLoss, other: GANLoss) -> GANLoss:
    """The loss with new names for its parameters that another has with another meaning."""
    theirs = {str(x.symbol): (x.symbol, x.meaning) for x in other.parameters}
    keywords = {x.keyword for x in other.parameters}
    renamed = {
        x.symbol: sp.Symbol(f"{x.symbol}_G", **x.symbol.assumptions0)
        for x in loss.parameters
        if theirs.get(str(x.symbol), (x.symbol, x.meaning)) != (x.symbol, x.meaning)
    }
    if not renamed:
        return loss
    parts = ("real", "fake", "gen", "gen_real", "link", "outer")
    parameters = tuple(
        replace(
            x,
            keyword=f"generator_{x.keyword}" if x.symbol in renamed and x.keyword in keywords else x.keyword,
            symbol=renamed.get(x.symbol, x.symbol),
            condition=x.condition.subs(renamed),
        )
        for x in loss.parameters
    )
    expressions = {p: getattr(loss, p).subs(renamed) for p in parts if getattr(loss, p) is not None}
    return replace(loss, **expressions, parameters=parameters)


def _decimals(expr: Any) -> Any:
    """0.95 as 19/20: binary neighbours of decimal fractions would keep sympy from proving anything."""
    if not isinstance(expr, sp.Basic):
        return expr
    return expr.xreplace({x: exact(float(x)) for x in expr.atoms(sp.Float)})


def _slope(term: sp.Expr) -> sp.Expr:
    """d term / dC; |x|^k / |x| as one power, which has a value at x = 0 for k >= 1."""
    slope = sp.diff(term, c).doit()
    return sp.powsimp(slope) if slope.has(sp.Abs) else slope


def _expectation(measure: str, term: sp.Expr) -> str:
    return rf"\mathbb{{E}}_{{{measure}}}\left[{to_latex(term)}\right]"
