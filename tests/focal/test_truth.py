"""Depth that was made up is drawn with, and neither teaches nor judges."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen.base.errors import CorruptInputError
from focusgen.focal.records import record_of
from focusgen.focal.roots import Roots
from focusgen.focal.samples import load_sample
from focusgen.optics.validity import DepthFlag

SIZE = (16, 24)


def sample_with(folder: Path, flags: np.ndarray):
    rng = np.random.default_rng(0)
    cv2.imwrite(str(folder / "p.png"), rng.integers(0, 255, (*SIZE, 3), np.uint8))
    np.save(folder / "d.npy", np.linspace(1.0, 3.0, SIZE[0] * SIZE[1], dtype=np.float32).reshape(SIZE))
    cv2.imwrite(str(folder / "v.png"), flags)
    camera = {"focal_length_mm": 50, "f_number": 2}
    values = {"rgb": "p.png", "depth": "d.npy", "valid": "v.png", "focus_distances": [1, 2], "camera": camera}
    return load_sample(record_of(values, "l:1"), Roots(), folder)


@pytest.mark.parametrize("flag", list(DepthFlag))
def test_flagged_depth_is_drawn_but_no_truth_except_at_edges(tmp_path, flag):
    whole = sample_with(tmp_path, np.zeros(SIZE, np.uint8))
    flags = np.zeros(SIZE, np.uint8)
    flags[4:8, 6:9] = flag
    found = sample_with(tmp_path, flags)
    unknown = np.isnan(found.true_m)
    assert np.array_equal(unknown, (flags > 0) & (flag != DepthFlag.EDGE))
    assert np.array_equal(found.true_m[~unknown], whole.true_m[~unknown])
    assert np.array_equal(found.stack.slices, whole.stack.slices)


def test_a_mask_that_means_the_opposite_is_refused_and_so_are_flags_of_another_size(tmp_path):
    with pytest.raises(CorruptInputError, match=r"v\.png: holds 255, no sum of flags"):
        sample_with(tmp_path, np.full(SIZE, 255, np.uint8))
    with pytest.raises(CorruptInputError, match="l:1: valid is 16x24, depth 24x16"):
        sample_with(tmp_path, np.zeros(SIZE[::-1], np.uint8))
    with pytest.raises(CorruptInputError, match=r"v\.png: cannot be read"):
        sample_with(tmp_path, np.zeros((*SIZE, 3), np.uint8))
