"""Our FLUX function against the reference's numbers (tests/data/flux: a share of the cases)."""

from __future__ import annotations

import json

import pytest

from tests.flux_tiny import DATA
from tests.parity import flux as parity

CASES = [case["name"] for case in json.loads((DATA / "cases.json").read_text())["cases"]]
QUICK = "bokeh_torch_rng", "deblur_tile8", "deblur_two_cond", "mixed_adapters"


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in CASES if "kv" not in n]
)
def test_latents_are_the_reference_s(name, capsys):
    assert parity.main([str(DATA), "--case", name]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"{name} max=") and first.endswith("PASS")
    assert float(first.split("max=")[1].split()[0]) <= 2e-4  # the format's own tolerance is ten times wider


def test_the_approximate_cache_is_not_offered(capsys):
    assert parity.main([str(DATA), "--case", "deblur_kv_cache"]) == 0
    assert capsys.readouterr().out == "deblur_kv_cache not offered\n"


def test_a_wrong_number_fails(monkeypatch, capsys):
    # Adapters on every branch: the mistake that FACTS measured as 4.6.
    from focusgen.models.flux import attention

    monkeypatch.setattr(attention.Layout, "stream_spans", property(lambda self: self.spans[:0]))
    assert parity.main([str(DATA), "--case", "deblur_one_cond"]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_an_unknown_case_is_refused(capsys):
    assert parity.main([str(DATA), "--case", "nothing"]) == 2
    assert "no case 'nothing'" in capsys.readouterr().err


def test_a_case_that_lacks_something_fails_by_name_and_a_folder_without_cases_is_refused(tmp_path, capsys):
    assert parity.main([str(tmp_path)]) == 2
    assert "holds no cases.json" in capsys.readouterr().err
    document = json.loads((DATA / "cases.json").read_text())
    cases = [{"name": "lost", "file": "lost.safetensors"}, {"name": "empty"}]
    (tmp_path / "cases.json").write_text(json.dumps({**document, "cases": cases}))
    assert parity.main([str(tmp_path)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said if line.endswith("FAIL")] == ["lost", "empty"]
    assert "lost.safetensors" in said[1] and "KeyError: 'file'" in said[3]
