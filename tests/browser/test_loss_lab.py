"""The loss lab: its networks against torch, its divergences against ganmath, its page by keyboard."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page
from torch import nn

import ganmath as gm
from ganmath.networks import MLP

from .conftest import SITE

pytestmark = pytest.mark.browser

# values that JSON has no words for go over as strings
SETTINGS = """(some) => ({critic: "minimax", generator: "nonsaturating", toy: "ring", k: {}, lrD: 0.005,
  lrG: 0.001, nCritic: 1, batch: 16, width: 8, seed: 0, ...some})"""
DEFAULT_PARAMETERS = """(d, g) => Object.fromEntries(Object.entries({
  ...ganmathLab.catalogue.generators[g].parameters, ...ganmathLab.catalogue.critics[d].parameters,
}).map(([keyword, {value}]) => [keyword, value]))"""


@pytest.fixture(scope="module")
def errors() -> list[str]:
    """What the page complained about, on the console or by an exception, in all tests of this module."""
    return []


@pytest.fixture(scope="module")
def page(browser: Browser, errors: list[str]) -> Iterator[Page]:
    """The page opened from a file, with every request to the network refused."""
    if not (SITE / "book" / "loss-lab.html").is_file():
        pytest.fail("the book is built without its loss lab")
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((SITE / "book" / "loss-lab.html").as_uri())
    page.wait_for_function("window.ganmathLab && ganmathLab.page && ganmathLab.page.history")
    yield page
    context.close()


@pytest.fixture
def fresh(page: Page) -> Page:
    """The page as it is when opened with no settings in its address, not playing."""
    page.evaluate("location.hash = '#seed=1'")  # a change, so that the next one is one too
    page.wait_for_function("ganmathLab.page.settings.seed === 1")
    page.evaluate("location.hash = '#seed=0'")
    page.wait_for_function("ganmathLab.page.settings.seed === 0 && ganmathLab.page.run.step === 0")
    return page


@pytest.fixture(scope="module")
def pairs(page: Page) -> list[tuple[str, str]]:
    """Every discriminator objective with every generator objective, as the page lists them."""
    listed = page.evaluate(
        "[Object.keys(ganmathLab.catalogue.critics), Object.keys(ganmathLab.catalogue.generators)]"
    )
    return [(d, g) for d in listed[0] for g in listed[1]]


def perceptron(sizes: list[int], weights: list[float]) -> nn.Module:
    """torch's network with the page's weights, in float64."""
    net = MLP(*sizes).double()
    nn.utils.vector_to_parameters(torch.tensor(weights, dtype=torch.float64), net.parameters())
    return net


def held(loss: Any, outputs: torch.Tensor) -> torch.Tensor:
    """The critic's outputs inside the loss's domain, written independently of the page."""
    low, high = (float(end) for end in loss.domain)
    if math.isinf(low) and math.isinf(high):
        return outputs
    if math.isinf(high):
        return low + nn.functional.softplus(outputs)
    if math.isinf(low):
        return high - nn.functional.softplus(-outputs)
    return low + (high - low) * torch.sigmoid(outputs)


def gradient(value: torch.Tensor, net: nn.Module) -> np.ndarray:
    parts = torch.autograd.grad(value, list(net.parameters()))
    return torch.cat([part.flatten() for part in parts]).numpy()


def test_every_loss_of_the_catalogue_is_on_the_page(page: Page, pairs: list[tuple[str, str]]) -> None:
    names = page.evaluate("""() => ["critics", "generators"].map(
      part => Object.values(ganmathLab.catalogue[part]).flatMap(({names}) => names))""")
    # critics with a penalty, or with a constraint that is no interval, are left out, and the page says so
    kept = [name for name, loss in gm.losses.items() if not loss.penalties and name != "wgan"]
    assert sorted(names[0]) == sorted(kept) and sorted(names[1]) == sorted(gm.losses)
    said = page.locator(".gm-lab-left-out").inner_text()
    assert all(name in said for name in set(gm.losses) - set(kept)) and "minimax" not in said
    assert page.locator("#gm-lab-d option").count() == len({d for d, _ in pairs})
    assert page.locator("#gm-lab-g option").count() == len({g for _, g in pairs})


# --- (a), (b) the two steps against torch -----------------------------------------------------------

ONE_OF_EACH = f"""(pairs) => pairs.map(([critic, generator]) => {{
  const lab = ganmathLab, list = (x) => Array.from(x);
  const k = ({DEFAULT_PARAMETERS})(critic, generator);
  const run = lab.newRun(({SETTINGS})({{critic, generator, k, batch: 6, width: 5, seed: 3}}));
  // weights large enough for the critic to have opinions
  for (const who of ["G", "D"]) run[who].weights.forEach((w, i, all) => (all[i] = 2 * w));
  const real = lab.sample(run.toy, 6, run.rng, run.real), fake = lab.drawFakes(run);
  const both = () => ({{G: list(run.G.weights), D: list(run.D.weights)}});
  const out = {{real: list(real), noise: list(run.noise), before: both()}};
  const d = lab.criticStep(run, real, fake);
  out.critic = {{loss: d.lossD, gradient: list(run.D.gradient), ...both()}};
  const g = lab.generatorStep(run, real, fake);
  out.generator = {{loss: g.lossG, gradient: list(run.G.gradient), ...both()}};
  return out;
}})"""


@pytest.fixture(scope="module")
def steps(page: Page, pairs: list[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    """Weights, losses and gradients around one critic step and one generator step, for every pair."""
    return dict(zip(pairs, page.evaluate(ONE_OF_EACH, [list(pair) for pair in pairs]), strict=True))


def test_gradients_are_those_of_torch(steps: dict[tuple[str, str], Any]) -> None:
    for (d, g), seen in steps.items():
        loss = gm.GANLoss.pair(critic=d, generator=g)
        real, noise = (torch.tensor(seen[x], dtype=torch.float64).view(6, 2) for x in ("real", "noise"))
        G = perceptron([2, 5, 5, 2], seen["before"]["G"])
        D = perceptron([2, 5, 5, 1], seen["before"]["D"])
        value = loss.critic_loss(held(loss, D(real)), held(loss, D(G(noise).detach())))
        assert seen["critic"]["loss"] == pytest.approx(value.item(), rel=1e-9, abs=1e-12), (d, g)
        expected = gradient(value, D)
        error = np.abs(expected - seen["critic"]["gradient"]).max()
        assert error <= 1e-9 * np.abs(expected).max() and np.abs(expected).max() > 0, (d, g)

        D = perceptron([2, 5, 5, 1], seen["critic"]["D"])
        value = loss.generator_loss(held(loss, D(G(noise))), held(loss, D(real)))
        assert seen["generator"]["loss"] == pytest.approx(value.item(), rel=1e-9, abs=1e-12), (d, g)
        expected = gradient(value, G)
        error = np.abs(expected - seen["generator"]["gradient"]).max()
        assert error <= 1e-9 * np.abs(expected).max() + 1e-15, (d, g)


def test_each_step_changes_its_own_network_only(steps: dict[tuple[str, str], Any]) -> None:
    for pair, seen in steps.items():
        assert seen["critic"]["G"] == seen["before"]["G"], pair
        assert seen["critic"]["D"] != seen["before"]["D"], pair
        assert seen["generator"]["D"] == seen["critic"]["D"], pair


def test_adam_is_torch_s(page: Page) -> None:
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=7), rng.normal(size=(5, 7)) * [1e-6, 1e-3, 1, 1, 1, 1e3, 0]
    got = page.evaluate(
        """([start, gradients]) => {
          const lab = ganmathLab, weights = Float64Array.from(start), adam = lab.adam(start.length, 0.01);
          return gradients.map((g) => {
            lab.adamStep(adam, weights, Float64Array.from(g));
            return Array.from(weights);
          });
        }""",
        [start.tolist(), gradients.tolist()],
    )
    weights = nn.Parameter(torch.tensor(start))
    optimizer = torch.optim.Adam([weights], lr=0.01, betas=(0.5, 0.999))
    for step, g in enumerate(gradients):
        weights.grad = torch.tensor(g)
        optimizer.step()
        np.testing.assert_allclose(got[step], weights.detach().numpy(), rtol=1e-12)


# --- (f) the theory against ganmath -------------------------------------------------------------------


def test_densities_are_the_toys_own(page: Page) -> None:
    toys = page.evaluate(
        "Object.entries(ganmathLab.catalogue.toys).map(([k, v]) => [k, v.code, v.view, v.dimension])"
    )
    for name, code, (low, high), dimension in toys:
        x = np.random.default_rng(1).uniform(low, high, size=(40, dimension))
        toy = eval(code, {"gm": gm})
        expected = toy.log_density(torch.tensor(x)).exp().numpy()
        got = page.evaluate(
            "([name, x]) => x.map((point) => ganmathLab.density(ganmathLab.catalogue.toys[name], point))",
            [name, x.tolist()],
        )
        np.testing.assert_allclose(got, expected.reshape(-1), rtol=1e-6, atol=1e-12, err_msg=name)


def test_samples_follow_the_densities(page: Page) -> None:
    """Mean and covariance of 40 000 draws against torch's."""
    for name, code, dimension in page.evaluate(
        "Object.entries(ganmathLab.catalogue.toys).map(([k, v]) => [k, v.code, v.dimension])"
    ):
        got = page.evaluate(
            """([name, d]) => Array.from(ganmathLab.sample(ganmathLab.catalogue.toys[name], 40000,
              ganmathLab.random(7), new Float64Array(40000 * d)))""",
            [name, dimension],
        )
        x = np.asarray(got).reshape(-1, dimension)
        y = eval(code, {"gm": gm}).sample(40_000, seed=1).numpy()
        scale = y.std()
        np.testing.assert_allclose(x.mean(0), y.mean(0), atol=0.04 * scale, err_msg=name)
        np.testing.assert_allclose(np.cov(x.T), np.cov(y.T), atol=0.05 * scale**2, err_msg=name)


