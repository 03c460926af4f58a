"""What `.done` and `.partial` say: a completion record, sealed by its own checksum.

It names everything that its files depend on, and is compared with today's settings: equal is complete,
different is stale, and the differing key is shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from focusgen.base.checksums import FileEntry, checksum
from focusgen.base.errors import CorruptInputError
from focusgen.config.depth_units import OF_UNIT, change_of_unit
from focusgen.config.graph import PhaseName
from focusgen.dataset.known_faults import known_fault

RECORD_VERSION = 1
PROVIDED_DEPTH = "provided_depth"
"""Name, among its weights, under which a record of phase 3 keeps the digest of the depth it was given."""
MASKS = "masks"
"""The same of the masks that focus follows in phase 5; records of older releases have none."""
FOOTAGE = "footage_focal_px"
"""The same, in phase 5, of what a table, EXIF or a layout said of the footage's camera."""
INPUTS = frozenset({PROVIDED_DEPTH, MASKS, FOOTAGE})
"""What stands among the weights of a record and is none: it came with the footage."""
UNUSABLE = "unusable: "
"""Begins what stands in the place of a digest where a finished scene's input cannot be read any more."""
UNREADABLE = (
    "Have its owner and mode, or the disk, looked at: it may be whole, and then nothing is made again."
)
"""The way out where a record is there and cannot be read."""
MAX_RECORD_BYTES = 256 << 20


@dataclass(frozen=True)
class Identity:
    """Everything that the published bytes of one phase of one scene depend on.

    Attributes:
        algorithm_version: raised by us whenever the same settings give other bytes.
        settings: dotted key -> value, only those that matter (`settings_for`).
        weights: name -> digest of the weight file, verified at load.
        upstream: phase -> digest of its record; new sharp frames make depth stale.
        n_frames: frames that were asked for.
    """

    phase: PhaseName
    scene_id: str
    backend: str
    algorithm_version: int
    settings: Mapping[str, Any]
    weights: Mapping[str, str]
    upstream: Mapping[str, str]
    n_frames: int

    def document(self) -> dict[str, Any]:
        """Return plain JSON data."""
        data: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return data

    def differences(self, recorded: Mapping[str, Any]) -> list[str]:
        """Return "key: recorded -> today" for everything that differs, the weightiest first."""
        today = self.document()
        found = []
        for key in ("backend", "settings", "weights", "upstream", "algorithm_version", "n_frames"):
            before, now = recorded.get(key), today[key]
            if before == now:
                continue
            if isinstance(before, dict) and isinstance(now, dict):
                prefix = "" if key == "settings" else f"{key}."
                remark = change_of_unit(before, now) if key == "settings" else ""
                found += [
                    f"{prefix}{name}: {_short(before.get(name))} -> {_short(now.get(name))}"
                    + remark * (name in OF_UNIT)
                    for name in _names_to_compare(before, now)
                    if before.get(name) != now.get(name)
                ]
            else:
                found.append(f"{key}: {_short(before)} -> {_short(now)}")
        fault = known_fault(recorded)
        return [*found, fault] if fault else found

    def difference(self, recorded: Mapping[str, Any]) -> str | None:
        """Return the first of the differences, or None."""
        return next(iter(self.differences(recorded)), None)

    def changed_input(self, recorded: Mapping[str, Any]) -> str | None:
        """Return the first difference, if all of them are of the input and none is of settings; else None."""
        found = self.differences(recorded)
        inputs = ("upstream.", f"weights.{PROVIDED_DEPTH}:", f"weights.{MASKS}:")
        return found[0] if found and all(text.startswith(inputs) for text in found) else None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Identity:
        """Return the identity that a record or a journal holds."""
        return cls(**{item.name: document[item.name] for item in fields(cls)})


