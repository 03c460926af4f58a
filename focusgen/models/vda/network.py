"""The whole network, cut where work can be saved: per frame, per window, per wanted frame."""

from __future__ import annotations

from torch import Tensor, nn

from focusgen.models.precision import DTYPES, Precision, autocast
from focusgen.models.vda.encoder import Encoder
from focusgen.models.vda.head import FrameFeatures, Head
from focusgen.models.vda.motion import TimeTransformer
from focusgen.models.vda.variants import Variant


class VideoDepthNet(nn.Module):
    """Video Depth Anything. Attribute names are the checkpoint's keys."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.variant = variant
        self.precision: Precision = "fp32"
        self.pretrained = Encoder(variant)
        self.head = Head(variant)

    def set_precision(self, precision: Precision) -> None:
        """Hold the matrices in half precision; norms, positions and the last layers stay float32.

        Activations follow torch.autocast, so the residual stream of the ViT stays float32 as well.
        """
        self.precision = precision
        last_layers = set(self.head.scratch.output_conv2.modules())
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d) and module not in last_layers:
                module.to(DTYPES[precision])

    def limit_sequences(self, n_sequences: int) -> None:
        """Let the motion modules handle at most so many pixels at once."""
        for module in self.modules():
            if isinstance(module, TimeTransformer):
                module.max_sequences = n_sequences

    def encode(self, frames: Tensor) -> FrameFeatures:
        """Return the features of (N, 3, 14h, 14w) normalised frames, each by itself."""
        with autocast(frames.device, self.precision):
            return self.head.per_frame(self.pretrained(frames))

    def mix(self, coarse: Tensor, coarsest: Tensor, n_frames: int) -> Tensor:
        """Return the mixed path of B windows of T = `n_frames` frames; see `Head.mix`."""
        with autocast(coarse.device, self.precision):
            return self.head.mix(coarse, coarsest, n_frames)

    def draw(self, path: Tensor, middle: Tensor, fine: Tensor) -> Tensor:
        """Return (N, 14h, 14w) float32 depth; see `Head.draw`."""
        with autocast(path.device, self.precision):
            return self.head.draw(path, middle, fine)

    def forward(self, clips: Tensor) -> Tensor:
        """Return (B, T, H, W) float32 depth of (B, T, 3, H, W) normalised clips, T at most 32."""
        n_clips, n_frames = clips.shape[:2]
        features = self.encode(clips.flatten(0, 1))
        path = self.mix(features.coarse, features.coarsest, n_frames)
        depth = self.draw(path, features.middle, features.fine)
        return depth.reshape(n_clips, n_frames, *depth.shape[1:])
