"""Time the renderer against an FFT of the same run, so that the figure means the same on any machine.

Usage   python benchmarks/bokeh_speed.py [SCENE.npz] [--device cuda] [--repeats 5] [--sparse]
Prints  JSON lines: process time on one thread at 854x480 for radii 8, 16, 32, and its ratio to one rfft2 plus
        irfft2 of 5x540x960; with a GPU, milliseconds per frame and peak memory at 480p and 1080p.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from bokeh_truth import TruthScene, read_scene
from torch import Tensor

from benchmarks.bokeh_gather import render_gather
from focusgen.models.bokeh.light import decode_display
from focusgen.models.bokeh.ocp import render_ocp
from focusgen.models.bokeh.planes import plane_ladder

DEFAULT_SCENE = Path(__file__).parents[1] / "tests" / "data" / "bokeh_truth" / "tabletop_320x192.npz"
RADII_PX = (8.0, 16.0, 32.0)


def frame_at(scene: TruthScene, width: int, height: int, radius_px: float) -> tuple[Tensor, Tensor]:
    """Return the first frame resized, in linear light, and its radii scaled to a largest of `radius_px`."""
    rgb = torch.from_numpy(scene.aif[:1]).permute(0, 3, 1, 2)
    rgb = F.interpolate(rgb, size=(height, width), mode="bicubic").clamp(0, 1)
    rho = torch.from_numpy(scene.radius_px[:1])
    rho = F.interpolate(rho[:, None], size=(height, width), mode="nearest")[:, 0]
    return decode_display(rgb).contiguous(), rho * (radius_px / float(rho.abs().max()))


def best_process_ms(work: Callable[[], object], repeats: int) -> float:
    """Return the least process time of several runs, after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1000 * min(times)


def time_on_cpu(scene: TruthScene, repeats: int, *, sparse: bool) -> None:
    """Print one line for the yardstick and one per radius."""
    torch.set_num_threads(1)
    planes = torch.rand(5, 540, 960)
    yardstick_ms = best_process_ms(
        lambda: torch.fft.irfft2(torch.fft.rfft2(planes), s=(540, 960)), 2 * repeats
    )
    print(json.dumps({"what": "rfft2 + irfft2 of 5x540x960", "ms": round(yardstick_ms, 2)}))
    for radius_px in RADII_PX:
        rgb, rho = frame_at(scene, 854, 480, radius_px)
        ladder = plane_ladder(float(rho.min()), float(rho.max()))
        with torch.inference_mode():
            ours_ms = best_process_ms(lambda: render_ocp(rgb, rho, ladder, sparse=sparse), repeats)  # noqa: B023 - run at once
            gather_ms = best_process_ms(lambda: render_gather(rgb, rho), repeats)  # noqa: B023
        line = {"radius_px": radius_px, "planes": len(ladder), "ms": ours_ms, "gather_ms": gather_ms}
        line["ffts"] = ours_ms / yardstick_ms
        print(json.dumps({key: round(value, 2) for key, value in line.items()}), flush=True)


def time_on_gpu(scene: TruthScene, device: str, repeats: int) -> None:
    """Print milliseconds per frame and peak memory for batches of 1 and 4."""
    for (width, height), batch in [(size, b) for size in ((854, 480), (1920, 1080)) for b in (1, 4)]:
        rgb, rho = frame_at(scene, width, height, 16.0 * width / 854)
        rgb, rho = rgb.repeat(batch, 1, 1, 1).to(device), rho.repeat(batch, 1, 1).to(device)
        ladder = plane_ladder(float(rho.min()), float(rho.max()))
        torch.cuda.reset_peak_memory_stats(device)
        with torch.inference_mode():
            render_ocp(rgb, rho, ladder)
            torch.cuda.synchronize(device)
            start = time.perf_counter()
            for _ in range(repeats):
                render_ocp(rgb, rho, ladder)
            torch.cuda.synchronize(device)
        ms = 1000 * (time.perf_counter() - start) / (repeats * batch)
        gib = torch.cuda.max_memory_allocated(device) / 2**30
        line = {
            "size": f"{width}x{height}",
            "batch": batch,
            "ms_per_frame": round(ms, 2),
            "gib": round(gib, 2),
        }
        print(json.dumps(line), flush=True)


def main(argv: list[str] | None = None) -> int:
    """Time one scene."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scene", type=Path, nargs="?", default=DEFAULT_SCENE)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sparse", action="store_true", help="as render.planes: sparse draws")
    args = parser.parse_args(argv)
    with np.load(args.scene) as data:
        scene = read_scene(args.scene.stem, data)
    if args.device == "cpu":
        time_on_cpu(scene, args.repeats, sparse=args.sparse)
    else:
        time_on_gpu(scene, args.device, 10 * args.repeats)
    return 0


if __name__ == "__main__":
    sys.exit(main())
