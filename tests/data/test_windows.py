"""Windows of a finished data set: the right arrays, cut alike, the same in every process."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset, default_collate

from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.data import FocusDataset, FocusRoi, MotionRoi
from focusgen.data.arguments import window_starts


def splits_of(root: Path) -> dict[str, str]:
    return {
        name: entry["split"] for name, entry in json.loads((root / "scene_index.json").read_text()).items()
    }


def plainly(root: Path, scene: str, set_index: int, frame: int) -> dict[str, np.ndarray]:
    """What a stranger reads with cv2 and numpy."""
    folder = root / scene
    names = {"sharp": f"frames_sharp/frame_{frame:04d}.png"}
    names["bokeh"] = f"bokeh_renders/set_{set_index:02d}/bokeh_{frame:04d}.png"
    arrays = {key: cv2.imread(str(folder / name))[..., ::-1] for key, name in names.items()}
    arrays["depth"] = np.load(folder / f"depth_maps/depth_{frame:04d}.npz")["depth"]
    arrays["focus"] = np.load(folder / f"focus_maps/set_{set_index:02d}/focus_{frame:04d}.npz")["focus_map"]
    return arrays


@pytest.mark.parametrize("recompute", [False, True])
def test_every_item_is_what_a_stranger_reads_from_the_same_files(finished, recompute):
    data = FocusDataset(finished, "train", window=4, stride=3, crop=(32, 48), recompute_labels=recompute)
    n_scenes = sum(split == "train" for split in splits_of(finished).values())
    assert len(data) == n_scenes * 3 * 2 and n_scenes >= 2
    for index in (0, 1, 5, len(data) - 1):
        sample = data[index]
        y, x, height, width = (int(v) for v in sample["crop"])
        assert (height, width) == (32, 48) and sample["sharp"].shape == (4, 3, 32, 48)
        for t, frame in enumerate(sample["frames"].tolist()):
            expected = plainly(finished, sample["scene"], sample["set"], frame)
            for key, array in expected.items():
                cut = array[y : y + height, x : x + width]
                cut = cut.transpose(2, 0, 1) if cut.ndim == 3 else cut[None].astype(np.float32)
                assert np.array_equal(sample[key][t].numpy(), cut), (key, frame)


@pytest.mark.parametrize("how", [{}, {"crop": 24, "roi": "focus"}])
def test_labels_are_recomputed_bit_for_bit_and_no_focus_file_is_opened(finished, how):
    how = {"window": 5, **how}
    read = [sample["focus"] for sample in FocusDataset(finished, "train", **how)]
    for path in finished.glob("*/focus_maps/*/*.npz"):
        path.write_bytes(b"no longer a label")
    made = [sample["focus"] for sample in FocusDataset(finished, "train", recompute_labels=True, **how)]
    assert len(read) == len(made) and all(map(torch.equal, read, made))


def test_the_order_is_scene_then_frame_then_set_and_the_camera_is_the_lens_s(finished):
    data = FocusDataset(finished, "train", window=5, crop=40)
    items = [(s["scene"], int(s["frames"][0]), s["set"]) for s in data]
    names = [name for name, split in splits_of(finished).items() if split == "train"]
    assert items == [(name, start, k) for name in names for start in (0, 5) for k in (0, 1)]
    sample = data[3]
    lens = json.loads((finished / sample["scene"] / "metadata.json").read_text())["sets"][1]
    assert sample["lens"] == {key: lens[key] for key in ("f", "N", "S_focus", "max_coc")}
    y, x, _, _ = sample["crop"].tolist()
    focal_px = lens["f"] / 0.036 * 96
    expected = [[focal_px, 0, 95 / 2 - x], [0, focal_px, 63 / 2 - y], [0, 0, 1]]
    assert torch.allclose(sample["K"], torch.tensor(expected, dtype=torch.float32))


def test_crops_follow_seed_epoch_and_item_only(finished):
    def boxes(data, **loader):
        return torch.cat([batch["crop"] for batch in DataLoader(data, batch_size=1, **loader)]).tolist()

    data = FocusDataset(finished, "train", window=4, crop=24, seed=3)
    here = boxes(data)
    assert here == boxes(FocusDataset(finished, "train", window=4, crop=24, seed=3))
    assert here != boxes(FocusDataset(finished, "train", window=4, crop=24, seed=4))
    assert [pickle.loads(pickle.dumps(data))[i]["crop"].tolist() for i in range(len(data))] == here  # noqa: S301
    data.set_epoch(1)
    assert boxes(data) != here


@pytest.mark.slow
def test_spawned_workers_that_persist_see_the_epoch_and_give_the_same_items(finished):
    data = FocusDataset(finished, "train", window=4, crop=24, roi="focus")
    loader = DataLoader(
        data, batch_size=2, num_workers=2, multiprocessing_context="spawn", persistent_workers=True
    )
    for epoch in (0, 1):
        data.set_epoch(epoch)
        here = [data[i] for i in range(len(data))]
        there = [sample for batch in loader for sample in batch["crop"]]
        assert [s["crop"].tolist() for s in here] == [crop.tolist() for crop in there]


def test_windows_stay_within_shots_unless_told_and_short_scenes_are_counted(finished):
    assert window_starts(10, (4,), 3, 3, across_cuts=False) == [0, 4, 7]
    assert window_starts(10, (4,), 3, 3, across_cuts=True) == [0, 3, 6]
    assert window_starts(10, (), 4, 2, across_cuts=False) == [0, 2, 4, 6]
    assert window_starts(3, (), 4, 1, across_cuts=False) == []
    with pytest.warns(UserWarning, match=r"no item: none of \d scenes holds a window of 11"):
        data = FocusDataset(finished, "train", window=11)
    assert len(data) == 0 and data.skipped == len(data.scenes) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop": 65}, "larger than the 64x96 frames"),
        ({"crop": (20, 97)}, "larger than"),
        ({"crop": 0}, "positive"),
        *(({"crop": crop}, "whole positive pixels") for crop in ((8,), (8, 9.5), 16.0, "16")),
        ({"crop": 65, "roi": "focus"}, "larger than the 64x96 frames"),
        ({"window": 0}, "window 0"),
        *(
            ({"window": 2, **wrong}, "count frames")
            for wrong in (
                {"window": 2.0},
                {"stride": 2.5},
                {"stride": "2"},
                {"window": True},
                {"stride": True},
            )
        ),
        ({"modalities": "sharp"}, "a list of"),
        ({"modalities": ("sharp", "rgb")}, "rgb"),
        ({"modalities": ()}, "a list of"),
        ({"sets": [0.0]}, "a list of lens sets"),
        ({"sets": np.array([2])}, r"sets \[2\]: scene"),
        ({"sets": [0, 2]}, "sets 0..1"),
        *(({"sets": sets}, "a list of lens sets") for sets in (0, [], "01", [True])),
        *(({"seed": seed}, f"seed {seed}: give a whole number") for seed in (None, 1.5, True)),
        ({"roi": "focus"}, "crop of fixed size"),
        ({"roi": "faces", "crop": 20}, "faces"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_at_construction(finished, arguments, message):
    with pytest.raises(ValueError, match=message):
        FocusDataset(finished, "train", **arguments)


@pytest.mark.parametrize("epoch", [1.5, True, None, "1"])
def test_an_epoch_that_is_no_number_is_refused(finished, epoch):
    with pytest.raises(ValueError, match=f"epoch {epoch!r}: give a whole number"):
        FocusDataset(finished, "train").set_epoch(epoch)


def test_a_crop_function_decides_and_its_wrong_boxes_are_refused(finished):
    data = FocusDataset(finished, "train", window=4, crop=lambda meta, rng: (1, 2, meta["height"] - 1, 5))
    assert data[0]["crop"].tolist() == [1, 2, 63, 5]
    outside = FocusDataset(finished, "train", window=4, crop=lambda meta, rng: (0, 90, 10, 10))
    with pytest.raises(ValueError, match="leaves the 96x64 frame"):
        outside[0]
    for answer in ((0, 0, 8), None, (0.5, 0, 8, 8)):
        wrong = FocusDataset(finished, "train", window=4, crop=lambda meta, rng, answer=answer: answer)
        with pytest.raises(ValueError, match=r"answered .* for scene .* is wanted, in whole pixels"):
            wrong[0]


def test_a_home_is_a_home_and_numbers_of_numpy_are_numbers(finished, monkeypatch):
    monkeypatch.setenv("HOME", str(finished.parent))
    assert FocusDataset("~/out", window=4, crop=np.int64(20))[0]["sharp"].shape[-1] == 20


def test_regions_of_interest_hold_what_they_are_named_after(finished):
    def sharpness(sample):
        return float(sample["focus"].mean())

    def movement(sample):
        return float((sample["sharp"][-1].float() - sample["sharp"][0].float()).abs().mean())

    whole = FocusDataset(finished, "train", window=8, sets=[0])
    for roi, measure in ((FocusRoi(16), sharpness), (MotionRoi(16), movement)):
        gains = []
        for seed in range(6):
            cut = FocusDataset(finished, "train", window=8, sets=[0], crop=roi, seed=seed)
            gains += [measure(cut[index]) - measure(whole[index]) for index in range(len(whole))]
        assert np.mean(gains) > 0, roi


def test_a_damaged_file_is_named_or_by_word_skipped_and_counted(finished):
    data = FocusDataset(finished, "train", window=5, sets=[0])
    scene, start, _ = data.item(0)
    victim = scene.layout.depth(start + 1)
    data_of_victim = bytearray(victim.read_bytes())
    data_of_victim[len(data_of_victim) // 2] ^= 0xFF
    victim.write_bytes(data_of_victim)
    with pytest.raises(CorruptInputError, match=victim.name):
        data[0]
    forgiving = FocusDataset(finished, "train", window=5, sets=[0], on_damage="skip")
    assert torch.equal(forgiving[0]["frames"], forgiving[1]["frames"]) and forgiving.n_damaged == 1
    victim.unlink()
    with pytest.raises(MissingUpstreamError, match=victim.name):
        data[0]


def test_items_are_found_from_any_folder_and_by_numbers_of_a_tensor(finished, monkeypatch):
    monkeypatch.chdir(finished.parent)
    data = FocusDataset(finished.name, "train", window=5, modalities=("depth",))
    monkeypatch.chdir("/")
    assert torch.equal(Subset(data, torch.tensor([3]))[0]["depth"], data[3]["depth"])


def test_doubtful_pixels_are_a_modality_of_their_own(finished):
    data = FocusDataset(finished, "train", window=4, modalities=("depth", "valid"), crop=(64, 96))
    scene, start, _ = data.item(0)
    flags = np.zeros((64, 96), np.uint8)
    flags[3, 5] = 5
    cv2.imwrite(str(scene.layout.valid(start + 1)), flags)
    valid = data[0]["valid"]
    assert valid.shape == (4, 1, 64, 96) and valid.dtype == torch.uint8
    assert int(valid.sum()) == 5 and int(valid[1, 0, 3, 5]) == 5


def test_windows_of_lenses_that_move_and_that_stay_make_one_batch(
    finished: Path, monkeypatch: pytest.MonkeyPatch
):
    clips = FocusDataset(finished, split="train", window=2)
    moving = replace(clips.scenes[0].lenses[1], focus_distances_m=tuple(1.0 + 0.01 * t for t in range(10)))
    scene = replace(clips.scenes[0], lenses=(clips.scenes[0].lenses[0], moving))
    monkeypatch.setattr("focusgen.data.windows.vet", lambda *args, **kwargs: [scene])
    mixed = FocusDataset(finished, split="train", window=2)
    batch = default_collate([mixed[0], mixed[1]])
    assert batch["lens"]["S_focus"].shape == (2, 2)
    assert batch["lens"]["S_focus"][1].tolist() == [1.0, 1.01]
    assert batch["lens"]["S_focus"][0].tolist() == [scene.lenses[0].lens.focus_distance_m] * 2
    still = FocusDataset(finished, split="train", window=2, sets=[0], focus_by_frame=True)
    assert default_collate([mixed[1], still[0]])["lens"]["S_focus"].shape == (2, 2), (
        "those of two data sets too"
    )


def test_a_split_without_a_scene_says_so(finished, monkeypatch):
    monkeypatch.setattr("focusgen.data.windows.vet", lambda *args, **kwargs: [])
    with pytest.warns(UserWarning, match="split 'val' has no item: no scene of the data set is in it"):
        assert len(FocusDataset(finished, "val")) == 0


def test_modalities_that_are_generated_and_sets_of_an_array_are_taken_as_lists_are(finished):
    listed = FocusDataset(finished, "train", window=4, modalities=("depth", "focus"), sets=[1])
    same = FocusDataset(
        finished, "train", window=4, modalities=(kind for kind in ("depth", "focus")), sets=np.array([1, 1])
    )
    assert len(same) == len(listed) and list(same[0]) == list(listed[0]) and "focus" in same[0]
    assert type(same[0]["set"]) is int
    same = FocusDataset(finished, "train", window=4, sets=torch.tensor([0, 1]))
    assert [same[n]["set"] for n in (0, 1)] == [0, 1] and type(same[0]["set"]) is int
