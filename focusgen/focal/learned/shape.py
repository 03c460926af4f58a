"""What training and asking share of the small network: its sizes, and the numbers that are not learned."""

from __future__ import annotations

from dataclasses import dataclass

PRIOR = (0.6, 0.4, 0.6, 0.4, 5.0)
PRIOR_SIGNS = (-1.0, -1.0, 1.0, 1.0, -1.0)
"""What the evidence says at the start: residuals and cost speak against a hypothesis, energy for it."""

N_MIXED = 2
START_SHARE = -1.5
"""Logit of the share that the network's own depth has before training: of its sweep's, of the classical."""

N_NEIGHBOURS, N_SUB = 9, 4
"""Each pixel of the full size is a weighted mean of the 3 x 3 around its pixel of half size."""

N_GROUPS = 8
"""Of channels that are normed together."""

LOGIT_GAIN, MEND_GAIN = 4.0, 0.2

SPAN_PX = (1.0, 22.0)
"""Blur radius that the farthest slice gives to what is sharp in the nearest: weak lenses to strong ones."""


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of the network; they are written beside its weights.

    Attributes:
        channels: of the four levels of the U-Net, each half as large as the one before.
        mix: of the mix along depth.
        sharp: of the head that mends the picture.
    """

    channels: tuple[int, int, int, int] = (32, 48, 96, 128)
    mix: int = 4
    sharp: int = 16
