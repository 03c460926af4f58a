"""Submitting again: missing gates are put between, nodes that failed are left out, plans are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.cluster import resubmission
from focusgen.cluster.plans import new_plan_id, write_plan
from focusgen.cluster.resubmission import DEFAULT_KINDS, resubmit_indices, settings_of
from focusgen.config import Config
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import State
from focusgen.run.settings import save_config


@pytest.fixture
def cfg(tmp_path: Path) -> Config:
    return config.load(None, {"data.out_root": tmp_path / "out", "data.raw_root": tmp_path / "raw"})


@pytest.mark.parametrize(
    ("phases", "is_calibrated", "with_gates"),
    [
        (["deblur"], False, ["deblur"]),
        (["deblur", "depth"], False, ["deblur", "depth", "calibrate"]),
        (["depth"], True, ["depth"]),
        (["depth", "render"], False, ["depth", "calibrate", "render", "validate"]),
        (["render"], False, ["render", "validate"]),
        ([], False, []),
    ],
)
def test_renders_wait_for_a_calibration_and_are_validated(cfg, phases, is_calibrated, with_gates):
    dataset = DatasetLayout.of(cfg)
    if is_calibrated:
        dataset.logs.mkdir(parents=True)
        dataset.coc_stats_json.write_text("{}")
    assert resubmission._with_gates(dataset, phases) == with_gates


def test_nodes_that_failed_are_left_out_beside_what_was_asked(cfg):
    asked = config.load(None, {"cluster.options": {"constraint": "a100"}})
    found = resubmission._without_nodes(asked, {"n2", "n10", "n1"})
    assert found.cluster.options == {"constraint": "a100", "exclude": "n1,n10,n2"}
    assert asked.cluster.options == {"constraint": "a100"}
    assert resubmission._without_nodes(asked, ()) is asked


def test_finished_and_stale_scenes_are_not_among_those_that_are_done_again_unasked():
    assert {State.FAILED, State.PENDING, State.PARTIAL} == DEFAULT_KINDS


def plan(cfg: Config, **overrides: object) -> str:
    made = config.load(None, {"data.out_root": cfg.data.out_root, **overrides})
    return write_plan(made, "submit", ("deblur", "depth"), [["a"], ["b"]], new_plan_id()).plan_id


def test_settings_are_those_of_the_newest_plan_and_flags_win(cfg):
    out = {"data.out_root": cfg.data.out_root}
    plan(cfg, **{"depth.min_m": 0.1})
    newest = plan(cfg, **{"depth.min_m": 0.2, "depth.max_m": 9})
    assert settings_of(None, None, out).depth.min_m == 0.2
    both = settings_of(None, newest, {**out, "depth.min_m": 0.5})
    assert (both.depth.min_m, both.depth.max_m) == (0.5, 9.0)
    assert both.data.out_root.is_absolute()


def test_without_a_plan_they_are_those_of_the_command(cfg):
    found = settings_of(None, None, {"data.out_root": cfg.data.out_root, "depth.min_m": 0.5})
    assert found.depth.min_m == 0.5


def test_without_a_plan_a_data_set_is_compared_with_what_made_it(cfg):
    out = {"data.out_root": cfg.data.out_root}
    save_config(config.load(None, {**out, "depth.min_m": 0.2, "run.on_stale": "redo"}), "depth")
    save_config(config.load(None, {**out, "render.n_sets": 2}), "render")  # said nothing of depth
    found = settings_of(None, None, out)
    assert (found.depth.min_m, found.render.n_sets) == (0.2, 2)
    assert found.run.on_stale == "fail", "the last run's redo is not this one's"
    assert settings_of(None, None, {**out, "depth.min_m": 0.5}).depth.min_m == 0.5


@pytest.mark.parametrize("where", ["local", "debug"])
def test_indices_go_to_slurm_or_by_hand(cfg, where):
    name = plan(cfg)
    with pytest.raises(ConfigError, match="--indices submits to Slurm") as caught:
        resubmit_indices(cfg, name, (), [0], where, dry_run=True)
    assert f"focusgen task --plan {name} --index" in caught.value.advice


def test_indices_of_no_plan_are_refused(cfg):
    with pytest.raises(ConfigError, match="no plan in") as caught:
        resubmit_indices(cfg, None, (), [0], "slurm", dry_run=True)
    assert "focusgen submit" in caught.value.advice
    with pytest.raises(ConfigError, match="is no plan id"):
        resubmit_indices(cfg, "../../etc", (), [0], "slurm", dry_run=True)
