"""Kinds of files in folders of slices: what may be one, what is a result, what cannot be read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from focusgen.base.errors import ConfigError
from focusgen.base.names import display, listed
from focusgen.media.light_pictures import EXR
from focusgen.media.picture_files import PICTURE_SUFFIXES

RESULT = re.compile(r"(.+)_(depth|all_in_focus|slice|slice_colours|confidence|metadata)")
"""Names of files that `focal infer` writes; `NAME_metadata.json` is one of them."""

RAW = "3fr arw cr2 cr3 crw dng erf iiq kdc mef mrw nef nrw orf pef raf raw rw2 srw"
RAW_SUFFIXES = frozenset(f".{kind}" for kind in RAW.split())
DEVELOP_RAW = (
    "develop raw files to linear 16-bit TIFF, all alike, as dcraw_emu -w -4 -T *{} (LibRaw) does, and say "
    "--transfer linear"
)
UNREAD_SUFFIXES = (".heic", ".heif", ".avif", ".jxl", ".jp2", ".bmp", ".gif", ".ppm", ".pgm", ".tga")
"""Of pictures that are not read, and may be slices all the same."""


def stem_of(path: Path) -> str:
    """Return a slice's name without its suffix, nor that of the raw file that it was developed from."""
    inner = Path(path.stem)
    return inner.stem if inner.suffix.lower() in RAW_SUFFIXES else path.stem


def pictures_in(folder: Path) -> list[Path]:
    """Return what may be slices: pictures, or EXR files, which hold depth mostly, where there are none."""
    return of_kinds(folder, PICTURE_SUFFIXES) or of_kinds(folder, (EXR,))


def of_kinds(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files of a folder that have one of these suffixes, but hidden ones and results."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
        if path.is_file() or (path.is_symlink() and not path.exists())  # a dead link is a slice that is gone
        if not is_result(path)
    ]


def is_result(path: Path) -> bool:
    """Say whether a file is one of those that `focal infer` writes for a stack."""
    found = RESULT.fullmatch(path.stem)
    return found is not None and (path.parent / f"{found[1]}_metadata.json").is_file()


def refuse_unread(folder: Path, paths: Sequence[Path], series_of: Callable[[Path], str]) -> None:
    """Refuse a series of which some pictures are of a kind that is not read: phones mix HEIC and JPEG."""
    stems = {stem_of(path) for path in paths}
    series = {series_of(path) for path in paths}
    unread = [path for path in of_kinds(folder, UNREAD_SUFFIXES) if path.stem not in stems]
    of_series = [path.name for path in unread if series_of(path) in series]
    if of_series:
        raise ConfigError(
            f"{display(str(folder))}: {listed(of_series, 4)}: of the series, and of a kind that is not read",
            f"Convert what belongs to the stack to one of {', '.join(PICTURE_SUFFIXES)}, take the rest out "
            "of the folder, or name the slices one by one: --input a.png,b.png,...",
        )


def no_pictures(folder: Path, what: str) -> ConfigError:
    """Return the error of a folder without pictures, with what lies there instead: raw files, mostly."""
    kinds = Counter(path.suffix for path in folder.iterdir() if path.is_file() and path.suffix)
    others = ", ".join(f"{n} {display(kind)}" for kind, n in kinds.most_common(3))
    raw = next((kind for kind, _ in kinds.most_common(3) if kind.lower() in RAW_SUFFIXES), None)
    way = DEVELOP_RAW.format(raw) if raw else "save slices as one of these kinds"
    return ConfigError(
        f"{display(str(folder))}: {what} ({', '.join((*PICTURE_SUFFIXES, EXR))})",
        f"It holds {others}: {way}." if others else "",
    )
