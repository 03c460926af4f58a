from pathlib import Path

from focusgen.config.data import DataConfig
from focusgen.dataset.index import IndexEntry
from focusgen.media.brought import Brought
from focusgen.media.clips import CLIPS
from focusgen.media.scenes import RawScene
from focusgen.phases.new_splits import Decided, SplitRules
from focusgen.phases.split_file import SaidSplits

DATA = DataConfig(raw_root=Path("raw"))


def decided(new: dict[str, RawScene], known: dict[str, IndexEntry] | None = None, **lines: str) -> Decided:
    """Return what becomes of scenes; `lines` are those of a split file: scene="split" or "split group"."""
    said = SaidSplits()
    for name, line in lines.items():
        said.take(name, *line.split()[:1], f"splits.csv, {name}", *line.split()[1:])  # type: ignore[call-arg]
    return SplitRules(DATA, {}, said).decide(new, known or {})


def scene(name: str, layout: str = "x", **brought: str | None) -> RawScene:
    known = Brought(layout, **brought) if brought else None  # type: ignore[arg-type]
    return RawScene(name, "images", Path("raw") / name, ("0.png",), brought=known)


def entry(split: str, group: str | None = None) -> IndexEntry:
    source = {"path": "x", "kind": "images"} | ({"group": group} if group else {})
    return IndexEntry(("0.png",), 64, 48, split, source, (), "")


def test_an_official_split_is_taken_and_an_empty_one_is_explained():
    new = {name: scene(name, split=split) for name, split in (("a", "val"), ("b", "train"), ("c", "val"))}
    found = decided(new)
    assert found.splits == {"a": "val", "b": "train", "c": "val"}
    assert found.remarks == ["no scene for test: the lists that say the splits name none that is here"]


def test_groups_of_a_layout_stay_together_though_nobody_asked_for_groups():
    new = {
        f"{group}{number}": scene(f"{group}{number}", group=group) for group in "abcde" for number in range(4)
    }
    splits = decided(new).splits
    assert all(len({splits[f"{group}{number}"] for number in range(4)}) == 1 for group in "abcde")
    assert set(splits.values()) == {"train", "val", "test"}


def test_a_new_scan_follows_its_group_into_the_split_that_it_has():
    known = {"a0": entry("test", "a"), "b0": entry("train", "b"), "c0": entry("val", "c")}
    assert decided({"a1": scene("a1", group="a")}, known).splits == {"a1": "test"}


def test_a_list_of_groups_wins_over_the_layout():
    data = DATA.model_copy(update={"split_by": "group"})
    known = {"old": entry("val")}
    listed = {"old": "mine", "a1": "mine"}
    assert SplitRules(data, listed).decide({"a1": scene("a1", group="a")}, known).splits == {"a1": "val"}


def test_without_a_layout_the_draw_is_what_it_was():
    names = [f"s{number}" for number in range(10)]
    found = decided({name: scene(name) for name in names})
    assert sorted(found.splits.values()) == ["test", "train"] + ["train"] * 7 + ["val"]
    assert found.remarks == []


def test_a_split_file_wins_over_the_layout_and_refuses_what_it_does_not_name():
    new = {name: scene(name, split="val") for name in ("a", "b")}
    found = decided(new, a="train", gone="test")
    assert found.splits == {"a": "train"}
    assert "--split_file" in found.rejected["b"].reason
    assert found.remarks[0] == "1 names in the split files are no scene here: gone"


def test_a_split_file_does_not_move_indexed_scenes_and_says_so():
    found = decided({}, {"a": entry("val"), "b": entry("test")}, a="train", b="test")
    assert "a is val, not train;" in found.remarks[0] and "keeps its split" in found.remarks[0]
    agreed = decided({}, {"b": entry("test")}, b="test")
    assert not any("say otherwise" in remark for remark in agreed.remarks)


def test_a_list_of_clips_and_a_split_file_must_agree():
    new = {"a": scene("a", CLIPS, split="val"), "b": scene("b", CLIPS, split="train")}
    found = decided(new, a="train", b="train")
    assert found.splits == {"b": "train"}
    assert found.rejected["a"].reason == "the list of clips says val, the split file train"


def test_a_group_that_a_person_named_is_never_torn():
    """By the list itself, by a split file beside it, or by a scene that is indexed already."""
    new = {"a": scene("a", CLIPS, split="train", group="g"), "b": scene("b", CLIPS, split="test", group="g")}
    found = decided(new)
    assert found.splits == {"a": "train"}
    assert found.rejected["b"].reason == "it would be in test, but its group g is in train (a)"
    later = decided({"b": scene("b", CLIPS, split="test", group="g")}, {"a": entry("val", "g")})
    assert "its group g is in val (a)" in later.rejected["b"].reason


def test_a_clip_without_a_split_follows_its_group():
    new = {"a": scene("a", CLIPS, split="test", group="g"), "b": scene("b", CLIPS, group="g")}
    assert decided(new).splits == {"a": "test", "b": "test"}


def test_an_official_split_that_tears_what_its_layout_calls_a_group_stays_as_published():
    """GoPro's own split has clips of one recording in train and test."""
    new = {
        "a": scene("a", "gopro", split="train", group="g"),
        "b": scene("b", "gopro", split="test", group="g"),
    }
    assert decided(new).splits == {"a": "train", "b": "test"}
