"""The masks that the focus of a scene follows, and what its record keeps of them."""

from __future__ import annotations

from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.config import Config
from focusgen.dataset.frames import published_plan
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.ingest import was_cut_short
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import MASKS, UNUSABLE
from focusgen.media.depth_pairs import FrameNames
from focusgen.media.masks import Masks, open_masks


def scene_masks(cfg: Config, scene_id: str, entry: IndexEntry) -> Masks:
    """Return the masks of a scene in `lens.mask_root`, which is set.

    Raises:
        MissingUpstreamError: there are none.
        CorruptInputError: they belong to another clip.
    """
    assert cfg.lens.mask_root is not None, "asked only where masks are given"
    dataset = DatasetLayout.of(cfg)
    return open_masks(
        cfg.lens.mask_root,
        scene_id,
        entry.n_frames,
        published_plan(dataset.scene(scene_id), entry),
        FrameNames(entry.frames, is_video=entry.source.get("kind") == "video"),
        is_cut=was_cut_short(dataset, scene_id, entry),
    )


def mask_digest(cfg: Config, scene_id: str, entry: IndexEntry) -> dict[str, str]:
    """Return what the record keeps of the masks of a scene; nothing where there are none, or none any more.

    A set that follows them has its ways in metadata.json: masks that are gone change nothing.
    """
    if cfg.lens.mask_root is None or not cfg.lens.has_effect("mask_root"):
        return {}
    try:
        return {MASKS: scene_masks(cfg, scene_id, entry).digest()}
    except MissingUpstreamError:
        return {}
    except CorruptInputError as error:
        return {MASKS: f"{UNUSABLE}{error.message}"}
