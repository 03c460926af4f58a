"""Ordered planes of blur, added front to back until full: lens blur with occlusion, in linear light.

Tent weights of neighbouring planes sum to one on a continuous surface, so adding coverage until it is full
neither leaks nor darkens there, where the usual "over" leaks t (1 - t); the order of the planes gives
occlusion, and a hidden surface supplies what a defocused foreground lets the lens see.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from focusgen.models.bokeh.apertures import blur_reach_px, convolve_aperture
from focusgen.models.bokeh.discs import Span
from focusgen.models.bokeh.hidden import edge_sides, far_side_seeds, hidden_fill, hidden_surface
from focusgen.models.bokeh.layers import COVERAGE_NOISE, Box, Layer, Surfaces, other_layer, visible_layer
from focusgen.models.bokeh.mattes import EdgeSplit, split_edge_pixels
from focusgen.models.bokeh.planes import plane_weight, planes_in_use
from focusgen.models.bokeh.sparse import composite_sparse, is_drawn_sparsely
from focusgen.optics.aperture import DISC, Aperture


def render_ocp(
    linear_rgb: Tensor,
    signed_radius_px: Tensor,
    ladder: tuple[float, ...],
    *,
    crop: bool | None = None,
    fill: Tensor | None = None,
    aperture: Aperture = DISC,
    sparse: bool = False,
    peak: float = 1.0,
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
        sparse: with `crop`, blur planes only where anything lies on them, see `sparse`; equal up to the
            rounding of the FFT.
        peak: the brightest light that there is.

    Returns:
        (B, 3, H, W) linear light.
    """
    rho = signed_radius_px[:, None].clamp(ladder[-1], ladder[0])
    if crop is None:
        needs_gradient = torch.is_grad_enabled() and (linear_rgb.requires_grad or rho.requires_grad)
        crop = linear_rgb.device.type == "cpu" and not needs_gradient
    found = _surfaces(linear_rgb, rho, ladder, fill, peak)
    if crop and sparse and is_drawn_sparsely(ladder, aperture):
        return composite_sparse(found, rho, ladder, aperture)
    layers = visible_layer(found.split, rho, ladder), other_layer(found, ladder)
    if not crop:
        return _composite(layers, ladder, aperture)
    frames = ([Layer(*(t[i : i + 1] for t in layer)) for layer in layers] for i in range(len(linear_rgb)))
    return torch.cat([_composite_cropped(frame, ladder, aperture) for frame in frames])


def split_and_seed(rgb: Tensor, rho: Tensor, peak: float = 1.0) -> tuple[EdgeSplit, Tensor]:
    """Return the edge pixels divided between their surfaces, and the seeds of what lies behind edges.

    Args:
        rgb: (B, 3, H, W) linear light.
        rho: (B, 1, H, W) signed blur radius.
        peak: the brightest light that there is.
    """
    near_side, far_side = edge_sides(rho.detach())
    seeds = far_side_seeds(rho.detach(), near_side, far_side)
    return split_edge_pixels(rgb, rho, near_side | far_side, peak), seeds


def _surfaces(
    rgb: Tensor, rho: Tensor, ladder: tuple[float, ...], fill: Tensor | None, peak: float
) -> Surfaces:
    split, seeds = split_and_seed(rgb, rho, peak)
    if fill is None:
        fill = hidden_fill(split.rgb, rho, seeds, ladder)
    return Surfaces(split, hidden_surface(rho, seeds, fill, ladder))


def _composite(layers: Sequence[Layer], ladder: tuple[float, ...], aperture: Aperture) -> Tensor:
    """Blur and add the planes on the whole frame: no value is read by the host, nothing is overwritten."""
    light = layers[0].light
    height, width = light.shape[-2:]
    out = light.new_zeros(len(light), 3, height, width)
    room = torch.ones_like(out[:, :1])
    for index, radius_px in enumerate(ladder):
        added, share = _plane_light(layers, index, radius_px, Box(0, height, 0, width), room, aperture)
        out, room = out + added, room - share
    return out / (1.0 - room).clamp_min(1e-6)


def _composite_cropped(layers: Sequence[Layer], ladder: tuple[float, ...], aperture: Aperture) -> Tensor:
    """Blur and add each plane on its bounding box; one frame."""
    height, width = layers[0].light.shape[-2:]
    out = layers[0].light.new_zeros(1, 3, height, width)
    room = torch.ones_like(out[:, :1])
    positions = tuple(layer.position[0, 0] for layer in layers)
    for index, sides in planes_in_use(positions, len(ladder)):
        radius_px, box = ladder[index], Box(*sides)
        target = box.grown(blur_reach_px(radius_px, aperture), height, width).region()
        light, share = _plane_light(layers, index, radius_px, box, room[target], aperture)
        out[target] += light
        room[target] -= share
    return out.div_((1.0 - room).clamp_min_(1e-6))


def _plane_light(
    layers: Sequence[Layer], index: int, radius_px: float, box: Box, room: Tensor, aperture: Aperture
) -> tuple[Tensor, Tensor]:
    """Return the light that one plane adds where its blur reaches, and the share of each pixel it fills."""
    region = box.region()
    visible, other = (layer.light[region] * plane_weight(layer.position[region], index) for layer in layers)
    plane = visible + other
    height, width = layers[0].light.shape[-2:]
    return _filled(_blurred(plane, radius_px, box, (height, width), aperture), room)


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
