"""Which scenes lie below a raw root, under which names, and which entries are refused and why.

A scene is a folder of images or a video file. Names come from other people's disks: they are checked before
any of them becomes part of a path, and `display` is the one way in which they reach a terminal or a log.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from focusgen.base.errors import ConfigError
from focusgen.base.files import broken_link
from focusgen.base.names import (
    display,
    listed,
    natural_key,
    same_form,
    scene_id_problem,
)
from focusgen.media.brought import Brought
from focusgen.media.listing import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    Listing,
    Rejection,
    how_to_convert,
    is_passed_over,
    link_problem,
    list_folder,
)
from focusgen.media.numbering import find_series
from focusgen.media.own_output import is_inside_data_set, remarks_on
from focusgen.media.rules import ALL_RULES

DAVIS_FRAMES = Path("JPEGImages") / "480p"


Span = tuple[float, float | None]
"""Seconds after a video's first frame: from the first on, and before the second; None for its end."""


@dataclass(frozen=True)
class RawScene:
    """One scene as it lies on the disk.

    Attributes:
        scene_id: checked name, the folder of the scene in the data set.
        kind: a folder of images, or one video file.
        path: that folder, or that video file itself.
        files: names of the images in order, relative to `path`; the video's own file name.
        notes: what a person should know of the names.
        rules: of decoding, as phase 1 recorded them; None for all.
        brought: what a layout knows of it beside its frames; None without a layout.
        span_s: the part of a video that is the scene; None for all of it.
        first_frame: which frame of the video, counted from 0, is the scene's first; phase 1 found it.
    """

    scene_id: str
    kind: Literal["images", "video"]
    path: Path
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()
    rules: tuple[str, ...] | None = None
    brought: Brought | None = None
    span_s: Span | None = None
    first_frame: int = 0

    @property
    def applied_rules(self) -> Collection[str]:
        """Which rules of decoding hold for this scene."""
        return ALL_RULES if self.rules is None else self.rules

    def file_path(self, index: int = 0) -> Path:
        """Return the path of one image, or of the video."""
        return self.path if self.kind == "video" else self.path / self.files[index]


@dataclass(frozen=True)
class Discovery:
    """What lies below a raw root.

    Attributes:
        scenes: in natural order.
        rejected: refusals by (displayed) scene id.
        remarks: what a person should know of all of it.
    """

    scenes: tuple[RawScene, ...]
    rejected: dict[str, Rejection]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """A place that may become a scene, before names are compared.

    Attributes:
        scene_id: the id that it would have.
        path: a folder of images, or a video.
        label: how it is named in messages: relative to the raw root, a folder ends in /.
        kind: which of the two.
        files: the images that are its frames, in order; None for all that form one series.
        brought: what a layout knows of it.
        span_s: the part of a video that is meant; None for all of it.
    """

    scene_id: str
    path: Path
    label: str
    kind: Literal["images", "video"]
    files: tuple[str, ...] | None = None
    brought: Brought | None = None
    span_s: Span | None = None


def discover(raw_root: Path, glob: str | None = None, *, follow_links: bool = False) -> Discovery:
    """Return the scenes below a raw root.

    The root may hold folders of images and video files; be one folder of images or one video file; or be a
    DAVIS root, of which `JPEGImages/480p` is read. Hidden entries and files of other kinds are passed over;
    a folder without images is refused by name, and so is every name that cannot be told apart.

    Args:
        raw_root: folder or video file.
        glob: pattern of scene folders or videos below the root; with `*/*` the folder `class/clip` becomes
            scene `class_clip`, with `set/*/*` also `set/class/clip`.
        follow_links: also read what links name outside the root.

    Raises:
        ConfigError: the root is missing or unreadable, or the pattern leaves it.
    """
    if raw_root.is_file():
        return _single_video(raw_root)
    if not raw_root.is_dir():
        broken = broken_link(raw_root)
        raise ConfigError(
            f"raw root {display(str(raw_root))}: {broken or 'no such folder or video file'}",
            "Give --raw_root the folder of your videos.",
        )
    root = raw_root / DAVIS_FRAMES if glob is None and (raw_root / DAVIS_FRAMES).is_dir() else raw_root
    fence = None if follow_links else raw_root.resolve()
    candidates = _candidates(root, fence, glob)
    found = scenes_at(candidates.places, fence)
    remarks = remarks_on(candidates.data_sets)
    return Discovery(found.scenes, {**candidates.rejected, **found.rejected}, remarks)


