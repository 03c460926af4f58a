"""Runs a phase over scenes: what is pending, one lock and one record per scene, every outcome on disk."""

from __future__ import annotations

import dataclasses
import functools
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from focusgen import config
from focusgen.base.errors import (
    ApprovalError,
    ConfigError,
    CorruptInputError,
    ExitCode,
    FailureClass,
    FocusgenError,
    MissingUpstreamError,
    SceneError,
)
from focusgen.base.files import STORAGE_ERRNOS, make_folder, publish, publish_json, storage_error
from focusgen.base.locks import exclusive
from focusgen.base.signals import StopFlag
from focusgen.config import GRAPH, Config, PhaseName
from focusgen.config.backends import PROVIDED
from focusgen.dataset.index import IndexEntry, known_scene, read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import Identity, PhaseState, Record, State, parse_json, phase_state, read_record
from focusgen.dataset.scene_store import PhaseStore
from focusgen.dataset.store import merge_scene_logs, write_failure
from focusgen.models import registry, weights
from focusgen.phases import calibrate
from focusgen.phases.job import SceneJob
from focusgen.phases.provided_depth import open_provided
from focusgen.run.progress import Observer
from focusgen.run.table import PHASES

MAX_EQUAL_BUGS = 3


@dataclass
class RunSummary:
    """How a phase ended, scene by scene."""

    outcomes: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    model_loads: int = 0

    @property
    def exit_code(self) -> ExitCode:
        """0 only if every asked scene is complete (or kept, or rehearsed as asked)."""
        good = {"complete", "kept", "partial"}
        return ExitCode.COMPLETE if set(self.outcomes.values()) <= good else ExitCode.INCOMPLETE


def select_scenes(
    index: Mapping[str, IndexEntry],
    *,
    scene_idx: int | None = None,
    scenes: Sequence[str] | None = None,
    split: str | None = None,
) -> list[str]:
    """Return the asked scenes in index order.

    Raises:
        ConfigError: no such index or name.
    """
    names = list(index)
    if scene_idx is not None:
        if not 0 <= scene_idx < len(names):
            raise ConfigError(f"--scene_idx {scene_idx}: the index has scenes 0..{len(names) - 1}")
        names = [names[scene_idx]]
    if scenes is not None:
        asked = {known_scene(index, name) for name in scenes}
        names = [name for name in names if name in asked]
    if split is not None:
        names = [name for name in names if index[name].split == split]
    return names


def with_max_coc(cfg: Config) -> Config:
    """Return the settings with max_coc resolved: the person's own value, else the approved one.

    Raises:
        ApprovalError: neither is there.
    """
    if cfg.render.max_coc is not None:
        return cfg
    try:
        value = calibrate.approved_max_coc_m(cfg)
    except ApprovalError:
        if not cfg.run.auto_approve:
            raise
        value = calibrate.approve(cfg, None, automatic=True)
    return cfg.model_copy(update={"render": cfg.render.model_copy(update={"max_coc": value})})


def save_config(cfg: Config, phase: PhaseName) -> None:
    """Keep the resolved settings beside the outputs that they made."""
    path, data = DatasetLayout.of(cfg).config_yaml(phase), config.dump(cfg).encode()
    if not path.exists() or path.read_bytes() != data:
        make_folder(path.parent)
        publish(path, data)


