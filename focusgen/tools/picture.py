"""Lens blur for one picture with depth, or for a folder of them: the renderer as a tool of its own."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from natsort import natsorted

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.media.depth_codecs import READERS, not_a_depth_file, read_depth_file
from focusgen.media.depth_units import DepthOptions
from focusgen.media.eight_bits import as_eight_bits
from focusgen.media.picture_files import (
    PICTURE_SUFFIXES,
    CameraNotes,
    Picture,
    check_target,
    read_picture,
    write_picture,
)
from focusgen.optics.coc import FULL_FRAME_WIDTH_M, MAX_RADIUS_OF_WIDTH, Formula, Lens, shown_width
from focusgen.optics.lens_limits import FOCAL_MM, SENSOR_MM, problem_mm
from focusgen.tools.picture_blur import Blur, DepthMap, Drawing, PictureCamera, draw_picture

EstimateDepth = Callable[[npt.NDArray[np.uint8]], DepthMap]
"""Returns (H, W) metres of an (H, W, 3) uint8 picture."""

Progress = Callable[[Path, float], None]
"""Called with the picture at work and the part of it that is done, 0 to 1."""

FOCUS_WINDOW_PX = 5
ASPECT_TOLERANCE = 0.01


@dataclass(frozen=True)
class RenderPictureArgs:
    """What to render, and through which lens.

    Attributes:
        image: a picture, or a folder of pictures.
        output: the file to write; with a folder of pictures, a folder.
        depth: a file of its depth (docs/own_depth.md has the kinds), or a folder of files with the pictures'
            names; None to estimate it.
        focal_mm: focal length; None to read it from EXIF.
        f_number: aperture; None to read it from EXIF.
        focus: distance of the sharp plane, metres.
        focus_at: instead, the pixel (x, y) of the upright picture that shall be sharp.
        formula: which circle of confusion.
        sensor_width_mm: what the picture's width shows; None to lay EXIF's along its long side, else
            `sensor_long_side_mm`.
        sensor_long_side_mm: of a picture whose sensor nobody says.
        depth_options: unit, marks and names of the depth files.
        far_m: depth of +inf; None for the largest finite depth of the picture.
        depth_edge_snap: move soft depth edges onto those of the picture; auto: estimated or resized depth.
        camera: the picture's curve, the opening, and how its blur is worked out.
        max_radius_px: larger blur is drawn as this; None for a tenth of the width.
        bits: 8 or 16 per channel; None for those of the picture, as far as the kind of file can.
        tile_px: side of the tiles that bound the memory; even.
        device: where to compute.
    """

    image: Path
    output: Path
    depth: Path | None = None
    focal_mm: float | None = None
    f_number: float | None = None
    focus: float | None = None
    focus_at: tuple[int, int] | None = None
    formula: Formula = "paper"
    sensor_width_mm: float | None = None
    sensor_long_side_mm: float = FULL_FRAME_WIDTH_M * 1000.0
    depth_options: DepthOptions = DepthOptions()
    far_m: float | None = None
    depth_edge_snap: Literal["auto", "on", "off"] = "auto"
    camera: PictureCamera = PictureCamera()
    max_radius_px: float | None = None
    bits: Literal[8, 16] | None = None
    tile_px: int = 1024
    device: str = "cpu"


@dataclass(frozen=True)
class RenderedPicture:
    """What was made.

    Attributes:
        path: the file written.
        lens: the lens it was drawn through.
        sensor_width_mm: as used.
        radius_px: smallest and largest signed blur radius drawn.
        n_clipped: pixels whose blur was larger than the limit.
        n_holes: pixels without depth, filled from the nearest that has one.
        is_depth_estimated: whether a network made the depth.
    """

    path: Path
    lens: Lens
    sensor_width_mm: float
    radius_px: tuple[float, float]
    n_clipped: int
    n_holes: int
    is_depth_estimated: bool


def render_picture(
    args: RenderPictureArgs,
    *,
    estimate_depth: EstimateDepth | None = None,
    progress: Progress | None = None,
) -> list[RenderedPicture]:
    """Render a picture or a folder of pictures.

    Args:
        estimate_depth: makes the depth where no file is given.
        progress: told how far each picture is.

    Raises:
        ConfigError: the arguments do not say what is needed; nothing was written.
        CorruptInputError: a picture or its depth cannot be used; names the file.
    """
    _check(args, estimate_depth)
    jobs = list(_jobs(args))
    for _, _, target in jobs:
        check_target(target, args.bits or 8)
    return [_render_one(args, *job, estimate_depth, progress) for job in jobs]


def _check(args: RenderPictureArgs, estimate_depth: EstimateDepth | None) -> None:
    if not args.image.exists():
        raise ConfigError(f"{args.image}: no such picture or folder")
    if (args.focus is None) == (args.focus_at is None):
        raise ConfigError(
            "where is the picture sharp?", "Give either --focus METRES or --focus_at x,y (a pixel)."
        )
    if args.depth is None and estimate_depth is None:
        raise ConfigError(
            "there is no depth: no file was given, and no depth model is set up",
            "Give --depth FILE (docs/own_depth.md has the kinds), or install a depth model with "
            "pip install 'focusgen[gpu]' and choose it with --depth.backend hf or vda.",
        )
    if args.tile_px < 2 or args.tile_px % 2:
        raise ConfigError(f"tile_px must be even and at least 2, not {args.tile_px}")
    for name in ("sensor_width_mm", "max_radius_px", "focus", "focal_mm", "f_number"):
        value = getattr(args, name)
        if value is not None and not (np.isfinite(value) and value > 0):
            raise ConfigError(f"{name} must be > 0, not {value}")
    _check_lens(args)


def _check_lens(args: RenderPictureArgs) -> None:
    """Refuse lengths that no lens or sensor has: metres, most often."""
    lengths = (("focal_mm", args.focal_mm, FOCAL_MM), ("sensor_width_mm", args.sensor_width_mm, SENSOR_MM))
    for name, value_mm, limits_mm in lengths:
        problem, advice = problem_mm(value_mm, limits_mm) if value_mm is not None else ("", "")
        if problem:
            raise ConfigError(f"--{name} {problem}", advice)


def _jobs(args: RenderPictureArgs) -> Iterator[tuple[Path, Path | None, Path]]:
    """Yield (picture, depth file, target)."""
    if args.image.is_file():
        if args.output.resolve() == args.image.resolve():
            raise ConfigError(f"{args.output} is the picture itself", "Give another --output.")
        yield args.image, args.depth, args.output
        return
    pictures = [p for p in args.image.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file()]
    if not pictures:
        raise ConfigError(f"{args.image}: no pictures ({', '.join(PICTURE_SUFFIXES)})")
    if args.output.resolve() == args.image.resolve():
        raise ConfigError(f"{args.output} is the folder of the pictures", "Give another --output.")
    if len({p.stem for p in pictures}) != len(pictures):
        raise ConfigError(f"{args.image}: two pictures have one name but for the suffix", "Rename one.")
    for picture in natsorted(pictures):
        yield picture, _depth_beside(picture, args.depth), args.output / f"{picture.stem}.png"


def _depth_beside(picture: Path, folder: Path | None) -> Path | None:
    if folder is None:
        return None
    if not folder.is_dir():
        raise ConfigError(f"{folder}: a folder of pictures needs a folder of depth")
    found = [
        path
        for path in natsorted(folder.glob(f"{glob.escape(picture.stem)}.*"))
        if path.suffix.lower() in READERS and path.is_file() and path.resolve() != picture.resolve()
    ]
    if len(found) != 1:
        what = "no depth" if not found else f"depth twice ({', '.join(p.name for p in found)})"
        raise ConfigError(
            f"{folder}: {what} for {picture.name}", "Give one file of the same name per picture."
        )
    return found[0]


def _render_one(
    args: RenderPictureArgs,
    source: Path,
    depth_file: Path | None,
    target: Path,
    estimate_depth: EstimateDepth | None,
    progress: Progress | None,
) -> RenderedPicture:
    picture = read_picture(source)
    depth_m, n_holes, is_exact = _depth_of(args, picture, depth_file, estimate_depth)
    sensor_width_mm = args.sensor_width_mm or _shown_width_mm(picture, args.sensor_long_side_mm)
    lens = _lens_of(args, picture.camera, depth_m, source)
    blur = Blur(
        depth_m, lens, sensor_width_mm / 1000.0, args.max_radius_px or MAX_RADIUS_OF_WIDTH * depth_m.shape[1]
    )
    n_clipped, radius_range_px = blur.survey()
    snaps = not is_exact if args.depth_edge_snap == "auto" else args.depth_edge_snap == "on"
    is_deep = args.bits == 16 or (args.bits is None and picture.is_deep and target.suffix.lower() == ".png")
    how = Drawing(args.camera, radius_range_px, snaps, is_deep, args.tile_px, args.device)
    drawn = draw_picture(picture.rgb, blur, how, lambda part: progress and progress(source, part))
    write_picture(target, drawn, picture)
    return RenderedPicture(
        target,
        lens,
        sensor_width_mm,
        radius_range_px,
        n_clipped,
        n_holes,
        depth_file is None,
    )


def _shown_width_mm(picture: Picture, sensor_long_side_mm: float) -> float:
    long_side_mm = picture.camera.sensor_width_mm or sensor_long_side_mm
    return shown_width(long_side_mm, picture.rgb.shape[1], picture.rgb.shape[0])


def _depth_of(
    args: RenderPictureArgs, picture: Picture, depth_file: Path | None, estimate_depth: EstimateDepth | None
) -> tuple[DepthMap, int, bool]:
    """Return depth at the picture's size, how many holes were filled, and whether its edges are exact."""
    height, width = picture.rgb.shape[:2]
    if depth_file is None:
        assert estimate_depth is not None, "checked before any work"
        depth_m, n_holes = _without_holes(estimate_depth(as_eight_bits(picture.rgb)), "estimated depth")
        return _resized(depth_m, height, width, "estimated depth"), n_holes, False
    if depth_file.suffix.lower() not in READERS:
        refusal = not_a_depth_file(depth_file)
        raise ConfigError(refusal.message, refusal.advice)
    given_m = read_depth_file(depth_file, args.depth_options).depth_m
    depth_m, n_holes = _without_holes(_with_far(given_m, args.far_m), str(depth_file))
    is_exact = depth_m.shape == (height, width)
    return _resized(depth_m, height, width, str(depth_file)), n_holes, is_exact


