/* The atlas: sorting, filters and copy buttons for a table that is complete without them.

   What rows are sorted and filtered by stands in the page as JSON (#gm-atlas-data), by the row's id, as
   typeset formulas cannot be compared. */
"use strict";

(() => {
  const element = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  // boxes that scroll sideways are reached by keyboard, and have a name
  for (const [kind, name] of [["gm-atlas", "Atlas of losses"], ["gm-pairs", "Critics and generators"]]) {
    const box = document.querySelector(`table.${kind}`)?.parentElement;
    if (!box) continue;
    Object.assign(box, { tabIndex: 0, ariaLabel: name });
    box.setAttribute("role", "region");
    box.classList.add("gm-scrolls");
  }

  const table = document.querySelector("table.gm-atlas");
  const island = document.getElementById("gm-atlas-data");
  if (!table || !island) return;
  const data = JSON.parse(island.textContent);
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const names = heads.map((cell) => cell.textContent.trim());

  // --- sorting: one key at a time; rows without a value come last both ways

  let sorted = { name: null, direction: 1 };
  const compare = (a, b) => {
    if (a === b) return 0;
    if (a === null || a === "") return 1;
    if (b === null || b === "") return -1;
    const order = typeof a === "number" ? a - b : a.localeCompare(b);
    return sorted.direction * order;
  };
  const sortBy = (name, direction) => {
    sorted = { name, direction };
    const key = (row) => data[row.id].sort[name];
    const order = name ? [...rows].sort((a, b) => compare(key(a), key(b))) : rows;
    body.append(...order);
    heads.forEach((cell, i) => {
      const here = names[i] === name;
      if (here) cell.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else cell.removeAttribute("aria-sort");
    });
    sortChoice.value = name ?? "";
    say();
  };

  heads.forEach((cell, i) => {
    const holder = cell.querySelector("p") ?? cell;
    const button = element("button", { type: "button", className: "gm-sort" });
    button.append(...holder.childNodes);
    button.addEventListener("click", () =>
      sortBy(names[i], sorted.name === names[i] ? -sorted.direction : 1));
    holder.append(button);
  });

  // --- filters

  const search = element("input", { type: "search", id: "gm-atlas-search", autocomplete: "off" });
  const choices = {};
  const choice = (id, title, options, everything) => {
    const select = element("select", { id: `gm-atlas-${id}` });
    if (everything) select.append(element("option", { value: "", textContent: everything }));
    for (const option of options) select.append(element("option", { value: option, textContent: option }));
    return [select, element("label", { htmlFor: select.id, textContent: title })];
  };
  const control = (select, label) => element("span", { className: "gm-control" }, label, select);
  const controls = [
    control(search, element("label", { htmlFor: search.id, textContent: "Find" })),
  ];
  for (const [id, title] of [
    ["divergence", "Divergence of D"],
    ["saturation", "Generator’s gradient"],
    ["evidence", "Weakest evidence"],
  ]) {
    const options = [...new Set(rows.map((row) => data[row.id][id]))].sort();
    const [select, label] = choice(id, title, options, "any");
    choices[id] = select;
    controls.push(control(select, label));
  }
  const keys = Object.keys(data[rows[0].id].sort);
  const [sortChoice, sortLabel] = choice("sort", "Sort by", keys, "order of the catalogue");
  controls.push(control(sortChoice, sortLabel));
  const reset = element("button", { type: "button", className: "gm-reset", textContent: "Show all" });
  const status = element("p", { className: "gm-atlas-count" });
  status.setAttribute("role", "status");
  table.closest(".gm-atlas-box").before(
    element("div", { className: "gm-atlas-tools" }, ...controls, reset), status);

  // the text of a row as it stands before MathJax replaces the formulas' LaTeX
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const shown = (row) => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return words.every((word) => texts.get(row).includes(word))
      && Object.entries(choices).every(([id, { value }]) => !value || data[row.id][id] === value);
  };
  const say = () => {
    const count = rows.filter((row) => !row.hidden).length;
    const by = sorted.name
      ? `, sorted by ${sorted.name}${sorted.direction > 0 ? "" : ", descending"}` : "";
    status.textContent = `${count} of ${rows.length} losses shown${by}.`;
    reset.disabled = count === rows.length && !sorted.name;
  };
  const filter = () => {
    for (const row of rows) row.hidden = !shown(row);
    say();
  };
  search.addEventListener("input", filter);
  for (const select of Object.values(choices)) select.addEventListener("change", filter);
  sortChoice.addEventListener("change", () => sortBy(sortChoice.value || null, 1));
  reset.addEventListener("click", () => {
    search.value = "";
    for (const select of Object.values(choices)) select.value = "";
    filter();
    sortBy(null, 1);
    search.focus();
  });
  filter();

  // --- copy the call that gives the loss

  for (const code of table.querySelectorAll(".gm-python code")) {
    const name = `Copy ${code.textContent}`;
    const button = element("button", { type: "button", className: "gm-copy", textContent: "copy" });
    button.setAttribute("aria-label", name);
    button.addEventListener("click", async () => {
      let done = true;
      try {
        await navigator.clipboard.writeText(code.textContent);
      } catch {
        done = false; // no clipboard from file:// in some browsers: select the text instead
        getSelection().selectAllChildren(code);
      }
      button.textContent = done ? "copied" : "selected";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    code.after(" ", button);
  }

  // --- on a phone a card starts with its main entries; the button is out of sight on a desk

  for (const row of rows) {
    const button = element("button", { type: "button", className: "gm-more" });
    const open = (yes) => {
      row.classList.toggle("gm-closed", !yes);
      button.textContent = yes ? "fewer entries" : "all entries";
      button.setAttribute("aria-expanded", yes);
    };
    button.addEventListener("click", () => open(row.classList.contains("gm-closed")));
    open(false);
    row.cells[0].append(button);
  }

  // a row that is linked to must not be hidden by a filter
  const reveal = () => {
    const row = rows.find((r) => r.id === decodeURIComponent(location.hash.slice(1)));
    if (row?.hidden) reset.click();
    row?.scrollIntoView({ block: "start" });
  };
  addEventListener("hashchange", reveal);
})();
