import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen.base.errors import CorruptInputError, MissingUpstreamError, UndecidedInputError
from focusgen.media.brought import BroughtDepth
from focusgen.media.depth_brought import check_told_unit, open_brought
from focusgen.media.depth_units import DepthOptions
from tests.layouts import HEIGHT, WIDTH, planar_m, write_depth_png

NAMES = ("0.png", "1.png", "2.png")
SIZE = (WIDTH, HEIGHT)


@pytest.fixture
def depth(tmp_path: Path) -> BroughtDepth:
    write_depth_png(tmp_path, list(NAMES), 5000)
    return BroughtDepth(tmp_path, NAMES, units_per_metre=5000.0)


def test_the_layout_knows_the_unit_and_a_person_may_only_agree(depth: BroughtDepth):
    for said in (None, 5000.0):
        source = open_brought(depth, "tum", 3, SIZE, DepthOptions(depth_scale=said))
        np.testing.assert_allclose(source.read(2), planar_m(2), atol=1e-3)
    with pytest.raises(CorruptInputError, match=r"tum has 5000 units per metre, but --depth_scale says 1000"):
        open_brought(depth, "tum", 3, SIZE, DepthOptions(depth_scale=1000.0))


def test_a_file_that_is_gone_is_named_before_any_is_read(depth: BroughtDepth):
    (depth.folder / "1.png").unlink()
    with pytest.raises(MissingUpstreamError, match=r"1\.png: no such file; layout tum"):
        open_brought(depth, "tum", 3, SIZE, DepthOptions())
    with pytest.raises(CorruptInputError, match="3 depth files for 4 frames"):
        open_brought(depth, "tum", 4, SIZE, DepthOptions())


def test_another_meaning_of_the_same_files_is_another_digest(depth: BroughtDepth):
    """A later release that corrects a layout makes older depth stale."""
    others = [
        depth,
        BroughtDepth(depth.folder, NAMES, 1000.0),
        BroughtDepth(depth.folder, NAMES, 5000.0, 0.8),
        BroughtDepth(depth.folder, NAMES, 5000.0, far_from_m=10.0),
    ]
    assert len({open_brought(d, "tum", 3, SIZE, DepthOptions()).digest() for d in others}) == 4


def test_a_wider_frame_has_holes_where_the_depth_camera_saw_nothing(depth: BroughtDepth):
    """Twice the pixels, and a column and a row more on either side than the map covers."""
    moved = BroughtDepth(depth.folder, NAMES, 5000.0, frame_from_depth=(0.5, -1.25, 0.5, -1.25))
    size = (2 * WIDTH + 4, 2 * HEIGHT + 4)
    seen = open_brought(moved, "scannet", 3, size, DepthOptions()).read(0)
    assert seen.shape == (2 * HEIGHT + 4, 2 * WIDTH + 4)
    assert np.isnan(seen[:, :2]).all() and np.isnan(seen[:, -2:]).all()
    assert np.isnan(seen[:2]).all() and np.isnan(seen[-2:]).all()
    np.testing.assert_allclose(seen[2:-2, 2:-2], planar_m().repeat(2, 0).repeat(2, 1), atol=1e-3)


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (4 * WIDTH, 4 * HEIGHT)])
def test_a_matrix_of_pictures_of_another_size_is_refused(depth: BroughtDepth, size: tuple[int, int]):
    """ScanNet's reader resizes colour (640x480 instead of 1296x968) and leaves intrinsic_color.txt."""
    moved = BroughtDepth(depth.folder, NAMES, 1000.0, frame_from_depth=(0.5, -0.25, 0.5, -0.25))
    with pytest.raises(CorruptInputError, match=r"0\.png: by .* of another size") as caught:
        open_brought(moved, "scannet", 3, size, DepthOptions()).read(0)
    assert "intrinsic_color.txt" in caught.value.advice


def test_a_unit_that_only_the_form_tells_is_asked_for_where_numbers_do_not_tell_it(depth: BroughtDepth):
    assumed = dataclasses.replace(depth, is_unit_assumed=True)
    check_told_unit(assumed, DepthOptions())  # in millimetres they would lie beyond 12 m
    for frame, name in enumerate(NAMES):
        cv2.imwrite(str(depth.folder / name), (1000 * planar_m(frame)).astype(np.uint16))
    with pytest.raises(UndecidedInputError, match="nobody says of which unit") as caught:
        check_told_unit(assumed, DepthOptions())
    assert "--depth_scale 5000" in caught.value.advice
    check_told_unit(assumed, DepthOptions(depth_scale=1000.0))
    check_told_unit(depth, DepthOptions())
    for frame, name in enumerate(NAMES):  # millimetres, five times
        cv2.imwrite(str(depth.folder / name), (5 * np.rint(1000 * planar_m(frame))).astype(np.uint16))
    check_told_unit(assumed, DepthOptions())
    floats = dataclasses.replace(assumed, files=("a.tif",))
    cv2.imwrite(str(depth.folder / "a.tif"), planar_m().astype(np.float32))
    check_told_unit(floats, DepthOptions())


def test_a_person_may_know_another_unit_than_the_form_has(depth: BroughtDepth):
    """The files count 5000 per metre; read as millimetres they are five times as far, and another digest."""
    assumed = dataclasses.replace(depth, is_unit_assumed=True)
    kept = BroughtDepth.of(assumed.document(depth.folder.parent, 3), depth.folder.parent)
    assert kept == assumed
    as_said = open_brought(kept, "tum", 3, SIZE, DepthOptions(depth_scale=1000.0))
    np.testing.assert_allclose(as_said.read(2), 5.0 * planar_m(2), rtol=1e-3)
    unsaid = open_brought(kept, "tum", 3, SIZE, DepthOptions())
    np.testing.assert_allclose(unsaid.read(2), planar_m(2), atol=1e-3)
    assert unsaid.digest() == open_brought(depth, "tum", 3, SIZE, DepthOptions()).digest() != as_said.digest()
