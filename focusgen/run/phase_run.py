"""Runs a phase over scenes: what is pending, one lock and one record per scene, every outcome on disk."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from focusgen.base.errors import (
    CorruptInputError,
    MissingUpstreamError,
    SceneError,
    StaleError,
)
from focusgen.base.files import remove
from focusgen.base.locks import exclusive
from focusgen.base.signals import StopFlag
from focusgen.config import GRAPH, Config, PhaseName, settings_for
from focusgen.config.backends import PROVIDED
from focusgen.dataset.footage import Footage
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.ingest import raw_source
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.masked import mask_digest
from focusgen.dataset.records import PROVIDED_DEPTH, UNUSABLE, Identity
from focusgen.dataset.scene_store import PhaseStore
from focusgen.dataset.states import PhaseState, State, phase_state
from focusgen.phases.approval import finished_max_coc_m
from focusgen.phases.job import SceneJob
from focusgen.run.finished_notes import note_finished
from focusgen.run.inputs import depth_mark, digest_of_gone_depth, weight_digests, weight_notes
from focusgen.run.max_coc import note_max_coc, with_max_coc
from focusgen.run.outcomes import STALE_UPSTREAM, Outcomes, RunSummary, outcome_without_work
from focusgen.run.progress import Observer
from focusgen.run.raw_files import keep_look, look_before
from focusgen.run.scene_logs import merge_after_share
from focusgen.run.settings import Expected, expected_by_run, said_keys, save_config
from focusgen.run.staleness import SceneChain, all_upstream, build_identity, refuse_stale
from focusgen.run.table import PhaseSpec


class PhaseRun:
    """One phase over a list of scenes; what the phase is comes in as its `PhaseSpec`."""

    def __init__(
        self,
        spec: PhaseSpec,
        cfg: Config,
        scene_ids: Sequence[str],
        observer: Observer,
        stop: StopFlag,
        *,
        expected: Mapping[PhaseName, Expected] | None = None,
        index: Mapping[str, IndexEntry] | None = None,
    ) -> None:
        """Read the index, unless it is given.

        Args:
            cfg: settings of this run.
            stop: is asked after each frame.
            expected: what the records of earlier phases are compared with; None for what `cfg` says of them,
                else their own last settings. An empty one compares nothing but the links.
            index: if the caller has read it: that of 100,000 scenes is an eighth of a task's start.
        """
        self.spec, self.phase = spec, spec.name
        self.cfg = with_max_coc(cfg, may_approve=True) if self.phase == "render" else cfg
        self.dataset = DatasetLayout.of(cfg)
        self.index = read_index(self.dataset) if index is None else index
        self.scene_ids = list(scene_ids)
        self.observer, self.stop = observer, stop
        self.outcomes = Outcomes(self.phase, self.dataset, observer)
        self.summary = self.outcomes.summary
        self._expected = expected_by_run(self.dataset, cfg) if expected is None else expected
        self._weights: dict[str, str] | None = None
        self._with_known_inputs: set[str] = set()
        self._keeps_settings = False

    def run(self, *, keep_settings: bool = True) -> RunSummary:
        """Do every pending scene; load the model only if there is one.

        Args:
            keep_settings: save them as those of the phase's last run, once a scene is made by them or all are
                what they would make: a refused run changes nothing. A repair uses each record's own.

        Raises:
            Interrupted: a signal came; everything published stays.
            ConfigError: the backend cannot run here.
        """
        self._keeps_settings = keep_settings
        work = [scene_id for scene_id in self.scene_ids if not self._is_settled(scene_id)]
        n_frames = sum(self.n_frames(scene_id) for scene_id in work)
        self.observer.phase_started(self.phase, len(work), n_frames, len(self.scene_ids) - len(work))
        self.outcomes.tell_settled()
        model = None
        for scene_id in work:
            self.stop.check()
            if self._lacks_upstream(scene_id):
                continue
            if model is None:
                model = self.spec.load_model(self.cfg, device=self.cfg.run.device)
                self.summary.model_loads += 1
            self._run_scene(scene_id, model)
        if set(self.summary.outcomes.values()) == {"complete"}:
            self._save_settings()  # nobody made a scene by them, but a folder that moved is found again
        merge_after_share(self.dataset, self.index, self.phase, self.scene_ids)
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
        return self._identity(self._chain(scene_id))

    def _identity(self, chain: SceneChain, *, may_lack_depth: bool = False) -> Identity:
        """Return the same.

        Args:
            may_lack_depth: given depth of a finished scene that is gone counts as unchanged, as for status;
                not where the scene is made.
        """
        scene_id = chain.scene.scene_id
        return build_identity(
            self.phase,
            scene_id,
            settings=settings_for(self.cfg, self.phase),
            algorithm_version=self.spec.version_for(self.cfg, chain.record),
            weights={**self._weight_digests(), **self._input_digests(scene_id, may_lack_depth)},
            digests=self._upstream_digests(chain),
            n_frames=self.n_frames(scene_id),
        )

    def _chain(self, scene_id: str) -> SceneChain:
        """Return the records of a scene as they lie there now; files outside are looked at once per scene."""
        return SceneChain(
            self.dataset,
            scene_id,
            self.index[scene_id],
            self._expected,
            with_rehearsals=self.cfg.data.max_frames is not None,
            look_at_inputs=scene_id not in self._with_known_inputs,
        )

    @functools.cached_property
    def _has_finished(self) -> bool:
        """Whether any scene of the data set is finished."""
        return any(map(self._is_finished, self.index))

    def _is_finished(self, scene_id: str) -> bool:
        """Say whether there is anything to keep: not where the scene is new or half made."""
        return self.dataset.scene(scene_id).done(self.phase).exists()

    def _check_upstream(self, chain: SceneChain) -> None:
        """Refuse to build on what is stale.

        Raises:
            StaleError: what the phase depends on is stale, and is not to be kept.
            CorruptInputError: sharp frames are to be made anew from raw files that phase 1 has not seen.
        """
        keep = self.cfg.run.on_stale == "keep" and self.phase != "deblur"  # which is itself what is kept then
        try:
            refuse_stale(chain, all_upstream(self.phase), keep=keep)
        except StaleError as error:
            if self.phase == "deblur" and self.cfg.run.on_stale == "redo":
                raise CorruptInputError(error.message, error.advice) from error
            raise
        self._with_known_inputs.add(chain.scene.scene_id)

    def _weight_digests(self) -> dict[str, str]:
        if self._weights is None:
            self._weights = weight_digests(self.cfg, self.phase)
        return self._weights

    def _input_digests(self, scene_id: str, may_lack_depth: bool) -> dict[str, str]:
        """Digest what came with a scene: other depth makes phase 3 stale, other masks phase 5."""
        if self.phase == "render":
            view = Footage(self.cfg, self.dataset, self.index).digest(scene_id)
            return {**view, **mask_digest(self.cfg, scene_id, self.index[scene_id])}
        if self.phase != "depth" or self.cfg.depth.backend != PROVIDED.name:
            return {}
        entry = self.index[scene_id]
        gone = digest_of_gone_depth(self.cfg, self.dataset, scene_id, entry) if may_lack_depth else None
        if gone is not None:
            return {PROVIDED_DEPTH: gone}
        from focusgen.phases.provided_depth import open_provided  # readers of a dozen formats

        try:
            return {PROVIDED_DEPTH: open_provided(self.cfg, self.dataset, scene_id, entry).digest()}
        except SceneError as error:
            if not (may_lack_depth and self._is_finished(scene_id)):
                raise
            return {PROVIDED_DEPTH: f"{UNUSABLE}{error.message}"}  # as for status

    def _upstream_digests(self, chain: SceneChain) -> dict[PhaseName, str]:
        """Return the digests of what the phase is made from.

        Raises:
            SceneError: an earlier phase has no record of as many frames, or a damaged one.
        """
        scene_id = chain.scene.scene_id
        for phase in GRAPH[self.phase].upstream:
            record = chain.record(phase) if phase != "index" else None
            n_known = chain.entry.n_frames if phase == "index" else record.n_frames if record else 0
            if n_known < self.n_frames(scene_id):
                raise MissingUpstreamError(
                    f"scene {scene_id!r}: phase {GRAPH[phase].number} ({phase}) is not complete",
                    f"Run phase {GRAPH[phase].number} for this scene first; focusgen status tells.",
                )
        return chain.digests()

    def _is_settled(self, scene_id: str) -> bool:
        """Record scenes that need no work: complete, kept, or stale and not to be redone."""
        try:
            state = self._state(scene_id)
        except StaleError as error:
            return self._settle_on_stale_upstream(scene_id, error)
        except SceneError:
            return False  # met again, and recorded, where the scene is run
        is_shorter = self._is_shorter_than_finished(scene_id)
        settled = outcome_without_work(state, self.cfg.run.on_stale, is_shorter=is_shorter)
        if settled is not None:
            self.outcomes.note(scene_id, *settled)
        return settled is not None

    def _settle_on_stale_upstream(self, scene_id: str, error: StaleError) -> bool:
        """Nothing is made on what is stale, and nothing written; what was finished may be kept."""
        is_kept = self.cfg.run.on_stale == "keep" and self._is_finished(scene_id)
        self.outcomes.note(scene_id, "kept" if is_kept else STALE_UPSTREAM, error.on_one_line)
        return True

    def _state(self, scene_id: str) -> PhaseState:
        chain = self._chain(scene_id)
        self._check_upstream(chain)
        today = self._adopted(chain) or self._identity(chain, may_lack_depth=True)
        return self._with_one_max_coc(phase_state(chain.scene, today, chain.read))

    def _adopted(self, chain: SceneChain) -> Identity | None:
        """Return what an adopted scene is held to, unless all is to be made anew by these settings."""
        if self.cfg.run.on_stale == "redo":
            return None
        said = Expected(self.cfg, frozenset(said_keys(self.cfg)))
        known = chain.of_adopted(self.phase, said)
        return known and replace(known, n_frames=self.n_frames(chain.scene.scene_id))

    def _with_one_max_coc(self, state: PhaseState) -> PhaseState:
        """Make a scene stale that would be the first of another max_coc among finished ones."""
        if self.phase != "render" or state.state is State.COMPLETE:
            return state
        finished_m = finished_max_coc_m(self.dataset)
        if finished_m in (None, self.cfg.render.max_coc):
            return state
        if not self._has_finished:  # the note is of scenes that somebody deleted
            remove(self.dataset.max_coc_json)
            del self._has_finished  # another process may finish some, and note what it made them with
            return state
        reason = (
            f"render.max_coc: finished scenes have {finished_m} -> {self.cfg.render.max_coc} "
            f"(--max_coc {finished_m} goes on with that of finished scenes)"
        )
        return PhaseState(State.STALE, reason, state.record)

    def _is_shorter_than_finished(self, scene_id: str) -> bool:
        """Say whether a rehearsal would take the place of a finished scene."""
        return self.n_frames(scene_id) < self.index[scene_id].n_frames and self._is_finished(scene_id)

    def _lacks_upstream(self, scene_id: str) -> bool:
        try:
            chain = self._chain(scene_id)
            self._upstream_digests(chain)
            if self.phase == "deblur":  # before anything is wiped that could not be made again
                self._check_upstream(chain)
                raw_source(self.cfg.data.raw_root, self.dataset, scene_id, self.index[scene_id])
        except SceneError as error:
            self.outcomes.fail_now(scene_id, error)
            return True
        return False

    def _run_scene(self, scene_id: str, model: object) -> None:
        started_s = time.time()
        self.observer.scene_started(scene_id, self.n_frames(scene_id))
        try:
            self._run_locked(scene_id, model)
        except Exception as error:  # noqa: BLE001 - a bug is an outcome to record; three equal ones stop the run
            self.outcomes.take(scene_id, error, started_s)

    def _run_locked(self, scene_id: str, model: object) -> None:
        scene = self.dataset.scene(scene_id)
        with exclusive(scene.lock(self.phase), lambda who: self.observer.waiting(scene_id, who)):
            # Another process may have done it meanwhile.
            if self._is_settled(scene_id):
                self.outcomes.tell(scene_id)
            else:
                self._process(scene_id, model)

    def _process(self, scene_id: str, model: object) -> None:
        entry, n_frames = self.index[scene_id], self.n_frames(scene_id)
        on_note = functools.partial(self.observer.scene_note, scene_id)
        look = look_before(self.cfg, self.dataset, scene_id, entry) if self.phase == "deblur" else None
        is_provided = self.phase == "depth" and self.cfg.depth.backend == PROVIDED.name
        mark = depth_mark(self.cfg, self.dataset, scene_id, entry) if is_provided else ""  # before it is read

        def on_frame(frame: int) -> None:
            self.observer.frame_done(scene_id, frame)
            self.stop.check()

        with PhaseStore(
            self.dataset.scene(scene_id),
            self.identity(scene_id),
            redo=self.cfg.run.on_stale == "redo",
            tell=on_note,
        ) as store:
            self._save_settings()
            store.run_notes["weights"] = weight_notes(self.cfg, self.phase)
            if is_provided:
                store.run_notes["depth_mark"] = mark
            job = SceneJob(self.cfg, self.dataset, scene_id, entry, store, n_frames, on_frame, on_note)
            self.spec.process(job, model)
        if look is not None:
            keep_look(self.dataset.raw_look(scene_id), look)
        if self.phase == "render":
            note_max_coc(self.cfg, self.dataset, len(self.index), on_note)
        note_finished(self.dataset, self.index, scene_id)
        self.outcomes.end(scene_id, "complete" if n_frames == entry.n_frames else "partial")

    def _save_settings(self) -> None:
        if self._keeps_settings:
            save_config(self.cfg, self.phase)
