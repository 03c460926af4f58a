"""Ray-traced focal stacks with exact depth: what the tests of this room are measured against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

DATA = Path(__file__).resolve().parent.parent / "data" / "focal"
BORDER_PX = 6


class Truth(NamedTuple):
    """A traced stack, nearest slice first."""

    folder: Path
    slices: Any
    distances_m: list[float]
    radius_px_m: float
    aif: Any
    depth_m: Any

    @property
    def lens_flags(self) -> list[str]:
        meta = json.loads((self.folder / "meta.json").read_text())
        return [
            *("--focal-length", f"{1e3 * meta['f_m']:g}", "--aperture", f"{meta['f_number']:g}"),
            *("--sensor-size", f"{1e3 * meta['sensor_width_m']:g}"),
        ]

    @property
    def distance_text(self) -> str:
        return ",".join(f"{d:g}" for d in self.distances_m)


def truth(name: str) -> Truth:
    folder = DATA / name
    meta = json.loads((folder / "meta.json").read_text())
    distances_m = meta["focus_distances_m"]
    slices = np.stack([picture(folder / f"slice_{n}.png") for n in range(len(distances_m))])
    with np.load(folder / "depth.npz") as arrays:
        depth_m = arrays["depth"]
    return Truth(
        folder,
        slices,
        distances_m,
        meta["kappa_radius_px_per_diopter"],
        picture(folder / "aif.png"),
        depth_m,
    )


def part_of(name: str, folder: Path) -> Truth:
    """Write the middle of a traced stack to a folder, as a smaller sensor behind the lens sees it."""
    whole, meta = truth(name), json.loads((DATA / name / "meta.json").read_text())
    rows, columns = (slice(n // 6, n - n // 6) for n in whole.depth_m.shape)
    depth_m = np.ascontiguousarray(whole.depth_m[rows, columns])
    folder.mkdir(exist_ok=True)
    for n, one in enumerate(whole.slices):
        cv2.imwrite(str(folder / f"slice_{n}.png"), one[rows, columns, ::-1])
    meta["sensor_width_m"] *= depth_m.shape[1] / whole.depth_m.shape[1]
    (folder / "meta.json").write_text(json.dumps(meta))
    seen = np.ascontiguousarray(whole.slices[:, rows, columns])
    return whole._replace(folder=folder, slices=seen, aif=whole.aif[rows, columns], depth_m=depth_m)


def picture(path: Path) -> Any:
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


def inside(array: Any) -> Any:
    return array[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]


def abs_rel(depth_m: Any, true_m: Any) -> float:
    return float(np.mean(np.abs(inside(depth_m) - inside(true_m)) / inside(true_m)))


def psnr_db(shown: Any, true: Any) -> float:
    error = np.mean((inside(shown).astype(float) - inside(true)) ** 2)
    return float(10.0 * np.log10(255.0**2 / error))
