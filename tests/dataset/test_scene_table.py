"""A table is read line by line, and is never taken for another file than the one that it was made from."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from focusgen.base.checksums import checksum, file_checksum
from focusgen.base.errors import ConfigError
from focusgen.dataset import file_marks, scene_table
from focusgen.dataset.scene_table import Original, SceneTable, TableWriter, drop_table, open_table

SCENES = {f"scène {number}": {"n": number, "name": "é" * number} for number in range(7)}


@pytest.fixture
def table(tmp_path: Path, monkeypatch) -> Path:
    """A table of seven scenes in blocks of three, and its original beside it."""
    monkeypatch.setattr(scene_table, "BLOCK_SCENES", 3)
    original = tmp_path / "index.json"
    original.write_text(json.dumps(SCENES))
    write(tmp_path, SCENES)
    return tmp_path


def write(root: Path, scenes: dict) -> None:
    with TableWriter(root / "table") as writer:
        for name, value in scenes.items():
            writer.add(name, value, {"n": value["n"]})
        original = root / "index.json"
        writer.publish(Original(original, "index.json", file_checksum(original)))


def read(root: Path) -> SceneTable[dict] | None:
    opened = open_table(root / "table", root / "index.json", "index.json", dict)
    return opened[0] if opened else None


def test_a_table_is_the_mapping_that_it_was_made_from(table):
    found = read(table)
    assert dict(found) == SCENES and list(found) == list(SCENES) and len(found) == 7
    assert "scène 6" in found and "scène 7" not in found
    assert [found.column("n", name) for name in found] == list(range(7))
    assert [found.block_of(number) for number in range(3)] == [
        list(SCENES)[start : start + 3] for start in (0, 3, 6)
    ]


def test_what_is_asked_of_all_scenes_at_once_is_not_parsed_for_a_reader_of_one(table, monkeypatch):
    parsed: list[int] = []
    real = scene_table.parse_object
    monkeypatch.setattr(scene_table, "parse_object", lambda data: [parsed.append(len(data)), real(data)][1])
    found = read(table)
    assert found["scène 3"] == SCENES["scène 3"] and parsed == []
    assert found.column("n", "scène 3") == 3 and found.columns["n"][6] == 6 and len(parsed) == 1


def test_a_table_of_an_older_version_is_read_as_it_is(table):
    head_json = table / "table" / "head.json"
    head = json.loads(head_json.read_text())
    names, columns = (table / "table" / head["names"]).read_text().splitlines()
    data = json.dumps({**json.loads(names), "columns": json.loads(columns)}).encode()
    (table / "table" / "names-old.json").write_bytes(data)
    head |= {"table_version": 1, "names": "names-old.json", "names_xxh3_128": checksum(data)}
    head_json.write_text(json.dumps(head))
    assert dict(read(table)) == SCENES and read(table).column("n", "scène 5") == 5
    head_json.write_text(json.dumps({**head, "table_version": 3}))
    assert read(table) is None


def test_blocks_before_a_scene_that_is_new_keep_their_checksum(table):
    before = read(table).blocks
    more = {**SCENES, "new": {"n": 9, "name": ""}}
    (table / "index.json").write_text(json.dumps(more))
    write(table, more)
    after = read(table).blocks
    assert before[:2] == after[:2] and before[2] != after[2]
    assert len(list((table / "table").iterdir())) == 3, "the older table is gone"


@pytest.mark.parametrize("is_settled", [True, False])
def test_an_edit_of_the_original_is_seen_though_size_and_time_are_the_same(table, monkeypatch, is_settled):
    if is_settled:
        monkeypatch.setattr(file_marks, "SETTLED_S", -1e9)
        assert read(table) is not None  # compared, and the file's facts kept
        assert json.loads((table / "table" / "head.json").read_text())["facts"] is not None
        monkeypatch.setattr(scene_table, "file_checksum", lambda path: pytest.fail("compared again"))
        assert read(table) is not None
        monkeypatch.undo()
    path = table / "index.json"
    facts = path.stat()
    time.sleep(0.02)  # two ticks of the file system's clock
    path.write_text(path.read_text().replace('"n": 3', '"n": 4'))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert path.stat().st_size == facts.st_size and path.stat().st_mtime_ns == facts.st_mtime_ns
    assert read(table) is None


def test_a_damaged_table_is_none_and_a_damaged_line_is_named(table):
    found = read(table)
    (lines,) = (table / "table").glob("lines-*")
    lines.write_bytes(lines.read_bytes().replace(b'"n":3', b'"n":5'))
    assert found["scène 2"] == SCENES["scène 2"]
    with pytest.raises(ConfigError, match="damaged at scene 'scène 3'"):
        found["scène 3"]
    (names,) = (table / "table").glob("names-*")
    names.write_bytes(names.read_bytes()[:-3])
    assert read(table) is None
    drop_table(table / "table")
    assert read(table) is None and list((table / "table").iterdir()) == []


def test_a_reader_keeps_its_table_while_a_newer_one_takes_the_place(table):
    found = read(table)
    (table / "index.json").write_text("{}")
    write(table, {"other": {"n": 1, "name": ""}})
    assert dict(found) == SCENES


def test_a_writer_that_gave_up_leaves_nothing_behind(table):
    before = sorted((table / "table").iterdir())
    with pytest.raises(ZeroDivisionError), TableWriter(table / "table") as writer:
        writer.add("a", {"n": 1}, {})
        raise ZeroDivisionError
    assert sorted((table / "table").iterdir()) == before
