"""Where every scene stands, read from files only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.index_draft import outline_of
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import parse_json
from focusgen.dataset.scene_table import SceneTable
from focusgen.dataset.states import PhaseState
from focusgen.run.kept_status import Standing, kept_standings
from focusgen.run.settings import Expected, expected_by_status
from focusgen.run.staleness import SceneChain

KEPT_FROM_SHARE = 0.1
"""Of fewer scenes than this share each is looked at; the index as a whole is not."""
MAX_WITH_INPUTS = 200
"""Of more scenes the files outside the data set are not looked at: each has a depth file per frame."""


@dataclass(frozen=True)
class SceneStatus:
    """One scene's state in each phase.

    Attributes:
        digests: of the records that lie there; "missing" or "damaged" where none does.
    """

    scene_id: str
    split: str
    n_frames: int
    phases: Mapping[PhaseName, PhaseState]
    digests: Mapping[PhaseName, str] = field(default_factory=dict)


def _standing(
    dataset: DatasetLayout,
    index: Mapping[str, IndexEntry],
    scene_id: str,
    expected: Mapping[PhaseName, Expected],
    *,
    look_at_inputs: bool,
) -> Standing:
    chain = SceneChain(dataset, scene_id, index[scene_id], expected, look_at_inputs=look_at_inputs)
    # Of thousands of scenes the records would fill the memory.
    states = {phase: replace(chain.state(phase), record=None) for phase in SCENE_PHASES}
    digests = chain.digests()
    return Standing(states, {phase: digests[phase] for phase in SCENE_PHASES})


def all_status(
    dataset: DatasetLayout,
    index: Mapping[str, IndexEntry],
    cfg: Config | None = None,
    scenes: Iterable[str] | None = None,
    *,
    expected: Mapping[PhaseName, Expected] | None = None,
) -> list[SceneStatus]:
    """Return the state of scenes, all by default, under `cfg` or under each phase's own last settings.

    Depth, masks and weights outside the data set are looked at too where scenes are few (`sees_inputs`).
    `expected` is compared with instead, if it is given.
    """
    expected = expected_by_status(dataset, cfg) if expected is None else expected
    asked = index.keys() if scenes is None else set(scenes)
    few = sees_inputs(len(asked))
    look = partial(_standing, dataset, index, expected=expected, look_at_inputs=few)
    if few or not isinstance(index, SceneTable) or len(asked) < len(index) * KEPT_FROM_SHARE:
        found = ((scene_id, look(scene_id)) for scene_id in index if scene_id in asked)
    else:
        every = kept_standings(dataset, index, expected, look)
        found = ((scene_id, standing) for scene_id, standing in every if scene_id in asked)
    outlined = ((scene_id, outline_of(index, scene_id), standing) for scene_id, standing in found)
    return [SceneStatus(name, of.split, of.n_frames, at.phases, at.digests) for name, of, at in outlined]


def sees_inputs(n_scenes: int) -> bool:
    """Say whether the state of so many scenes tells of files outside the data set that changed."""
    return n_scenes <= MAX_WITH_INPUTS


def status_counts(statuses: Sequence[SceneStatus]) -> dict[PhaseName, dict[str, int]]:
    """Return phase -> state -> number of scenes."""
    counts = {phase: Counter(s.phases[phase].state.value for s in statuses) for phase in SCENE_PHASES}
    return {phase: dict(sorted(counter.items())) for phase, counter in counts.items()}


def status_document(statuses: Sequence[SceneStatus]) -> dict[str, Any]:
    """Return the states as plain JSON data, with counts per phase."""
    return {
        "counts": status_counts(statuses),
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


@dataclass(frozen=True)
class Verdict:
    """What phase 6 said last.

    Attributes:
        made_s: when, seconds since the epoch.
        outdated_by: the first scene for which it does not hold as that lies there; "" if there is none.
        covers: the scene that is named in `outdated_by` was among those that were looked at.
    """

    verdict: str
    passing_scenes: int
    total_scenes: int
    made_s: float
    outdated_by: str
    covers: bool = True

    @property
    def doubt(self) -> str:
        """How "The verdict is ..." goes on where it does not hold for all that lies there; "" if it does."""
        if not self.outdated_by:
            return ""
        return f"older than the data ({self.outdated_by})" if self.covers else f"not about {self.outdated_by}"


def last_verdict(dataset: DatasetLayout, statuses: Sequence[SceneStatus]) -> Verdict | None:
    """Return the last verdict of phase 6 in the data set, None if there is none that can be read."""
    path = dataset.validation_report_json
    try:
        report = parse_json(path.read_bytes())
        made_s = path.stat().st_mtime
        records = report.get("records")
        outdated_by = _outdated_by(dataset, records, statuses, made_s)
        # it is new, or others were asked for
        unseen = () if records is None else (s.scene_id for s in statuses if s.scene_id not in records)
        missed = "" if outdated_by else next(iter(unseen), "")
        return Verdict(
            str(report["verdict"]),
            int(report["passing_scenes"]),
            int(report["total_scenes"]),
            made_s,
            outdated_by or missed,
            covers=not missed,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _outdated_by(
    dataset: DatasetLayout,
    records: Mapping[str, Mapping[str, str]] | None,
    statuses: Sequence[SceneStatus],
    made_s: float,
) -> str:
    """Return the first scene that is not as phase 6 saw it; a report of 0.1.0 tells by its time only."""
    for status in statuses:
        for phase, digest in status.digests.items():
            if records is not None:
                seen = records.get(status.scene_id)
                is_same = seen is None or seen.get(phase, "missing") == digest
            else:
                done = dataset.scene(status.scene_id).done(phase)
                is_same = not done.exists() or done.stat().st_mtime <= made_s
            if not is_same:
                return f"{status.scene_id}, phase {phase}"
    return ""
