"""Give the files of packed scenes back where they were, byte for byte, and remove the tars.

Every file is compared with its record first. Ends with 3 if one is damaged; its scene then stays packed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from focusgen.base.errors import CorruptInputError, ExitCode
from focusgen.commands.groups import INTO_ITSELF, DataSetFlags, advising_where_read_only, settings_to_write
from focusgen.config.flags import parse, positional
from focusgen.dataset.layout import DatasetLayout


@dataclass(frozen=True)
class UnpackFlags(DataSetFlags):
    """Which scenes."""

    scene: tuple[str, ...] = positional((), "scenes; default: all")


FLAGS = UnpackFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen unpack`."""
    parsed = parse(FLAGS, argv, prog="focusgen unpack", doc=__doc__)
    cfg = settings_to_write(parsed.flags.config, parsed.overrides)
    from focusgen.base.locks import exclusive
    from focusgen.dataset.index import known_scene, read_index
    from focusgen.dataset.packs import unpack_scene
    from focusgen.run.finished_notes import note_finished
    from focusgen.run.output import print_error

    dataset = DatasetLayout.of(cfg)
    index = read_index(dataset)
    n_unpacked, code = 0, ExitCode.COMPLETE
    for scene_id in [known_scene(index, name) for name in parsed.flags.scene] or list(index):
        scene = dataset.scene(scene_id)
        try:
            with advising_where_read_only(INTO_ITSELF), exclusive(scene.lock("render")):
                if unpack_scene(scene):
                    n_unpacked += 1
                    note_finished(dataset, index, scene_id)
        except CorruptInputError as error:
            print_error(error)
            code = ExitCode.INCOMPLETE
    print(f"{n_unpacked} scenes unpacked")
    return int(code)
