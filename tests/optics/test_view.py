"""Where the view of a camera goes when its frames are resized and cropped."""

from dataclasses import replace

import pytest

from focusgen.optics.sizes import FramePlan, frame_plan
from focusgen.optics.view import View, focal_length_mm, published_camera, published_view

WIDE, TALL = frame_plan(1920, 1080, 640), frame_plan(1080, 1920, 640)
"""A third of their size, and 8 px cropped: of the rows, of the columns."""


def test_the_view_follows_resize_and_crop():
    plan = frame_plan(1920, 1080, 640)  # 640 x 360, cropped to 640 x 352
    view = published_view(1500.0, plan)
    assert view == View(500.0, 500.0, 319.5, 175.5)
    stretched = published_view(100.0, frame_plan(100, 90))  # 112 x 96
    assert (stretched.fx, stretched.fy) == pytest.approx((112.0, 100.0 * 96 / 90))


@pytest.mark.parametrize("plan", [WIDE, TALL])
def test_a_point_lands_where_the_pixel_of_the_resized_frame_lies(plan: FramePlan):
    view = published_view(1500.0, plan)
    x_raw, y_raw = (
        450.0 + (plan.raw_width - 1) / 2,
        450.0 + (plan.raw_height - 1) / 2,
    )  # at x / z = y / z = 0.3
    assert view.fx * 0.3 + view.cx == pytest.approx((x_raw + 0.5) / 3 - 0.5 - plan.crop_x)
    assert view.fy * 0.3 + view.cy == pytest.approx((y_raw + 0.5) / 3 - 0.5 - plan.crop_y)


def test_focal_length_is_the_view_on_the_sensor():
    assert focal_length_mm(View(500.0, 500.0, 0.0, 0.0), 640, 36.0) == pytest.approx(28.125)


@pytest.mark.parametrize("plan", [WIDE, TALL])
def test_a_whole_camera_goes_the_way_of_its_pixels(plan: FramePlan):
    """With its axis in the middle it is what its focal length alone gives; else the offset stays."""
    middle = View(1500.0, 1500.0, (plan.raw_width - 1) / 2, (plan.raw_height - 1) / 2)
    published = published_view(1500.0, plan)
    assert published_camera(middle, plan) == published
    beside = replace(middle, cx=middle.cx + 3.0, cy=middle.cy - 6.0)
    assert published_camera(beside, plan) == replace(published, cx=published.cx + 1.0, cy=published.cy - 2.0)
