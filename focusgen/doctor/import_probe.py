"""Import modules one after the other, in a process that may die of it.

Usage   python -m focusgen.doctor.import_probe MODULE ...
Prints  a line `focusgen-try MODULE` before each, and `focusgen-bad MODULE REASON` where it cannot be imported
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

TRY, BAD = "focusgen-try", "focusgen-bad"


def main(modules: Sequence[str]) -> int:
    """Import them all, whatever becomes of one; 0."""
    for module in modules:
        print(TRY, module, flush=True)
        try:
            importlib.import_module(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's module may fail in any way
            reason = " ".join(str(error).split())
            print(BAD, module, reason or type(error).__name__, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
