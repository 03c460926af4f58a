"""Which scenes may be trained on: complete, made of one another, and vouched for by phase 6.

Only the index, the records, metadata.json and the validation report are read; nothing is kept open.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focusgen.base.checksums import FileEntry
from focusgen.base.errors import (
    ConfigError,
    CorruptInputError,
    MissingUpstreamError,
    RefusedDataError,
    SceneError,
    StaleError,
)
from focusgen.base.names import shell_word
from focusgen.base.shipped import script_command
from focusgen.config.data import SPLITS, Split
from focusgen.config.graph import GRAPH, SCENE_PHASES, PhaseName
from focusgen.dataset.index import IndexEntry, known_scene, read_index
from focusgen.dataset.ingest import unknown_ingest_digest
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.lens_metadata import SetLens, sensor_width_mm, set_lenses
from focusgen.dataset.records import Record, parse_json, read_record

_WITHOUT = (
    "Without it: leave_out=[...] in Python, focusgen export --leave_out SCENE (card, pack, push alike)."
)


def check_split(split: str) -> None:
    """Refuse what is no split: it may come from anybody's Python."""
    if split not in SPLITS:
        raise ConfigError(f"split {split!r} is none of {', '.join(SPLITS)}")


@dataclass(frozen=True)
class SceneInfo:
    """What a window needs to know of its scene.

    Attributes:
        shot_cuts: first frames of new shots.
        lenses: one per set.
        sensor_width_m: metres that the image width shows.
        has_clean: its renders before the sensor are kept.
    """

    scene_id: str
    split: str
    n_frames: int
    width: int
    height: int
    shot_cuts: tuple[int, ...]
    lenses: tuple[SetLens, ...]
    sensor_width_m: float
    has_clean: bool


@dataclass(frozen=True)
class VettedScene(SceneInfo):
    """A scene on disk that training may see.

    Attributes:
        digests: of the records that it was vetted by.
    """

    layout: SceneLayout
    digests: Mapping[PhaseName, str]


def vet(
    root: Path, split: Split, *, allow_unvalidated: bool = False, leave_out: Collection[str] = ()
) -> list[VettedScene]:
    """Return the scenes of a split in index order.

    Args:
        split: "train", "val" or "test".
        allow_unvalidated: do without phase 6's verdict; everything else is still asked for.
        leave_out: scenes to do without; that phase 6 refused one of them is no reason to refuse the others.

    Raises:
        ConfigError: no such split or scene, or no index.
        RefusedDataError: no verdict of phase 6, a failed one, or the same content in two splits.
        SceneError: a scene is incomplete, stale or edited; names the scene and the file.
    """
    check_split(split)
    root = Path(os.path.abspath(os.path.expanduser(root)))  # whoever reads may go to another folder
    dataset = DatasetLayout(root, root / "scene_index.json")
    whole = read_index(dataset)
    names = [leave_out] if isinstance(leave_out, str) else leave_out
    left_out = {known_scene(whole, name) for name in names}
    index = {scene_id: entry for scene_id, entry in whole.items() if scene_id not in left_out}
    _refuse_shared_content(index)
    validated = {} if allow_unvalidated else _validated_records(dataset, left_out)
    scenes = []
    for scene_id, entry in index.items():
        if entry.split == split:
            records = _finished(dataset.scene(scene_id), entry)
            if not allow_unvalidated:
                _compare_with_verdict(dataset, scene_id, records, validated)
            scenes.append(_vetted(dataset.scene(scene_id), entry, records))
    return scenes


def _finished(scene: SceneLayout, entry: IndexEntry) -> dict[PhaseName, Record]:
    try:
        return whole_chain(scene, entry)
    except MissingUpstreamError as error:
        raise MissingUpstreamError(error.message, f"{error.advice} {_WITHOUT}".strip()) from error


def verdict_for(report: Mapping[str, Any], left_out: Collection[str]) -> str:
    """Return what phase 6 found of all scenes but some: "pass", "rehearsal" or "fail".

    What it found wrong with the data set as a whole is wrong with any of them.
    """
    verdict = str(report["verdict"])
    if not left_out:
        return verdict
    is_known = bool(report.get("failure_reasons"))
    if verdict not in ("pass", "rehearsal") and (not is_known or _failing(report, left_out)):
        return "fail"
    rehearsed = report.get("rehearsal_scenes", [""] if verdict == "rehearsal" else [])
    return "rehearsal" if any(name not in left_out for name in rehearsed) else "pass"


def _failing(report: Mapping[str, Any], left_out: Collection[str]) -> list[str]:
    return [name for name in report.get("failure_reasons", {}) if name not in left_out]


def _refuse_shared_content(index: Mapping[str, IndexEntry]) -> None:
    """Refuse raw frames that stand in two splits: a net would be tested on what it was trained on."""
    first: dict[str, str] = {}
    for scene_id, entry in index.items():
        other = first.setdefault(entry.ingest_digest, scene_id)
        if index[other].split != entry.split and entry.ingest_digest not in ("", unknown_ingest_digest()):
            raise RefusedDataError(
                f"scenes {other!r} ({index[other].split}) and {scene_id!r} ({entry.split}) have equal frames",
                _WITHOUT,
            )


