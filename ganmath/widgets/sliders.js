// Moves the curves, points, lines, labels and numbers of a slider figure; Python drew the first state.
// data: sliders, panels, readouts, rows (settings of the table), size (of a frame); see sliders.py.
function start(root, data) {
  const all = (css, inside = root) => [...inside.querySelectorAll(css)];
  const one = (css, inside = root) => inside.querySelector(css);
  const { width: W, height: H, samples: N } = data.size;
  const step = W / (N - 1);
  const inputs = all(".gm-slider input");
  const details = one("details");
  const svgs = all(".gm-panel");

  // --- settings ---
  const value = (s, at) => (s.log ? s.low * (s.high / s.low) ** (at / s.steps) : +at);
  const say = (s, v) => {
    const text = s.log ? number(v) : v.toFixed(s.decimals).replace("-", "−");
    return s.unit ? `${text} ${s.unit}` : text;
  };
  const settings = () => data.sliders.map((s, i) => value(s, inputs[i].value));

  // --- geometry, as in drawing.py ---
  const spread = (axis, t) =>
    axis.log ? axis.low * (axis.high / axis.low) ** t : axis.low + (axis.high - axis.low) * t;
  const part = (axis, v) =>
    axis.log ? Math.log(v / axis.low) / Math.log(axis.high / axis.low)
      : (v - axis.low) / (axis.high - axis.low);
  const height = (y, v) =>
    Number.isFinite(v) ? Math.min(Math.max(H - H * part(y, v), -9 * H), 10 * H) : NaN;
  const n = (x) => Math.round(x * 10) / 10;

  function runs(h) {
    const found = [];
    for (let i = 0; i < N; i++) {
      const first = i;
      while (i < N && h[i] === h[i]) i++;
      if (i - first > 1) found.push([first, i]);
    }
    return found;
  }
  const points = (h, [a, b]) => {
    let text = "";
    for (let i = a; i < b; i++) text += ` ${n(i * step)} ${n(h[i])}`;
    return text;
  };
  const path = (h) => runs(h).map((r) => "M" + points(h, r).slice(1)).join("");
  const area = (h, ground) =>
    runs(h).map((r) => `M${n(r[0] * step)} ${ground}L${points(h, r).slice(1)}V${ground}Z`).join("");

  function placeLabels(heights, names, spots, notes, level) {
    const boxes = [];
    const cost = (x, y, half, own) => {
      let total = 2 * Math.exp((y - H) / 40);
      const first = Math.max(0, Math.trunc((x - half) / step));
      const last = Math.min(N - 1, Math.trunc((x + half) / step) + 1);
      [...heights, ...level].forEach((h, k) => {
        let near = Infinity;
        for (let i = first; i < last; i++) {
          const gap = Math.max(Math.min(h[i], h[i + 1]) - y, y - Math.max(h[i], h[i + 1]), 0);
          if (gap === gap) {
            near = Math.min(near, gap);
            total += 4 * (gap < 8);
          }
        }
        if (k !== own) total += 12 * Math.exp(-near / 8) + 3 * Math.exp(-near / 60);
      });
      for (const [bx, by, bhalf] of boxes) {
        const over = Math.min(half + bhalf + 4 - Math.abs(x - bx), 17 - Math.abs(y - by));
        if (over > 0) total += 20 + 5 * over;
      }
      return total;
    };
    const best = (choices, half, own) => {
      let found = null, least = Infinity;
      for (let [x, y] of choices) {
        x = Math.min(Math.max(x, half + 6), W - half - 2);
        if (y < 8 || y > H - 8) continue;
        const price = cost(x, y, half, own);
        if (price < least - 1e-9) [found, least] = [[x, y], price];
      }
      if (!found) return null;
      boxes.push([...found, half]);
      return [found[0], found[1] + 4];
    };
    const noted = notes.map((note, k) => {
      const [x, y] = spots[k], half = 3.5 * note.length;
      if (!note || !(x >= 0 && x <= W && y >= 0 && y <= H)) return null;
      const around = [[0, -15], [0, 15], [half + 9, 0], [-half - 9, 0], [half, -15], [half, 15],
        [-half, -15], [-half, 15]];
      return best(around.map(([dx, dy]) => [x + dx, y + dy]), half, -1);
    });
    const named = names.map((name, k) => {
      const sides = [], half = 3.5 * name.length;
      for (let i = 6; i < N; i += 9) {
        const x = i * step, y = heights[k][i];
        if (y >= 0 && y <= H) sides.push([x, y - 13], [x, y + 13], [x + half + 8, y], [x - half - 8, y]);
      }
      return name ? best(sides, half, k) : null;
    });
    return [named, noted];
  }

  // --- drawing ---
  const set = (element, attributes) => {
    for (const key in attributes) element.setAttribute(key, attributes[key]);
  };
  const write = (elements, places) => elements.forEach((element, i) => {
    const at = places[i];
    set(element, at ? { x: n(at[0]), y: n(at[1]), visibility: "visible" } : { visibility: "hidden" });
  });

  function drawPanel(panel, svg, v) {
    const { x, y } = panel;
    const heights = panel.curves.map((curve) =>
      Array.from({ length: N }, (_, i) => height(y, curve.f(spread(x, i / (N - 1)), v))));
    all(".gm-curve", svg).forEach((element, i) => set(element, { d: path(heights[i]) }));
    const filled = heights.filter((_, i) => panel.curves[i].fill);
    all(".gm-fill", svg).forEach((element, i) => set(element, { d: area(filled[i], n(height(y, 0))) }));
    const spots = panel.points.map((p) => [W * part(x, p.x(v)), height(y, p.y(v))]);
    all(".gm-dot", svg).forEach((element, i) => {
      const [cx, cy] = spots[i], seen = Number.isFinite(cx + cy);
      set(element, seen ? { cx: n(cx), cy: n(cy), visibility: "visible" } : { visibility: "hidden" });
    });
    const lines = panel.lines.map((line) =>
      line.x ? [W * part(x, line.x(v)), -3] : [W, height(y, line.y(v)) - 4]);
    all(".gm-line", svg).forEach((element, i) => {
      const [cx, cy] = lines[i];
      const d = panel.lines[i].x ? `M${n(cx)} 0V${H}` : `M0 ${n(cy + 4)}H${W}`;
      set(element, { d: d.includes("NaN") ? "" : d });
    });
    const marks = lines.filter((_, i) => panel.lines[i].label);
    write(all(".gm-mark", svg), marks.map(([cx, cy]) =>
      (Number.isFinite(cx + cy) ? [Math.min(Math.max(cx, 0), W), cy] : null)));
    const labels = (list) => list.map((item) => item.label);
    const level = panel.lines.filter((line) => line.y).map((line) => Array(N).fill(height(y, line.y(v))));
    const [named, noted] =
      placeLabels(heights, labels(panel.curves), spots, labels(panel.points), level);
    write(all(".gm-name", svg), named);
    write(all(".gm-note", svg), noted);
  }

  function fillTables(v) {
    const tables = all("tbody", details);
    const fill = (body, rows) => rows.forEach((row, i) =>
      row.forEach((x, k) => { all("td", body.rows[i])[k].textContent = number(x); }));
    if (data.rows) {
      const columns = [...data.readouts, ...data.rows.more];
      fill(tables.shift(), data.rows.at.map((a) => columns.map((f) => f([a, ...v.slice(1)]))));
    }
    data.panels.forEach((panel, i) =>
      fill(tables[i], panel.at.map((x) => panel.curves.map((curve) => curve.f(x, v)))));
  }

  let waiting = 0, later = 0;
  function draw() {
    waiting = 0;
    const v = settings();
    const texts = data.sliders.map((s, i) => say(s, v[i]));
    const read = data.readouts.map((f) => number(f(v)));
    all(".gm-value").forEach((element, i) => { element.textContent = texts[i]; });
    inputs.forEach((input, i) => input.setAttribute("aria-valuetext", texts[i]));
    all(".gm-readouts dd").forEach((element, i) => { element.textContent = read[i]; });
    data.panels.forEach((panel, i) => drawPanel(panel, svgs[i], v));
    // screen readers hear the result once the slider rests, and the table follows
    clearTimeout(later);
    later = setTimeout(() => {
      const names = all(".gm-readouts dt").map((element) => element.textContent);
      one(".gm-live").textContent = names.map((name, i) => `${name}: ${read[i]}`).join("; ");
      if (details.open) fillTables(v);
    }, 400);
  }
  const moved = () => { waiting = waiting || requestAnimationFrame(draw); };
  const go = (values) => {
    inputs.forEach((input, i) => { input.value = values[i]; });
    draw();
  };

  const first = inputs.map((input) => input.getAttribute("value"));
  inputs.forEach((input) => input.addEventListener("input", moved));
  one(".gm-reset").addEventListener("click", () => go(first));
  details.addEventListener("toggle", () => fillTables(settings()));
  // paper shows the first state
  let kept = null;
  addEventListener("beforeprint", () => { kept = inputs.map((input) => input.value); go(first); });
  addEventListener("afterprint", () => kept && go(kept));
  one(".gm-controls").hidden = false;
  one(".gm-still").hidden = true;
}
