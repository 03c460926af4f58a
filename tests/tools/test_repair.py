"""Repair redoes exactly what is damaged, keeps the rest, and gives the same bytes and the same digests."""

from __future__ import annotations

import dataclasses
import itertools
import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from focusgen import cli
from focusgen.base import files
from focusgen.config import SCENE_PHASES
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import read_record
from focusgen.run.table import PHASES
from focusgen.tools import repair_files
from tests.conftest import Rgbd, copy_of
from tests.damage import ONE_FILE, some_kinds, victims
from tests.faults import in_child
from tests.fingerprint import published_digests
from tests.test_corruption import make_pair
from tests.test_storage_faults import obeying_modes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Rgbd:
    return make_pair(tmp_path_factory.mktemp("repair"))


@pytest.fixture
def pair(whole, tmp_path) -> Rgbd:
    """Return a copy that a test may damage; its settings know the place of the copy."""
    return copy_of(whole, tmp_path / "set")


def digests_of(rgbd: Rgbd) -> list[str]:
    dataset = DatasetLayout(rgbd.out_root, rgbd.out_root / "scene_index.json")
    return [
        read_record(dataset.scene(scene_id).done(phase)).digest
        for scene_id in ("a", "b")
        for phase in SCENE_PHASES
    ]


def repair(rgbd: Rgbd, *arguments: str) -> int:
    return cli.main(["repair", *rgbd.flags("out_root"), *arguments])


def mtimes(rgbd: Rgbd) -> dict[Path, int]:
    frames = [p for p in rgbd.out_root.glob("[ab]/**/*") if p.suffix in (".png", ".npz")]
    return {path: path.stat().st_mtime_ns for path in frames}


@pytest.mark.parametrize("damage", ONE_FILE)
def test_whatever_is_damaged_is_made_again_and_the_rest_is_kept(whole, tmp_path, damage):
    expected, digests = published_digests(whole.out_root), digests_of(whole)
    for kind in some_kinds(whole.out_root, damage):
        rgbd = copy_of(whole, tmp_path / "set")
        before, victim = mtimes(rgbd), victims(rgbd.out_root)[kind]
        ONE_FILE[damage](victim, random.Random(damage + kind))
        assert repair(rgbd) == 0, (damage, kind)
        assert published_digests(rgbd.out_root) == expected, (damage, kind)
        assert digests_of(rgbd) == digests, (damage, kind)
        remade = {path.name for path, time in mtimes(rgbd).items() if before.get(path) != time}
        frames = ("0001", "0002") if damage == "swap" else ("0001",)
        assert {name for name in remade if name[-8:-4] not in frames} == set(), (damage, kind)
        assert victim.suffix in (".png", ".npz") or not remade, (damage, kind)
        assert not list((rgbd.out_root / ".focusgen" / "progress").rglob("*.json*")), (damage, kind)
    assert cli.phase_main("validate", "doc", rgbd.flags("out_root")) == 0


def test_a_record_lost_in_both_copies_is_made_from_scratch_with_the_same_digest(pair):
    expected, digests = published_digests(pair.out_root), digests_of(pair)
    scene = DatasetLayout(pair.out_root, pair.out_root / "scene_index.json").scene("a")
    for path in (scene.done("deblur"), scene.record_copy("deblur")):
        ONE_FILE["bit flip"](path, random.Random(str(path.name)))
    assert repair(pair, "a") == 0
    assert published_digests(pair.out_root) == expected
    assert digests_of(pair) == digests


def test_damage_in_every_phase_at_once_is_repaired(pair, capsys):
    expected, digests = published_digests(pair.out_root), digests_of(pair)
    for kind, victim in victims(pair.out_root).items():
        ONE_FILE["bit flip"](victim, random.Random(kind))
    assert repair(pair) == 0
    shown = capsys.readouterr().err
    assert "restored from its copy" in shown
    assert "frames_sharp/frame_0001.png: made again" in shown
    assert published_digests(pair.out_root) == expected
    assert digests_of(pair) == digests


def test_nothing_is_deleted_where_the_source_has_changed(pair, capsys):
    raw = pair.raw_root / "a" / "frame_0001.png"
    shutil.copy(pair.raw_root / "a" / "frame_0002.png", raw)
    victim = victims(pair.out_root)["sharp png"]
    ONE_FILE["bit flip"](victim, random.Random(1))
    depth = pair.depth_root / "a" / "depth_0001.npy"
    depth.unlink()
    other = victims(pair.out_root)["depth npz"]
    ONE_FILE["bit flip"](other, random.Random(2))
    damaged = other.read_bytes()
    assert repair(pair) == 3
    assert "frame_0001.png" in capsys.readouterr().err
    assert other.read_bytes() == damaged
    assert not (pair.out_root / "a" / "frames_sharp" / ".done").exists(), "no record over a missing frame"


