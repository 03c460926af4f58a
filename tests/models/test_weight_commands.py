"""The command that brings a weight file to where the configuration looks for it."""

from __future__ import annotations

import pytest

from focusgen import config
from focusgen.models.registry import weight_files
from focusgen.models.weight_commands import command_for


@pytest.mark.parametrize(
    ("phase", "settings", "name", "command"),
    [
        (
            "depth",
            {"depth.checkpoint": "w/metric_video_depth_anything_vits.pth"},
            "vda",
            "fetch vda-vits --dest w",
        ),
        ("depth", {"depth.checkpoint": "w/mine.pth"}, "vda", "focusgen weights fetch vda"),
        ("render", {"render.lora_path": "loras"}, "flux/lora", "fetch bokehnet --dest loras"),
        ("deblur", {"deblur.prompt_cache": "p"}, "flux/prompt", "FLUX.1-dev --deblur.prompt_cache p"),
    ],
)
def test_it_names_the_file_and_the_place(phase, settings, name, command):
    backends = {"deblur.backend": "deblurnet", "depth.backend": "vda", "render.backend": "bokehnet"}
    cfg = config.load(None, {**backends, **settings})
    assert command in command_for(cfg, phase, name, weight_files(cfg, phase)[name])


def test_a_size_that_lies_where_another_is_looked_for_is_named(tmp_path):
    (tmp_path / "metric_video_depth_anything_vits.pth").write_bytes(b"weights")
    looked_for = tmp_path / "metric_video_depth_anything_vitl.pth"
    cfg = config.load(None, {"depth.backend": "vda", "depth.checkpoint": str(looked_for)})
    said = command_for(cfg, "depth", "vda", looked_for)
    assert (
        f"--depth.checkpoint {tmp_path}/metric_video_depth_anything_vits.pth" in said
        and "fetch vda-vitl" in said
    )
    looked_for.write_bytes(b"damaged")
    assert "--depth.checkpoint" not in command_for(cfg, "depth", "vda", looked_for)
