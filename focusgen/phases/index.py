"""Phase 1: find scenes, decode every frame, refuse the damaged, split, and index what is left.

The index is append-only: an indexed scene keeps its place and its split for ever, later scenes follow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.files import broken_link, make_folder, publish_json
from focusgen.base.locks import exclusive
from focusgen.base.names import MediaError, display, known_as, same_form
from focusgen.config import Config
from focusgen.dataset.index import IndexEntry, IndexResult, publish_index, read_index
from focusgen.dataset.ingest import changed_files, ingest_settings, new_manifest, read_whole_manifest
from focusgen.dataset.layout import DatasetLayout
from focusgen.media.decode import CheckOptions, DecodePool
from focusgen.media.rawcheck import RawReport
from focusgen.media.scenes import RawScene, Rejection, discover
from focusgen.phases.splits import (
    assign_group_splits,
    assign_splits,
    group_of,
    read_groups,
    remark_on_splits,
)

MAX_SHOWN = 5
KEPT_ENTRY = "the old entry was kept. Put the old files back, or start again with --on_stale redo."


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
        what = broken_link(data.raw_root) or "no such folder"
        raise ConfigError(f"{data.raw_root}: {what}", "Give --raw_root the folder of your videos.")
    listed = read_groups(data.groups_csv)
    dataset = DatasetLayout.of(cfg)
    make_folder(dataset.logs)
    with exclusive(dataset.index_lock):
        found = discover(data.raw_root, data.glob, follow_links=data.follow_links)
        known = read_index(dataset) if dataset.index_json.exists() else {}
        result = IndexResult(index=dict(known), rejected=dict(found.rejected))
        on_start(len(found.scenes))
        new = []
        for raw in _as_known(found.scenes, known):
            if _is_unchanged(cfg, dataset, raw, known.get(raw.scene_id)):
                on_scene(raw.scene_id)
            else:
                new.append(raw)
        reports = _check_all(cfg, new, result, on_scene)
        _add_scenes(cfg, dataset, reports, result, listed)
        publish_index(dataset, result, raw_root=data.raw_root)
    return result


def _as_known(scenes: Iterable[RawScene], known: Mapping[str, IndexEntry]) -> Iterator[RawScene]:
    """Yield scenes under the ids that they have: a copy over macOS changes the Unicode form of a name."""
    for raw in scenes:
        scene_id = raw.scene_id if raw.scene_id in known else known_as(raw.scene_id, known)
        yield replace(raw, scene_id=scene_id)


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
    if isinstance(error, MediaError):
        file, reason = error.file, error.reason
    else:
        file, reason = display(raw.path.name), error.message
    return Rejection(file, f"{reason}. {error.advice}" if error.advice else reason)


def _add_scenes(
    cfg: Config,
    dataset: DatasetLayout,
    reports: Mapping[str, tuple[RawScene, RawReport]],
    result: IndexResult,
    listed: Mapping[str, str],
) -> None:
    splits = _splits_of_new(cfg, reports, result, listed)
    for scene_id, (raw, report) in reports.items():
        before = result.index.get(scene_id)
        split = before.split if before else splits[scene_id]
        manifest, entry = _entry(cfg, raw, report, split)
        if before is not None and not _is_the_same(before, entry) and cfg.run.on_stale != "redo":
            what = _what_changed(before, entry)
            if dataset.scene(scene_id).done("deblur").exists():
                if cfg.run.on_stale == "fail":
                    result.rejected[scene_id] = Rejection(raw.path.name, f"{what}; {KEPT_ENTRY}")
                continue
            result.renewed[scene_id] = what
        result.index[scene_id] = entry
        result.looked_at.append(scene_id)
        if before is None:
            result.added.append(scene_id)
        make_folder(dataset.scene(scene_id).root)
        publish_json(dataset.scene(scene_id).ingest_json, manifest)


def _splits_of_new(
    cfg: Config,
    reports: Mapping[str, tuple[RawScene, RawReport]],
    result: IndexResult,
    listed: Mapping[str, str],
) -> dict[str, str]:
    """Return the split of each new scene, and remark on what cannot be split as asked."""
    known = result.index
    new = {name: _relative(cfg, raw) for name, (raw, _) in reports.items() if name not in known}
    if cfg.data.split_by == "scene":
        splits = assign_splits(list(new), [entry.split for entry in known.values()], cfg.data.split_seed)
        n_groups = None
    else:
        old = [(group_of(name, e.source["path"], listed), e.split) for name, e in known.items()]
        groups = {name: group_of(name, path, listed) for name, path in new.items()}
        splits = assign_group_splits(groups, old, cfg.data.split_seed)
        n_groups = len({group for group, _ in old} | set(groups.values()))
        unlisted = [name for name in new if listed and same_form(name) not in listed]
        if unlisted:
            more = ", ..." if len(unlisted) > MAX_SHOWN else ""
            result.remarks.append(
                f"{len(unlisted)} scenes are not in {cfg.data.groups_csv}, each is a group of its own: "
                f"{', '.join(unlisted[:MAX_SHOWN])}{more}"
            )
    every = [*(entry.split for entry in known.values()), *splits.values()]
    result.remarks += filter(None, [remark_on_splits(every, n_groups)])
    return splits


def _relative(cfg: Config, raw: RawScene) -> str:
    return raw.path.relative_to(cfg.data.raw_root).as_posix()


def _is_the_same(before: IndexEntry, now: IndexEntry) -> bool:
    """Compare all but the notes, which later releases have more of, and the Unicode form of the path."""

    def essence(entry: IndexEntry) -> IndexEntry:
        source = {key: value for key, value in entry.source.items() if key != "notes"}
        return replace(entry, source=source | {"path": same_form(source["path"])})

    return essence(before) == essence(now)


def _entry(cfg: Config, raw: RawScene, report: RawReport, split: str) -> tuple[dict[str, Any], IndexEntry]:
    names = list(raw.files) if raw.kind == "video" else list(report.frames)
    manifest, digest = new_manifest(
        cfg, dict(zip(names, report.digests, strict=True)), report.shot_cuts, report.rules
    )
    source: dict[str, Any] = {
        "path": _relative(cfg, raw),
        "kind": raw.kind,
        "fps": report.fps,
    }
    if raw.kind == "video":
        source["frame_times_s"] = list(report.frame_times_s or ())
    if report.notes:
        source["notes"] = list(report.notes)
    if report.rules:
        source["decoding"] = list(report.rules)
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
    elif before.decoding != now.decoding:
        what = "how its pixels are decoded: " + "; ".join(now.notes)
    elif before.ingest_digest != now.ingest_digest:
        what = "the content of its files"
    else:
        what = "its source or shot cuts"
    return f"changed since it was indexed ({what})"
