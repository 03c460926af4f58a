"""A phase over scenes: what needs work, one model, every end on the disk, and nothing built on sand."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from focusgen import config
from focusgen.base.errors import (
    ConfigError,
    CorruptInputError,
    ExitCode,
    FocusgenError,
    Interrupted,
    ModelMemoryError,
    SceneError,
)
from focusgen.base.signals import StopFlag
from focusgen.config import Config
from focusgen.dataset import file_marks
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import read_record
from focusgen.dataset.states import State, read_failure
from focusgen.phases import provided_depth
from focusgen.phases.job import SceneJob
from focusgen.run.inputs import depth_mark
from focusgen.run.outcomes import RunSummary
from focusgen.run.phase_run import PhaseRun
from focusgen.run.progress import Observer
from focusgen.run.settings import saved_config
from focusgen.run.table import PhaseSpec
from tests.small import DIGEST, entry, identity, put_record, write_index

NAMES = ("a", "b c", "ü")


class Watching(Observer):
    """Keeps what a run tells."""

    def __init__(self) -> None:
        self.ended: dict[str, str] = {}
        self.messages: dict[str, str] = {}
        self.started: list[str] = []
        self.frames: list[tuple[str, int]] = []
        self.phase: tuple[Any, ...] = ()

    def phase_started(self, phase: Any, n_scenes: int, n_frames: int, n_settled: int) -> None:
        self.phase = (phase, n_scenes, n_frames, n_settled)

    def scene_started(self, scene_id: str, n_frames: int) -> None:
        self.started.append(scene_id)

    def frame_done(self, scene_id: str, frame: int) -> None:
        self.frames.append((scene_id, frame))

    def scene_ended(self, scene_id: str, outcome: str, message: str = "") -> None:
        self.ended[scene_id] = outcome
        self.messages[scene_id] = message


def finish(job: SceneJob, model: object) -> None:
    for frame in range(job.n_frames):
        job.on_frame(frame)
    details = {"is_exact": True, "is_rehearsal": False}
    job.store.finish(details, whole_scene=job.n_frames == job.entry.n_frames)


class Runs:
    """Three scenes after phase 2, and runs of a phase 3 that a test makes up."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.dataset: DatasetLayout = write_index(root, {name: entry(3) for name in NAMES})
        for name in NAMES:
            self.sharpen(name)
        self.loads, self.load_error = 0, None
        self.observer = Watching()

    def sharpen(self, name: str, **changes: Any) -> None:
        made = identity("deblur", name, settings={"deblur.backend": "dryrun"}, **changes)
        put_record(self.dataset.scene(name), made, {"width": 48, "height": 32})

    def cfg(self, **values: Any) -> Config:
        given = {"data.out_root": self.root, "depth.backend": "dryrun"}
        return config.load(None, {**given, **{k.replace("__", "."): v for k, v in values.items()}})

    def run(
        self,
        process: Callable[[SceneJob, Any], None] = finish,
        *,
        scenes: tuple[str, ...] = NAMES,
        stop: StopFlag | None = None,
        version: int = 1,
        keep_settings: bool = True,
        **values: Any,
    ) -> RunSummary:
        def load(cfg: Config, *, device: str | None) -> object:
            if self.load_error:
                raise self.load_error
            self.loads += 1
            return "the model"

        self.observer = Watching()
        spec = PhaseSpec("depth", version, load, process)
        flag = stop or StopFlag()
        run = PhaseRun(spec, self.cfg(**values), scenes, self.observer, flag, expected={})
        return run.run(keep_settings=keep_settings)

    def record(self, name: str) -> Any:
        return read_record(self.dataset.scene(name).done("depth"))


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def outcomes(*words: str) -> dict[str, str]:
    return dict(zip(NAMES, words, strict=True))


# --- what needs work


