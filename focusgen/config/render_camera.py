"""Settings of phase 5 that make a simulated camera like one that exists: its light, aperture and sensor."""

from __future__ import annotations

import functools
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from focusgen.config.backends import THIN_LENS
from focusgen.config.section import Section, setting
from focusgen.optics.aperture import Aperture
from focusgen.optics.transfer import Transfer

_newer = functools.partial(setting, affects=["render"], is_recorded_at_default=False)
_of_thin_lens = functools.partial(_newer, when={"backend": [THIN_LENS.name]})


class SensorConfig(BaseModel):
    """What the sensor does to the light behind the lens; nothing, if nothing is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    noise_iso: float | None = Field(None, gt=0, le=1e7, description="shot and read noise as of this ISO")
    jpeg_quality: int | None = Field(None, ge=1, le=100, description="traces of a JPEG of this quality")

    @field_validator("*", mode="before")
    @classmethod
    def _none(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("give a number, or none")  # true would be ISO 1, quality 1
        return None if value == "none" else value

    @property
    def is_perfect(self) -> bool:
        """True if it changes nothing."""
        return self.noise_iso is None and self.jpeg_quality is None


class RenderCamera(Section):
    """What the pictures were taken with, beside the lens."""

    transfer: Transfer = _newer(
        "gamma22", help="curve of the pictures: srgb is real footage's, gamma22 that of procedural scenes"
    )
    aperture: str = _of_thin_lens(
        "disc", help="shape of the opening: disc, polygon(BLADES, ROTATION), cat_eye(STRENGTH)"
    )
    highlights: Literal["none", "boost"] = _of_thin_lens(
        "none",
        help="boost: bright areas regain the light that 8 bits bent under white before they are blurred",
    )
    planes: Literal["whole", "sparse"] = _of_thin_lens(
        "whole",
        help="sparse: blur only where a plane has anything; faster, equal up to a level in rare pixels",
    )
    sensor: SensorConfig = _newer(
        SensorConfig(),
        help="after the blur {noise_iso, jpeg_quality}: blur without noise tells a net what to look for",
    )
    keep_clean: bool = _newer(
        False, help="keep the renders as they were before the sensor, in clean_renders/"
    )

    @field_validator("aperture")
    @classmethod
    def _is_a_shape(cls, value: str) -> str:
        return str(Aperture.parse(value))

    @model_validator(mode="before")
    @classmethod
    def _clean_beside_the_sensor(cls, values: Any) -> Any:
        """Accept keep_clean within the sensor's keys too, if both places say the same."""
        sensor = values.get("sensor") if isinstance(values, dict) else None
        if not isinstance(sensor, dict) or "keep_clean" not in sensor:
            return values
        within, beside = sensor["keep_clean"], values.get("keep_clean", sensor["keep_clean"])
        if within != beside:
            raise ValueError(f"sensor.keep_clean says {within}, keep_clean beside it {beside}: say it once")
        rest = {key: value for key, value in sensor.items() if key != "keep_clean"}
        return {**values, "sensor": rest, "keep_clean": within}

    def effective(self, name: str) -> Any:
        """Say what the sensor does as plain data."""
        if name == "sensor" and not self.sensor.is_perfect:
            return self.sensor.model_dump(exclude_none=True)
        return super().effective(name)

    def has_effect(self, name: str) -> bool:
        """Say whether a field does anything: blur asks for light, and so does noise."""
        if name == "transfer":
            return self.effective("backend") == THIN_LENS.name or self.sensor.noise_iso is not None
        if name == "keep_clean":
            return not self.sensor.is_perfect
        return super().has_effect(name)
