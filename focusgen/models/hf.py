"""Phase 3 with any metric depth model that transformers loads, frame by frame."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from focusgen.base.errors import ConfigError, ModelMemoryError
from focusgen.base.names import listed
from focusgen.config import Config
from focusgen.config.depth import DepthConfig
from focusgen.models.checkpoints import check_file_finite
from focusgen.models.devices import free_cached_memory, is_out_of_memory, pick_device
from focusgen.models.hf_files import hf_weight_files, model_folder
from focusgen.models.precision import Precision, autocast, choose_precision
from focusgen.models.protocols import DepthModel, SceneFrames
from focusgen.models.vda.frames import IMAGENET_MEAN, IMAGENET_STD
from focusgen.models.vda.variants import PATCH_PX

if TYPE_CHECKING:
    from transformers import PretrainedConfig

Loaded = TypeVar("Loaded")

log = logging.getLogger(__name__)

METRIC_MODEL_TYPES = ("zoedepth", "depth_pro", "glpn")
"""Architectures whose output is metres by construction."""

DEPTH_ANYTHING_SHORT_SIDE = 518
_DEPTH_ANYTHING_TYPES = ("depth_anything", "prompt_depth_anything")
MAX_CARD_CHARACTERS = 20_000


class HfDepth(DepthModel):
    """Metric depth of single frames, batched; a `DepthModel`.

    Args:
        model: a loaded AutoModelForDepthEstimation, moved to `device` here.
        processor: its image processor.
        precision: of the matrices, through torch.autocast.
        batch_frames: frames that run together; halved when memory runs out.
        doubts: why its output may not be metres, in words for the record.
        trained_to_m: largest depth that it can say, metres; None where its configuration does not tell.
    """

    handles_long_video = True
    """Frames do not know of each other, so chunks would only cost their overlaps."""

    def __init__(
        self,
        model: nn.Module,
        processor: Any,
        *,
        device: torch.device,
        precision: Precision = "fp32",
        batch_frames: int = 8,
        doubts: Sequence[str] = (),
        trained_to_m: float | None = None,
    ) -> None:
        self.model = model.to(device).eval()
        self.processor = processor
        self._device = device
        self._precision: Precision = precision
        self._batch_frames = batch_frames
        self._doubts = tuple(doubts)
        self._trained_to_m = trained_to_m

    @property
    def trained_to_m(self) -> float | None:
        """Largest depth that it was trained on."""
        return self._trained_to_m

    @property
    def doubts(self) -> Sequence[str]:
        """Why its output may not be metres."""
        return self._doubts

    def estimate(self, scene: SceneFrames) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Yield (frame_index, (H, W) float32 metres), each frame once, in order, final.

        Raises:
            ModelMemoryError: a single frame does not fit.
        """
        start = 0
        while start < len(scene):
            stop = min(start + self._batch_frames, len(scene))
            frames = scene.read(start, stop)
            failure = ""
            depths: list[npt.NDArray[np.float32]] = []
            try:
                depths = self._infer(frames)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                failure = str(error).splitlines()[0] if str(error) else type(error).__name__
            if failure:  # outside of the handler, whose traceback holds on to tensors
                self._halve(scene.scene_id, start, failure)
                continue
            yield from enumerate(depths, start)
            start = stop

    def _halve(self, scene_id: str, start: int, failure: str) -> None:
        free_cached_memory(self._device)
        if self._batch_frames == 1:
            raise ModelMemoryError(
                f"scene {scene_id!r}, frame {start}: one frame is too much for the memory of "
                f"{self._device}: {failure}",
                "Take a smaller model, a lower deblur.resize_long_side, or a device with more memory.",
            )
        self._batch_frames //= 2
        log.warning("scene %r: out of memory; going on with %d frames at once", scene_id, self._batch_frames)

    @torch.inference_mode()
    def _infer(self, frames: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
        height, width = frames.shape[1:3]
        inputs = self.processor(
            images=list(frames), return_tensors="pt", input_data_format="channels_last"
        ).to(self._device)
        with autocast(self._device, self._precision):
            outputs = self.model(**inputs)
        return [
            np.ascontiguousarray(depth.float().reshape(height, width).cpu().numpy())
            for depth in self._at_frame_size(outputs, [(height, width)] * len(frames))
        ]

    def _at_frame_size(self, outputs: Any, sizes: list[tuple[int, int]]) -> list[torch.Tensor]:
        """Let the processor undo its own resize and padding; it knows the model's conventions."""
        finish = self.processor.post_process_depth_estimation
        options: dict[str, Any] = {"target_sizes": sizes}
        if "source_sizes" in inspect.signature(finish).parameters:
            options["source_sizes"] = sizes
        outputs.predicted_depth = outputs.predicted_depth.float()
        return [result["predicted_depth"] for result in finish(outputs, **options)]


def load(cfg: Config, device: str | None) -> DepthModel:
    """Return the backend; see `load_hf_depth`."""
    return load_hf_depth(cfg.depth, device=device)


def load_hf_depth(cfg: DepthConfig, *, device: str | None = None) -> HfDepth:
    """Return the model that the settings of phase 3 describe.

    Raises:
        ConfigError: no model named, not on this machine, not metric, or badly saved.
    """
    if not cfg.model_id:
        raise ConfigError(
            "depth.backend: hf, but no depth.model_id",
            "Name a hub id or a folder, e.g. depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf.",
        )
    where = pick_device(device, "depth.backend: hf")
    from transformers import AutoConfig

    config = _asked(cfg, AutoConfig.from_pretrained)
    doubts = metric_doubts(config, cfg.metric, cfg.model_id, card_of(cfg))
    processor = _load_processor(cfg, config)
    model = _load_model(cfg)
    if cfg.compile:
        model.compile()
    precision = choose_precision(cfg, where)
    return HfDepth(
        model,
        processor,
        device=where,
        precision=precision,
        batch_frames=cfg.batch_frames,
        doubts=doubts,
        trained_to_m=_largest_depth_m(config),
    )


def _largest_depth_m(config: PretrainedConfig) -> float | None:
    """Return where the depth of a metric model ends by its configuration: 20 m indoors, 80 m outdoors."""
    document = config.to_dict()
    ends_m = [
        document.get("max_depth"),
        *(b.get("max_depth") for b in document.get("bin_configurations", ())),
    ]
    known_m = [float(end_m) for end_m in ends_m if end_m and end_m > 1.0]  # 1: a relative model's
    return max(known_m, default=None)


def metric_doubts(
    config: PretrainedConfig, is_metric: bool | None, model_id: str, card: str = ""
) -> tuple[str, ...]:
    """Return what the record must say of a model that is metric by a person's word only, else nothing.

    Args:
        config: the model's own configuration.
        is_metric: the person's word, None if nothing was said.
        model_id: names it in messages.
        card: head of its model card, "" if there is none.

    Raises:
        ConfigError: it is relative, or nobody knows.
    """
    reason = "depth.metric is false" if is_metric is False else _why_not_metric(config, card)
    if not reason:
        return ()
    if is_metric:
        doubt = f"depth is metric by depth.metric alone: {reason} ({model_id})"
        log.warning("%s; taken for metres", doubt)
        return (doubt,)
    raise ConfigError(
        f"{model_id}: not known to be metric: {reason}",
        "Phase 3 needs metres: take a metric model, or set depth.metric: true if its output is metres.",
    )


def _why_not_metric(config: PretrainedConfig, card: str) -> str:
    """Return why a model may be relative, "" if configuration and card agree that it is metric."""
    kind = config.to_dict().get("depth_estimation_type")
    if kind == "relative":
        return "its config says depth_estimation_type: relative"
    if kind != "metric" and config.model_type not in METRIC_MODEL_TYPES:
        return f"the config of a {config.model_type} does not say whether its output is metres"
    if re.search(r"relative[-_ ]depth", card.lower()):
        return "its model card says relative depth"
    return ""


def card_of(cfg: DepthConfig) -> str:
    """Return the metadata at the head of a model's README.md, "" if it has none on this machine."""
    folder = model_folder(str(cfg.model_id), cfg.model_revision)
    path = None if folder is None else folder / "README.md"
    if path is None or not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        parts = file.read(MAX_CARD_CHARACTERS).split("---", 2)
    return parts[1] if len(parts) == 3 and not parts[0].strip() else ""


def _load_model(cfg: DepthConfig) -> nn.Module:
    from transformers import AutoModelForDepthEstimation

    model, info = _asked(
        cfg, AutoModelForDepthEstimation.from_pretrained, output_loading_info=True, dtype=torch.float32
    )
    for problem in ("missing_keys", "mismatched_keys", "error_msgs"):
        if keys := sorted(str(key) for key in info.get(problem) or ()):
            raise ConfigError(f"{cfg.model_id}: {len(keys)} {problem.replace('_', ' ')}: {listed(keys)}")
    if surplus := sorted(info.get("unexpected_keys") or ()):
        log.warning("%s: %d weights have no place in the model: %s", cfg.model_id, len(surplus), surplus[:3])
    files = hf_weight_files(cfg.model_id, cfg.model_revision).values()
    safe = [file for file in files if file.suffix == ".safetensors"]
    for file in safe or [file for file in files if file.name.startswith("pytorch_model")]:
        check_file_finite(file, may_hold_integers=True)
    net: nn.Module = model.requires_grad_(False)
    return net


def _load_processor(cfg: DepthConfig, config: PretrainedConfig) -> Any:
    """Return the model's image processor; a Depth Anything without one gets the family's, and it is said."""
    from transformers import AutoImageProcessor, DPTImageProcessor

    folder = Path(str(cfg.model_id))
    has_own = not folder.is_dir() or (folder / "preprocessor_config.json").is_file()
    if has_own or config.model_type not in _DEPTH_ANYTHING_TYPES:
        return _asked(cfg, AutoImageProcessor.from_pretrained)
    log.warning("%s: no preprocessor_config.json; taking the one of published Depth Anything models", folder)
    return DPTImageProcessor(
        size={"height": DEPTH_ANYTHING_SHORT_SIDE, "width": DEPTH_ANYTHING_SHORT_SIDE},
        keep_aspect_ratio=True,
        ensure_multiple_of=int(getattr(config, "patch_size", None) or PATCH_PX),
        image_mean=list(IMAGENET_MEAN),
        image_std=list(IMAGENET_STD),
    )


def _asked(cfg: DepthConfig, load: Callable[..., Loaded], **options: object) -> Loaded:
    """Return what transformers loads for the configured model, never running code that comes with it.

    Nothing is downloaded: a record must name the digests of its weights, and they are taken before the
    model is loaded.

    Raises:
        ConfigError: not on this machine, damaged, or in need of another package.
    """
    from safetensors import SafetensorError

    try:
        return load(
            cfg.model_id,
            revision=cfg.model_revision,
            trust_remote_code=False,
            local_files_only=True,
            **options,
        )
    except (OSError, ValueError, KeyError, SafetensorError, RuntimeError) as error:
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"{cfg.model_id}: cannot be loaded: {first_line}", _advice(cfg)) from error
    except ImportError as error:
        first_line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise ConfigError(
            f"{cfg.model_id}: needs a package that is not installed: {first_line}",
            "Install it (for an image processor that is torchvision).",
        ) from error


def _advice(cfg: DepthConfig) -> str:
    if Path(str(cfg.model_id)).is_dir():
        return "The folder must hold config.json, preprocessor_config.json and the weights."
    at = f" --revision {cfg.model_revision}" if cfg.model_revision else ""
    return (
        f"Nothing is downloaded during a run; first, where there is network: hf download {cfg.model_id}{at}\n"
        f"A gated model asks for its licence on https://huggingface.co/{cfg.model_id} and `hf auth login`. "
        "depth.model_id may also be a folder."
    )
