"""Published sides are multiples of 16, and depth follows the frames by the same geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focusgen.base.errors import CorruptInputError, SceneError
from focusgen.optics.sizes import MULTIPLE, frame_plan, resize_depth, resize_frame

patient = settings(deadline=None, max_examples=60)  # a busy machine is no failure


def ramp_frame(width: int, height: int) -> np.ndarray:
    """Red rises to the right, green downwards: position can be read off the colour."""
    x = np.linspace(20, 235, width).round().astype(np.uint8)
    y = np.linspace(20, 235, height).round().astype(np.uint8)
    frame = np.zeros((height, width, 3), np.uint8)
    frame[..., 0], frame[..., 1] = x[None, :], y[:, None]
    return frame


@patient
@given(st.integers(1, 5000), st.integers(1, 5000))
def test_without_a_long_side_frames_grow_to_the_next_multiples(width, height):
    plan = frame_plan(width, height)
    assert plan.width % MULTIPLE == 0 and plan.height % MULTIPLE == 0
    assert 0 <= plan.width - width < MULTIPLE and 0 <= plan.height - height < MULTIPLE
    assert (plan.resized_w, plan.resized_h, plan.crop_x, plan.crop_y) == (plan.width, plan.height, 0, 0)


@patient
@given(st.integers(16, 5000), st.integers(16, 5000), st.integers(16, 2000))
def test_a_long_side_keeps_the_aspect_and_crops_the_centre(width, height, long_side):
    try:
        plan = frame_plan(width, height, long_side)
    except SceneError:
        assert min(width, height) * long_side / max(width, height) < MULTIPLE
        return
    assert max(plan.resized_w, plan.resized_h) == long_side
    assert abs(plan.resized_w * height - plan.resized_h * width) <= max(width, height)
    assert plan.width % MULTIPLE == 0 and plan.height % MULTIPLE == 0
    assert 0 <= plan.resized_w - plan.width < MULTIPLE and 0 <= plan.resized_h - plan.height < MULTIPLE
    assert (plan.crop_x, plan.crop_y) == (
        (plan.resized_w - plan.width) // 2,
        (plan.resized_h - plan.height) // 2,
    )


def test_davis_frames_get_the_size_of_the_report():
    plan = frame_plan(854, 480)
    assert (plan.width, plan.height) == (864, 480)
    half = frame_plan(1280, 720, 512)
    assert (half.resized_w, half.resized_h, half.width, half.height) == (512, 288, 512, 288)


def test_a_frame_of_fitting_size_passes_untouched():
    frame = ramp_frame(64, 48)
    assert resize_frame(frame, frame_plan(64, 48)) is frame
    assert resize_frame(frame, frame_plan(64, 48, 64)) is frame


def test_a_zoom_back_to_the_raw_size_is_not_the_identity():
    frame = ramp_frame(64, 48)
    plan = frame_plan(64, 48, 70)
    assert (plan.width, plan.height) == (64, 48) and not plan.is_identity
    zoomed = resize_frame(frame, plan)
    assert zoomed.shape == frame.shape and not np.array_equal(zoomed, frame)
    assert zoomed[24, 0, 0] > frame[24, 0, 0]  # the crop cut the left edge away


@pytest.mark.parametrize("long_side", [None, 70, 40, 33])
@pytest.mark.parametrize(("width", "height"), [(61, 45), (45, 61), (64, 48)])
def test_depth_lands_on_the_pixels_of_its_frame(width, height, long_side):
    plan = frame_plan(width, height, long_side)
    frame = ramp_frame(width, height)
    out = resize_frame(frame, plan).astype(np.float32)
    depth = resize_depth(frame[..., 0].astype(np.float32), plan)
    depth_y = resize_depth(frame[..., 1].astype(np.float32), plan)
    assert depth.shape == out.shape[:2] and depth.dtype == np.float32
    step = 215 / min(width, height)  # nearest is at most half a source pixel off; Lanczos rounds
    assert np.abs(depth - out[..., 0]).max() <= 0.6 * step + 1
    assert np.abs(depth_y - out[..., 1]).max() <= 0.6 * step + 1
    assert abs(float((depth - out[..., 0]).mean())) < 0.5  # no shift of half a pixel


def test_resizing_invents_no_depth_and_keeps_holes():
    depth = np.full((45, 61), 2.0, np.float32)
    depth[:, 30:] = 9.0
    depth[10:20, 10:20] = np.nan
    out = resize_depth(depth, frame_plan(61, 45, 200))
    assert set(np.unique(out[~np.isnan(out)])) == {2.0, 9.0}
    assert np.isnan(out).any()


def test_depth_of_another_resolution_or_of_the_published_size_is_taken():
    plan = frame_plan(854, 480)
    assert resize_depth(np.ones((240, 427), np.float32), plan).shape == (480, 864)
    published = np.random.default_rng(0).random((480, 864), dtype=np.float32)
    assert np.array_equal(resize_depth(published, plan), published)


@pytest.mark.parametrize("shape", [(480, 480), (854, 480), (3, 480, 854)])
def test_depth_of_another_picture_is_refused(shape):
    with pytest.raises(CorruptInputError):
        resize_depth(np.ones(shape, np.float32), frame_plan(854, 480))


@pytest.mark.parametrize("frame", [ramp_frame(64, 47), ramp_frame(64, 48).astype(np.uint16)])
def test_a_frame_of_another_size_or_kind_than_its_scene_is_refused(frame):
    with pytest.raises(CorruptInputError, match="one size"):
        resize_frame(frame, frame_plan(64, 48))


@pytest.mark.parametrize("size", [(0, 48), (64, 0)])
def test_a_frame_without_pixels_has_no_plan(size):
    with pytest.raises(ValueError, match="no plan"):
        frame_plan(*size)


def test_a_strip_that_would_vanish_is_refused_with_advice():
    with pytest.raises(SceneError, match=r"a side below 16[\s\S]*resize_long_side"):
        frame_plan(1000, 20, 512)


def test_depth_that_lies_on_its_side_is_turned_and_not_transposed():
    """A phone's portrait video, and LiDAR depth as the sensor saw it: the transpose is mirrored."""
    plan = frame_plan(1440, 1920)
    with pytest.raises(CorruptInputError, match="256x192 .*: it lies on its side") as caught:
        resize_depth(np.ones((192, 256)), plan)
    assert "np.rot90" in caught.value.advice and "it mirrors" in caught.value.advice
