"""What an error means for the exit status, the record and the person who reads it."""

from __future__ import annotations

import pickle

import pytest

from focusgen import cli
from focusgen.base import errors
from focusgen.base.errors import (
    ExitCode,
    FailureClass,
    FocusgenError,
    Interrupted,
    SceneError,
    reason_of,
)
from focusgen.base.names import MediaError


def kinds(of: type) -> list[type]:
    return [of, *(kind for child in of.__subclasses__() for kind in kinds(child))]


@pytest.mark.parametrize(
    "kind", [k for k in kinds(FocusgenError) if k is not Interrupted], ids=lambda k: k.__name__
)
def test_every_error_ends_a_command_with_its_status_and_says_what_to_do(kind, capsys):
    def body() -> int:
        raise (
            kind("the file is torn", "Run it again.")
            if kind.__init__ is FocusgenError.__init__
            else kind("a.png", "the file is torn", "Run it again.")
        )

    assert cli.guarded(body) == int(kind.exit_code) != 0
    shown = capsys.readouterr().err
    assert "the file is torn" in shown and shown.rstrip().endswith("Run it again.")


def test_what_only_one_scene_cannot_do_leaves_the_others_and_ends_with_three():
    scenes = kinds(SceneError)
    assert {kind.exit_code for kind in scenes} == {ExitCode.INCOMPLETE}
    assert {kind.failure_class for kind in scenes} >= {
        FailureClass.CORRUPT_INPUT,
        FailureClass.MISSING_UPSTREAM,
        FailureClass.STALE,
        FailureClass.STORAGE,
        FailureClass.OOM,
        FailureClass.TIMEOUT,
    }


@pytest.mark.parametrize("code", [ExitCode.INTERRUPTED, ExitCode.TERMINATED])
def test_a_signal_ends_a_command_with_the_status_that_shells_know(code, capsys):
    def body() -> int:
        raise Interrupted("stopped", code)

    assert cli.guarded(body) == int(code) in (130, 143)
    assert "Start the same command again" in capsys.readouterr().err


def test_an_error_reads_as_its_message_and_its_advice():
    assert str(FocusgenError("torn", "mend it")) == "torn\nmend it"
    assert str(FocusgenError("torn")) == "torn"


def test_a_bug_is_not_dressed_up_as_an_error_of_ours():
    def body() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cli.guarded(body)
    assert not issubclass(ZeroDivisionError, errors.FocusgenError)


def test_the_reason_of_a_failure_does_not_say_its_file_again(tmp_path):
    with pytest.raises(OSError) as caught:
        (tmp_path / "nothing.csv").read_text()
    assert reason_of(caught.value) == "No such file or directory"
    assert reason_of(ValueError("line 3")) == "line 3"


@pytest.mark.parametrize(
    "error",
    [
        MediaError("a\n.png", "is cut", "Copy it again."),
        errors.Interrupted("stopped", errors.ExitCode.TERMINATED),
        errors.StorageError("full", "Make room."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel_between_processes_whole(error):
    """One that cannot be put together again ends the process that was handed it, with nothing said."""
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(arrived) is type(error) and arrived.__dict__ == error.__dict__ and str(arrived) == str(error)
