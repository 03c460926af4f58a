"""What `summary.json` says of a call of `focal infer`: written after every stack, in little time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from focusgen import __version__
from focusgen.base.files import json_bytes, make_folder, publish
from focusgen.focal.stack_folders import SUMMARY

NO_STACKS = b'{\n "stacks": []'
"""How the summary begins while nothing is done."""


class Summary:
    """What was done so far, and what was not.

    Attributes:
        stacks: what is said of each that is done.
        failed: name, error and advice of each that could not be used.
    """

    def __init__(self, folder: Path, names: Sequence[str], without_slices: Sequence[str]) -> None:
        """Begin a summary.

        Args:
            folder: where it is written.
            names: of all stacks of the call, in the order of the work.
            without_slices: folders that are left out.
        """
        self.stacks: list[dict[str, Any]] = []
        self.failed: list[dict[str, str]] = []
        self._folder, self._names, self._without_slices = folder, names, without_slices
        self._in_words: list[bytes] = []

    def add(self, stack: dict[str, Any]) -> None:
        """Take up a stack that is done, and write the summary."""
        self.stacks.append(stack)
        self._in_words.append(json_bytes(stack).rstrip().replace(b"\n", b"\n  "))
        self.write()

    def add_failed(self, name: str, error: str, advice: str) -> None:
        """Take up a stack that could not be used, and write the summary."""
        self.failed.append({"name": name, "error": error, "advice": advice})
        self.write()

    def document(self) -> dict[str, Any]:
        """Return what the file holds."""
        return {"stacks": self.stacks, **self._others()}

    def write(self) -> None:
        """Put the file in place: no stack is put into words a second time, so that thousands take no hours.

        Raises:
            StorageError: it cannot be written.
        """
        others = json_bytes({"stacks": [], **self._others()})
        begins = NO_STACKS
        if self._in_words:
            begins = NO_STACKS[:-1] + b"\n  " + b",\n  ".join(self._in_words) + b"\n ]"
        make_folder(self._folder)
        publish(self._folder / SUMMARY, begins + others.removeprefix(NO_STACKS))

    def _others(self) -> dict[str, Any]:
        others: dict[str, Any] = {"failed": self.failed, "focusgen": __version__}
        if self._without_slices:
            others["without_slices"] = self._without_slices
        still_to_do = self._names[len(self.stacks) + len(self.failed) :]
        if still_to_do:  # for whoever looks after a kill
            others["not_done"] = still_to_do
        return others
