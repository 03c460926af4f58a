"""Pictures of a single colour: what a network that returns NaN, or a lost decoder, leaves behind.

A frame may be one colour because the video is: a fade to black. So a sharp frame is compared with its raw
frame, and a render with its sharp frame.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import SceneError
from focusgen.base.names import shortened
from focusgen.config import Config
from focusgen.dataset.frames import open_raw, published_plan
from focusgen.dataset.index import IndexEntry, recorded_raw_root
from focusgen.dataset.layout import DatasetLayout
from focusgen.media.codecs import decode_png
from focusgen.phases.scene_report import SceneReport

FAINT_LEVELS = 8  # a picture that spans less may become one colour: codec noise of a black frame
CANDIDATE_RATIO = 100  # one colour packs by 1,000 and more: larger files need not be decoded
CANDIDATE_BYTES = 1024


def is_flat(png: bytes, size: tuple[int, int]) -> bool:
    """Say whether a checked PNG of (width, height) shows a single colour."""
    if len(png) > CANDIDATE_BYTES + 3 * size[0] * size[1] // CANDIDATE_RATIO:
        return False
    picture = decode_png(png)
    return bool((picture == picture[0, 0]).all())


def spans_levels(png: bytes) -> bool:
    """Say whether a picture spans enough levels that even a strong blur leaves some."""
    return _levels_spanned(decode_png(png)) > FAINT_LEVELS


def _levels_spanned(picture: npt.NDArray[np.uint8]) -> int:
    """Return the widest span of any channel: plain blue spans none, though its channels differ."""
    return int(np.ptp(picture, axis=(0, 1)).max())


def judge_flat_frames(
    cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry, report: SceneReport
) -> None:
    """Tell errors from fades: what is one colour although its raw frame is not makes the scene fail."""
    flat = report.flat_frames
    if not flat:
        return
    if len(flat) >= report.n_frames:
        report.error(f"every sharp frame is a single colour ({len(flat)} of {report.n_frames})")
        return
    try:
        lost = _flat_without_reason(cfg, dataset, scene_id, entry, flat)
    except SceneError as error:
        report.warnings.append(
            f"sharp frames of a single colour, not compared: {_listed(flat)}: {error.message}"
        )
        return
    if lost:
        report.error(f"sharp frames are a single colour where the raw ones are not: {_listed(lost)}")
    fades = [frame for frame in flat if frame not in lost]
    if fades:
        report.warnings.append(f"frames of a single colour, like their raw frames: {_listed(fades)}")


def _flat_without_reason(
    cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry, flat: list[int]
) -> list[int]:
    scene, raw_root = dataset.scene(scene_id), recorded_raw_root(dataset, cfg.data.raw_root)
    with open_raw(raw_root, scene_id, entry, published_plan(scene, entry)) as raw:
        pictures = {frame: raw.frame(frame) for frame in flat}
        return [frame for frame, picture in pictures.items() if _levels_spanned(picture) > FAINT_LEVELS]


def _listed(frames: list[int]) -> str:
    return shortened(map(str, frames), 10)