def scenes_at(places: Iterable[Place], fence: Path | None) -> Discovery:
    """Return the scenes at some places in natural order; names that cannot be told apart are refused.

    Args:
        places: where a scene may lie.
        fence: the resolved folder that no link may leave; None where links may.
    """
    unique, rejected = _drop_twins(places)
    scenes: list[RawScene] = []
    for item in sorted(unique, key=lambda item: natural_key(item.scene_id)):
        outcome = _as_scene(item, fence)
        if isinstance(outcome, RawScene):
            scenes.append(outcome)
        else:
            rejected[display(item.scene_id)] = outcome
    return Discovery(tuple(scenes), rejected)


def _single_video(path: Path) -> Discovery:
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        known = " ".join(sorted(VIDEO_SUFFIXES))
        raise ConfigError(f"raw root {display(str(path))}: neither a folder nor a video file ({known})")
    found = Place(path.stem, path, display(path.name), "video")
    outcome = _as_scene(found, path.resolve().parent)
    if isinstance(outcome, RawScene):
        return Discovery((outcome,), {})
    return Discovery((), {display(found.scene_id): outcome})


class _Candidates(NamedTuple):
    places: list[Place]
    rejected: dict[str, Rejection]
    data_sets: list[str]


def _candidates(root: Path, fence: Path | None, glob: str | None) -> _Candidates:
    if glob is not None:
        return _Candidates(list(_matches(root, glob)), {}, [])
    try:
        listing = list_folder(root, fence)
    except OSError as error:
        raise ConfigError(f"raw root {display(str(root))}: {error.strerror}") from error
    rejected = {item.file: item for item in listing.problems}
    for name in listing.unread:
        rejected[display(name)] = Rejection(display(name), how_to_convert(name))
    if listing.images and not listing.videos and not listing.folders:
        name = root.resolve().name or "scene"
        whole = Place(name, root, display(name) + "/", "images")
        return _Candidates([whole], rejected, listing.data_sets)
    if listing.images:
        rejected[display(root.resolve().name)] = Rejection(
            display(listing.images[0]),
            f"{len(listing.images)} loose images beside scene folders or videos; give them their own folder",
        )
    found = [Place(name, root / name, display(name) + "/", "images") for name in listing.folders]
    found += [Place(Path(name).stem, root / name, display(name), "video") for name in listing.videos]
    return _Candidates(found, rejected, listing.data_sets)


def _matches(root: Path, glob: str) -> Iterator[Place]:
    pattern = Path(glob)
    if pattern.is_absolute() or ".." in pattern.parts or not pattern.parts:
        raise ConfigError(f"data.glob: {glob!r} must stay below the raw root", "For class/clip write '*/*'.")
    n_fixed = _n_fixed_parts(pattern)
    for path in root.glob(glob):
        parts = path.relative_to(root).parts
        if not parts or any(map(is_passed_over, parts)) or is_inside_data_set(path, root):
            continue
        label = display("/".join(parts))
        if path.is_dir():
            yield Place("_".join(parts[n_fixed:]), path, label + "/", "images")
        elif path.suffix.lower() in VIDEO_SUFFIXES:
            yield Place("_".join((*parts[n_fixed:-1], path.stem)), path, label, "video")