THEORY = """([critic, us, pairs]) => {
  const lab = ganmathLab, entry = lab.catalogue.critics[critic], k = {};
  for (const [keyword, {value}] of Object.entries(entry.parameters)) k[keyword] = value;
  const theory = lab.theory(entry, k);
  if (!theory) return null;
  const numerical = lab.theory({...entry, optimum: {critic: null, f: null, offset: null}}, k);
  return {
    critic: us.map(theory.critic), searched: us.map(numerical.critic), offset: theory.offset,
    divergences: pairs.map(([p, q]) => String(lab.divergence(theory.f, p, q))),
    searchedDivergences: pairs.map(([p, q]) => String(lab.divergence(numerical.f, p, q))),
  };
}"""


def distributions() -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs on eight points: full support, one of them 0 on a point, disjoint."""
    rng = np.random.default_rng(2)
    full = [tuple(rng.dirichlet(np.full(8, 0.5), size=2)) for _ in range(6)]
    p, q = rng.dirichlet(np.ones(7), size=2)
    return [
        *full,
        (np.append(p, 0), np.append(q[:6], [0, q[6]])[[0, 1, 2, 3, 4, 5, 7, 6]]),
        (np.append(p, 0), np.append(q, 0) * 0.9 + np.eye(8)[7] * 0.1),
        (np.append(p, 0) * 0.9 + np.eye(8)[7] * 0.1, np.append(q, 0)),
        (np.array([0.5, 0.5, 0, 0, 0, 0, 0, 0]), np.array([0, 0, 0.25, 0.75, 0, 0, 0, 0])),
    ]


def test_optimal_critic_and_divergence_are_ganmath_s(page: Page, pairs: list[tuple[str, str]]) -> None:
    us = [float(x) for x in 10.0 ** np.linspace(-4, 4, 40)]
    cases = distributions()
    for d in dict.fromkeys(d for d, _ in pairs):
        loss = gm.losses[d].at_defaults()
        got = page.evaluate(THEORY, [d, us, [[p.tolist(), q.tolist()] for p, q in cases]])
        try:
            derived = gm.derive(loss)
        except gm.NoOptimalCritic:
            assert got is None, d
            continue
        if derived.critic_value is None:
            assert got is None, d
            continue
        critic = gm.theory.expression.to_numpy(derived.optimal_critic, (gm.u,))(us)
        np.testing.assert_allclose(got["critic"], critic, rtol=1e-9, atol=1e-12, err_msg=d)
        np.testing.assert_allclose(got["searched"], critic, rtol=1e-5, atol=1e-6, err_msg=f"{d}, searched")
        assert got["offset"] == pytest.approx(float(derived.critic_divergence.offset), abs=1e-12), d
        for (p, q), value, searched in zip(
            cases, got["divergences"], got["searchedDivergences"], strict=True
        ):
            expected = derived.critic_divergence(p, q)
            assert float(value) == pytest.approx(expected, rel=1e-9, abs=1e-12), (d, p, q)
            if np.all((p > 0) == (q > 0)):
                assert float(searched) == pytest.approx(expected, rel=1e-5, abs=1e-7), (d, "searched")


def test_gradient_reading_is_ganmath_s(page: Page) -> None:
    """Whether the generator's step follows a divergence, and its value, for every loss of the catalogue."""
    p, q = distributions()[0]
    got = page.evaluate(
        f"""([p, q]) => Object.entries(ganmathLab.catalogue.generators).flatMap(([g, generator]) =>
          Object.entries(ganmathLab.catalogue.critics).map(([d, critic]) => {{
            const own = generator.names.find((name) => critic.names.includes(name));
            if (!own) return null;
            const reading = ganmathLab.followed(critic, generator, ({DEFAULT_PARAMETERS})(d, g));
            return [own, d, g, reading.f && ganmathLab.divergence(reading.f, p, q)];
          }}).filter(Boolean))""",
        [p.tolist(), q.tolist()],
    )
    assert len(got) > 3
    names = page.evaluate("ganmathLab.catalogue.followed")
    for own, d, g, value in got:
        try:
            derived = gm.derive(gm.losses[own].at_defaults())
        except gm.NoOptimalCritic:
            assert value is None, own
            continue
        expected = derived.generator_divergence
        if derived.critic_value is None:  # not found point by point, so the page does not try
            assert value is None, own
        elif expected is None:
            assert value is None and names[f"{d}|{g}"] is None, own
        else:
            assert value == pytest.approx(expected(p, q), rel=2e-3), own
            assert (names[f"{d}|{g}"] or {"name": None})["name"] == expected.name, own


