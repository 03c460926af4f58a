"""Frames of a raw scene, whether it is a folder of images or a video file: checked once, then read.

`check_raw` decodes everything and says what the scene is; phase 1 runs it in a child process (decode.py).
`open_frames` gives the same pixels to the later phases. How files become RGB8 is stated in images.py and
streams.py; in short: upright, 8 bits, every frame, nothing resampled, and no damage decoded around.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xxhash

from focusgen.base.names import MediaError
from focusgen.media.images import Frame, decode_image, image_size, read_bytes
from focusgen.media.rawcheck import check_same_size, raw_digest
from focusgen.media.scenes import RawScene
from focusgen.media.streams import VideoStream, open_video

if TYPE_CHECKING:
    import av
    from typing_extensions import Self

Frames = npt.NDArray[np.uint8]
"""(B, H, W, 3) uint8 RGB."""

# Frames kept behind the reading position, so that overlapping chunks of a video decode nothing twice.
KEPT_FRAMES = 40
KEPT_BYTES = 128 << 20


class FrameReader:
    """Random access to the frames of one scene; use it as a context manager.

    Attributes:
        n_frames: as phase 1 found it; None for a video of which nobody told.
        width, height: pixels, upright.
    """

    width: int
    height: int

    def __init__(self, raw: RawScene, n_frames: int | None) -> None:
        self._open = ExitStack()
        self._raw, self.n_frames = raw, n_frames

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._open.close()

    def read(self, start: int, stop: int) -> Frames:
        """Return frames [start, stop).

        Raises:
            IndexError: the range is not within the scene.
            MediaError: a file is damaged or is not the one that phase 1 saw.
        """
        # A length that nobody told is not worth a pass over the whole file: the end is met when it comes.
        n_frames = stop if self.n_frames is None else self.n_frames
        if not 0 <= start <= stop <= n_frames:
            raise IndexError(f"frames {start} to {stop} of a scene of {n_frames}")
        frames = np.empty((stop - start, self.height, self.width, 3), np.uint8)
        for index in range(start, stop):
            frames[index - start] = self._frame(index)
        return frames

    def _frame(self, index: int) -> Frame:
        raise NotImplementedError


def open_frames(raw: RawScene, *, n_frames: int | None = None, digests: Sequence[str] = ()) -> FrameReader:
    """Return a reader of a scene's frames.

    Args:
        n_frames: number of frames if phase 1 found it.
        digests: what phase 1 recorded; every file that is read must still have the same bytes.

    Raises:
        MediaError: the first frame cannot be read, or a video is not the one that phase 1 saw.
    """
    reader = _ImageFrames if raw.kind == "images" else _VideoFrames
    return reader(raw, n_frames, digests)


def _check_digest(file: str, found: str, recorded: str) -> None:
    if found != recorded:
        raise MediaError(
            file,
            "its bytes changed since phase 1 indexed it",
            "Restore the file, or index the raw root again into a fresh data set.",
        )


class _ImageFrames(FrameReader):
    """Frames of a folder; each read decodes its files anew."""

    def __init__(self, raw: RawScene, n_frames: int | None, digests: Sequence[str]) -> None:
        super().__init__(raw, len(raw.files) if n_frames is None else n_frames)
        self._digests = digests
        self.width, self.height = image_size(raw.file_path(0), rules=raw.applied_rules)

    def _frame(self, index: int) -> Frame:
        file = self._raw.files[index]
        data = read_bytes(self._raw.file_path(index), file)
        if self._digests:
            _check_digest(file, xxhash.xxh3_128_hexdigest(data), self._digests[index])
        pixels = decode_image(data, file, rules=self._raw.applied_rules)
        check_same_size(pixels, (self.width, self.height), file, self._raw.files[0])
        return pixels


class _VideoFrames(FrameReader):
    """Frames of a video file: decodes on from where it is, and from the start to go far back."""

    def __init__(self, raw: RawScene, n_frames: int | None, digests: Sequence[str]) -> None:
        super().__init__(raw, n_frames)
        if digests:
            _check_digest(raw.path.name, raw_digest(raw.path), digests[0])
        self._video: VideoStream
        self._frames: Generator[av.VideoFrame, None, None]
        self._next = 0
        self._kept: deque[tuple[int, Frame]] = deque()
        self._rewind()
        self._keep(self._advance())
        self.width, self.height = self._video.upright_size

    def _frame(self, index: int) -> Frame:
        for kept_index, pixels in self._kept:
            if kept_index == index:
                return pixels
        if index < self._next:
            self._rewind()
        while self._next < index:
            self._advance()
        return self._keep(self._advance())

    def _rewind(self) -> None:
        self._open.close()
        self._video = self._open.enter_context(open_video(self._raw.path, rules=self._raw.applied_rules))
        self._frames = self._open.enter_context(closing(self._video.decode()))
        self._next = -self._raw.first_frame
        self._kept.clear()
        while self._next < 0:
            self._advance()

    def _advance(self) -> av.VideoFrame:
        frame = next(self._frames, None)
        if frame is None:
            n_found = self._next + self._raw.first_frame
            raise MediaError(self._raw.path.name, f"ends after {n_found} frames")
        self._next += 1
        return frame

    def _keep(self, frame: av.VideoFrame) -> Frame:
        pixels = self._video.pixels(frame)
        self._kept.append((self._next - 1, pixels))
        limit = max(1, min(KEPT_FRAMES, KEPT_BYTES // pixels.nbytes))
        while len(self._kept) > limit:
            self._kept.popleft()
        return pixels
