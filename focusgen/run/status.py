"""Where every scene stands, read from files only."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from focusgen import config
from focusgen.base.errors import CorruptInputError
from focusgen.config import GRAPH, SCENE_PHASES, Config, PhaseName
from focusgen.dataset.index import IndexEntry, known_scene
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.records import Identity, PhaseState, Record, State, phase_state, read_record
from focusgen.run.table import PHASES

ReadRecord = Callable[[Path], Record | None]


@dataclass(frozen=True)
class SceneStatus:
    """One scene's state in each phase."""

    scene_id: str
    split: str
    n_frames: int
    phases: Mapping[PhaseName, PhaseState]


def saved_config(dataset: DatasetLayout, phase: PhaseName) -> Config | None:
    """Return the settings of the phase's last run, None if it never ran."""
    path = dataset.config_yaml(phase)
    return config.from_document(config.read_yaml(path), str(path)) if path.exists() else None


def scene_status(
    dataset: DatasetLayout,
    index: Mapping[str, IndexEntry],
    scene_id: str,
    configs: Mapping[PhaseName, Config],
) -> SceneStatus:
    """Return where a scene stands under the settings given per phase."""
    entry, scene = index[scene_id], dataset.scene(scene_id)
    read = functools.cache(read_record)  # a record is asked for by its own phase and by those after it
    states = {phase: _state(scene, entry, phase, configs.get(phase), read) for phase in SCENE_PHASES}
    return SceneStatus(scene_id, entry.split, entry.n_frames, states)


def _state(
    scene: SceneLayout, entry: IndexEntry, phase: PhaseName, cfg: Config | None, read: ReadRecord
) -> PhaseState:
    if cfg is None:
        state = _unrun_state(scene, phase)
    else:
        state = phase_state(scene, status_identity(scene, entry, phase, cfg, read), read)
    return replace(state, record=None)  # of thousands of scenes they would fill the memory


def _unrun_state(scene: SceneLayout, phase: PhaseName) -> PhaseState:
    """Return the state of a phase that has no settings to compare with: never run, or adopted."""
    try:
        record = read_record(scene.done(phase))
    except CorruptInputError as error:
        return PhaseState(State.STALE, error.message)
    if record is None:
        return PhaseState(State.PENDING, "never run")
    return PhaseState(State.COMPLETE, "", record)


def status_identity(
    scene: SceneLayout, entry: IndexEntry, phase: PhaseName, cfg: Config, read: ReadRecord = read_record
) -> Identity:
    """Return what a phase of a scene depends on under `cfg`, as far as files tell.

    Weights and provided depth are taken from the record: they are compared where they are loaded.
    """
    settings = config.settings_for(cfg, phase)
    identity = Identity(
        phase=phase,
        scene_id=scene.scene_id,
        backend=str(settings[f"{phase}.backend"]),
        algorithm_version=PHASES[phase].algorithm_version,
        settings=settings,
        weights={},
        upstream={name: _digest(scene, entry, name, read) for name in GRAPH[phase].upstream},
        n_frames=entry.n_frames,
    )
    try:
        record = read(scene.done(phase))
    except CorruptInputError:
        return identity
    return replace(identity, weights=record.document["weights"]) if record is not None else identity


def _digest(scene: SceneLayout, entry: IndexEntry, phase: PhaseName, read: ReadRecord) -> str:
    if phase == "index":
        return entry.ingest_digest
    try:
        record = read(scene.done(phase))
    except CorruptInputError:
        return "damaged"
    return record.digest if record else "missing"


def all_status(
    dataset: DatasetLayout, index: Mapping[str, IndexEntry], cfg: Config | None = None
) -> list[SceneStatus]:
    """Return every scene's state, under `cfg`, or under each phase's own last settings."""
    configs = configs_for(dataset, cfg)
    return [scene_status(dataset, index, scene_id, configs) for scene_id in index]


def configs_for(dataset: DatasetLayout, cfg: Config | None) -> dict[PhaseName, Config]:
    """Return the settings to compare each phase with: `cfg`, or those of the phase's own last run."""
    configs: dict[PhaseName, Config] = {}
    for phase in SCENE_PHASES:
        chosen = cfg or saved_config(dataset, phase)
        if chosen is not None:
            if phase == "render" and chosen.render.max_coc is None:
                chosen = _with_recorded_max_coc(dataset, chosen)
            configs[phase] = chosen
    return configs


def _with_recorded_max_coc(dataset: DatasetLayout, cfg: Config) -> Config:
    saved = saved_config(dataset, "render")
    value = saved.render.max_coc if saved else None
    return cfg.model_copy(update={"render": cfg.render.model_copy(update={"max_coc": value})})


def status_document(statuses: list[SceneStatus]) -> dict[str, Any]:
    """Return the states as plain JSON data, with counts per phase."""
    counts = {phase: Counter(s.phases[phase].state.value for s in statuses) for phase in SCENE_PHASES}
    return {
        "counts": {phase: dict(sorted(counter.items())) for phase, counter in counts.items()},
        "scenes": {
            s.scene_id: {
                "split": s.split,
                "n_frames": s.n_frames,
                **{
                    phase: {"state": state.state.value, "reason": state.reason}
                    for phase, state in s.phases.items()
                },
            }
            for s in statuses
        },
    }


def check_scene(index: Mapping[str, IndexEntry], scene_id: str) -> IndexEntry:
    """Return a scene's entry.

    Raises:
        ConfigError: no such scene.
    """
    return index[known_scene(index, scene_id)]
