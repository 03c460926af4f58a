"""Splits that a person gives: lists of names per split, or a table of scenes with split and group."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from focusgen.base.errors import ConfigError, reason_of
from focusgen.base.names import display, same_form
from focusgen.config.data import SPLITS
from focusgen.media.layouts.lists import read_names

LISTS = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "test": "test",
    "test-dev": "test",
    "test-challenge": "test",
}
"""Names of text files, without their ending, and the split that each lists."""

COLUMNS = (["scene_id", "split"], ["scene_id", "split", "group"])
_ADVICE = "Give --split_file a CSV file scene_id,split[,group], or lists called train.txt, val.txt, test.txt."


@dataclass
class SaidSplits:
    """What split files say, by the Unicode-normalised name of a scene.

    Attributes:
        splits: scene -> split.
        groups: scene -> group.
        where: scene -> file and line.
    """

    splits: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)

    def split_of(self, scene_id: str) -> str | None:
        """Return the split of a scene, None where no file names it."""
        return self.splits.get(same_form(scene_id))

    def take(self, name: str, split: str, where: str, group: str = "") -> None:
        """Take one line.

        Raises:
            ConfigError: another line puts the scene, or its group, elsewhere.
        """
        # A list of paths names a nested clip as `folder/clip`, whose scene is `folder_clip`.
        scene_id = same_form(name).strip("/").replace("/", "_")
        if split not in SPLITS:
            raise ConfigError(f"{where}: split {display(split)!r} is none of {', '.join(SPLITS)}")
        if self.splits.setdefault(scene_id, split) != split:
            raise ConfigError(
                f"{where}: {display(name)} is in {split} here and in {self.splits[scene_id]} in "
                f"{self.where[scene_id]}"
            )
        first = self.where.setdefault(scene_id, where)
        if group and self.groups.setdefault(scene_id, group) != group:
            raise ConfigError(
                f"{where}: {display(name)} is of group {display(group)} here and of "
                f"{display(self.groups[scene_id])} in {first}"
            )

    def check_groups(self) -> None:
        """Refuse a group that stands in two splits.

        Raises:
            ConfigError: names both lines.
        """
        first: dict[str, str] = {}
        for scene_id, group in self.groups.items():
            other = first.setdefault(group, scene_id)
            if self.splits[other] != self.splits[scene_id]:
                raise ConfigError(
                    f"{self.where[scene_id]}: group {display(group)} is in {self.splits[scene_id]} here and "
                    f"in {self.splits[other]} in {self.where[other]}",
                    "A group stays in one split: give its scenes one, or two groups.",
                )


def read_split_files(paths: Sequence[Path]) -> SaidSplits:
    """Return what some files say.

    Args:
        paths: lists named after their split, tables, or folders of lists.

    Raises:
        ConfigError: names the file and the line.
    """
    said = SaidSplits()
    for path in _files(paths):
        if path.suffix.lower() == ".csv":
            for name, split, group, where in _rows(path):
                said.take(name, split, where, group)
        else:
            listed = LISTS.get(path.stem.lower())
            if listed is None:
                raise ConfigError(f"{display(str(path))}: its name says no split", _ADVICE)
            for name in read_names(path):
                said.take(name, listed, display(str(path)))
    said.check_groups()
    return said


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(p for p in path.glob("*.txt") if p.stem.lower() in LISTS)
        if not found:
            raise ConfigError(f"{display(str(path))}: no list in it", _ADVICE)
        yield from found


def _rows(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield (scene, split, group, file and line)."""
    shown = display(str(path))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
            if reader.fieldnames not in COLUMNS:
                raise ConfigError(
                    f"{shown}, line 1: columns {', '.join(reader.fieldnames) or 'none'}", _ADVICE
                )
            for row in reader:
                where = f"{shown}, line {reader.line_num}"
                if None in row:
                    raise ConfigError(f"{where}: more than {len(reader.fieldnames)} values", _ADVICE)
                name, split, group = ((row.get(key) or "").strip() for key in COLUMNS[1])
                if not name or not split:
                    raise ConfigError(
                        f"{where}: a scene without a split, or a split without a scene", _ADVICE
                    )
                yield name, split, group, where
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{shown}: {reason_of(error)}", _ADVICE) from error
