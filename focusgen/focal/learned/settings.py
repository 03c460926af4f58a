"""Settings of training the small network: configs/focal/small.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from focusgen.focal.settings_files import TrainingSection, read_settings


class ModelSettings(TrainingSection):
    """Sizes of the network."""

    kind: Literal["small"] = "small"
    channels: tuple[int, int, int, int] = (32, 48, 96, 128)
    mix: int = Field(4, ge=1)
    sharp: int = Field(16, ge=1)


class DataSettings(TrainingSection):
    """Stacks to learn from, and how many of them a step may draw from: the same for every run."""

    folder: Path = Path("focal_stacks")
    first: int = Field(8, ge=1, description="stacks that the first steps draw from")
    hold_steps: int = Field(60, ge=0, description="steps after which more are used")
    per_step: float = Field(0.5, ge=0.0, description="stacks that each step adds")
    most: int = Field(1000, ge=1, description="stacks in all")
    looks: int = Field(2, ge=1, description="ways in which each stack is degraded")
    mirror_from: int = Field(0, ge=0, description="step from which stacks are mirrored too")
    keep_priors: bool = Field(True, description="keep the classical results of all looks in output_dir")

    def pool(self, step: int) -> int:
        """Return how many stacks step `step` draws from: more as training goes on, the same in every run."""
        return min(self.most, self.first + int(max(step - self.hold_steps, 0) * self.per_step))


class TrainSettings(TrainingSection):
    """The schedule."""

    seed: int = 0
    start_from: str | None = Field(None, description="weights to begin with: a file, or `shipped`")
    steps: int = Field(4000, ge=1)
    batch: int = Field(2, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    warm_up: int = Field(50, ge=1)
    decay_from: int = Field(3000, ge=1, description="step from which the rate falls to a fiftieth")
    weight_decay: float = Field(1e-3, ge=0)
    average: float = Field(0.998, ge=0, lt=1, description="of the weights; the averaged ones ship")
    clip: float = Field(1.0, gt=0)
    log_every: int = Field(20, ge=1)
    checkpoint_every_s: float = Field(180.0, gt=0)


class SmallSettings(TrainingSection):
    """All of it."""

    model: ModelSettings = ModelSettings()
    data: DataSettings = DataSettings()
    train: TrainSettings = TrainSettings()
    output_dir: Path = Path("focal_training")


def load_settings(path: Path, overrides: dict[str, Any] | None = None) -> SmallSettings:
    """Return the settings of a file; `overrides` are {"train.steps": value}.

    Raises:
        ConfigError: an unknown key or a value that cannot be; names it and the nearest key.
    """
    return read_settings(SmallSettings, path, overrides or {})
