"""Depth that came with the data: measured, rendered, or made by somebody's own model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.config import Config
from focusgen.models.protocols import DepthModel, SceneFrames


class ProvidedDepth(DepthModel):
    """Yields the scene's own depth; each frame stands alone, so no chunk and no seam."""

    handles_long_video = True

    def estimate(self, scene: SceneFrames) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Yield (frame_index, (H, W) float32 metres); holes stay NaN for phase 3 to fill and count.

        Raises:
            MissingUpstreamError: a frame has no depth.
            CorruptInputError: the depth has another size than the frames.
        """
        for index in range(len(scene)):
            depth_m = scene.provided_depth(index)
            if depth_m is None:
                raise MissingUpstreamError(
                    f"scene '{scene.scene_id}', frame {index}: no depth came with the data",
                    "Set --depth_root to the folder of the depth, or choose another depth.backend.",
                )
            if depth_m.shape != (scene.height, scene.width):
                raise CorruptInputError(
                    f"scene '{scene.scene_id}', frame {index}: depth of shape {depth_m.shape} for frames of "
                    f"{scene.width}x{scene.height}",
                    "Give depth that covers the same picture as the frames.",
                )
            yield index, np.asarray(depth_m, dtype=np.float32)


def load(cfg: Config, device: str | None) -> DepthModel:
    """Return the backend; the phase opens the files that it reads."""
    return ProvidedDepth()
