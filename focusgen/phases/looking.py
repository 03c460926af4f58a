"""Finding out about raw scenes, by one process or many: what is known is remembered, the rest decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.files import broken_link
from focusgen.base.names import same_form
from focusgen.config import Config
from focusgen.config.backends import PROVIDED
from focusgen.dataset.findings import Finding, Findings, Unchanged, stamp_of
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.ingest import changed_files, ingest_settings, read_whole_manifest
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.raw_marks import RawMarks
from focusgen.media.decode import DecodePool
from focusgen.media.layouts.find import PLAIN, find_scenes
from focusgen.media.rawcheck import CheckOptions
from focusgen.media.scenes import Discovery, RawScene


def check_asked(cfg: Config) -> None:
    """Refuse settings under which phase 1 cannot find anything.

    Raises:
        ConfigError: the raw root does not exist, or max_frames is below min_frames.
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


def discover_scenes(cfg: Config, known: Mapping[str, IndexEntry] | None = None) -> Discovery:
    """Return what lies below the raw root, by the layout that the indexed scenes were found by.

    A clip that came without depth is left out where phase 3 could do nothing with it.
    """
    first = next(iter(known.values()), None) if known else None
    needs_depth = cfg.depth.backend == PROVIDED.name and cfg.depth.depth_root is None
    known_as = None if first is None else first.layout or PLAIN
    return find_scenes(cfg.data, known_as=known_as, needs_depth=needs_depth)


def look_at_share(
    cfg: Config,
    scene_ids: Sequence[str],
    on_start: Callable[[int], None],
    on_scene: Callable[[str], None],
    on_progress: Callable[[], None],
) -> None:
    """Look at some scenes and publish nothing: `index_dataset` takes what was found out from here.

    Args:
        scene_ids: which, as they were discovered when the work was dealt out.
        on_start: called with their number.
        on_scene: called as each is done.
        on_progress: called meanwhile; what it raises ends the work, and nothing is lost.
    """
    check_asked(cfg)
    dataset = DatasetLayout.of(cfg)
    known = read_index(dataset) if dataset.index_json.exists() else {}
    asked = set(scene_ids)
    mine = [raw for raw in discover_scenes(cfg, known).scenes if raw.scene_id in asked]
    on_start(len(mine))
    findings = Findings(cfg, dataset)
    for raw, _ in look_at(cfg, dataset, known, as_known(mine, known), findings, on_progress):
        on_scene(raw.scene_id)


def as_known(scenes: Iterable[RawScene], known: Mapping[str, IndexEntry]) -> list[RawScene]:
    """Return scenes under the ids that they have: a copy over macOS changes the Unicode form of a name."""
    forms = {same_form(scene_id): scene_id for scene_id in known if not scene_id.isascii()}
    return [
        raw
        if raw.scene_id.isascii() or raw.scene_id in known
        else replace(raw, scene_id=forms.get(same_form(raw.scene_id), raw.scene_id))
        for raw in scenes
    ]


def look_at(
    cfg: Config,
    dataset: DatasetLayout,
    known: Mapping[str, IndexEntry],
    scenes: Sequence[RawScene],
    findings: Findings,
    on_progress: Callable[[], None],
    marks: RawMarks | None = None,
) -> Iterator[tuple[RawScene, Finding]]:
    """Yield each scene with what was found out about it, in no fixed order; it is written down first.

    Args:
        findings: what is known of them.
        on_progress: called meanwhile.
        marks: what tells without reading them that raw files are still those of the index.
    """
    new = []
    for raw in scenes:
        entry = known.get(raw.scene_id)
        indexed = None if entry is None else entry.ingest_digest
        is_marked = marks is not None and marks.hold(raw, findings.asked(raw), indexed)
        finding = findings.recall(raw, entry)
        if finding is None and entry is not None:
            stamp = stamp_of(raw)
            if _is_unchanged(cfg, dataset, raw, entry, is_marked=is_marked):
                finding = Unchanged(entry.ingest_digest)
                if not is_marked:  # nothing was read that a kill could lose
                    findings.keep(raw, stamp, finding)
        if finding is None:
            new.append(raw)
        else:
            yield raw, finding
        on_progress()
    yield from _decode(cfg, new, findings, on_progress)


def _decode(
    cfg: Config, scenes: Sequence[RawScene], findings: Findings, on_progress: Callable[[], None]
) -> Iterator[tuple[RawScene, Finding]]:
    """Decode every frame of every scene in child processes."""
    data = cfg.data
    options = CheckOptions(
        min_frames=data.min_frames,
        max_frames=data.max_frames,
        shot_cut_threshold=data.shot_cut_threshold,
    )
    stamps: dict[str, str] = {}

    def handed_out() -> Iterator[RawScene]:
        for raw in scenes:
            stamps[raw.scene_id] = stamp_of(raw)  # before its files are read
            yield raw

    with DecodePool(workers=cfg.run.workers) as pool:
        for raw, outcome in pool.check(handed_out(), options, lambda raw, n_decoded: on_progress()):
            findings.keep(raw, stamps.pop(raw.scene_id), outcome)
            yield raw, outcome
            on_progress()


def _is_unchanged(
    cfg: Config, dataset: DatasetLayout, raw: RawScene, entry: IndexEntry, *, is_marked: bool
) -> bool:
    """Say whether an indexed scene's raw files still have the bytes that phase 1 decoded before."""
    try:
        manifest = read_whole_manifest(dataset, raw.scene_id, entry)
    except CorruptInputError:
        return False
    files = raw.files if raw.kind == "video" else raw.files[: cfg.data.max_frames]
    if manifest["settings"] != ingest_settings(cfg) or list(manifest["files"]) != list(files):
        return False
    if list((manifest.get("part") or {}).get("span_s", ())) != list(raw.span_s or ()):
        return False
    return is_marked or not changed_files(raw, manifest["files"])
