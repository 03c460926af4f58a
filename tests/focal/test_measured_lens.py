"""A stack without a lens, or without its sensor: depth as good as the blur that its slices show."""

import math

import numpy as np
import pytest

from focusgen.focal.infer import InferOptions, StackResult, infer_stack
from focusgen.focal.slice_files import stack_of_folder
from focusgen.focal.told_lens import LensFlags
from tests.focal.stacks import Truth, abs_rel, inside, part_of

SENSOR_MM = 24.0


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Truth:
    return part_of("tabletop", tmp_path_factory.mktemp("tabletop"))


def inferred(table: Truth, lens: LensFlags) -> StackResult:
    return infer_stack(stack_of_folder(table.folder), table.distances_m, lens, InferOptions(aligns=False))


@pytest.mark.slow
def test_without_a_lens_relative_depth_is_that_of_the_blur_that_was_measured(table: Truth):
    result = inferred(table, LensFlags())
    near, far = 1 / table.distances_m[0], 1 / table.distances_m[-1]
    true = np.clip((near - 1 / table.depth_m) / (near - far), 0, 1)
    wrong = np.abs(inside(result.depth) - inside(true))
    assert not result.is_metric and result.metadata["unit"] == "relative" and result.metadata["lens"] is None
    assert wrong.mean() < 0.015 and result.metadata["method"] == "learned"
    gain = result.metadata["measured_blur_radius_px_per_diopter"]
    assert gain == pytest.approx(table.radius_px_m, rel=0.06) and result.metadata["fits"]


@pytest.mark.slow
def test_a_sensor_that_nobody_tells_is_the_one_that_gives_the_blur_of_the_slices(table: Truth):
    result = inferred(table, LensFlags(focal_for(7.2), 2.0))
    assert result.metadata["lens"]["sensor_width_mm"] == pytest.approx(7.2, rel=0.06)
    assert result.metadata["sensor_width_from"] == "measured" and not result.metadata["sensor_width_assumed"]
    assert abs_rel(result.depth, table.depth_m) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("sensor_mm", [36.0, 41.0, 0.4])
def test_full_frame_stays_where_it_gives_that_blur_or_no_sensor_would(table: Truth, sensor_mm: float):
    metadata = inferred(table, LensFlags(focal_for(sensor_mm), 2.0)).metadata
    assert (metadata["sensor_width_from"], metadata["lens"]["sensor_width_mm"]) == ("assumed", 36.0)
    assert metadata["sensor_width_assumed"] and metadata["measured_blur_radius_px_per_diopter"] is None


def focal_for(sensor_mm: float) -> float:
    """Return the focal length, mm, that gives the blur of the traced stack at f/2 on such a sensor."""
    return 50.0 * math.sqrt(sensor_mm / SENSOR_MM)
