"""Derive the whole catalogue afresh and record it in the package.

Usage: python tools/write_derivations.py      (after a change of the catalogue or the theory)
"""

import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import ganmath as gm
from ganmath.theory import recorded
from ganmath.theory.derive import derive_afresh

PATH = Path(gm.__file__).parent / "_data" / "derivations.json"


def derived(loss: gm.GANLoss) -> tuple[str, dict[str, Any] | None]:
    """Key and derivation of one loss."""
    return recorded.key(loss), recorded.encoded(derive_afresh(loss))


def catalogue() -> list[gm.GANLoss]:
    """Every loss as it stands, and those with parameters at their defaults as well."""
    return [*gm.losses.values(), *(loss.at_defaults() for loss in gm.losses.values() if loss.parameters)]


if __name__ == "__main__":
    start = time.perf_counter()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = dict(pool.map(derived, catalogue()))
    kept = {name: data for name, data in found.items() if data is not None}
    text = json.dumps(kept, indent=0, ensure_ascii=False, sort_keys=True)
    PATH.write_text(text + "\n", encoding="utf-8")
    print(f"{len(kept)} of {len(found)} derivations, {time.perf_counter() - start:.0f} s, {len(text)} bytes")
