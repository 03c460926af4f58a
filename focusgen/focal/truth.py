"""What of a record's depth is true: to be learned from and judged by, not only to draw with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError
from focusgen.base.names import display
from focusgen.dataset.packs import read_published
from focusgen.focal.records import StackRecord
from focusgen.focal.sources import OpenedRecord, without_sky
from focusgen.media.codecs import decode_grey_png
from focusgen.optics.validity import ALL_FLAGS, DepthFlag

Floats = npt.NDArray[np.float32]

UNTRUE = ALL_FLAGS & ~int(DepthFlag.EDGE)
"""Flags of depth that is no surface's; at an edge it is that of one of two surfaces."""

FLAGS_ADVICE = "It is a sum of flags as in valid_0000.png of a data set: 0 where depth is true, 1 where not."


def truth_of(record: StackRecord, opened: OpenedRecord, depth_m: Floats) -> Floats:
    """Return depth of which NaN is what was not measured: sky, and pixels that the record's flags doubt.

    Raises:
        CorruptInputError: the flags cannot be read, or are of another size; names the file.
    """
    depth_m = without_sky(record, depth_m)
    if opened.valid is None:
        return depth_m
    flags = _flags(opened.valid)
    if flags.shape != depth_m.shape:
        (height, width), (depth_height, depth_width) = flags.shape, depth_m.shape
        raise CorruptInputError(
            f"{record.where}: valid is {width}x{height}, depth {depth_width}x{depth_height}", FLAGS_ADVICE
        )
    return np.where(flags & UNTRUE, np.float32(np.nan), depth_m)


def _flags(path: Path) -> npt.NDArray[np.uint8]:
    """Return flags of a file; a mask whose white means true would be taken the wrong way round."""
    try:
        flags = decode_grey_png(read_published(path))
    except (OSError, CorruptInputError) as error:
        raise CorruptInputError(f"{display(str(path))}: cannot be read: {error}", FLAGS_ADVICE) from error
    if flags.max() > ALL_FLAGS:
        raise CorruptInputError(f"{display(str(path))}: holds {flags.max()}, no sum of flags", FLAGS_ADVICE)
    return flags
