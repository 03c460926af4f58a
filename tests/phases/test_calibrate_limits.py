"""Phase 4: what it does not recommend."""

from __future__ import annotations

import json

import numpy as np
import pytest

from focusgen import cli


@pytest.mark.parametrize(("factor", "exit_code"), [(1.0, 4), (60.0, 3)])
def test_blur_that_nobody_would_see_is_not_recommended(rgbd, capsys, factor, exit_code):
    rgbd.add_scene("a", width=96)
    for path in (rgbd.depth_root / "a").iterdir():
        np.save(path, np.load(path) * np.float32(factor))
    flags = [*rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2", "--workers", "1"]
    assert cli.main(["run", *flags]) == exit_code
    stats = json.loads((rgbd.out_root / "logs" / "coc_stats.json").read_text())
    assert (stats["recommended_max_coc"] is None) is (stats["in_px"]["p95"] < 0.5) is (exit_code == 3)
    said = capsys.readouterr().err
    assert ("px on frames of 96 px: hardly any lens" in said) is (exit_code == 3)
    assert "0.0 px" not in said
