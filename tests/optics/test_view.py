import pytest

from focusgen.optics.sizes import frame_plan
from focusgen.optics.view import View, focal_length_mm, published_camera, published_view


def test_the_view_follows_resize_and_crop():
    plan = frame_plan(1920, 1080, 640)  # 640 x 360, cropped to 640 x 352
    view = published_view(1500.0, plan)
    assert view == View(500.0, 500.0, 319.5, 175.5)
    stretched = published_view(100.0, frame_plan(100, 90))  # 112 x 96
    assert (stretched.fx, stretched.fy) == pytest.approx((112.0, 100.0 * 96 / 90))


def test_a_point_lands_where_the_pixel_of_the_resized_frame_lies():
    plan = frame_plan(1920, 1080, 640)
    view = published_view(1500.0, plan)
    x_raw = 1500.0 * 0.3 + (1920 - 1) / 2  # of a point at x / z = 0.3
    assert view.fx * 0.3 + view.cx == pytest.approx((x_raw + 0.5) / 3 - 0.5 - plan.crop_x)


def test_focal_length_is_the_view_on_the_sensor():
    assert focal_length_mm(View(500.0, 500.0, 0.0, 0.0), 640, 36.0) == pytest.approx(28.125)


def test_a_whole_camera_goes_the_way_of_its_pixels():
    """With its axis in the middle it is what its focal length alone gives; else the offset stays."""
    plan = frame_plan(1920, 1080, 640)
    assert published_camera(View(1500.0, 1500.0, 959.5, 539.5), plan) == published_view(1500.0, plan)
    assert (
        published_camera(View(1500.0, 1500.0, 962.5, 539.5), plan).cx == published_view(1500.0, plan).cx + 1
    )
