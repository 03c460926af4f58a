"""Streamed windows are the windows of the files, for any number of workers; damage is named."""

from __future__ import annotations

import pickle
import shutil
import tarfile

import pytest
import torch
from torch.utils.data import DataLoader
from torch.utils.data._utils import worker
from torch.utils.data._utils.worker import WorkerInfo

from focusgen.base.errors import ConfigError, CorruptInputError, RefusedDataError
from focusgen.data import FocusDataset, FocusShards
from focusgen.data.shard_files import Frame, scene_info
from focusgen.dataset.lens_metadata import SetLens
from focusgen.optics.coc import Lens
from focusgen.tools.export import export, finish
from focusgen.tools.export_plan import Wanted
from focusgen.tools.export_samples import sample_document
from tests.conftest import Rgbd
from tests.tools.test_export_plan import scene

SIZE = {"window": 4, "stride": 3, "crop": 24, "seed": 2}


def key(sample) -> tuple[str, int, int]:
    return sample["scene"], int(sample["frames"][0]), sample["set"]


def is_equal(one, other) -> bool:
    def same(x, y) -> bool:
        return torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y

    return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)


@pytest.fixture
def shards(finished, tmp_path):
    dest = tmp_path / "shards"
    export(finished, dest, "webdataset", shard_mb=1)  # a scene to a shard, about
    finish(dest)
    return dest


def test_streamed_items_are_those_of_the_files(finished, shards):
    from_files = list(FocusDataset(finished, "train", **SIZE))
    streamed = list(FocusShards(shards, "train", shuffle=False, **SIZE))
    assert [key(sample) for sample in streamed] == [key(sample) for sample in from_files]
    assert all(map(is_equal, streamed, from_files))
    shuffled = FocusShards(shards, "train", recompute_labels=True, **SIZE)
    shuffled.set_epoch(1)
    assert {key(sample) for sample in shuffled} == {key(sample) for sample in from_files}


@pytest.mark.slow
def test_lenses_that_move_and_renders_before_the_sensor_stream_as_they_are_read(tmp_path):
    rgbd, kinds = Rgbd(tmp_path), ("sharp", "bokeh", "clean", "focus")
    for seed, name in enumerate("abcde"):
        rgbd.add_scene(name, n_frames=3, seed=seed)
    noisy = ["--render.sensor.noise_iso", "1600", "--render.keep_clean", "true"]
    assert rgbd.run("--lens.motion", "mixed", "--n_sets", "2", *noisy) == 0
    clips = FocusDataset(rgbd.out_root, "train", window=2, modalities=kinds)
    moves = {scene.lenses[1].focus_distances_m is not None for scene in clips.scenes}
    assert moves == {True, False}, "the test needs a scene of each kind"
    export(rgbd.out_root, tmp_path / "shards", "webdataset")
    finish(tmp_path / "shards")
    streamed = list(FocusShards(tmp_path / "shards", "train", window=2, modalities=kinds))
    read = [clips[k] for k in range(len(clips))]
    assert [key(sample) for sample in streamed] == [key(sample) for sample in read]
    for one, other in zip(read, streamed, strict=True):
        lens, like = one.pop("lens"), other.pop("lens")
        assert is_equal(one, other) and is_equal(lens, like)
    assert not torch.equal(read[0]["clean"], read[0]["bokeh"])
    for sets in ([0], [1], None):  # fixed and moving lenses make one batch, in any shard
        chosen = {"window": 2, "sets": sets, "modalities": kinds}
        batch = next(iter(DataLoader(FocusShards(tmp_path / "shards", "train", **chosen), batch_size=6)))
        from_files = next(iter(DataLoader(FocusDataset(rgbd.out_root, "train", **chosen), batch_size=6)))
        assert torch.equal(batch["lens"]["S_focus"], from_files["lens"]["S_focus"])


@pytest.mark.slow
def test_labels_that_stop_with_the_renderer_are_recomputed_from_a_stream(tmp_path):
    rgbd = Rgbd(tmp_path)
    rgbd.add_scene("a", n_frames=2)
    assert rgbd.run("--render.max_radius_px", "0.1") == 0
    export(rgbd.out_root, tmp_path / "shards", "webdataset")
    finish(tmp_path / "shards")
    read, made = (
        next(iter(FocusShards(tmp_path / "shards", "train", window=2, recompute_labels=how)))
        for how in (False, True)
    )
    assert torch.equal(read["focus"], made["focus"]) and read["focus"].min() > 0


