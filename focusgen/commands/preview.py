"""Contact sheet (png) and video (mp4) of finished scenes: sharp | depth | focus | bokeh, with scales."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen.base.files import make_folder
from focusgen.commands.groups import DataSetFlags, settings_to_write
from focusgen.config import SCENE_PHASES, Config
from focusgen.config.flags import option, parse, positional, sets
from focusgen.dataset.layout import DatasetLayout


@dataclass(frozen=True)
class PreviewFlags(DataSetFlags):
    """Which scenes and lens set, and where to."""

    scene: tuple[str, ...] = positional((), "scenes; default: all")
    set: int = option(0, "lens set to show")
    output: Path | None = option(None, "folder for the pictures; default <out_root>/previews")
    raw_root: Path | None = sets("data.raw_root")


FLAGS = PreviewFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen preview`."""
    parsed = parse(FLAGS, argv, prog="focusgen preview", doc=__doc__)
    given = parsed.flags
    cfg = settings_to_write(given.config, parsed.overrides)
    from focusgen.dataset.index import known_scene, read_index

    index = read_index(DatasetLayout.of(cfg))
    for scene_id in [known_scene(index, name) for name in given.scene] or list(index):
        for path in make(cfg, scene_id, lens_set=given.set, folder=given.output):
            print(path)
    return 0


def make(cfg: Config, scene_id: str, *, lens_set: int = 0, folder: Path | None = None) -> list[Path]:
    """Write the previews of one scene and return their paths."""
    from focusgen.dataset.frames import open_raw, published_plan
    from focusgen.dataset.index import read_index, recorded_raw_root
    from focusgen.run.staleness import SceneChain, refuse_stale
    from focusgen.tools.preview import make_preview, rate_note

    dataset = DatasetLayout.of(cfg)
    scene = dataset.scene(scene_id)
    folder = folder or dataset.previews
    make_folder(folder)
    stem = f"{scene_id}_set_{lens_set:02d}"
    png, mp4 = folder / f"{stem}.png", folder / f"{stem}.mp4"
    entry = read_index(dataset)[scene_id]
    refuse_stale(SceneChain(dataset, scene_id, entry, {}), SCENE_PHASES)  # panels that belong together
    raw_root = recorded_raw_root(dataset, cfg.data.raw_root)
    if entry.raw_scene(scene_id, raw_root).path.exists():
        with open_raw(raw_root, scene_id, entry, published_plan(scene, entry)) as raw:
            view = make_preview(scene.root, png, mp4, set_index=lens_set, raw_reader=raw.read)
    else:
        view = make_preview(scene.root, png, mp4, set_index=lens_set)  # the raw video may be gone by now
    if rate_note(view):
        print(f"note: {rate_note(view)}", file=sys.stderr)
    return [png, mp4]
