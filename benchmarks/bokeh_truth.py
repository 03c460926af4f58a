"""Score a renderer against ray-traced truth: one JSON line per scene.

Usage   python benchmarks/bokeh_truth.py DIR [--renderer thin_lens|gather] [--gallery OUT.png] [--threads 1]
Prints  {"name", "psnr_db", "ssim", "psnr_edge_db"}, for clips also "rm"

DIR holds .npz files: aif uint8 [H,W,3] or [T,H,W,3]; depth float32 metres of the same pixels; truth uint16;
f, N, S_focus, sensor_width in metres. Pictures are linear light to the power 1 / 2.2. Edge pixels are those
within ceil(max radius) + 1 px of a step of more than 1 px between the radii of 4-neighbours.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import distance_transform_edt
from skimage.metrics import structural_similarity

from benchmarks.bokeh_gather import render_gather
from focusgen.models.bokeh.ocp import render_ocp
from focusgen.models.bokeh.planes import plane_ladder
from focusgen.optics.coc import Lens, signed_blur_radius_px
from focusgen.optics.transfer import display_values, linear_light

Floats = npt.NDArray[np.float64]
EDGE_STEP_PX = 1.0


@dataclass(frozen=True)
class TruthScene:
    """One file of ray-traced truth.

    Attributes:
        aif: (T, H, W, 3) all-in-focus picture in [0, 1], display space.
        truth: (T, H, W, 3) the same through the lens.
        radius_px: (T, H, W) signed blur radius.
        is_clip: whether the frames follow each other in time.
    """

    name: str
    aif: npt.NDArray[np.float32]
    truth: Floats
    radius_px: npt.NDArray[np.float32]
    is_clip: bool


def read_scenes(folder: Path) -> Iterator[TruthScene]:
    """Yield the scenes of a folder in name order."""
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise SystemExit(f"{folder}: no .npz files")
    for path in paths:
        with np.load(path) as data:
            yield read_scene(path.stem, data)


def read_scene(name: str, data: Any) -> TruthScene:
    """Return one scene from the arrays of its file."""
    lens = Lens(float(data["f"]), float(data["N"]), float(data["S_focus"]), formula="exact")
    aif, truth, depth_m = data["aif"], data["truth"], data["depth"].astype(np.float32)
    is_clip = aif.ndim == 4
    if not is_clip:
        aif, truth, depth_m = aif[None], truth[None], depth_m[None]
    radius_px = signed_blur_radius_px(
        depth_m, lens, image_width_px=aif.shape[2], sensor_width_m=float(data["sensor_width"])
    )
    return TruthScene(name, aif.astype(np.float32) / 255, truth / 65535.0, radius_px, is_clip)


def render(scene: TruthScene, renderer: str) -> Floats:
    """Return the scene as a renderer draws it, (T, H, W, 3) display space."""
    linear = linear_light(torch.from_numpy(scene.aif).permute(0, 3, 1, 2).contiguous())
    radius = torch.from_numpy(scene.radius_px)
    with torch.inference_mode():
        if renderer == "gather":
            drawn = render_gather(linear, radius)
        else:
            # One ladder for all frames, as the renderer fixes it per lens set.
            drawn = render_ocp(linear, radius, plane_ladder(float(radius.min()), float(radius.max())))
        shown = display_values(drawn)
    return shown.permute(0, 2, 3, 1).double().numpy()


def score(scene: TruthScene, drawn: Floats) -> dict[str, Any]:
    """Return the figures of one scene, averaged over its frames."""
    frames = list(zip(drawn, scene.truth, scene.radius_px, strict=True))
    result = {
        "name": scene.name,
        "psnr_db": round(float(np.mean([psnr_db(a, b) for a, b, _ in frames])), 3),
        "ssim": round(float(np.mean([ssim(a, b) for a, b, _ in frames])), 5),
        "psnr_edge_db": _edge_psnr_db(frames),
    }
    if scene.is_clip:
        motion_error = np.abs(np.diff(drawn, axis=0) - np.diff(scene.truth, axis=0))
        result["rm"] = round(float(motion_error.mean()), 6)
    return result


def psnr_db(a: Floats, b: Floats) -> float:
    """Return the peak signal-to-noise ratio for a peak of 1; 120 dB stands for equality."""
    return float(-10 * np.log10(max(float(np.mean((a - b) ** 2)), 1e-12)))


def ssim(a: Floats, b: Floats) -> float:
    """Return the structural similarity, gaussian window of sigma 1.5, mean of the channels."""
    return float(
        structural_similarity(
            a,
            b,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1,
            data_range=1.0,
        )
    )


def edge_mask(radius_px: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return the pixels that the blur of a depth edge can reach."""
    is_edge = np.zeros(radius_px.shape, bool)
    for axis in (0, 1):
        steps = np.abs(np.diff(radius_px, axis=axis)) > EDGE_STEP_PX
        for start in (0, 1):
            side = [slice(None), slice(None)]
            side[axis] = slice(start, start + steps.shape[axis])
            is_edge[tuple(side)] |= steps
    if not is_edge.any():
        return is_edge
    # Rounded first: a largest radius of 10 px is written as 10.000001 in float32.
    reach = np.ceil(round(float(np.abs(radius_px).max()), 3)) + 1
    return np.asarray(distance_transform_edt(~is_edge) <= reach)


def _edge_psnr_db(frames: list[tuple[Floats, Floats, npt.NDArray[np.float32]]]) -> float | None:
    masks = [edge_mask(radius_px) for _, _, radius_px in frames]
    values = [psnr_db(a[m], b[m]) for (a, b, _), m in zip(frames, masks, strict=True) if m.any()]
    return round(float(np.mean(values)), 3) if values else None


def main(argv: list[str] | None = None) -> int:
    """Print one line per scene; with --gallery also draw them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--renderer", choices=("thin_lens", "gather"), default="thin_lens")
    parser.add_argument("--gallery", type=Path, help="also write a sheet of pictures (bokeh_gallery.py)")
    parser.add_argument("--threads", type=int, help="threads of torch")
    args = parser.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    for scene in read_scenes(args.folder):
        print(json.dumps(score(scene, render(scene, args.renderer))), flush=True)
    if args.gallery:
        from bokeh_gallery import write_gallery

        write_gallery(args.folder, args.gallery)
    return 0


if __name__ == "__main__":
    sys.exit(main())
