"""Where very many scenes stand: what was found out last time holds for each scene whose files did not change.

A block of the index has one file below `.focusgen/status`. It counts only under the settings, for the lines
of the index and for the release that it was made with. What it says of a scene counts while its records and
folders have the times that they had, so that a status of 100,000 scenes reads the few worked on since.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from focusgen import __version__, config
from focusgen.base.checksums import checksum
from focusgen.base.errors import StorageError
from focusgen.base.files import make_folder, publish
from focusgen.config.graph import SCENE_PHASES, PhaseName
from focusgen.dataset.index import IndexEntry, ingest_digest_of
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import canonical, parse_json
from focusgen.dataset.scene_table import SceneTable
from focusgen.dataset.sealed_lines import compact
from focusgen.dataset.states import PhaseState, State
from focusgen.run.finished_notes import Note, read_notes
from focusgen.run.scene_marks import UNTOUCHED, mark_of
from focusgen.run.settings import Expected

KEPT_VERSION = 1
LOOKED_AT_FIRST = 200
"""As many scenes are quicker looked at than looked up in what runs wrote down of all."""
KEPT_FOLDERS = 4
"""One for each set of rules: today's settings, those of the last runs, a plan's."""

States = Mapping[PhaseName, PhaseState]


class Standing(NamedTuple):
    """Where a scene stands.

    Attributes:
        digests: of the records that lie there; "missing" or "damaged" where none does.
    """

    phases: States
    digests: Mapping[PhaseName, str]


class _Kept(NamedTuple):
    """What is kept of a scene: its mark, the place of its states in the block, its digests."""

    mark: str
    place: int
    digests: tuple[str, ...]


@dataclass
class _Block:
    """What is kept of the scenes of one block; `states` holds every combination that occurs, once."""

    states: list[States] = field(default_factory=list)
    scenes: dict[str, _Kept] = field(default_factory=dict)
    _places: dict[tuple[PhaseState, ...], int] = field(default_factory=dict)

    def recall(self, scene_id: str, mark: str) -> Standing | None:
        """Return where a scene stands, if it has still the mark."""
        kept = self.scenes.get(scene_id)
        if not mark or kept is None or kept.mark != mark:
            return None
        return Standing(self.states[kept.place], dict(zip(SCENE_PHASES, kept.digests, strict=True)))

    def keep(self, scene_id: str, mark: str, standing: Standing) -> None:
        """Take where a scene stands."""
        combination = tuple(standing.phases[phase] for phase in SCENE_PHASES)
        place = self._places.setdefault(combination, len(self.states))
        if place == len(self.states):
            self.states.append(standing.phases)
        digests = tuple(standing.digests[phase] for phase in SCENE_PHASES)
        self.scenes[scene_id] = _Kept(mark, place, digests)


def kept_standings(
    dataset: DatasetLayout,
    table: SceneTable[IndexEntry],
    expected: Mapping[PhaseName, Expected],
    look: Callable[[str], Standing],
) -> Iterator[tuple[str, Standing]]:
    """Yield where every scene stands, in index order, looking only at those that changed since the last time.

    Args:
        expected: what each phase is compared with.
        look: reads from a scene's files where it stands.
    """
    looks = _Looks(dataset, table, look)
    rules = _rules(expected)
    folder = dataset.kept_status / checksum(rules)[:16]
    with contextlib.suppress(OSError):
        os.utime(folder)  # it is asked for: others go before it
    for number, block_digest in enumerate(table.blocks):
        path, key = folder / f"{number:05d}.json", checksum(rules + block_digest.encode())
        kept, fresh = _read(path, key), _Block()
        n_read = 0
        for scene_id in table.block_of(number):
            mark = mark_of(dataset.scene(scene_id))
            standing = kept.recall(scene_id, mark)
            if standing is None:
                standing, n_read = looks.at(scene_id, mark), n_read + 1
            fresh.keep(scene_id, mark, standing)
            yield scene_id, standing
        if n_read:
            _write(path, key, fresh)


@dataclass
class _Looks:
    """Looks at scenes, and at only one of those that stand alike: nobody has begun them, or notes say so."""

    dataset: DatasetLayout
    table: SceneTable[IndexEntry]
    look: Callable[[str], Standing]
    _alike: dict[str, Standing] = field(default_factory=dict)
    _notes: Mapping[tuple[str, str], Note] | None = None
    _n_unknown: int = 0

    def at(self, scene_id: str, mark: str) -> Standing:
        """Return where a scene with a mark stands."""
        if mark == UNTOUCHED:
            return self._like(mark, scene_id)
        note = self._note(scene_id, mark)
        if note is None:
            return self.look(scene_id)
        return Standing(
            self._like(note.kinds, scene_id).phases, dict(zip(SCENE_PHASES, note.digests, strict=True))
        )

    def _like(self, kind: str, scene_id: str) -> Standing:
        if kind not in self._alike:
            self._alike[kind] = self.look(scene_id)
        return self._alike[kind]

    def _note(self, scene_id: str, mark: str) -> Note | None:
        """Return what holds of a scene with a mark; notes of all scenes are read where many are asked for."""
        self._n_unknown += 1
        if self._n_unknown <= LOOKED_AT_FIRST:
            return None
        if self._notes is None:
            self._notes = read_notes(self.dataset.finished_notes)
        note = self._notes.get((scene_id, mark))
        if note is None or note.n_frames != self.table.column("n_frames", scene_id):
            return None
        return note if note.ingest_digest == ingest_digest_of(self.table, scene_id) else None


def _rules(expected: Mapping[PhaseName, Expected]) -> bytes:
    """Return all that states depend on beside the index and the files of the scenes."""
    settings = {phase: [config.dump(item.cfg), sorted(item.said)] for phase, item in expected.items()}
    return canonical({"version": [KEPT_VERSION, __version__], "settings": settings})


def _write(path: Path, key: str, block: _Block) -> None:
    """Keep a block; where one may only read, everything is read each time."""
    states = [[[s[phase].state.value, s[phase].reason] for phase in SCENE_PHASES] for s in block.states]
    body = {"key": key, "states": states, "scenes": block.scenes}
    with contextlib.suppress(StorageError, OSError):  # or another process makes room just now
        if not path.parent.exists():
            _make_room(path.parent)
        publish(path, compact({**body, "checksum": checksum(compact(body))}))


def _make_room(folder: Path) -> None:
    """Make a folder, and remove those of rules that nobody has asked under for the longest time."""
    make_folder(folder)
    others = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in others[KEPT_FOLDERS:]:
        shutil.rmtree(old, ignore_errors=True)  # empty, it would be the one that changed last


def _read(path: Path, key: str) -> _Block:
    """Return what is kept under a key; nothing where it is of other settings, damaged, or not there."""
    try:
        document: dict[str, Any] = parse_json(path.read_bytes())
        body = {name: document[name] for name in ("key", "states", "scenes")}
        if document["key"] != key or document["checksum"] != checksum(compact(body)):
            return _Block()
        states = [_states(item) for item in document["states"]]
        scenes = {name: _Kept(mark, place, tuple(d)) for name, (mark, place, d) in document["scenes"].items()}
        return _Block(states, scenes)
    except (OSError, ValueError, KeyError, TypeError):
        return _Block()


def _states(kept: Sequence[Sequence[str]]) -> States:
    return {
        phase: PhaseState(State(state), reason)
        for phase, (state, reason) in zip(SCENE_PHASES, kept, strict=True)
    }
