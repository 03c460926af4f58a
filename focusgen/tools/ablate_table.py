"""A small table of measurements: for the terminal, as CSV and JSON, and as a plot of quality against cost."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusgen.base.files import publish

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = dict[str, str | float]
"""Column -> value; the first column names the row, `seconds` is its cost per frame."""


@dataclass(frozen=True)
class Table:
    """Rows of one ablation.

    Attributes:
        title: what was varied, on what.
        rows: equal keys in each; the first is the row's name.
    """

    title: str
    rows: tuple[Row, ...]

    def text(self) -> str:
        """Return aligned columns, one line per row, each beginning with its name; no empty lines."""
        columns = list(self.rows[0])
        cells = [columns] + [[_cell(row[column]) for column in columns] for row in self.rows]
        widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
        lines = [
            "  ".join(
                [
                    line[0].ljust(widths[0]),
                    *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True)),
                ]
            )
            for line in cells
        ]
        return "\n".join(line.rstrip() for line in lines)

    def csv(self) -> str:
        """Return the rows as CSV with a header."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()

    def json(self) -> str:
        """Return title and rows as JSON; null where a number is not finite (the PSNR of equal videos)."""
        rows = [{name: _finite(value) for name, value in row.items()} for row in self.rows]
        return json.dumps({"title": self.title, "rows": rows}, indent=2, allow_nan=False) + "\n"

    def save(
        self, *, csv_path: Path | None = None, json_path: Path | None = None, plot_path: Path | None = None
    ) -> None:
        """Write the files that were asked for."""
        if csv_path is not None:
            publish(csv_path, self.csv().encode())
        if json_path is not None:
            publish(json_path, self.json().encode())
        if plot_path is not None:
            plot(self, plot_path)


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _finite(value: str | float) -> str | float | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plot(table: Table, path: Path) -> None:
    """Save one panel per metric: quality against seconds per frame, each point with its name."""
    from matplotlib.figure import Figure

    metrics = [column for column in list(table.rows[0])[1:] if column != "seconds"]
    figure = Figure(figsize=(3.6 * len(metrics), 3.4), layout="constrained")
    panels: Any = figure.subplots(1, len(metrics), squeeze=False)[0]
    for panel, metric in zip(panels, metrics, strict=True):
        _draw_panel(panel, table.rows, metric)
    figure.suptitle(table.title)
    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix.lstrip(".") or "png")
    publish(path, drawn.getvalue())


def _draw_panel(panel: Axes, rows: Sequence[Mapping[str, Any]], metric: str) -> None:
    shown = [row for row in rows if math.isfinite(row[metric])]
    panel.plot([row["seconds"] for row in shown], [row[metric] for row in shown], "o")
    for row in shown:
        panel.annotate(
            row["strategy"], (row["seconds"], row[metric]), xytext=(4, 4), textcoords="offset points"
        )
    panel.set(title=metric, xlabel="seconds per frame")
    panel.margins(x=0.25, y=0.15)
    if metric == "sharpness_ratio":
        panel.axhline(1.0, color="0.7", zorder=0)
