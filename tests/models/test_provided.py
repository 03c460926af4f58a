"""Depth that came with the data is handed on as it is, holes too."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.models.provided import ProvidedDepth
from tests.models.memory_scene import Scene, moving_frames


def test_provided_depth_comes_frame_by_frame_in_order_with_its_holes():
    depth = [np.full((48, 64), i + 1.0, np.float32) for i in range(4)]
    depth[2][0, 0] = np.nan
    model = ProvidedDepth()
    assert model.handles_long_video
    estimated = list(model.estimate(Scene(moving_frames(4), depth)))
    assert [index for index, _ in estimated] == [0, 1, 2, 3]
    for index, depth_m in estimated:
        np.testing.assert_array_equal(depth_m, depth[index])


def test_missing_or_misfitting_depth_is_refused_by_frame():
    model = ProvidedDepth()
    whole = np.ones((48, 64), np.float32)
    with pytest.raises(MissingUpstreamError, match=r"'bear', frame 1: no depth[\s\S]*depth_root"):
        list(model.estimate(Scene(moving_frames(2), [whole, None])))
    with pytest.raises(CorruptInputError, match=r"frame 0: depth of shape \(10, 64\)"):
        list(model.estimate(Scene(moving_frames(1), [whole[:10]])))