# --- (c), (d) training ----------------------------------------------------------------------------------

TRAIN = f"""([critic, generator, toy]) => {{
  const lab = ganmathLab;
  const k = ({DEFAULT_PARAMETERS})(critic, generator);
  const run = lab.newRun(({SETTINGS})({{critic, generator, toy, k}}));
  const m = lab.newMeasure(run);
  for (let i = 0; i < 50 && lab.step(run); i++);
  const {{samples, ...seen}} = lab.measure(m);
  const finite = [run.G, run.D].every(({{weights}}) => weights.every(Number.isFinite));
  const numbers = {{}};
  for (const [name, value] of Object.entries({{...seen, ...run.last}})) numbers[name] = String(value);
  return {{step: run.step, stopped: run.stopped, finite, ...numbers, theory: m.theory !== null,
    followed: m.followed.f !== null}};
}}"""


@pytest.mark.parametrize("toy", ["mixture", "ring"])
def test_every_pair_trains(page: Page, pairs: list[tuple[str, str]], errors: list[str], toy: str) -> None:
    """All pairs on the line; in the plane, where measuring takes longer, every objective once."""
    first = pairs[0]
    for d, g in pairs if toy == "mixture" else [x for x in pairs if first[0] == x[0] or first[1] == x[1]]:
        seen = page.evaluate(TRAIN, [d, g, toy])
        where = (d, g, toy, seen)
        assert seen["finite"], where
        assert seen["step"] == 50 if seen["stopped"] is None else "not finite at step" in seen["stopped"], (
            where
        )
        for name in ("lossD", "lossG", "cReal", "cFake"):
            assert math.isfinite(float(seen[name])), where
        if seen["theory"]:
            predicted, measured = float(seen["predicted"]), float(seen["measured"])
            assert predicted >= -1e-9 and math.isfinite(measured), where
        if seen["followed"]:
            assert float(seen["follows"]) >= -1e-6, where
    assert not errors


