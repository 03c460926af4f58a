from pathlib import Path

from focusgen.config.data import DataConfig
from focusgen.dataset.index import IndexEntry
from focusgen.media.brought import Brought
from focusgen.media.scenes import RawScene
from focusgen.phases.new_splits import splits_of_new

DATA = DataConfig(raw_root=Path("raw"))


def scene(name: str, **brought: str | None) -> RawScene:
    known = Brought("x", **brought) if brought else None  # type: ignore[arg-type]
    return RawScene(name, "images", Path("raw") / name, ("0.png",), brought=known)


def entry(split: str, group: str | None = None) -> IndexEntry:
    source = {"path": "x", "kind": "images"} | ({"group": group} if group else {})
    return IndexEntry(("0.png",), 64, 48, split, source, (), "")


def test_an_official_split_is_taken_and_an_empty_one_is_explained():
    new = {name: scene(name, split=split) for name, split in (("a", "val"), ("b", "train"), ("c", "val"))}
    splits, remarks = splits_of_new(DATA, new, {}, {})
    assert splits == {"a": "val", "b": "train", "c": "val"}
    assert remarks == ["no scene for test: the lists that say the splits name none that is here"]


def test_groups_of_a_layout_stay_together_though_nobody_asked_for_groups():
    new = {
        f"{group}{number}": scene(f"{group}{number}", group=group) for group in "abcde" for number in range(4)
    }
    splits, _ = splits_of_new(DATA, new, {}, {})
    assert all(len({splits[f"{group}{number}"] for number in range(4)}) == 1 for group in "abcde")
    assert set(splits.values()) == {"train", "val", "test"}


def test_a_new_scan_follows_its_group_into_the_split_that_it_has():
    known = {"a0": entry("test", "a"), "b0": entry("train", "b"), "c0": entry("val", "c")}
    splits, _ = splits_of_new(DATA, {"a1": scene("a1", group="a")}, known, {})
    assert splits == {"a1": "test"}


def test_a_list_of_groups_wins_over_the_layout():
    data = DATA.model_copy(update={"split_by": "group"})
    known = {"old": entry("val")}
    listed = {"old": "mine", "a1": "mine"}
    splits, _ = splits_of_new(data, {"a1": scene("a1", group="a")}, known, listed)
    assert splits == {"a1": "val"}


def test_without_a_layout_the_draw_is_what_it_was():
    names = [f"s{number}" for number in range(10)]
    splits, remarks = splits_of_new(DATA, {name: scene(name) for name in names}, {}, {})
    assert sorted(splits.values()) == ["test", "train"] + ["train"] * 7 + ["val"]
    assert remarks == []
