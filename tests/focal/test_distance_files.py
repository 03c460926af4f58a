"""Files of focus distances: all kinds that people and programs write, and those that are refused by place."""

import csv
import json
import math
from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal.distance_files import read_distances

NAMES = ["s_00.png", "s_01.png", "s_10.png"]
WANTED = [0.5, 0.75, math.inf]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lines.txt", "\ufeff# rig 3\r\n50 cm\r\n\r\n0.75 # near\r\ninf\r\n"),
        ("one.csv", "focus_m\n0.5,0.75,inf\n"),
        ("named.csv", '# by hand\nfile,focus_m\n"s_10.png",inf\ns_00,0.5\ns_01.png, 75cm\n'),
        ("german.csv", "Datei;Fokus\ns_00.png;0,5\ns_01.png;0,75\ns_10.png;inf\n"),
        ("row.txt", "0,5;0,75;inf"),
        (
            "excel.csv",
            "sep=;\r\nDatei;Fokus;;\r\ns_00.png;0,5;;\r\ns_01.png;0,75;;\r\ns_10.png;inf;;\r\n;;;\r\n",
        ),
        ("tabs.tsv", "file\tfocus_mm\tN\ns_00.png\t500\t2\ns_01.png\t750\t2\ns_10.png\tinf\t2\n"),
        ("head.csv", "distance [cm],file\n50,raw/S_00.PNG\n75,raw/S_01.PNG\ninf,raw/s_10.png\n"),
        ("spaces.txt", "s_10 inf\ns_00 50 cm\ns_01 0.75\n"),
        ("own.csv", "focus_mm\n0.5m\n750\ninf\n"),
        ("exif.csv", "SourceFile,FocusDistance\n./s_01.png,0.75 m\n./s_00.png,0.50 m\n./s_10.png,inf\n"),
        ("raws.csv", "SourceFile,FocusDistance\nraw/s_00.CR3,0.5 m\nraw/s_01.CR3,0.75\nraw/s_10.CR3,inf m\n"),
        (
            "folder.csv",  # of a camera: raw files and sidecars beside the slices, a film, a stacked picture
            "SourceFile,FocusDistance\nc/s_00.ORF,0.51 m\nc/s_00.png,0.5 m\nc/s_01.CR3,0.75 m\n"
            "c/s_01.DNG,0.75 m\nc/s_01.xmp,\nc/s_10.png,inf\nc/s_10.xmp,\nc/M_1.MOV,\nc/stacked.png,0.5 m\n",
        ),
        (
            "more.csv",
            "SourceFile,FocusDistance,FocusMode,SubjectDistance\n"
            "s_00.png,0.50 m,Manual,9 m\ns_01.png,0.75 m,Manual,9 m\ns_10.png,inf,Manual,9 m\n",
        ),
        (
            "stack.json",
            '{"slices": ["s_10.png", "s_01.png", "s_00.png"], "focus_distances": ["inf", 0.75, 0.5]}',
        ),
        (
            "exiftool.json",
            '[{"SourceFile": "./s_01.png", "FocusDistance": "0.75 m", "FocusMode": "Manual, \\u00e4/\\n"},'
            '{"SourceFile": "./s_00.png", "FocusDistance": 0.5},'
            '{"SourceFile": "./s_10.png", "FocusDistance": "inf"}]',
        ),
        (
            "groups.json",  # exiftool -j -G, and -g
            '[{"SourceFile": "s_00.CR3", "MakerNotes:FocusDistance": "50 cm", "EXIF:SubjectDistance": "9 m"},'
            '{"SourceFile": "raw/s_01.CR3", "MakerNotes": {"FocusDistance": "0,75 m"}},'
            '{"SourceFile": "raw/s_10.CR3", "MakerNotes": {"FocusDistance": "inf"}}]',
        ),
        (
            "unit.json",
            '[{"file": "s_01", "focus_mm": 750}, {"file": "s_00", "focus_mm": "0.5 m"},'
            '{"file": "s_10", "focus_mm": "inf"}]',
        ),
        ("list.json", '{"focus_distances": [0.5, "75cm", "inf"]}'),
        ("micro.csv", "slice,focus (\u00b5m)\ns_00,5e5\ns_01,7.5e5\ns_10,inf\n"),
        ("mm.csv", "mm\n500\n750\ninf\n"),
        ("savetxt.txt", "# focus distance (mm)\n5.0e+02\n7.5e+02\ninf\n"),
        ("comment.txt", "# lens 50 mm, taken in March\n0.5\n0.75\ninf\n"),
        ("letter.csv", "file,d\ns_00,0.5\ns_01,0.75\ns_10,inf\n"),
        ("camel.csv", "file,focusDistanceMm\ns_00,500\ns_01,750\ns_10,inf\n"),
        ("amid.csv", "file;distance in cm from the lens\ns_00;50\ns_01;75\ns_10;inf\n"),
        ("key.json", '{"focus_distances_mm": [500, 750, "inf"]}'),
        ("unit_key.json", '{"unit": "cm", "focus_distances": [50, "0.75 m", "inf"]}'),
        ("pandas.csv", ",file,focus_m\n0,s_00.png,0.5\n1,s_10.png,inf\n2,s_01.png,0.75\n"),
        ("unnamed.csv", ",focus_mm\n0,500\n1,750\n2,inf\n"),
        ("counted.csv", ";Fokus_m\n0;0,5\n1;0,75\n2;inf\n"),
        ("titled.csv", "index,focus_m,N\n1,0.5,2\n2,0.75,2\n3,inf,2\n"),
        ("titled_german.csv", "Bild;Fokus_m\n0;0,5\n1;0,75\n2;inf\n"),
        ("decimals.csv", "file,focus_mm\ns_00,500.125\ns_01,750\ns_10,inf\n"),
        ("commas.csv", "Fokus_cm\n50,0\n75,00\ninf\n"),
        ("commas.txt", "0,5\n0,75\ninf\n"),
        (
            "columns.json",  # DataFrame.to_json
            '{"file": {"0": "s_10.png", "1": "s_00.png", "2": "s_01.png"},'
            '"focus_mm": {"0": "inf", "1": 500, "2": 750}}',
        ),
        (
            "index.json",
            '{"s_10.png": {"focus_m": "inf"}, "s_00.png": {"focus_m": 0.5}, "s_01": {"focus_m": 0.75}}',
        ),
        ("names.json", '{"s_01.png": 0.75, "s_00.png": 0.5, "s_10": "inf"}'),
    ],
)
def test_files_of_all_kinds_are_read(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_bytes(text.encode())
    assert read_distances(tmp_path / name, NAMES) == pytest.approx(WANTED, rel=3e-4)


def test_of_a_file_about_many_folders_the_lines_of_one_count(tmp_path: Path):
    path = tmp_path / "f.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["SourceFile", "FocusDistance"])
        for near_m, folder in ((1, "in/a"), (10, "in/ba"), (20, "in/a/raw"), (30, "b"), (40, "x, y")):
            rows.writerows([f"{folder}/{name}", f"{near_m + n} m"] for n, name in enumerate(NAMES))
        rows.writerow(["in/other.png", "9 m"])
    with path.open(newline="") as file:
        (tmp_path / "f.json").write_text(json.dumps(list(csv.DictReader(file))))
    assert read_distances(tmp_path / "f.json", NAMES, "ba") == read_distances(path, NAMES, "ba")
    found = {folder: read_distances(path, NAMES, folder) for folder in ("a", "ba", "raw", "b", "x, y")}
    assert {folder: metres[0] for folder, metres in found.items()} == {
        "a": 1.0,
        "ba": 10.0,
        "raw": 20.0,
        "b": 30.0,
        "x, y": 40.0,
    }
    with pytest.raises(ConfigError, match="a distance of s_00.png for the second time"):
        read_distances(path, NAMES, "c")


def test_a_slice_is_known_however_its_accents_are_written(tmp_path: Path):
    names = ["Blu\u0308te 1.png", "Bl\u00fcte 2.png"]
    (tmp_path / "f.csv").write_text("file,focus_m\nB/Bl\u00fcte 2.png,2\nB/bl\u00fcte 1,1\n")
    assert read_distances(tmp_path / "f.csv", names, "B") == [1.0, 2.0]


def test_commas_behind_a_count_of_the_lines_are_no_decimal_signs(tmp_path: Path):
    (tmp_path / "a.txt").write_text("1,5\n2,7\n3,9\n")
    assert len(read_distances(tmp_path / "a.txt", NAMES)) == 6, "which are too many"


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.csv", "file,focus_m\ns_00,0.5\ns_01,1\n", "no distance for s_10.png"),
        ("a.csv", "s_00,0.5\n0.75\n", "some lines name a slice"),
        ("a.csv", "0.5\nsoon\n", r"a.csv:2: 'soon'"),
        ("a.csv", "file,diopters\ns_00,2\ns_01,1\ns_10,0.1\n", r"a.csv:1: diopters are no metres"),
        ("a.csv", "focus [1/m]\n2\n1\n0.1\n", r"a.csv:1: focus \[1/m\] are no metres"),
        ("a.csv", "file,focus_m\ns_00,2\ns_00,1\n", r"a.csv:3: a distance of s_00.png for the second time"),
        ("a.csv", "index,focus_m\n2,2\n1,1\n0,0.1\n", r"a.csv:2: names no slice of the stack"),
        (
            "a.csv",
            "file,focus,distance_mm\ns_00,900,500\n",
            "which of focus, distance_mm is the focus distance",
        ),
        ("a.csv", "file,Fokus (Dioptrien)\ns_00,2\ns_01,1\ns_10,0.1\n", "Dioptrien.* are no metres"),
        ("a.csv", 'file,focus_mm\ns_00,500\ns_01,750\ns_10,"1,500"\n', "is 1,500 a number with decimals"),
        ("a.txt", "# mm\n500\n750\n1.500\n", "is 1.500 a number with decimals"),
        ("a.csv", "file,near,far\ns_00,2,3\n", r"a.csv:2: which of 3 cells is the distance"),
        (
            "a.csv",
            "SourceFile,FocusDistanceUpper,FocusDistanceLower\ns_00.png,0.6 m,0.5 m\n",
            r"a.csv:1: which of focusdistanceupper, focusdistancelower is the focus distance",
        ),
        (
            "a.csv",
            "SourceFile,FocusDistance\ns_00.png,\ns_01.png,1 m\n",
            "a.csv:2: no distance .* for s_00.png",
        ),
        ("a.csv", "SourceFile\n./s_00.png\n./s_01.png\n", r"a.csv:2: names ./s_00.png and no distance"),
        ("a.csv", "SourceFile,FocusDistance\ns_0.jpg,1 m\n", r"a.csv:2: names no slice of the stack"),
        ("a.json", '{"s_00.png": 0.5}', "no distance for s_01.png, s_10.png"),
        ("a.json", "[0.5,", "no JSON"),
        (
            "a.json",
            '[{"SourceFile": "s_00.png"}, {"SourceFile": "s_01.png"}]',
            "a.json: no FocusDistance in SourceFile",
        ),
        (
            "a.json",
            '[{"SourceFile": "s_00.png", "FocusDistance": "1 m"}, {"SourceFile": "s_01.png"}]',
            "a.json: object 2: no distance stands there for s_01.png",
        ),
        ("a.json", '[{"SourceFile": "x.png", "FocusDistance": "1 m"}]', "names no slice of the stack"),
        ("a.json", '[{"file": "s_00", "focus_diopters": 2}]', "focus_diopters are no metres"),
        (
            "a.json",
            '[{"SourceFile": "s_00.png", "FocusDistanceUpper": "0.6 m", "FocusDistanceLower": "0.5 m"}]',
            "which of focusdistanceupper, focusdistancelower",
        ),
        ("a.csv", "file,lens.focusDistance\ns_00,2\ns_01,1\ns_10,0.1\n", "diopters, as Android gives them"),
        ("a.csv", "file,LensPosition\ns_00,2\ns_01,1\ns_10,0.1\n", "diopters, as libcamera gives them"),
        ("a.csv", "file,focus_position\ns_00,2\ns_01,1\ns_10,9\n", "counts of the lens' motor"),
        (
            "a.csv",
            "SourceFile,FocusDistance\ns_00.CR3,1 m\ns_00.ORF,2 m\ns_01.CR3,3 m\ns_10.CR3,4 m\n",
            r"a.csv:3: a distance of s_00.png for the second time",
        ),
        ("a.csv", "file,focus distance [in]\ns_00,20\ns_01,30\ns_10,90\n", r"\[in\] are no metres"),
        ("a.csv", "file,focus (D)\ns_00,2\ns_01,1\ns_10,0.1\n", r"focus \(D\) are no metres"),
        ("a.csv", "file,focus_step\ns_00,2\ns_01,1\ns_10,0.1\n", "focus_step are no metres"),
        ("a.txt", "# focus in diopters\n2\n1\n0.1\n", "a.txt:1: focus in diopters are no metres"),
        ("a.json", '{"unit": "diopters", "focus_distances": [2, 1, 0.1]}', "diopters are no metres"),
        ("a.json", '{"unit": "mm", "focus_distances_cm": [20, 30, 40]}', "it names cm, mm"),
        ("a.csv", "\udc80", "cannot be read: it is no UTF-8 text"),
        ("a.csv", "s_00,1\ns_01,2\ns_10,3\ns_11,4\n", r"a.csv:4: names no slice of the stack"),
        ("a.csv", "file,focus_microns\ns_00,2\ns_01,1\ns_10,3\n", r"a.csv:1: focus_microns are no metres"),
    ],
)
def test_a_file_that_says_something_else_is_refused_by_place(
    tmp_path: Path, name: str, text: str, complaint: str
):
    (tmp_path / name).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=complaint):
        read_distances(tmp_path / name, NAMES)
