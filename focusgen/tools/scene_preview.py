"""The previews of one scene of a data set: which files they are, and what they are made from."""

from __future__ import annotations

import sys
from pathlib import Path

from focusgen.base.files import make_folder
from focusgen.config import SCENE_PHASES, Config
from focusgen.dataset.frames import open_raw, published_plan
from focusgen.dataset.index import IndexEntry, recorded_raw_root
from focusgen.dataset.layout import DatasetLayout
from focusgen.run.staleness import SceneChain, refuse_stale
from focusgen.tools.preview import make_preview, rate_note


def preview_paths(folder: Path, scene_id: str, lens_set: int = 0) -> tuple[Path, Path]:
    """Return where the contact sheet and the video of a scene lie."""
    stem = f"{scene_id}_set_{lens_set:02d}"
    return folder / f"{stem}.png", folder / f"{stem}.mp4"


def preview_scene(
    cfg: Config,
    scene_id: str,
    entry: IndexEntry,
    *,
    lens_set: int = 0,
    folder: Path | None = None,
    with_video: bool = True,
) -> list[Path]:
    """Write the previews of one scene and return their paths.

    Args:
        folder: where to; None for the data set's own.
        with_video: every frame as a video, too.

    Raises:
        FocusgenError: nothing is published yet, it is stale or damaged, or the folder cannot be written.
    """
    dataset = DatasetLayout.of(cfg)
    scene = dataset.scene(scene_id)
    folder = folder or dataset.previews
    make_folder(folder)
    png, mp4 = preview_paths(folder, scene_id, lens_set)
    refuse_stale(SceneChain(dataset, scene_id, entry, {}), SCENE_PHASES)  # panels that belong together
    raw_root = recorded_raw_root(dataset, cfg.data.raw_root)
    video = mp4 if with_video else None
    if entry.raw_scene(scene_id, raw_root).path.exists():
        with open_raw(raw_root, scene_id, entry, published_plan(scene, entry)) as raw:
            view = make_preview(scene.root, png, video, set_index=lens_set, raw_reader=raw.read)
    else:
        view = make_preview(scene.root, png, video, set_index=lens_set)  # the raw video may be gone by now
    if rate_note(view):
        print(f"note: {rate_note(view)}", file=sys.stderr)
    return [png, mp4] if with_video else [png]
