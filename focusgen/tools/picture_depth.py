"""Depth for one picture: how a file of it is read, or which model estimates it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from focusgen.config import Config
from focusgen.config.backends import PROVIDED
from focusgen.media.depth_units import DepthOptions
from focusgen.models.registry import load_depth_model
from focusgen.phases.outputs import backend_words, checked_depth
from focusgen.phases.provided_depth import depth_options

Frame: TypeAlias = npt.NDArray[np.uint8]
Depth: TypeAlias = npt.NDArray[np.float32]


def how_depth_is_read(cfg: Config) -> DepthOptions:
    """Return unit, marks and channel of a depth file, as the settings say."""
    return depth_options(cfg.depth)


def depth_estimator(cfg: Config) -> Callable[[Frame], Depth] | None:
    """Return a function from a picture to its depth by the configured backend; None if that is `provided`."""
    if cfg.depth.backend == PROVIDED.name:
        return None
    model = load_depth_model(cfg, device=cfg.run.device)

    def estimate(picture: Frame) -> Depth:
        asked = model.estimate(PictureFrames(picture))
        ((_, depth_m),) = checked_depth(asked, 1, picture.shape[:2], backend_words(cfg, "depth"))
        return depth_m

    return estimate


class PictureFrames:
    """One picture as a scene of one frame, for a depth model."""

    scene_id = "picture"
    fps = None

    def __init__(self, picture: Frame) -> None:
        self._picture = picture
        self.height, self.width = picture.shape[:2]

    def __len__(self) -> int:
        return 1

    def read(self, start: int, stop: int) -> Frame:
        """Return the picture as (1, H, W, 3)."""
        return self._picture[None][start:stop]

    def provided_depth(self, index: int) -> None:
        """Return None: a picture brings no depth."""
        return None
