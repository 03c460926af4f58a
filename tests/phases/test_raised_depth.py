"""Depth below the least that a label can hold is raised, and counted against the scene."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.conftest import Rgbd


@pytest.mark.parametrize(("n_low", "status"), [(0, 0), (200, 0), (320, 3)])
def test_raised_pixels_are_counted_told_and_too_many_fail(rgbd: Rgbd, capsys, n_low: int, status: int):
    rgbd.add_scene("a")
    for path in (rgbd.depth_root / "a").iterdir():
        depth_m = np.load(path)  # 48 x 32: 1536 pixels
        depth_m.reshape(-1)[:n_low] = 0.004
        np.save(path, depth_m)
    assert rgbd.run() == status
    if status:
        assert "20.8 % of the depth pixels were patched or raised" in capsys.readouterr().err
        return
    document = json.loads((rgbd.out_root / "a" / "depth_maps" / ".done").read_text())
    pixels = document["details"]["patched_raised_lowered"]
    assert pixels == ({str(frame): [0, n_low, 0] for frame in range(4)} if n_low else {})
    assert document["details"]["changed_fraction"] == pytest.approx(n_low / 1536)
    told = [text for text in document["warnings"] if "patched or raised" in text]
    assert told == (["13.02 % of the depth pixels were patched or raised"] if n_low else [])
    saved = np.load(rgbd.out_root / "a/depth_maps/depth_0000.npz")["depth"]
    assert saved.min() == (np.float16(0.01) if n_low else np.float16(1.0))
