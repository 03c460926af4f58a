from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.phases.split_file import read_split_files


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_lists_are_read_by_their_names_one_by_one_or_as_a_folder(tmp_path: Path):
    train = write(tmp_path / "2017" / "train.txt", "bear\nclass/clip\n")
    val = write(tmp_path / "2017" / "val.txt", "camel\n")
    write(tmp_path / "2017" / "trainval.txt", "bear\ncamel\n")
    expected = {"bear": "train", "class_clip": "train", "camel": "val"}
    assert read_split_files([train, val]).splits == expected
    assert read_split_files([tmp_path / "2017"]).splits == expected
    assert read_split_files([]).splits == {}


def test_a_table_gives_split_and_group(tmp_path: Path):
    said = read_split_files([write(tmp_path / "s.csv", "scene_id, split, group\na, train, g\nb, test,\n")])
    assert (said.splits, said.groups) == ({"a": "train", "b": "test"}, {"a": "g"})
    assert said.split_of("a") == "train"
    assert said.split_of("c") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scene,split\na,train\n", r"s\.csv, line 1: columns scene, split"),
        ("scene_id,split\na,train\nb,dev\n", r"s\.csv, line 3: split 'dev' is none of train, val, test"),
        ("scene_id,split\na,train\na,val\n", r"line 3: a is in val here and in train in .*s\.csv, line 2"),
        ("scene_id,split\na,\n", r"line 2: a scene without a split"),
        ("scene_id,split\na,train,g\n", r"line 2: more than 2 values"),
        (
            "scene_id,split,group\na,train,g\na,train,h\n",
            r"line 3: a is of group h here and of g in .*line 2",
        ),
        (
            "scene_id,split,group\na,train,g\nb,val,g\n",
            r"line 3: group g is in val here and in train in .*s\.csv, line 2",
        ),
    ],
)
def test_a_bad_table_is_refused_with_its_line(tmp_path: Path, text: str, message: str):
    with pytest.raises(ConfigError, match=message):
        read_split_files([write(tmp_path / "s.csv", text)])


def test_two_lists_that_disagree_and_a_list_of_no_split_are_refused(tmp_path: Path):
    train, val = write(tmp_path / "train.txt", "bear\n"), write(tmp_path / "val.txt", "bear\n")
    with pytest.raises(ConfigError, match=r"val\.txt: bear is in val here and in train in .*train\.txt"):
        read_split_files([train, val])
    with pytest.raises(ConfigError, match=r"mine\.txt: its name says no split") as refused:
        read_split_files([write(tmp_path / "mine.txt", "bear\n")])
    assert "train.txt" in refused.value.advice