class PhaseRun:
    """One phase over a list of scenes."""

    def __init__(
        self, cfg: Config, phase: PhaseName, scene_ids: Sequence[str], observer: Observer, stop: StopFlag
    ) -> None:
        self.spec = PHASES[phase]
        self.cfg = with_max_coc(cfg) if phase == "render" else cfg
        self.dataset = DatasetLayout.of(cfg)
        self.index = read_index(self.dataset)
        self.scene_ids = list(scene_ids)
        self.observer, self.stop = observer, stop
        self.summary = RunSummary()
        self._weights: dict[str, str] | None = None
        self._bugs: list[str] = []

    def run(self, *, keep_settings: bool = True) -> RunSummary:
        """Do every pending scene; load the model only if there is one.

        Args:
            keep_settings: save them as those of the phase's last run; a repair uses each record's own.

        Raises:
            Interrupted: a signal came; everything published stays.
            ConfigError: the backend cannot run here.
        """
        if keep_settings:
            save_config(self.cfg, self.spec.name)
        work = [scene_id for scene_id in self.scene_ids if not self._is_settled(scene_id)]
        n_frames = sum(self.n_frames(scene_id) for scene_id in work)
        self.observer.phase_started(self.spec.name, len(work), n_frames, len(self.scene_ids) - len(work))
        for scene_id, outcome in self.summary.outcomes.items():
            if outcome != "complete":
                self.observer.scene_ended(scene_id, outcome, self.summary.messages[scene_id])
        model = None
        for scene_id in work:
            self.stop.check()
            if self._lacks_upstream(scene_id):
                continue
            if model is None:
                model = self.spec.load_model(self.cfg, device=self.cfg.run.device)
                self.summary.model_loads += 1
            self._run_scene(scene_id, model)
        self._merge_logs()
        return self.summary

    def n_frames(self, scene_id: str) -> int:
        """Return the frames to make: all, or fewer in a rehearsal."""
        whole = self.index[scene_id].n_frames
        limit = self.cfg.data.max_frames
        return whole if limit is None else min(whole, limit)

    def identity(self, scene_id: str) -> Identity:
        """Return what this phase of a scene depends on today.

        Raises:
            SceneError: an earlier phase has no trustworthy record.
        """
        settings = config.settings_for(self.cfg, self.spec.name)
        if self.spec.name == "render":
            settings["render.max_coc"] = self.cfg.render.max_coc
        return Identity(
            phase=self.spec.name,
            scene_id=scene_id,
            backend=str(settings[f"{self.spec.name}.backend"]),
            algorithm_version=self.spec.algorithm_version,
            settings=settings,
            weights={**self._weight_digests(), **self._input_digests(scene_id)},
            upstream={name: self._upstream_digest(scene_id, name) for name in GRAPH[self.spec.name].upstream},
            n_frames=self.n_frames(scene_id),
        )

    def _weight_digests(self) -> dict[str, str]:
        """Return name -> SHA-256 of the weights, compared with what was recorded at first use."""
        if self._weights is None:
            files = registry.weight_files(self.cfg, self.spec.name)
            for name, path in files.items():
                if not path.is_file():
                    raise ConfigError(f"{path}: no such weight file", registry.weight_advice(name))
            digests = {name: weights.verify(path).sha256 for name, path in files.items()}
            self._weights = {**digests, **registry.installed_package(self.cfg, self.spec.name)}
        return self._weights

    def _weight_notes(self) -> dict[str, Any]:
        """Return where the weights came from and under which licence, as far as it is recorded."""
        files = registry.weight_files(self.cfg, self.spec.name)
        known = {name: weights.read_record(path) for name, path in files.items()}
        return {name: dataclasses.asdict(record) for name, record in known.items() if record is not None}

    def _input_digests(self, scene_id: str) -> dict[str, str]:
        """Digest the depth files that came with a scene: other depth makes phase 3 stale."""
        if self.spec.name != "depth" or self.cfg.depth.backend != PROVIDED.name:
            return {}
        source = open_provided(self.cfg, self.dataset, scene_id, self.index[scene_id])
        return {"provided_depth": source.digest()}

    def _upstream_digest(self, scene_id: str, phase: PhaseName) -> str:
        if phase == "index":
            return self.index[scene_id].ingest_digest
        return self._upstream_record(scene_id, phase).digest

    def _upstream_record(self, scene_id: str, phase: PhaseName) -> Record:
        scene = self.dataset.scene(scene_id)
        record = read_record(scene.done(phase))
        if record is None and self.cfg.data.max_frames is not None:
            record = read_record(scene.partial(phase))
        if record is None or record.n_frames < self.n_frames(scene_id):
            raise MissingUpstreamError(
                f"scene {scene_id!r}: phase {GRAPH[phase].number} ({phase}) is not complete",
                f"Run phase {GRAPH[phase].number} for this scene first; focusgen status tells.",
            )
        return record

    def _is_settled(self, scene_id: str) -> bool:
        """Record scenes that need no work: complete, kept, or stale and not to be redone."""
        try:
            state = self._state(scene_id)
        except SceneError:
            return False  # met again, and recorded, where the scene is run
        return self._settle(scene_id, self._with_one_max_coc(state))

    def _with_one_max_coc(self, state: PhaseState) -> PhaseState:
        """Make a scene stale that would be the first of another max_coc among finished ones."""
        if self.spec.name != "render" or state.state is State.COMPLETE:
            return state
        finished_m = self._finished_max_coc_m()
        if finished_m in (None, self.cfg.render.max_coc):
            return state
        reason = f"render.max_coc: finished scenes have {finished_m} -> {self.cfg.render.max_coc}"
        return PhaseState(State.STALE, reason)

    def _state(self, scene_id: str) -> PhaseState:
        return phase_state(self.dataset.scene(scene_id), self.identity(scene_id))

    def _settle(self, scene_id: str, state: PhaseState) -> bool:
        outcome, message = "", ""
        if state.state is State.COMPLETE:
            outcome = "complete"
        elif state.state is State.STALE and self.cfg.run.on_stale == "keep":
            outcome, message = "kept", f"made with other settings: {state.reason}"
        elif state.state is State.STALE and self.cfg.run.on_stale == "fail":
            outcome = "stale"
            message = f"{state.reason}. --on_stale redo makes it anew, --on_stale keep leaves it."
        if outcome:
            self.summary.outcomes[scene_id], self.summary.messages[scene_id] = outcome, message
        return bool(outcome)

    def _lacks_upstream(self, scene_id: str) -> bool:
        try:
            for phase in GRAPH[self.spec.name].upstream:
                self._upstream_digest(scene_id, phase)
        except SceneError as error:
            self._fail(scene_id, error, error.failure_class, time.time())
            return True
        return False

    def _run_scene(self, scene_id: str, model: object) -> None:
        started_s = time.time()
        self.observer.scene_started(scene_id, self.n_frames(scene_id))
        try:
            self._run_locked(scene_id, model)
        except SceneError as error:
            self._fail(scene_id, error, error.failure_class, started_s)
        except FocusgenError:
            raise  # a signal, or nothing can go on
        except OSError as error:
            self._fail_os_error(scene_id, error, started_s)
        except MemoryError as error:
            self._fail(scene_id, error, FailureClass.OOM, started_s)
        except Exception as error:  # noqa: BLE001 - a bug is an outcome to record; three equal ones stop the run
            self._fail(scene_id, error, FailureClass.BUG, started_s)
            self._count_bug(error)

    def _run_locked(self, scene_id: str, model: object) -> None:
        scene = self.dataset.scene(scene_id)
        with exclusive(scene.lock(self.spec.name), lambda who: self.observer.waiting(scene_id, who)):
            # Another process may have done it meanwhile.
            if self._settle(scene_id, self._state(scene_id)):
                self._end(scene_id, self.summary.outcomes[scene_id], self.summary.messages[scene_id])
            else:
                self._process(scene_id, model)

    def _fail_os_error(self, scene_id: str, error: OSError, started_s: float) -> None:
        if error.errno in STORAGE_ERRNOS:
            located = storage_error(error, self.dataset.scene(scene_id).root)
            self._fail(scene_id, located, located.failure_class, started_s)
        else:
            self._fail(scene_id, error, FailureClass.BUG, started_s)

    def _process(self, scene_id: str, model: object) -> None:
        entry, n_frames = self.index[scene_id], self.n_frames(scene_id)

        def on_frame(frame: int) -> None:
            self.observer.frame_done(scene_id, frame)
            self.stop.check()

        with PhaseStore(
            self.dataset.scene(scene_id),
            self.identity(scene_id),
            redo=self.cfg.run.on_stale == "redo",
            group_writable=self.cfg.data.group_writable,
        ) as store:
            store.run_notes["weights"] = self._weight_notes()
            on_note = functools.partial(self.observer.scene_note, scene_id)
            job = SceneJob(self.cfg, self.dataset, scene_id, entry, store, n_frames, on_frame, on_note)
            self.spec.process(job, model)
        if self.spec.name == "render" and self._finished_max_coc_m() != self.cfg.render.max_coc:
            publish_json(self.dataset.max_coc_json, {"max_coc": self.cfg.render.max_coc})
        self._end(scene_id, "complete" if n_frames == entry.n_frames else "partial")

    def _finished_max_coc_m(self) -> float | None:
        path = self.dataset.max_coc_json
        if not path.exists():
            return None
        try:
            return float(parse_json(path.read_bytes())["max_coc"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: damaged: {error!r}", "Delete it to go on.") from error

    def _end(self, scene_id: str, outcome: str, message: str = "") -> None:
        self.summary.outcomes[scene_id] = outcome
        self.summary.messages[scene_id] = message
        self.observer.scene_ended(scene_id, outcome, message)

    def _fail(
        self, scene_id: str, error: BaseException, failure_class: FailureClass, started_s: float
    ) -> None:
        text = "".join(traceback.format_exception(error))
        message = str(error) or type(error).__name__
        try:
            write_failure(self.dataset.scene(scene_id), self.spec.name, error, failure_class, text, started_s)
        except SceneError as second:
            message = f"{message}\n(and the failure could not be recorded: {second.message})"
        self._end(scene_id, failure_class.value, message)

    def _count_bug(self, error: BaseException) -> None:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        self._bugs.append(f"{type(error).__name__} at {frame.filename}:{frame.lineno}")
        if self._bugs.count(self._bugs[-1]) >= MAX_EQUAL_BUGS:
            raise FocusgenError(
                f"the same bug in {MAX_EQUAL_BUGS} scenes ({self._bugs[-1]}): stopped",
                "focusgen explain SCENE shows the traceback; please report it.",
            ) from error

    def _merge_logs(self) -> None:
        for name, header in self.spec.logs:
            with exclusive(self.dataset.internal / "locks" / f"{name}.lock"):
                merge_scene_logs(self.dataset.internal, self.dataset.logs / name, self.index, header)


def complete_scenes(cfg: Config, phase: PhaseName, index: Mapping[str, IndexEntry]) -> list[str]:
    """Return the scenes that have a trustworthy completion record of a phase, in index order."""
    dataset = DatasetLayout.of(cfg)
    names = []
    for scene_id in index:
        try:
            if read_record(dataset.scene(scene_id).done(phase)) is not None:
                names.append(scene_id)
        except CorruptInputError:
            continue  # status and phase 6 name it
    return names
