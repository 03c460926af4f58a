"""The range that published depth lies in: what is a hole, what is far, what is raised or lowered to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import DepthRangeError
from focusgen.config import DepthConfig
from focusgen.config.backends import PROVIDED
from focusgen.optics.validity import DepthFlag

FLOAT16_MAX_M = 65504.0


@dataclass(frozen=True)
class BoundedDepth:
    """A map inside the allowed range: holes are NaN, far pixels +inf.

    Attributes:
        counts: pixels that are holes, raised, lowered; and far, where there are any.
        flags: (H, W) uint8 `DepthFlag`; None where no pixel has one.
    """

    depth_m: npt.NDArray[np.float32]
    counts: list[int]
    flags: npt.NDArray[np.uint8] | None = None

    @property
    def is_measured_everywhere(self) -> bool:
        """True if nothing has to wait for the rest of the scene."""
        return not self.counts[0] and len(self.counts) == 3


def bounded_depth(depth_m: npt.NDArray[np.float32], cfg: DepthConfig) -> BoundedDepth:
    """Return depth raised to min_m and lowered to max_m, with what was done to how many pixels.

    Only depth that came with the data may say "infinitely far"; from a network that is no answer.
    """
    if depth_m.min() >= cfg.min_m and depth_m.max() <= (cfg.max_m or FLOAT16_MAX_M):
        return BoundedDepth(depth_m, [0, 0, 0])  # the usual map: a third of the time; NaN compares as false
    low = depth_m < cfg.min_m
    unmeasured = ~np.isfinite(depth_m)
    far = (
        depth_m == np.inf if cfg.backend == PROVIDED.name and unmeasured.any() else np.zeros_like(unmeasured)
    )
    holes = unmeasured & ~far
    low &= ~holes
    high = ~unmeasured & (depth_m > (cfg.max_m if cfg.max_m is not None else np.inf))
    bounded = np.where(low, np.float32(cfg.min_m), depth_m)
    bounded = np.where(high, np.float32(cfg.max_m or 0.0), bounded)
    bounded = np.where(holes, np.float32(np.nan), bounded)
    counts = [int(np.count_nonzero(mask)) for mask in (holes, low, high, far)]
    flags = holes * DepthFlag.PATCHED | low * DepthFlag.RAISED | (high | far) * DepthFlag.FAR
    return BoundedDepth(bounded, counts if counts[3] else counts[:3], flags.astype(np.uint8))


def check_float16(depth_m: npt.NDArray[np.float32], cfg: DepthConfig, place: str) -> None:
    """Refuse depth that the published type cannot hold.

    Raises:
        DepthRangeError: names the place and the ways out.
    """
    if depth_m.max() <= FLOAT16_MAX_M:
        return
    largest_m = float(np.max(depth_m, initial=0.0, where=np.isfinite(depth_m)))
    if largest_m <= FLOAT16_MAX_M:
        if cfg.far_m is not None and cfg.far_m > FLOAT16_MAX_M and np.isposinf(depth_m).any():
            raise DepthRangeError(
                f"{place}: depth of +inf becomes depth.far_m, and {cfg.far_m:g} m does not fit float16",
                f"Set --depth.far_m to {FLOAT16_MAX_M:.0f} at most.",
            )
        return
    advice = "Set depth.max_m to the largest depth that you trust"
    if cfg.backend == PROVIDED.name:
        advice += (
            "; depth.invalid_value if that number means no depth; or --depth_scale (units per metre) if the "
            "numbers are no metres"
        )
    raise DepthRangeError(
        f"{place}: depth of {largest_m:.6g} m does not fit float16 (largest {FLOAT16_MAX_M:.0f} m)",
        f"{advice}.",
    )
