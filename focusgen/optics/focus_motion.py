"""Where a lens is focused at each frame of a clip, when its focus moves.

    rack    from surface to surface, one to three times a shot, with the speed profile of a steady hand
    drift   a slow walk
    follow  the depth that a tracker saw some frames ago, led on as continuous autofocus leads it

All of it happens in diopters, where equal steps are equal steps of blur. A lens moves its glass at a bounded
speed; across a cut it does not move at all: focus is set anew there, and the jump is noted.

References:
    Flash and Hogan 1985 (a steady hand's way from rest to rest has the least jerk: 10 u^3 - 15 u^4 + 6 u^5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from focusgen.base.seeds import derive_seed
from focusgen.optics.coc import Lens
from focusgen.optics.lenses import MIN_FOCUS_OVER_FOCAL_LENGTH
from focusgen.optics.surfaces import Surfaces

MotionKind = Literal["fixed", "rack", "track", "drift"]
MotionLaw = Literal["fixed", "rack", "track", "drift", "mixed"]
KINDS: tuple[MotionKind, ...] = ("rack", "track", "drift", "fixed")

PEAK_OVER_MEAN = 1.875  # speed of the least-jerk profile in its middle, over its mean
MAX_RACKS, MIN_RACK_FRAMES = 3, 6
RACK_S = (0.25, 2.5)  # from a snap to a slow pull; a choice
REST_SHARE = 0.4  # of a rack's time that is left over for resting, at most
MIN_STEP_SHARE = 0.25  # of the scene's range in diopters: a shorter rack is hardly seen
SURFACES_TRIED = 16
DRIFT_SHARE_PER_S = 0.2  # of the scene's range in diopters per second
DRIFT_KNOT_S = 1.0
TRACK_GAINS = (0.5, 0.15)  # share of a surprise that is believed as depth and, per frame, as speed
RANGE_RANKS = (0.05, 0.95)
MIN_PER_M = 1e-4  # 10 km: focus that is led on beyond infinity stays there

Shot = tuple[int, int]
"""[start, stop) of frames without a cut."""


@dataclass(frozen=True)
class Clip:
    """The frames that focus moves over.

    Attributes:
        shots: cover all frames, in order.
        surfaces: of each shot.
        fps: frames per second.
        max_diopters_per_s: speed that no lens exceeds.
    """

    shots: tuple[Shot, ...]
    surfaces: tuple[Surfaces, ...]
    fps: float
    max_diopters_per_s: float

    def jumps(self, distances_m: Sequence[float]) -> tuple[int, ...]:
        """Return the first frames of shots at which focus was set anew."""
        return tuple(start for start, _ in self.shots[1:] if distances_m[start] != distances_m[start - 1])


@dataclass(frozen=True)
class FocusPath:
    """Where a lens is focused at each frame.

    Attributes:
        distances_m: one for each frame, Python floats.
        jumps: first frames of shots at which focus was set anew.
        remarks: what the path lacks, in words.
    """

    kind: MotionKind
    distances_m: tuple[float, ...]
    jumps: tuple[int, ...]
    remarks: tuple[str, ...] = ()


def kind_of(law: MotionLaw, set_index: int, seed: int) -> MotionKind:
    """Return how a lens set moves; `mixed` has each kind once in sets 0 to 3, in 4 to 7, ..."""
    if law != "mixed":
        return law
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "kinds", set_index // len(KINDS))))
    order = np.argsort([rng.random() for _ in KINDS])
    return KINDS[int(order[set_index % len(KINDS)])]


def rack(lens: Lens, clip: Clip, *, seed: int) -> FocusPath:
    """Return a path that rests at surfaces and goes smoothly from one to the next.

    Args:
        lens: focused where the first shot begins.
        seed: of this lens set; the same seed, the same path.
    """
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "rack")))
    distances_m, remarks = list[float](), list[str]()
    for shot, surfaces in zip(clip.shots, clip.surfaces, strict=True):
        start_m = lens.focus_distance_m if not distances_m else _focusable_m(surfaces, lens, rng.random())
        distances_m += _racked(start_m, shot, surfaces, lens, clip, rng, remarks)
    return FocusPath("rack", tuple(distances_m), clip.jumps(distances_m), tuple(remarks))


def drift(lens: Lens, clip: Clip, *, seed: int) -> FocusPath:
    """Return a path that wanders slowly through the scene's range; arguments as of `rack`."""
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "drift")))
    distances_m = list[float]()
    for (start, stop), surfaces in zip(clip.shots, clip.surfaces, strict=True):
        start_m = lens.focus_distance_m if not distances_m else _focusable_m(surfaces, lens, rng.random())
        distances_m += _drifted(start_m, stop - start, surfaces, lens, clip, rng)
    remarks = () if len(set(distances_m)) > 1 else ("there is one surface only: focus rests on it",)
    return FocusPath("drift", tuple(distances_m), clip.jumps(distances_m), remarks)


