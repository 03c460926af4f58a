"""Focal stacks to learn from: drawn scene by scene from a seed, rendered by rays or in layers.

A stack depends on (seed, index) alone, so any part of a set can be made anywhere, in any order, again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError
from focusgen.base.seeds import derive_seed
from focusgen.focal.learned.shape import SPAN_PX
from focusgen.focal.light import encode_srgb
from focusgen.focal.render import render_stack
from focusgen.focal.stack import StackLens
from focusgen.optics.coc import FULL_FRAME_WIDTH_M, Lens
from focusgen.synth.families import FAMILIES, build
from focusgen.synth.parts import Built
from focusgen.synth.practice import PRACTICE_FAMILIES, build_practice, with_lamps, without_texture
from focusgen.synth.truth import trace_thin_lens
from focusgen.synth.view import SynthScene, sharp_light

Pixels = npt.NDArray[np.uint8]

HELD_OUT: tuple[str, ...] = ("tabletop", "bars", "portrait", "foliage")
"""Families that figures are measured on, and that nothing is ever learned from."""

TRAINING_FAMILIES = (*PRACTICE_FAMILIES, *(name for name in FAMILIES if name not in HELD_OUT))

COUNTS = (2, 3, 4, 5, 5, 6, 7, 8, 9, 10)
MIN_SPAN = 0.08
"""Diopters between the nearest and the farthest slice; a flat wall alone has no span."""

FARTHEST_FOCUS_M = 50.0
TRACED_SHARE = 0.7
SAMPLES_PER_PX = {"weak": 64, "strong": 96}
STRONG_PX = 10.0


@dataclass(frozen=True)
class StackRecipe:
    """What a set of training stacks is made of.

    Attributes:
        seed: of the set.
        families: kinds of scenes, in turn.
        width: pixels.
        height: pixels.
        traced_share: part of the stacks that rays draw; the layered renderer draws the others.
    """

    seed: int = 0
    families: tuple[str, ...] = TRAINING_FAMILIES
    width: int = 192
    height: int = 128
    traced_share: float = TRACED_SHARE

    def __post_init__(self) -> None:
        known = (*PRACTICE_FAMILIES, *FAMILIES)
        for name in self.families:
            if name not in known:
                raise ConfigError(f"--families: unknown family {name!r}", f"There are {', '.join(known)}.")


class TrainingStack(NamedTuple):
    """Slices, nearest focus first, with the truth.

    Attributes:
        slices: (N, H, W, 3) uint8, sRGB.
        diopters: (N,) inverse focus distances, falling.
        radius_px_m: blur radius in px per diopter.
        depth_m: (H, W) float32, exact.
        sharp: (H, W, 3) uint8, all in focus.
        notes: family, seed, renderer.
    """

    slices: Pixels
    diopters: npt.NDArray[np.float64]
    radius_px_m: float
    depth_m: npt.NDArray[np.float32]
    sharp: Pixels
    notes: dict[str, Any]


class _Scene(NamedTuple):
    """A scene as it is photographed: a share of its bodies without texture, its light times `exposure`."""

    scene: SynthScene
    focal_length_m: float
    exposure: float
    bare_share: float


def training_stack(recipe: StackRecipe, index: int) -> TrainingStack:
    """Return stack `index` of a set; the same on every machine of one kind."""
    rng = np.random.default_rng(derive_seed(recipe.seed, "training stack", index))
    family = recipe.families[index % len(recipe.families)]
    made = _scene(recipe, family, rng)
    depth_m = made.scene.depth_m(0)
    n = COUNTS[int(rng.integers(len(COUNTS)))]
    diopters = focus_diopters(rng, depth_m, n)
    span_px = (SPAN_PX[0] ** 0.5 + (SPAN_PX[1] ** 0.5 - SPAN_PX[0] ** 0.5) * rng.random()) ** 2
    radius_px_m = float(span_px / np.ptp(diopters))
    f_number = made.focal_length_m**2 / (2.0 * radius_px_m) * recipe.width / FULL_FRAME_WIDTH_M
    is_traced = bool(rng.random() < recipe.traced_share)
    sharp = _exposed(sharp_light(made.scene.view(0)), made.exposure)
    if is_traced:
        slices = _traced(made, diopters, f_number)
    else:
        slices = _layered(made, sharp, depth_m, diopters, f_number)
    notes = {
        "family": family,
        "index": index,
        "traced": is_traced,
        "span_px": round(float(span_px), 3),
        "bare_share": round(made.bare_share, 3),
    }
    return TrainingStack(slices, diopters, radius_px_m, depth_m, sharp, notes)


def focus_diopters(
    rng: np.random.Generator, depth_m: npt.NDArray[np.float32], n: int
) -> npt.NDArray[np.float64]:
    """Return where slices are focused: about the scene, even in diopters, in metres, or not at all."""
    low, high = (float(one) for one in np.percentile(1.0 / depth_m, (2.0, 98.0)))
    span = max(high - low, MIN_SPAN)
    low = max(low + span * float(rng.uniform(-0.12, 0.12)), 1.0 / FARTHEST_FOCUS_M)
    high = max(high + span * float(rng.uniform(-0.15, 0.10)), low + MIN_SPAN)
    law = rng.random()
    if law < 0.45 or n == 2:
        return np.linspace(high, low, n)
    if law < 0.65:
        return np.asarray(1.0 / np.linspace(1.0 / high, 1.0 / low, n))
    gaps = rng.uniform(0.25, 1.0, n - 1)
    return np.asarray(high - (high - low) * np.concatenate(([0.0], np.cumsum(gaps) / gaps.sum())))


def _scene(recipe: StackRecipe, family: str, rng: np.random.Generator) -> _Scene:
    shapes, camera = _built(family, int(rng.integers(2**31)))
    bare_share = 0.0
    if rng.random() < 0.5:
        bare_share = float(rng.uniform(0.1, 0.6))
        shapes = without_texture(rng, shapes, bare_share)
    exposure = float(np.exp(rng.uniform(-0.7, 0.5)))
    if rng.random() < 0.25:
        dimmed = float(rng.uniform(0.08, 0.5))
        shapes, exposure = with_lamps(rng, shapes, dimmed), exposure / dimmed
    focal_length_m = FULL_FRAME_WIDTH_M * float(rng.uniform(1.0, 1.6))
    fx_px = focal_length_m * recipe.width / FULL_FRAME_WIDTH_M
    scene = SynthScene(family, 0, 1, recipe.width, recipe.height, fx_px, tuple(shapes), camera)
    return _Scene(scene, focal_length_m, exposure, bare_share)


def _built(family: str, seed: int) -> Built:
    return build_practice(family, seed) if family in PRACTICE_FAMILIES else build(family, seed)


def _exposed(light: npt.NDArray[np.float32], exposure: float) -> Pixels:
    pixels: Pixels = np.rint(255.0 * encode_srgb(light * np.float32(exposure))).astype(np.uint8)
    return pixels


def _traced(made: _Scene, diopters: npt.NDArray[np.float64], f_number: float) -> Pixels:
    radius_px_m = made.focal_length_m * made.scene.fx_px / (2.0 * f_number)
    strength = "strong" if radius_px_m * float(np.ptp(diopters)) > STRONG_PX else "weak"
    slices = []
    for focus in diopters.tolist():
        lens = Lens(made.focal_length_m, f_number, 1.0 / focus, formula="paper")
        light = trace_thin_lens(made.scene, 0, lens, n_samples=SAMPLES_PER_PX[strength])
        slices.append(_exposed(light, made.exposure))
    return np.stack(slices)


def _layered(
    made: _Scene,
    sharp: Pixels,
    depth_m: npt.NDArray[np.floating[Any]],
    diopters: npt.NDArray[np.float64],
    f_number: float,
) -> Pixels:
    lens = StackLens(made.focal_length_m, f_number)
    return np.stack(list(render_stack(sharp, depth_m, (1.0 / diopters).tolist(), lens)))


def count_by_family(recipe: StackRecipe, n_stacks: int) -> dict[str, int]:
    """Return how many stacks of each family a set of that size holds."""
    turns, rest = divmod(n_stacks, len(recipe.families))
    return {name: turns + (place < rest) for place, name in enumerate(recipe.families)}


Progress = Callable[[int, int], object]
"""Told how many stacks are done, and how many there will be."""


def families_of(text: str | None) -> tuple[str, ...]:
    """Return the families of a flag; None: those for training."""
    return TRAINING_FAMILIES if text is None else tuple(_names(text.split(",")))


def _names(words: Sequence[str]) -> list[str]:
    return [word.strip() for word in words if word.strip()]
