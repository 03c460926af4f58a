"""Shards hold the published bytes, are whole or not there, and are read by the field's own loaders."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
import threading

import numpy as np
import pytest

from focusgen import cli
from focusgen.base.errors import ConfigError, CorruptInputError, RefusedDataError
from focusgen.base.locks import exclusive
from focusgen.dataset.layout import EXPORT_LOCK
from focusgen.tools.export import export, finish
from focusgen.tools.export_card import finish_with_card
from focusgen.tools.export_plan import plan_samples
from tests.conftest import Rgbd
from tests.faults import EVERY, fork


def published(root, scene: str, frame: int) -> dict[str, bytes]:
    folder = root / scene
    found = {
        "sharp.png": folder / f"frames_sharp/frame_{frame:04d}.png",
        "depth.npz": folder / f"depth_maps/depth_{frame:04d}.npz",
    }
    for k in (0, 1):
        found[f"bokeh_{k:02d}.png"] = folder / f"bokeh_renders/set_{k:02d}/bokeh_{frame:04d}.png"
        found[f"focus_{k:02d}.npz"] = folder / f"focus_maps/set_{k:02d}/focus_{frame:04d}.npz"
    return {name: path.read_bytes() for name, path in found.items()}


def digests(folder) -> dict[str, str]:
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_tar_holds_the_published_bytes_of_its_split_and_nothing_of_the_machine(finished, tmp_path):
    dest = tmp_path / "dest"
    export(finished, dest, "webdataset")
    index = json.loads((finished / "scene_index.json").read_text())
    seen = []
    for path in sorted(dest.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                assert (member.mtime, member.uid, member.uname, member.isfile()) == (0, 0, "", True)
                (scene, _, name) = member.name.rpartition("/")
                frame, _, kind = name.partition(".")
                assert path.name.startswith(index[scene]["split"])
                data = tar.extractfile(member).read()
                if kind == "json":
                    seen.append((scene, int(frame)))
                    lenses = json.loads((finished / scene / "metadata.json").read_text())["sets"]
                    assert json.loads(data)["lenses"] == [
                        {k: lens[k] for k in ("f", "N", "S_focus", "max_coc")} for lens in lenses
                    ]
                else:
                    assert data == published(finished, scene, int(frame))[kind]
    assert sorted(seen) == sorted((scene, frame) for scene in index for frame in range(10))


@pytest.mark.slow
def test_scenes_of_which_only_some_keep_clean_renders_are_exported_without_them(tmp_path):
    rgbd = Rgbd(tmp_path)
    for seed, name in enumerate("abc"):
        rgbd.add_scene(name, n_frames=2, seed=seed)
    assert rgbd.run() == 0
    noisy = ["--render.sensor.noise_iso", "1600", "--render.keep_clean", "true", "--on_stale", "redo"]
    words = [*rgbd.flags("out_root", "max_coc"), "--n_sets", "2", "--scene_idx", "1", *noisy]
    assert cli.phase_main("render", "", words) == 0
    kept = [*rgbd.flags("raw_root", "out_root"), "--run.on_stale", "keep"]
    assert cli.phase_main("validate", "", kept) == 0
    words = ["export", "webdataset", "--out_root", str(rgbd.out_root), "--dest", str(tmp_path / "dest")]
    with pytest.raises(RefusedDataError, match="'b' has clean_renders, '.' has none"):
        plan_samples(rgbd.out_root)
    assert cli.main(words) == 3 and cli.main([*words, "--without", "clean"]) == 0
    with tarfile.open(next((tmp_path / "dest").glob("val*.tar"))) as tar:
        assert not [name for name in tar.getnames() if "clean" in name]


def test_a_table_holds_the_same_bytes(finished, tmp_path):
    import pyarrow.parquet as pq

    dest = tmp_path / "dest"
    export(finished, dest, "parquet")
    n_rows = 0
    for path in dest.glob("*.parquet"):
        table = pq.read_table(path, page_checksum_verification=True)
        for row in table.to_pylist():
            for name, data in published(finished, row["scene"], row["frame"]).items():
                assert row[name.partition(".")[0]] == data
            assert path.name.startswith(row["split"])
            n_rows += 1
    assert n_rows == 10 * len(json.loads((finished / "scene_index.json").read_text()))


def test_the_fields_own_loaders_read_the_arrays(finished, tmp_path):
    import webdataset as wds

    dest = tmp_path / "dest"
    export(finished, dest, "webdataset")
    paths = [str(path) for path in sorted(dest.glob("train-*.tar"))]
    n_samples = 0
    for sample in wds.WebDataset(paths, shardshuffle=False, empty_check=False):
        scene, _, frame = sample["__key__"].rpartition("/")
        depth = np.load(io.BytesIO(sample["depth.npz"]))["depth"]
        expected = np.load(finished / scene / f"depth_maps/depth_{frame}.npz")["depth"]
        assert depth.dtype == np.float16 and np.array_equal(depth, expected)
        n_samples += 1
    assert n_samples > 0


def test_the_manifest_is_what_sha256sum_checks_and_nothing_is_written_twice(finished, tmp_path):
    dest = tmp_path / "dest"
    assert export(finished, dest, "webdataset", shard_mb=1).n_kept == 0
    finish(dest)
    before, n_shards = digests(dest), len(list(dest.glob("*.tar")))
    assert subprocess.run(["sha256sum", "-c", "--quiet", "MANIFEST.sha256"], cwd=dest).returncode == 0
    assert export(finished, dest, "webdataset", shard_mb=1).n_kept == n_shards
    finish(dest)
    assert digests(dest) == before


def test_files_of_its_owner_are_left_there_and_are_no_part_of_what_is_passed_on(finished, tmp_path, capsys):
    dest = tmp_path / "dest"
    result = export(finished, dest, "webdataset")
    mine = {"notes.txt", "backup-2024.tar", "my-train-00000.tar"}
    for name in mine:
        (dest / name).write_text("private")
    (dest / "train-00099.tar").write_text("a shard of an older plan")
    export(finished, dest, "webdataset")
    finish_with_card(finished, dest, result, "CC-BY-4.0")
    assert {path.name for path in dest.iterdir()} >= mine
    listed = [line.split()[1] for line in (dest / "MANIFEST.sha256").read_text().splitlines()]
    assert listed == sorted(["README.md", *(shard.name for shard in result.plan.shards)])
    assert cli.main(["push", "--repo", "lab/focus", "--dest", str(dest), "--dry_run"]) == 0
    shown = capsys.readouterr()
    assert not [name for name in mine if f"  {name}" in shown.out]
    assert (
        "not sent, being no part of the export: backup-2024.tar, my-train-00000.tar, notes.txt: 3 files, "
        in shown.err
    )


@pytest.mark.slow
def test_the_same_export_started_twice_is_made_once(finished, tmp_path):
    dest, found = tmp_path / "dest", []
    export(finished, dest, "webdataset", shard_mb=1)
    before = digests(dest)
    next(dest.glob("train-*.tar")).unlink()
    second = threading.Thread(target=lambda: found.append(export(finished, dest, "webdataset", shard_mb=1)))
    with exclusive(dest / EXPORT_LOCK):
        leftover = dest / ".train-00000.tar.1.tmp"  # of the first, which is at work
        leftover.touch()
        second.start()
        second.join(0.5)
        assert second.is_alive() and leftover.exists() and digests(dest) != before
    second.join(20)
    assert digests(dest) == before and found[0].n_kept == len(before) - 1


def in_child(root, dest, kind: str, kill_at: int, notes=None) -> int:
    """Export with its card in a fork that dies at the n-th place; return its exit status.

    Places: after each frame, before and after each file is put in its place or removed.
    """
    pid = fork()
    if pid == 0:
        n_places, code = [0], 99

        def place(*_):
            n_places[0] += 1
            if n_places[0] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

        def around(real):
            return lambda *words, **named: [place(), real(*words, **named), place()]

        os.replace, os.unlink = around(os.replace), around(os.unlink)
        try:
            result = export(root, dest, kind, shard_mb=1, on_frame=place)
            finish_with_card(root, dest, result, "CC-BY-4.0")
            if notes is not None:
                notes.write_text(str(n_places[0]))
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["webdataset", "parquet"])
def test_killed_anywhere_nothing_is_torn_and_the_rest_is_made_to_the_same_bytes(finished, tmp_path, kind):
    pytest.importorskip("pandas")  # which pyarrow loads: once, not in each of the forks
    whole, notes = tmp_path / "whole", tmp_path / "places"
    assert in_child(finished, whole, kind, 0, notes) == 0
    expected = digests(whole)
    assert len(expected) > 5 and "MANIFEST.sha256" in expected
    n_left = set()
    for kill_at in np.unique(np.linspace(1, int(notes.read_text()), 20 if EVERY else 8).astype(int)):
        dest = tmp_path / f"killed_{kill_at}"
        assert in_child(finished, dest, kind, int(kill_at)) == -signal.SIGKILL
        left = digests(dest)
        assert left.items() <= expected.items(), f"place {kill_at}: torn"
        assert "MANIFEST.sha256" not in left or left == expected, "the manifest is last"
        n_left.add(len(left))
        assert in_child(finished, dest, kind, 0) == 0
        assert digests(dest) == expected and not list(dest.glob(".*.tmp"))
    assert n_left >= {0, len(expected)} and len(n_left) > 3, "kills at the beginning, within, at the end"


def test_of_a_damaged_scene_nothing_is_published(finished, tmp_path):
    victim = next(finished.glob("*/focus_maps/set_01/focus_0009.npz"))
    data = bytearray(victim.read_bytes())
    data[40] ^= 1
    victim.write_bytes(data)
    dest = tmp_path / "dest"
    with pytest.raises(CorruptInputError, match=f"{victim.name}.*not the file that its record vouches for"):
        export(finished, dest, "webdataset", shard_mb=1)
    scene = victim.relative_to(finished).parts[0]
    for path in dest.glob("*.tar"):
        with tarfile.open(path) as tar:
            assert not [name for name in tar.getnames() if name.startswith(f"{scene}/")]
    assert not list(dest.glob(".*.tmp")) and not (dest / "MANIFEST.sha256").exists()


def test_a_scene_that_readers_of_tars_pass_over_is_refused(finished, tmp_path, monkeypatch):
    """webdataset takes a folder called __x__ for metadata of the tar, and skips it without a word."""
    plan = plan_samples(finished)
    scene = next(iter(plan.scenes.values()))
    renamed = dataclasses.replace(plan, scenes={"__x__": scene})
    monkeypatch.setattr("focusgen.tools.export.plan_samples", lambda *_: renamed)
    with pytest.raises(RefusedDataError, match="scene '__x__'.* pass over") as caught:
        export(finished, tmp_path / "dest", "webdataset")
    assert "--leave_out" in caught.value.advice and not (tmp_path / "dest").exists()


def test_a_destination_that_is_not_ours_is_refused(finished, tmp_path):
    with pytest.raises(ConfigError, match="lies inside the data set"):
        export(finished, finished / "export", "webdataset")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    with pytest.raises(ConfigError, match=r"no export of ours \(thesis\.tex\)"):
        export(finished, tmp_path / "full", "webdataset")
    export(finished, tmp_path / "tars", "webdataset")
    with pytest.raises(ConfigError, match="holds an export as webdataset"):
        export(finished, tmp_path / "tars", "parquet")
    with pytest.raises(ConfigError, match=r"thesis\.tex: is no folder"):
        export(finished, tmp_path / "full" / "thesis.tex", "webdataset")
    for text in ("{", "[]", '{"kind": "webdataset", "shards": {"train-00000.tar": {}}}'):
        (tmp_path / "tars" / ".focusgen_export.json").write_text(text)
        with pytest.raises(ConfigError, match=r"export\.json: damaged"):
            export(finished, tmp_path / "tars", "webdataset")
