"""Losses of single samples: optimal critic, divergence, and what the generator follows.

For u = p/q the critic minimises u real(C) + fake(C) point by point. That minimum is concave in u, so
every pointwise loss gives an f-divergence. What the generator then does has three readings that the
literature mixes up: the value of its loss with the critic re-optimised for every q, the gradient of
its step with the critic frozen, and where its loss alone would send q, the critic frozen.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import mpmath
import sympy as sp
from sympy.core.function import PoleError

from ganmath.theory.claims import AT_EQUALITY, CHECKED, DEFINITION, PROVED, Claim, Evidence, Step, weakest
from ganmath.theory.constraints import Free, Interval
from ganmath.theory.divergence import FDivergence, divergences, recognise
from ganmath.theory.expression import c, mean, p, q, softplus, to_latex, to_mpmath, u
from ganmath.theory.loss import GANLoss
from ganmath.theory.optimum import Branch, ImplicitCritic, Optimum, limit, optimum, tidy
from ganmath.theory.structure import Structure, generator_parts

ABOUT_GRADIENT = "generator_divergence"
_IMPLICIT = "no closed form: the optimal critic is known numerically only"


def pointwise(loss: GANLoss, found: Structure, claims: Mapping[str, Claim]) -> Iterable[Claim]:
    r"""The rule for E_p real(C) + E_q fake(C), the outputs free or in an interval.

    Claims about the generator where its loss is outer(E_q gen) + E_p gen_real. Raises NoOptimalCritic.
    """
    if not _applies(loss, found) or generator_parts(loss.generator) is None:
        return critic_alone(loss, found, claims)
    work = _Work(loss, optimum(loss))
    return [*work.critic_claims(), *work.generator_claims()]


def critic_alone(loss: GANLoss, found: Structure, claims: Mapping[str, Claim]) -> Iterable[Claim]:
    """The claims of `pointwise` about the critic."""
    if not _applies(loss, found):
        return ()
    return _about_critic(loss.replace(name="critic", title="", generator=sp.S.Zero, penalties=()))


@lru_cache(maxsize=256)
@mpmath.workdps(40)
def _about_critic(loss: GANLoss) -> tuple[Claim, ...]:
    return tuple(_Work(loss, optimum(loss)).critic_claims())


def gradient_alone(loss: GANLoss, found: Structure, claims: Mapping[str, Claim]) -> Iterable[Claim]:
    """The claims of `pointwise` about the generator's gradient alone, or about the critic."""
    if not _applies(loss, found) or generator_parts(loss.generator) is None:
        return critic_alone(loss, found, claims)
    reading = gradient_reading(loss)
    known, why = reading.check, reading.why_not or ""
    return [
        Claim(ABOUT_GRADIENT, reading.divergence, known, "pointwise", (), why),
        Claim("generator_second_derivative", reading.second_derivative, known, "pointwise", (), why),
    ]


def _applies(loss: GANLoss, found: Structure) -> bool:
    return found.pointwise is not None and isinstance(loss.constraint, (Free, Interval))


@dataclass(frozen=True)
class GradientReading:
    """What the generator's step follows with the critic frozen at its optimum.

    second_derivative: f_G'' as a function of u, None where gen(C*) is infinite; divergence: the one with
    that f_G'', or None and why_not says why; check: how the sign of f_G'' is known.
    """

    second_derivative: sp.Expr | None
    divergence: FDivergence | None
    why_not: str | None
    check: Evidence


@dataclass(frozen=True)
class GeneratorValue:
    """Value of the generator's loss at the optimal critic, outer(offset + D_f(p || q)).

    is_divergence: least at p = q and only there; is_f_divergence: f convex as well; counterexample:
    (p, q) on two points where the value is not above that at p = q, or None.
    """

    divergence: FDivergence
    offset: sp.Expr
    is_f_divergence: bool
    counterexample: tuple[tuple[sp.Expr, sp.Expr], tuple[sp.Expr, sp.Expr]] | None
    check: Evidence
    outer: sp.Expr = mean

    @property
    def f(self) -> sp.Expr:
        """Normalised f(1) = 0."""
        return self.divergence.f

    @property
    def name(self) -> str | None:
        return self.divergence.name

    @property
    def is_divergence(self) -> bool:
        return self.counterexample is None

    def latex(self, inside: str) -> str:
        """outer of what `inside` is the LaTeX of."""
        if self.outer == mean:
            return inside
        return to_latex(self.outer.subs(mean, sp.Symbol(rf"\left({inside}\right)")))


