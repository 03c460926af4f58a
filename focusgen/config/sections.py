"""Every setting, with its one default and the phases whose bytes it changes.

Every field declares the phases whose output it changes (`affects`); that is what makes a finished scene
stale when the field changes, and what leaves it alone when it does not.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from focusgen.config.cluster import ClusterConfig
from focusgen.config.graph import PhaseName
from focusgen.config.section import Section, setting
from focusgen.optics.coc import Formula

_deblurnet = functools.partial(setting, affects=["deblur"], when={"backend": ["deblurnet"]})
_bokehnet = functools.partial(setting, affects=["render"], when={"backend": ["bokehnet"]})
_tiled_deblurnet = functools.partial(
    setting, affects=["deblur"], when={"backend": ["deblurnet"], "disable_tiling": [False]}
)
_tiled_bokehnet = functools.partial(
    setting, affects=["render"], when={"backend": ["bokehnet"], "disable_tiling": [False]}
)
_CUT = {"backend": ["vda", "dryrun"], "long_video": ["chunks"]}  # backends whose long shots phase 3 cuts
_speed_of_deblurnet = functools.partial(setting, when={"backend": ["deblurnet"]})
_speed_of_bokehnet = functools.partial(setting, when={"backend": ["bokehnet"]})


class DataConfig(Section):
    """Where data lies and which of it is used."""

    raw_root: Path = setting(Path("data"), help="folder of videos, or of folders of images")
    out_root: Path = setting(Path("output"), help="the data set that is made")
    scene_index: Path | None = setting(None, help="scene_index.json; default <out_root>/scene_index.json")
    glob: str | None = setting(
        None, affects=["index"], help="pattern of scene folders below raw_root, e.g. '*/*' for class/clip"
    )
    min_frames: int = setting(16, affects=["index"], ge=1, help="a shorter scene is refused")
    max_frames: int | None = setting(
        None, affects=["index"], ge=1, help="phase 1: fixes the length; later: a rehearsal, marked partial"
    )
    split_seed: int = setting(42, affects=["index"], help="seed of the 80/10/10 split")
    shot_cut_threshold: float = setting(
        0.35, affects=["index"], gt=0, le=1, help="histogram distance above which two frames are a shot cut"
    )
    group_writable: bool = setting(False, help="give the group write permission on everything published")


class DeblurConfig(Section):
    """Phase 2."""

    backend: Literal["passthrough", "classical", "deblurnet"] = setting(
        "passthrough", affects=["deblur"], help="what sharpens one frame"
    )
    temporal: Literal["auto", "flow", "draws", "none", "cached_window"] = setting(
        "auto", affects=["deblur"], help="auto: none for passthrough, flow else"
    )
    radius: int = setting(
        2, affects=["deblur"], when={"temporal": ["flow"]}, ge=1, le=16, help="neighbours fused on each side"
    )
    window_size: int = setting(
        16, affects=["deblur"], when={"temporal": ["draws", "cached_window"]}, ge=1, help="frames per window"
    )
    stride: int = setting(
        8,
        affects=["deblur"],
        when={"temporal": ["draws", "cached_window"]},
        ge=1,
        help="frames between windows",
    )
    resize_long_side: int | None = setting(
        None,
        affects=["deblur"],
        ge=16,
        help="Lanczos resize to this long side, centre crop to multiples of 16",
    )
    steps: int = _deblurnet(8, ge=1, help="diffusion steps")
    on_oom: Literal["fail", "input"] = _deblurnet("fail", help="input: publish the raw frame, flagged")
    protocol: Literal["frame", "black+frame"] = _deblurnet("frame", help="what the LoRA file is shown")
    prompt: str = _deblurnet("a sharp photo with everything in focus", help="embedded by weights prompts")
    guidance_scale: float = _deblurnet(3.5, ge=0, help="the distilled guidance that is embedded")
    posterior: Literal["mean", "sample"] = _deblurnet("mean", help="sample: the VAE's, with own noise")
    disable_tiling: bool = _deblurnet(False, help="denoise the frame as one piece")
    tile_px: int = _tiled_deblurnet(512, ge=32, multiple_of=16, help="side of a tile; the net knows 512")
    tile_overlap_px: int | None = _tiled_deblurnet(
        None, ge=0, multiple_of=16, help="default an eighth of tile_px"
    )
    precision: Literal["bf16", "fp32", "fp8", "nf4"] = _deblurnet("bf16", help="fp8, nf4: approximations")
    compile: bool = _deblurnet(False, help="torch.compile: faster after a minute, rounds differently")
    model_id: str = _deblurnet("black-forest-labs/FLUX.1-dev", help="hub id or folder")
    lora_path: Path = _speed_of_deblurnet(Path("."), help="folder of the LoRA file")
    lora_weight: str = _speed_of_deblurnet("deblurNet.safetensors", help="file name of the LoRA")
    prompt_cache: Path = _speed_of_deblurnet(
        Path("checkpoints/flux_prompts"), help="folder of embedded prompts"
    )
    offload: bool = _speed_of_deblurnet(False, help="keep weights in host memory between uses")
    sequential_vae: bool = _speed_of_deblurnet(False, help="one frame at a time through the VAE")
    batch_size: int | None = _speed_of_deblurnet(
        None, ge=1, help="frames at once; default: what fits, 1 on a CPU"
    )

    @model_validator(mode="after")
    def _stride_fits(self) -> DeblurConfig:
        if self.stride > self.window_size:
            raise ValueError(
                f"stride {self.stride} is larger than window_size {self.window_size}: "
                "frames would be left out"
            )
        return self

    def effective(self, name: str) -> Any:
        """Resolve temporal: auto."""
        if name == "temporal" and self.temporal == "auto":
            return "none" if self.backend == "passthrough" else "flow"
        return getattr(self, name)


class DepthConfig(Section):
    """Phase 3."""

    backend: Literal["provided", "dryrun", "vda", "hf"] = setting(
        "provided", affects=["depth"], help="where metric depth comes from"
    )
    depth_root: Path | None = setting(
        None,
        when={"backend": ["provided"]},
        help="folder of depth: <scene>/ with one file per frame, or one array",
    )
    depth_scale: float = setting(
        1000.0,
        affects=["depth"],
        when={"backend": ["provided"]},
        gt=0,
        help="units per metre of a 16-bit png",
    )
    checkpoint: Path = setting(
        Path("checkpoints/metric_video_depth_anything_vitl.pth"),
        when={"backend": ["vda"]},
        help="VDA weights",
    )
    model_id: str | None = setting(
        None, affects=["depth"], when={"backend": ["hf"]}, help="hub id or folder of a metric depth model"
    )
    input_size: int = setting(
        518, affects=["depth"], when={"backend": ["vda"]}, ge=14, help="short side that the network sees"
    )
    encoder: Literal["auto", "vits", "vitb", "vitl"] = setting(
        "auto", when={"backend": ["vda"]}, help="size that the checkpoint must hold; auto: whatever it holds"
    )
    model_revision: str | None = setting(
        None, affects=["depth"], when={"backend": ["hf"]}, help="commit, tag or branch of a hub id"
    )
    metric: bool | None = setting(
        None,
        when={"backend": ["vda", "hf"]},
        help="true: the output is metres whatever name or model config say; null: judge by them",
    )
    fp32: bool = setting(False, affects=["depth"], when={"backend": ["vda", "hf"]}, help="no half precision")
    precision: Literal["auto", "fp16", "bf16"] = setting(
        "auto",
        affects=["depth"],
        when={"backend": ["vda", "hf"], "fp32": [False]},
        help="half precision; auto: fp16 on a GPU, none on a CPU",
    )
    batch_frames: int = setting(8, when={"backend": ["hf"]}, ge=1, help="frames that run together")
    compile: bool = setting(
        False,
        affects=["depth"],
        when={"backend": ["vda", "hf"]},
        help="torch.compile: slow start, then faster",
    )
    long_video: Literal["chunks", "stream"] = setting(
        "chunks",
        affects=["depth"],
        when={"backend": ["vda"]},
        help="how videos longer than max_chunk are cut",
    )
    max_chunk: int = setting(256, affects=["depth"], when=_CUT, ge=2, help="frames per chunk")
    overlap: int = setting(
        32,
        affects=["depth"],
        when=_CUT,
        ge=0,
        help="frames shared by two chunks",
    )
    align: Literal["scale", "none"] = setting(
        "scale",
        affects=["depth"],
        when=_CUT,
        help="log-scale alignment of chunks",
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

    @model_validator(mode="after")
    def _overlap_fits(self) -> DepthConfig:
        if self.overlap * 2 > self.max_chunk:
            raise ValueError(f"overlap {self.overlap} is more than half of max_chunk {self.max_chunk}")
        return self

    def effective(self, name: str) -> Any:
        """Only vda can stream; whatever the field says, the others have their long shots cut."""
        if name == "long_video" and self.backend != "vda":
            return "chunks"
        return getattr(self, name)


class OpticsConfig(Section):
    """The camera that all phases share."""

    formula: Formula = setting("paper", affects=["calibrate", "render"], help="denominator of the CoC")
    sensor_width_mm: float = setting(
        36.0, affects=["calibrate", "render"], gt=0, help="sensor width that the frame shows"
    )

    @property
    def sensor_width_m(self) -> float:
        """The sensor width in metres."""
        return self.sensor_width_mm / 1000.0


class LensConfig(Section):
    """The law that lenses are drawn from."""

    law: Literal["random", "sweep"] = setting(
        "random", affects=["calibrate", "render"], help="random: the report's law; sweep: S even in diopters"
    )
    focal_length_mm: tuple[float, float] = setting(
        (24.0, 85.0), affects=["calibrate", "render"], help="uniform between"
    )
    f_number: tuple[float, float] = setting(
        (1.4, 8.0), affects=["calibrate", "render"], help="log-uniform between"
    )
    focus_range: Literal["full", "robust"] = setting(
        "full", affects=["calibrate", "render"], help="S between d_min..d_max, or d_p5..d_p95"
    )

    @field_validator("focal_length_mm", "f_number")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] <= value[1]:
            raise ValueError(f"needs 0 < low <= high, not {list(value)}")
        return value


class CalibrateConfig(Section):
    """Phase 4."""

    sample_fraction: float = setting(0.2, affects=["calibrate"], gt=0, le=1, help="share of scenes sampled")
    min_scenes: int = setting(5, affects=["calibrate"], ge=1, help="scenes sampled at least")
    n_lens_sets: int = setting(8, affects=["calibrate"], ge=1, help="lenses drawn per sampled scene")
    output_stats: Path | None = setting(None, help="default <out_root>/logs/coc_stats.json")
    output_plot: Path | None = setting(None, help="default <out_root>/logs/coc_histogram.png")


class RenderConfig(Section):
    """Phase 5."""

    backend: Literal["thin_lens", "bokehnet"] = setting(
        "thin_lens", affects=["render"], help="what draws the blur"
    )
    n_sets: int = setting(4, affects=["render"], ge=1, le=100, help="lens sets per scene")
    max_coc: float | None = setting(
        None, affects=["render"], gt=0, help="CoC in metres where the label reaches 0; given by a person"
    )
    clip_to_max_coc: bool = setting(True, affects=["render"], help="picture and label saturate together")
    max_radius_px: float = setting(
        64.0, affects=["render"], when={"backend": ["thin_lens"]}, gt=0, help="larger blur is drawn as this"
    )
    depth_edge_snap: Literal["auto", "on", "off"] = setting(
        "auto", affects=["render"], when={"backend": ["thin_lens"]}, help="auto: on for predicted depth"
    )
    guidance: Literal["normalised", "physical"] = _bokehnet("normalised", help="unit of the defocus map")
    guidance_max_radius_px: float = setting(
        100.0,
        affects=["render"],
        when={"backend": ["bokehnet"], "guidance": ["physical"]},
        gt=0,
        help="radius of physical guidance 1.0",
    )
    steps: int = _bokehnet(30, ge=1, help="diffusion steps")
    prompt: str = _bokehnet("an excellent photo with a large aperture", help="embedded by weights prompts")
    guidance_scale: float = _bokehnet(1.0, ge=0, help="the distilled guidance that is embedded")
    posterior: Literal["mean", "sample"] = _bokehnet("mean", help="sample: the VAE's, with own noise")
    disable_tiling: bool = _bokehnet(False, help="denoise the frame as one piece")
    tile_px: int = _tiled_bokehnet(512, ge=32, multiple_of=16, help="side of a tile; the net knows 512")
    tile_overlap_px: int | None = _tiled_bokehnet(
        None, ge=0, multiple_of=16, help="default an eighth of tile_px"
    )
    precision: Literal["bf16", "fp32", "fp8", "nf4"] = _bokehnet("bf16", help="fp8, nf4: approximations")
    compile: bool = _bokehnet(False, help="torch.compile: faster after a minute, rounds differently")
    model_id: str = _bokehnet("black-forest-labs/FLUX.1-dev", help="hub id or folder")
    lora_path: Path = _speed_of_bokehnet(Path("."), help="folder of the LoRA file")
    lora_weight: str = _speed_of_bokehnet("bokehNet.safetensors", help="file name of the LoRA")
    prompt_cache: Path = _speed_of_bokehnet(
        Path("checkpoints/flux_prompts"), help="folder of embedded prompts"
    )
    offload: bool = _speed_of_bokehnet(False, help="keep weights in host memory between uses")
    sequential_vae: bool = _speed_of_bokehnet(False, help="one frame at a time through the VAE")
    batch_size: int | None = _speed_of_bokehnet(
        None, ge=1, help="frames at once; default: what fits, 1 on a CPU"
    )
    warn_focus_mean: tuple[float, float] = setting((0.2, 0.8), help="mean focus outside is worth a warning")


class ValidateConfig(Section):
    """Phase 6."""

    min_spearman: float = setting(0.5, help="agreement of measured blur and label, below it a warning")
    temporal_pairs: int = setting(6, ge=0, help="frame pairs per scene for the temporal measures; 0: none")
    max_e_warp_ratio: float = setting(2.0, gt=0, help="E_warp of sharp over raw frames, above it a warning")
    min_sharpness_ratio: float = setting(0.85, gt=0, help="sharpness of sharp over raw, below it a warning")
    report: Path | None = setting(None, help="default <out_root>/logs/validation_report.json")


class RunConfig(Section):
    """How a run behaves; nothing here changes published bytes."""

    device: str | None = setting(None, help="cuda, cuda:1, cpu; default: a GPU where the backend needs one")
    on_stale: Literal["fail", "redo", "keep"] = setting("fail", help="scenes made with other settings")
    workers: int = setting(2, ge=1, help="processes that decode in phases 1 and 6")
    auto_approve: bool = setting(False, help="let the run approve its own calibration; recorded as automatic")
    strict: bool = setting(False, help="phase 1: a refused scene makes the exit status 3")


class Config(Section):
    """All settings of a run."""

    seed: int = setting(42, affects=["deblur", "calibrate", "render"], help="seed of lenses and noise")
    data: DataConfig = DataConfig()
    deblur: DeblurConfig = DeblurConfig()
    depth: DepthConfig = DepthConfig()
    optics: OpticsConfig = OpticsConfig()
    lens: LensConfig = LensConfig()
    calibrate: CalibrateConfig = CalibrateConfig()
    render: RenderConfig = RenderConfig()
    validate_: ValidateConfig = Field(default=ValidateConfig(), alias="validate")
    run: RunConfig = RunConfig()
    cluster: ClusterConfig = ClusterConfig()

    def sections(self) -> Iterator[tuple[str, Section]]:
        """Yield (key, section) in file order."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Section):
                yield name.rstrip("_"), value