def test_lost_json_files_are_restored_without_loading_a_model(pair, monkeypatch):
    def load(cfg, *, device=None):
        raise AssertionError("a model of 24 GB is loaded for a JSON file")

    phases = {name: dataclasses.replace(spec, load_model=load) for name, spec in PHASES.items()}
    monkeypatch.setattr("focusgen.tools.repair.PHASES", phases)
    expected = published_digests(pair.out_root)
    for kind in ("metadata.json", "stats.json", "split.txt", "sharp .done"):
        victims(pair.out_root)[kind].unlink()
    assert repair(pair, "a") == 0
    assert published_digests(pair.out_root) == expected


def test_a_repair_that_is_killed_goes_on_where_it_stopped(pair):
    """After each publish step; an ordinary run may not take the half-repaired scene for whole either."""
    expected, digests = published_digests(pair.out_root), digests_of(pair)
    for kind in ("sharp png", "focus npz"):
        ONE_FILE["old file put back"](victims(pair.out_root)[kind], random.Random(1))

    def killed_after(n_steps: int):
        def body() -> int:
            steps = itertools.count()

            def on_step(step: str, path: Path) -> None:
                if next(steps) == n_steps:
                    os.kill(os.getpid(), signal.SIGKILL)

            files.on_step = on_step
            return repair(pair)

        return body

    for n_steps in range(0, 30, 2):
        code = in_child(killed_after(n_steps))
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert in_child(lambda: repair(pair)) == 0
    assert published_digests(pair.out_root) == expected
    assert digests_of(pair) == digests


def test_depth_made_in_chunks_is_repaired_at_its_seams(rgbd):
    """The scale of a chunk hangs on all before it; the record remembers it."""
    rgbd.add_scene("a", n_frames=12)
    chunks = ["--depth.max_chunk", "6", "--depth.overlap", "2", "--backend", "dryrun"]
    assert rgbd.run(*chunks) == 0
    expected = published_digests(rgbd.out_root)
    for frame in (4, 9):
        (rgbd.out_root / "a" / "depth_maps" / f"depth_{frame:04d}.npz").unlink()
    assert repair(rgbd) == 0
    assert published_digests(rgbd.out_root) == expected


def test_a_patched_depth_map_is_repaired_to_the_same_bytes(rgbd):
    import numpy as np

    rgbd.add_scene("a")
    for frame, n_rows in ((1, 2), (2, 5)):
        path = rgbd.depth_root / "a" / f"depth_{frame:04d}.npy"
        depth_m = np.load(path)
        depth_m[:n_rows] = np.nan
        np.save(path, depth_m)
    assert rgbd.run() == 0
    expected = published_digests(rgbd.out_root)
    (rgbd.out_root / "a" / "depth_maps" / "depth_0001.npz").unlink()
    assert repair(rgbd, "a") == 0
    assert published_digests(rgbd.out_root) == expected


def test_files_are_compared_once_with_what_both_copies_of_a_record_say(pair, monkeypatch):
    read: list[Path] = []
    compared = repair_files.read_published
    monkeypatch.setattr(repair_files, "read_published", lambda path: read.append(path) or compared(path))
    assert repair(pair) == 0
    assert read and len(read) == len(set(read))


def test_a_scene_that_was_never_finished_is_not_repairs_work(rgbd, capsys):
    rgbd.add_scene("a")
    assert cli.phase_main("index", "doc", [*rgbd.flags("raw_root", "out_root"), "--min_frames", "2"]) == 0
    assert repair(rgbd) == 3
    assert "not complete: run it" in capsys.readouterr().err
    assert cli.main(["repair", *rgbd.flags("out_root"), "nobody"]) == 2


def test_a_data_set_that_may_only_be_read_is_judged_without_locks(pair, capfd):
    (pair.out_root / "b/depth_maps/depth_0001.npz").unlink()
    for path in (pair.out_root, *pair.out_root.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    assert obeying_modes(lambda: repair(pair, "a")) == 0
    assert "whole a" in capfd.readouterr().err
    assert obeying_modes(lambda: repair(pair, "b")) == 3
    shown = " ".join(capfd.readouterr().err.split())
    assert "phase depth: it has to be mended, and nothing may be written there" in shown
    assert f"may write into {pair.out_root}" in shown and "phase deblur" not in shown


def test_a_lost_copy_of_a_record_is_not_overlooked_where_one_may_only_read(pair):
    (pair.out_root / ".focusgen/records/a/depth.json").unlink()
    for path in (pair.out_root, *pair.out_root.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    assert obeying_modes(lambda: repair(pair)) == 3
