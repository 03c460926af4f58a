"""The files of one stack's result: arrays for programs, pictures for people."""

from __future__ import annotations

import io
import itertools
from collections.abc import Container
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.files import make_folder, publish, publish_json, remove, remove_drafts
from focusgen.base.locks import alone_in
from focusgen.focal.infer import StackResult
from focusgen.media.picture_files import png_with
from focusgen.tools.preview_scales import ColourScale, depth_scale, draw_bar

LARGEST_PICTURE_SIDE_PX = 2000
"""Depth is coloured at no more than this: the numbers are in the npy file."""

BAR_ROOM_PX = 110

OF_RGB = b"RGB "
"""The kind of colours in the header of a profile; one of grey is none for the RGB that grey slices become."""


def free_name(name: str, taken: Container[str]) -> str:
    """Return a name as part of a file name, numbered if it is taken."""
    plain = name.replace("/", "_")
    numbered = itertools.chain((plain,), (f"{plain}_{n}" for n in itertools.count(2)))
    return next(one for one in numbered if one not in taken)


def write_result(folder: Path, name: str, result: StackResult) -> list[Path]:
    """Write depth, colours with a scale, the sharp picture, confidence, slice numbers and metadata.

    The metadata holds size and checksum of each of the others, as they were handed to the disk. A second
    process that writes into the folder waits: all files are of one call.

    Raises:
        StorageError: the disk refused.
    """
    make_folder(folder)
    files = {
        f"{name}_depth.npy": npy_bytes(result.depth),
        f"{name}_depth.png": png_bytes(depth_picture(result.depth, is_metric=result.is_metric)),
        f"{name}_all_in_focus.png": png_bytes(result.rgb, result.icc_profile),
        f"{name}_confidence.npy": npy_bytes(result.confidence),
        f"{name}_slice.png": png_bytes(_slice_picture(result.slice_index)),
    }
    metadata = folder / f"{name}_metadata.json"
    with alone_in(folder):
        remove_drafts(folder, f"{name}_")
        remove(metadata)  # of an earlier call: it vouches for all files, so it comes last
        entries = {file: asdict(publish(folder / file, data)) for file, data in files.items()}
        publish_json(metadata, {**result.metadata, "files": entries})
    return [*(folder / file for file in files), metadata]


def pictures_for_people(folder: Path, name: str) -> tuple[Path, Path]:
    """Return where confidence and slice numbers lie as pictures, if they were asked for."""
    return folder / f"{name}_confidence.png", folder / f"{name}_slice_colours.png"


def write_pictures_for_people(folder: Path, name: str, result: StackResult) -> None:
    """Write the confidence in grey and slice numbers in colours: --save-visualization."""
    confidence, slices = pictures_for_people(folder, name)
    publish(confidence, png_bytes(np.rint(255.0 * result.confidence).astype(np.uint8)))
    last = max(int(result.slice_index.max()), 1)
    publish(slices, png_bytes(_beside_scale(thinned(result.slice_index), _scale_of_slices(last))))


def npy_bytes(array: npt.NDArray[Any]) -> bytes:
    """Return an array as an npy file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def png_bytes(pixels: npt.NDArray[Any], icc_profile: bytes = b"") -> bytes:
    """Return a grey or RGB picture of 8 or 16 bits as a PNG file; RGB with its colour profile."""
    import cv2

    stored = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    is_encoded, data = cv2.imencode(".png", np.ascontiguousarray(stored))
    assert is_encoded, f"{pixels.shape} {pixels.dtype} is no picture"
    return png_with(data.tobytes(), icc_profile if icc_profile[16:20] == OF_RGB else b"")


def depth_picture(depth: npt.NDArray[np.float32], *, is_metric: bool) -> npt.NDArray[np.uint8]:
    """Return depth in colours, near warm and far cold, beside a scale in metres."""
    small = thinned(depth)
    return _beside_scale(small, _metric_scale(small) if is_metric else _relative_scale(small))


def _beside_scale(small: npt.NDArray[Any], scale: ColourScale) -> npt.NDArray[np.uint8]:
    from PIL import Image, ImageFont

    height, width = small.shape
    canvas = Image.new("RGB", (width + BAR_ROOM_PX, height), (24, 26, 30))
    canvas.paste(Image.fromarray(scale.paint(small)), (0, 0))
    room = min(12, height // 4)
    if height > 2 * room + 1:
        font = ImageFont.load_default(13)
        draw_bar(canvas, (width + 14, room, width + 32, height - room), scale, font, "up")
    return np.asarray(canvas)


def thinned(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return every n-th row and column, so that no side is longer than what is shown."""
    step = max(1, -(-max(pixels.shape[:2]) // LARGEST_PICTURE_SIDE_PX))
    return pixels[::step, ::step]


def _metric_scale(depth_m: npt.NDArray[np.float32]) -> ColourScale:
    keys = ("d_min", "d_p5", "d_median", "d_p95", "d_max")
    values = np.percentile(depth_m, (0, 5, 50, 95, 100)).tolist()
    return depth_scale(dict(zip(keys, values, strict=True)), None)


def _relative_scale(depth: npt.NDArray[np.float32]) -> ColourScale:
    """Return a scale without metres: only its ends are named."""
    from focusgen.tools.preview_scales import Tick

    metric = _metric_scale(1.0 + depth)
    ticks = (Tick(0.0, "nearest"), Tick(1.0, "farthest"))
    return ColourScale(metric.colours[::-1], 0.0, 1.0, False, ticks)


def _scale_of_slices(last: int) -> ColourScale:
    """Return the colours of depth for slice 0, the nearest, to the last."""
    from focusgen.tools.preview_scales import Tick

    relative = _relative_scale(np.array([[0.0, 1.0]], np.float32))
    return replace(relative, high=float(last), ticks=(Tick(0.0, "0"), Tick(1.0, str(last))))


def _slice_picture(index: npt.NDArray[np.uint16]) -> npt.NDArray[Any]:
    return index if index.max() > np.iinfo(np.uint8).max else index.astype(np.uint8)
