"""Ordered planes of blur, added front to back until full: lens blur with occlusion, in linear light.

Tent weights of neighbouring planes sum to one on a continuous surface, so adding coverage until it is full
neither leaks nor darkens there, where the usual "over" leaks t (1 - t); the order of the planes gives
occlusion, and a hidden surface supplies what a defocused foreground lets the lens see (bokeh.md 4).
"""

from __future__ import annotations

from types import EllipsisType
from typing import NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from focusgen.models.bokeh_discs import Span, convolve_disc, disc_reach_px
from focusgen.models.bokeh_hidden import edge_sides, hidden_surface
from focusgen.models.bokeh_mattes import split_edge_pixels
from focusgen.models.bokeh_planes import plane_position, plane_weight

HIDDEN_CONFIDENCE = 0.5
"""Where a seen and an invented colour share a plane, the seen one counts twice: 0.25-0.5 measured best."""

COVERAGE_NOISE = 2e-5
"""Coverage below it is rounding of the FFT."""


Region: TypeAlias = "tuple[EllipsisType | slice[int, int, None], ...]"


class Layers(NamedTuple):
    """The picture and what lies behind it, grown beyond the frame, with the plane index of each pixel.

    Attributes:
        visible: (B, 5, H, W) red, green, blue, confidence 1 and coverage 1.
        visible_position: (B, 1, H, W) index of the plane, a real number.
        other: (B, 5, H, W) the same of a second surface of the pixel: behind the first, or before it.
        other_position: (B, 1, H, W); -2, on no plane, where there is none.
    """

    visible: Tensor
    visible_position: Tensor
    other: Tensor
    other_position: Tensor


class Boxes(NamedTuple):
    """Which samples of a plane are blurred, and which results are wanted; coordinates of the grown frame."""

    rows: Span
    columns: Span

    def source(self) -> Region:
        """Return the index of the samples in the grown frame."""
        return (..., *(slice(span.start, span.stop) for span in self))

    def target(self, pad_px: int) -> Region:
        """Return the index of the wanted results in the frame."""
        return (..., *(slice(span.first - pad_px, span.last - pad_px) for span in self))


def render_ocp(
    linear_rgb: Tensor, signed_radius_px: Tensor, ladder: tuple[float, ...], *, crop: bool | None = None
) -> Tensor:
    """Return the picture through a thin lens.

    Differentiable with respect to both tensors, float32.

    Args:
        linear_rgb: (B, 3, H, W) linear light.
        signed_radius_px: (B, H, W) blur radius, + nearer than the focus plane.
        ladder: signed radii of the planes from `plane_ladder`; radii beyond its ends are clipped.
        crop: work on the bounding box of each plane, frame by frame. It needs values on the host, so the
            default is true only on a CPU and without gradients.

    Returns:
        (B, 3, H, W) linear light.
    """
    rho = signed_radius_px[:, None].clamp(ladder[-1], ladder[0])
    if crop is None:
        needs_gradient = torch.is_grad_enabled() and (linear_rgb.requires_grad or rho.requires_grad)
        crop = linear_rgb.device.type == "cpu" and not needs_gradient
    layers, pad_px = _layers(linear_rgb, rho, ladder)
    size = linear_rgb.shape[-2:]
    if not crop:
        return _composite(layers, pad_px, ladder, size)
    frames = (Layers(*(t[i : i + 1] for t in layers)) for i in range(len(linear_rgb)))
    return torch.cat([_composite_cropped(frame, pad_px, ladder, size) for frame in frames])


