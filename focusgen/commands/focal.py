"""Focal stacks: depth in metres and an all-in-focus picture from slices focused at different distances."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from focusgen.base.errors import ConfigError, ExitCode
from focusgen.base.names import display

ACTIONS: dict[str, tuple[str, str]] = {
    "infer": ("focusgen.commands.focal_infer", "stacks to depth, confidence and all-in-focus pictures"),
    "stacks": ("focusgen.commands.focal_stacks", "a list of stacks from a pipeline data set"),
    "render": ("focusgen.commands.focal_render", "a stack from one sharp picture with depth"),
    "evaluate": ("focusgen.commands.focal_evaluate", "tables over lists, trivial methods beside ours"),
    "synth": ("focusgen.commands.focal_synth", "stacks to train on, from procedural scenes"),
    "launch": ("focusgen.commands.focal_launch", "train on all GPUs of a Slurm job; jobs/focal_train.sh"),
    "train": ("focusgen.commands.focal_train", "train a network on stacks; resumable"),
    "export": ("focusgen.commands.focal_export", "the small network as an ONNX file"),
    "check": ("focusgen.commands.focal_check", "report on a list: files, ranges, what can be told, leakage"),
}

ALIASES = {
    "-o": "--output",
    "--out": "--output",
    "--aperture": "--f_number",
    "--sensor_size": "--sensor_width",
}
"""Names that other tools have for the same flags."""

DIR_ALIASES = {**ALIASES, **dict.fromkeys(("-o", "--out", "--output"), "--output_dir")}
"""The same where the output is a folder of its own: training and its tables."""


def renamed(argv: Sequence[str], aliases: Mapping[str, str]) -> list[str]:
    """Return the words with other names of flags replaced; `-` and `_` are alike."""
    out = []
    for word in argv:
        name, equals, value = word.partition("=")
        known = name if name in aliases else name[:2] + name[2:].replace("-", "_")
        out.append(aliases.get(known, name) + equals + value)
    return out


def checkpoint_of(checkpoint: Path | None, backend: str) -> Path | None:
    """Return the weights that were given, None (and a note) where the backend has none.

    Raises:
        ConfigError: they are not there; whether or not any stack would ask for them.
    """
    if checkpoint is not None and backend == "classical":
        print("note: --checkpoint has no effect: the classical backend has no weights", file=sys.stderr)
        return None
    if checkpoint is not None and not checkpoint.exists():
        raise ConfigError(
            f"{display(str(checkpoint))}: no such weights",
            "focusgen focal train makes some; without --checkpoint those that ship are used, but by sd3.",
        )
    return checkpoint


def note_what_has_no_effect(backend: str, base_model: str | None, device: str) -> None:
    """Print a note for what only Stable Diffusion listens to, where it was given to another backend."""
    for name, is_given in (("base_model", base_model is not None), ("device", device != "cpu")):
        if is_given and backend != "sd3":
            print(f"note: --{name} has no effect with backend {backend}", file=sys.stderr)


def main(argv: Sequence[str]) -> int:
    """Run `focusgen focal ACTION`."""
    words = list(argv)
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return int(ExitCode.COMPLETE if words else ExitCode.USAGE)
    if words[0] not in ACTIONS:
        import difflib

        near = difflib.get_close_matches(words[0], ACTIONS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"focusgen focal: unknown action {words[0]!r}{hint}", usage())
    action: Callable[[Sequence[str]], int] = importlib.import_module(ACTIONS[words[0]][0]).main
    return action(words[1:])


def usage() -> str:
    """Return the list of actions."""
    lines = [f"  {name:<9} {what}" for name, (_, what) in ACTIONS.items()]
    return "\n".join(["usage: focusgen focal ACTION [--help]", "", *lines])
