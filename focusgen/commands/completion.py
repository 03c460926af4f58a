"""Print what makes TAB complete commands, flags, choices, files and names of configurations.

    bash:  focusgen completion bash > ~/.local/share/bash-completion/completions/focusgen
    zsh:   focusgen completion zsh > ~/.zfunc/_focusgen     (with fpath+=~/.zfunc before compinit)
    fish:  focusgen completion fish > ~/.config/fish/completions/focusgen.fish

Or for this shell only: source <(focusgen completion bash).
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from focusgen.commands.focal import ACTIONS
from focusgen.commands.table import COMMANDS
from focusgen.config import known_keys, shipped_names
from focusgen.config.described import Described, described
from focusgen.config.flags import Flags, parse, required_positional


@dataclass(frozen=True)
class CompletionFlags(Flags):
    """For which shell."""

    shell: Literal["bash", "zsh", "fish"] = required_positional("your shell")


FLAGS = CompletionFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen completion`."""
    shell = parse(FLAGS, argv, prog="focusgen completion", doc=__doc__).flags.shell
    import shtab

    print(shtab.complete(_all_commands(), shell, preamble=_PREAMBLE[shell]))
    return 0


_BASH = """_focusgen_config() {
  compgen -W "NAMES" -- "$1"
  compgen -f -X '!*.yaml' -- "$1"
  compgen -d -- "$1"
}
""".replace("NAMES", " ".join(shipped_names()))
_ZSH = """_focusgen_config() {
  compadd NAMES
  _files -g '*.yaml'
}
""".replace("NAMES", " ".join(shipped_names()))
_PREAMBLE = {"bash": _BASH, "zsh": _ZSH, "fish": ""}
_CONFIG = {
    "bash": "_focusgen_config",
    "zsh": "_focusgen_config",
    "fish": f"(printf '%s\\\\n' {' '.join(shipped_names())}; __fish_complete_suffix .yaml)",
}


def _all_commands() -> argparse.ArgumentParser:
    """Return the commands as the library knows them; nothing is ever parsed with it."""
    program = argparse.ArgumentParser(prog="focusgen")
    program.add_argument("--version", action="store_true", help="print the version")
    commands = program.add_subparsers()
    for name, (module, what) in COMMANDS.items():
        command = commands.add_parser(name, help=what)
        if name != "focal":
            _add_flags(command, module)
            continue
        actions = command.add_subparsers()
        for action, (inner, does) in ACTIONS.items():
            _add_flags(actions.add_parser(action, help=does), inner)
    return program


def _add_flags(command: argparse.ArgumentParser, module: str) -> None:
    kind: type[Flags] = importlib.import_module(module).FLAGS
    flags = described(kind)
    for flag in flags:
        _add_flag(command, flag)
    if kind.keys():  # such a command takes every setting
        for key in (key for key in known_keys() if "." in key):
            command.add_argument(f"--{key}")


def _add_flag(command: argparse.ArgumentParser, flag: Described) -> None:
    from shtab import FILE

    words = [flag.name] if flag.is_positional else [f"--{flag.name}"]
    text = flag.help.replace("%", "%%")
    if flag.takes == "nothing":
        command.add_argument(*words, action="store_true", help=text)
        return
    action = command.add_argument(*words, help=text, choices=flag.choices or None)
    complete = _CONFIG if flag.name == "config" else FILE if flag.takes == "path" else None
    if complete is not None:
        vars(action)["complete"] = complete  # shtab looks for this attribute
