"""An approval is bound to the statistics that were looked at; nothing else lets phase 5 begin."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from focusgen import config
from focusgen.base.errors import ApprovalError, ConfigError, ExitCode
from focusgen.config import Config
from focusgen.dataset.layout import DatasetLayout
from focusgen.phases import approval
from focusgen.phases.approval import (
    approve,
    approved_max_coc_m,
    finished_max_coc_m,
    implausible,
    max_coc_to_keep_m,
    stats_digest,
    warning_about,
)
from tests.small import identity, put_record

STATS: dict[str, Any] = {"recommended_max_coc": 0.0012, "p95": 0.0011, "n": 5}


@pytest.fixture
def cfg(tmp_path: Path) -> Config:
    return config.load(None, {"data.out_root": tmp_path})


def calibrated(cfg: Config, **changes: Any) -> Path:
    path = DatasetLayout.of(cfg).coc_stats_json
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**STATS, **changes}))
    return path


def test_what_was_approved_is_what_phase_5_gets(cfg):
    calibrated(cfg)
    assert approve(cfg, None) == 0.0012 == approved_max_coc_m(cfg)
    assert approve(cfg, 0.002) == 0.002 == approved_max_coc_m(cfg)
    kept = json.loads(DatasetLayout.of(cfg).coc_approval_json.read_text())
    assert kept["recommended_max_coc"] == 0.0012 and kept["max_coc"] == 0.002


def test_an_approval_says_who_gave_it(cfg, monkeypatch):
    monkeypatch.setattr(approval, "user_name", lambda: "ada")
    path = calibrated(cfg) and DatasetLayout.of(cfg).coc_approval_json
    approve(cfg, None)
    said = json.loads(path.read_text())
    assert (said["who"], said["automatic"]) == ("ada", False)
    approve(cfg, None, automatic=True)
    said = json.loads(path.read_text())
    assert (said["who"], said["automatic"]) == ("automatic", True)


def test_statistics_that_change_meanwhile_are_not_approved_under_the_digest_of_those_before(cfg, monkeypatch):
    path, parse = calibrated(cfg), approval.parse_object

    def parse_and_calibrate_anew(data: bytes) -> dict[str, Any]:
        calibrated(cfg, recommended_max_coc=0.003)
        return parse(data)

    monkeypatch.setattr(approval, "parse_object", parse_and_calibrate_anew)
    assert approve(cfg, None) == 0.0012
    said = json.loads(DatasetLayout.of(cfg).coc_approval_json.read_text())
    assert said["recommended_max_coc"] == 0.0012 and said["coc_stats_digest"] != stats_digest(path)


@pytest.mark.parametrize("change", [{"p95": 0.0013}, {"recommended_max_coc": 0.001}, {"n": 6}, {"new": 1}])
def test_other_statistics_make_it_void(cfg, change):
    calibrated(cfg)
    approve(cfg, None)
    calibrated(cfg, **change)
    with pytest.raises(ApprovalError, match="void") as caught:
        approved_max_coc_m(cfg)
    assert caught.value.exit_code is ExitCode.NOT_APPROVED
    assert str(DatasetLayout.of(cfg).root) in caught.value.advice


@pytest.mark.parametrize("change", [{"p95_error": 0.1}, {"is_rehearsal": True}])
def test_what_is_said_beside_them_since_then_does_not(cfg, change):
    calibrated(cfg)
    approve(cfg, None)
    calibrated(cfg, **change)
    assert approved_max_coc_m(cfg) == 0.0012


def test_statistics_written_in_another_order_are_the_same(cfg):
    path = calibrated(cfg)
    approve(cfg, None)
    path.write_text(json.dumps(dict(reversed(STATS.items())), indent=3))
    assert approved_max_coc_m(cfg) == 0.0012


def test_without_statistics_or_approval_the_next_step_is_named(cfg):
    with pytest.raises(ConfigError, match="no such file") as caught:
        approve(cfg, 0.001)
    way_out = rf"Run phase 4 first: .*04_calibrate_coc\.py --out_root {re.escape(str(cfg.data.out_root))}"
    assert re.fullmatch(way_out, caught.value.advice)
    with pytest.raises(ApprovalError, match="not approved") as unmeasured:
        approved_max_coc_m(cfg)
    assert re.fullmatch(way_out, unmeasured.value.advice), "there is no histogram to look at"
    calibrated(cfg)
    with pytest.raises(ApprovalError, match="not approved") as unapproved:
        approved_max_coc_m(cfg)
    assert "focusgen approve" in unapproved.value.advice


def test_where_nothing_is_recommended_a_person_has_to_give_a_value(cfg):
    calibrated(cfg, recommended_max_coc=None)
    with pytest.raises(ApprovalError, match="recommends nothing") as caught:
        approve(cfg, None)
    assert "--max_coc" in caught.value.advice
    assert approve(cfg, 0.001) == approved_max_coc_m(cfg) == 0.001


@pytest.mark.parametrize("value", [0.0, -0.001, float("nan"), float("inf")])
def test_what_is_no_length_is_refused_and_nothing_written(cfg, value):
    calibrated(cfg)
    with pytest.raises(ConfigError, match="positive length in metres"):
        approve(cfg, value)
    assert not DatasetLayout.of(cfg).coc_approval_json.exists()


@pytest.mark.parametrize("recommended", ["0.0012", [0.0012], {}, -1])
def test_a_recommendation_that_is_none_is_refused_by_its_value(cfg, recommended):
    calibrated(cfg, recommended_max_coc=recommended)
    with pytest.raises(ConfigError, match="positive length"):
        approve(cfg, None)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "7", '"x"'])
def test_statistics_of_another_shape_are_named(cfg, text):
    path = calibrated(cfg)
    approve(cfg, None)
    path.write_text(text)
    for ask in (lambda: approve(cfg, None), lambda: approved_max_coc_m(cfg)):
        with pytest.raises(ConfigError, match="coc_stats.json: not JSON") as caught:
            ask()
        assert "Run phase 4 again" in caught.value.advice


def test_json_that_holds_no_statistics_is_named(cfg):
    calibrated(cfg).write_text("{}")
    with pytest.raises(ConfigError, match="holds no statistics"):
        approve(cfg, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"max_coc": 0.001}',
        '{"max_coc": null, "coc_stats_digest": "x"}',
        '{"max_coc": "wide", "coc_stats_digest": "x"}',
    ],
)
def test_a_damaged_approval_is_none(cfg, text):
    calibrated(cfg)
    DatasetLayout.of(cfg).coc_approval_json.write_text(text)
    with pytest.raises(ApprovalError, match=r"coc_approval\.json: damaged"):
        approved_max_coc_m(cfg)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0, -1e-3])
def test_an_approved_value_that_is_no_length_is_damage(cfg, value):
    digest = stats_digest(calibrated(cfg))
    kept = json.dumps({"max_coc": value, "coc_stats_digest": digest})
    DatasetLayout.of(cfg).coc_approval_json.write_text(kept)
    with pytest.raises(ApprovalError, match="damaged: max_coc is"):
        approved_max_coc_m(cfg)


def test_statistics_may_lie_elsewhere(cfg, tmp_path):
    elsewhere = tmp_path / "my stats.json"
    elsewhere.write_text(json.dumps(STATS))
    moved = cfg.model_copy(update={"calibrate": cfg.calibrate.model_copy(update={"output_stats": elsewhere})})
    assert approve(moved, None) == approved_max_coc_m(moved) == 0.0012


def test_no_statistics_have_no_digest(tmp_path):
    assert stats_digest(tmp_path / "nowhere.json") is None


@pytest.mark.parametrize(
    ("p95_m", "reason"),
    [
        (0.0012, None),
        (0.0036, None),  # a tenth of 36 mm
        (0.00361, "3.61 mm, wider than a tenth of the sensor (3.60 mm)"),
        (0.0, "p95 is 0"),
        (-1e-9, "not a positive number"),
        (float("nan"), "not a positive number"),
        (float("inf"), "not a positive number"),
    ],
)
def test_a_typical_blur_is_no_outlier_s(p95_m, reason):
    found = implausible(p95_m, 0.036)
    assert found is None if reason is None else reason in found


@pytest.mark.parametrize(
    ("max_coc_m", "part"),
    [(1.3e-6, None), (1.1e-6, "less than a pixel of any sensor"), (1.2, "in metres 0.0012"), (1e-3, None)],
)
def test_a_slip_of_the_unit_is_told(cfg, max_coc_m, part):
    """36 mm in 30,000 pixels are 1.2 um each; 1.2 m is the millimetres of a person."""
    found = warning_about(max_coc_m, cfg)
    assert found is None if part is None else found.startswith("max_coc is") and part in found


@pytest.mark.parametrize(
    ("recommended_m", "max_coc_m", "part"),
    [
        (3e-5, 3e-3, "100 times the recommended 0.03 mm: nearly every label is 1"),
        (1e-3, 5e-5, "0.05 times the recommended 1 mm: nearly every label is 0"),
        (3e-4, 2e-3, None),
        (None, 2e-3, None),
        ("x", 2e-3, None),
    ],
)
def test_a_value_far_from_the_recommended_one_is_told(cfg, recommended_m, max_coc_m, part):
    calibrated(cfg, recommended_max_coc=recommended_m)
    found = warning_about(max_coc_m, cfg)
    assert found is None if part is None else part in found
    calibrated(cfg).write_text("{")
    assert warning_about(max_coc_m, cfg) is None, "where the statistics are read it is said"


@pytest.mark.parametrize("text", ["{}", "[]", '{"max_coc": "x"}', "{", '{"max_coc": -1}'])
def test_a_damaged_note_of_max_coc_is_named_with_the_way_out(cfg, text):
    dataset = DatasetLayout.of(cfg)
    dataset.internal.mkdir()
    dataset.max_coc_json.write_text(text)
    with pytest.raises(ConfigError, match=r"max_coc\.json: damaged"):
        finished_max_coc_m(dataset)


def test_a_void_approval_says_how_finished_scenes_stay_complete(cfg):
    dataset = DatasetLayout.of(cfg)
    calibrated(cfg)
    approve(cfg, None)
    calibrated(cfg, n=6)
    with pytest.raises(ApprovalError, match="void") as refused:
        approved_max_coc_m(cfg)
    assert "--max_coc" not in refused.value.advice, "nothing is finished"
    dataset.internal.mkdir()
    dataset.max_coc_json.write_text('{"max_coc": 0.0012}')
    assert max_coc_to_keep_m(dataset) is None, "a note of scenes that somebody deleted"
    put_record(dataset.scene("a"), identity("render"))
    with pytest.raises(ApprovalError, match="void") as refused:
        approved_max_coc_m(cfg)
    assert "(--max_coc 0.0012 keeps" in refused.value.advice
