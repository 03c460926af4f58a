from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.media.clips import read_clips


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    root = tmp_path / "raw"
    (root / "frames").mkdir(parents=True)
    (root / "long.mp4").touch()
    (root / "notes.txt").touch()
    return root


def listed(raw: Path, text: str) -> Path:
    path = raw.parent / "clips.csv"
    path.write_text(text)
    return path


def test_a_line_is_a_part_of_a_video_a_whole_one_or_a_folder(raw: Path):
    text = (
        "path,start_s,end_s,scene_id,split,group\n"
        "long.mp4, 0.5, 2, first, val, film\n"
        "long.mp4,2,,,,film\n"
        "long.mp4,,,,,\n"
        "\n"
        "frames,,,,train,\n"
    )
    places = read_clips(listed(raw, text), raw)
    assert [(p.scene_id, p.span_s, p.kind) for p in places] == [
        ("first", (0.5, 2.0), "video"),
        ("long_2-end", (2.0, None), "video"),
        ("long", None, "video"),
        ("frames", None, "images"),
    ]
    assert [(p.brought.split, p.brought.group) for p in places if p.brought] == [
        ("val", "film"),
        (None, "film"),
        (None, None),
        ("train", None),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("gone.mp4,,,,,", "gone.mp4: no such file or folder"),
        ("../long.mp4,,,,,", "is not below the raw root"),
        ("/long.mp4,,,,,", "is not below the raw root"),
        ("notes.txt,,,,,", "notes.txt is neither a folder nor a video"),
        ("long.mp4,two,,,,", "start_s two is no time in seconds"),
        ("long.mp4,-1,,,,", "start_s -1 is no time in seconds"),
        ("long.mp4,2,2,,,", "end_s 2 is not after start_s 2"),
        ("long.mp4,,0,,,", "end_s 0 is not after start_s 0"),
        ("frames,1,2,,,", "frames is a folder of frames, which have no times"),
        ("long.mp4,,,a/b,,", "scene_id 'a/b': the name holds a path separator"),
        ("long.mp4,,,logs,,", "scene_id 'logs': the name is reserved"),
        ("long.mp4,,,,dev,", "split 'dev' is none of train, val, test"),
        ("long.mp4,,,FIRST,,", r"scene_id 'FIRST' stands already in .*clips\.csv, line 2"),
        ("long.mp4,,,,,,,7", "more than 6 values"),
    ],
)
def test_a_bad_line_is_refused_by_file_and_line(raw: Path, line: str, message: str):
    path = listed(raw, f"path,start_s,end_s,scene_id,split,group\nlong.mp4,0,1,first,,\n{line}\n")
    with pytest.raises(ConfigError, match=rf"clips\.csv, line 3: .*{message}"):
        read_clips(path, raw)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,start_s\nlong.mp4,1\n", r"line 1: columns file, start_s"),
        ("path,fps\nlong.mp4,25\n", r"line 1: columns path, fps"),
        ("path,path\nlong.mp4,25\n", r"line 1: columns path, path"),
        ("path\n", "no clip in it"),
    ],
)
def test_a_list_with_other_columns_or_nothing_in_it_says_what_it_needs(raw: Path, text: str, message: str):
    with pytest.raises(ConfigError, match=message) as refused:
        read_clips(listed(raw, text), raw)
    assert "start_s" in refused.value.advice
