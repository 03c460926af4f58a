"""Light that changes from slice to slice: what it does to depth, and what is left once it is taken back.

Usage   python -m benchmarks.focal_light [--write] [--seeds 7001 7002] [--data DIR]
Makes   the traced stacks of `benchmarks.focal`, five of nine slices, with contrast around the middle of the
        display values, or light that falls off towards the corners, drawn anew for every slice. Depth is that
        of `focal infer`, found in the slices as they are and in even light.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.focal import N_TO_CUT, Traced, traced
from benchmarks.results import write_section
from focusgen.focal.backends import Estimator, load_estimator
from focusgen.focal.light import linear_of, pixels_of
from focusgen.focal.light_change import found_in_even_light
from focusgen.focal.misfit import fit_of, from_centre
from focusgen.focal.registration import registered
from focusgen.focal.scores import depth_scores
from focusgen.focal.stack import FocalStack, metres_of
from focusgen.synth.families import FAMILIES

Pixels = npt.NDArray[np.uint8]
EVERY_SECOND = slice(0, None, 2)


def as_taken(slices: Pixels, drawn: npt.NDArray[np.float64]) -> Pixels:
    """Return slices of one light."""
    return slices


def with_contrast(slices: Pixels, drawn: npt.NDArray[np.float64]) -> Pixels:
    """Return slices whose display values grow with a power of what they were, around their middle."""
    middle = np.median(slices / 255.0, axis=(1, 2, 3), keepdims=True)
    shown = middle * (slices / 255.0 / middle) ** (1.0 + drawn[:, None, None, None])
    return np.rint(255.0 * np.clip(shown, 0.0, 1.0)).astype(np.uint8)


def with_corners(slices: Pixels, drawn: npt.NDArray[np.float64]) -> Pixels:
    """Return slices whose light falls with the squared distance from the centre."""
    falls = np.exp(-np.abs(drawn)[:, None, None] * from_centre(*slices.shape[1:3]))
    light = (linear_of(slices) * falls[..., None]).astype(np.float32)
    return pixels_of(light, slices.dtype)


CHANGES: tuple[tuple[str, Callable[..., Pixels], float], ...] = (
    ("none", as_taken, 0.0),
    ("contrast, up to 3 %", with_contrast, 0.03),
    ("contrast, up to 6 %", with_contrast, 0.06),
    ("contrast, up to 15 %", with_contrast, 0.15),
    ("corners, up to 10 %", with_corners, 0.1),
    ("corners, up to 30 %", with_corners, 0.3),
)


def row(name: str, stacks: Sequence[Traced], change: Callable[..., Pixels], most: float) -> str:
    """Return a line of the table: AbsRel as the slices are and in even light, and what was said of them."""
    find_depth = load_estimator("auto")
    found: list[tuple[Any, ...]] = []
    for seed, of in enumerate(stacks):
        drawn = most * np.random.default_rng(seed).uniform(-1.0, 1.0, len(of.stack))
        slices = registered(change(of.stack.slices, drawn), aligns=False).slices
        found.append(_judged(replace(of.stack, slices=slices), of, find_depth))
    as_is, even, corrected, fits = np.mean(found, axis=0)
    n = len(stacks)
    return f"| {name} | {as_is:.3f} | {even:.3f} | {corrected * n:.0f} of {n} | {fits * n:.0f} of {n} |"


def _judged(stack: FocalStack, of: Traced, find_depth: Estimator) -> tuple[float, float, bool, bool]:
    alone = find_depth(stack)
    even = found_in_even_light(stack, find_depth)
    as_is, in_even = (
        depth_scores(metres_of(one.diopters, stack.farthest_m), of.depth_m)["abs_rel"]
        for one in (alone, even.estimate)
    )
    return as_is, in_even, not even.change.is_even, fit_of(even.stack, even.estimate.diopters).fits


def main(argv: list[str] | None = None) -> int:
    """Print the table; with --write, put it into RESULTS.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[7001, 7002])
    parser.add_argument("--samples", type=int, default=96, help="rays per pixel")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "focusgen-focal-traced")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args(argv)
    scenes = [(family, seed) for seed in given.seeds for family in FAMILIES]
    whole = [traced(given.data, *scene, N_TO_CUT, given.samples) for scene in scenes]
    stacks = [one._replace(stack=_every_second(one.stack)) for one in whole]
    lines = [
        "## Light that changes between slices",
        "",
        f"AbsRel of {len(stacks)} traced stacks of five slices; contrast or corners drawn for every slice.",
        "",
        "| change | slices as they are | in even light | taken back | fit |",
        "|---" * 5 + "|",
        *(row(name, stacks, change, most) for name, change, most in CHANGES),
    ]
    text = "\n".join(lines)
    print(text)
    if given.write:
        write_section("focal_light", text, packages=("opencv-python-headless",))
    return 0


def _every_second(stack: FocalStack) -> FocalStack:
    return replace(stack, slices=stack.slices[EVERY_SECOND], diopters=stack.diopters[EVERY_SECOND])


if __name__ == "__main__":
    raise SystemExit(main())
