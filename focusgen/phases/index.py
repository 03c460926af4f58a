"""Phase 1: find scenes, decode every frame, refuse the damaged, split, and index what is left.

The index is append-only: an indexed scene keeps its place and its split for ever, later scenes follow.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from focusgen.base.errors import CorruptInputError
from focusgen.base.files import make_folder, publish_json, remove
from focusgen.base.locks import exclusive
from focusgen.base.names import MediaError, display, listed, same_form
from focusgen.config import Config
from focusgen.config.data import SPLITS
from focusgen.dataset.findings import Finding, Findings, named_digests
from focusgen.dataset.index import IndexEntry, IndexResult, read_index
from focusgen.dataset.index_draft import IndexDraft, PackedEntry
from focusgen.dataset.index_writing import publish_index
from focusgen.dataset.ingest import new_manifest, read_whole_manifest, unknown_ingest_digest
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.raw_marks import RawMarks
from focusgen.media.listing import Rejection
from focusgen.media.rawcheck import RawReport
from focusgen.media.scenes import RawScene
from focusgen.phases.looking import as_known, check_asked, discover_scenes, look_at
from focusgen.phases.new_splits import Decided, SplitRules
from focusgen.phases.shared_content import Content, first_shared
from focusgen.phases.split_file import read_split_files
from focusgen.phases.splits import read_groups

BROUGHT_KEYS = ("layout", "depth", "camera", "group")
"""What `source` keeps of a layout's knowledge; it may come later than the frames, and makes nothing stale."""

KEPT_REHEARSED = (
    "the old entry was kept. --max_frames shortens it: give another --out_root for that; a finished scene is "
    "never replaced by a shorter one."
)
KEPT_ADOPTED = "what is finished stays as it is; --on_stale redo makes all of it anew from these files."
KEPT_ENTRY = "the old entry was kept. Undo the change, or start again with --on_stale redo."


