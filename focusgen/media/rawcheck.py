"""What a raw scene is, found by decoding all of it: phase 1's check of one scene.

Nothing is believed that was not decoded: not the header's frame count, nor that a file which begins well ends
well. Phase 1 runs `check_raw` in a child process (decode.py), because the files come from anywhere.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import xxhash

from focusgen.base.names import MediaError
from focusgen.media.codecs import MAX_PIXELS
from focusgen.media.containers import DECODE_WHOLE_PART, check_whole, count_dropped_frames, demuxer_of
from focusgen.media.damage import advising_on_picture
from focusgen.media.frame_times import notes_on_times
from focusgen.media.images import Frame, examine_image, read_bytes
from focusgen.media.scenes import RawScene
from focusgen.media.shots import (
    THUMBNAIL_HEIGHT,
    THUMBNAIL_WIDTH,
    Signature,
    find_shot_cuts,
    signature,
    thumbnail_of,
)
from focusgen.media.stream_codecs import ONE_FRAME_PER_PACKET
from focusgen.media.streams import VideoStream, count_pictures, frame_time_s, open_video
from focusgen.media.video_part import VideoPart

_HASH_BLOCK_BYTES = 1 << 20
_DARK_LEVEL = 64  # what 14 bits in files of 16 come to


@dataclass(frozen=True)
class RawReport:
    """What phase 1 records about a scene that was decoded from its first to its last frame.

    Attributes:
        frames: names of the images; frame_0000, ... for a video.
        width: pixels, upright.
        height: pixels, upright.
        fps: average rate that a video's container states; None for images or where it states none.
        frame_times_s: time of each frame as the container counts, or None where a frame has none.
        shot_cuts: index of the first frame of every shot after the first.
        digests: xxh3_128 of the bytes of each image file; one digest of the file for a video.
        n_decoded: frames decoded.
        notes: what a person should know: unusual pixels (not square, interlaced, HDR, cropped), colours that
            were converted, names and times that jump.
        rules: which of `rules.ALL_RULES` had an effect; later phases apply these and no others.
        first_frame: of the video's frames, the one that is the scene's first.
    """

    frames: tuple[str, ...]
    width: int
    height: int
    fps: float | None
    frame_times_s: tuple[float, ...] | None
    shot_cuts: tuple[int, ...]
    digests: tuple[str, ...]
    n_decoded: int
    notes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    first_frame: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> RawReport:
        """Return the report that `to_json` was called on."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in document.items()}
        return cls(**fields)


