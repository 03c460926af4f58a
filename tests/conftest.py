"""Small builders: raw RGB-D scenes, configurations, and runs of the command line in this process."""

from __future__ import annotations

import gc
import io
import itertools
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from focusgen import config
from focusgen.base import files
from focusgen.config import Config
from focusgen.dataset import file_marks, record_writing
from tests.decoders import fresh_decoders, kept_decoders  # noqa: F401 - fixtures of all rooms
from tests.finished import _finished, finished  # noqa: F401 - fixtures of all rooms

os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("patient", deadline=None, max_examples=60)  # a busy machine is no failure
settings.load_profile("patient")
USUAL_THRESHOLDS = gc.get_threshold()


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect tests without looking for garbage, then or later, in what stays until the end.

    It took 4 of the 11 seconds that each process needs for all tests, and some of every test and fork.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with tests of the whole, the longest: whoever begins one last leaves the others idle."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/test_"))


@pytest.fixture(scope="session", autouse=True)
def no_cut_of_power() -> Iterator[None]:
    """Leave written files to the kernel: a kill loses none of them, and a record's two syncs take 13 ms."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("sync_file_system", "fsync_folder"):
            patch.setattr(record_writing, name, lambda folder: None)
        yield


@pytest.fixture
def synced_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write records as without `no_cut_of_power`, for tests in which a sync fails or is killed at."""
    for name in ("sync_file_system", "fsync_folder"):
        monkeypatch.setattr(record_writing, name, getattr(files, name))


@pytest.fixture
def usual_garbage() -> Iterator[None]:
    """Look for garbage as often as Python does by itself, for tests of memory."""
    seldom = gc.get_threshold()
    gc.set_threshold(*USUAL_THRESHOLDS)
    yield
    gc.set_threshold(*seldom)


@pytest.fixture
def settled_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what was written a moment ago count as old: its time stamps tell of every later change."""
    monkeypatch.setattr(file_marks, "SETTLED_S", -3600.0)


@dataclass
class Rgbd:
    """Raw frames and depth under one temporary folder, and the data set made from them."""

    root: Path
    max_coc: float = 2e-3

    @property
    def raw_root(self) -> Path:
        return self.root / "raw"

    @property
    def depth_root(self) -> Path:
        return self.root / "depth"

    @property
    def out_root(self) -> Path:
        return self.root / "out"

    def add_scene(
        self, name: str, n_frames: int = 4, width: int = 48, height: int = 32, seed: int = 0
    ) -> None:
        """Write a textured plane that moves by a pixel per frame in front of a slanted wall."""
        import cv2

        rng = np.random.default_rng(seed)
        texture = cv2.resize(rng.integers(0, 256, (24, 40, 3), dtype=np.uint8), (2 * width, 2 * height))
        wall_m = np.linspace(2.0, 6.0, width, dtype=np.float32)[None].repeat(height, 0)
        (self.raw_root / name).mkdir(parents=True)
        (self.depth_root / name).mkdir(parents=True)
        for frame in range(n_frames):
            picture = np.ascontiguousarray(texture[:height, frame : frame + width])
            depth_m = wall_m + 0.01 * frame
            depth_m[8:20, 10 + frame : 22 + frame] = 1.0
            cv2.imwrite(str(self.raw_root / name / f"frame_{frame:04d}.png"), picture[:, :, ::-1])
            np.save(self.depth_root / name / f"depth_{frame:04d}.npy", depth_m)

    def config(self, **overrides: Any) -> Config:
        """Return settings for the weight-free backends; dotted keys with `__` for the dot."""
        values = {
            "data.raw_root": self.raw_root,
            "data.out_root": self.out_root,
            "data.min_frames": 2,
            "depth.depth_root": self.depth_root,
            "render.max_coc": self.max_coc,
            "render.n_sets": 2,
            "run.workers": 1,
        }
        values.update({key.replace("__", "."): value for key, value in overrides.items()})
        return config.load(None, values)

    def flags(self, *names: str) -> list[str]:
        """Return command-line flags for this data set: of raw_root, out_root, depth_root, max_coc."""
        values = {
            "raw_root": self.raw_root,
            "out_root": self.out_root,
            "depth_root": self.depth_root,
            "max_coc": self.max_coc,
        }
        return [word for name in names for word in (f"--{name}", str(values[name]))]

    def run(self, *more: str) -> int:
        """Run all phases with `focusgen run` in this process; return the exit status."""
        from focusgen import cli

        common = self.flags("raw_root", "out_root", "depth_root", "max_coc")
        small = ["--min_frames", "2", "--n_sets", "2", "--workers", "1"]
        return cli.main(["run", "--no_pictures", *common, *small, *more])

    def depth_phase(self, *flags: str) -> int:
        """Run phases 1 and 2 where they did not run, then 3 with the flags; return its exit status."""
        from focusgen import cli

        roots = self.flags("raw_root", "out_root")
        if not (self.out_root / "scene_index.json").exists():
            assert cli.phase_main("index", "doc", [*roots, "--min_frames", "2", "--workers", "1"]) == 0
            assert cli.phase_main("deblur", "doc", roots) == 0
        return cli.phase_main("depth", "doc", [*self.flags("out_root", "depth_root"), *flags])

    def report(self) -> dict[str, Any]:
        """Return what phase 6 wrote last."""
        return dict(json.loads((self.out_root / "logs" / "validation_report.json").read_text()))


def copy_of(whole: Rgbd, root: Path) -> Rgbd:
    """Return a copy that a test may damage; its settings know the place of the copy."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(whole.root, root)
    for path in (root / "out" / ".focusgen" / "config").glob("*.yaml"):
        path.write_text(path.read_text().replace(str(whole.root), str(root)))
    return Rgbd(root)