def _phase_6(dataset: DatasetLayout) -> str:
    how = script_command(GRAPH["validate"].script)
    return f"Run phase 6: {how} --out_root {shell_word(dataset.root)}"


def _validated_records(dataset: DatasetLayout, left_out: Collection[str]) -> Mapping[str, Mapping[str, str]]:
    """Return scene -> phase -> digest that phase 6's verdict holds for, if it is good for all of them."""
    path, advice = dataset.validation_report_json, _phase_6(dataset)
    try:
        report = parse_json(path.read_bytes())
        verdict, records = verdict_for(report, left_out), report.get("records")
    except FileNotFoundError as error:
        raise RefusedDataError(f"{path}: no such file: nobody has validated this data set", advice) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RefusedDataError(f"{path}: not a validation report: {error!r}", advice) from error
    if verdict == "fail":
        reasons = dict(report.get("failure_reasons", {}))
        failing = _failing(report, left_out)
        named = next((f"{name}: {reasons[name][0]}" for name in failing if reasons[name]), "no scene passed")
        more = f" (and {len(failing) - 1} more)" if failing[1:] else ""
        raise RefusedDataError(
            f"{path}: verdict fail: {named}{more}",
            "Run what focusgen status calls unfinished, focusgen repair for what is damaged, then phase 6. "
            + _WITHOUT,
        )
    if not isinstance(records, dict):
        raise RefusedDataError(f"{path}: does not say which records its verdict holds for", advice)
    if verdict != "pass":
        warnings.warn(f"{path}: verdict {verdict}: this depth is invented, train nothing on it", stacklevel=4)
    return records


def _compare_with_verdict(
    dataset: DatasetLayout,
    scene_id: str,
    records: Mapping[PhaseName, Record],
    validated: Mapping[str, Mapping[str, str]],
) -> None:
    known, report = validated.get(scene_id, {}), dataset.validation_report_json
    for phase, record in records.items():
        if known.get(phase) != record.digest:
            raise StaleError(
                f"scene {scene_id!r}: {dataset.scene(scene_id).done(phase)} is not the one that the verdict "
                f"in {report} holds for",
                _phase_6(dataset),
            )


def whole_chain(
    scene: SceneLayout, entry: IndexEntry, phases: Sequence[PhaseName] = SCENE_PHASES
) -> dict[PhaseName, Record]:
    """Return the records of a scene, each made from those that lie there.

    Raises:
        MissingUpstreamError: a phase is not complete.
        StaleError: a phase was made from what does not lie there any more.
    """
    digests: dict[str, str] = {"index": entry.ingest_digest}
    records: dict[PhaseName, Record] = {}
    for phase in phases:
        record = read_record(scene.done(phase))
        if record is None:
            raise MissingUpstreamError(
                f"scene {scene.scene_id!r}: {scene.done(phase)}: no such file: phase {phase} is not complete",
                "Finish the scene: focusgen status lists those; a copy needs the hidden files, too.",
            )
        if record.n_frames != entry.n_frames:
            raise MissingUpstreamError(
                f"scene {scene.scene_id!r}: {scene.done(phase)}: {record.n_frames} frames, the index says "
                f"{entry.n_frames}"
            )
        for upstream in GRAPH[phase].upstream:
            if record.document["upstream"].get(upstream) != digests[upstream]:
                raise StaleError(
                    f"scene {scene.scene_id!r}: {scene.done(phase)} is stale: it was made from another "
                    f"{upstream} than the one that lies there",
                    "focusgen explain says what changed; run that phase again with --on_stale redo.",
                )
        digests[phase], records[phase] = record.digest, record
    return records


def _vetted(scene: SceneLayout, entry: IndexEntry, records: Mapping[PhaseName, Record]) -> VettedScene:
    if _read(scene, scene.split_txt).decode("ascii", "replace").strip() != entry.split:
        raise CorruptInputError(
            f"scene {scene.scene_id!r}: {scene.split_txt}: not {entry.split!r}, as the index"
        )
    metadata = _vouched_metadata(scene, records["render"])
    try:
        return VettedScene(
            scene_id=scene.scene_id,
            split=entry.split,
            n_frames=entry.n_frames,
            width=int(records["deblur"].details["width"]),
            height=int(records["deblur"].details["height"]),
            shot_cuts=entry.shot_cuts,
            lenses=tuple(set_lenses(metadata)),
            sensor_width_m=1e-3 * sensor_width_mm(metadata),
            has_clean=bool(records["render"].document["settings"].get("render.keep_clean", False)),
            layout=scene,
            digests={phase: record.digest for phase, record in records.items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptInputError(f"scene {scene.scene_id!r}: {scene.metadata_json}: {error!r}") from error


def _vouched_metadata(scene: SceneLayout, render: Record) -> dict[str, Any]:
    data = _read(scene, scene.metadata_json)
    name = f"../{scene.metadata_json.name}"
    if render.files.get(name) != FileEntry.of(data):
        raise CorruptInputError(
            f"scene {scene.scene_id!r}: {scene.metadata_json}: not the file that "
            f"{scene.done('render')} vouches for",
            "A lens was edited, or the file is of another run: focusgen repair puts it back.",
        )
    return dict(parse_json(data))


def _read(scene: SceneLayout, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SceneError(f"scene {scene.scene_id!r}: {path}: {error.strerror}", "focusgen repair") from error