def _names_to_compare(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """Return all names but that of masks which are known on one side only: older, or gone by now.

    A setting that another one took out of effect, or put into it, comes after that one.
    """
    known = before.keys() & now.keys()
    names = (name for name in before.keys() | now.keys() if name != MASKS or name in known)
    return sorted(names, key=lambda name: (None in (before.get(name), now.get(name)), name))


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 or text.startswith(f'"{UNUSABLE}') else text[:57] + "..."


@dataclass(frozen=True)
class Record:
    """A completion record that passed its own checksum."""

    document: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """Checksum of all that the record vouches for; what downstream phases depend on."""
        return str(self.document["digest"])

    @property
    def files(self) -> dict[str, FileEntry]:
        """Path relative to the record's folder -> size and checksum."""
        return {path: FileEntry(**entry) for path, entry in self.document["files"].items()}

    @property
    def n_frames(self) -> int:
        """Frames that the record covers."""
        return int(self.document["n_frames"])

    @property
    def flags(self) -> dict[str, list[str]]:
        """Frame -> what is unusual about it."""
        return dict(self.document["flags"])

    @property
    def warnings(self) -> list[str]:
        """Texts for the report."""
        return list(self.document["warnings"])

    @property
    def details(self) -> dict[str, Any]:
        """What the phase measured on the way."""
        return dict(self.document["details"])

    @property
    def notes(self) -> dict[str, Any]:
        """Facts about single frames that the files cannot tell; a repair starts from them."""
        return dict(self.document["run"].get("notes", {}))


def parse_json(data: bytes, *, each_once: bool = False) -> Any:
    """Return what JSON bytes say.

    Args:
        each_once: refuse a name that stands twice in an object, of which the last would win.

    Raises:
        ValueError: not JSON, not UTF-8, or nested so deeply that parsing it gives up.
    """
    try:
        return json.loads(data, object_pairs_hook=_each_once if each_once else None)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} stands there twice")
        found[name] = value
    return found


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in the bytes.

    Raises:
        ValueError: not JSON, or JSON of another kind.
    """
    found = parse_json(data)
    if not isinstance(found, dict):
        raise ValueError(f"a JSON object is expected, not {type(found).__name__}")
    return found


def object_if_readable(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file that is made anew where it is gone or damaged; None then."""
    try:
        return parse_object(path.read_bytes())
    except (OSError, ValueError):
        return None


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the one byte form of a document, over which checksums are taken."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def seal(document: Mapping[str, Any], run: Mapping[str, Any]) -> bytes:
    """Return a record's file bytes: the document, its digest, and the uncovered part on times and host.

    The `run` part has a checksum of its own, so that damage there is found although no identity covers it.
    """
    sealed = dict(document)
    sealed["digest"] = checksum(canonical(document))
    sealed["run"] = {**run, "checksum": checksum(canonical(run))}
    return (json.dumps(sealed, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def unseal(data: bytes) -> Record:
    """Return the record in the bytes.

    Raises:
        CorruptInputError: empty, not JSON, of another version, or a checksum does not match.
    """
    if not data.strip():
        raise CorruptInputError(
            "the record is empty: a disk that was full or failing lost it, or another pipeline wrote it",
            "focusgen repair restores it where a copy is kept; else focusgen adopt checks the scene.",
        )
    try:
        document = json.loads(data)
        run = dict(document["run"])
        body = {key: value for key, value in document.items() if key not in ("digest", "run")}
        whole = checksum(canonical(body)) == document["digest"]
        whole &= run.pop("checksum") == checksum(canonical(run))
        whole &= seal(body, run) == data
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptInputError(f"the record is damaged: {error}", "focusgen repair redoes it.") from error
    if not whole:
        raise CorruptInputError("the record is damaged: its checksum fails", "focusgen repair redoes it.")
    if document["record_version"] != RECORD_VERSION:
        raise CorruptInputError(f"record version {document['record_version']} is not {RECORD_VERSION}")
    return Record(document)


def read_record(path: Path) -> Record | None:
    """Return the record at `path`, None if there is none.

    Raises:
        CorruptInputError: it is there and cannot be trusted; names the file.
    """
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            raise CorruptInputError(f"{path}: a record of {path.stat().st_size} bytes is refused")
        return unseal(path.read_bytes())
    except FileNotFoundError:
        return None
    except CorruptInputError as error:
        raise CorruptInputError(f"{path}: {error.message}", error.advice) from error
    except IsADirectoryError as error:
        raise CorruptInputError(
            f"{path}: cannot be read: {error.strerror}", "Delete it, then: focusgen repair"
        ) from error
    except OSError as error:
        raise CorruptInputError(f"{path}: cannot be read: {error.strerror}", UNREADABLE) from error
