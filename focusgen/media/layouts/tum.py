"""TUM RGB-D and what is recorded in its form: colour and depth with time stamps of two clocks."""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Iterator
from pathlib import Path

from focusgen.media.brought import Brought, BroughtDepth
from focusgen.media.layouts.cameras import tum_camera
from focusgen.media.layouts.folders import below, files, first_below, left_out
from focusgen.media.layouts.layout import Contents, Layout, place
from focusgen.media.layouts.lists import read_names
from focusgen.media.listing import IMAGE_SUFFIXES, Rejection
from focusgen.media.numbering import in_order
from focusgen.media.scenes import Place

UNITS_PER_METRE = 5000.0
MAX_DIFFERENCE_S = 0.02
"""How far apart colour and depth may have been taken: what the data set's own tool takes."""

_KNOWN = re.compile(
    r"rgbd_(dataset_freiburg|bonn_)|(fr|freiburg)[123]_|(living_room|office)(_room)?_(traj|kt)|traj[0-9]_frei|icl",
    re.IGNORECASE,
)
"""How TUM, Bonn and ICL-NUIM name their sequences; others record in this form in millimetres, too."""

ASSUMED_NOTE = (
    f"depth counts {UNITS_PER_METRE:g} per metre, as TUM's, unless --depth.depth_scale says otherwise: many "
    "who record in this form keep millimetres (1000); phase 3 asks where the numbers do not tell"
)

MAX_NESTED = 2
_LISTS = ("rgb.txt", "depth.txt", "associations.txt", "associate.txt", "association.txt")


def _is_sequence(folder: Path) -> bool:
    has_pictures = (folder / "rgb").is_dir() and (folder / "depth").is_dir()
    return has_pictures and any((folder / name).is_file() for name in _LISTS)


def _recognise(root: Path) -> str:
    found = first_below(root, _is_sequence, MAX_NESTED)
    if found is None:
        return ""
    lists = [name for name in _LISTS if (found / name).is_file()]
    return f"{found.relative_to(root).as_posix()}/ has rgb/, depth/ and {', '.join(lists)}"


def _contents(root: Path) -> Contents:
    places, rejected = [], {}
    for folder in below(root, _is_sequence, MAX_NESTED):
        scene_id = folder.resolve().name
        found = _sequence(root, folder, scene_id)
        if isinstance(found, Place):
            places.append(found)
        else:
            rejected[scene_id] = found
    return Contents(tuple(places), rejected)


def _sequence(root: Path, folder: Path, scene_id: str) -> Place | Rejection:
    colour = _stamped(folder, "rgb")
    pairs = _associated(folder) or pair_by_time(colour, _stamped(folder, "depth"))
    if not pairs:
        text = f"no frame of rgb/ has a depth of depth/ within {MAX_DIFFERENCE_S:g} s of its time stamp"
        return Rejection(f"{scene_id}/", text)
    frames = tuple(frame for frame, _ in pairs)
    is_assumed = _KNOWN.match(scene_id) is None
    depth = BroughtDepth(
        folder / "depth",
        tuple(d for _, d in pairs),
        units_per_metre=UNITS_PER_METRE,
        is_unit_assumed=is_assumed,
    )
    kept = set(frames)
    note = left_out([name for _, name in colour if name not in kept], len(colour))
    notes = tuple(text for text in (note, ASSUMED_NOTE if is_assumed else "") if text)
    brought = Brought("tum", depth, tum_camera(scene_id), notes=notes)
    return place(root, folder / "rgb", scene_id, brought, frames)


def _stamped(folder: Path, kind: str) -> list[tuple[float, str]]:
    """Return (time in seconds, file) of the pictures of one kind: by its list, else by their names."""
    there = set(files(folder / kind, *IMAGE_SUFFIXES))
    listed = folder / f"{kind}.txt"
    if listed.is_file():
        found = [(stamp, name) for stamp, name in _rows(listed) if name in there]
        if found:
            return sorted(found)
    return sorted((stamp, name) for name in there if (stamp := _number(Path(name).stem)) is not None)


def _rows(path: Path) -> Iterator[tuple[float, str]]:
    for line in read_names(path):
        words = line.replace(",", " ").split()
        stamp = _number(words[0]) if len(words) > 1 else None
        if stamp is not None:
            yield stamp, Path(words[1]).name


def _number(word: str) -> float | None:
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) else None  # a picture may be called infinity


def _associated(folder: Path) -> list[tuple[str, str]]:
    """Return (frame, depth) as a list of pairs says, whichever of the two it names first.

    Frames come in their own order, each once: a list may be sorted as text, or have been appended to.
    """
    path = next((p for name in _LISTS[2:] if (p := folder / name).is_file()), None)
    if path is None:
        return []
    frames, depths = set(files(folder / "rgb")), set(files(folder / "depth"))
    depth_of: dict[str, str] = {}
    for line in read_names(path):
        named = [Path(word) for word in line.replace(",", " ").split() if "/" in word]
        of_kind = {file.parent.name: file.name for file in named}
        frame, depth = of_kind.get("rgb"), of_kind.get("depth")
        if frame in frames and depth in depths:
            assert frame is not None and depth is not None
            depth_of.setdefault(frame, depth)
    return [(frame, depth_of[frame]) for frame in in_order(list(depth_of))]


def pair_by_time(
    frames: list[tuple[float, str]],
    depths: list[tuple[float, str]],
    max_difference_s: float = MAX_DIFFERENCE_S,
) -> list[tuple[str, str]]:
    """Return (frame, depth), nearest first and each once, in the order of the frames' time stamps."""
    near = sorted(
        (abs(frame_s - depth_s), number, depth_number)
        for number, (frame_s, _) in enumerate(frames)
        for depth_number, depth_s in _between(depths, frame_s - max_difference_s, frame_s + max_difference_s)
    )
    taken: dict[int, int] = {}
    used: set[int] = set()
    for _, number, depth_number in near:
        if number not in taken and depth_number not in used:
            taken[number] = depth_number
            used.add(depth_number)
    return [(frames[number][1], depths[taken[number]][1]) for number in sorted(taken)]


def _between(stamped: list[tuple[float, str]], first_s: float, last_s: float) -> Iterator[tuple[int, float]]:
    start = bisect.bisect_left(stamped, (first_s, ""))
    for number in range(start, len(stamped)):
        if stamped[number][0] > last_s:
            return
        yield number, stamped[number][0]


TUM = Layout(
    "tum",
    "<sequence>/rgb/, depth/, rgb.txt and depth.txt",
    _recognise,
    _contents,
    has_depth=True,
    is_measured=True,
)
