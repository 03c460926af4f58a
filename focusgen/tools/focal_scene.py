"""Captured stacks as scenes of the pipeline: `--as-scene`. What phases 4 to 6 get is made by phases 1 to 3.

Sharp pictures become raw frames, depth becomes provided depth; index, frames and depth maps are
then written by the phases that always write them, records and all. Several stacks are frames of one video.
Phases and settings are imported where a scene is made: every `focal infer` would wait a third of a second.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen import config
from focusgen.base.errors import ConfigError, CorruptInputError, ExitCode
from focusgen.base.files import make_folder, publish, remove
from focusgen.base.names import display, natural_key, same_form, shell_word
from focusgen.dataset.layout import DatasetLayout
from focusgen.focal.infer import StackResult
from focusgen.focal.light import display_of
from focusgen.media.eight_bits import as_eight_bits
from focusgen.media.images import image_size
from focusgen.tools.focal_outputs import npy_bytes, png_bytes

RAW, RAW_DEPTH = "raw", "raw_depth"


class SceneFrame(NamedTuple):
    """One stack's result as a frame."""

    rgb: npt.NDArray[Any]
    depth_m: npt.NDArray[np.float32]
    icc_profile: bytes = b""

    @classmethod
    def of(cls, result: StackResult) -> SceneFrame:
        """Return the frame of a result, its picture as displays show it."""
        rgb = result.rgb
        if result.metadata["transfer"] == "linear":
            rgb = display_of(rgb << (8 * rgb.dtype.itemsize - result.metadata["used_bits"]))
        return cls(rgb, result.depth, result.icc_profile)


def write_frame(root: Path, scene_id: str, number: int, frame: SceneFrame) -> None:
    """Write the raw picture and the raw depth of one frame."""
    rgb = as_eight_bits(frame.rgb)
    # Depth first: a raw folder without it, which a kill would leave, is not of a focal stack.
    for kind, file, data in (
        (RAW_DEPTH, f"frame_{number:04d}.npy", npy_bytes(frame.depth_m)),
        (RAW, f"frame_{number:04d}.png", png_bytes(rgb, frame.icc_profile)),
    ):
        make_folder(root / kind / scene_id)
        publish(root / kind / scene_id / file, data)


def check_takes_scenes(root: Path) -> None:
    """Refuse a data set that holds anything but scenes of focal stacks: their settings are not its own.

    Phases 1 to 3 would make its scenes anew, from other raw files and without a network.

    Raises:
        ConfigError: names a scene that is not of a stack.
    """
    from focusgen.dataset.index import read_index

    dataset = DatasetLayout(root, root / "scene_index.json")
    known = list(read_index(dataset)) if dataset.index_json.exists() else []
    raw = sorted(path.name for path in (root / RAW).iterdir()) if (root / RAW).is_dir() else []
    others = [name for name in (*known, *raw) if not (root / RAW_DEPTH / name / "frame_0000.npy").is_file()]
    if others:
        raise ConfigError(
            f"--as-scene: {display(str(root))} holds {display(others[0])}, which is not of a focal stack",
            "Give --output a folder of its own: one data set has one way of making its scenes.",
        )


def no_metres(name: str, missing: Sequence[str]) -> ConfigError:
    """Return the error of a stack that cannot be a frame; `missing` are the flags that would make it one."""
    return ConfigError(
        f"{display(name)}: --as-scene needs metres, and the lens is not known",
        f"Give {' and '.join(missing)}, and --sensor-width where the sensor is not 36 mm wide.",
    )


def scene_name(text: str) -> str:
    """Return a name that may be a folder of a data set; letters of any script stay what they are."""
    name = re.sub(r"[^\w.-]+", "_", same_form(text)).lstrip("._-")
    return name or "stack"


def check_one_size(first_slices: Sequence[Path]) -> None:
    """Refuse stacks that cannot be frames of one video, by the headers of their first slices.

    Raises:
        ConfigError: two differ in size; names both.
    """
    seen: dict[tuple[int, int], Path] = {}
    for path in first_slices:
        try:
            seen.setdefault(image_size(path), path)
        except CorruptInputError:  # said of its stack when that is opened
            continue
        if len(seen) > 1:
            (one, first), (other, second) = seen.items()
            raise ConfigError(
                f"--as-scene: stacks of different sizes are no frames of one video: {display(str(first))} is "
                f"{one[0]}x{one[1]}, {display(str(second))} {other[0]}x{other[1]}",
                "Give each alone.",
            )


def make_scenes(root: Path, scene_id: str, sizes: Sequence[tuple[int, ...]]) -> None:
    """Turn the raw frames below `root` into scenes: phases 1 to 3, nothing sharpened, depth as found.

    Args:
        root: of the data set.
        scene_id: the scene whose frames were written; later ones than `sizes` are those of an earlier call.
        sizes: (height, width) of each frame.

    Raises:
        ConfigError: frames of one scene differ in size, or a phase did not complete.
    """
    from focusgen.run.here import run_phases
    from focusgen.run.selection import Selection

    if len(set(sizes)) > 1:
        raise ConfigError("stacks of different sizes are no frames of one video", "Give each alone.")
    for folder in (root / RAW / scene_id, root / RAW_DEPTH / scene_id):
        frames = sorted(folder.glob("frame_*"), key=lambda path: natural_key(path.name))
        for path in frames[len(sizes) :]:
            remove(path)
    cfg = config.load(None, scene_settings(root))
    code = run_phases(cfg, ("index", "deblur", "depth"), Selection())
    if code != ExitCode.COMPLETE:
        raise ConfigError(
            f"{root}: the frames did not become a scene",
            f"focusgen status --out_root {shell_word(root)} says why.",
        )


def scene_settings(root: Path) -> dict[str, Any]:
    """Return the settings that such a data set is made and continued with."""
    from focusgen.config.backends import PASSTHROUGH, PROVIDED

    return {
        "data.raw_root": root / RAW,
        "data.out_root": root,
        "data.min_frames": 1,
        "deblur.backend": PASSTHROUGH.name,
        "depth.backend": PROVIDED.name,
        "depth.depth_root": root / RAW_DEPTH,
        "depth.is_exact": "false",  # its edges are those of focus, not the picture's
        "run.on_stale": "redo",  # a second call means its own frames
    }
