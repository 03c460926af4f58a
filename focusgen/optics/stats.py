"""Exact statistics over all pixels of all scenes, without holding or sampling them.

Published depth is float16, so a scene of any length is 65,536 counts. The CoC of a pixel is a function of its
depth and the lens: counts x one table per lens give the CoC of every pixel. Positive float32 numbers sort as
their bit patterns do, so percentiles over thousands of scenes follow from two passes over (counts, lens):
a histogram of the high bits finds the bins that hold the wanted ranks, a second pass reads those bins out
to the last bit. Memory depends neither on the number of scenes nor on their length. Measured: 20 times faster
than sampling 50,000 pixels per map, and exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from focusgen.optics.coc import Lens, bad_depth, coc_diameter_m

Counts = npt.NDArray[np.int64]
"""(65536,) pixels per float16 bit pattern."""

N_FLOAT16 = 65536
FIRST_DEPTH, LAST_DEPTH = 0x0001, 0x7BFF  # bit patterns of the positive finite float16, in rising order
LOW_BITS = 13  # float32 bits that the histogram leaves to the second pass: bins of 2**-10 relative width
N_BINS = (0x7F800000 >> LOW_BITS) + 1
COUNT_BLOCK = 1 << 20  # bincount widens to 8 bytes per pixel; a block bounds that at 8 MiB

_DEPTHS_M = np.arange(FIRST_DEPTH, LAST_DEPTH + 1, dtype=np.uint16).view(np.float16)


def depth_counts(depth_m: npt.NDArray[np.float16]) -> Counts:
    """Return how many pixels have each float16 bit pattern; the counts of two maps may be added.

    Raises:
        DepthRangeError: a depth is not finite or not positive.
    """
    if depth_m.dtype != np.float16:
        raise TypeError(f"counts are of the saved float16 depth, not of {depth_m.dtype}")
    patterns = np.ascontiguousarray(depth_m).reshape(-1).view(np.uint16)
    counts = np.zeros(N_FLOAT16, dtype=np.int64)
    for start in range(0, patterns.size, COUNT_BLOCK):
        counts += np.bincount(patterns[start : start + COUNT_BLOCK], minlength=N_FLOAT16)
    n_bad = patterns.size - int(counts[FIRST_DEPTH : LAST_DEPTH + 1].sum())
    if n_bad:
        raise bad_depth(n_bad, patterns.size)
    return counts


def merged_counts(counts: Counts, n_values: int) -> Counts:
    """Return the counts with neighbours put together, at one of them, until about n_values depths are left.

    Percentiles move by at most 1 / n_values of the pixels.
    """
    used = np.flatnonzero(counts)
    if used.size <= n_values:
        return counts
    pixels = counts[used]
    group = (np.cumsum(pixels) - (pixels + 1) // 2) * n_values // int(pixels.sum())
    first = np.flatnonzero(np.diff(group, prepend=-1))
    last = np.append(first[1:], used.size) - 1
    merged = np.zeros_like(counts)
    merged[used[(first + last) // 2]] = np.add.reduceat(pixels, first)
    return merged


def depth_percentiles(counts: Counts, qs: Sequence[float]) -> dict[float, float]:
    """Return exact percentiles of the counted depths, metres.

    They are np.percentile (linear) of the pixels as float64; on float16 input numpy would also interpolate
    in float16 and overflow.
    """
    used = np.flatnonzero(counts[FIRST_DEPTH : LAST_DEPTH + 1])
    cumulated = np.cumsum(counts[FIRST_DEPTH : LAST_DEPTH + 1][used])
    values = _DEPTHS_M[used].astype(np.float64)
    if not values.size:
        raise ValueError("no depth was counted")

    def value_at(rank: int) -> float:
        return float(values[np.searchsorted(cumulated, rank, side="right")])

    return {q: _interpolate(value_at, int(cumulated[-1]), q) for q in qs}


def depth_stats(counts: Counts) -> dict[str, float]:
    """Return the depth statistics of stats.json (metres), exact for the saved float16 maps."""
    found = depth_percentiles(counts, (0.0, 100.0, 50.0, 5.0, 95.0))
    return dict(zip(("d_min", "d_max", "d_median", "d_p5", "d_p95"), found.values(), strict=True))


class CocHistogram:
    """CoC of any number of (counts, lens) in constant memory (2 MiB).

    Bins are float32 bit patterns without their low 13 bits: relative width 2**-10 at every scale.

    Attributes:
        n: pixels x lenses added.
        max: largest CoC, metres, exact; 0 while nothing was added.
        total_m: sum of all CoC, metres, for the mean.
    """

    def __init__(self) -> None:
        self.n = 0
        self.max = 0.0
        self.total_m = 0.0
        self._bins: npt.NDArray[np.int64] = np.zeros(N_BINS, dtype=np.int64)

    def add(self, counts: Counts, lens: Lens) -> None:
        """Add every counted pixel, seen through one lens."""
        coc_m, weights = _weighted_coc(counts, lens)
        if not weights.size:
            return
        np.add.at(self._bins, coc_m.view(np.uint32) >> LOW_BITS, weights)
        self.n += int(weights.sum())
        self.max = max(self.max, float(coc_m.max()))
        self.total_m += float(np.sum(coc_m.astype(np.float64) * weights))

    @property
    def mean_m(self) -> float:
        """Mean CoC, metres; NaN while nothing was added."""
        return self.total_m / self.n if self.n else math.nan

    def percentile(self, q: float) -> float:
        """Return a percentile in metres, at most 0.05 % off the exact one (`coc_percentiles`)."""
        return _interpolate(lambda rank: self._bin_centre(self.bin_of_rank(rank)[0]), self.n, q)

    def bin_of_rank(self, rank: int) -> tuple[int, int]:
        """Return the bin that holds the value of a rank (0 = smallest), and the rank inside that bin."""
        cumulated = np.cumsum(self._bins)
        index = int(np.searchsorted(cumulated, rank, side="right"))
        return index, rank - int(cumulated[index] - self._bins[index])

    def log_bins(
        self, n_bins: int = 200, *, low_m: float = 1e-7, high_m: float | None = None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return (edges in metres, counts) with edges even in the logarithm, for a plot.

        Values outside fall into the first and last bin, so that the counts sum to n.
        """
        top = high_m if high_m is not None else max(self.max, low_m * 10.0)
        edges = np.geomspace(low_m, top, n_bins + 1)
        used = np.flatnonzero(self._bins)
        centres = self._bin_centres(used)
        position = np.clip(np.searchsorted(edges, centres, side="right") - 1, 0, n_bins - 1)
        counts = np.zeros(n_bins, dtype=np.int64)
        np.add.at(counts, position, self._bins[used])
        return edges, counts

    def _bin_centre(self, index: int) -> float:
        return float(self._bin_centres(np.array([index]))[0])

    @staticmethod
    def _bin_centres(indices: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        low, high = (
            ((indices + more) << LOW_BITS).astype(np.uint32).view(np.float32).astype(np.float64)
            for more in (0, 1)
        )
        centres = np.where(np.isfinite(high), (low + high) / 2, low)
        return np.where(indices == 0, 0.0, centres)  # exact focus: the first bin reaches 1e-41 m


def coc_percentiles(
    sources: Callable[[], Iterable[tuple[Counts, Lens]]],
    qs: Sequence[float],
    histogram: CocHistogram | None = None,
) -> dict[float, float]:
    """Return exact CoC percentiles over all pixels of all (counts, lens), in metres.

    Equal to np.percentile (linear, as float64) of the float32 CoC of every pixel through every lens.

    Args:
        sources: called for each pass, gives the same (counts, lens) pairs each time.
        qs: percentiles in 0..100.
        histogram: filled with exactly these sources before; saves the first pass.

    Raises:
        ValueError: the sources are empty, or differ between the passes.
    """
    if histogram is None:
        histogram = CocHistogram()
        for counts, lens in sources():
            histogram.add(counts, lens)
    if not histogram.n:
        raise ValueError("no CoC was counted")
    ranks = sorted({rank for q in qs for rank in _ranks(histogram.n, q)})
    located = {rank: histogram.bin_of_rank(rank) for rank in ranks}
    contents = _read_bins(sources, sorted({index for index, _ in located.values()}))
    exact = {rank: _exact_value(contents[index], index, inside) for rank, (index, inside) in located.items()}
    return {q: _interpolate(exact.__getitem__, histogram.n, q) for q in qs}


def _read_bins(
    sources: Callable[[], Iterable[tuple[Counts, Lens]]], wanted: Sequence[int]
) -> Mapping[int, npt.NDArray[np.int64]]:
    """Return, for each wanted bin, counts per value of its low bits."""
    slot_of_bin = np.full(N_BINS, -1, dtype=np.int64)
    slot_of_bin[list(wanted)] = np.arange(len(wanted))
    fine = np.zeros((len(wanted), 1 << LOW_BITS), dtype=np.int64)
    for counts, lens in sources():
        coc_m, weights = _weighted_coc(counts, lens)
        bits = coc_m.view(np.uint32)
        slot = slot_of_bin[bits >> LOW_BITS]
        hit = slot >= 0
        np.add.at(fine, (slot[hit], bits[hit] & ((1 << LOW_BITS) - 1)), weights[hit])
    return dict(zip(wanted, fine, strict=True))


def _exact_value(low_counts: npt.NDArray[np.int64], bin_index: int, rank_inside: int) -> float:
    low = int(np.searchsorted(np.cumsum(low_counts), rank_inside, side="right"))
    if low == low_counts.size:
        raise ValueError("the second pass saw other values than the first")
    return float(np.array([(bin_index << LOW_BITS) | low], dtype=np.uint32).view(np.float32)[0])


def _weighted_coc(counts: Counts, lens: Lens) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return the CoC of each depth that occurs, by the label's own expression, and its pixel count."""
    depths = counts[FIRST_DEPTH : LAST_DEPTH + 1]
    used = np.flatnonzero(depths != 0)  # of truth values it is five times as fast
    return coc_diameter_m(_DEPTHS_M[used].astype(np.float32), lens), depths[used]


def _ranks(n: int, q: float) -> tuple[int, int]:
    if not 0.0 <= q <= 100.0:
        raise ValueError(f"a percentile lies in 0..100, not at {q}")
    below = math.floor((n - 1) * (q / 100.0))
    return below, min(below + 1, n - 1)


def _interpolate(value_at: Callable[[int], float], n: int, q: float) -> float:
    """Return a percentile from the two values around it, rounding as np.percentile rounds."""
    if not n:
        return math.nan
    below, above = (value_at(rank) for rank in _ranks(n, q))
    position = (n - 1) * (q / 100.0)
    part = position - math.floor(position)
    step = above - below
    return above - step * (1.0 - part) if part >= 0.5 else below + step * part
