"""Lines of JSON with a checksum each: one that is torn or damaged is found by itself, and costs no other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from focusgen.base.checksums import checksum
from focusgen.dataset.records import parse_json

_CHECKSUM_CHARS = 32


def compact(document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON without a blank."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def seal_line(document: Mapping[str, Any]) -> bytes:
    """Return a document as a line: checksum, space, JSON; keys stay in their order."""
    data = compact(document)
    return checksum(data).encode() + b" " + data + b"\n"


def open_line(data: bytes) -> dict[str, Any] | None:
    """Return the document of a line, None if the line is torn or damaged."""
    body = data[_CHECKSUM_CHARS + 1 : -1]
    if not data.endswith(b"\n") or checksum(body).encode() != data[:_CHECKSUM_CHARS]:
        return None
    document: dict[str, Any] = parse_json(body)
    return document
