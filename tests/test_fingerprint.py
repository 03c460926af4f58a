"""Two runs are the same if these checksums are: records, logs and previews stay out, all else counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from focusgen.base.checksums import checksum
from focusgen.dataset.layout import SceneLayout
from focusgen.media.codecs import encode_npz, encode_png
from tests.fingerprint import published_digests, published_files, torn_files

COVERED = (
    "README.md",
    "bear/bokeh_renders/set_00/bokeh_0000.png",
    "bear/depth_maps/depth_0000.npz",
    "bear/depth_maps/stats.json",
    "bear/frames_sharp/frame_0000.png",
    "bear/logs/mine.txt",  # only the data set's own logs are left out
    "bear/metadata.json",
    "bear/split.txt",
    "scene_index.json",
    "ä 'quoted' scene/split.txt",
)
LEFT_OUT = (
    ".focusgen/records/bear/depth.json",
    "bear/bokeh_renders/.done",
    "bear/depth_maps/.partial",
    "bear/frames_sharp/.failed",
    "logs/validation_report.json",
    "previews/bear_set_00.png",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (*COVERED, *LEFT_OUT):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_what_equal_runs_make_is_covered_and_nothing_of_the_machine(root):
    assert published_digests(root) == {name: checksum(name.encode()) for name in COVERED}


def test_the_order_is_that_of_names_and_the_same_everywhere(root):
    found = [path.relative_to(root).as_posix() for path in published_files(root)]
    assert sorted(found) == sorted(COVERED)
    assert found == [path.relative_to(root).as_posix() for path in published_files(root)]
    folders = [name.rpartition("/")[0] for name in found]
    assert [f for i, f in enumerate(folders) if f not in folders[:i]] == sorted(set(folders))


@pytest.mark.parametrize("name", COVERED)
def test_one_other_byte_is_noticed(root, name):
    before = published_digests(root)
    (root / name).write_bytes((root / name).read_bytes() + b"\0")
    after = published_digests(root)
    assert {key for key in before if before[key] != after[key]} == {name}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_may_change(root, name):
    before = published_digests(root)
    (root / name).unlink()
    assert published_digests(root) == before


def test_nothing_has_no_fingerprint(tmp_path):
    assert published_digests(tmp_path) == {} and published_digests(tmp_path / "nowhere") == {}


class TestTorn:
    """A frame, a map or a render that does not decode is named, half-written ones beside their place not."""

    @pytest.fixture
    def scene(self, tmp_path: Path) -> SceneLayout:
        scene = SceneLayout(tmp_path, "a")
        rgb, depth = np.zeros((16, 16, 3), np.uint8), np.ones((16, 16), np.float16)
        for path, data in (
            (scene.sharp(0), encode_png(rgb)),
            (scene.bokeh(0, 0), encode_png(rgb)),
            (scene.depth(0), encode_npz("depth", depth)),
            (scene.focus(0, 0), encode_npz("focus_map", depth)),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return scene

    def test_whole_files_are_not_named(self, scene):
        assert torn_files(scene.dataset_root) == []

    @pytest.mark.parametrize("kind", ["sharp", "depth", "bokeh", "focus"])
    @pytest.mark.parametrize("damage", ["cut", "empty", "flipped"])
    def test_a_torn_file_is_named(self, scene, kind, damage):
        path = getattr(scene, kind)(*((0,) if kind in ("sharp", "depth") else (0, 0)))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x55
        path.write_bytes({"cut": bytes(data[:-5]), "empty": b"", "flipped": bytes(data)}[damage])
        assert torn_files(scene.dataset_root) == [path]

    def test_a_label_in_the_place_of_a_depth_map_is_none(self, scene):
        scene.depth(0).write_bytes(scene.focus(0, 0).read_bytes())
        assert torn_files(scene.dataset_root) == [scene.depth(0)]

    def test_a_file_that_is_being_written_is_none_yet(self, scene):
        scene.sharp(0).with_name(".frame_0001.png.77.tmp.png").write_bytes(b"half")
        scene.root.joinpath("frames_sharp", "notes.txt").write_text("not ours")
        assert torn_files(scene.dataset_root) == []
