"""Is a checkpoint metric? Metric and relative ones have the same keys and shapes, so its origin must tell.

In this order: the SHA-256 of the six published files, the repository that it was fetched from, the name of
the file itself (a link is followed). Where all are silent a person has to say so, and the record keeps it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from focusgen.base.errors import ConfigError
from focusgen.models.weights import file_sha256, read_record

# SHA-256 of the files on the Hugging Face hub, as it lists them (November 2026).
PUBLISHED_METRIC = {
    "3c28432b4e1f0d7bb31cad5151b6313b49457db5aa58d82e85bfb0f8b1311b33": "vits",
    "f6f58576b9680a112f2428d4f39aff92656d3ae85745b0164675ace8d5b1fade": "vitb",
    "24eba25342e7ee0f054be25da6a852ebd7cfa40cd6bf41a353ecb6abfe24e620": "vitl",
}
PUBLISHED_RELATIVE = {
    "13379300b739e659f076a59d52e9801bd8d38c541a7e71f73bbca4dcfb013609": "vits",
    "775e578e8f9431ec0496514aa466bd0a1f67c28d0f518267809f35a43c04329b": "vitb",
    "43df27c6b396042ba34ff7b798ab279f64d204d2e86d7a373968f8fa36d0e6fa": "vitl",
}

Kind = Literal["metric", "relative", "unknown"]

_DENIALS = {"relative", "nonmetric", "non", "not", "no"}
_TAKE_A_METRIC_ONE = "Phase 3 needs metres: take a metric checkpoint (focusgen weights fetch vda)."
_SAY_SO = "If you know that its output is metres, say so: depth.metric: true (--depth.metric true)."


def metric_doubts(path: Path, is_metric: bool | None) -> tuple[str, ...]:
    """Return what the record must say of a checkpoint that is metric by a person's word only, else nothing.

    Args:
        path: the checkpoint, or a link to it.
        is_metric: the person's word, None if nothing was said.

    Raises:
        ConfigError: it is relative, or nobody knows.
    """
    shown = _shown(path)
    if is_metric is False:
        raise ConfigError(f"{shown}: depth.metric is false", _TAKE_A_METRIC_ONE)
    digest = file_sha256(path)
    if digest in PUBLISHED_METRIC:
        return ()
    if digest in PUBLISHED_RELATIVE:
        size = PUBLISHED_RELATIVE[digest]
        raise ConfigError(
            f"{shown}: by its SHA-256 the published relative checkpoint of {size}; its output is not metres",
            _TAKE_A_METRIC_ONE,
        )
    kind, why = _kind_by_origin(path)
    if kind == "metric":
        return ()
    if is_metric:
        return (f"depth is metric by depth.metric alone: {path.name} is {why}",)
    advice = f"{_TAKE_A_METRIC_ONE} {_SAY_SO}"
    if kind == "relative":
        raise ConfigError(f"{shown}: a relative checkpoint, {why}; its output is not metres", advice)
    raise ConfigError(f"{shown}: not known to be metric: {why}", advice)


def _kind_by_origin(path: Path) -> tuple[Kind, str]:
    """Return what the recorded repository says, else the name, and why in words."""
    record = read_record(path)
    if record is not None and record.source:
        kind = kind_of_name(record.source.rpartition("/")[2])
        if kind != "unknown":
            return kind, f"fetched from {record.source}"
    name = real_name(path)
    kind = kind_of_name(name)
    if kind == "relative":
        return kind, f"by the name {name}"
    return kind, f"the name {name} does not say so, and there is no record of where it came from"


def real_name(path: Path) -> str:
    """Return the name of the file that a path leads to; for one in the hub's cache its repository's."""
    real = path.resolve()
    repository = re.fullmatch(r"models--(?:.+)--(.+)", real.parent.parent.name)
    return repository[1] if real.parent.name == "blobs" and repository else real.name


def kind_of_name(name: str) -> Kind:
    """Return what a file or repository name says: `metric` must stand there as a word of its own."""
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    if words & _DENIALS:
        return "relative" if "relative" in words else "unknown"
    if "metric" in words:
        return "metric"
    return "relative" if re.search(r"video[-_]?depth[-_]?anything", name.lower()) else "unknown"


def _shown(path: Path) -> str:
    return f"{path} -> {path.resolve()}" if path.is_symlink() else str(path)
