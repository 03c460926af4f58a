"""Groups of flags that several commands take; each sets a setting and takes its words from there."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focusgen import config
from focusgen.base.errors import ConfigError, StorageError
from focusgen.base.files import is_read_only, share_with_group
from focusgen.config import Config, shipped_names
from focusgen.config.flags import Flags, option, sets

INTO_ITSELF = (
    "It writes into the data set: run it as who may write there, or on a copy of it (--out_root COPY)."
)
"""The way out of a data set that may only be read, for commands that have no other place to write to."""
SCENES_HELP = "only these scenes, comma-separated; quotes round one that has a comma: '\"a,b\",c'"


def settings_to_write(path: str | None, overrides: Mapping[str, Any]) -> Config:
    """Return the settings of a command that writes into a data set.

    From here on the group may use all that the process makes, if `data.group_writable` says so.

    Args:
        path: YAML file or shipped name; None for the defaults.
        overrides: dotted keys of the command line.
    """
    cfg = config.load(path, overrides)
    share_with_group(cfg.data.group_writable)
    return cfg


@contextlib.contextmanager
def advising_where_read_only(way_out: str) -> Iterator[None]:
    """Give a way out of a place that may only be read; an empty one leaves the general advice.

    Raises:
        StorageError: with that advice.
    """
    try:
        yield
    except StorageError as error:
        if way_out and is_read_only(error):
            raise StorageError(error.message, way_out) from error
        raise


def scenes_named(text: str | None, words: Sequence[str] = ()) -> list[str] | None:
    """Return the scenes of a `--scenes` and of words that stand by themselves, None where neither was given.

    Raises:
        ConfigError: --scenes names none.
    """
    named = names_given("scenes", "scene", text)
    return [*words, *(named or ())] if words else named


def names_given(flag: str, kind: str, text: str | None, without: str = "mean all") -> list[str] | None:
    """Return the comma-separated names of a flag, None where it was not given; quotes keep a comma in a name.

    Args:
        flag: without dashes.
        kind: what it names.
        text: as given.
        without: what a command line without the flag does.

    Raises:
        ConfigError: it names none, as that of a script whose variable is empty: not all are meant by that.
    """
    if text is None:
        return None
    rows = csv.reader([text], skipinitialspace=True)
    names = [name.strip() for row in rows for name in row if name.strip()]
    if not names:
        raise ConfigError(f"--{flag} {text!r} names no {kind}", f"Leave --{flag} away to {without}.")
    return names


CONFIG_HELP = f"YAML file, or the name of a shipped one: {', '.join(shipped_names())}"


@dataclass(frozen=True)
class RootFlags(Flags):
    """Which data set."""

    out_root: Path | None = sets("data.out_root")
    scene_index: Path | None = sets("data.scene_index")


@dataclass(frozen=True)
class DataSetFlags(RootFlags):
    """Which data set, and with which settings."""

    config: str | None = option(None, CONFIG_HELP)


@dataclass(frozen=True)
class SceneSettings(Flags):
    """How scenes are run."""

    device: str | None = sets("run.device")
    on_stale: str | None = sets("run.on_stale")


@dataclass(frozen=True)
class RunSettings(Flags):
    """What people most often change between runs of all phases."""

    raw_root: Path | None = sets("data.raw_root")
    depth_root: Path | None = sets("depth.depth_root")
    depth_scale: float | None = sets("depth.depth_scale")
    mask_root: Path | None = sets("lens.mask_root")
    max_coc: float | None = sets("render.max_coc")
    n_sets: int | None = sets("render.n_sets")
    min_frames: int | None = sets("data.min_frames")
    max_frames: int | None = sets("data.max_frames")
    glob: str | None = sets("data.glob")
    layout: str | None = sets("data.layout")
    clips: Path | None = sets("data.clips")
    split_file: tuple[Path, ...] | None = sets("data.split_file")
    split_by: str | None = sets("data.split_by")
    groups_csv: Path | None = sets("data.groups_csv")
    follow_links: bool = sets("data.follow_links")
    resize_long_side: int | None = sets("deblur.resize_long_side")
    seed: int | None = sets("seed")
    workers: int | None = sets("run.workers")
    strict: bool = sets("run.strict")
    auto_approve: bool = sets("run.auto_approve")