LEARN = f"""([some, steps, looks]) => {{
  const lab = ganmathLab;
  const run = lab.newRun(({SETTINGS})(some)), m = lab.newMeasure(run), out = [];
  for (let look = 0; look < looks; look++) {{
    for (let i = 0; i < steps; i++) if (!lab.step(run)) throw new Error(run.stopped);
    const seen = lab.measure(m);
    out.push({{predicted: seen.predicted, measured: seen.measured, error: seen.error, p: Array.from(m.p),
      q: Array.from(m.q), learned: Array.from(m.learned), optimal: Array.from(m.optimal)}});
  }}
  return out;
}}"""


def test_learned_critic_reaches_the_optimum_against_a_fixed_generator(page: Page) -> None:
    some = {"toy": "gaussian", "lrG": 0, "lrD": 0.003, "batch": 256, "width": 32}
    last = page.evaluate(LEARN, [some, 800, 3])[-1]
    assert sum(last["p"]) == pytest.approx(1, abs=1e-6) and sum(last["q"]) == pytest.approx(1, abs=1e-9)
    assert last["predicted"] > 0.1
    assert last["measured"] <= last["predicted"] + 4 * last["error"]
    assert last["measured"] > 0.9 * last["predicted"]


def test_learned_critic_follows_the_optimum_in_training(page: Page) -> None:
    some = {"toy": "gaussian", "lrG": 0.0003, "lrD": 0.005, "nCritic": 5, "batch": 128, "width": 32}
    looks = page.evaluate(LEARN, [some, 100, 8])
    for seen in looks:  # no critic sees more than the optimal one
        assert seen["measured"] <= seen["predicted"] + 4 * seen["error"]
    assert looks[-1]["predicted"] < 0.5 * looks[0]["predicted"]
    seen = looks[-1]
    p, q, learned, optimal = (np.array(seen[x]) for x in ("p", "q", "learned", "optimal"))
    mass = np.minimum(p, q)[:-1]
    there = mass > 0.2 * mass.max()
    assert there.sum() > 10
    assert np.abs(learned - optimal)[there].mean() < 0.3


