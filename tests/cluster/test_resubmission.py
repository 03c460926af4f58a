"""Submitting again: missing gates are put between, nodes that failed are left out, plans are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.cluster import resubmission
from focusgen.cluster.plans import new_plan_id, write_plan
from focusgen.cluster.resubmission import DEFAULT_KINDS, resubmit_indices, settings_of
from focusgen.config import SCENE_PHASES, Config
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.states import State
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
    asked = config.load(None, {"cluster.options": {"exclude": "old[1,2],n2"}})
    found = resubmission._without_nodes(asked, {"n2", "n10"})
    assert found.cluster.options == {"exclude": "old[1,2],n2,n10"}


def test_finished_and_stale_scenes_are_not_among_those_that_are_done_again_unasked():
    assert {State.FAILED, State.PENDING, State.PARTIAL} == DEFAULT_KINDS


def plan(cfg: Config, **overrides: object) -> str:
    made = config.load(None, {"data.out_root": cfg.data.out_root, **overrides})
    return write_plan(made, "submit", ("deblur", "depth"), [["a"], ["b"]], new_plan_id()).plan_id


def test_settings_are_those_of_the_newest_plan_and_flags_win(cfg):
    out = {"data.out_root": cfg.data.out_root}
    plan(cfg, **{"depth.min_m": 0.1})
    newest = plan(cfg, **{"depth.min_m": 0.2, "depth.max_m": 9})
    assert settings_of(None, None, out).cfg.depth.min_m == 0.2
    both = settings_of(None, newest, {**out, "depth.min_m": 0.5}).cfg
    assert (both.depth.min_m, both.depth.max_m) == (0.5, 9.0)
    assert both.data.out_root.is_absolute()


def test_without_a_plan_they_are_those_of_the_command(cfg):
    found = settings_of(None, None, {"data.out_root": cfg.data.out_root, "depth.min_m": 0.5}).cfg
    assert found.depth.min_m == 0.5


def test_without_a_plan_a_data_set_is_compared_with_what_made_it(cfg):
    out = {"data.out_root": cfg.data.out_root}
    save_config(config.load(None, {**out, "depth.min_m": 0.2, "run.on_stale": "redo"}), "depth")
    save_config(config.load(None, {**out, "render.n_sets": 2}), "render")  # said nothing of depth
    found = settings_of(None, None, out).cfg
    assert (found.depth.min_m, found.render.n_sets) == (0.2, 2)
    assert found.run.on_stale == "fail", "the last run's redo is not this one's"
    assert settings_of(None, None, {**out, "depth.min_m": 0.5}).cfg.depth.min_m == 0.5


@pytest.mark.parametrize("is_planned", [True, False])
def test_every_section_is_that_of_the_phase_that_it_makes(cfg, tmp_path, is_planned):
    out, lens = {"data.out_root": cfg.data.out_root}, {"lens.law": "balanced", "optics.formula": "exact"}
    sharp = {"data.raw_root": tmp_path / "raw", "deblur.backend": "deblurnet"}
    save_config(config.load(None, {**out, **lens, "seed": 7}), "render")
    if is_planned:
        write_plan(config.load(None, {**out, **sharp}), "submit", ("deblur",), [["a"]], new_plan_id())
    else:
        save_config(config.load(None, {**out, **sharp}), "deblur")
        save_config(config.load(None, {**out, "data.raw_root": tmp_path / "other"}), "depth")
    again = settings_of(None, None, out)
    assert (again.cfg.lens.law, again.cfg.optics.formula) == ("balanced", "exact"), "as renders were made"
    assert again.cfg.data.raw_root == tmp_path / "raw", "what phase 2 reads"
    expected = again.expected()
    assert (expected["deblur"].cfg.seed, expected["render"].cfg.seed) == (42, 7)
    assert (again.of(["deblur"]).seed, again.of(["render"]).seed) == (42, 7)
    with pytest.raises(ConfigError, match="phase 2 with 42, phase 5 with 7") as caught:
        again.of(["deblur", "depth", "render"])
    assert "02_deblur.py --seed 42" in caught.value.advice
    assert settings_of(None, None, {**out, "seed": 9}).of(["deblur", "render"]).seed == 9


def test_settings_of_every_phase_are_taken_from_what_it_made():
    for name, section in Config().sections():
        made = {phase for field in type(section).model_fields for phase in section.effect(field).affects}
        owners = [phase for phase, names in resubmission.SECTIONS_OF.items() if name in names]
        assert (made & set(SCENE_PHASES) or set(owners)) == set(owners), name


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
