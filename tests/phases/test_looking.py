"""Phase 1 in pieces: a kill, an array of tasks, another clock, and the same bytes as in one go."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from focusgen.config import Config
from focusgen.dataset.layout import DatasetLayout
from focusgen.media.decode import DecodePool, DecoderLostError
from focusgen.phases.index import index_dataset
from focusgen.phases.looking import discover_scenes, look_at_share
from tests.conftest import Rgbd
from tests.faults import fork

pytestmark = pytest.mark.usefixtures("fresh_decoders")

NAMES = [f"s{number}" for number in range(1, 12)]


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """The scenes that were given to a decoder, in order."""
    given: list[str] = []
    check = DecodePool.check

    def spied(pool, raws, *args) -> Iterator:
        def named():
            for raw in raws:
                given.append(raw.scene_id)
                yield raw

        return check(pool, named(), *args)

    monkeypatch.setattr(DecodePool, "check", spied)
    return given


@pytest.fixture
def ten(rgbd: Rgbd, settled_files) -> Rgbd:
    """Ten scenes and one that is refused, written so long ago that times tell of every change."""
    for seed, name in enumerate(NAMES):
        rgbd.add_scene(name, n_frames=2 if name != "s4" else 1, width=24, height=16, seed=seed)
    return rgbd


def published(root: Path) -> dict[str, bytes]:
    """Return all that phase 1 leaves behind but the checksum of the index, which holds the place."""
    skipped = {"index_checksum.json", "index.yaml", "scene_index.lock"}
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name not in skipped]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def in_one_go(rgbd: Rgbd, **settings) -> dict[str, bytes]:
    cfg = rgbd.config(data__out_root=rgbd.root / "whole", **settings)
    index_dataset(cfg)
    return published(rgbd.root / "whole")


def kill_after(n_scenes: int, cfg: Config) -> None:
    """Run phase 1 in a child that dies by SIGKILL after so many scenes."""
    pid = fork()
    if pid == 0:
        left = iter(range(n_scenes, 0, -1))
        index_dataset(cfg, on_scene=lambda scene_id: next(left) > 1 or os.kill(os.getpid(), signal.SIGKILL))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


@pytest.mark.slow
def test_a_kill_at_90_percent_loses_nothing_and_the_end_is_the_same(ten, decoded):
    whole = in_one_go(ten)
    del decoded[:]
    kill_after(10, ten.config())
    assert not (ten.out_root / "scene_index.json").exists()
    index_dataset(ten.config())
    assert decoded == NAMES[10:], "nothing else was left to decode"
    assert published(ten.out_root) == whole


@pytest.mark.slow
def test_three_tasks_and_a_merge_are_one_process(ten, decoded):
    whole = in_one_go(ten)
    del decoded[:]
    scene_ids = [raw.scene_id for raw in discover_scenes(ten.config()).scenes]
    for task in (2, 0):  # the second never came to run
        look_at_share(ten.config(), scene_ids[task::3], lambda n: None, lambda s: None, lambda: None)
    left = sorted(set(NAMES) - set(decoded))
    assert left == sorted(scene_ids[1::3])
    del decoded[:]
    index_dataset(ten.config())
    assert sorted(decoded) == left
    assert published(ten.out_root) == whole


@pytest.mark.slow
@pytest.mark.parametrize(("settled_s", "refused_anew"), [(-3600.0, []), (3600.0, ["s4"])])
def test_a_file_that_changed_after_the_kill_is_decoded_again(
    ten, decoded, monkeypatch, settled_s, refused_anew
):
    monkeypatch.setattr("focusgen.dataset.file_marks.SETTLED_S", settled_s)
    kill_after(10, ten.config())
    shutil.copyfile(ten.raw_root / "s2" / "frame_0001.png", ten.raw_root / "s1" / "frame_0000.png")
    for path in (ten.raw_root / "s3").iterdir():
        os.utime(path, (0, 0))  # other times, same bytes
    del decoded[:]
    index_dataset(ten.config())
    assert sorted(decoded) == ["s1", "s11", *refused_anew]
    assert published(ten.out_root) == in_one_go(ten)


@pytest.mark.slow
def test_torn_and_damaged_lines_are_not_taken_over(ten, decoded):
    kill_after(10, ten.config())
    (found,) = DatasetLayout.of(ten.config()).found.iterdir()
    lines = found.read_bytes().splitlines(keepends=True)
    found.write_bytes(b"".join(lines[:-2]) + lines[-2].replace(b"s9", b"s1") + lines[-1][:-9])
    del decoded[:]
    index_dataset(ten.config())
    assert decoded == ["s9", "s10", "s11"]


@pytest.mark.slow
def test_what_was_found_under_other_settings_does_not_count(ten, decoded):
    kill_after(10, ten.config())
    index_dataset(ten.config(data__min_frames=1))
    assert decoded == NAMES
    assert published(ten.out_root) == in_one_go(ten, data__min_frames=1)


def test_a_decoder_that_crashed_is_tried_again_but_a_refusal_is_kept(ten, decoded, monkeypatch):
    check = DecodePool.check

    def crashing(pool, raws, *args):
        for raw, outcome in check(pool, raws, *args):
            yield raw, DecoderLostError("s2", "crashed") if raw.scene_id == "s2" else outcome

    with monkeypatch.context() as patch:
        patch.setattr(DecodePool, "check", crashing)
        kill_after(11, ten.config())
    del decoded[:]
    result = index_dataset(ten.config())
    assert decoded == ["s2"]
    assert list(result.rejected) == ["s4"]


@pytest.mark.slow
def test_scenes_that_are_indexed_are_compared_once_even_if_the_run_is_killed(ten, decoded, monkeypatch):
    index_dataset(ten.config())
    ten.add_scene("t", n_frames=2, width=24, height=16)
    kill_after(11, ten.config())
    compared: list[str] = []
    monkeypatch.setattr(
        "focusgen.phases.looking._is_unchanged", lambda *args: bool(compared.append(args[2].scene_id)) or True
    )
    assert index_dataset(ten.config()).added == ["t"]
    assert compared == []
