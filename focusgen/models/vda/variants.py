"""The published sizes of Video Depth Anything."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW_FRAMES = 32
"""Frames that the temporal layers see at once; their table of positions ends here."""

PATCH_PX = 14
"""Side of one ViT patch; the sides of a network input are multiples of it."""


@dataclass(frozen=True)
class Variant:
    """Sizes of one network.

    Attributes:
        width: ViT token width.
        taps: 0-based blocks whose output feeds the head, shallow to deep.
        features: channels of the fusion path.
        out_channels: channels of the four taps after their 1x1 projection.
        position_grid: side of the square grid that the learnt positions were trained on.
    """

    name: str
    width: int
    n_blocks: int
    n_heads: int
    taps: tuple[int, int, int, int]
    features: int
    out_channels: tuple[int, int, int, int]
    position_grid: int = 37


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("vits", 384, 12, 6, (2, 5, 8, 11), 64, (48, 96, 192, 384)),
        Variant("vitb", 768, 12, 12, (2, 5, 8, 11), 128, (96, 192, 384, 768)),
        Variant("vitl", 1024, 24, 16, (4, 11, 17, 23), 256, (256, 512, 1024, 1024)),
    )
}