def follow(lens: Lens, clip: Clip, seen_m: Sequence[float | None], *, lag_frames: int) -> FocusPath:
    """Return a path that follows what a tracker saw, as continuous autofocus does.

    Focus at a frame knows the depths up to `lag_frames` before it; from their speed it tells where the
    surface is now, so that one that comes at a steady speed stays sharp. What it has not yet seen move, it
    does not follow. Where nothing is seen it stays.

    Args:
        lens: focal length bounds how near it goes.
        seen_m: depth of the tracked point at each frame, None where it was not seen.
        lag_frames: frames between seeing and moving, >= 0.
    """
    distances_m = list[float]()
    for start, stop in clip.shots:
        distances_m += _followed(seen_m[start:stop], lag_frames, lens, clip)
    lost = [str(frame) for frame, depth_m in enumerate(seen_m) if depth_m is None]
    remarks = (f"lost in {len(lost)} frames, first {lost[0]}: focus stays where it is",) if lost else ()
    return FocusPath("track", tuple(distances_m), clip.jumps(distances_m), remarks)


def least_jerk(part: float) -> float:
    """Return how far the way from rest to rest is gone after a part of its time, 0 to 1."""
    u = min(max(part, 0.0), 1.0)
    return u * u * u * (10.0 - 15.0 * u + 6.0 * u * u)


def surface_m(surfaces: Surfaces, rank: float) -> float:
    """Return the distance of a surface: the share `rank` of the focusable pixels is nearer."""
    return float(surfaces.depths_at(np.array([rank]))[0])


def nearest_focus_m(lens: Lens) -> float:
    """Return the nearest distance that a lens may be focused at."""
    return MIN_FOCUS_OVER_FOCAL_LENGTH * lens.focal_length_m


