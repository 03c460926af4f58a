"""Which lenses a scene is photographed with: the report's random law, and a focus sweep.

    random:  f ~ U(24, 85 mm), N ~ LogU(1.4, 8.0), S = d_min + Beta(2, 2) (d_max - d_min)
             redrawn as a whole, and counted, while S < 2 f
    sweep:   one f and N drawn by the same law, S even in diopters from the near to the far end

The balanced law, which knows the whole depth histogram, is in `balanced`.

Calibration and rendering both draw here, so that the CoC statistics are those of the published labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from focusgen.base.errors import LensError, SceneError
from focusgen.base.seeds import derive_seed
from focusgen.optics.coc import Formula, Lens

LensLaw = Literal["random", "sweep"]

FOCAL_LENGTH_MM = (24.0, 85.0)  # wide angle to short tele on 35 mm film: the report's range
F_NUMBER = (1.4, 8.0)
MIN_FOCUS_OVER_FOCAL_LENGTH = 2.0  # S = 2 f is 1:1 magnification; nearer, a thin lens is no camera lens
MAX_DRAWS = 10_000  # a law that hits less often than this has no honest answer for the scene


@dataclass(frozen=True)
class LensDraw:
    """The lenses of one scene.

    Attributes:
        lenses: in order; the set index of the data set is the position.
        n_redrawn: draws that were thrown away: they focused nearer than 2 f or, in the balanced law, lacked
            something.
        lacking: what the sets lack that the balanced law promises, one line each; empty for the other laws.
    """

    lenses: tuple[Lens, ...]
    n_redrawn: int
    lacking: tuple[str, ...] = ()


def sample_lenses(
    n: int,
    *,
    d_min_m: float,
    d_max_m: float,
    seed: int,
    focal_length_mm: tuple[float, float] = FOCAL_LENGTH_MM,
    f_number: tuple[float, float] = F_NUMBER,
    law: LensLaw = "random",
    formula: Formula = "paper",
) -> LensDraw:
    """Return n lenses focused inside a depth range; the same arguments give the same lenses anywhere.

    Args:
        n: how many. With `random`, the first k lenses do not change when n grows: each has its own seed.
            A `sweep` is spread over the whole range, so all of its distances depend on n.
        d_min_m: near end of the focus distances, metres.
        d_max_m: far end, metres; may equal d_min_m.
        seed: from `seeds.scene_seed(run_seed, scene_id, "lenses")`.
        focal_length_mm: uniform between.
        f_number: log-uniform between.
        law: "random" or "sweep".
        formula: handed on to each `Lens`.

    Raises:
        SceneError: the scene is nearer than twice the shortest focal length, so that nothing can be drawn.
    """
    if n < 0:
        raise ValueError(f"n must be >= 0, not {n}")
    _check_range(d_min_m, d_max_m, focal_length_mm)
    if law == "sweep":
        return _sweep(n, (d_min_m, d_max_m), seed, focal_length_mm, f_number, formula)
    lenses, n_redrawn = [], 0
    for index in range(n):
        rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "lens", index)))
        lens, n_rejected = _draw(rng, (d_min_m, d_max_m), focal_length_mm, f_number, formula)
        lenses.append(lens)
        n_redrawn += n_rejected
    return LensDraw(tuple(lenses), n_redrawn)


def spread_lenses(
    n: int,
    d_min_m: float,
    d_max_m: float,
    focal_length_mm: tuple[float, float] = FOCAL_LENGTH_MM,
    f_number: tuple[float, float] = F_NUMBER,
    *,
    formula: Formula = "paper",
) -> tuple[Lens, ...]:
    """Return n lenses that stand for the whole random law: even over it, the same for any scene and seed.

    An additive recurrence with the powers of 1/1.2207 (the root of x^4 = x + 1) fills the cube of (f, N, S).

    Raises:
        SceneError: as `sample_lenses`.
    """
    _check_range(d_min_m, d_max_m, focal_length_mm)
    low_n, high_n = math.log(f_number[0]), math.log(f_number[1])
    lenses = list[Lens]()
    for i in range(1, n + MAX_DRAWS):
        u, v, w = (
            (0.5 + i * step) % 1.0 for step in (0.8191725133961645, 0.6710436067037893, 0.5497004779019703)
        )
        f = _between(*focal_length_mm, u) / 1000.0
        n_stop = math.exp(_between(low_n, high_n, v))
        # Beta(2, 2) has the distribution 3 x^2 - 2 x^3, of which this is the inverse.
        s = _between(d_min_m, d_max_m, 0.5 - math.sin(math.asin(1.0 - 2.0 * w) / 3.0))
        if s >= MIN_FOCUS_OVER_FOCAL_LENGTH * f:
            lenses.append(Lens(f, float(min(max(n_stop, f_number[0]), f_number[1])), s, formula))
            if len(lenses) == n:
                return tuple(lenses)
    raise _too_near(d_max_m, focal_length_mm, "hardly any lens of the law can focus in it")


def focus_distances_even_in_diopters(n: int, near_m: float, far_m: float) -> tuple[float, ...]:
    """Return n distances from near to far, evenly spaced in 1/distance; one alone stands in the middle.

    CoC is linear in inverse depth, so these are the focal slices with equal steps of blur.
    """
    near_per_m, far_per_m = 1.0 / near_m, 1.0 / far_m
    if n == 1:
        return (2.0 / (near_per_m + far_per_m),)
    inner = [1.0 / (near_per_m + (far_per_m - near_per_m) * i / (n - 1)) for i in range(1, n - 1)]
    return (float(near_m), *inner, float(far_m))[:n]


def _sweep(
    n: int,
    depth_range_m: tuple[float, float],
    seed: int,
    focal_length_mm: tuple[float, float],
    f_number: tuple[float, float],
    formula: Formula,
) -> LensDraw:
    d_min_m, d_max_m = depth_range_m
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "sweep")))
    lens, n_redrawn = _draw(rng, (d_max_m, d_max_m), focal_length_mm, f_number, formula)
    # The near end yields to the lens that was drawn: redrawing until d_min fits would forbid long lenses
    # to every scene that has one near pixel.
    near_m = max(d_min_m, MIN_FOCUS_OVER_FOCAL_LENGTH * lens.focal_length_m)
    lenses = tuple(
        Lens(lens.focal_length_m, lens.f_number, s, formula)
        for s in focus_distances_even_in_diopters(n, near_m, d_max_m)
    )
    return LensDraw(lenses, n_redrawn)


def _draw(
    rng: np.random.Generator,
    depth_range_m: tuple[float, float],
    focal_length_mm: tuple[float, float],
    f_number: tuple[float, float],
    formula: Formula,
) -> tuple[Lens, int]:
    """Return one lens and how many draws were rejected before it."""
    d_min_m, d_max_m = depth_range_m
    low_n, high_n = math.log(f_number[0]), math.log(f_number[1])
    for n_rejected in range(MAX_DRAWS):
        f = _between(*focal_length_mm, rng.random()) / 1000.0
        n = math.exp(_between(low_n, high_n, rng.random()))
        s = _between(d_min_m, d_max_m, _beta_2_2(rng))
        if s >= MIN_FOCUS_OVER_FOCAL_LENGTH * f:
            return Lens(f, float(min(max(n, f_number[0]), f_number[1])), s, formula), n_rejected
    raise _too_near(d_max_m, focal_length_mm, f"{MAX_DRAWS} draws found no lens that can focus in it")


def _between(low: float, high: float, part: float) -> float:
    return float(min(low + part * (high - low), high))


def _beta_2_2(rng: np.random.Generator) -> float:
    """Return a draw from Beta(2, 2): the middle one of three uniform draws has exactly that law.

    numpy's own beta() may change between its versions and calls the machine's log(); this does neither.
    """
    return sorted(rng.random() for _ in range(3))[1]


def _check_range(d_min_m: float, d_max_m: float, focal_length_mm: tuple[float, float]) -> None:
    if not (math.isfinite(d_min_m) and math.isfinite(d_max_m) and 0.0 < d_min_m <= d_max_m):
        raise SceneError(
            f"focus distances between {d_min_m} m and {d_max_m} m cannot be drawn",
            "Check the scene's depth_maps/stats.json; focusgen repair writes it anew from the depth maps.",
        )
    if d_max_m < MIN_FOCUS_OVER_FOCAL_LENGTH * focal_length_mm[0] / 1000.0:
        raise _too_near(d_max_m, focal_length_mm, "nearer than twice the shortest focal length")


def _too_near(d_max_m: float, focal_length_mm: tuple[float, float], why: str) -> LensError:
    return LensError(
        f"the depth range ends at {d_max_m:.4g} m: {why} ({focal_length_mm[0]:g} mm)",
        "Check the unit of the depth (depth.depth_scale: units per metre), or lower lens.focal_length_mm.",
    )
