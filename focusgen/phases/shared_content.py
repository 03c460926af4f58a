"""Scenes with the same raw frames, which must not stand in two splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from focusgen.base.checksums import checksum


class Content(NamedTuple):
    """Which frames of which bytes a scene is made of."""

    digest: str
    start: int
    stop: int

    @classmethod
    def of(cls, manifest: Mapping[str, Any], n_frames: int) -> Content:
        """Return the content that phase 1 saw, whatever its files are called."""
        start = int((manifest.get("part") or {}).get("first_frame", 0))
        return cls(checksum("\n".join(manifest["files"].values()).encode()), start, start + n_frames)

    def overlaps(self, other: Content) -> bool:
        """Say whether two scenes have a frame in common."""
        return self.digest == other.digest and self.start < other.stop and other.start < self.stop


def first_shared(contents: Mapping[str, Content], splits: Mapping[str, str]) -> dict[str, str]:
    """Return scene -> an earlier one of another split with which it has frames in common.

    Args:
        contents: in the order in which scenes may stay.
        splits: of the same scenes.
    """
    earlier: dict[str, list[str]] = {}
    shared = {}
    for name, content in contents.items():
        others = earlier.setdefault(content.digest, [])
        clash = next((o for o in others if splits[o] != splits[name] and content.overlaps(contents[o])), None)
        if clash is None:
            others.append(name)
        else:
            shared[name] = clash
    return shared
