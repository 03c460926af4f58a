"""Sources of provided depth: a folder of files, or a whole scene in one npy, npz or HDF5 file."""

from __future__ import annotations

import zipfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from focusgen.base.checksums import checksum, file_checksum
from focusgen.base.errors import CorruptInputError
from focusgen.base.names import display
from focusgen.media.depth_arrays import (
    NpyHeader,
    check_member_name,
    map_shape,
    open_npz_member,
    read_exactly,
    read_npy_header,
)
from focusgen.media.depth_codecs import naming, read_values
from focusgen.media.depth_hdf5 import find_dataset, open_file
from focusgen.media.depth_pairs import Pairing
from focusgen.media.depth_units import DepthMap, DepthOptions, Numbers, read_numbers, units_per_metre
from focusgen.media.depth_words import check_array_name, path_note

if TYPE_CHECKING:
    import h5py

HYPERSIM_ENDING = "depth_meters.hdf5"
RAYS_NOTE = (
    "files named like Hypersim's hold distances along the rays: set depth.ray_distance_focal_px (886.81 at "
    "Hypersim's 1024x768)"
)

MAX_FORTRAN_BYTES = 1 << 30  # a column-ordered archive cannot be streamed by frame; above this it is refused


class DepthSource(ABC):
    """Depth of one scene, metres; NaN where nothing was measured, +inf where it is beyond all measure.

    Attributes:
        unit: what its numbers are, for people; empty before the first map was read.
        saturated_fractions: of the frames read so far, frame -> part of its numbers at the 16-bit limit.
        last_saturated: of the frame read last, (frame, which pixels are at the limit); None if none is.
    """

    def __init__(self, path: Path, options: DepthOptions) -> None:
        self.path, self.options = path, options
        self.unit = ""
        self.saturated_fractions: dict[int, float] = {}
        self.last_saturated: tuple[int, npt.NDArray[np.bool_]] | None = None
        self._divisor: float | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of frames that may be read."""

    @abstractmethod
    def name(self, index: int) -> str:
        """Return where one frame comes from, for messages."""

    @abstractmethod
    def values(self, index: int) -> Numbers:
        """Return the (H, W) numbers of one frame as they stand in the file.

        Raises:
            CorruptInputError: names the file.
        """

    @abstractmethod
    def files(self) -> Sequence[Path]:
        """Return all files, in order."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about how the files were found."""
        return ()

    @property
    def contradiction(self) -> str:
        """What the files hold by their names, where that is no depth along the axis; else ""."""
        return ""

    def read(self, index: int) -> DepthMap:
        """Return the depth of one frame.

        Raises:
            CorruptInputError: names the file.
        """
        values = self.values(index)
        divisor = self._float_divisor() if values.dtype.kind == "f" else None
        with naming(self._file_of(index)):
            if divisor is None:
                divisor = units_per_metre(values, self.options) or 1.0
            reading = read_numbers(values, self.options, divisor)
        self.unit = reading.unit
        self.last_saturated = None
        if reading.saturated is not None:
            self.last_saturated = (index, reading.saturated)
            self.saturated_fractions[index] = (
                int(np.count_nonzero(reading.saturated)) / reading.saturated.size
            )
        return reading.depth_m

    def digest(self) -> str:
        """Return a checksum of all files, their names and order: changed depth makes phase 3 stale.

        A scale that floats are divided by is part of it: for whole numbers it is among the settings.
        """
        files = "".join(f"{path.name}:{file_checksum(path)}\n" for path in self.files())
        try:
            divisor = self._float_divisor()
        except CorruptInputError:  # said where it is read; a finished scene is not judged anew
            divisor = 1.0
        text = files if divisor == 1.0 else f"{files}floats / {divisor!r}\n"
        return checksum(text.encode(errors="surrogateescape"))

    def _file_of(self, index: int) -> Path:
        return self.path

    def _float_divisor(self) -> float:
        """Return what floats are divided by, judged once by the first frame that has any depth."""
        if self.options.depth_scale in (None, 1.0):
            return 1.0
        for index in range(len(self) if self._divisor is None else 0):
            values = self.values(index)
            with naming(self._file_of(index)):
                self._divisor = units_per_metre(values, self.options) if values.dtype.kind == "f" else 1.0
            if self._divisor is not None:
                break
        return self._divisor or 1.0


