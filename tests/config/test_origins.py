"""Whoever gave a wrong value is blamed: the flag as typed, or the file with its line."""

from __future__ import annotations

import re

import pytest

from focusgen import cli, config
from focusgen.base.errors import ConfigError
from focusgen.config.origins import GivenKey, Origins, lines_of

OWN = """# lenses of my own
defaults: [ground]
lens:
  f_number: [8, 2]
render:
  n_sets: 4
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "ground.yaml").write_text("seed: 1\n\ndepth:\n  overlap: 4\n")
    (tmp_path / "own.yaml").write_text(OWN)
    return tmp_path / "own.yaml"


def complaint(path, **overrides) -> str:
    with pytest.raises(ConfigError) as caught:
        config.load(path, {key.replace("__", "."): value for key, value in overrides.items()})
    return str(caught.value)


def test_a_line_of_a_file_is_named_with_the_value(own):
    assert complaint(own).startswith(f"{own}, line 4: lens.f_number: needs 0 < low <= high")


def test_the_file_that_it_builds_on_is_named_where_the_value_stands_there(own):
    own.write_text(OWN.replace("[8, 2]", "4"))
    own.with_name("ground.yaml").write_text("seed: 1\n\ndepth:\n  overlap: much\n")
    assert complaint(own).startswith(f"{own.with_name('ground.yaml')}, line 4: depth.overlap: ")


def test_a_flag_that_wins_over_a_file_is_blamed_instead_of_it(own):
    text = complaint(own, lens__f_number=[4, 1])
    assert text.startswith("--lens.f_number: lens.f_number: ") and "own.yaml" not in text


@pytest.mark.parametrize(
    ("words", "blamed"),
    [
        (["--min_frames", "-3"], "--min_frames: data.min_frames"),
        (["--backend", "classical", "--deblur.backend", "none"], "--deblur.backend: deblur.backend"),
        (["--depth_scale", "1", "--depth.depth_scale", "no"], "--depth.depth_scale: depth.depth_scale"),
        (["--deblur.stride", "20", "--seed", "1"], "--deblur.stride: deblur: stride 20 is larger"),
    ],
)
def test_a_bad_flag_is_named_as_it_was_typed(capsys, words, blamed):
    assert cli.main(["run", *words]) == 2
    error = capsys.readouterr().err
    assert re.search(rf"^focusgen: {re.escape(blamed)}", error), error
    assert "base.yaml" not in error


def test_a_mistake_in_the_yaml_itself_has_its_line(own):
    own.write_text("seed: 1\nlens: [1, 2\nrender: {}\n")
    assert re.match(rf"{re.escape(str(own))}, line [23]: ", complaint(own))


def test_where_nothing_is_known_the_source_is_blamed():
    assert Origins("metadata of scene a").of("lens.f_number") == "metadata of scene a"


def test_lines_count_from_one_and_sections_have_theirs(own):
    assert lines_of(own) == {"defaults": 2, "lens": 3, "lens.f_number": 4, "render": 5, "render.n_sets": 6}


def test_a_given_key_is_the_key():
    assert {GivenKey("seed", "--seed"): 1} == {"seed": 1}