@pytest.fixture(scope="session")
def there_is_a_gpu() -> None:
    """Skip where there is none, and fail where one was promised."""
    import torch

    if not torch.cuda.is_available():
        assert not os.environ.get("FOCUSGEN_REQUIRE_GPU"), "there is no GPU"
        pytest.skip("there is no GPU")


class _Undrawn:
    """A figure and all of its parts, to which anything may be done and nothing happens."""

    def __getattr__(self, name: str) -> _Undrawn:
        return self

    def __call__(self, *given: Any, **named: Any) -> _Undrawn:
        return self

    def __getitem__(self, place: Any) -> _Undrawn:
        return self

    def __iter__(self) -> Iterator[_Undrawn]:
        return itertools.repeat(self)


def _leave_undrawn(patch: pytest.MonkeyPatch) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    from focusgen.phases import figures

    blank = io.BytesIO()
    Image.new("RGB", (90, 50), "white").save(blank, "png")
    draw = FigureCanvasAgg.print_figure

    def leave_blank(canvas: FigureCanvasAgg, target: Any, **named: Any) -> None:
        if named.get("format") == "png" and isinstance(target, io.BytesIO):
            target.write(blank.getvalue())
        else:
            draw(canvas, target, **named)

    patch.setattr(FigureCanvasAgg, "print_figure", leave_blank)
    patch.setattr(figures, "new_figure", lambda *size_in: _Undrawn())
    patch.setattr(figures, "png_of", lambda figure, dpi: blank.getvalue())


@pytest.fixture(scope="session", autouse=True)
def undrawn() -> Iterator[pytest.MonkeyPatch]:
    """Put a blank picture in the place of what matplotlib draws: half of the time of a small run."""
    with pytest.MonkeyPatch.context() as patch:
        _leave_undrawn(patch)
        yield patch


@pytest.fixture
def drawn(undrawn: pytest.MonkeyPatch) -> Iterator[None]:
    """Let matplotlib draw, for tests that look at its pictures."""
    undrawn.undo()
    yield
    _leave_undrawn(undrawn)


@pytest.fixture
def rgbd(tmp_path: Path) -> Rgbd:
    """Return an empty RGB-D data set; add scenes to it."""
    return Rgbd(tmp_path)
