/* Marks beside equations: the link becomes a button whose popover says how the equation is known and
   copies it as LaTeX or as sympy. Without this script the mark stays a link to the page of equations. */
(() => {
  "use strict";

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // no clipboard interface (an old browser, or a page that is not served securely)
      const area = document.createElement("textarea");
      area.value = text;
      area.style.position = "fixed";
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  }

  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  /* A button that copies `text` and says so in `status`, a live region. */
  function copyButton(button, text, what, status) {
    const focused = () => document.activeElement === button;
    button.addEventListener("click", async () => {
      const had = focused();
      await copy(text);
      if (had) button.focus();
      status.textContent = `${what} copied`;
      clearTimeout(status.timer);
      status.timer = setTimeout(() => { status.textContent = ""; }, 3000);
    });
  }

  let open = null; // the one popover that is shown

  function evidence(link, number) {
    const { label, evidence, latex, sympy } = link.dataset;
    const box = link.parentElement;
    const id = `gm-evidence-${number}`;
    const button = element("button", { type: "button", className: link.className }, link.textContent);
    button.setAttribute("aria-label", link.getAttribute("aria-label"));
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-controls", id);

    const status = element("span", { className: "gm-status" });
    status.setAttribute("role", "status");
    const buttons = element("div", { className: "gm-copies" });
    for (const [what, text] of [["LaTeX", latex], ["sympy", sympy]]) {
      if (!text) continue;
      const one = element("button", { type: "button", className: "gm-copy" }, `copy ${what}`);
      copyButton(one, text, what, status);
      buttons.append(one);
    }
    buttons.append(status);
    const known = evidence === "definition" ? "definition: introduces a name" : `checked: ${evidence}`;
    const popover = element(
      "div", { className: "gm-popover", id, hidden: true },
      element("div", {}, known),
      element("div", {}, element("a", { href: link.href }, "where and how")),
      buttons,
    );
    popover.setAttribute("role", "group");
    popover.setAttribute("aria-label", `equation ${label}`);

    const shown = { close, place };
    let leaving;
    let pinned = false; // opened by a click or tap: stays when the pointer leaves

    /* Under the mark, or above it where the window ends; fixed, as proofs clip what leaves their box. */
    function place() {
      const mark = button.getBoundingClientRect();
      const { width, height } = popover.getBoundingClientRect();
      const room = document.documentElement.clientWidth;
      const below = mark.bottom + 4 + height <= window.innerHeight;
      popover.style.left = `${Math.max(8, Math.min(mark.right - width, room - width - 8))}px`;
      popover.style.top = `${below ? mark.bottom + 4 : Math.max(8, mark.top - height - 4)}px`;
    }
    function show() {
      clearTimeout(leaving);
      if (open === shown) return;
      open?.close();
      open = shown;
      popover.hidden = false;
      button.setAttribute("aria-expanded", "true");
      place();
    }
    function close() {
      clearTimeout(leaving);
      pinned = false;
      popover.hidden = true;
      button.setAttribute("aria-expanded", "false");
      if (open === shown) open = null;
    }

    // a press gives the focus first and the click after it: the click must not undo the focus
    let wasPinned = false;
    button.addEventListener("pointerdown", () => { wasPinned = pinned; });
    button.addEventListener("click", (event) => {
      const before = event.detail ? wasPinned : pinned; // detail is 0 for the keyboard
      show();
      pinned = !before;
      if (before) close();
    });
    box.addEventListener("focusin", show);
    box.addEventListener("focusout", (event) => {
      if (!box.contains(event.relatedTarget) && !box.matches(":hover")) close();
    });
    box.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") show(); });
    box.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "mouse" || pinned || box.contains(document.activeElement)) return;
      leaving = setTimeout(close, 250);
    });
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || popover.hidden) return;
      event.stopPropagation();
      // back to the mark without opening again
      if (popover.contains(document.activeElement)) {
        button.focus();
      }
      close();
    });
    link.replaceWith(button);
    box.append(popover);
  }

  document.querySelectorAll(".gm-evidence > a").forEach(evidence);

  // the page of all equations
  const copies = document.querySelectorAll(".gm-details .gm-copy");
  if (copies.length) {
    const status = element("span", { className: "gm-status gm-corner" });
    status.setAttribute("role", "status");
    document.body.append(status);
    for (const button of copies) {
      button.hidden = false;
      copyButton(button, button.dataset.copy, button.textContent.replace("copy ", ""), status);
    }
  }

  // a pointer outside closes; so does Escape while the pointer alone holds a popover open
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest?.(".gm-evidence")) open?.close();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") open?.close(); });
  window.addEventListener("scroll", () => open?.place(), { passive: true, capture: true });
  window.addEventListener("resize", () => open?.place());
})();
