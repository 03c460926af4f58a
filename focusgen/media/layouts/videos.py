"""Data sets of video without depth: DAVIS, YouTube-VOS, REDS, GoPro, Vimeo-90K, Kinetics."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from focusgen.media.brought import Brought
from focusgen.media.layouts.folders import MAX_LOOKED_AT, below, files, first_below, folders
from focusgen.media.layouts.layout import SPLIT_OF_FOLDER, Contents, Layout, place
from focusgen.media.layouts.lists import read_names
from focusgen.media.listing import VIDEO_SUFFIXES, Rejection
from focusgen.media.scenes import Place

DAVIS_SIZES = ("480p", "1080p", "Full-Resolution")
DAVIS_LISTS = (("train", "train"), ("val", "val"), ("test-dev", "test"), ("test-challenge", "test"))
_YOUTUBE_ID = re.compile(r"[0-9a-f]{10}")
_REDS_CLIP = re.compile(r"[0-9]{3}")
_GOPRO_CLIP = re.compile(r"GOPR[0-9]{4}_[0-9]{2}_[0-9]{2}")
_VIMEO_FOLDER = re.compile(r"[0-9]{5}")
_KINETICS_CLIP = re.compile(r"(?P<video>[\w-]{11})_[0-9]{6}_[0-9]{6}")


def _davis_frames(root: Path) -> Path | None:
    return next((p for size in DAVIS_SIZES if (p := root / "JPEGImages" / size).is_dir()), None)


def _recognise_davis(root: Path) -> str:
    frames = _davis_frames(root)
    return "" if frames is None else f"JPEGImages/{frames.name}"


def _davis_splits(root: Path) -> tuple[dict[str, str], str]:
    """Return (sequence -> split, folder of the lists), from the newest lists that are there."""
    for year in ("2017", "2016"):
        folder = root / "ImageSets" / year
        found = {
            name: split
            for file, split in DAVIS_LISTS
            if (folder / f"{file}.txt").is_file()
            for name in read_names(folder / f"{file}.txt")
        }
        if found:
            return found, f"ImageSets/{year}"
    return {}, ""


def _davis(root: Path) -> Contents:
    frames = _davis_frames(root)
    if frames is None:
        return Contents(())
    splits, lists = _davis_splits(root)
    sequences = folders(frames)
    places = [
        place(root, folder, folder.name, Brought("davis", split=splits.get(folder.name)))
        for folder in sequences
        if not lists or folder.name in splits
    ]
    rejected = {
        folder.name: Rejection(
            f"{folder.name}/",
            f"no list in {lists} names it, so its split is unknown; --layout plain draws the splits of all",
        )
        for folder in sequences
        if lists and folder.name not in splits
    }
    return Contents(tuple(places), rejected)


def _youtube_parts(root: Path) -> list[tuple[Path, str | None]]:
    """Return (folder of clips, split) of each part; all frames are better than every fifth."""
    found: list[tuple[Path, str | None]] = []
    for part in ("train", "valid", "test"):
        names = (f"{part}_all_frames", part)
        frames = next((p for name in names if (p := root / name / "JPEGImages").is_dir()), None)
        if frames is not None:
            found.append((frames, SPLIT_OF_FOLDER[part]))
    if not found and (root / "JPEGImages").is_dir():
        found.append((root / "JPEGImages", None))
    return found


def _recognise_youtube_vos(root: Path) -> str:
    for frames, _ in _youtube_parts(root):
        clip = next((f for f in folders(frames)[:1] if _YOUTUBE_ID.fullmatch(f.name)), None)
        if clip is not None:
            return f"{clip.relative_to(root).as_posix()}, named as YouTube-VOS names clips"
    return ""


def _youtube_vos(root: Path) -> Contents:
    return Contents(
        tuple(
            place(root, clip, clip.name, Brought("youtube_vos", split=split))
            for frames, split in _youtube_parts(root)
            for clip in folders(frames)
        )
    )


def _reds_parts(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield (split, folder of clips): sharp frames where they are, else blurred ones."""
    for split in ("train", "val", "test"):
        for kind in ("sharp", "blur"):
            name = f"{split}_{kind}"
            found = next((p for p in (root / name, root / split / name) if p.is_dir()), None)
            if found is not None:
                yield split, found
                break


def _recognise_reds(root: Path) -> str:
    for _, part in _reds_parts(root):
        if any(_REDS_CLIP.fullmatch(clip.name) for clip in folders(part)[:1]):
            return f"{part.relative_to(root).as_posix()}/<three digits>"
    return ""


def _reds(root: Path) -> Contents:
    parts = list(_reds_parts(root))
    blurred = [part.name for _, part in parts if part.name.endswith("blur")]
    return Contents(
        tuple(
            place(root, clip, f"{split}_{clip.name}", Brought("reds", split=split))
            for split, part in parts
            for clip in folders(part)
        ),
        remarks=tuple(f"{name}: no sharp frames beside it, its blurred ones are read" for name in blurred),
    )


