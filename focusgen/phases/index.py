"""Phase 1: find scenes, decode every frame, refuse the damaged, split, and index what is left.

The index is append-only: an indexed scene keeps its place and its split for ever, later scenes follow.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.files import make_folder, publish_json
from focusgen.base.locks import exclusive
from focusgen.config import Config
from focusgen.dataset.index import SPLITS, IndexEntry, IndexResult, publish_index, read_index
from focusgen.dataset.ingest import changed_files, ingest_settings, new_manifest, read_whole_manifest
from focusgen.dataset.layout import DatasetLayout
from focusgen.media.decode import CheckOptions, DecodePool
from focusgen.media.rawcheck import RawReport
from focusgen.media.scenes import RawScene, Rejection, discover

SPLIT_SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def index_dataset(
    cfg: Config,
    *,
    on_start: Callable[[int], None] = lambda n: None,
    on_scene: Callable[[str], None] = lambda scene_id: None,
) -> IndexResult:
    """Scan the raw root, check every frame of every new scene, and publish index, splits and rejections.

    Args:
        cfg: the settings.
        on_start: called with the number of scenes to check.
        on_scene: called as each is done.

    Raises:
        ConfigError: the raw root does not exist, or max_frames is below min_frames.
        StorageError: the data set cannot be written.
    """
    data = cfg.data
    if data.max_frames is not None and data.max_frames < data.min_frames:
        raise ConfigError(
            f"--max_frames {data.max_frames} is below --min_frames {data.min_frames}",
            "Every scene would be refused: raise --max_frames or lower --min_frames.",
        )
    if not data.raw_root.exists():
        raise ConfigError(f"{data.raw_root}: no such folder", "Give --raw_root the folder of your videos.")
    dataset = DatasetLayout.of(cfg)
    make_folder(dataset.logs)
    with exclusive(dataset.index_lock):
        found = discover(data.raw_root, data.glob)
        known = read_index(dataset) if dataset.index_json.exists() else {}
        result = IndexResult(index=dict(known), rejected=dict(found.rejected))
        on_start(len(found.scenes))
        new = []
        for raw in found.scenes:
            if _is_unchanged(cfg, dataset, raw, known.get(raw.scene_id)):
                on_scene(raw.scene_id)
            else:
                new.append(raw)
        reports = _check_all(cfg, new, result, on_scene)
        _add_scenes(cfg, dataset, reports, result)
        publish_index(dataset, result, raw_root=data.raw_root)
    return result


def _is_unchanged(cfg: Config, dataset: DatasetLayout, raw: RawScene, entry: IndexEntry | None) -> bool:
    """Say whether an indexed scene's raw files still have the bytes that phase 1 decoded before."""
    if entry is None:
        return False
    try:
        manifest = read_whole_manifest(dataset, raw.scene_id, entry)
    except CorruptInputError:
        return False
    files = raw.files if raw.kind == "video" else raw.files[: cfg.data.max_frames]
    if manifest["settings"] != ingest_settings(cfg) or list(manifest["files"]) != list(files):
        return False
    return not changed_files(raw, manifest["files"])


def _check_all(
    cfg: Config, scenes: Sequence[RawScene], result: IndexResult, on_scene: Callable[[str], None]
) -> dict[str, tuple[RawScene, RawReport]]:
    """Decode every frame of every scene in child processes; damaged ones go to `result.rejected`."""
    data, reports = cfg.data, {}
    with DecodePool(workers=cfg.run.workers) as pool:
        options = CheckOptions(
            min_frames=data.min_frames,
            max_frames=data.max_frames,
            shot_cut_threshold=data.shot_cut_threshold,
        )
        for raw, outcome in pool.check(scenes, options):
            if isinstance(outcome, CorruptInputError):
                result.rejected[raw.scene_id] = _rejection(raw, outcome)
            else:
                reports[raw.scene_id] = (raw, outcome)
            on_scene(raw.scene_id)
    return {raw.scene_id: reports[raw.scene_id] for raw in scenes if raw.scene_id in reports}


def _rejection(raw: RawScene, error: CorruptInputError) -> Rejection:
    return Rejection(file=getattr(error, "file", None) or raw.path.name, reason=error.message)


def _add_scenes(
    cfg: Config,
    dataset: DatasetLayout,
    reports: Mapping[str, tuple[RawScene, RawReport]],
    result: IndexResult,
) -> None:
    new = [scene_id for scene_id in reports if scene_id not in result.index]
    splits = assign_splits(new, [e.split for e in result.index.values()], cfg.data.split_seed)
    for scene_id, (raw, report) in reports.items():
        before = result.index.get(scene_id)
        split = before.split if before else splits[scene_id]
        manifest, entry = _entry(cfg, raw, report, split)
        if before is not None and before != entry and cfg.run.on_stale != "redo":
            if cfg.run.on_stale == "fail":
                result.rejected[scene_id] = Rejection(raw.path.name, _what_changed(before, entry))
            continue
        result.index[scene_id] = entry
        if before is None:
            result.added.append(scene_id)
        make_folder(dataset.scene(scene_id).root)
        publish_json(dataset.scene(scene_id).ingest_json, manifest)


def _entry(cfg: Config, raw: RawScene, report: RawReport, split: str) -> tuple[dict[str, Any], IndexEntry]:
    names = list(raw.files) if raw.kind == "video" else list(report.frames)
    manifest, digest = new_manifest(cfg, dict(zip(names, report.digests, strict=True)), report.shot_cuts)
    source: dict[str, Any] = {
        "path": raw.path.relative_to(cfg.data.raw_root).as_posix(),
        "kind": raw.kind,
        "fps": report.fps,
    }
    if raw.kind == "video":
        source["frame_times_s"] = list(report.frame_times_s or ())
    entry = IndexEntry(
        frames=tuple(report.frames),
        width=report.width,
        height=report.height,
        split=split,
        source=json.loads(json.dumps(source)),
        shot_cuts=tuple(report.shot_cuts),
        ingest_digest=digest,
    )
    return manifest, entry


def _what_changed(before: IndexEntry, now: IndexEntry) -> str:
    if before.n_frames != now.n_frames:
        what = f"{before.n_frames} frames -> {now.n_frames}"
    elif before.ingest_digest != now.ingest_digest:
        what = "the content of its files"
    else:
        what = "its source or shot cuts"
    return (
        f"changed since it was indexed ({what}); the old entry was kept. "
        "Put the old files back, or start again with --on_stale redo."
    )


def assign_splits(new: Sequence[str], existing: Sequence[str], seed: int) -> dict[str, str]:
    """Return new scene -> split, so that old and new together come as near to 80/10/10 as they can.

    Old scenes keep theirs. Shares are rounded by largest remainder: 90 scenes give 72/9/9.
    """
    total = len(new) + len(existing)
    exact = {name: SPLIT_SHARES[name] * total for name in SPLITS}
    target = {name: int(exact[name] + 1e-9) for name in SPLITS}
    by_remainder = sorted(SPLITS, key=lambda name: (target[name] - exact[name], SPLITS.index(name)))
    for name in by_remainder[: total - sum(target.values())]:
        target[name] += 1
    labels: list[str] = []
    for name in ("test", "val", "train"):
        room = max(0, target[name] - existing.count(name))
        labels += [name] * min(room, len(new) - len(labels))
    labels += ["train"] * (len(new) - len(labels))
    shuffled = sorted(new)
    random.Random(seed).shuffle(shuffled)
    return dict(zip(shuffled, labels, strict=True))
