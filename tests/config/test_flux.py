"""The settings of both diffusion networks stand once, and each section keeps its own defaults and effects."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from focusgen import config
from focusgen.config.deblur import DeblurConfig
from focusgen.config.flux import FluxSection
from focusgen.config.render import RenderConfig
from focusgen.config.render_camera import RenderCamera

SECTIONS = [(DeblurConfig, "deblur", "deblurnet"), (RenderConfig, "render", "bokehnet")]
SPEED = {"lora_path", "lora_weight", "prompt_cache", "offload", "sequential_vae", "batch_size"}


def test_sixteen_settings_are_shared_and_differ_in_their_defaults_only():
    shared = FluxSection.model_fields
    assert len(shared) == 16
    for name in shared:
        ours, theirs = DeblurConfig.model_fields[name], RenderConfig.model_fields[name]
        assert ours.description == theirs.description == shared[name].description
        assert ours.metadata == theirs.metadata == shared[name].metadata
    differing = {n for n in shared if getattr(DeblurConfig(), n) != getattr(RenderConfig(), n)}
    assert differing == {"steps", "prompt", "guidance_scale", "lora_weight"}
    assert (DeblurConfig().steps, RenderConfig().steps) == (8, 30)
    assert (DeblurConfig().guidance_scale, RenderConfig().guidance_scale) == (3.5, 1.0)


@pytest.mark.parametrize(("section", "phase", "network"), SECTIONS)
def test_a_shared_setting_changes_its_own_phase_under_its_own_network(section, phase, network):
    for name in FluxSection.model_fields:
        effect = section.effect(name)
        assert effect.affects == (() if name in SPEED else (phase,)), name
        assert effect.when["backend"] == [network], name
    assert section(backend=network).has_effect("tile_px")
    assert not section(backend=network, disable_tiling=True).has_effect("tile_px")
    assert not section().has_effect("steps")


@pytest.mark.parametrize(("section", "phase", "network"), SECTIONS)
@pytest.mark.parametrize("wrong", [{"steps": 0}, {"tile_px": 520}, {"guidance_scale": -1}, {"batch_size": 0}])
def test_a_default_of_its_own_loosens_no_limit(section, phase, network, wrong):
    with pytest.raises(ValidationError):
        section(**wrong)


def test_printed_settings_keep_their_order():
    """Saved configurations are compared by people: a section's own settings first, the shared ones after."""
    text = config.dump(config.Config())
    deblur = text[text.index("\ndeblur:") : text.index("\ndepth:")].split()[1:]
    keys = [word.rstrip(":") for word in deblur if word.endswith(":")]
    assert keys[:10] == [
        *("backend", "temporal", "radius", "window_size", "stride", "resize_long_side"),
        *("steps", "on_oom", "protocol", "prompt"),
    ]
    render = list(RenderConfig.model_fields)
    assert render[:9] == [
        *("backend", "n_sets", "max_coc", "clip_to_max_coc", "max_radius_px", "depth_edge_snap"),
        *("guidance", "guidance_max_radius_px", "transfer"),
    ]
    assert render.index("steps") == 1 + render.index(list(RenderCamera.model_fields)[-1])
    assert render[-2:] == ["batch_size", "warn_focus_mean"]
