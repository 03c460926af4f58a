"""SIGKILL at every publish step of every scene phase, and what is left behind each time."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from focusgen.base import files
from focusgen.config import SCENE_PHASES
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import read_record
from focusgen.phases.index import index_dataset
from tests.faults import EVERY, false_records, import_phases, in_child, run_phases
from tests.fingerprint import published_digests

SCENES = ("a", "b")


def kind_of(path: Path) -> str:
    """Return what a file is, whichever scene and frame it is of."""
    folder = "scene" if path.parent.name in SCENES else path.parent.name
    return re.sub(r"\d+", "0", f"{folder}/{path.name}")


def killed_once_per_step(cfg, diary: Path) -> Callable[[], int]:
    """Return a body that runs all phases and dies at the first publish step at which no life ended yet."""

    def body() -> int:
        met = set(diary.read_text().splitlines()) if diary.exists() else set()

        def on_step(step: str, path: Path) -> None:
            line = f"{step} {path}" if EVERY else f"{step} {kind_of(path)}"
            if line not in met:
                with diary.open("a") as file:
                    file.write(f"{line}\n")
                os.kill(os.getpid(), signal.SIGKILL)

        files.on_step = on_step
        return run_phases(cfg, SCENES)

    return body


def assert_nothing_false(out_root: Path, n_frames: int) -> None:
    """No published file is torn, and no record vouches for a file that is not there as recorded."""
    assert false_records(out_root, SCENES) == []
    records = [
        read_record(SceneLayout(out_root, name).done(phase)) for name in SCENES for phase in SCENE_PHASES
    ]
    assert {record.n_frames for record in records if record} <= {n_frames}


@pytest.mark.slow
def test_killed_at_every_publish_step_and_resumed_gives_the_same_bytes(rgbd):
    import_phases()
    n_frames = 3  # a frame, its neighbour, and one beyond the first chunk
    for seed, scene_id in enumerate(SCENES):
        rgbd.add_scene(scene_id, n_frames=n_frames, seed=seed, width=32, height=16)
    # Chunks of two frames, so that seams and their scales are met by kills too.
    chunked = {"depth__backend": "dryrun", "depth__max_chunk": 2, "depth__overlap": 1}
    cfg = rgbd.config(deblur__temporal="flow", render__n_sets=1, **chunked)
    index_dataset(cfg)
    assert in_child(lambda: run_phases(cfg, SCENES)) == 0
    expected = published_digests(rgbd.out_root)
    rgbd.out_root.rename(rgbd.root / "undisturbed")
    index_dataset(cfg)
    diary = rgbd.root / "diary.txt"
    n_kills = 0
    while code := in_child(killed_once_per_step(cfg, diary)):
        assert code == -signal.SIGKILL
        n_kills += 1
        assert_nothing_false(rgbd.out_root, n_frames)
    steps = {line.split()[0] for line in diary.read_text().splitlines()}
    assert steps == {"before_write", "after_tmp", "after_rename", "before_record"}
    assert n_kills > (100 if EVERY else 30)
    assert published_digests(rgbd.out_root) == expected
