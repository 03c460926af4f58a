"""Ordered planes of blur, added front to back until full: lens blur with occlusion, in linear light.

Tent weights of neighbouring planes sum to one on a continuous surface, so adding coverage until it is full
neither leaks nor darkens there, where the usual "over" leaks t (1 - t); the order of the planes gives
occlusion, and a hidden surface supplies what a defocused foreground lets the lens see.
"""

from __future__ import annotations

from types import EllipsisType
from typing import NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from focusgen.models.bokeh.apertures import blur_reach_px, convolve_aperture
from focusgen.models.bokeh.discs import Span
from focusgen.models.bokeh.hidden import edge_sides, far_side_seeds, hidden_fill, hidden_surface
from focusgen.models.bokeh.mattes import EdgeSplit, split_edge_pixels
from focusgen.models.bokeh.planes import parts_in_use, plane_position, plane_weight, planes_in_use
from focusgen.optics.aperture import DISC, Aperture

COVERAGE_NOISE = 2e-5
"""Coverage below it is rounding of the FFT."""

WORTH_CUTTING = 0.8
"""Parts of a plane are worth their overhead where they are less than this share of its box."""

NO_PLANE = -2.0
"""Plane index of what is not there: its weight is 0 on every plane."""

Region: TypeAlias = "tuple[EllipsisType | slice[int, int, None], ...]"


class Layers(NamedTuple):
    """What lies in each pixel: light times coverage, coverage, and the plane it lies on.

    Attributes:
        visible: (B, 4, H, W) red, green, blue and coverage.
        visible_position: (B, 1, H, W) index of the plane, a real number.
        other: (B, 4, H, W) the same of a second surface of the pixel: behind the first, or before it.
        other_position: (B, 1, H, W); `NO_PLANE` where there is none.
    """

    visible: Tensor
    visible_position: Tensor
    other: Tensor
    other_position: Tensor


class Box(NamedTuple):
    """A part of the frame, rows [top, bottom) and columns [left, right)."""

    top: int
    bottom: int
    left: int
    right: int

    def region(self) -> Region:
        """Return the index of this part."""
        return (..., slice(self.top, self.bottom), slice(self.left, self.right))

    def grown(self, reach: int, height: int, width: int) -> Box:
        """Return the part that a blur of this one reaches, within the frame."""
        return Box(
            max(self.top - reach, 0),
            min(self.bottom + reach, height),
            max(self.left - reach, 0),
            min(self.right + reach, width),
        )


def render_ocp(
    linear_rgb: Tensor,
    signed_radius_px: Tensor,
    ladder: tuple[float, ...],
    *,
    crop: bool | None = None,
    fill: Tensor | None = None,
    aperture: Aperture = DISC,
    sparse: bool = False,
) -> Tensor:
    """Return the picture through a thin lens.

    Differentiable with respect to both tensors, float32.

    Args:
        linear_rgb: (B, 3, H, W) linear light.
        signed_radius_px: (B, H, W) blur radius, + nearer than the focus plane.
        ladder: signed radii of the planes from `plane_ladder`; radii beyond its ends are clipped.
        crop: work on the bounding box of each plane, frame by frame. It needs values on the host, so the
            default is true only on a CPU and without gradients.
        fill: (B, 5, H / 2, W / 2) what hidden surfaces look like, when this is one tile of a picture whose
            `hidden_fill` is known; else it is made here.
        aperture: shape of the opening; cat's eyes need the whole frame.
        sparse: with `crop`, blur the parts of a plane where anything lies, if that is less work than its
            bounding box; equal up to the rounding of the FFT.

    Returns:
        (B, 3, H, W) linear light.
    """
    rho = signed_radius_px[:, None].clamp(ladder[-1], ladder[0])
    if crop is None:
        needs_gradient = torch.is_grad_enabled() and (linear_rgb.requires_grad or rho.requires_grad)
        crop = linear_rgb.device.type == "cpu" and not needs_gradient
    layers = _layers(linear_rgb, rho, ladder, fill)
    if not crop:
        return _composite(layers, ladder, aperture)
    frames = (Layers(*(t[i : i + 1] for t in layers)) for i in range(len(linear_rgb)))
    return torch.cat([_composite_cropped(frame, ladder, aperture, sparse) for frame in frames])


def split_and_seed(rgb: Tensor, rho: Tensor) -> tuple[EdgeSplit, Tensor]:
    """Return the edge pixels divided between their surfaces, and the seeds of what lies behind edges.

    Args:
        rgb: (B, 3, H, W) linear light.
        rho: (B, 1, H, W) signed blur radius.
    """
    near_side, far_side = edge_sides(rho.detach())
    seeds = far_side_seeds(rho.detach(), near_side, far_side)
    return split_edge_pixels(rgb, rho, near_side | far_side), seeds


def _layers(rgb: Tensor, rho: Tensor, ladder: tuple[float, ...], fill: Tensor | None) -> Layers:
    split, seeds = split_and_seed(rgb, rho)
    if fill is None:
        fill = hidden_fill(split.rgb, rho, seeds, ladder)
    hidden = hidden_surface(rho, seeds, fill, ladder)
    # One pixel cannot hide a surface and be the far side of an edge as well: both share a layer.
    is_front = (split.front_share > 0) & (hidden.weight == 0)
    other_share = torch.where(is_front, split.front_share, hidden.weight)
    other_rgb = torch.where(is_front, split.front_rgb, hidden.rgb)
    other_radius_px = torch.where(is_front, split.front_radius_px, hidden.radius_px)
    other_position = plane_position(other_radius_px, ladder)
    return Layers(
        torch.cat((split.rgb * split.share, split.share), 1),
        plane_position(rho, ladder),
        torch.cat((other_rgb * other_share, other_share), 1),
        other_position.masked_fill(other_share == 0, NO_PLANE),
    )