def _n_fixed_parts(pattern: Path) -> int:
    """Return how many leading folders of a pattern are the same for all scenes, so no part of their ids."""
    n_fixed = 0
    while n_fixed < len(pattern.parts) - 1 and not set("*?[") & set(pattern.parts[n_fixed]):
        n_fixed += 1
    return n_fixed


def _drop_twins(found: Iterable[Place]) -> tuple[list[Place], dict[str, Rejection]]:
    """Refuse all of a group that one file system or another could not keep apart."""
    groups: dict[str, list[Place]] = {}
    for item in found:
        folded = same_form(same_form(item.scene_id).casefold())
        groups.setdefault(folded, []).append(item)
    unique = [group[0] for group in groups.values() if len(group) == 1]
    rejected: dict[str, Rejection] = {}
    for group in groups.values():
        if len(group) == 1:
            continue
        labels = sorted(item.label for item in group)
        named = ", ".join(ascii(label) if not label.isascii() else f"'{label}'" for label in labels)
        for item in group:
            rejected[display(item.scene_id)] = Rejection(
                item.label, f"{named} would be one scene or differ only by case or Unicode form; rename them"
            )
    return unique, rejected


def _as_scene(item: Place, fence: Path | None) -> RawScene | Rejection:
    unusable = scene_id_problem(item.scene_id)
    problem = f"{unusable}; rename it" if unusable else link_problem(item.path, fence)
    if problem is None and item.brought is not None and item.brought.depth is not None:
        problem = link_problem(item.brought.depth.folder, fence)
    if problem:
        return Rejection(item.label, problem)
    if item.kind == "video":
        if not stat.S_ISREG(item.path.stat().st_mode):
            return Rejection(item.label, "not a regular file")
        files = (item.path.name,)
        return RawScene(item.scene_id, "video", item.path, files, brought=item.brought, span_s=item.span_s)
    try:
        listing = list_folder(item.path, fence)
    except OSError as error:
        return Rejection(item.label, f"cannot be read: {error.strerror}")
    problems = [p for p in listing.problems if Path(p.file).suffix.lower() in IMAGE_SUFFIXES]
    if problems:
        return Rejection(item.label + problems[0].file, problems[0].reason)
    if not listing.images:
        return Rejection(item.label, _why_no_images(listing))
    return _image_scene(item, listing.images, tuple(_beside(listing)))


def _beside(listing: Listing) -> Iterator[str]:
    """Yield what to say of videos that lie in one folder with images: somebody may have meant them."""
    if listing.videos:
        yield f"a video beside the images is not read: {listed(listing.videos, 1)}"


def _image_scene(item: Place, images: list[str], beside: tuple[str, ...]) -> RawScene | Rejection:
    if item.files is not None:
        there = set(images)
        missing = next((name for name in item.files if name not in there), None)
        if missing is not None:
            return Rejection(item.label, f"{display(missing)} is listed, but no such image lies there")
        images = list(item.files)
    first_of_stem: dict[str, str] = {}
    for name in images:
        other = first_of_stem.setdefault(Path(name).stem, name)
        if other != name:
            return Rejection(
                item.label + display(name), f"the same frame as '{display(other)}'; keep one of them"
            )
    series = find_series(images)
    if series.problem:
        return Rejection(item.label, series.problem)
    notes = (*series.notes, *beside, *(item.brought.notes if item.brought is not None else ()))
    files = series.files if item.files is None else item.files
    return RawScene(item.scene_id, "images", item.path, files, notes, brought=item.brought)


def _why_no_images(listing: Listing) -> str:
    reason = f"no images ({' '.join(sorted(IMAGE_SUFFIXES))})"
    if listing.folders or listing.videos:
        return f"{reason}, but folders or videos: for class/clip set data.glob to '*/*'"
    if listing.unread:
        name = listing.unread[0]
        return f"{reason}; files like '{display(name)}': {how_to_convert(name)}"
    return reason
