"""A checkpoint file to a network, strictly: the right size, nothing missing, nothing left, metric."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from focusgen.base.errors import ConfigError
from focusgen.models.checkpoints import check_finite, load_strict, read_tensors
from focusgen.models.vda.network import VideoDepthNet
from focusgen.models.vda.provenance import metric_doubts
from focusgen.models.vda.variants import VARIANTS, Variant
from focusgen.models.weight_sources import vda_licence
from focusgen.models.weights import WeightRecord, read_record, require_file, verify

_WIDTH_KEY = "pretrained.cls_token"
_FETCH_HINT = "Get it with `focusgen weights fetch vda`, or set depth.checkpoint to where it is."


def load_network(
    path: Path, *, encoder: str = "auto", is_metric: bool | None = None
) -> tuple[VideoDepthNet, WeightRecord]:
    """Return the network of a checkpoint, float32 on the CPU in eval mode, and the record of the file.

    Args:
        path: .pth (read as weights only) or .safetensors.
        encoder: "vits", "vitb", "vitl", or "auto" for what the file holds.
        is_metric: True if you know that its output is metres, whatever its name is; None to judge by digest,
            origin and name.

    Raises:
        ConfigError: names the file, and the key where one is to blame.
    """
    require_file(path, _FETCH_HINT)
    if read_record(path) is not None:
        verify(path)
    metric_doubts(path, is_metric)
    net = _read_network(path, encoder)
    # Only now: a file that is no checkpoint leaves no record.
    return net, verify(path, licence=vda_licence(net.variant.name))


def inspect_checkpoint(path: Path, *, encoder: str = "auto") -> str:
    """Return the size ("vits", ...) that a sound checkpoint holds; the same checks as loading it.

    Raises:
        ConfigError: names the file, and the key where one is to blame.
    """
    return _read_network(path, encoder).variant.name


def _read_network(path: Path, encoder: str) -> VideoDepthNet:
    require_file(path, _FETCH_HINT)
    tensors = read_tensors(path)
    variant = find_variant(tensors, path)
    check_encoder(variant, path, encoder)
    check_finite(tensors, path)
    return build_network(tensors, variant, path)


def build_network(tensors: Mapping[str, Tensor], variant: Variant, path: Path) -> VideoDepthNet:
    """Return the network with these weights.

    Raises:
        ConfigError: names missing, unexpected and misshapen keys.
    """
    with torch.device("meta"):  # no time lost on random weights that are replaced at once
        net = VideoDepthNet(variant)
    load_strict(net, tensors, path)
    return net.eval().requires_grad_(False)


def find_variant(tensors: Mapping[str, Tensor], path: Path) -> Variant:
    """Return the published size that the shapes belong to.

    Raises:
        ConfigError: it is none of them.
    """
    token = tensors.get(_WIDTH_KEY)
    if token is None or token.ndim == 0:
        keys = ", ".join(sorted(tensors)[:3])
        raise ConfigError(
            f"{path}: no checkpoint of Video Depth Anything: it has no key {_WIDTH_KEY!r} (but {keys}, ...)"
        )
    width = token.shape[-1]
    for variant in VARIANTS.values():
        if variant.width == width:
            return variant
    known = ", ".join(f"{v.width} ({v.name})" for v in VARIANTS.values())
    raise ConfigError(f"{path}: key {_WIDTH_KEY!r} has width {width}; known are {known}")


def check_encoder(found: Variant, path: Path, encoder: str) -> None:
    """Check that a file holds the size that was asked for, or that its name says.

    Raises:
        ConfigError: it holds another one.
    """
    named = re.findall(r"vit[sbl](?![a-z])", path.stem.lower())
    asked = named[-1] if encoder == "auto" and named else encoder
    if asked in ("auto", found.name):
        return
    by = "its name says" if encoder == "auto" else "depth.encoder asks for"
    raise ConfigError(
        f"{path}: holds {found.name} (key {_WIDTH_KEY!r} has width {found.width}), but {by} {asked}",
        "Give the right file, or set depth.encoder to what it holds." if encoder == "auto" else "",
    )
