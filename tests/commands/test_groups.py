"""Flags that commands share: what each sets, lists of names, and whose the files are that a command makes."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path

import pytest

from focusgen import cli, config
from focusgen.base.errors import ConfigError, StorageError
from focusgen.base.files import storage_error
from focusgen.commands import groups
from focusgen.config import shipped_names
from focusgen.config.flags import Flags, parse
from tests.small import entry, write_index

SHARED = [groups.RootFlags, groups.DataSetFlags, groups.SceneSettings, groups.RunSettings]


@pytest.mark.parametrize("kind", SHARED)
def test_every_shared_flag_sets_a_setting_that_exists_and_stays_silent_where_it_was_not_given(
    kind: type[Flags],
) -> None:
    known = config.known_keys()
    assert set(kind.keys().values()) <= set(known)
    own = {field.name for field in dataclasses.fields(kind)} - set(kind.keys())
    assert own <= {"config"}
    assert parse(kind, [], prog="focusgen x", doc="X.").overrides == {}


def test_the_help_of_config_names_what_is_shipped_here() -> None:
    assert all(name in groups.CONFIG_HELP for name in shipped_names())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, None),
        ("a", ["a"]),
        (" a, b ,", ["a", "b"]),
        ("é b,c", ["é b", "c"]),
        ('"a, part 2", b', ["a, part 2", "b"]),
        ("it's,b", ["it's", "b"]),
    ],
)
def test_names_are_parted_by_commas_and_none_given_are_none_meant(text, names):
    assert groups.scenes_named(text) == names


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_a_list_that_names_nothing_is_refused_by_its_flag_and_does_not_mean_all(text: str) -> None:
    with pytest.raises(ConfigError, match="--scenes '[ ,]*' names no scene") as caught:
        groups.scenes_named(text)
    assert caught.value.advice == "Leave --scenes away to mean all."
    with pytest.raises(ConfigError, match="--families .* names no family"):
        groups.names_given("families", "family", text)


@pytest.mark.parametrize("is_shared", [False, True])
def test_what_a_writing_command_makes_is_the_groups_where_the_settings_say_so(monkeypatch, is_shared):
    said: list[bool] = []
    monkeypatch.setattr(groups, "share_with_group", said.append)
    cfg = groups.settings_to_write("demo", {"data.group_writable": is_shared, "seed": 3})
    assert said == [is_shared] and cfg.seed == 3 and cfg.deblur.backend == "classical"


def failure(number: int, path: Path) -> StorageError:
    """Return what the store raises of an error of the file system."""
    try:
        raise storage_error(OSError(number, "it failed"), path) from OSError(number, "it failed")
    except StorageError as error:
        return error


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_place_that_may_only_be_read_gets_the_commands_own_way_out(tmp_path: Path, number: int) -> None:
    with pytest.raises(StorageError) as caught, groups.advising_where_read_only("Give --output."):
        raise failure(number, tmp_path)
    assert caught.value.advice == "Give --output." and str(tmp_path) in caught.value.message


@pytest.mark.parametrize(
    ("words", "writes"),
    [
        (["approve"], "focusgen.run.max_coc.approve_calibration"),
        (["card", "--source_license", "cc-by-4.0"], "focusgen.tools.card.write_card"),
        (["pack"], "focusgen.tools.pack.pack_scenes"),
        (["adopt"], "focusgen.tools.adopt.adopt"),
        (["unpack"], "focusgen.base.locks.make_folder"),
    ],
)
def test_what_writes_into_the_data_set_only_advises_a_copy(tmp_path, monkeypatch, capsys, words, writes):
    write_index(tmp_path, {"a": entry(2)})

    def refuse(*given: object, **named: object) -> None:
        raise failure(errno.EROFS, tmp_path)

    monkeypatch.setattr(writes, refuse)
    assert cli.main([*words, "--out_root", str(tmp_path)]) == 3
    assert "or on a copy of it (--out_root COPY)" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "way_out"), [(errno.ENOSPC, "Give --output."), (errno.EROFS, "")])
def test_where_there_is_no_way_out_or_it_is_another_fault_the_general_advice_stays(
    tmp_path: Path, number: int, way_out: str
) -> None:
    error = failure(number, tmp_path)
    with pytest.raises(StorageError) as caught, groups.advising_where_read_only(way_out):
        raise error
    assert caught.value is error