def test_every_scene_is_made_with_one_model_in_the_order_that_was_asked(runs):
    summary = runs.run(scenes=("ü", "a", "b c"))
    assert summary.outcomes == outcomes("complete", "complete", "complete")
    assert summary.exit_code is ExitCode.COMPLETE and summary.model_loads == runs.loads == 1
    assert runs.observer.started == ["ü", "a", "b c"]
    assert runs.observer.phase == ("depth", 3, 9, 0)
    assert runs.observer.frames[:3] == [("ü", 0), ("ü", 1), ("ü", 2)]
    assert runs.record("a").document["upstream"] == {
        "deblur": read_record(runs.dataset.scene("a").done("deblur")).digest
    }


def test_a_second_run_loads_nothing_says_nothing_and_reads_each_record_once(runs, monkeypatch):
    runs.run()
    read, read_bytes = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or read_bytes(path))
    summary = runs.run()
    records = sorted(path for path in read if path.name == ".done")
    assert records == sorted(runs.dataset.scene(n).done(p) for n in NAMES for p in ("deblur", "depth"))
    assert runs.loads == 1 and summary.model_loads == 0 and summary.exit_code is ExitCode.COMPLETE
    assert runs.observer.started == [] and runs.observer.ended == {}
    assert runs.observer.phase == ("depth", 0, 0, 3)


def test_only_what_was_asked_for_is_touched(runs):
    assert runs.run(scenes=("b c",)).outcomes == {"b c": "complete"}
    assert runs.record("a") is None and runs.record("ü") is None


def test_settings_of_the_last_run_are_saved_unless_a_repair_uses_the_records_own(runs):
    saved = runs.dataset.config_yaml("depth")
    runs.run(keep_settings=False)
    assert not saved.exists()
    runs.run(depth__min_m=0.01)
    assert "backend: dryrun" in saved.read_text()


@pytest.mark.parametrize("refusal", ["fail", "keep", "no model", "lost input"])
def test_a_run_that_made_nothing_leaves_the_settings_of_the_last_run(runs, refusal, monkeypatch):
    """Else `focusgen status`, explain and a bare phase 6 would call stale what nobody made otherwise."""
    runs.run(scenes=("a",))
    before = runs.dataset.config_yaml("depth").read_bytes()
    if refusal == "no model":
        runs.load_error = ConfigError("no GPU", "Take another backend.")
        with pytest.raises(ConfigError):
            runs.run(scenes=("b c",), depth__min_m=0.5)
    elif refusal == "lost input":
        monkeypatch.setattr(
            PhaseRun, "_weight_digests", lambda _: (_ for _ in ()).throw(SceneError("no depth"))
        )
        assert runs.run(scenes=("b c",), depth__min_m=0.5).exit_code is ExitCode.INCOMPLETE
    else:
        runs.run(scenes=("a",), depth__min_m=0.5, run__on_stale=refusal)
    assert runs.dataset.config_yaml("depth").read_bytes() == before


def test_a_run_that_finds_all_complete_remembers_where_it_looked(runs, tmp_path):
    runs.run(scenes=("a",))
    runs.run(scenes=("a",), depth__depth_root=tmp_path / "moved")
    assert runs.loads == 1 and saved_config(runs.dataset, "depth").depth.depth_root == tmp_path / "moved"


@pytest.mark.parametrize(
    ("on_stale", "outcome", "code"),
    [
        ("fail", "stale", ExitCode.INCOMPLETE),
        ("keep", "kept", ExitCode.COMPLETE),
        ("redo", "complete", ExitCode.COMPLETE),
    ],
)
def test_a_scene_of_other_settings_is_refused_kept_or_made_anew(runs, on_stale, outcome, code):
    runs.run(scenes=("a",))
    before = runs.record("a")
    summary = runs.run(scenes=("a",), depth__min_m=0.5, run__on_stale=on_stale)
    assert summary.outcomes == {"a": outcome} and summary.exit_code is code
    assert (runs.record("a") == before) is (outcome != "complete")
    if outcome != "complete":
        assert "depth.min_m: 0.01 -> 0.5" in summary.messages["a"]
        assert runs.observer.ended == {"a": outcome}  # told before any work


