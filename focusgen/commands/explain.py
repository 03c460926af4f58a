"""All about one scene: records, every differing key, failures with their advice, flags, the tail of its log.

Without --config each phase is compared with the settings of its own last run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from focusgen import config
from focusgen.commands.groups import DataSetFlags
from focusgen.config.flags import option, parse, positional
from focusgen.dataset.layout import DatasetLayout


@dataclass(frozen=True)
class ExplainFlags(DataSetFlags):
    """Which scenes, and for whom."""

    scene: tuple[str, ...] = positional((), "scenes; default: all")
    json: bool = option(False, "print machine-readable JSON, {scene: facts}")


FLAGS = ExplainFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen explain`."""
    parsed = parse(FLAGS, argv, prog="focusgen explain", doc=__doc__)
    given = parsed.flags
    cfg = config.load(given.config, parsed.overrides)
    from focusgen.dataset.index import known_scene, read_index
    from focusgen.tools.explain import as_text, explain_scene, refuse_rejected

    dataset = DatasetLayout.of(cfg)
    index = read_index(dataset)
    refuse_rejected(dataset, index, given.scene)
    today = cfg if given.config or parsed.dotted else None
    found = {
        scene_id: explain_scene(dataset, scene_id, index[scene_id], today)
        for scene_id in [known_scene(index, name) for name in given.scene] or index
    }
    print(json.dumps(found, indent=1) if given.json else "\n\n".join(as_text(f) for f in found.values()))
    return 0
