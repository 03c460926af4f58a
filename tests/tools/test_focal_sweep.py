"""A sweep video of a traced stack, there and back, through the command."""

import json
from pathlib import Path

import numpy as np
import pytest

from focusgen.cli import main
from focusgen.focal.distance_files import read_distances
from focusgen.tools.focal_sweep import DISTANCES_FILE, write_sweep_stacks
from tests.clips import write_video
from tests.focal.stacks import Truth, abs_rel, truth
from tests.small import DEAD_PID


@pytest.fixture(scope="module")
def traced() -> Truth:
    return truth("tabletop")


@pytest.fixture
def sweep(traced: Truth, tmp_path: Path) -> tuple[Path, Path]:
    """Return the video, and the log of its focus."""
    there_and_back = [0, 0, 1, 2, 3, 4, 3, 2, 1, 0]
    video = write_video(tmp_path / "rack.mp4", traced.slices[there_and_back], pixel_format="yuv444p", crf="4")
    lines = [f"{frame},{traced.distances_m[n]}" for frame, n in enumerate(there_and_back)]
    log = tmp_path / "focus.csv"
    log.write_text("\n".join(["frame,focus_m", *lines]))
    return video, log


def infer(video: Path, out: Path, *more: str) -> int:
    return main(["focal", "infer", "--sweep-video", str(video), "--output", str(out), *more])


@pytest.mark.slow
def test_each_journey_becomes_a_frame_of_a_scene(traced: Truth, sweep: tuple[Path, Path], tmp_path: Path):
    video, log = sweep
    out = tmp_path / "out"
    flags = ["--focus-from", str(log), "--stack-size", "5", *traced.lens_flags]
    assert infer(video, out, "--as-scene", *flags) == 0
    stacks = sorted((out / "stacks" / "rack").iterdir())
    assert [json.loads((s / "focus_distances.json").read_text())["frames"] for s in stacks] == [
        [1, 2, 3, 4, 5],
        [5, 6, 7, 8, 9],
    ]
    for stack in stacks:
        assert abs_rel(np.load(out / f"{stack.name}_depth.npy"), traced.depth_m) <= 0.04
    assert len(list((out / "rack" / "frames_sharp").glob("frame_*.png"))) == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "--sweep-video needs --focus-from"),
        (["--focus-from", "LOG", "--stack-size", "9"], "smaller --stack-size"),
        (["--focus-from", "LOG", "--stack-size", "1"], "at least 2"),
        (["--focus-from", "nowhere.csv"], "cannot be read"),
        (["--focus-from", "LOG", "--input", "x"], "one of --input and --sweep-video"),
        (["--focus-from", "LOG", "--focus-distances", "1,2"], "--focus-distances are of --input"),
        (["--focus-from", "LOG", "--as-scene", "--f-number", "2"], "Give --focal-length, and --sensor-width"),
    ],
)
def test_what_cannot_be_cut_is_refused_with_a_way_out(
    sweep: tuple[Path, Path],
    tmp_path: Path,
    more: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
):
    video, log = sweep
    words = [str(log) if word == "LOG" else word for word in more]
    assert infer(video, tmp_path / "out", *words) == 2
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_a_second_cut_leaves_nothing_of_the_first(traced: Truth, sweep: tuple[Path, Path], tmp_path: Path):
    video, log = sweep
    write_sweep_stacks(video, log, 5, tmp_path / "cut")
    (tmp_path / "cut" / "rack" / "rack_000" / f".slice_04.png.{DEAD_PID}.tmp").touch()
    (tmp_path / "cut" / "rack" / "mine").mkdir()
    (tmp_path / "cut" / "rack" / "rack_007").mkdir()
    (tmp_path / "cut" / "rack" / "rack_007" / DISTANCES_FILE).write_text("{}")
    write_sweep_stacks(video, log, 3, tmp_path / "cut")
    assert not list((tmp_path / "cut" / "rack" / "rack_000").glob(".*")), "what a kill left"
    left = sorted(
        str(path.relative_to(tmp_path / "cut" / "rack")) for path in tmp_path.glob("cut/rack/*/slice_*")
    )
    assert left == [f"rack_{k:03d}/slice_{n:02d}.png" for k in (0, 1) for n in range(3)]
    assert (
        not (tmp_path / "cut" / "rack" / "rack_007").exists()
        and (tmp_path / "cut" / "rack" / "mine").is_dir()
    )


def test_a_rack_to_infinity_is_written_as_a_word(sweep: tuple[Path, Path], tmp_path: Path):
    video, log = sweep
    log.write_text("frame,focus_m\n0,0.5\n9,inf\n")
    cut = write_sweep_stacks(video, log, 3, tmp_path / "out")
    (written,) = cut.folder.glob(f"*/{DISTANCES_FILE}")
    assert json.loads(written.read_text())["focus_distances_m"][-1] == "inf"
    names = [f"slice_{n:02d}.png" for n in range(3)]
    assert read_distances(written, names)[0::2] == [0.5, float("inf")]