def _composite(layers: Layers, ladder: tuple[float, ...], aperture: Aperture) -> Tensor:
    """Blur and add the planes on the whole frame: no value is read by the host, nothing is overwritten."""
    height, width = layers.visible.shape[-2:]
    out = layers.visible.new_zeros(len(layers.visible), 3, height, width)
    room = torch.ones_like(out[:, :1])
    for index, radius_px in enumerate(ladder):
        light, share = _plane_light(layers, index, radius_px, Box(0, height, 0, width), room, aperture)
        out, room = out + light, room - share
    return out / (1.0 - room).clamp_min(1e-6)


def _composite_cropped(layers: Layers, ladder: tuple[float, ...], aperture: Aperture, sparse: bool) -> Tensor:
    """Blur and add each plane on its bounding box, or on its parts; one frame."""
    height, width = layers.visible.shape[-2:]
    out = layers.visible.new_zeros(1, 3, height, width)
    room = torch.ones_like(out[:, :1])
    positions = (layers.visible_position[0, 0], layers.other_position[0, 0])
    for index, sides in planes_in_use(positions, len(ladder)):
        radius_px, box = ladder[index], Box(*sides)
        target = box.grown(blur_reach_px(radius_px, aperture), height, width).region()
        parts = _parts(positions, index, radius_px, box, aperture) if sparse else [box]
        if len(parts) == 1:
            light, share = _plane_light(layers, index, radius_px, parts[0], room[target], aperture)
        else:
            blurred = _blurred_parts(layers, index, radius_px, parts, box, aperture)
            light, share = _filled(blurred, room[target])
        out[target] += light
        room[target] -= share
    return out.div_((1.0 - room).clamp_min_(1e-6))


def _plane_light(
    layers: Layers, index: int, radius_px: float, box: Box, room: Tensor, aperture: Aperture
) -> tuple[Tensor, Tensor]:
    """Return the light that one plane adds where its blur reaches, and the share of each pixel it fills."""
    return _filled(_blurred_plane(layers, index, radius_px, box, aperture), room)


def _blurred_plane(layers: Layers, index: int, radius_px: float, box: Box, aperture: Aperture) -> Tensor:
    """Return what lies on a part of one plane, blurred as far as it reaches."""
    region = box.region()
    plane = layers.visible[region] * plane_weight(layers.visible_position[region], index)
    plane = plane + layers.other[region] * plane_weight(layers.other_position[region], index)
    height, width = layers.visible.shape[-2:]
    return _blurred(plane, radius_px, box, (height, width), aperture)


def _parts(
    positions: tuple[Tensor, Tensor], index: int, radius_px: float, box: Box, aperture: Aperture
) -> list[Box]:
    """Return the parts of a plane that hold all that lies on it; its bounding box if that is less work."""
    is_used = ((positions[0] - index).abs() < 1.0) | ((positions[1] - index).abs() < 1.0)
    parts = [Box(*sides) for sides in parts_in_use(is_used)]
    margin = 2 * blur_reach_px(radius_px, aperture)

    def work(part: Box) -> int:
        return (part.bottom - part.top + margin) * (part.right - part.left + margin)

    return parts if sum(map(work, parts)) < WORTH_CUTTING * work(box) else [box]


def _blurred_parts(
    layers: Layers, index: int, radius_px: float, parts: list[Box], box: Box, aperture: Aperture
) -> Tensor:
    """Return one plane blurred where its bounding box reaches, from parts that do not overlap."""
    height, width = layers.visible.shape[-2:]
    reach = blur_reach_px(radius_px, aperture)
    whole = box.grown(reach, height, width)
    total = layers.visible.new_zeros(1, 4, whole.bottom - whole.top, whole.right - whole.left)
    for part in parts:
        target = part.grown(reach, height, width)
        rows = slice(target.top - whole.top, target.bottom - whole.top)
        columns = slice(target.left - whole.left, target.right - whole.left)
        total[..., rows, columns] += _blurred_plane(layers, index, radius_px, part, aperture)
    return total


def _filled(blurred: Tensor, room: Tensor) -> tuple[Tensor, Tensor]:
    """Return the light that a blurred plane adds, and the share of each pixel it fills."""
    coverage = blurred[:, 3:]
    share = torch.minimum((coverage - COVERAGE_NOISE).clamp_min(0.0), room)
    return blurred[:, :3] * (share / coverage.clamp_min(COVERAGE_NOISE)), share


def _blurred(plane: Tensor, radius_px: float, box: Box, size: tuple[int, int], aperture: Aperture) -> Tensor:
    """Return a part of a plane blurred, as far as it reaches; the picture goes on beyond its frame."""
    reach = blur_reach_px(radius_px, aperture)
    if reach == 0:
        return plane
    height, width = size
    target = box.grown(reach, height, width)
    above, below = reach * (box.top == 0), reach * (box.bottom == height)
    left, right = reach * (box.left == 0), reach * (box.right == width)
    grown = F.pad(plane, (left, right, above, below), mode="replicate")
    return convolve_aperture(
        grown,
        radius_px,
        aperture,
        Span(box.top - above, box.bottom + below, target.top, target.bottom),
        Span(box.left - left, box.right + right, target.left, target.right),
        size,
    )
