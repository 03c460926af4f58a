"""Headers of videos that nobody has checked yet, read in a child that a hostile file may crash or hang."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from focusgen.base.names import MediaError

HEADER_TIMEOUT_S = 60.0
_processes = multiprocessing.get_context("spawn")


class VideoHeader(NamedTuple):
    """What a video says of itself: frames, 0 where it does not tell, and the size of an upright frame."""

    n_frames: int
    width: int
    height: int


def video_headers(paths: Iterable[Path], timeout_s: float = HEADER_TIMEOUT_S) -> Iterator[VideoHeader | None]:
    """Yield the header of each video, None where it does not open.

    One child reads them all; one that dies or says nothing for `timeout_s` is replaced.
    """
    child: _Child | None = None
    try:
        for path in paths:
            child = child or _Child()
            try:
                yield child.header(path, timeout_s)
            except (EOFError, TimeoutError, BrokenPipeError, ConnectionResetError):
                child.end()
                child = None
                yield None
    finally:
        if child:
            child.end()


def read_header(path: Path) -> VideoHeader | None:
    """Return the header of a video in this very process, None if it does not open."""
    from focusgen.media.streams import open_video

    try:
        with open_video(path) as video:
            next(iter(video.decode()))
            return VideoHeader(video.n_declared, *video.upright_size)
    except (MediaError, StopIteration):
        return None


class _Child:
    def __init__(self) -> None:
        self._here, there = _processes.Pipe()
        self._process = _processes.Process(target=_answer, args=(there,), daemon=True)
        self._process.start()
        there.close()

    def header(self, path: Path, timeout_s: float) -> VideoHeader | None:
        """Return its answer.

        Raises:
            TimeoutError: there is none; EOFError and OSErrors of a pipe: it is dead.
        """
        self._here.send(path)
        if not self._here.poll(timeout_s):
            raise TimeoutError(path)
        header: VideoHeader | None = self._here.recv()
        return header

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._here.close()


def _answer(questions: Connection) -> None:
    while True:
        try:
            path: Path = questions.recv()
        except EOFError:
            return
        questions.send(read_header(path))
