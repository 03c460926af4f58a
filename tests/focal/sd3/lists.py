"""File lists of traced stacks that lie with the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.focal.stacks import DATA, truth


def write_list(path: Path, *names: str, **more: Any) -> Path:
    """Write one record per stack; `more` goes into each of them."""
    lines = []
    for name in names:
        stack = truth(name)
        meta = json.loads((DATA / name / "meta.json").read_text())
        depth = path.parent / f"{name}_depth.npy"
        np.save(depth, stack.depth_m.astype(np.float32))
        values = {
            "name": name,
            "scene": name,
            "slices": [str(DATA / name / f"slice_{n}.png") for n in range(len(stack.distances_m))],
            "focus_distances": stack.distances_m,
            "all_in_focus": str(next(iter(sorted((DATA / name).glob("aif*"))))),
            "depth": str(depth),
            "camera": {
                "focal_length_mm": 1e3 * meta["f_m"],
                "f_number": meta["f_number"],
                "sensor_width_mm": 1e3 * meta["sensor_width_m"],
            },
        }
        lines.append(json.dumps({**values, **more}))
    path.write_text("\n".join(lines) + "\n")
    return path
