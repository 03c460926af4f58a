"""Settings of phase 5 that make a simulated camera like one that exists: its light, aperture and sensor."""

from __future__ import annotations

from focusgen.config.backends import THIN_LENS
from focusgen.config.section import Section, setting
from focusgen.optics.transfer import Transfer

_THIN_LENS = {"backend": [THIN_LENS.name]}


class RenderCamera(Section):
    """What the pictures were taken with, beside the lens."""

    transfer: Transfer = setting(
        "gamma22",
        affects=["render"],
        when=_THIN_LENS,
        is_recorded_at_default=False,
        help="curve of the pictures: srgb is real footage's, gamma22 that of procedural scenes",
    )
