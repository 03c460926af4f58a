"""Nothing is changed, and nothing is shared."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.models.passthrough import Passthrough
from focusgen.models.protocols import NoiseKey
from tests.models.memory_scene import moving_frames


def test_frames_come_back_as_a_copy():
    frames = moving_frames(3)
    out = Passthrough().deblur(frames, [NoiseKey("bear", i, 0) for i in range(3)])
    assert np.array_equal(out, frames)
    out[:] = 0
    assert frames.any()


def test_every_frame_needs_its_key():
    with pytest.raises(ValueError, match="3 frames with 1 keys"):
        Passthrough().deblur(moving_frames(3), [NoiseKey("bear", 0, 0)])
