"""A scene is saved for Rerun's viewer, or says what to install."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
from pathlib import Path

import pytest

from focusgen import cli


@pytest.mark.slow
def test_the_viewer_s_own_check_finds_nothing_wrong(finished, tmp_path, capsys):
    pytest.importorskip("rerun")
    scene = next(iter(json.loads((finished / "scene_index.json").read_text())))
    path = tmp_path / "scene.rrd"
    assert cli.main(["view", scene, "--save", str(path), "--out_root", str(finished)]) == 0
    assert "10 frames" in capsys.readouterr().out
    rerun = Path(sys.executable).with_name("rerun")
    if rerun.exists():
        done = subprocess.run([rerun, "rrd", "verify", path], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_without_the_extra_it_says_what_to_install(finished, tmp_path, capsys, monkeypatch):
    real = builtins.__import__

    def without_rerun(name, *rest, **named):
        if name == "rerun":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_rerun)
    scene = next(iter(json.loads((finished / "scene_index.json").read_text())))
    assert cli.main(["view", scene, "--save", str(tmp_path / "x"), "--out_root", str(finished)]) == 2
    assert "pip install 'focusgen[view]'" in capsys.readouterr().err


def test_a_damaged_scene_and_a_place_that_is_none_are_named(finished, tmp_path, capsys):
    pytest.importorskip("rerun")
    scene = next(iter(json.loads((finished / "scene_index.json").read_text())))
    words = ["view", scene, "--out_root", str(finished), "--save"]
    assert cli.main([*words, str(tmp_path)]) == 2
    (finished / scene / "metadata.json").write_text("{")
    assert cli.main([*words, str(tmp_path / "new" / "x.rrd")]) == 3
    said = capsys.readouterr().err
    assert f"{tmp_path}: cannot be written" in said and "metadata.json: JSONDecodeError" in said
