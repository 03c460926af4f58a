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
