"""Numbers that are none: where JSON data holds NaN or infinity, and the same data without them."""

from __future__ import annotations

import math
from collections.abc import Iterator


def non_finite_keys(document: object, prefix: str = "") -> Iterator[str]:
    """Yield the place of each NaN or infinity in JSON data, like "sets[1].max_coc"."""
    if isinstance(document, float) and not math.isfinite(document):
        yield prefix
    elif isinstance(document, dict):
        for key, value in document.items():
            yield from non_finite_keys(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(document, list | tuple):
        for index, value in enumerate(document):
            yield from non_finite_keys(value, f"{prefix}[{index}]")


def finite_only(document: object) -> object:
    """Return JSON data in which each NaN or infinity is None."""
    if isinstance(document, float):
        return document if math.isfinite(document) else None
    if isinstance(document, dict):
        return {key: finite_only(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [finite_only(value) for value in document]
    return document
