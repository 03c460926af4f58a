"""The numbered scripts: flags of existing job files mean what they meant."""

from __future__ import annotations

import pytest

from focusgen import cli, config
from focusgen.commands.phase import FLAGS
from focusgen.config import GRAPH, flags

# What job files of the reference pipeline say, phase by phase.
PUBLISHED = {
    "index": "--min_frames 16 --split_seed 42",
    "deblur": "--steps 8 --window_size 16 --stride 8 --no_temporal_avg --resize_long_side 512 --max_frames 3 "
    "--disable_tiling --model_id m --lora_path . --lora_weight w.safetensors --seed 1",
    "depth": "--vda_repo r --checkpoint c.pth --input_size 518 --target_fps 24 --fp32 --max_chunk 256 "
    "--overlap 32 --max_frames 3",
    "calibrate": "--sample_fraction 0.2 --n_lens_sets 8 --output_stats s.json --output_plot p.png --seed 1",
    "render": "--max_coc 0.002 --n_sets 4 --steps 30 --model_id m --lora_path . --lora_weight w --seed 1",
    "validate": "--report r.json",
}


def parsed(phase: str, words: str) -> flags.Parsed:
    where = "--raw_root raw --out_root out --scene_index i.json --scene_idx 3"
    return flags.parse(FLAGS[phase], f"{where} {words}".split(), prog=GRAPH[phase].script, doc="")


@pytest.mark.parametrize("phase", GRAPH)
def test_flags_of_existing_job_files_are_taken_with_either_dash(phase):
    given = parsed(phase, PUBLISHED[phase])
    assert given == parsed(phase, PUBLISHED[phase].replace("_", "-"))
    assert given.flags.scene_idx == 3
    cfg = config.load(None, given.overrides)
    assert str(cfg.data.raw_root) == "raw"
    assert str(cfg.data.scene_index) == "i.json"


def test_the_older_name_of_no_temporal_stage_sets_it():
    given = parsed("deblur", PUBLISHED["deblur"]).flags
    assert given.stands_for() == {"deblur.temporal": "none"}
    assert parsed("deblur", "").flags.stands_for() == {}


@pytest.mark.slow
def test_what_has_no_effect_is_said_in_one_line_each(rgbd, capsys):
    where = rgbd.flags("out_root")
    rgbd.add_scene("a", n_frames=4)
    assert rgbd.run() == 0
    capsys.readouterr()
    words = [*where, "--vda_repo", "x", "--target_fps", "12", "--checkpoint", "c.pth"]
    cli.phase_main("depth", "Doc.", [*words, "--depth_root", str(rgbd.depth_root)])
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert [line.split()[1] for line in said] == ["--checkpoint", "--vda_repo", "--target_fps"]
    assert cli.phase_main("validate", "Doc.", [*where, "--scene_idx", "0"]) == 0
    assert "note: --scene_idx has no effect: phase validate" in capsys.readouterr().err
