"""What a backend hands back: NaN, wrong shapes and wrong kinds end in an error that names it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from focusgen.base.errors import DepthRangeError, SceneError
from focusgen.base.signals import StopFlag
from focusgen.config import SCENE_PHASES, load
from focusgen.models.protocols import BokehRenderer, Deblurrer, DepthModel, RenderSession
from focusgen.phases.index import index_dataset
from focusgen.phases.outputs import backend_words, checked_depth, checked_frames
from focusgen.run.phase_run import PhaseRun
from focusgen.run.progress import Observer
from focusgen.run.table import PHASES

FRAMES = np.zeros((2, 4, 6, 3), np.uint8)
MAP = np.ones((4, 6), np.float32)
HOLED = np.where(np.eye(4, 6) > 0, np.float32(np.nan), MAP)


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (FRAMES.astype(np.float32), r"float32 of shape \(2, 4, 6, 3\) for uint8"),
        (FRAMES[:1], r"uint8 of shape \(1, 4, 6, 3\) for uint8 frames of shape \(2, 4, 6, 3\)"),
        (FRAMES[..., 0], r"shape \(2, 4, 6\)"),
        ([FRAMES[0], FRAMES[1]], "gave list, not an array"),
        (None, "gave NoneType"),
    ],
)
def test_frames_of_another_kind_or_shape_are_refused(made, complaint):
    with pytest.raises(SceneError, match=rf"scene 'a': Mine: gave .*{complaint}|Mine: {complaint}"):
        checked_frames(made, FRAMES, "scene 'a': Mine")


def test_right_frames_pass_as_they_are():
    made = FRAMES.copy()
    assert checked_frames(made, FRAMES, "x") is made


@pytest.mark.parametrize(
    ("estimates", "error", "complaint"),
    [
        ([(0, HOLED), (1, MAP)], DepthRangeError, "frame 0: 4 of 24 pixels are NaN or infinite"),
        ([(0, MAP), (1, MAP * np.inf)], DepthRangeError, "frame 1: 24 of 24 pixels"),
        ([(0, MAP.T)], SceneError, r"depth of shape \(6, 4\) for a frame of \(4, 6\)"),
        ([(0, MAP.astype(np.int32))], SceneError, "gave int32, not an array of floating-point metres"),
        ([(0, [[1.0]])], SceneError, "gave list"),
        ([(1, MAP), (0, MAP)], SceneError, "depth of frame 1 where frame 0 was due"),
        ([(0, MAP), (0, MAP)], SceneError, "depth of frame 0 where frame 1 was due"),
        ([(0, MAP)], SceneError, "depth of 1 frames, 2 were asked for"),
    ],
)
def test_depth_of_another_kind_shape_or_order_is_refused(estimates, error, complaint):
    with pytest.raises(error, match=f"net.*{complaint}"):
        list(checked_depth(estimates, 2, (4, 6), "net"))


def test_depth_that_came_with_the_data_may_have_holes_and_becomes_float32():
    found = dict(
        checked_depth([(0, HOLED.astype(np.float64)), (1, MAP)], 2, (4, 6), "x", may_have_holes=True)
    )
    assert found[0].dtype == np.float32
    np.testing.assert_array_equal(found[0], HOLED)


def test_messages_name_the_backend_and_its_weights():
    cfg = load(
        None, {"depth.backend": "vda", "depth.checkpoint": "my/metric_x.pth", "deblur.backend": "classical"}
    )
    assert backend_words(cfg, "depth") == "depth.backend vda (my/metric_x.pth)"
    assert backend_words(cfg, "deblur") == "deblur.backend classical"
    flux = load(None, {"deblur.backend": "deblurnet"})
    assert backend_words(flux, "deblur") == (
        "deblur.backend deblurnet (deblurNet.safetensors, black-forest-labs/FLUX.1-dev)"
    )


class NanDepth(DepthModel):
    handles_long_video = True

    def estimate(self, scene):
        for index in range(len(scene)):
            yield index, np.full((scene.height, scene.width), np.nan if index == 2 else 3.0, np.float32)


class ChunkedNanDepth(NanDepth):
    handles_long_video = False


class FloatDeblurrer(Deblurrer):
    def deblur(self, frames, keys):
        return frames.astype(np.float32) * np.nan


class FloatRenderer(BokehRenderer):
    def start(self, context):
        return FloatSession()


class FloatSession(RenderSession):
    def render(self, frames, signed_radius_px, focus_maps, frame_indices):
        return frames / 255.0


@pytest.mark.parametrize(
    ("phase", "model", "folder", "complaint"),
    [
        ("deblur", FloatDeblurrer(), "frames_sharp", "FloatDeblurrer: gave float32"),
        ("depth", NanDepth(), "depth_maps", "frame 2: 1536 of 1536 pixels are NaN"),
        ("depth", ChunkedNanDepth(), "depth_maps", "frame 2: 1536 of 1536"),
        ("render", FloatRenderer(), "bokeh_renders", "FloatSession: gave float64"),
    ],
)
def test_a_phase_publishes_nothing_of_a_model_that_is_wrong(rgbd, phase, model, folder, complaint):
    rgbd.add_scene("a")
    cfg = rgbd.config(depth__backend="dryrun")
    index_dataset(cfg)
    wrong = dataclasses.replace(PHASES[phase], load_model=lambda cfg, device=None: model)
    for name in SCENE_PHASES[: SCENE_PHASES.index(phase) + 1]:
        spec = wrong if name == phase else PHASES[name]
        summary = PhaseRun(spec, cfg, ["a"], Observer(), StopFlag()).run()
    assert complaint in summary.messages["a"]
    made = rgbd.out_root / "a" / folder
    assert complaint in json.loads((made / ".failed").read_text())["message"]
    assert not (made / ".done").exists()
