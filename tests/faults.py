"""Runs of the scene phases in a fork, and what must hold for what they leave behind."""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import traceback
from collections.abc import Callable
from pathlib import Path

from focusgen import motion, phases
from focusgen.base import files
from focusgen.base.checksums import file_checksum
from focusgen.base.errors import CorruptInputError
from focusgen.base.signals import StopFlag
from focusgen.cli import guarded
from focusgen.config import SCENE_PHASES, Config
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import read_record
from focusgen.run.phase_run import PhaseRun
from focusgen.run.progress import Observer
from focusgen.run.table import PHASES
from tests.fingerprint import torn_files

FAILED_IN_CHILD = 99
EVERY = bool(os.environ.get("FOCUSGEN_ALL_KILLS"))
"""Fail and kill at every single call, as `.ci/run` does; else at some of each kind."""


def import_phases() -> None:
    """Import what runs of the weight-free backends import late: a second that not every fork spends."""
    for room in (phases, motion):
        for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            importlib.import_module(module.name)
    for name in ("passthrough", "provided", "bokeh.thin_lens"):
        importlib.import_module(f"focusgen.models.{name}")
    for name in ("doctor.check", "run.eta", "run.forecast", "run.validation", "tools.run_pictures"):
        importlib.import_module(f"focusgen.{name}")
    for name in ("matplotlib.figure", "natsort"):
        importlib.import_module(name)
    assert importlib.import_module("skimage.metrics").structural_similarity


def fork() -> int:
    """Fork as `os.fork` does, but leave what earlier tests left for the garbage collector alone in the fork.

    A frame converter of PyAV would wait there for ever for its threads, which are the parent's.
    """
    gc.freeze()
    pid = os.fork()
    if pid != 0:
        gc.unfreeze()
    return pid


def in_child(body: Callable[[], int]) -> int:
    """Run `body` in a fork as a command is run; return its exit status, negative for a signal."""
    pid = fork()
    if pid == 0:
        code = FAILED_IN_CHILD
        try:
            code = guarded(body)
        except BaseException:  # noqa: BLE001 - shown here, since the fork ends without a word
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run_phases(cfg: Config, scene_ids: tuple[str, ...], names: tuple[str, ...] = SCENE_PHASES) -> int:
    """Run scene phases as `focusgen run` does: every phase, whatever became of the one before."""
    codes = [PhaseRun(PHASES[name], cfg, scene_ids, Observer(), StopFlag()).run().exit_code for name in names]
    return int(max(codes))


def false_records(out_root: Path, scene_ids: tuple[str, ...]) -> list[str]:
    """Return every torn file, and every file that a record vouches for and that is not as recorded."""
    wrong = [str(path) for path in torn_files(out_root)]
    for scene_id in scene_ids:
        scene = SceneLayout(out_root, scene_id)
        for phase in SCENE_PHASES:
            try:
                record = read_record(scene.done(phase))
            except CorruptInputError as error:
                wrong.append(str(error))
                continue
            for relative, entry in (record.files if record else {}).items():
                path = scene.phase_folder(phase) / relative
                if not path.is_file() or files.FileEntry(path.stat().st_size, file_checksum(path)) != entry:
                    wrong.append(f"{scene.done(phase)}: {relative}")
    return wrong


def failures_of(out_root: Path, scene_id: str) -> list[str]:
    """Return the failure classes that are on record for a scene."""
    scene = SceneLayout(out_root, scene_id)
    paths = [scene.failed(phase) for phase in SCENE_PHASES]
    return [json.loads(path.read_bytes())["class"] for path in paths if path.exists()]


def is_complete(out_root: Path, scene_id: str, phases: tuple[str, ...] = SCENE_PHASES) -> bool:
    """Say whether the phases have their records."""
    return all(SceneLayout(out_root, scene_id).done(phase).exists() for phase in phases)
