"""TAB in a real bash; the scripts of the other shells are looked at where these are installed."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from focusgen import cli
from focusgen.config import shipped_names

ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
_shtab_focusgen
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    import contextlib

    path = tmp_path_factory.mktemp("completion") / "focusgen"
    with path.open("w") as file, contextlib.redirect_stdout(file):
        assert cli.main(["completion", "bash"]) == 0
    return path


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("compl", {"completion"}),
        ("focal in", {"infer"}),
        ("run --on_st", {"--on_stale"}),
        ("run --on_stale ", {"fail", "redo", "keep"}),
        ("weights ", {"fetch", "check", "prompts"}),
        ("run --lens.focal_length_", {"--lens.focal_length_mm"}),
        ("run --config ", {*shipped_names(), "own.yaml", "videos"}),
        ("run --out_root vi", {"videos"}),
    ],
)
def test_bash_offers_what_can_follow(script, tmp_path, typed, offered):
    (tmp_path / "own.yaml").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "videos").mkdir()
    words = ["bash", "-c", ASK, "bash", str(script), "focusgen", *typed.split(" ")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr == ""
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script_that_it_can_read(capsys, tmp_path, shell):
    assert cli.main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert "resubmit" in text and "davis" in text
    if shutil.which(shell):
        (tmp_path / "script").write_text(text)
        assert subprocess.run([shell, "-n", str(tmp_path / "script")]).returncode == 0
