/* Charts and heat maps on canvas, in the book's visual language: p blue, q orange, the critic green,
   an optimum dashed, labels on the curves, ink in the colour of the page's text. */
"use strict";
(function (lab) {
  const colours = { p: "#0072B2", q: "#E69F00", critic: "#009E73", reference: "#808080" };
  // the same hues, lighter, where small text in them must be read on a dark page, and darker on a light one
  const inks = {
    light: { "#0072B2": "#0072B2", "#E69F00": "#8F5F00", "#009E73": "#00775A", "#808080": "#595959" },
    dark: { "#0072B2": "#6BB8E8", "#E69F00": "#F0B030", "#009E73": "#34C79C", "#808080": "#A8A8A8" },
  };
  const FONT = 13;
  const MARGIN = { left: 48, right: 12, top: 26, bottom: 36 };

  /** Prepare a canvas of the given height for drawing in CSS pixels; its width is the page's. */
  function prepare(canvas, height) {
    const width = canvas.clientWidth;
    const scale = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    pen.font = `${FONT}px ${style.fontFamily}`;
    const dark = document.documentElement.dataset.theme === "dark";
    return { pen, width, height, text: style.color, ink: inks[dark ? "dark" : "light"], dark };
  }

  /** Round numbers that cut [low, high] into about `count` parts. */
  function ticks(low, high, count) {
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
    const out = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) out.push(i * step);
    return out;
  }

  const number = (x) =>
    x === 0 || Math.abs(x) < 1e-12 ? "0" : Math.abs(x) >= 1e4 || Math.abs(x) < 1e-3
      ? x.toExponential(0).replace("e+", "e") : String(Number(x.toPrecision(4)));

  /** A chart of curves.
      series: [{x, y, colour, dash, label, at}], y may hold NaN where a curve is interrupted; the label
      stands at the curve's "start", "peak" or (default) "end". range: [low, high] of y, else from the data. */
  function chart(canvas, { series, xRange, range, xLabel, yLabel, height = 210 }) {
    const view = prepare(canvas, height);
    const { pen, width } = view;
    const [x0, x1] = xRange;
    const [y0, y1] = range || extent(series.flatMap((s) => Array.from(s.y)));
    const box = { left: MARGIN.left, top: MARGIN.top, right: width - MARGIN.right, bottom: height - MARGIN.bottom };
    const X = (x) => box.left + ((x - x0) / (x1 - x0)) * (box.right - box.left);
    const Y = (y) => box.bottom - ((y - y0) / (y1 - y0)) * (box.bottom - box.top);
    axes(view, box, X, Y, [x0, x1], [y0, y1], xLabel, yLabel);
    pen.save();
    pen.beginPath();
    pen.rect(box.left, box.top - 4, box.right - box.left, box.bottom - box.top + 8);
    pen.clip();
    for (const s of series) line(pen, s, X, Y);
    pen.restore();
    labels(view, box, series, X, Y);
  }

  function extent(values) {
    const finite = values.filter(Number.isFinite);
    if (!finite.length) return [0, 1];
    let low = Infinity, high = -Infinity;
    for (const v of finite) {
      low = Math.min(low, v);
      high = Math.max(high, v);
    }
    const room = 0.08 * (high - low) || 0.5 * Math.abs(high) || 1;
    return [low - room, high + room];
  }

  function axes({ pen, text, width, height }, box, X, Y, [x0, x1], [y0, y1], xLabel, yLabel) {
    Object.assign(pen, { strokeStyle: text, fillStyle: text, lineWidth: 1, textBaseline: "middle" });
    pen.setLineDash([]);
    pen.textAlign = "right";
    for (const y of ticks(y0, y1, 4)) {
      pen.globalAlpha = 0.15;
      stroke(pen, [[box.left, Y(y)], [box.right, Y(y)]]);
      pen.globalAlpha = 1;
      pen.fillText(number(y), box.left - 6, Y(y));
    }
    pen.textBaseline = "top";
    pen.textAlign = "center";
    stroke(pen, [[box.left, box.bottom], [box.right, box.bottom]]);
    for (const x of ticks(x0, x1, Math.max(2, Math.min(8, (box.right - box.left) / 60)))) {
      stroke(pen, [[X(x), box.bottom], [X(x), box.bottom + 4]]);
      pen.fillText(number(x), Math.min(X(x), width - 14), box.bottom + 6);
    }
    pen.textAlign = "right";
    pen.textBaseline = "bottom";
    pen.fillText(xLabel, box.right, height);
    pen.textAlign = "left";
    pen.fillText(yLabel, 4, 16);
  }

  function stroke(pen, points) {
    pen.beginPath();
    points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.stroke();
  }

  function line(pen, { x, y, colour, dash, weight = 2.2 }, X, Y) {
    Object.assign(pen, { strokeStyle: colour, lineWidth: weight, lineJoin: "round" });
    pen.setLineDash(dash || []);
    pen.beginPath();
    let drawing = false;
    for (let i = 0; i < x.length; i++) {
      if (Number.isNaN(y[i])) drawing = false;
      else {
        // an infinite value leaves the picture at its edge
        const [a, b] = [X(x[i]), Math.max(-1e4, Math.min(1e4, Y(y[i])))];
        if (drawing) pen.lineTo(a, b);
        else pen.moveTo(a, b);
        drawing = true;
      }
    }
    pen.stroke();
    pen.setLineDash([]);
  }

  /** Labels on the curves, moved apart where they would overlap. */
  function labels({ pen, text, ink }, box, series, X, Y) {
    pen.textBaseline = "middle";
    const placed = [];
    const anchored = series.filter(({ label }) => label).map((s) => ({ ...s, best: anchor(s) })).filter(({ best }) => best >= 0);
    anchored.sort((a, b) => Y(a.y[a.best]) - Y(b.y[b.best])); // the upper curve's label stays the upper one
    for (const { x, y, colour, label, best, at = "end" } of anchored) {
      const wide = pen.measureText(label).width;
      const left = Math.max(box.left + 4, Math.min(box.right - wide - 4, X(x[best]) - (at === "end" ? wide + 6 : -8)));
      let top = Math.max(box.top + 6, Math.min(box.bottom - 8, Y(y[best]) - 11));
      const clash = () => placed.find((o) => Math.abs(o.top - top) < 16 && left < o.left + o.wide && o.left < left + wide);
      for (let tries = 0, hit; tries < 8 && (hit = clash()); tries++) {
        top = hit.top + 16;
        if (top > box.bottom - 6) top = box.top + 6;
      }
      placed.push({ left, top, wide });
      Object.assign(pen, { fillStyle: ink[colour] || text, textAlign: "left" });
      pen.fillText(label, left, top);
    }
  }

  /** Index of the point that a label stands at; -1 where the curve has none. */
  function anchor({ y, at = "end" }) {
    let best = -1;
    for (let i = 0; i < y.length; i++)
      if (Number.isFinite(y[i]) && (best < 0 || at === "end" || (at === "peak" && y[i] > y[best]))) best = i;
    return best;
  }

  /* --- the plane --------------------------------------------------------------------------------- */

  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

  /** Values on a square grid as colours: blue on the data's side, orange on the generator's. NaN stays
      empty. range: the values of [orange, neither, blue], evenly spaced, rising or falling. */
  function heatMap(canvas, { values, side, view: [low, high], range, points = [] }) {
    const size = canvas.clientWidth;
    const view = prepare(canvas, size);
    const { pen, dark } = view;
    const ground = dark ? [40, 44, 50] : [245, 245, 245];
    const [cold, hot] = [colours.q, colours.p].map((hue) => rgb(dark ? view.ink[hue] : hue));
    if (values) {
      const picture = new ImageData(side, side);
      for (let j = 0; j < side; j++)
        for (let i = 0; i < side; i++) {
          const value = values[(side - 1 - j) * side + i]; // the picture's first row is the window's top
          const at = 4 * (j * side + i);
          if (Number.isNaN(value)) continue;
          const t = (value - range[1]) / (range[2] - range[1]);
          const [end, share] = [t > 0 ? hot : cold, Math.min(1, Math.abs(t))];
          for (let k = 0; k < 3; k++) picture.data[at + k] = ground[k] + share * (end[k] - ground[k]);
          picture.data[at + 3] = 255;
        }
      const small = new OffscreenCanvas(side, side);
      small.getContext("2d").putImageData(picture, 0, 0);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(small, 0, 0, size, size);
    }
    for (const { xy, colour, n, shape } of points) {
      Object.assign(pen, { fillStyle: colour, strokeStyle: colour, globalAlpha: 0.75, lineWidth: 1.2 });
      for (let s = 0; s < n; s++) {
        const [x, y] = [((xy[2 * s] - low) / (high - low)) * size, size - ((xy[2 * s + 1] - low) / (high - low)) * size];
        if (shape === "cross") {
          stroke(pen, [[x - 2.5, y - 2.5], [x + 2.5, y + 2.5]]);
          stroke(pen, [[x - 2.5, y + 2.5], [x + 2.5, y - 2.5]]);
        } else {
          pen.beginPath();
          pen.arc(x, y, 1.7, 0, 7);
          pen.fill();
        }
      }
      pen.globalAlpha = 1;
    }
    pen.strokeStyle = view.text;
    pen.globalAlpha = 0.4;
    pen.strokeRect(0.5, 0.5, size - 1, size - 1);
    pen.globalAlpha = 1;
    // the ends of the window, with a rim that keeps them readable on any colour
    Object.assign(pen, { fillStyle: view.text, strokeStyle: `rgb(${ground})`, lineWidth: 4, textBaseline: "bottom" });
    for (const [end, align, x] of [[low, "left", 5], [high, "right", size - 5]]) {
      pen.textAlign = align;
      pen.strokeText(number(end), x, size - 4);
      pen.fillText(number(end), x, size - 4);
    }
  }

  Object.assign(lab, { colours, chart, heatMap, extent });
})((window.ganmathLab = window.ganmathLab || {}));
