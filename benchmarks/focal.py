"""Depth from focus on ray-traced stacks that nothing was chosen by, in one table with the trivial methods.

Usage   python -m benchmarks.focal [--write] [--seeds 7001 7002] [--slices 5] [--best] [--samples 96]
Makes   one stack per family and seed, traced through a real thin lens (no blur model is involved, so none is
        flattered): 320x192, slices even in diopters between the nearest and farthest percent of the scene.
        Scores leave out 6 px at the border, as `focal evaluate` does. Then the same scenes traced with nine
        slices, of which five are kept that leave part of the scene beyond. Traced stacks stay below --data.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.focal_bars import bar_lines, mean_of
from benchmarks.results import write_section
from focusgen.focal.baselines import METHODS, Prediction, predict
from focusgen.focal.candidates import put_together
from focusgen.focal.classical import estimate
from focusgen.focal.light import pixels_of
from focusgen.focal.refine import refine
from focusgen.focal.scores import confidence_scores, depth_scores, picture_scores
from focusgen.focal.stack import FocalStack, metres_of
from focusgen.optics.coc import FULL_FRAME_WIDTH_M, Lens
from focusgen.synth.families import FAMILIES
from focusgen.synth.truth import fx_px_of, trace_thin_lens
from focusgen.synth.view import SynthScene, decode_display_u8
from focusgen.synth.write import make_scene

WIDTH_PX, HEIGHT_PX = 320, 192
FOCAL_LENGTH_M = 0.05
LARGEST_RADIUS_PX = (8.0, 14.0)
SHOWN = ("abs_rel", "rmse", "d1.05", "d1.25", "surer_half_abs_rel", "aif_psnr", "cpu_s")

BARS = {"abs_rel": ("<=", 0.090), "rmse": ("<=", 0.31), "d1.05": (">=", 0.72), "d1.25": (">=", 0.87)}


N_TO_CUT = 9
CUTS = {
    "a quarter of the range beyond": (1, 2, 4, 6, 7),
    "the far three eighths beyond": (0, 1, 2, 3, 5),
}
"""Which of nine slices are kept, nearest first, in diopters even over the scene."""


class Traced(NamedTuple):
    """A stack and its truth: depth in metres and the sharp picture."""

    name: str
    stack: FocalStack
    depth_m: npt.NDArray[np.float32]
    aif: npt.NDArray[np.uint8]


def traced(folder: Path, family: str, seed: int, n_slices: int, n_samples: int) -> Traced:
    """Return a stack from its file, traced first if there is none."""
    path = folder / f"{family}_{seed}_{n_slices}_{n_samples}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **_trace(family, seed, n_slices, n_samples))
    with np.load(path) as kept:
        stack = FocalStack(kept["slices"], kept["diopters"], float(kept["radius_px_m"]))
        return Traced(f"{family}_{seed}", stack, kept["depth_m"], kept["aif"])


def _trace(family: str, seed: int, n_slices: int, n_samples: int) -> dict[str, npt.NDArray[np.generic]]:
    any_focus = Lens(FOCAL_LENGTH_M, 2.0, 1.0, "paper")  # one camera for all slices: breathing is corrected
    scene: SynthScene = make_scene(
        family, seed, n_frames=1, width=WIDTH_PX, height=HEIGHT_PX, fx_px=fx_px_of(any_focus, WIDTH_PX)
    )
    frame, depth_m = scene.frame(0)[:2]
    far, near = np.percentile(1.0 / depth_m, [1, 99])
    largest_px = np.random.default_rng([seed, 78]).uniform(*LARGEST_RADIUS_PX)
    radius_px_m = largest_px / (near - far)
    f_number = FOCAL_LENGTH_M**2 * WIDTH_PX / (2.0 * FULL_FRAME_WIDTH_M * radius_px_m)
    diopters = np.linspace(near, far, n_slices)
    lenses = [Lens(FOCAL_LENGTH_M, float(f_number), float(1.0 / v), "paper") for v in diopters]
    light = np.stack([trace_thin_lens(scene, 0, lens, n_samples=n_samples) for lens in lenses])
    aif = pixels_of(decode_display_u8(frame), np.dtype(np.uint8))
    slices = pixels_of(light, np.dtype(np.uint8))
    return {
        "slices": slices,
        "diopters": diopters,
        "radius_px_m": np.float64(radius_px_m),
        "depth_m": depth_m.astype(np.float32),
        "aif": aif,
    }


def judged(sample: Traced, method: str) -> dict[str, float]:
    """Return the figures of one method on one stack."""
    started_s = time.process_time()
    made = _best(sample.stack) if method == "best" else predict(method, sample.stack)
    cpu_s = time.process_time() - started_s
    return {
        **depth_scores(made.depth_m, sample.depth_m, sample.stack.radius_px_m),
        **confidence_scores(made.confidence, made.depth_m, sample.depth_m),
        **picture_scores(made.rgb, sample.aif),
        "cpu_s": cpu_s,
    }


def _best(stack: FocalStack) -> Prediction:
    found = put_together(stack, estimate(stack))
    refined = refine(stack, found)
    return Prediction(metres_of(refined.diopters), found.confidence, refined.rgb)


def rows_of(samples: Iterable[Traced], methods: Sequence[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Return {method: {sample: figures}}, telling how far it is."""
    rows: dict[str, dict[str, dict[str, float]]] = {method: {} for method in methods}
    for sample in samples:
        for method in methods:
            rows[method][sample.name] = judged(sample, method)
        shown = ", ".join(f"{method} {rows[method][sample.name]['abs_rel']:.3f}" for method in methods)
        print(f"{sample.name}: {shown}", file=sys.stderr, flush=True)
    return rows


