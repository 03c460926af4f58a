"""The blur of one picture: its opening, its highlights, and tiles that no opening shows."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.optics.aperture import Aperture
from focusgen.optics.coc import Lens
from focusgen.tools.picture_blur import Blur, Drawing, PictureCamera, draw_picture

SIZE = (120, 160)


def lamps() -> np.ndarray:
    """White dots on black, far apart."""
    rgb = np.zeros((*SIZE, 3), np.uint8)
    rgb[20::40, 20::40] = rgb[21::40, 20::40] = rgb[20::40, 21::40] = rgb[21::40, 21::40] = 255
    return rgb


def drawn(camera: PictureCamera, *, tile_px: int = 1024) -> np.ndarray:
    blur = Blur(np.full(SIZE, 8.0, np.float32), Lens(0.050, 1.8, 1.0), 0.036, 12.0)
    _, extremes = blur.survey()
    how = Drawing(camera, extremes, False, True, tile_px, "cpu")
    return draw_picture(lamps(), blur, how, lambda part: None).astype(int)


@pytest.mark.parametrize("opening", ["disc", "polygon(3, 20)", "cat_eye(1)"])
@pytest.mark.parametrize("sparse", [False, True])
def test_tiles_are_not_seen_through_any_opening(opening: str, sparse: bool) -> None:
    camera = PictureCamera(aperture=Aperture.parse(opening), sparse=sparse)
    whole, tiled = drawn(camera), drawn(camera, tile_px=32)
    assert np.abs(whole - tiled).max() <= 655  # 1 % of white; rounding shows most near black
    if opening != "disc":
        disc = drawn(PictureCamera())
        assert np.abs(whole - disc).max() > 6000


def test_highlights_make_brighter_balls_of_lamps() -> None:
    plain, boosted = drawn(PictureCamera()), drawn(PictureCamera(boosts=True))
    assert boosted.max() > 1.5 * plain.max() > 0
