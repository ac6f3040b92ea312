/* What theory says of a run and what is measured of it, at one moment of training.

   The window is cut into cells (with one more for all that lies outside). p is the toy's exact mass in
   each; q is the mass that the generator puts there. On the line q is the normal distribution of the
   noise carried through the generator interval by interval, so it has no sampling error; in the plane
   q is a kernel estimate from fresh samples, and p is blurred by the same kernel. From u = p/q follow
   the optimal critic C*(u) for the q of this moment, and the divergence that the theory predicts. */
"use strict";
(function (lab) {
  const BINS = 240; // cells of the window on the line
  const SIDE = 64; // cells along a side of the window in the plane
  const NOISE = 1024; // intervals of the noise on the line, over (-8, 8)
  const FAKES = 4096; // samples of the kernel estimate in the plane
  const KERNEL = 1.5; // its standard deviation, in cells
  const FRESH = 1000; // samples of p and of q that the learned critic is measured on
  const [U_MIN, U_MAX] = [1e-100, 1e100]; // stand for 0 and infinity
  const NEGLIGIBLE = 1e-6; // mass for which an infinite ratio is not counted as an infinite divergence

  /* --- theory of one pair of objectives --------------------------------------------------------- */

  /** C*(u), f_D(u) and the critic's loss at p = q, as functions of u; null where no optimum exists.
      What has no closed form in the catalogue is found by minimising u real(C) + fake(C). */
  function theory(critic, k) {
    if (!critic.optimum) return null;
    const { critic: closed, f, offset } = critic.optimum;
    const { real, fake } = critic.terms;
    const best = closed ? (u) => closed(u, k) : (u) => minimiser(critic, k, u);
    const value = (u) => u * real(best(u), k) + fake(best(u), k);
    const atOne = offset ? offset(k) : value(1);
    return { critic: best, f: f ? (u) => f(u, k) : (u) => atOne - value(u), offset: atOne, closed: !!closed };
  }

  /** argmin over C of u real(C) + fake(C): where the slope, which grows with C, changes its sign. */
  function minimiser({ terms: { dReal, dFake }, domain }, k, u) {
    const falling = (C) => u * dReal(C, k) + dFake(C, k) < 0;
    let [low, high] = domain ? domain(k) : [-Infinity, Infinity];
    if (!Number.isFinite(low)) for (low = -1; !falling(low) && low > -1e9; ) low *= 2;
    if (!Number.isFinite(high)) for (high = Math.max(1, low + 1); falling(high) && high < 1e9; ) high *= 2;
    for (let i = 0; i < 90; i++) {
      const middle = (low + high) / 2;
      if (falling(middle)) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  }

  /** Gradient reading: the f of the divergence that the generator's step follows while the critic is
      frozen at its optimum, f'' = -(1/u) d gen(C*(u))/du; or why there is none, null where this cannot tell. Decided on a grid.

      With g(u) = gen(C*(u)) and f(1) = f'(1) = 0 it is f(u) = u A(u) + g(u) - g(1), A(u) the integral
      of -dg(s)/s from 1 to u, which has a meaning where g jumps too. */
  function followed(critic, generator, k) {
    const optimum = theory(critic, k);
    if (!optimum || !generator.terms.gen) return { f: null, why: null }; // not found point by point
    const step = 0.25, half = Math.round(Math.log(U_MAX) / step); // the grid is even in t = log u
    const g = (t) => generator.terms.gen(optimum.critic(Math.exp(t)), k);
    const at = (i) => (i - half) * step;
    const values = Float64Array.from({ length: 2 * half + 1 }, (_, i) => g(at(i)));
    const why = noDivergence(values.subarray(half - 55, half + 56), step);
    if (why) return { f: null, why };
    const A = new Float64Array(values.length);
    const piece = (i) => integral(g, at(i), values[i], at(i + 1), values[i + 1], 30);
    for (let i = half; i + 1 < A.length; i++) A[i + 1] = A[i] - piece(i);
    for (let i = half; i > 0; i--) A[i - 1] = A[i] + piece(i - 1);
    const f = (u) => {
      const t = Math.log(u);
      const i = Math.max(0, Math.min(A.length - 1, Math.floor(t / step + half)));
      const here = g(t);
      return u * (A[i] - integral(g, at(i), values[i], t, here, 30)) + here - values[half];
    };
    return { f, why: null };
  }

  /** Why gen(C*(u)), given at u from about 1e-6 to 1e6, belongs to no divergence; null where it falls. */
  function noDivergence(values, step) {
    const ratio = (i) => Math.exp((i - (values.length - 1) / 2) * step).toPrecision(2);
    if (!values.every(Number.isFinite)) return "the generator's loss is infinite at the optimal critic";
    const slack = values.map((v) => 1e-13 * (1 + Math.abs(v)));
    const rise = values.findIndex((v, i) => values[i + 1] > v + slack[i]);
    if (rise >= 0) return `gen(C*(u)) rises with u near u = ${ratio(rise)}`;
    const falls = values.some((v, i) => values[i + 1] < v - slack[i]);
    return falls ? null : "gen(C*(u)) is constant, so the generator gets no gradient";
  }

  /** The integral of dg / u over t = log u in (a, b): g is taken as linear in t where its middle says
      that it is, and the interval is halved where not, which closes in on a jump too. */
  function integral(g, a, ga, b, gb, depth) {
    const change = gb - ga;
    if (b === a || change === 0) return 0;
    const middle = (a + b) / 2;
    const tiny = Math.abs(change) < 1e-12 * (1 + Math.abs(ga));
    const gm = tiny || depth === 0 ? 0 : g(middle);
    if (tiny || depth === 0 || Math.abs(gm - (ga + gb) / 2) < 2e-3 * Math.abs(change))
      return (change * -Math.expm1(a - b) * Math.exp(-a)) / (b - a);
    return integral(g, a, ga, middle, gm, depth - 1) + integral(g, middle, gm, b, gb, depth - 1);
  }

  /** D_f(p || q) = sum q f(p/q) over cells, with p f(u)/u where q is nothing and q f(0) where p is. */
  function divergence(f, p, q) {
    const unbounded = (far, near) => !Number.isFinite(far) || Math.abs(far) > 1.5 * Math.abs(near) + 1e-9;
    const atZero = f(U_MIN), atInfinity = f(U_MAX) / U_MAX;
    const zeroIsInfinite = unbounded(atZero, f(Math.sqrt(U_MIN)));
    const infinityIsInfinite = unbounded(atInfinity, f(Math.sqrt(U_MAX)) / Math.sqrt(U_MAX));
    let total = 0, lostP = 0, lostQ = 0;
    for (let i = 0; i < p.length; i++) {
      if (p[i] <= q[i] * U_MIN) lostQ += q[i];
      else if (q[i] <= p[i] * U_MIN) lostP += p[i];
      else total += q[i] * f(p[i] / q[i]);
    }
    if ((zeroIsInfinite && lostQ > NEGLIGIBLE) || (infinityIsInfinite && lostP > NEGLIGIBLE)) return Infinity;
    return total + (zeroIsInfinite ? 0 : lostQ * atZero) + (infinityIsInfinite ? 0 : lostP * atInfinity);
  }

  /* --- cells ------------------------------------------------------------------------------------ */

  /** The window's cells with the toy's mass in each: {n, width, points (n, d), p (n + 1)}. */
  function cells(toy) {
    const [low, high] = toy.view;
    const side = toy.dimension === 1 ? BINS : SIDE;
    const width = (high - low) / side;
    const centre = (i) => low + (i + 0.5) * width;
    if (toy.dimension === 1) {
      const points = Float64Array.from({ length: side }, (_, i) => centre(i));
      return { n: side, side, width, blur: 0, points, p: closed(Array.from(points, (x) => massOnLine(toy, x, width))) };
    }
    // the kernel, and what spreading a sample over its four nearest cells adds to its variance
    const blur = (KERNEL ** 2 + 1 / 6) * width ** 2;
    const points = new Float64Array(2 * side * side);
    const p = [];
    for (let j = 0; j < side; j++)
      for (let i = 0; i < side; i++) {
        points.set([centre(i), centre(j)], 2 * (j * side + i));
        p.push(lab.density(toy, [centre(i), centre(j)], blur) * width ** 2);
      }
    return { n: side * side, side, width, blur, points, p: closed(p) };
  }

  /** Mass of a cell of the line by Simpson's rule; exact for the uniform distribution. */
  function massOnLine(toy, x, width) {
    const [a, b] = [x - width / 2, x + width / 2];
    if (toy.kind === "uniform")
      return Math.max(0, Math.min(b, toy.high) - Math.max(a, toy.low)) / (toy.high - toy.low);
    return (width / 6) * (lab.density(toy, [a]) + 4 * lab.density(toy, [x]) + lab.density(toy, [b]));
  }

  /** Masses as an array, with the mass outside the window as the last entry. */
  function closed(masses) {
    const total = masses.reduce((sum, mass) => sum + mass, 0);
    return Float64Array.from([...masses, Math.max(0, 1 - total)]);
  }

  /* --- measuring --------------------------------------------------------------------------------- */

  /** Room for measuring a run, made once. Its random numbers are its own: how often one looks at a run
      does not change the run. */
  function newMeasure(run) {
    const grid = cells(run.toy);
    const d = run.toy.dimension;
    const fakes = d === 1 ? NOISE + 1 : FAKES;
    return {
      ...grid, run, rng: lab.random(run.settings.seed + 12345),
      theory: theory(run.critic, run.settings.k),
      followed: followed(run.critic, run.generator, run.settings.k),
      q: new Float64Array(grid.n + 1),
      learned: new Float64Array(grid.n),
      optimal: new Float64Array(grid.n),
      fresh: new Float64Array(FRESH * d),
      noise: new Float64Array(fakes * d),
      noiseMass: d === 1 ? noiseMasses() : null,
      fakesSpace: lab.workspace(run.G.net, fakes),
      freshSpace: lab.workspace(run.G.net, FRESH),
      freshCritic: lab.workspace(run.D.net, FRESH),
      gridCritic: lab.workspace(run.D.net, grid.n),
    };
  }

  /** Mass of the standard normal in each of the intervals that cut (-8, 8), by Simpson's rule. */
  function noiseMasses() {
    const h = 16 / NOISE;
    const phi = (z) => Math.exp((-z * z) / 2);
    const masses = Float64Array.from({ length: NOISE }, (_, i) => {
      const z = -8 + i * h;
      return phi(z) + 4 * phi(z + h / 2) + phi(z + h);
    });
    const total = masses.reduce((sum, mass) => sum + mass, 0);
    return masses.map((mass) => mass / total);
  }

  /** Everything that the page shows of the run at this moment; arrays are views into `m`. */
  function measure(m) {
    const { run, rng, p, q } = m;
    const d = run.toy.dimension;
    const samples = d === 1 ? null : drawSamples(m);
    if (d === 1) carryNoise(m);
    else kernelEstimate(m, samples);
    m.learned.set(lab.criticAt(run, m.points, m.gridCritic, null));
    const result = { samples, predicted: NaN, follows: NaN, measured: NaN, error: NaN };
    if (m.theory) {
      const { loss, error } = freshLoss(m);
      for (let i = 0; i < m.n; i++) m.optimal[i] = p[i] + q[i] > 0 ? m.theory.critic(p[i] / q[i]) : NaN;
      result.predicted = divergence(m.theory.f, p, q);
      result.measured = m.theory.offset - loss;
      result.error = error;
    }
    if (m.followed.f) result.follows = divergence(m.followed.f, p, q);
    return result;
  }

  /** q on the line: the noise's intervals carried through the generator, each mass spread evenly. */
  function carryNoise(m) {
    const { run, q, noise, noiseMass, width, side } = m;
    const low = run.toy.view[0];
    for (let i = 0; i <= NOISE; i++) noise[i] = -8 + (16 * i) / NOISE;
    const x = lab.forward(run.G.net, run.G.weights, noise, m.fakesSpace);
    q.fill(0);
    for (let i = 0; i < NOISE; i++) {
      const a = (Math.min(x[i], x[i + 1]) - low) / width;
      const b = Math.max((Math.max(x[i], x[i + 1]) - low) / width, a + 1e-9);
      const density = noiseMass[i] / (b - a);
      if (a < 0) q[side] += density * (Math.min(0, b) - a);
      if (b > side) q[side] += density * (b - Math.max(side, a));
      for (let j = Math.max(0, Math.floor(a)); j < Math.min(side, b); j++)
        q[j] += density * (Math.min(b, j + 1) - Math.max(a, j));
    }
  }

  function drawSamples(m) {
    for (let i = 0; i < m.noise.length; i++) m.noise[i] = lab.normal(m.rng);
    return lab.forward(m.run.G.net, m.run.G.weights, m.noise, m.fakesSpace);
  }

  /** q in the plane: samples spread over their four nearest cells, then blurred along x and y. */
  function kernelEstimate(m, samples) {
    const { run, q, side, width } = m;
    const low = run.toy.view[0];
    const counts = new Float64Array(side * side);
    for (let s = 0; s < FAKES; s++) {
      const [x, y] = [(samples[2 * s] - low) / width - 0.5, (samples[2 * s + 1] - low) / width - 0.5];
      const [i, j] = [Math.floor(x), Math.floor(y)];
      for (const [di, dj] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
        const weight = (di ? x - i : 1 - x + i) * (dj ? y - j : 1 - y + j);
        if (i + di >= 0 && i + di < side && j + dj >= 0 && j + dj < side)
          counts[(j + dj) * side + i + di] += weight / FAKES;
      }
    }
    const reach = Math.ceil(4 * KERNEL);
    const kernel = Float64Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-(((i - reach) / KERNEL) ** 2) / 2));
    const sum = kernel.reduce((total, weight) => total + weight, 0);
    const blurred = blur(blur(counts, side, 1, kernel, reach, sum), side, side, kernel, reach, sum);
    let inside = 0;
    for (let i = 0; i < blurred.length; i++) inside += q[i] = blurred[i];
    q[side * side] = Math.max(0, 1 - inside);
  }

  /** Convolution along one direction; neighbours there are `stride` apart. */
  function blur(values, side, stride, kernel, reach, sum) {
    const out = new Float64Array(values.length);
    const across = stride === 1 ? side : 1;
    for (let line = 0; line < side; line++)
      for (let i = 0; i < side; i++) {
        const value = values[line * across + i * stride];
        if (value === 0) continue;
        for (let t = Math.max(-reach, -i); t <= Math.min(reach, side - 1 - i); t++)
          out[line * across + (i + t) * stride] += (value * kernel[t + reach]) / sum;
      }
    return out;
  }

  /** The learned critic's loss on fresh samples, with its standard error. */
  function freshLoss(m) {
    const { run, rng, fresh, freshCritic } = m;
    const { real, fake } = run.critic.terms;
    const k = run.settings.k;
    const part = (points, term) => {
      const c = lab.criticAt(run, points, freshCritic, null);
      let mean = 0, square = 0;
      for (let s = 0; s < FRESH; s++) {
        const value = term(c[s], k);
        mean += value / FRESH;
        square += (value * value) / FRESH;
      }
      return { mean, variance: Math.max(0, square - mean * mean) / (FRESH - 1) };
    };
    const onReal = part(lab.sample(run.toy, FRESH, rng, fresh), real);
    for (let i = 0; i < fresh.length; i++) fresh[i] = lab.normal(rng);
    const onFake = part(lab.forward(run.G.net, run.G.weights, fresh, m.freshSpace), fake);
    return { loss: onReal.mean + onFake.mean, error: Math.sqrt(onReal.variance + onFake.variance) };
  }

  Object.assign(lab, { theory, followed, divergence, cells, newMeasure, measure });
})((window.ganmathLab = window.ganmathLab || {}));
