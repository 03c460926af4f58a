"""A list of clips: parts of videos or folders of frames, each with an id, a split and a group if given."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from focusgen.base.errors import ConfigError, reason_of
from focusgen.base.names import display, same_form, scene_id_problem
from focusgen.config.data import SPLITS
from focusgen.media.brought import Brought
from focusgen.media.listing import VIDEO_SUFFIXES
from focusgen.media.scenes import Place

CLIPS = "clips"
"""What the index calls scenes that a list of clips named; no layout has this name."""

COLUMNS = ("path", "start_s", "end_s", "scene_id", "split", "group")


@dataclass(frozen=True)
class _Row:
    """One line of the list; `where` names it in messages."""

    where: str
    values: dict[str, str]

    def refusal(self, why: str, advice: str = "") -> ConfigError:
        return ConfigError(f"{self.where}: {why}", advice)

    def __getitem__(self, column: str) -> str:
        return self.values.get(column, "")

    def seconds(self, column: str) -> float | None:
        """Return a time, None where none is given."""
        if not self[column]:
            return None
        try:
            time_s = float(self[column])
        except ValueError:
            time_s = math.nan
        if not (math.isfinite(time_s) and time_s >= 0):
            raise self.refusal(f"{column} {display(self[column])} is no time in seconds")
        return time_s


def read_clips(path: Path, raw_root: Path) -> list[Place]:
    """Return the places that a list names.

    Args:
        path: CSV file whose first line names its columns: path, and any of `COLUMNS`.
        raw_root: what the paths are relative to.

    Raises:
        ConfigError: names the file and the line.
    """
    rows = list(_rows(path))
    if not rows:
        raise ConfigError(f"{display(str(path))}: no clip in it", f"Columns: {', '.join(COLUMNS)}.")
    places = [_place(row, raw_root) for row in rows]
    first: dict[str, str] = {}
    for row, place in zip(rows, places, strict=True):
        other = first.setdefault(same_form(place.scene_id).casefold(), row.where)
        if other != row.where:
            raise row.refusal(
                f"scene_id {display(place.scene_id)!r} stands already in {other}",
                "Give the clips of one file ids of their own in the column scene_id.",
            )
    return places


def _rows(path: Path) -> Iterator[_Row]:
    shown = display(str(path))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            names = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = names
            unknown = sorted(set(names) - set(COLUMNS))
            twice = [name for name, count in Counter(names).items() if count > 1]
            if "path" not in names or unknown or twice:
                what = f"columns {', '.join(map(display, names)) or 'none'}"
                raise ConfigError(
                    f"{shown}, line 1: {what}", f"Name path, and any of {', '.join(COLUMNS[1:])}."
                )
            for values in reader:
                row = _Row(
                    f"{shown}, line {reader.line_num}", {k: (v or "").strip() for k, v in values.items() if k}
                )
                if None in values:
                    raise row.refusal(f"more than {len(names)} values")
                if any(row.values.values()):
                    yield row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{shown}: {reason_of(error)}", "Give --clips a CSV file.") from error


def _place(row: _Row, raw_root: Path) -> Place:
    path, span_s = _path(row, raw_root), _span(row)
    is_folder = path.is_dir()
    if is_folder and span_s is not None:
        raise row.refusal(
            f"{display(row['path'])} is a folder of frames, which have no times",
            "Leave start_s and end_s empty.",
        )
    if row["split"] not in ("", *SPLITS):
        raise row.refusal(f"split {display(row['split'])!r} is none of {', '.join(SPLITS)}")
    scene_id = row["scene_id"] or _name(path, span_s)
    problem = scene_id_problem(scene_id)
    if problem is not None:
        raise row.refusal(f"scene_id {display(scene_id)!r}: {problem}")
    return Place(
        scene_id,
        path,
        display(row["path"]) + "/" * is_folder,
        "images" if is_folder else "video",
        brought=Brought(CLIPS, group=row["group"] or None, split=row["split"] or None),
        span_s=span_s,
    )


def _path(row: _Row, raw_root: Path) -> Path:
    relative, advice = PurePosixPath(row["path"]), f"Paths are relative to {raw_root}."
    if not row["path"] or relative.is_absolute() or ".." in relative.parts:
        raise row.refusal(f"path {display(row['path'])!r} is not below the raw root", advice)
    path = raw_root / relative
    if not path.exists():
        raise row.refusal(f"{display(str(path))}: no such file or folder", advice)
    if not path.is_dir() and path.suffix.lower() not in VIDEO_SUFFIXES:
        known = " ".join(sorted(VIDEO_SUFFIXES))
        raise row.refusal(f"{display(row['path'])} is neither a folder nor a video ({known})")
    return path


def _span(row: _Row) -> tuple[float, float | None] | None:
    start_s, end_s = row.seconds("start_s"), row.seconds("end_s")
    if start_s is None and end_s is None:
        return None
    if end_s is not None and end_s <= (start_s or 0.0):
        raise row.refusal(f"end_s {end_s:g} is not after start_s {start_s or 0.0:g}")
    return start_s or 0.0, end_s


def _name(path: Path, span_s: tuple[float, float | None] | None) -> str:
    """Return the id of a clip that has none: it hangs on nothing but the clip itself."""
    stem = path.name if path.is_dir() else path.stem
    if span_s is None:
        return stem
    start_s, end_s = span_s
    return f"{stem}_{start_s:g}-{'end' if end_s is None else f'{end_s:g}'}"
