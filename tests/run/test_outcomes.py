"""How scenes end is kept, told and written down, and decides the exit status."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from focusgen.base.errors import CorruptInputError, ExitCode, FailureClass, FocusgenError, StorageError
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import Record
from focusgen.dataset.states import PhaseState, State, read_failure
from focusgen.run import outcomes as module
from focusgen.run.outcomes import MAX_EQUAL_BUGS, Outcomes, RunSummary, outcome_without_work
from focusgen.run.progress import Observer


class Told(Observer):
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []

    def scene_ended(self, scene_id: str, outcome: str, message: str = "") -> None:
        self.lines.append((scene_id, outcome, message))


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetLayout:
    return DatasetLayout(tmp_path, tmp_path / "scene_index.json")


@pytest.fixture
def kept(dataset: DatasetLayout) -> Outcomes:
    return Outcomes("depth", dataset, Told())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], ExitCode.COMPLETE),
        (["complete", "kept", "partial"], ExitCode.COMPLETE),
        (["complete", "stale"], ExitCode.INCOMPLETE),
        (["stale upstream"], ExitCode.INCOMPLETE),
        *([[failure.value], ExitCode.INCOMPLETE] for failure in FailureClass),
    ],
)
def test_the_exit_status_is_0_only_if_all_are_as_they_were_asked_for(words, code):
    assert RunSummary({str(number): word for number, word in enumerate(words)}).exit_code is code


def test_what_is_settled_is_told_before_any_work_but_for_the_complete(kept):
    kept.note("a", "complete")
    kept.note("b", "stale", "depth.max_m")
    kept.note("c", "kept")
    assert kept.observer.lines == []
    kept.tell_settled()
    assert kept.observer.lines == [("b", "stale", "depth.max_m"), ("c", "kept", "")]


def test_an_end_holds_as_it_was_told_last(kept):
    kept.end("a", "bug", "first")
    kept.end("a", "complete")
    assert kept.summary.outcomes == {"a": "complete"} and kept.summary.messages == {"a": ""}


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 - its traceback is wanted
        return caught


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (CorruptInputError("torn", "copy it again"), FailureClass.CORRUPT_INPUT),
        (OSError(errno.ENOSPC, "No space left on device"), FailureClass.STORAGE),
        (OSError(errno.EROFS, "Read-only file system"), FailureClass.STORAGE),
        (MemoryError(), FailureClass.OOM),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), FailureClass.OOM),
        (ImportError("libx265.so: failed to map segment from shared object"), FailureClass.OOM),
        (ImportError("no module named x"), FailureClass.BUG),
        (OSError(errno.EMFILE, "Too many open files"), FailureClass.BUG),
        (KeyError("x"), FailureClass.BUG),
    ],
)
def test_a_failure_is_written_down_by_its_class(kept, dataset, error, failure):
    kept.take("ein Bär", raised(error), 0.0)
    document = read_failure(dataset.scene("ein Bär"), "depth")
    assert document["class"] == failure.value and type(error).__name__ in document["traceback"]
    ((scene_id, outcome, message),) = kept.observer.lines
    assert (scene_id, outcome) == ("ein Bär", failure.value) and message


def test_an_error_without_words_is_told_by_its_name(kept):
    kept.take("a", raised(MemoryError()), 0.0)
    assert kept.observer.lines[0][2] == "MemoryError"


def test_a_storage_error_names_the_scene_s_folder(kept, dataset):
    kept.take("a", raised(OSError(errno.ENOSPC, "No space left on device")), 0.0)
    assert str(dataset.scene("a").root) in kept.observer.lines[0][2]


def test_a_storage_error_that_names_a_file_names_that_file(kept):
    kept.take("a", raised(OSError(errno.EACCES, "Permission denied", "/depth/a/0001.npy")), 0.0)
    assert kept.observer.lines[0][2].startswith("/depth/a/0001.npy: Permission denied")


def test_what_is_no_scene_s_own_goes_on(kept):
    with pytest.raises(FocusgenError, match="nothing can go on"):
        kept.take("a", FocusgenError("nothing can go on"), 0.0)
    assert kept.summary.outcomes == {}


def test_a_failure_that_cannot_be_written_is_told_all_the_same(kept, monkeypatch):
    def full(*_: object) -> None:
        raise StorageError("disk full")

    monkeypatch.setattr(module, "write_failure", full)
    kept.fail_now("a", CorruptInputError("torn"))
    assert kept.summary.outcomes == {"a": "corrupt_input"}
    assert kept.summary.messages["a"] == "torn\n(and the failure could not be recorded: disk full)"


def bug_of(line: int) -> Exception:
    """Return the same exception from one of two places."""
    try:
        if line:
            raise KeyError(line)
        raise KeyError(line)
    except KeyError as error:
        return error


def test_equal_bugs_stop_the_run_and_different_ones_do_not(kept):
    for number in range(2 * (MAX_EQUAL_BUGS - 1)):
        kept.take(f"scene {number}", bug_of(number % 2), 0.0)
    with pytest.raises(FocusgenError, match=f"the same bug in {MAX_EQUAL_BUGS} scenes"):
        kept.take("one more", bug_of(0), 0.0)
    assert kept.summary.outcomes["one more"] == "bug"  # recorded before the run stops


def test_errors_of_the_machine_do_not_count_as_one_bug(kept):
    for number in range(3 * MAX_EQUAL_BUGS):
        kept.take(f"scene {number}", raised(OSError(errno.EMFILE, "Too many open files")), 0.0)
    assert len(kept.summary.outcomes) == 3 * MAX_EQUAL_BUGS


RECORD = Record({})


@pytest.mark.parametrize(
    ("state", "on_stale", "is_shorter", "outcome", "said"),
    [
        (PhaseState(State.COMPLETE), "fail", True, "complete", ""),
        (PhaseState(State.PENDING), "fail", False, None, ""),
        (PhaseState(State.FAILED, "oom"), "keep", False, None, ""),
        (PhaseState(State.PARTIAL, "begun"), "fail", False, None, ""),
        (PhaseState(State.STALE, "seed: 1 -> 2", RECORD), "fail", False, "stale", "redo makes it anew"),
        (PhaseState(State.STALE, "seed: 1 -> 2", RECORD), "keep", False, "kept", "with other settings: seed"),
        (PhaseState(State.STALE, "seed: 1 -> 2", RECORD), "redo", False, None, ""),
        (PhaseState(State.STALE, "damaged"), "keep", False, "stale", "nothing to keep: damaged"),
        (PhaseState(State.STALE, "damaged"), "redo", False, None, ""),
        (PhaseState(State.STALE, "n_frames: 9 -> 3", RECORD), "redo", True, "stale", "never replaces it"),
        (PhaseState(State.STALE, "n_frames: 9 -> 3", RECORD), "keep", True, "kept", "n_frames: 9 -> 3"),
    ],
)
def test_what_becomes_of_a_scene_without_work_follows_from_its_state(
    state, on_stale, is_shorter, outcome, said
):
    found = outcome_without_work(state, on_stale, is_shorter=is_shorter)
    assert (found and found[0]) == outcome
    assert found is None or said in found[1]