def index_dataset(
    cfg: Config,
    *,
    on_start: Callable[[int], None] = lambda n: None,
    on_scene: Callable[[str], None] = lambda scene_id: None,
    on_progress: Callable[[], None] = lambda: None,
    may_take_over: bool = False,
) -> IndexResult:
    """Scan the raw root, check every frame of every new scene, and publish index, splits and rejections.

    What an earlier run that did not come so far has found out, or the tasks of an array, is taken from them.

    Args:
        on_start: called with the number of scenes to check.
        on_scene: called as each is done.
        on_progress: called while scenes are decoded; what it raises ends the run, and nothing is lost.
        may_take_over: leave out the bytes of raw files that are by all signs those of the index.

    Raises:
        ConfigError: the raw root does not exist, or max_frames is below min_frames.
        StorageError: the data set cannot be written.
    """
    check_asked(cfg)
    data = cfg.data
    rules = SplitRules(data, read_groups(data.groups_csv), read_split_files(data.split_file or ()))
    dataset = DatasetLayout.of(cfg)
    make_folder(dataset.logs)
    with exclusive(dataset.index_lock):
        known = read_index(dataset) if dataset.index_json.exists() else {}
        found = discover_scenes(cfg, known)
        draft = IndexDraft(known)
        result = IndexResult(index=draft, rejected=dict(found.rejected), remarks=list(found.remarks))
        result.n_found = len(found.scenes)
        on_start(result.n_found)
        scenes = as_known(found.scenes, known)
        findings, marks = Findings(cfg, dataset), RawMarks(dataset.raw_marks, may_take_over=may_take_over)
        taken = _Taken(cfg, dataset, draft, result)
        for raw, finding in look_at(cfg, dataset, known, scenes, findings, on_progress, marks):
            taken.take(raw, finding)
            on_scene(raw.scene_id)
        taken.add_all(scenes, rules)
        result.remarks += _gone(cfg, known, {raw.scene_id for raw in scenes} | result.rejected.keys())
        publish_index(dataset, result, raw_root=cfg.data.raw_root)
        findings.forget()
        marks.publish(taken.as_indexed())
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
        self._contents: dict[str, Content] = {}
        self._digests: dict[str, str] = {}

    def take(self, raw: RawScene, finding: Finding) -> None:
        """Take what was found out about one scene."""
        if isinstance(finding, CorruptInputError):
            self._result.rejected[raw.scene_id] = _rejection(raw, finding)
        elif isinstance(finding, RawReport):
            before = self._draft.before.get(raw.scene_id)
            manifest, entry = _entry(self._cfg, raw, finding, before.split if before else "")
            self._digests[raw.scene_id] = entry.ingest_digest
            self._entries[raw.scene_id] = PackedEntry.of(entry)
            self._contents[raw.scene_id] = Content.of(manifest, entry.n_frames)
            if before is None or _is_the_same(before, entry):
                publish_json(self._dataset.scene(raw.scene_id).ingest_json, manifest)
            else:
                self._manifests[raw.scene_id] = manifest
        else:
            self._digests[raw.scene_id] = finding.ingest_digest
            self._renew(raw)

    def as_indexed(self) -> dict[str, str]:
        """Return scene -> digest of the scenes whose raw files are those of the index."""
        decoded = self._entries.keys()
        return {
            name: digest
            for name, digest in self._digests.items()
            if name not in decoded or (name in self._draft and self._draft[name].ingest_digest == digest)
        }

    def _renew(self, raw: RawScene) -> None:
        """Let the line of unchanged frames say where they are today, and what lies beside them."""
        before = self._draft.before[raw.scene_id]
        source = dict(before.source)
        if same_form(source["path"]) != same_form(_relative(self._cfg, raw)):
            source["path"] = _relative(self._cfg, raw)
        if raw.brought is not None and before.layout is not None:
            size = (before.width, before.height)
            source = {key: value for key, value in source.items() if key not in BROUGHT_KEYS}
            source |= raw.brought.document(self._cfg.data.raw_root, before.n_frames, size)
        if source != before.source:
            self._draft[raw.scene_id] = replace(before, source=source)

    def add_all(self, scenes: Sequence[RawScene], rules: SplitRules) -> None:
        """Put the scenes into the index, in the order of their discovery."""
        ordered = [raw for raw in scenes if raw.scene_id in self._entries]
        known = self._draft.before
        new = {raw.scene_id: raw for raw in ordered if raw.scene_id not in known}
        decided = rules.decide(new, known, self._earlier_splits(new))
        self._keep_content_apart(decided, {raw.scene_id for raw in scenes})
        self._result.remarks += decided.remarks
        self._result.rejected |= decided.rejected
        for raw in ordered:
            packed = self._entries[raw.scene_id]
            if raw.scene_id in decided.rejected:
                remove(self._dataset.scene(raw.scene_id).ingest_json)
                continue
            if raw.scene_id in decided.splits:
                packed = packed.with_split(decided.splits[raw.scene_id])
                self._result.added.append(raw.scene_id)
            elif not self._may_replace(raw, known[raw.scene_id], packed.entry()):
                continue
            self._draft.put(raw.scene_id, packed)
            self._result.looked_at.append(raw.scene_id)
            if raw.scene_id in self._manifests:
                publish_json(self._dataset.scene(raw.scene_id).ingest_json, self._manifests[raw.scene_id])

    def _earlier_splits(self, new: Iterable[str]) -> dict[str, str]:
        """Return the splits of scenes that are finished here, and whose lines the index has lost."""
        found: dict[str, str] = {}
        for name in new:
            scene = self._dataset.scene(name)
            if scene.done("deblur").exists() and scene.split_txt.exists():
                split = scene.split_txt.read_bytes().strip().decode("ascii", "replace")
                found |= {name: split} if split in SPLITS else {}
        return found

    def _keep_content_apart(self, decided: Decided, found: Collection[str]) -> None:
        """Refuse frames that would stand in two splits because somebody said so; remark on what a draw did.

        Where nobody says splits, indexed scenes that lie where they did are not looked at, since a hundred
        thousand files would be read; those that are gone may have another name now.
        """
        contents, splits = {}, dict(decided.splits)
        known = self._draft.before
        for name in [name for name in known if decided.said or (decided.splits and name not in found)]:
            entry = known[name]
            with contextlib.suppress(CorruptInputError):
                manifest = read_whole_manifest(self._dataset, name, entry)
                contents[name], splits[name] = Content.of(manifest, entry.n_frames), entry.split
        contents |= {name: self._contents[name] for name in decided.splits}
        drawn = []
        for name, other in first_shared(contents, splits).items():
            if name in decided.said or other in decided.said:
                text = f"equal frames as {display(other)} ({splits[other]}), but here in {splits[name]}"
                decided.rejected[name] = Rejection(display(name), text)
                del decided.splits[name]
            else:
                drawn.append(f"{display(name)} ({splits[name]}) and {display(other)} ({splits[other]})")
        if drawn:
            decided.remarks.append(
                f"equal frames in two splits: {drawn[0]}{', ...' if len(drawn) > 1 else ''}; training code "
                "refuses such data: take one out, or name them one group (--split_by group, data.groups_csv)"
            )

    def _may_replace(self, raw: RawScene, before: IndexEntry, entry: IndexEntry) -> bool:
        """Say whether an indexed scene's line may become another; note why, or why not."""
        if _is_the_same(before, entry):
            return True
        what = _what_changed(before, entry)
        is_finished = self._dataset.scene(raw.scene_id).done("deblur").exists()
        is_cut_short = is_finished and before.n_frames > entry.n_frames == self._cfg.data.max_frames
        if self._cfg.run.on_stale == "redo" and not is_cut_short:
            return True
        if not is_finished:
            self._result.renewed[raw.scene_id] = what
            return True
        if self._cfg.run.on_stale != "keep":
            kept = KEPT_ADOPTED if before.ingest_digest == unknown_ingest_digest() else KEPT_ENTRY
            way_out = KEPT_REHEARSED if is_cut_short else kept
            self._result.rejected[raw.scene_id] = Rejection(raw.path.name, f"{what}; {way_out}")
        return False