def test_mass_of_the_generator_is_that_of_its_samples(page: Page) -> None:
    """The noise carried through the generator against a histogram of samples, on the line."""
    q, counts = page.evaluate(f"""() => {{
      const lab = ganmathLab, run = lab.newRun(({SETTINGS})({{toy: "mixture", width: 32}}));
      const m = lab.newMeasure(run);
      for (let i = 0; i < 200; i++) lab.step(run);
      lab.measure(m);
      const rng = lab.random(9), n = 200000, space = lab.workspace(run.G.net, n), [low] = run.toy.view;
      const noise = Float64Array.from({{length: n}}, () => lab.normal(rng));
      const x = lab.forward(run.G.net, run.G.weights, noise, space);
      const counts = new Float64Array(m.n + 1);
      for (const v of x) {{
        const i = Math.floor((v - low) / m.width);
        counts[i >= 0 && i < m.n ? i : m.n] += 1 / n;
      }}
      return [Array.from(m.q), Array.from(counts)];
    }}""")
    q, counts = np.array(q), np.array(counts)
    assert np.all(np.abs(q - counts) < 6 * np.sqrt((q + 1e-5) / 200_000))


def test_overflow_stops_training_and_keeps_the_last_good_state(fresh: Page) -> None:
    fresh.evaluate("location.hash = '#d=exponential&g=exponential&lrD=1&lrG=1&toy=gaussian'")
    fresh.wait_for_function("ganmathLab.page.settings.lrD === 1")
    seen = fresh.evaluate("""() => {
      const {run} = ganmathLab.page;
      let kept = null;
      while (!run.stopped && run.step < 5000) {
        kept = [Array.from(run.G.weights), Array.from(run.D.weights), run.step];
        ganmathLab.step(run);
      }
      return [run.stopped, kept, [Array.from(run.G.weights), Array.from(run.D.weights), run.step]];
    }""")
    assert seen[0] is not None and "is not finite at step" in seen[0]
    assert seen[1] == seen[2]
    fresh.get_by_role("button", name="One step").press("Enter")
    fresh.wait_for_function(
        "document.querySelector('.gm-lab-notice').textContent.includes('Training stopped')"
    )
    assert not fresh.evaluate("ganmathLab.page.playing")
    assert fresh.locator(".gm-lab-main").is_disabled()