def raw_digest(path: Path) -> str:
    """Return the xxh3_128 of a file's bytes as 32 hex digits.

    Raises:
        MediaError: the file cannot be read.
    """
    digest = xxhash.xxh3_128()
    try:
        with path.open("rb") as stream:
            while block := stream.read(_HASH_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise MediaError(path.name, f"cannot be read: {error.strerror}") from error
    return digest.hexdigest()


@dataclass(frozen=True)
class CheckOptions:
    """What is asked of a scene.

    Attributes:
        min_frames: a shorter scene is refused.
        max_frames: only the first frames are looked at, and the container's own count is not compared.
        shot_cut_threshold: data.shot_cut_threshold.
        max_pixels: limit of one frame, compared with headers before anything is allocated.
    """

    min_frames: int
    max_frames: int | None
    shot_cut_threshold: float
    max_pixels: int = MAX_PIXELS


def check_raw(
    raw: RawScene, asked: CheckOptions, on_frame: Callable[[int], None] = lambda n_decoded: None
) -> RawReport:
    """Decode a whole scene and return what it is; `on_frame` is told the number decoded after every frame.

    Raises:
        MediaError: (a CorruptInputError) names the file and the reason.
    """
    check = _check_images if raw.kind == "images" else _check_video
    try:
        return check(raw, asked, on_frame)
    except MemoryError as error:
        raise MediaError(
            raw.path.name, f"needs more memory than the limit allows{_limit_of_site()}"
        ) from error


def _limit_of_site() -> str:
    """Return what this machine allows any process, as login nodes do; the check has a limit of its own."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    return (
        "" if allowed == resource.RLIM_INFINITY else f": ulimit -v is {allowed >> 10}, run where it is higher"
    )


def _check_length(raw: RawScene, n_frames: int, min_frames: int) -> None:
    min_frames = max(1, min_frames)
    if n_frames < min_frames:
        file = raw.path.name + "/" if raw.kind == "images" else raw.path.name
        noun = "frame" if n_frames == 1 else "frames"
        raise MediaError(file, f"{n_frames} {noun}, fewer than {min_frames} (data.min_frames)")


def _check_images(raw: RawScene, asked: CheckOptions, on_frame: Callable[[int], None]) -> RawReport:
    files = raw.files[: asked.max_frames]
    _check_length(raw, len(files), asked.min_frames)
    digests, signatures, brightest = [], [], 0
    notes = dict.fromkeys(raw.notes)
    rules: set[str] = set()
    size = (0, 0)
    for index, file in enumerate(files):
        with advising_on_picture():
            data = read_bytes(raw.file_path(index), file)
            pixels, said, applied = examine_image(data, file, asked.max_pixels)
        notes.update(dict.fromkeys(said))
        rules.update(applied)
        if index == 0:
            size = (pixels.shape[1], pixels.shape[0])
        check_same_size(pixels, size, file, files[0])
        brightest = max(brightest, int(pixels.max()))
        digests.append(xxhash.xxh3_128_hexdigest(data))
        signatures.append(signature(thumbnail_of(pixels)))
        on_frame(index + 1)
    notes.update(dict.fromkeys(_on_darkness(brightest)))
    return RawReport(
        frames=files,
        width=size[0],
        height=size[1],
        fps=None,
        frame_times_s=None,
        shot_cuts=find_shot_cuts(signatures, asked.shot_cut_threshold),
        digests=tuple(digests),
        n_decoded=len(files),
        notes=tuple(notes),
        rules=tuple(sorted(rules)),
    )


def _on_darkness(brightest: int) -> tuple[str, ...]:
    """Return what to say of pictures that are all dark: mostly 16 bits that hold 12, or millimetres."""
    if brightest > _DARK_LEVEL:
        return ()
    why = "16-bit files that hold 10, 12 or 14 bits, or depth, come out so: multiply them, or take them out"
    return (f"dark: no pixel of any frame is above {brightest} of 255 ({why})",)


def check_same_size(pixels: Frame, size: tuple[int, int], file: str, first_file: str) -> None:
    """Refuse an image that is not (width, height) = `size`, the size of the first file."""
    height, width = pixels.shape[:2]
    if (width, height) != size:
        raise MediaError(
            file,
            f"{width}x{height} pixels, but {first_file} has {size[0]}x{size[1]}",
            "Frames of one scene have one size: give each size a folder of its own, or scale them.",
        )


def _check_video(raw: RawScene, asked: CheckOptions, on_frame: Callable[[int], None]) -> RawReport:
    file = raw.path.name
    n_stored = check_whole(raw.path, file, demuxer_of(raw.path, file))
    digest = raw_digest(raw.path)
    part = VideoPart(raw)
    with open_video(raw.path, max_pixels=asked.max_pixels, check_alpha=True) as video:
        times, signatures = _look_at(video, part, asked.max_frames, on_frame)
        n_frames = len(times)
        _check_length(raw, n_frames, asked.min_frames)
        if n_frames != asked.max_frames and not part.has_ended:
            n_in_track = n_stored[video.track] if video.track < len(n_stored) else 0
            _check_complete(raw.path, video, part.n_skipped + n_frames, n_in_track)
        _note_dropped(raw.path, video, part.n_skipped, n_frames)
        width, height = video.upright_size
    known_times = all_or_none(times)
    return RawReport(
        frames=tuple(f"frame_{index:04d}" for index in range(n_frames)),
        width=width,
        height=height,
        fps=video.fps,
        frame_times_s=known_times,
        shot_cuts=find_shot_cuts(signatures, asked.shot_cut_threshold),
        digests=(digest,),
        n_decoded=n_frames,
        notes=video.notes + notes_on_times(known_times) + part.notes(n_frames == asked.max_frames),
        rules=video.rules,
        first_frame=part.n_skipped,
    )


def _look_at(
    video: VideoStream, part: VideoPart, max_frames: int | None, on_frame: Callable[[int], None]
) -> tuple[list[float | None], list[Signature]]:
    """Return times and signatures of the frames of a part."""
    times: list[float | None] = []
    signatures = []
    with closing(video.decode()) as frames:
        for frame in frames:
            time_s = frame_time_s(frame)
            if part.ends_before(time_s):
                break
            if not part.holds(time_s):
                on_frame(0)
                continue
            times.append(time_s)
            signatures.append(signature(video.thumbnail(frame, THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT)))
            on_frame(len(times))
            if len(times) == max_frames:
                break
    return times, signatures


def _check_complete(path: Path, video: VideoStream, n_decoded: int, n_stored: int) -> None:
    """Compare what was decoded with everything that the container says about its length."""
    _require(video, video.n_packets, n_stored, "pictures could be read of {} in the file")
    if video.codec in ONE_FRAME_PER_PACKET:
        _require(video, n_decoded, video.n_packets, "frames could be decoded of {} packets")
    if n_decoded >= video.n_declared or _is_trimmed(path, video, n_decoded):
        return
    if demuxer_of(path, video.file) == "avi" and n_decoded + count_dropped_frames(path) == video.n_declared:
        return
    _require(video, n_decoded, video.n_declared, "frames could be decoded of {} declared")


def _note_dropped(path: Path, video: VideoStream, first: int, n_frames: int) -> None:
    """Say what a recorder dropped of the frames that are looked at."""
    if demuxer_of(path, video.file) != "avi":
        return
    n_dropped = count_dropped_frames(path, first, first + n_frames)
    if n_dropped:
        noun = "frame was" if n_dropped == 1 else "frames were"
        video.note(f"{n_dropped} {noun} dropped by the recorder (empty chunks)")


def _require(video: VideoStream, n_found: int, n_expected: int, what: str) -> None:
    if n_found < n_expected:
        raise MediaError(video.file, f"{n_found} {what.format(n_expected)}", DECODE_WHOLE_PART)


def _is_trimmed(path: Path, video: VideoStream, n_decoded: int) -> bool:
    """Say whether the frames that are missing are there, but hidden by the file's own edit list."""
    is_short = n_decoded < video.n_declared
    return is_short and n_decoded == video.n_packets and count_pictures(path) >= video.n_declared


def all_or_none(times: list[float | None]) -> tuple[float, ...] | None:
    """Return the times if every frame has one."""
    known = tuple(time_s for time_s in times if time_s is not None)
    return known if len(known) == len(times) else None
