"""The weight-free renderer: lens blur by ordered planes, from the same radii that make the label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from focusgen.base.cores import usable_cores
from focusgen.base.errors import ModelMemoryError, SceneError
from focusgen.config import Config
from focusgen.models.bokeh.ocp import render_ocp
from focusgen.models.bokeh.planes import plane_ladder
from focusgen.models.devices import is_out_of_memory, pick_device
from focusgen.models.protocols import BokehRenderer, Frames, RenderContext, RenderSession
from focusgen.optics.aperture import DISC, Aperture
from focusgen.optics.coc import Lens, signed_blur_radius_px
from focusgen.optics.highlights import PEAK, bent_light, regained_light
from focusgen.optics.transfer import Transfer, display_values, linear_light

GPU_BATCH_PIXELS = 4_000_000
"""Pixels rendered at once on a GPU; all planes of a batch live one after the other, not together."""


@dataclass(frozen=True)
class Camera:
    """What lies between a picture's values and the light that a lens blurs.

    Attributes:
        transfer: the curve of the values.
        aperture: shape of the opening.
        boosts: whether bright areas regain the light that they stood for.
    """

    transfer: Transfer = "gamma22"
    aperture: Aperture = DISC
    boosts: bool = False

    @property
    def peak(self) -> float:
        """Light that white stands for."""
        return PEAK if self.boosts else 1.0

    def light(self, display: torch.Tensor) -> torch.Tensor:
        """Return linear light of display values."""
        light = linear_light(display, self.transfer)
        if not self.boosts:
            return light
        regained: torch.Tensor = regained_light(light)
        return regained

    def shown(self, light: torch.Tensor) -> torch.Tensor:
        """Return display values of linear light."""
        return display_values(bent_light(light) if self.boosts else light, self.transfer)


class ThinLensRenderer(BokehRenderer):
    """Draws lens blur by physics alone.

    Args:
        max_radius_px: larger blur is drawn with this radius.
        camera: its light and its opening.
        sparse: blur only where a plane has anything.
        device: "cpu", "cuda", "cuda:1", ...
    """

    def __init__(
        self,
        *,
        max_radius_px: float,
        camera: Camera | None = None,
        sparse: bool = False,
        device: str = "cpu",
    ) -> None:
        self.max_radius_px, self.sparse = max_radius_px, sparse
        self.camera = camera or Camera()
        self.device = pick_device(device, "render.backend: thin_lens")
        if self.device.type == "cpu":
            # One core per lens set beats many per small plane, and bytes do not depend on their number.
            torch.set_num_threads(1)

    @property
    def n_parallel(self) -> int:
        """One session per core; a GPU takes them one after the other."""
        return usable_cores() if self.device.type == "cpu" else 1

    def start(self, context: RenderContext) -> ThinLensSession | MovingThinLensSession:
        """Return a session whose planes are fixed for the whole lens set, so that nothing pops.

        Where focus moves they move with it: planes for all of its distances would be many that are empty.
        """
        if context.focus_distances_m is not None:
            return MovingThinLensSession(lambda frame: self._session(context, context.lens_at(frame)))
        return self._session(context, context.lens)

    def _session(self, context: RenderContext, lens: Lens) -> ThinLensSession:
        extremes_m = np.array([context.depth_m["d_max"], context.depth_m["d_min"]], np.float32)
        lowest, highest = signed_blur_radius_px(
            extremes_m,
            lens,
            image_width_px=context.width,
            sensor_width_m=context.sensor_width_m,
            max_coc_m=context.max_coc_m,
        ).clip(-self.max_radius_px, self.max_radius_px)
        ladder = plane_ladder(float(lowest), float(highest))
        return ThinLensSession(ladder, camera=self.camera, sparse=self.sparse, device=self.device)


def load(cfg: Config, device: str | None) -> BokehRenderer:
    """Return the backend as `render` describes it, on the CPU unless another device is asked for."""
    return ThinLensRenderer(
        max_radius_px=cfg.render.max_radius_px,
        camera=Camera(
            cfg.render.transfer, Aperture.parse(cfg.render.aperture), cfg.render.highlights == "boost"
        ),
        sparse=cfg.render.planes == "sparse",
        device=device or "cpu",
    )


class ThinLensSession(RenderSession):
    """Renders the frames of one lens set; see `RenderSession`.

    Args:
        ladder: signed radii of the planes, nearest first.
        camera: its light and its opening.
        sparse: blur only where a plane has anything.
    """

    def __init__(
        self,
        ladder: tuple[float, ...],
        *,
        camera: Camera | None = None,
        sparse: bool = False,
        device: torch.device,
    ) -> None:
        self.ladder, self.sparse = ladder, sparse
        self.camera = camera or Camera()
        self.device = device
        self._linear = self.camera.light(torch.linspace(0.0, 1.0, 256, device=device))

    def render(
        self,
        frames: Frames,
        signed_radius_px: npt.NDArray[np.float32],
        focus_maps: npt.NDArray[np.float16],
        frame_indices: Sequence[int],
    ) -> Frames:
        """Return the blurred frames; each is independent of the others.

        Raises:
            ModelMemoryError: one frame does not fit into memory.
        """
        step = self._frames_at_once(frames.shape[1] * frames.shape[2])
        out = np.empty_like(frames)
        for start in range(0, len(frames), step):
            part = slice(start, start + step)
            try:
                out[part] = self._render(frames[part], signed_radius_px[part])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                raise ModelMemoryError(
                    f"frame {frame_indices[start]}: out of memory at {frames.shape[2]}x{frames.shape[1]}",
                    "Render at a smaller size, or where there is more memory.",
                ) from error
        return out

    def _frames_at_once(self, n_pixels: int) -> int:
        return 1 if self.device.type == "cpu" else max(1, GPU_BATCH_PIXELS // n_pixels)

    @torch.inference_mode()
    def _render(self, frames: Frames, signed_radius_px: npt.NDArray[np.float32]) -> Frames:
        rgb8 = torch.from_numpy(np.ascontiguousarray(frames)).to(self.device).permute(0, 3, 1, 2)
        radius = torch.from_numpy(np.ascontiguousarray(signed_radius_px, dtype=np.float32)).to(self.device)
        radius = radius.clamp(self.ladder[-1], self.ladder[0])
        linear = self._linear[rgb8.int()]
        aperture, peak = self.camera.aperture, self.camera.peak
        drawn = render_ocp(linear, radius, self.ladder, aperture=aperture, sparse=self.sparse, peak=peak)
        shown = self.camera.shown(drawn)
        if not torch.isfinite(shown).all():
            raise SceneError("the thin lens drew NaN: the depth or the frame is no number", "Check them.")
        rgb8 = (shown * 255.0).round().to(torch.uint8)
        return rgb8.permute(0, 2, 3, 1).contiguous().cpu().numpy()


class MovingThinLensSession(RenderSession):
    """Renders the frames of a lens set whose focus moves, each through a lens of its own.

    Args:
        session_of: returns the session of one frame's lens.
    """

    def __init__(self, session_of: Callable[[int], ThinLensSession]) -> None:
        self._session_of = session_of

    def render(
        self,
        frames: Frames,
        signed_radius_px: npt.NDArray[np.float32],
        focus_maps: npt.NDArray[np.float16],
        frame_indices: Sequence[int],
    ) -> Frames:
        """Return the blurred frames.

        Raises:
            ModelMemoryError: one frame does not fit into memory.
        """
        drawn = [
            self._session_of(frame).render(
                frames[i : i + 1], signed_radius_px[i : i + 1], focus_maps[i : i + 1], [frame]
            )
            for i, frame in enumerate(frame_indices)
        ]
        return np.concatenate(drawn) if drawn else frames.copy()
