"""Theory of relativistic losses, to become rules."""


def symmetrised(base: GANLoss) -> GANLoss:
    """The only part of a loss that pairing sees: real(C) and fake(-C), averaged.

    As C(x) - C(y) changes sign with the roles, both terms of a paired loss are functions of the same
    difference. A loss with real(C) = fake(-C) is returned as it is.
    """
    mirrored = base.fake.subs(c, -c)
    if sp.expand(base.real - mirrored) == 0:
        return base
    term = sp.expand((base.real + mirrored) / 2)
    return base.replace(
        real=term, fake=term.subs(c, -c), gen=-term.subs(c, -c), gen_real=sp.S.Zero, link=None
    )


# --- what follows --------------------------------------------------------------------------------


@dataclass(frozen=True)
class RelativisticDerivation:
    r"""What follows from a relativistic loss at its optimal critic; displays itself as numbered steps.

    constant: L_D of a critic that is the same everywhere. is_divergence: whether constant - min L_D is
    >= 0, and 0 only for p = q, None where the theorem's hypotheses are not met. pair_divergence: for
    kind "paired", min L_D >= pair_divergence.offset - D_f between :math:`p \otimes q` and
    :math:`q \otimes p`, for all p, q an equality where `separable`. optimal_critic: one of the optimal
    critics, which differ by constants, in u = p/q and, for least squares, `delta`, the Le Cam divergence
    of p and q; None where no closed form is known, and why_not says why. least: min L_D in `delta`, for
    least squares.
    """

    loss: RelativisticLoss
    constant: sp.Expr
    is_divergence: bool | None
    pair_divergence: FDivergence | None
    separable: bool
    optimal_critic: sp.Expr | None
    least: sp.Expr | None
    why_not: str | None
    steps: tuple[Step, ...] = field(repr=False)

    def outputs(self, p: Any, q: Any) -> np.ndarray | None:
        """The optimal critic (K,) on positive probability vectors p, q, or None where it is not known."""
        if self.optimal_critic is None:
            return None
        p, q = probabilities(p, q)
        return np.asarray(to_numpy(self._at(self.optimal_critic, p, q), (u,))(p / q))

    def bound(self, p: Any, q: Any) -> float | None:
        """min L_D on probability vectors p, q; where not `separable` only a lower bound of it.

        None where neither is known, as for averaged losses other than least squares.
        """
        p, q = probabilities(p, q)
        if self.least is not None:
            return float(self._at(self.least, p, q))
        if self.pair_divergence is None:
            return None
        return float(self.pair_divergence.offset) - self.pair_divergence(*pairs(p, q))

    def _at(self, expr: sp.Expr, p: np.ndarray, q: np.ndarray) -> sp.Expr:
        return expr.subs(delta, sp.Float(divergences["le-cam"](p, q), 17))

    def _repr_markdown_(self) -> str:
        return steps_markdown(self.loss.title, self.steps)


def pairs(p: Any, q: Any) -> tuple[np.ndarray, np.ndarray]:
    r"""The probability vectors :math:`p \otimes q` and :math:`q \otimes p`, each (K^2,)."""
    return np.outer(p, q).ravel(), np.outer(q, p).ravel()


@lru_cache(maxsize=128)
def _derivation(loss: RelativisticLoss) -> RelativisticDerivation:
    fixed = loss.at_defaults()
    constant = tidy(((fixed.base.real + fixed.base.fake) / 2).subs(c, 0))
    steps = [Step("Critic and generator minimise", loss.latex(), DEFINITION)]
    is_divergence, how = _hypotheses(fixed.base)
    if is_divergence:
        steps.append(
            Step(
                "The base is convex, and its slopes at 0 differ, so that the critic measures a divergence:",
                rf"{_tex(constant)} - \min_C L_D \ge 0, \quad = 0 \text{{ only for }} p = q",
                how,
                about="is_divergence",
            )
        )
    pair_divergence = separable = scale = None
    if loss.kind == "paired":
        pair_divergence, scale, lifting = _lifted(fixed.base)
        separable = scale is not None
        steps += lifting
    if separable and is_divergence is None:
        # D_f = 0 only where the pairs agree, and so p and q, unless f = 0 (where k = 0)
        is_divergence = scale != 0
    squares = _least_squares(fixed)
    critic = None if not separable else scale * sp.log(u)
    why_not = None
    if squares is not None:
        critic, least = squares
        steps.append(
            Step(
                r"Least squares: the gradient vanishes at a multiple of (p − q)/(p + q), with Δ = Δ(p, q)",
                rf"C^*(x) = {_tex(critic.subs(u, p / q).factor())} + \text{{const}}, \qquad "
                rf"\min_C L_D = {_tex(least)}",
                PROVED,
                about="optimal_critic",
            )
        )
    elif critic is None:
        why_not = _why_not(loss.kind)
        remark = f"{why_not[0].upper()}{why_not[1:]}."
        steps.append(Step("The optimal critic:", r"C^*\ \text{by search only}", _OPEN, remark))
    return RelativisticDerivation(
        loss=loss,
        constant=constant,
        is_divergence=is_divergence,
        pair_divergence=pair_divergence,
        separable=bool(separable),
        optimal_critic=critic,
        least=None if squares is None else squares[1],
        why_not=why_not,
        steps=tuple(steps),
    )


