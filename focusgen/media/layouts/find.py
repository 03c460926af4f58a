"""The scenes below a raw root by its layout: the one that was asked for, or what it is without doubt."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from focusgen.base.errors import ConfigError, reason_of
from focusgen.base.names import display, listed
from focusgen.config.data import DataConfig
from focusgen.media.clips import CLIPS, read_clips
from focusgen.media.layouts.beside import BESIDE, beside_remark
from focusgen.media.layouts.hypersim import HYPERSIM
from focusgen.media.layouts.layout import Contents, Layout
from focusgen.media.layouts.rendered import RENDERED_LAYOUTS
from focusgen.media.layouts.sensors import SENSOR_LAYOUTS
from focusgen.media.layouts.tum import TUM
from focusgen.media.layouts.videos import VIDEO_LAYOUTS
from focusgen.media.scenes import Discovery, Place, discover, scenes_at

LAYOUTS = {
    layout.name: layout
    for layout in (*VIDEO_LAYOUTS, TUM, *SENSOR_LAYOUTS, HYPERSIM, *RENDERED_LAYOUTS, BESIDE)
}


def recognise(root: Path) -> dict[Layout, str]:
    """Return every layout that a folder looks like, with the evidence."""
    found = {layout: layout.recognise(root) for layout in LAYOUTS.values()}
    return {layout: evidence for layout, evidence in found.items() if evidence}


AUTO = "auto"
PLAIN = "plain"
MAX_NAMED = 3


def find_scenes(data: DataConfig, *, known_as: str | None = None, needs_depth: bool = False) -> Discovery:
    """Return the scenes below the raw root.

    Args:
        data: where it lies, and by which layout it is read.
        known_as: layout of the scenes that are indexed already, or `plain`; `auto` stays with it, so that no
            scene gets a second id. None for a new data set.
        needs_depth: leave out the clips of a layout that came without depth, if others came with it.

    Raises:
        ConfigError: nothing to be read there, or not as the layout has it.
    """
    fence = None if data.follow_links else data.raw_root.resolve()
    if data.clips is not None:
        if data.glob is not None:
            raise ConfigError("--clips and --glob exclude each other", "A list of clips names every scene.")
        return scenes_at(read_clips(data.clips, data.raw_root), fence)
    layout, remarks = _layout(data, known_as)
    if layout is None:
        found = discover(data.raw_root, data.glob, follow_links=data.follow_links)
        return dataclasses.replace(found, remarks=(*remarks, *found.remarks))
    try:
        contents = layout.contents(data.raw_root)
    except OSError as error:
        raise ConfigError(f"raw root {display(str(data.raw_root))}: {reason_of(error)}") from error
    if not contents.places and not contents.rejected:
        raise ConfigError(
            f"raw root {display(str(data.raw_root))}: nothing in it lies as in {layout.name}",
            f"Expected {layout.expects}; --layout {PLAIN} makes each folder of images or video a scene.",
        )
    places, said = _usable(layout, contents, needs_depth)
    found = scenes_at(places, fence)
    rejected = {**contents.rejected, **found.rejected}
    return Discovery(found.scenes, rejected, (*remarks, *contents.remarks, *said))


def _layout(data: DataConfig, known_as: str | None) -> tuple[Layout | None, tuple[str, ...]]:
    """Return the layout to read by, None for none, and what to say of the choice."""
    asked = data.layout
    if asked not in (AUTO, PLAIN) and data.glob is not None:
        raise ConfigError(
            f"--layout {asked} and --glob exclude each other", "A layout knows where scenes lie."
        )
    if asked == AUTO and known_as == CLIPS:
        raise ConfigError(
            "this data set was indexed by a list of clips, and none is given",
            f"Give --clips the list again; --layout {PLAIN} adds whole videos and folders as scenes.",
        )
    if asked == AUTO and known_as is not None:
        return LAYOUTS.get(known_as), ()
    if asked == PLAIN or data.glob is not None or not data.raw_root.is_dir():
        return None, ()
    return _recognised(data.raw_root) if asked == AUTO else (LAYOUTS[asked], ())


def _recognised(root: Path) -> tuple[Layout | None, tuple[str, ...]]:
    try:
        found = recognise(root)
    except OSError as error:
        raise ConfigError(f"raw root {display(str(root))}: {reason_of(error)}") from error
    if not found:
        return None, beside_remark(root)
    shown = ", ".join(f"{layout.name} ({display(evidence)})" for layout, evidence in found.items())
    if len(found) > 1:
        return None, (
            f"the raw root looks like several layouts, so none is used: {shown}; --layout says which",
        )
    return next(iter(found)), (f"layout {shown}, recognised; --layout {PLAIN} reads the folders as they are",)


def _usable(layout: Layout, contents: Contents, needs_depth: bool) -> tuple[list[Place], list[str]]:
    """Return the places to index, with official splits only where they tell scenes apart, and remarks."""
    places, remarks = list(contents.places), []
    with_depth = [place for place in places if place.brought and place.brought.depth]
    if with_depth and needs_depth and len(with_depth) < len(places):
        alone = [place.scene_id for place in places if place not in with_depth]
        remarks.append(
            f"{len(alone)} clips came without depth and are left out: {listed(alone, MAX_NAMED)}; "
            "a depth backend that needs none (--depth.backend) takes them too"
        )
        places = with_depth
    if with_depth and needs_depth and layout.is_measured:
        remarks.append(
            "depth that was measured has soft or torn edges, which are not the picture's: --depth.is_exact "
            "false flags them (docs/own_depth.md)"
        )
    if not with_depth and layout.has_depth:
        remarks.append(f"no depth was found where {layout.name} keeps it: {layout.expects}")
    if len({place.brought.split for place in places if place.brought}) < 2:
        places = [_without_split(place) for place in places]
    return places, remarks


def _without_split(place: Place) -> Place:
    if place.brought is None:
        return place
    return dataclasses.replace(place, brought=dataclasses.replace(place.brought, split=None))
