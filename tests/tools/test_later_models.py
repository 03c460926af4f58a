"""Models of a repair: loaded for the first frame and not before, and the record's words are kept."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from focusgen.config import load
from focusgen.dataset.records import Record
from focusgen.models.protocols import BokehRenderer, Deblurrer, DepthModel, NoiseKey
from focusgen.run.table import PHASES
from focusgen.tools.later_models import loading_later

FRAME = np.zeros((1, 2, 2, 3), np.uint8)


class Sharpener(Deblurrer):
    approximations = ("8-bit weights", "tiles of 512 px")

    def frames_per_call(self, height_px, width_px):
        return 5

    def deblur(self, frames, keys):
        return frames + 1


class Guesser(DepthModel):
    handles_long_video = True
    doubts = ("metric by word only",)

    def estimate(self, scene):
        yield 0, np.ones((2, 2), np.float32)


class Painter(BokehRenderer):
    approximations = ()
    n_parallel = 3

    def start(self, context):
        return context


@pytest.mark.parametrize(
    ("phase", "model", "use"),
    [
        ("deblur", Sharpener(), lambda later: later.deblur(FRAME, [NoiseKey("a", 0, 0)]).sum() == 12),
        ("deblur", Sharpener(), lambda later: later.frames_per_call(2, 2) == 5),
        ("depth", Guesser(), lambda later: next(iter(later.estimate(None)))[0] == 0),
        ("depth", Guesser(), lambda later: later.handles_long_video is True),
        ("render", Painter(), lambda later: later.n_parallel == 3),
        ("render", Painter(), lambda later: later.start("context") == "context"),
    ],
)
def test_a_model_is_loaded_when_it_is_used_and_only_once(phase, model, use):
    loads = []
    spec = dataclasses.replace(
        PHASES[phase], load_model=lambda cfg, device=None: loads.append(device) or model
    )
    later = loading_later(spec, Record({"details": {}})).load_model(load(), device="cpu")
    assert loads == []
    assert use(later) and use(later)
    assert loads == ["cpu"]


def test_the_words_of_the_record_come_first_and_none_is_said_twice():
    spec = dataclasses.replace(PHASES["deblur"], load_model=lambda cfg, device=None: Sharpener())
    record = Record({"details": {"approximations": ["an older tile size", "8-bit weights"]}})
    later = loading_later(spec, record).load_model(load())
    assert later.approximations == ["an older tile size", "8-bit weights"], "nothing was made again yet"
    later.frames_per_call(2, 2)
    assert later.approximations == ["an older tile size", "8-bit weights", "tiles of 512 px"]


def test_doubts_of_kept_depth_are_kept():
    spec = dataclasses.replace(PHASES["depth"], load_model=lambda cfg, device=None: Guesser())
    later = loading_later(spec, Record({"details": {"doubts": ["renamed"]}})).load_model(load())
    assert later.doubts == ["renamed"]
    assert later.handles_long_video and later.doubts == ["renamed", "metric by word only"]
