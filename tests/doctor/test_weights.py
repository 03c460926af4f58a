"""What doctor says of weights and of the output folder is true, and leads somewhere."""

from __future__ import annotations

import pytest

from focusgen import config
from focusgen.doctor import disk
from focusgen.doctor.check import Check, Status
from focusgen.doctor.disk import check_output
from focusgen.doctor.weights import check_weights, configured_files, configured_models


def checks_of(**settings):
    overrides = {key.replace("__", "."): value for key, value in settings.items()}
    return {check.name: check for check in check_weights(config.load(None, overrides))}


def test_a_missing_file_is_named_by_its_setting_with_the_way_to_get_it(tmp_path):
    found = checks_of(depth__backend="vda", depth__checkpoint=str(tmp_path / "metric_x.pth"))
    assert found["depth.checkpoint"].status is Status.FAIL
    assert "focusgen weights fetch vda" in found["depth.checkpoint"].advice
    flux = checks_of(deblur__backend="deblurnet", deblur__model_id=str(tmp_path))
    assert "focusgen weights fetch deblurnet" in flux["deblur.lora_weight"].advice
    assert "focusgen weights prompts" in flux["deblur: flux/prompt"].advice
    assert all(check.advice for check in flux.values() if check.status is Status.FAIL)


def test_the_command_brings_the_very_file_to_where_it_is_looked_for(tmp_path):
    """`fetch vda` brings the large one, and `fetch deblurnet` alone puts it into checkpoints/."""
    small = str(tmp_path / "metric_video_depth_anything_vits.pth")
    found = checks_of(depth__backend="vda", depth__checkpoint=small, deblur__backend="deblurnet")
    assert found["depth.checkpoint"].advice == f"focusgen weights fetch vda-vits --dest {tmp_path}"
    assert found["deblur.lora_weight"].advice == "focusgen weights fetch deblurnet --dest ."


def test_backends_without_weights_are_asked_for_none():
    assert checks_of().keys() == {"weights"}
    cfg = config.load(None, {"deblur.backend": "classical", "depth.backend": "dryrun"})
    assert configured_files(cfg) == [] and configured_models(cfg) == {}


def test_models_are_asked_for_by_the_setting_that_names_them():
    overrides = {"deblur.backend": "deblurnet", "depth.backend": "hf", "render.backend": "bokehnet"}
    cfg = config.load(None, {**overrides, "depth.model_id": "a/b"})
    flux = "black-forest-labs/FLUX.1-dev"
    expected = {"deblur.model_id": flux, "depth.model_id": "a/b", "render.model_id": flux}
    assert configured_models(cfg) == expected


@pytest.mark.parametrize("is_relative", [True, False])
def test_only_a_folder_that_is_not_there_will_be_made(tmp_path, monkeypatch, is_relative):
    monkeypatch.chdir(tmp_path)
    for probe in ("_check_rename", "_check_lock"):  # they start processes, and are tested elsewhere
        monkeypatch.setattr(disk, probe, lambda folder: Check("probe", Status.OK, ""))
    for name, is_there in (("there", True), ("not_yet", False)):
        if is_there:
            (tmp_path / name).mkdir()
        path = (tmp_path / name).relative_to(tmp_path) if is_relative else tmp_path / name
        writable = next(check for check in check_output(path, config.load()) if check.name == "output")
        assert ("(will be made)" in writable.detail) is not is_there


def test_a_link_to_nowhere_is_blamed_itself(tmp_path):
    link = tmp_path / "out"
    link.symlink_to(tmp_path / "moved away")
    (check,) = check_output(link, config.load())
    assert check.status is Status.FAIL
    assert f"out: a link to {tmp_path / 'moved away'}, which does not exist" in check.detail
