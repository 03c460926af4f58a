"""Stacks of a few pixels: files for lists, and samples in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from focusgen.focal.samples import Sample
from focusgen.focal.sd3.priors import Prior
from focusgen.focal.sd3.samples import Shown
from focusgen.focal.stack import FocalStack

HEIGHT, WIDTH = 32, 40


def record(folder: Path, name: str, **changes: Any) -> dict[str, Any]:
    """Write the files of a stack of three slices, and return its line; None leaves a key out."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(len(name))
    for n in range(3):
        cv2.imwrite(str(folder / f"{name}_{n}.png"), rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))
    cv2.imwrite(str(folder / f"{name}_sharp.png"), rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))
    np.save(folder / f"{name}_depth.npy", np.full((HEIGHT, WIDTH), 1.5, np.float32))
    values = {
        "name": name,
        "scene": name,
        "slices": [str(folder / f"{name}_{n}.png") for n in range(3)],
        "focus_distances": [0.5, 1.0, 2.0],
        "all_in_focus": str(folder / f"{name}_sharp.png"),
        "depth": str(folder / f"{name}_depth.npy"),
        "camera": {"focal_length_mm": 50, "f_number": 2, "sensor_width_mm": 36},
        **changes,
    }
    return {key: value for key, value in values.items() if value is not None}


def write_lines(path: Path, *lines: dict[str, Any] | str) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def sample(n: int = 6, value: int = 0) -> Sample:
    """Return a stack whose k-th slice is k everywhere."""
    slices = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, HEIGHT, WIDTH, 3))
    stack = FocalStack(np.ascontiguousarray(slices), np.linspace(2.0, 0.5, n), 4.0)
    depth = np.full((HEIGHT, WIDTH), 1.0 + value, np.float32)
    return Sample(f"s{value}", stack, depth, np.zeros((HEIGHT, WIDTH, 3), np.uint8))


def shown(n: int = 4, value: int = 0) -> Shown:
    """Return such a stack as the network is shown it; its depth grows from left to right."""
    made = sample(n, value)
    diopters = np.broadcast_to(np.linspace(0.5, 2.0, WIDTH, dtype=np.float32), (HEIGHT, WIDTH)).copy()
    prior = Prior(made.aif, np.ones((HEIGHT, WIDTH), np.float32), np.ones((HEIGHT, WIDTH), np.float32))
    return Shown(made.name, made.stack, prior, diopters, made.aif, is_drawn=True)
