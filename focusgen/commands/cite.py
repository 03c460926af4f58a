"""Print whom to cite as BibTeX: focusgen, and the works whose models its backends can use.

Cite focusgen, and of the others those that your configuration chose; a line above each says what it is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from focusgen.config.flags import Flags, parse


@dataclass(frozen=True)
class CiteFlags(Flags):
    """Nothing to choose."""


FLAGS = CiteFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen cite`."""
    parse(FLAGS, argv, prog="focusgen cite", doc=__doc__)
    from focusgen.tools.cite import bibliography

    print(bibliography())
    return 0
