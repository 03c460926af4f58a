"""`focusgen config`: what it prints is a configuration that says the same, and --explain tells all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen import cli, config
from focusgen.config import shipped_names


def printed(capsys, *words: str) -> str:
    assert cli.main(["config", *words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", shipped_names())
def test_what_is_printed_is_a_file_that_means_the_same(name: str, tmp_path: Path, capsys) -> None:
    words = ["--out-root", "my out", "--lens.focal_length_mm", "50", "--run.workers=3"]
    path = tmp_path / "printed.yaml"
    path.write_text(printed(capsys, "--config", name, *words))
    given = {"data.out_root": "my out", "lens.focal_length_mm": 50, "run.workers": 3}
    assert config.load(str(path)) == config.load(name, given)


def test_every_key_is_explained_with_its_value_and_what_it_changes(capsys) -> None:
    text = printed(capsys, "--explain", "--render.n_sets", "3")
    cfg = config.load(None)
    for section_name, section in cfg.sections():
        for name, info in type(section).model_fields.items():
            assert f"\n{section_name}.{name} = " in f"\n{text}" and str(info.description) in text
    assert "render.n_sets = 3\n" in text
    said = text.split("\nrun.workers = ")[1].split("\n")[1]
    assert said.endswith("affects no published byte")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config", "davi"], "Did you mean davis?"),
        (["--render.n_set", "3"], "Did you mean --render.n_sets?"),
        (["--render.n_sets", "none"], "--render.n_sets"),
        (["--lens.f_number", "[4, 2]"], "--lens.f_number"),
    ],
)
def test_what_is_no_setting_is_refused_by_its_flag(words: list[str], said: str, capsys) -> None:
    assert cli.main(["config", *words]) == 2
    told = capsys.readouterr()
    assert said in told.err and not told.out
