"""Depth that comes with the data: found for a scene, counted, and read frame by frame in bounded memory.

<depth_root>/<scene_id>/            one file per frame, natural order: npy, npz, 16-bit png or exr
<depth_root>/<scene_id>.npy         one (T, H, W) array, memory-mapped
<depth_root>/<scene_id>.npz         the same, inflated as it is read
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from focusgen.base.checksums import checksum, file_checksum
from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.base.names import display, natural_key
from focusgen.media.depth_codecs import (
    READERS,
    DepthMap,
    NpyHeader,
    map_shape,
    naming,
    open_npz_member,
    read_depth_file,
    read_exactly,
    read_npy_header,
    to_metres,
)

MAX_FORTRAN_BYTES = 1 << 30  # a column-ordered archive cannot be streamed by frame; above this it is refused


class DepthSource(Protocol):
    """Depth of one scene, metres, NaN where nothing was measured."""

    def __len__(self) -> int:
        """Return the number of frames that may be read."""

    def read(self, index: int) -> DepthMap:
        """Return the (H, W) float32 depth of one frame.

        Raises:
            CorruptInputError: names the file.
        """

    def name(self, index: int) -> str:
        """Return where one frame comes from, for messages."""

    def digest(self) -> str:
        """Return a checksum of all files, their names and order: changed depth makes phase 3 stale."""


def open_depth(
    depth_root: Path, scene_id: str, n_frames: int, depth_scale: float, *, is_cut: bool = False
) -> DepthSource:
    """Return the provided depth of a scene.

    Args:
        depth_root: folder that holds `<scene_id>/`, `<scene_id>.npy` or `<scene_id>.npz`.
        scene_id: as in the index.
        n_frames: frames of the scene; the depth must have as many.
        depth_scale: units per metre of 16-bit numbers.
        is_cut: the scene was cut short by `max_frames`, so more depth than frames is right.

    Raises:
        MissingUpstreamError: no depth for this scene.
        CorruptInputError: names the file: damaged, of a refused kind, or the counts differ.
    """
    path = _find(depth_root, scene_id)
    source: DepthSource
    if path.is_dir():
        source = DepthFolder(path, _depth_files(path), depth_scale)
    elif path.suffix == ".npy":
        source = DepthArray(path, depth_scale)
    else:
        source = DepthArchive(path, depth_scale)
    n_found = len(source)
    if n_found < n_frames or (n_found > n_frames and not is_cut):
        last = source.name(max(0, min(n_found, n_frames) - 1))
        raise CorruptInputError(
            f"{display(str(path))}: {n_found} depth maps for {n_frames} frames "
            f"(the last that has both: {last})",
            "Give one depth map per frame, in the natural order of the frames.",
        )
    return source


def _find(depth_root: Path, scene_id: str) -> Path:
    candidates = [depth_root / scene_id, depth_root / f"{scene_id}.npy", depth_root / f"{scene_id}.npz"]
    found = [p for p in candidates if (p.is_dir() if p.name == scene_id else p.is_file())]
    if len(found) > 1:
        raise CorruptInputError(
            f"scene '{scene_id}' has depth twice: {', '.join(display(str(p)) for p in found)}",
            "Remove one of them.",
        )
    if not found:
        raise MissingUpstreamError(
            f"scene '{scene_id}' has no depth in {depth_root}: neither {scene_id}/ nor {scene_id}.npy|.npz",
            "Set --depth_root to the folder of the depth, or choose another depth.backend.",
        )
    return found[0]


def _depth_files(folder: Path) -> list[Path]:
    with naming(folder):
        visible = [p for p in folder.iterdir() if not p.name.startswith(".") and p.is_file()]
    files = [p for p in visible if p.suffix.lower() in READERS]
    kinds = sorted({p.suffix.lower() for p in files})
    if len(kinds) > 1:
        raise CorruptInputError(
            f"{display(str(folder))}: depth of several kinds ({', '.join(kinds)}); "
            "which one is meant cannot be told",
            "Keep one kind per scene.",
        )
    if not files:
        known = ", ".join(READERS)
        raise CorruptInputError(
            f"{display(str(folder))}: no depth file ({known})", "Convert the depth to one of these."
        )
    return sorted(files, key=lambda p: natural_key(p.name))  # as the frames are ordered


class DepthFolder:
    """One file per frame."""

    def __init__(self, folder: Path, files: Sequence[Path], depth_scale: float) -> None:
        self._folder = folder
        self._files = list(files)
        self._depth_scale = depth_scale

    def __len__(self) -> int:
        return len(self._files)

    def name(self, index: int) -> str:
        """Return the file of a frame."""
        return display(str(self._files[index]))

    def read(self, index: int) -> DepthMap:
        """Return the depth of a frame."""
        return read_depth_file(self._files[index], self._depth_scale)

    def digest(self) -> str:
        """Return the digest of all files in order."""
        return _digest(self._files)


class DepthArray:
    """One (T, H, W) npy file; only the pages that are read come into memory."""

    def __init__(self, path: Path, depth_scale: float) -> None:
        self._path = path
        self._depth_scale = depth_scale
        with naming(path), path.open("rb") as stream:
            self._header = read_npy_header(stream, path.stat().st_size)
            check_stack(self._header)

    def __len__(self) -> int:
        return self._header.shape[0]

    def name(self, index: int) -> str:
        """Return the place of a frame."""
        return f"{display(str(self._path))} [{index}]"

    def read(self, index: int) -> DepthMap:
        """Return the depth of a frame."""
        header = self._header
        with naming(self._path):
            mapped = np.memmap(
                self._path,
                header.dtype,
                mode="r",
                offset=header.offset,
                shape=header.shape,
                order="F" if header.is_fortran else "C",
            )
            return to_metres(_plane(mapped[index]), self._depth_scale)

    def digest(self) -> str:
        """Return the digest of the file."""
        return _digest([self._path])


class DepthArchive:
    """One (T, H, W) array in an npz file, inflated frame by frame; reading backwards starts again."""

    def __init__(self, path: Path, depth_scale: float) -> None:
        self._path = path
        self._depth_scale = depth_scale
        self._archive: zipfile.ZipFile | None = None
        self._next_index = 0
        self._whole: np.ndarray[Any, Any] | None = None
        with naming(path):
            self._stream, self._header = self._open()
            check_stack(self._header)
            if self._header.is_fortran and self._header.n_bytes > MAX_FORTRAN_BYTES:
                raise CorruptInputError(
                    f"{self._header.n_bytes} bytes in column order cannot be read frame by frame",
                    "Save it with np.ascontiguousarray, or as npy.",
                )

    def __len__(self) -> int:
        return self._header.shape[0]

    def name(self, index: int) -> str:
        """Return the place of a frame."""
        return f"{display(str(self._path))} [{index}]"

    def read(self, index: int) -> DepthMap:
        """Return the depth of a frame."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self._path} has {len(self)} frames, not {index}")
        with naming(self._path):
            values = self._column_ordered()[index] if self._header.is_fortran else self._next(index)
            return to_metres(_plane(values), self._depth_scale)

    def digest(self) -> str:
        """Return the digest of the file."""
        return _digest([self._path])

    def _open(self) -> tuple[IO[bytes], NpyHeader]:
        if self._archive is not None:
            self._archive.close()
        self._archive = zipfile.ZipFile(self._path)
        self._next_index = 0
        return open_npz_member(self._archive)

    def _next(self, index: int) -> np.ndarray[Any, Any]:
        if index < self._next_index:
            self._stream, self._header = self._open()
        _, *plane = self._header.shape
        n_bytes = self._header.n_bytes // self._header.shape[0]
        data = b""
        while self._next_index <= index:
            data = read_exactly(self._stream, n_bytes)
            self._next_index += 1
        return np.frombuffer(data, self._header.dtype).reshape(plane)

    def _column_ordered(self) -> np.ndarray[Any, Any]:
        if self._whole is None:
            data = read_exactly(self._stream, self._header.n_bytes)
            self._whole = np.ndarray(self._header.shape, self._header.dtype, data, order="F")
        return self._whole


def check_stack(header: NpyHeader) -> None:
    """Refuse an array that is not (T, H, W), or the same with one lone channel axis."""
    if len(header.shape) not in (3, 4):
        raise CorruptInputError(
            f"depth has shape {header.shape}; a whole scene is (T, H, W)",
            "One map per file belongs into a folder with the scene's name.",
        )
    map_shape(header.shape[1:])


def _plane(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return values.reshape(map_shape(values.shape))


def _digest(files: Sequence[Path]) -> str:
    return checksum(
        "".join(f"{path.name}:{file_checksum(path)}\n" for path in files).encode(errors="surrogateescape")
    )
