"""`focusgen focal synth`: a folder of stacks, refusals before anything is drawn."""

from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.commands.focal_synth import main
from focusgen.focal.learned.shards import open_stacks

FEW = ["--n_stacks", "2", "--width", "32", "--height", "32", "--families", "slabs", "--traced_share", "0"]


def test_stacks_are_made_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["-o", str(tmp_path / "s"), *FEW]) == 0
    assert "2 slabs" in capsys.readouterr().out
    made = open_stacks(tmp_path / "s")
    assert made.recipe.families == ("slabs",)
    assert made.is_there(7) and not made.is_there(8)


@pytest.mark.parametrize(
    ("flag", "value", "complaint"),
    [
        ("--width", "40", "multiple of 16"),
        ("--n_stacks", "0", "n_stacks"),
        ("--traced_share", "1.5", "traced_share"),
        ("--families", "nowhere", "nowhere"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, flag: str, value: str, complaint: str):
    with pytest.raises(ConfigError, match=complaint):
        main(["-o", str(tmp_path / "s"), flag, value])
    assert not (tmp_path / "s").exists()
