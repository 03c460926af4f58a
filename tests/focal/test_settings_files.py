"""Files of training settings: a typo is named with the nearest key, wherever it was made."""

from __future__ import annotations

import pytest
import yaml

from focusgen.base.errors import ConfigError
from focusgen.focal.learned.settings import SmallSettings
from focusgen.focal.sd3.settings import Sd3Settings
from focusgen.focal.settings_files import known_keys, read_settings

TEXT = "model: {kind: sd3}\ntrain: {steps: 7}\n"


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(TEXT)
    return file


def test_an_override_wins_and_the_rest_stays(path):
    settings = read_settings(Sd3Settings, path, {"train.batch": 3, "train.ema": 0.5})
    assert (settings.train.steps, settings.train.batch, settings.train.ema) == (7, 3, 0.5)
    section = read_settings(Sd3Settings, path, {"train": {"batch": 2}, "data": {"size": 64}})
    assert (section.train.steps, section.train.batch, section.data.size) == (7, 2, 64)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"trian.steps": 1}, "trian.steps: unknown key; did you mean train.steps"),
        ({"train.step": 1}, "train.step: unknown key; did you mean train.steps"),
        ({"steps": 1}, "steps: unknown key"),
        (
            {"train.steps": 0},
            r"train.steps, given on the command line: .*greater than or equal to 1 \(given: 0",
        ),
        ({"model.preset": "huge"}, "'tiny', 'medium' or 'large'"),
        ({"train": {"step": 1}}, "train.step: unknown key; did you mean train.steps"),
        ({"train": 5}, "train, given on the command line: .*valid dictionary"),
        ({"train.steps": "many"}, "train.steps, given on the command line: .*given: 'many'"),
    ],
)
def test_a_wrong_override_is_named(path, overrides, message):
    with pytest.raises(ConfigError, match=message):
        read_settings(Sd3Settings, path, overrides)


def test_a_wrong_key_of_the_file_names_the_file_and_the_nearest(path):
    path.write_text(TEXT + "data: {sise: 64}\n")
    with pytest.raises(ConfigError, match=r"mine.yaml: data.sise: .*did you mean data.size"):
        read_settings(Sd3Settings, path, {})


def test_a_path_of_the_file_is_read_as_a_shell_reads_it(path, monkeypatch):
    monkeypatch.setenv("SCRATCH", "/scratch")
    path.write_text(TEXT + "output_dir: $SCRATCH/run\n")
    assert str(read_settings(Sd3Settings, path, {}).output_dir) == "/scratch/run"
    monkeypatch.delenv("SCRATCH")
    with pytest.raises(ConfigError, match=r"mine\.yaml: output_dir: the variable SCRATCH is not set"):
        read_settings(Sd3Settings, path, {})


def test_a_path_of_an_override_is_too(path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert str(read_settings(Sd3Settings, path, {"output_dir": "~/run"}).output_dir) == "/home/me/run"
    with pytest.raises(ConfigError, match=r"--override: data\.folder: the variable NOPE is not set"):
        read_settings(Sd3Settings, path, {"data.folder": "$NOPE/stacks"})


def test_a_value_that_lacks_a_part_was_given_where_it_was_given(path):
    with pytest.raises(ConfigError, match=r"^model\.channels\.2, given on the command line: Field required"):
        read_settings(SmallSettings, path, {"model.kind": "small", "model.channels": [8, 8]})


def test_every_key_is_known_by_its_whole_name():
    keys = known_keys(Sd3Settings)
    assert {"model.preset", "data.focus_jitter", "train.steps", "output_dir"} <= set(keys)
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("kind", [Sd3Settings, SmallSettings])
@pytest.mark.parametrize("key", ["data.folder", "output_dir"])
def test_an_empty_path_is_refused_and_is_not_the_current_folder(path, kind, key):
    path.write_text(yaml.safe_dump({key.split(".")[0]: {"folder": ""} if "." in key else ""}))
    with pytest.raises(ConfigError, match=f"{key}: .*is empty: give a path, or leave it out"):
        read_settings(kind, path, {})
