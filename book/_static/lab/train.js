/* The training loop: n_critic critic steps, then one generator step, as in ganmath.training.

   Logits everywhere; objectives and their gradients are the catalogue's, as functions of the critic's
   outputs on both batches and of the loss's parameters. Each step changes its own network only. A penalty
   on the critic's gradient needs second derivatives of the network: losses with one are not listed. */
"use strict";
(function (lab) {
  /** A run at step 0. settings: critic, generator, toy (names in the catalogue), k (the losses'
      parameters by keyword), lrD, lrG, nCritic, batch, width, seed. */
  function newRun(settings) {
    const { critics, generators, toys } = lab.catalogue;
    const toy = toys[settings.toy];
    const rng = lab.random(settings.seed);
    const d = toy.dimension;
    const { width, batch } = settings;
    return {
      settings, toy, rng,
      activation: activation(critics[settings.critic].domain, settings.k),
      critic: critics[settings.critic],
      generator: generators[settings.generator],
      G: player(lab.network([d, width, width, d]), settings.lrG, batch, rng),
      D: player(lab.network([d, width, width, 1]), settings.lrD, batch, rng),
      // the critic sees two batches in its step; this is the second one's room
      fakeSpace: lab.workspace(lab.network([d, width, width, 1]), batch),
      noise: new Float64Array(batch * d),
      real: new Float64Array(batch * d),
      outer: new Float64Array(batch),
      slopes: new Float64Array(batch),
      realSlopes: new Float64Array(batch),
      step: 0,
      last: { lossD: NaN, lossG: NaN, cReal: NaN, cFake: NaN },
      stopped: null,
      good: null,
    };
  }

  function player(net, lr, batch, rng) {
    return {
      net,
      weights: lab.initialise(net, rng),
      gradient: new Float64Array(net.count),
      optimizer: lab.adam(net.count, lr),
      space: lab.workspace(net, batch),
    };
  }

  /** The map from the network's output onto the interval in which a loss lets C run, and its slope:
      none for the whole line, else a sigmoid between the ends, or a softplus away from the one finite
      end, as ganmath.networks.Bounded has them. */
  function activation(domain, k) {
    if (!domain) return null;
    const [low, high] = domain(k);
    if (Number.isFinite(low) && Number.isFinite(high)) {
      const sigma = (o) => Math.exp(Math.min(o, 0)) / (1 + Math.exp(-Math.abs(o)));
      return { value: (o) => low + (high - low) * sigma(o), slope: (o) => (high - low) * sigma(o) * sigma(-o) };
    }
    const sign = Number.isFinite(low) ? 1 : -1; // (low, oo) or (-oo, high)
    const end = sign > 0 ? low : high;
    return {
      value: (o) => end + sign * (Math.max(sign * o, 0) + Math.log1p(Math.exp(-Math.abs(o)))),
      slope: (o) => 1 / (1 + Math.exp(-sign * o)),
    };
  }

  /** The critic's outputs C at points; `slopes`, if given, is filled with dC / d(network's output). */
  function criticAt(run, points, space, slopes) {
    const c = lab.forward(run.D.net, run.D.weights, points, space);
    if (slopes) slopes.fill(1);
    if (run.activation)
      for (let s = 0; s < c.length; s++) {
        if (slopes) slopes[s] = run.activation.slope(c[s]);
        c[s] = run.activation.value(c[s]);
      }
    return c;
  }

  /** Fresh fakes (batch, d), a view into the generator's space. */
  function drawFakes(run) {
    for (let i = 0; i < run.noise.length; i++) run.noise[i] = lab.normal(run.rng);
    return lab.forward(run.G.net, run.G.weights, run.noise, run.G.space);
  }

  /** Gradient of a batch's loss in the network's outputs: that in C, times dC / d(output). */
  function inOutputs(run, gradient, slopes) {
    for (let s = 0; s < gradient.length; s++) run.outer[s] = gradient[s] * slopes[s];
    return run.outer;
  }

  function average(values) {
    let sum = 0;
    for (const value of values) sum += value / values.length;
    return sum;
  }

  /** One Adam step of the critic on L_D of C at real and fake points. Returns what was seen.
      Each output's gradient may depend on the whole batch, so both halves pass before either returns. */
  function criticStep(run, real, fake) {
    const { D, fakeSpace, critic: { terms }, settings: { k } } = run;
    D.gradient.fill(0);
    const cReal = criticAt(run, real, D.space, run.realSlopes);
    const cFake = criticAt(run, fake, fakeSpace, run.slopes);
    const { value, dReal, dFake } = terms.critic(cReal, cFake, k);
    const seen = { lossD: value, cReal: average(cReal), cFake: average(cFake) };
    lab.backward(D.net, D.weights, inOutputs(run, dFake, run.slopes), fakeSpace, D.gradient, false);
    lab.backward(D.net, D.weights, inOutputs(run, dReal, run.realSlopes), D.space, D.gradient, false);
    seen.sum = lab.adamStep(D.optimizer, D.weights, D.gradient);
    return seen;
  }

  /** One Adam step of the generator on L_G, the critic fixed. Outputs on real points enter where the
      loss has them; they do not move with the generator, so only the fakes' gradient goes back. */
  function generatorStep(run, real, fake) {
    const { G, D, fakeSpace, generator: { terms, needsReal }, settings: { k } } = run;
    const cReal = needsReal ? criticAt(run, real, D.space, null) : [];
    const cFake = criticAt(run, fake, fakeSpace, run.slopes);
    const { value, dFake } = terms.generator(cReal, cFake, k);
    const seen = { lossG: value };
    const pull = lab.backward(D.net, D.weights, inOutputs(run, dFake, run.slopes), fakeSpace, null, true);
    G.gradient.fill(0);
    lab.backward(G.net, G.weights, pull, G.space, G.gradient, false);
    seen.sum = lab.adamStep(G.optimizer, G.weights, G.gradient);
    return seen;
  }

  /** One iteration. False, with run.stopped saying why and the state before it kept, as soon as a
      loss, an output or a weight is not finite. The last fakes of the critic train the generator too. */
  function step(run) {
    if (run.stopped) return false;
    keep(run);
    const found = {};
    let fake;
    for (let i = 0; i < run.settings.nCritic; i++) {
      lab.sample(run.toy, run.settings.batch, run.rng, run.real);
      fake = drawFakes(run);
      const { sum, ...seen } = criticStep(run, run.real, fake);
      Object.assign(found, seen, { weightsD: sum });
      if (!finite(run, found)) return false;
    }
    const { sum, ...seen } = generatorStep(run, run.real, fake);
    Object.assign(found, seen, { weightsG: sum });
    if (!finite(run, found)) return false;
    run.last = { lossD: found.lossD, lossG: found.lossG, cReal: found.cReal, cFake: found.cFake };
    run.step += 1;
    return true;
  }

  const quantities = {
    lossD: "the critic's loss",
    cReal: "the critic's output on real samples",
    cFake: "the critic's output on the generator's samples",
    weightsD: "a weight of the critic",
    lossG: "the generator's loss",
    weightsG: "a weight of the generator",
  };

  function finite(run, found) {
    const bad = Object.keys(quantities).find((name) => name in found && !Number.isFinite(found[name]));
    if (bad === undefined) return true;
    restore(run);
    run.stopped = `${quantities[bad]} is not finite at step ${run.step + 1}`;
    return false;
  }

  /** Remember everything that the next step depends on. */
  function keep(run) {
    run.good = run.good || { rng: {}, G: room(run.G), D: room(run.D) };
    Object.assign(run.good.rng, run.rng);
    for (const name of ["G", "D"]) copy(run[name], run.good[name]);
  }

  function restore(run) {
    Object.assign(run.rng, run.good.rng);
    for (const name of ["G", "D"]) copy(run.good[name], run[name]);
  }

  function room({ net: { count } }) {
    return { weights: new Float64Array(count), optimizer: lab.adam(count, 0) };
  }

  function copy(from, to) {
    to.weights.set(from.weights);
    to.optimizer.m.set(from.optimizer.m);
    to.optimizer.v.set(from.optimizer.v);
    to.optimizer.t = from.optimizer.t;
  }

  Object.assign(lab, { newRun, criticAt, drawFakes, criticStep, generatorStep, step });
})((window.ganmathLab = window.ganmathLab || {}));
