"""File lists: every form that people write, and errors that name file and line."""

import json
from pathlib import Path

import numpy as np
import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal.lists import read_list
from focusgen.focal.presets import load_preset
from focusgen.focal.records import record_of
from focusgen.focal.roots import Roots, expand
from focusgen.focal.sources import planar_depth, read_record_depth, spread


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_plain_lines_csv_and_json_lines_say_the_same(tmp_path: Path):
    plain = read_list(write(tmp_path, "a.txt", '# comment\n"my stack" d.npy 5 depth_scale=100 # more\n\n'))
    commas = read_list(write(tmp_path, "a.csv", "my stack,d.npy,5\n".replace("my stack", '"my stack"')))
    headed = read_list(write(tmp_path, "b.csv", 'focal_stack,depth,num_images\n"my stack",d.npy,5\n'))
    lines = '{"focal_stack_dir": "my stack", "depth_path": "d.npy", "num_images": 5}\n'
    json_lines = read_list(write(tmp_path, "a.jsonl", lines))
    for (record,) in (plain, commas, headed, json_lines):
        assert record.text("focal_stack") == "my stack"
        assert record.text("depth") == "d.npy"
        assert record.number("num_images", 0) == 5
    assert plain[0].number("depth_scale", 0) == 100


def test_several_numbers_need_no_quotes_and_a_comment_begins_a_word(tmp_path: Path):
    lines = (
        "s#1 d.npy focus_distances=0.5,1,inf f_number=2 # more, 3",
        '"s#1",d.npy,depth_range=1,9 5 #3',
        '"a #1" d.npy "focus_distances=0.5, 1" num_images=2',
    )
    first, second, third = read_list(write(tmp_path, "a.txt", "\n".join(lines)))
    assert first.values == {
        "focal_stack": "s#1",
        "depth": "d.npy",
        "focus_distances": "0.5,1,inf",
        "camera": {"f_number": "2"},
    }
    assert first.focus_distances_m() == [0.5, 1.0, float("inf")]
    assert (second.text("focal_stack"), second.text("depth_range"), second.count("num_images", 0)) == (
        "s#1",
        "1,9",
        5,
    )
    assert (third.text("focal_stack"), third.focus_distances_m()) == ("a #1", [0.5, 1.0])
    with pytest.raises(ConfigError, match="a.txt:1: focus_distances: 'f_number=2' is no distance"):
        read_list(write(tmp_path, "a.txt", "s,d.npy,focus_distances=1,2,f_number=2"))


def test_a_picture_with_depth_is_drawn(tmp_path: Path):
    (record,) = read_list(write(tmp_path, "a.txt", "rgb.png depth.png f_number=2 focal_length=50\n"))
    assert record.flag("generate_focal_stack")
    lens = record.lens()
    assert lens is not None
    assert lens.focal_length_m == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"focal_stak": "x"}', r"l\.jsonl:2: unknown key focal_stak; did you mean focal_stack\?"),
        ('{"camera": {"focal_lenght": 5}}', r"l\.jsonl:2: unknown key camera.focal_lenght; did you mean"),
        ('{"slices": "a.png"}', r"l\.jsonl:2: slices is no list of pictures"),
        ('{"camera": {"focal_length": 0.05, "f_number": 2}}', r"l\.jsonl:2: camera: focal length must be"),
        ('{"focus_distances": [1, "far"]}', r"l\.jsonl:2: focus_distances: 'far' is no distance"),
        ('{"focal_stack": ', r"l\.jsonl:2: no JSON"),
        ('{"focal_stack": "s"},', r"l\.jsonl:2: no JSON"),
        ('"open quote', r"l\.jsonl:2: .*quote is not closed"),
        ('{"aif": "a.png", "rgb": "b.png"}', r"l\.jsonl:2: rgb says all_in_focus for the second time"),
    ],
)
def test_errors_name_file_line_and_the_nearest_key(tmp_path: Path, line: str, complaint: str):
    path = write(tmp_path, "l.jsonl", f"# first\n{line}\n")
    with pytest.raises(ConfigError, match=complaint):
        read_list(path)


def test_camera_lengths_are_millimetres_unless_the_key_says_metres():
    for camera in ({"focal_length": 50}, {"focal_length_mm": 50}, {"focal_length_m": 0.05}):
        lens = record_of({"camera": {**camera, "aperture": 2, "sensor_size": 36}}, "x:1").lens()
        assert lens is not None
        assert (lens.focal_length_m, lens.sensor_width_m) == pytest.approx((0.05, 0.036))


def test_roots_are_tried_in_turn_and_unset_variables_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("NOWHERE_SET", raising=False)
    monkeypatch.setenv("SOMEWHERE", str(tmp_path))
    roots = Roots.of({"default": ["${NOWHERE_SET}/x", "${SOMEWHERE}/y"], "depth": "/deep"}, "hypersim")
    assert roots.candidates("a", "depth", tmp_path)[0] == Path("/deep/a")
    assert roots.candidates("a", "focal_stack", tmp_path) == [tmp_path / "y" / "a", tmp_path / "a"]
    monkeypatch.setenv("HYPERSIM_DATA_ROOT", "/env")
    assert roots.candidates("a", "focal_stack", tmp_path)[0] == Path("/env/a")
    assert expand("${NOWHERE_SET}/a") is None