# --- (e) the page -----------------------------------------------------------------------------------------


def weights(page: Page) -> list[list[float]]:
    return page.evaluate("[ganmathLab.page.run.G, ganmathLab.page.run.D].map((x) => Array.from(x.weights))")


def test_start_pause_and_reset_by_keyboard(fresh: Page) -> None:
    start = fresh.locator(".gm-lab-main")
    start.focus()
    fresh.keyboard.press("Enter")
    assert start.text_content() == "Pause"
    fresh.wait_for_function("ganmathLab.page.run.step >= 5")
    fresh.keyboard.press("Enter")
    assert start.text_content() == "Start"
    stopped = fresh.evaluate("ganmathLab.page.run.step")
    fresh.wait_for_timeout(300)
    assert fresh.evaluate("ganmathLab.page.run.step") == stopped
    assert f"Step {stopped}." in str(fresh.locator(".gm-lab-said").text_content())
    first = weights(fresh)
    fresh.get_by_role("button", name="Reset").focus()
    fresh.keyboard.press("Space")
    assert fresh.evaluate("ganmathLab.page.run.step") == 0
    # the same steps without any drawing in between give the same weights, bit for bit
    fresh.evaluate("(n) => { for (let i = 0; i < n; i++) ganmathLab.step(ganmathLab.page.run); }", stopped)
    assert weights(fresh) == first


def test_choices_by_keyboard_are_kept_in_the_address(fresh: Page) -> None:
    fresh.get_by_label("discriminator objective").focus()
    fresh.keyboard.type("lsgan")
    fresh.keyboard.press("Tab")
    fresh.wait_for_function("ganmathLab.page.settings.d === 'lsgan'")
    target = fresh.get_by_label("b, the critic's target on real data")
    target.focus()
    fresh.keyboard.press("Control+a")
    fresh.keyboard.type("2.5")
    fresh.keyboard.press("Enter")
    fresh.wait_for_function("ganmathLab.page.settings.k.b === 2.5")
    assert "d=lsgan" in fresh.url and "k.b=2.5" in fresh.url
    settings = fresh.evaluate("ganmathLab.page.settings")
    fresh.reload()
    fresh.wait_for_function("window.ganmathLab && ganmathLab.page && ganmathLab.page.history")
    assert fresh.evaluate("ganmathLab.page.settings") == settings
    assert fresh.evaluate("ganmathLab.page.run.settings.k.b") == 2.5


