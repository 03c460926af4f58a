"""The small network as an ONNX file: for phones, browsers, and programs that have no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import torch

from focusgen import __version__
from focusgen.base.errors import ConfigError
from focusgen.base.files import replacing
from focusgen.focal.learned.batches import tensors
from focusgen.focal.learned.network import FocalNet
from focusgen.focal.learned.volume import MULTIPLE_PX, blank_evidence

INPUTS = ("volume", "context", "sharp", "hypotheses", "first", "classical", "guess")
OUTPUTS = ("diopters", "share", "logits", "log_error", "mended")
OPSET = 18
NEEDED = ("onnx", "onnxscript")


def export_onnx(net: FocalNet, path: Path, notes: Mapping[str, str] | None = None) -> None:
    """Write the network; height and width are free, in multiples of 16 at full size.

    Raises:
        ConfigError: the packages that it takes are not installed; says how to get them.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"an ONNX file needs {' and '.join(missing)}", "Install them: pip install 'focusgen[onnx]'"
        )
    program = torch.onnx.export(
        net.eval(),
        tensors(blank_evidence(2 * MULTIPLE_PX, 3 * MULTIPLE_PX)),
        input_names=list(INPUTS),
        output_names=list(OUTPUTS),
        opset_version=OPSET,
        dynamo=True,
        dynamic_shapes=_free_sizes(),
        verbose=False,
    )
    assert program is not None, "dynamo=True returns a program"
    about = {"focusgen": __version__, "shape": json.dumps(asdict(net.shape)), **(notes or {})}
    program.model.metadata_props.update(about)
    with replacing(path) as temporary:
        program.save(str(temporary))


def _free_sizes() -> tuple[dict[int, object], ...]:
    """Return which axes are free; half sizes are multiples of 8."""
    down, right = (torch.export.Dim(name, min=2, max=512) for name in ("down", "right"))
    h, w = 8 * down, 8 * right
    half: dict[int, object] = {2: h, 3: w}
    whole: dict[int, object] = {2: 2 * h, 3: 2 * w}
    return {3: h, 4: w}, half, whole, {}, half, whole, whole
