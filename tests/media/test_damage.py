"""A video that is damaged in the middle is refused with ways out, and those of them that are ours work."""

from __future__ import annotations

import re

import pytest

from focusgen.base.names import MediaError
from focusgen.media.damage import COPY_AGAIN, advising
from focusgen.media.rawcheck import CheckOptions, check_raw
from focusgen.media.scenes import RawScene, discover
from tests.clips import moving_texture, write_images, write_video

OPTIONS = CheckOptions(1, None, 0.35)


@pytest.mark.parametrize("n_b_frames", ["0", "2"])
def test_the_part_before_the_damage_is_whole_as_far_as_is_said(tmp_path, n_b_frames):
    path = write_video(tmp_path / "a.mp4", moving_texture(50, 64, 48), g="10", bf=n_b_frames)
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + len(data) // 3
    data[middle : middle + 80] = bytes(byte ^ 0x5A for byte in data[middle : middle + 80])
    path.write_bytes(data)
    raw = RawScene("a", "video", path, (path.name,))
    with pytest.raises(MediaError, match=r"^a\.mp4: (damaged|cannot be decoded)") as caught:
        check_raw(raw, OPTIONS)
    assert caught.value.advice.startswith(COPY_AGAIN) and "-crf 8" in caught.value.advice
    end_s = float(re.search(r"--clips FILE .*end_s ([0-9.]+)\)", caught.value.advice)[1])
    report = check_raw(RawScene("a", "video", path, (path.name,), span_s=(0.0, end_s)), OPTIONS)
    assert 1 < report.n_decoded == round(25 * end_s), "all before that time, and no part of the damage"


@pytest.mark.parametrize(
    ("reason", "whole_s", "said"),
    [
        ("damaged: packet 0 is corrupt", 0.0, r"^Copy it again .*libx264"),
        ("cannot be decoded: Invalid data", 1.2399, r"-to 1\.239 -c:v ffv1"),
        ("changes its size from 4x2 to 8x6 midway", 2.0, r"^Keep what comes before: .*end_s 2\)"),
        ("cannot be read: Permission denied", 2.0, "^$"),
    ],
)
def test_what_is_advised_fits_what_is_wrong(reason, whole_s, said):
    with pytest.raises(MediaError) as caught, advising(lambda: whole_s):
        raise MediaError("a.mp4", reason)
    assert re.search(said, caught.value.advice) and caught.value.reason == reason


def test_a_scene_goes_on_without_a_damaged_picture_as_is_advised(tmp_path):
    paths = write_images(tmp_path / "a", moving_texture(12))
    paths[2].write_bytes(paths[2].read_bytes()[:-20])
    (scene,) = discover(tmp_path / "a").scenes
    with pytest.raises(MediaError, match=r"^frame_0002\.png: truncated PNG") as caught:
        check_raw(scene, OPTIONS)
    assert "take it out of the folder" in caught.value.advice
    paths[2].unlink()
    (scene,) = discover(tmp_path / "a").scenes
    report = check_raw(scene, OPTIONS)
    assert report.n_decoded == 11 and "frame_0001.png" in " ".join(report.notes), "the gap is said"


def test_advice_of_somebody_who_knows_better_stays():
    with pytest.raises(MediaError) as caught, advising():
        raise MediaError("a.mp4", "damaged: twice", "Ask the owner.")
    assert caught.value.advice == "Ask the owner."