def test_a_folder_that_was_said_outright_goes_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOCALDIFFUSION_DATA_ROOT", "/env")
    monkeypatch.setenv("_DATA_ROOT", "/of_no_name")
    beside, env = tmp_path / "a", Path("/env/a")
    assert Roots.of("/said").candidates("a", "depth", tmp_path) == [Path("/said/a"), env, beside]
    assert Roots.of("/preset", "base").candidates("a", "depth", tmp_path) == [env, Path("/preset/a"), beside]


def test_depth_is_brought_to_planar_metres(tmp_path: Path):
    import cv2

    centimetres = np.full((4, 6), 1234, np.uint16)
    centimetres[0, 0] = 0
    cv2.imwrite(str(tmp_path / "d.png"), centimetres)
    record = record_of({"depth": "d.png", "source": "vkitti"}, "x:1")
    depth_m = read_record_depth(record, tmp_path / "d.png")
    assert depth_m[1, 1] == pytest.approx(12.34)
    assert np.isnan(depth_m[0, 0])
    np.save(tmp_path / "d.npy", np.arange(1, 7, dtype=np.float32).reshape(2, 3))
    turned = record_of({"depth": "d.npy", "transpose_depth": True, "depth_range": [2, 5]}, "x:1")
    assert read_record_depth(turned, tmp_path / "d.npy").shape == (3, 2)
    assert np.isnan(read_record_depth(turned, tmp_path / "d.npy")[0, 0])
    assert planar_depth(np.full((3, 3), 5.0, np.float32), 2.0)[1, 2] == pytest.approx(5.0 * 2 / 5**0.5)


def test_a_subset_is_spread_over_the_stack_with_both_ends():
    assert spread(9, 5) == [0, 2, 4, 6, 8]
    assert spread(5, 2) == [0, 4]


def test_a_preset_s_keys_hold_where_a_record_does_not_say_them(tmp_path):
    path = write(tmp_path, "a.txt", "s d.png\ns2 d2.png depth_scale=256\n")
    preset = load_preset("virtual_kitti")
    assert preset.overrides["depth_scale"] == 100
    assert [record.number("depth_scale", 1000.0) for record in read_list(path, preset)] == [100, 256]
    assert [record.number("depth_scale", 1000.0) for record in read_list(path)] == [1000, 256]


def test_a_heading_names_cameras_too_and_a_mistyped_one_the_nearest_key(tmp_path: Path):
    listed = tmp_path / "list.csv"
    rows = '"a b.png",d.npy,"0.5,0.9,inf",50,2.8,36\n'
    heading = "all_in_focus,depth,focus_distances,camera.focal_length_mm,f_number,sensor_width_mm\n"
    listed.write_text(heading + rows)
    (record,) = read_list(listed)
    lens = record.lens()
    assert record.text("all_in_focus") == "a b.png"
    assert record.focus_distances_m() == [0.5, 0.9, float("inf")]
    assert lens is not None and (lens.focal_length_m, lens.f_number) == pytest.approx((0.05, 2.8))
    listed.write_text(heading.replace("f_number", "f_nmuber") + rows)
    with pytest.raises(ConfigError, match=r"list.csv:1: unknown key f_nmuber; did you mean f_number"):
        read_list(listed)


def test_folders_that_are_called_like_keys_are_no_heading(tmp_path: Path):
    listed = tmp_path / "list.txt"
    listed.write_text("stack depth.npy\nscene/stack depth/0.png 9\n")
    assert [record.text("focal_stack") for record in read_list(listed)] == ["stack", "scene/stack"]


@pytest.mark.parametrize(
    "text",
    [
        "focal_stack;focal_length_mm;f_number;sensor_width_mm\na, b;50;2,8;17,3\n",  # German spreadsheets
        ";focal_stack;focal_length_mm;f_number;sensor_width_mm\n0;a, b;50;2,8;17.3\n",  # pandas
        ',focal_stack,focal_length_mm,f_number,sensor_width_mm\n0,"a, b",50,2.8,17.3\n',
        '{"focal_stack": "a, b", "focal_length_mm": 50, "f_number": 2.8, "camera.sensor_width_mm": 17.3}\n',
        '{"stack": "a, b", "focal_length_mm": 50, "camera": {"f_number": 2.8, "sensor_width_mm": 17.3}}',
    ],
)
def test_tables_of_spreadsheets_and_pandas_say_what_a_camera_says(tmp_path: Path, text: str):
    (record,) = read_list(write(tmp_path, "list.csv", text))
    lens = record.lens()
    assert record.text("focal_stack") == "a, b" and lens is not None
    told = (lens.focal_length_m, lens.f_number, lens.sensor_width_m)
    assert told == pytest.approx((0.05, 2.8, 0.0173))


