"""Focus breathing: a lens that is focused nearer has its image farther away, and so magnifies it.

The image of a thin lens focused at S lies v = S f / (S - f) behind it, at f when it is focused at infinity.
What is published sharp is the view at infinity; a render shows its middle, enlarged by v / f = S / (S - f).
That is at least 1: nothing has to be invented at the borders.

    pixel (x, y) of render and label shows (cx + (x - cx) f / v, cy + (y - cy) f / v) of frame and depth,
    cx = (width - 1) / 2, cy = (height - 1) / 2; of depth the nearest pixel: no label mixes two surfaces
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.optics.coc import Lens


def magnification(lens: Lens) -> float:
    """Return v / f, how much larger the image is than that of the same lens focused at infinity."""
    f, s = lens.focal_length_m, lens.focus_distance_m
    return s / (s - f)


def source_px(n_pixels: int, magnified: float) -> npt.NDArray[np.float64]:
    """Return where each pixel of a magnified side comes from, in pixels of the side as it was."""
    middle = (n_pixels - 1) / 2.0
    return np.asarray(middle + (np.arange(n_pixels, dtype=np.float64) - middle) / magnified)


def magnified_map(values: npt.NDArray[Any], magnified: float) -> npt.NDArray[Any]:
    """Return a map of (H, W) numbers as the magnified picture shows it: of each pixel, the nearest number."""
    rows, columns = (np.floor(source_px(n, magnified) + 0.5).astype(np.int64) for n in values.shape)
    return np.ascontiguousarray(values[np.ix_(rows, columns)])
