"""What is said of the times of a video's frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from focusgen.media.frame_times import notes_on_times
from focusgen.media.rawcheck import CheckOptions, check_raw
from focusgen.media.scenes import discover
from tests.clips import moving_texture, write_video

EVEN = [number / 25 for number in range(40)]
ROUNDED = [round(number / 30, 3) for number in range(40)]
MAY_BE_SMEARED = (
    ": left out by the camera, or lost, and then what follows may be smeared up to the next key frame"
)


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (
            [0, 0.04, 0.08, 3600.12, 3600.16],
            ("times jump by 3600 s between frames 2 and 3 (usual step 0.04 s)",),
        ),
        # a jump takes a second and more, and ten usual steps
        ([0, 0.04, 0.08, 1.2, 1.24], ("times jump by 1.12 s between frames 2 and 3 (usual step 0.04 s)",)),
        ([0, 0.04, 0.08, 0.98, 1.02], ()),
        ([0, 0.5, 1.0, 6.5, 7.0], ("times jump by 5.5 s between frames 2 and 3 (usual step 0.5 s)",)),
        ([0, 0.5, 1.0, 5.5, 6.0], ()),
        ([0, 0.04, 0.12, 0.16], ()),  # too few to tell that the rate is even
        ([0, 60, 120, 180], ()),
        ([0.0], ()),
        (None, ()),
        (EVEN, ()),
        (ROUNDED, ()),
        (EVEN[:5] + EVEN[6:], (f"1 frame is missing between frames 4 and 5{MAY_BE_SMEARED}",)),
        (
            ROUNDED[:5] + ROUNDED[7:20] + ROUNDED[21:],
            (f"3 frames are missing between frames 4 and 5, and at 1 more place{MAY_BE_SMEARED}",),
        ),
        ([time for number, time in enumerate(EVEN) if number % 3], ()),  # a telephone's changing rate
        (
            EVEN[:9] + [time - 0.2 for time in EVEN[9:]],
            ("times go back between frames 8 and 9: frames are used in the order of the file",),
        ),
        (
            [*EVEN[:9], *EVEN[8:]],
            ("times stand still between frames 8 and 9: frames are used in the order of the file",),
        ),
    ],
)
def test_a_jump_in_the_times_of_a_video_is_said(times, said):
    assert notes_on_times(times) == said


@pytest.mark.parametrize(("step", "said"), [(0.0008, "1250 frames per second"), (0.0, "the same moment")])
def test_broken_time_stamps_are_said(step, said):
    (note,) = notes_on_times([step * number for number in range(9)])
    assert note.startswith("broken time stamps: they say " + said)
    assert notes_on_times([number / 240 for number in range(9)]) == ()


def test_a_packet_that_was_lost_smears_what_follows_and_is_said(tmp_path: Path):
    import av

    whole = write_video(tmp_path / "whole.mkv", moving_texture(24), "mpeg4", g="12")
    with av.open(str(whole)) as source, av.open(str(tmp_path / "lost.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(packet for packet in source.demux(video=0) if packet.size):
            if number != 5:
                packet.stream = stream
                target.mux(packet)
    scenes = {raw.scene_id: raw for raw in discover(tmp_path).scenes}
    notes = {name: check_raw(raw, CheckOptions(1, None, 1.0)).notes
             for name, raw in scenes.items()}  # fmt: skip
    assert notes == {"whole": (), "lost": (f"1 frame is missing between frames 4 and 5{MAY_BE_SMEARED}",)}
    with av.open(str(whole)) as one, av.open(str(tmp_path / "lost.mkv")) as other:
        right = [frame.to_ndarray(format="rgb24") for frame in one.decode(video=0)]
        found = [frame.to_ndarray(format="rgb24") for frame in other.decode(video=0)]
    assert not np.array_equal(right[6], found[5]) and np.array_equal(right[12], found[11])
