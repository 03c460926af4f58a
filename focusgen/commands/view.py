"""Save a scene for Rerun's viewer: frames, depth as points under the lens's camera, labels, focus over time.

Needs the extra `view` (rerun-sdk). `rerun FILE.rrd` shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen import config
from focusgen.commands.groups import DataSetFlags
from focusgen.config.flags import parse, required, required_positional
from focusgen.dataset.layout import DatasetLayout


@dataclass(frozen=True, kw_only=True)
class ViewFlags(DataSetFlags):
    """Which scene, and where to."""

    scene: str = required_positional("a finished scene of the index")
    save: Path = required("the .rrd file")


FLAGS = ViewFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen view`."""
    parsed = parse(FLAGS, argv, prog="focusgen view", doc=__doc__)
    given = parsed.flags
    cfg = config.load(given.config, parsed.overrides)
    from focusgen.dataset.index import known_scene, read_index
    from focusgen.tools.view import save_view

    dataset = DatasetLayout.of(cfg)
    index = read_index(dataset)
    scene_id = known_scene(index, given.scene)
    n_frames = save_view(dataset.scene(scene_id), index[scene_id].n_frames, given.save)
    print(f"{given.save}: {n_frames} frames; look at it: rerun {given.save}")
    return 0
