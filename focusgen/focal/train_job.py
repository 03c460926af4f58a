"""What `focusgen focal train` was asked for, whichever network it trains."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focusgen.base.errors import ConfigError
from focusgen.base.locks import exclusive
from focusgen.base.names import display

Say = Callable[[str], object]
DEBUGGED_STEPS, LOCK = 40, ".training.lock"
NO_STACKS_ADVICE = (
    "Give --train-filelist LIST (focal stacks makes one), or --data-root FOLDER (of focal synth)."
)


@dataclass(frozen=True)
class TrainJob:
    """What was asked for.

    Attributes:
        config: file of settings.
        overrides: dotted key -> value.
        resume: "auto", "none", a checkpoint, or the folder of a training.
        is_rehearsal: learn a little in a folder that is thrown away, and say what all would take.
        debugs: few steps, every one in the log.
    """

    config: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)
    resume: str = "auto"
    is_rehearsal: bool = False
    debugs: bool = False


def number_in(environment: Mapping[str, str], name: str, default: int) -> int:
    """Return a number that Slurm or torchrun put into the environment.

    Raises:
        ConfigError: it is none; names the variable.
    """
    text = environment.get(name) or str(default)
    if not text.isdecimal():
        raise ConfigError(
            f"{name} is {text!r}, not a whole number", f"Slurm and torchrun set it; by hand: unset {name}"
        )
    return int(text)


def is_first() -> bool:
    """Say whether this process is the first of a training, or all of it."""
    return number_in(os.environ, "RANK", 0) == 0


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other trainings out of an output folder: one that comes meanwhile waits, and goes on from there.

    Of several processes of one training the first holds it.
    """
    if not is_first():
        yield
        return
    with exclusive(folder / LOCK):
        yield


def checkpoint_named(resume: str, newest_in: Callable[[Path], Path | None]) -> Path:
    """Return the checkpoint that --resume names: the file, or the newest of a training's folder.

    Args:
        resume: the path that was given.
        newest_in: returns the newest checkpoint of a folder, None if it holds none.

    Raises:
        ConfigError: there is no such file, or none in the folder.
    """
    path = Path(resume)
    if path.is_file():
        return path
    if not path.is_dir():
        raise ConfigError(
            f"--resume {display(resume)}: no such file or folder", "auto goes on in output_dir."
        )
    newest = newest_in(path)
    if newest is None:
        raise ConfigError(
            f"--resume {display(resume)}: no checkpoint of this kind of network in that folder",
            "Give the output_dir of a training, or one of its checkpoints; auto goes on in output_dir.",
        )
    return newest


def note_of_more(step: int, steps: int) -> str | None:
    """Return what to say of a checkpoint that was beyond the last step."""
    return (
        f"note: the checkpoint has {step} steps, more than train.steps {steps}: nothing was learned; "
        "--resume none begins anew"
        if step > steps
        else None
    )


def debugged(steps: int) -> dict[str, int]:
    """Return what debugging changes of a schedule of so many steps."""
    return {"steps": min(DEBUGGED_STEPS, steps), "log_every": 1}


def compute_on_one_core() -> None:
    """Let a process that is one of several compute on one core."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
