"""What a list holds: counts, depth, leakage between splits, and problems that do not end the check."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal.label_fit import Doubt
from focusgen.focal.lists import read_list
from focusgen.focal.presets import load_preset
from focusgen.focal.roots import Roots
from focusgen.focal.samples import check_known, load_sample
from focusgen.focal.stack import StackLens
from focusgen.tools import focal_check
from focusgen.tools.focal_check import MANY, ListReport, check_lists, preset_lines

CAMERA = {"focal_length_mm": 50, "f_number": 8}


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "s").mkdir()
    for n in range(5):
        cv2.imwrite(str(tmp_path / "s" / f"{n}.png"), np.zeros((4, 100, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "aif.png"), np.zeros((4, 100, 3), np.uint8))
    np.save(tmp_path / "d.npy", np.linspace(1.0, 3.0, 400, dtype=np.float32).reshape(4, 100))
    return tmp_path


def listed(disk: Path, *records: dict[str, Any], name: str = "l.jsonl") -> Path:
    (disk / name).write_text("".join(json.dumps(record) + "\n" for record in records))
    return disk / name


def report_of(*paths: Path, max_samples: int = 99) -> ListReport:
    return check_lists(paths, Roots(), max_samples)


def test_what_a_list_holds_is_counted_and_measured(disk):
    stack = {"focal_stack": "s", "depth": "d.npy", "camera": CAMERA, "focus_distances": [1, 2, 3, 4, 5]}
    report = report_of(listed(disk, stack, {"rgb": "aif.png", "depth": "d.npy", "focus_distances": [1, 2]}))
    assert (report.n_samples, report.n_slices, report.problems) == (2, [5, 2], [])
    assert report.depth_m[0] == pytest.approx((1.1, 2.0, 2.9))
    lines = report.lines()
    assert lines[0].split() == ["samples", "2"] and "2 to 5" in lines[1] and lines[-1] == "no problems"
    assert "median 2 m" in lines[2]


def test_the_share_that_a_lens_can_tell_is_of_the_pixels_within_its_reach(disk):
    lens = StackLens(0.05, 8.0)
    reach_m = lens.identifiable_to_m(100)
    np.save(disk / "d.npy", np.repeat(np.array([[0.9], [0.99], [1.01], [9.0]], np.float32), 100, 1) * reach_m)
    report = report_of(listed(disk, {"focal_stack": "s", "depth": "d.npy", "camera": CAMERA}))
    assert report.identifiable == [0.5] and "identifiable share  50%" in "\n".join(report.lines())


def test_a_subset_with_the_distances_of_all_slices_is_no_problem(disk):
    stack = {"focal_stack": "s", "num_images": 3, "focus_distances": [1, 2, 3, 4, 5]}
    report = report_of(listed(disk, stack))
    assert (report.problems, report.n_slices) == ([], [3])
    wrong = report_of(listed(disk, {**stack, "focus_distances": [1, 2, 3, 4]}))
    assert wrong.problems == [f"{disk}/l.jsonl:1: 3 slices, 4 focus distances"]


def test_a_record_that_cannot_be_used_is_a_problem_and_not_the_end(disk):
    np.save(disk / "zero.npy", np.zeros((4, 100), np.float32))
    (disk / "junk.npy").write_bytes(b"junk")
    report = report_of(
        listed(
            disk,
            {"focal_stack": "gone"},
            {"rgb": "aif.png", "depth": "junk.npy"},
            {"rgb": "aif.png", "depth": "zero.npy"},
            {"rgb": "aif.png", "depth": "d.npy"},
        ),
        disk / "none.txt",
    )
    assert report.n_samples == 4 and len(report.depth_m) == 1
    said = [
        "gone does not exist",
        "junk.npy: damaged",
        "zero.npy: depth holds no value > 0",
        "none.txt: cannot be read",
    ]
    assert len(report.problems) == 4
    assert all(word in problem for word, problem in zip(said, report.problems, strict=True))
    assert report.lines()[-1] == "4 problems"


def test_all_lines_that_say_what_they_may_not_are_problems(disk):
    good = {"focal_stack": "s", "depth": "d.npy", "camera": CAMERA, "focus_distances": [1, 2, 3, 4, 5]}
    report = report_of(listed(disk, {**good, "colour": 1}, good, {**good, "num_images": 0}, good))
    assert report.n_samples == 2 and len(report.problems) == 2
    assert (
        "l.jsonl:1: unknown key colour" in report.problems[0]
        and "l.jsonl:3: num_images" in report.problems[1]
    )


def test_a_scale_that_cannot_be_right_is_a_problem_whether_or_not_there_are_distances(disk):
    path = listed(disk, {"focal_stack": "s", "depth": "d.npy", "depth_scale": 1000})
    (said,) = report_of(path).problems
    assert f"{path}:1: " in said and "the median depth is 0.002 m" in said and "depth_scale" in said
    with pytest.raises(ConfigError, match="median depth is 0.002 m"):
        check_known(np.full((4, 100), 0.002, np.float32), "x")


def test_a_mark_that_is_read_as_far_away_is_a_problem_until_a_range_says_so(disk):
    depth_m = np.load(disk / "d.npy")
    depth_m[0] = 1e6
    np.save(disk / "m.npy", depth_m)
    marked = {"focal_stack": "s", "depth": "m.npy"}
    path = listed(disk, marked, {**marked, "depth_range": [0, 100]})
    (said,) = report_of(path).problems
    assert said.startswith(f"{path}:1: 25.0% of the depth lies at up to 1e+06 m") and "depth_range" in said


def test_what_only_infer_can_use_is_counted(disk):
    report = report_of(listed(disk, {"focal_stack": "s"}, {"focal_stack": "s", "camera": CAMERA}))
    assert report.problems == []
    assert [line.split(":")[0].split() for line in report.lines() if "without" in line] == [
        ["without", "camera", "1"],
        ["without", "distances", "2"],
    ]


@pytest.mark.parametrize(
    ("distances", "problem"),
    [
        ([1, 2, 2, 3, 4], "duplicate focus distance 2 m: 1.png and 2.png"),
        ([0.04, 1, 2, 3, 4], "0.png: focus distance 0.04 m is not beyond the focal length, 50 mm"),
    ],
)
def test_distances_that_no_stack_has_are_a_problem_as_they_are_an_error_elsewhere(disk, distances, problem):
    record = {"focal_stack": "s", "depth": "d.npy", "camera": CAMERA, "focus_distances": distances}
    path = listed(disk, record)
    (said,) = report_of(path).problems
    assert said.startswith(f"{path}:1: {problem}. ")
    with pytest.raises(ConfigError, match=f"l.jsonl:1: {problem}"):
        load_sample(read_list(path)[0], Roots(), disk)


def test_slices_are_looked_at_by_their_headers(disk):
    path = listed(disk, {"focal_stack": "s"})
    cv2.imwrite(str(disk / "s" / "3.png"), np.zeros((4, 99, 3), np.uint8))
    assert report_of(path).problems == [f"{path}:1: 3.png is 99x4, 0.png 100x4"]
    (disk / "s" / "3.png").write_bytes(b"junk")
    assert "l.jsonl:1: unreadable slice 3.png: is no JPEG" in report_of(path).problems[0]
    assert report_of(path, max_samples=0).problems == []


def test_a_list_that_was_made_on_windows_finds_its_files(disk):
    (disk / "sub").mkdir()
    (disk / "s").rename(disk / "sub" / "s")
    line = json.dumps({"focal_stack": "sub\\s", "depth": ".\\d.npy", "camera": CAMERA})
    (disk / "l.jsonl").write_bytes(b"\xef\xbb\xbf" + f"{line}\r\n".encode())
    (disk / "l.csv").write_bytes(b"\xef\xbb\xbfFocal_Stack\tDepth\r\nsub\\s\td.npy\r\n")
    report = report_of(disk / "l.jsonl", disk / "l.csv")
    assert (report.n_samples, report.n_slices, report.problems) == (2, [5, 5], [])
    (disk / "l.csv").write_text("x", encoding="utf-16")
    assert report_of(disk / "l.csv").problems == [
        f"{disk}/l.csv: cannot be read: it is no UTF-8 text. Save it as UTF-8."
    ]


def test_many_problems_are_counted_and_not_all_shown():
    report = ListReport(problems=[f"p{n}" for n in range(MANY + 3)])
    assert sum(line.startswith("problem: ") for line in report.lines()) == MANY
    assert report.lines()[-2:] == ["... and 3 more", f"{MANY + 3} problems"]


@pytest.mark.parametrize(
    ("names", "splits", "leaks"),
    [
        (("train.jsonl", "val.jsonl"), (None, None), True),  # a list's own name says it
        (("a.jsonl", "b.jsonl"), ("train", "test"), True),
        (("a.jsonl", "b.jsonl"), ("train", "train"), False),
        (("a.jsonl", "b.jsonl"), (None, None), False),
        (("trainlist.jsonl", "my_val.jsonl"), (None, None), True),
        (("train.jsonl", "latest.jsonl"), (None, None), False),  # a word that only ends so says nothing
        (("train.jsonl", "val.jsonl"), ("val", None), False),  # what a record says wins
    ],
)
def test_a_scene_in_two_splits_is_leakage(disk, names, splits, leaks):
    paths = [
        listed(disk, {"rgb": "aif.png", "scene": "bear", **({"split": split} if split else {})}, name=name)
        for name, split in zip(names, splits, strict=True)
    ]
    report = report_of(*paths)
    assert any("leakage: scene bear lies in" in problem for problem in report.problems) == leaks


def test_without_a_scene_the_folder_is_one_and_in_the_list_s_own_each_stack(disk):
    for split, own in (("train", "s"), ("val", "s"), ("test", "other")):
        (disk / own).mkdir(exist_ok=True)
        listed(disk, {"rgb": "s/0.png"}, {"rgb": f"{split}.png"}, {"focal_stack": own}, name=f"{split}.jsonl")
    report = report_of(*(disk / f"{split}.jsonl" for split in ("train", "val", "test")))
    assert report.splits == {
        str(disk / "s"): {"train", "val", "test"},
        str(disk / "other"): {"test"},
        **{str(disk / f"{split}.png"): {split} for split in ("train", "val", "test")},
    }
    assert sum("leakage" in problem for problem in report.problems) == 1


def test_folders_of_one_name_are_two_scenes_beside_two_lists_and_one_below_one_root(disk):
    paths = []
    for split in ("train", "val"):
        (disk / split / "s").mkdir(parents=True)
        paths.append(listed(disk / split, {"rgb": "s/0.png"}, name=f"{split}.jsonl"))
    (disk / "root" / "s").mkdir(parents=True)
    assert report_of(*paths).splits == {str(disk / split / "s"): {split} for split in ("train", "val")}
    cv2.imwrite(str(disk / "root" / "s" / "0.png"), np.zeros((8, 8, 3), np.uint8))
    report = check_lists(paths, Roots.of(str(disk / "root")), 0)
    assert report.splits == {str(disk / "root" / "s"): {"train", "val"}}


def test_only_so_many_maps_are_opened(disk):
    record = {"rgb": "aif.png", "depth": "d.npy"}
    assert len(report_of(listed(disk, *[record] * 5), max_samples=2).depth_m) == 2


def test_a_preset_says_what_its_lens_can_tell():
    preset = load_preset("base")
    weak = dataclasses.replace(preset, lens=dataclasses.replace(preset.lens, f_number=80.0))
    assert len(preset_lines(preset)) == 2 and "f/8 50 mm" in preset_lines(preset)[1]
    assert "not identifiable" in preset_lines(weak)[-1]
    near = dataclasses.replace(preset, focal_range_m=(0.3, 0.5))
    assert "100% of the range" in preset_lines(near)[1]


def test_labels_that_are_not_those_of_their_slices_are_problems(disk, monkeypatch):
    looked: list[int] = []

    def look_at(records, roots, beside, n, refuse):
        looked.append(len(records))
        return [Doubt("not theirs", [record.where for record in records], is_sure=True)]

    monkeypatch.setattr(focal_check, "look_at", look_at)
    stack = {"focal_stack": "s", "depth": "d.npy", "camera": CAMERA, "focus_distances": [1, 2, 3, 4, 5]}
    path = listed(disk, stack, {**stack, "camera": None}, {"focal_stack": "gone"})
    report = check_lists([path], Roots(), 99, n_looked=5)
    assert report.problems[-1] == f"{path}:1: not theirs" and looked == [1]


def test_slices_of_floats_are_pictures_and_a_sharp_one_of_another_size_is_a_problem(disk):
    for n in range(3):
        cv2.imwrite(str(disk / f"f{n}.tif"), np.full((4, 100, 3), 0.5, np.float32))
    cv2.imwrite(str(disk / "small.png"), np.zeros((4, 90, 3), np.uint8))
    stack = {"slices": [f"f{n}.tif" for n in range(3)], "focus_distances": [1, 2, 3]}
    path = listed(disk, stack, {**stack, "all_in_focus": "small.png"}, {**stack, "depth": "d.mat"})
    (disk / "d.mat").touch()
    first, second = report_of(path).problems
    assert first == f"{path}:2: small.png is 90x4, f0.tif 100x4"
    assert second.startswith(f"{path}:3: {disk}/d.mat: depth is read from")