def test_what_a_sample_says_of_its_lenses_is_all_that_labels_follow_from():
    lens = Lens(0.05, 2.0, 3.0, "exact")
    lenses = (SetLens(lens, 3e-4, None, 1.1e-4, True), SetLens(lens, 3e-4, (3.0, 4.5), None, True))
    whole = scene("a", lenses=lenses, metadata={"formula": "exact", "breathing": True})
    window = {frame: Frame(sample_document(whole, frame), {}) for frame in (0, 1)}
    assert scene_info(window).lenses == lenses


def test_renders_before_the_sensor_are_refused_by_name_where_none_are_kept(finished, shards):
    with pytest.raises(RefusedDataError, match=r"has no clean_renders\s.*keep_clean"):
        FocusDataset(finished, "train", window=4, modalities=("clean",))
    with pytest.raises(RefusedDataError, match=r"has no clean_renders\s.*keep_clean"):
        next(iter(FocusShards(shards, "train", window=4, modalities=("clean",))))


@pytest.mark.slow
def test_two_spawned_workers_share_the_items_without_repeating_any(shards):
    here = sorted(key(sample) for sample in FocusShards(shards, "train", **SIZE))
    loader = DataLoader(
        FocusShards(shards, "train", **SIZE), batch_size=None, num_workers=2, multiprocessing_context="spawn"
    )
    assert sorted(key(sample) for sample in loader) == here


def test_a_damaged_shard_and_a_missing_label_are_named(finished, shards, tmp_path):
    path = next(iter(sorted(shards.glob("train-*.tar"))))
    data = bytearray(path.read_bytes())
    at = data.index(b"\x89PNG") + 60
    data[at] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(CorruptInputError, match=rf"{path.name}.*sharp\.png"):
        list(FocusShards(shards, "train", **SIZE))
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CorruptInputError, match=path.name):
        list(FocusShards(shards, "train", **SIZE))
    without = tmp_path / "without"
    export(finished, without, "webdataset", wanted=Wanted(with_focus=False))
    finish(without)
    with pytest.raises(CorruptInputError, match=r"focus_00\.npz"):
        list(FocusShards(without, "train", **SIZE))
    assert next(iter(FocusShards(without, "train", recompute_labels=True, **SIZE)))["focus"].max() <= 1
    in_focus = {**SIZE, "roi": "focus"}
    made = next(iter(FocusShards(without, "train", recompute_labels=True, shuffle=False, **in_focus)))
    assert is_equal(made, FocusDataset(finished, "train", **in_focus)[0])


def test_samples_that_a_reader_of_tars_would_leave_out_are_missed(shards):
    """A file that was cut behind a sample, or a header that cannot be read, ends a tar without a word."""
    path = FocusShards(shards, "train").paths[0]
    whole = path.read_bytes()
    with tarfile.open(path) as tar:
        second = next(member.offset for member in tar if member.name.partition(".")[0].endswith("0001"))
    for damaged in (whole[:second], whole[:second] + b"?" + whole[second + 1 :]):
        path.write_bytes(damaged)
        with pytest.raises(CorruptInputError, match=path.name):
            list(FocusShards(shards, "train", window=1, shuffle=False))


def test_a_shard_of_another_split_is_refused(shards):
    train, val = (FocusShards(shards, split).paths[0] for split in ("train", "val"))
    shutil.copyfile(train, val)
    with pytest.raises(CorruptInputError, match=rf"{val.name}.* is of split 'train'"):
        next(iter(FocusShards(shards, "val", window=1)))


def test_a_stream_without_a_window_says_so_and_shards_are_found_from_any_folder(shards, monkeypatch):
    monkeypatch.chdir(shards.parent)
    stream, short = (FocusShards(shards.name, "val", window=window) for window in (99, 1))
    monkeypatch.chdir("/")
    with pytest.warns(UserWarning, match="hold no window of 99 frames"):
        assert list(stream) == []
    assert next(iter(short))["split"] == "val"
    for path in (*short.paths, shards / "MANIFEST.sha256", shards / ".focusgen_export.json"):
        path.unlink()
    with pytest.warns(UserWarning, match="split 'val' has no item: no shard"):
        FocusShards(shards, "val")


def test_a_distance_for_each_frame_is_streamed_where_it_is_asked_for(shards):
    one, other = (
        next(iter(FocusShards(shards, "train", 2, focus_by_frame=is_so))) for is_so in (True, False)
    )
    assert one["lens"]["S_focus"].tolist() == [other["lens"]["S_focus"]] * 2


def test_part_of_an_export_is_refused_and_shards_alone_are_taken(shards):
    (shards / "MANIFEST.sha256").unlink()
    with pytest.raises(RefusedDataError, match="was not finished"):
        FocusShards(shards, "train")
    finish(shards)
    whole = sum(1 for _ in FocusShards(shards, "train", window=4))
    path = FocusShards(shards, "train").paths[-1]
    aside = path.rename(shards / "aside")
    with pytest.raises(RefusedDataError, match=f"{path.name}: no such file"):
        FocusShards(shards, "train")
    aside.rename(path)
    for name in (".focusgen_export.json", "MANIFEST.sha256"):
        (shards / name).unlink()
    assert sum(1 for _ in FocusShards(shards, "train", window=4)) == whole


