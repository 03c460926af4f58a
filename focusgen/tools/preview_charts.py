"""Small charts of the contact sheet: how often each label occurs, and where focus lies over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from focusgen.tools.preview_scales import FAINT, FOCUS_COLOURS, INK, colour_table, metres

if TYPE_CHECKING:
    from PIL import ImageFont
    from PIL.Image import Image

Box = tuple[int, int, int, int]
BINS = 10
LINE = (255, 178, 66)


def label_shares(labels: Sequence[npt.NDArray[np.float16]]) -> npt.NDArray[np.float64]:
    """Return the share of pixels in each tenth of the label's range."""
    counts = np.zeros(BINS)
    for label in labels:
        counts += np.histogram(label.astype(np.float32), BINS, (0, 1))[0]
    return np.asarray(counts / max(1.0, float(counts.sum())))


def draw_label_histogram(
    canvas: Image, box: Box, shares: npt.NDArray[np.float64], font: ImageFont.FreeTypeFont
) -> None:
    """Paint one bar per tenth, in the colours of the labels, the largest as high as the box."""
    from PIL import ImageDraw

    draw, (left, top, right, bottom) = ImageDraw.Draw(canvas), box
    width, colours = (right - left) / BINS, colour_table(FOCUS_COLOURS)
    for number, share in enumerate(shares):
        height = (bottom - top) * share / max(float(shares.max()), 1e-9)
        x = left + number * width
        colour = tuple(int(c) for c in colours[round(255 * (number + 0.5) / BINS)])
        draw.rectangle((x + 1, bottom - height, x + width - 2, bottom), fill=colour)
        draw.text((x + width / 2, bottom + 3), f"{100 * share:.0f}", font=font, fill=FAINT, anchor="mt")
    draw.text(
        (left, top - 4), "labels 0 (blurred) to 1 (in focus), % of pixels", font=font, fill=INK, anchor="lb"
    )


def draw_focus_curve(
    canvas: Image, box: Box, distances_m: Sequence[float], font: ImageFont.FreeTypeFont
) -> None:
    """Paint the focus distance of each frame, near on top, even in diopters."""
    from PIL import ImageDraw

    draw, (left, top, right, bottom) = ImageDraw.Draw(canvas), box
    per_m = 1.0 / np.asarray(distances_m, np.float64)
    low, high = float(per_m.min()), float(per_m.max())
    x = np.linspace(left, right, per_m.size)
    y = bottom - (bottom - top) * (per_m - low) / max(high - low, 1e-9)
    draw.line([(float(a), float(b)) for a, b in zip(x, y, strict=True)], fill=LINE, width=2)
    draw.text((right + 6, top), metres(1.0 / high), font=font, fill=FAINT, anchor="lm")
    if low < high:
        draw.text((right + 6, bottom), metres(1.0 / low), font=font, fill=FAINT, anchor="lm")
    text = f"focus distance S, frame 0 to {per_m.size - 1}"
    draw.text((left, top - 4), text, font=font, fill=INK, anchor="lb")
