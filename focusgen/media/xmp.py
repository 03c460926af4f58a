"""Where a picture was focused, by its XMP: what is left where a developer of raw files dropped the rest.

Read are `exif:SubjectDistance`, and `aux:ApproximateFocusDistance` of Adobe's Camera Raw and Lightroom, as
attributes or elements; rational or decimal metres. 4294967295 is infinity, 0 is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.etree import ElementTree

ENDLESS = 0xFFFFFFFF
NAMES = (
    "{http://ns.adobe.com/exif/1.0/}SubjectDistance",
    "{http://ns.adobe.com/exif/1.0/aux/}ApproximateFocusDistance",
)
"""The first that says something is believed."""


def xmp_focus_distance_m(packet: bytes) -> float | None:
    """Return the focus distance of an XMP packet, None where it holds none, or is none."""
    if b"<!DOCTYPE" in packet:  # no packet has one, and it may make much out of little
        return None
    try:
        root = ElementTree.fromstring(packet.strip(b"\0 \r\n\t"))
    except (ElementTree.ParseError, ValueError, LookupError):  # an unknown encoding is a LookupError
        return None
    found = (metres_of(text) for name in NAMES for text in _values(root, name))
    return next((metres for metres in found if metres is not None), None)


def _values(root: ElementTree.Element, name: str) -> Iterator[str]:
    for element in root.iter():
        yield element.get(name, "")
        if element.tag == name:
            yield element.text or ""


def metres_of(text: str) -> float | None:
    """Return metres of `72/100` or `0.72`, None of what is unknown or no number."""
    above, slash, below = text.partition("/")
    try:
        numerator, denominator = float(above), float(below) if slash else 1.0
    except ValueError:
        return None
    if numerator >= ENDLESS:
        return math.inf  # whatever the denominator: some write 1000, or 0
    metres = numerator / denominator if denominator else math.nan
    return metres if math.isfinite(metres) and metres > 0 else None
