"""A table over a list of stacks: every sample, number of slices and method, and files that others read."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal.baselines import Prediction
from focusgen.focal.label_fit import Doubt
from focusgen.focal.perceptual import Perceptual
from focusgen.focal.protocols import ZEDD_SIZE
from focusgen.focal.roots import Roots
from focusgen.focal.stack import FocalStack
from focusgen.tools import focal_evaluate
from focusgen.tools.focal_evaluate import EvaluateJob, evaluate

HEIGHT, WIDTH = 12, 16


@pytest.fixture
def disk(tmp_path: Path, monkeypatch) -> Path:
    """A list of drawn stacks; methods are at once: what they say is the mean distance of the stack."""
    texture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "aif.png"), texture)
    np.save(tmp_path / "d.npy", np.full((HEIGHT, WIDTH), 1.0, np.float32))

    def predict(method: str, stack: FocalStack, find_depth: Any) -> Prediction:
        depth = np.full(stack.slices.shape[1:3], 1.0 / stack.diopters.mean(), np.float32)
        return Prediction(depth, np.ones_like(depth), stack.slices[0])

    monkeypatch.setattr(focal_evaluate, "predict", predict)
    monkeypatch.setattr(focal_evaluate, "load_estimator", lambda name, options: None)
    monkeypatch.setattr(focal_evaluate, "load_lpips", lambda: Perceptual(None, "no LPIPS"))
    return tmp_path


def record(name: str, **values: Any) -> dict[str, Any]:
    camera = {"focal_length_mm": 50, "f_number": 8}
    drawn = {
        "rgb": "aif.png",
        "depth": "d.npy",
        "focus_distances": [0.5, 1.0, 2.0, 4.0, 8.0],
        "camera": camera,
    }
    return {**drawn, "name": name, **values}


def job_of(disk: Path, *records: dict[str, Any], **options: Any) -> EvaluateJob:
    (disk / "l.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    return EvaluateJob([disk / "l.jsonl"], Roots(), disk / "out", **options)


def test_every_sample_every_size_and_every_method_is_a_row(disk):
    table = evaluate(job_of(disk, record("a"), record("b"), n_slices=(2, 5))).table
    document = json.loads((disk / "out" / "evaluation.json").read_text())
    assert len(document["samples"]) == 2 * 2 * 5 and set(table) == set(document["table"])
    rows = list(csv.DictReader((disk / "out" / "evaluation.csv").open()))
    assert [(row["name"], row["n_slices"]) for row in rows[::5]] == [
        ("a", "2"),
        ("a", "5"),
        ("b", "2"),
        ("b", "5"),
    ]
    # Five slices: mean of 2, 1, .5, .25, .125 diopters is .775; depth 1 m: |1 / .775 - 1| = .290
    assert float(rows[5]["abs_rel"]) == pytest.approx(1 / 0.775 - 1, rel=1e-5)
    assert (disk / "out" / "evaluation.png").is_file()


def test_stacks_whose_depth_is_not_theirs_are_named(disk, monkeypatch):
    told = {"a": Doubt("not theirs", ["a", "b"], is_sure=True)}
    monkeypatch.setattr(focal_evaluate, "left_of", lambda record, sample: record.text("name"))
    monkeypatch.setattr(focal_evaluate, "doubts_of", lambda left: [told[left["a"]]])
    notes: list[str] = []
    evaluate(job_of(disk, record("a"), record("b")), note=notes.append)
    assert "a, b: not theirs" in notes


def test_splits_and_a_largest_number_choose_samples(disk):
    records = [record("a", split="train"), record("b", split="val"), record("c"), record("d", split="val")]
    for options, names in (
        ({"split": "val"}, "bd"),
        ({"split": "val", "max_samples": 1}, "b"),
        ({}, "abcd"),
    ):
        evaluate(job_of(disk, *records, **options))
        document = json.loads((disk / "out" / "evaluation.json").read_text())
        assert "".join(dict.fromkeys(row["name"] for row in document["samples"])) == names
    with pytest.raises(ConfigError, match="no sample of split test"):
        evaluate(job_of(disk, record("a", split="train"), split="test"))


@pytest.mark.parametrize(
    ("splits", "names", "noted"),
    [
        ((None, None), "ab", r"l.jsonl names no split: all of its 2 samples are taken for test"),
        (("test", None), "a", r"l.jsonl: 1 of 2 samples name no split, such as .*l.jsonl:2: they are not"),
        (("test", "test"), "ab", None),
    ],
)
def test_samples_without_a_split_are_of_it_only_where_no_sample_names_one(disk, splits, names, noted):
    records = [record(name, **({"split": s} if s else {})) for name, s in zip("ab", splits, strict=True)]
    said: list[str] = []
    evaluate(job_of(disk, *records, split="test"), note=said.append)
    document = json.loads((disk / "out" / "evaluation.json").read_text())
    assert "".join(dict.fromkeys(row["name"] for row in document["samples"])) == names
    about_splits = [line for line in said if "split" in line]
    assert len(about_splits) == (noted is not None) and set(about_splits) <= set(document["notes"])
    assert noted is None or re.search(noted, about_splits[0])


def test_a_mean_of_fewer_samples_than_there_are_says_so_and_one_sample_has_no_interval(disk):
    (disk / "s").mkdir()
    for n in range(5):
        level = cv2.imread(str(disk / "aif.png")) // (n + 1)
        cv2.imwrite(str(disk / "s" / f"{n}.png"), level)
    without = {key: value for key, value in record("b").items() if key != "depth"} | {"focal_stack": "s"}
    said: list[str] = []
    evaluate(job_of(disk, record("a"), without), note=said.append)
    (told,) = [line for line in said if "means of 1 of 2 samples" in line]
    assert told.startswith("N=5: ") and "abs_rel" in told and "aif_psnr" not in told
    page = (disk / "out" / "evaluation").with_suffix(".md").read_text()
    assert told in page and "(one sample)" in page
    table = json.loads((disk / "out" / "evaluation.json").read_text())["table"]
    assert table["auto N=5"]["abs_rel"][1:] == [None, None] and None not in table["auto N=5"]["aif_psnr"]


def test_stacks_of_one_name_keep_their_files_apart_and_inside(disk):
    evaluate(job_of(disk, record("a"), record("a"), record("x/../a"), saves_pictures=True, protocol="zedd"))
    assert {p.name for p in (disk / "out").glob("*_depth.png")} == {
        "a_depth.png",
        "a_2_depth.png",
        "x_.._a_depth.png",
    }
    files = sorted((disk / "out" / "zedd").iterdir())
    assert len(files) == 3
    found = np.load(files[0])
    assert found.shape == ZEDD_SIZE and found.dtype == np.float32
    document = json.loads((disk / "out" / "evaluation.json").read_text())
    assert [row["name"] for row in document["samples"][::5]] == ["a", "a_2", "x_.._a"]


def test_scenes_whose_truth_a_server_keeps_get_their_files_and_a_note(disk):
    for name in ("a.png", "b.png", "c.png", "d.png", "e.png"):
        pixels = np.random.default_rng(len(list(disk.iterdir()))).integers(0, 256, (HEIGHT, WIDTH, 3))
        cv2.imwrite(str(disk / name), pixels.astype(np.uint8))
    photographed = {"slices": [f"{name}.png" for name in "abcde"], "rgb": None, "depth": None}
    said: list[str] = []
    found = evaluate(job_of(disk, record("s", **photographed), protocol="zedd"), note=said.append)
    assert list(found.table) == ["auto N=5"]  # with nothing to compare with, no other method is run
    assert not any(found.table.values()) and any("only the files for the server were made" in s for s in said)
    assert (disk / "out" / "zedd" / "s.npy").is_file() and (disk / "out" / "evaluation.json").is_file()
    with pytest.raises(ConfigError, match="no sample has depth or all_in_focus"):
        evaluate(job_of(disk, record("s", **photographed)))


def test_maps_of_other_slices_than_the_server_judges_are_said(disk):
    few = record("few", focus_distances=[0.5, 1.0, 2.0])
    said: list[str] = []
    evaluate(job_of(disk, record("a"), few, protocol="zedd"), note=said.append)
    assert any(
        line.startswith("1 stacks, such as few of 3 slices, have neither 9 slices nor") for line in said
    )
    said.clear()
    evaluate(job_of(disk, record("a"), protocol="zedd"), note=said.append)
    assert not any("nor the five" in line for line in said)


def test_more_slices_than_a_stack_has_is_refused_by_name(disk):
    with pytest.raises(ConfigError, match="a: 7 slices are asked for, it has 5"):
        evaluate(job_of(disk, record("a"), n_slices=(7,)))


def test_disparity_is_scored_where_that_is_the_protocol(disk):
    evaluate(job_of(disk, record("a"), protocol="ddff"))
    (row, *_) = json.loads((disk / "out" / "evaluation.json").read_text())["samples"]
    assert row["disparity_abs_rel"] == pytest.approx(1.0 - 0.775, rel=1e-5)


def test_files_of_another_call_beside_those_for_a_server_are_said(disk):
    notes: list[str] = []
    evaluate(job_of(disk, record("a"), protocol="zedd"), note=notes.append)
    assert not any("another call" in line for line in notes)
    evaluate(job_of(disk, record("b"), protocol="zedd"), note=notes.append)
    assert any("zedd holds 1 files of another call, such as a.npy" in line for line in notes)


def test_a_bad_sample_is_named_and_the_others_are_judged(disk):
    np.save(disk / "unknown.npy", np.full((HEIGHT, WIDTH), np.nan, np.float32))
    slices = [f"s{k}.png" for k in range(5)]
    for name in slices:
        shutil.copy(disk / "aif.png", disk / name)
    few = record("few", focus_distances=[0.5, 1.0])
    bad = [record("gone", depth="gone.npy"), record("unknown", slices=slices, depth="unknown.npy")]
    found = evaluate(job_of(disk, *bad, record("a"), few, n_slices=(3,)))
    document = json.loads((disk / "out" / "evaluation.json").read_text())
    assert {row["name"] for row in document["samples"]} == {"a"}
    assert document["left_out"] == found.left_out and len(found.left_out) == 3
    for line, said in zip(
        found.left_out,
        ("l.jsonl:1: depth gone.npy", "l.jsonl:2: unknown: depth holds", "l.jsonl:4: few"),
        strict=True,
    ):
        assert said in line
    assert "gone.npy" in (disk / "out" / "evaluation").with_suffix(".md").read_text()
    with pytest.raises(ConfigError, match="gone"):
        evaluate(job_of(disk, *bad))


@pytest.mark.parametrize(
    ("metres", "why"), [(1500.0, "the median depth is 1500 m"), (np.nan, "no value > 0")]
)
def test_truth_that_nothing_can_be_judged_by_is_left_out_by_line(disk, metres, why):
    np.save(disk / "bad.npy", np.full((HEIGHT, WIDTH), metres, np.float32))
    slices = [f"{n}.png" for n in range(2)]
    for n, path in enumerate(slices):
        cv2.imwrite(str(disk / path), np.random.default_rng(n).integers(0, 256, (HEIGHT, WIDTH, 3)))
    bad = {**record("bad", depth="bad.npy", focus_distances=[1, 2]), "slices": slices}
    found = evaluate(job_of(disk, record("good"), bad))
    assert {row["name"] for row in json.loads((disk / "out" / "evaluation.json").read_text())["samples"]} == {
        "good"
    }
    (line,) = found.left_out
    assert "l.jsonl:2" in line and why in line
