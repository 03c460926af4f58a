"""Which scenes still need work."""

from __future__ import annotations

import json

from focusgen import cli
from focusgen.cluster.submission import unfinished
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout


def test_a_scene_needs_work_until_every_asked_phase_is_complete_under_todays_settings(rgbd):
    for seed, name in enumerate("ab"):
        rgbd.add_scene(name, n_frames=2, seed=seed)
    cfg = rgbd.config()
    common = [*rgbd.flags("raw_root", "out_root"), "--min_frames", "2"]
    assert cli.phase_main("index", "doc", common) == 0
    index = read_index(DatasetLayout.of(cfg))
    assert unfinished(cfg, index, ["index", "deblur", "calibrate"]) == ["a", "b"]
    assert cli.phase_main("deblur", "doc", [*rgbd.flags("raw_root", "out_root"), "--scene_idx", "1"]) == 0
    assert unfinished(cfg, index, ["deblur"]) == ["a"]
    assert unfinished(cfg, index, ["deblur", "depth"]) == ["a", "b"]
    assert unfinished(rgbd.config(deblur__backend="classical"), index, ["deblur"]) == ["a", "b"]
    done = DatasetLayout.of(cfg).scene("b").done("deblur")
    record = json.loads(done.read_bytes())
    done.write_text(json.dumps({**record, "n_frames": 1}))
    assert unfinished(cfg, index, ["deblur"]) == ["a", "b"], "a record that is not what it was proves nothing"
