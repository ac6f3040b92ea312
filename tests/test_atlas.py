"""The atlas repeats what derivations say, with their own evidence, and keeps every loss's row."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import pairwise

import pytest
import sympy as sp
import yaml

import ganmath as gm
from ganmath.theory import atlas as module
from ganmath.theory import derive as derivations
from ganmath.theory import pointwise
from ganmath.theory.atlas import COLUMNS, row
from ganmath.theory.claims import CHECKED, PROVED, Evidence, weakest
from ganmath.theory.derive import derive, gradient_claims, gradient_reading
from ganmath.theory.pairs import pair, pair_matrix
from ganmath.theory.rules import W1
from ganmath.theory.structure import structure

from .conftest import OF_SINGLE_SAMPLES, ROOT

c = gm.c
HINGE = gm.GANLoss("hinge", real=gm.relu(1 - c), fake=gm.relu(1 + c), gen=-c)
QUARTIC = gm.GANLoss("quartic", real=(c - 1) ** 4, fake=(c + 1) ** 4 + gm.softplus(c), gen=-c)
WITHOUT_BOUND = gm.GANLoss("linear", real=-c, fake=c, gen=-c)


@pytest.fixture(scope="module")
def whole() -> module.Atlas:
    return gm.atlas()


def test_every_loss_of_the_catalogue_has_a_full_row(whole):
    assert [r.name for r in whole] == list(gm.losses)
    for r in whole:
        assert not r.trouble
        single = structure(r.loss.critic).pointwise is not None and r.loss.constraint != gm.Lipschitz()
        assert r.evidence in ({"proved", "checked"} if single else {"proved", "argued", "stated"})
        for name in COLUMNS:
            entry = getattr(r, name)
            assert entry.markdown, (r.name, name)
            # all is known of losses of single samples; of others an entry says why it is not
            known = entry.value is not None and entry.evidence
            assert known or not single, (r.name, name)


def test_rows_of_losses_that_compare_samples_or_bound_slopes(whole):
    paired, average, wgan = (whole[x] for x in ("relativistic-paired", "relativistic-average", "wgan"))
    assert paired.optimal_critic.value == sp.log(gm.u) and paired.optimal_critic.evidence == "proved"
    assert r"\mathrm{JS}(p \otimes q, q \otimes p)" in paired.critic_divergence.formula
    assert average.optimal_critic.value is None and average.optimal_critic.evidence == ""
    assert "no closed form" in average.optimal_critic.verdict
    assert average.critic_divergence.value is True and average.critic_divergence.evidence == "argued"
    assert wgan.gradient_reading.value == W1 and wgan.gradient_reading.evidence == "stated"
    penalised = whole["wgan-gp"].optimal_critic, whole["nonsaturating-r1"].optimal_critic
    assert all("without its penalties" in entry.verdict for entry in penalised)


def test_chapters_and_references_of_the_rows_exist(whole):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    chapters = {c["file"] for part in toc["parts"] for c in part["chapters"]}
    bibliography = (ROOT / "book" / "references.bib").read_text()
    for r in whole:
        assert not r.chapter or f"book/{r.chapter}" in chapters
        assert bool(r.year) == bool(r.citation)
        assert all(f"{{{key}," in bibliography for key in filter(None, r.citation.split(",")))
    assert whole["minimax"].chapter == "minimax"


def test_minimax(whole):
    r, u = whole["minimax"], gm.u
    assert r.optimal_critic.value == sp.log(u)
    assert sp.simplify(r.optimal_discriminator.value - gm.p / (gm.p + gm.q)) == 0
    assert (r.critic_divergence.value.name, r.critic_divergence.value.scale) == ("Jensen-Shannon", 2)
    assert r.at_equilibrium.value == 2 * sp.log(2)
    assert (r.gradient_reading.value.name, r.gradient_reading.value.scale) == ("Jensen-Shannon", 2)
    # E_q log(1 - D*) = KL(q || m) - log 2
    value = r.value_reading.value
    difference = sp.diff(value.f - sp.log(2 / (1 + u)), u, 2)
    assert value.offset == -sp.log(2) and sp.simplify(difference) == 0
    assert r.saturation.value and r.saturation.verdict == "saturates"
    assert "largest" in r.equilibrium_reading.value
    assert {getattr(r, name).evidence for name in COLUMNS} == {"proved"} == {r.evidence}


def test_nonsaturating_follows_twice_kl_from_the_mixture_to_the_data(whole):
    r = whole["nonsaturating"]
    assert r.gradient_reading.value.latex == r"2\,\mathrm{KL}(m\,\|\,p)"
    assert r.gradient_reading.value.scale == 1
    assert not r.saturation.value


def test_parameters_stand_at_their_defaults_and_formulas_in_general_beside_them(whole):
    r = whole["lsgan"]
    assert not r.loss.parameters
    assert r.critic_divergence.value.scale == sp.Rational(1, 8)
    assert r.critic_divergence.general == r"$\frac{\left(a - b\right)^{2}}{8}\,\Delta(p, q)$ (Le Cam)"
    # for other labels than the defaults the step may follow no divergence: no verdict in general
    assert "follows" in r.gradient_reading.markdown and "follows" not in r.gradient_reading.general


def test_atlas_shows_a_markdown_table_whose_formulas_do_not_break_it(whole):
    lines = whole._repr_markdown_().splitlines()
    assert len(lines) == 2 + len(gm.losses)
    assert {line.count("|") for line in lines} == {len(COLUMNS) + 2}
    with pytest.raises(KeyError, match="nonsaturating"):
        whole["nonsaturing"]


# --- evidence comes from the derivation's steps ----------------------------------------------------


def test_what_is_known_numerically_only_is_not_called_proved():
    r = row(QUARTIC)
    assert r.optimal_critic.evidence == r.critic_divergence.evidence == r.evidence == "checked"
    assert "no closed form" in r.optimal_critic.formula
    assert "no closed form" in r.saturation.markdown and r.saturation.evidence == ""


def test_evidence_is_the_weakest_of_the_steps_about_an_entry(monkeypatch):
    d = derive(gm.losses["minimax"])

    def weaken(evidence: Evidence, about: str) -> str:
        claims = d.claims | {about: replace(d.claims[about], evidence=evidence)}
        monkeypatch.setattr(module, "derive", lambda loss: replace(d, claims=claims))
        return getattr(row(gm.losses["minimax"]), about).evidence

    assert weaken(PROVED, "optimal_critic") == "proved"
    assert weaken(CHECKED, "optimal_critic") == "checked"
    assert weaken(Evidence("argued", "by hand in the chapter"), "optimal_critic") == "argued"
    assert weaken(CHECKED, "critic_divergence") == "checked"
    for claim in d.claims.values():
        settled = [step.check for step in d.steps if step.about == claim.about]
        assert not settled or weakest(settled) == claim.evidence


def test_name_found_by_numbers_alone_is_not_called_proved(monkeypatch):
    """A divergence recognised at its probes, without sympy's proof, weakens every reading that uses it."""
    honest = pointwise.recognise
    monkeypatch.setattr(
        pointwise,
        "recognise",
        lambda f: None if (found := honest(f)) is None else replace(found, proved=False),
    )
    loss = replace(gm.losses["minimax"], name="minimax, names unproved")
    r = row(loss)
    assert (
        r.critic_divergence.evidence == r.gradient_reading.evidence == r.at_equilibrium.evidence == "checked"
    )
    assert r.optimal_critic.evidence == "proved"


