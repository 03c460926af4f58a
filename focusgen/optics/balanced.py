"""The balanced law: lenses that show each scene near, middle and far in focus, blurred by what was asked for.

    S     a surface of the scene: a quantile of its depth histogram. The sets of a scene take the near, middle
          and far third of its pixels in turn; the fourth and later ones look where nothing was sharp yet
    blur  the CoC that 90 % of the pixels stay below: even between the two ends of the target
    N, f  f^2 / N gives that blur at that S; f even between what the ranges allow, N follows

A set is drawn anew, target and all, until enough pixels are in focus, enough are blurred, its mean label is
moderate, and it shows its part of the depth deciles sharp. Where no draw does, the best one is taken and what
it lacks is said. Set k looks at the sets before it only, so that the first k are the same for any n.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import SceneError
from focusgen.base.seeds import derive_seed
from focusgen.optics.coc import Formula, Lens
from focusgen.optics.lenses import MIN_FOCUS_OVER_FOCAL_LENGTH, LensDraw
from focusgen.optics.surfaces import Surfaces

IN_FOCUS_RADIUS_PX = 0.5  # a disc that stays inside its pixel
SHARP_LABEL = 0.97
MIN_SHARE_IN_FOCUS, MIN_SHARE_BLURRED = 0.05, 0.20
BLURRED_FROM = 0.25  # of max_coc
MEAN_LABEL = (0.22, 0.78)  # .2 to .8 with room for a max_coc that is not quite the expected one
COVERING_SETS = 4  # so many sets show every decile of depth sharp, where the scene allows it
BLUR_RANGE = 0.9
EXPECTED_MAX_COC = 0.85  # of the largest target: p95 of 14 scenes was .68 to .99 over ten seeds
TARGETS_TRIED, SURFACES_TRIED = 24, 16

TARGET, IN_FOCUS, BLURRED, MEAN = (
    "no lens of the ranges reaches the target blur",
    "less than 5 % of the pixels in focus",
    "less than 20 % of the pixels blurred by a quarter of max_coc",
    "mean label outside .2 to .8",
)


@dataclass(frozen=True)
class Balance:
    """What the law may choose from, all lengths on the sensor.

    Attributes:
        focal_length_mm: between.
        f_number: between.
        target_blur_m: CoC that the blur of a set reaches, between.
        pixel_m: width that one pixel of the frame shows.
        formula: handed on to each `Lens`.
    """

    focal_length_mm: tuple[float, float]
    f_number: tuple[float, float]
    target_blur_m: tuple[float, float]
    pixel_m: float
    formula: Formula = "paper"

    @property
    def expected_max_coc_m(self) -> float:
        """The max_coc that sets are judged by: the calibrated one hangs on all scenes, a draw on its own."""
        return EXPECTED_MAX_COC * self.target_blur_m[1]


@dataclass(frozen=True)
class _Candidate:
    """A lens, the deciles that it shows sharp, and what it lacks."""

    lens: Lens
    deciles: frozenset[int]
    lacks: tuple[str, ...]


def sample_balanced(n: int, surfaces: Surfaces, balance: Balance, *, seed: int) -> LensDraw:
    """Return n lenses of one scene; the same arguments give the same lenses anywhere.

    Args:
        n: how many; the first k do not change when n grows.
        surfaces: depth of the scene.
        balance: ranges and target.
        seed: from `seeds.scene_seed(run_seed, scene_id, "lenses")`.

    Raises:
        SceneError: the scene is nearer than twice the shortest focal length.
    """
    lenses, lacking = list[Lens](), list[str]()
    covered, n_redrawn = frozenset[int](), 0
    for index in range(n):
        found, n_rejected = _draw_set(index, surfaces, balance, covered, seed)
        lenses.append(found.lens)
        lacking += [f"set_{index:02d}: {text}" for text in found.lacks]
        covered |= found.deciles
        n_redrawn += n_rejected
    missing = sorted(surfaces.all_deciles - covered)
    if missing and n >= COVERING_SETS:
        lacking.append(f"depth deciles sharp in no set: {', '.join(map(str, missing))}")
    return LensDraw(tuple(lenses), n_redrawn, tuple(lacking))


def _draw_set(
    index: int, surfaces: Surfaces, balance: Balance, covered: frozenset[int], seed: int
) -> tuple[_Candidate, int]:
    """Return the best lens of the first target that has one without fault, and how many targets failed."""
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "balanced", index)))
    ranks = _ranks(index, surfaces, covered, seed, rng)
    quota = _quota(index, len(surfaces.all_deciles - covered))
    best: tuple[tuple[int, bool, int], _Candidate] | None = None
    for n_rejected in range(TARGETS_TRIED):
        low, high = balance.target_blur_m
        target_m = low + (high - low) * float(rng.random())
        for _ in range(SURFACES_TRIED):
            candidate = _candidate(surfaces, balance, target_m, next(ranks), float(rng.random()))
            if candidate is None:
                continue
            n_new = len(candidate.deciles - covered)
            merit = (-len(candidate.lacks), n_new >= quota, n_new)
            if best is None or merit > best[0]:
                best = merit, candidate
        if best is not None and best[0][:2] == (0, True):
            return best[1], n_rejected
    if best is None:
        raise SceneError(
            f"no surface lies beyond twice the shortest focal length ({balance.focal_length_mm[0]:g} mm)",
            "Check the unit of the depth (depth.depth_scale: units per metre), or lower "
            "lens.focal_length_mm.",
        )
    return best[1], TARGETS_TRIED - 1


def _quota(index: int, n_missing: int) -> int:
    """Return how many new deciles a set has to show, so that the first four can show all."""
    return math.ceil(n_missing / (COVERING_SETS - index)) if index < COVERING_SETS else 0


def _ranks(
    index: int, surfaces: Surfaces, covered: frozenset[int], seed: int, rng: np.random.Generator
) -> Iterator[float]:
    """Yield ranks of surfaces to focus at: in the set's third, later where nothing was sharp yet."""
    missing = sorted(surfaces.all_deciles - covered)
    third = _third(index, seed)
    while True:
        if index < 3 or not missing:
            yield (third + float(rng.random())) / 3.0
        else:
            yield surfaces.rank_in_decile(missing[int(rng.random() * len(missing))], float(rng.random()))


