"""Numbers as colours that can be read back: depth in inverse metres, focus from blurred to sharp.

Depth is coloured by 1/depth, because blur is linear in it: equal steps of colour are equal steps of blur.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont
    from PIL.Image import Image

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, px."""

Colours = npt.NDArray[np.uint8]
"""(256, 3) RGB, from the low end of a scale to its high end."""

INK, FAINT = (238, 240, 243), (150, 157, 168)
DEPTH_COLOURS, FOCUS_COLOURS = "turbo", "viridis"
MARGIN_BEYOND_PERCENTILES = 1.5  # how far past d_p5 and d_p95, where sky and outliers begin, a scale reaches
ROUND_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)


@dataclass(frozen=True)
class Tick:
    """A labelled place on a scale, 0 (low end) to 1 (high end)."""

    position: float
    text: str


@dataclass(frozen=True)
class ColourScale:
    """How values become colours, and where its numbers stand.

    Attributes:
        colours: from position 0 to position 1.
        low: value (after `transform`) at position 0.
        high: value at position 1.
        is_inverse: values are inverted first (depth).
        ticks: numbers beside the bar.
        mark: one more place of interest (the focus distance), or None.
    """

    colours: Colours
    low: float
    high: float
    is_inverse: bool
    ticks: tuple[Tick, ...]
    mark: Tick | None = None

    def position(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return where values stand on the scale, clipped to 0..1."""
        shown: npt.NDArray[Any] = values.astype(np.float32)
        if self.is_inverse:
            shown = 1.0 / np.maximum(shown, np.float32(1e-6))
        span = max(self.high - self.low, 1e-12)
        return np.asarray(np.clip((shown - self.low) / span, 0.0, 1.0), dtype=np.float32)

    def paint(self, values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Return (H, W, 3) uint8 RGB."""
        index = np.rint(self.position(values) * 255.0).astype(np.uint8)
        return np.asarray(np.take(self.colours, index, axis=0))


def depth_scale(stats_m: Mapping[str, float], focus_distance_m: float | None) -> ColourScale:
    """Return the scale of a scene's depth: far is cold, near is warm; the focus distance is marked.

    Args:
        stats_m: stats.json.
        focus_distance_m: S of the lens set that is shown, or None.
    """
    near = max(stats_m["d_min"], stats_m["d_p5"] / MARGIN_BEYOND_PERCENTILES)
    far = min(stats_m["d_max"], stats_m["d_p95"] * MARGIN_BEYOND_PERCENTILES)
    if far < near * 1.02:  # a wall: a scale of no width would show its rounding as relief
        near, far = near / 1.1, far * 1.1
    low, high = 1.0 / far, 1.0 / near

    def tick(depth_m: float, prefix: str = "") -> Tick:
        return Tick(
            float(np.clip((1.0 / depth_m - low) / (high - low), 0.0, 1.0)), f"{prefix}{metres(depth_m)}"
        )

    ends = (
        tick(far, "\u2265 " if stats_m["d_max"] > far * 1.01 else ""),
        tick(near, "\u2264 " if stats_m["d_min"] < near * 0.99 else ""),
    )
    inner = [tick(depth_m) for depth_m in _round_depths(near, far)]
    mark = None if focus_distance_m is None else tick(focus_distance_m, "S ")
    return ColourScale(colour_table(DEPTH_COLOURS), low, high, True, _spread(ends, inner), mark)


def focus_scale() -> ColourScale:
    """Return the scale of a focus map: 0 is blurred by max_coc or more, 1 is in focus."""
    texts = ("0 blurred", "0.25", "0.5", "0.75", "1 sharp")
    ticks = tuple(Tick(i / 4.0, text) for i, text in enumerate(texts))
    return ColourScale(colour_table(FOCUS_COLOURS), 0.0, 1.0, False, ticks)


def metres(depth_m: float) -> str:
    """Return a distance in two to three digits with its unit."""
    if depth_m < 1.0:
        return f"{depth_m * 100.0:.3g} cm"
    return f"{depth_m:.3g} m" if depth_m < 1000.0 else f"{depth_m / 1000.0:.3g} km"


def draw_bar(
    canvas: Image,
    box: Box,
    scale: ColourScale,
    font: Font,
    direction: Literal["across", "up"],
) -> None:
    """Draw a colour bar and its numbers: beside it to the right (`up`), or below it (`across`)."""
    from PIL import Image, ImageDraw

    left, top, right, bottom = box
    strip = scale.colours[None] if direction == "across" else scale.colours[::-1, None]
    bar = Image.fromarray(np.ascontiguousarray(strip)).resize((right - left, bottom - top))
    canvas.paste(bar, (left, top))
    draw = ImageDraw.Draw(canvas)
    place = _across if direction == "across" else _up
    for tick in scale.ticks:
        place(draw, box, tick, font, FAINT)
    if scale.mark is not None:
        _mark(draw, box, scale.mark, font, direction)


def _across(draw: ImageDraw.ImageDraw, box: Box, tick: Tick, font: Font, ink: tuple[int, int, int]) -> None:
    left, _, right, bottom = box
    x = left + tick.position * (right - left)
    anchor = "lt" if tick.position < 0.04 else "rt" if tick.position > 0.96 else "mt"
    draw.line([(x, bottom), (x, bottom + 2)], fill=ink)
    draw.text((x, bottom + 4), tick.text, font=font, fill=ink, anchor=anchor)


def _up(draw: ImageDraw.ImageDraw, box: Box, tick: Tick, font: Font, ink: tuple[int, int, int]) -> None:
    _, top, right, bottom = box
    y = bottom - tick.position * (bottom - top)
    anchor = "lb" if tick.position < 0.02 else "lt" if tick.position > 0.98 else "lm"
    draw.line([(right, y), (right + 3, y)], fill=ink)
    draw.text((right + 6, y), tick.text, font=font, fill=ink, anchor=anchor)


def _mark(draw: ImageDraw.ImageDraw, box: Box, mark: Tick, font: Font, direction: str) -> None:
    """Draw a white notch across the bar; its number stands on the side that the ticks leave free."""
    left, top, right, bottom = box
    if direction == "across":
        x = left + mark.position * (right - left)
        draw.polygon([(x - 4, top - 6), (x + 4, top - 6), (x, top)], fill=INK)
        draw.line([(x, top), (x, bottom)], fill=INK, width=2)
        anchor = "lb" if mark.position < 0.1 else "rb" if mark.position > 0.9 else "mb"
        draw.text((x, top - 8), mark.text, font=font, fill=INK, anchor=anchor)
    else:
        y = bottom - mark.position * (bottom - top)
        draw.polygon([(left - 7, y - 4), (left - 7, y + 4), (left, y)], fill=INK)
        draw.line([(left, y), (right, y)], fill=INK, width=2)
        draw.text((left - 9, y), mark.text.split()[0], font=font, fill=INK, anchor="rm")


@lru_cache(maxsize=4)
def colour_table(name: str) -> Colours:
    """Return the colours of one of the two maps: matplotlib's numbers, without the time it takes to load."""
    import cv2

    kind = {DEPTH_COLOURS: cv2.COLORMAP_TURBO, FOCUS_COLOURS: cv2.COLORMAP_VIRIDIS}[name]
    steps = np.arange(256, dtype=np.uint8)[:, None]
    return np.ascontiguousarray(cv2.applyColorMap(steps, kind)[:, 0, ::-1], dtype=np.uint8)


def _round_depths(near_m: float, far_m: float) -> list[float]:
    """Return round distances inside a range, the roundest first."""
    low, high = int(np.floor(np.log10(near_m))), int(np.ceil(np.log10(far_m)))
    values = [step * 10.0**power for step in ROUND_STEPS for power in range(low, high + 1)]
    return [value for value in values if near_m < value < far_m]


def _spread(ends: tuple[Tick, ...], inner: list[Tick], gap: float = 0.17) -> tuple[Tick, ...]:
    """Return the ends and as many inner ticks as find room, so that no number covers another."""
    kept = list(ends)
    for tick in inner:
        if all(abs(tick.position - other.position) >= gap for other in kept):
            kept.append(tick)
    return tuple(sorted(kept, key=lambda tick: tick.position))
