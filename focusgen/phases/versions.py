"""The algorithm version of each scene phase, and the logs that its scenes write lines for."""

from __future__ import annotations

from focusgen.config import Config
from focusgen.config.backends import THIN_LENS
from focusgen.dataset.records import Record

DEBLUR_VERSION = 1
DEPTH_VERSION = 1
RENDER_VERSION = 1

PSNR_LOG, PSNR_HEADER = "deblur_psnr.csv", "scene_id,frame,psnr_db,seconds\n"
SANITY_LOG = "depth_sanity_warnings.txt"
CONSISTENCY_LOG = "depth_consistency_warnings.txt"
PATCHES_LOG = "depth_nan_patches.csv"
PATCHES_HEADER = "scene_id,frame,patched_pixels,raised_pixels,lowered_pixels\n"
FOCUS_LOG = "focus_map_warnings.txt"


def render_version(cfg: Config, depth: Record | None) -> int:
    """Return the version of phase 5: higher where release 0.1.0 drew from another map than it published.

    It moved soft edges of predicted depth onto those of the picture, and labelled the depth as it was.
    """
    is_exact = depth is None or bool(depth.details.get("is_exact", True))
    snapped = {"on": True, "auto": not is_exact, "off": False}[cfg.render.depth_edge_snap]
    return RENDER_VERSION + int(cfg.render.backend == THIN_LENS.name and snapped)
