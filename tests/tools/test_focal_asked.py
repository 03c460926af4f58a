"""What is known of the lens of a stack: what its record says, else the flags. Stacks: test_focal_infer.py."""

from __future__ import annotations

import pytest

from focusgen.focal.records import record_of
from focusgen.focal.told_lens import LensFlags
from focusgen.tools.focal_asked import lens_flags


@pytest.mark.parametrize(
    ("camera", "wanted"),
    [
        (None, LensFlags(50.0, 2.0, 24.0)),
        ({"f_number": 4}, LensFlags(50.0, 4.0, 24.0)),
        ({"focal_length": 85, "aperture": "4"}, LensFlags(85.0, 4.0, 24.0)),
        ({"sensor_width_m": 0.036}, LensFlags(50.0, 2.0, 36.0)),
        ({"formula": "exact"}, LensFlags(50.0, 2.0, 24.0, "exact")),
        ({"f_number": 2, "formula": "paper"}, LensFlags(50.0, 2.0, 24.0, "paper")),
    ],
)
def test_flags_stand_where_a_record_says_nothing_value_by_value(camera, wanted):
    record = record_of({"focal_stack": "s"} | ({} if camera is None else {"camera": camera}), "l:1")
    found = lens_flags(record, LensFlags(50.0, 2.0, 24.0))
    assert found.focal_length_mm == pytest.approx(wanted.focal_length_mm)
    assert found.sensor_width_mm == pytest.approx(wanted.sensor_width_mm)
    assert (found.f_number, found.formula) == (wanted.f_number, wanted.formula)
