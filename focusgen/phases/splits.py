"""Which scene goes to train, val and test: 80/10/10, by scene or by group, settled for ever once given."""

from __future__ import annotations

import csv
import random
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from focusgen.base.errors import ConfigError, reason_of
from focusgen.base.names import same_form
from focusgen.config.data import SPLITS

SPLIT_SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
MIN_UNITS = 3  # scenes or groups from which each split gets one
_CSV_COLUMNS = ["scene", "group"]


def split_targets(total: int) -> dict[str, int]:
    """Return how many of `total` scenes each split should have.

    Shares are rounded by largest remainder: 90 scenes give 72/9/9. From three on, val and test have one.
    """
    exact = {name: SPLIT_SHARES[name] * total for name in SPLITS}
    target: dict[str, int] = {name: int(exact[name] + 1e-9) for name in SPLITS}
    by_remainder = sorted(SPLITS, key=lambda name: (target[name] - exact[name], SPLITS.index(name)))
    for name in by_remainder[: total - sum(target.values())]:
        target[name] += 1
    if total >= MIN_UNITS:
        for name in ("val", "test"):
            target["train"] -= target[name] == 0
            target[name] = max(1, target[name])
    return target


def assign_splits(new: Sequence[str], existing: Sequence[str], seed: int) -> dict[str, str]:
    """Return new scene -> split, so that old and new together come as near to 80/10/10 as they can.

    Args:
        new: ids of the scenes that have no split yet.
        existing: the split of each scene that has one, which it keeps.
    """
    target = split_targets(len(new) + len(existing))
    labels: list[str] = []
    for name in ("test", "val", "train"):
        room = max(0, target[name] - existing.count(name))
        labels += [name] * min(room, len(new) - len(labels))
    labels += ["train"] * (len(new) - len(labels))
    shuffled = sorted(new)
    random.Random(seed).shuffle(shuffled)
    return dict(zip(shuffled, labels, strict=True))


def assign_group_splits(
    new: Mapping[str, str], existing: Sequence[tuple[str, str]], seed: int
) -> dict[str, str]:
    """Return new scene -> split, all scenes of a group in one.

    Args:
        new: scene -> group of the scenes that have no split yet.
        existing: (group, split) of each scene that has one; new scenes of its group join it.
    """
    settled = _settled_splits(existing)
    members: dict[str, list[str]] = {}
    for scene_id, group in new.items():
        members.setdefault(group, []).append(scene_id)
    counts = Counter(split for _, split in existing)
    for group in members.keys() & settled.keys():
        counts[settled[group]] += len(members[group])
    free = sorted(members.keys() - settled.keys())
    random.Random(seed).shuffle(free)
    if len(settled.keys() | members.keys()) >= MIN_UNITS:
        target = split_targets(len(new) + len(existing))
        for name in ("test", "val"):
            n_spare = len(free) - (counts["train"] == 0)
            taken = dict.fromkeys(_nearest(free[:n_spare], members, counts[name], target[name]), name)
            settled |= taken
            free = [group for group in free if group not in taken]
    return {scene_id: settled.get(group, "train") for scene_id, group in new.items()}


def _settled_splits(existing: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return group -> the split that most of its scenes have."""
    votes: dict[str, Counter[str]] = {}
    for group, split in existing:
        votes.setdefault(group, Counter())[split] += 1
    return {group: max(SPLITS, key=lambda name: count[name]) for group, count in votes.items()}


def _nearest(
    groups: Sequence[str], members: Mapping[str, Sequence[str]], n_scenes: int, target: int
) -> list[str]:
    """Return groups that bring a split nearer to its target, one by one; at least one if it has none.

    Of groups that bring it as near, the first. Kept by size, since there may be as many groups as scenes.
    """
    waiting: dict[int, deque[tuple[int, str]]] = {}
    for place, group in enumerate(groups):
        waiting.setdefault(len(members[group]), deque()).append((place, group))
    taken: list[str] = []
    while waiting:
        size = min(waiting, key=lambda size: (abs(n_scenes + size - target), waiting[size][0]))
        if n_scenes > 0 and not abs(n_scenes + size - target) < abs(n_scenes - target):
            break
        taken.append(waiting[size].popleft()[1])
        if not waiting[size]:
            del waiting[size]
        n_scenes += size
    return taken


def group_of(scene_id: str, path: str, listed: Mapping[str, str]) -> str:
    """Return the group of a scene: as listed, else its parent folder; a scene right in the root is alone.

    Args:
        path: of its folder or video, relative to the raw root.
        listed: Unicode-normalised scene -> group, from `read_groups`.
    """
    if same_form(scene_id) in listed:
        return f"listed:{listed[same_form(scene_id)]}"
    parent = PurePosixPath(path).parent.as_posix()
    return f"scene:{scene_id}" if listed or parent in (".", "JPEGImages/480p") else f"folder:{parent}"


def read_groups(path: Path | None) -> dict[str, str]:
    """Return scene -> group of a CSV file with the columns `scene` and `group`.

    Raises:
        ConfigError: unreadable, other columns, or a scene in two groups; names the line.
    """
    if path is None:
        return {}
    groups: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if (reader.fieldnames or [])[:2] != _CSV_COLUMNS:
                raise ConfigError(f"{path}: the first line must be 'scene,group'")
            for row in reader:
                scene_id, group = same_form((row["scene"] or "").strip()), (row["group"] or "").strip()
                if not scene_id or not group or groups.setdefault(scene_id, group) != group:
                    raise ConfigError(
                        f"{path}, line {reader.line_num}: a scene without group, or in two groups"
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"{path}: {reason_of(error)}", "Give data.groups_csv a CSV file with scene,group."
        ) from error
    return groups


def remark_on_splits(splits: Sequence[str], n_groups: int | None, *, is_said: bool = False) -> str:
    """Say why val or test is empty; nothing if neither is.

    Args:
        n_groups: how many groups they form, None where each is drawn alone.
        is_said: a list says the splits, at least of some.
    """
    empty = [name for name in ("val", "test") if name not in splits]
    if not empty or not splits:
        return ""
    if is_said:
        why = "the lists that say the splits name none that is here"
    elif len(splits) < MIN_UNITS:
        noun = "scene" if len(splits) == 1 else "scenes"
        why = f"{len(splits)} {noun} cannot be split in three"
    elif n_groups is not None and n_groups < MIN_UNITS:
        why = f"{n_groups} groups cannot be split in three, and a group stays together"
    else:
        why = "scenes that were indexed before keep their split; new ones go there first"
    return f"no scene for {' and '.join(empty)}: {why}"
