"""Figures drawn without a screen; matplotlib is loaded where one is drawn, and nowhere else."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure of so many inches, whose parts keep clear of each other."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained")


def png_of(figure: Figure, dpi: int) -> bytes:
    """Return a figure as a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawn = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(drawn, format="png", dpi=dpi)
    return drawn.getvalue()
