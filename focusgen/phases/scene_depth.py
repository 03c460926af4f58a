"""The depth of a scene as the laws of lenses look at it: its statistics and its exact histogram."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from focusgen.base.checksums import checksum
from focusgen.base.errors import CorruptInputError
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.published import read_depth, read_stats
from focusgen.dataset.records import Record
from focusgen.media.codecs import decode_npz
from focusgen.optics.stats import Counts, depth_counts, depth_percentiles, merged_counts
from focusgen.optics.surfaces import Surfaces

SURFACES = 1024  # depths that a law tells apart: a thousandth of the pixels each


@dataclass(frozen=True)
class SceneDepth:
    """A scene with the record of its depth, whole or of a rehearsal.

    Attributes:
        counted: its counts, where they are in memory.
    """

    scene: SceneLayout
    record: Record
    counted: Counts | None = None

    @property
    def width_px(self) -> int:
        """Width of the published frames."""
        return int(self.record.details["width"])

    @property
    def long_side_px(self) -> int:
        """Width or height of the published frames, along which the sensor's long side lies."""
        return max(self.width_px, int(self.record.details["height"]))

    @property
    def is_rehearsal(self) -> bool:
        """Whether the depth is invented."""
        return bool(self.record.details.get("is_rehearsal"))

    def stats(self) -> dict[str, float]:
        """Return stats.json."""
        return read_stats(self.scene)

    def counts(self) -> Counts:
        """Return the counts that phase 3 kept; where they are lost or of another run, count the maps anew."""
        if self.counted is not None:
            return self.counted
        with contextlib.suppress(OSError, CorruptInputError):
            kept = decode_npz(self.scene.depth_counts_npz.read_bytes(), "counts")
            if checksum(kept.tobytes()) == str(self.record.details.get("counts_digest")):
                return np.asarray(kept[0])
        return counts_of(self.scene, range(self.record.n_frames))

    def shot_surfaces(self, shots: Sequence[tuple[int, int]]) -> list[Surfaces]:
        """Return what a lens may focus at in each shot; reads the maps anew where there are several."""
        if len(shots) == 1:
            return [self.surfaces()]
        spans = [range(*shot) for shot in shots]
        return [self._surfaces(counts_of(self.scene, span), span) for span in spans]

    def surfaces(self) -> Surfaces:
        """Return what a lens may focus at; the same whether the counts were kept or lost."""
        return self._surfaces(self.counts(), range(self.record.n_frames))

    def _surfaces(self, counts: Counts, frames: range) -> Surfaces:
        """Return the surfaces among counted frames, without what was filled, or is far by the record."""
        details = self.record.details
        changed = details.get("patched_raised_lowered", {})
        rows = [changed.get(str(frame), (0, 0, 0)) for frame in frames]
        n_sky = sum(int(details.get("far_pixels", {}).get(str(frame), 0)) for frame in frames)
        n_lowered = sum(int(row[2]) for row in rows)
        n_filled = sum(int(row[0]) for row in rows)
        put = [(self._filled_at_m, n_filled)] if n_filled else []
        put += [(float(details["far_m"]), n_sky)] if n_sky else []
        put += [(float(self.record.document["settings"]["depth.max_m"]), n_lowered)] if n_lowered else []
        return Surfaces.of(merged_counts(counts, SURFACES), put=put)

    @functools.cached_property
    def _filled_at_m(self) -> float:
        """Return what holes were filled with: the median of the whole scene without sky.

        They may be counted with it: more of the median does not move it.
        """
        counts, details = self.counts().copy(), self.record.details
        n_sky = sum(map(int, details.get("far_pixels", {}).values()))
        if n_sky:
            counts[np.float16(details["far_m"]).view(np.uint16)] -= n_sky
        return depth_percentiles(counts, (50.0,))[50.0]


def counts_of(scene: SceneLayout, frames: Iterable[int]) -> Counts:
    """Return how many pixels of saved maps have each float16 bit pattern."""
    total = np.zeros(65536, np.int64)
    for frame in frames:
        total += depth_counts(read_depth(scene, frame))
    return total
