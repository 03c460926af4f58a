"""A phase's own store: which work goes on, which is replaced, what is remembered, what the record says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from focusgen.base.checksums import checksum
from focusgen.base.errors import CorruptInputError, StaleError, StorageError
from focusgen.base.files import publish_json
from focusgen.dataset.journals import reopen
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import Identity, read_record
from focusgen.dataset.scene_store import PhaseStore, remove_leftovers
from focusgen.media.codecs import encode_npz
from tests.small import DIGEST, identity

PLAN = identity("depth", settings={"depth.min_m": 0.01})


@pytest.fixture
def scene(tmp_path: Path) -> SceneLayout:
    return SceneLayout(tmp_path, 'ein Bär\'s "Tag"')


def depth_bytes(metres: float) -> bytes:
    return encode_npz("depth", np.full((4, 4), metres, np.float16))


def put(store: PhaseStore, frame: int, metres: float = 1.0) -> None:
    store.put((store.scene.depth(frame), lambda: depth_bytes(metres)))


def begin(scene: SceneLayout, plan: Identity = PLAN, frames: tuple[int, ...] = (0,)) -> None:
    """Publish some frames and stop as a kill does: no record, the journal stays."""
    with PhaseStore(scene, plan) as store:
        for frame in frames:
            put(store, frame)
        store.drain()


def finish(scene: SceneLayout, plan: Identity = PLAN, **details: Any) -> None:
    with PhaseStore(scene, plan) as store:
        for frame in store.missing(lambda frame: [scene.depth(frame)]):
            put(store, frame)
        store.finish(details)


def missing(scene: SceneLayout, plan: Identity = PLAN, **named: Any) -> list[int]:
    with PhaseStore(scene, plan, **named) as store:
        return store.missing(lambda frame: [scene.depth(frame)])


# --- what goes on, and what is replaced


def test_the_first_life_has_all_frames_before_it(scene):
    assert missing(scene) == [0, 1, 2]


def test_frames_of_an_earlier_life_are_kept_and_the_end_is_that_of_one_life(scene, tmp_path):
    begin(scene, frames=(0, 2))
    assert missing(scene) == [1]
    finish(scene)
    other = SceneLayout(tmp_path / "undisturbed", scene.scene_id)
    finish(other)
    assert read_record(scene.done("depth")).digest == read_record(other.done("depth")).digest


def test_a_frame_that_a_kill_damaged_is_made_again(scene):
    begin(scene, frames=(0, 1))
    scene.depth(0).write_bytes(scene.depth(0).read_bytes()[:-5])
    assert missing(scene) == [0, 2]


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": {"depth.min_m": 0.02}},
        {"backend": "vda"},
        {"weights": {"vda": "0"}},
        {"algorithm_version": 2},
        {"n_frames": 2},
    ],
)
def test_work_begun_under_other_settings_is_refused_until_somebody_allows_it(scene, changed):
    begin(scene)
    today = replace(PLAN, **changed)
    with pytest.raises(StaleError, match="half made with other settings") as caught:
        missing(scene, today)
    assert repr(scene.scene_id) in caught.value.message and "--on_stale redo" in caught.value.advice
    assert scene.depth(0).exists()  # a refusal deletes nothing
    assert missing(scene, today, redo=True) == list(range(today.n_frames))
    assert not scene.depth(0).exists()


def test_work_begun_from_other_input_is_dropped_and_told(scene):
    begin(scene)
    told: list[str] = []
    assert missing(scene, replace(PLAN, upstream={"deblur": "mended"}), tell=told.append) == [0, 1, 2]
    assert len(told) == 1 and "made from other input (upstream.deblur:" in told[0]


def test_finished_work_is_not_dropped_because_its_input_changed(scene):
    finish(scene)
    publish_json(scene.journal("depth"), PLAN.document())  # as `reopen` leaves it
    with pytest.raises(StaleError, match="other settings"):
        missing(scene, replace(PLAN, upstream={"deblur": "mended"}))
    assert scene.done("depth").exists()


def test_what_was_begun_without_a_frame_is_in_nobody_s_way(scene):
    begin(scene, frames=())
    assert missing(scene, replace(PLAN, settings={"depth.min_m": 0.5})) == [0, 1, 2]


def test_a_rehearsal_is_made_to_be_replaced(scene):
    short = replace(PLAN, n_frames=1)
    with PhaseStore(scene, short) as store:
        put(store, 0)
        store.finish({}, whole_scene=False)
    assert read_record(scene.partial("depth")).n_frames == 1 and not scene.done("depth").exists()
    assert missing(scene) == [0, 1, 2]
    assert not scene.partial("depth").exists()


@pytest.mark.parametrize("has_copy", [False, True])
def test_frames_that_no_record_vouches_for_name_the_way_that_helps(scene, has_copy):
    finish(scene)
    scene.done("depth").unlink()
    if not has_copy:
        scene.record_copy("depth").unlink()
    with pytest.raises(StaleError, match="record missing") as caught:
        missing(scene)
    assert str(scene.done("depth")) in caught.value.message
    assert ("focusgen repair" in caught.value.advice) is has_copy
    assert ("focusgen adopt" in caught.value.advice) is not has_copy
    assert missing(scene, redo=True) == [0, 1, 2]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff"])
def test_a_damaged_journal_vouches_for_nothing(scene, text):
    begin(scene)
    scene.journal("depth").write_bytes(text)
    with pytest.raises(StaleError, match="record missing"):
        missing(scene)


def test_other_phases_of_the_scene_are_left_alone(scene):
    render = identity("render", scene_id=scene.scene_id)
    scene.sharp(0).parent.mkdir(parents=True)
    scene.sharp(0).write_bytes(b"of phase 2")
    begin(scene)
    with PhaseStore(scene, render, redo=True) as store:
        store.put_json(scene.metadata_json, {"sets": []})
        store.discard()
    assert not scene.metadata_json.exists()
    assert scene.sharp(0).exists() and scene.depth(0).exists() and scene.journal("depth").exists()


def test_redoing_removes_the_record_and_its_copy_first(scene):
    finish(scene)
    assert missing(scene, replace(PLAN, backend="hf"), redo=True) == [0, 1, 2]
    assert not scene.record_copy("depth").exists() and not scene.done("depth").exists()


def test_folders_of_lens_sets_that_are_no_more_go_and_what_a_stranger_put_there_stays(scene):
    render = identity("render", scene_id=scene.scene_id)
    with PhaseStore(scene, render) as store:
        for path in (scene.bokeh(0, 0), scene.bokeh(1, 0), scene.focus(1, 0)):
            path.parent.mkdir(parents=True)
            store.put((path, lambda: b"a frame"))
        store.finish({})
    mine = scene.bokeh(0, 0).with_name("mine.txt")
    mine.touch()
    with PhaseStore(scene, replace(render, settings={"render.backend": "other"}), redo=True):
        assert mine.exists() and not scene.bokeh(0, 0).exists()
        assert not scene.bokeh(1, 0).parent.exists() and not scene.focus(1, 0).parent.exists()


def test_discarding_takes_all_back(scene):
    with PhaseStore(scene, PLAN) as store:
        store.remember("median/0", 1.0)
        put(store, 0)
        store.put_json(scene.stats_json, {"d_min": 1})
        store.discard()
    left = [path for path in scene.root.rglob("*") if path.is_file()]
    assert left == [] and not scene.journal("depth").exists()
    assert missing(scene) == [0, 1, 2]


# --- files of one frame


def test_a_frame_counts_only_with_all_of_its_files(scene):
    with PhaseStore(scene, PLAN) as store:
        put(store, 0)
        store.drain()
        pair: Callable[[int], list[Path]] = lambda frame: [scene.depth(frame), scene.focus(0, frame)]  # noqa: E731
        assert store.missing(pair) == [0, 1, 2]


def test_a_rehearsal_asks_for_its_own_frames_only(scene):
    assert missing(scene, replace(PLAN, n_frames=1)) == [0]


def test_files_are_published_in_the_order_given(scene, monkeypatch):
    order = []
    monkeypatch.setattr(
        "focusgen.dataset.store.publish", lambda path, data: order.append((path.name, data)) and None
    )
    with PhaseStore(scene, PLAN) as store:
        store.put((scene.root / "label", lambda: b"1"), (scene.root / "picture", lambda: b"2"))
        store.put((scene.root / "next", lambda: b"3"))
    assert order == [("label", b"1"), ("picture", b"2"), ("next", b"3")]


def test_what_was_computed_is_published_before_an_error_goes_on(scene):
    with pytest.raises(RuntimeError, match="of the model"), PhaseStore(scene, PLAN) as store:
        put(store, 0)
        put(store, 1)
        raise RuntimeError("of the model")
    assert scene.depth(0).exists() and scene.depth(1).exists()
    assert not scene.done("depth").exists()


def test_a_failing_disk_does_not_hide_the_error_that_came_first(scene):
    def encode() -> bytes:
        raise StorageError("disk full")

    with pytest.raises(StorageError), PhaseStore(scene, PLAN) as store:
        store.put((scene.depth(0), encode))
        store.drain()
    with pytest.raises(RuntimeError, match="of the model"), PhaseStore(scene, PLAN) as store:
        store.put((scene.depth(0), lambda: depth_bytes(1)))
        raise RuntimeError("of the model")


# --- what is remembered


def test_facts_outlive_a_kill_and_come_back_in_frame_order(scene):
    with PhaseStore(scene, PLAN) as store:
        for frame in (10, 2, 0):
            store.remember(f"median/{frame}", frame / 2)
        store.remember("seam/0-1", [1.5, None])
        store.remember("med", "not of the medians")
        assert store.recall("median/2") == 1.0 and store.recall("median/3") is None
    with PhaseStore(scene, PLAN) as store:
        assert list(store.recall_frames("median").items()) == [(0, 0.0), (2, 1.0), (10, 5.0)]
        assert store.recall_all("seam") == {"0-1": [1.5, None]}
        assert store.recall("med") == "not of the medians"


def test_a_fact_that_is_said_again_holds_as_it_was_said_last(scene):
    with PhaseStore(scene, PLAN) as store:
        store.remember("median/0", 1.0)
        store.remember("median/0", 2.0)
    with PhaseStore(scene, PLAN) as store:
        assert store.recall("median/0") == 2.0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"x": float("-inf")}])
def test_what_json_cannot_hold_is_not_remembered(scene, value):
    with pytest.raises(ValueError, match="not JSON compliant"), PhaseStore(scene, PLAN) as store:
        store.remember("median/0", value)


# --- the record


def test_the_record_vouches_for_the_bytes_that_lie_there(scene):
    with PhaseStore(scene, PLAN) as store:
        for frame in range(3):
            put(store, frame, frame + 1.0)
        store.put_json(scene.stats_json, {"d_min": 1.0})
        store.flag(1, "holes")
        store.warn("look at me")
        store.run_notes["weights"] = {"vda": {"licence": "apache-2.0"}}
        returned = store.finish({"median": [1.0, None]})
    record = read_record(scene.done("depth"))
    assert record == returned == read_record(scene.record_copy("depth"))
    files = {name: entry.xxh3_128 for name, entry in record.files.items()}
    folder = scene.phase_folder("depth")
    assert files == {name: checksum((folder / name).read_bytes()) for name in files}
    assert list(files) == ["depth_0000.npz", "depth_0001.npz", "depth_0002.npz", "stats.json"]
    assert record.flags == {"1": ["holes"]} and record.warnings == ["look at me"]
    assert record.details == {"median": [1.0, None]}
    assert record.document["run"]["weights"] == {"vda": {"licence": "apache-2.0"}}
    assert record.document["upstream"] == {"deblur": DIGEST}
    assert not scene.journal("depth").exists()


def test_the_digest_does_not_hang_on_time_machine_or_order(tmp_path):
    first, second = SceneLayout(tmp_path / "1", "a"), SceneLayout(tmp_path / "2", "a")
    finish(first, focus=1)
    with PhaseStore(second, PLAN) as store:
        store.run_notes["host"] = "another"
        for frame in (2, 0, 1):
            put(store, frame)
        store.finish({"focus": 1})
    assert read_record(first.done("depth")).digest == read_record(second.done("depth")).digest


def test_details_without_numbers_are_refused_and_leave_no_record(scene):
    with pytest.raises(ValueError, match="not JSON compliant"), PhaseStore(scene, PLAN) as store:
        store.finish({"median": float("nan")})
    assert not scene.done("depth").exists()


def test_a_finished_phase_removes_what_was_said_of_its_failure_and_rehearsal(scene):
    for path in (scene.failed("depth"), scene.partial("depth")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    begin(scene, frames=())
    finish(scene)
    assert not scene.failed("depth").exists() and not scene.partial("depth").exists()


def test_leftovers_of_a_killed_writer_are_removed_and_nothing_else(scene):
    finish(scene)
    torn = [
        scene.phase_folder("depth") / ".depth_0001.npz.77.tmp",
        scene.journal("depth").parent / ".depth.json.77.tmp",
        scene.record_copy("depth").parent / ".depth.json.77.tmp",
    ]
    others = [
        scene.root / "frames_sharp" / ".frame_0000.png.77.tmp",  # of a phase that may be running now
        scene.record_copy("render").parent / ".render.json.77.tmp",
        scene.phase_folder("depth") / ".hidden",
    ]
    for path in (*torn, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    remove_leftovers(scene, "depth")
    assert [path for path in torn if path.exists()] == []
    assert all(path.exists() for path in others) and scene.done("depth").exists()


def test_a_record_of_release_0_1_0_is_repaired_in_its_own_way_of_writing_pictures(scene):
    finish(scene)
    document = json.loads(scene.done("depth").read_bytes())
    assert document["png_filter"] == "up"
    reopen(scene, read_record(scene.done("depth")), [])
    with PhaseStore(scene, PLAN) as store:
        assert store.png_filter == "up"
    journal = json.loads(scene.journal("depth").read_bytes())
    del journal["png_filter"]  # as one of 0.1.0
    publish_json(scene.journal("depth"), journal)
    with PhaseStore(scene, PLAN) as store:
        assert store.png_filter == "paeth"
        store.missing(lambda frame: [scene.depth(frame)])
        record = store.finish({})
    assert "png_filter" not in record.document


def test_a_damaged_record_is_told_by_its_reader_and_not_by_the_store(scene):
    finish(scene)
    scene.done("depth").write_bytes(scene.done("depth").read_bytes()[:-3])
    with pytest.raises(CorruptInputError, match="damaged"):
        read_record(scene.done("depth"))
    with pytest.raises(StaleError, match="record missing"):
        missing(scene)