@dataclass(frozen=True)
class Saturation:
    """d gen / dC at the optimal critic, where the generator has too much (u -> 0) or too little mass.

    True where the gradient vanishes as u -> 0, that is on samples that the critic rejects surely.
    `leading` is its leading term in u there.
    """

    slope: sp.Expr
    at_zero: sp.Expr
    at_infinity: sp.Expr
    leading: sp.Expr

    def __bool__(self) -> bool:
        return bool(self.at_zero == 0)


@lru_cache(maxsize=2048)
@mpmath.workdps(40)
def gradient_reading(loss: GANLoss) -> GradientReading:
    """The gradient reading alone, which costs a fraction of a whole derivation.

    Parameters, errors: as `derive`.
    """
    work = _Work(loss, optimum(loss))
    return work.gradient_reading(work.generator_terms())


@dataclass
class _Work:
    """The expressions of one derivation, each computed once and turned into steps as they come."""

    loss: GANLoss
    best: Optimum
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.defaults = {x.symbol: x.default for x in self.loss.parameters}
        self.falls = CHECKED
        self.claimed = 0
        self.verdicts: set[str] = set()  # claims whose verdict is one at the parameters' defaults
        self.at_defaults = defaults_in(self.loss, self.loss.critic, self.loss.generator, *self.loss.domain)

    def critic_claims(self) -> list[Claim]:
        self._definition_and_optimum()
        found = [
            self.claim("optimal_critic", self.critic),
            self.claim("not_unique", self.best.not_unique, like="optimal_critic"),
        ]
        self._say_discriminator()
        why_not = self._no_discriminator()
        found.append(self.claim("optimal_discriminator", self.discriminator, why_not=why_not))
        self._say_value()
        found.append(self.claim("critic_value", self.value))
        return [*found, self.claim("critic_divergence", self._critic_divergence())]

    def generator_claims(self) -> list[Claim]:
        g = self.generator_terms()
        infinite = "the optimal critic is infinite and the generator's loss with it"
        found = [self.claim("generator_value", self._generator_value(), why_not=infinite)]
        gradient = self.gradient_reading(g)
        second, why_not = gradient.second_derivative, gradient.why_not or ""
        found += [
            self.claim(ABOUT_GRADIENT, gradient.divergence, why_not=why_not),
            self.claim("generator_second_derivative", second, like=ABOUT_GRADIENT, why_not=why_not),
            self.claim("minimiser", self._equilibrium_reading(g)),
            self.claim("saturates", self._saturation(), why_not=_IMPLICIT),
        ]
        return found

    def claim(self, about: str, value: object, *, like: str = "", why_not: str = "") -> Claim:
        """With the steps since the last claim; evidence is the weakest of those about it, or about `like`."""
        steps = () if like else tuple(self.steps[self.claimed :])
        self.claimed = self.claimed if like else len(self.steps)
        known = weakest(step.check for step in self.steps if step.about == (like or about))
        if known and (like or about) in self.verdicts:
            known = replace(known, given=f"at {self.at_defaults}")
        return Claim(about, value, known, "pointwise", steps, why_not if value is None else "")

    def step(self, title: str, latex: str, check: Evidence, remark: str = "", about: str = "") -> None:
        self.steps.append(Step(title, latex, check, remark, about))

    # --- critic ----------------------------------------------------------------------------------

    def _definition_and_optimum(self) -> None:
        loss, best = self.loss, self.best
        objective = u * loss.real + loss.fake
        self.step(
            "The critic minimises, at every point x with u = p(x)/q(x),",
            rf"h(C; u) = {_tex(objective)}",
            DEFINITION,
        )
        smooth = not objective.has(sp.Abs, sp.Piecewise, sp.Max, sp.Min) and "relu" not in str(objective)
        if smooth:
            self.step(
                "Stationarity in C, the generator held fixed:",
                rf"\frac{{\partial h}}{{\partial C}} = {_tex(objective.diff(c))} = 0",
                PROVED,
            )
        self.critic = tidy(best.critic) if not best.implicit else best.critic
        residual = self._stationarity_check()
        remark = ""
        for ratio, (low, high) in best.not_unique:
            remark += (
                rf"At $u = {_tex(ratio)}$ the minimum is not unique: every $C$ from ${_tex(low)}$ to "
                rf"${_tex(high)}$ attains it. "
            )
        if any(b.kind == "end" and b.critic.is_infinite for b in best.branches):
            remark += "Where $C^*$ is infinite the infimum is approached but not attained. "
        if best.implicit:
            remark += "The stationary equation has no closed solution here; $C^*$ is evaluated by bisection. "
        shown = rf"C^*(u) = {_tex(self.critic)}"
        self.step("The optimal critic:", shown, residual, remark.strip(), "optimal_critic")
        self._second_order()

    def _say_discriminator(self) -> None:
        self.discriminator = self._discriminator()
        if self.discriminator is not None:
            self.step(
                "The same as a probability:",
                rf"D^*(x) = {_tex(self.discriminator)}",
                PROVED,
                about="optimal_discriminator",
            )

    def _no_discriminator(self) -> str:
        if self.loss.link is None:
            return "the loss has no link from outputs to probabilities"
        return _IMPLICIT

    def _stationarity_check(self) -> Evidence:
        """Whether sympy sees that the critic solves its own stationary equation."""
        for b in self.best.branches:
            if b.kind == "stationary":
                if self.best.implicit:
                    return CHECKED
                residual = (u * self.loss.real + self.loss.fake).diff(c).subs(c, b.critic)
                if len(self.best.branches) > 1 or sp.simplify(residual) != 0:
                    return CHECKED
        return PROVED

    def _discriminator(self) -> sp.Expr | None:
        link = self.loss.link
        if link is None or self.best.implicit:
            return None

        def probability(b: Branch) -> sp.Expr:
            value = limit(link, c, b.critic) if b.critic.is_infinite else link.subs(c, b.critic)
            return tidy(sp.factor(tidy(value).subs(u, p / q)))

        joined = self.best.join(probability)
        return joined.subs(u, p / q) if joined.has(sp.Piecewise) else joined

    def _second_order(self) -> None:
        for b in self.best.branches:
            if b.kind != "stationary" or b.curvature is None:
                continue
            curvature = b.curvature if self.best.implicit else tidy(b.curvature)
            positive = curvature.is_positive or tidy(curvature.subs(self.defaults)).is_positive
            if self.at_defaults and not curvature.is_positive:
                self.verdicts.add("optimal_critic")
            shown = "" if self.best.implicit else f" = {_tex(curvature)}"
            self.step(
                "Second-order condition, so that the stationary point is the minimum:",
                rf"\frac{{\partial^2 h}}{{\partial C^2}}\Big|_{{C^*}}{shown} > 0",
                PROVED if positive and not self.best.implicit else CHECKED,
                _span(b.low, b.high),
                "optimal_critic",
            )

    @cached_property
    def value(self) -> sp.Expr:
        """h(C*; u), the critic's objective at its optimum."""
        return self.best.join(lambda b: b.value if self.best.implicit else tidy(b.value))

    @cached_property
    def reduction(self) -> tuple[FDivergence, Evidence]:
        """The divergence that the critic measures, with how it is known."""
        at_one = self._at_one(lambda b: b.value)
        return self._named(-self.value, -at_one, offset=at_one)

    def _say_value(self) -> None:
        self.step(
            "Value of the critic's objective at its optimum:",
            rf"h(C^*; u) = {_tex(self.value)}",
            PROVED if not self.best.implicit else CHECKED,
            about="critic_value",
        )

    def _critic_divergence(self) -> FDivergence:
        divergence, check = self.reduction
        shown = divergence.scaled_latex
        remark = rf"with $f(u) = {_tex(divergence.f)}$, $f(1) = 0$."
        self.step(
            "The critic's loss at its optimum is a constant minus an f-divergence:",
            rf"\min_C L_D = {_tex(divergence.offset)} - {shown}",
            check,
            remark,
            "critic_divergence",
        )
        return divergence

    def _at_one(self, part: Callable) -> sp.Expr:
        """A part at u = 1, from the branch that holds 1 (the parts used here are continuous there)."""
        for b in self.best.branches:
            if _less(b.low, 1, self.defaults) and not _less(b.high, 1, self.defaults):
                value = part(b).subs(u, 1)
                return value if self.best.implicit else tidy(sp.expand_log(value))
        return tidy(sp.expand_log(part(self.best.branches[0]).subs(u, 1)))

    def _named(self, raw: sp.Expr, at_one: sp.Expr, offset: sp.Expr) -> tuple[FDivergence, Evidence]:
        """The f-divergence of a convex function up to affine terms, named where it is a known one."""
        f = raw - at_one
        if not self.best.implicit:
            found = recognise(f)
            if found is not None:
                named = found.divergence.scaled(found.scale, offset)
                return named, PROVED if found.proved else CHECKED
            f = _normalise(f)
        return FDivergence(f=f, offset=offset), PROVED if not self.best.implicit else CHECKED

    # --- generator -------------------------------------------------------------------------------

    def generator_terms(self) -> list[tuple[sp.Expr, sp.Expr, sp.Expr]]:
        """(low, high, gen(C*(u))) on every branch."""
        return [(b.low, b.high, b.gen if self.best.implicit else tidy(b.gen)) for b in self.best.branches]

    def _generator_value(self) -> GeneratorValue | None:
        self.value_f = None
        if any(b.gen.is_infinite or (b.gen_real * u).is_infinite for b in self.best.branches):
            self.step(
                "Value reading:",
                r"\mathbb{E}_{q}\left[\mathrm{gen}(C^*)\right] = \pm\infty",
                PROVED,
                "The optimal critic is infinite, and so is the generator's loss: it has no value.",
                "generator_value",
            )
            return None
        part = lambda b: b.gen + u * b.gen_real  # noqa: E731
        ties = {}
        for ratio, _ends in self.best.not_unique:
            middle = self.critic.subs(u, ratio)
            ties[ratio] = (self.loss.gen + ratio * self.loss.gen_real).subs(c, middle)
        raw = self.best.join(lambda b: part(b) if self.best.implicit else tidy(part(b)), ties)
        offset = sp.sympify(ties[1]) if 1 in ties else self._at_one(part)
        divergence, named = self._named(raw, offset, offset=offset)
        if divergence.f.free_symbols & set(self.defaults):
            self.verdicts.add("generator_value")
        counter = _counterexample(divergence.f.subs(self.defaults))
        verdict, how = _sign_of_second(divergence.f, self.defaults)
        convex = counter is None and verdict == "nonnegative"
        if named != PROVED or (counter is None and not convex):
            how = CHECKED  # a divergence that is not convex rests on the search for a counterexample
        value = GeneratorValue(divergence, offset, convex, counter, how, self.loss.outer)
        if not self.loss.outer.diff(mean).subs({mean: offset, **self.defaults}) > 0:
            raise ValueError(f"{self.loss.label}: outer must increase with the mean of gen")
        if counter is None:
            kind = "an f-divergence plus a constant"
            if self.loss.outer != mean:
                kind = f"an increasing function of {kind}"
            remark = "Least at p = q and only there" + (
                f", and f is convex: {kind}." if convex else ", though f is not convex."
            )
        else:
            remark = (
                rf"Not a divergence: with $p = ({_row(counter[0])})$ and $q = ({_row(counter[1])})$ "
                "the value is not above the one at p = q."
            )
        total = value.latex(r"\mathbb{E}_{q}\left[\mathrm{gen}(C^*)\right]")
        if self.loss.needs_real:
            total += r" + \mathbb{E}_{p}\left[\mathrm{gen}_{\mathrm{real}}(C^*)\right]"
        self.step(
            "Value reading: the generator's loss with the critic re-optimised for every q,",
            rf"{total} = {value.latex(f'{_tex(offset)} + {divergence.scaled_latex}')}",
            how,
            rf"with $f(u) = {_tex(divergence.f)}$. " + remark,
            "generator_value",
        )
        return value

    def gradient_reading(self, g: list) -> GradientReading:
        if any(value.is_infinite for _, _, value in g):
            why = "the optimal critic is infinite and the generator's loss with it, so there is no gradient"
            self.step("Gradient reading:", r"f_G''(u)\ \text{undefined}", PROVED, why, ABOUT_GRADIENT)
            return GradientReading(None, None, why, PROVED)
        smooth = self.best.join(lambda b: _second_derivative(b.gen, self.best.implicit))
        jumps = []
        for (_, end, left), (_, _, right) in itertools.pairwise(g):
            jump = _mirrored(tidy((right - left).subs(u, end)))
            if jump != 0:
                jumps.append((end, tidy(-jump / end)))
        second = smooth + sum(w * sp.DiracDelta(u - at) for at, w in jumps)
        verdict, how = sign_of(smooth, self.defaults)
        # f_G'' >= 0 says that gen(C*) falls with u, which settles the equilibrium reading too
        self.falls = PROVED if verdict in ("nonnegative", "zero") and how == PROVED else CHECKED
        bad = [(at, w) for at, w in jumps if w.subs(self.defaults) < 0]
        formula = rf"f_G''(u) = -\frac{{1}}{{u}}\frac{{d}}{{du}}\,\mathrm{{gen}}(C^*(u)) = {_tex(second)}"
        title = "Gradient reading: with the critic frozen the generator's step follows f_G with"
        if smooth.free_symbols - {u} and not smooth.is_nonnegative:
            title = f"Gradient reading, the verdict at {self.at_defaults}: the step follows f_G with"
            self.verdicts.add(ABOUT_GRADIENT)
        if bad or verdict == "negative somewhere":
            where = f"u = {bad[0][0]}" if bad else f"u = {mpmath.nstr(_witness(smooth, self.defaults), 4)}"
            why = f"f_G'' is negative at {where}, so the step follows no divergence"
            self.step(title, formula, how, why[0].upper() + why[1:] + ".", ABOUT_GRADIENT)
            return GradientReading(second, None, why, how)
        if verdict == "zero" and not jumps:
            why = "gen(C*) is constant: the generator gets no gradient"
            self.step(title, formula, how, why, ABOUT_GRADIENT)
            return GradientReading(second, None, why, how)
        divergence, named = self._envelope(jumps) or integrated(smooth, jumps)
        how = how if named == PROVED else CHECKED
        self.step(
            title,
            formula,
            how,
            rf"It is nonnegative: the step follows the divergence ${divergence.scaled_latex}$"
            + ("." if self.loss.outer == mean else rf", times the positive number ${self._rate()}$."),
            ABOUT_GRADIENT,
        )
        return GradientReading(second, divergence, None, how)

    def _rate(self) -> str:
        """LaTeX of outer' at the mean of gen, by which every step of the generator is multiplied."""
        inside = sp.Symbol(r"\mathbb{E}_{q}\left[\mathrm{gen}(C^*)\right]")
        return _tex(tidy(self.loss.outer.diff(mean)).subs(mean, inside))

    def _envelope(self, jumps: list) -> tuple[FDivergence, Evidence] | None:
        """f_D itself where the game is zero-sum: the step follows what the critic measures.

        With gen = -fake + const the envelope theorem gives f_G'' = fake'(C*) dC*/du / u = f_D'', as
        u real'(C*) + fake'(C*) = 0. With how the name of f_D is known.
        """
        zero_sum = tidy((self.loss.gen + self.loss.fake).diff(c)) == 0
        if not zero_sum or jumps or self.best.implicit or len(self.best.branches) > 1:
            return None
        divergence, named = self.reduction
        return replace(divergence, offset=sp.S.Zero), named

    def _equilibrium_reading(self, g: list) -> str:
        """Which q minimises the generator's loss while the critic stays frozen."""
        grid = _grid(self.best.implicit)
        if self.at_defaults:
            self.verdicts.add("minimiser")
        values = [_evaluator(_pick(g, x, self.defaults).subs(self.defaults))(x) for x in grid]
        if any(not mpmath.isfinite(v) for v in values):
            where = "the points where p/q is largest"
        elif max(values) - min(values) == 0:
            where = "any point, since gen(C*) is constant"
        elif values[-1] == min(values) and _descending(values):
            where = "the points where p/q is largest"
        elif values[0] == min(values) and _descending(values[::-1]):
            where = "the points where p/q is smallest"
        else:
            lowest = mpmath.nstr(grid[values.index(min(values))], 3)
            where = f"the points where p/q is near {lowest}"
        statement = f"a point mass on {where}{AT_EQUALITY}"
        linear = "linear" if self.loss.outer == mean else "an increasing function of one that is linear"
        self.step(
            f"Equilibrium reading: with the critic frozen the loss is {linear} in q, and its own minimiser "
            "is",
            r"\arg\min_q\ \mathbb{E}_{q}\left[\mathrm{gen}(C^*)\right] = "
            r"\left\{ q : q \text{ lives on } \arg\min_x\, \mathrm{gen}(C^*(x)) \right\}",
            self.falls,
            statement[0].upper() + statement[1:] + " is a minimiser.",
            "minimiser",
        )
        return statement

    def _saturation(self) -> Saturation | None:
        slopes = [b.gen_slope for b in self.best.branches]
        if self.best.implicit:
            return None
        slope = self.best.join(lambda b: tidy(_powers(b.gen_slope)))
        at_zero = self._end_of(tidy(slopes[0]), sp.S.Zero)
        at_infinity = self._end_of(tidy(slopes[-1]), sp.oo)
        try:
            leading = tidy(_powers(slopes[0])).as_leading_term(u)
        except (ValueError, NotImplementedError, TypeError, PoleError):
            leading = at_zero
        found = Saturation(slope, at_zero, at_infinity, leading)
        word = "saturates" if found else "does not saturate"
        self.step(
            "The generator's gradient with respect to the critic's output, at the optimal critic:",
            rf"\mathrm{{gen}}'(C^*(u)) = {_tex(slope)}, \qquad "
            rf"\lim_{{u \to 0}} = {_tex(at_zero)}, \quad \lim_{{u \to \infty}} = {_tex(at_infinity)}",
            PROVED,
            f"It {word} as u goes to 0, where the critic rejects the generator's samples.",
            "saturates",
        )
        return found

    def _end_of(self, slope: sp.Expr, to: sp.Expr) -> sp.Expr:
        """A limit in u; at the default parameters where it depends on their values."""
        if slope.has(sp.Abs):  # sympy's limits of |x|^k with a symbol in x are not to be relied on
            slope = tidy(slope.subs(self.defaults))
        try:
            return limit(slope, u, to)
        except NotImplementedError:
            return limit(tidy(slope.subs(self.defaults)), u, to)


