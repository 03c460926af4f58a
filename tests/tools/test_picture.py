"""Lens blur for single pictures: arguments, notes of the camera, 16 bits, tiles, folders."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.media.depth_units import DepthOptions
from focusgen.media.picture_files import EXIF_IFD, F_NUMBER, FOCAL_LENGTH_35MM, FOCAL_LENGTH_MM, ORIENTATION
from focusgen.tools.picture import RenderPictureArgs, render_picture
from focusgen.tools.picture_blur import PictureCamera

HEIGHT, WIDTH = 60, 90


def picture() -> np.ndarray:
    """Stripes everywhere, so that blur shows everywhere."""
    rgb = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return cv2.GaussianBlur(rgb, (0, 0), 0.8)


def depth() -> np.ndarray:
    """A near subject in the middle of a far wall."""
    depth_m = np.full((HEIGHT, WIDTH), 5.0, np.float32)
    depth_m[20:40, 30:60] = 1.0
    return depth_m


def exif_of(focal_mm: float, f_number: float, same_view_mm: int | None = None, turn: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    exif[0x010F] = "A maker"
    tags: dict[int, Any] = exif.get_ifd(EXIF_IFD)
    tags[FOCAL_LENGTH_MM], tags[F_NUMBER] = focal_mm, f_number
    if same_view_mm:
        tags[FOCAL_LENGTH_35MM] = same_view_mm
    return exif


@pytest.fixture
def files(tmp_path: Path) -> Path:
    Image.fromarray(picture()).save(tmp_path / "a.png")
    np.savez(tmp_path / "a.npz", depth=depth())
    return tmp_path


def args(folder: Path, **changes: Any) -> RenderPictureArgs:
    values: dict[str, Any] = {
        "image": folder / "a.png",
        "output": folder / "out" / "o.png",
        "depth": folder / "a.npz",
        "focal_mm": 50.0,
        "f_number": 1.8,
        "focus": 1.0,
    }
    return RenderPictureArgs(**{**values, **changes})


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def test_the_subject_in_focus_stays_and_the_wall_is_blurred(files: Path) -> None:
    (made,) = render_picture(args(files, max_radius_px=6.0))
    change = np.abs(pixels(made.path) - picture().astype(int)).max(-1)
    assert change[22:38, 32:58].max() <= 1
    assert change[:10].mean() > 10
    assert made.n_clipped == 0 and made.radius_px == pytest.approx((-1.3889, 0.0), abs=1e-3)


def test_focus_at_a_pixel_takes_its_depth_and_the_formula_is_the_lens_one(files: Path) -> None:
    (made,) = render_picture(args(files, focus=None, focus_at=(45, 30), formula="exact"))
    assert made.lens.focus_distance_m == 1.0 and made.lens.formula == "exact"
    # 0.05^2 / (2 * 1.8 * 0.95) * 4 / 5 * 90 px / 0.036 m
    assert made.radius_px[0] == pytest.approx(-1.46199, abs=1e-4)


def test_lens_and_sensor_come_from_exif_unless_given(files: Path) -> None:
    Image.fromarray(picture()).save(files / "b.jpg", exif=exif_of(6.0, 2.0, same_view_mm=27), quality=95)
    (made,) = render_picture(args(files, image=files / "b.jpg", focal_mm=None, f_number=None))
    assert made.lens.focal_length_m == pytest.approx(0.006) and made.lens.f_number == 2.0
    assert made.sensor_width_mm == pytest.approx(8.0)
    (made,) = render_picture(args(files, image=files / "b.jpg", f_number=4.0, sensor_width_mm=24.0))
    assert (made.lens.focal_length_m, made.lens.f_number, made.sensor_width_mm) == (0.05, 4.0, 24.0)


@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
def test_exif_and_colour_profile_are_kept_and_the_picture_stands_upright(files: Path, kind: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    turned = np.rot90(picture())  # stored lying, orientation 6 turns it back
    Image.fromarray(np.ascontiguousarray(turned)).save(
        files / "c.png", exif=exif_of(50.0, 2.0, turn=6), icc_profile=profile
    )
    (made,) = render_picture(args(files, image=files / "c.png", output=files / f"o.{kind}"))
    with Image.open(made.path) as image:
        assert image.size == (WIDTH, HEIGHT)
        assert image.info["icc_profile"] == profile
        assert image.getexif()[ORIENTATION] == 1 and image.getexif()[0x010F] == "A maker"
        assert float(image.getexif().get_ifd(EXIF_IFD)[F_NUMBER]) == 2.0


def test_sixteen_bits_stay_sixteen_with_their_profile(files: Path) -> None:
    deep = (picture().astype(np.uint16) * 257) ^ 0x55
    cv2.imwrite(str(files / "d.png"), deep[..., ::-1])
    (made,) = render_picture(args(files, image=files / "d.png", focus=5.0))
    stored = cv2.imread(str(made.path), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    far_away = np.abs(stored[:8, :, ::-1].astype(int) - deep[:8]).max()
    assert far_away <= 2  # in focus: untouched, to the sixteenth bit but for rounding
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(picture()).save(files / "e.png", icc_profile=profile, exif=exif_of(50.0, 2.0))
    (made,) = render_picture(args(files, image=files / "e.png", bits=16))
    with Image.open(made.path) as image:
        assert image.info["icc_profile"] == profile and image.getexif()[0x010F] == "A maker"
    assert cv2.imread(str(made.path), cv2.IMREAD_UNCHANGED).dtype == np.uint16


def test_tiles_equal_the_picture_in_one_piece(files: Path) -> None:
    results = []
    for tile_px in (16, 1024):
        wanted = args(files, output=files / f"{tile_px}.png", bits=16, tile_px=tile_px, f_number=0.5)
        (made,) = render_picture(wanted)
        results.append(cv2.imread(str(made.path), cv2.IMREAD_UNCHANGED).astype(int))
    assert np.abs(results[0] - results[1]).max() <= 1  # of 65535


def test_the_curve_of_the_picture_is_the_one_that_is_said(files: Path) -> None:
    render_picture(args(files, focus=0.5))
    plain = pixels(args(files).output).astype(int)
    render_picture(args(files, focus=0.5, camera=PictureCamera(transfer="srgb")))
    difference = np.abs(pixels(args(files).output).astype(int) - plain)
    assert 0 < difference.max() < 30


def test_progress_runs_from_nothing_to_all(files: Path) -> None:
    seen: list[float] = []
    render_picture(args(files, tile_px=32), progress=lambda path, part: seen.append(part))
    assert seen[0] == 0.0 and seen[-1] == 1.0 and seen == sorted(seen) and len(seen) > 4


def test_holes_are_filled_and_counted_and_small_depth_is_enlarged(files: Path) -> None:
    depth_m = depth()
    depth_m[0, :7] = np.nan
    np.savez(files / "a.npz", depth=depth_m)
    (made,) = render_picture(args(files))
    assert made.n_holes == 7
    np.savez(files / "a.npz", depth=depth()[::2, ::2])
    (made,) = render_picture(args(files))
    change = np.abs(pixels(made.path) - picture().astype(int)).max(-1)
    assert change[24:36, 36:54].max() <= 1 and change[:10].mean() > 10
    np.savez(files / "a.npz", depth=depth()[:, :40])
    with pytest.raises(CorruptInputError, match="40x60, the upright picture 90x60"):
        render_picture(args(files))


def test_a_folder_is_rendered_with_the_depth_of_the_same_names(files: Path) -> None:
    folder, depths = files / "pictures", files / "depth"
    folder.mkdir()
    depths.mkdir()
    for name in ("x1", "x2", "x10"):
        Image.fromarray(picture()).save(folder / f"{name}.jpg")
        cv2.imwrite(str(depths / f"{name}.png"), (depth() * 500).astype(np.uint16))
    made = render_picture(
        args(files, image=folder, depth=depths, output=files / "all", depth_options=DepthOptions(500.0))
    )
    assert [m.path.name for m in made] == ["x1.png", "x2.png", "x10.png"]
    assert made[0].radius_px == pytest.approx((-1.3889, 0.0), abs=1e-3)
    (depths / "x2.png").unlink()
    with pytest.raises(ConfigError, match="no depth for x2.jpg"):
        render_picture(args(files, image=folder, depth=depths, output=files / "all"))


def test_without_depth_a_model_makes_it_or_the_message_says_what_to_install(files: Path) -> None:
    (made,) = render_picture(args(files, depth=None), estimate_depth=lambda rgb: depth())
    assert made.is_depth_estimated
    with pytest.raises(ConfigError, match=r"--depth FILE[\s\S]*focusgen\[gpu\]"):
        render_picture(args(files, depth=None))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"focus": None}, "where is the picture sharp"),
        ({"focus_at": (1, 1)}, "where is the picture sharp"),
        ({"focus": None, "focus_at": (90, 1)}, "lies outside of 90x60"),
        ({"focus": 0.04}, "cannot be focused at 0.04 m"),
        ({"focal_mm": None}, "EXIF has no focal length"),
        ({"f_number": None}, "EXIF has no f-number"),
        ({"f_number": -1.0}, "f_number must be > 0"),
        ({"focal_mm": 0.05}, "50 mm, if 0.05 was in metres"),
        ({"sensor_width_mm": 0.036}, "36 mm, if 0.036 was in metres"),
        ({"output": Path("o.gif")}, "cannot write this kind"),
        ({"output": Path("o.jpg"), "bits": 16}, "16 bits are written as PNG only"),
        ({"tile_px": 7}, "tile_px must be even"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_written(
    files: Path, changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    before = sorted(files.rglob("*"))
    with pytest.raises(ConfigError, match=message):
        render_picture(args(files, **changes))
    assert sorted(files.rglob("*")) == before


def test_the_picture_itself_is_never_overwritten_and_a_damaged_one_is_named(files: Path) -> None:
    with pytest.raises(ConfigError, match="is the picture itself"):
        render_picture(args(files, output=files / "a.png"))
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, format="JPEG")
    (files / "cut.jpg").write_bytes(buffer.getvalue()[:-200])
    with pytest.raises(CorruptInputError, match="cut.jpg"):
        render_picture(args(files, image=files / "cut.jpg"))
