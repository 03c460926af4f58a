"""The split of each new scene: what somebody says of it, else a draw that keeps groups together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from focusgen.base.names import display, listed, same_form
from focusgen.config.data import DataConfig
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.index_draft import outline_of
from focusgen.media.clips import CLIPS
from focusgen.media.listing import Rejection
from focusgen.media.scenes import RawScene
from focusgen.phases.split_file import SaidSplits
from focusgen.phases.splits import assign_group_splits, assign_splits, group_of, remark_on_splits


@dataclass
class Decided:
    """What becomes of new scenes.

    Attributes:
        splits: of those that enter the index.
        said: those of them whose split somebody said.
        rejected: why others do not.
        remarks: what a person should know.
    """

    splits: dict[str, str] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    rejected: dict[str, Rejection] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


class SplitRules:
    """By what new scenes get their splits.

    Args:
        data: the seed, and whether folders or a list are groups.
        listed: scene -> group, from `data.groups_csv`.
        said: what split files say.
    """

    def __init__(self, data: DataConfig, listed: Mapping[str, str], said: SaidSplits | None = None) -> None:
        self._data, self._listed, self._said = data, listed, said or SaidSplits()

    def decide(
        self,
        new: Mapping[str, RawScene],
        known: Mapping[str, IndexEntry],
        earlier: Mapping[str, str] = MappingProxyType({}),
    ) -> Decided:
        """Return what becomes of new scenes; known ones keep their splits.

        Args:
            new: scenes that are to enter the index.
            earlier: splits of new scenes that were in it once.
        """
        decided = Decided(remarks=[*self._strangers({**dict.fromkeys(known), **new}), *self._settled(known)])
        for name, raw in new.items():
            self._take_said(name, raw, decided)
        self._refuse_torn_groups(new, known, decided)
        kept = {n: split for n, split in earlier.items() if n not in decided.said | decided.rejected.keys()}
        decided.splits |= kept
        decided.remarks += _kept_text(kept)
        free = {n: raw for n, raw in new.items() if n not in decided.splits and n not in decided.rejected}
        n_groups = self._draw(free, new, known, decided)
        every = [*(outline_of(known, name).split for name in known), *decided.splits.values()]
        text = remark_on_splits(every, n_groups, is_said=bool(decided.said))
        decided.remarks += [text] if text else []
        return decided

    def _take_said(self, name: str, raw: RawScene, decided: Decided) -> None:
        brought = raw.brought.split if raw.brought else None
        split = self._said.split_of(name)
        if self._said.splits and split is None:
            reason = "no split file (--split_file) names it, so its split is unknown"
            decided.rejected[name] = Rejection(display(raw.path.name), reason)
        elif (
            raw.brought and raw.brought.layout == CLIPS and None not in (brought, split) and brought != split
        ):
            reason = f"the list of clips says {brought}, the split file {split}"
            decided.rejected[name] = Rejection(display(raw.path.name), reason)
        elif split or brought:
            decided.splits[name] = str(split or brought)
            decided.said.add(name)

    def _refuse_torn_groups(
        self, new: Mapping[str, RawScene], known: Mapping[str, IndexEntry], decided: Decided
    ) -> None:
        """Refuse scenes whose said split tears a group that a person named."""
        named = {name: group for name, raw in new.items() if (group := self._named_group(name, raw))}
        if not named:
            return
        first: dict[str, tuple[str, str]] = {}
        for name, entry in known.items():
            known_group = self._said.groups.get(same_form(name)) or entry.source.get("group")
            if known_group:
                first.setdefault(known_group, (name, entry.split))
        for name in [name for name in named if name in decided.said]:
            other, split = first.setdefault(named[name], (name, decided.splits[name]))
            if split != decided.splits[name]:
                reason = (
                    f"it would be in {decided.splits[name]}, but its group {display(named[name])} is in "
                    f"{split} ({display(other)})"
                )
                decided.rejected[name] = Rejection(display(new[name].path.name), reason)
                decided.splits.pop(name)
                decided.said.discard(name)

    def _named_group(self, name: str, raw: RawScene) -> str | None:
        is_listed = raw.brought is not None and raw.brought.layout == CLIPS
        return self._said.groups.get(same_form(name)) or (
            raw.brought.group if is_listed and raw.brought else None
        )

    def _draw(
        self,
        free: Mapping[str, RawScene],
        new: Mapping[str, RawScene],
        known: Mapping[str, IndexEntry],
        decided: Decided,
    ) -> int | None:
        """Draw the splits that nobody said; return the number of groups, None where each scene is alone."""
        have_groups = any(
            self._brought_group(name, raw.brought.group if raw.brought else None)
            for name, raw in free.items()
        )
        if self._data.split_by == "scene" and not have_groups:
            settled = [*(outline_of(known, name).split for name in known), *decided.splits.values()]
            decided.splits |= assign_splits(list(free), settled, self._data.split_seed)
            return None
        old = [
            (self._group(name, e.source["path"], e.source.get("group")), e.split) for name, e in known.items()
        ]
        old += [(self._group_of_new(name, new[name]), split) for name, split in decided.splits.items()]
        groups = {name: self._group_of_new(name, raw) for name, raw in free.items()}
        decided.splits |= assign_group_splits(groups, old, self._data.split_seed)
        decided.remarks += self._unlisted(list(free))
        return len({group for group, _ in old} | set(groups.values()))

    def _group_of_new(self, name: str, raw: RawScene) -> str:
        path = raw.path.relative_to(self._data.raw_root).as_posix()
        return self._group(name, path, raw.brought.group if raw.brought else None)

    def _brought_group(self, name: str, brought: str | None) -> str | None:
        return self._said.groups.get(same_form(name)) or brought

    def _group(self, name: str, path: str, brought: str | None) -> str:
        """Return the group of a scene: what a person lists wins, then what its layout knows."""
        group = self._brought_group(name, brought)
        if group is not None and same_form(name) not in self._listed:
            return f"brought:{group}"
        if self._data.split_by == "scene":
            return f"scene:{name}"
        return group_of(name, path, self._listed)

    def _unlisted(self, names: list[str]) -> Iterator[str]:
        unlisted = [name for name in names if self._listed and same_form(name) not in self._listed]
        if unlisted:
            yield (
                f"{len(unlisted)} scenes are not in {self._data.groups_csv}, each is a group of its own: "
                f"{listed(unlisted)}"
            )

    def _strangers(self, there: Mapping[str, object]) -> Iterator[str]:
        """Yield a remark on names in the split files that are no scene here."""
        names = {same_form(name) for name in there}
        absent = [name for name in self._said.splits if name not in names]
        if absent:
            yield f"{len(absent)} names in the split files are no scene here: {listed(absent)}"

    def _settled(self, known: Mapping[str, IndexEntry]) -> Iterator[str]:
        """Yield a remark on indexed scenes of which the split files say something else."""
        if not self._said.splits:
            return
        splits = {name: outline_of(known, name).split for name in known}
        other = [name for name, split in splits.items() if self._said.split_of(name) not in (None, split)]
        if other:
            said = f"{display(other[0])} is {splits[other[0]]}, not {self._said.split_of(other[0])}"
            more = f", and {len(other) - 1} more" if len(other) > 1 else ""
            yield (
                f"the split files say otherwise of scenes that are indexed: {said}{more}; an indexed scene "
                "keeps its split, and a data set with other splits is a new --out_root"
            )


def _kept_text(kept: Mapping[str, str]) -> Iterator[str]:
    if kept:
        yield (
            f"{len(kept)} scenes are finished here but were not in the index: they are put back with the "
            f"split that their split.txt says: {listed(kept)}"
        )