def _gone(cfg: Config, known: Mapping[str, IndexEntry], found: Collection[str]) -> list[str]:
    """Return a remark on indexed scenes that are no longer below the raw root."""
    gone = [name for name in known if name not in found]
    if not gone:
        return []
    where = display(str(cfg.data.raw_root))
    return [
        f"indexed, but not found in {where}: {listed(gone)}; what is finished stays, phase 2 cannot go on"
    ]


def _rejection(raw: RawScene, error: CorruptInputError) -> Rejection:
    if isinstance(error, MediaError):
        file, reason = error.file, error.reason
    else:
        file, reason = display(raw.path.name), error.message
    return Rejection(file, f"{reason}. {error.advice}" if error.advice else reason)


def _relative(cfg: Config, raw: RawScene) -> str:
    return raw.path.relative_to(cfg.data.raw_root).as_posix()


def _is_the_same(before: IndexEntry, now: IndexEntry) -> bool:
    """Compare all but the notes, of which later releases have more, what lies beside, and the path's form."""

    def essence(entry: IndexEntry) -> IndexEntry:
        source = {k: value for k, value in entry.source.items() if k not in ("notes", *BROUGHT_KEYS)}
        return replace(entry, source=source | {"path": same_form(source["path"])})

    return essence(before) == essence(now)


def _entry(cfg: Config, raw: RawScene, report: RawReport, split: str) -> tuple[dict[str, Any], IndexEntry]:
    part = {"span_s": list(raw.span_s), "first_frame": report.first_frame} if raw.span_s else None
    manifest, digest = new_manifest(cfg, named_digests(raw, report), report.shot_cuts, report.rules, part)
    source: dict[str, Any] = {
        "path": _relative(cfg, raw),
        "kind": raw.kind,
        "fps": report.fps,
    }
    if raw.kind == "video":
        source["frame_times_s"] = list(report.frame_times_s or ())
    if part is not None:
        source["part"] = part
    if report.notes:
        source["notes"] = list(report.notes)
    if report.rules:
        source["decoding"] = list(report.rules)
    if raw.brought is not None:
        size = (report.width, report.height)
        source |= raw.brought.document(cfg.data.raw_root, len(report.frames), size)
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
    spans = [entry.part["span_s"] for entry in (before, now) if entry.part]
    if len(spans) == 2 and spans[0] != spans[1]:
        what = "its times: " + " -> ".join(f"{start:g} to {stop or 'its end'}" for start, stop in spans)
    elif before.n_frames != now.n_frames:
        what = f"{before.n_frames} frames -> {now.n_frames}"
    elif before.decoding != now.decoding:
        what = "how its pixels are decoded: " + "; ".join((*now.notes, *now.decoding))
    elif before.ingest_digest == unknown_ingest_digest():
        return "adopted without its raw frames: nobody knows whether these are they"
    elif before.ingest_digest != now.ingest_digest:
        what = "the content of its files"
    else:
        what = "its source or shot cuts"
    return f"changed since it was indexed ({what})"