def defaults_in(loss: GANLoss, *parts: sp.Expr) -> str:
    """The default values of the parameters that occur in some expressions, in words."""
    used = set().union(*(part.free_symbols for part in parts))
    return ", ".join(f"{x.keyword} = {x.default}" for x in loss.parameters if x.symbol in used)


# --- signs and integrals -------------------------------------------------------------------------


def integrated(smooth: sp.Expr, jumps: list) -> tuple[FDivergence, Evidence]:
    """f with the given second derivative, f(1) = 0 and f'(1) = 0 (half the jump at a kink).

    With how its name is known.
    """
    kinks = sum((w * sp.Abs(u - at) / 2 for at, w in jumps), start=sp.S.Zero)
    if smooth == 0:
        f = kinks
    else:
        closed = None
        if not smooth.has(ImplicitCritic, sp.Piecewise):
            closed = _of_a_power(smooth) or _twice_integrated(smooth)
        if closed is None:
            s = sp.Dummy("s", positive=True)
            closed = sp.Integral((u - s) * smooth.subs(u, s), (s, 1, u))
        f = closed + kinks
    if f.has(sp.Integral):
        return FDivergence(f=f), PROVED
    found = recognise(f - f.subs(u, 1))
    if found is not None:
        return found.divergence.scaled(found.scale), PROVED if found.proved else CHECKED
    return FDivergence(f=_normalise(f - f.subs(u, 1))), PROVED


