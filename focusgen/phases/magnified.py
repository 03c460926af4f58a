"""A sharp frame as a lens shows it that magnifies: resampled between its pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from focusgen.optics.breathing import source_px


def magnified_picture(rgb: npt.NDArray[np.uint8], magnified: float) -> npt.NDArray[np.uint8]:
    """Return the middle of an (H, W, 3) picture, enlarged, at the same size; bicubic."""
    import cv2

    y, x = (source_px(n, magnified).astype(np.float32) for n in rgb.shape[:2])
    columns, rows = np.meshgrid(x, y)
    return np.asarray(
        cv2.remap(rgb, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
