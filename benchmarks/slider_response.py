"""Response of the slider figures in headless Chromium: milliseconds from a move to the figure redrawn.

Each slider of each figure is moved step by step through its range. "work" is what a move costs: script
and layout, with no waiting for the screen; "frame" is the time until the frame that shows the move, which
also waits for the screen's next turn.

Usage: python benchmarks/slider_response.py [--out FILE]
"""

import argparse
import os
import shutil
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

import ganmath as gm
from ganmath.records import environment, save_record

OUT = Path(__file__).parents[1] / "book" / "records" / "benchmark-slider-response.json"
FIGURES = {
    "minimax, at a point": lambda: gm.widgets.loss_sliders(gm.losses["minimax"]),
    "lsgan, at a point": lambda: gm.widgets.loss_sliders(gm.losses["lsgan"]),
    "minimax, two normals": lambda: gm.widgets.distribution_sliders(gm.losses["minimax"]),
    "lsgan, two normals": lambda: gm.widgets.distribution_sliders(gm.losses["lsgan"]),
}

MOVES = """async (wait) => {
  const frame = window.requestAnimationFrame, times = [];
  if (!wait) window.requestAnimationFrame = (draw) => { draw(); return 0; };
  for (const input of document.querySelectorAll('.gm-slider input')) {
    input.value = input.min;
    for (let i = 0; i < 60; i++) {
      const start = performance.now();
      input.stepUp();
      input.dispatchEvent(new Event('input'));
      if (wait) await new Promise((done) => frame(() => {
        const channel = new MessageChannel();  // its message comes after the frame is drawn
        channel.port1.onmessage = done;
        channel.port2.postMessage(0);
      }));
      else document.querySelector('.gm-panels').getBoundingClientRect();
      times.push(performance.now() - start);
    }
  }
  window.requestAnimationFrame = frame;
  return times;
}"""


def spread(times: list[float]) -> dict[str, float]:
    """Median and 95th percentile, in milliseconds, and the number of moves."""
    median, high = np.percentile(times, [50, 95])
    return {"median": round(float(median), 2), "p95": round(float(high), 2), "n": len(times)}


def measure(page: Page, html: str) -> dict[str, dict[str, float]]:
    """Both times of one figure, after a warm-up."""
    page.set_content(f"<!doctype html><meta charset='utf-8'>{html}")
    page.evaluate(MOVES, False)
    return {name: spread(page.evaluate(MOVES, wait)) for name, wait in (("work", False), ("frame", True))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    chromium = os.environ.get("GANMATH_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    results = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        for name, make in FIGURES.items():
            html = make()._repr_html_()
            results[name] = {
                "milliseconds": measure(page, html),
                "kilobytes": round(len(html.encode()) / 1e3, 1),
            }
            print(name, results[name], flush=True)
        version = f"Chromium {browser.version.split('.')[0]}"
        browser.close()
    record = {
        "what": "milliseconds per move of a slider: script and layout, and until the frame that shows it",
        "figures": results,
        "browser": version,
        "environment": environment("cpu"),
    }
    save_record(record, arguments.out)


if __name__ == "__main__":
    main()