def test_depth_that_is_gone_leaves_finished_scenes_complete_and_is_asked_for_by_others(
    runs, tmp_path, monkeypatch
):
    """Two raw roots with depth of their own go into one data set in turn."""
    monkeypatch.setattr(provided_depth, "was_cut_short", lambda *_: False)
    given = {"depth__backend": "provided", "depth__depth_root": tmp_path / "depth"}
    for name in NAMES[:2]:
        (tmp_path / "depth" / name).mkdir(parents=True)
        for frame in range(3):
            np.save(tmp_path / "depth" / name / f"depth_{frame:04d}.npy", np.full((32, 48), 2.0, np.float32))
    assert runs.run(scenes=NAMES[:2], **given).outcomes == dict.fromkeys(NAMES[:2], "complete")
    shutil.rmtree(tmp_path / "depth" / "a")
    before = runs.record("a")
    summary = runs.run(**given)
    assert summary.outcomes == {"a": "complete", "b c": "complete", "ü": "missing_upstream"}
    again = runs.run(scenes=("a",), depth__min_m=0.5, run__on_stale="redo", **given)
    assert again.outcomes == {"a": "missing_upstream"}
    assert runs.record("a") == before, "nothing is removed that cannot be made again"


def test_depth_that_changes_while_its_scene_is_made_is_seen_to_be_other(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(file_marks, "SETTLED_S", -60.0)
    monkeypatch.setattr(provided_depth, "was_cut_short", lambda *_: False)
    (tmp_path / "depth" / "a").mkdir(parents=True)

    def write(value_m: float) -> None:
        for frame in range(3):
            np.save(tmp_path / f"depth/a/depth_{frame:04d}.npy", np.full((32, 48), value_m, np.float32))

    def changed_meanwhile(self, *arguments, **named):
        found = identity(self, *arguments, **named)
        write(3.0)
        return found

    write(2.0)
    given = {"depth__backend": "provided", "depth__depth_root": tmp_path / "depth"}
    with monkeypatch.context() as patch:
        identity = PhaseRun.identity
        patch.setattr(PhaseRun, "identity", changed_meanwhile)
        runs.run(scenes=("a",), **given)
    index = read_index(runs.dataset)
    recorded = runs.record("a").document["run"]["depth_mark"]
    assert recorded != depth_mark(runs.cfg(**given), runs.dataset, "a", index["a"])


@pytest.mark.parametrize(
    ("on_stale", "outcome"), [("fail", "stale"), ("keep", "stale"), ("redo", "complete")]
)
def test_a_scene_that_was_never_made_is_not_kept(runs, on_stale, outcome):
    runs.run(scenes=("a",))
    runs.dataset.max_coc_json.write_text(json.dumps({"max_coc": 2e-3}))
    put_record(runs.dataset.scene("ü"), identity("render", "ü"))
    spec = PhaseSpec("render", 1, lambda cfg, device: None, finish)
    cfg = runs.cfg(render__max_coc=1e-3, run__on_stale=on_stale)
    summary = PhaseRun(spec, cfg, ("a",), Observer(), StopFlag(), expected={}).run()
    assert summary.outcomes == {"a": outcome}
    assert runs.dataset.scene("a").done("render").exists() is (outcome == "complete")
    assert ("nothing to keep" in summary.messages.get("a", "")) is (outcome == "stale")


def test_a_scene_whose_record_is_damaged_is_not_kept(runs):
    runs.run(scenes=("a",))
    runs.dataset.scene("a").done("depth").write_bytes(b"{")
    summary = runs.run(scenes=("a",), run__on_stale="keep")
    assert summary.outcomes == {"a": "stale"} and "the record is damaged" in summary.messages["a"]


def test_a_newer_algorithm_makes_scenes_stale(runs):
    runs.run(scenes=("a",))
    assert "algorithm_version: 1 -> 2" in runs.run(scenes=("a",), version=2).messages["a"]


def test_another_program_that_finished_a_scene_meanwhile_is_believed(runs):
    """Two tasks of a cluster get the same scenes: the second one waits for the lock, and finds all done."""

    def also_the_next(job: SceneJob, model: object) -> None:
        if job.scene_id == "a":
            other = Runs.__new__(Runs)
            other.__dict__.update(runs.__dict__)
            other.run(scenes=("b c",))
        finish(job, model)

    watched = Watching()
    summary = runs.run(also_the_next, scenes=("a", "b c"))
    assert summary.outcomes == {"a": "complete", "b c": "complete"}
    assert watched.ended == {}


# --- what it is made from


def test_a_scene_without_sharp_frames_is_recorded_as_that_and_the_others_are_made(runs):
    runs.dataset.scene("b c").done("deblur").unlink()
    summary = runs.run()
    assert summary.outcomes == outcomes("complete", "missing_upstream", "complete")
    failure = read_failure(runs.dataset.scene("b c"), "depth")
    assert "phase 2 (deblur) is not complete" in failure["message"]
    assert "Run phase 2" in failure["advice"]
    assert "b c" not in runs.observer.started


def test_where_no_scene_can_be_made_no_model_is_loaded(runs):
    for name in NAMES:
        runs.dataset.scene(name).done("deblur").unlink()
    assert runs.run().exit_code is ExitCode.INCOMPLETE and runs.loads == 0


def test_a_damaged_record_of_an_earlier_phase_stops_its_scene(runs):
    runs.dataset.scene("a").done("deblur").write_bytes(b"{}")
    summary = runs.run()
    assert summary.outcomes["a"] == "corrupt_input" and summary.outcomes["ü"] == "complete"


def test_nothing_is_made_on_sharp_frames_of_another_video(runs):
    runs.sharpen("a", upstream={"index": "another"})
    summary = runs.run()
    assert summary.outcomes == outcomes("stale upstream", "complete", "complete")
    assert summary.exit_code is ExitCode.INCOMPLETE
    assert "Run phase 2" in summary.messages["a"]
    assert runs.record("a") is None and read_failure(runs.dataset.scene("a"), "depth") is None


def test_new_sharp_frames_make_finished_depth_stale(runs):
    runs.run(scenes=("a",))
    runs.sharpen("a", weights={"w": "2"})
    summary = runs.run(scenes=("a",))
    assert summary.outcomes == {"a": "stale"} and "upstream.deblur" in summary.messages["a"]


def test_a_rehearsal_makes_fewer_frames_and_may_follow_another(runs):
    summary = runs.run(data__max_frames=2)
    assert set(summary.outcomes.values()) == {"partial"} and summary.exit_code is ExitCode.COMPLETE
    assert runs.observer.phase == ("depth", 3, 6, 0)
    assert read_record(runs.dataset.scene("a").partial("depth")).n_frames == 2
    assert runs.run(data__max_frames=99).outcomes == outcomes("complete", "complete", "complete")


@pytest.mark.parametrize("on_stale", ["fail", "redo", "keep"])
def test_a_rehearsal_never_takes_the_place_of_a_finished_scene(runs, on_stale):
    runs.run(scenes=("a",))
    before = runs.record("a")
    summary = runs.run(scenes=("a", "ü"), data__max_frames=2, run__on_stale=on_stale, depth__max_m=9.0)
    assert summary.outcomes == {"a": "kept" if on_stale == "keep" else "stale", "ü": "partial"}
    assert runs.record("a") == before
    if on_stale != "keep":
        assert "rehearse in another --out_root" in summary.messages["a"]


# --- how scenes end


def failing(error: Exception, name: str = "b c") -> Callable[[SceneJob, Any], None]:
    def process(job: SceneJob, model: object) -> None:
        if job.scene_id == name:
            raise error
        finish(job, model)

    return process


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (CorruptInputError("frame 2 is torn"), "corrupt_input"),
        (ModelMemoryError("frame 2: out of memory", "lower tile_px"), "oom"),
        (MemoryError(), "oom"),
        (OSError(28, "No space left on device"), "storage"),
        (ZeroDivisionError("division by zero"), "bug"),
        (OSError(99, "strange"), "bug"),
    ],
)
def test_one_scene_that_fails_is_recorded_and_the_others_are_made(runs, error, outcome):
    summary = runs.run(failing(error))
    assert summary.outcomes == outcomes("complete", outcome, "complete")
    assert summary.exit_code is ExitCode.INCOMPLETE
    failure = read_failure(runs.dataset.scene("b c"), "depth")
    assert failure["class"] == outcome and failure["attempt"] == 1
    assert runs.record("b c") is None