def test_values_out_of_range_are_refused(fresh: Page) -> None:
    fresh.evaluate("location.hash = '#d=lsgan&g=lsgan&k.a=1&k.b=1&batch=1e9&width=x&toy=moon'")
    fresh.wait_for_function("ganmathLab.page.settings.d === 'lsgan'")
    settings = fresh.evaluate("ganmathLab.page.settings")
    assert (settings["k"]["a"], settings["k"]["b"]) == (0, 1)
    assert (settings["batch"], settings["width"], settings["toy"]) == (64, 32, "mixture")


@pytest.mark.parametrize(
    "d, g",
    [("minimax", "nonsaturating"), ("lsgan", "lsgan"), ("fgan-total-variation", "hinge"), ("ebgan", "ebgan")],
)
def test_the_python_code_runs(page: Page, d: str, g: str) -> None:
    code = page.evaluate(
        "(hash) => ganmathLab.pythonCode(ganmathLab.read(hash), 2)", f"#d={d}&g={g}&toy=ring&batch=8&width=4"
    )
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["run"].step == 2
    settings = names["run"].record["settings"]
    assert settings["batch_size"] == 8 and settings["n_critic"] == 2 and settings["lr"] == [0.001, 0.005]


def test_words_tables_and_pictures_say_the_same(fresh: Page) -> None:
    fresh.get_by_role("button", name="One step").click()
    fresh.get_by_text("Table of the values").click()
    rows = dict(
        [cell.inner_text() for cell in row.locator("td").all()]
        for row in fresh.locator(".gm-lab table tbody tr").all()
    )
    said = str(fresh.locator(".gm-lab-said").text_content())
    assert rows["step"] == "1" and "Step 1." in said
    predicted = next(value for name, value in rows.items() if name.startswith("predicted divergence"))
    assert f"{float(predicted):.3f} predicted" in said
    assert fresh.locator(".gm-lab-said").get_attribute("aria-live") == "polite"
    # every picture has ink in it and a name
    for canvas in fresh.locator(".gm-lab canvas").all():
        assert canvas.get_attribute("aria-label")
        assert canvas.evaluate(
            "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v)"
        )


def test_scripts_are_loaded_on_this_page_alone_and_are_small() -> None:
    folder = SITE / "_static" / "lab"
    own = [path for path in folder.glob("*.js") if path.name != "catalogue.js"]
    assert sum(path.stat().st_size for path in own) < 80_000
    for page in SITE.glob("book/*.html"):
        assert ("_static/lab/" in page.read_text()) == (page.name == "loss-lab.html"), page.name


def test_nothing_was_complained_about(errors: list[str]) -> None:
    assert not errors, json.dumps(errors, indent=1)


def test_nothing_is_said_or_drawn_of_an_optimum_that_the_page_does_not_follow(fresh: Page) -> None:
    """Of losses that compare samples only the learned critic is drawn; of others the optimum too."""

    def shown() -> tuple[bool, str, str]:
        fresh.get_by_role("button", name="One step").click()
        labels = [str(c.get_attribute("aria-label")) for c in fresh.locator(".gm-lab canvas").all()]
        visible = [c.is_visible() for c in fresh.locator(".gm-lab canvas").all()]
        (divergence,) = (
            v for v, label in zip(visible, labels, strict=True) if label.startswith("Divergence")
        )
        return (
            divergence,
            next(x for x in labels if x.startswith("Critic's output C(x)")),
            next(x for x in labels if x.startswith("Losses")),
        )

    divergence, critic, losses = shown()
    assert divergence and "optimum" in critic and "dashed" in losses
    fresh.goto(fresh.url.split("#")[0] + "#d=relativistic-average&g=relativistic-average")
    fresh.reload()
    divergence, critic, losses = shown()
    assert not divergence and "optimum" not in critic and "dashed" not in losses
