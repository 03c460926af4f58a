"""Training stacks on disk: a few to a file, in a folder that says what they were made by."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.children import ChildPool
from focusgen.base.errors import ConfigError, CorruptInputError, ModelMemoryError
from focusgen.base.files import make_folder, publish, publish_json, remove_drafts
from focusgen.base.names import display
from focusgen.focal.learned.stacks import Progress, StackRecipe, TrainingStack, training_stack
from focusgen.focal.train_job import compute_on_one_core
from focusgen.media.codecs import NPZ_DAMAGE

STACKS_PER_SHARD = 8
ABOUT_FILE = "about.json"
STACKS_VERSION = 1
"""Raised when the same seed would give other stacks."""


@dataclass(frozen=True)
class StackSet:
    """A folder of training stacks."""

    folder: Path
    recipe: StackRecipe

    def shard(self, number: int) -> Path:
        """Return the file of one shard."""
        return self.folder / f"stacks_{number:05d}.npz"

    def is_there(self, index: int) -> bool:
        """Say whether a stack has been made."""
        return self.shard(index // STACKS_PER_SHARD).is_file()

    def read(self, number: int) -> list[TrainingStack]:
        """Return the stacks of one shard.

        Raises:
            CorruptInputError: it cannot be read; names it and the way out.
        """
        path = self.shard(number)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return [_unpacked(arrays, k) for k in range(STACKS_PER_SHARD)]
        except (OSError, *NPZ_DAMAGE) as error:
            raise CorruptInputError(
                f"{display(str(path))}: cannot be read: {error}",
                "Delete it; focusgen focal synth makes it anew.",
            ) from error


def make_stacks(
    folder: Path,
    recipe: StackRecipe,
    n_stacks: int,
    progress: Progress = lambda done, n: None,
    *,
    workers: int = 1,
) -> StackSet:
    """Make what a folder lacks of a set; a shard that is there is kept.

    Args:
        folder: of the set; it is made.
        recipe: what the stacks are made of.
        n_stacks: rounded up to whole shards.
        progress: told how many stacks are done, of how many.
        workers: processes that share the missing shards; the bytes do not depend on it.

    Raises:
        ConfigError: the folder holds another set.
    """
    made = StackSet(folder, recipe)
    make_folder(folder)
    _claim(folder, recipe)
    remove_drafts(folder)  # of a kill: as large as what they were to become
    n_shards = -(-n_stacks // STACKS_PER_SHARD)
    n_whole = n_shards * STACKS_PER_SHARD
    missing = [number for number in range(n_shards) if not made.shard(number).is_file()]
    n_there = n_whole - len(missing) * STACKS_PER_SHARD
    progress(n_there, n_whole)
    if workers > 1 and len(missing) > 1:
        _make_side_by_side(made, missing, workers, lambda done: progress(n_there + done, n_whole))
        return made
    for turn, number in enumerate(missing):

        def tell(done: int, before: int = n_there + turn * STACKS_PER_SHARD) -> None:
            progress(before + done, n_whole)

        _make_shard(made, number, tell)
    return made


def _make_side_by_side(
    made: StackSet, missing: list[int], workers: int, progress: Callable[[int], object]
) -> None:
    """Make shards in processes of their own; each of them computes on one core."""
    with ChildPool(min(workers, len(missing)), compute_on_one_core) as pool:
        try:
            coming = [pool.submit(_make_shard, made, number) for number in missing]
            for turn, one in enumerate(coming):
                one.result()
                progress((turn + 1) * STACKS_PER_SHARD)
        except BrokenProcessPool as error:
            raise ModelMemoryError(
                f"{display(str(made.folder))}: a process that made stacks was ended from outside (memory?)",
                "The same command goes on where it stopped; fewer --workers take less memory.",
            ) from error


def _make_shard(made: StackSet, number: int, progress: Callable[[int], object] = lambda done: None) -> None:
    stacks = []
    for place in range(STACKS_PER_SHARD):
        stacks.append(training_stack(made.recipe, number * STACKS_PER_SHARD + place))
        progress(place + 1)
    publish(made.shard(number), _packed(stacks))


def open_stacks(folder: Path) -> StackSet:
    """Return the set that a folder holds.

    Raises:
        ConfigError: it holds none; says the command that makes one.
    """
    about = folder / ABOUT_FILE
    if not about.is_file():
        raise ConfigError(
            f"{display(str(folder))}: no training stacks", f"Make some: focusgen focal synth --out {folder}"
        )
    try:
        document = _read_about(about)["recipe"]
        return StackSet(folder, StackRecipe(**{**document, "families": tuple(document["families"])}))
    except (KeyError, TypeError) as error:
        raise _unsaid(about, error) from error


def _read_about(about: Path) -> Any:
    try:
        return json.loads(about.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unsaid(about, error) from error


def _unsaid(about: Path, error: Exception) -> CorruptInputError:
    return CorruptInputError(
        f"{display(str(about))}: does not say what the stacks were made by: {error!r}",
        "Make them anew in another folder: focusgen focal synth --output FOLDER",
    )


def _claim(folder: Path, recipe: StackRecipe) -> None:
    document = {"version": STACKS_VERSION, "recipe": {**asdict(recipe), "families": list(recipe.families)}}
    about = folder / ABOUT_FILE
    if not about.is_file():
        publish_json(about, document)
        return
    if _read_about(about) != document:
        raise ConfigError(
            f"{display(str(folder))} holds stacks of another seed, size, version or choice of families",
            f"Give another --out, or the same flags again: {display(str(about))} has them.",
        )


def _packed(stacks: list[TrainingStack]) -> bytes:
    arrays: dict[str, Any] = {}
    for k, stack in enumerate(stacks):
        arrays[f"{k}_slices"], arrays[f"{k}_sharp"] = stack.slices, stack.sharp
        arrays[f"{k}_diopters"], arrays[f"{k}_radius_px_m"] = stack.diopters, stack.radius_px_m
        arrays[f"{k}_depth_m"] = stack.depth_m.astype(np.float16)
        arrays[f"{k}_notes"] = json.dumps(stack.notes)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _unpacked(arrays: Mapping[str, npt.NDArray[Any]], k: int) -> TrainingStack:
    return TrainingStack(
        arrays[f"{k}_slices"],
        arrays[f"{k}_diopters"],
        float(arrays[f"{k}_radius_px_m"]),
        arrays[f"{k}_depth_m"].astype(np.float32),
        arrays[f"{k}_sharp"],
        json.loads(str(arrays[f"{k}_notes"])),
    )
