"""Lenses that cannot be: most often millimetres that were given in metres."""

import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal.lens_checks import check_lens


@pytest.mark.parametrize(
    "lens", [(50.0, 1.4, 36.0), (1.5, 1.8, 4.2), (800.0, 64.0, None), (None, None, None)]
)
def test_lenses_of_phones_and_cameras_pass(lens: tuple[float | None, float | None, float | None]):
    check_lens(*lens, "here")


def test_metres_are_recognised_and_the_millimetres_are_named():
    with pytest.raises(ConfigError, match=r"list:3: focal length must be .* not 0.05 mm") as refused:
        check_lens(0.05, 2.0, 36.0, "list:3")
    assert "50 mm, if 0.05 was in metres" in refused.value.advice
    with pytest.raises(ConfigError, match="sensor width") as refused:
        check_lens(50.0, 2.0, 0.036, "here")
    assert "36 mm, if 0.036 was in metres" in refused.value.advice


@pytest.mark.parametrize("value", [0.0, -2.0, float("inf"), float("nan")])
def test_what_is_no_positive_number_is_refused_for_each_of_them(value: float):
    for lens, what in (((value, 2.0, 36.0), "focal length"), ((50.0, value, 36.0), "f-number")):
        with pytest.raises(ConfigError, match=what):
            check_lens(*lens, "here")
    with pytest.raises(ConfigError, match="sensor width"):
        check_lens(50.0, 2.0, value, "here")