def _why_not(kind: str) -> str:
    if kind == "paired":
        return (
            "the optimum over all functions of a pair is no difference C(x) - C(y), so the pairs' divergence "
            "only bounds the optimum, for which no closed form is known"
        )
    return "no closed form is known: the means tie the outputs at all points together"


def _hypotheses(base: GANLoss) -> tuple[bool | None, str]:
    """Whether real and fake are convex with different slopes at 0, and how that is known."""
    slopes = [_slope_at_zero(term) for term in (base.real, base.fake)]
    convex = [_convex(term) for term in (base.real, base.fake)]
    if None in slopes or None in convex or slopes[0] == slopes[1]:
        return None, _GRID
    return True, _HAND if set(convex) == {PROVED} else _GRID


def _slope_at_zero(term: sp.Expr) -> sp.Expr | None:
    """The derivative at 0, or None at a kink."""
    sides = [sp.limit((term - term.subs(c, 0)) / c, c, 0, side) for side in "+-"] if _kinked(term) else []
    if sides:
        return sides[0] if sides[0] == sides[1] else None
    return tidy(term.diff(c).subs(c, 0))


def _kinked(term: sp.Expr) -> bool:
    return any(
        type(f).__name__ in ("relu", "Abs", "Max", "Min", "Piecewise") for f in term.atoms(sp.Function)
    )


def _convex(term: sp.Expr) -> str | None:
    """PROVED or CHECKED (on a grid) where a term is convex, else None."""
    if not _kinked(term) and term.diff(c, 2).is_nonnegative:
        return PROVED
    at = np.linspace(-12, 12, 961)
    values = to_numpy(term)(at)
    second = values[2:] - 2 * values[1:-1] + values[:-2]
    return CHECKED if (second >= -1e-10 * (1 + np.abs(values[1:-1]))).all() else None


def _lifted(base: GANLoss) -> tuple[FDivergence | None, sp.Expr | None, list[Step]]:
    """Divergence of the pairs, k where the pairs' optimal critic is k log U (else None), and the steps."""
    try:
        found = derive(symmetrised(base))
    except NoOptimalCritic:
        return None, None, []
    divergence = found.critic_divergence.scaled(_half, found.critic_divergence.offset / 2)
    best = found.optimal_critic
    scale = _scale_of_log(best)
    ratio = sp.Symbol("U", positive=True)
    shown = r"\text{implicit}" if best.has(ImplicitCritic) else _tex(best.subs(u, ratio))
    relation, remark = r"\ge", ""
    if scale is not None:
        relation = "="
        remark = f"It is the difference $C^*(x) - C^*(y)$ of $C^* = {_tex(scale * sp.log(u))}$."
    steps = [
        Step(
            "Over all functions T of a pair the minimum is that of the pointwise loss between pairs:",
            rf"T^*(U) = {shown}, \qquad U = \frac{{p(x)\,q(y)}}{{q(x)\,p(y)}} = \frac{{u(x)}}{{u(y)}}",
            found.check("optimal_critic") or CHECKED,
            remark,
            "separable",
        ),
        Step(
            "Critics of the form C(x) − C(y) are some of these, so",
            rf"\min_C L_D {relation} {_tex(divergence.offset)} - {_of_pairs(divergence)}",
            found.check("critic_divergence") or CHECKED,
            "" if divergence.name else rf"with $f(u) = {_tex(divergence.f)}$.",
            "pair_divergence",
        ),
    ]
    return divergence, scale, steps


