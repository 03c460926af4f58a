"""Phase 3 with Video Depth Anything: settings to a `DepthModel`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from focusgen.config import Config
from focusgen.config.depth import DepthConfig
from focusgen.models.devices import pick_device
from focusgen.models.precision import Precision, choose_precision
from focusgen.models.protocols import DepthModel, SceneFrames
from focusgen.models.vda.encoder import Block
from focusgen.models.vda.loading import load_network
from focusgen.models.vda.motion import TimeTransformer
from focusgen.models.vda.network import VideoDepthNet
from focusgen.models.vda.provenance import metric_doubts
from focusgen.models.vda.schedule import DepthMap
from focusgen.models.vda.stream import VideoStreamer
from focusgen.models.weights import WeightRecord

TRAINED_TO_M = 80.0
"""Outdoor metric heads of this family learn from Virtual KITTI up to here; sky and beyond is a guess."""


class VideoDepthAnything(DepthModel):
    """Metric depth of whole scenes; a `DepthModel`.

    Each call of `estimate` is a sequence of its own: chunks of a long video and shots between cuts are
    handed over one by one.

    Args:
        net: loaded; moved to `device` and to `precision` here.
        precision: of the matrices; see `VideoDepthNet.set_precision`.
        input_size: short side that the network sees, pixels.
        handles_long_video: any number of frames is one sequence; False has phase 3 cut chunks.
        weights: record of the checkpoint, if there is one.
        doubts: why its output may not be metres, in words for the record.
    """

    def __init__(
        self,
        net: VideoDepthNet,
        *,
        device: torch.device,
        precision: Precision = "fp32",
        input_size: int = 518,
        handles_long_video: bool = True,
        weights: WeightRecord | None = None,
        doubts: Sequence[str] = (),
    ) -> None:
        net.set_precision(precision)
        self.net = net.to(device)
        if device.type == "cuda" and precision != "fp32":
            # cuDNN's half precision convolutions are made for this order of memory.
            self.net.head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._handles_long_video = handles_long_video
        self.weights = weights
        self._doubts = tuple(doubts)
        self._streamer = VideoStreamer(self.net, input_size=input_size)

    @property
    def doubts(self) -> Sequence[str]:
        """Why its output may not be metres."""
        return self._doubts

    @property
    def handles_long_video(self) -> bool:
        """True if the whole scene is one sequence."""
        return self._handles_long_video

    @property
    def trained_to_m(self) -> float:
        """Largest depth that its metric head was trained on."""
        return TRAINED_TO_M

    def estimate(self, scene: SceneFrames) -> Iterator[tuple[int, DepthMap]]:
        """Yield (frame_index, (H, W) float32 metres), each frame once, in order, final.

        Memory does not grow with the scene.

        Raises:
            ModelMemoryError: out of memory after every step of the ladder.
        """
        yield from self._streamer.run(scene)


def load(cfg: Config, device: str | None) -> DepthModel:
    """Return the backend; see `load_video_depth`."""
    return load_video_depth(cfg.depth, device=device)


def load_video_depth(cfg: DepthConfig, *, device: str | None = None) -> VideoDepthAnything:
    """Return the model that the settings of phase 3 describe.

    Raises:
        ConfigError: no GPU and no `--device cpu`, or something is wrong with the checkpoint.
    """
    where = pick_device(device, "depth.backend: vda")
    precision = choose_precision(cfg, where)
    net, record = load_network(cfg.checkpoint, encoder=cfg.encoder, is_metric=cfg.metric)
    if cfg.compile:
        compile_parts(net)
    return VideoDepthAnything(
        net,
        device=where,
        precision=precision,
        input_size=cfg.input_size,
        handles_long_video=cfg.long_video == "stream",
        weights=record,
        doubts=metric_doubts(cfg.checkpoint, cfg.metric),
    )


def compile_parts(net: nn.Module, backend: str = "inductor") -> None:
    """Compile the blocks in place, each kind once: nearly all of the time is spent in them."""
    for module in net.modules():
        if isinstance(module, Block | TimeTransformer):
            module.compile(backend=backend)