def test_a_rank_without_a_shard_says_so_and_no_item_comes_twice(shards, monkeypatch):
    keys, n_shards = [], len(FocusShards(shards, "train").paths)
    monkeypatch.setenv("WORLD_SIZE", str(n_shards + 1))
    for rank in range(n_shards):
        monkeypatch.setenv("RANK", str(rank))
        keys += [key(sample) for sample in FocusShards(shards, "train", **SIZE)]
    monkeypatch.setenv("RANK", str(n_shards))
    with pytest.warns(UserWarning, match="this one gets none"):
        assert not list(FocusShards(shards, "train", **SIZE))
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    assert sorted(keys) == sorted(key(sample) for sample in FocusShards(shards, "train", **SIZE))


def test_a_rank_that_is_said_wins_over_the_environment(shards, monkeypatch):
    """A trainer that deals out the items of a stream itself needs all of them on each rank."""

    def items(**asked: int) -> list[tuple[str, int, int]]:
        stream = FocusShards(shards, "train", window=2, modalities=("depth",), shuffle=False, **asked)
        return [(item["scene"], int(item["frames"][0]), item["set"]) for item in stream]

    whole = items()
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    share = items()
    assert 0 < len(share) < len(whole)
    assert items(rank=0, n_ranks=1) == whole
    assert items(rank=1, n_ranks=2) == share
    with pytest.raises(ValueError, match="rank 2 of 2"):
        items(rank=2, n_ranks=2)


def test_a_spawned_worker_streams_the_share_of_the_rank_that_it_works_for(shards, monkeypatch):
    """A process group is known in the rank's own process; its pickled data set is what a worker has."""
    sent = []
    for rank in range(2):
        with monkeypatch.context() as in_group:
            in_group.setattr(torch.distributed, "is_initialized", lambda: True)
            in_group.setattr(torch.distributed, "get_rank", lambda group, rank=rank: rank)
            in_group.setattr(torch.distributed, "get_world_size", lambda group: 2)
            sent.append(pickle.dumps(FocusShards(shards, "train", **SIZE)))
    whole = sorted(key(sample) for sample in FocusShards(shards, "train", **SIZE))
    there = [pickle.loads(data) for data in sent]  # noqa: S301 - made three lines above
    assert sorted(key(sample) for sample in there[0]) == whole, "no worker: it is read alone"
    monkeypatch.setattr(worker, "_worker_info", WorkerInfo(id=0, num_workers=1, seed=0, dataset=None))
    keys = [[key(sample) for sample in data] for data in there]
    assert all(keys) and sorted(keys[0] + keys[1]) == whole


def test_a_seed_and_an_epoch_are_whole_numbers(shards):
    with pytest.raises(ValueError, match="seed None: give a whole number"):
        FocusShards(shards, "train", seed=None)
    with pytest.raises(ValueError, match=r"epoch 1\.5: give a whole number"):
        FocusShards(shards, "train").set_epoch(1.5)


def test_a_crop_larger_than_a_frame_is_refused_round_a_region_too(shards):
    with pytest.raises(ValueError, match="larger than the 64x96 frames"):
        next(iter(FocusShards(shards, "train", window=4, crop=65, roi="focus")))


@pytest.mark.parametrize(
    ("place", "made", "way_out"),
    [
        ("", "notes.txt", "focusgen export webdataset"),
        ("", "scene_index.json", "the data set itself: FocusDataset("),
        ("", "train-00000.parquet", "datasets.load_dataset"),
        ("train-00000.tar", "train-00000.tar", "Give the folder: "),
        ("train-{00000..00007}.tar", "train-00000.tar", "Give the folder: "),
        ("train-*.tar", "train-00000.tar", "Give the folder: "),
        ("nowhere", "notes.txt", "focusgen export webdataset"),
    ],
)
def test_a_folder_without_shards_is_refused_with_what_reads_it(tmp_path, place, made, way_out):
    (tmp_path / made).touch()
    with pytest.raises(ConfigError, match="no shards") as caught:
        FocusShards(tmp_path / place, "train")
    assert way_out in caught.value.advice


def test_an_address_is_no_folder_of_shards():
    with pytest.raises(ConfigError, match="s3:.*an address") as caught:
        FocusShards("s3://bucket/shards", "train")
    assert "Fetch them" in caught.value.advice
