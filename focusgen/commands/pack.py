"""Pack every scene of a validated data set into one uncompressed tar (WebDataset), which is read in place.

Ten files a frame become eight a scene, for file systems that count files. Phase 6, reader, status, export,
report, preview and repair work as before; `focusgen unpack` gives the files back, byte for byte. Ends with 3
if phase 6 has not passed the data set; `--leave_out` does without scenes that nothing mends. `store.pack:
scene` packs after each phase 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from focusgen.commands.groups import INTO_ITSELF, DataSetFlags, advising_where_read_only, settings_to_write
from focusgen.config.flags import option, parse


@dataclass(frozen=True, kw_only=True)
class PackFlags(DataSetFlags):
    """What is packed."""

    leave_out: tuple[str, ...] = option((), "scenes to leave as they are, as one that nothing mends")


FLAGS = PackFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen pack`."""
    parsed = parse(FLAGS, argv, prog="focusgen pack", doc=__doc__)
    cfg = settings_to_write(parsed.flags.config, parsed.overrides)
    from focusgen.tools.pack import pack_scenes

    with advising_where_read_only(INTO_ITSELF):
        print(f"{pack_scenes(cfg.data.out_root, leave_out=parsed.flags.leave_out)} scenes packed")
    return 0
