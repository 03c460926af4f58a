"""The weights of the small network: one safetensors file, with the network's sizes in its header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from focusgen import __version__
from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.files import publish
from focusgen.base.names import display
from focusgen.focal.checkpoints import SHIPPED_FOLDER
from focusgen.focal.learned.plain_net import PlainNet
from focusgen.focal.learned.shape import NetworkShape
from focusgen.focal.learned.volume import MULTIPLE_PX, blank_evidence

if TYPE_CHECKING:
    from torch import Tensor

    from focusgen.focal.learned.network import FocalNet

WEIGHTS_FILE = "focal_small.safetensors"
SHIPPED = SHIPPED_FOLDER / WEIGHTS_FILE
FORMAT = "focusgen focal small 2"
_UNUSABLE = (SafetensorError, OSError, RuntimeError, KeyError, TypeError, ValueError)


def save_weights(
    path: Path, tensors: Mapping[str, Tensor], shape: NetworkShape, notes: Mapping[str, str]
) -> None:
    """Write weights in half precision, with all that is needed to use them."""
    from focusgen.models.checkpoints import safetensors_bytes

    about = {
        "format": FORMAT,
        "shape": json.dumps(asdict(shape)),
        "focusgen": __version__,
        "license": "Apache-2.0",
        **notes,
    }
    publish(path, safetensors_bytes({name: value.half() for name, value in tensors.items()}, about))


def load_network(path: Path = SHIPPED) -> PlainNet:
    """Return the network of a weights file, or of a training's folder, ready to be asked; without torch.

    Raises:
        ConfigError: there is no such file.
        CorruptInputError: it holds no such network; names it.
    """
    path = _found(path)
    return _loaded(path, path.stat().st_mtime_ns)


def load_trained(path: Path = SHIPPED) -> FocalNet:
    """Return the same as torch knows it, to be written in another form.

    Raises:
        ConfigError: there is no such file.
        CorruptInputError: it holds no such network; names it.
    """
    import torch

    from focusgen.focal.learned.network import FocalNet

    path = _found(path)
    try:
        about, arrays = _read(path)
        net = FocalNet(_shape_of(about["shape"]))
        net.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    except _UNUSABLE as error:
        raise _no_network(path, error) from error
    return net.eval().requires_grad_(False)


def _found(path: Path) -> Path:
    folder, path = path, path / WEIGHTS_FILE if path.is_dir() else path
    if not path.is_file():
        advice = "Weights ship with focusgen; focusgen focal train makes others (.safetensors)."
        if (folder / "focal_sd3.safetensors").is_file():
            advice = "That folder holds weights of Stable Diffusion: --backend sd3 asks them."
        raise ConfigError(f"{display(str(path))}: no such weights", advice)
    return path


@lru_cache(maxsize=2)
def _loaded(path: Path, changed_ns: int) -> PlainNet:
    try:
        net = PlainNet(_read(path)[1])
        net(blank_evidence(MULTIPLE_PX, MULTIPLE_PX))  # whatever is missing or of another size is seen now
    except _UNUSABLE as error:
        raise _no_network(path, error) from error
    return net


def _read(path: Path) -> tuple[dict[str, str], dict[str, npt.NDArray[np.float16]]]:
    """Return what a weights file says of itself, and its weights."""
    with safe_open(str(path), "np") as file:
        about: dict[str, str] = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}
    if about.get("format") != FORMAT:
        raise CorruptInputError(
            f"{display(str(path))}: format {about.get('format')!r}, not {FORMAT!r}",
            "Give weights that focusgen focal train wrote, with model.kind: small.",
        )
    return about, arrays


def _no_network(path: Path, error: Exception) -> CorruptInputError:
    is_state = path.suffix == ".pt"
    return CorruptInputError(
        f"{display(str(path))}: not the weights of a small focal network: {error}",
        f"It is what a training goes on from. Give the {WEIGHTS_FILE} that it writes at its end."
        if is_state
        else "Give weights that focusgen focal train wrote, or none.",
    )


def weights_notes(path: Path = SHIPPED) -> dict[str, str]:
    """Return what a weights file, or that of a training's folder, says of itself."""
    with safe_open(str(_found(path)), "np") as file:
        notes: dict[str, str] = file.metadata() or {}
    return notes


def _shape_of(text: str) -> NetworkShape:
    document = json.loads(text)
    first, second, third, fourth = document.pop("channels")
    return NetworkShape(channels=(first, second, third, fourth), **document)
