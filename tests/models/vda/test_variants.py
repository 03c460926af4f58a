"""The published sizes, and what other parts take for granted of them."""

from __future__ import annotations

import pytest

from focusgen.models.vda.motion import N_GROUPS, N_HEADS
from focusgen.models.vda.schedule import CARRIED_SLOTS, STEP
from focusgen.models.vda.variants import PATCH_PX, VARIANTS, WINDOW_FRAMES


@pytest.mark.parametrize(
    ("name", "width", "taps"),
    [("vits", 384, (2, 5, 8, 11)), ("vitb", 768, (2, 5, 8, 11)), ("vitl", 1024, (4, 11, 17, 23))],
)
def test_sizes_are_those_of_dinov2_and_taps_the_published_ones(name, width, taps):
    variant = VARIANTS[name]
    assert (variant.name, variant.width, variant.taps) == (name, width, taps)
    assert variant.width // variant.n_heads == 64
    assert variant.position_grid * PATCH_PX == 518


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_the_last_tap_is_the_last_block_and_motion_fits_its_heads_and_groups(name):
    variant = VARIANTS[name]
    assert variant.taps[-1] == variant.n_blocks - 1
    for channels in (*variant.out_channels[2:], variant.features):
        assert channels % N_GROUPS == 0 and channels % N_HEADS == 0


def test_a_width_tells_the_variant_and_a_window_is_what_is_carried_and_what_is_new():
    assert len({variant.width for variant in VARIANTS.values()}) == len(VARIANTS)
    assert len(CARRIED_SLOTS) + STEP == WINDOW_FRAMES