def test_loss_with_the_wrong_sign_is_refuted_not_proved():
    wrong = gm.GANLoss("sign", real=-gm.softplus(-c), fake=-gm.softplus(c), gen=gm.softplus(-c))
    r = row(wrong)
    assert r.trouble.startswith("no optimal critic:") and r.evidence == ""
    assert all(entry.value is None and not entry.evidence for entry in r.entries.values())


def test_loss_without_a_minimum_keeps_its_row_and_says_why():
    table = gm.atlas([WITHOUT_BOUND, gm.losses["minimax"]])
    assert "falls without bound" in table["linear"].trouble
    assert table["minimax"].evidence == "proved"
    assert "falls without bound" in table._repr_markdown_()


def test_unforeseen_failure_of_one_loss_leaves_the_others(monkeypatch):
    def failing(loss: gm.GANLoss) -> derivations.Derivation:
        if loss.name == "hinge":
            raise NotImplementedError("no such integral")
        return derive(loss)

    monkeypatch.setattr(module, "derive", failing)
    table = gm.atlas([HINGE, gm.losses["minimax"]])
    assert table["hinge"].trouble == "not derived: NotImplementedError: no such integral"
    assert table["minimax"].evidence == "proved"


# --- pairs ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def matrix():
    return pair_matrix([gm.losses["minimax"], gm.losses["nonsaturating"], gm.losses["lsgan"], HINGE])


def test_losses_that_the_gradient_reading_cannot_tell_apart_share_a_line(matrix):
    assert matrix.critics == (("minimax", "nonsaturating"), ("lsgan",), ("hinge",))
    assert matrix.generators == (("minimax",), ("nonsaturating",), ("lsgan",), ("hinge",))
    assert matrix["minimax", "hinge"] is matrix["nonsaturating", "hinge"]
    with pytest.raises(KeyError, match="wgan"):
        matrix["wgan", "hinge"]
    # C* = log u for the f-GAN form too, and a constant in the generator's loss has no gradient
    again = pair_matrix([gm.losses["nonsaturating"], gm.losses["fgan-js"]])
    assert again.critics == again.generators == (("nonsaturating", "fgan-js"),)


