/* The page: controls, the loop that trains and draws, the words for what is drawn.

   Settings live in the address (#d=…&g=…), so that a state can be linked; the same settings give the
   same run. Training takes up to 12 ms of a frame; pictures are drawn ten times a second. */
"use strict";
(function (lab) {
  const BUDGET = 12; // milliseconds of training in a frame
  const MOST = 1000; // points of a time series; beyond it every second one is dropped
  const DASHED = [7, 4];
  const LONG = [13, 3];
  const speeds = { 1: "1 step a second", 10: "10 a second", 60: "60 a second", 300: "300 a second", 0: "as fast as it goes" };
  const defaults = {
    d: "minimax", g: "nonsaturating", toy: "mixture", lrD: 0.005, lrG: 0.001, nCritic: 2, batch: 64,
    width: 32, seed: 0,
  };
  // how the numbers are offered: label, smallest, largest, step
  const numbers = {
    lrD: ["learning rate of the critic", 0, 1, "any"],
    lrG: ["learning rate of the generator", 0, 1, "any"],
    nCritic: ["critic steps for each generator step", 1, 20, 1],
    batch: ["batch size", 4, 1024, 1],
    width: ["units in each of the two hidden layers", 2, 256, 1],
    seed: ["seed", 0, 4294967295, 1],
  };

  /* --- settings and the address ------------------------------------------------------------------ */

  /** The name under which an objective shared by several losses is listed. */
  function listed(entries, name) {
    return Object.keys(entries).find((key) => key === name || (entries[key].names || []).includes(name));
  }

  /** Settings from an address's hash; what is missing or out of range takes its default. */
  function read(hash) {
    const given = new URLSearchParams(hash.replace(/^#/, ""));
    const { critics, generators, toys } = lab.catalogue;
    const settings = {};
    for (const [key, entries] of [["d", critics], ["g", generators], ["toy", toys]])
      settings[key] = listed(entries, given.get(key)) || listed(entries, defaults[key]) || Object.keys(entries)[0];
    for (const [key, [, low, high, step]] of Object.entries(numbers)) {
      const value = given.has(key) ? Number(given.get(key)) : NaN;
      const valid = value >= low && value <= high && (step === "any" || Number.isInteger(value));
      settings[key] = valid ? value : defaults[key];
    }
    settings.k = {};
    for (const [keyword, { value }] of Object.entries(parametersOf(settings))) {
      const chosen = given.has(`k.${keyword}`) ? Number(given.get(`k.${keyword}`)) : NaN;
      settings.k[keyword] = Number.isFinite(chosen) ? chosen : value;
    }
    if (!inRange(settings)) for (const [keyword, { value }] of Object.entries(parametersOf(settings))) settings.k[keyword] = value;
    return settings;
  }

  /** The hash that `read` turns back into these settings. */
  function write(settings) {
    const { k, ...plain } = settings;
    const words = new URLSearchParams(plain);
    for (const [keyword, value] of Object.entries(k)) words.set(`k.${keyword}`, value);
    return "#" + words;
  }

  function parametersOf({ d, g }) {
    const critic = lab.catalogue.critics[d].parameters;
    return { ...critic, ...lab.catalogue.generators[g].parameters, ...critic }; // the critic's first
  }

  function inRange({ d, g, k }) {
    return lab.catalogue.critics[d].holds(k) && lab.catalogue.generators[g].holds(k);
  }

  /** What `newRun` wants. */
  function runSettings({ d, g, ...rest }) {
    return { ...rest, critic: d, generator: g };
  }

  /** The same run as Python. */
  function pythonCode(settings, steps) {
    const { d, g, toy, lrD, lrG, nCritic, batch, width, seed, k } = settings;
    const dimension = lab.catalogue.toys[toy].dimension;
    const set = Object.entries(k).map(([keyword, value]) => `${keyword}=${value}`).join(", ");
    return [
      "import ganmath as gm",
      "from ganmath.networks import MLP",
      "",
      `loss = gm.GANLoss.pair(critic="${d}", generator="${g}")${set ? `(${set})` : ""}`,
      "run = gm.fit(",
      "    loss,",
      `    ${lab.catalogue.toys[toy].code},`,
      `    MLP(${dimension}, ${width}, ${width}, ${dimension}),`,
      `    MLP(${dimension}, ${width}, ${width}, 1),`,
      `    steps=${steps},`,
      `    batch_size=${batch},`,
      `    n_critic=${nCritic},`,
      `    lr=(${lrG}, ${lrD}),  # generator, critic`,
      `    seed=${seed},`,
      ")",
    ].join("\n");
  }

  /* --- elements ---------------------------------------------------------------------------------- */

  /** An element: h("p", {className: "x"}, "text", child). */
  function h(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties))
      if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
      else element[name] = value;
    element.append(...children);
    return element;
  }

  function field(id, label, control) {
    control.id = `gm-lab-${id}`;
    return h("div", { className: "gm-lab-field" }, h("label", { for: control.id }, label), control);
  }

  function select(entries) {
    return h("select", {}, ...Object.entries(entries).map(([value, text]) => h("option", { value }, text)));
  }

  const objectiveNames = (entries) =>
    Object.fromEntries(Object.entries(entries).map(([key, { names }]) => [key, names.join(", ")]));

  /** Build the page's elements inside `root`. */
  function build(root) {
    const { critics, generators, toys, leftOut } = lab.catalogue;
    const ui = { root, inputs: {}, canvases: {} };
    const titles = Object.fromEntries(Object.entries(toys).map(([key, { title }]) => [key, title]));
    const add = (id, label, control) => ((ui.inputs[id] = control), field(id, label, control));
    const numeric = ([id, [label, min, max, step]]) => add(id, label, h("input", { type: "number", min, max, step }));
    ui.parameters = h("div", { className: "gm-lab-fields" });
    ui.formulas = h("div", { className: "gm-lab-formulas mathjax_process" });
    ui.start = h("button", { type: "button", className: "gm-lab-main" }, "Start");
    ui.once = h("button", { type: "button" }, "One step");
    ui.reset = h("button", { type: "button" }, "Reset");
    ui.copy = h("button", { type: "button" }, "Copy as ganmath code");
    ui.notice = h("p", { className: "gm-lab-notice", role: "alert" });
    ui.said = h("p", { className: "gm-lab-said", "aria-live": "polite", role: "status" });
    ui.copied = h("span", { className: "gm-lab-copied", role: "status" });
    ui.code = h("pre", { className: "gm-lab-code", tabIndex: 0, "aria-label": "Python code of this run" });
    ui.plots = h("div", { className: "gm-lab-plots" });
    ui.table = h("tbody");
    ui.speed = select(speeds);
    ui.speed.value = "0";
    root.replaceChildren(
      h("div", { className: "gm-lab-fields" },
        add("d", "discriminator objective", select(objectiveNames(critics))),
        add("g", "generator objective", select(objectiveNames(generators))),
        add("toy", "data", select(titles))),
      ...(leftOut ? [h("p", { className: "gm-lab-left-out" }, leftOut)] : []),
      ui.parameters,
      h("details", {}, h("summary", {}, "Learning rates, batch, width, seed"),
        h("div", { className: "gm-lab-fields" }, ...Object.entries(numbers).map(numeric))),
      h("div", { className: "gm-lab-buttons" }, ui.start, ui.once, ui.reset, field("speed", "speed", ui.speed)),
      ui.notice, ui.plots, ui.said,
      h("details", { open: true }, h("summary", {}, "What the theory says of this pair"), ui.formulas),
      h("details", {}, h("summary", {}, "Table of the values"),
        h("table", { className: "table" }, h("thead", {}, h("tr", {}, h("th", {}, "quantity"), h("th", {}, "value"))), ui.table)),
      h("details", {}, h("summary", {}, "The same run in Python"), ui.code, ui.copy, " ", ui.copied),
    );
    return ui;
  }

  /** Canvases for the toy's dimension: [key, caption, what it shows in words]. */
  function buildPlots(ui, dimension) {
    const onLine = [
      ["density", "Densities of the data p and of the generator q", "wide"],
      ["critic", "Critic's output C(x): learned, and the optimum C*(x) for the q of this moment", "wide"],
    ];
    const inPlane = [
      ["samples", "Samples: data (blue points), generator (orange crosses)", "third"],
      ["learned", "Learned critic", "third"],
      ["optimal", "Optimal critic for the q of this moment", "third"],
    ];
    const always = [
      ["divergence", "Divergence: predicted from p and q (dashed), measured by the learned critic", "half"],
      ["losses", "Losses of critic and generator; dashed: the critic's at p = q", "half"],
      ["outputs", "Critic's mean output on data (blue) and on the generator's samples (orange)", "half"],
    ];
    ui.plots.replaceChildren(
      ...[...(dimension === 1 ? onLine : inPlane), ...always].map(([key, caption, size]) => {
        ui.canvases[key] = h("canvas", { role: "img", "aria-label": caption });
        return h("figure", { className: `gm-lab-${size}` }, ui.canvases[key], h("figcaption", {}, caption));
      }),
    );
  }

  /** An objective whose optimum the page does not follow has no divergence to draw, and no dashed line. */
  function fitToTheory(canvases, followed) {
    const say = (canvas, words) => {
      canvas.setAttribute("aria-label", words);
      canvas.nextElementSibling.textContent = words;
    };
    canvases.divergence.parentElement.hidden = !followed;
    if (canvases.critic) say(canvases.critic, "Critic's output C(x): learned" + (followed ? ", and the optimum C*(x) for the q of this moment" : ""));
    say(canvases.losses, "Losses of critic and generator" + (followed ? "; dashed: the critic's at p = q" : ""));
  }

  /* --- formulas ------------------------------------------------------------------------------------ */

  function theoryLines({ d, g, k }) {
    const critic = lab.catalogue.critics[d], generator = lab.catalogue.generators[g];
    const lines = [["The critic minimises", critic.latex], ["the generator minimises", generator.latex]];
    const best = critic.optimum;
    if (!best) lines.push([critic.why, ""], ...critic.known);
    else if (!best.criticLatex)
      lines.push(["The optimal critic has no closed form; the page finds it by minimising point by point", ""]);
    else {
      lines.push(["With u = p/q the optimal critic is", [best.criticLatex, best.discriminatorLatex].filter(Boolean).join(",\\qquad ")]);
      lines.push(["its loss there is a constant minus " + (best.name ? `a multiple of the ${best.name} divergence` : "a divergence"), best.latex + ",\\quad " + best.fLatex]);
    }
    if (critic.domain) lines.push([
      `C may run from ${critic.domain(k).map(show).join(" to ")} only: an activation after the last layer holds the network to that.`, ""]);
    const reading = lab.followed(critic, generator, k);
    const atDefaults = Object.entries(parametersOf({ d, g })).every(([keyword, { value }]) => k[keyword] === value);
    const named = atDefaults ? lab.catalogue.followed[`${d}|${g}`] : null;
    if (!reading.f && reading.why) lines.push([`With the critic frozen at its optimum the generator's step follows no divergence: ${reading.why}.`, ""]);
    else if (reading.f || named) lines.push([
      "With the critic frozen at its optimum the generator's step follows " + (named
        ? `a multiple of the ${named.name} divergence`
        : "a divergence that has no name here; its value in the table is found by numerical integration"), named ? named.latex : ""]);
    return lines;
  }

  function showTheory(ui, settings) {
    ui.formulas.replaceChildren(...theoryLines(settings).map(([words, latex]) =>
      h("p", {}, words, latex ? h("span", { className: "gm-lab-formula" }, `\\(\\displaystyle ${latex}\\)`) : "")));
    const MathJax = window.MathJax;
    if (MathJax && MathJax.startup && MathJax.startup.promise)
      MathJax.startup.promise.then(() => MathJax.typesetPromise && MathJax.typesetPromise([ui.formulas]));
  }

  /* --- the loop ------------------------------------------------------------------------------------ */

  function start(root) {
    const ui = build(root);
    const state = { ui, settings: null, run: null, playing: false, history: null, seen: null };
    const reduced = window.matchMedia("(prefers-reduced-motion: reduce)");
    let frame = 0, owed = 0, lastFrame = 0, lastDraw = -Infinity, lastSaid = -Infinity, drawing = 0;
    let rate = { t: 0, step: 0, value: NaN };

    function load(settings) {
      halt();
      const before = state.run && state.run.toy.dimension;
      Object.assign(state, { settings, run: lab.newRun(runSettings(settings)) });
      state.measure = lab.newMeasure(state.run);
      state.history = { every: 1, rows: [] };
      state.data = state.run.toy.dimension === 2 ? lab.sample(state.run.toy, 500, lab.random(1), new Float64Array(1000)) : null;
      if (before !== state.run.toy.dimension) buildPlots(ui, state.run.toy.dimension);
      for (const [id, input] of Object.entries(ui.inputs)) input.value = settings[id];
      buildParameters();
      ui.notice.textContent = "";
      ui.start.disabled = ui.once.disabled = false;
      ui.code.textContent = pythonCode(settings, 2000);
      rate = { t: 0, step: 0, value: NaN };
      showTheory(ui, settings);
      draw(true);
    }

    function buildParameters() {
      ui.parameters.replaceChildren(...Object.entries(parametersOf(state.settings)).map(([keyword, { meaning }]) => {
        const input = h("input", { type: "number", step: "any", value: state.settings.k[keyword] });
        input.addEventListener("change", () =>
          change({ k: { ...state.settings.k, [keyword]: input.value === "" ? NaN : Number(input.value) } }));
        return field(`k-${keyword}`, meaning, input);
      }));
    }

    /** Take over changed settings, or say why they cannot be; the run starts anew. */
    function change(some) {
      const wanted = { ...state.settings, ...some };
      const settings = read(write(wanted));
      const refused = Object.keys(some).some((key) => JSON.stringify(settings[key]) !== JSON.stringify(wanted[key]));
      remember(settings);
      load(settings);
      if (refused) ui.notice.textContent = "That value is out of range; the nearest default is used.";
    }

    // replacing the hash works from file:// too, where history.replaceState may not
    function remember(settings) {
      const hash = write(settings);
      if (location.hash !== hash) location.replace(hash);
    }

    function takeStep() {
      if (lab.step(state.run)) return true;
      ui.notice.textContent = `Training stopped: ${state.run.stopped}. The last good state, after step ${state.run.step}, ` +
        "is kept and drawn. A smaller learning rate usually helps.";
      ui.start.disabled = ui.once.disabled = true;
      pause();
      return false;
    }

    function play() {
      state.playing = true;
      ui.start.textContent = "Pause";
      lastFrame = performance.now();
      rate = { t: lastFrame, step: state.run.step, value: rate.value };
      frame = requestAnimationFrame(tick);
    }

    function pause() {
      halt();
      draw(true);
    }

    function halt() {
      state.playing = false;
      ui.start.textContent = "Start";
      cancelAnimationFrame(frame);
    }

    function tick(now) {
      const perSecond = Number(ui.speed.value);
      const until = performance.now() + BUDGET;
      owed = perSecond ? Math.min(owed + (perSecond * (now - lastFrame)) / 1000, perSecond) : Infinity;
      lastFrame = now;
      while (owed >= 1 && performance.now() < until && state.playing) {
        if (!takeStep()) return;
        owed -= 1;
      }
      // drawing takes a fifth of the time at most, also on a slow machine
      if (now - lastDraw > Math.max(reduced.matches ? 1000 : 100, 4 * drawing)) {
        const began = performance.now();
        draw(false);
        lastDraw = performance.now();
        drawing = lastDraw - began;
      }
      if (now - rate.t > 1000) rate = { t: now, step: state.run.step, value: (1000 * (state.run.step - rate.step)) / (now - rate.t) };
      frame = requestAnimationFrame(tick);
    }

    function draw(atOnce) {
      const seen = lab.measure(state.measure);
      state.seen = seen;
      record(state.history, { step: state.run.step, ...state.run.last, ...seen });
      drawPlots(state);
      const values = table(state, seen, state.playing ? rate.value : NaN);
      ui.table.replaceChildren(...values.map(([name, value]) => h("tr", {}, h("td", {}, name), h("td", {}, value))));
      const now = performance.now();
      if (atOnce || now - lastSaid > 2000) {
        lastSaid = now;
        ui.said.textContent = sentence(state, seen, state.playing ? rate.value : NaN);
      }
    }

    for (const [id, input] of Object.entries(ui.inputs))
      input.addEventListener("change", () => {
        const chosen = id in numbers ? (input.value === "" ? NaN : Number(input.value)) : input.value;
        change({ [id]: chosen });
      });
    ui.start.addEventListener("click", () => (state.playing ? pause() : play()));
    ui.once.addEventListener("click", () => {
      if (state.playing) pause();
      takeStep();
      draw(true);
    });
    ui.reset.addEventListener("click", () => load(state.settings));
    ui.copy.addEventListener("click", () => copyCode(ui));
    window.addEventListener("hashchange", () => {
      if (location.hash !== write(state.settings)) load(read(location.hash));
    });
    window.addEventListener("resize", () => drawPlots(state));
    new MutationObserver(() => drawPlots(state)).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    load(read(location.hash));
    lab.page = state; // for tests and curious readers
  }

  async function copyCode(ui) {
    try {
      await navigator.clipboard.writeText(ui.code.textContent);
      ui.copied.textContent = "Copied.";
    } catch {
      // no clipboard here (an old browser, or a refusal): select the text, so that the keyboard copies it
      const range = document.createRange();
      range.selectNodeContents(ui.code);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      ui.copied.textContent = "Selected: press Ctrl+C.";
    }
  }

  /** Add a row to the time series; when there are too many, every second one goes. */
  function record(history, { samples, ...row }) {
    const { rows } = history;
    if (rows.length && rows[rows.length - 1].step >= row.step) rows.pop();
    rows.push(row);
    if (rows.length > MOST) history.rows = rows.filter((_, i) => i % 2 === 0 || i === rows.length - 1);
  }

  /* --- what is drawn and said ----------------------------------------------------------------------- */

  function drawPlots(state) {
    const { ui: { canvases }, run, measure: m, history: { rows }, seen } = state;
    fitToTheory(canvases, Boolean(m.theory));
    if (run.toy.dimension === 1) drawLine(canvases, run, m);
    else drawPlane(canvases, state, seen);
    const { p, q, critic, reference } = lab.colours;
    const x = rows.map((row) => row.step);
    const xRange = [0, Math.max(10, run.step)];
    const series = (key, colour, label, dash) => ({ x, y: rows.map((row) => row[key]), colour, label, dash, weight: dash ? 2.2 : 1.6 });
    const common = { xRange, xLabel: "step" };
    if (m.theory) lab.chart(canvases.divergence, { ...common, yLabel: "nats", range: divergenceRange(rows), series: [
      series("measured", critic, "measured"), series("predicted", critic, "predicted", DASHED)] });
    const equilibrium = m.theory ? [{ x: xRange, y: [m.theory.offset, m.theory.offset], colour: reference, dash: DASHED, weight: 1.4 }] : [];
    lab.chart(canvases.losses, { ...common, yLabel: "nats", series: [
      ...equilibrium, series("lossD", critic, "critic"), series("lossG", q, "generator", LONG)] });
    lab.chart(canvases.outputs, { ...common, yLabel: "C", series: [
      series("cReal", p, "on data"), series("cFake", q, "on generator's", LONG)] });
  }

  /** Room for both divergences; a predicted one that dwarfs the measured leaves the picture. */
  function divergenceRange(rows) {
    const finite = (key) => rows.map((row) => row[key]).filter(Number.isFinite);
    const [predicted, measured] = [finite("predicted"), finite("measured")];
    const scale = Math.max(1e-3, ...measured, Math.min(...predicted));
    const top = Math.max(...predicted, ...measured);
    return lab.extent([0, Math.min(...measured), top > 10 * scale ? 3 * scale : top]);
  }

  function drawLine(canvases, run, m) {
    const [low, high] = run.toy.view;
    const x = m.points;
    const density = (masses) => Float64Array.from(x, (_, i) => masses[i] / m.width);
    const { p, q, critic } = lab.colours;
    const [pY, qY] = [density(m.p), density(m.q)];
    const highest = Math.max(...pY) * 2.2; // a generator that has collapsed would flatten p
    lab.chart(canvases.density, { xRange: [low, high], xLabel: "x", yLabel: "density",
      range: [0, Math.min(highest, Math.max(...pY, ...qY) * 1.1)], series: [
        { x, y: pY, colour: p, label: "p", at: "peak" }, { x, y: qY, colour: q, label: "q", at: "peak", dash: LONG }] });
    // where neither has mass an optimal critic says nothing
    const shown = m.optimal.map((c, i) => (m.theory && m.p[i] + m.q[i] > 1e-5 ? c : NaN));
    // the picture's height: what both need where nearly all of the mass is
    const seen = [shown, m.learned].flatMap((c) => [0.02, 0.98].map((share) => quantile(c, m, share)));
    lab.chart(canvases.critic, { xRange: [low, high], xLabel: "x", yLabel: "C",
      range: lab.extent([...seen, 0]), series: [
        { x, y: m.learned, colour: critic, label: "learned C", at: "start" },
        { x, y: shown, colour: critic, label: "optimal C*", dash: DASHED }] });
  }

  function drawPlane(canvases, { data, run, measure: m }, seen) {
    const { p, q } = lab.colours;
    const view = run.toy.view;
    lab.heatMap(canvases.samples, { view, points: [
      { xy: data, n: 500, colour: p }, { xy: seen.samples, n: 500, colour: q, shape: "cross" }] });
    const known = m.theory !== null;
    const massive = (i) => m.p[i] + m.q[i] > 0.02 / m.n;
    const optimal = m.optimal.map((c, i) => (known && massive(i) ? c : NaN));
    const middle = known ? m.theory.critic(1) : 0;
    // one scale for both pictures: where nine tenths of the mass of p and q lie
    const reach = Math.max(1e-6, quantile((known ? optimal : m.learned).map((c) => Math.abs(c - middle)), m, 0.9));
    // an energy-based critic is low on data
    const sign = known && m.theory.critic(0.5) > m.theory.critic(2) ? -1 : 1;
    const range = [middle - sign * reach, middle, middle + sign * reach];
    const common = { side: m.side, view, range };
    lab.heatMap(canvases.learned, { ...common, values: m.learned });
    lab.heatMap(canvases.optimal, { ...common, values: optimal });
    const caption = (key, words) => {
      const text = `${words} Orange ${range[0].toPrecision(2)}, blue ${range[2].toPrecision(2)}.`;
      canvases[key].nextElementSibling.textContent = text;
    };
    caption("learned", "Learned critic C(x).");
    caption("optimal", known ? "Optimal critic C*(x) for the q of this moment, where p or q has mass." : "The page follows no optimal critic of this objective.");
  }

  /** The value below which a share of the mass of (p + q)/2 lies. */
  function quantile(values, { p, q }, share) {
    const order = Array.from(values.keys()).filter((i) => Number.isFinite(values[i])).sort((i, j) => values[i] - values[j]);
    const total = order.reduce((sum, i) => sum + p[i] + q[i], 0);
    let sum = 0;
    return values[order.find((i) => (sum += p[i] + q[i]) >= share * total)] || 0;
  }

  function show(x) {
    if (Number.isNaN(x)) return "–";
    if (!Number.isFinite(x)) return x > 0 ? "infinity" : "minus infinity";
    return Math.abs(x) < 1e4 ? x.toFixed(3) : x.toExponential(2);
  }

  function table({ run, measure: m }, seen, rate) {
    const name = run.critic.optimum && run.critic.optimum.name;
    return [
      ["step", String(run.step)],
      ["critic's loss, last batch", show(run.last.lossD)],
      ["critic's loss at p = q with the optimal critic", m.theory ? show(m.theory.offset) : "–"],
      ["generator's loss, last batch", show(run.last.lossG)],
      ["critic's mean output on data, last batch", show(run.last.cReal)],
      ["critic's mean output on the generator's samples, last batch", show(run.last.cFake)],
      [`predicted divergence D_f(p, q)${name ? `, a multiple of ${name}` : ""}`, show(seen.predicted)],
      ["measured by the learned critic on fresh samples, ± standard error", `${show(seen.measured)} ± ${show(seen.error)}`],
      ["divergence that the generator's step follows", m.followed.f ? show(seen.follows) : m.followed.why ? "none" : "–"],
      ["steps a second", Number.isNaN(rate) ? "–" : rate.toFixed(0)],
    ];
  }

  function sentence({ run, measure: m }, seen, rate) {
    const words = [`Step ${run.step}.`];
    if (m.theory) words.push(`Divergence ${show(seen.predicted)} predicted, ${show(seen.measured)} ± ${show(seen.error)} measured.`);
    else words.push("The page follows no optimal critic of this objective, so it predicts no divergence.");
    if (run.step) words.push(`Critic's loss ${show(run.last.lossD)}, generator's loss ${show(run.last.lossG)}.`);
    if (!Number.isNaN(rate)) words.push(`${rate.toFixed(0)} steps a second.`);
    return words.join(" ");
  }

  Object.assign(lab, { read, write, runSettings, pythonCode, start });
  const root = document.getElementById("gm-lab");
  if (root) start(root);
})((window.ganmathLab = window.ganmathLab || {}));
