"""80/10/10 to the last scene, no scene that moves, and no clip of one source on both sides."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from focusgen.base.errors import ConfigError
from focusgen.phases.splits import (
    _nearest,
    assign_group_splits,
    assign_splits,
    group_of,
    read_groups,
    remark_on_splits,
    split_targets,
)


def ids(n_scenes: int, first: int = 0) -> list[str]:
    """Return scene ids."""
    return [f"s{index:03d}" for index in range(first, first + n_scenes)]


def counts(splits) -> tuple[int, int, int]:
    """Return how many there are of train, val, test."""
    counted = Counter(splits)
    return counted["train"], counted["val"], counted["test"]


@pytest.mark.parametrize(
    ("n_scenes", "expected"),
    [
        (1, (1, 0, 0)),
        (2, (2, 0, 0)),
        (3, (1, 1, 1)),
        (4, (2, 1, 1)),
        (5, (3, 1, 1)),
        (6, (4, 1, 1)),
        (9, (7, 1, 1)),
        (10, (8, 1, 1)),
        (14, (11, 2, 1)),
        (15, (12, 2, 1)),
        (16, (13, 2, 1)),
        (17, (13, 2, 2)),
        (90, (72, 9, 9)),
        (99, (79, 10, 10)),
        (1000, (800, 100, 100)),
    ],
)
def test_shares_are_rounded_by_largest_remainder_and_small_sets_get_one_of_each(n_scenes, expected):
    assert counts(assign_splits(ids(n_scenes), [], seed=42).values()) == expected


def test_no_split_is_further_from_its_share_than_one_scene():
    for n_scenes in range(10, 300):
        target = split_targets(n_scenes)
        assert sum(target.values()) == n_scenes
        shares = {"train": 0.8, "val": 0.1, "test": 0.1}
        assert all(abs(target[name] - share * n_scenes) < 1 for name, share in shares.items())


def test_the_draw_is_shuffled_by_the_seed_and_by_nothing_else():
    names = ids(200)
    one = assign_splits(names, [], seed=42)
    assert assign_splits(random.Random(0).sample(names, 200), [], seed=42) == one
    other = assign_splits(names, [], seed=43)
    assert one != other
    # Scenes that follow each other (one place, one day) must not fill a split as a block.
    in_test = [index for index, name in enumerate(names) if one[name] == "test"]
    assert max(in_test) - min(in_test) > 100
    overlap = {name for name in names if one[name] == "test"} & {n for n in names if other[n] == "test"}
    assert len(overlap) < 10


def test_scenes_that_come_later_fill_up_what_the_earlier_ones_left():
    first = assign_splits(ids(10), [], seed=42)
    later = assign_splits(ids(10, first=10), list(first.values()), seed=42)
    assert counts([*first.values(), *later.values()]) == (16, 2, 2)
    assert later.keys() == set(ids(10, first=10))
    alone = assign_group_splits({one: one for one in later}, list(first.items()), seed=42)
    assert counts([*first.values(), *alone.values()]) == (16, 2, 2)  # each of them a group
    all_train = assign_splits(ids(10), ["train"] * 10, seed=42)
    assert counts(all_train.values()) == (6, 2, 2)
    too_many_tests = assign_splits(ids(5), ["test"] * 15, seed=42)
    assert counts(too_many_tests.values()) == (3, 2, 0)
    # One more scene for a set of three that an earlier release put into train.
    assert assign_splits(["new"], ["train"] * 3, seed=42) == {"new": "test"}


def groups_of(sizes: list[int]) -> dict[str, str]:
    """Return scene -> group."""
    return {f"g{g}_c{c}": f"g{g}" for g, size in enumerate(sizes) for c in range(size)}


@pytest.mark.parametrize(
    "sizes", [[3] * 10, [1] * 30, [20, 1, 1, 4, 7, 2, 2], [5, 5, 5], [1, 1, 40], [8] * 4 + [1] * 8, [2] * 100]
)
def test_a_group_is_never_torn_and_each_split_gets_one(sizes):
    new = groups_of(sizes)
    for seed in range(5):
        found = assign_group_splits(new, [], seed)
        assert found.keys() == new.keys()
        by_group = {group: {found[s] for s in new if new[s] == group} for group in new.values()}
        assert all(len(splits) == 1 for splits in by_group.values())
        train, val, test = counts(found.values())
        assert min(train, val, test) >= 1
        target = split_targets(len(new))
        # A group as large as the fault is the only excuse.
        assert abs(test - target["test"]) <= max(sizes) and abs(val - target["val"]) <= max(sizes)
        assert train >= max(val, test) or max(sizes) * 3 > len(new)


def test_equal_groups_come_as_near_as_scenes_do_and_depend_on_the_seed():
    new = groups_of([3] * 30)
    one = assign_group_splits(new, [], seed=1)
    assert counts(one.values()) == (72, 9, 9)
    assert one != assign_group_splits(new, [], seed=2)
    assert one == assign_group_splits(dict(reversed(new.items())), [], seed=1)


def test_new_clips_follow_their_group_and_count():
    existing = [("a", "train")] * 5 + [("b", "test")] + [("c", "val")]
    new = {"b_2": "b", "a_6": "a", "c_2": "c", "d_1": "d"}
    assert assign_group_splits(new, existing, seed=0) == {
        "b_2": "test",
        "a_6": "train",
        "c_2": "val",
        "d_1": "train",
    }
    # A group that an earlier release tore goes on where most of it lies.
    torn = [("a", "train"), ("a", "test"), ("a", "test"), ("b", "train"), ("c", "val")]
    assert assign_group_splits({"a_9": "a"}, torn, seed=0) == {"a_9": "test"}


def test_two_groups_stay_in_train_and_the_reason_is_said():
    found = assign_group_splits(groups_of([4, 4]), [], seed=0)
    assert set(found.values()) == {"train"}
    assert remark_on_splits(list(found.values()), 2) == (
        "no scene for val and test: 2 groups cannot be split in three, and a group stays together"
    )
    assert "1 scene cannot" in remark_on_splits(["train"], None)
    assert "keep their split" in remark_on_splits(["train"] * 5 + ["val"], None)
    assert remark_on_splits(["train", "val", "test"], None) == ""


def test_the_group_is_the_parent_folder_or_what_the_list_says(tmp_path):
    assert group_of("dog_run", "dog/run", {}) == group_of("dog_jump", "dog/jump.mp4", {})
    assert group_of("dog_run", "dog/run", {}) != group_of("cat_run", "cat/run", {})
    assert group_of("bear", "bear", {}) != group_of("camel", "camel", {})
    assert group_of("bear", "JPEGImages/480p/bear", {}) != group_of("camel", "JPEGImages/480p/camel", {})
    path = tmp_path / "groups.csv"
    path.write_text("\ufeffscene,group\ncafe\u0301,x\nb,x\nc,y\n", encoding="utf-8")
    listed = read_groups(path)
    assert group_of("caf\u00e9", "one/a", listed) == group_of("b", "two/b", listed)
    assert group_of("b", "two/b", listed) != group_of("c", "two/c", listed)
    assert group_of("x", "x", listed) != group_of("b", "b", listed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,group\na,b\n", "must be 'scene,group'"),
        ("scene,group\na,b\na,c\n", "line 3"),
        ("scene,group\na,\n", "line 2"),
        ("scene,group\na\n", "line 2"),
        ("", "must be"),
    ],
)
def test_a_list_that_is_no_list_of_groups_is_refused(text, message, tmp_path):
    (tmp_path / "g.csv").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_groups(tmp_path / "g.csv")
    with pytest.raises(ConfigError, match=r"none\.csv"):
        read_groups(tmp_path / "none.csv")


def one_by_one(groups: list[str], members: dict[str, list[str]], n_scenes: int, target: int) -> list[str]:
    """The rule in its plainest form: look at every group that is left, each time."""
    taken: list[str] = []
    left = list(groups)
    while left:
        best = min(left, key=lambda group: abs(n_scenes + len(members[group]) - target))
        is_nearer = abs(n_scenes + len(members[best]) - target) < abs(n_scenes - target)
        if n_scenes > 0 and not is_nearer:
            break
        taken.append(best)
        left.remove(best)
        n_scenes += len(members[best])
    return taken


def test_groups_are_chosen_as_by_looking_at_all_of_them_each_time():
    draw = random.Random(4)
    for _ in range(300):
        members = {f"g{n}": ["s"] * draw.choice([1, 1, 2, 3, 7, 12]) for n in range(draw.randint(1, 40))}
        groups = draw.sample(list(members), len(members))
        n_scenes, target = draw.choice([0, 0, 3]), draw.randint(1, 30)
        assert _nearest(groups, members, n_scenes, target) == one_by_one(groups, members, n_scenes, target)


@pytest.mark.slow
def test_a_hundred_thousand_groups_are_split_in_no_time():
    started_s = time.process_time()
    splits = assign_group_splits({f"s{n}": f"g{n}" for n in range(100_000)}, [], seed=1)
    assert time.process_time() - started_s < 3.0, "hours, if every group is looked at for each that is taken"
    assert Counter(splits.values()) == {"train": 80_000, "val": 10_000, "test": 10_000}
