"""Whether given depth stands as its frames do: its steps lie on edges of the picture, not of its mirror."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from focusgen.dataset.published import read_depth, read_flags, read_sharp
from focusgen.motion.flow import luma
from focusgen.optics.validity import DepthFlag, edge_flags
from focusgen.phases.blur_check import ranks_of
from focusgen.phases.job import SceneJob

MIRRORED: dict[str, tuple[int, int, str]] = {
    "upside down": (-1, 1, "np.flipud"),
    "mirrored": (1, -1, "np.fliplr"),
    "turned by 180 degrees": (-1, -1, "np.rot90(depth, 2)"),
}
"""How depth may be turned within its own size: steps along rows and columns, and what turns it back."""

LONG_SIDE_PX = 640
"""Larger frames are looked at in a fraction of their size."""

MIN_STEP_SHARE, MAX_STEP_SHARE = 0.005, 0.4
"""Of the pixels: fewer steps tell nothing, and where more are, they are noise."""

MIN_MEETING, MIN_GAIN = 0.65, 0.1
"""How far up the picture's gradients steps must lie once turned, and by how much farther than as they stand.

Of measured and of procedural depth that stands rightly they lie at .68 to .97, mirrored at .43 to .70, and
never gain: the right way is ahead by .13 or more.
"""


def standing_texts(job: SceneJob) -> Iterator[str]:
    """Yield what to say of depth whose steps fit the picture's edges only if it is turned."""
    meetings = [m for frame in job.sampled_frames for m in _meetings(job, frame)]
    if not meetings:
        return
    as_it_is, *turned = np.mean(meetings, axis=0)
    best = int(np.argmax(turned))
    if turned[best] < max(MIN_MEETING, as_it_is + MIN_GAIN):
        return
    how, (_, _, back) = list(MIRRORED.items())[best]
    yield (
        f"the depth seems to be {how}: turned back, its steps lie on edges stronger than "
        f"{100 * turned[best]:.0f} % of the picture's, as it stands than {100 * as_it_is:.0f} %. If previews "
        f"show so, too, turn its files by {back} (AirSim's PFM and OpenGL's buffers count "
        "their rows from the other side)"
    )


def _meetings(job: SceneJob, frame: int) -> Iterator[list[float]]:
    """Yield how strong the gradients are at the steps of a map: as it stands, and turned each way."""
    depth_m = read_depth(job.scene, frame)
    step = max(1, max(depth_m.shape) // LONG_SIDE_PX)
    is_step = _steps(depth_m[::step, ::step], read_flags(job.scene, frame, depth_m.shape)[::step, ::step])
    if not MIN_STEP_SHARE <= is_step.mean() <= MAX_STEP_SHARE:
        return
    height, width = is_step.shape
    ranks = _gradient_ranks(
        cv2.resize(luma(read_sharp(job.scene, frame)), (width, height), interpolation=cv2.INTER_AREA)
    )
    turned = [is_step, *(is_step[::rows, ::columns] for rows, columns, _ in MIRRORED.values())]
    yield [float(ranks[places].mean()) for places in turned]


def _steps(depth_m: npt.NDArray[np.float16], flags: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return where the depth has steps that were measured: the rims of filled holes are none."""
    is_filled = cv2.dilate(flags & np.uint8(DepthFlag.PATCHED), np.ones((3, 3), np.uint8)) > 0
    return np.asarray((edge_flags(depth_m) > 0) & ~is_filled)


def _gradient_ranks(grey: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the strongest gradient within a pixel as its place among all, 0 to 1."""
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    slope = np.hypot(cv2.Sobel(smooth, -1, 1, 0), cv2.Sobel(smooth, -1, 0, 1))
    strongest = cv2.dilate(slope, np.ones((3, 3), np.uint8))
    return np.asarray(ranks_of(strongest) / strongest.size, np.float32)
