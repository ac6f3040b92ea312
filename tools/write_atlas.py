"""Derive the atlas of losses and the matrix of pairs afresh and record them for the book's build.

Usage: python tools/write_atlas.py      (a minute or two, on all cores; after a change of the theory)
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book" / "_ext"))

import atlas_data

import ganmath as gm

if __name__ == "__main__":
    print(atlas_data.write(list(gm.losses.values())).name)
