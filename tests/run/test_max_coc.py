"""One function says which max_coc holds: a person's own, else the approved one; a look writes nothing."""

from __future__ import annotations

import json

import pytest

from focusgen import cli
from focusgen.base.errors import ApprovalError
from focusgen.config import dump
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.run.max_coc import approve_automatically, approve_calibration, with_max_coc
from focusgen.run.status import all_status
from tests.small import identity, put_record


@pytest.fixture
def calibrated(rgbd):
    """Return a data set through phase 4, without approval."""
    rgbd.add_scene("a", n_frames=2, width=96)  # blurred by more than half a pixel
    words = [*rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2", "--workers", "1"]
    assert cli.main(["submit", "--phases", "1-4", "--cluster", "debug", *words]) == 0
    return rgbd


def approve(rgbd, *more: str) -> None:
    assert cli.main(["approve", *rgbd.flags("out_root"), *more]) == 0


def test_a_persons_own_value_wins_over_the_approved_one(calibrated):
    approve(calibrated, "--max_coc", "0.001")
    assert with_max_coc(calibrated.config()).render.max_coc == calibrated.max_coc
    assert with_max_coc(calibrated.config(render__max_coc=None)).render.max_coc == 0.001
    assert with_max_coc(calibrated.config(render__max_coc=None), recorded_m=5.0).render.max_coc == 0.001


@pytest.mark.parametrize("auto_approve", [False, True])
def test_who_only_looks_never_approves(calibrated, auto_approve):
    cfg = calibrated.config(render__max_coc=None, run__auto_approve=auto_approve)
    with pytest.raises(ApprovalError, match="not approved"):
        with_max_coc(cfg)
    assert with_max_coc(cfg, recorded_m=0.003).render.max_coc == 0.003
    assert not DatasetLayout.of(cfg).coc_approval_json.exists()


def test_a_run_approves_only_where_the_settings_say_so(calibrated):
    cfg = calibrated.config(render__max_coc=None)
    with pytest.raises(ApprovalError):
        with_max_coc(cfg, may_approve=True)
    asked = calibrated.config(render__max_coc=None, run__auto_approve=True)
    value_m = with_max_coc(asked, may_approve=True).render.max_coc
    assert DatasetLayout.of(cfg).coc_approval_json.exists()
    assert with_max_coc(cfg).render.max_coc == value_m


def test_a_new_calibration_voids_the_approval(calibrated):
    approve(calibrated)
    path = DatasetLayout.of(calibrated.config()).coc_stats_json
    path.write_bytes(path.read_bytes().replace(b'"n_values"', b'"n_other"'))
    with pytest.raises(ApprovalError, match="void"):
        with_max_coc(calibrated.config(render__max_coc=None))


def test_approve_takes_the_value_of_the_settings_too(calibrated, capsys):
    approve(calibrated, "--render.max_coc", "0.0015")
    assert "approved max_coc = 0.0015 m" in capsys.readouterr().out


def test_status_compares_with_the_value_that_a_run_would_use(calibrated):
    approve(calibrated, "--max_coc", "0.001")
    words = [*calibrated.flags("raw_root", "out_root", "depth_root"), "--n_sets", "1"]
    assert cli.main(["submit", "--phases", "5", "--cluster", "debug", *words]) == 0
    cfg = calibrated.config(render__max_coc=None, render__n_sets=1)
    dataset = DatasetLayout.of(cfg)
    (before,) = all_status(dataset, read_index(dataset), cfg)
    assert before.phases["render"].state.value == "complete"
    approve(calibrated, "--max_coc", "0.002")
    (after,) = all_status(dataset, read_index(dataset), cfg)
    assert after.phases["render"].state.value == "stale"
    assert "render.max_coc" in after.phases["render"].reason


def test_phase_6_of_a_job_that_says_every_setting_takes_the_approved_value(calibrated):
    approve(calibrated)
    path = calibrated.root / "all.yaml"  # as a plan holds them: render.max_coc is null, and said
    path.write_text(dump(calibrated.config(render__max_coc=None, data__min_frames=2)))
    assert cli.phase_main("render", "", ["--config", str(path)]) == 0
    assert cli.phase_main("validate", "", ["--config", str(path)]) == 0


def test_who_approves_unseen_leaves_finished_scenes_complete_unless_they_are_to_be_made_anew(calibrated):
    cfg = calibrated.config(render__max_coc=None)
    dataset = DatasetLayout.of(cfg)
    recommended_m = approve_automatically(cfg)
    dataset.max_coc_json.write_text('{"max_coc": 0.0011}')
    assert approve_automatically(cfg) == recommended_m, "nothing is finished"
    put_record(dataset.scene("a"), identity("render"))
    assert approve_automatically(cfg) == 0.0011
    assert approve_automatically(calibrated.config(render__max_coc=0.003)) == 0.003
    redone = calibrated.config(render__max_coc=None, run__on_stale="redo")
    assert approve_automatically(redone) == recommended_m


def test_a_max_coc_that_is_refused_is_not_approved_either(calibrated):
    assert calibrated.run("--auto_approve") == 0
    approval = calibrated.out_root / "logs" / "coc_approval.json"
    before = approval.read_bytes()
    assert calibrated.run("--auto_approve", "--max_coc", "0.001") == 3
    assert approval.read_bytes() == before and calibrated.report()["verdict"] == "pass"
    assert calibrated.run("--auto_approve", "--max_coc", "0.001", "--on_stale", "redo") == 0
    assert json.loads(approval.read_bytes())["max_coc"] == 0.001


def test_who_approves_another_value_than_finished_scenes_have_is_told_what_it_does(calibrated):
    dataset = DatasetLayout.of(calibrated.config())
    dataset.max_coc_json.write_text('{"max_coc": 0.0011}')
    put_record(dataset.scene("a"), identity("render"))
    assert approve_calibration(calibrated.config(render__max_coc=0.0011)) == (0.0011, None)
    _, warning = approve_calibration(calibrated.config(render__max_coc=0.0012))
    assert warning is not None and warning.startswith("finished scenes have 0.0011: they are stale")


def test_status_by_itself_sees_that_another_value_was_approved_since(calibrated):
    approve(calibrated, "--max_coc", "0.001")
    assert cli.phase_main("render", "", ["--n_sets", "1", *calibrated.flags("out_root")]) == 0
    dataset = DatasetLayout.of(calibrated.config())

    def state() -> str:
        (status,) = all_status(dataset, read_index(dataset))
        return status.phases["render"].state.value

    assert state() == "complete"
    approve(calibrated, "--max_coc", "0.002")
    assert state() == "stale"
    approve(calibrated, "--max_coc", "0.001")
    assert state() == "complete"


def test_a_max_coc_that_was_never_approved_is_compared_with_itself(calibrated):
    approve(calibrated, "--max_coc", "0.001")
    words = ["--n_sets", "1", "--max_coc", "0.0015", *calibrated.flags("out_root")]
    assert cli.phase_main("render", "", words) == 0
    approve(calibrated, "--max_coc", "0.002")
    dataset = DatasetLayout.of(calibrated.config())
    (status,) = all_status(dataset, read_index(dataset))
    assert status.phases["render"].state.value == "complete"
