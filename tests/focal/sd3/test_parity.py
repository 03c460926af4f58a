"""Our Stable Diffusion 3.5 against diffusers' numbers (tests/data/sd3)."""

from __future__ import annotations

import json
import shutil

import pytest
from safetensors.torch import save_file

from focusgen.focal.sd3 import codec, schedule, surgery
from tests.parity import sd3 as parity
from tests.sd3_tiny import DATA

CASES = [case["name"] for case in json.loads((DATA / "cases.json").read_text())["cases"]]
QUICK = "vae_48x48", "euler_4", "widened_named", "lora"


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in CASES]
)
def test_numbers_are_the_reference_s(name, capsys):
    assert parity.main([str(DATA), "--case", name]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"{name} max=") and first.endswith("PASS")


def test_latents_without_the_shift_fail(monkeypatch, capsys):
    original = codec.VaeCodec.encode
    monkeypatch.setattr(codec.VaeCodec, "encode", lambda self, x: original(self, x) + 0.0609 * 1.5305)
    assert parity.main([str(DATA), "--case", "vae_48x48"]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_sigma_in_place_of_the_timestep_fails(monkeypatch, capsys):
    monkeypatch.setattr(parity, "timestep_of", lambda sigma: sigma)
    assert parity.main([str(DATA), "--case", "velocity_10x6_s1_1"]) == 1
    assert "FAIL" in capsys.readouterr().out
    assert schedule.TIMESTEPS_PER_SIGMA == 1000.0


def test_heads_one_after_the_other_fail(monkeypatch, capsys):
    import torch

    wrong = lambda heads, n_patch, n_channels: torch.cat(list(heads))  # noqa: E731
    monkeypatch.setattr(surgery, "interleaved", wrong)
    assert parity.main([str(DATA), "--case", "widened_zero"]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_what_cannot_be_compared_is_said(tmp_path, capsys):
    assert parity.main([str(DATA), "--case", "nothing"]) == 2
    assert "no case 'nothing'" in capsys.readouterr().err
    assert parity.main([str(tmp_path)]) == 2
    shutil.copytree(DATA, tmp_path / "other")
    document = json.loads((DATA / "cases.json").read_text())
    document["cases"] = [
        {"name": "odd", "kind": "dream"},
        {**document["cases"][0], "file": "gone.safetensors"},
    ]
    (tmp_path / "other/cases.json").write_text(json.dumps(document))
    assert parity.main([str(tmp_path / "other")]) == 1
    out = capsys.readouterr().out
    assert "odd max=nan FAIL" in out and "kind 'dream' is unknown" in out
    assert "gone.safetensors does not exist" in out


def test_one_damaged_file_does_not_stop_the_others(tmp_path, capsys):
    good = json.loads((DATA / "cases.json").read_text())
    (schedule_case,) = [case for case in good["cases"] if case["kind"] == "schedule"]
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    (tmp_path / "cut.safetensors").write_bytes((DATA / schedule_case["file"]).read_bytes()[:40])
    save_file({}, tmp_path / "empty.safetensors")
    damaged = [{**schedule_case, "name": name, "file": f"{name}.safetensors"} for name in ("cut", "empty")]
    (tmp_path / "cases.json").write_text(
        json.dumps({**good, "cases": [*damaged, {"name": "odd", "kind": "x"}]})
    )
    assert parity.main([str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "cut.safetensors cannot be read" in out and "empty.safetensors holds no tensor" in out
    assert "odd max=nan FAIL" in out
    for wrong in ([good], {**good, "cases": ["vae"]}):
        (tmp_path / "cases.json").write_text(json.dumps(wrong))
        assert parity.main([str(tmp_path)]) == 2
        assert "cases.json: " in capsys.readouterr().err
