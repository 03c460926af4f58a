import numpy as np
import pytest

from focusgen.optics.validity import ALL_FLAGS, DepthFlag, count_flags, edge_flags


def test_flags_have_the_published_values():
    assert [int(flag) for flag in DepthFlag] == [1, 2, 4, 8, 16, 32] and ALL_FLAGS == 63


@pytest.mark.parametrize("transposed", [False, True])
def test_a_step_in_depth_flags_the_pixels_on_both_sides_and_no_others(transposed):
    depth_m = np.full((7, 9), 2.0, np.float16)
    depth_m[:, 4:] = 3.0
    flags = edge_flags(depth_m.T.copy() if transposed else depth_m)
    flags = flags.T if transposed else flags
    assert flags.dtype == np.uint8
    assert np.flatnonzero(flags.any(0)).tolist() == [3, 4] and (flags[:, 3:5] == 32).all()


def test_a_lone_pixel_flags_its_eight_neighbours_and_slopes_are_no_edges():
    depth_m = np.full((7, 9), 2.0, np.float16)
    depth_m[3, 5] = 1.0
    y, x = np.nonzero(edge_flags(depth_m))
    assert (y.min(), y.max(), x.min(), x.max(), len(y)) == (2, 4, 4, 6, 9)
    slope = np.geomspace(1.0, 1.09**8, 9).astype(np.float16)[None].repeat(4, 0)
    assert not edge_flags(slope).any()
    steep = np.geomspace(1.0, 1.12**8, 9).astype(np.float16)[None].repeat(4, 0)
    assert (edge_flags(steep) == 32).all()


def test_counts_are_of_each_flag_that_occurs():
    flags = np.array([[0, 1, 33], [32, 8, 0]], np.uint8)
    assert count_flags(flags) == {"patched": 2, "saturated": 1, "edge": 2}
