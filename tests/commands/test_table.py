"""Each command of the table is there, takes flags by a class, and gives its one call."""

from __future__ import annotations

import importlib

import pytest

from focusgen.commands.focal import ACTIONS
from focusgen.commands.table import COMMANDS
from focusgen.config.flags import Flags


@pytest.mark.parametrize("module", [module for module, _ in (*COMMANDS.values(), *ACTIONS.values())])
def test_every_command_names_its_flags(module):
    command = importlib.import_module(module)
    assert callable(command.main)
    assert module.endswith(".focal") or issubclass(command.FLAGS, Flags)