def _racked(
    start_m: float,
    shot: Shot,
    surfaces: Surfaces,
    lens: Lens,
    clip: Clip,
    rng: np.random.Generator,
    remarks: list[str],
) -> list[float]:
    """Return the distances of one shot, from its first frame on."""
    start, stop = shot
    n_steps = stop - start - 1
    n_racks = min(1 + int(rng.random() * MAX_RACKS), max(n_steps // MIN_RACK_FRAMES, 1))
    distances_m, here_m = [start_m], start_m
    for number in range(n_racks):
        first, last = (n_steps * k // n_racks for k in (number, number + 1))
        length_s = (last - first) / clip.fps
        there_m, is_whole = _target_m(here_m, length_s, surfaces, lens, clip, rng)
        if not is_whole:
            remarks.append(f"rack from frame {start + first} ends short of a surface: lenses are not faster")
        begin_s, move_s = _timing(abs(1.0 / there_m - 1.0 / here_m), length_s, clip, rng)
        for frame in range(1, last - first + 1):
            way = least_jerk((frame / clip.fps - begin_s) / move_s) if move_s > 0.0 else 1.0
            distances_m.append(_between_m(here_m, there_m, way))
        here_m = distances_m[-1]
    return distances_m


def _between_m(here_m: float, there_m: float, way: float) -> float:
    """Return a distance on the way in diopters; its ends are exact."""
    if way <= 0.0:
        return here_m
    if way >= 1.0:
        return there_m
    return 1.0 / (1.0 / here_m + way * (1.0 / there_m - 1.0 / here_m))


def _timing(step_per_m: float, length_s: float, clip: Clip, rng: np.random.Generator) -> tuple[float, float]:
    """Return when a rack begins and how long it moves; it ends inside its time, at rest on a frame."""
    shortest_s = max(PEAK_OVER_MEAN * step_per_m / clip.max_diopters_per_s, RACK_S[0])
    longest_s = max(length_s * (1.0 - REST_SHARE * rng.random()), shortest_s)
    move_s = min(shortest_s + rng.random() * max(min(longest_s, RACK_S[1]) - shortest_s, 0.0), length_s)
    return rng.random() * (length_s - move_s), move_s


def _target_m(
    here_m: float, length_s: float, surfaces: Surfaces, lens: Lens, clip: Clip, rng: np.random.Generator
) -> tuple[float, bool]:
    """Return where to go, and whether that is a surface: the first one far enough, else the farthest."""
    reach_per_m = clip.max_diopters_per_s * length_s / PEAK_OVER_MEAN
    near_per_m, far_per_m = _range_per_m(surfaces, lens)
    wanted_per_m = min(MIN_STEP_SHARE * (near_per_m - far_per_m), reach_per_m)
    best_m, beyond_m = here_m, here_m
    for _ in range(SURFACES_TRIED):
        there_m = _focusable_m(surfaces, lens, rng.random())
        step_per_m = abs(1.0 / there_m - 1.0 / here_m)
        if step_per_m > reach_per_m:
            beyond_m = there_m
        elif step_per_m > abs(1.0 / best_m - 1.0 / here_m):
            best_m = there_m
        if abs(1.0 / best_m - 1.0 / here_m) >= wanted_per_m:
            return best_m, True
    if best_m != here_m or beyond_m == here_m:
        return best_m, True
    sign = 1.0 if beyond_m < here_m else -1.0
    return 1.0 / (1.0 / here_m + sign * reach_per_m), False


def _drifted(
    start_m: float, n_frames: int, surfaces: Surfaces, lens: Lens, clip: Clip, rng: np.random.Generator
) -> list[float]:
    """Return the distances of one shot: a speed that turns once a second, mirrored at the range's ends."""
    near_per_m, far_per_m = _range_per_m(surfaces, lens)
    top = min(DRIFT_SHARE_PER_S * (near_per_m - far_per_m), clip.max_diopters_per_s)
    knot_frames = max(round(DRIFT_KNOT_S * clip.fps), 1)
    here_per_m, sign, distances_m = 1.0 / start_m, 1.0, [start_m]
    low, high = min(far_per_m, here_per_m), max(near_per_m, here_per_m)
    speeds = [top * (2.0 * rng.random() - 1.0) for _ in range(2)]
    for frame in range(1, n_frames):
        place = (frame - 1) % knot_frames
        if frame > 1 and place == 0:
            speeds = [speeds[1], top * (2.0 * rng.random() - 1.0)]
        speed = speeds[0] + (speeds[1] - speeds[0]) * place / knot_frames
        moved = here_per_m + sign * speed / clip.fps
        if not low <= moved <= high:
            sign, moved = -sign, min(max(2.0 * (high if moved > high else low) - moved, low), high)
        here_per_m = moved
        distances_m.append(1.0 / here_per_m if top > 0.0 else start_m)
    return distances_m


def _followed(seen_m: Sequence[float | None], lag_frames: int, lens: Lens, clip: Clip) -> list[float]:
    """Return the distances of one shot."""
    first_m = next((depth_m for depth_m in seen_m if depth_m is not None), lens.focus_distance_m)
    start_m = max(first_m, nearest_focus_m(lens))
    step_per_m, nearest_per_m = clip.max_diopters_per_s / clip.fps, 1.0 / nearest_focus_m(lens)
    here_per_m, distances_m, seen = 1.0 / start_m, [start_m], _Seen(1.0 / first_m)
    for frame in range(1, len(seen_m)):
        if frame > lag_frames:
            seen.take(seen_m[frame - lag_frames])
        wanted = min(max(seen.per_m + lag_frames * seen.speed, MIN_PER_M), nearest_per_m)
        here_per_m += min(max(wanted - here_per_m, -step_per_m), step_per_m)
        distances_m.append(start_m if here_per_m == 1.0 / start_m else 1.0 / here_per_m)
    return distances_m


@dataclass
class _Seen:
    """What is known of a tracked surface: an alpha-beta filter whose gains begin as those of a line's fit."""

    per_m: float
    speed: float = 0.0
    n: int = 1

    def take(self, depth_m: float | None) -> None:
        """Learn from one more frame; a surface that is not seen is taken to stand still."""
        if depth_m is None:
            self.speed = 0.0
            return
        self.n += 1
        n, surprise = self.n, 1.0 / depth_m - (self.per_m + self.speed)
        depth_gain = max(TRACK_GAINS[0], 2.0 * (2 * n - 1) / (n * (n + 1)))
        speed_gain = max(TRACK_GAINS[1], 6.0 / (n * (n + 1)))
        self.per_m += self.speed + depth_gain * surprise
        self.speed += speed_gain * surprise


def _range_per_m(surfaces: Surfaces, lens: Lens) -> tuple[float, float]:
    """Return the near and the far end of what the lens may be focused at, diopters."""
    near_m, far_m = (_focusable_m(surfaces, lens, rank) for rank in RANGE_RANKS)
    return 1.0 / near_m, 1.0 / far_m


def _focusable_m(surfaces: Surfaces, lens: Lens, rank: float) -> float:
    """Return the distance of a surface, or the nearest that the lens is focused at if it is nearer."""
    return max(surface_m(surfaces, rank), nearest_focus_m(lens))
