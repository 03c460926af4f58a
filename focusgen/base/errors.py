"""What can go wrong, in classes that decide what happens next.

A `SceneError` means that this scene cannot be done while the others can. A `ConfigError` means that
nothing can start. Any other exception that leaves a phase is a bug: recorded with its traceback.
"""

from __future__ import annotations

from enum import Enum, IntEnum


class ExitCode(IntEnum):
    """Exit status of every script and command; job files and users' scripts rely on the numbers."""

    COMPLETE = 0
    USAGE = 2
    INCOMPLETE = 3
    NOT_APPROVED = 4
    INTERRUPTED = 130
    TERMINATED = 143


class FailureClass(str, Enum):
    """Why a scene failed; written to its `.failed` record and used to choose the treatment."""

    OOM = "oom"
    CORRUPT_INPUT = "corrupt_input"
    MISSING_UPSTREAM = "missing_upstream"
    STALE = "stale"
    STORAGE = "storage"
    TIMEOUT = "timeout"
    BUG = "bug"


class FocusgenError(Exception):
    """Base of every error that we raise on purpose.

    Args:
        message: what happened and where: name the scene, the file, the key.
        advice: what to do now, as a sentence or a command.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message}\n{self.advice}" if self.advice else self.message

    @property
    def on_one_line(self) -> str:
        """What is wrong, and the way out behind it."""
        return f"{self.message}. {self.advice}" if self.advice else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes as it is, whatever a subclass is made of."""
        return _unpickled, (type(self), self.args), self.__dict__


def _unpickled(kind: type[FocusgenError], args: tuple[object, ...]) -> FocusgenError:
    return kind.__new__(kind, *args)


class ConfigError(FocusgenError):
    """The command line, the configuration or the environment is wrong: nothing was started."""


class ApprovalError(FocusgenError):
    """The calibration is not approved, or its approval is void."""

    exit_code = ExitCode.NOT_APPROVED


class CalibrationError(FocusgenError):
    """The calibration found nothing that it could recommend."""

    exit_code = ExitCode.INCOMPLETE


class RefusedDataError(FocusgenError):
    """The data set is not what phase 6 vouches for, so that nobody may train on it or pass it on."""

    exit_code = ExitCode.INCOMPLETE


class SceneError(FocusgenError):
    """This scene cannot be completed; the others can."""

    exit_code = ExitCode.INCOMPLETE
    failure_class = FailureClass.CORRUPT_INPUT


class CorruptInputError(SceneError):
    """A file that we were given is damaged, of a refused kind, or says what cannot be."""


class UndecidedInputError(CorruptInputError):
    """A file may be whole, but not tell which of its arrays is meant, or in which unit: a setting would."""


class DepthRangeError(SceneError, ValueError):
    """A depth is not finite or not positive where only usable depth may arrive."""


class LensError(SceneError):
    """No lens of the configured law can be focused in this scene, or gives the blur that was asked for."""


class MissingUpstreamError(SceneError):
    """An earlier phase has not finished this scene."""

    failure_class = FailureClass.MISSING_UPSTREAM


class StaleError(SceneError):
    """What lies on disk was made with other settings."""

    failure_class = FailureClass.STALE


class StorageError(SceneError):
    """The disk is full, failing, limited or read-only."""

    failure_class = FailureClass.STORAGE


class ModelMemoryError(SceneError):
    """A model ran out of memory after every step of its ladder."""

    failure_class = FailureClass.OOM


class SceneTimeoutError(SceneError):
    """A step took longer than its limit."""

    failure_class = FailureClass.TIMEOUT


class Interrupted(FocusgenError):
    """A signal asked us to stop; what was published stays, the rest is resumed later."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message, "Start the same command again to go on where it stopped.")
        self.exit_code = exit_code


def reason_of(error: Exception) -> str:
    """Return why a file cannot be used, without the name that an OSError repeats."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def one_line(error: BaseException) -> str:
    """Return what a library says of an error, in one short line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
