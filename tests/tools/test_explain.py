"""`focusgen explain` tells all that the files know about a scene."""

from __future__ import annotations

import json

import numpy as np
import pytest

from focusgen import cli
from tests.small import entry, write_index


def explained(rgbd, capsys, *arguments: str) -> dict:
    capsys.readouterr()
    assert cli.main(["explain", *rgbd.flags("out_root"), "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_a_complete_scene_tells_its_records_and_where_they_were_made(rgbd, capsys):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    found = explained(rgbd, capsys, "a")["a"]
    assert found["n_frames"] == 4
    assert [found["phases"][p]["state"] for p in ("deblur", "depth", "render")] == ["complete"] * 3
    assert found["phases"]["depth"]["record"]["unit"].startswith("metres, median")
    render = found["phases"]["render"]["record"]
    assert render["backend"] == "thin_lens"
    assert render["settings"]["render.max_coc"] == rgbd.max_coc
    assert render["n_files"] == 4 * 2 * 2 + 1
    assert {"started", "host", "focusgen", "python"} <= render["run"].keys()
    assert "notes" not in render["run"]


@pytest.mark.slow
def test_every_differing_key_is_shown(rgbd, capsys):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    today = [
        *("--seed", "7", "--optics.formula", "exact", "--render.n_sets", "3", "--depth.depth_scale", "5"),
        *("--render.max_coc", "0.002"),
    ]
    settings = [word for word in today if word not in ("--seed", "7")]
    phases = explained(rgbd, capsys, "a", *settings)["a"]["phases"]
    assert phases["deblur"]["state"] == "complete"
    assert phases["depth"]["differences"] == ["depth.depth_scale: 1000.0 -> 5.0"]
    assert phases["render"]["differences"] == [
        'optics.formula: "paper" -> "exact"',
        "render.n_sets: 2 -> 3",
    ]


def test_a_failure_is_told_with_class_advice_traceback_and_attempt(rgbd, capsys):
    rgbd.add_scene("a")
    path = rgbd.depth_root / "a" / "depth_0003.npy"
    depth_m = np.load(path)
    depth_m[0, 0] = 1e5
    np.save(path, depth_m)
    assert rgbd.run() == 3
    assert rgbd.run() == 3
    depth = explained(rgbd, capsys, "a")["a"]["phases"]["depth"]
    assert depth["state"] == "failed"
    assert depth["failure"]["attempt"] == 2
    assert "depth.max_m" in depth["advice"]
    capsys.readouterr()
    assert cli.main(["explain", *rgbd.flags("out_root"), "a"]) == 0
    text = capsys.readouterr().out
    for part in (
        "phase 3 depth: failed",
        "attempt 2",
        "does not fit float16",
        "DepthRangeError",
        "deblur_psnr",
    ):
        assert part in text


@pytest.mark.slow
def test_a_damaged_record_and_a_hostile_name_are_shown_safely(rgbd, capsys):
    name = "a[b]\u202fc"
    rgbd.add_scene(name)
    assert rgbd.run() == 0
    done = rgbd.out_root / name / "depth_maps" / ".done"
    done.write_bytes(done.read_bytes()[:-9])
    assert cli.main(["explain", *rgbd.flags("out_root")]) == 0
    text = capsys.readouterr().out
    assert "the record is damaged" in text and "focusgen repair" in text
    assert "scene a[b]" in text


@pytest.mark.slow
def test_an_unknown_scene_is_refused(rgbd):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    assert cli.main(["explain", *rgbd.flags("out_root"), "b"]) == 2


def test_a_scene_that_phase_1_refused_is_told_why(tmp_path, capsys):
    dataset = write_index(tmp_path, {"a": entry()})
    rejected = {name: {"file": "a.png", "reason": "truncated"} for name in ("a", "b")}
    dataset.logs.mkdir()
    dataset.rejected_scenes_json.write_text(json.dumps(rejected))
    flags = ["--out_root", str(tmp_path)]
    assert cli.main(["explain", "b", *flags]) == 2
    assert "phase 1 refused it: a.png: truncated" in capsys.readouterr().err
    assert cli.main(["explain", "a", *flags]) == 0, "its old entry was kept"
    for damage in ("[]", "{"):
        dataset.rejected_scenes_json.write_text(damage)
        assert cli.main(["explain", "b", *flags]) == 2
        assert "no scene 'b' in the index" in capsys.readouterr().err