class DepthFolder(DepthSource):
    """One file per frame."""

    def __init__(
        self, folder: Path, files: Sequence[Path], options: DepthOptions, pairing: Pairing | None = None
    ) -> None:
        super().__init__(folder, options)
        self._files = list(files)
        self._pairing = pairing or Pairing()

    def __len__(self) -> int:
        return len(self._files)

    def name(self, index: int) -> str:
        """Return the file of a frame."""
        return display(str(self._files[index]))

    @property
    def notes(self) -> tuple[str, ...]:
        """Which files belong to no frame."""
        return self._pairing.notes

    @property
    def contradiction(self) -> str:
        """What the files hold by the name of the first, or of its folder."""
        are_rays = self._files[0].name.casefold().endswith(HYPERSIM_ENDING)
        if are_rays and self.options.ray_focal_px(1) is None:
            return RAYS_NOTE
        return path_note(self._files[0])

    def values(self, index: int) -> Numbers:
        """Return the numbers of a frame."""
        if self._pairing.problem:
            raise CorruptInputError(
                f"{display(str(self.path))}: {self._pairing.problem}",
                "Name frames and depth files by the same numbers; remove those that have no partner.",
            )
        return read_values(self._files[index], self.options)

    def files(self) -> Sequence[Path]:
        """Return the files of all frames."""
        return self._files

    def _file_of(self, index: int) -> Path:
        return self._files[index]


class DepthStack(DepthSource):
    """A whole scene in one file.

    Attributes:
        shape: of its array: (T, H, W), or with one lone channel axis.
    """

    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.shape[0]

    def name(self, index: int) -> str:
        """Return the place of a frame."""
        return f"{display(str(self.path))} [{index}]"

    def files(self) -> Sequence[Path]:
        """Return the file."""
        return [self.path]


class DepthArray(DepthStack):
    """One (T, H, W) npy file; only the pages that are read come into memory."""

    def __init__(self, path: Path, options: DepthOptions) -> None:
        super().__init__(path, options)
        with naming(path), path.open("rb") as stream:
            self._header = read_npy_header(stream, path.stat().st_size)
            self.shape = check_stack(self._header.shape)

    def values(self, index: int) -> Numbers:
        """Return the numbers of a frame."""
        header = self._header
        with naming(self.path):
            mapped = np.memmap(
                self.path,
                header.dtype,
                mode="r",
                offset=header.offset,
                shape=header.shape,
                order="F" if header.is_fortran else "C",
            )
            return _plane(mapped[index])


class DepthArchive(DepthStack):
    """One (T, H, W) array in an npz file, inflated frame by frame; reading backwards starts again."""

    def __init__(self, path: Path, options: DepthOptions) -> None:
        super().__init__(path, options)
        self._archive: zipfile.ZipFile | None = None
        self._next_index = 0
        self._whole: Numbers | None = None
        with naming(path):
            self._stream, self._header = self._open()
            self.shape = check_stack(self._header.shape)
            if self._header.is_fortran and self._header.n_bytes > MAX_FORTRAN_BYTES:
                raise CorruptInputError(
                    f"{self._header.n_bytes} bytes in column order cannot be read frame by frame",
                    "Save it with np.ascontiguousarray, or as npy.",
                )

    def values(self, index: int) -> Numbers:
        """Return the numbers of a frame."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self.path} has {len(self)} frames, not {index}")
        with naming(self.path):
            check_member_name(self._stream, self.options.key)
            values = self._column_ordered()[index] if self._header.is_fortran else self._next(index)
            return _plane(values)

    def _open(self) -> tuple[IO[bytes], NpyHeader]:
        if self._archive is not None:
            self._archive.close()
        self._archive = zipfile.ZipFile(self.path)
        self._next_index = 0
        return open_npz_member(self._archive, self.options.key)

    def _next(self, index: int) -> Numbers:
        if index < self._next_index:
            self._stream, self._header = self._open()
        _, *plane = self._header.shape
        n_bytes = self._header.n_bytes // self._header.shape[0]
        data = b""
        while self._next_index <= index:
            data = read_exactly(self._stream, n_bytes)
            self._next_index += 1
        return np.frombuffer(data, self._header.dtype).reshape(plane)

    def _column_ordered(self) -> Numbers:
        if self._whole is None:
            data = read_exactly(self._stream, self._header.n_bytes)
            self._whole = np.ndarray(self._header.shape, self._header.dtype, data, order="F")
        return self._whole


class DepthHdf5(DepthStack):
    """One (T, H, W) array in an HDF5 file."""

    def __init__(self, path: Path, options: DepthOptions) -> None:
        super().__init__(path, options)
        self._array: h5py.Dataset | None = None
        with naming(path), open_file(path) as file:
            self.shape = check_stack(tuple(int(side) for side in find_dataset(file, options.key).shape))

    def values(self, index: int) -> Numbers:
        """Return the numbers of a frame."""
        with naming(self.path):
            if self._array is None:
                self._array = find_dataset(open_file(self.path), self.options.key)
                check_array_name(str(self._array.name), self.options.key, "--depth.key")
            return _plane(np.asarray(self._array[index]))


def check_stack(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape that is (T, H, W), or the same with one lone channel axis; refuse others."""
    if len(shape) not in (3, 4):
        raise CorruptInputError(
            f"depth has shape {shape}; a whole scene is (T, H, W)",
            "One map per file belongs into a folder with the scene's name.",
        )
    map_shape(shape[1:])
    return shape


def _plane(values: Numbers) -> Numbers:
    return values.reshape(map_shape(values.shape))
