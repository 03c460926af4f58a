"""What reading costs: windows per CPU second of the plain way, of FocusDataset, and of streamed shards.

Usage   python -m benchmarks.reader [--write] [--repeats 3] [--width 720 --height 480]
Makes   two scenes of scikit-image's motorcycle (measured depth) through all phases in a temporary folder,
        once with each PNG filter. The plain way is cv2.imread, np.load and the formula on those files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.results import write_section
from focusgen import cli
from focusgen.data import FocusDataset, FocusShards
from focusgen.media import codecs
from focusgen.media.codecs import decode_png, encode_png
from focusgen.tools.export import export, finish

WINDOW, STRIDE = 8, 4
GOAL, GOAL_UP = 2.0, 2.5


def make_data_set(work: Path, width: int, height: int, n_frames: int) -> Path:
    """Write frames that pan over the stereo pair's left picture, with its depth, and run all phases."""
    from skimage import data

    picture, _, disparity_px = data.stereo_motorcycle()
    depth_m = 994.978 * 0.193001 / (np.where(disparity_px > 0, disparity_px, np.nan) + 31.086)
    for scene in ("a", "b"):
        for folder in ("raw", "depth"):
            (work / folder / scene).mkdir(parents=True)
        for frame in range(n_frames):
            x = (frame if scene == "a" else n_frames - frame) % (picture.shape[1] - width + 1)
            box = (slice(0, height), slice(x, x + width))
            cv2.imwrite(str(work / "raw" / scene / f"frame_{frame:04d}.png"), picture[box][..., ::-1])
            np.save(work / "depth" / scene / f"depth_{frame:04d}.npy", depth_m[box].astype(np.float32))
    words = ["run", "--no_pictures", "--raw_root", str(work / "raw"), "--depth_root", str(work / "depth")]
    words += ["--out_root", str(work / "out"), "--min_frames", "8", "--n_sets", "1", "--max_coc", "0.001"]
    if cli.main([*words, "--depth.max_patched_fraction", "0.5"]) != 0:
        raise SystemExit("the data set could not be made")
    return work / "out"


def as_paeth(root: Path, copy: Path) -> Path:
    """Return a copy of a data set whose pictures are those of release 0.1.0; only for plain reading."""
    shutil.copytree(root, copy)
    for path in copy.rglob("*.png"):
        if path.parent.name.startswith(("frames_", "set_")):  # pictures, no masks
            path.write_bytes(encode_png(decode_png(path.read_bytes()), "paeth"))
    return copy


def plainly(root: Path, split: str = "train") -> Iterator[dict[str, torch.Tensor]]:
    """Yield the windows of a data set as anybody would read them."""
    index = json.loads((root / "scene_index.json").read_text())
    for scene, entry in index.items():
        if entry["split"] != split:
            continue
        lens = json.loads((root / scene / "metadata.json").read_text())["sets"][0]
        for start in range(0, entry["n_frames"] - WINDOW + 1, STRIDE):
            yield plain_window(root / scene, lens, range(start, start + WINDOW))


def plain_window(folder: Path, lens: dict[str, float], frames: range) -> dict[str, torch.Tensor]:
    """Return one window by cv2.imread, np.load and the published formula."""
    sharp, bokeh, depth, focus = [], [], [], []
    for frame in frames:
        names = (f"frames_sharp/frame_{frame:04d}.png", f"bokeh_renders/set_00/bokeh_{frame:04d}.png")
        for kept, name in zip((sharp, bokeh), names, strict=True):
            rgb = cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2RGB)
            kept.append(rgb.transpose(2, 0, 1))
        with np.load(folder / f"depth_maps/depth_{frame:04d}.npz") as file:
            d = file["depth"].astype(np.float32)
        coc = (lens["f"] ** 2 / (lens["N"] * lens["S_focus"])) * np.abs(d - lens["S_focus"]) / d
        depth.append(d[None])
        focus.append((1.0 - np.clip(coc / lens["max_coc"], 0, 1)).astype(np.float16).astype(np.float32)[None])
    named = {"sharp": sharp, "bokeh": bokeh, "depth": depth, "focus": focus}
    return {name: torch.from_numpy(np.stack(arrays)) for name, arrays in named.items()}


