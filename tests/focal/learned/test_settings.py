"""Settings of the small network: the file that ships is whole; what is wrong is named."""

from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.config.files import CONFIG_DIR
from focusgen.focal.learned.settings import load_settings

SMALL = CONFIG_DIR / "focal" / "small.yaml"


def test_the_file_that_ships_loads_and_gives_way_to_overrides():
    assert load_settings(SMALL).model.kind == "small"
    assert load_settings(SMALL, {"train.steps": 7, "output_dir": "x"}).train.steps == 7


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("train.stepps", 3, r"train\.stepps.*did you mean train\.steps"),
        ("train.steps", 0, r"train\.steps"),
        ("output_dir.x", 3, "output_dir"),
    ],
)
def test_what_is_wrong_is_named(key: str, value: int, complaint: str):
    with pytest.raises(ConfigError, match=complaint):
        load_settings(SMALL, {key: value})


def test_a_file_that_is_missing_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="gone.yaml"):
        load_settings(tmp_path / "gone.yaml")
