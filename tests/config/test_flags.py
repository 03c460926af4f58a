"""Flags are typed dataclasses; one that sets a setting takes type, default and words from it."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import itertools
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from focusgen import commands, config
from focusgen.base.errors import ConfigError
from focusgen.config import flags
from focusgen.config.flags import Flags, option, parse, positional, report_without_effect, required, sets


@dataclass(frozen=True)
class ProbeFlags(Flags):
    """A command with one flag of each kind."""

    out: Path = required("where to")
    scene: tuple[str, ...] = positional((), "scenes; default: all")
    size: Literal["small", "large"] = option("small", "how much")
    fast: bool = option(False, "hurry")
    n_sets: int | None = sets("render.n_sets")
    window_size: int | None = sets("deblur.window_size")
    strict: bool = sets("run.strict")
    seed: int | None = sets("seed")


def parsed(*words: str) -> flags.Parsed[ProbeFlags]:
    return parse(ProbeFlags, ["--out", "x", *words], prog="probe", doc="Probe.")


def test_a_command_line_is_typed_and_complete():
    given = parsed("a", "b", "--size", "large", "--n-sets", "3", "--fast", "--strict").flags
    assert given == ProbeFlags(
        out=Path("x"), scene=("a", "b"), size="large", fast=True, n_sets=3, strict=True
    )


def test_only_what_was_given_overrides_a_file():
    assert parsed().overrides == {}
    assert parsed("--seed", "0").overrides == {"seed": 0}, "nought is a value"
    assert parsed("--strict", "--n_sets", "2").overrides == {"run.strict": True, "render.n_sets": 2}


def test_the_dotted_name_of_a_setting_wins_over_its_flag():
    both = parsed("--n_sets", "2", "--render.n_sets", "5", "--depth.backend=dryrun")
    assert both.flags.n_sets == 2
    assert both.dotted == {"render.n_sets": 5, "depth.backend": "dryrun"}
    assert config.load(None, both.overrides).render.n_sets == 5


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--render.n_set", "2"], "render.n_sets"),
        (["--render.n_sets"], "needs a value"),
        (["--data.clips="], "needs a value"),
        (["--data.clips", " "], "needs a value"),
        (["--render.n_sets", "[1"], "is no value"),
    ],
)
def test_a_wrong_dotted_setting_is_named(words, hint):
    with pytest.raises(ConfigError) as error:
        parsed(*words)
    assert hint in f"{error.value.message} {error.value.advice}"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--overlap", "8"], "Did you mean --depth.overlap?"),
        (["--n-lens-sets=3"], "Did you mean --calibrate.n_lens_sets?"),
        (["--steps", "8"], "Did you mean --deblur.steps or --render.steps?"),
    ],
)
def test_a_setting_without_its_section_is_refused_by_its_whole_name(words, meant):
    with pytest.raises(ConfigError, match="probe has no flag --") as error:
        parsed(*words)
    assert error.value.advice == meant
    flag, value = meant.removesuffix("?").split()[3], words[-1].rpartition("=")[2]
    assert parsed(flag, value).overrides == {flag[2:]: int(value)}, "the way out works"


@pytest.mark.parametrize("words", [["--size", "huge"], ["--n_sets", "two"], ["--nonsense"]])
def test_a_wrong_flag_ends_with_status_2(words, capsys):
    with pytest.raises(SystemExit) as error:
        parsed(*words)
    assert error.value.code == 2
    assert words[0].lstrip("-").partition("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize("word", ["--fast=false", "--strict=no", "--strict=true"])
def test_a_switch_takes_no_value_and_is_not_on_by_one(word):
    with pytest.raises(ConfigError, match=r"takes no value"):
        parsed(word)


def test_of_a_flag_that_stands_twice_the_last_one_counts_and_that_is_said(capsys):
    given = parsed("--n_sets", "2", "--n-sets=3", "--deblur.steps", "1", "--deblur.steps=2", "--fast")
    assert (given.flags.n_sets, given.dotted) == (3, {"deblur.steps": 2})
    assert capsys.readouterr().err.splitlines() == [
        "note: --n_sets is given 2 times: the last one counts",
        "note: --deblur.steps is given 2 times: the last one counts",
    ]


def test_a_flag_that_has_to_be_given_is_asked_for(capsys):
    with pytest.raises(SystemExit) as error:
        parse(ProbeFlags, [], prog="probe", doc="Probe.")
    assert error.value.code == 2
    assert "--out" in capsys.readouterr().err


def test_help_says_what_the_setting_says_and_lists_settings_last(capsys):
    with pytest.raises(SystemExit) as done:
        parsed("--help")
    assert done.value.code == 0
    text = capsys.readouterr().out
    assert "Probe." in text
    info = type(config.Config().render).model_fields["n_sets"]
    assert f"{info.description} (default: {info.default})" in text
    assert "how much (default: small)" in text and "where to (" in text
    order = [text.index(f"--{name}") for name in ("out", "size", "fast", "n_sets", "window_size", "strict")]
    assert order == sorted(order)


@dataclass(frozen=True)
class BareFlags(Flags):
    """A command that no setting has a meaning for."""

    n_scenes: int = option(0, "how many")


@dataclass(frozen=True)
class TrainingFlags(BareFlags):
    """A command with settings of another kind."""

    override: tuple[str, ...] = option((), "key=value")


@pytest.mark.parametrize(
    ("kind", "word", "way_out"),
    [
        (BareFlags, "--render.n_sets=3", "probe --help has the flags."),
        (TrainingFlags, "--train.steps", "Say --override train.steps=VALUE."),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused_and_not_offered(kind, word, way_out, capsys):
    with pytest.raises(ConfigError, match="has no meaning here") as refused:
        parse(kind, [word, "3"], prog="probe", doc="Probe.")
    assert refused.value.advice == way_out
    with pytest.raises(SystemExit):
        parse(kind, ["--help"], prog="probe", doc="Probe.")
    assert "Any setting" not in (text := capsys.readouterr().out) and "how many (default: 0)" in text
    assert parse(kind, ["--render.n_sets", "3"], prog="p", doc="", takes_settings=True).dotted


def test_a_flag_without_effect_is_said_once(capsys):
    given = parsed("--window_size", "12", "--n_sets", "2").flags
    report_without_effect(config.load(None, given.settings()), given)
    assert capsys.readouterr().err == "note: --window_size has no effect with deblur.temporal = none\n"
    report_without_effect(config.load(None, {"deblur.temporal": "draws"}), given)
    assert capsys.readouterr().err == ""


def flag_classes() -> Iterator[type[Flags]]:
    for module_info in pkgutil.iter_modules(commands.__path__):
        module = importlib.import_module(f"focusgen.commands.{module_info.name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Flags) and kind.__module__ == module.__name__:
                yield kind


@pytest.mark.parametrize("kind", list(flag_classes()), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_a_flag_has_the_type_of_the_setting_that_it_sets(kind):
    hints = get_type_hints(kind)
    for flag, key in kind.keys().items():
        section_name, _, name = key.rpartition(".")
        cfg = config.Config()
        section: Any = dict(cfg.sections())[section_name] if section_name else cfg
        of_setting = type(section).model_fields[name].annotation
        words = set(get_args(of_setting) or [of_setting]) - {type(None)}
        if get_origin(of_setting) is Literal:
            words = {str}
        expected = {bool} if words == {bool} else words | {type(None)}
        assert set(get_args(hints[flag]) or [hints[flag]]) == expected, f"--{flag} of {kind.__name__}"


@pytest.mark.parametrize("kind", list(flag_classes()), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_choice_of_a_flag_is_taken(kind):
    fields = {field.name: field for field in dataclasses.fields(kind)}

    def words(name: str, value: object) -> list[str]:
        return [str(value)] if fields[name].metadata["flag"].is_positional else [f"--{name}", str(value)]

    needed = {name: words(name, "x") for name, f in fields.items() if f.default is dataclasses.MISSING}
    for flag, hint in get_type_hints(kind).items():
        alone = () if get_origin(hint) is tuple else (hint, *get_args(hint))
        literals = [get_args(one) for one in alone if get_origin(one) is Literal]
        for choice in itertools.chain.from_iterable(literals):
            asked = itertools.chain.from_iterable({**needed, flag: words(flag, choice)}.values())
            assert getattr(parse(kind, list(asked), prog="x", doc="").flags, flag) == choice


def test_every_command_with_flags_declares_them_and_every_flag_is_declared_with_words():
    found = list(flag_classes())
    assert len(found) > 20
    for kind in found:
        for field in dataclasses.fields(kind):
            assert field.metadata["flag"].help, f"{kind.__name__}.{field.name}"


def answer(capsys, *words: str) -> str:
    from focusgen.commands.run import FLAGS

    with pytest.raises(SystemExit):
        parse(FLAGS, words, prog="focusgen run", doc="Run.")
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_many_settings_are_shown_by_section_and_read_all_the_same(capsys):
    from focusgen.commands.run import FLAGS

    text = answer(capsys, "--help")
    order = [text.index(f" {title} ") for title in ("options", "data options", "depth options")]
    assert order == sorted(order)
    assert text.index("depth options") < text.index("--depth_scale") < text.index("run options")
    words = ["--depth_scale", "5000", "--seed", "3", "--strict", "--scenes", "a"]
    given = parse(FLAGS, words, prog="focusgen run", doc="Run.")
    assert given.overrides == {"depth.depth_scale": 5000.0, "seed": 3, "run.strict": True}
    assert given.flags.scenes == "a"


@pytest.mark.parametrize("words", [["--on_stale", "bad"], ["--min_frames", "bad"], ["--split_by", "None"]])
def test_a_wrong_value_is_answered_without_offering_none(capsys, words):
    text = answer(capsys, *words)
    assert words[0] in text
    assert "'None'" not in text.replace("choice 'None'", "") and "{None}" not in text


def test_a_flag_that_is_called_like_a_section_does_not_meet_it():
    from focusgen.commands.submit import FLAGS

    given = parse(FLAGS, ["--cluster", "debug", "--account", "a1"], prog="focusgen submit", doc="Submit.")
    assert given.flags.cluster == "debug" and given.overrides == {"cluster.account": "a1"}


def test_examples_in_a_help_stand_on_lines_of_their_own(capsys):
    from focusgen import cli

    with pytest.raises(SystemExit):
        cli.main(["ablate", "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("    focusgen ablate ")]) == 5


def test_a_home_that_the_shell_left_is_read_everywhere(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [flags._with_home(word) for word in ("~/a", "--dest=~/a", "--who=a~/b", "~a/b", "x=~/a")] == [
        *(f"{tmp_path}/a", f"--dest={tmp_path}/a", "--who=a~/b", "~a/b", "x=~/a"),
    ]
    (tmp_path / "own.yaml").write_text("data: {raw_root: ~/raw}\nlens: {mask_root: ~/masks}\n")
    cfg = config.load(tmp_path / "own.yaml", {"data.out_root": "~/out"})
    assert (cfg.data.raw_root, cfg.data.out_root) == (tmp_path / "raw", tmp_path / "out")
    assert cfg.lens.mask_root == tmp_path / "masks"
