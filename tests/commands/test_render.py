"""`focusgen render`: its opening, highlights and planes are flags, and a wrong one is refused by name."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from focusgen import cli

LENS = ("--focal_mm", "50", "--f_number", "1.4", "--focus", "0.7")


@pytest.fixture
def lamps(tmp_path: Path) -> list[str]:
    """Words that render white dots on a far black wall."""
    rgb = np.zeros((96, 128, 3), np.uint8)
    rgb[20::40, 20::40] = rgb[21::40, 20::40] = rgb[20::40, 21::40] = rgb[21::40, 21::40] = 255
    Image.fromarray(rgb).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", np.full((96, 128), 6.0, np.float32))
    return ["render", "--image", str(tmp_path / "a.png"), "--depth", str(tmp_path / "a.npy"), *LENS]


def drawn(words: list[str], folder: Path, *flags: str) -> np.ndarray:
    assert cli.main([*words, *flags, "-o", str(folder / "o.png")]) == 0
    return np.asarray(Image.open(folder / "o.png")).astype(int)


def test_flags_of_the_camera_have_their_effect(lamps: list[str], tmp_path: Path) -> None:
    plain = drawn(lamps, tmp_path)
    for flags in (("--aperture", "polygon(5, 10)"), ("--highlights", "boost"), ("--transfer", "srgb")):
        assert np.abs(drawn(lamps, tmp_path, *flags) - plain).max() > 5, flags
    assert np.abs(drawn(lamps, tmp_path, "--planes", "sparse") - plain).max() <= 1


def test_a_picture_is_taken_as_the_configuration_says_and_a_flag_wins(
    lamps: list[str], tmp_path: Path, capsys
) -> None:
    by_flag = {name: drawn(lamps, tmp_path, "--transfer", name) for name in ("srgb", "gamma22")}
    for flags in (("--config", "training"), ("--render.transfer", "srgb")):
        assert np.array_equal(drawn(lamps, tmp_path, *flags), by_flag["srgb"]), flags
    won = drawn(lamps, tmp_path, "--config", "training", "--transfer", "gamma22")
    assert np.array_equal(won, by_flag["gamma22"])
    for key, value in (("render.aperture", "polygon(5)"), ("optics.formula", "exact")):
        flag = "--" + key.partition(".")[2]
        assert np.array_equal(drawn(lamps, tmp_path, f"--{key}", value), drawn(lamps, tmp_path, flag, value))
    smaller = [drawn(lamps, tmp_path, f"--{key}sensor_width_mm", "24") for key in ("", "optics.")]
    assert np.array_equal(*smaller) and not np.array_equal(smaller[0], by_flag["gamma22"])
    assert "no effect" not in capsys.readouterr().err
    limited = drawn(lamps, tmp_path, "--render.max_radius_px", "1")
    assert np.array_equal(limited, by_flag["gamma22"])
    assert (
        "--render.max_radius_px has no effect on a picture: give --max_radius_px" in capsys.readouterr().err
    )


@pytest.mark.parametrize(("bits", "depth"), [("8", np.uint8), ("16", np.uint16)])
def test_a_render_has_the_bits_that_were_asked_for(
    lamps: list[str], tmp_path: Path, bits: str, depth: type
) -> None:
    assert cli.main([*lamps, "--bits", bits, "-o", str(tmp_path / "o.png")]) == 0
    assert cv2.imread(str(tmp_path / "o.png"), cv2.IMREAD_UNCHANGED).dtype == depth


@pytest.mark.parametrize(
    "opening", ["polygon(2)", "polygon(100)", "polygon(6, nan)", "cat_eye(1.2)", "square"]
)
def test_an_opening_that_there_is_not_is_refused_before_anything_is_written(
    lamps: list[str], tmp_path: Path, capsys, opening: str
) -> None:
    assert cli.main([*lamps, "--aperture", opening, "-o", str(tmp_path / "o.png")]) == 2
    assert f"--aperture: render.aperture: {opening!r}" in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "o.png").exists()
