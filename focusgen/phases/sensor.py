"""The sensor behind the lens: what a render goes through before it is published."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import SceneError
from focusgen.base.seeds import derive_seed
from focusgen.config import Config
from focusgen.optics.sensor import with_noise

Picture = npt.NDArray[np.uint8]


class Sensor:
    """The sensor of one scene; the same frame of the same lens set has the same noise in every life."""

    def __init__(self, cfg: Config, scene_id: str) -> None:
        self._cfg, self._scene_id = cfg, scene_id

    @property
    def keeps_clean(self) -> bool:
        """True if the renders are also kept as they were before it."""
        return self._cfg.render.keep_clean and not self._cfg.render.sensor.is_perfect

    def take(self, rgb: Picture, lens_set: int, frame: int) -> Picture:
        """Return a render as the sensor takes it, (H, W, 3) uint8; the very same if it is a perfect one."""
        iso, quality = self._cfg.render.sensor.noise_iso, self._cfg.render.sensor.jpeg_quality
        if iso is not None:
            seed = derive_seed(self._cfg.seed, self._scene_id, "sensor", lens_set, frame)
            rng = np.random.Generator(np.random.PCG64(seed))
            rgb = with_noise(rgb, iso, rng, self._cfg.render.transfer)
        return rgb if quality is None else through_jpeg(rgb, quality)


def through_jpeg(rgb: Picture, quality: int) -> Picture:
    """Return a picture as it comes back from a JPEG with halved colour, as cameras write it."""
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR]
    is_encoded, data = cv2.imencode(".jpg", rgb[..., ::-1], [*options, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420])
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if is_encoded else None
    if bgr is None:
        raise SceneError(
            f"a picture of {rgb.shape} does not become a JPEG", "Leave out render.sensor.jpeg_quality."
        )
    return np.ascontiguousarray(bgr[..., ::-1])
