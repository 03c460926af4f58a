"""Settings of phase 3: where metric depth comes from, how its files are read, how a long shot is cut."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator, model_validator

from focusgen.config.backend_names import DepthBackend
from focusgen.config.backends import HF, PROVIDED, VDA, built_in
from focusgen.config.depth_units import UNITS
from focusgen.config.section import Section, refuse_blank_name, setting

FRAME_BY_FRAME = "frame by frame"
_PROVIDED = {"backend": [PROVIDED.name]}
_provided = functools.partial(setting, affects=["depth"], when=_PROVIDED, is_recorded_at_default=False)
_CUT = {"long_video": ["chunks"]}
_VDA = {"backend": [VDA.name]}
_NETWORKS = {"backend": [VDA.name, HF.name]}


class DepthConfig(Section):
    """Phase 3."""

    backend: DepthBackend = setting(PROVIDED.name, affects=["depth"], help="where metric depth comes from")
    depth_root: Path | None = setting(
        None, when=_PROVIDED, help="folder of depth: <scene>/ with one file per frame, or one array"
    )
    depth_scale: float | None = setting(
        None,
        affects=["depth"],
        when=_PROVIDED,
        gt=0,
        help="units per metre of the depth files; whole numbers need it, floats are metres without it",
    )
    unit: Literal["m", "cm", "mm"] | None = setting(
        None, when=_PROVIDED, is_recorded_at_default=False, help="unit of the files, instead of depth_scale"
    )
    scale_floats: bool | None = _provided(
        None, help="whether depth_scale divides floats too; null: where only one of the two is plausible"
    )
    invalid_value: tuple[float, ...] = _provided(
        (), help="number or numbers in the files that mean no depth, beside NaN and <= 0, e.g. 65535"
    )
    far_m: float | None = _provided(
        None, gt=0, help="depth of +inf (sky); null: the scene's largest finite depth"
    )
    ray_distance_focal_px: float | None = _provided(
        None, gt=0, help="the files hold distances along rays of a camera of this focal length, px of the map"
    )
    channel: str | None = _provided(None, help="channel of an EXR file, where the names do not tell")
    key: str | None = _provided(None, help="array of an npz or HDF5 file, where the names do not tell")
    is_exact: Literal["auto", "true", "false"] = _provided(
        "auto", help="whether edges of the given depth are those of the picture: false for stereo or ToF"
    )
    accept_range: bool = setting(False, when=_PROVIDED, help="a median below 5 cm or above 500 m is right")
    accept_name: bool = setting(
        False, when=_PROVIDED, help="files that are named like disparity or distances along rays hold depth"
    )
    accept_upright: bool = setting(
        False,
        when=_PROVIDED,
        help="depth of frames that were stored upside down, mirrored, or (squares) turned is upright, too",
    )
    accept_cropped: bool = setting(
        False, when=_PROVIDED, help="depth of a video that its container crops is of the cropped picture"
    )
    checkpoint: Path = setting(
        Path("checkpoints/metric_video_depth_anything_vitl.pth"), when=_VDA, help="VDA weights"
    )
    model_id: str | None = setting(
        None, affects=["depth"], when={"backend": [HF.name]}, help="hub id or folder of a metric depth model"
    )
    input_size: int = setting(
        518, affects=["depth"], when=_VDA, ge=14, help="short side that the network sees"
    )
    encoder: Literal["auto", "vits", "vitb", "vitl"] = setting(
        "auto", when=_VDA, help="size that the checkpoint must hold; auto: whatever it holds"
    )
    model_revision: str | None = setting(
        None, affects=["depth"], when={"backend": [HF.name]}, help="commit, tag or branch of a hub id"
    )
    metric: bool | None = setting(
        None,
        when=_NETWORKS,
        help="true: the output is metres whatever name or model config say; null: judge by them",
    )
    fp32: bool = setting(False, affects=["depth"], when=_NETWORKS, help="no half precision")
    precision: Literal["auto", "fp16", "bf16"] = setting(
        "auto",
        affects=["depth"],
        when={**_NETWORKS, "fp32": [False]},
        help="half precision; auto: fp16 on a GPU, none on a CPU",
    )
    batch_frames: int = setting(8, when={"backend": [HF.name]}, ge=1, help="frames that run together")
    compile: bool = setting(
        False, affects=["depth"], when=_NETWORKS, help="torch.compile: slow start, then faster"
    )
    long_video: Literal["chunks", "stream"] = setting(
        "chunks", affects=["depth"], when=_VDA, help="how videos longer than max_chunk are cut"
    )
    max_chunk: int = setting(256, affects=["depth"], when=_CUT, ge=2, help="frames per chunk")
    overlap: int = setting(32, affects=["depth"], when=_CUT, ge=0, help="frames shared by two chunks")
    align: Literal["scale", "none"] = setting(
        "scale", affects=["depth"], when=_CUT, help="log-scale alignment of chunks"
    )
    min_m: float = setting(0.01, affects=["depth"], gt=0, help="smaller depths are raised to it and counted")
    max_m: float | None = setting(
        None, affects=["depth"], gt=0, help="larger depths are lowered to it and counted"
    )
    warn_patched_fraction: float = setting(0.01, ge=0, le=1, help="patched or raised pixels worth a warning")
    max_patched_fraction: float = setting(0.20, ge=0, le=1, help="patched or raised pixels that fail a scene")
    warn_median_step: float = setting(
        0.15, gt=0, help="relative change of consecutive medians worth a warning"
    )

    @field_validator("invalid_value", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return (value,) if is_number else value

    @field_validator("is_exact", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return str(value).lower() if isinstance(value, bool) else value

    _no_blank_name = field_validator("model_id", "model_revision", "key", "channel")(refuse_blank_name)

    @property
    def taken_as_exact(self) -> bool:
        """True if edges of the depth are those of the picture: it was given, and nobody says otherwise."""
        return self.backend == PROVIDED.name and self.is_exact != "false"

    @model_validator(mode="before")
    @classmethod
    def _unit_is_a_scale(cls, data: object) -> object:
        """Put the scale in the place of a unit, so that records and saved settings know one of the two."""
        unit = data.get("unit") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(unit, str) or unit not in UNITS:
            return data
        scale = UNITS[unit]
        said = data.get("depth_scale")
        if said not in (None, scale):
            raise ValueError(f"unit {unit} is {scale:g} per metre, but depth_scale says {said}")
        return {**data, "unit": None, "depth_scale": scale, "scale_floats": True}

    @model_validator(mode="after")
    def _range_fits(self) -> DepthConfig:
        if self.max_m is not None and self.min_m > self.max_m:
            raise ValueError(f"min_m {self.min_m:g} is beyond max_m {self.max_m:g}")
        if self.far_m is not None and self.far_m > (self.max_m or math.inf):
            raise ValueError(f"far_m {self.far_m:g} is beyond max_m {self.max_m:g}")
        return self

    @model_validator(mode="after")
    def _overlap_fits(self) -> DepthConfig:
        if self.overlap * 2 > self.max_chunk:
            raise ValueError(f"overlap {self.overlap} is more than half of max_chunk {self.max_chunk}")
        return self

    def effective(self, name: str) -> Any:
        """Say how a long shot is really cut, the scale of depth files (records hold 1000 for none), and more.

        Only vda can stream, and frames that stand alone are never cut. An installed backend is asked when it
        is loaded; until then it counts as one whose shots are cut.
        """
        if name == "depth_scale" and self.depth_scale is None:
            return 1000.0
        if name == "is_exact":  # given depth is exact where nothing is said
            return "false" if self.is_exact == "false" else "auto"
        if name != "long_video" or self.backend == VDA.name:
            return getattr(self, name)
        backend = built_in("depth", self.backend)
        return FRAME_BY_FRAME if backend is not None and backend.is_framewise else "chunks"
