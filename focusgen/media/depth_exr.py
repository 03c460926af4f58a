"""The depth channel of an EXR file: found by exact names in all its parts, put where its windows say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError, UndecidedInputError
from focusgen.base.names import display, listed
from focusgen.media.depth_arrays import check_pixels
from focusgen.media.depth_units import Numbers
from focusgen.media.depth_words import check_array_name

if TYPE_CHECKING:
    import OpenEXR

Window = Sequence[Sequence[int]]
"""(left, top), (right, bottom) of a rectangle of pixels, the last ones included."""

DEPTH_WORDS = frozenset({"z", "depth", "zdepth", "depthz"})
"""What a channel or its layer is called if it is depth; case, `_`, `-` and spaces do not count."""

LAYER_COMPONENTS = frozenset({"z", "v", "y", "r", "l", "depth"})
"""The one channel of a layer called depth."""

OTHER_WORDS = frozenset({"mist", "normal", "normals", "position", "vector", "uv", "motion", "velocity"})
"""Parts whose Z is something else."""

UNREAL_DEPTH = "WorldDepth.R"
"""How Unreal's movie render queue ends the name of its depth."""

MAX_NAMES_SHOWN = 12


@dataclass(frozen=True)
class Channel:
    """One channel of one part.

    Attributes:
        part: number of the part.
        name: as the file calls it, e.g. `ViewLayer.Depth.Z`.
        part_name: empty in a file of one part.
        offered: the name that tells it from all others of the file.
    """

    part: int
    name: str
    part_name: str
    offered: str

    @property
    def layer(self) -> str:
        """All but the last word of the name."""
        return self.name.rpartition(".")[0]

    @property
    def component(self) -> str:
        """The last word, folded."""
        return _folded(self.name)

    @property
    def is_alpha(self) -> bool:
        """True for coverage, which is never depth."""
        return self.component in ("a", "alpha")


def read_exr(path: Path, wanted: str | None) -> Numbers:
    """Return the depth channel of an EXR file on the canvas of its display window.

    Args:
        wanted: name of the channel; None to find it by the names.

    Raises:
        CorruptInputError: no channel is depth by its name, or several are.
    """
    import OpenEXR

    with OpenEXR.File(str(path), header_only=True) as probe:
        headers = list(_headers(probe))
    for header in headers:
        for window in ("dataWindow", "displayWindow"):
            check_pixels(*_size(header[window]))
    chosen = choose(channels_of(headers), wanted)
    if len(chosen) == 1:
        check_array_name(chosen[0].name, wanted, "--depth.channel")
    with OpenEXR.File(str(path), separate_channels=True) as image:
        planes = [image.channels(channel.part)[channel.name].pixels for channel in chosen]
    if len(planes) > 1 and not all(np.array_equal(planes[0], p, equal_nan=True) for p in planes[1:]):
        raise _none_is_depth(channels_of(headers))  # colours, not one grey picture written three times
    header = headers[chosen[0].part]
    return on_canvas(planes[0], header["dataWindow"], header["displayWindow"])


def _headers(probe: OpenEXR.InputFile) -> Iterator[dict[str, Any]]:
    number = 0
    while True:
        try:
            yield dict(probe.header(number))  # emptied as the file is closed
        except ValueError:  # there are no more parts
            return
        number += 1


def channels_of(headers: Sequence[dict[str, Any]]) -> list[Channel]:
    """Return all channels of all parts, with names that tell them apart."""
    named = [
        (number, str(channel.name), str(header.get("name", number)) if len(headers) > 1 else "")
        for number, header in enumerate(headers)
        for channel in header["channels"]
    ]
    names = [name for _, name, _ in named]
    return [
        Channel(part, name, part_name, name if names.count(name) == 1 else f"{part_name}.{name}")
        for part, name, part_name in named
    ]


def choose(channels: Sequence[Channel], wanted: str | None) -> list[Channel]:
    """Return the channel that is depth, or R, G and B that may be one grey picture.

    Raises:
        CorruptInputError: none, or several; names them.
    """
    if wanted is not None:
        found = [c for c in channels if wanted in (c.offered, f"{c.part_name}.{c.name}")]
        if len(found) != 1:
            raise _refusal(f"there is no channel {wanted}", channels)
        return found
    found = [c for c in channels if _is_depth(c, channels)]
    if len(found) == 1 or _is_grey_triple(found):
        return found
    if found:
        raise _refusal(
            f"{len(found)} channels are depth by their names: {_names(found)}", found, lists_them=False
        )
    opaque = [c for c in channels if not c.is_alpha]
    if (len(opaque) == 1 and not opaque[0].layer and opaque[0].component not in "xu") or (
        _is_grey_triple(opaque) and not opaque[0].layer
    ):
        return opaque
    raise _none_is_depth(channels)