def _mirrored(constant: sp.Expr) -> sp.Expr:
    """softplus(-x) = softplus(x) - x at positive numbers x, so that differences of the two cancel."""
    return constant.replace(
        lambda e: isinstance(e, softplus) and e.args[0].is_negative,
        lambda e: softplus(-e.args[0]) + e.args[0],
    )


def _second_derivative(gen: sp.Expr, implicit: bool) -> sp.Expr:
    derivative = -gen.diff(u) / u
    return derivative if implicit else sp.factor(tidy(_powers(derivative)))


def _powers(expr: sp.Expr) -> sp.Expr:
    """e^(k log x) written as x^k, where k is a symbol (numbers do so by themselves)."""
    return expr.replace(lambda e: isinstance(e, sp.exp) and e.has(sp.log), lambda e: e.rewrite(sp.Pow))


def _grid(implicit: bool = False) -> list[mpmath.mpf]:
    """Ratios from 1e-6 to 1e6, ten to a decade; two where each costs a root."""
    stride = 5 if implicit else 1
    return [mpmath.mpf(10) ** (mpmath.mpf(i) / 10) for i in range(-60, 61, stride)]


def sign_of(expr: sp.Expr, defaults: dict) -> tuple[str, Evidence]:
    """ "nonnegative", "zero" or "negative somewhere" on u > 0, and how it is known."""
    if expr == 0:
        return "zero", PROVED
    if expr.is_nonnegative:
        return "nonnegative", PROVED
    witness = _witness(expr, defaults)
    if witness is not None:
        return "negative somewhere", PROVED
    numeric = sp.together(expr.subs(defaults))
    if numeric.is_nonnegative:
        return "nonnegative", PROVED
    top, bottom = sp.fraction(numeric)
    if top.is_polynomial(u) and bottom.is_positive and sp.Poly(top, u).count_roots(0, sp.oo) == 0:
        return "nonnegative", PROVED
    return "nonnegative", CHECKED


