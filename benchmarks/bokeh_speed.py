"""Time the renderer against an FFT of the same run, so that the figure means the same on any machine.

Usage   python benchmarks/bokeh_speed.py [SCENE.npz ...] [--device cuda] [--repeats 5] [--write]
Prints  a table: process time on one thread at 854x480 for radii 8, 16, 32, with `render.planes` whole and
        sparse, in units of one rfft2 plus irfft2 of 5x540x960; with a GPU, JSON lines of milliseconds per
        frame and peak memory at 480p and 1080p.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from bokeh_truth import TruthScene, read_scene
from results import RESULTS, write_section
from torch import Tensor

from benchmarks.bokeh_gather import render_gather
from focusgen.models.bokeh.ocp import render_ocp
from focusgen.models.bokeh.planes import plane_ladder
from focusgen.optics.transfer import linear_light

DEFAULT_SCENE = Path(__file__).parents[1] / "tests" / "data" / "bokeh_truth" / "tabletop_320x192.npz"
RADII_PX = (8.0, 16.0, 32.0)

TEXT = """## Speed of the thin lens

`python benchmarks/{command}`: process time of a frame of 854x480
on one thread, in units of one rfft2 + irfft2 of 5x540x960 that takes turns with it, for `render.planes`
`whole` (the default) and `sparse`, and for a disc gather that knows no occlusion; the largest difference of
any value in linear light between whole and sparse.

{table}
"""


def frame_at(scene: TruthScene, width: int, height: int, radius_px: float) -> tuple[Tensor, Tensor]:
    """Return the first frame resized, in linear light, and its radii scaled to a largest of `radius_px`."""
    rgb = torch.from_numpy(scene.aif[:1]).permute(0, 3, 1, 2)
    rgb = F.interpolate(rgb, size=(height, width), mode="bicubic").clamp(0, 1)
    rho = torch.from_numpy(scene.radius_px[:1])
    rho = F.interpolate(rho[:, None], size=(height, width), mode="nearest")[:, 0]
    return linear_light(rgb).contiguous(), rho * (radius_px / float(rho.abs().max()))


def process_s(work: Callable[[], object]) -> float:
    """Return the process time of one run."""
    start = time.process_time()
    work()
    return time.process_time() - start


def least_process_s(works: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Return the least process time of each; they take turns, so that a busy machine slows all alike."""
    for work in works:
        work()
    turns = [[process_s(work) for work in works] for _ in range(repeats)]
    return [min(times) for times in zip(*turns, strict=True)]


def row_of(name: str, scene: TruthScene, radius_px: float, repeats: int) -> str:
    """Return one line of the table."""
    rgb, rho = frame_at(scene, 854, 480, radius_px)
    ladder = plane_ladder(float(rho.min()), float(rho.max()))
    samples = torch.rand(5, 540, 960)
    works = [
        lambda: torch.fft.irfft2(torch.fft.rfft2(samples), s=(540, 960)),
        lambda: render_ocp(rgb, rho, ladder),
        lambda: render_ocp(rgb, rho, ladder, sparse=True),
        lambda: render_gather(rgb, rho),
    ]
    with torch.inference_mode():
        fft_s, *ours_s = least_process_s(works, repeats)
        difference = float(
            (render_ocp(rgb, rho, ladder, sparse=True) - render_ocp(rgb, rho, ladder)).abs().max()
        )
    ratios = " | ".join(f"{seconds / fft_s:.1f}" for seconds in ours_s)
    return f"| {name} | {radius_px:g} | {len(ladder)} | {ratios} | {1000 * fft_s:.1f} ms | {difference:.1e} |"


def table_of_cpu(scenes: Sequence[Path], repeats: int) -> str:
    """Return the table of some scenes, on one thread."""
    torch.set_num_threads(1)
    lines = [
        "| scene | radius, px | planes | whole | sparse | disc gather | one FFT | largest difference |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for path in scenes:
        with np.load(path) as data:
            scene = read_scene(path.stem, data)
        lines += [row_of(path.stem, scene, radius_px, repeats) for radius_px in RADII_PX]
    return "\n".join(lines)


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
    parser.add_argument("scenes", type=Path, nargs="*", default=[DEFAULT_SCENE])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"write the table into {RESULTS.name}")
    args = parser.parse_args(argv)
    if args.device != "cpu":
        with np.load(args.scenes[0]) as data:
            time_on_gpu(read_scene(args.scenes[0].stem, data), args.device, 10 * args.repeats)
        return 0
    table = table_of_cpu(args.scenes, args.repeats)
    print(table)
    if args.write:
        names = " ".join(path.name for path in args.scenes)
        write_section("bokeh speed", TEXT.format(command=f"bokeh_speed.py {names} --write", table=table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
