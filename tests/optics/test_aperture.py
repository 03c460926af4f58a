import math

import numpy as np
import pytest

from focusgen.optics.aperture import DISC, Aperture

AXIS = np.linspace(-1.7, 1.7, 1001)
X, Y = AXIS[None, :], AXIS[:, None]
CELL = (AXIS[1] - AXIS[0]) ** 2


@pytest.mark.parametrize("text", ["polygon(3)", "polygon(5, 20)", "polygon(6,15)", "polygon(9)", "disc"])
def test_every_shape_lets_as_much_light_in_as_the_disc_and_reaches_as_far_as_it_says(text):
    aperture = Aperture.parse(text)
    inside = aperture.contains(X, Y)
    assert inside.sum() * CELL == pytest.approx(math.pi, rel=0.004)
    farthest = np.sqrt((X**2 + Y**2)[inside].max())
    assert farthest <= aperture.reach + 1e-9 and farthest > 0.99 * aperture.reach


def test_rotation_turns_the_first_corner_from_the_right_to_the_bottom():
    corner = 0.98 * Aperture.parse("polygon(5)").reach
    assert Aperture.parse("polygon(5)").contains(corner, 0.0)
    assert not Aperture.parse("polygon(5)").contains(-corner, 0.0), "five blades are not symmetric"
    assert Aperture.parse("polygon(5, 90)").contains(0.0, corner)


def test_a_cats_eye_is_a_disc_in_the_middle_and_narrow_across_the_corner():
    eye = Aperture.parse("cat_eye(1)")
    assert np.array_equal(eye.contains(X, Y), DISC.contains(X, Y))
    inside = eye.contains(X, Y, (0.8, 0.6))
    along, across = X * 0.8 + Y * 0.6, Y * 0.8 - X * 0.6
    assert np.ptp(along[inside]) == pytest.approx(1.0, abs=0.02)
    assert np.ptp(across[inside]) == pytest.approx(math.sqrt(3), abs=0.02)


@pytest.mark.parametrize("text", ["disc", "polygon(6, 15)", "polygon(7, -3.5)", "cat_eye(0.6)"])
def test_what_is_written_is_read_again(text):
    assert str(Aperture.parse(text.replace(", ", ","))) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "square",
        "disc(1)",
        "polygon",
        "polygon()",
        "polygon(2)",
        "polygon(5.5)",
        "polygon(6, x)",
        "polygon(6, 1, 2)",
    ]
    + ["cat_eye", "cat_eye(0)", "cat_eye(1.2)", "cat_eye(nan)", "polygon(6, inf)", "polygon(6) "[:-2]],
)
def test_anything_else_is_refused_by_its_name(text):
    with pytest.raises(ValueError, match="disc|polygon|cat|numbers"):
        Aperture.parse(text)
