"""All about one scene: records, every differing key, failures with their advice, flags, the tail of its log.

Without --config each phase is compared with the settings of its own last run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import tyro

from focusgen import config
from focusgen.config import flags
from focusgen.dataset.layout import DatasetLayout

EXTRAS: list[flags.Extra] = [
    ("scene", Annotated[tuple[str, ...], tyro.conf.Positional], (), "scenes; default: all"),
    flags.CONFIG_FLAG,
    ("json", bool, False, "print machine-readable JSON, {scene: facts}"),
]


def main(argv: Sequence[str]) -> int:
    """Run `focusgen explain`."""
    flag_set = flags.flags_class("ExplainFlags", flags.DATA_SET_FLAGS, EXTRAS)
    parsed, dotted = flags.parse(flag_set, argv, prog="focusgen explain", doc=__doc__ or "")
    cfg = config.load(parsed.config, {**flags.overrides_of(parsed, flags.DATA_SET_FLAGS), **dotted})
    from focusgen.dataset.index import read_index
    from focusgen.run.status import check_scene
    from focusgen.tools.explain import as_text, explain_scene

    dataset = DatasetLayout.of(cfg)
    index = read_index(dataset)
    today = cfg if parsed.config or dotted else None
    found = {
        scene_id: explain_scene(dataset, scene_id, check_scene(index, scene_id), today)
        for scene_id in parsed.scene or index
    }
    print(json.dumps(found, indent=1) if parsed.json else "\n\n".join(as_text(f) for f in found.values()))
    return 0
