"""Frames per second and peak memory of Video Depth Anything: ours against a plain loop.

The plain loop computes the same depth the way it is published: each window of 32 frames is resized, encoded
and drawn anew, all slots of it, and all windows are kept until the end. Weights are random: speed does not
depend on them.

Usage   python benchmarks/vda.py [--frames N] [--write]

On a CPU: vits, small. With a GPU also vitl at 518x924 in bf16, and which share of the measured matrix
product rate the encoder reaches. Every measurement runs in a process of its own, so that peaks are its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from results import RESULTS, write_section
from torch.utils.flop_counter import FlopCounterMode

from focusgen.models.precision import Precision
from focusgen.models.vda.backend import VideoDepthAnything
from focusgen.models.vda.frames import network_size, normalise, resize_frames
from focusgen.models.vda.head import upsample
from focusgen.models.vda.network import VideoDepthNet
from focusgen.models.vda.schedule import DepthMap, Joiner, needed_slots, plan_windows
from focusgen.models.vda.variants import VARIANTS, WINDOW_FRAMES

MIB = 1 << 20
MATMUL_SIDE = 8192
FULL_SIZE = (518, 924)


@dataclass(frozen=True)
class Setting:
    """What is measured."""

    way: str
    encoder: str
    precision: Precision
    device: str
    n_frames: int
    height: int
    width: int
    input_size: int


@dataclass(frozen=True)
class Figures:
    """What came out.

    Attributes:
        seconds: process time on a CPU (other work on the machine does not count), wall time on a GPU.
        peak_mib: above what the loaded network takes: device memory on a GPU, else resident memory.
        resident_mib: peak of the whole process on the host.
    """

    seconds: float
    n_frames: int
    peak_mib: float
    resident_mib: float

    @property
    def frames_per_second(self) -> float:
        """Of the whole run, first window included."""
        return self.n_frames / self.seconds


class Noise:
    """A clip of random frames made when they are read, so that the clip itself takes no memory."""

    scene_id = "noise"
    fps = None

    def __init__(self, n_frames: int, height: int, width: int) -> None:
        self._n_frames, self.height, self.width = n_frames, height, width

    def __len__(self) -> int:
        return self._n_frames

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return frames [start, stop)."""
        rng = np.random.default_rng(start)
        return rng.integers(0, 256, (stop - start, self.height, self.width, 3), dtype=np.uint8)

    def provided_depth(self, index: int) -> None:
        """Return nothing: no depth came with them."""


def random_network(encoder: str) -> VideoDepthNet:
    """Return a network with small random weights."""
    with torch.device("meta"):
        net = VideoDepthNet(VARIANTS[encoder])
    net = net.to_empty(device="cpu").eval().requires_grad_(False)
    for parameter in net.state_dict().values():
        parameter.normal_(std=0.02)
    return net


def plain_loop(model: VideoDepthAnything, clip: Noise, input_size: int) -> Iterator[tuple[int, DepthMap]]:
    """Yield the depth of a clip without any of our savings, after everything was computed."""
    device = next(model.net.parameters()).device
    size = network_size(clip.height, clip.width, input_size)
    joiner = Joiner(len(clip), align=False)
    raw: list[np.ndarray] = []
    windows = list(plan_windows(len(clip), every_window=True))
    with torch.inference_mode():
        for window in windows:
            pixels = np.concatenate([resize_frames(clip.read(i, i + 1), size) for i in window.sources])
            depth = model.net(normalise(torch.from_numpy(pixels).to(device))[None])[0]
            raw.append(upsample(depth[:, None], (clip.height, clip.width))[:, 0].cpu().numpy())
    for window, maps in zip(windows, raw, strict=True):
        yield from joiner.add(window, dict(enumerate(maps)))


def measure(setting: Setting) -> Figures:
    """Return the figures of one way; to be called in a fresh process."""
    device = torch.device(setting.device)
    model = VideoDepthAnything(
        random_network(setting.encoder),
        device=device,
        precision=setting.precision,
        input_size=setting.input_size,
    )

    def run(n_frames: int) -> int:
        clip = Noise(n_frames, setting.height, setting.width)
        if setting.way == "ours":
            return sum(1 for _ in model.estimate(clip))
        return sum(1 for _ in plain_loop(model, clip, setting.input_size))

    run(1)  # kernels are chosen and positions resized now
    before = _peak_bytes(device, reset=True)
    start = _clock(device)
    assert run(setting.n_frames) == setting.n_frames
    seconds = _clock(device) - start
    resident_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Figures(seconds, setting.n_frames, (_peak_bytes(device) - before) / MIB, resident_mib)


def _clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def _peak_bytes(device: torch.device, *, reset: bool = False) -> int:
    if device.type == "cuda":
        if reset:
            torch.cuda.reset_peak_memory_stats()
            return torch.cuda.memory_allocated()
        return torch.cuda.max_memory_allocated()
    if reset:  # resident now; the peak of a process cannot be reset
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def in_own_process(setting: Setting) -> Figures:
    """Return `measure(setting)` of a fresh process."""
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", json.dumps(asdict(setting))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def flops_per_new_frame(encoder: str, size: tuple[int, int], *, is_plain: bool = False) -> float:
    """Return the floating point operations per new frame of a long clip, counted on meta tensors."""
    window = next(w for w in plan_windows(1000) if not w.is_first)
    slots = range(WINDOW_FRAMES) if is_plain else needed_slots(window, 1000, align=False)
    n_new = len(window.sources) - 10
    with torch.device("meta"):
        net = VideoDepthNet(VARIANTS[encoder]).eval()
        frames = torch.empty(WINDOW_FRAMES if is_plain else n_new, 3, *size)
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            features = net.encode(frames)
            fine, middle, coarse, coarsest = (torch.empty(WINDOW_FRAMES, *f.shape[1:]) for f in features)
            path = net.mix(coarse, coarsest, WINDOW_FRAMES)
            net.draw(path[: len(slots)], middle[: len(slots)], fine[: len(slots)])
    return counter.get_total_flops() / n_new


