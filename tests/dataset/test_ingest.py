"""A manifest says which bytes phase 1 saw: whatever changes a frame changes its digest, and nothing else."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from focusgen import config
from focusgen.base.checksums import file_checksum
from focusgen.base.errors import CorruptInputError
from focusgen.base.files import json_bytes
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.ingest import (
    TAKE_AGAIN,
    changed_files,
    manifest_of,
    new_manifest,
    raw_source,
    read_manifest,
    read_whole_manifest,
    unknown_ingest_digest,
    was_cut_short,
)
from focusgen.dataset.layout import DatasetLayout
from focusgen.media.scenes import RawScene
from tests.small import entry

CFG = config.load(None)
FILES = {"frame_0000.png": "a" * 32, "frame_0001.png": "b" * 32}


def digest(**changes: Any) -> str:
    values: dict[str, Any] = {"cfg": CFG, "files": FILES, "shot_cuts": [], "decoding": (), "part": None}
    return new_manifest(**{**values, **changes})[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {**FILES, "frame_0001.png": "c" * 32}},
        {"files": {"frame_0000.png": "a" * 32}},
        {"files": {"frame_0000.png": "a" * 32, "renamed.png": "b" * 32}},
        {"shot_cuts": [1]},
        {"decoding": ["upright"]},
        {"part": {"span_s": [0.0, 1.0], "first_frame": 0}},
    ],
)
def test_what_makes_other_frames_makes_another_digest(changes):
    assert digest(**changes) != digest()


@pytest.mark.parametrize(
    "overrides", [{"data.max_frames": 2}, {"data.shot_cut_threshold": 0.9}, {"seed": 1}, {"depth.min_m": 0.1}]
)
def test_settings_that_led_to_the_same_frames_do_not(overrides):
    assert digest(cfg=config.load(None, overrides)) == digest()


def test_the_digest_does_not_depend_on_the_order_of_names():
    assert digest(files=dict(reversed(FILES.items()))) == digest()


def test_a_scene_that_nobody_knows_has_a_digest_that_no_real_one_has():
    assert unknown_ingest_digest() == digest(files={}) != digest()


@pytest.fixture
def kept(tmp_path: Path) -> tuple[DatasetLayout, IndexEntry, Path]:
    """A manifest in its place, and the entry that vouches for it."""
    dataset = DatasetLayout(tmp_path, tmp_path / "scene_index.json")
    manifest, found = new_manifest(CFG, FILES, [1], ("upright",))
    path = dataset.scene("a").ingest_json
    path.parent.mkdir(parents=True)
    path.write_bytes(json_bytes(manifest))
    return dataset, entry(2, ingest_digest=found, shot_cuts=(1,), source={"decoding": ["upright"]}), path


def test_a_whole_manifest_is_read_back(kept):
    dataset, one, _ = kept
    assert read_manifest(dataset, "a", one) == FILES
    whole = read_whole_manifest(dataset, "a", one)
    assert whole["shot_cuts"] == [1] and whole["decoding"] == ["upright"] and "part" not in whole


def test_a_raw_file_that_is_gone_is_named_before_anything_is_made_of_the_others(kept, tmp_path):
    dataset, known, _ = kept
    raw_root = tmp_path / "raw"
    with pytest.raises(CorruptInputError, match=r"raw/a: no such source"):
        raw_source(raw_root, dataset, "a", known)
    (raw_root / "a").mkdir(parents=True)
    for name in FILES:
        (raw_root / "a" / name).touch()
    assert raw_source(raw_root, dataset, "a", known)[1] == FILES
    (raw_root / "a" / "frame_0001.png").unlink()
    with pytest.raises(CorruptInputError, match=r"frame_0001\.png: no such source") as caught:
        raw_source(raw_root, dataset, "a", known)
    assert "--raw_root" in caught.value.advice


def spoiled(manifest: dict[str, Any], how: str) -> bytes:
    if how == "half":
        return json_bytes(manifest)[:-9]
    if how == "other bytes":
        return json.dumps(manifest).encode()  # the same data, written otherwise: a byte has changed
    if how == "other checksum":
        return json_bytes({**manifest, "checksum": "0" * 32})
    if how == "other file":
        return json_bytes({**manifest, "files": {**FILES, "frame_0000.png": "f" * 32}})
    return {"empty": b"", "list": b"[]", "null": b"null", "not UTF-8": b"\xff", "deep": b"[" * 100_000}[how]


@pytest.mark.parametrize(
    "how",
    ["half", "other bytes", "other checksum", "other file", "empty", "list", "null", "not UTF-8", "deep"],
)
def test_a_damaged_manifest_is_named_and_phase_1_is_the_way_out(kept, how):
    dataset, one, path = kept
    path.write_bytes(spoiled(json.loads(path.read_bytes()), how))
    with pytest.raises(CorruptInputError) as caught:
        read_manifest(dataset, "a", one)
    assert f"{path}: " in caught.value.message and caught.value.advice == TAKE_AGAIN


def test_a_whole_manifest_of_another_scene_is_not_believed(kept):
    dataset, one, _ = kept
    with pytest.raises(CorruptInputError, match="not the manifest that the index vouches for"):
        read_manifest(dataset, "a", dataclasses.replace(one, ingest_digest=unknown_ingest_digest()))


@pytest.mark.parametrize(
    "edit",
    [
        {"shot_cuts": ()},
        {"frames": ("frame_0001.png", "frame_0000.png")},
        {"source": {"kind": "images"}},
        {"source": {"kind": "images", "decoding": ["upright"], "part": {"span_s": [0, 1], "first_frame": 0}}},
    ],
)
def test_a_line_of_the_index_that_was_edited_by_hand_is_not_of_these_frames(kept, edit):
    dataset, one, _ = kept
    with pytest.raises(CorruptInputError, match="not the manifest that the index vouches for"):
        read_manifest(dataset, "a", dataclasses.replace(one, **edit))


def test_a_missing_manifest_is_named(kept):
    dataset, one, path = kept
    path.unlink()
    with pytest.raises(CorruptInputError, match=r"a\.json: gone, and with it phase 1's raw checksums"):
        read_manifest(dataset, "a", one)


@pytest.mark.parametrize(("limit", "n_frames", "is_cut"), [(None, 2, False), (2, 2, True), (3, 2, False)])
def test_a_scene_was_cut_short_where_the_limit_is_its_length(tmp_path, limit, n_frames, is_cut):
    dataset = DatasetLayout(tmp_path, tmp_path / "i.json")
    manifest, found = new_manifest(config.load(None, {"data.max_frames": limit}), FILES, [])
    path = dataset.scene("a").ingest_json
    path.parent.mkdir(parents=True)
    path.write_bytes(json_bytes(manifest))
    assert was_cut_short(dataset, "a", entry(n_frames, ingest_digest=found)) is is_cut


@pytest.fixture
def raw(tmp_path: Path) -> RawScene:
    folder = tmp_path / "raw" / "ein Bär"
    folder.mkdir(parents=True)
    for number, name in enumerate(FILES):
        (folder / name).write_bytes(bytes([number]))
    return RawScene("ein Bär", "images", folder, tuple(FILES))


def test_changed_and_lost_files_are_named_in_their_order(raw):
    seen = {name: file_checksum(raw.path / name) for name in raw.files}
    assert changed_files(raw, seen) == []
    (raw.path / "frame_0001.png").write_bytes(b"flipped")
    assert changed_files(raw, seen) == ["frame_0001.png"]
    (raw.path / "frame_0000.png").unlink()
    assert changed_files(raw, seen) == ["frame_0000.png", "frame_0001.png"]
    assert changed_files(raw, {}) == []


def test_a_video_is_one_file_beside_others(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"v")
    video = RawScene("clip", "video", tmp_path / "clip.mp4", ("clip.mp4",))
    assert changed_files(video, {"clip.mp4": file_checksum(tmp_path / "clip.mp4")}) == []
    assert changed_files(video, {"clip.mp4": "0" * 32}) == ["clip.mp4"]


def test_a_manifest_is_taken_anew_only_of_the_bytes_that_are_indexed(raw):
    seen = {name: file_checksum(raw.path / name) for name in raw.files}
    manifest, found = new_manifest(CFG, seen, [])
    one = entry(2, ingest_digest=found)
    assert manifest_of(CFG, raw, one) == manifest
    (raw.path / "frame_0001.png").write_bytes(b"other")
    assert manifest_of(CFG, raw, one) is None
    (raw.path / "frame_0001.png").unlink()
    assert manifest_of(CFG, raw, one) is None