def test_a_loss_own_pair_agrees_with_its_derivation(matrix):
    for name in ("minimax", "nonsaturating", "lsgan"):
        d = derive(gm.losses[name].at_defaults())
        cell = matrix[name, name]
        assert cell.second_derivative == d.generator_second_derivative
        assert cell.divergence.f == d.generator_divergence.f
        assert cell.evidence == "proved"


def test_pairs_of_different_losses(matrix):
    # C* = log u and gen = -C: f_G'' = 1/u^2, the reverse Kullback-Leibler divergence
    assert matrix["minimax", "hinge"].divergence.name == "reverse Kullback-Leibler"
    # gen = (C - 1)^2/2 turns round at C = 1, that is u = e: f_G'' = (1 - log u)/u^2
    cell = matrix["minimax", "lsgan"]
    assert cell.verdict == "none" and cell.divergence is None and "negative at u" in cell.why
    assert sp.simplify(cell.second_derivative - (1 - sp.log(gm.u)) / gm.u**2) == 0
    # gen jumps by softplus(1) - softplus(-1) = 1
    assert matrix["hinge", "nonsaturating"].markdown == r"decreases $\mathrm{TV}(p, q)$"
    # a sign critic sees nothing but which density is larger
    assert {matrix["hinge", g].divergence.name for g in ("lsgan", "hinge")} == {"total variation"}


def test_generator_that_walks_away_is_told_from_one_that_follows_nothing():
    backwards = gm.GANLoss("backwards", real=gm.softplus(-c), fake=gm.softplus(c), gen=gm.softplus(c))
    cell = pair(backwards, backwards)
    assert cell.verdict == "opposed" and cell.markdown == r"increases $2\,\mathrm{JS}(p, q)$"
    still = pair(backwards, replace(backwards, gen=sp.S.One))
    assert still.verdict == "constant"


def test_pair_that_cannot_be_derived_says_why():
    cell = pair(WITHOUT_BOUND, HINGE)
    assert cell.verdict == "unknown" and "falls without bound" in cell.why and cell.evidence == ""


def test_gradient_reading_alone_equals_the_whole_derivation():
    for loss in (HINGE, gm.losses["nonsaturating"]):
        alone, d = gradient_reading(loss), derive(loss)
        assert alone.second_derivative == d.generator_second_derivative
        assert alone.divergence.f == d.generator_divergence.f
        assert alone.check == d.check("generator_divergence")
    for loss in (gm.losses["relativistic-paired"], gm.losses["wgan"], gm.losses["softmax-batch"]):
        alone, d = gradient_claims(loss), derive(loss)
        for about in ("generator_divergence", "generator_second_derivative", "generator_sign"):
            assert alone[about].value == getattr(d, about), about


def test_matrix_shows_a_markdown_table(matrix):
    lines = matrix._repr_markdown_().splitlines()
    assert {line.count("|") for line in lines} == {len(matrix.generators) + 2}


# --- what is recorded for the book's build ---------------------------------------------------------


@pytest.fixture(scope="module")
def data():
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    import atlas_data

    yield atlas_data
    sys.path.remove(str(ROOT / "book" / "_ext"))


def test_recorded_rows_are_what_is_derived_now(data, whole):
    """After a change of the theory: python tools/write_atlas.py."""
    recorded = data.rows(list(gm.losses.values()), data.Derived())
    for loss, found in zip(gm.losses.values(), recorded, strict=True):
        assert found == data.row(loss), f"{loss.name}: run tools/write_atlas.py"


def test_recorded_verdicts_are_those_of_the_slopes(data):
    """f_G'' = -gen'(C*) C*' / u, evaluated without derive's reading of it, has the sign of the verdict."""
    record = data.matrix(list(gm.losses.values()), data.Derived())
    ratios = [sp.Rational(k, 10) ** 3 for k in (2, 5, 8, 9, 11, 12, 15, 25, 40)]
    for names, line in zip(record["critics"], record["cells"], strict=True):
        critic = derive(gm.losses[names[0]].at_defaults()).optimal_critic
        for heads, cell in zip(record["generators"], line, strict=True):
            generator = gm.losses[heads[0]].at_defaults()
            single = generator.is_pointwise and names[0] in OF_SINGLE_SAMPLES
            if not single and (cell["verdict"] == "unknown" or not generator.is_pointwise):
                assert cell["why"] or cell["verdict"] in ("divergence", "opposed"), (names[0], heads[0])
                continue
            if critic is None:  # a bounded slope: what is linear follows the distance
                assert cell["verdict"] == ("divergence" if generator.gen == -c else "unknown")
                continue
            # gen(C*) at rising ratios: it falls where the step follows a divergence
            values = [generator.gen.subs(c, critic.subs(gm.u, x)).evalf(30) for x in ratios]
            rises = [bool(b > a) for a, b in pairwise(values) if abs(b - a) > 1e-20]
            verdict = "constant" if not rises else "none" if len(set(rises)) > 1 else "opposed"
            verdict = "divergence" if verdict == "opposed" and not rises[0] else verdict
            assert cell["verdict"] == verdict, (names[0], heads[0])
