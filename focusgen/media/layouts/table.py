"""All layouts, and which of them a folder is."""

from __future__ import annotations

from pathlib import Path

from focusgen.media.layouts.hypersim import HYPERSIM
from focusgen.media.layouts.layout import Layout
from focusgen.media.layouts.rendered import RENDERED_LAYOUTS
from focusgen.media.layouts.sensors import SENSOR_LAYOUTS
from focusgen.media.layouts.tum import TUM
from focusgen.media.layouts.videos import VIDEO_LAYOUTS

LAYOUTS = {
    layout.name: layout for layout in (*VIDEO_LAYOUTS, TUM, *SENSOR_LAYOUTS, HYPERSIM, *RENDERED_LAYOUTS)
}


def recognise(root: Path) -> dict[Layout, str]:
    """Return every layout that a folder looks like, with the evidence."""
    found = {layout: layout.recognise(root) for layout in LAYOUTS.values()}
    return {layout: evidence for layout, evidence in found.items() if evidence}