def settings_for(cfg: Config, phase: PhaseName) -> dict[str, Any]:
    """Return the settings that matter to the bytes of one phase, as {"deblur.steps": 8, ...}.

    A field whose `when` does not hold is left out, so that changing it makes nothing stale.
    """
    relevant: dict[str, Any] = {}
    if seed_matters(cfg, phase):
        relevant["seed"] = cfg.seed
    for section_name, section in cfg.sections():
        for name, info in type(section).model_fields.items():
            extra = info.json_schema_extra
            assert isinstance(extra, dict), f"{section_name}.{name} is not declared with setting()"
            if phase in extra["affects"] and has_effect(section, name):  # type: ignore[operator]
                value = section.effective(name)
                relevant[f"{section_name}.{name}"] = json.loads(json.dumps(value, default=str))
    return relevant


def seed_matters(cfg: Config, phase: PhaseName) -> bool:
    """Say whether a phase draws anything: lenses, or noise (only deblurnet does, in phase 2)."""
    extra = Config.model_fields["seed"].json_schema_extra
    assert isinstance(extra, dict)
    draws = phase in extra["affects"]  # type: ignore[operator]
    return draws and (phase != "deblur" or cfg.deblur.backend == "deblurnet")


def has_effect(section: Section, name: str) -> bool:
    """Say whether a field does anything under the section's other values."""
    extra = type(section).model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    when: Mapping[str, Sequence[Any]] = extra["when"]  # type: ignore[assignment]
    return all(section.effective(sibling) in allowed for sibling, allowed in when.items())
