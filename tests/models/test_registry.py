"""The weight-free backends: they change nothing, invent nothing, or say that they invent."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.config import from_document, load
from focusgen.models.protocols import NoiseKey
from focusgen.models.registry import load_deblurrer, load_depth_model, needs_gpu


class Scene:
    """A scene in memory."""

    scene_id, fps = "bear", None

    def __init__(self, frames: np.ndarray, depth: list[np.ndarray | None] | None = None) -> None:
        self.frames = frames
        self.depth = depth
        self.n_read_at_once = 0

    @property
    def height(self) -> int:
        return self.frames.shape[1]

    @property
    def width(self) -> int:
        return self.frames.shape[2]

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, start: int, stop: int) -> np.ndarray:
        self.n_read_at_once = max(self.n_read_at_once, stop - start)
        return self.frames[start:stop]

    def provided_depth(self, index: int) -> np.ndarray | None:
        return self.depth[index] if self.depth else None


def moving_frames(n: int = 20, height: int = 48, width: int = 64) -> np.ndarray:
    """Frames with a bright box that wanders."""
    frames = np.full((n, height, width, 3), 40, np.uint8)
    for index in range(n):
        frames[index, 10:30, 2 * index : 2 * index + 20] = 220
    return frames


def test_passthrough_hands_on_a_copy():
    frames = moving_frames(3)
    out = load_deblurrer(from_document({}, "test")).deblur(frames, [NoiseKey("bear", i, 0) for i in range(3)])
    assert np.array_equal(out, frames)
    out[:] = 0
    assert frames.any()


def test_provided_depth_comes_frame_by_frame_in_order_with_its_holes():
    depth = [np.full((48, 64), i + 1.0, np.float32) for i in range(4)]
    depth[2][0, 0] = np.nan
    model = load_depth_model(from_document({"depth": {"backend": "provided"}}, "test"))
    assert model.handles_long_video
    estimated = list(model.estimate(Scene(moving_frames(4), depth)))
    assert [index for index, _ in estimated] == [0, 1, 2, 3]
    for index, depth_m in estimated:
        np.testing.assert_array_equal(depth_m, depth[index])


def test_missing_or_misfitting_depth_is_refused_by_frame():
    model = load_depth_model(from_document({}, "test"))
    whole = np.ones((48, 64), np.float32)
    with pytest.raises(MissingUpstreamError, match=r"'bear', frame 1: no depth[\s\S]*depth_root"):
        list(model.estimate(Scene(moving_frames(2), [whole, None])))
    with pytest.raises(CorruptInputError, match=r"frame 0: depth of shape \(10, 64\)"):
        list(model.estimate(Scene(moving_frames(1), [whole[:10]])))


def test_a_dry_run_is_plausible_alive_and_repeatable():
    frames = moving_frames()
    model = load_depth_model(from_document({"depth": {"backend": "dryrun"}}, "test"))
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
    model = load_depth_model(from_document({"depth": {"backend": "dryrun"}}, "test"))
    whole = dict(model.estimate(Scene(frames)))
    part = dict(model.estimate(Scene(frames[5:11])))
    assert all(np.array_equal(part[i], whole[i + 5]) for i in part)


@pytest.mark.parametrize(
    ("device", "settings", "expected"),
    [
        (None, {}, []),
        (None, {"deblur.backend": "classical", "depth.backend": "dryrun"}, []),
        (None, {"deblur.backend": "deblurnet"}, ["deblur"]),
        (None, {"depth.backend": "vda", "render.backend": "bokehnet"}, ["depth", "render"]),
        (None, {"depth.backend": "hf"}, ["depth"]),
        ("cpu", {"deblur.backend": "deblurnet", "depth.backend": "vda"}, []),
        ("cuda", {"deblur.backend": "classical"}, ["render"]),  # thin_lens gains by the GPU that is asked for
        ("cuda:1", {"depth.backend": "hf"}, ["depth", "render"]),
    ],
)
def test_a_phase_needs_a_gpu_only_for_its_backend(device, settings, expected):
    cfg = load(None, {"run.device": device, **settings})
    phases = ("index", "deblur", "depth", "calibrate", "render", "validate")
    assert [phase for phase in phases if needs_gpu(cfg, phase)] == expected
