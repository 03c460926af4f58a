"""`focusgen ablate`: what cannot be written is said before minutes of measuring, by its flag."""

from __future__ import annotations

import pytest

from focusgen import cli
from focusgen.base.errors import StorageError
from focusgen.base.files import publish
from tests.small import entry, write_index


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sets", "a", "--values", "4,0"], "--values 4,0: give whole numbers of 1 or more"),
        (["steps", "a", "--values", "2,-8"], "--values 2,-8: give whole"),
        (["steps", "a", "--values", "x"], "--values x: give whole"),
        (["sets", "a", "--n_frames", "0"], "--n_frames 0: sets looks at 1 or more"),
        (["temporal", "a", "--n_frames", "1"], "--n_frames 1: temporal looks at 2 or more"),
    ],
)
def test_numbers_that_nothing_can_be_measured_with_are_refused(words, told, tmp_path, capsys):
    write_index(tmp_path / "out", {"a": entry(2)})
    assert cli.main(["ablate", *words, "--out_root", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--plot", "--csv", "--json"])
def test_a_place_that_cannot_be_written_to_is_named_before_the_work(flag, tmp_path, monkeypatch, capsys):
    write_index(tmp_path / "out", {"a": entry(2)})

    def publish_unless_there(path, data):
        if path.parent.name == "closed":
            raise StorageError(f"{path.parent}: Read-only file system")
        return publish(path, data)

    monkeypatch.setattr("focusgen.base.writable.publish", publish_unless_there)
    monkeypatch.setattr("focusgen.tools.ablate_scene.ablate_scene", lambda *_: pytest.fail("it was measured"))
    words = ["ablate", "temporal", "a", "--out_root", str(tmp_path / "out")]
    assert cli.main([*words, flag, str(tmp_path / "closed" / "x")]) == 2
    told = capsys.readouterr().err
    assert f"{flag} {tmp_path / 'closed'}: Read-only" in told and f"Choose another {flag}" in told
