"""What a model of one's own gets for nothing by deriving from a Protocol, and what it must say itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from focusgen.models.protocols import (
    BokehRenderer,
    Deblurrer,
    DepthModel,
    NoiseKey,
    RenderContext,
    RenderSession,
    SceneFrames,
)
from focusgen.optics.coc import Lens

LENS = Lens(0.05, 2.0, 1.5)


def context(**changes) -> RenderContext:
    plain = RenderContext("bear", 0, 64, 48, LENS, 1e-3, 0.036, {"d_min": 1.0}, True, 7)
    return RenderContext(**{**vars(plain), **changes})


class Sharpener(Deblurrer):
    """The least that a deblurrer is."""

    def deblur(self, frames, keys):
        return frames


class Measurer(DepthModel):
    """The least that a depth model is."""

    handles_long_video = True

    def estimate(self, scene: SceneFrames) -> Iterator[tuple[int, np.ndarray]]:
        yield from ()


class Session(RenderSession):
    """The least that a session is."""

    def render(self, frames, signed_radius_px, focus_maps, frame_indices):
        return frames


class Renderer(BokehRenderer):
    """The least that a renderer is."""

    def start(self, context):
        return Session()


def test_the_least_that_a_model_is_takes_frames_one_by_one_and_doubts_nothing():
    assert (tuple(Sharpener().approximations), Sharpener().frames_per_call(480, 854)) == ((), 1)
    assert (tuple(Measurer().doubts), Measurer().trained_to_m) == ((), None)
    assert (tuple(Renderer().approximations), Renderer().n_parallel) == ((), 1)
    assert Renderer().start(context()).frames_per_call() == 1


def test_a_lens_that_stays_is_the_same_at_every_frame():
    assert context().lens_at(0) is LENS and context().lens_at(999) is LENS


def test_a_lens_that_moves_differs_in_its_focus_alone():
    moving = context(focus_distances_m=(1.5, 2.0, 4.0))
    assert moving.lens_at(0) == LENS
    assert moving.lens_at(2) == Lens(0.05, 2.0, 4.0)
    with pytest.raises(IndexError):
        moving.lens_at(3)


def test_a_context_cannot_be_changed_while_it_is_drawn():
    with pytest.raises(AttributeError):
        context().lens = LENS  # type: ignore[misc]


def test_a_key_of_noise_is_told_by_all_of_its_parts():
    keys = {
        NoiseKey("a", 0, 0),
        NoiseKey("a", 0, 1),
        NoiseKey("a", 1, 0),
        NoiseKey("b", 0, 0),
        NoiseKey("a", 0, 0),
    }
    assert len(keys) == 4
