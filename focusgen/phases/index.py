"""Phase 1: find scenes, decode every frame, refuse the damaged, split, and index what is left.

The index is append-only: an indexed scene keeps its place and its split for ever, later scenes follow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from focusgen.base.errors import CorruptInputError
from focusgen.base.files import make_folder, publish_json
from focusgen.base.locks import exclusive
from focusgen.base.names import MediaError, display, same_form
from focusgen.config import Config
from focusgen.dataset.findings import Finding, Findings, named_digests
from focusgen.dataset.index import IndexEntry, IndexResult, read_index
from focusgen.dataset.index_draft import IndexDraft, PackedEntry, outline_of
from focusgen.dataset.index_writing import publish_index
from focusgen.dataset.ingest import new_manifest
from focusgen.dataset.layout import DatasetLayout
from focusgen.media.rawcheck import RawReport
from focusgen.media.scenes import RawScene, Rejection
from focusgen.phases.looking import as_known, check_asked, discover_scenes, look_at
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
    on_progress: Callable[[], None] = lambda: None,
) -> IndexResult:
    """Scan the raw root, check every frame of every new scene, and publish index, splits and rejections.

    What an earlier run that did not come so far has found out, or the tasks of an array, is taken from them.

    Args:
        cfg: the settings.
        on_start: called with the number of scenes to check.
        on_scene: called as each is done.
        on_progress: called while scenes are decoded; what it raises ends the run, and nothing is lost.

    Raises:
        ConfigError: the raw root does not exist, or max_frames is below min_frames.
        StorageError: the data set cannot be written.
    """
    check_asked(cfg)
    listed = read_groups(cfg.data.groups_csv)
    dataset = DatasetLayout.of(cfg)
    make_folder(dataset.logs)
    with exclusive(dataset.index_lock):
        found = discover_scenes(cfg)
        known = read_index(dataset) if dataset.index_json.exists() else {}
        draft = IndexDraft(known)
        result = IndexResult(index=draft, rejected=dict(found.rejected))
        on_start(len(found.scenes))
        scenes = as_known(found.scenes, known)
        findings = Findings(cfg, dataset)
        taken = _Taken(cfg, dataset, draft, result)
        for raw, finding in look_at(cfg, dataset, known, scenes, findings, on_progress):
            taken.take(raw, finding)
            on_scene(raw.scene_id)
        taken.add_all(scenes, listed)
        publish_index(dataset, result, raw_root=cfg.data.raw_root)
        findings.forget()
    return result


class _Taken:
    """What was found out about scenes that are to enter the index, until all splits can be given.

    The checksums of a new scene are put down at once: nothing vouches for them before the index does. Those
    of an indexed scene that changed are kept back, lest they belong to another index than the one there.
    """

    def __init__(self, cfg: Config, dataset: DatasetLayout, draft: IndexDraft, result: IndexResult) -> None:
        self._cfg, self._dataset, self._draft, self._result = cfg, dataset, draft, result
        self._entries: dict[str, PackedEntry] = {}
        self._manifests: dict[str, dict[str, Any]] = {}

    def take(self, raw: RawScene, finding: Finding) -> None:
        """Take what was found out about one scene."""
        if isinstance(finding, CorruptInputError):
            self._result.rejected[raw.scene_id] = _rejection(raw, finding)
        elif isinstance(finding, RawReport):
            before = self._draft.before.get(raw.scene_id)
            manifest, entry = _entry(self._cfg, raw, finding, before.split if before else "")
            self._entries[raw.scene_id] = PackedEntry.of(entry)
            if before is None or _is_the_same(before, entry):
                publish_json(self._dataset.scene(raw.scene_id).ingest_json, manifest)
            else:
                self._manifests[raw.scene_id] = manifest

    def add_all(self, scenes: Sequence[RawScene], listed: Mapping[str, str]) -> None:
        """Put the scenes into the index, in the order of their discovery."""
        ordered = [raw for raw in scenes if raw.scene_id in self._entries]
        known = self._draft.before
        new = {raw.scene_id: _relative(self._cfg, raw) for raw in ordered if raw.scene_id not in known}
        splits = _splits_of_new(self._cfg, new, self._result, listed)
        for raw in ordered:
            packed = self._entries[raw.scene_id]
            if raw.scene_id in splits:
                packed = packed.with_split(splits[raw.scene_id])
                self._result.added.append(raw.scene_id)
            elif not self._may_replace(raw, known[raw.scene_id], packed.entry()):
                continue
            self._draft.put(raw.scene_id, packed)
            self._result.looked_at.append(raw.scene_id)
            if raw.scene_id in self._manifests:
                publish_json(self._dataset.scene(raw.scene_id).ingest_json, self._manifests[raw.scene_id])

    def _may_replace(self, raw: RawScene, before: IndexEntry, entry: IndexEntry) -> bool:
        """Say whether an indexed scene's line may become another; note why, or why not."""
        if _is_the_same(before, entry) or self._cfg.run.on_stale == "redo":
            return True
        what = _what_changed(before, entry)
        if not self._dataset.scene(raw.scene_id).done("deblur").exists():
            self._result.renewed[raw.scene_id] = what
            return True
        if self._cfg.run.on_stale == "fail":
            self._result.rejected[raw.scene_id] = Rejection(raw.path.name, f"{what}; {KEPT_ENTRY}")
        return False


def _rejection(raw: RawScene, error: CorruptInputError) -> Rejection:
    if isinstance(error, MediaError):
        file, reason = error.file, error.reason
    else:
        file, reason = display(raw.path.name), error.message
    return Rejection(file, f"{reason}. {error.advice}" if error.advice else reason)


def _splits_of_new(
    cfg: Config, new: Mapping[str, str], result: IndexResult, listed: Mapping[str, str]
) -> dict[str, str]:
    """Return the split of each new scene, and remark on what cannot be split as asked.

    Args:
        cfg: the settings.
        new: scene -> its path relative to the raw root.
        result: the scenes that have a split; takes the remarks.
        listed: scene -> group.
    """
    known = result.index
    old_splits = [outline_of(known, name).split for name in known]
    if cfg.data.split_by == "scene":
        splits = assign_splits(list(new), old_splits, cfg.data.split_seed)
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
    every = [*old_splits, *splits.values()]
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
    manifest, digest = new_manifest(cfg, named_digests(raw, report), report.shot_cuts, report.rules)
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
