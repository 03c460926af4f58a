"""Headers of videos that may crash or hang who reads them."""

from __future__ import annotations

import os

import av
import numpy as np
import pytest

from focusgen.media import headers
from focusgen.media.headers import VideoHeader, video_headers


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as video:
        stream = video.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in range(5):
            grey = np.full((48, 64, 3), 40 * level, np.uint8)
            video.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        video.mux(stream.encode())
    return path


@pytest.mark.slow
def test_a_file_that_hangs_or_is_no_video_costs_only_its_own_header(clip, tmp_path):
    pipe, text = tmp_path / "hangs.mp4", tmp_path / "text.mp4"
    os.mkfifo(pipe)
    text.write_text("no video")
    found = list(video_headers([clip, text, pipe, clip], timeout_s=4.0))
    assert found == [VideoHeader(5, 64, 48), None, None, VideoHeader(5, 64, 48)]


def test_one_child_reads_all_headers(clip, monkeypatch):
    started = []
    process = headers._processes.Process
    monkeypatch.setattr(headers._processes, "Process", lambda **words: started.append(1) or process(**words))
    assert list(video_headers([clip] * 4)) == [VideoHeader(5, 64, 48)] * 4
    assert len(started) == 1
