"""Write the papers of a finished data set: README.md, train|val|test.jsonl, croissant.json.

`datasets.load_dataset(OUT)` then finds the right splits. Text that you write into README.md outside of our
marks is kept. The licence is the strictest of the footage's and of every weight's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from focusgen.commands.groups import INTO_ITSELF, DataSetFlags, advising_where_read_only, settings_to_write
from focusgen.config.flags import option, parse, required


@dataclass(frozen=True, kw_only=True)
class CardFlags(DataSetFlags):
    """What the data set is called, and where the footage comes from."""

    source_license: str = required("licence of the footage: an SPDX id such as CC-BY-4.0, or its name")
    name: str | None = option(
        None, "of the data set; default: that of its README.md, else that of its folder"
    )
    source_url: str | None = option(None, "where the footage is published")
    source_note: str | None = option(None, "what a reader must know of it")
    leave_out: tuple[str, ...] = option((), "scenes to do without, as one that nothing mends")


FLAGS = CardFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen card`."""
    parsed = parse(FLAGS, argv, prog="focusgen card", doc=__doc__)
    given = parsed.flags
    cfg = settings_to_write(given.config, parsed.overrides)
    from focusgen.tools.card import write_card
    from focusgen.tools.card_facts import Source

    name = (given.name or "").strip()
    source = Source(given.source_license, given.source_url or "", given.source_note or "", name)
    with advising_where_read_only(INTO_ITSELF):
        written = write_card(cfg.data.out_root, source, given.leave_out)
    for path in written:
        print(path)
    return 0
