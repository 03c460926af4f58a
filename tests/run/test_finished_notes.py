"""What a run writes down of a finished scene is believed line by line, and written only where it is plain."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from focusgen.base.errors import StorageError
from focusgen.dataset import index as index_module
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import read_record
from focusgen.dataset.sealed_lines import seal_line
from focusgen.run import finished_notes
from focusgen.run.finished_notes import note_finished, read_notes
from focusgen.run.scene_marks import digest_of, facts_of
from tests.small import entry, finish_scene, identity, put_record, write_index


@pytest.fixture
def many(tmp_path: Path, monkeypatch) -> tuple[DatasetLayout, Mapping[str, IndexEntry]]:
    """Two finished scenes and one that is new, in an index of "very many"."""
    monkeypatch.setattr(index_module, "TABLE_FROM_SCENES", 1)
    dataset = DatasetLayout(tmp_path, tmp_path / "scene_index.json")
    scenes = {name: finish_scene(dataset, name) for name in ("a", "b 'ü'")}
    write_index(tmp_path, {**scenes, "new": entry()})
    return dataset, read_index(dataset)


def notes(dataset: DatasetLayout) -> dict:
    return read_notes(dataset.finished_notes)


def test_a_note_says_which_records_lie_there_and_under_which_mark(many):
    dataset, index = many
    note_finished(dataset, index, "a")
    scene = dataset.scene("a")
    ((key, note),) = notes(dataset).items()
    assert key == ("a", digest_of(facts_of(scene)))
    digests = tuple(read_record(scene.done(phase)).digest for phase in ("deblur", "depth", "render"))
    assert note.digests == digests and note.n_frames == 2
    assert note.ingest_digest == index["a"].ingest_digest


def test_scenes_that_stand_alike_are_of_one_kind(many):
    dataset, index = many
    for name in ("a", "b 'ü'", "new"):
        note_finished(dataset, index, name)
    kinds = {scene: note.kinds for (scene, _), note in notes(dataset).items()}
    assert kinds["a"] == kinds["b 'ü'"] != kinds["new"]


def test_other_settings_are_another_kind(many):
    dataset, index = many
    scene = dataset.scene("a")
    made = read_record(scene.done("deblur"))
    note_finished(dataset, index, "a")
    for phase in ("depth", "render"):
        for path in (scene.done(phase), scene.record_copy(phase)):
            path.unlink()
    for folder in ("depth_maps", "bokeh_renders"):
        for path in sorted((scene.root / folder).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (scene.root / folder).rmdir()
    note_finished(dataset, index, "a")
    settings = {**made.document["settings"], "deblur.backend": "classical"}
    changed = identity("deblur", "a", 2, upstream=made.document["upstream"], settings=settings)
    put_record(scene, changed)
    note_finished(dataset, index, "a")
    assert len({note.kinds for note in notes(dataset).values()}) == 3


Change = Callable[[DatasetLayout], object]
NOT_PLAIN: dict[str, Change] = {
    "a damaged record": lambda d: d.scene("a").done("depth").write_bytes(b"{}"),
    "begun again": lambda d: (
        d.scene("a").journal("render").parent.mkdir(parents=True, exist_ok=True)
        or d.scene("a").journal("render").write_text("{}")
    ),
    "files without a record": lambda d: d.scene("a").done("render").unlink(),
    "another input": lambda d: put_record(d.scene("a"), identity("deblur", "a", 2)),
}


@pytest.mark.parametrize("change", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_nothing_is_written_of_a_scene_that_is_not_plain(many, change):
    dataset, index = many
    change(dataset)
    note_finished(dataset, index, "a")
    assert notes(dataset) == {}


def test_a_record_of_fewer_frames_than_the_index_says_is_not_plain(many):
    dataset, index = many
    longer = dataclasses.replace(index["a"], frames=entry(9).frames)
    assert finished_notes._note_of(dataset.scene("a"), index["a"]) is not None
    assert finished_notes._note_of(dataset.scene("a"), longer) is None


def test_of_few_scenes_nothing_is_written(many):
    dataset, index = many
    note_finished(dataset, dict(index), "a")
    assert notes(dataset) == {} and not dataset.finished_notes.exists()


def test_where_nothing_can_be_written_the_run_goes_on(many, monkeypatch):
    def refuse(*_: object) -> None:
        raise StorageError("read-only")

    dataset, index = many
    monkeypatch.setattr(finished_notes, "append", refuse)
    note_finished(dataset, index, "a")
    assert notes(dataset) == {}


def test_a_torn_or_foreign_line_costs_itself_only(many):
    dataset, index = many
    note_finished(dataset, index, "a")
    (path,) = dataset.finished_notes.iterdir()
    whole = path.read_bytes()
    bad = [
        b"half a line",
        whole[:30] + b"\n",
        seal_line({"version": 99, "scene": "x", "mark": "m", "note": ["k", [], "d", 1]}),
        seal_line({"version": 1, "scene": "x"}),
        seal_line({"version": 1, "scene": "x", "mark": "m", "note": ["k"]}),
        seal_line({"version": 1, "scene": "x", "mark": "m", "note": ["k", None, "d", 1]}),
        seal_line({"version": 1, "scene": "x", "mark": "m", "note": ["k", [], "d", "many"]}),
    ]
    lines = [line if line.endswith(b"\n") else line + b"\n" for line in bad]
    path.write_bytes(b"".join(lines) + whole + b"\xff")
    assert [scene for scene, _ in notes(dataset)] == ["a"]


def test_lines_of_several_processes_are_one_story_and_the_last_holds(many, tmp_path):
    dataset, index = many
    note_finished(dataset, index, "a")
    ((key, note),) = notes(dataset).items()
    line = {"version": 1, "scene": key[0], "mark": key[1], "note": note._replace(n_frames=7)}
    (dataset.finished_notes / "zz-1.jsonl").write_bytes(seal_line(line))
    (dataset.finished_notes / "not ours.txt").write_bytes(seal_line(line))
    assert notes(dataset)[key].n_frames == 7


def test_no_folder_no_notes(tmp_path):
    assert read_notes(tmp_path / "nowhere") == {}
