/* The toy distributions: sampling and exact densities. Their numbers (means, widths, ends) come from
   gm.toys through catalogue.js, so that a name means the same distribution in Python and here. */
"use strict";
(function (lab) {
  /** Fill `out`, (n, dimension), with independent draws. */
  function sample(toy, n, rng, out) {
    const draw = { mixture: drawMixture, uniform: drawUniform, spiral: drawSpiral }[toy.kind];
    for (let s = 0; s < n; s++) draw(toy, rng, out, s * toy.dimension);
    return out;
  }

  function drawMixture({ means, sigmas, weights, dimension }, rng, out, at) {
    let rest = lab.uniform(rng), k = 0;
    while (k < weights.length - 1 && rest >= weights[k]) rest -= weights[k++];
    for (let i = 0; i < dimension; i++) out[at + i] = means[k][i] + sigmas[k] * lab.normal(rng);
  }

  function drawUniform({ low, high }, rng, out, at) {
    out[at] = low + (high - low) * lab.uniform(rng);
  }

  function drawSpiral({ sigma }, rng, out, at) {
    const [x, y] = spiralPoint(lab.uniform(rng));
    out[at] = x + sigma * lab.normal(rng);
    out[at + 1] = y + sigma * lab.normal(rng);
  }

  /** The swiss roll's curve at the fraction v of its angle, from 3 pi/2 to 9 pi/2. */
  function spiralPoint(v) {
    const t = (1.5 + 3 * v) * Math.PI;
    const radius = (4 * t) / (9 * Math.PI);
    return [radius * Math.cos(t), radius * Math.sin(t)];
  }

  /** The density at a point (an array), of the toy blurred by a Gaussian of the given variance. */
  function density(toy, x, blur = 0) {
    if (toy.kind === "uniform") return x[0] < toy.low || x[0] > toy.high ? 0 : 1 / (toy.high - toy.low);
    const { means, sigmas, weights } = toy.kind === "spiral" ? spiralMixture(toy) : toy;
    let total = 0;
    for (let k = 0; k < means.length; k++) {
      const variance = sigmas[k] ** 2 + blur;
      let r2 = 0;
      for (let i = 0; i < toy.dimension; i++) r2 += (x[i] - means[k][i]) ** 2;
      total += weights[k] * Math.exp(-r2 / (2 * variance)) / (2 * Math.PI * variance) ** (toy.dimension / 2);
    }
    return total;
  }

  // Gauss-Legendre nodes on (-1, 1), each with its mirror image, and their weights
  const NODES = [[0.8611363115940526, 0.34785484513745385], [0.33998104358485626, 0.6521451548625462]];

  /** The spiral as a fine mixture along its curve, by quadrature on panels about as long as sigma: the
      sum has the value of the integral to about eight digits. */
  function spiralMixture(toy) {
    if (!toy.mixture) {
      const panels = Math.ceil(20 / toy.sigma); // the curve is 12.6 long
      const means = [], weights = [];
      for (let k = 0; k < panels; k++)
        for (const [node, weight] of NODES)
          for (const side of [-1, 1]) {
            means.push(spiralPoint((k + 0.5 + (side * node) / 2) / panels));
            weights.push(weight / 2 / panels);
          }
      toy.mixture = { means, sigmas: means.map(() => toy.sigma), weights };
    }
    return toy.mixture;
  }

  Object.assign(lab, { sample, density });
})((window.ganmathLab = window.ganmathLab || {}));