def test_attempts_are_counted_and_success_forgets_them(runs):
    runs.run(failing(ZeroDivisionError()))
    runs.run(failing(ZeroDivisionError()))
    assert read_failure(runs.dataset.scene("b c"), "depth")["attempt"] == 2
    runs.run()
    assert read_failure(runs.dataset.scene("b c"), "depth") is None


def test_the_same_bug_in_three_scenes_stops_the_run(runs):
    def buggy(job: SceneJob, model: object) -> None:
        raise KeyError(job.scene_id)

    with pytest.raises(FocusgenError, match="the same bug in 3 scenes") as caught:
        runs.run(buggy)
    assert "focusgen explain" in caught.value.advice
    assert all(read_failure(runs.dataset.scene(name), "depth") for name in NAMES)


def test_what_concerns_all_scenes_ends_the_run_at_once(runs):
    with pytest.raises(ConfigError, match="no GPU"):
        runs.run(failing(ConfigError("no GPU"), "a"))
    assert runs.record("ü") is None and read_failure(runs.dataset.scene("a"), "depth") is None


def test_a_signal_stops_after_the_frame_and_leaves_no_failure(runs):
    stop = StopFlag()

    def asked_to_stop(job: SceneJob, model: object) -> None:
        job.on_frame(0)
        stop.exit_code = ExitCode.TERMINATED
        job.on_frame(1)

    with pytest.raises(Interrupted):
        runs.run(asked_to_stop, stop=stop)
    assert runs.observer.frames == [("a", 0), ("a", 1)]
    assert read_failure(runs.dataset.scene("a"), "depth") is None
    assert runs.dataset.scene("a").journal("depth").exists()
    assert runs.run().exit_code is ExitCode.COMPLETE


