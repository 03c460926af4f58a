"""Results of an earlier `focal infer` that are those of this one too: a batch that was stopped goes on.

They are where their files are as they were written, and where the bytes of the slices, the distances, the
lens, the settings, the weights and the versions are the same. Times of files tell nothing here.
"""

from __future__ import annotations

import io
import json
import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen import __version__
from focusgen.base.checksums import FileEntry, checksum, file_checksum
from focusgen.base.errors import CorruptInputError
from focusgen.focal.backends import weight_files
from focusgen.focal.infer import InferOptions, StackResult
from focusgen.focal.kept import RESULTS_VERSION
from focusgen.focal.slice_files import StackFiles
from focusgen.focal.slice_reading import slice_bytes
from focusgen.focal.told_lens import LensFlags

MADE_OF = "made_of"
"""Key of the metadata: digest of all that a result follows from."""


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    import cv2

    return {
        "focusgen": __version__,
        "numpy": np.__version__,
        "opencv": str(cv2.__version__),
        "python": platform.python_version(),
    }


def settings_digest(options: InferOptions) -> str:
    """Return a digest of how stacks are worked on: settings, weights by their bytes, versions.

    Published weights of Stable Diffusion count by the name that they are asked for by.
    """
    weights = [file_checksum(path) for path in weight_files(options.checkpoint) if path.is_file()]
    plain = replace(options, checkpoint=None, device=options.device if options.uses_device else "cpu")
    return checksum(repr((plain, weights, versions(), RESULTS_VERSION)).encode())


def digest_of(
    files: StackFiles, distances_m: Sequence[float] | None, lens: LensFlags, settings: str
) -> str | None:
    """Return a digest of all that a result follows from, None where a slice cannot be read.

    Args:
        files: the slices.
        distances_m: as given; None: EXIF, which the bytes hold.
        lens: as given.
        settings: of `settings_digest`.
    """
    try:
        slices = [(path.name, checksum(slice_bytes(path))) for path in files.paths]
    except (OSError, CorruptInputError):
        return None  # whoever works on it says so
    distances = None if distances_m is None else list(distances_m)
    return checksum(repr((slices, files.ignored, distances, lens, settings)).encode())


def kept_result(folder: Path, name: str, made_of: str | None) -> StackResult | None:
    """Return the result that an earlier call wrote; None where it is another's, damaged, or not there."""
    try:
        metadata = json.loads((folder / f"{name}_metadata.json").read_text(encoding="utf-8"))
        if made_of is None or metadata[MADE_OF] != made_of:
            return None
        data = {file: _whole(folder / file, FileEntry(**entry)) for file, entry in metadata["files"].items()}
        depth, confidence = (_array(data[f"{name}_{what}.npy"]) for what in ("depth", "confidence"))
        profile = _profile(data[f"{name}_all_in_focus.png"])
        rgb, index = (_pixels(data[f"{name}_{what}.png"]) for what in ("all_in_focus", "slice"))
        is_metric = metadata["unit"] == "metre"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # what is no such document
        return None
    return StackResult(depth, confidence, rgb, index.astype(np.uint16), is_metric, metadata, profile)


def _whole(path: Path, entry: FileEntry) -> bytes:
    """Return the bytes of a file.

    Raises:
        ValueError: they are not those that were written.
    """
    data = path.read_bytes()
    if FileEntry.of(data) != entry:
        raise ValueError(f"{path} is another file")
    return data


def _array(data: bytes) -> npt.NDArray[np.float32]:
    return np.asarray(np.load(io.BytesIO(data), allow_pickle=False), np.float32)


def _pixels(data: bytes) -> npt.NDArray[Any]:
    import cv2

    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert stored is not None, "the bytes are those that were encoded"
    return np.asarray(stored[..., ::-1] if stored.ndim == 3 else stored)


def _profile(data: bytes) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return bytes(image.info.get("icc_profile") or b"")
