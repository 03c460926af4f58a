"""The lenses that a scene was begun with: drawn once, and never again while labels of them lie there.

A law may come to draw other lenses in a later build, for the same settings. What was begun or finished before
goes on with its own, so that a resumed or repaired scene never holds labels of two draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from focusgen.base.checksums import FileEntry
from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.base.files import remove
from focusgen.dataset.journals import METADATA_NOTE, read_journal
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.lens_metadata import set_lenses
from focusgen.dataset.published import read_depth, read_focus
from focusgen.phases.job import SceneJob

MOVING_KEYS = (
    "S_focus",
    "S_focus_per_frame",
    "focus_motion",
    "magnification",
    "magnification_per_frame",
)
_UNKNOWN = (KeyError, TypeError, ValueError, AttributeError, IndexError)  # of metadata that somebody edited


def begun_with(job: SceneJob, drawn: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata that a scene goes on with; takes back labels that follow from none.

    Args:
        job: the scene, whose files may be there in part.
        drawn: what today's code makes of it.
    """
    begun = read_journal(job.scene.metadata_json)
    if begun is not None and _is_own(job, begun, drawn):
        return begun
    if _follow(job, drawn):
        return drawn
    if begun is not None and _follow(job, begun):
        return begun
    job.on_note("the labels that lie there are of lenses that nothing tells any more: all are made anew")
    for label in _labels(job.scene):
        remove(label)
    return drawn


def _is_own(job: SceneJob, begun: dict[str, Any], drawn: dict[str, Any]) -> bool:
    """Say whether metadata are those that the scene was begun with, by its notes or by what they say."""
    noted = job.store.recall(METADATA_NOTE)
    if noted is not None and FileEntry.of(job.scene.metadata_json.read_bytes()).xxh3_128 == noted:
        return True
    try:
        return _without_choices(begun) == _without_choices(drawn)
    except _UNKNOWN:
        return False


def _without_choices(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata without what a scene keeps as it was begun.

    Release 0.1.0 did not say where blur is limited, and labelled what lay beyond. Ways that follow a track
    hang on flow or masks, which another machine or another day may see a little differently.
    """
    kept = [{"max_radius_px", *(MOVING_KEYS if "focus_motion" in s else ())} for s in metadata["sets"]]
    sets = [
        {k: v for k, v in s.items() if k not in skip} for s, skip in zip(metadata["sets"], kept, strict=True)
    ]
    law = {k: v for k, v in metadata.get("lens_law", {}).items() if k != "lacking"}
    return {**metadata, "sets": sets, "lens_law": law}


def _labels(scene: SceneLayout) -> list[Path]:
    folder = scene.focus(0, 0).parent.parent
    return sorted(folder.glob("set_*/focus_*.npz"))


def _follow(job: SceneJob, metadata: Mapping[str, Any]) -> bool:
    """Say whether all labels that lie there follow from metadata; damaged ones will be made again."""
    there = set(_labels(job.scene))
    try:
        lenses = set_lenses(metadata)
        for frame in range(job.n_frames):
            found = [k for k in range(len(lenses)) if job.scene.focus(k, frame) in there]
            depth_m = read_depth(job.scene, frame) if found else None
            for number in found:
                assert depth_m is not None
                expected = lenses[number].label(depth_m, frame)
                if not _is_damaged_or(expected, job.scene, number, frame):
                    return False
    except _UNKNOWN:
        return False
    return True


def _is_damaged_or(expected: np.ndarray[Any, Any], scene: SceneLayout, number: int, frame: int) -> bool:
    try:
        label = read_focus(scene, number, frame)
    except (CorruptInputError, MissingUpstreamError):
        return True
    return np.array_equal(label, expected)
