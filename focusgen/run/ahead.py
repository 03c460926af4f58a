"""The scenes that lie ahead of a run, as far as is known before any is decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from focusgen.base.errors import ConfigError
from focusgen.base.names import display, known_as, listed, near_name, shell_word
from focusgen.config import Config, PhaseName
from focusgen.dataset.index import IndexEntry, read_index, recorded_raw_root
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import object_if_readable
from focusgen.media.brought import BroughtDepth
from focusgen.media.scenes import RawScene
from focusgen.run.selection import Selection, select_scenes


@dataclass(frozen=True)
class Ahead:
    """The scenes that lie ahead of a run, as far as is known before any is decoded.

    Attributes:
        scene_ids: those of the index that were asked for, and those that phase 1 will look at.
        with_own_depth: those whose layout brought depth.
        of_assumed_unit: of these, those whose unit only the form of the recording tells, or nothing.
    """

    scene_ids: Sequence[str]
    with_own_depth: frozenset[str] = frozenset()
    of_assumed_unit: Mapping[str, BroughtDepth] = field(default_factory=dict)


def scenes_ahead(cfg: Config, phases: Sequence[PhaseName], selection: Selection) -> Ahead:
    """Return the scenes that were asked for, of the index and of what phase 1 will find.

    Raises:
        ConfigError: a name is of neither; the index or the raw root is not there.
    """
    dataset = DatasetLayout.of(cfg)
    known: Mapping[str, IndexEntry] = read_index(dataset) if dataset.index_json.exists() else {}
    if "index" not in phases:
        known = known or read_index(dataset)
    new: dict[str, RawScene] = {}
    if "index" in phases:
        from focusgen.phases.looking import check_asked, discover_scenes  # readers of every layout

        check_asked(cfg)
        found = discover_scenes(cfg, known or None).scenes
        new = {raw.scene_id: raw for raw in found if raw.scene_id not in known}
        selection, new = _of_the_new(cfg, known, new, selection)
    asked = select_scenes(known, selection) if known else []
    own = {name for name in asked if known[name].source.get("depth") is not None}
    own |= {name for name, raw in new.items() if raw.brought is not None and raw.brought.depth is not None}
    refused = _refused(dataset)
    return Ahead(
        [*asked, *(name for name in new if name not in refused)],
        frozenset(own),
        _of_assumed_unit(cfg, {name: known[name] for name in asked}, new),
    )


def _of_assumed_unit(
    cfg: Config, known: Mapping[str, IndexEntry], new: Mapping[str, RawScene]
) -> dict[str, BroughtDepth]:
    """Return the depth of the scenes that were not begun, whose unit a layout does not know for certain."""
    dataset = DatasetLayout.of(cfg)
    found = {name: raw.brought.depth for name, raw in new.items() if raw.brought and raw.brought.depth}
    for name, entry in known.items():
        document = entry.source.get("depth", {"files": [""]})
        is_assumed = document.get("is_unit_assumed", False) or not document["files"]
        if is_assumed and not dataset.scene(name).done("depth").exists():
            brought = entry.brought_depth(recorded_raw_root(dataset, cfg.data.raw_root))
            found |= {} if brought is None else {name: brought}
    return {name: depth for name, depth in found.items() if depth.is_unit_assumed or not depth.files}


def _of_the_new(
    cfg: Config,
    known: Mapping[str, IndexEntry],
    new: Mapping[str, RawScene],
    selection: Selection,
) -> tuple[Selection, dict[str, RawScene]]:
    """Return what is selected of the index, and of the scenes that phase 1 will add to it.

    Raises:
        ConfigError: a name is of neither.
    """
    names = selection.scenes
    if names is None:
        return selection, dict(new)
    forms = {name: name if name in new else known_as(name, new) for name in names}
    to_come = {form: new[form] for form in forms.values() if form in new}
    rest = [name for name in names if forms[name] not in to_come]
    for name in rest:
        if name not in known and known_as(name, known) not in known:
            where = display(str(cfg.data.raw_root))
            way_out = _scene_meant(name, [*known, *new])
            raise ConfigError(f"no scene {name!r} in the index, nor below {where}", way_out)
    return replace(selection, scenes=rest), to_come


def _scene_meant(name: str, known: Sequence[str]) -> str:
    """Return what to say where a name is no scene's."""
    near = near_name(name, known)
    if "," in near:
        return f"Quotes keep a comma in a name: {shell_word(chr(34) + near + chr(34))}"
    if near:
        return f"Did you mean {display(near)}?"
    return f"Scenes are {listed(known)}." if known else ""


def _refused(dataset: DatasetLayout) -> set[str]:
    """Return the scenes that phase 1 refused before."""
    return set(object_if_readable(dataset.rejected_scenes_json) or ())
