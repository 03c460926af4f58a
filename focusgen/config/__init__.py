"""Settings: sections with their one default, YAML files, and the graph of phases.

Its names are those of `face`, imported when the first is asked for: pydantic and all sections cost a command
without settings of phases a third of its start.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from focusgen.config.face import *  # noqa: F403


def __getattr__(name: str) -> Any:
    return getattr(importlib.import_module("focusgen.config.face"), name)
