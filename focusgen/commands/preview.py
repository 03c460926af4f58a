"""Contact sheet (png) and video (mp4) of finished scenes: sharp | depth | focus | bokeh, with scales."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from focusgen import config, options
from focusgen.config import Config
from focusgen.layout import DatasetLayout

EXTRAS: list[options.Extra] = [
    ("scene", Annotated[tuple[str, ...], tyro.conf.Positional], (), "scenes; default: all"),
    options.CONFIG_FLAG,
    ("set", int, 0, "lens set to show"),
    ("output", Path | None, None, "folder for the pictures; default <out_root>/previews"),
]
SETTINGS = options.DATA_SET_FLAGS | {"raw_root": "data.raw_root"}


def main(argv: Sequence[str]) -> int:
    """Run `focusgen preview`."""
    flags = options.flags_class("PreviewFlags", SETTINGS, EXTRAS)
    parsed, dotted = options.parse(flags, argv, prog="focusgen preview", doc=__doc__ or "")
    cfg = config.load(parsed.config, {**options.overrides_of(parsed, SETTINGS), **dotted})
    from focusgen.phases.index import read_index
    from focusgen.report import check_scene

    index = read_index(DatasetLayout.of(cfg))
    for scene_id in parsed.scene or list(index):
        check_scene(index, scene_id)
        for path in make(cfg, scene_id, lens_set=parsed.set, folder=parsed.output):
            print(path)
    return 0


def make(cfg: Config, scene_id: str, *, lens_set: int = 0, folder: Path | None = None) -> list[Any]:
    """Write the previews of one scene and return their paths."""
    from focusgen.preview import make_preview

    dataset = DatasetLayout.of(cfg)
    folder = folder or dataset.previews
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{scene_id}_set_{lens_set:02d}.png", folder / f"{scene_id}_set_{lens_set:02d}.mp4"]
    make_preview(dataset.scene(scene_id).root, paths[0], paths[1], set_index=lens_set)
    return paths
