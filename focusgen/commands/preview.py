"""Contact sheet (png) and video (mp4) of finished scenes: sharp | depth | focus | bokeh, with scales."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from focusgen import config
from focusgen.base.files import make_folder
from focusgen.config import Config, flags
from focusgen.dataset.layout import DatasetLayout

EXTRAS: list[flags.Extra] = [
    ("scene", Annotated[tuple[str, ...], tyro.conf.Positional], (), "scenes; default: all"),
    flags.CONFIG_FLAG,
    ("set", int, 0, "lens set to show"),
    ("output", Path | None, None, "folder for the pictures; default <out_root>/previews"),
]
SETTINGS = flags.DATA_SET_FLAGS | {"raw_root": "data.raw_root"}


def main(argv: Sequence[str]) -> int:
    """Run `focusgen preview`."""
    flag_set = flags.flags_class("PreviewFlags", SETTINGS, EXTRAS)
    parsed, dotted = flags.parse(flag_set, argv, prog="focusgen preview", doc=__doc__ or "")
    cfg = config.load(parsed.config, {**flags.overrides_of(parsed, SETTINGS), **dotted})
    from focusgen.dataset.index import read_index
    from focusgen.run.status import check_scene

    index = read_index(DatasetLayout.of(cfg))
    for scene_id in parsed.scene or list(index):
        check_scene(index, scene_id)
        for path in make(cfg, scene_id, lens_set=parsed.set, folder=parsed.output):
            print(path)
    return 0


def make(cfg: Config, scene_id: str, *, lens_set: int = 0, folder: Path | None = None) -> list[Path]:
    """Write the previews of one scene and return their paths."""
    from focusgen.dataset.frames import open_raw, published_plan
    from focusgen.dataset.index import read_index, recorded_raw_root
    from focusgen.tools.preview import make_preview

    dataset = DatasetLayout.of(cfg)
    scene = dataset.scene(scene_id)
    folder = folder or dataset.previews
    make_folder(folder)
    stem = f"{scene_id}_set_{lens_set:02d}"
    png, mp4 = folder / f"{stem}.png", folder / f"{stem}.mp4"
    entry, raw_root = read_index(dataset)[scene_id], recorded_raw_root(dataset, cfg.data.raw_root)
    if entry.raw_scene(scene_id, raw_root).path.exists():
        with open_raw(raw_root, scene_id, entry, published_plan(scene, entry)) as raw:
            make_preview(scene.root, png, mp4, set_index=lens_set, raw_reader=raw.read)
    else:
        make_preview(scene.root, png, mp4, set_index=lens_set)  # the raw video may be gone by now
    return [png, mp4]
