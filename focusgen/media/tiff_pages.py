"""Stacks in one TIFF: each page as a file of its own, which lies below it by name: `z.tif/page_1.tif`."""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from focusgen.base.errors import CorruptInputError
from focusgen.media.depth_codecs import naming
from focusgen.media.tiff_layout import with_tags
from focusgen.media.tiff_tags import (
    CHANNELS,
    DESCRIPTION,
    FORMAT,
    HEIGHT,
    JPEG_TABLES,
    PHOTOMETRIC,
    PROFILE,
    STRIP_BYTES,
    STRIPS,
    SUBFILE,
    TILE_BYTES,
    TILES,
    WIDTH,
    Data,
    Tags,
    directories,
)

TIFF_SUFFIXES = (".tif", ".tiff")
PAGE = re.compile(r"page_(\d+)\.tif")
OF_PIXELS = frozenset({*range(WIDTH, PHOTOMETRIC + 1), 266, *range(STRIPS, 280), 284, 317, *range(320, 326)})
OF_COLOURS = frozenset({338, FORMAT, JPEG_TABLES, 530, PROFILE})
"""Tags of a page that say how its pixels are read; texts, and places of other directories, are none."""

REDUCED = 1
"""Of `SUBFILE`: a smaller copy of another page."""

MOST_PAGES = 10_000
SLICES = "slices"
ONE_STACK = (
    "Save the slices of one channel and one time alone (ImageJ: Image > Duplicate). Where frames are the "
    "slices, say so there (Image > Properties)."
)
AS_FILES = "Save its slices as files of their own (ImageJ: File > Save As > Image Sequence)."


def has_pages(path: Path) -> bool:
    """Say whether a file is a TIFF that holds more than one picture."""
    return len(_looked_at(path)[0]) > 1


def pages_of(path: Path) -> tuple[Path, ...]:
    """Return where the pages of a TIFF lie, in their order.

    Raises:
        CorruptInputError: it says that they are more than slices of one stack, or that there are others.
    """
    whole, axes = _looked_at(path)
    several = {what: n for what, n in axes.items() if n > 1}
    n_said = math.prod(axes.values())
    with naming(path):
        if set(several) - {SLICES}:
            shown = " x ".join(f"{n} {what}" for what, n in several.items())
            raise CorruptInputError(f"holds {shown}: which of its pages are the stack?", ONE_STACK)
        if axes and n_said != len(whole):
            raise CorruptInputError(f"says that it holds {n_said} pictures; it has {len(whole)}", AS_FILES)
    return tuple(path / f"page_{n}.tif" for n in whole)


def page_bytes(path: Path) -> bytes | None:
    """Return a page of a TIFF as a file of its own; None where a path is none of a page.

    Raises:
        CorruptInputError: it is gone, or damaged; names the file.
    """
    found = PAGE.fullmatch(path.name)
    if found is None or not path.parent.is_file():
        return None
    with naming(path), _mapped(path.parent) as data:
        tags = next(islice(directories(data), int(found[1]) - 1, None), None)
        if tags is None:
            raise CorruptInputError("there is no such page")
        return _alone(data, tags)


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


def _alone(data: Data, tags: Tags) -> bytes:
    """Return a TIFF of one page: its pixels, and of its tags those that say how they are read."""
    kept = {tag: numbers for tag, numbers in tags.items() if numbers and tag in OF_PIXELS | OF_COLOURS}
    order = "<" if data[:2] == b"II" else ">"
    body = [data[:2] + struct.pack(order + "HI", 42, 0)]
    at = len(body[0])
    for offsets, lengths in ((STRIPS, STRIP_BYTES), (TILES, TILE_BYTES)):
        places: list[int] = []
        for start, length in zip(kept.get(offsets, ()), kept.get(lengths, ()), strict=True):
            if start + length > len(data):
                raise CorruptInputError("the TIFF is cut short: its pixels lie outside of the file")
            body.append(data[start : start + length])
            places.append(at)
            at += length
        if places:
            kept[offsets] = tuple(places)
    return with_tags(b"".join(body), order, kept)


def _looked_at(path: Path) -> tuple[list[int], dict[str, int]]:
    """Return the numbers of its pages but those of another size, and which axes it says they have."""
    if path.suffix.lower() not in TIFF_SUFFIXES or not path.is_file():
        return [], {}
    try:
        with _mapped(path) as data:
            pages = list(islice(directories(data), MOST_PAGES)) or [{}]
        text = bytes(pages[0].get(DESCRIPTION, ())).decode("utf-8", "replace").strip("\0")
    except (OSError, ValueError, struct.error, CorruptInputError):
        return [], {}  # whoever reads it as one picture says what is wrong
    size = [pages[0].get(tag) for tag in (WIDTH, HEIGHT)]
    whole = [
        n
        for n, tags in enumerate(pages, 1)
        if not (tags.get(SUBFILE) or (0,))[0] & REDUCED and [tags.get(WIDTH), tags.get(HEIGHT)] == size
    ]
    return whole, _axes(text, (pages[0].get(CHANNELS) or (1,))[0]) or _axes_of_shape(text, len(whole))


def _axes(text: str, n_samples: int) -> dict[str, int]:
    """Return how many slices, channels, frames and positions ImageJ and OME say there are; else nothing."""
    if text.startswith("ImageJ="):
        said = dict(re.findall(r"^(slices|channels|frames|images)=(\d+)\s*$", text, re.MULTILINE))
        n_images = int(said.pop("images", 1))
        axes = {SLICES: 1, **{what: int(n) for what, n in said.items()}}
        return axes if said else {SLICES: n_images}
    sizes = dict(re.findall(r"\bSize([ZCT])=[\"'](\d+)[\"']", (text.split("<Pixels", 2) + [""])[1]))
    if len(sizes) < 3:
        return {}
    channels = max(1, int(sizes["C"]) // n_samples)
    positions = text.count("<Pixels")
    return {SLICES: int(sizes["Z"]), "channels": channels, "frames": int(sizes["T"]), "positions": positions}


def _axes_of_shape(text: str, n_pages: int) -> dict[str, int]:
    """Return how many stacks of how many slices an array was that tifffile wrote, else nothing."""
    found = re.match(r'\{"shape": \[([\d, ]+)\]', text)
    sizes = [int(size) for size in found[1].split(",")] if found else []
    before = next((sizes[:n] for n in range(1, len(sizes)) if math.prod(sizes[:n]) == n_pages), [])
    outer = [size for size in before if size > 1]
    return {"stacks": math.prod(outer[:-1]), SLICES: outer[-1]} if outer else {}
