"""Names to models: each is imported when it is asked for, and what it needs is known before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from focusgen.config import load
from focusgen.config.backends import BUILT_IN
from focusgen.models import registry
from focusgen.models.bokeh.thin_lens import ThinLensRenderer
from focusgen.models.classical import ClassicalDeblurrer
from focusgen.models.dryrun import DryRunDepth
from focusgen.models.passthrough import Passthrough
from focusgen.models.protocols import BokehRenderer, Deblurrer, DepthModel
from focusgen.models.provided import ProvidedDepth
from focusgen.models.registry import needs_gpu, weight_advice, weight_files


@pytest.mark.parametrize(
    ("section", "name", "kind", "protocol"),
    [
        ("deblur", "passthrough", Passthrough, Deblurrer),
        ("deblur", "classical", ClassicalDeblurrer, Deblurrer),
        ("depth", "provided", ProvidedDepth, DepthModel),
        ("depth", "dryrun", DryRunDepth, DepthModel),
        ("render", "thin_lens", ThinLensRenderer, BokehRenderer),
    ],
)
def test_a_name_becomes_its_model(section, name, kind, protocol):
    load_model = {
        "deblur": registry.load_deblurrer,
        "depth": registry.load_depth_model,
        "render": registry.load_renderer,
    }[section]
    model = load_model(load(None, {f"{section}.backend": name}))
    assert type(model) is kind and protocol in kind.__mro__


def test_no_name_stands_in_two_sections():
    names = [backend.name for rows in BUILT_IN.values() for backend in rows]
    assert len(names) == len(set(names)) == 9


def test_every_reference_of_the_table_leads_to_a_function():
    for rows in BUILT_IN.values():
        for backend in rows:
            for reference in (backend.load, backend.weight_files):
                assert reference is None or callable(registry._resolved(reference)), backend.name


@pytest.mark.slow
def test_facts_are_known_without_importing_a_network():
    code = (
        "import sys; from focusgen.config import load; from focusgen.models import registry;"
        "cfg = load(None, {'deblur.backend': 'deblurnet', 'depth.backend': 'vda'});"
        "assert registry.needs_gpu(cfg, 'deblur') and registry.weight_files(cfg, 'deblur');"
        "assert list(registry.weight_files(cfg, 'depth')) == ['vda'];"
        "sys.exit(bool({'torch', 'diffusers', 'transformers', 'cv2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_weight_files_follow_the_settings():
    cfg = load(None, {"depth.backend": "vda", "depth.checkpoint": "here/metric_x.pth"})
    assert [str(path) for path in weight_files(cfg, "depth").values()] == ["here/metric_x.pth"]
    assert weight_files(load(), "depth") == {} == weight_files(cfg, "index")
    flux = load(None, {"render.backend": "bokehnet", "render.lora_path": "loras"})
    assert str(weight_files(flux, "render")["flux/lora"]) == "loras/bokehNet.safetensors"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vda", "focusgen weights fetch vda"),
        ("flux/lora", "focusgen weights fetch deblurnet"),
        ("flux/prompt", "focusgen weights prompts"),
        ("flux/vae/config.json", "hf auth login"),
        ("slope/weights", "from where it came"),
    ],
)
def test_advice_for_a_missing_file_says_how_to_get_that_file(name, words):
    assert words in weight_advice(name)


@pytest.mark.parametrize(
    ("device", "settings", "expected"),
    [
        (None, {}, []),
        (None, {"deblur.backend": "classical", "depth.backend": "dryrun"}, []),
        (None, {"deblur.backend": "deblurnet"}, ["deblur"]),
        (None, {"depth.backend": "vda", "render.backend": "bokehnet"}, ["depth", "render"]),
        (None, {"depth.backend": "hf"}, ["depth"]),
        ("cpu", {"deblur.backend": "deblurnet", "depth.backend": "vda"}, []),
        ("cuda", {"deblur.backend": "classical"}, ["render"]),  # thin_lens gains by the GPU that is asked for
        ("cuda:1", {"depth.backend": "hf"}, ["depth", "render"]),
    ],
)
def test_a_phase_needs_a_gpu_only_for_its_backend(device, settings, expected):
    cfg = load(None, {"run.device": device, **settings})
    phases = ("index", "deblur", "depth", "calibrate", "render", "validate")
    assert [phase for phase in phases if needs_gpu(cfg, phase)] == expected
