"""`focusgen synth`: raw frames and depth that phases 1 and 3 read, the same each time, mixed into nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from focusgen import cli
from focusgen.commands import synth as synth_command
from focusgen.synth.families import FAMILIES

SMALL = ("--n_frames", "2", "--width", "48", "--height", "32")


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synth_command, "usable_cores", lambda: 1)


def synth(root: Path, *words: str) -> int:
    roots = ("--raw_root", str(root / "raw"), "--depth_root", str(root / "depth"))
    return cli.main(["synth", *roots, *SMALL, *words])


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_scene_is_frames_and_metres_of_one_size_and_is_named(tmp_path: Path, capsys) -> None:
    assert synth(tmp_path, "--families", "bars", "--n_scenes", "2", "--seed", "5") == 0
    assert capsys.readouterr().out == (
        f"2 scenes in {tmp_path}/raw, depth in {tmp_path}/depth: bars_005, bars_006\n"
    )
    assert sorted(files(tmp_path)) == sorted(
        f"{name.format(scene)}_{frame:04d}.{ending}"
        for name, ending in (("raw/{}/frame", "png"), ("depth/{}/depth", "npy"))
        for scene in ("bars_005", "bars_006")
        for frame in range(2)
    )
    depth_m = np.load(tmp_path / "depth" / "bars_005" / "depth_0001.npy")
    picture = Image.open(tmp_path / "raw" / "bars_005" / "frame_0001.png")
    assert depth_m.dtype == np.float32 and depth_m.shape == (32, 48) and picture.size == (48, 32)
    assert np.isfinite(depth_m).all() and 0.2 < depth_m.min() < depth_m.max() < 200


def test_the_same_words_give_the_same_bytes_and_only_asked_faults_change_them(tmp_path: Path) -> None:
    for name, faults in (("a", "none"), ("b", "none"), ("c", "camera"), ("d", "depth")):
        assert synth(tmp_path / name, "--families", " bars ,", "--n_scenes", "1", "--faults", faults) == 0
    made = {name: files(tmp_path / name) for name in "abcd"}
    assert made["a"] == made["b"] and made["a"].keys() == made["c"].keys() == made["d"].keys()
    for name, changed in (("c", "raw"), ("d", "depth")):
        assert {p.split("/")[0] for p in made["a"] if made["a"][p] != made[name][p]} == {changed}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--families", "beach"], ["'beach'", *FAMILIES]),
        (["--families", ""], ["--families '' names no family", "Leave --families away"]),
        (["--n_scenes", "0"], ["n_scenes must be at least 1"]),
        (["--width", "0"], ["0 x 32"]),
        (["--seed", "-1"], ["seed"]),
        (["--data.min_frames", "3"], ["--data.min_frames has no meaning here"]),
    ],
)
def test_what_makes_no_scene_is_refused_and_writes_nothing(tmp_path, capsys, words, said):
    assert synth(tmp_path, *words) == 2
    told = capsys.readouterr().err
    assert all(text in told for text in said), told
    assert not files(tmp_path)


def test_a_folder_of_other_frames_is_left_as_it_is(tmp_path: Path, capsys) -> None:
    other = tmp_path / "raw" / "bars_000" / "frame_0009.png"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"mine")
    assert synth(tmp_path, "--families", "bars", "--n_scenes", "1") == 2
    assert "frame_0009.png" in capsys.readouterr().err
    assert files(tmp_path) == {"raw/bars_000/frame_0009.png": b"mine"}


def test_a_folder_that_has_to_be_given_is_asked_for(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["synth", "--raw_root", "raw"])
    assert end.value.code == 2 and "--depth_root" in capsys.readouterr().err


def test_frames_and_depth_in_one_folder_are_refused_since_phase_3_would(tmp_path: Path, capsys) -> None:
    roots = ("--raw_root", str(tmp_path / "all"), "--depth_root", str(tmp_path / "x" / ".." / "all"))
    assert cli.main(["synth", *roots, *SMALL]) == 2
    assert "Give --depth_root a folder of its own" in capsys.readouterr().err
    assert files(tmp_path) == {}
