"""Settings of training Stable Diffusion 3.5 on focal stacks: configs/focal/sd3_*.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from focusgen.focal.label_fit import LOOKED_AT
from focusgen.focal.sd3.design import Design
from focusgen.focal.settings_files import TrainingSection, read_settings


class DataSettings(TrainingSection):
    """Stacks to learn from: lists, or a folder that `focusgen focal synth` made."""

    folder: Path | None = Field(None, description="training stacks of focal synth; instead of lists")
    n_val: int = Field(0, ge=0, description="of `folder`: how many of its last stacks are for validation")
    root: str | None = Field(None, description="where relative paths of lists start")
    train_list: Path | None = None
    val_list: Path | None = None
    preset: str | None = Field(
        None, description="its name or file: what lines of lists take where they say nothing"
    )
    test_list: Path | None = Field(None, description="never read for training; must share no scene with it")
    look: int = Field(
        LOOKED_AT,
        ge=0,
        description="stacks of each source of a list that are first compared with depth",
    )
    size: int = Field(512, ge=16, description="side of the square crops, pixels")
    least_slices: int = Field(3, ge=2)
    most_slices: int = Field(10, ge=2)
    variants: int = Field(4, ge=1, description="subsets of its slices that a stack is shown with")
    workers: int = Field(
        0, ge=0, description="processes that find classical results ahead, to be kept; 0: the training itself"
    )
    keep_priors: bool = Field(
        True, description="keep classical results in output_dir/priors, 11 bytes a pixel each"
    )
    noise: float = Field(0.01, ge=0, description="standard deviation that is added to slices, of 1")
    focus_jitter: float = Field(
        0.02, ge=0, lt=0.5, description="largest share by which a focus is told wrong"
    )


class LossSettings(TrainingSection):
    """Weights of the parts of the loss; 0 leaves one out."""

    latent: float = Field(1.0, ge=0)
    depth: float = Field(1.0, ge=0)
    gradient: float = Field(0.5, ge=0)
    rgb: float = Field(0.5, ge=0)
    lpips: float = Field(0.0, ge=0)
    focus: float = Field(0.3, ge=0)
    rerender: float = Field(0.1, ge=0)


class TrainSettings(TrainingSection):
    """The schedule, and how it is computed."""

    seed: int = 0
    steps: int = Field(20000, ge=1)
    batch: int = Field(2, ge=1, description="per process and pass")
    accumulation: int = Field(1, ge=1)
    learning_rate: float = Field(3e-5, gt=0)
    gate_rate: float = Field(1e-3, gt=0, description="of the gates, which begin closed")
    warm_up: int = Field(500, ge=0)
    weight_decay: float = Field(0.01, ge=0)
    epsilon: float = Field(1e-6, gt=0, description="Adam's; smaller ones make steps of rounding errors")
    clip: float = Field(1.0, gt=0)
    ema: float = Field(0.999, ge=0, lt=1, description="of the weights; these are judged and shipped; 0: none")
    precision: Literal["fp32", "bf16"] = "bf16"
    gradient_checkpointing: bool = False
    fsdp: bool = False
    log_every: int = Field(20, ge=1)
    val_every: int = Field(1000, ge=1)
    checkpoint_every: int = Field(500, ge=1)
    keep: int = Field(2, ge=1, description="checkpoints; the best one is kept beside them")


class LoggingSettings(TrainingSection):
    """Where curves and pictures go."""

    use_tensorboard: bool = True
    use_wandb: bool = False
    wandb_project: str = "focusgen-focal"


class Sd3Settings(TrainingSection):
    """All of it."""

    model: Design = Design()
    data: DataSettings = DataSettings()
    loss: LossSettings = LossSettings()
    train: TrainSettings = TrainSettings()
    logging: LoggingSettings = LoggingSettings()
    output_dir: Path = Path("focal_training_sd3")


def load_settings(path: Path, overrides: Mapping[str, Any] | None = None) -> Sd3Settings:
    """Return the settings of a file; `overrides` are {"train.steps": value}.

    Raises:
        ConfigError: an unknown key or a value that cannot be; names it and the nearest key.
    """
    return read_settings(Sd3Settings, path, overrides or {})
