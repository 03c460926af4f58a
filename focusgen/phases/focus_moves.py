"""How the focus of a scene's lens sets moves: which kind, over which frames, after which point or mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from focusgen.base.errors import SceneError
from focusgen.base.seeds import derive_seed
from focusgen.config import Config
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.masked import scene_masks
from focusgen.dataset.published import read_depth, read_sharp
from focusgen.media.masks import Masks
from focusgen.optics.coc import Lens
from focusgen.optics.focus_motion import Clip, FocusPath, MotionKind, drift, follow, kind_of, rack, surface_m
from focusgen.optics.windows import cut_segments
from focusgen.phases.scene_depth import SceneDepth

ASSUMED_FPS = 24.0  # a folder of images does not say; cinema's
USUAL_FPS = (
    1.0,
    240.0,
)  # an average outside is that of a gap, or a container's clock

Seen = list[float | None]


@dataclass(frozen=True)
class MovingLens:
    """A lens of a scene, focused where the first frame has it, and its way from there; None if it rests."""

    lens: Lens
    path: FocusPath | None

    def at(self, frame: int) -> Lens:
        """Return the lens of one frame."""
        if self.path is None:
            return self.lens
        return replace(self.lens, focus_distance_m=self.path.distances_m[frame])


def fps_of(entry: IndexEntry) -> float:
    """Return how fast a scene's frames follow each other; a folder of images counts as a film.

    Where the stated average is none that a camera has, the usual step between two frames counts.
    """
    stated = float(entry.source.get("fps") or ASSUMED_FPS)
    times_s = entry.source.get("frame_times_s") or ()
    if USUAL_FPS[0] <= stated <= USUAL_FPS[1] or len(times_s) < 2:
        return stated
    step_s = float(np.median(np.diff(np.asarray(times_s, dtype=np.float64))))
    return 1.0 / step_s if step_s > 0.0 else ASSUMED_FPS


def move_focus(
    cfg: Config, depth: SceneDepth, entry: IndexEntry, lenses: Sequence[Lens], seed: int
) -> tuple[MovingLens, ...]:
    """Return the lenses of a scene with the ways that `lens.motion` gives them.

    Over all frames that have depth, so that a shorter rehearsal of phase 5 has the first part of the same
    ways; the first k sets do not change when there are more.

    Args:
        entry: of the index: speed and cuts of its frames.
        lenses: as the law draws them.
        seed: of the scene, or of the law as a whole.

    Raises:
        SceneError: a single frame, or masks that do not belong to it.
    """
    if cfg.lens.motion == "fixed":
        return tuple(MovingLens(lens, None) for lens in lenses)
    n_frames = depth.record.n_frames
    if n_frames < 2:
        raise SceneError(
            f"scene {depth.scene.scene_id!r} is a still picture: focus has nothing to move over "
            f"(lens.motion: {cfg.lens.motion})",
            "Keep stills in a data set of their own, with --lens.motion fixed.",
        )
    shots = tuple(cut_segments(n_frames, entry.shot_cuts))
    surfaces = tuple(depth.shot_surfaces(shots))
    clip = Clip(shots, surfaces, fps_of(entry), cfg.lens.max_diopters_per_s)
    kinds = [kind_of(cfg.lens.motion, index, seed) for index in range(len(lenses))]
    chosen = [index for index, kind in enumerate(kinds) if kind == "track"]
    rngs = {index: _rng(seed, index) for index in chosen}
    seen = _seen(cfg, depth, entry, clip, {index: (lenses[index], rngs[index]) for index in chosen})
    moved = list[MovingLens]()
    for index, (lens, kind) in enumerate(zip(lenses, kinds, strict=True)):
        if kind == "track":
            low, high = cfg.lens.track_lag_frames
            lag = low + int(_rng(seed, index, "lag").random() * (high - low + 1))
            path: FocusPath | None = follow(lens, clip, seen[index], lag_frames=lag)
        else:
            path = _path(kind, lens, clip, derive_seed(seed, "set", index))
        moved.append(MovingLens(MovingLens(lens, path).at(0), path))  # focused where its way begins
    return tuple(moved)


def _path(kind: MotionKind, lens: Lens, clip: Clip, seed: int) -> FocusPath | None:
    if kind == "rack":
        return rack(lens, clip, seed=seed)
    return drift(lens, clip, seed=seed) if kind == "drift" else None


def _rng(seed: int, index: int, purpose: str = "track") -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(derive_seed(seed, purpose, index)))


def _seen(
    cfg: Config,
    depth: SceneDepth,
    entry: IndexEntry,
    clip: Clip,
    wanted: dict[int, tuple[Lens, np.random.Generator]],
) -> dict[int, Seen]:
    """Return the depths under each tracked point or thing, by set."""
    if not wanted:
        return {}
    if cfg.lens.mask_root is not None:
        return _seen_in_masks(cfg, depth, entry, clip, {index: rng for index, (_, rng) in wanted.items()})
    from focusgen.motion.tracking import track_depths

    found = track_depths(
        clip.shots,
        lambda frame: read_sharp(depth.scene, frame),
        lambda frame: read_depth(depth.scene, frame),
        [_Start(lens, clip, rng) for lens, rng in wanted.values()],
    )
    return dict(zip(wanted, found, strict=True))


@dataclass(frozen=True)
class _Start:
    """Where a track begins in each shot: where the lens is focused, later on a surface of the shot."""

    lens: Lens
    clip: Clip
    rng: np.random.Generator

    def __call__(self, frame: int) -> tuple[float, np.random.Generator]:
        number = [start for start, _ in self.clip.shots].index(frame)
        if number == 0:
            return self.lens.focus_distance_m, self.rng
        return surface_m(self.clip.surfaces[number], self.rng.random()), self.rng


def _seen_in_masks(
    cfg: Config, depth: SceneDepth, entry: IndexEntry, clip: Clip, rngs: dict[int, np.random.Generator]
) -> dict[int, Seen]:
    """Return the median depth of a thing of the masks, chosen anew in each shot."""
    masks = scene_masks(cfg, depth.scene.scene_id, entry)
    seen: dict[int, Seen] = {index: [] for index in rngs}
    for start, stop in clip.shots:
        depths = [_depth_of_things(masks, depth, frame) for frame in range(start, stop)]
        things = sorted({thing for found in depths for thing in found})
        for index, rng in rngs.items():
            thing = things[int(rng.random() * len(things))] if things else 0
            seen[index] += [found.get(thing) for found in depths]
    return seen


def _depth_of_things(masks: Masks, depth: SceneDepth, frame: int) -> dict[int, float]:
    """Return {thing: median depth, one that is there} of a frame."""
    numbers, depth_m = masks.read(frame), read_depth(depth.scene, frame)
    found = dict[int, float]()
    for thing in np.unique(numbers[numbers > 0]).tolist():
        inside = np.sort(depth_m[numbers == thing])
        found[int(thing)] = float(inside[inside.size // 2])
    return found
