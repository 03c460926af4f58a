"""Stacks to train on: what cannot be learned from is named by file and line, before anything is computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from focusgen.base.errors import ConfigError, FocusgenError
from focusgen.focal.learned.shards import StackSet
from focusgen.focal.learned.stacks import StackRecipe
from focusgen.focal.sd3 import samples
from focusgen.focal.sd3.job import rehearse
from focusgen.focal.sd3.priors import Prior
from focusgen.focal.sd3.samples import Source, StackPool, check_apart, check_labels, open_split
from focusgen.focal.sd3.settings import DataSettings, Sd3Settings
from tests.focal.sd3.lists import write_list
from tests.focal.sd3.stacks import HEIGHT, WIDTH, record, sample, write_lines


def damaged(folder: Path) -> dict:
    line = record(folder, "bad")
    Path(line["slices"][1]).write_bytes(b"\x89PNG nothing")
    return line


def other_depth(folder: Path) -> dict:
    line = record(folder, "bad")
    np.save(line["depth"], np.full((HEIGHT, WIDTH // 2), 1.5, np.float32))
    return line


def no_depth(folder: Path) -> dict:
    line = record(folder, "bad")
    np.save(line["depth"], np.full((HEIGHT, WIDTH), np.nan, np.float32))
    return line


def one_slice(folder: Path) -> dict:
    line = record(folder, "bad")
    return {**line, "slices": line["slices"][:1], "focus_distances": [1.0]}


def test_stacks_are_told_from_others_by_what_names_them(tmp_path):
    first, second, both = (
        write_lines(tmp_path / f"{k}.jsonl", *(record(tmp_path / "s", name) for name in names))
        for k, names in enumerate((["a"], ["b"], ["a", "b"]))
    )
    digests = [open_split(DataSettings(train_list=path), "train").digest for path in (first, second, both)]
    assert len(set(digests)) == 3
    moved = first.rename(tmp_path / "moved.jsonl")
    assert open_split(DataSettings(val_list=moved), "val").digest == digests[0]


def test_weights_of_a_list_are_shares_of_the_largest_and_never_all_0(tmp_path):
    def weights(*given):
        lines = [{**record(tmp_path / "s", f"w{k}"), "weight": one} for k, one in enumerate(given)]
        return open_split(DataSettings(train_list=write_lines(tmp_path / "l.jsonl", *lines)), "train").weights

    assert weights(0.5, 0.25, 0) == (1.0, 0.5, 0.0) and weights(0.5, 0.5) == ()
    with pytest.raises(ConfigError, match="every stack has weight 0"):
        weights(0, 0)
    with pytest.raises(ConfigError, match=r"l\.jsonl:2: weight -1 is below 0"):
        weights(1, -1)


CAMERA = {"focal_length_mm": 50, "f_number": 2}
BROKEN = {
    "a slice that is gone": (lambda f: {**record(f, "bad"), "slices": ["gone.png"]}, "gone.png"),
    "a depth file that is gone": (lambda f: {**record(f, "bad"), "depth": "gone.npy"}, "gone.npy"),
    "a damaged slice": (damaged, "bad_1.png"),
    "no camera": (lambda f: record(f, "bad", camera=None), "camera is missing"),
    "no distances": (lambda f: record(f, "bad", focus_distances=None), "focus_distances is missing"),
    "too few distances": (lambda f: record(f, "bad", focus_distances=[1, 2]), "3 slices, 2 focus"),
    "depth that is nowhere known": (no_depth, "depth holds no value > 0"),
    "no depth": (lambda f: record(f, "bad", depth=None), "needs depth"),
    "centimetres": (lambda f: record(f, "bad", depth_scale=0.001), "the median depth is 1500 m"),
    "depth of another size": (other_depth, "depth is 20x32, the slices 40x32"),
    "one slice": (one_slice, "at least 2 slices, not 1"),
    "one distance": (lambda f: record(f, "bad", focus_distances=[1, 1, 1]), "duplicate focus distance 1 m"),
    "focus within the lens": (
        lambda f: record(f, "bad", focus_distances=[0.02, 1, 2]),
        "focus distance 0.02 m is not beyond",
    ),
    "no JSON": (lambda f: '{"slices": [', "no JSON"),
    "a key with a typo": (lambda f: {**record(f, "bad"), "focus_distence": [1]}, "did you mean focus_dist"),
    "a formula with a typo": (lambda f: record(f, "bad", camera={**CAMERA, "formula": "exakt"}), "'exakt'"),
    "a camera with a typo": (lambda f: record(f, "bad", camera={**CAMERA, "fnumber": 2}), "camera.fnumber"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_rehearsal_names_file_and_line_of_what_cannot_be_learned_from(tmp_path, case):
    make, message = BROKEN[case]
    path = write_lines(tmp_path / "train.jsonl", record(tmp_path / "f", "good"), make(tmp_path / "f"))
    settings = Sd3Settings.model_validate({"data": {"size": 16, "train_list": path}})
    with pytest.raises(FocusgenError) as caught:
        rehearse(settings, is_full=False, say=lambda line: None)
    assert "train.jsonl:2" in caught.value.message and message in caught.value.message


@pytest.mark.parametrize("key", ["depth", "all_in_focus", "focus_distances", "camera"])
def test_a_line_that_lacks_something_is_named_before_any_file_is_opened(tmp_path, key):
    good, bad = record(tmp_path / "f", "good"), {**record(tmp_path / "f", "bad"), key: None}
    path = write_lines(tmp_path / "val.jsonl", good, bad, good)
    with pytest.raises(ConfigError, match=rf"val\.jsonl:2: {key} is missing"):
        open_split(DataSettings(val_list=path), "val")


def test_a_scene_in_two_lists_is_leakage_whether_it_has_a_name_or_only_a_folder(tmp_path):
    for changes in ({}, {"scene": None}):
        lists = [
            write_lines(tmp_path / f"{split}.jsonl", record(tmp_path / "f", "a", **changes))
            for split in ("train", "test")
        ]
        with pytest.raises(ConfigError, match=r"leakage: scene .* lies in .*train.jsonl and in .*test.jsonl"):
            check_apart(DataSettings(train_list=lists[0], test_list=lists[1]))
    check_apart(DataSettings(train_list=lists[0]))


def test_a_stack_in_lists_of_two_folders_is_leakage_where_both_find_it_below_one_root(tmp_path):
    line = record(made(tmp_path / "set") / "f", "a", scene=None)
    bare = {**line, "slices": [f"f/a_{n}.png" for n in range(3)]}
    train, val, own = (
        write_lines(made(tmp_path / name) / "l.jsonl", one)
        for name, one in (("train", bare), ("val", bare), ("own", line))
    )
    rooted = DataSettings(train_list=train, root=str(tmp_path / "set"))
    for other in (val, own):  # own says whole paths
        with pytest.raises(ConfigError, match="leakage: scene .*/set/f lies in"):
            check_apart(rooted.model_copy(update={"val_list": other}))
    check_apart(DataSettings(train_list=train, val_list=val))  # each beside its list: other files


def made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def test_lists_are_looked_for_where_their_preset_says(tmp_path, monkeypatch):
    line = record(made(tmp_path / "set") / "f", "a", scene=None)
    names = {"all_in_focus": "f/a_sharp.png", "depth": "f/a_depth.npy"}
    path = write_lines(made(tmp_path / "lists") / "l.jsonl", {"camera": line["camera"], **names})
    preset = tmp_path / "mine.yaml"
    preset.write_text(f"defaults: [base]\nname: mine\ndata_root: {tmp_path / 'set'}\n")
    data = DataSettings(train_list=path, val_list=path, preset=str(preset))
    assert open_split(data, "train").open(0).true_m.shape == (HEIGHT, WIDTH)
    with pytest.raises(ConfigError, match="leakage: scene .*/set/f/a_sharp.png"):
        check_apart(data)
    preset.write_text("defaults: [base]\nname: mine\n")
    monkeypatch.setenv("MINE_DATA_ROOT", str(tmp_path / "set"))
    assert open_split(data, "train").open(0).true_m.shape == (HEIGHT, WIDTH)


def test_leakage_names_the_first_scene_and_counts_the_others(tmp_path):
    lines = [record(tmp_path / "f", name, scene=name) for name in ("c", "a", "b")]
    train, val = (write_lines(tmp_path / f"{split}.jsonl", *lines) for split in ("train", "val"))
    with pytest.raises(ConfigError, match=r"scene a lies in .*train.jsonl and in .*, and so do 2 others"):
        check_apart(DataSettings(train_list=train, val_list=val))


def test_lists_of_two_formulas_are_refused(tmp_path):
    lines = [record(tmp_path / "f", name) for name in ("a", "b")]
    lines[1]["camera"] = {**lines[1]["camera"], "formula": "exact"}
    path = write_lines(tmp_path / "train.jsonl", *lines)
    with pytest.raises(ConfigError, match="paper in some records and exact in others"):
        open_split(DataSettings(train_list=path), "train")


def test_a_folder_is_read_up_to_its_first_gap_and_shared_between_the_splits(tmp_path, monkeypatch):
    stacks, opened = StackSet(tmp_path, StackRecipe()), []
    monkeypatch.setattr(samples, "open_stacks", lambda folder: stacks)
    monkeypatch.setattr(samples, "_synthetic", lambda made, first, index: opened.append(first + index))
    for number in (0, 1, 3):  # 2 is still being made
        stacks.shard(number).touch()
    data = DataSettings(folder=tmp_path, n_val=4)
    train, val = open_split(data, "train"), open_split(data, "val")
    assert (train.n, val.n) == (12, 4)
    train.open(11), val.open(0)
    assert opened == [11, 12] and train.digest != val.digest
    other = StackSet(tmp_path, StackRecipe(seed=1))
    monkeypatch.setattr(samples, "open_stacks", lambda folder: other)
    assert open_split(data, "train").digest != train.digest
    with pytest.raises(ConfigError, match=r"data.n_val is 16, and .* holds 16 stacks"):
        open_split(DataSettings(folder=tmp_path, n_val=16), "train")


def test_subsets_keep_both_ends_and_each_is_made_once(monkeypatch):
    monkeypatch.setattr(
        samples, "kept_prior", lambda stack, at: Prior(stack.slices[0], stack.slices[0], None)
    )
    opened = []
    source = Source(3, lambda index: opened.append(index) or sample(6), ())
    pool = StackPool(source, DataSettings(least_slices=3, most_slices=5, variants=4), seed=1)
    counts = set()
    for variant in (0, 1, 2, 3, 4):
        stack = pool.shown(1, variant).stack
        assert (stack.slices[0, 0, 0, 0], stack.slices[-1, 0, 0, 0]) == (0, 5)
        assert list(stack.diopters) == [2.0 - 0.3 * k for k in stack.slices[:, 0, 0, 0]]
        counts.add(len(stack))
    assert counts <= {3, 4, 5} and len(counts) > 1
    assert len(pool.shown(1, 0).stack) == 5 and opened == [1] * 4


def test_labels_of_other_slices_are_refused_unless_nobody_looks(tmp_path):
    path = write_list(tmp_path / "train.jsonl", "tabletop", focus_distances=[3.4, 1.4, 0.9, 0.66, 0.52])
    with pytest.raises(ConfigError, match=r"train.jsonl:1: .* reverse order") as caught:
        check_labels(DataSettings(train_list=path))
    assert "data.look=0" in caught.value.advice
    check_labels(DataSettings(train_list=path, look=0))


def test_a_camera_that_may_blur_otherwise_is_warned_of(tmp_path):
    camera = {"focal_length_mm": 50.0, "f_number": 1.0, "sensor_width_mm": 36.0}
    path = write_list(tmp_path / "train.jsonl", "tabletop", camera=camera)
    with pytest.warns(UserWarning, match=r"train.jsonl:1: .* 0\.5 times the blur"):
        check_labels(DataSettings(train_list=path))


def test_a_file_that_is_not_there_is_named_wherever_in_the_list_it_stands(tmp_path):
    lines = [record(tmp_path / "s", f"n{k}") for k in range(9)]
    path = write_lines(tmp_path / "train.jsonl", *lines[:5], {**lines[5], "depth": "gone.npy"}, *lines[6:])
    with pytest.raises(ConfigError, match=r"train.jsonl:6: depth gone.npy does not exist"):
        check_labels(DataSettings(train_list=path, look=0))