def without_fast(items: Iterable[object]) -> Iterator[object]:
    """Yield items as they are read where the extra `fast` is not installed."""
    kept, codecs._HAS_KORNIA = codecs._HAS_KORNIA, False
    try:
        yield from items
    finally:
        codecs._HAS_KORNIA = kept


def windows_per_cpu_second(windows: Callable[[], Iterator[object]], repeats: int) -> float:
    """Return the best of some passes."""
    rates = []
    for _ in range(repeats):
        began = time.process_time()
        n_windows = sum(1 for _ in windows())
        rates.append(n_windows / (time.process_time() - began))
    return max(rates)


def measure(work: Path, width: int, height: int, n_frames: int, repeats: int) -> dict[str, float]:
    """Return windows per CPU second by way of reading, all on the same frames."""
    root = make_data_set(work, width, height, n_frames)
    paeth = as_paeth(root, work / "paeth")
    export(root, work / "shards", "webdataset")
    finish(work / "shards")
    arguments = {"window": WINDOW, "stride": STRIDE, "recompute_labels": True, "allow_unvalidated": True}
    ways: dict[str, Callable[[], Iterator[object]]] = {
        "plain, pictures of 0.1.0 (Paeth)": lambda: plainly(paeth),
        "plain": lambda: plainly(root),
        "ours, pictures of 0.1.0 (Paeth)": lambda: without_fast(FocusDataset(paeth, "train", **arguments)),
        "ours + fast, pictures of 0.1.0 (Paeth)": lambda: iter(FocusDataset(paeth, "train", **arguments)),
        "ours": lambda: iter(FocusDataset(root, "train", **arguments)),
        "shards, in order": lambda: iter(
            FocusShards(work / "shards", "train", WINDOW, STRIDE, recompute_labels=True, shuffle=False)
        ),
    }
    first, second = next(plainly(root)), FocusDataset(root, "train", **arguments)[0]
    assert all(torch.equal(first[name], second[name]) for name in first), "both ways read the same numbers"
    return {name: windows_per_cpu_second(way, repeats) for name, way in ways.items()}


def table(rates: dict[str, float], size: str) -> str:
    """Return the section of RESULTS.md."""
    plain, plain_paeth = rates["plain"], rates["plain, pictures of 0.1.0 (Paeth)"]
    lines = [
        "## Reading windows for training",
        "",
        f"{size}, {WINDOW} frames a window: sharp, render, depth, label; labels recomputed; one thread.",
        "",
        "| way | windows per CPU second | x plain, same files | x plain, files of 0.1.0 |",
        "|---|---|---|---|",
    ]
    for name, rate in rates.items():
        same = plain_paeth if "Paeth" in name else plain
        lines.append(f"| {name} | {rate:.1f} | {rate / same:.2f} | {rate / plain_paeth:.2f} |")
    verdicts = [
        ("ours against plain on the same files", rates["ours"] / plain, GOAL),
        ("ours with Up against plain on files of 0.1.0", rates["ours"] / plain_paeth, GOAL_UP),
        ("shards in order against plain files", rates["shards, in order"] / plain, 1.0),
    ]
    lines.append("")
    for name, ratio, bar in verdicts:
        lines.append(f"- {name}: {ratio:.2f} (bar {bar}): {'PASS' if ratio >= bar else 'FAIL'}")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and write the section if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--width", type=int, default=720)
    parser.add_argument("--height", type=int, default=480)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="focusgen-reader-") as folder:
        rates = measure(Path(folder), args.width, args.height, args.frames, args.repeats)
    text = table(rates, f"{args.width}x{args.height}")
    print(text)
    if args.write:
        write_section("reader", text, packages=("torch", "opencv-python-headless", "kornia-rs"))
    return int("FAIL" in text)


if __name__ == "__main__":
    sys.exit(main())