def markdown(rows: dict[str, dict[str, dict[str, float]]], n_slices: int) -> str:
    """Return the table of means, and of the worst stack against plain depth from focus."""
    names = list(rows["classical"])
    lines = [
        f"## Depth from focus, {len(names)} traced stacks of {n_slices} slices",
        "",
        f"Stacks: {', '.join(names)}. Means over stacks; 320x192, one thread.",
        "",
        f"| method | {' | '.join(SHOWN)} |",
        "|---" * (len(SHOWN) + 1) + "|",
    ]
    for method, made in rows.items():
        means = " | ".join(f"{mean_of(made, key):.3f}" for key in SHOWN)
        lines.append(f"| {method} | {means} |")
    against = {
        name: (rows["classical"][name]["abs_rel"] - 0.003) / rows["plain_dff"][name]["abs_rel"]
        for name in names
    }
    worst = max(against, key=lambda name: against[name])
    lines += [
        "",
        "Bars, `classical`:",
        "",
        *bar_lines(rows["classical"], rows["constant"], BARS),
        "",
        f"Worst of classical against plain depth from focus: {against[worst]:.2f} x + .003 ({worst}).",
    ]
    return "\n".join(lines)


def cut_table(samples: Sequence[Traced]) -> str:
    """Return means of stacks of nine slices of which some are kept."""
    lines = ["", "", f"Of {N_TO_CUT} slices five kept, means over the same scenes:", ""]
    lines += [f"| slices | method | {' | '.join(SHOWN)} |", "|---" * (len(SHOWN) + 2) + "|"]
    for name, places in CUTS.items():
        rows = rows_of((_keeping(sample, places) for sample in samples), ("plain_dff", "classical"))
        for method, made in rows.items():
            lines.append(
                f"| {name} | {method} | {' | '.join(f'{mean_of(made, key):.3f}' for key in SHOWN)} |"
            )
    return "\n".join(lines)


def _keeping(sample: Traced, places: Sequence[int]) -> Traced:
    stack, keep = sample.stack, list(places)
    kept = FocalStack(stack.slices[keep], stack.diopters[keep], stack.radius_px_m)
    return sample._replace(stack=kept)


def main(argv: list[str] | None = None) -> int:
    """Print the table; with --write, put it into RESULTS.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[7001, 7002])
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=FAMILIES)
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--samples", type=int, default=96, help="rays per pixel")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "focusgen-focal-traced")
    parser.add_argument("--best", action="store_true", help="with --quality best, 20 CPU s a stack more")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args(argv)
    scenes = [(family, seed) for seed in given.seeds for family in given.families]
    samples = (traced(given.data, *scene, given.slices, given.samples) for scene in scenes)
    text = markdown(rows_of(samples, [*METHODS, *(["best"] if given.best else [])]), given.slices)
    text += cut_table([traced(given.data, *scene, N_TO_CUT, given.samples) for scene in scenes])
    print(text)
    if given.write:
        write_section("focal", text, packages=("torch", "opencv-python-headless"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
