"""The settings under which a repair makes a phase again: those of its record, and the paths of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusgen import config
from focusgen.config import Config
from focusgen.dataset.layout import DatasetLayout


def with_settings(cfg: Config, settings: Mapping[str, Any]) -> Config:
    """Return `cfg` with the settings that a record was made under; those say what the bytes are."""
    document = cfg.model_dump(mode="json", by_alias=True)
    sections = dict(cfg.sections())
    for dotted, value in settings.items():
        section, _, name = dotted.rpartition(".")
        if not section:
            document[name] = value
        elif sections[section].effective(name) != value:  # what is left out may mean the very same
            document[section][name] = value
    return config.from_document(document, "the record's settings")


def redoing(cfg: Config, dataset: DatasetLayout) -> Config:
    """Return `cfg` for this data set, whole scenes, allowed to replace what lies there."""
    data = cfg.data.model_copy(
        update={"out_root": dataset.root, "scene_index": dataset.index_json, "max_frames": None}
    )
    run = cfg.run.model_copy(update={"on_stale": "redo"})
    return cfg.model_copy(update={"data": data, "run": run})
