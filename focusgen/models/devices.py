"""Where a network runs, and what counts as running out of memory there."""

from __future__ import annotations

import torch

from focusgen.base.errors import ConfigError

_CPU_MEMORY_TEXTS = ("defaultcpuallocator", "can't allocate memory", "not enough memory")


def pick_device(device: str | None, backend: str) -> torch.device:
    """Return the device asked for, or the first GPU.

    Args:
        device: "cuda", "cuda:1", "cpu", ...; None or "auto" for the GPU that a network needs.
        backend: for the message, e.g. "depth.backend: vda".

    Raises:
        ConfigError: nothing was asked for and there is no GPU, or the one asked for does not exist.
    """
    if device in (None, "auto"):
        if torch.cuda.is_available():
            return torch.device("cuda")
        raise ConfigError(
            f"{backend} needs a GPU, and {_why_no_cuda()}",
            "Run it where there is one (`focusgen doctor` looks closer), or say --device cpu and be patient.",
        )
    try:
        chosen = torch.device(str(device))
    except RuntimeError as error:
        raise ConfigError(
            f"--device {device}: torch knows no such device", "Say cuda, cuda:0 or cpu."
        ) from error
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"--device {device}: {_why_no_cuda()}",
            f"GPUs found: {torch.cuda.device_count()}. Or say --device cpu.",
        )
    if chosen.type not in ("cpu", "cuda"):
        _check_computes(chosen)
    return chosen


def _check_computes(chosen: torch.device) -> None:
    """Refuse mps, xpu, meta and the like where this torch has no backend for them."""
    try:
        torch.zeros(1, device=chosen).cpu()
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"--device {chosen}: torch {torch.__version__} cannot compute there", "Say cuda, cuda:0 or cpu."
        ) from error


def _why_no_cuda() -> str:
    if torch.version.cuda is None and torch.version.hip is None:
        return f"this torch ({torch.__version__}) was built for the CPU only"
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} (CUDA {torch.version.cuda}) finds no usable GPU or driver"
    return "there is no GPU with that number"


def is_out_of_memory(error: BaseException) -> bool:
    """Tell an allocation that failed, on a GPU or on the host, from other errors."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in _CPU_MEMORY_TEXTS)


def free_cached_memory(device: torch.device) -> None:
    """Hand cached blocks back, so that the next, smaller try does not meet their fragments."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