def test_a_failed_scene_is_tried_again_by_the_next_run(runs):
    runs.run(failing(CorruptInputError("torn")))
    summary = runs.run()
    assert summary.outcomes == outcomes("complete", "complete", "complete")
    assert runs.observer.started == ["b c"]


# --- one max_coc for all renders


@pytest.mark.parametrize(
    ("noted", "has_finished", "state"),
    [
        (None, False, State.PENDING),
        (1e-3, True, State.PENDING),
        (2e-3, True, State.STALE),
        (2e-3, False, State.PENDING),  # of scenes that somebody deleted
    ],
)
def test_a_scene_of_another_max_coc_than_the_finished_ones_is_stale(runs, noted, has_finished, state):
    runs.run(scenes=("a",))
    if noted is not None:
        runs.dataset.max_coc_json.write_text(json.dumps({"max_coc": noted}))
    if has_finished:
        put_record(runs.dataset.scene("ü"), identity("render", "ü"))
    spec = PhaseSpec("render", 1, lambda cfg, device: None, finish)
    run = PhaseRun(spec, runs.cfg(render__max_coc=1e-3), ("a",), Observer(), StopFlag(), expected={})
    assert run._state("a").state is state
    assert runs.dataset.max_coc_json.exists() is has_finished


def test_the_entry_of_the_index_is_what_frames_are_counted_by(runs):
    write_index(runs.root, {"a": dataclasses.replace(entry(5), ingest_digest=DIGEST)})
    assert runs.run(scenes=("a",)).outcomes == {"a": "missing_upstream"}  # three sharp frames of five