def _third(index: int, seed: int) -> int:
    """Return 0 near, 1 middle, 2 far: each once in any three sets, in an order of the scene's own."""
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "thirds", index // 3)))
    return int(np.argsort([rng.random() for _ in range(3)])[index % 3])


def _candidate(
    surfaces: Surfaces, balance: Balance, target_m: float, rank: float, part: float
) -> _Candidate | None:
    """Return the lens that focuses at a surface and reaches a blur, None if the surface is too near."""
    s = surfaces.depth_at(rank)
    f_min, f_max = (f / 1000.0 for f in balance.focal_length_mm)
    f_max = min(f_max, s / MIN_FOCUS_OVER_FOCAL_LENGTH)
    if f_max < f_min:
        return None
    n_min, n_max = balance.f_number
    wanted = target_m / max(surfaces.blur_range_per_m(s, BLUR_RANGE), 1e-12)
    k = min(max(wanted, f_min**2 / n_max), f_max**2 / n_min)  # f^2 / N
    low, high = max(f_min, math.sqrt(k * n_min)), min(f_max, math.sqrt(k * n_max))
    f = min(max(low + part * (high - low), f_min), f_max)
    n = min(max(f * f / k, n_min), n_max)
    return _judged(Lens(f, n, s, balance.formula), surfaces, balance, is_reached=k == wanted)


def _judged(lens: Lens, surfaces: Surfaces, balance: Balance, *, is_reached: bool) -> _Candidate:
    coc_m, max_coc_m = surfaces.coc_m(lens), balance.expected_max_coc_m
    in_focus = coc_m <= 2.0 * IN_FOCUS_RADIUS_PX * balance.pixel_m
    mean = 1.0 - float((np.minimum(coc_m / max_coc_m, 1.0) * surfaces.share).sum())
    checks = {
        TARGET: is_reached,
        IN_FOCUS: surfaces.share_where(in_focus) >= MIN_SHARE_IN_FOCUS,
        BLURRED: surfaces.share_where(coc_m > BLURRED_FROM * max_coc_m) >= MIN_SHARE_BLURRED,
        MEAN: MEAN_LABEL[0] <= mean <= MEAN_LABEL[1],
    }
    lacks = tuple(text for text, is_met in checks.items() if not is_met)
    return _Candidate(lens, sharp_deciles(lens, surfaces, balance.pixel_m, max_coc_m), lacks)


def sharp_deciles(lens: Lens, surfaces: Surfaces, pixel_m: float, max_coc_m: float) -> frozenset[int]:
    """Return the deciles of depth of which a lens shows over half of the pixels sharp.

    Sharp is a blur radius of at most half a pixel, or a label above .97.
    """
    coc_m = surfaces.coc_m(lens)
    limit_m = max(2.0 * IN_FOCUS_RADIUS_PX * pixel_m, (1.0 - SHARP_LABEL) * max_coc_m)
    is_sharp: npt.NDArray[np.bool_] = coc_m <= limit_m
    return surfaces.sharp_deciles(is_sharp)
