"""Everything that the files of a data set tell about one scene, as plain data and as text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.names import display
from focusgen.config import GRAPH, SCENE_PHASES, Config, PhaseName
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.ingest import read_manifest
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.records import Record, object_if_readable, read_record
from focusgen.dataset.states import LABELS_GONE, State, read_failure
from focusgen.run.settings import expected_by_status
from focusgen.run.staleness import SceneChain
from focusgen.tools.log_tails import log_tail

MEND = "Mend or replace the file, then run phase 1 again."
ADVICE = {
    "stale": "Run the phase with --on_stale redo to make it anew, with --on_stale keep to leave it.",
    "partial": "Run the phase again: it goes on where it stopped.",
    "pending": "Run the phase.",
}


def explain_scene(
    dataset: DatasetLayout, scene_id: str, entry: IndexEntry, cfg: Config | None = None
) -> dict[str, Any]:
    """Return all that is known about a scene, as JSON data.

    Args:
        cfg: settings to compare with; None for those of each phase's own last run.
    """
    expected = expected_by_status(dataset, cfg)
    chain = SceneChain(dataset, scene_id, entry, expected, look_at_inputs=True)
    return {
        "scene_id": scene_id,
        "split": entry.split,
        "n_frames": entry.n_frames,
        "raw_size": [entry.width, entry.height],
        "source": {key: value for key, value in entry.source.items() if key != "frame_times_s"},
        "shot_cuts": list(entry.shot_cuts),
        "raw_checksums": _ingest(dataset, scene_id, entry),
        "phases": {phase: _phase(chain, phase) for phase in SCENE_PHASES},
        "log": list(log_tail(dataset, scene_id)),
    }


def refuse_rejected(dataset: DatasetLayout, index: Collection[str], names: Sequence[str]) -> None:
    """Say why phase 1 refused a scene: there is nothing else to tell of it.

    Raises:
        ConfigError: it did.
    """
    rejected = object_if_readable(dataset.rejected_scenes_json) or {}
    for name in names:
        if name in rejected and name not in index:
            why = f"{rejected[name]['file']}: {rejected[name]['reason']}"
            raise ConfigError(f"scene {name!r} is not in the index: phase 1 refused it: {why}", MEND)


def _ingest(dataset: DatasetLayout, scene_id: str, entry: IndexEntry) -> str:
    try:
        n_files = len(read_manifest(dataset, scene_id, entry))
    except CorruptInputError as error:
        return error.message
    return f"of {n_files} files" if n_files else "none (adopted without its raw frames)"


def _phase(chain: SceneChain, phase: PhaseName) -> dict[str, Any]:
    found: dict[str, Any] = {"number": GRAPH[phase].number}
    record = _record(chain.scene, phase, found)
    state = chain.state(phase)
    found["state"], found["reason"] = state.state.value, state.reason
    found["differences"] = chain.differences(phase) if record else []
    is_past = state.state is State.COMPLETE
    found["failure"] = None if is_past else read_failure(chain.scene, phase)
    found["advice"] = _advice(found) or _way_out(chain, phase, found["state"], state.reason)
    return found


def _way_out(chain: SceneChain, phase: PhaseName, state: str, reason: str) -> str:
    """Return what mends a state: of a phase that is stale by an earlier one, what mends that one."""
    try:
        link = chain.stale_upstream(phase) if state == "stale" else None
    except CorruptInputError as error:
        return error.advice or ADVICE["stale"]
    if link is not None:
        return link.advice
    return ADVICE.get(state, "") if reason != LABELS_GONE else "focusgen repair."


def _record(scene: SceneLayout, phase: PhaseName, found: dict[str, Any]) -> Record | None:
    """Read the record of a phase, whole or of a rehearsal, into `found`."""
    try:
        record = read_record(scene.done(phase)) or read_record(scene.partial(phase))
    except CorruptInputError as error:
        found |= {"state": "stale", "record_error": error.message, "record_advice": error.advice}
        return None
    if record is not None:
        run = {
            key: value for key, value in record.document["run"].items() if key not in ("checksum", "notes")
        }
        found["record"] = {
            "backend": record.document["backend"],
            "algorithm_version": record.document["algorithm_version"],
            "digest": record.digest,
            "settings": dict(record.document["settings"]),
            "unit": record.details.get("unit"),
            "weights": dict(record.document["weights"]),
            "upstream": dict(record.document["upstream"]),
            "n_frames": record.n_frames,
            "n_files": len(record.files),
            "n_bytes": sum(file.size for file in record.files.values()),
            "flags": record.flags,
            "warnings": record.warnings,
            "run": run,
        }
    return record


def _advice(found: Mapping[str, Any]) -> str:
    failure = found["failure"]
    if failure:
        return str(failure.get("advice", ""))
    if "record_error" in found:
        return str(found["record_advice"]) or "focusgen repair restores it."
    return ""


def as_text(found: Mapping[str, Any]) -> str:
    """Return what `explain_scene` found as lines for people; names in it are escaped."""
    lines = [
        f"scene {display(found['scene_id'])}: {found['split']}, {found['n_frames']} frames, "
        f"raw {found['raw_size'][0]}x{found['raw_size'][1]}",
        f"  source: {display(str(found['source']))}",
        f"  raw checksums: {display(found['raw_checksums'])}",
    ]
    for phase, facts in found["phases"].items():
        lines += _phase_lines(phase, facts)
    if found["log"]:
        lines += ["log", *(f"  {line}" for line in found["log"])]
    return "\n".join(lines)


def _phase_lines(phase: str, facts: Mapping[str, Any]) -> list[str]:
    reason = f": {display(facts['reason'])}" if facts["reason"] else ""
    lines = [f"phase {facts['number']} {phase}: {facts['state']}{reason}"]
    record = facts.get("record")
    if record:
        run = record["run"]
        lines += [
            f"  backend {record['backend']}, algorithm version {record['algorithm_version']}, "
            f"digest {record['digest'][:12]}",
            f"  made {run.get('started')} in {run.get('elapsed_s')} s on {display(str(run.get('host')))} "
            f"({run.get('machine')}), focusgen {run.get('focusgen')}, Python {run.get('python')}, "
            f"job {run.get('slurm_job_id') or 'none'}",
            f"  {record['n_files']} files, {record['n_bytes'] / 1e6:.1f} MB, {record['n_frames']} frames",
            f"  settings: {display(str(record['settings']))}",
        ]
        lines += [f"  depth files: {display(record['unit'])}"] if record["unit"] else []
        lines += [f"  weights {name}: {digest}" for name, digest in record["weights"].items()]
        lines += [f"  warning: {display(text)}" for text in record["warnings"]]
        lines += [f"  frame {f}: {display(t)}" for f, texts in record["flags"].items() for t in texts]
    lines += [f"  differs: {display(text)}" for text in facts["differences"]]
    lines += _failure_lines(facts["failure"])
    if facts["advice"]:
        lines.append(f"  advice: {display(facts['advice'])}")
    return lines


def _failure_lines(failure: Mapping[str, Any] | None) -> list[str]:
    if not failure:
        return []
    lines = [f"  failed ({failure['class']}), attempt {failure.get('attempt')}:"]
    lines += [f"    {display(line)}" for line in str(failure.get("message", "")).splitlines()]
    lines += [f"    | {display(line)}" for line in str(failure.get("traceback", "")).splitlines()]
    return lines