def _sign_of_second(f: sp.Expr, defaults: dict) -> tuple[str, Evidence]:
    """Sign of f'' where f is smooth; convexity at kinks is decided by the counterexample search."""
    if f.has(sp.Abs, sp.Piecewise):
        return ("nonnegative" if _midpoint_convex(f.subs(defaults)) else "negative somewhere"), CHECKED
    second = f.diff(u, 2)
    return sign_of(second if f.has(ImplicitCritic) else tidy(second), defaults)


def _midpoint_convex(f: sp.Expr) -> bool:
    value = to_mpmath(f, (u,))
    grid = _grid()
    triples = zip(grid[:-2], grid[1:-1], grid[2:], strict=True)
    for a, b, d in triples:
        chord = ((d - b) * value(a) + (b - a) * value(d)) / (d - a)
        if value(b) > chord + mpmath.mpf(10) ** -25 * (1 + abs(chord)):
            return False
    return True


def _witness(expr: sp.Expr, defaults: dict) -> mpmath.mpf | None:
    """A ratio u on the grid at which the expression is negative; 1/2 and 2 are tried first."""
    value = _evaluator(expr.subs(defaults))
    for x in [mpmath.mpf(1) / 2, mpmath.mpf(2), *_grid(expr.has(ImplicitCritic))]:
        if value(x) < -(mpmath.mpf(10) ** -25):
            return x
    return None


