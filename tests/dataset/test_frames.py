"""Raw frames at the published size: the right ones, read once, and by the plan of the record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from focusgen.base.checksums import file_checksum
from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.dataset.frames import RawFrames, open_raw, published_plan
from focusgen.dataset.layout import SceneLayout
from focusgen.media.codecs import encode_png
from focusgen.optics.sizes import frame_plan
from tests.small import entry, identity, put_record

SAME = frame_plan(48, 32)


class Counted:
    """A reader whose frame i is i everywhere, and that counts what it is asked."""

    n_frames, width, height, fps, frame_times_s = 9, 48, 32, None, None

    def __init__(self) -> None:
        self.asked: list[int] = []

    def read(self, start: int, stop: int) -> np.ndarray:
        self.asked += range(start, stop)
        return np.stack([np.full((32, 48, 3), index, np.uint8) for index in range(start, stop)])


def test_neighbours_are_decoded_once_while_they_are_kept():
    reader = Counted()
    raw = RawFrames(reader, SAME, n_kept=3)
    assert [int(frame[0, 0, 0]) for frame in raw.read(0, 3)] == [0, 1, 2]
    raw.read(1, 4)
    assert reader.asked == [0, 1, 2, 3]
    raw.frame(0)  # fell out of three
    assert reader.asked == [0, 1, 2, 3, 0]


def test_frames_have_the_published_size_and_order():
    raw = RawFrames(Counted(), frame_plan(48, 32, 24), n_kept=1)
    assert raw.read(5, 7).shape == (2, 16, 16, 3)
    assert raw.read(5, 7).dtype == np.uint8 and int(raw.frame(5).max()) == 5


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """Three images of one grey each, 0, 20 and 40."""
    folder = tmp_path / "raw ü" / "a"
    folder.mkdir(parents=True)
    for frame in range(3):
        picture = np.full((32, 48, 3), 20 * frame, np.uint8)
        (folder / f"frame_{frame:04d}.png").write_bytes(encode_png(picture))
    return folder.parent


def test_a_scene_s_own_files_are_opened(footage):
    with open_raw(footage, "a", entry(3), SAME) as raw:
        assert raw.read(0, 3)[:, 0, 0, 0].tolist() == [0, 20, 40]


def test_a_lost_file_is_named(footage):
    (footage / "a" / "frame_0001.png").unlink()
    with (
        pytest.raises(CorruptInputError, match=r"frame_0001\.png"),
        open_raw(footage, "a", entry(3), SAME) as r,
    ):
        r.read(0, 3)


def test_a_file_with_other_bytes_than_phase_1_saw_is_refused(footage):
    seen = [file_checksum(footage / "a" / name) for name in entry(3).frames]
    with open_raw(footage, "a", entry(3), SAME, digests=seen) as raw:
        raw.read(0, 3)
    (footage / "a" / "frame_0002.png").write_bytes(encode_png(np.full((32, 48, 3), 200, np.uint8)))
    with open_raw(footage, "a", entry(3), SAME, digests=seen) as raw:
        assert int(raw.frame(1).max()) == 20  # the others are what they were
        with pytest.raises(CorruptInputError, match=r"frame_0002\.png"):
            raw.frame(2)


@pytest.fixture
def scene(tmp_path: Path) -> SceneLayout:
    return SceneLayout(tmp_path / "out", "a")


def sharpened(scene: SceneLayout, resize: int | None, size: tuple[int, int], **how: Any) -> None:
    made = identity("deblur", settings={"deblur.resize_long_side": resize})
    put_record(scene, made, {"width": size[0], "height": size[1]}, **how)


@pytest.mark.parametrize(("resize", "size"), [(None, (48, 32)), (32, (32, 16)), (96, (96, 64))])
@pytest.mark.parametrize("is_whole", [True, False])
def test_the_plan_is_that_of_the_record(scene, resize, size, is_whole):
    sharpened(scene, resize, size, whole_scene=is_whole)
    plan = published_plan(scene, entry())
    assert (plan.width, plan.height) == size == (frame_plan(48, 32, resize).width, plan.height)


def test_without_a_record_there_is_no_plan(scene):
    with pytest.raises(MissingUpstreamError, match=r"'a'.*no record") as caught:
        published_plan(scene, entry())
    assert "phase 2" in caught.value.advice


def test_a_size_that_our_rule_does_not_give_is_not_guessed_at(scene):
    sharpened(scene, None, (64, 32))
    with pytest.raises(CorruptInputError, match="how 48x32 became 64x32") as caught:
        published_plan(scene, entry())
    assert "--on_stale redo" in caught.value.advice


def test_raw_frames_of_another_size_are_another_question(scene):
    sharpened(scene, None, (48, 32))
    with pytest.raises(CorruptInputError, match="how 100x80 became 48x32"):
        published_plan(scene, replace(entry(), width=100, height=80))
