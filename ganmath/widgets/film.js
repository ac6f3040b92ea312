// A film behind a scrubber: each part that moves is decoded once and drawn anew for every frame.
function start(root, data) {
  const slider = root.querySelector("input");
  const button = root.querySelector("button");
  const output = root.querySelector("output");
  const svg = root.querySelector("svg");
  const rows = [...root.querySelectorAll("tbody tr")];
  const heads = [...root.querySelectorAll("thead th")].map((cell) => cell.textContent);
  const count = data.steps.length;
  const part = (name) => svg.querySelector(`[data-part="${name}"]`);

  // 16-bit codes in base64, little-endian; 65535 stands for a missing value
  function decode(packed) {
    const bytes = atob(packed.codes);
    const numbers = new Float64Array(bytes.length / 2);
    for (let i = 0; i < numbers.length; i++) {
      const code = bytes.charCodeAt(2 * i) + 256 * bytes.charCodeAt(2 * i + 1);
      numbers[i] = code === 65535 ? NaN : packed.low + code * (packed.high - packed.low) / 65534;
    }
    return numbers;
  }

  // points [x, y] of frame k of a curve, in the units of the drawing
  function points(curve, k) {
    const [ax, bx, ay, by] = curve.map;
    const [low, high] = data.span;
    const n = curve.size;
    return Array.from({ length: n }, (_, i) => {
      const x = low + i * (high - low) / (n - 1);
      return [ax + bx * x, ay + by * curve.values[k * n + i]];
    });
  }

  // every curve with its parts; one of a single frame stands still, only its label moves
  const curves = (data.curves || []).map((curve) => {
    const values = decode(curve.frames);
    const text = part(curve.part + "-label");
    return {
      ...curve, values,
      size: values.length / (curve.still ? 1 : count),
      path: part(curve.part).querySelector("path"),
      label: text && text.querySelector("text"),
      leader: part(curve.part + "-leader"),
    };
  });
  const clouds = (data.marks || []).map((cloud) => (
    { ...cloud, values: decode(cloud.frames), path: part(cloud.part).querySelector("path") }));
  const picture = svg.querySelector(`[data-part="sprite"] image`);
  const pictureHeight = picture && Number(picture.getAttribute("height")) / count;

  const f1 = (x) => x.toFixed(1);

  function drawCurve(curve, line) {
    let pen = "M";
    let d = "";
    for (const [x, y] of line) {
      if (Number.isFinite(y)) d += pen + f1(x) + " " + f1(y);
      pen = Number.isFinite(y) ? "L" : "M";
    }
    curve.path.setAttribute("d", d);
  }

  function drawCloud(cloud, k) {
    const [ax, bx, ay, by] = cloud.map;
    const n = cloud.values.length / count;
    let d = "";
    for (let i = k * n; i < (k + 1) * n; i += 2) {
      const x = cloud.values[i];
      if (Number.isFinite(x))
        d += "M" + f1(ax + bx * x) + " " + f1(ay + by * cloud.values[i + 1]) + "m-2.5-2.5l5 5m0-5l-5 5";
    }
    cloud.path.setAttribute("d", d);
  }

  // Put a curve"s name beside it, where it covers no line and no other text, and near where it was.
  function placeLabel(curve, line, otherLines) {
    const text = curve.label;
    if (!text) return;
    const [left, right, top, bottom] = curve.frame;
    const inFrame = line.filter(([, y]) => y > top && y < bottom);
    text.style.visibility = inFrame.length ? "visible" : "hidden";
    const box = text.getBBox();
    if (!inFrame.length || !box.width) return;
    if (curve.leader) curve.leader.style.display = "none";
    const [w, h] = [box.width / 2, box.height / 2];
    const was = [box.x + w, box.y + h];
    const boxes = [...svg.querySelectorAll("text")].filter((t) => t !== text).map((t) => t.getBBox());
    const inside = (x, y, [px, py], margin) => Math.abs(px - x) < w + margin && Math.abs(py - y) < h + margin;
    let best = null;
    for (const [px, py] of inFrame.filter((_, i) => i % 4 === 0))
      for (const side of [-1, 1]) {
        const [x, y] = [px, py + side * (h + 5)];
        if (x - w < left + 4 || x + w > right || y - h < top || y + h > bottom - 2) continue;
        let cost = Math.hypot(x - was[0], y - was[1]) / 12;
        for (const point of line) if (inside(x, y, point, 1)) cost += 10;
        for (const other of otherLines)
          for (const point of other) if (inside(x, y, point, 3)) cost += 12;
        for (const b of boxes)
          if (Math.abs(b.x + b.width / 2 - x) < w + b.width / 2 && Math.abs(b.y + b.height / 2 - y) < h + b.height / 2)
            cost += 200;
        if (!best || cost < best.cost) best = { x, y, cost };
      }
    if (!best) return;
    text.setAttribute("x", f1(Number(text.getAttribute("x")) + best.x - was[0]));
    text.setAttribute("y", f1(Number(text.getAttribute("y")) + best.y - was[1]));
  }

  function show(k) {
    const lines = curves.map((curve) => points(curve, curve.still ? 0 : k));
    curves.forEach((curve, i) => { if (!curve.still) drawCurve(curve, lines[i]); });
    curves.forEach((curve, i) => placeLabel(curve, lines[i], lines.filter((_, j) => j !== i)));
    clouds.forEach((cloud) => drawCloud(cloud, k));
    if (picture) picture.setAttribute("y", -k * pictureHeight);
    const place = data.steps[k] + " of " + data.steps[count - 1];
    slider.value = k;
    slider.setAttribute("aria-valuetext", "step " + place);
    const cells = [...rows[k].children].map((cell) => cell.textContent);
    output.textContent = "Step " + place + ": "
      + cells.slice(1).map((text, i) => heads[i + 1] + " " + text).join(", ");
    rows.forEach((row) => row.removeAttribute("aria-current"));
    rows[k].setAttribute("aria-current", "true");
  }

  // Nothing moves before the reader asks for it; who wants little motion gets one frame in two seconds.
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  let timer = null;

  function pause() {
    clearTimeout(timer);
    timer = null;
    button.textContent = "Play";
    output.setAttribute("aria-live", "polite");
  }

  function advance() {
    if (!root.isConnected || document.hidden) return pause();
    show(Number(slider.value) + 1);
    if (Number(slider.value) >= count - 1) return pause();
    timer = setTimeout(advance, calm.matches ? 2000 : 200);
  }

  button.addEventListener("click", () => {
    if (timer !== null) return pause();
    button.textContent = "Pause";
    // a screen reader cannot keep up with a film
    output.setAttribute("aria-live", "off");
    if (Number(slider.value) >= count - 1) show(0);
    timer = setTimeout(advance, calm.matches ? 2000 : 200);
  });
  slider.addEventListener("input", () => {
    pause();
    show(Number(slider.value));
  });

  root.querySelector(".gm-film-controls").hidden = false;
  pause();
  // a browser may restore the slider"s place when the page is opened again
  if (Number(slider.value) !== count - 1) show(Number(slider.value));
}