def _evaluator(expr: sp.Expr) -> Callable:
    if expr.has(ImplicitCritic):
        return lambda x: mpmath.mpf(str(expr.subs(u, sp.Float(x, 40)).evalf(30)))
    return to_mpmath(expr, (u,))


def _counterexample(f: sp.Expr) -> tuple | None:
    """Two-point (p, q), p != q, with D_f(p || q) <= 0, or None: a search over pairs of ratios.

    A supporting line of f at 1 exists exactly if no two-point pair goes below 0.
    """
    value = _evaluator(f)
    ratios = [sp.Rational(k, 8) for k in (1, 2, 4, 6, 7)]
    values = {r: value(mpmath.mpf(r.p) / r.q) for r in (*ratios, *(1 / r for r in ratios))}
    for low in ratios:
        for high in [1 / r for r in ratios]:
            weight = (high - 1) / (high - low)
            total = mpmath.mpf(weight.p) / weight.q * values[low]
            total += (1 - mpmath.mpf(weight.p) / weight.q) * values[high]
            if total < mpmath.mpf(10) ** -25:
                q_pair = (weight, 1 - weight)
                return (weight * low, (1 - weight) * high), q_pair
    return None


def _normalise(f: sp.Expr) -> sp.Expr:
    """Remove the multiple of u - 1 that makes f'(1) = 0, which no divergence sees."""
    if f.has(sp.Piecewise, sp.Abs, ImplicitCritic):
        return f
    slope = tidy(f.diff(u).subs(u, 1))
    return tidy(f - slope * (u - 1)) if slope.is_finite else tidy(f)


