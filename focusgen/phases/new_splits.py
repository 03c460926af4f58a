"""The split of each new scene: what an official list says, else a draw that keeps groups together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from focusgen.base.names import same_form
from focusgen.config.data import DataConfig
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.index_draft import outline_of
from focusgen.media.scenes import RawScene
from focusgen.phases.splits import assign_group_splits, assign_splits, group_of, remark_on_splits

MAX_SHOWN = 5


def splits_of_new(
    data: DataConfig,
    new: Mapping[str, RawScene],
    known: Mapping[str, IndexEntry],
    listed: Mapping[str, str],
) -> tuple[dict[str, str], list[str]]:
    """Return (new scene -> split, what a person should know of it).

    Args:
        data: the seed, and whether folders or a list are groups.
        new: scenes that have no split yet.
        known: scenes that keep theirs.
        listed: scene -> group, from `data.groups_csv`.
    """
    splits = {name: raw.brought.split for name, raw in new.items() if raw.brought and raw.brought.split}
    free = {name: raw for name, raw in new.items() if name not in splits}
    every = [outline_of(known, name).split for name in known]
    if data.split_by == "scene" and not any(raw.brought and raw.brought.group for raw in free.values()):
        drawn = assign_splits(list(free), [*every, *splits.values()], data.split_seed) if free else {}
        return {**splits, **drawn}, _remarks([*every, *splits.values(), *drawn.values()], None, bool(splits))
    old = [
        (_group(data, name, e.source["path"], e.source.get("group"), listed), e.split)
        for name, e in known.items()
    ]
    groups = {
        name: _group(
            data, name, _relative(data.raw_root, raw), raw.brought.group if raw.brought else None, listed
        )
        for name, raw in free.items()
    }
    drawn = assign_group_splits(groups, old, data.split_seed)
    remarks = _remarks(
        [*every, *splits.values(), *drawn.values()],
        len({group for group, _ in old} | set(groups.values())),
        bool(splits),
    )
    return {**splits, **drawn}, [*_unlisted(data, list(free), listed), *remarks]


def _relative(raw_root: Path, raw: RawScene) -> str:
    return raw.path.relative_to(raw_root).as_posix()


def _group(data: DataConfig, name: str, path: str, brought: str | None, listed: Mapping[str, str]) -> str:
    """Return the group of a scene: what a person lists wins, then what its layout knows."""
    if brought is not None and same_form(name) not in listed:
        return f"brought:{brought}"
    if data.split_by == "scene":
        return f"scene:{name}"
    return group_of(name, path, listed)


def _unlisted(data: DataConfig, names: list[str], listed: Mapping[str, str]) -> list[str]:
    unlisted = [name for name in names if listed and same_form(name) not in listed]
    if not unlisted:
        return []
    more = ", ..." if len(unlisted) > MAX_SHOWN else ""
    return [
        f"{len(unlisted)} scenes are not in {data.groups_csv}, each is a group of its own: "
        f"{', '.join(unlisted[:MAX_SHOWN])}{more}"
    ]


def _remarks(every: list[str], n_groups: int | None, is_said: bool) -> list[str]:
    text = remark_on_splits(every, n_groups, is_said=is_said)
    return [text] if text else []
