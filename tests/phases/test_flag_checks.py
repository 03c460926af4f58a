"""Phase 6 on masks: every lie about a pixel that files can tell is named."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.dataset.layout import SceneLayout
from focusgen.media.codecs import encode_grey_png, encode_png
from focusgen.optics.validity import edge_flags
from focusgen.phases.flag_checks import FlagChecker

DEPTH = np.full((16, 24), 2.0, np.float16)
DEPTH[4:8, 4:8] = 1.0
TRUE = edge_flags(DEPTH)
TRUE[0, :3] |= 1


class Files:
    def __init__(self, data: bytes | None) -> None:
        self.data = data

    def read(self, path):
        return self.data

    def name(self, path):
        return path.name


class Record:
    details = {"patched_raised_lowered": {"0": [3, 0, 0]}}

    def __init__(self, *names: str) -> None:
        self.files = dict.fromkeys(names)


def problems(tmp_path, data: bytes | None, record=None, depth_m=DEPTH, frame=0) -> list[str]:
    told: list[str] = []
    record = record or Record("depth_0000.npz", "valid_0000.png")
    FlagChecker(SceneLayout(tmp_path, "a"), Files(data), record, told.append).check(frame, depth_m, (24, 16))
    return told


def changed(y: int, x: int, value: int) -> bytes:
    flags = TRUE.copy()
    flags[y, x] = value
    return encode_grey_png(flags)


def test_a_true_mask_raises_no_alarm_and_a_scene_without_masks_is_not_asked_for_any(tmp_path):
    assert problems(tmp_path, encode_grey_png(TRUE)) == []
    assert problems(tmp_path, b"", Record("depth_0000.npz")) == []
    assert problems(tmp_path, encode_grey_png(TRUE), depth_m=None) == []  # of damaged depth others tell
    assert problems(tmp_path, encode_grey_png(edge_flags(DEPTH)), frame=1) == []  # the record tells of none


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (changed(0, 0, 0), "2 pixels are patched, the record says 3"),
        (changed(0, 5, 2), "1 pixels are raised, the record says 0"),
        (changed(3, 3, 0), "1 pixels differ from the depth edges"),
        (changed(12, 12, 64), "flags up to 64, 63 are all of them"),
        (encode_grey_png(TRUE[:8]), "24x8, the scene is 24x16"),
        (encode_png(np.zeros((16, 24, 3), np.uint8)), "not 8-bit grey"),
    ],
)
def test_a_lie_is_named(tmp_path, data, text):
    told = problems(tmp_path, data)
    assert told and told[0].startswith("valid_0000.png: ") and text in told[0]
