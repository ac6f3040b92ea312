"""Speed of the loss lab in headless Chromium: full steps (one of the critic, one of the generator) a second.

The built page trains "as fast as it goes" with its pictures drawn, on the line and in the plane, in turn;
the same steps without the page's frames and pictures are timed beside it.

Usage: python benchmarks/loss_lab_speed.py [--rounds 7] [--seconds 3] [--out FILE], after `make book`.
"""

import argparse
import os
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from training_speed import spread

from ganmath.records import environment, save_record

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "_build" / "html" / "book" / "loss-lab.html"
OUT = ROOT / "book" / "records" / "benchmark-loss-lab.json"
BATCH, WIDTH = 64, 32
TOYS = {"line": "mixture", "plane": "ring"}


def drawn(page: Page, toy: str, seconds: float) -> float:
    """Steps a second of the page as its reader has it, after half a second of warm-up."""
    page.evaluate(f"location.hash = '#toy={toy}&nCritic=1&batch={BATCH}&width={WIDTH}&seed=0'")
    page.wait_for_function(f"ganmathLab.page.settings.toy === '{toy}' && ganmathLab.page.run.step === 0")
    page.evaluate("document.querySelector('.gm-lab-main').click()")
    page.wait_for_timeout(500)
    now = "[performance.now(), ganmathLab.page.run.step]"
    start, first = page.evaluate(now)
    page.wait_for_timeout(1000 * seconds)
    end, last = page.evaluate(now)
    page.evaluate("document.querySelector('.gm-lab-main').click()")
    page.evaluate("location.hash = '#seed=1'")  # so that the next round starts anew
    return 1000 * (last - first) / (end - start)


def bare(page: Page, toy: str, seconds: float) -> float:
    """Steps a second of the training alone."""
    return page.evaluate(
        """([toy, batch, width, seconds]) => {
          const lab = ganmathLab, settings = lab.runSettings(
            lab.read(`#toy=${toy}&nCritic=1&batch=${batch}&width=${width}`));
          const run = lab.newRun(settings);
          for (let i = 0; i < 200; i++) lab.step(run);
          const start = performance.now();
          let steps = 0, now = start;
          for (; now < start + 1000 * seconds; now = performance.now(), steps++) lab.step(run);
          return (1000 * steps) / (now - start);
        }""",
        [toy, BATCH, WIDTH, seconds],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    chromium = os.environ.get("GANMATH_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    speeds: dict[str, list[float]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(PAGE.as_uri())
        page.wait_for_function("window.ganmathLab && ganmathLab.page && ganmathLab.page.history")
        for round_ in range(arguments.rounds):
            for where, toy in TOYS.items():
                for name, speed in (("drawn", drawn), ("bare", bare)):
                    speeds.setdefault(f"{name}-{where}", []).append(speed(page, toy, arguments.seconds))
            print(round_, {k: round(v[-1]) for k, v in speeds.items()}, flush=True)
        version = f"Chromium {browser.version.split('.')[0]}"
        browser.close()
    record = {
        "what": "full steps (critic and generator) of the loss lab per second, pictures drawn or not",
        "steps_per_second": {k: spread(v) for k, v in speeds.items()},
        "browser": version,
        "settings": {
            "batch_size": BATCH,
            "width": WIDTH,
            "hidden_layers": 2,
            "n_critic": 1,
            "seconds_per_round": arguments.seconds,
            "toys": TOYS,
        },
        "environment": environment("cpu"),
    }
    save_record(record, arguments.out)


if __name__ == "__main__":
    main()
