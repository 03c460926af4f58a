"""Which of several streams is the video, told on doubles of PyAV's streams; real files: test_streams.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from av.stream import Disposition

from focusgen.base.names import MediaError
from focusgen.media.rules import ALL_RULES
from focusgen.media.stream_choice import choose_stream

COVER, THUMBNAILS, DEFAULT = Disposition.attached_pic, Disposition.timed_thumbnails, Disposition.default
NOTHING = Disposition(0)


def stream(width: int, height: int, disposition: Disposition = NOTHING, frames: int = 0) -> Any:
    context = SimpleNamespace(width=width, height=height)
    return SimpleNamespace(codec_context=context, disposition=disposition, frames=frames)


def chosen(*tracks: Any, rules: frozenset[str] = ALL_RULES) -> Any:
    container: Any = SimpleNamespace(streams=SimpleNamespace(video=list(tracks)))
    return choose_stream(container, "a.mkv", rules)


def test_a_lone_stream_needs_no_word():
    only = stream(64, 48)
    choice = chosen(only)
    assert (choice.stream, choice.track, choice.is_first, choice.note) == (only, 0, True, "")


def test_a_cover_picture_is_never_the_video_nor_counted_as_a_track():
    video = stream(64, 48)
    choice = chosen(stream(3000, 3000, COVER), video)
    assert (choice.stream, choice.track, choice.is_first, choice.note) == (video, 0, True, "")
    # Not for the first release either: it passed covers over as well.
    assert chosen(stream(3000, 3000, COVER | DEFAULT), video, rules=frozenset()).stream is video


@pytest.mark.parametrize("tracks", [(), (stream(600, 600, COVER),)])
def test_a_file_without_a_video_is_refused_by_name(tracks):
    with pytest.raises(MediaError, match=r"a\.mkv: holds no video"):
        chosen(*tracks)


def test_the_largest_is_taken_and_the_note_counts_from_one():
    tracks = [stream(320, 240), stream(1920, 1080), stream(640, 480)]
    choice = chosen(*tracks)
    assert (choice.stream, choice.track, choice.is_first) == (tracks[1], 1, False)
    assert choice.note == "3 video streams: number 2 (1920x1080) is used, not 1 (320x240), 3 (640x480)"


def test_what_the_container_calls_default_goes_before_size():
    tracks = [stream(1920, 1080), stream(320, 240, DEFAULT)]
    assert chosen(*tracks).track == 1
    assert chosen(stream(1920, 1080, DEFAULT), stream(320, 240, DEFAULT)).track == 0


def test_of_equals_the_first_is_taken_as_ever():
    assert chosen(stream(64, 48), stream(48, 64), stream(64, 48)).is_first


@pytest.mark.parametrize(
    "other", [stream(640, 480, THUMBNAILS | DEFAULT), stream(640, 480, DEFAULT, frames=1)]
)
def test_thumbnails_and_single_pictures_are_left_aside(other):
    assert chosen(other, stream(64, 48, frames=90)).track == 1
    # Unless there is nothing else.
    assert chosen(other, other).track == 0


def test_a_scene_that_an_earlier_release_began_goes_on_with_the_first_track():
    choice = chosen(stream(320, 240), stream(1920, 1080, DEFAULT), rules=frozenset())
    assert (choice.track, choice.is_first, choice.note) == (0, True, "")


def test_a_stream_that_ffmpeg_cannot_decode_has_no_size_and_still_a_place():
    unknown: Any = SimpleNamespace(codec_context=None, disposition=NOTHING, frames=0)
    choice = chosen(unknown, stream(64, 48))
    assert choice.track == 1 and choice.note.endswith("number 2 (64x48) is used, not 1")
