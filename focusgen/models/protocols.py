"""What a phase asks of a model: three small Protocols.

A phase is handed its model, so the same code runs with doubles in tests, with the weight-free backends, with
the diffusion models and with those of installed packages. A class that derives from a Protocol here gets its
defaults: frames one by one, nothing approximated, nothing in doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from focusgen.optics.coc import Lens

Frames = npt.NDArray[np.uint8]
"""(B, H, W, 3) uint8 RGB."""


class NoiseKey(NamedTuple):
    """Which noise a restored frame draws: the same key, the same noise, on every node."""

    scene_id: str
    frame_index: int
    draw: int


class SceneFrames(Protocol):
    """The frames of one scene, read as they are needed."""

    @property
    def scene_id(self) -> str:
        """The scene's id."""

    @property
    def width(self) -> int:
        """Pixels."""

    @property
    def height(self) -> int:
        """Pixels."""

    @property
    def fps(self) -> float | None:
        """Frames per second of the source, None for a folder of images."""

    def __len__(self) -> int:
        """Return the number of frames."""

    def read(self, start: int, stop: int) -> Frames:
        """Return frames [start, stop)."""

    def provided_depth(self, index: int) -> npt.NDArray[np.float32] | None:
        """Return the depth that came with the data, (H, W) metres, or None."""


class Deblurrer(Protocol):
    """Sharpens frames, each from itself alone."""

    @property
    def approximations(self) -> Sequence[str]:
        """What is done less exactly than by the published model, in words for the record."""
        return ()

    def frames_per_call(self, height_px: int, width_px: int) -> int:
        """Return how many frames of a size are best handed over at once."""
        return 1

    def deblur(self, frames: Frames, keys: Sequence[NoiseKey]) -> Frames:
        """Return the sharp frames, same shape.

        Raises:
            ModelMemoryError: out of memory after every step of the ladder.
        """


class DepthModel(Protocol):
    """Estimates metric depth of a scene."""

    @property
    def handles_long_video(self) -> bool:
        """True if any number of frames may be handed over at once; else phase 3 cuts into chunks."""

    @property
    def doubts(self) -> Sequence[str]:
        """Why its output may not be metres, in words for the record and the report."""
        return ()

    @property
    def trained_to_m(self) -> float | None:
        """Largest depth that it was trained on, metres: what it says beyond is flagged; None if unknown."""
        return None

    def estimate(self, scene: SceneFrames) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Yield (frame_index, (H, W) float32 metres), each frame once, in order, final."""


@dataclass(frozen=True)
class RenderContext:
    """What is fixed for all frames of one lens set of one scene.

    Attributes:
        depth_m: {"d_min", "d_max", "d_median", "d_p5", "d_p95"} of the scene, metres.
        is_depth_exact: false when a network predicted it (edges may then be snapped to the picture's).
        max_coc_m: CoC where the label reaches 0; None when nothing is clipped.
        focus_distances_m: where focus is at each frame, if it moves; the lens is that of frame 0.
    """

    scene_id: str
    set_index: int
    width: int
    height: int
    lens: Lens
    max_coc_m: float | None
    sensor_width_m: float
    depth_m: Mapping[str, float]
    is_depth_exact: bool
    seed: int
    focus_distances_m: Sequence[float] | None = None

    def lens_at(self, frame: int) -> Lens:
        """Return the lens of one frame."""
        if self.focus_distances_m is None:
            return self.lens
        return replace(self.lens, focus_distance_m=self.focus_distances_m[frame])


class RenderSession(Protocol):
    """Renders the frames of one lens set."""

    def frames_per_call(self) -> int:
        """Return how many frames are best handed over at once."""
        return 1

    def render(
        self,
        frames: Frames,
        signed_radius_px: npt.NDArray[np.float32],
        focus_maps: npt.NDArray[np.float16],
        frame_indices: Sequence[int],
    ) -> Frames:
        """Return the blurred frames.

        Args:
            frames: (B, H, W, 3) uint8 RGB, sharp.
            signed_radius_px: (B, H, W) blur radius, + nearer than the focus plane.
            focus_maps: (B, H, W) the published label of the same pixels.
            frame_indices: B positions in the scene.
        """


class BokehRenderer(Protocol):
    """Draws lens blur."""

    @property
    def approximations(self) -> Sequence[str]:
        """What is done less exactly than by the published model, in words for the record."""
        return ()

    @property
    def n_parallel(self) -> int:
        """Sessions that may render at the same time, each in a thread of its own."""
        return 1

    def start(self, context: RenderContext) -> RenderSession:
        """Return a session for one lens set of one scene."""
