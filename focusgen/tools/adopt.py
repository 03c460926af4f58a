"""Takes over a data set that the reference pipeline made: checks everything, then writes records.

No published frame, map or label is changed. A scene that is not right in everything gets no record, and the
index keeps every scene in its place.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.files import make_folder, publish, publish_json
from focusgen.base.locks import exclusive
from focusgen.base.names import natural_key, scene_id_problem
from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.config.data import SPLITS
from focusgen.dataset.index import IndexEntry, IndexResult, read_index
from focusgen.dataset.index_writing import publish_index
from focusgen.dataset.ingest import new_manifest, read_manifest
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.record_writing import record_document, write_record
from focusgen.dataset.records import Identity, Record, parse_json, read_record
from focusgen.dataset.states import has_published
from focusgen.dataset.store import run_facts
from focusgen.media.codecs import check_png
from focusgen.optics.sizes import frame_plan
from focusgen.phases.index import index_dataset
from focusgen.run.staleness import build_identity
from focusgen.tools.adopt_checks import AdoptionCheck, Found

DEFAULT_MAX_LABEL_DIFFERENCE = 1e-3  # two float16 steps below 1: rounding, not another lens


@dataclass
class Adoption:
    """What became of one scene.

    Attributes:
        phases: phases that have a record now.
        problems: why it was not adopted; nothing was written for it then.
    """

    scene_id: str
    phases: list[PhaseName] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def adopt(
    cfg: Config,
    scene_ids: Sequence[str] = (),
    *,
    phases: Sequence[PhaseName] = SCENE_PHASES,
    with_raw: bool = False,
    max_label_difference: float = DEFAULT_MAX_LABEL_DIFFERENCE,
    on_scene: Callable[[Adoption], None] = lambda adoption: None,
) -> list[Adoption]:
    """Check scenes and write their records.

    Args:
        cfg: the settings; `data.out_root` is the data set.
        scene_ids: scenes to adopt; none for all.
        phases: phases to look at; a phase without a `.done` file is not finished and is left alone.
        with_raw: index `data.raw_root` as phase 1 would, so that later phases can go on from raw frames.
        max_label_difference: labels may be off by so much, in focus units, and are then accepted with a
            warning; 0 accepts bit-equal labels only.
        on_scene: called with each scene's outcome.

    Raises:
        ConfigError: there is no data set, or no such scene, or the index was written anew meanwhile.
    """
    dataset = DatasetLayout.of(cfg)
    entries, wrong = foreign_index(dataset)
    for scene_id in scene_ids:
        if scene_id not in entries and scene_id not in wrong:
            raise ConfigError(f"no scene {scene_id!r} in {dataset.root}")
    asked = list(scene_ids) or [*entries, *wrong]
    checks: dict[str, AdoptionCheck] = {}
    outcomes = {scene_id: Adoption(scene_id, problems=wrong.get(scene_id, [])) for scene_id in asked}
    for scene_id in asked:
        if not outcomes[scene_id].problems:
            checks[scene_id] = _check(
                dataset, entries[scene_id], outcomes[scene_id], phases, max_label_difference
            )
        if outcomes[scene_id].problems:
            on_scene(outcomes[scene_id])
    good = [scene_id for scene_id in asked if not outcomes[scene_id].problems]
    index = _adopt_index(cfg, dataset, entries, {name: checks[name] for name in good}, with_raw=with_raw)
    for scene_id in good:
        _write(dataset, index[scene_id], checks[scene_id], outcomes[scene_id])
        on_scene(outcomes[scene_id])
    _note_max_coc(dataset, [checks[name] for name in good if "render" in outcomes[name].phases])
    return list(outcomes.values())


def foreign_index(dataset: DatasetLayout) -> tuple[dict[str, IndexEntry], dict[str, list[str]]]:
    """Return (scenes in order, scenes with what is wrong) of an index with or without our keys, or of none.

    Raises:
        ConfigError: the index is no JSON object, or there is neither index nor scene.
    """
    documents: dict[str, Any]
    if dataset.index_json.exists():
        try:
            documents = dict(parse_json(dataset.index_json.read_bytes()))
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{dataset.index_json}: not a scene index: {error}") from error
    else:
        folders = [path.parent for path in dataset.root.glob("*/frames_sharp")]
        documents = {path.name: {} for path in sorted(folders, key=lambda path: natural_key(path.name))}
    if not documents:
        raise ConfigError(f"{dataset.root}: neither scene_index.json nor a scene")
    entries: dict[str, IndexEntry] = {}
    wrong: dict[str, list[str]] = {}
    for scene_id, document in documents.items():
        try:
            entries[scene_id] = _entry(dataset.scene(scene_id), document)
        except (CorruptInputError, ValueError, KeyError, TypeError, OSError) as error:
            wrong[scene_id] = [f"scene_index.json: {error}"]
    return entries, wrong


def _entry(scene: SceneLayout, document: Mapping[str, Any]) -> IndexEntry:
    problem = scene_id_problem(scene.scene_id)
    if problem:
        raise CorruptInputError(problem)
    if document.get("ingest_digest"):
        return IndexEntry.of(document)
    names = document.get("frames")
    if names is None:
        names = sorted((path.name for path in scene.root.glob("frames_sharp/frame_*.png")), key=natural_key)
    split = document.get("split") or scene.split_txt.read_text(encoding="ascii").strip()
    if split not in SPLITS:
        raise CorruptInputError(f"split {split!r} is none of {', '.join(SPLITS)}")
    width, height = document.get("width"), document.get("height")
    if width is None or height is None:
        width, height = check_png(scene.sharp(0).read_bytes())
    return IndexEntry(
        frames=tuple(str(name) for name in names),
        width=int(width),
        height=int(height),
        split=split,
        source={"path": scene.scene_id, "kind": "images", "fps": document.get("fps")},
        shot_cuts=(),
        ingest_digest="",
    )


def _check(
    dataset: DatasetLayout,
    entry: IndexEntry,
    outcome: Adoption,
    phases: Sequence[PhaseName],
    max_label_difference: float,
) -> AdoptionCheck:
    scene = dataset.scene(outcome.scene_id)
    check = AdoptionCheck(scene, entry.n_frames, max_label_difference=max_label_difference)
    todo = _sort_phases(check, phases, is_ours=bool(entry.ingest_digest))
    if not check.problems:
        if scene.split_txt.exists() and scene.split_txt.read_text(errors="replace").strip() != entry.split:
            check.problem(f"split.txt is not {entry.split!r}, as the index says")
        check.run([*check.kept, *todo])
    outcome.problems += check.problems
    outcome.warnings += [text for found in check.found.values() for text in found.warnings]
    return check


def _sort_phases(check: AdoptionCheck, phases: Sequence[PhaseName], *, is_ours: bool) -> list[PhaseName]:
    """Return the phases that get a record; those before them that have one of ours are kept as they are.

    A `.done` that is missing means another pipeline did not finish the phase; in a scene that our phase 1
    indexed it was lost (hidden files were not copied), and the files must prove themselves like any other's.
    """
    todo: list[PhaseName] = []
    for phase in phases:
        done = check.scene.done(phase)
        if not done.exists():
            if not is_ours or not _is_lost(check, phase):
                break
        elif done.read_bytes().strip():
            record = _our_record(check, phase)
            if record is not None and not todo:
                check.kept[phase] = record
                continue
            if record is not None:
                check.problem(f"{_has_record(phase)}, and phase {todo[-1]} before it has none")
        todo.append(phase)
    if not todo:
        nothing = "no phase is finished: frames_sharp/.done is not there"
        check.problem(_has_record(next(iter(check.kept))) if check.kept else nothing)
    return todo


def _is_lost(check: AdoptionCheck, phase: PhaseName) -> bool:
    """Say whether a phase of ours was finished once, and what else could bring its record back."""
    scene = check.scene
    if scene.record_copy(phase).exists():
        check.problem(f"phase {phase}: its record is lost, not its copy: focusgen repair puts it back")
    return has_published(scene, phase) and not scene.journal(phase).exists()


def _our_record(check: AdoptionCheck, phase: PhaseName) -> Record | None:
    try:
        return read_record(check.scene.done(phase))
    except CorruptInputError as error:
        check.problem(f"phase {phase}: {error.message}")
        return None


def _has_record(phase: PhaseName) -> str:
    return f"phase {phase} has a record already: focusgen status shows the scene"


def _adopt_index(
    cfg: Config,
    dataset: DatasetLayout,
    entries: Mapping[str, IndexEntry],
    checks: Mapping[str, AdoptionCheck],
    *,
    with_raw: bool,
) -> Mapping[str, IndexEntry]:
    """Publish the index with our keys, in the old order, and return it."""
    index, good = dict(entries), list(checks)
    with exclusive(dataset.index_lock):
        if foreign_index(dataset)[0] != entries:
            raise ConfigError("the scene index changed while its scenes were checked", "Run adopt again.")
        for scene_id in good:
            if "deblur" not in checks[scene_id].kept and not _knows_raw(dataset, scene_id, entries[scene_id]):
                manifest, digest = new_manifest(cfg, {}, [])
                index[scene_id] = replace(entries[scene_id], ingest_digest=digest)
                publish_json(dataset.scene(scene_id).ingest_json, manifest)
            make_folder(dataset.scene(scene_id).root)
            publish(dataset.scene(scene_id).split_txt, f"{entries[scene_id].split}\n".encode())
        if good:
            make_folder(dataset.logs)
            publish_index(dataset, IndexResult(index=index), raw_root=cfg.data.raw_root)
    if with_raw and good:
        run = cfg.run.model_copy(update={"on_stale": "redo"})
        index_dataset(cfg.model_copy(update={"run": run}))
        return read_index(dataset)
    return index


def _knows_raw(dataset: DatasetLayout, scene_id: str, entry: IndexEntry) -> bool:
    """Say whether phase 1's checksums of the raw frames are there; of another pipeline's nobody took any."""
    try:
        read_manifest(dataset, scene_id, entry)
        return True
    except CorruptInputError:
        return False


def _write(dataset: DatasetLayout, entry: IndexEntry, check: AdoptionCheck, outcome: Adoption) -> None:
    """Write the records of a scene, in the order in which the phases depend on each other."""
    scene, started_s = dataset.scene(outcome.scene_id), time.time()
    if entry.n_frames != check.n_frames:
        outcome.problems.append(f"{check.n_frames} frames, but its raw frames are {entry.n_frames}")
        return
    digests: dict[PhaseName, str] = {"index": entry.ingest_digest}
    check.found["deblur"].settings["deblur.resize_long_side"] = _long_side(
        entry, check.found["deblur"].details
    )
    for phase, found in check.found.items():
        if phase in check.kept:
            digests[phase] = check.kept[phase].digest
            continue
        identity = build_identity(
            phase,
            scene.scene_id,
            settings=found.settings,
            algorithm_version=0,
            weights={},
            digests=digests,
            n_frames=check.n_frames,
        )
        with exclusive(scene.lock(phase)):
            record = write_record(scene, _document(scene, identity, found), run_facts(started_s))
        digests[phase] = record.digest
        outcome.phases.append(phase)


def _note_max_coc(dataset: DatasetLayout, rendered: Sequence[AdoptionCheck]) -> None:
    """Keep the max_coc of adopted renders, as phase 5 does: scenes to come must not get another."""
    values = Counter(check.found["render"].settings["render.max_coc"] for check in rendered)
    if values and not dataset.max_coc_json.exists():
        publish_json(dataset.max_coc_json, {"max_coc": values.most_common(1)[0][0]})


def _long_side(entry: IndexEntry, sharp: Mapping[str, Any]) -> int | None:
    """Return the setting under which our phase 2 would come to the size of the sharp frames."""
    plan = frame_plan(entry.width, entry.height)
    is_resized_up = (plan.width, plan.height) == (sharp["width"], sharp["height"])
    return None if is_resized_up else max(sharp["width"], sharp["height"])


def _document(scene: SceneLayout, identity: Identity, found: Found) -> dict[str, Any]:
    folder: Path = scene.phase_folder(identity.phase)
    return record_document(identity, folder, found.files, {}, found.warnings, found.details)
