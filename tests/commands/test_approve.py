"""`focusgen approve`: binds a person's word to the present statistics, and says what it took."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from focusgen import cli, config
from focusgen.base.errors import ApprovalError
from focusgen.dataset.layout import DatasetLayout
from focusgen.phases.approval import approved_max_coc_m

STATS = {"recommended_max_coc": 0.0012, "p95": 0.0011}


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetLayout:
    made = DatasetLayout.of(config.load(None, {"data.out_root": tmp_path / "my out"}))
    made.logs.mkdir(parents=True)
    made.coc_stats_json.write_text(json.dumps(STATS))
    return made


def approve(dataset: DatasetLayout, *words: str) -> int:
    return cli.main(["approve", "--out_root", str(dataset.root), *words])


def in_force_m(dataset: DatasetLayout) -> float:
    return approved_max_coc_m(config.load(None, {"data.out_root": dataset.root}))


def test_the_recommended_value_or_ones_own_is_approved_and_printed(dataset, capsys):
    assert approve(dataset) == 0 and in_force_m(dataset) == 0.0012
    assert f"approved max_coc = 0.0012 m; {dataset.coc_approval_json}" in capsys.readouterr().out
    assert approve(dataset, "--max-coc", "0.0005") == 0 and in_force_m(dataset) == 0.0005
    assert "warning" not in capsys.readouterr().out


def test_the_recommended_value_takes_the_place_of_ones_own_with_a_warning_that_says_the_way_back(
    dataset, capsys
):
    assert approve(dataset, "--max_coc", "0.0005") == 0
    for said in ("warning: 0.0005 was approved before, and is no more (--max_coc 0.0005 approves it", ""):
        assert approve(dataset) == 0 and in_force_m(dataset) == 0.0012
        told = capsys.readouterr().out
        assert said in told and ("warning" in told) == bool(said)


def test_a_value_wider_than_a_tenth_of_the_sensor_is_taken_with_a_warning_that_names_the_flag(
    dataset, capsys
):
    assert approve(dataset, "--max_coc", "0.012") == 0 and in_force_m(dataset) == 0.012
    assert "warning: max_coc is 12.00 mm, wider than a tenth of the sensor" in capsys.readouterr().out


def test_a_later_calibration_voids_it(dataset):
    assert approve(dataset) == 0
    dataset.coc_stats_json.write_text(json.dumps({**STATS, "p95": 0.002}))
    with pytest.raises(ApprovalError, match="void"):
        in_force_m(dataset)


@pytest.mark.parametrize(
    ("stats", "words", "status", "said"),
    [
        (None, [], 2, ("coc_stats.json: no such file", "Run phase 4 first")),
        ("{", [], 2, ("coc_stats.json: not JSON", "Run phase 4 again")),
        (
            {"recommended_max_coc": None},
            [],
            4,
            ("recommends nothing", "focusgen approve --out_root ", " --max_coc 0.0012"),
        ),
        (STATS, ["--max_coc", "-1"], 2, ("--max_coc",)),
        (STATS, ["--max_coc", "wide"], 2, ("--max_coc", "wide")),
    ],
)
def test_what_cannot_be_approved_is_refused_and_approves_nothing(dataset, capsys, stats, words, status, said):
    if stats is None:
        dataset.coc_stats_json.unlink()
    else:
        dataset.coc_stats_json.write_text(stats if isinstance(stats, str) else json.dumps(stats))
    try:
        assert approve(dataset, *words) == status
    except SystemExit as end:
        assert end.code == status
    told = capsys.readouterr().err
    assert all(text in told for text in said), told
    assert not dataset.coc_approval_json.exists()


def test_statistics_kept_elsewhere_are_the_ones_that_count(dataset, tmp_path):
    other = tmp_path / "stats.json"
    other.write_text(json.dumps({**STATS, "recommended_max_coc": 0.0007}))
    assert approve(dataset, "--output_stats", str(other)) == 0
    assert json.loads(dataset.coc_approval_json.read_text())["max_coc"] == 0.0007
