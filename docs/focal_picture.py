"""Draws docs/focal.png: two slices of a traced stack, sharp picture, depth with scale, confidence.

Usage   python docs/focal_picture.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import cv2
import numpy as np

from focusgen.focal.infer import InferOptions
from focusgen.focal.opened import LensFlags
from focusgen.tools.focal_asked import InferJob
from focusgen.tools.focal_infer import infer_all

DOCS = Path(__file__).resolve().parent
STACK = DOCS.parent / "tests" / "data" / "focal" / "tabletop"
GAP_PX = 4


def main() -> None:
    """Infer, and put the pictures side by side at one height."""
    meta = json.loads((STACK / "meta.json").read_text())
    distances = ",".join(str(metres) for metres in meta["focus_distances_m"])
    lens = LensFlags(1e3 * meta["f_m"], meta["f_number"], 1e3 * meta["sensor_width_m"])
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        options = InferOptions(backend="learned")
        infer_all(InferJob(str(STACK), out, distances, lens, options, saves_pictures=True))
        last = len(meta["focus_distances_m"]) - 1
        files = [STACK / "slice_0.png", STACK / f"slice_{last}.png"]
        files += [out / f"tabletop_{name}.png" for name in ("all_in_focus", "depth", "confidence")]
        tiles = [cv2.imread(str(file)) for file in files]
    height = tiles[0].shape[0]
    row = [np.pad(tile[:height], ((0, 0), (0, GAP_PX), (0, 0)), constant_values=255) for tile in tiles]
    cv2.imwrite(str(DOCS / "focal.png"), np.concatenate(row, axis=1))


if __name__ == "__main__":
    main()
