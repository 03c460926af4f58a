"""Phase 4: where its counts of depth come from."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from focusgen import cli
from focusgen.media.codecs import encode_npz


@pytest.mark.parametrize("damage", ["none", "lost", "cut", "of another scene", "not an array"])
def test_statistics_do_not_depend_on_the_counts_that_phase_3_kept(rgbd, monkeypatch, damage):
    rgbd.add_scene("a", width=96)
    flags = [*rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2", "--workers", "1"]
    assert cli.main(["run", *flags]) == 4
    stats = rgbd.out_root / "logs" / "coc_stats.json"
    before = stats.read_bytes()
    kept = rgbd.out_root / ".focusgen" / "counts" / "a.npz"
    n_pixels = sum(np.load(p)["depth"].size for p in (rgbd.out_root / "a" / "depth_maps").glob("*.npz"))
    assert np.load(kept)["counts"].sum() == n_pixels
    n_read = 0

    def counting_read(scene, frame):
        nonlocal n_read
        n_read += 1
        return read_depth(scene, frame)

    from focusgen.phases import calibrate

    read_depth = calibrate.read_depth
    monkeypatch.setattr(calibrate, "read_depth", counting_read)
    if damage == "lost":
        kept.unlink()
    elif damage == "cut":
        kept.write_bytes(kept.read_bytes()[:-9])
    elif damage == "of another scene":
        kept.write_bytes(encode_npz("counts", np.ones((1, 65536), np.int64)))
    elif damage == "not an array":
        kept.write_bytes(encode_npz("counts", np.ones(3, np.float16)))
    assert cli.main(["run", *flags]) == 4
    assert stats.read_bytes() == before
    assert n_read == (0 if damage == "none" else 4)
    assert json.loads(before)["n_values"] == 8 * n_pixels


def test_constant_depth_gives_a_reason_a_picture_and_no_warning_of_the_plotting(rgbd, capsys):
    rgbd.add_scene("a")
    for path in (rgbd.depth_root / "a").glob("*.npy"):
        np.save(path, np.full((32, 48), 3.0, np.float32))
    flags = [*rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2", "--workers", "1"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cli.main(["run", *flags]) == 3
    assert "p95 is 0: nearly all depth is constant" in " ".join(capsys.readouterr().err.split())
    assert (rgbd.out_root / "logs" / "coc_histogram.png").stat().st_size > 1000
