/* A multilayer perceptron and Adam, by hand, in float64 typed arrays.

   Why no TensorFlow.js: a batch of 64 through two layers of 32 is 70 thousand multiplications, less
   than what a tensor library spends on starting its operations, and the library alone would weigh
   more than the rest of the page. Layers, initialisation, gradients and Adam are those of torch (a
   test compares them). All functions are pure but for the arrays that they are told to fill. */
"use strict";
(function (lab) {
  /* --- random numbers: the same seed gives the same run, bit for bit ------------------------- */

  /** Seeded generator (sfc32, Chris Doty-Humphrey). Its state is plain numbers, so it can be copied. */
  function random(seed) {
    const rng = { a: seed >>> 0, b: 0x9e3779b9, c: 0x243f6a88, d: 1, spare: null };
    for (let i = 0; i < 15; i++) uniform(rng);
    return rng;
  }

  /** The next number in [0, 1). */
  function uniform(rng) {
    const t = (((rng.a + rng.b) | 0) + rng.d) | 0;
    rng.d = (rng.d + 1) | 0;
    rng.a = rng.b ^ (rng.b >>> 9);
    rng.b = (rng.c + (rng.c << 3)) | 0;
    rng.c = ((rng.c << 21) | (rng.c >>> 11)) + t | 0;
    return (t >>> 0) / 4294967296;
  }

  /** The next standard normal number (Box and Muller, two at a time). */
  function normal(rng) {
    if (rng.spare !== null) {
      const kept = rng.spare;
      rng.spare = null;
      return kept;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform(rng)));
    const angle = 2 * Math.PI * uniform(rng);
    rng.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /* --- the network --------------------------------------------------------------------------- */

  /** Shape of a perceptron with leaky ReLU between its layers; weights of all layers lie in one array:
      for each layer W, (nOut, nIn) row by row as in torch, then its bias. */
  function network(sizes, slope = 0.2) {
    const layers = [];
    let count = 0;
    for (let l = 0; l + 1 < sizes.length; l++) {
      const [nIn, nOut] = [sizes[l], sizes[l + 1]];
      layers.push({ nIn, nOut, W: count, b: count + nIn * nOut });
      count += nIn * nOut + nOut;
    }
    return { sizes, slope, layers, count };
  }

  /** Fresh weights as torch draws them: W and b from U(-1/sqrt(nIn), 1/sqrt(nIn)). */
  function initialise(net, rng) {
    const weights = new Float64Array(net.count);
    for (const { nIn, nOut, W } of net.layers)
      for (let i = W; i < W + nOut * (nIn + 1); i++)
        weights[i] = (2 * uniform(rng) - 1) / Math.sqrt(nIn);
    return weights;
  }

  /** Room for a batch of n: outputs of each layer, and gradients with respect to them. Rows are
      padded to a multiple of four, because `forward` takes four samples at a time. */
  function workspace(net, n) {
    const rows = 4 * Math.ceil(n / 4);
    const room = () => net.sizes.map((size) => new Float64Array(rows * size));
    return { n, rows, values: room(), gradients: room() };
  }

  /** Outputs (n, nOut) of inputs (n, nIn), a view into `space.values`. */
  function forward(net, weights, inputs, space) {
    space.values[0].set(inputs.subarray(0, space.n * net.sizes[0]));
    const last = net.layers.length - 1;
    net.layers.forEach((layer, l) => {
      affine(layer, weights, space.values[l], space.values[l + 1], space.rows);
      if (l < last) leaky(space.values[l + 1], net.slope);
    });
    return space.values[last + 1].subarray(0, space.n * net.sizes[last + 1]);
  }

  function affine({ nIn, nOut, W, b }, weights, x, y, rows) {
    for (let s = 0; s < rows; s += 4) {
      const x0 = s * nIn, x1 = x0 + nIn, x2 = x1 + nIn, x3 = x2 + nIn;
      for (let j = 0; j < nOut; j++) {
        const row = W + j * nIn;
        let y0 = weights[b + j], y1 = y0, y2 = y0, y3 = y0; // four sums that need not wait for one another
        for (let i = 0; i < nIn; i++) {
          const w = weights[row + i];
          y0 += w * x[x0 + i];
          y1 += w * x[x1 + i];
          y2 += w * x[x2 + i];
          y3 += w * x[x3 + i];
        }
        const out = s * nOut + j;
        y[out] = y0;
        y[out + nOut] = y1;
        y[out + 2 * nOut] = y2;
        y[out + 3 * nOut] = y3;
      }
    }
  }

  function leaky(y, slope) {
    for (let i = 0; i < y.length; i++) if (y[i] < 0) y[i] *= slope;
  }

  /** Backpropagation through the last `forward` in this space.
      outer: gradient of the loss with respect to the outputs, (n, nOut). gradient: array like the
      weights that the gradient is added to, or null where the network is held fixed.
      Returns the gradient with respect to the inputs, (n, nIn), or null where it is not wanted. */
  function backward(net, weights, outer, space, gradient, wantInputs) {
    const { values, gradients, n, rows } = space;
    const last = net.layers.length - 1;
    gradients[last + 1].set(outer);
    for (let l = last; l >= 0; l--) {
      const layer = net.layers[l];
      const delta = gradients[l + 1];
      // a leaky ReLU keeps the sign, so its output tells which slope was taken
      if (l < last) {
        const y = values[l + 1];
        for (let i = 0; i < delta.length; i++) if (y[i] < 0) delta[i] *= net.slope;
      }
      if (gradient) addWeightGradient(layer, delta, values[l], gradient, rows);
      if (l > 0 || wantInputs) inputGradient(layer, weights, delta, gradients[l], rows);
    }
    return wantInputs ? gradients[0].subarray(0, n * net.sizes[0]) : null;
  }

  /* Both take four terms of a sum at a time: one pass over the array that is written instead of four.
     Padded rows have no gradient, so they add nothing. */
  function addWeightGradient({ nIn, nOut, W, b }, delta, x, gradient, rows) {
    for (let s = 0; s < rows; s += 4) {
      const x0 = s * nIn, x1 = x0 + nIn, x2 = x1 + nIn, x3 = x2 + nIn;
      for (let j = 0; j < nOut; j++) {
        const at = s * nOut + j;
        const d0 = delta[at], d1 = delta[at + nOut], d2 = delta[at + 2 * nOut], d3 = delta[at + 3 * nOut];
        const row = W + j * nIn;
        for (let i = 0; i < nIn; i++)
          gradient[row + i] += d0 * x[x0 + i] + d1 * x[x1 + i] + d2 * x[x2 + i] + d3 * x[x3 + i];
        gradient[b + j] += d0 + d1 + d2 + d3;
      }
    }
  }

  function inputGradient({ nIn, nOut, W }, weights, delta, out, rows) {
    const blocks = nOut - (nOut % 4);
    out.fill(0);
    for (let s = 0; s < rows; s++) {
      const input = s * nIn;
      for (let j = 0; j < blocks; j += 4) {
        const at = s * nOut + j;
        const d0 = delta[at], d1 = delta[at + 1], d2 = delta[at + 2], d3 = delta[at + 3];
        const w0 = W + j * nIn, w1 = w0 + nIn, w2 = w1 + nIn, w3 = w2 + nIn;
        for (let i = 0; i < nIn; i++)
          out[input + i] += d0 * weights[w0 + i] + d1 * weights[w1 + i] + d2 * weights[w2 + i] + d3 * weights[w3 + i];
      }
      for (let j = blocks; j < nOut; j++) {
        const d = delta[s * nOut + j];
        for (let i = 0; i < nIn; i++) out[input + i] += d * weights[W + j * nIn + i];
      }
    }
  }

  /* --- Adam (Kingma and Ba 2015), in torch's order of operations -------------------------------- */

  function adam(count, lr, betas = [0.5, 0.999], epsilon = 1e-8) {
    return { lr, betas, epsilon, t: 0, m: new Float64Array(count), v: new Float64Array(count) };
  }

  /** One step, in place. Returns the sum of the new weights: not finite as soon as one of them is. */
  function adamStep(state, weights, gradient) {
    const { lr, betas: [beta1, beta2], epsilon, m, v } = state;
    state.t += 1;
    const size = lr / (1 - beta1 ** state.t);
    const correction = Math.sqrt(1 - beta2 ** state.t);
    let sum = 0;
    for (let i = 0; i < weights.length; i++) {
      const g = gradient[i];
      m[i] += (1 - beta1) * (g - m[i]);
      v[i] = beta2 * v[i] + (1 - beta2) * g * g;
      weights[i] -= size * m[i] / (Math.sqrt(v[i]) / correction + epsilon);
      sum += weights[i];
    }
    return sum;
  }

  Object.assign(lab, {
    random, uniform, normal, network, initialise, workspace, forward, backward, adam, adamStep,
  });
})((window.ganmathLab = window.ganmathLab || {}));
