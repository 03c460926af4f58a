"""Decoding on its own CUDA stream, so that the next batch denoises meanwhile."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from focusgen.models.flux.parts import Autoencoder
from focusgen.models.flux.tokens import Grid
from focusgen.models.flux.vae import decode, to_frames
from focusgen.models.protocols import Frames


class Pending(NamedTuple):
    """Frames that are perhaps still being decoded."""

    levels: Tensor
    finite: Tensor
    """() bool, where `levels` are: false if a pixel was NaN or infinite before it became a level."""
    done: Any

    def frames(self) -> Frames:
        """Wait, and return the uint8 frames."""
        if self.done is not None:
            self.done.synchronize()
        frames: Frames = self.levels.numpy()
        return frames

    def is_finite(self) -> bool:
        """Say whether all pixels were numbers; only after `frames` has waited."""
        return bool(self.finite)


class Decoder:
    """Turns latents into frames; beside the denoiser on a GPU, at once elsewhere."""

    def __init__(self, vae: Autoencoder, device: torch.device) -> None:
        self._vae = vae
        cuda: Any = torch.cuda
        self._stream = cuda.Stream(device) if device.type == "cuda" else None

    def submit(self, latents: Tensor, grid: Grid, *, is_sliced: bool) -> Pending:
        """Start decoding (B, tokens, 64) latents."""
        if self._stream is None:
            with torch.inference_mode():
                pixels = decode(self._vae, latents, grid, is_sliced=is_sliced)
                return Pending(to_frames(pixels), torch.isfinite(pixels).all(), None)
        self._stream.wait_stream(torch.cuda.current_stream(latents.device))
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            pixels = decode(self._vae, latents, grid, is_sliced=is_sliced)
            levels = _to_host(to_frames(pixels))
            finite = _to_host(torch.isfinite(pixels).all())
            latents.record_stream(self._stream)  # or its memory is handed out while it is still read
            done = self._stream.record_event()
        return Pending(levels, finite, done)


def _to_host(values: Tensor) -> Tensor:
    """Start a copy into host memory; it is there once the stream has come so far."""
    host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    host.copy_(values, non_blocking=True)
    return host
