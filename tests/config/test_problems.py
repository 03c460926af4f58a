"""What a person is told of a setting that is wrong: one line, the key, the way out."""

from __future__ import annotations

import pytest

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config.problems import known_keys


def told(tmp_path, text: str) -> str:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    return caught.value.message.removeprefix(f"{path}, ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("default: [base]", "unknown key default; did you mean defaults?"),
        (
            "backend: vda",
            "unknown key backend; did you mean deblur.backend or depth.backend or render.backend?",
        ),
        ("max_coc: 1e-3", "unknown key max_coc; did you mean render.max_coc?"),
        ("lens: {n_sets: 4}", "unknown key lens.n_sets; did you mean render.n_sets?"),
        ("depth: {backnd: vda}", "unknown key depth.backnd; did you mean depth.backend?"),
        ("depth: {depth-root: x}", "unknown key depth.depth-root; did you mean depth.depth_root?"),
        (
            "data.raw_root: x",
            "unknown key 'data.raw_root': in a file it stands on two levels, data: {raw_root: ...}",
        ),
        (
            "qqq: 1",
            "unknown key qqq; sections: data, deblur, depth, optics, lens, calibrate, render, "
            "validate, store, run, cluster",
        ),
    ],
)
def test_an_unknown_key_is_told_with_the_known_ones_that_may_be_meant(tmp_path, text, said):
    assert told(tmp_path, text) == f"line 1: {said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: abc", "seed: give a whole number, without a unit (got 'abc')"),
        ("render: {n_sets: 4.5}", "render.n_sets: give a whole number (got 4.5)"),
        ("render: {n_sets: yes}", "render.n_sets: give a number (got True)"),
        ("render: {max_coc: true}", "render.max_coc: give a number (got True)"),
        ("render: {sensor: {jpeg_quality: on}}", "give a number, or none (got True)"),
        ("lens: {f_number: [on, 4]}", "lens.f_number: give a number (got [True, 4])"),
        (
            "data: min_frames 16",
            "data: a section holds settings, each as KEY: VALUE on a line of its own (got 'min_frames 16')",
        ),
        ("data: {min_frames: [16]}", "data.min_frames: give one whole number (got [16])"),
        ("depth: {min_m: 1 cm}", "depth.min_m: give a number, without a unit (got '1 cm')"),
        ("depth: {warn_patched_fraction: 5%}", "give a share: 0.05 for 5% (got '5%')"),
        ("data: {raw_root: [a, b]}", "data.raw_root: give one path (got ['a', 'b'])"),
        ("lens: {f_number: [1.8]}", "lens.f_number: give one number, or [low, high] (got [1.8])"),
        ("lens: {f_number: [1, 2, 4]}", "lens.f_number: give one number, or [low, high] (got [1, 2, 4])"),
        ("lens: {f_number: f/2.8}", "lens.f_number: give one number, or [low, high] (got 'f/2.8')"),
        ("run: {strict: maybe}", "run.strict: give true or false (got 'maybe')"),
        ("cluster: {memory_gb: 64G}", "cluster.memory_gb: give a number, without a unit (got '64G')"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_once_and_without_the_words_of_a_library(tmp_path, text, said):
    found = told(tmp_path, text)
    assert found.startswith("line 1: ") and found.endswith(said)
    assert len(found.splitlines()) == 1


def test_two_wrong_entries_of_a_table_stay_two(tmp_path):
    found = told(tmp_path, "cluster:\n  time_h: {depth: 4h, render: 8h, rendr: 1}\n")
    assert [line.split(": ")[1] for line in found.splitlines()] == [
        "cluster.time_h.depth",
        "cluster.time_h.render",
        "cluster.time_h.rendr",
    ]


def test_every_key_is_known_once():
    assert len(known_keys()) == len(set(known_keys())) and {"seed", "data.raw_root"} <= set(known_keys())
