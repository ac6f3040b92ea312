// Reads the reader's number, compares it with the key, says what it found.
// data: key (base64 of its decimal form), tolerance (relative), hint.
function start(root, data) {
  const one = (css) => root.querySelector(css);
  const key = Number(atob(data.key));
  const constants = { pi: Math.PI, "π": Math.PI, e: Math.E };
  const functions = { log: Math.log, ln: Math.log, exp: Math.exp, sqrt: Math.sqrt, "√": Math.sqrt,
    abs: Math.abs, sin: Math.sin, cos: Math.cos, tan: Math.tan, tanh: Math.tanh };

  // A small calculator: no `eval`. Throws where the text is no number.
  function calculate(text) {
    text = text.trim().toLowerCase().replace(/[−–]/g, "-").replace(/[×·]/g, "*");
    // a comma may be the decimal point
    text = text.replace(/^(-?\d+),(\d+)$/, "$1.$2");
    const tokens = text.match(/(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|[a-z]+|\*\*|\S/g) || [];
    let at = 0;
    const take = (...wanted) => (wanted.includes(tokens[at]) ? tokens[at++] : "");
    const sum = () => {
      let value = product();
      for (let sign; (sign = take("+", "-")); ) value += sign === "+" ? product() : -product();
      return value;
    };
    // 2 pi and 2 log(2) are products too
    const product = () => {
      let value = signed();
      for (;;) {
        if (take("*")) value *= signed();
        else if (take("/")) value /= signed();
        else if (/^[a-zπ√(]/.test(tokens[at] || "")) value *= power();
        else return value;
      }
    };
    const signed = () => (take("-") ? -signed() : take("+") ? signed() : power());
    const power = () => {
      const base = atom();
      return take("^", "**") ? base ** signed() : base;
    };
    const atom = () => {
      const token = tokens[at++] || "";
      if (/^[\d.]/.test(token)) return Number(token);
      if (token === "(") {
        const value = sum();
        if (!take(")")) throw Error();
        return value;
      }
      if (Object.hasOwn(constants, token)) return constants[token];
      if (!Object.hasOwn(functions, token)) throw Error();
      if (tokens[at] === "(") return functions[token](atom());
      const value = functions[token](power());
      // log2(8): a base, or a product? Ask for brackets
      if (tokens[at] === "(") throw Error();
      return value;
    };
    const value = sum();
    if (at < tokens.length || !Number.isFinite(value)) throw Error();
    return value;
  }

  function verdict(text) {
    let x;
    try {
      x = calculate(text);
    } catch {
      return "This cannot be read as a number. Write it as 0.5, 1/2, 1e-3, log(2), sqrt(2) or 2*pi; "
        + "log is the natural logarithm.";
    }
    const error = Math.abs(x - key), room = data.tolerance * (Math.abs(key) || 1);
    if (error <= room) return `✓ ${number(x)} is right.`;
    if (error <= 10 * room) return `≈ ${number(x)} is close: check the rounding.`;
    const hint = data.hint && ` Hint: ${data.hint}`;
    return `✗ ${number(x)} is not right.${hint}`;
  }

  const input = one("input");
  one("form").addEventListener("submit", (event) => {
    event.preventDefault();
    one(".gm-verdict").textContent = input.value.trim() ? verdict(input.value) : "Type a number first.";
  });
  input.addEventListener("input", () => { one(".gm-verdict").textContent = ""; });
  one("form").hidden = false;
  one(".gm-still").hidden = true;
}
