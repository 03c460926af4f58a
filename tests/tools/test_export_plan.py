"""A plan deals frames out to shards: all of them, once, in order, and only where samples are alike."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from focusgen.base.checksums import FileEntry
from focusgen.base.errors import FocusgenError, RefusedDataError
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.lens_metadata import SetLens
from focusgen.dataset.records import read_record
from focusgen.dataset.vetting import VettedScene
from focusgen.tools.export_plan import (
    JSON_BYTES,
    TAR_BLOCK_BYTES,
    ExportPlan,
    Shard,
    _check_clean,
    _check_sets,
    _moving_sets,
    _packed,
    _stand_ins,
    cut_scenes,
    frames_of,
    into_shards,
    plan_samples,
)
from focusgen.tools.export_samples import ExportScene, lenses_at, sample_document
from tests.small import LENS, entry, finish_scene, write_index

PICTURE_BYTES = 1000


def scene(name: str, n_frames: int = 2, split: str = "train", **how: Any) -> ExportScene:
    """Return a scene of which every file has 1000 bytes."""
    lenses = how.pop("lenses", (SetLens(LENS, 3e-4),))
    vetted = VettedScene(
        scene_id=name,
        split=split,
        n_frames=n_frames,
        width=32,
        height=16,
        shot_cuts=(1,),
        lenses=lenses,
        sensor_width_m=0.036,
        digests={},
        has_clean=how.pop("has_clean", False),
        layout=SceneLayout(Path("/out"), name),
    )
    names = [f"frames_sharp/frame_{f:04d}.png" for f in range(n_frames)]
    names += [f"depth_maps/depth_{f:04d}.npz" for f in range(n_frames)]
    for k in range(len(lenses)):
        names += [f"bokeh_renders/set_{k:02d}/bokeh_{f:04d}.png" for f in range(n_frames)]
        names += [f"clean_renders/set_{k:02d}/clean_{f:04d}.png" for f in range(n_frames)]
        names += [f"focus_maps/set_{k:02d}/focus_{f:04d}.npz" for f in range(n_frames)]
    files = {path: FileEntry(PICTURE_BYTES, f"{name}:{path}") for path in names}
    files |= how.pop("files", {})
    return ExportScene(vetted, entry(n_frames, split), how.pop("metadata", {}), files)


def plan(*scenes: ExportScene, **how: Any) -> ExportPlan:
    named = {one.vetted.scene_id: one for one in scenes}
    settings = {"with_focus": True, "with_clean": True, "has_flags": False, **how}
    return ExportPlan(named, (), moving_sets=_moving_sets(named), **settings)


# --- what a sample says of itself


def kinds(value: Any) -> Any:
    """Return the types in a document, as a loader sees them; an empty list has none."""
    if isinstance(value, dict):
        return {key: kinds(one) for key, one in value.items()}
    return [kinds(value[0])] if isinstance(value, list) and value else type(value)


def test_samples_of_scenes_that_differ_have_one_type_a_key():
    views = {"fx": 50, "fy": 50.5, "cx": 7.5, "cy": 3.5}
    plain, video = scene("a"), scene("b", metadata={**views, "breathing": True, "sensor_width_mm": 24})
    plain = dataclasses.replace(plain, vetted=dataclasses.replace(plain.vetted, shot_cuts=()))
    source = {**video.entry.source, "fps": 24}
    video = dataclasses.replace(video, entry=dataclasses.replace(video.entry, source=source))
    scenes = {"a": plain, "b": video}
    moving = {"train": (1,), "val": ()}
    one = dataclasses.replace(plan(plain, video), moving_sets=moving, stand_ins=_stand_ins(scenes, moving))
    of_val = dataclasses.replace(plain, vetted=dataclasses.replace(plain.vetted, split="val"))
    said = [one.document(each, 0) for each in (plain, video, of_val)]
    assert kinds(said[0]) == kinds(said[1]) == kinds(said[2])
    assert (said[0]["fps"], said[1]["fps"], said[0]["fx"], said[1]["fx"]) == (0.0, 24.0, 0.0, 50.0)
    assert (said[0]["shot_cuts"], said[1]["shot_cuts"]) == ([0], [1])
    assert [each["moving_sets"] for each in said] == [[1], [1], [-1]]
    alike = {"a": plain, "c": plain}
    assert _stand_ins(alike, {"train": ()}) == {} and one.document(plain, 0) != plan(plain).document(plain, 0)
    assert plan(plain).document(plain, 0)["fps"] is None, "where no scene has any, it stays as it was"


def test_where_labels_stop_with_the_renderer_is_said_in_one_type():
    limited = scene("b", lenses=(SetLens(LENS, 3e-4), SetLens(LENS, 3e-4, coc_limit_m=1e-4)))
    scenes = {"a": scene("a"), "b": limited}
    one = dataclasses.replace(plan(*scenes.values()), stand_ins=_stand_ins(scenes, {}))
    assert [one.document(each, 0)["coc_limits"] for each in scenes.values()] == [[0.0], [0.0, 1e-4]]
    assert "coc_limits" not in plan(scene("a")).document(scene("a"), 0), "as it always was"


# --- the files of a sample


def names(one: ExportPlan, name: str = "a", frame: int = 1) -> list[str]:
    return [member.name for member in one.members(name, frame)]


TWO_SETS = (SetLens(LENS, 3e-4), SetLens(dataclasses.replace(LENS, f_number=4.0), 3e-4))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, ["bokeh_00.png", "bokeh_01.png", "focus_00.npz", "focus_01.npz"]),
        ({"with_focus": False}, ["bokeh_00.png", "bokeh_01.png"]),
        (
            {"has_flags": True},
            ["bokeh_00.png", "bokeh_01.png", "focus_00.npz", "focus_01.npz", "valid.png"],
        ),
    ],
)
def test_a_sample_has_the_members_that_were_asked_for(how, expected):
    assert names(plan(scene("a", lenses=TWO_SETS), **how)) == ["sharp.png", "depth.npz", *expected]


def test_clean_renders_are_members_where_they_are_kept_and_wanted():
    kept = scene("a", has_clean=True)
    assert "clean_00.png" in names(plan(kept))
    assert "clean_00.png" not in names(plan(kept, with_clean=False))
    assert "clean_00.png" not in names(plan(scene("a")))


def test_a_frame_without_doubtful_depth_has_the_member_and_no_file():
    doubtful = {"depth_maps/valid_0001.png": FileEntry(9, "v")}
    one = plan(scene("a", files=doubtful), has_flags=True)
    assert [one.members("a", frame)[-1].source for frame in (0, 1)] == [None, "depth_maps/valid_0001.png"]


def test_every_source_is_a_file_that_a_record_vouches_for():
    one = plan(scene("a", lenses=TWO_SETS, has_clean=True))
    for member in one.members("a", 0):
        assert member.source in one.scenes["a"].files and member.source.endswith(member.name[-4:])


# --- what a sample says


def test_a_sample_says_what_its_label_is_recomputed_from():
    moving = SetLens(LENS, 3e-4, focus_distances_m=(2.0, 2.5))
    one = scene("a", lenses=(SetLens(LENS, 3e-4), moving), metadata={"formula": "exact", "fx": 40.0})
    document = sample_document(one, 1)
    assert document["lenses"] == [
        {"f": 0.05, "N": 2.0, "S_focus": 2.0, "max_coc": 3e-4},
        {"f": 0.05, "N": 2.0, "S_focus": 2.5, "max_coc": 3e-4},
    ]
    assert document["focus_moves"] == [False, True]
    assert (document["formula"], document["sensor_width_mm"], document["fx"]) == ("exact", 36.0, 40.0)
    assert "breathing" not in document and "cx" not in document
    assert (document["scene"], document["frame"], document["n_frames"]) == ("a", 1, 2)
    json.dumps(document, allow_nan=False)


def test_breathing_is_said_where_it_is():
    assert sample_document(scene("a", metadata={"breathing": True}), 0)["breathing"] is True
    assert "breathing" not in sample_document(scene("a", metadata={"breathing": False}), 0)


def test_a_resting_focus_is_the_same_in_every_frame():
    assert lenses_at(scene("a"), 0) == lenses_at(scene("a"), 1)


def test_a_stream_knows_from_its_first_sample_whether_focus_moves_in_its_split():
    moving = SetLens(LENS, 3e-4, focus_distances_m=(2.0, 2.5))
    still = SetLens(LENS, 3e-4)
    one = plan(scene("a", lenses=(still, still)), scene("b", lenses=(still, moving)), scene("c", split="val"))
    assert one.document(one.scenes["a"], 0)["moving_sets"] == [1]
    assert "moving_sets" not in one.document(one.scenes["c"], 0)


# --- shards

SAMPLE_BYTES = TAR_BLOCK_BYTES + JSON_BYTES + 4 * (TAR_BLOCK_BYTES + 2 * TAR_BLOCK_BYTES)
"""Four files of 1000 bytes are a header and two blocks each."""


@pytest.mark.parametrize(
    ("samples", "frames", "shards"),
    [
        (1, (2, 2), [2, 2]),  # a shard of one sample: cut where it has to be
        (2, (2, 2), [2, 2]),
        (3, (2, 2), [2, 2]),  # a scene lies in one shard where it fits
        (4, (2, 2), [4]),
        (100, (2, 2), [4]),
        (3, (7,), [3, 3, 1]),  # a long scene is cut
        (3, (1, 7, 1), [1, 3, 3, 2]),
        (5, (1, 1, 1, 1, 1, 1), [5, 1]),
    ],
)
def test_a_scene_lies_in_one_shard_where_it_fits(samples, frames, shards):
    one = plan(*(scene(f"s{i}", n) for i, n in enumerate(frames)))
    found = [len(part) for part in _packed(one, "train", samples * SAMPLE_BYTES)]
    if samples == 1:
        assert found == [1] * sum(frames)
    else:
        assert found == shards


@given(st.lists(st.integers(1, 6), max_size=6), st.integers(1, 9))
def test_every_frame_is_in_one_shard_in_the_order_of_the_index(frames, samples):
    one = plan(*(scene(f"s{i}", n, "val" if i % 2 else "train") for i, n in enumerate(frames)))
    for split, first in (("train", 0), ("val", 1)):
        parts = list(_packed(one, split, samples * SAMPLE_BYTES))
        dealt = [sample for part in parts for sample in part]
        assert dealt == [(f"s{i}", f) for i in range(first, len(frames), 2) for f in range(frames[i])]
        assert all(1 <= len(part) <= samples for part in parts)
    assert list(_packed(one, "test", SAMPLE_BYTES)) == []


def test_a_sample_larger_than_a_shard_is_a_shard():
    assert [len(part) for part in _packed(plan(scene("a", 3)), "train", 1)] == [1, 1, 1]


def test_frames_of_shards_are_counted():
    assert frames_of([]) == 0
    assert frames_of([Shard("a", (("a", 0),)), Shard("b", (("a", 1), ("a", 2)))]) == 3


SHARD = Shard("train-00000.tar", (("a", 0), ("a", 1)))


@pytest.mark.parametrize(
    "other",
    [
        plan(scene("a", files={"frames_sharp/frame_0001.png": FileEntry(1000, "other")})),
        plan(scene("a", metadata={"formula": "exact"})),
        plan(scene("a"), with_focus=False),
        plan(scene("a"), has_flags=True),
        plan(scene("a", lenses=(SetLens(LENS, 4e-4),))),
    ],
)
def test_a_shard_s_digest_follows_all_that_its_bytes_follow(other):
    assert other.digest(SHARD) != plan(scene("a")).digest(SHARD)


def test_it_does_not_follow_what_is_not_in_the_shard():
    first = Shard("train-00000.tar", (("a", 0),))
    changed = scene("a", files={"frames_sharp/frame_0001.png": FileEntry(1000, "other")})
    assert plan(changed).digest(first) == plan(scene("a"), scene("b")).digest(first)
    assert plan(scene("a")).digest(dataclasses.replace(first, name="x.tar")) != plan(scene("a")).digest(first)


# --- what cannot be one export


def test_scenes_of_different_numbers_of_sets_are_named():
    _check_sets({"a": scene("a"), "b": scene("b")})
    with pytest.raises(RefusedDataError, match="'a' has 1, 'b' has 2") as caught:
        _check_sets({"a": scene("a"), "b": scene("b", lenses=TWO_SETS)})
    assert "--n_sets" in caught.value.advice


def test_scenes_of_which_only_some_have_clean_renders_are_named():
    _check_clean({})
    with pytest.raises(RefusedDataError, match="'b' has clean_renders, 'a' has none") as caught:
        _check_clean({"a": scene("a"), "b": scene("b", has_clean=True)})
    assert "--without clean" in caught.value.advice


# --- a data set on the disk


@pytest.fixture
def validated(tmp_path: Path) -> DatasetLayout:
    """Three scenes in two splits, and a report of phase 6 that holds for them."""
    dataset = DatasetLayout(tmp_path, tmp_path / "scene_index.json")
    made = {"b ü": "train", "a": "val", "c": "train"}
    scenes = {}
    for number, (name, split) in enumerate(made.items()):
        one = entry(2 + number, split, width=32, height=16)
        scenes[name] = finish_scene(dataset, name, one)
    write_index(tmp_path, scenes)
    report(dataset, scenes)
    return dataset


def report(dataset: DatasetLayout, scenes: Any) -> None:
    records = {
        name: {p: read_record(dataset.scene(name).done(p)).digest for p in ("deblur", "depth", "render")}
        for name in scenes
    }
    dataset.logs.mkdir(exist_ok=True)
    document = {"verdict": "pass", "passing_scenes": 3, "total_scenes": 3, "records": records}
    dataset.validation_report_json.write_text(json.dumps(document))


def test_a_plan_of_a_data_set_has_its_splits_in_the_order_of_the_index(validated):
    found = into_shards(plan_samples(validated.root), 1 << 30, "tar")
    assert [shard.name for shard in found.shards] == ["train-00000.tar", "val-00000.tar"]
    assert found.shards[0].samples == (("b ü", 0), ("b ü", 1), ("c", 0), ("c", 1), ("c", 2), ("c", 3))
    assert list(found.scenes) == ["b ü", "a", "c"]
    paths = ("frames_sharp/frame_0000.png", "focus_maps/set_00/focus_0000.npz")
    assert all(found.scenes["a"].files[path].size > 0 for path in paths), "the record says ../focus_maps"
    assert not found.has_flags


def test_many_small_shards_are_numbered(validated):
    found = into_shards(plan_samples(validated.root), 1, "parquet")
    assert [shard.name for shard in found.shards][:2] == ["train-00000.parquet", "train-00001.parquet"]
    assert len(found.shards) == frames_of(found.shards) == 9


def test_two_plans_of_one_data_set_are_equal(validated):
    first, second = (into_shards(plan_samples(validated.root), 9000, "tar") for _ in range(2))
    assert [first.digest(s) for s in first.shards] == [second.digest(s) for s in second.shards]


def test_a_scene_that_phase_6_has_not_seen_like_this_is_refused(validated):
    validated.validation_report_json.unlink()
    with pytest.raises(RefusedDataError, match="nobody has validated"):
        plan_samples(validated.root)


def test_a_changed_record_is_refused(validated):
    validated.scene("c").done("render").write_bytes(b"{}")
    with pytest.raises(FocusgenError, match="c"):
        plan_samples(validated.root)


def test_scenes_that_are_cut_are_named_with_the_size_that_cuts_none():
    samples = plan(scene("long", 9), scene("short", 3), scene("longer", 12))
    shards = into_shards(samples, 70_000, "tar")
    cut = cut_scenes(shards)
    assert list(cut) == ["long", "longer"]
    assert not cut_scenes(into_shards(samples, max(cut.values()), "tar"))
    assert list(cut_scenes(into_shards(samples, max(cut.values()) - 1, "tar"))) == ["longer"]
