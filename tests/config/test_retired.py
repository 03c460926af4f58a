import pytest

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config import retired
from focusgen.config.dotted import split_dotted


@pytest.fixture(autouse=True)
def _no_note_yet():
    retired._noted.clear()


def test_a_saved_configuration_with_a_retired_key_loads_with_one_note(tmp_path, capsys):
    saved = tmp_path / "phase_3.yaml"
    saved.write_text("depth:\n  window_batch: 4\n  input_size: 42\n")
    for _ in range(3):
        assert config.load(saved).depth.input_size == 42
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"note: {saved}: depth.window_batch has no effect any more: ")


def test_an_older_command_line_with_a_retired_key_goes_on_working(capsys):
    rest, dotted = split_dotted(["--depth.window_batch", "2", "--depth.input_size=42"])
    assert rest == []
    assert config.load(None, dotted).depth.input_size == 42
    assert "depth.window_batch has no effect" in capsys.readouterr().err


def test_a_key_that_never_was_is_still_refused(tmp_path, capsys):
    (tmp_path / "c.yaml").write_text("depth:\n  window_batches: 4\n")
    with pytest.raises(ConfigError, match=r"unknown key depth\.window_batches"):
        config.load(tmp_path / "c.yaml")
    with pytest.raises(ConfigError, match=r"unknown setting --deblur\.window_batch"):
        split_dotted(["--deblur.window_batch", "2"])
    assert not retired.RETIRED_KEYS.keys() & set(config.known_keys()), "a retired key is not a setting"