def _layers(rgb: Tensor, rho: Tensor, ladder: tuple[float, ...]) -> tuple[Layers, int]:
    pad_px = max(disc_reach_px(abs(radius)) for radius in ladder)
    near_side, far_side = edge_sides(rho.detach())
    split = split_edge_pixels(rgb, rho, near_side | far_side)
    hidden = hidden_surface(split.rgb, rho, near_side, far_side, ladder)
    ones = torch.ones_like(rho)
    visible = torch.cat((split.rgb, ones, ones), 1) * split.share
    # One pixel cannot hide a surface and be the far side of an edge as well: both share a layer.
    is_front = (split.front_share > 0) & (hidden.weight == 0)
    behind = torch.cat((hidden.rgb * HIDDEN_CONFIDENCE, ones * HIDDEN_CONFIDENCE, ones), 1) * hidden.weight
    front = torch.cat((split.front_rgb, ones, ones), 1) * split.front_share
    other = torch.where(is_front, front, behind)
    other_radius_px = torch.where(is_front, split.front_radius_px, hidden.radius_px)
    nowhere = torch.full_like(rho, -2.0)
    is_other = is_front | (hidden.weight > 0)
    other_position = torch.where(is_other, plane_position(other_radius_px, ladder), nowhere)
    parts = (visible, plane_position(rho, ladder), other, other_position)
    return Layers(*(_grow(part, pad_px) for part in parts)), pad_px


def _grow(x: Tensor, pad_px: int) -> Tensor:
    return F.pad(x, (pad_px,) * 4, mode="replicate") if pad_px else x


def _composite(layers: Layers, pad_px: int, ladder: tuple[float, ...], size: torch.Size) -> Tensor:
    """Blur and add the planes on the whole frame: no value is read by the host, nothing is overwritten."""
    out = layers.visible.new_zeros(len(layers.visible), 3, *size)
    room = torch.ones_like(out[:, :1])
    for index, radius_px in enumerate(ladder):
        reach = disc_reach_px(abs(radius_px))
        spans = [Span(pad_px - reach, pad_px + n + reach, pad_px, pad_px + n) for n in size]
        light, share = _plane_light(layers, index, abs(radius_px), Boxes(*spans), room)
        out, room = out + light, room - share
    return out / (1.0 - room).clamp_min(1e-6)


def _composite_cropped(layers: Layers, pad_px: int, ladder: tuple[float, ...], size: torch.Size) -> Tensor:
    """Blur and add each plane on its bounding box; one frame."""
    out = layers.visible.new_zeros(1, 3, *size)
    room = torch.ones_like(out[:, :1])
    for index, radius_px in enumerate(ladder):
        boxes = _plane_boxes(layers, index, disc_reach_px(abs(radius_px)), pad_px, size)
        if boxes is None:
            continue
        target = boxes.target(pad_px)
        light, share = _plane_light(layers, index, abs(radius_px), boxes, room[target])
        out[target] += light
        room[target] -= share
    return out / (1.0 - room).clamp_min(1e-6)


def _plane_light(
    layers: Layers, index: int, radius_px: float, boxes: Boxes, room: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the light that one plane adds, and the share of each pixel that it fills."""
    part = boxes.source()
    plane = layers.visible[part] * plane_weight(layers.visible_position[part], index)
    plane = plane + layers.other[part] * plane_weight(layers.other_position[part], index)
    blurred = convolve_disc(plane, radius_px, *boxes)
    share = torch.minimum((blurred[:, 4:] - COVERAGE_NOISE).clamp_min(0.0), room)
    return blurred[:, :3] / blurred[:, 3:4].clamp_min(1e-6) * share, share


def _plane_boxes(layers: Layers, index: int, reach: int, pad_px: int, size: torch.Size) -> Boxes | None:
    """Return the bounding box of what lies on a plane, and of where its blur reaches in the frame."""
    on_plane = (layers.visible_position - index).abs() < 1.0
    on_plane |= (layers.other_position - index).abs() < 1.0
    spans = []
    for n, dim in zip(size, (-1, -2), strict=True):
        where = on_plane[0, 0].any(dim).nonzero()
        if len(where) == 0:
            return None
        start = max(int(where[0]), pad_px - reach)
        stop = min(int(where[-1]) + 1, pad_px + n + reach)
        if start >= stop:
            return None
        spans.append(Span(start, stop, max(start - reach, pad_px), min(stop + reach, pad_px + n)))
    return Boxes(*spans)
