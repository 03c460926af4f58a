"""The picture of phase 4: the distribution of CoC, what is recommended, and what a person approved."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError
from focusgen.base.files import make_folder, publish
from focusgen.media.codecs import NPZ_DAMAGE
from focusgen.optics.stats import CocHistogram
from focusgen.phases import figures

REHEARSAL = "REHEARSAL: the depth is invented"
COLOURS = {"p50": "#777777", "p90": "#c0802f", "p95": "#b03030", "p99": "#602080"}


@dataclass(frozen=True)
class CocBins:
    """How often CoC occur, in bins even in the logarithm.

    Attributes:
        edges_m: (B + 1,)
        counts: (B,) pixels x lenses.
    """

    edges_m: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, histogram: CocHistogram) -> CocBins:
        """Return the bins of a histogram."""
        return cls(*histogram.log_bins())

    def save(self, path: Path) -> None:
        """Keep them, so that an approval can be marked later."""
        buffer = io.BytesIO()
        np.savez(buffer, edges_m=self.edges_m, counts=self.counts)
        make_folder(path.parent)
        publish(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> CocBins | None:
        """Return what was kept, None if nothing was.

        Raises:
            CorruptInputError: the file is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as kept:
                return cls(kept["edges_m"], kept["counts"])
        except FileNotFoundError:
            return None
        except (OSError, *NPZ_DAMAGE) as error:
            raise CorruptInputError(f"{path}: damaged: {error!r}", "Run phase 4 again.") from error


def draw_histogram(
    bins: CocBins, stats: Mapping[str, Any], path: Path, approved_m: float | None = None
) -> None:
    """Write the distribution of CoC as a picture.

    Args:
        stats: coc_stats.json.
        approved_m: the approved max_coc, metres, where there is one.
    """
    figure = figures.new_figure(9, 5)
    axes = figure.add_subplot()
    shares = 100 * bins.counts / max(1, bins.counts.sum())
    axes.stairs(shares, 1e3 * bins.edges_m, fill=True, color="#4878a8")
    for position_mm, style in _lines(stats, approved_m):
        axes.axvline(position_mm, **style)
    label_ends_m = approved_m or stats["recommended_max_coc"]
    if label_ends_m:
        axes.axvspan(
            1e3 * label_ends_m, 1e3 * max(bins.edges_m[-1], label_ends_m), alpha=0.12, label="label is 0"
        )
    axes.set(
        xscale="log",
        xlabel="circle of confusion, mm on the sensor (diameter)",
        ylabel="share of pixels x lenses, %",
        title=_title(stats),
    )
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    else:
        text = "no blur: the depth is constant"
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center")
    make_folder(path.parent)
    publish(path, figures.png_of(figure, dpi=110))


def _lines(stats: Mapping[str, Any], approved_m: float | None) -> list[tuple[float, dict[str, Any]]]:
    """Return where vertical lines stand, millimetres, and how each looks."""
    lines: list[tuple[float, dict[str, Any]]] = [
        (
            1e3 * stats[name],
            {
                "color": colour,
                "label": f"{name} = {1e3 * stats[name]:.3f} mm = {stats['in_px'][name]:.1f} px",
            },
        )
        for name, colour in COLOURS.items()
        if stats[name]
    ]
    for name, value_m, colour in (
        ("recommended", stats["recommended_max_coc"], "#b03030"),
        ("approved", approved_m, "#1a7f37"),
    ):
        if value_m:
            mark = {"color": colour, "linewidth": 3, "label": f"{name}: {1e3 * value_m:.3f} mm"}
            lines.append((1e3 * value_m, mark | ({"linestyle": "--"} if name == "approved" else {})))
    return lines


def _title(stats: Mapping[str, Any]) -> str:
    lenses = f"{len(stats['lenses'])} lenses" if stats["lenses"] else "the whole law of lenses"
    title = f"{len(stats['scenes'])} scenes, {lenses}, {stats['n_values']:,} values"
    return f"{REHEARSAL}\n{title}" if stats.get("is_rehearsal") else title
