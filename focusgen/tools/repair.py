"""Makes a damaged scene whole: exactly what is missing or damaged is made again, the rest is kept.

Each phase is redone under the settings of its own record, so the new bytes are the old ones wherever the
backend is deterministic; then the record has its old digest, and nothing downstream becomes stale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focusgen import config
from focusgen.base.errors import CorruptInputError, FocusgenError, Interrupted, SceneError, StorageError
from focusgen.base.files import is_read_only, publish_json, remove
from focusgen.base.locks import exclusive
from focusgen.base.signals import StopFlag
from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.ingest import manifest_of, read_manifest
from focusgen.dataset.journals import reopen
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.packs import unpack_scene
from focusgen.dataset.records import Record, read_record
from focusgen.dataset.scene_store import remove_leftovers
from focusgen.dataset.states import has_published
from focusgen.phases.scene_report import SceneReport
from focusgen.phases.validate import validate_scene
from focusgen.run.phase_run import PhaseRun
from focusgen.run.progress import Observer
from focusgen.run.staleness import ADOPTED
from focusgen.run.table import PHASES, PhaseSpec
from focusgen.tools.later_models import loading_later
from focusgen.tools.repair_files import (
    damaged_files,
    lost_copies,
    restore_record,
    restore_split,
    restore_stats,
)

SettingsOf = Callable[[PhaseName], Config | None]
"""Settings that hold the paths for a phase; what matters to the bytes is taken from the record."""

Redo = tuple[PhaseRun, str | None, list[Path]]
"""A run that makes a phase again, the digest that it should reach, and the files that were given up."""


@dataclass
class SceneRepair:
    """What was done to one scene, and what is left.

    Attributes:
        actions: what was restored, one line each.
        problems: what could not be restored, and how to go on.
        report: phase 6's findings afterwards.
    """

    scene_id: str
    actions: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    report: SceneReport | None = None

    @property
    def is_whole(self) -> bool:
        """True if phase 6 finds nothing wrong any more."""
        return self.report is not None and not self.report.errors and not self.problems


class SceneRepairer:
    """Repairs one scene, phase after phase."""

    def __init__(
        self,
        dataset: DatasetLayout,
        scene_id: str,
        entry: IndexEntry,
        settings_of: SettingsOf,
        observer: Observer,
        stop: StopFlag,
    ) -> None:
        self.dataset, self.scene, self.entry = dataset, dataset.scene(scene_id), entry
        self.settings_of, self.observer, self.stop = settings_of, observer, stop
        self.result = SceneRepair(scene_id)

    def run(self) -> SceneRepair:
        """Restore what can be restored, and check everything afterwards.

        Raises:
            Interrupted: a signal came; the next repair goes on from there.
        """
        restore_split(self.scene, self.entry, self._did)
        self._restore_manifest()
        for phase in SCENE_PHASES:
            try:
                self._repair_phase(phase)
            except Interrupted:
                raise
            except FocusgenError as error:
                self._problem(phase, error.on_one_line)
            if self.result.problems:
                break  # what follows depends on it
        min_spearman = (self.settings_of("validate") or Config()).validate_.min_spearman
        self.result.report = validate_scene(
            self.dataset, self.scene.scene_id, self.entry, min_spearman=min_spearman
        )
        return self.result

    def _problem(self, phase: PhaseName, text: str) -> None:
        self.result.problems.append(f"phase {phase}: {text}")

    def _did(self, text: str) -> None:
        self.result.actions.append(text)

    def _restore_manifest(self) -> None:
        """Take the raw checksums again; they are right only if they give the digest in the index."""
        try:
            read_manifest(self.dataset, self.scene.scene_id, self.entry)
            return
        except (CorruptInputError, OSError):
            pass
        cfg = self.settings_of("index")
        if cfg is None:
            self.result.problems.append(
                "raw checksums: gone or damaged, and no settings of phase 1 are known"
            )
            return
        manifest = manifest_of(cfg, self.entry.raw_scene(self.scene.scene_id, cfg.data.raw_root), self.entry)
        if manifest is None:
            self.result.problems.append(
                f"raw checksums: not whole, and the files in {cfg.data.raw_root} are not those of phase 1"
            )
            return
        publish_json(self.scene.ingest_json, manifest)
        self._did("raw checksums: taken again, equal to the digest in the index")

    def _repair_phase(self, phase: PhaseName) -> None:
        try:
            with exclusive(self.scene.lock(phase)):
                remove_leftovers(self.scene, phase)
                found = self._find_record(phase)
                redo = self._give_up_record(phase) if found is None else self._give_up_files(phase, *found)
        except StorageError as error:
            if not is_read_only(error):
                raise
            if self._needs_nothing(phase):
                return  # a lock is for who writes
            raise StorageError(
                f"it has to be mended, and nothing may be written there ({error.message})",
                f"Repair as a user who may write into {self.dataset.root}, or a copy: --out_root COPY.",
            ) from error
        if redo is not None:
            self._redo(phase, *redo)

    def _needs_nothing(self, phase: PhaseName) -> bool:
        """Say whether a phase is whole as it lies there, both copies of its record too."""
        found = self._find_record(phase)
        if found is None or found[1] or self.scene.failed(phase).exists():
            return False
        return not lost_copies(self.scene, phase, found[0])

    def _give_up_files(self, phase: PhaseName, record: Record, damaged: list[Path]) -> Redo | None:
        """Delete the damaged files, if they can be made again; return how."""
        if damaged == [self.scene.stats_json] and restore_stats(self.scene, record, self._did):
            damaged = []
        if not damaged:
            restore_record(self.scene, phase, record, self._did)
            return None
        if record.document["backend"] == ADOPTED:
            what = f"{self._names(damaged)}: made by another pipeline, which cannot be run here"
            self._problem(phase, f"{what}: put the files back, or run the phase with --on_stale redo")
            return None
        run = self._run_of(phase, record)
        if not self._may_redo(phase, run, record, damaged):
            return None
        if unpack_scene(self.scene, leave_out_damaged=True):
            self._did("unpacked, to make damaged files again")
            damaged = damaged_files(self.scene, record)
        reopen(self.scene, record, damaged)
        return run, record.digest, damaged

    def _find_record(self, phase: PhaseName) -> tuple[Record, list[Path]] | None:
        """Return the record that the files agree with most, and the files that do not agree with it."""
        found: dict[str, tuple[Record, list[Path]]] = {}  # by digest: both copies say the same of the files
        for path in (self.scene.done(phase), self.scene.record_copy(phase)):
            try:
                record = read_record(path)
            except CorruptInputError:
                continue
            if record is not None and self._is_ours(record, phase) and record.digest not in found:
                found[record.digest] = record, damaged_files(self.scene, record)
        return min(found.values(), key=lambda record_and_damaged: len(record_and_damaged[1]), default=None)

    def _is_ours(self, record: Record, phase: PhaseName) -> bool:
        document = record.document
        return bool(document["scene_id"] == self.scene.scene_id and document["phase"] == phase)

    def _give_up_record(self, phase: PhaseName) -> Redo | None:
        """Begin a phase anew whose record is damaged in both copies: its frames can no longer be trusted."""
        if not self.scene.done(phase).exists():
            self._problem(phase, self._why_no_record(phase))
            return None
        cfg = self.settings_of(phase)
        if cfg is None:
            self._problem(phase, "its record is lost and no settings are saved: give --config")
            return None
        expected = self._digest_downstream(phase)
        run = self._phase_run(PHASES[phase], cfg)
        run.identity(self.scene.scene_id)  # before anything is deleted: raises if it cannot be redone
        remove(self.scene.done(phase))
        remove(self.scene.journal(phase))
        return run, expected, []

    def _why_no_record(self, phase: PhaseName) -> str:
        if has_published(self.scene, phase) and not self.scene.journal(phase).exists():
            return (
                "record missing, and its copy too (were hidden files copied?): focusgen adopt checks every "
                "file and writes a record; running the phase with --on_stale redo makes all anew"
            )
        return "not complete: run it; repair mends only what was finished once"

    def _digest_downstream(self, phase: PhaseName) -> str | None:
        """Return the digest that a later phase was made from."""
        for later in SCENE_PHASES[SCENE_PHASES.index(phase) + 1 :]:
            found = self._find_record(later)
            if found is not None:
                return found[0].document["upstream"].get(phase)  # type: ignore[no-any-return]
        return None

    def _run_of(self, phase: PhaseName, record: Record) -> PhaseRun:
        base = self.settings_of(phase)
        if base is None:
            raise SceneError("the settings of its last run are gone", "Give --config with the paths.")
        cfg = with_settings(base, {**config.unrecorded_defaults(phase), **record.document["settings"]})
        return self._phase_run(loading_later(PHASES[phase], record), cfg)

    def _phase_run(self, spec: PhaseSpec, cfg: Config) -> PhaseRun:
        settings, scenes = redoing(cfg, self.dataset), [self.scene.scene_id]
        # each phase is made again as its own record says
        return PhaseRun(spec, settings, scenes, self.observer, self.stop, expected={})

    def _may_redo(self, phase: PhaseName, run: PhaseRun, record: Record, damaged: Sequence[Path]) -> bool:
        """Say whether a redo would give the same; nothing is deleted before that is known."""
        difference = run.identity(self.scene.scene_id).difference(record.document)
        if difference is not None:
            self._problem(
                phase,
                f"{self._names(damaged)}: damaged, but what they were made from has changed ({difference}): "
                "restore it, or run the phase with --on_stale redo",
            )
            return False
        return True

    def _names(self, paths: Sequence[Path]) -> str:
        return ", ".join(self.scene.relative(path) for path in paths[:5])

    def _redo(self, phase: PhaseName, run: PhaseRun, digest: str | None, damaged: Sequence[Path]) -> None:
        summary = run.run(keep_settings=False)
        outcome = summary.outcomes.get(self.scene.scene_id)
        if outcome != "complete":
            self._problem(phase, f"{outcome}: {summary.messages.get(self.scene.scene_id, '')}")
            return
        self.result.actions += [f"{self.scene.relative(path)}: made again" for path in damaged]
        if not damaged:
            self._did(f"phase {phase}: made again as a whole, since both copies of its record are damaged")
        record = read_record(self.scene.done(phase))
        if digest is not None and record is not None and record.digest != digest:
            later = "phase 6 again" if phase == "render" else "the later phases with --on_stale redo"
            self._problem(
                phase,
                f"made again, but with other bytes than before (another device or version?): run {later}",
            )


def with_settings(cfg: Config, settings: Mapping[str, Any]) -> Config:
    """Return `cfg` with the settings that a record was made under; those say what the bytes are."""
    document = cfg.model_dump(mode="json", by_alias=True)
    sections = dict(cfg.sections())
    for dotted, value in settings.items():
        section, _, name = dotted.rpartition(".")
        if not section:
            document[name] = value
        elif sections[section].effective(name) != value:  # what is left out may mean the very same
            document[section][name] = value
    return config.from_document(document, "the record's settings")


def redoing(cfg: Config, dataset: DatasetLayout) -> Config:
    """Return `cfg` for this data set, whole scenes, allowed to replace what lies there."""
    data = cfg.data.model_copy(
        update={"out_root": dataset.root, "scene_index": dataset.index_json, "max_frames": None}
    )
    run = cfg.run.model_copy(update={"on_stale": "redo"})
    return cfg.model_copy(update={"data": data, "run": run})