def test_a_camera_is_said_once(tmp_path: Path):
    listed = write(tmp_path, "l.jsonl", '{"focal_stack": "s", "f_number": 2, "camera": {"f_number": 4}}')
    with pytest.raises(ConfigError, match=r"l\.jsonl:1: camera\.f_number is said for the second time"):
        read_list(listed)


def test_one_record_over_several_lines_is_a_list_of_one(tmp_path: Path):
    """`focal render` writes such a one."""
    stack = tmp_path / "stack.json"
    stack.write_text(json.dumps({"slices": ["a.png"], "focus_distances": [0.5, "inf"]}, indent=1))
    (found,) = read_list(stack)
    assert found.values["slices"] == ["a.png"] and found.where == str(stack)
    stack.write_text('{"focal_stack": "a"}\n{"focal_stack": "b"}\n')
    assert [record.values["focal_stack"] for record in read_list(stack)] == ["a", "b"]
    for strange in ('[{"focal_stack": "a"}, "b"]', "[1]", "7"):
        stack.write_text(strange)
        with pytest.raises(ConfigError, match=r"stack\.json: item \d is no object"):
            read_list(stack)


@pytest.mark.parametrize("text", ["0,5;0,75;inf", "0.5 m, 75 cm, inf", "0.5 0.75 inf"])
def test_distances_in_one_cell_are_written_as_on_the_command_line(text: str):
    assert record_of({"focus_distances": text}, "x:1").focus_distances_m() == [0.5, 0.75, float("inf")]


def test_headings_may_begin_with_capitals_and_columns_lie_between_tabs(tmp_path: Path):
    (record,) = read_list(write(tmp_path, "l.csv", "Focal_Stack\tDepth\tSplit\na b\td, e.npy\t\n"))
    assert (record.text("focal_stack"), record.text("depth"), record.text("split")) == (
        "a b",
        "d, e.npy",
        None,
    )


@pytest.mark.parametrize("name", ["l.jsonl", "l.json", "l.csv", "l.txt"])
def test_every_line_that_is_refused_is_told_and_the_others_are_read(tmp_path: Path, name: str):
    bad = {2: ("num_images", "x"), 3: ("focus_distances", "0")}
    records = [
        {"focal_stack": f"s{n}", bad[n][0]: bad[n][1]} if n in bad else {"focal_stack": f"s{n}"}
        for n in range(5)
    ]
    text = {
        "l.jsonl": "\n".join(json.dumps(one) for one in records),
        "l.json": json.dumps(records),
        "l.csv": "focal_stack,num_images,focus_distances\n"
        + "\n".join(
            f"{r['focal_stack']},{r.get('num_images', '')},{r.get('focus_distances', '')}" for r in records
        ),
        "l.txt": "\n".join(
            " ".join([r["focal_stack"], *(f"{k}={v}" for k, v in list(r.items())[1:])]) for r in records
        ),
    }
    path, errors = tmp_path / name, []
    path.write_text(text[name])
    read = read_list(path, refused=errors.append)
    assert [record.text("focal_stack") for record in read] == ["s0", "s1", "s4"]
    assert ["num_images" in errors[0].message, "focus_distances" in errors[1].message, len(errors)] == [
        True,
        True,
        2,
    ]
    with pytest.raises(ConfigError, match="num_images"):
        read_list(path)


def test_an_apostrophe_in_a_table_is_a_letter(tmp_path: Path):
    (tmp_path / "l.csv").write_text("focal_stack,depth\nann's stack,d.npy\n")
    (record,) = read_list(tmp_path / "l.csv")
    assert record.text("focal_stack") == "ann's stack"


@pytest.mark.parametrize(
    "text",
    ["all_in_focus,camera,camera.f_number\na.png,50mm,2\n", "a.png b.npy f_number=2 camera=50mm\n"],
)
def test_a_camera_that_is_one_word_is_refused_beside_its_keys_too(tmp_path, text):
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(ConfigError, match="camera is no mapping"):
        read_list(tmp_path / "l.csv")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (", # a comment", "l.csv:1: says nothing"),
        ('{"slices": [1, 2], "depth": "d.npy"}', "l.csv:1: slices is no list of pictures"),
        ('{"slices": ["a.png", {}]}', "l.csv:1: slices is no list of pictures"),
    ],
)
def test_a_line_without_words_and_slices_that_are_no_names_are_refused(tmp_path, line, complaint):
    (tmp_path / "l.csv").write_text(line + "\n")
    with pytest.raises(ConfigError, match=complaint):
        read_list(tmp_path / "l.csv")


def test_a_path_of_a_list_is_found_however_its_accents_are_written(tmp_path):
    there = tmp_path / "Blu\u0308te"
    there.mkdir()
    assert Roots().candidates("Bl\u00fcte", "focal_stack", tmp_path) == [there]
