"""A packed scene is the same scene: to phase 6, readers, exports and repairs; and unpacked, to the byte."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from focusgen import cli
from focusgen.data import FocusDataset
from focusgen.focal.lists import read_list
from focusgen.focal.roots import Roots
from focusgen.focal.samples import load_sample
from focusgen.tools import pack as pack_module
from tests.conftest import Rgbd
from tests.fingerprint import published_digests

LONG = "d" * 180  # a tar's plain header has no room for it
SCENES = ("a", "b é", "c", LONG)
KINDS = ("sharp", "depth", "bokeh", "focus", "valid", "clean")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Rgbd:
    """Four scenes that phase 6 has passed: doubtful depth in one, renders kept from before the sensor."""
    rgbd = Rgbd(tmp_path_factory.mktemp("pack"))
    for seed, name in enumerate(SCENES):
        rgbd.add_scene(name, n_frames=3, seed=seed)
    path = rgbd.depth_root / "c" / "depth_0001.npy"
    depth_m = np.load(path)
    depth_m[0, 0] = np.inf
    np.save(path, depth_m)
    assert rgbd.run("--render.sensor.noise_iso", "1600", "--render.keep_clean", "true") == 0
    return rgbd


@pytest.fixture
def rgbd(finished: Rgbd, tmp_path: Path) -> Rgbd:
    shutil.copytree(finished.root, tmp_path / "copy")
    return Rgbd(tmp_path / "copy")


def focusgen(rgbd: Rgbd, *words: str) -> int:
    return cli.main([*words, "--out_root", str(rgbd.out_root)])


def validate(rgbd: Rgbd, *more: str) -> int:
    return cli.phase_main("validate", "", [*rgbd.flags("raw_root", "out_root"), "--workers", "1", *more])


def files_of(scene: Path) -> set[str]:
    return {path.relative_to(scene).as_posix() for path in scene.rglob("*") if path.is_file()}


def test_few_files_are_left_and_unpacking_gives_all_back_byte_for_byte(rgbd, capsys):
    before = published_digests(rgbd.out_root)
    assert focusgen(rgbd, "pack") == 0
    assert files_of(rgbd.out_root / "a") == {
        *("split.txt", "metadata.json", "frames.tar", "frames.tar.json", "depth_maps/stats.json"),
        *(f"{folder}/.done" for folder in ("frames_sharp", "depth_maps", "bokeh_renders")),
    }
    assert not [p for p in (rgbd.out_root / "a").rglob("*") if p.is_dir() and not any(p.iterdir())]
    assert focusgen(rgbd, "pack") == 0
    assert capsys.readouterr().out.splitlines() == ["4 scenes packed", "0 scenes packed"]
    assert focusgen(rgbd, "unpack", "b é") == 0 and focusgen(rgbd, "unpack") == 0
    assert capsys.readouterr().out.splitlines() == ["1 scenes unpacked", "3 scenes unpacked"]
    assert published_digests(rgbd.out_root) == before


@pytest.mark.slow
def test_a_scene_that_nothing_mends_keeps_the_others_from_nothing(rgbd, capsys):
    (rgbd.out_root / "a" / "bokeh_renders" / ".done").unlink()
    before = files_of(rgbd.out_root / "a")
    assert focusgen(rgbd, "pack") == 3
    assert "--leave_out" in capsys.readouterr().err
    assert focusgen(rgbd, "pack", "--leave_out", "a") == 0
    assert "3 scenes packed" in capsys.readouterr().out
    assert files_of(rgbd.out_root / "a") == before and "frames.tar" in files_of(rgbd.out_root / "c")


def test_phase_6_status_reader_report_and_preview_see_no_difference(rgbd, capsys):
    def look() -> tuple:
        assert validate(rgbd) == 0
        report = rgbd.report()
        capsys.readouterr()
        assert focusgen(rgbd, "status", "--json") == 0
        states = json.loads(capsys.readouterr().out)["scenes"]
        for words in (["report"], ["preview", "a"]):
            assert focusgen(rgbd, *words) == 0, words
        clips = [FocusDataset(rgbd.out_root, s, window=2, modalities=KINDS) for s in ("train", "val", "test")]
        items = [dict(one[0]) for one in clips]
        arrays = [np.asarray(item[name]) for item in items for name in KINDS]
        return report, states, [array.tobytes() for array in arrays]

    loose = look()
    assert focusgen(rgbd, "pack") == 0
    assert look() == loose


def test_the_tar_is_the_export(rgbd, tmp_path):
    assert focusgen(rgbd, "export", "webdataset", "--dest", str(tmp_path / "loose")) == 0
    assert focusgen(rgbd, "pack") == 0
    assert focusgen(rgbd, "export", "webdataset", "--dest", str(tmp_path / "packed")) == 0
    shards = sorted(path.name for path in (tmp_path / "loose").glob("*.tar"))
    exported, packed = {}, {}
    for name in shards:
        data = (tmp_path / "loose" / name).read_bytes()
        assert (tmp_path / "packed" / name).read_bytes() == data
        exported |= _members(tmp_path / "loose" / name)
    for scene in SCENES:
        packed |= _members(rgbd.out_root / scene / "frames.tar")
    assert packed == exported
    assert packed.keys() >= {"a/0002.bokeh_01.png", "a/0002.clean_01.png", f"{LONG}/0000.valid.png"}


def _members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path, "r:") as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def _damage(scene: Path, relative: str) -> None:
    start, size = json.loads((scene / "frames.tar.json").read_text())["files"][relative]
    with (scene / "frames.tar").open("r+b") as file:
        file.seek(start + size // 2)
        byte = file.read(1)[0]
        file.seek(start + size // 2)
        file.write(bytes([byte ^ 8]))


def test_a_byte_that_flips_in_a_tar_is_found_refused_and_mended(rgbd, capsys):
    before = published_digests(rgbd.out_root)
    assert focusgen(rgbd, "pack") == 0
    _damage(rgbd.out_root / "a", "focus_maps/set_01/focus_0001.npz")
    assert validate(rgbd) == 3
    (reason, *_) = rgbd.report()["failure_reasons"]["a"]
    assert reason == "focus_maps/set_01/focus_0001.npz: damaged: its checksum is not the record's"
    assert focusgen(rgbd, "unpack", "a") == 3
    assert "focus_0001.npz in it is not the file that its record vouches for" in capsys.readouterr().err
    assert cli.main(["repair", *rgbd.flags("raw_root", "out_root", "depth_root")]) == 0
    assert (rgbd.out_root / "c" / "frames.tar").exists(), "what is whole stays packed"
    assert not (rgbd.out_root / "a" / "frames.tar").exists()
    assert focusgen(rgbd, "unpack") == 0
    assert published_digests(rgbd.out_root) == before


@pytest.mark.parametrize("damage", ["{", "gone"])
def test_a_tar_without_its_index_is_read_by_its_names(rgbd, damage):
    before = published_digests(rgbd.out_root)
    assert focusgen(rgbd, "pack") == 0
    (rgbd.out_root / "a" / "frames.tar.json").write_text("{}" if damage == "gone" else damage)
    assert validate(rgbd) == 3
    assert focusgen(rgbd, "unpack") == 0
    assert published_digests(rgbd.out_root) == before


@pytest.mark.parametrize("n_removed", [0, 1, 20])
def test_a_kill_while_packing_leaves_every_file_somewhere(rgbd, monkeypatch, n_removed):
    before = published_digests(rgbd.out_root)
    left = iter(range(n_removed))
    remove = pack_module.remove

    def until_killed(path: Path) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        remove(path)

    with monkeypatch.context() as patch:
        patch.setattr(pack_module, "remove", until_killed)
        assert focusgen(rgbd, "pack") == 130
    assert validate(rgbd) == 0
    if n_removed == 0:
        (rgbd.out_root / "a" / ".frames.tar.1.tmp").write_bytes(b"killed while it was written")
    assert focusgen(rgbd, "pack") == 0
    assert len(files_of(rgbd.out_root / "a")) == 8
    assert focusgen(rgbd, "unpack") == 0
    assert published_digests(rgbd.out_root) == before


def test_a_packed_scene_that_is_made_anew_is_made_of_new_files_only(rgbd):
    assert focusgen(rgbd, "pack") == 0
    flags = [*rgbd.flags("out_root"), "--n_sets", "1", "--max_coc", "0.003", "--on_stale", "redo"]
    assert cli.phase_main("render", "", flags) == 0
    assert not list(rgbd.out_root.glob("*/frames.tar*"))
    assert validate(rgbd) == 0
    assert not list(rgbd.out_root.glob("a/focus_maps/set_01/*"))


def test_the_setting_packs_after_a_phase_6_that_passes_and_after_no_other(rgbd):
    split = rgbd.out_root / "a" / "split.txt"
    word = split.read_text()
    split.write_text("none\n")
    assert validate(rgbd, "--store.pack", "scene") == 3
    assert not list(rgbd.out_root.glob("*/frames.tar"))
    split.write_text(word)
    assert validate(rgbd, "--store.pack", "scene") == 0
    assert len(list(rgbd.out_root.glob("*/frames.tar"))) == 4
    assert validate(rgbd) == 0


@pytest.mark.slow
def test_the_card_of_packed_scenes_leads_loaders_to_their_tars(rgbd, tmp_path, monkeypatch, capsys):
    import fsspec
    from datasets import load_dataset

    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    assert focusgen(rgbd, "pack") == 0
    assert focusgen(rgbd, "card", "--source_license", "cc-by-4.0") == 0
    loaded = load_dataset(str(rgbd.out_root))
    index = json.loads((rgbd.out_root / "scene_index.json").read_text())
    seen = {(row["json"]["scene"], row["json"]["frame"]): s for s, rows in loaded.items() for row in rows}
    names = {"train": "train", "val": "validation", "test": "test"}
    assert seen == {(scene, f): names[entry["split"]] for scene, entry in index.items() for f in range(3)}
    row = json.loads((rgbd.out_root / "train.jsonl").read_text().splitlines()[-1])
    member, _, tar = row["clean_01_file_name"].partition("::")
    with fsspec.open(f"{member}::{rgbd.out_root / tar}") as file:
        assert file.read() == _members(rgbd.out_root / tar)[member.removeprefix("tar://")]
    assert focusgen(rgbd, "unpack", "a") == 0
    assert focusgen(rgbd, "card", "--source_license", "cc-by-4.0") == 3
    assert "focusgen pack packs the rest" in capsys.readouterr().err


@pytest.mark.slow
def test_a_list_of_stacks_is_the_same_before_and_after_packing_and_so_are_the_stacks(rgbd, tmp_path):
    words = ["--scenes", str(rgbd.out_root), "--source", "thin_lens", "--out"]
    assert cli.main(["focal", "stacks", *words, str(tmp_path / "loose.jsonl")]) == 0
    records = read_list(tmp_path / "loose.jsonl")
    loose = [load_sample(record, Roots(), tmp_path) for record in records]
    assert focusgen(rgbd, "pack") == 0
    assert cli.main(["focal", "stacks", *words, str(tmp_path / "packed.jsonl")]) == 0
    assert (tmp_path / "packed.jsonl").read_bytes() == (tmp_path / "loose.jsonl").read_bytes()
    packed = [load_sample(record, Roots(), tmp_path) for record in records]
    assert len(packed) == 12
    for before, after in zip(loose, packed, strict=True):
        assert np.array_equal(before.stack.slices, after.stack.slices)
        assert np.array_equal(before.true_m, after.true_m, equal_nan=True)  # flagged depth is no truth
        assert np.array_equal(before.aif, after.aif)