def encoder_share_of_peak(encoder: str = "vitl", n_frames: int = 22) -> tuple[float, float]:
    """Return (TFLOP/s of the encoder in bf16, TFLOP/s of a large bf16 matrix product), measured."""
    size = FULL_SIZE
    with torch.device("meta"):
        net = VideoDepthNet(VARIANTS[encoder]).eval()
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            net.pretrained(torch.empty(n_frames, 3, *size))
    flops = counter.get_total_flops()
    device = torch.device("cuda")
    real = random_network(encoder)
    real.set_precision("bf16")
    real = real.to(device)
    frames = torch.randn(n_frames, 3, *size, device=device)
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
        reached = flops / _seconds_per_call(lambda: real.pretrained(frames))
    side = MATMUL_SIDE
    matrix = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    peak = 2 * side**3 / _seconds_per_call(lambda: matrix @ matrix)
    return reached / 1e12, peak / 1e12


def _seconds_per_call(work: Callable[[], object], n_calls: int = 10) -> float:
    for _ in range(3):
        work()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(n_calls):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / n_calls


def table(settings: list[Setting]) -> list[str]:
    """Measure the ways one after the other; return rows of a table."""
    rows = ["| way | frames/s | x plain | peak MiB |", "|---|---|---|---|"]
    base = 0.0
    for setting in settings:
        figures = in_own_process(setting)
        base = base or figures.frames_per_second
        speed = figures.frames_per_second
        rows.append(f"| {setting.way} | {speed:.2f} | {speed / base:.2f} | {figures.peak_mib:.0f} |")
        print(rows[-1], flush=True)
    return rows


def cpu_section(n_frames: int) -> list[str]:
    """Return the lines on a CPU."""
    sizes = {"height": 96, "width": 128, "input_size": 140}
    lines = [
        f"CPU, one thread, vits, {sizes['height']}x{sizes['width']} seen at 140x182, float32, "
        f"{n_frames} frames, process time; memory above the loaded network:",
        "",
    ]
    settings = [Setting(way, "vits", "fp32", "cpu", n_frames, **sizes) for way in ("plain loop", "ours")]
    return [*lines, *table(settings)]


def memory_section() -> list[str]:
    """Return the lines on memory against length."""
    small = {"height": 54, "width": 72, "input_size": 42}
    peaks = {
        n: in_own_process(Setting("ours", "vits", "fp32", "cpu", n, **small)).resident_mib
        for n in (100, 2000)
    }
    return [
        f"Peak memory of the process: {peaks[100]:.0f} MiB for 100 frames, {peaks[2000]:.0f} MiB for 2,000 "
        "(vits, 54x72 seen at 42x56, CPU)."
    ]


def gpu_section(n_frames: int) -> list[str]:
    """Return the lines on a GPU."""
    sizes = {"height": 480, "width": 854, "input_size": 518}
    lines = [
        "## Video Depth Anything at its real size",
        "",
        f"{torch.cuda.get_device_name()}, vitl, 480x854 seen at 518x924, bf16, {n_frames} frames:",
        "",
    ]
    ways = ("plain loop", "ours")
    rows = table([Setting(way, "vitl", "bf16", "cuda", n_frames, **sizes) for way in ways])
    reached, peak = encoder_share_of_peak()
    share = (
        f"Encoder: {reached:.0f} TFLOP/s, {reached / peak:.0%} of a bf16 matrix product of side "
        f"{MATMUL_SIDE} ({peak:.0f} TFLOP/s)."
    )
    return [*lines, *rows, "", share]


def flop_section() -> list[str]:
    """Return the lines on arithmetic."""
    lines = ["TFLOP per new frame at 518x924, by torch's counter on meta tensors:", ""]
    lines += ["| encoder | plain loop | ours |", "|---|---|---|"]
    for encoder in VARIANTS:
        plain, ours = (flops_per_new_frame(encoder, FULL_SIZE, is_plain=p) / 1e12 for p in (True, False))
        lines.append(f"| {encoder} | {plain:.2f} | {ours:.2f} |")
    return lines


def main(argv: list[str] | None = None) -> int:
    """Measure what this machine can."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=98, help="length of the clip on a CPU")
    parser.add_argument("--gpu_frames", type=int, default=252, help="length of the clip on a GPU")
    parser.add_argument("--no_memory", action="store_true", help="leave out the clip of 2,000 frames")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {RESULTS.name}")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    if asked.measure:
        setting = Setting(**json.loads(asked.measure))
        if setting.device == "cpu":
            torch.set_num_threads(1)
        print(json.dumps(asdict(measure(setting))))
        return 0
    parts = [
        ["## Video Depth Anything", "", "`python benchmarks/vda.py --write`"],
        flop_section(),
        cpu_section(asked.frames),
        [] if asked.no_memory else memory_section(),
    ]
    text = "\n\n".join("\n".join(part) for part in parts if part)
    print(text)
    if asked.write:
        write_section("vda", text, packages=("torch",))
    if not torch.cuda.is_available():
        print("not run on a GPU")
        return 0
    text = "\n".join(gpu_section(asked.gpu_frames))
    print(text)
    if asked.write:
        write_section("vda gpu", text, packages=("torch",))
    return 0


if __name__ == "__main__":
    sys.exit(main())
