"""LPIPS of sharp pictures, where its package is installed: it is no dependency of ours."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.light import shown
from focusgen.focal.scores import inside

Pixels = npt.NDArray[Any]


class Perceptual(NamedTuple):
    """How pictures are compared, and what a table says of it.

    Attributes:
        distance: of (H, W, 3) pixels, the result and the truth; None where it cannot be computed.
        note: which network, or why not.
    """

    distance: Callable[[Pixels, Pixels], float] | None
    note: str


def load_lpips() -> Perceptual:
    """Return LPIPS with AlexNet, as tables of other methods have it, or why there is none."""
    if importlib.util.find_spec("lpips") is None:
        return Perceptual(None, "aif_lpips is not computed: pip install lpips")
    try:
        net = importlib.import_module("lpips").LPIPS(net="alex", verbose=False)
    except (OSError, RuntimeError) as error:  # its weights are fetched when it is first used
        return Perceptual(None, f"aif_lpips is not computed: lpips cannot load its weights: {error}")
    return Perceptual(lambda found, true: _distance(net, found, true), "aif_lpips: AlexNet")


def _distance(net: Callable[[Any, Any], Any], found: Pixels, true: Pixels) -> float:
    import torch

    with torch.inference_mode():
        a, b = (
            torch.from_numpy(np.ascontiguousarray(2.0 * shown(inside(one)).transpose(2, 0, 1) - 1.0))[None]
            for one in (found, true)
        )
        return float(net(a, b))
