"""scene_index.json is read whole, from a table, or refused with the way out; nothing half believed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from focusgen.base.checksums import checksum, file_checksum
from focusgen.base.errors import ConfigError, StorageError
from focusgen.config.data import DataConfig
from focusgen.dataset import index as index_module
from focusgen.dataset.index import (
    IndexEntry,
    index_checksum,
    known_scene,
    read_index,
    recorded_raw_root,
    relative_index,
    write_table,
)
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.scene_table import SceneTable
from tests.small import DIGEST, entry, write_index

SCENES = {"bear": entry(3), "zwei Hasen": entry(5, "val"), "für Ödön": entry(4, "test")}


def vouch(dataset: DatasetLayout, **changes: object) -> None:
    """Write down the checksum of the index as phase 1 does."""
    dataset.internal.mkdir(parents=True, exist_ok=True)
    document = {
        "index": relative_index(dataset),
        "xxh3_128": file_checksum(dataset.index_json),
        "raw_root": "../raw",
        **changes,
    }
    dataset.index_checksum_json.write_text(json.dumps(document))


# --- one entry

FULL = entry(
    2,
    source={
        "kind": "video",
        "path": "clips/b ö.mp4",
        "notes": ["10 bits"],
        "decoding": ["upright"],
        "part": {"span_s": [1.0, None], "first_frame": 24},
        "layout": "tum",
        "camera": {"fx": 50.0, "fy": 51.0, "cx": 24.0, "cy": 16.0},
        "depth": {"path": "d", "files": ["1.png", "2.png"], "units_per_metre": 5000.0},
    },
    shot_cuts=(1,),
)


@pytest.mark.parametrize("one", [entry(), FULL, *SCENES.values()])
def test_an_entry_is_what_its_published_form_says(one):
    document = json.loads(json.dumps(one.document()))
    assert IndexEntry.of(document) == one
    assert document["n_frames"] == len(document["frames"]) == one.n_frames


def test_a_source_says_what_later_phases_ask():
    assert FULL.notes == ("10 bits",) and FULL.decoding == ("upright",) and FULL.layout == "tum"
    assert FULL.part == {"span_s": [1.0, None], "first_frame": 24}
    assert FULL.camera is not None and FULL.camera.size == (48, 32) and FULL.camera.fx == 50.0
    depth = FULL.brought_depth(Path("/raw"))
    assert depth is not None and depth.folder == Path("/raw/d") and depth.units_per_metre == 5000.0
    assert FULL.outline == ("train", 2, 48, 32, 1)


def test_an_entry_of_an_older_release_says_nothing_of_what_it_did_not_know():
    old = IndexEntry.of({"frames": ["a.png"], "width": 48, "height": 32, "split": "val"})
    assert (old.notes, old.decoding, old.part, old.layout, old.camera) == ((), (), None, None, None)
    assert old.brought_depth(Path("/raw")) is None
    assert old.shot_cuts == () and old.ingest_digest == ""


def test_raw_frames_of_a_folder_and_of_a_part_of_a_video():
    images = entry(2).raw_scene("bear", Path("/raw"))
    assert (images.kind, images.path) == ("images", Path("/raw/a"))
    assert images.files == ("frame_0000.png", "frame_0001.png") and images.first_frame == 0
    video = FULL.raw_scene("clip", Path("/raw"))
    assert (video.kind, video.path) == ("video", Path("/raw/clips/b ö.mp4"))
    assert (video.files, video.first_frame) == (("b ö.mp4",), 24)
    assert video.file_path() == Path("/raw/clips/b ö.mp4")
    assert video.applied_rules == ("upright",)  # the recorded ones, and no newer one


def test_a_folder_is_found_in_the_other_form_of_its_accents(tmp_path):
    apart = unicodedata.normalize("NFD", "für Ödön")
    (tmp_path / apart).mkdir()
    one = entry(source={"path": unicodedata.normalize("NFC", apart)})
    assert one.raw_scene("x", tmp_path).path == tmp_path / apart


# --- the whole index


def test_scenes_come_in_the_order_of_the_file(tmp_path):
    dataset = write_index(tmp_path, SCENES)
    assert read_index(dataset) == SCENES and list(read_index(dataset)) == list(SCENES)


def test_an_index_without_scenes_is_one(tmp_path):
    assert dict(read_index(write_index(tmp_path, {}))) == {}


def of_text(text: str | bytes) -> Callable[[DatasetLayout], None]:
    data = text.encode() if isinstance(text, str) else text
    return lambda dataset: dataset.index_json.write_bytes(data) and None


def as_link(dataset: DatasetLayout) -> None:
    dataset.index_json.unlink()
    dataset.index_json.symlink_to("nowhere.json")


@pytest.mark.parametrize(
    ("spoil", "message", "advice"),
    [
        (lambda d: d.index_json.unlink(), "no such file", "Run phase 1 first"),
        (as_link, "nowhere.json", "Run phase 1 first"),
        (lambda d: d.index_json.rename(d.root / "MANIFEST.sha256"), "no such file", "is an export: "),
        (lambda d: d.index_json.rename(d.root / ".focusgen_export.json"), "no such file", "FocusShards"),
        (lambda d: shutil.rmtree(d.root), "no such file", "There is no such folder. Run phase 1 first"),
        (of_text(""), "not a scene index", ""),
        (of_text("[]"), "not a scene index", ""),
        (of_text("null"), "not a scene index", ""),
        (of_text('{"a": null}'), "not a scene index", ""),
        (of_text('{"a": []}'), "not a scene index", ""),
        (of_text('{"a": {"width": 1}}'), "not a scene index: KeyError", ""),
        (of_text('{"a": {"frames": [1], "width": 1, "height": 1, "split": "x"}}'), "not a scene index", ""),
        (of_text('{"a": {"frames": [], "width": "wide", "height": 1, "split": "x"}}'), "not a scene", ""),
        (of_text("[" * 100_000), "nested too deeply", ""),
        (of_text(b'{"\xff": 1}'), "not a scene index", ""),
        (of_text('{"half": {"frames": ["a'), "not a scene index", ""),
    ],
)
def test_what_is_no_index_is_refused_by_its_file(tmp_path, spoil, message, advice):
    dataset = write_index(tmp_path, SCENES)
    spoil(dataset)
    with pytest.raises(ConfigError) as caught:
        read_index(dataset)
    assert str(dataset.index_json) in caught.value.message
    assert message in caught.value.message and advice in caught.value.advice


def test_an_index_of_somebody_else_who_shares_it_with_nobody_is_told_as_that(tmp_path, monkeypatch):
    dataset = write_index(tmp_path, {"a": entry()})

    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ConfigError, match=r"scene_index\.json: Permission denied") as caught:
        index_module.read_index(dataset)
    assert "owner and mode" in caught.value.advice


def test_an_index_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    dataset = write_index(tmp_path, SCENES)
    monkeypatch.setattr(index_module, "MAX_INDEX_BYTES", 100)
    with pytest.raises(ConfigError, match="too large"):
        read_index(dataset)


def test_an_edit_that_phase_1_did_not_make_is_noticed_and_both_ways_out_work(tmp_path):
    dataset = write_index(tmp_path, SCENES)
    vouch(dataset)
    read_index(dataset)
    edited = dataset.index_json.read_text().replace('"val"', '"test"')
    dataset.index_json.write_text(edited)
    with pytest.raises(ConfigError, match="damaged or edited by hand") as caught:
        read_index(dataset)
    assert str(dataset.index_checksum_json) in caught.value.advice
    dataset.index_checksum_json.unlink()
    assert read_index(dataset)["zwei Hasen"].split == "test"


def test_a_run_that_was_killed_before_it_took_the_checksum_wrote_a_whole_index(tmp_path):
    dataset = write_index(tmp_path, SCENES)
    vouch(dataset, xxh3_128="of the index before")
    dataset.index_copy_json.parent.mkdir(parents=True)
    dataset.index_copy_json.write_bytes(dataset.index_json.read_bytes())
    assert read_index(dataset) == SCENES
    dataset.index_copy_json.write_bytes(b"{}")
    with pytest.raises(ConfigError, match="damaged or edited"):
        read_index(dataset)


def test_the_checksum_of_another_index_says_nothing_of_this_one(tmp_path):
    dataset = write_index(tmp_path, SCENES)
    vouch(dataset, index="elsewhere/scene_index.json", xxh3_128="0")
    assert index_checksum(dataset) is None and read_index(dataset) == SCENES


@pytest.mark.parametrize("text", ["", "[]", "null", "7", '"text"', "{", "[" * 100_000])
def test_a_damaged_checksum_is_named_with_the_way_out(tmp_path, text):
    dataset = write_index(tmp_path, SCENES)
    vouch(dataset)
    dataset.index_checksum_json.write_text(text)
    with pytest.raises(ConfigError, match="index_checksum.json: damaged") as caught:
        read_index(dataset)
    assert caught.value.advice == "Delete it to go on."


def test_a_checksum_without_its_number_is_damaged_too(tmp_path):
    dataset = write_index(tmp_path, SCENES)
    dataset.internal.mkdir()
    dataset.index_checksum_json.write_text(json.dumps({"index": relative_index(dataset)}))
    with pytest.raises(ConfigError, match="damaged"):
        read_index(dataset)


def test_data_set_and_index_may_move_together(tmp_path):
    dataset = write_index(tmp_path / "here", SCENES)
    vouch(dataset)
    os.rename(tmp_path / "here", tmp_path / "there")
    moved = DatasetLayout(tmp_path / "there", tmp_path / "there" / "scene_index.json")
    assert index_checksum(moved) == file_checksum(moved.index_json)


class TestVeryMany:
    """From a thousand scenes on a table stands for the index; here from two."""

    @pytest.fixture(autouse=True)
    def _two_are_many(self, monkeypatch):
        monkeypatch.setattr(index_module, "TABLE_FROM_SCENES", 2)

    def test_a_table_says_what_the_file_says(self, tmp_path):
        dataset = write_index(tmp_path, SCENES)
        found = read_index(dataset)
        assert isinstance(found, SceneTable)
        assert dict(found) == SCENES and list(found) == list(SCENES)
        assert index_module.ingest_digest_of(found, "bear") == DIGEST

    def test_a_table_of_yesterday_s_index_is_not_believed(self, tmp_path):
        dataset = write_index(tmp_path, SCENES)
        read_index(dataset)
        write_index(tmp_path, {"other": entry(9), **SCENES})
        assert list(read_index(dataset)) == ["other", *SCENES]

    def test_a_table_of_an_index_that_nobody_vouches_for_is_not_believed(self, tmp_path):
        dataset = write_index(tmp_path, SCENES)
        read_index(dataset)
        vouch(dataset, xxh3_128="of another")
        with pytest.raises(ConfigError, match="damaged or edited"):
            read_index(dataset)

    def test_where_one_may_only_read_the_index_stays_in_memory(self, tmp_path, monkeypatch):
        def refuse(*_: object) -> None:
            raise StorageError("read-only")

        dataset = write_index(tmp_path, SCENES)
        monkeypatch.setattr(index_module, "write_table", refuse)
        assert read_index(dataset) == SCENES

    def test_a_table_may_be_written_by_hand(self, tmp_path):
        dataset = write_index(tmp_path, SCENES)
        write_table(dataset, SCENES)
        assert dict(read_index(dataset)) == SCENES


# --- names and places


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_scene_is_known_in_both_forms_of_its_accents(form):
    assert known_scene(SCENES, unicodedata.normalize(form, "für Ödön")) == "für Ödön"


@pytest.mark.parametrize("name", ["bea", "Bear", "", "für", "bear "])
def test_a_scene_that_is_none_is_named(name):
    with pytest.raises(ConfigError, match="no scene") as caught:
        known_scene(SCENES, name)
    assert repr(name) in caught.value.message and "focusgen status" in caught.value.advice


def test_footage_is_where_it_is_said_else_where_phase_1_saw_it(tmp_path):
    dataset = write_index(tmp_path / "out", SCENES)
    vouch(dataset)
    said, recorded, gone = tmp_path / "said", tmp_path / "raw", tmp_path / "gone"
    said.mkdir()
    assert recorded_raw_root(dataset, gone) == gone  # neither is there: what was said is named
    recorded.mkdir()
    assert recorded_raw_root(dataset, said) == said
    assert recorded_raw_root(dataset, gone) == recorded
    assert recorded_raw_root(dataset, DataConfig().raw_root) == recorded


@pytest.mark.parametrize("text", ["[]", "{}", "{", '{"raw_root": 5}', '{"raw_root": null}'])
def test_a_record_that_tells_no_raw_root_leaves_what_was_said(tmp_path, text):
    dataset = write_index(tmp_path, SCENES)
    dataset.internal.mkdir()
    dataset.index_checksum_json.write_text(text)
    assert recorded_raw_root(dataset, Path("said")) == Path("said")


def test_the_checksum_is_of_the_bytes_of_the_file(tmp_path):
    dataset = write_index(tmp_path, SCENES)
    vouch(dataset)
    assert index_checksum(dataset) == checksum(dataset.index_json.read_bytes())


def test_a_folder_that_is_called_like_the_default_is_nobody_s_word(tmp_path, monkeypatch):
    dataset = write_index(tmp_path / "out", SCENES)
    vouch(dataset)
    (tmp_path / "raw").mkdir()
    (tmp_path / DataConfig().raw_root).mkdir()
    monkeypatch.chdir(tmp_path)
    assert recorded_raw_root(dataset, DataConfig().raw_root) == tmp_path / "raw"
