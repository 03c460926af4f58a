"""A scene for Rerun's viewer: frames, depth as points under the lens's camera, labels, focus over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.files import make_folder
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.lens_metadata import SetLens, sensor_width_mm, set_lenses
from focusgen.dataset.published import read_bokeh, read_depth, read_focus, read_sharp
from focusgen.dataset.records import parse_json

if TYPE_CHECKING:
    import rerun

FALLBACK_FPS = 24.0


def save_view(scene: SceneLayout, n_frames: int, path: Path) -> int:
    """Write a scene as .rrd and return its frames.

    Args:
        scene: a finished one.
        path: of the file; `rerun FILE` shows it.

    Raises:
        ConfigError: rerun-sdk is not installed, or the file cannot be written.
        SceneError: a file is missing or damaged.
    """
    try:
        import rerun
    except ImportError as error:
        raise ConfigError("the view is made by rerun-sdk", "pip install 'focusgen[view]'") from error
    try:
        metadata = parse_json(scene.metadata_json.read_bytes())
        lenses = set_lenses(metadata)
        sensor_width_m = 1e-3 * sensor_width_mm(metadata)
        fps = float(metadata.get("fps") or FALLBACK_FPS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptInputError(
            f"scene {scene.scene_id!r}: {scene.metadata_json}: {error!r}", "focusgen repair puts it back."
        ) from error
    recording = rerun.RecordingStream("focusgen", recording_id=scene.scene_id)
    make_folder(path.parent)
    try:
        recording.save(path)
    except RuntimeError as error:
        raise ConfigError(f"{path}: cannot be written: {error}", "Give --save another file.") from error
    for frame in range(n_frames):
        recording.set_time("frame", sequence=frame)
        recording.set_time("time", duration=frame / fps)
        _log_frame(recording, scene, frame, lenses, sensor_width_m)
    recording.flush()
    return n_frames


def _log_frame(
    recording: rerun.RecordingStream,
    scene: SceneLayout,
    frame: int,
    lenses: list[SetLens],
    sensor_width_m: float,
) -> None:
    import rerun

    sharp, depth_m = read_sharp(scene, frame), read_depth(scene, frame)
    height, width = depth_m.shape
    focal_px = lenses[0].lens.focal_length_m / sensor_width_m * width
    recording.log("camera", rerun.Pinhole(focal_length=focal_px, width=width, height=height))
    recording.log("camera/depth", rerun.DepthImage(depth_m, meter=1.0))
    recording.log("camera/sharp", rerun.Image(sharp))
    for k, lens in enumerate(lenses):
        recording.log(f"set_{k:02d}/render", rerun.Image(read_bokeh(scene, k, frame)))
        label = np.rint(read_focus(scene, k, frame).astype(np.float32) * 255).astype(np.uint8)
        recording.log(f"set_{k:02d}/label", rerun.Image(label))
        recording.log(f"focus_distance_m/set_{k:02d}", rerun.Scalars(lens.at(frame).focus_distance_m))
