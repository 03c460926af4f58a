"""`focusgen unpack`: files come back byte for byte; a scene that is damaged stays packed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from focusgen import cli
from focusgen.base.files import publish_json
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.packs import is_packed, pack_document, unpack_scene, vouched_files
from tests.small import entry, finish_scene, write_index

SCENES = ("a", "b é")


def pack(scene: SceneLayout) -> None:
    """Leave what packing leaves: one tar, its index, and none of the files in it."""
    places = {}
    with tarfile.open(scene.pack_tar, "w", format=tarfile.USTAR_FORMAT) as tar:
        for number, relative in enumerate(vouched_files(scene)):
            path = scene.root / relative
            if path.suffix == ".json":
                continue
            info = tarfile.TarInfo(f"{number}")
            info.size = path.stat().st_size
            places[relative] = (tar.offset + tarfile.BLOCKSIZE, info.size)
            tar.addfile(info, io.BytesIO(path.read_bytes()))
            path.unlink()
    publish_json(scene.pack_index, pack_document(scene, places))


def published(scene: SceneLayout) -> dict[str, bytes]:
    return {path: (scene.root / path).read_bytes() for path in vouched_files(scene)}


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetLayout:
    made = DatasetLayout(tmp_path / "my out", tmp_path / "my out" / "scene_index.json")
    index = {name: finish_scene(made, name, entry(2, width=16, height=16)) for name in SCENES}
    return write_index(made.root, index)


@pytest.fixture
def before(dataset: DatasetLayout) -> dict[str, dict[str, bytes]]:
    """What was published before both scenes were packed."""
    found = {name: published(dataset.scene(name)) for name in SCENES}
    for name in SCENES:
        pack(dataset.scene(name))
    return found


def unpack(dataset: DatasetLayout, *words: str) -> int:
    return cli.main(["unpack", *words, "--out_root", str(dataset.root)])


def test_the_scenes_that_are_named_come_back_and_then_all(dataset, before, capsys):
    assert unpack(dataset, "b e\u0301") == 0  # the other Unicode form of its name
    assert published(dataset.scene("b é")) == before["b é"]
    assert is_packed(dataset.scene("a")) and not is_packed(dataset.scene("b é"))
    assert unpack(dataset) == 0
    assert published(dataset.scene("a")) == before["a"] and not dataset.scene("a").pack_tar.exists()
    assert unpack(dataset) == 0
    assert capsys.readouterr().out.splitlines() == [f"{n} scenes unpacked" for n in (1, 1, 0)]


def test_a_damaged_scene_is_named_and_stays_packed_while_the_others_come_back(dataset, before, capsys):
    tar = dataset.scene("a").pack_tar
    data = bytearray(tar.read_bytes())
    data[tarfile.BLOCKSIZE + 20] ^= 1
    tar.write_bytes(data)
    assert unpack(dataset) == 3
    told = capsys.readouterr()
    assert "frames.tar" in told.err and "focusgen repair" in told.err and told.out == "1 scenes unpacked\n"
    assert is_packed(dataset.scene("a")) and tar.read_bytes() == data
    assert published(dataset.scene("b é")) == before["b é"]


def test_another_file_beside_the_tar_is_named_before_the_right_one_is_removed(dataset, before, capsys):
    scene = dataset.scene("a")
    path = scene.root / next(name for name in before["a"] if name.endswith("frame_0001.png"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"painted over")
    assert unpack(dataset) == 3
    told = capsys.readouterr()
    assert f"{path}: lies beside frames.tar" in told.err and told.out == "1 scenes unpacked\n"
    assert is_packed(scene) and scene.pack_tar.exists() and path.read_bytes() == b"painted over"
    assert unpack_scene(scene, leave_out_damaged=True) > 0, "as a repair does"
    assert published(scene) == before["a"]


@pytest.mark.parametrize("index", ["cut", "gone"])
def test_a_tar_whose_index_is_lost_stays_unless_its_names_lead_to_all_of_it(dataset, before, capsys, index):
    scene = dataset.scene("a")
    if index == "gone":
        scene.pack_index.unlink()
    else:
        scene.pack_index.write_text("{")
    data = scene.pack_tar.read_bytes()  # whose members have no names of samples
    assert unpack(dataset) == 3
    told = capsys.readouterr()
    assert "is not found in it, nor" in told.err and told.out == "1 scenes unpacked\n"
    assert scene.pack_tar.read_bytes() == data


def test_an_unpacking_that_was_killed_before_its_last_step_is_ended(dataset, before, capsys):
    scene = dataset.scene("a")
    data = scene.pack_tar.read_bytes()
    assert unpack(dataset) == 0
    scene.pack_tar.write_bytes(data)  # the index goes first
    assert unpack(dataset) == 0
    assert not scene.pack_tar.exists() and published(scene) == before["a"]


def test_a_scene_that_is_none_is_refused_before_any_is_touched(dataset, before, capsys):
    assert unpack(dataset, "a", "zebra") == 2
    assert "no scene 'zebra' in the index" in capsys.readouterr().err
    assert all(is_packed(dataset.scene(name)) for name in SCENES)


def test_without_a_data_set_phase_1_is_named(tmp_path: Path, capsys) -> None:
    assert cli.main(["unpack", "--out_root", str(tmp_path / "none")]) == 2
    assert "none/scene_index.json: no such file" in capsys.readouterr().err
