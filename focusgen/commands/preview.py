"""Contact sheet (png) and video (mp4) of finished scenes: sharp | depth | focus | bokeh, with scales.

Ends with 3 if a scene has nothing to show, or is stale or damaged; the others are drawn all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen.base.errors import ExitCode, SceneError, StorageError
from focusgen.commands.groups import DataSetFlags, advising_where_read_only, settings_to_write
from focusgen.config.flags import option, parse, positional, sets
from focusgen.dataset.layout import DatasetLayout


@dataclass(frozen=True)
class PreviewFlags(DataSetFlags):
    """Which scenes and lens set, and where to."""

    scene: tuple[str, ...] = positional((), "scenes; default: all")
    set: int = option(0, "lens set to show")
    output: Path | None = option(None, "folder for the pictures; default <out_root>/previews")
    raw_root: Path | None = sets("data.raw_root")


FLAGS = PreviewFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen preview`."""
    parsed = parse(FLAGS, argv, prog="focusgen preview", doc=__doc__)
    given = parsed.flags
    cfg = settings_to_write(given.config, parsed.overrides)
    from focusgen.dataset.index import known_scene, read_index
    from focusgen.run.output import print_error
    from focusgen.tools.scene_preview import preview_scene

    index, output, code = read_index(DatasetLayout.of(cfg)), given.output, ExitCode.COMPLETE
    with advising_where_read_only("Say where else to write them: --output FOLDER" if output is None else ""):
        for scene_id in [known_scene(index, name) for name in given.scene] or list(index):
            try:
                for path in preview_scene(cfg, scene_id, index[scene_id], lens_set=given.set, folder=output):
                    print(path)
            except StorageError:
                raise  # neither will the others' pictures find room
            except SceneError as error:
                print_error(error)
                code = ExitCode.INCOMPLETE
    return int(code)
