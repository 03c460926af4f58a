"""What may not be trained on is refused by name: the scene, the file, the way out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError, FocusgenError, MissingUpstreamError, RefusedDataError
from focusgen.config.data import SPLITS
from focusgen.data import FocusDataset
from focusgen.dataset.vetting import verdict_for, vet


def a_train_scene(root: Path) -> Path:
    index = json.loads((root / "scene_index.json").read_text())
    return root / next(name for name, entry in index.items() if entry["split"] == "train")


def edit(path: Path, **changes) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_lens(root: Path) -> str:
    path = a_train_scene(root) / "metadata.json"
    document = json.loads(path.read_text())
    document["sets"][0]["S_focus"] *= 1.01
    path.write_text(json.dumps(document))
    return "metadata.json"


def lose_record(root: Path) -> str:
    (a_train_scene(root) / "depth_maps" / ".done").unlink()
    return "depth_maps/.done"


def damage_record(root: Path) -> str:
    path = a_train_scene(root) / "bokeh_renders" / ".done"
    path.write_text(path.read_text().replace('"n_frames": 10', '"n_frames": 11'))
    return "bokeh_renders/.done"


def change_split(root: Path) -> str:
    (a_train_scene(root) / "split.txt").write_text("test\n")
    return "split.txt"


def lose_verdict(root: Path) -> str:
    (root / "logs" / "validation_report.json").unlink()
    return "validation_report.json"


def fail_verdict(root: Path) -> str:
    edit(root / "logs" / "validation_report.json", verdict="fail", failure_reasons={"x": ["a torn file"]})
    return "a torn file"


def verdict_of_an_older_release(root: Path) -> str:
    path = root / "logs" / "validation_report.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "records"}))
    return "does not say which records"


REFUSALS = [
    edit_lens,
    lose_record,
    damage_record,
    change_split,
    lose_verdict,
    fail_verdict,
    verdict_of_an_older_release,
]


@pytest.mark.parametrize("harm", REFUSALS, ids=lambda harm: harm.__name__)
def test_what_may_not_be_trained_on_is_refused_by_name(finished, harm):
    FocusDataset(finished, "train")
    named = harm(finished)
    with pytest.raises(FocusgenError) as caught:
        FocusDataset(finished, "train")
    assert named in str(caught.value)
    if harm in (lose_verdict, fail_verdict, verdict_of_an_older_release):
        FocusDataset(finished, "train", allow_unvalidated=True)
    else:
        with pytest.raises(FocusgenError):
            FocusDataset(finished, "train", allow_unvalidated=True)


def test_a_verdict_does_not_hold_for_a_scene_that_was_made_anew_after_it(finished):
    scene = a_train_scene(finished)
    record = json.loads((scene / "bokeh_renders" / ".done").read_text())
    report = finished / "logs" / "validation_report.json"
    document = json.loads(report.read_text())
    assert document["records"][scene.name]["render"] == record["digest"]
    document["records"][scene.name]["render"] = "0" * 32
    report.write_text(json.dumps(document))
    with pytest.raises(FocusgenError, match="bokeh_renders/.done is not the one that the verdict"):
        vet(finished, "train")
    FocusDataset(finished, "train", allow_unvalidated=True)


def test_a_copied_data_set_is_as_good_as_the_first(finished, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "copy", copy_function=shutil.copyfile)
    assert len(FocusDataset(copy, "train")) == len(FocusDataset(finished, "train"))


def test_equal_content_in_two_splits_is_refused(finished):
    path = finished / "scene_index.json"
    index = json.loads(path.read_text())
    first, second = list(index)[:2]
    index[second] = {**index[first], "split": "test" if index[first]["split"] == "train" else "train"}
    path.write_text(json.dumps(index))
    (finished / ".focusgen" / "index_checksum.json").unlink()
    with pytest.raises(FocusgenError, match=f"{first}.*{second}.*equal frames"):
        vet(finished, "train")


def fail(root: Path, **reasons: list[str]) -> None:
    """Let phase 6 have refused these scenes, which have no depth any more."""
    for name in reasons:
        (root / name / "depth_maps" / ".done").unlink(missing_ok=True)
    edit(root / "logs" / "validation_report.json", verdict="fail", failure_reasons=reasons)


def test_a_scene_that_nothing_mends_is_left_out_by_its_name_and_only_so(finished):
    names = list(json.loads((finished / "scene_index.json").read_text()))
    whole = {split: [scene.scene_id for scene in vet(finished, split)] for split in SPLITS}
    fail(finished, **{name: ["half of its depth is a hole"] for name in names[:2]})
    for left_out in ([], names[:1], names[2:]):
        with pytest.raises(RefusedDataError, match="half of its depth") as caught:
            vet(finished, "train", leave_out=left_out)
        assert "leave_out=" in caught.value.advice and "--leave_out" in caught.value.advice
        assert ("(and 1 more)" in caught.value.message) == (left_out != names[:1])
    for split in SPLITS:
        rest = [name for name in whole[split] if name not in names[:2]]
        assert [scene.scene_id for scene in vet(finished, split, leave_out=names[:2])] == rest
    assert len(FocusDataset(finished, "train", window=10, leave_out=names[:2])) == 2 * sum(
        name not in names[:2] for name in whole["train"]
    )
    with pytest.raises(ConfigError, match="no scene 'zebra'"):
        vet(finished, "train", leave_out=["zebra"])


def test_what_is_wrong_with_all_of_them_is_not_left_out_by_name(finished):
    names = list(json.loads((finished / "scene_index.json").read_text()))
    fail(finished, **{names[0]: ["a hole"], "(data set)": ["the index is damaged"]})
    with pytest.raises(RefusedDataError, match="the index is damaged"):
        vet(finished, "train", leave_out=names[:1])


def test_a_scene_that_is_not_complete_is_named_with_the_way_out(finished):
    name = a_train_scene(finished).name
    lose_record(finished)
    with pytest.raises(MissingUpstreamError, match=f"'{name}'.*depth is not complete") as caught:
        vet(finished, "train", allow_unvalidated=True)
    assert "leave_out=" in caught.value.advice
    assert name not in [scene.scene_id for scene in vet(finished, "train", leave_out=name)]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({"verdict": "pass"}, "pass"),
        ({"verdict": "rehearsal"}, "rehearsal"),
        ({"verdict": "rehearsal", "rehearsal_scenes": ["b"]}, "pass"),
        ({"verdict": "rehearsal", "rehearsal_scenes": ["a"]}, "rehearsal"),
        ({"verdict": "fail"}, "fail"),
        ({"verdict": "fail", "failure_reasons": {"a": []}}, "fail"),
        ({"verdict": "fail", "failure_reasons": {"b": ["x"]}}, "pass"),
        ({"verdict": "fail", "failure_reasons": {"b": ["x"]}, "rehearsal_scenes": ["a"]}, "rehearsal"),
        ({"verdict": "fail", "failure_reasons": {"b": ["x"], "(data set)": ["y"]}}, "fail"),
        ({"verdict": "a word of tomorrow"}, "fail"),
    ],
)
def test_the_verdict_where_scene_b_is_left_out(report, expected):
    assert verdict_for(report, {"b"}) == expected
    assert verdict_for(report, ()) == report["verdict"], "and where none is, it stands as it is written"


def test_an_unknown_split_is_refused(finished):
    with pytest.raises(FocusgenError, match="'dev' is none of train, val, test"):
        vet(finished, "dev")
