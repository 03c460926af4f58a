"""Where numbers and pictures of training go: a CSV file always, TensorBoard by default, W&B if asked for."""

from __future__ import annotations

import importlib
import importlib.util
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from focusgen.base.errors import ConfigError
from focusgen.base.files import append, publish
from focusgen.focal.sd3.settings import Sd3Settings
from focusgen.focal.training_log import cut_log

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

LOG, RUN_ID = "log.csv", "wandb_id.txt"
COLUMNS = ("step", "split", "name", "value")


class Curves:
    """One training's curves; made in the first process only."""

    def __init__(self, settings: Sd3Settings, step: int) -> None:
        self._path = settings.output_dir / LOG
        self._step = step
        cut_log(self._path, COLUMNS, step)
        self._board = _tensorboard(settings) if settings.logging.use_tensorboard else None
        self._wandb = _wandb(settings, is_new=step == 0) if settings.logging.use_wandb else None

    def add(self, step: int, split: str, values: Mapping[str, float]) -> None:
        """Write numbers of a step."""
        lines = "".join(f"{step},{split},{name},{value:.6g}\n" for name, value in values.items())
        append(self._path, lines.encode())
        for name, value in values.items():
            if self._board is not None:
                self._board.add_scalar(f"{split}/{name}", value, step)
        if self._wandb is not None:
            self._wandb.log({f"{split}/{name}": value for name, value in values.items()}, step=step)

    def picture(self, step: int, name: str, pixels: npt.NDArray[Any]) -> None:
        """Write a picture (H, W, 3) of a step."""
        if self._board is not None:
            self._board.add_image(name, pixels, step, dataformats="HWC")
        if self._wandb is not None:
            self._wandb.log({name: importlib.import_module("wandb").Image(pixels)}, step=step)

    def close(self) -> None:
        """Bring everything to the disk."""
        if self._board is not None:
            self._board.close()
        if self._wandb is not None:
            self._wandb.finish()


def check_loggers(settings: Sd3Settings) -> None:
    """Refuse what is not installed, before anything is computed.

    Raises:
        ConfigError: names the package and the way without it.
    """
    wanted = {"tensorboard": settings.logging.use_tensorboard, "wandb": settings.logging.use_wandb}
    for name, is_wanted in wanted.items():
        if is_wanted and importlib.util.find_spec(name) is None:
            raise ConfigError(
                f"logging.use_{name}: {name} is not installed",
                f"pip install {name}, or --override logging.use_{name}=false",
            )


def _tensorboard(settings: Sd3Settings) -> SummaryWriter:
    library = importlib.import_module("torch.utils.tensorboard")
    writer: SummaryWriter = library.SummaryWriter(str(settings.output_dir / "tensorboard"))
    return writer


def _wandb(settings: Sd3Settings, *, is_new: bool) -> Any:
    """Start a run, or go on with the one of this folder; WANDB_MODE=offline keeps it in output_dir/wandb.

    Raises:
        ConfigError: W&B cannot be reached or wants to know who asks.
    """
    library = importlib.import_module("wandb")
    folder = settings.output_dir
    try:
        return library.init(
            project=settings.logging.wandb_project,
            name=folder.resolve().name,
            dir=str(folder),
            config=settings.model_dump(mode="json"),
            resume="allow",
            id=_run_id(folder / RUN_ID, is_new=is_new),
        )
    except library.Error as error:
        raise ConfigError(
            f"logging.use_wandb: {error}",
            f"Log in (wandb login), or set WANDB_MODE=offline: the run is then kept in {folder / 'wandb'}, "
            "and wandb sync uploads it; or --override logging.use_wandb=false",
        ) from error


def _run_id(path: Path, *, is_new: bool) -> str:
    """Return the name of a training's run: kept beside it, since two folders may be called alike."""
    if is_new or not path.is_file():
        publish(path, secrets.token_hex(8).encode())
    return path.read_text(encoding="utf-8").strip()