def _is_gopro_clip(folder: Path) -> bool:
    return _GOPRO_CLIP.fullmatch(folder.name) is not None


def _recognise_gopro(root: Path) -> str:
    clip = first_below(root, _is_gopro_clip, depth=2)
    return "" if clip is None else f"{clip.relative_to(root).as_posix()}, named as GoPro names recordings"


def _gopro(root: Path) -> Contents:
    return Contents(
        tuple(
            place(
                root,
                clip / "sharp" if (clip / "sharp").is_dir() else clip,
                clip.name,
                Brought("gopro", group=clip.name[:8], split=SPLIT_OF_FOLDER.get(clip.parent.name)),
            )
            for clip in below(root, _is_gopro_clip, depth=2)
        )
    )


def _vimeo_root(root: Path) -> Path | None:
    """Return the folder `sequences`."""
    found = root / "sequences"
    first = next((f for f in folders(found)[:1] if _VIMEO_FOLDER.fullmatch(f.name)), None)
    return None if first is None or not any(files(c, "im1.png") for c in folders(first)[:1]) else found


def _recognise_vimeo90k(root: Path) -> str:
    return "" if _vimeo_root(root) is None else "sequences/<five digits>/<four digits>/im1.png"


def _vimeo90k(root: Path) -> Contents:
    sequences = _vimeo_root(root)
    if sequences is None:
        return Contents(())
    splits = {
        name: split
        for split in ("train", "test")
        for kind in ("sep", "tri")
        if (root / f"{kind}_{split}list.txt").is_file()
        for name in read_names(root / f"{kind}_{split}list.txt")
    }
    clips = [clip for source in folders(sequences) for clip in folders(source)]
    chosen = [clip for clip in clips if not splits or _vimeo_name(clip) in splits]
    remarks = ["clips have 7 frames (3 in the triplets): --min_frames 7 (3) takes them"]
    if len(chosen) < len(clips):
        remarks.append(f"{len(clips) - len(chosen)} of {len(clips)} clips are in no list and are left out")
    return Contents(tuple(_vimeo_place(root, clip, splits) for clip in chosen), remarks=tuple(remarks))


def _vimeo_name(clip: Path) -> str:
    return f"{clip.parent.name}/{clip.name}"


def _vimeo_place(root: Path, clip: Path, splits: Mapping[str, str]) -> Place:
    brought = Brought("vimeo90k", group=clip.parent.name, split=splits.get(_vimeo_name(clip)))
    return place(root, clip, f"{clip.parent.name}_{clip.name}", brought)


def _kinetics_clips(root: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield (video, split) of the videos in the root, in its parts and in their classes."""
    parts = {child: SPLIT_OF_FOLDER[child.name] for child in folders(root) if child.name in SPLIT_OF_FOLDER}
    for part, split in parts.items() if parts else [(root, None)]:
        for folder in (part, *folders(part)):
            yield from ((folder / name, split) for name in files(folder, *VIDEO_SUFFIXES))


def _recognise_kinetics(root: Path) -> str:
    some = [video for video, _ in itertools.islice(_kinetics_clips(root), MAX_LOOKED_AT)]
    if not some or not all(_KINETICS_CLIP.fullmatch(video.stem) for video in some):
        return ""
    return f"{some[0].relative_to(root).as_posix()}, named <YouTube id>_<start>_<end>"


def _kinetics(root: Path) -> Contents:
    return Contents(
        tuple(
            place(root, video, _kinetics_id(video.stem), _kinetics_brought(video.stem, split), kind="video")
            for video, split in _kinetics_clips(root)
        )
    )


def _kinetics_id(stem: str) -> str:
    """Return the scene id: a YouTube id may begin with -, which no scene may."""
    return f"v{stem}" if stem.startswith("-") else stem


def _kinetics_brought(stem: str, split: str | None) -> Brought:
    found = _KINETICS_CLIP.fullmatch(stem)
    return Brought("kinetics", group=found["video"] if found else stem, split=split)


VIDEO_LAYOUTS = (
    Layout("davis", "JPEGImages/480p/<sequence>/, lists in ImageSets/2017/", _recognise_davis, _davis),
    Layout("youtube_vos", "train|valid|test/JPEGImages/<clip>/", _recognise_youtube_vos, _youtube_vos),
    Layout("reds", "train|val/train_sharp|val_sharp/<000>/", _recognise_reds, _reds),
    Layout("gopro", "train|test/<GOPR0000_00_00>/sharp/", _recognise_gopro, _gopro),
    Layout(
        "vimeo90k",
        "sequences/<00001>/<0001>/im1.png, sep_trainlist.txt",
        _recognise_vimeo90k,
        _vimeo90k,
    ),
    Layout("kinetics", "train|val|test/[<class>/]<id>_<start>_<end>.mp4", _recognise_kinetics, _kinetics),
)
