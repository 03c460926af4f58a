"""Invented depth for rehearsals: plausible, alive, and the same again."""

from __future__ import annotations

import numpy as np

from focusgen.models.dryrun import DryRunDepth
from tests.models.memory_scene import Scene, moving_frames


def test_a_dry_run_is_plausible_alive_and_repeatable():
    frames = moving_frames()
    model = DryRunDepth()
    assert not model.handles_long_video  # so that rehearsals exercise the chunks
    scene = Scene(frames)
    first, again = (dict(model.estimate(scene)) for _ in range(2))
    assert list(first) == list(range(20)) and scene.n_read_at_once <= 8
    stack = np.stack(list(first.values()))
    assert stack.dtype == np.float32 and stack.shape == (20, 48, 64)
    assert stack.min() > 0.8 and stack.max() < 10.0
    assert stack[:, -1].mean() < 2 < 6 < stack[:, 0].mean()  # near below, far above
    assert np.any(stack[0] != stack[10])
    medians = np.median(stack, axis=(1, 2))
    assert np.abs(np.diff(medians) / medians[:-1]).max() < 0.15  # no false temporal warning
    assert all(np.array_equal(first[i], again[i]) for i in first)


def test_a_dry_run_does_not_depend_on_how_the_video_is_cut():
    frames = moving_frames(12)
    model = DryRunDepth()
    whole = dict(model.estimate(Scene(frames)))
    part = dict(model.estimate(Scene(frames[5:11])))
    assert all(np.array_equal(part[i], whole[i + 5]) for i in part)


def test_depth_grows_towards_the_top_and_bright_areas_stand_out():
    frames = np.full((1, 60, 80, 3), 60, np.uint8)
    frames[:, 20:40, 30:60] = 240
    ((_, depth_m),) = DryRunDepth().estimate(Scene(frames))
    assert (np.diff(depth_m[:, 5]) <= 1e-6).all(), "far above, near below"
    assert depth_m[30, 45] < 0.9 * depth_m[30, 5], "bright is nearer than dark beside it"
