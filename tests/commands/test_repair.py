"""`focusgen repair` says what is left to do where all is whole again."""

from __future__ import annotations

import json

import pytest

from focusgen import cli
from tests.small import write_index


@pytest.mark.parametrize(("verdict", "is_said"), [("fail", True), ("pass", False)])
def test_who_repairs_what_phase_6_refused_is_told_to_ask_it_again(tmp_path, capsys, verdict, is_said):
    dataset = write_index(tmp_path / "out", {})
    dataset.validation_report_json.parent.mkdir()
    report = {"verdict": verdict, "passing_scenes": 0, "total_scenes": 1, "records": {}}
    dataset.validation_report_json.write_text(json.dumps(report))
    assert cli.main(["repair", "--out_root", str(dataset.root)]) == 0
    way_out = f"06_validate_outputs.py --out_root {dataset.root}"
    assert (way_out in capsys.readouterr().err) is is_said
