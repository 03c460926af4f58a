"""Peak memory of the scene phases does not depend on how long a scene is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 224, 128
LENGTHS = (32, 128)
MOST_MORE_KIB = 4 * 1024  # of 96 frames: measured 0 to 2 MiB; their pictures have 7.9 MiB, their depth 5.2

MEASURED_PHASES = """
import json, os, sys
from focusgen import cli
from tests.faults import import_phases
import_phases()
for phase, flags in json.loads(sys.argv[1]):
    child = os.fork()
    if child == 0:
        os._exit(cli.phase_main(phase, "", flags))
    status, used = os.wait4(child, 0)[1:]
    assert status == 0, phase
    print(used.ru_maxrss)
"""
"""Each phase in a fork of a process that imported all of them and did nothing else."""


def write_scene(root: Path, n_frames: int) -> None:
    """Write a pan over noise in front of a slope; the files of a cycle of 20 frames are shared."""
    texture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH + 20, 3), np.uint8)
    depth_m = np.linspace(1, 6, WIDTH, dtype=np.float32)[None].repeat(HEIGHT, 0)
    for name in ("raw", "depth"):
        (root / name / "a").mkdir(parents=True)
    for frame in range(n_frames):
        picture, depth = (root / "raw" / "a" / f"{frame:04d}.png", root / "depth" / "a" / f"{frame:04d}.npy")
        if frame < 20:
            cv2.imwrite(str(picture), cv2.GaussianBlur(texture[:, frame : frame + WIDTH], (0, 0), 2))
            np.save(depth, depth_m + 0.01 * frame)
        else:
            os.link(picture.with_name(f"{frame % 20:04d}.png"), picture)
            os.link(depth.with_name(f"{frame % 20:04d}.npy"), depth)


def peaks_kib(phases: list[tuple[str, list[str]]]) -> list[int]:
    """Run phases, each in a process of its own; return their peak resident memory."""
    command = [sys.executable, "-c", MEASURED_PHASES, json.dumps(phases)]
    # One arena: how memory is spread over threads' arenas is a matter of chance.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_four_times_the_frames_take_no_more_memory(tmp_path):
    runs = []
    for n_frames in LENGTHS:
        root = tmp_path / str(n_frames)
        write_scene(root, n_frames)
        out, raw = ["--out_root", str(root / "out")], ["--raw_root", str(root / "raw")]
        flags = {
            "index": raw,
            "deblur": raw,
            "depth": ["--depth_root", str(root / "depth")],
            "calibrate": [],
            "render": ["--max_coc", "0.001", "--n_sets", "1"],
            "validate": ["--run.workers", "1"],
        }
        runs += [(phase, [*out, *more]) for phase, more in flags.items()]
    kib = peaks_kib(runs)
    peaks = dict(zip(flags, zip(kib[: len(flags)], kib[len(flags) :], strict=True), strict=True))
    for phase, (short, long) in peaks.items():
        assert long <= short + MOST_MORE_KIB, f"{phase}: KiB {short} for {LENGTHS[0]} frames, {long}"
    print({phase: [kib // 1024 for kib in values] for phase, values in peaks.items()})
