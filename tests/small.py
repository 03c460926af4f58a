"""Entries, indices and records made by hand: what a phase leaves of a scene, without running it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from focusgen.config import GRAPH, PhaseName
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.records import Identity, Record
from focusgen.dataset.scene_store import record_document, write_record

DIGEST = "0" * 31 + "1"
"""What the index says of raw checksums that nobody looks at."""


def entry(n_frames: int = 3, split: str = "train", **changes: Any) -> IndexEntry:
    """Return an entry of so many images of 48x32; `source` has more than path and kind where it is given."""
    source = {"path": "a", "kind": "images", "fps": None, **changes.pop("source", {})}
    values: dict[str, Any] = {
        "frames": tuple(f"frame_{frame:04d}.png" for frame in range(n_frames)),
        "width": 48,
        "height": 32,
        "split": split,
        "source": source,
        "shot_cuts": (),
        "ingest_digest": DIGEST,
    }
    return IndexEntry(**{**values, **changes})


def write_index(root: Path, scenes: Mapping[str, IndexEntry]) -> DatasetLayout:
    """Write scene_index.json as an older release did, without a checksum beside it."""
    root.mkdir(parents=True, exist_ok=True)
    dataset = DatasetLayout(root, root / "scene_index.json")
    document = {scene_id: one.document() for scene_id, one in scenes.items()}
    dataset.index_json.write_text(json.dumps(document), encoding="utf-8")
    return dataset


def identity(phase: PhaseName = "depth", scene_id: str = "a", n_frames: int = 3, **changes: Any) -> Identity:
    """Return what a phase of a scene depends on."""
    upstream = {name: DIGEST for name in GRAPH[phase].upstream}
    values: dict[str, Any] = {
        "phase": phase,
        "scene_id": scene_id,
        "backend": "dryrun",
        "algorithm_version": 1,
        "settings": {f"{phase}.backend": "dryrun"},
        "weights": {},
        "upstream": upstream,
        "n_frames": n_frames,
    }
    return Identity(**{**values, **changes})


def put_record(
    scene: SceneLayout,
    made: Identity,
    details: Mapping[str, Any] | None = None,
    *,
    flags: Mapping[str, list[str]] | None = None,
    warnings: tuple[str, ...] = (),
    run: Mapping[str, Any] | None = None,
    whole_scene: bool = True,
) -> Record:
    """Write a record of a phase that vouches for no file."""
    folder = scene.phase_folder(made.phase)
    folder.mkdir(parents=True, exist_ok=True)
    document = record_document(made, folder, {}, flags or {}, warnings, details or {})
    about = {"started": "2026-01-01T00:00:00Z", **(run or {})}
    return write_record(scene, document, about, whole_scene=whole_scene)
