"""Checkpoints of training: whole or not there, the newest few and the best, found again by `auto`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.files import make_folder, publish_json
from focusgen.base.names import display
from focusgen.focal.checkpoints import write_checkpoint
from focusgen.focal.sd3.settings import Sd3Settings
from focusgen.focal.train_job import checkpoint_named
from focusgen.models.checkpoints import TORCH_READ_ERRORS

FOLDER, LATEST, BEST = "checkpoints", "latest.json", "best.pt"
STEP_FILE = re.compile(r"step_(\d+)\.pt")
FIXED = ("model", "data.size", "train.seed", "train.batch", "train.accumulation")
"""Settings that a checkpoint cannot go on without: other values would be another training."""

KEPT = {"step", "best", "weights", "average", "optimizer", "rows", "settings"}
"""What a checkpoint holds."""

State = dict[str, Any]


class Average:
    """Weights averaged over steps: what is judged and shipped."""

    def __init__(self, weights: Mapping[str, Tensor], decay: float) -> None:
        self.decay = decay
        self.values = {name: value.detach().float().clone() for name, value in weights.items()}

    @torch.no_grad()
    def add(self, weights: Mapping[str, Tensor], step: int) -> None:
        """Take the weights of a step in; early ones count less and less."""
        keep = min(self.decay, (1.0 + step) / (10.0 + step))
        for name, value in weights.items():
            self.values[name].lerp_(value.detach().float(), 1.0 - keep)

    @torch.no_grad()
    def exchange(self, weights: Mapping[str, Tensor]) -> None:
        """Put the average into a network and its own weights here; done twice, all is as before."""
        for name, value in weights.items():
            own = value.detach().clone()
            value.copy_(self.values[name])
            self.values[name] = own.float()


def save_state(folder: Path, state: State, settings: Sd3Settings, *, is_best: bool = False) -> Path:
    """Write a checkpoint of a step, forget old ones, and point to it; a kill leaves the one before."""
    step = int(state["step"])
    make_folder(folder / FOLDER)
    path = folder / FOLDER / f"step_{step:07d}.pt"
    document = {**state, "settings": settings.model_dump(mode="json")}
    for target in (path, folder / FOLDER / BEST) if is_best else (path,):
        write_checkpoint(target, document)
    publish_json(folder / FOLDER / LATEST, {"file": path.name, "step": step})
    done = sorted(one for one in _steps(folder) if one <= step)
    later = [one for one in _steps(folder) if one > step]  # of a training that this one takes the place of
    for old in (*done[: -settings.train.keep], *later):
        _path_of(folder, old).unlink(missing_ok=True)
    return path


def best_step(folder: Path) -> int:
    """Return the step of the best checkpoint of a training's folder; 0 where none can be read."""
    try:
        state = torch.load(folder / FOLDER / BEST, map_location="cpu", weights_only=True, mmap=True)
        return int(state["step"])
    except TORCH_READ_ERRORS:
        return 0


def find_state(folder: Path, resume: str) -> Path | None:
    """Return the checkpoint to go on from; None: begin.

    Args:
        folder: of the training.
        resume: "auto", "none", a file, or the folder of a training or of its checkpoints.

    Raises:
        ConfigError: there is no such file, or none in the folder.
    """
    if resume == "none":
        return None
    if resume != "auto":
        return checkpoint_named(resume, _newest_of_either)
    return _newest(folder)


def _newest_of_either(given: Path) -> Path | None:
    """Return the newest checkpoint where a training's folder is given, or that of its checkpoints."""
    whole = given.resolve()
    return _newest(whole.parent if whole.name == FOLDER else whole)


def _newest(folder: Path) -> Path | None:
    """Return the checkpoint of a training's folder that is pointed to, else the last; None without any."""
    named = _named(folder / FOLDER / LATEST)
    if named is not None and named.is_file():
        return named
    found = _steps(folder)
    return _path_of(folder, max(found)) if found else None


def _named(pointer: Path) -> Path | None:
    """Return the checkpoint that a pointer names; None where it names none: the newest is looked for then."""
    try:
        document = json.loads(pointer.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return (
        pointer.parent / str(document["file"]) if isinstance(document, dict) and "file" in document else None
    )


def read_state(path: Path, settings: Sd3Settings) -> State:
    """Return what a checkpoint holds.

    Raises:
        CorruptInputError: it cannot be read.
        ConfigError: it is of another training; names the setting.
    """
    try:
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except TORCH_READ_ERRORS as error:
        raise CorruptInputError(
            f"{display(str(path))}: no readable checkpoint, or cut off ({type(error).__name__})",
            "Give an older one as --resume, or --resume none.",
        ) from error
    if not isinstance(state, dict) or not KEPT <= state.keys():
        raise CorruptInputError(
            f"{display(str(path))}: not a checkpoint of focal train with model.kind: sd3",
            "Checkpoints lie in output_dir/checkpoints; --resume none begins anew.",
        )
    now = settings.model_dump(mode="json")
    for dotted in FIXED:
        for key, before, after in _differences(
            dotted, *(_at(one, dotted) for one in (state["settings"], now))
        ):
            raise ConfigError(
                f"{display(str(path))} was made with {key} {before}, not {after}",
                "Use the same settings, another --output-dir, or --resume none.",
            )
    return state


def _differences(dotted: str, before: object, after: object) -> list[tuple[str, object, object]]:
    """Return (key, before, after) of what differs, inside of sections too."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted(before.keys() | after.keys())
        return [
            one for key in keys for one in _differences(f"{dotted}.{key}", before.get(key), after.get(key))
        ]
    return [] if before == after else [(dotted, before, after)]


def _at(document: object, dotted: str) -> Any:
    for key in dotted.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _steps(folder: Path) -> list[int]:
    names = (STEP_FILE.fullmatch(path.name) for path in (folder / FOLDER).glob("step_*.pt"))
    return [int(match[1]) for match in names if match is not None]


def _path_of(folder: Path, step: int) -> Path:
    return folder / FOLDER / f"step_{step:07d}.pt"