def _scale_of_log(best: sp.Expr) -> sp.Expr | None:
    """k where the expression is k log u, else None: only then does it turn quotients into differences."""
    if best.has(ImplicitCritic, sp.Piecewise):
        return None
    scale = tidy(u * best.diff(u))
    return scale if not scale.has(u) and tidy(best - scale * sp.log(u)) == 0 else None


def _of_pairs(divergence: FDivergence) -> str:
    lifted = r"p \otimes q{}q \otimes p"
    text = divergence.scaled_latex.replace("(p, q)", f"({lifted.format(', ')})")
    for bar in (r"\,\|\,", r"\|"):
        text = text.replace(f"(p{bar}q)", f"({lifted.format(bar)})").replace(
            f"(q{bar}p)", f"({lifted.format(bar)})"
        )
    return text


def _least_squares(loss: RelativisticLoss) -> tuple[sp.Expr, sp.Expr] | None:
    """(optimal critic in u and `delta`, min L_D in `delta`) where both terms are squares; None otherwise.

    The critic is beta (p - q)/(p + q), whose means are beta Delta/2 and -beta Delta/2 and whose second
    moments under p and q add up to beta^2 Delta; beta makes the functional derivative vanish everywhere.
    """
    if loss.kind == "paired":
        loss = replace(loss, base=symmetrised(loss.base))
    terms = loss.base.real, loss.base.fake
    if any(not t.is_polynomial(c) or sp.degree(t, c) != 2 for t in terms) or not all(map(_convex, terms)):
        return None
    beta, moment = sp.symbols("beta moment", real=True)
    residual = sp.together(_functional_derivative(loss, beta)).as_numer_denom()[0]
    solutions = sp.solve(sp.Poly(residual, p, q).coeffs(), beta, dict=True)
    if len(solutions) != 1 or beta not in solutions[0]:
        return None
    found = sp.factor(solutions[0][beta])
    value = tidy(_value(loss, beta, moment).subs(beta, found))
    if value.has(moment):
        return None
    return found * (u - 1) / (u + 1), sp.factor(value)


def _functional_derivative(loss: RelativisticLoss, beta: sp.Expr) -> sp.Expr:
    """Twice the derivative of L_D in the critic's value at a point, at beta (p - q)/(p + q)."""
    real, fake = loss.base.real.diff(c), loss.base.fake.diff(c)
    at, of_p, of_q = beta * (p - q) / (p + q), beta * delta / 2, -beta * delta / 2
    if loss.kind == "paired":
        own = p * real.subs(c, at - of_q) + q * fake.subs(c, at - of_p)
        return own - q * real.subs(c, of_p - at) - p * fake.subs(c, of_q - at)
    if loss.kind == "average":
        own = p * real.subs(c, at - of_q) + q * fake.subs(c, at - of_p)
        return own - q * real.subs(c, of_p - of_q) - p * fake.subs(c, of_q - of_p)
    # the midpoint of the means is 0
    own = p * real.subs(c, at) + q * fake.subs(c, at)
    return own - (p + q) / 2 * (real.subs(c, of_p) + fake.subs(c, of_q))


def _value(loss: RelativisticLoss, beta: sp.Expr, moment: sp.Expr) -> sp.Expr:
    """L_D at beta (p - q)/(p + q); moment stands for its second moment under p."""
    of_p, of_q = beta * delta / 2, -beta * delta / 2
    second = {"p": moment, "q": beta**2 * delta - moment}
    against = {"paired": (of_q, of_p), "average": (of_q, of_p), "centred": (sp.S.Zero, sp.S.Zero)}[loss.kind]
    total = sp.S.Zero
    for term, own, mean, other in zip(
        (loss.base.real, loss.base.fake), "pq", (of_p, of_q), against, strict=True
    ):
        two, one, zero = sp.Poly(term, c).all_coeffs()
        square = second[own] - 2 * mean * other + other**2
        if loss.kind == "paired":  # the other output varies too
            square += second["q" if own == "p" else "p"] - other**2
        total += two * square + one * (mean - other) + zero
    return total / 2


# --- LaTeX ---------------------------------------------------------------------------------------


def _tex(expr: Any) -> str:
    return to_latex(sp.sympify(expr))


def _turned(expr: sp.Expr, first: sp.Symbol, second: sp.Symbol) -> str:
    """LaTeX with first - second and second - first, not -first + second."""
    text = to_latex(expr)
    return text.replace(f"- {first} + {second}", f"{second} - {first}")