def _is_depth(channel: Channel, channels: Sequence[Channel]) -> bool:
    """Say whether a channel is depth by its own name, or the one of a layer or part called depth."""
    siblings = {c.component for c in channels if (c.part, c.layer) == (channel.part, channel.layer)}
    if {"x", "y"} & siblings and channel.component in ("x", "y", "z"):
        return False  # a vector
    if _folded(channel.layer or channel.part_name) in DEPTH_WORDS:
        return channel.component in LAYER_COMPONENTS | DEPTH_WORDS or (
            channel.component in ("g", "b") and {"r", "g", "b"} <= siblings
        )
    if channel.layer:  # whatever.Z may be anything; whatever.depth says what it is
        return channel.component in DEPTH_WORDS - {"z"}
    return channel.component in DEPTH_WORDS and _folded(channel.part_name) not in OTHER_WORDS


def _is_grey_triple(channels: Sequence[Channel]) -> bool:
    same_place = len({(c.part, c.layer) for c in channels}) == 1
    return same_place and sorted(c.component for c in channels) == ["b", "g", "r"]


def _folded(name: str) -> str:
    last = name.rpartition(".")[2]
    return "".join(c for c in last.casefold() if c not in "_- ")


def _names(channels: Sequence[Channel]) -> str:
    return listed(sorted(c.offered for c in channels), MAX_NAMES_SHOWN)


def _none_is_depth(channels: Sequence[Channel]) -> UndecidedInputError:
    return _refusal("none of its channels is depth by its name", channels)


def _refusal(reason: str, channels: Sequence[Channel], *, lists_them: bool = True) -> UndecidedInputError:
    message = f"{reason}; it has {_names(channels)}" if lists_them else reason
    unreal = next((c.offered for c in channels if c.name.endswith(UNREAL_DEPTH)), "")
    if unreal:
        advice = f"Unreal writes centimetres: say --depth.channel '{display(unreal)}' --depth.unit cm."
        return UndecidedInputError(message, advice)
    likely = next((c.offered for c in channels if c.component in DEPTH_WORDS and not _is_other(c)), "NAME")
    return UndecidedInputError(
        message,
        f"Say which one holds it, --depth.channel '{display(likely)}'; if none does, render the depth pass "
        "(Z) as well.",
    )


def _is_other(channel: Channel) -> bool:
    return any(_folded(part) in OTHER_WORDS for part in (*channel.name.split(".")[:-1], channel.part_name))


def _size(window: Window) -> tuple[int, int]:
    (left, top), (right, bottom) = window
    return int(right) - int(left) + 1, int(bottom) - int(top) + 1


def on_canvas(pixels: npt.NDArray[Any], data_window: Window, display_window: Window) -> Numbers:
    """Return the pixels of the data window where they belong in the display window; holes elsewhere.

    Raises:
        CorruptInputError: the channel does not fill its window (it is subsampled).
    """
    width, height = _size(data_window)
    if pixels.shape != (height, width):
        raise CorruptInputError(f"a channel of {pixels.shape} in a window of {width}x{height} is no depth")
    canvas_width, canvas_height = _size(display_window)
    left, top = (int(data_window[0][axis]) - int(display_window[0][axis]) for axis in (0, 1))
    if (left, top, width, height) == (0, 0, canvas_width, canvas_height):
        return pixels
    canvas = np.full((canvas_height, canvas_width), np.nan if pixels.dtype.kind == "f" else 0, pixels.dtype)
    rows, columns = _overlap(top, height, canvas_height), _overlap(left, width, canvas_width)
    canvas[rows, columns] = pixels[_moved(rows, -top), _moved(columns, -left)]
    return canvas


def _overlap(start: int, length: int, canvas: int) -> slice:
    first = min(max(0, start), canvas)
    return slice(first, max(first, min(canvas, start + length)))


def _moved(span: slice, by: int) -> slice:
    return slice(max(0, span.start + by), max(0, span.stop + by))
