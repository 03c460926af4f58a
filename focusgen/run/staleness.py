"""Is what lies there still what it was made from, and what it would be made with? From the raw checksums up.

A phase depends on records, not on files alone: each names the digests of the records before it. A link that
does not fit, or a record made under other settings than those that count today, makes all that follows stale.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from focusgen.base.errors import CorruptInputError, StaleError
from focusgen.config import GRAPH, SCENE_PHASES, PhaseName, settings_for
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.records import Identity, Record, read_record
from focusgen.dataset.states import (
    PhaseState,
    State,
    phase_state,
    read_failure,
    state_without_record,
)
from focusgen.run.inputs import inputs_here
from focusgen.run.raw_files import changed_raw_file
from focusgen.run.settings import Expected
from focusgen.run.table import PHASES

ReadRecord = Callable[[Path], Record | None]
ADOPTED = "adopted"
"""Backend of a record that `focusgen adopt` wrote."""


def build_identity(
    phase: PhaseName,
    scene_id: str,
    *,
    settings: Mapping[str, Any],
    algorithm_version: int,
    weights: Mapping[str, str],
    digests: Mapping[PhaseName, str],
    n_frames: int,
) -> Identity:
    """Return what a phase of a scene depends on; `digests` of the index and of each earlier record."""
    return Identity(
        phase=phase,
        scene_id=scene_id,
        backend=str(settings[f"{phase}.backend"]),
        algorithm_version=algorithm_version,
        settings=settings,
        weights=weights,
        upstream={name: digests[name] for name in GRAPH[phase].upstream},
        n_frames=n_frames,
    )


@dataclass(frozen=True)
class StaleLink:
    """A record that is not what a later phase may build on.

    Attributes:
        difference: the key that differs, "depth.max_m: null -> 3.0".
        is_broken: it was made from another input than what lies there: nothing can accept that. Else it was
            made under other settings, which `--on_stale keep` accepts.
        last_try: why the phase failed when it was to be made anew; empty if it did not.
    """

    phase: PhaseName
    difference: str
    is_broken: bool
    last_try: str = ""

    def __str__(self) -> str:
        return f"phase {GRAPH[self.phase].number} ({self.phase}) is stale: {self.difference}"

    @property
    def advice(self) -> str:
        """What to do about it."""
        if self.phase == "index":
            return (
                "Put the old file back, or run phases 1 and 2 again with --on_stale redo, "
                "or say --run.on_stale keep to leave what is finished and to build on it as it is."
            )
        redo = f"Run phase {GRAPH[self.phase].number} for this scene again with --on_stale redo"
        if self.last_try:
            redo = f"Its last try failed ({self.last_try}). {redo} once that is mended"
        return (
            f"{redo}." if self.is_broken else f"{redo}, or say --run.on_stale keep to build on it as it is."
        )


class SceneChain:
    """The records of one scene, each read once, compared link by link with what lies there."""

    def __init__(
        self,
        dataset: DatasetLayout,
        scene_id: str,
        entry: IndexEntry,
        expected: Mapping[PhaseName, Expected],
        *,
        with_rehearsals: bool = False,
        look_at_inputs: bool = False,
    ) -> None:
        """Read nothing yet.

        Args:
            expected: what each phase is compared with.
            with_rehearsals: records of rehearsals count where there is no other.
            look_at_inputs: what lies outside the data set counts too, as far as it lies here: weights,
                provided depth, masks, views.
        """
        self.dataset, self.scene, self.entry = dataset, dataset.scene(scene_id), entry
        self.expected = expected
        self.read: ReadRecord = functools.cache(read_record)  # each is asked for by every later phase
        self._with_rehearsals, self._look_at_inputs = with_rehearsals, look_at_inputs
        self._inputs = functools.cache(self._inputs_of)
        self._raw_files = functools.cache(self._stale_raw_files)

    def record(self, phase: PhaseName) -> Record | None:
        """Return a phase's record, of a rehearsal where those count.

        Raises:
            CorruptInputError: it is damaged.
        """
        record = self.read(self.scene.done(phase))
        if record is None and self._with_rehearsals:
            record = self.read(self.scene.partial(phase))
        return record

    def digests(self) -> dict[PhaseName, str]:
        """Return what each phase depends on upstream: the index's digest and those of the records."""
        digests: dict[PhaseName, str] = {phase: self._digest(phase) for phase in SCENE_PHASES}
        return {"index": self.entry.ingest_digest, **digests}

    def _digest(self, phase: PhaseName) -> str:
        try:
            record = self.record(phase)
        except CorruptInputError:
            return "damaged"
        return record.digest if record else "missing"

    def _trusted(self, phase: PhaseName) -> Record | None:
        try:
            return self.record(phase)
        except CorruptInputError:
            return None

    def identity(self, phase: PhaseName) -> Identity:
        """Return what a phase depends on as far as records tell: weights and input are the record's own."""
        record = self._trusted(phase)
        is_rehearsal = record is not None and not self.scene.done(phase).exists()
        return build_identity(
            phase,
            self.scene.scene_id,
            settings=settings_for(self.expected[phase].cfg, phase),
            algorithm_version=PHASES[phase].version_for(self.expected[phase].cfg, self._trusted),
            weights=record.document["weights"] if record is not None else {},
            digests=self.digests(),
            n_frames=record.n_frames if record is not None and is_rehearsal else self.entry.n_frames,
        )

    def differences(self, phase: PhaseName) -> list[str]:
        """Return "key: recorded -> today" for everything in which a phase's record differs."""
        record = self.record(phase)
        return self._today(phase, record).differences(record.document) if record is not None else []

    def _today(self, phase: PhaseName, record: Record) -> Identity:
        """Return what a record's phase depends on."""
        today = self._by_settings(phase, record)
        if not self._look_at_inputs or phase not in self.expected:
            return today
        return replace(today, weights=self._inputs(phase))

    def _inputs_of(self, phase: PhaseName) -> dict[str, str]:
        record = self.record(phase)
        assert record is not None, "asked only of a phase that has a record"
        return inputs_here(self.expected[phase].cfg, self.dataset, record, self.entry)

    def _by_settings(self, phase: PhaseName, record: Record) -> Identity:
        """Return the same with the record's own inputs; without known settings only the links can differ."""
        expected = self.expected.get(phase)
        if expected is not None and record.document["backend"] != ADOPTED:
            return self.identity(phase)
        return self._linked(record, expected)

    def of_adopted(self, phase: PhaseName, expected: Expected) -> Identity | None:
        """Return what an adopted phase is held to, None if its record is no adopted one, or damaged."""
        record = self._trusted(phase)
        if record is None or record.document["backend"] != ADOPTED:
            return None
        return self._linked(record, expected)

    def _linked(self, record: Record, expected: Expected | None) -> Identity:
        """Return what a record depends on by what lies there, and by its own word for all else.

        An adopted one is held to what is said of settings that its files show (max_coc, sets, size), never to
        a backend: nobody knows which one made it.
        """
        known, digests = Identity.of(record.document), self.digests()
        asked = {} if expected is None else settings_for(expected.cfg, known.phase)
        shown = expected.said & asked.keys() & known.settings.keys() if expected is not None else set()
        settings = {key: asked[key] for key in shown - {f"{known.phase}.backend"}}
        return replace(
            known,
            settings={**known.settings, **settings},
            upstream={name: digests[name] for name in GRAPH[known.phase].upstream},
        )

    def stale_link(self, phase: PhaseName) -> StaleLink | None:
        """Return why a phase's own record is stale, None if it is not or there is none.

        Phase 1 keeps no record of a scene: its line of the index is stale once other raw files lie there.

        Raises:
            CorruptInputError: the record is damaged.
        """
        if phase == "index":
            return self._raw_files()
        record = self.record(phase)
        if record is None:
            return None
        found = self._today(phase, record).differences(record.document)
        if not found:
            return None
        broken = [text for text in found if text.startswith("upstream.")]
        failure = read_failure(self.scene, phase) or {}
        last_try = str(failure.get("message", "")).removeprefix(f"scene {self.scene.scene_id!r}: ")
        return StaleLink(phase, (broken or found)[0], bool(broken), last_try)

    def _stale_raw_files(self) -> StaleLink | None:
        """Return why the index is stale: a raw file is another than the one that phase 2 was made from."""
        record = self._trusted("deblur") if self._look_at_inputs and "deblur" in self.expected else None
        if record is None:
            return None
        cfg = self.expected["deblur"].cfg
        changed = changed_raw_file(cfg, self.dataset, self.scene.scene_id, self.entry, record)
        return StaleLink("index", changed, is_broken=False) if changed else None

    def stale_upstream(self, phase: PhaseName) -> StaleLink | None:
        """Return the first stale record among all that a phase depends on, from the raw checksums up."""
        return self.first_stale(all_upstream(phase))

    def first_stale(self, phases: Sequence[PhaseName]) -> StaleLink | None:
        """Return the first stale record of some phases, in running order.

        Raises:
            CorruptInputError: a record is damaged.
        """
        links = (self.stale_link(phase) for phase in phases)
        return next((link for link in links if link is not None), None)

    def state(self, phase: PhaseName) -> PhaseState:
        """Return where a phase stands: complete only if everything that it was made from is, too."""
        try:
            record = self.read(self.scene.done(phase))
            if record is None and phase not in self.expected:
                return _of_unrun(self.scene, phase)
            today = self.identity(phase) if record is None else self._today(phase, record)
            state = phase_state(self.scene, today, self.read)
            link = self.stale_upstream(phase) if state.state is State.COMPLETE else None
        except CorruptInputError as error:
            return PhaseState(State.STALE, error.message)
        return PhaseState(State.STALE, str(link), state.record) if link is not None else state


def _of_unrun(scene: SceneLayout, phase: PhaseName) -> PhaseState:
    """Return the state of a phase that has neither a record nor settings of a last run."""
    state = state_without_record(scene, phase)
    return PhaseState(State.PENDING, "never run") if state.state is State.PENDING else state


def refuse_stale(chain: SceneChain, phases: Sequence[PhaseName], *, keep: bool = False) -> None:
    """Refuse to work with records that do not fit together, or that today's settings would make otherwise.

    Raises:
        StaleError: names the scene, the phase and the key.
        CorruptInputError: a record is damaged.
    """
    link = chain.first_stale(phases)
    if link is not None and (link.is_broken or not keep):
        raise StaleError(f"scene {chain.scene.scene_id!r}: {link}", link.advice)


def all_upstream(phase: PhaseName) -> list[PhaseName]:
    """Return the phases that a phase depends on, directly or not, in running order."""
    found: set[PhaseName] = set()
    todo = list(GRAPH[phase].upstream)
    while todo:
        earlier = todo.pop()
        found.add(earlier)
        todo += GRAPH[earlier].upstream
    return [name for name in GRAPH if name in found]
