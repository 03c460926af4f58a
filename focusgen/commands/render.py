"""Draw lens blur into one picture with depth, or into a folder of them.

The blur is the physical one of a thin lens; nothing is clipped by max_coc here. Focal length and f-number are
read from EXIF where they are not given. Without --depth the configured depth backend estimates it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.base.names import display
from focusgen.commands.groups import CONFIG_HELP
from focusgen.config.flags import Flags, option, parse, required, sets
from focusgen.optics.aperture import Aperture

if TYPE_CHECKING:
    from focusgen.tools.picture import RenderedPicture, RenderPictureArgs


@dataclass(frozen=True)
class RenderFlags(Flags):
    """Which picture, through which lens."""

    image: Path = required("a picture, or a folder of pictures")
    output: Path = required("file to write (-o); with a folder of pictures, a folder")
    depth: Path | None = option(
        None, "a depth file (docs/own_depth.md has the kinds), or a folder with the pictures' names"
    )
    focal_mm: float | None = option(None, "focal length; default: EXIF")
    f_number: float | None = option(None, "aperture; default: EXIF")
    focus: float | None = option(None, "distance of the sharp plane, metres")
    focus_at: str | None = option(None, "instead, the pixel x,y that shall be sharp")
    formula: str | None = sets("optics.formula")
    sensor_width_mm: float | None = option(
        None,
        "what the picture's width shows; default: EXIF or optics.sensor_width_mm (36) along its long side",
    )
    depth_edge_snap: Literal["auto", "on", "off"] = option("auto", "move soft depth edges onto the picture's")
    transfer: str | None = sets("render.transfer")
    aperture: str | None = sets("render.aperture")
    highlights: str | None = sets("render.highlights")
    planes: str | None = sets("render.planes")
    max_radius_px: float | None = option(None, "larger blur is drawn as this; default: a tenth of the width")
    bits: Literal[8, 16] | None = option(None, "per channel; default: the picture's own")
    tile_px: int = option(1024, "side of the tiles that bound the memory; a cat's eye is drawn in one piece")
    config: str | None = option(None, CONFIG_HELP)
    device: str | None = sets("run.device")
    backend: str | None = sets("depth.backend")
    checkpoint: Path | None = sets("depth.checkpoint")
    depth_scale: float | None = sets("depth.depth_scale")


FLAGS = RenderFlags
HEEDED = {*FLAGS.keys().values(), "lens.motion", "optics.sensor_width_mm"}
PICTURE_FLAGS = {"render.max_radius_px": "max_radius_px", "render.depth_edge_snap": "depth_edge_snap"}
"""Settings of data sets in whose place a picture has flags, with other defaults."""


def main(argv: Sequence[str]) -> int:
    """Run `focusgen render`."""
    words = ["--output" if word == "-o" else word for word in argv]
    parsed = parse(FLAGS, words, prog="focusgen render", doc=__doc__)
    given = parsed.flags
    cfg = config.load(given.config, parsed.overrides)
    _note_what_has_no_effect(parsed.dotted)
    if parsed.dotted.get("lens.motion", "fixed") != "fixed":
        raise ConfigError(
            f"{display(str(given.image))}: a still picture: focus has nothing to move over (--lens.motion)",
            "Leave --lens.motion out, or make a data set of a clip: `focusgen run`.",
        )
    for picture in _render(given, cfg):
        print(_told(picture))
    return 0


def _note_what_has_no_effect(keys: Iterable[str]) -> None:
    """Print one line for each setting that only data sets have."""
    for key in keys:
        if key not in HEEDED and not key.startswith("depth."):
            own = f": give --{PICTURE_FLAGS[key]}" if key in PICTURE_FLAGS else ""
            print(f"note: --{key} has no effect on a picture{own}", file=sys.stderr)


def _render(given: RenderFlags, cfg: config.Config) -> list[RenderedPicture]:
    args = _arguments(given, cfg)

    from focusgen.base.names import rich_text
    from focusgen.run.console import passing_bar
    from focusgen.tools.picture import render_picture
    from focusgen.tools.picture_depth import depth_estimator

    with passing_bar() as progress:
        task = progress.add_task("render", total=1.0)
        return render_picture(
            args,
            estimate_depth=None if given.depth else depth_estimator(cfg),
            progress=lambda path, part: progress.update(
                task, completed=part, description=rich_text(path.name)
            ),
        )


def _arguments(given: RenderFlags, cfg: config.Config) -> RenderPictureArgs:
    from focusgen.tools.picture import RenderPictureArgs
    from focusgen.tools.picture_blur import PictureCamera
    from focusgen.tools.picture_depth import how_depth_is_read

    camera = PictureCamera(
        cfg.render.transfer,
        Aperture.parse(cfg.render.aperture),
        cfg.render.highlights == "boost",
        cfg.render.planes == "sparse",
    )
    return RenderPictureArgs(
        image=given.image,
        output=given.output,
        depth=given.depth,
        focal_mm=given.focal_mm,
        f_number=given.f_number,
        focus=given.focus,
        focus_at=_pixel(given.focus_at),
        formula=cfg.optics.formula,
        sensor_width_mm=given.sensor_width_mm,
        sensor_long_side_mm=cfg.optics.sensor_width_mm,
        depth_options=how_depth_is_read(cfg),
        far_m=cfg.depth.far_m,
        depth_edge_snap=given.depth_edge_snap,
        camera=camera,
        max_radius_px=given.max_radius_px,
        bits=given.bits,
        tile_px=given.tile_px,
        device=cfg.run.device or "cpu",
    )


def _told(picture: RenderedPicture) -> str:
    """Return one line: the file, the lens, and what was limited or filled."""
    (low, high), lens = picture.radius_px, picture.lens
    return (
        f"{picture.path}  {1e3 * lens.focal_length_m:.4g} mm f/{lens.f_number:.3g} focused at "
        f"{lens.focus_distance_m:.4g} m, blur radius {low:.1f} .. {high:.1f} px"
        + (f", {picture.n_clipped} pixels limited" if picture.n_clipped else "")
        + (f", {picture.n_holes} holes filled" if picture.n_holes else "")
    )


def _pixel(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        x, y = (int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--focus_at {text}: give a pixel as x,y, e.g. 320,200") from error
    return x, y