def _of_a_power(second: sp.Expr) -> sp.Expr | None:
    """f of the alpha family where its second derivative is k u^n, 2 n no integer; None elsewhere."""
    weight, power = second.as_independent(u, as_Add=False)
    base, exponent = power.as_base_exp()
    if base != u or (2 * exponent).is_integer:
        return None
    return weight * divergences["alpha"](exponent + 2).f


def _twice_integrated(second: sp.Expr) -> sp.Expr | None:
    """Double antiderivative with value and slope 0 at u = 1; None where no closed form is found."""
    if not _integrable(second):
        return None
    parts = _by_parameters(second)
    if parts is None:
        return None
    total = sp.S.Zero
    for weight, part in parts:
        moments = [_antiderivative(part), _antiderivative(u * part)]
        if any(moment.has(sp.Integral) for moment in moments):
            return None
        zeroth, first = (moment - moment.subs(u, 1) for moment in moments)
        total += weight * (u * zeroth - first)  # the integral of (u - s) f''(s) from 1 to u
    return tidy(total)


def _antiderivative(g: sp.Expr) -> sp.Expr:
    return sp.integrate(sp.apart(g, u) if g.is_rational_function(u) else sp.expand(g), u)


def _by_parameters(expr: sp.Expr) -> list[tuple[sp.Expr, sp.Expr]] | None:
    """(monomial in the parameters, function of u alone), which sum to the expression, or None."""
    parameters = sorted(expr.free_symbols - {u}, key=str)
    top, bottom = sp.fraction(sp.together(expr))
    if not parameters:
        return [(sp.S.One, expr)]
    if bottom.has(*parameters) or not top.is_polynomial(*parameters):
        return None  # partial fractions with symbols in the denominator do not end in useful time
    terms = sp.Poly(top, *parameters).terms()
    return [(sp.prod(x**k for x, k in zip(parameters, ks, strict=True)), w / bottom) for ks, w in terms]


def _integrable(expr: sp.Expr) -> bool:
    """Rational in the root of u, perhaps times logarithms: what sympy integrates quickly."""
    root = sp.Symbol("r", positive=True)
    bare = expr.replace(sp.log, lambda _: sp.S.One).subs(u, root**2)
    return bare.is_rational_function(root)


def _pick(g: list, x: mpmath.mpf, defaults: dict) -> sp.Expr:
    for _, high, value in g:
        if not _less(high, sp.Float(x, 30), defaults):
            return value
    return g[-1][2]


def _descending(values: list) -> bool:
    return all(a >= b for a, b in itertools.pairwise(values))


def _less(a: object, b: object, defaults: dict) -> bool:
    return bool(sp.sympify(a).subs(defaults) < sp.sympify(b).subs(defaults))


# --- LaTeX ---------------------------------------------------------------------------------------


def _tex(expr: object) -> str:
    return to_latex(sp.sympify(expr))


def _row(values: tuple) -> str:
    return ", ".join(_tex(value) for value in values)


def _span(low: sp.Expr, high: sp.Expr) -> str:
    return "" if (low, high) == (0, sp.oo) else rf"for ${_tex(low)} < u < {_tex(high)}$"
