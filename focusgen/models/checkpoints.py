"""What is inside a weight file: read without running code from it, loaded with nothing missing or left."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from focusgen.base.errors import ConfigError
from focusgen.base.names import listed
from focusgen.models.weights import require_file

_SAFETENSORS_SUFFIX = ".safetensors"
_HEADER_ALIGNMENT = 8

# What torch.load has been seen to raise on truncated, damaged and foreign files.
TORCH_READ_ERRORS = (
    *(RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError),
    *(struct.error, pickle.UnpicklingError),
)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return {key: tensor} of a .safetensors or a torch file, on the CPU, without running code from it.

    Raises:
        ConfigError: truncated, of another kind, or holding something else than named tensors.
    """
    require_file(path)
    document = _read_safetensors(path) if path.suffix == _SAFETENSORS_SUFFIX else _read_torch(path)
    if not isinstance(document, Mapping) or not document:
        raise ConfigError(f"{path}: holds {type(document).__name__}, not named tensors (a plain state dict)")
    for key, value in document.items():
        if not isinstance(value, torch.Tensor):
            raise ConfigError(
                f"{path}: key {key!r} holds {type(value).__name__}, not a tensor",
                "Save the plain state dict of the model, without optimiser or wrapper.",
            )
    return dict(document)


def _read_safetensors(path: Path) -> object:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, "safetensors file", error) from error


def _read_torch(path: Path) -> object:
    try:
        # Never without weights_only, whatever the error: a pickle may run anything.
        return torch.load(path, map_location="cpu", weights_only=True)
    except TORCH_READ_ERRORS as error:
        raise _unreadable(path, "torch file", error) from error


def _unreadable(path: Path, kind: str, error: Exception) -> ConfigError:
    first_line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return ConfigError(
        f"{path}: not a readable {kind} of {path.stat().st_size} bytes: {first_line}",
        "It is truncated, damaged or of another kind: fetch it again.",
    )


def safetensors_bytes(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> bytes:
    """Return a safetensors file whose bytes depend on what is in it and on nothing else.

    The library orders `about` anew at every call, and records keep digests of such files.
    """
    data = save({name: tensor.contiguous() for name, tensor in tensors.items()}, dict(about))
    start = 8 + int.from_bytes(data[:8], "little")
    header = {**json.loads(data[8:start]), "__metadata__": dict(sorted(about.items()))}
    text = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
    text += b" " * (-len(text) % _HEADER_ALIGNMENT)
    return len(text).to_bytes(8, "little") + text + data[start:]


def safetensors_pieces(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> Iterator[bytes]:
    """Yield the same bytes tensor by tensor, for files that do not fit into memory a second time."""
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
    header: dict[str, object] = {"__metadata__": dict(sorted(about.items()))}
    stop = 0
    for name, value in ordered:
        start, stop = stop, stop + value.numel() * value.element_size()
        kind = json.loads(save({"x": value.new_empty(0)})[8:].rstrip())["x"]["dtype"]
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [start, stop]}
    text = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
    text += b" " * (-len(text) % _HEADER_ALIGNMENT)
    yield len(text).to_bytes(8, "little") + text
    for _, value in ordered:
        yield value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def check_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Check that weights are floating point and hold no NaN or infinity.

    Raises:
        ConfigError: names the first such key and the file.
    """
    for key, value in tensors.items():
        _check_tensor(key, value, path, may_be_integer=False)


def check_file_finite(path: Path, *, may_hold_integers: bool = False) -> None:
    """Check a weight file in the same way, tensor by tensor, so that it need not fit into memory.

    One look at the file serves every precision: quantised layers can no longer tell what they were made from.

    Args:
        path: .safetensors, or a torch file.
        may_hold_integers: some models keep tables of positions beside their weights.

    Raises:
        ConfigError: names the first such key and the file, or the file cannot be read.
    """
    for key, value in _tensors_one_by_one(path):
        _check_tensor(key, value, path, may_be_integer=may_hold_integers)


def _tensors_one_by_one(path: Path) -> Iterator[tuple[str, Tensor]]:
    if path.suffix != _SAFETENSORS_SUFFIX:
        yield from read_tensors(path).items()
        return
    try:
        with safe_open(path, framework="pt") as file:
            for key in file.keys():
                yield key, file.get_tensor(key)
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, "safetensors file", error) from error


def _check_tensor(key: str, value: Tensor, path: Path, *, may_be_integer: bool) -> None:
    if not value.is_floating_point():
        if may_be_integer:
            return
        raise ConfigError(
            f"{path}: key {key!r} is {value.dtype}, not floating point",
            "Quantised weights are not taken as numbers: give the file in float32, float16 or bfloat16.",
        )
    if value.dtype.itemsize == 1:
        value = value.half()  # torch cannot compare 8-bit floats
    # The extremes are NaN if any value is, and cost a fiftieth of a look at each.
    if value.numel() and not all(torch.isfinite(extreme) for extreme in torch.aminmax(value)):
        count = f"{int((~torch.isfinite(value)).sum())} of {value.numel()} values"
        raise ConfigError(f"{path}: key {key!r}: {count} are NaN or infinite", "Fetch it again.")


def load_strict(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Put weights into a module built on any device (also "meta"), as float32; nothing missing, nothing left.

    Raises:
        ConfigError: names the keys and the file.
    """
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    wrong = [
        f"{key} {list(found[key])}, expected {list(shape)}"
        for key, shape in expected.items()
        if found.get(key, shape) != shape
    ]
    problems = [
        _list_keys("missing", sorted(expected.keys() - found.keys())),
        _list_keys("unexpected", sorted(found.keys() - expected.keys())),
        _list_keys("of another shape", wrong),
    ]
    if any(problems):
        name = type(module).__name__
        raise ConfigError(f"{path}: not the weights of this {name}: " + "; ".join(p for p in problems if p))
    module.load_state_dict({key: value.float() for key, value in tensors.items()}, strict=True, assign=True)


def _list_keys(what: str, keys: Sequence[str]) -> str:
    return f"{len(keys)} {what}: {listed(keys)}" if keys else ""
