"""Traced truth of procedural scenes: a scene with a lens of its own, and files of the bokeh_truth format."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from focusgen.optics.coc import FULL_FRAME_WIDTH_M, Formula, Lens
from focusgen.optics.transfer import display_values
from focusgen.synth.truth import fx_px_of, trace_thin_lens
from focusgen.synth.view import SynthScene
from focusgen.synth.write import make_scene


def make_truth_scene(
    family: str,
    seed: int,
    *,
    focal_length_m: float = 0.05,
    f_number: float = 2.0,
    focus_quantile: float = 0.5,
    formula: Formula = "exact",
    n_frames: int = 4,
    width: int = 320,
    height: int = 192,
    sensor_width_m: float = FULL_FRAME_WIDTH_M,
) -> tuple[SynthScene, Lens]:
    """Return a scene and a lens that belong together, for `trace_thin_lens` and `write_truth`.

    Args:
        family: one of `FAMILIES`.
        seed: which scene of the family.
        focal_length_m: f of the lens, which also sets the field of view.
        f_number: N of the lens.
        focus_quantile: share of the first frame's pixels that are nearer than the focus plane.
        formula: which blur the scene's camera makes exact.
        width: pixels.
        height: pixels.
        sensor_width_m: width of the sensor that the frame shows.
    """
    size = {"n_frames": n_frames, "width": width, "height": height}
    # The bodies do not depend on fx, so the view of the lens at infinity is near enough to choose a focus.
    first = make_scene(family, seed, **size, fx_px=focal_length_m * width / sensor_width_m)
    focus_m = float(np.quantile(first.depth_m(0), focus_quantile))
    lens = Lens(focal_length_m, f_number, focus_m, formula)
    return make_scene(family, seed, **size, fx_px=fx_px_of(lens, width, sensor_width_m)), lens


def write_truth(
    path: Path,
    scene: SynthScene,
    frame_indices: int | Sequence[int],
    lens: Lens,
    n_samples: int,
    *,
    sensor_width_m: float = FULL_FRAME_WIDTH_M,
    progress: Callable[[int, int], object] = lambda done, n_frames: None,
) -> None:
    """Write one .npz of the bokeh_truth format.

    Args:
        scene: made with `fx_px_of(lens, ...)`.
        frame_indices: one frame, or several for a clip (arrays then have a first axis for the frames).
        lens: what the truth is seen through.
        n_samples: rays per pixel of the truth.
        sensor_width_m: width of the sensor that the frame shows.
        progress: called with (frames done, frames in all).
    """
    is_clip = not isinstance(frame_indices, int)
    indices = [frame_indices] if isinstance(frame_indices, int) else list(frame_indices)
    seen = []
    for done, index in enumerate(indices, start=1):
        frame = scene.frame(index)
        light = trace_thin_lens(scene, index, lens, sensor_width_m=sensor_width_m, n_samples=n_samples)
        seen.append((frame.rgb, frame.depth_m, np.rint(display_values(light) * 65535.0).astype(np.uint16)))
        progress(done, len(indices))
    aif, depth_m, traced = (np.stack(parts) if is_clip else parts[0] for parts in zip(*seen, strict=True))
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        aif=aif,
        depth=depth_m,
        truth=traced,
        f=lens.focal_length_m,
        N=lens.f_number,
        S_focus=lens.focus_distance_m,
        sensor_width=sensor_width_m,
        fx_px=scene.fx_px,
        width=scene.width,
        height=scene.height,
        lens_samples=n_samples,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed.getvalue())
