"""The table of `focusgen focal evaluate`, and its one picture of what the methods made of a stack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.focal.baselines import Prediction
from focusgen.focal.samples import Sample, usable_depth
from focusgen.focal.scores import averaged
from focusgen.media.eight_bits import as_eight_bits
from focusgen.tools.focal_outputs import depth_picture, thinned

SHOWN = ("abs_rel", "rmse", "d1.05", "d1.25", "px", "aif_psnr", "surer_half_abs_rel", "identifiable")
OF_PROTOCOLS = ("aif_lpips", "disparity_rmse", "disparity_abs_rel", "disparity_d1.25")
"""Shown where there are any."""


def table_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean scores of each method and number of slices."""
    groups: dict[tuple[int, str], list[dict[str, float]]] = {}
    for row in rows:
        scores = {key: value for key, value in row.items() if isinstance(value, float)}
        groups.setdefault((row["n_slices"], row["method"]), []).append(scores)
    return {f"{method} N={n}": averaged(found) for (n, method), found in sorted(groups.items())}


def of_fewer(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a note for figures that not every sample has: their means are of fewer."""
    own = [row for row in rows if row["method"] == rows[0]["method"]]
    for n in sorted({row["n_slices"] for row in own}):
        samples = [row for row in own if row["n_slices"] == n]
        counts = Counter(key for row in samples for key, value in row.items() if isinstance(value, float))
        for count in sorted(set(counts.values()) - {len(samples)}):
            keys = ", ".join(key for key in counts if counts[key] == count)
            yield (
                f"N={n}: {keys}: means of {count} of {len(samples)} samples; the others lack depth or the "
                "all_in_focus, which these are judged by"
            )


def markdown(table: dict[str, Any]) -> list[str]:
    """Return the table for people: means, and the 95 % interval of the first figure."""
    shown = [key for key in (*SHOWN, *OF_PROTOCOLS) if any(key in row for row in table.values())]
    lines = [f"| method | {' | '.join(shown)} |", "|---" * (len(shown) + 1) + "|"]
    for name, row in table.items():
        cells = []
        for key in shown:
            mean, low, high = row.get(key, (float("nan"), None, None))
            between = " (one sample)" if low is None else f" ({low:.3f}..{high:.3f})"
            cells.append(f"{mean:.3f}" + (between if key == "abs_rel" and key in row else ""))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def sheet(sample: Sample, made: dict[str, Prediction], own_name: str) -> npt.NDArray[np.uint8]:
    """Return one picture: nearest and farthest slice, the sharp picture, true depth and each method's."""
    own = made[own_name]
    maps = [one.depth_m for one in made.values()]
    if sample.true_m is not None:
        maps.insert(0, usable_depth(sample.true_m, sample.true_m.shape, sample.name))
    pictures = [as_eight_bits(thinned(one)) for one in (*sample.stack.slices[[0, -1]], own.rgb)]
    coloured = [depth_picture(one, is_metric=True) for one in maps]
    width = coloured[0].shape[1]
    padded = [np.pad(one, ((0, 0), (0, width - one.shape[1]), (0, 0))) for one in pictures]
    tiles = [*padded, *coloured]
    while len(tiles) % 4:
        tiles.append(np.zeros_like(tiles[0]))
    return np.concatenate([np.concatenate(tiles[k : k + 4], 1) for k in range(0, len(tiles), 4)])
