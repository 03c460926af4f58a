"""What stands in one folder: images, videos, folders, and what may not be read, and why."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from focusgen.base.files import broken_link
from focusgen.base.names import display, name_problem, natural_key
from focusgen.media.own_output import is_data_set

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"})
LOSSLESS = "-c:v ffv1 -an OUTPUT.mkv"
WITHOUT_LOSS = f"ffmpeg -i INPUT {LOSSLESS}"
"""Makes what FFmpeg reads into what is read here, whatever its codec: no pixel changes."""
# Media that we do not read: named instead of being passed over, since somebody meant them to be used.
# Copied into Matroska the first keep every frame; others lose times or frames, or have codecs not read here.
_COPIED = frozenset(".3gp .dv .f4v .ivf .m2ts .mts .mxf .nut .ts .y4m".split())
_DECODED = frozenset(
    ".264 .265 .apng .asf .divx .flv .gif .h264 .h265 .hevc .m2v .mpeg .mpg .ogv .rm .rmvb .vob .wmv".split()
)
UNREAD_SUFFIXES = (
    _COPIED
    | _DECODED
    | frozenset(".yuv .arw .avif .bmp .cr2 .dng .exr .heic .heif .jp2 .jxl .nef .ppm .tga".split())
)
UNFINISHED_SUFFIXES = frozenset(".crdownload .download .filepart .opdownload .part .partial".split())
"""What browsers and downloaders call a file that they have not got whole, behind its own ending."""
SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"})


@dataclass(frozen=True)
class Rejection:
    """Why something that looked like a scene is none; both texts are ready to be shown."""

    file: str
    reason: str


@dataclass
class Listing:
    """What stands directly in one folder; names in natural order. Our own data sets are no folders."""

    images: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    data_sets: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    problems: list[Rejection] = field(default_factory=list)


def how_to_convert(name: str) -> str:
    """Say what to do about a file of a kind that is not read."""
    if _is_unfinished(name):
        return "a download or copy that was not finished: get it whole, or delete it"
    what, suffix = "a kind of file that is not read: convert it", os.path.splitext(name)[1].lower()
    if suffix in _COPIED:
        return f"{what} (-c copy keeps every bit: ffmpeg -i INPUT -c copy -an OUTPUT.mkv)"
    return f"{what}, without loss: {WITHOUT_LOSS}" if suffix in _DECODED else what


def _is_unfinished(name: str) -> bool:
    """Say whether a name is that of a picture or video of which only a part is here."""
    whole, suffix = os.path.splitext(name)
    media = IMAGE_SUFFIXES | VIDEO_SUFFIXES | UNREAD_SUFFIXES
    return suffix.lower() in UNFINISHED_SUFFIXES and os.path.splitext(whole)[1].lower() in media


def is_passed_over(name: str) -> bool:
    """Say whether nobody means a name: hidden entries, and what systems leave behind."""
    return name.startswith(".") or name in SYSTEM_FOLDERS


def list_folder(folder: Path, fence: Path | None) -> Listing:
    """Return what stands in a folder; with a fence, no link that leaves it is followed.

    Raises:
        OSError: it cannot be read.
    """
    listing = Listing()
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: natural_key(entry.name)):
            if not is_passed_over(entry.name):
                _sort_entry(entry, fence, listing)
    return listing


def _sort_entry(entry: os.DirEntry[str], fence: Path | None, listing: Listing) -> None:
    problem = link_problem(Path(entry.path), fence) if entry.is_symlink() else None
    if problem is not None:
        listing.problems.append(Rejection(display(entry.name), problem))
    elif entry.is_dir():
        (listing.data_sets if is_data_set(entry.path) else listing.folders).append(entry.name)
    else:
        _sort_file(entry, listing)


def _sort_file(entry: os.DirEntry[str], listing: Listing) -> None:
    suffix = os.path.splitext(entry.name)[1].lower()
    is_image = suffix in IMAGE_SUFFIXES
    if suffix in UNREAD_SUFFIXES or _is_unfinished(entry.name):
        listing.unread.append(entry.name)
    if not is_image and suffix not in VIDEO_SUFFIXES:
        return
    # The name of a video becomes a scene id, which is checked later; an image keeps its name.
    problem = name_problem(entry.name) if is_image else None
    if problem is None and not entry.is_file():
        problem = "not a regular file"
    if problem is not None:
        listing.problems.append(Rejection(display(entry.name), problem))
    else:
        # Interned: a hundred thousand scenes have the same few names.
        (listing.images if is_image else listing.videos).append(sys.intern(entry.name))


def link_problem(path: Path, fence: Path | None) -> str | None:
    """Say why a path may not be followed: with a fence, every link on the way must end inside."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        reason = getattr(error, "strerror", None) or "a loop of links"
        return broken_link(path) or f"cannot be followed: {reason}"
    except ValueError:
        return "the name holds NUL"
    if fence is not None and target != fence and fence not in target.parents:
        return "a link that leaves the raw root; --follow_links (data.follow_links: true) reads what it names"
    return None
