"""Ray-trace procedural scenes through drawn lenses, and score ours and the gather baseline side by side.

Usage   python benchmarks/bokeh_seeds.py OUT_DIR --seeds 101 102 103 [--n_samples 256]
Prints  one JSON line per seed and one with the means. Seeds 11 to 15 were used to choose the renderer's
        numbers; seeds 101 to 110 were looked at once, afterwards.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.bokeh_truth import read_scene, render, score
from focusgen.optics.coc import FULL_FRAME_WIDTH_M, Lens
from focusgen.synth.families import FAMILIES
from focusgen.synth.truth import fx_px_of
from focusgen.synth.write import make_scene
from tests.traced import write_truth

WIDTH_PX, HEIGHT_PX = 320, 192
FOCAL_LENGTH_M = 0.05
RADIUS_PX = (6.0, 14.0)
FOCUS_QUANTILE = (0.1, 0.9)
FIGURES = ("psnr_db", "ssim", "psnr_edge_db")


def lens_for(family: str, seed: int) -> Lens:
    """Return a lens focused inside the scene, with a largest blur radius drawn from the seed."""
    rng = np.random.default_rng([seed, 77])
    largest_px, quantile = rng.uniform(*RADIUS_PX), rng.uniform(*FOCUS_QUANTILE)
    f, focus_m = FOCAL_LENGTH_M, 1.5
    for _ in range(4):  # what the camera sees depends on where it is focused
        lens = Lens(f, 2.0, focus_m, "exact")
        depth_m = make_scene(
            family, seed, n_frames=1, width=WIDTH_PX, height=HEIGHT_PX, fx_px=fx_px_of(lens, WIDTH_PX)
        ).frame(0)[1]
        focus_m = float(1.0 / np.quantile(1.0 / depth_m, quantile))
    defocus = float((np.abs(depth_m - focus_m) / depth_m).max())
    f_number = f * f / (2 * largest_px * (focus_m - f)) * defocus * WIDTH_PX / FULL_FRAME_WIDTH_M
    return Lens(f, f_number, focus_m, "exact")


def write_scene(folder: Path, seed: int, n_samples: int) -> Path:
    """Write the truth of one seed, unless it is there; families take turns."""
    family = FAMILIES[seed % len(FAMILIES)]
    path = folder / f"{family}_{seed}.npz"
    if not path.exists():
        lens = lens_for(family, seed)
        scene = make_scene(
            family, seed, n_frames=1, width=WIDTH_PX, height=HEIGHT_PX, fx_px=fx_px_of(lens, WIDTH_PX)
        )
        folder.mkdir(parents=True, exist_ok=True)
        write_truth(path, scene, 0, lens, n_samples)
    return path


def main(argv: list[str] | None = None) -> int:
    """Trace and score the seeds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--n_samples", type=int, default=256)
    args = parser.parse_args(argv)
    rows = []
    for seed in args.seeds:
        path = write_scene(args.folder, seed, args.n_samples)
        with np.load(path) as data:
            scene = read_scene(path.stem, data)
        ours, gather = (score(scene, render(scene, renderer)) for renderer in ("thin_lens", "gather"))
        rows.append([[ours[k], gather[k]] for k in FIGURES])
        print(json.dumps({"name": scene.name, **{k: [ours[k], gather[k]] for k in FIGURES}}), flush=True)
    means = np.round(np.mean(rows, axis=0), 4).tolist()
    print(json.dumps({"name": "mean, [ours, gather]", **dict(zip(FIGURES, means, strict=True))}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
