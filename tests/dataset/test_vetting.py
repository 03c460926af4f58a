"""What may not be trained on is refused by name: the scene, the file, the way out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from focusgen.base.errors import FocusgenError
from focusgen.data import FocusDataset
from focusgen.dataset.vetting import vet


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


def test_an_unknown_split_is_refused(finished):
    with pytest.raises(FocusgenError, match="'dev' is none of train, val, test"):
        vet(finished, "dev")