def _with_far(depth_m: DepthMap, far_m: float | None) -> DepthMap:
    """Return depth whose infinite pixels lie at `far_m`, or as far as the farthest that was measured."""
    is_far, is_measured = depth_m == np.inf, np.isfinite(depth_m)
    if not is_far.any() or not is_measured.any():
        return depth_m
    return np.where(is_far, np.float32(far_m or depth_m[is_measured].max()), depth_m)


def _without_holes(depth_m: DepthMap, name: str) -> tuple[DepthMap, int]:
    """Return depth whose holes have the value of the nearest pixel that has one, and how many there were."""
    is_hole = ~(np.isfinite(depth_m) & (depth_m > 0))
    n_holes = int(np.count_nonzero(is_hole))
    if n_holes == depth_m.size:
        raise CorruptInputError(f"{name}: no pixel has a depth > 0")
    if n_holes:
        from scipy.ndimage import distance_transform_edt

        rows, columns = distance_transform_edt(is_hole, return_distances=False, return_indices=True)
        depth_m = depth_m[rows, columns]
    return depth_m.astype(np.float32, copy=False), n_holes


def _resized(depth_m: DepthMap, height: int, width: int, name: str) -> DepthMap:
    if depth_m.shape == (height, width):
        return depth_m
    stretch = (depth_m.shape[1] / width) / (depth_m.shape[0] / height)
    if abs(stretch - 1.0) > ASPECT_TOLERANCE:
        raise CorruptInputError(
            f"{name}: depth is {depth_m.shape[1]}x{depth_m.shape[0]}, the upright picture {width}x{height}",
            "Give depth of the same view, with the same aspect ratio.",
        )
    import cv2

    # A plane is linear in inverse depth on the image, not in depth.
    inverse = cv2.resize(1.0 / depth_m, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(1.0 / inverse, dtype=np.float32)


def _lens_of(args: RenderPictureArgs, camera: CameraNotes, depth_m: DepthMap, source: Path) -> Lens:
    focal_mm, f_number = args.focal_mm or camera.focal_length_mm, args.f_number or camera.f_number
    for value, what, flag in ((focal_mm, "focal length", "--focal_mm"), (f_number, "f-number", "--f_number")):
        if value is None:
            raise ConfigError(f"{source}: EXIF has no {what}", f"Give it with {flag}.")
    assert focal_mm is not None and f_number is not None
    focus_m = args.focus if args.focus is not None else _depth_at(args.focus_at, depth_m, source)
    focal_m = focal_mm / 1000.0
    if focus_m <= focal_m:
        raise ConfigError(
            f"{source}: a {focal_mm:g} mm lens cannot be focused at {focus_m:g} m",
            "Choose a focus beyond the focal length.",
        )
    return Lens(float(focal_m), float(f_number), float(focus_m), args.formula)


def _depth_at(focus_at: tuple[int, int] | None, depth_m: DepthMap, source: Path) -> float:
    """Return the median depth around a pixel: one pixel may lie on the wrong side of an edge."""
    assert focus_at is not None, "checked before any work"
    x, y = focus_at
    height, width = depth_m.shape
    if not (0 <= x < width and 0 <= y < height):
        raise ConfigError(f"{source}: --focus_at {x},{y} lies outside of {width}x{height} pixels")
    reach = FOCUS_WINDOW_PX // 2
    window = depth_m[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
    return float(np.median(window))
