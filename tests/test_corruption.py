"""Every kind of damage to every kind of published file is found by phase 6, and named by its path."""

from __future__ import annotations

import io
import json
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from focusgen import cli
from focusgen.dataset.layout import DatasetLayout
from tests.conftest import Rgbd
from tests.damage import ONE_FILE, some_kinds, victims

pytestmark = pytest.mark.slow


def make_pair(root: Path) -> Rgbd:
    """Make two scenes, and in `old` two of the same names from other frames under other settings."""
    older = Rgbd(root / "older")
    rgbd = Rgbd(root)
    for n_frames, name in ((3, "a"), (4, "b")):
        older.add_scene(name, n_frames=n_frames, seed=n_frames + 7)
        rgbd.add_scene(name, n_frames=n_frames, seed=n_frames)
    assert older.run("--seed", "7", "--depth.max_m", "5.5") == 0
    older.out_root.rename(root / "old")
    assert rgbd.run() == 0
    (root / "old" / "a" / "split.txt").write_text("test\n")  # else it is train in both
    return rgbd


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Rgbd:
    return make_pair(tmp_path_factory.mktemp("corruption"))


@pytest.fixture
def pair(whole, tmp_path) -> Rgbd:
    """Return a copy that a test may damage."""
    shutil.copytree(whole.root, tmp_path / "set")
    return Rgbd(tmp_path / "set")


def problems_of(rgbd: Rgbd, *flags: str) -> list[str]:
    """Run phase 6 and return what its report says."""
    code = cli.phase_main("validate", "doc", [*rgbd.flags("out_root"), *flags])
    report = rgbd.report()
    texts = [text for reasons in report["failure_reasons"].values() for text in reasons]
    assert (code, report["verdict"]) == ((3, "fail") if texts else (0, "pass"))
    return texts


def shown_name(rgbd: Rgbd, path: Path) -> str:
    """Return how reports name a file: relative to its scene, or whole."""
    scene = rgbd.out_root / "a"
    return path.relative_to(scene).as_posix() if path.is_relative_to(scene) else str(path)


def assert_found(rgbd: Rgbd, damage: str, kind: str, seed: int = 0) -> None:
    path = victims(rgbd.out_root)[kind]
    before = path.read_bytes()
    ONE_FILE[damage](path, random.Random(f"{damage} {kind} {seed}"))
    assert not path.exists() or path.read_bytes() != before, "no damage was done"
    texts = problems_of(rgbd)
    assert any(shown_name(rgbd, path) in text for text in texts), texts


@pytest.mark.parametrize("damage", ONE_FILE)
def test_every_damage_to_every_kind_of_file_is_found_and_named(whole, tmp_path, damage):
    for kind in some_kinds(whole.out_root, damage):
        shutil.rmtree(tmp_path, ignore_errors=True)
        shutil.copytree(whole.root, tmp_path)
        assert_found(Rgbd(tmp_path), damage, kind)


def test_every_byte_of_the_small_files_is_watched(pair):
    """A flip of one bit in each byte of split.txt and metadata.json, and in every 16th of a record."""
    from focusgen.dataset.index import read_index
    from focusgen.phases.validate import validate_scene

    dataset = DatasetLayout(pair.out_root, pair.out_root / "scene_index.json")
    entry, scene = read_index(dataset)["a"], dataset.scene("a")
    steps = {scene.split_txt: 1, scene.metadata_json: 7, scene.done("depth"): 16, scene.ingest_json: 5}
    n_flips = 0
    for path, step in steps.items():
        data = path.read_bytes()
        for position in range(0, len(data), step):
            damaged = bytearray(data)
            damaged[position] ^= 1 << (position % 8)
            path.write_bytes(damaged)
            errors = validate_scene(dataset, "a", entry, 0.5).errors
            assert any(shown_name(pair, path) in text for text in errors), (path, position, errors)
            n_flips += 1
        path.write_bytes(data)
    assert n_flips > 200


def test_a_whole_data_set_raises_no_alarm(pair):
    assert problems_of(pair) == []


def test_phase_6_opens_every_published_file_exactly_once(pair, monkeypatch):
    opened, real = Counter(), io.open

    def counting(file, *arguments, **named):
        opened[str(file)] += 1
        return real(file, *arguments, **named)

    monkeypatch.setattr(io, "open", counting)
    without_flow = ("--validate.temporal_pairs", "0")  # the comparison with raw frames reads some again
    assert problems_of(pair, *without_flow) == []
    frames = [p for p in pair.out_root.glob("[ab]/**/*") if p.suffix in (".png", ".npz", ".json")]
    assert len(frames) == 2 * 2 + 7 * 2 * (1 + 2)
    assert {path: opened[str(path)] for path in frames if opened[str(path)] != 1} == {}


def test_two_scenes_that_changed_places_are_both_named(pair):
    a, b = pair.out_root / "a", pair.out_root / "b"
    a.rename(pair.out_root / "c")
    b.rename(a)
    (pair.out_root / "c").rename(b)
    texts = problems_of(pair)
    assert sum("frames_sharp/.done: the record of another scene" in text for text in texts) == 2


def test_two_labels_and_renders_swapped_as_a_pair_are_found(pair):
    """Frame 1 and frame 2 trade everything that depends on them, sharp frame and depth included."""
    scene = DatasetLayout(pair.out_root, pair.out_root / "scene_index.json").scene("a")
    swapped = [scene.sharp, scene.depth, lambda f: scene.focus(0, f), lambda f: scene.bokeh(0, f)]
    for path_of in swapped:
        one, two = path_of(1), path_of(2)
        first, second = one.read_bytes(), two.read_bytes()
        one.write_bytes(second)
        two.write_bytes(first)
    texts = " ".join(problems_of(pair))
    for path_of in swapped:
        assert shown_name(pair, path_of(1)) in texts and shown_name(pair, path_of(2)) in texts


def test_unknown_files_are_listed_but_fail_nothing(pair):
    (pair.out_root / "a" / "notes.txt").write_text("mine")
    (pair.out_root / "a" / "depth_maps" / "notes.json").write_bytes(b"x")
    (pair.out_root / "stranger").mkdir()
    assert problems_of(pair) == []
    warnings = json.loads((pair.out_root / "logs" / "validation_report.json").read_text())["warnings"]
    for name in ("a: notes.txt", "a: depth_maps/notes.json", "stranger"):
        assert any(name in text and "unknown" in text for text in warnings), warnings


def test_a_moved_data_set_still_knows_its_index(pair):
    moved = pair.out_root.rename(pair.root / "elsewhere")
    index = moved / "scene_index.json"
    index.write_bytes(index.read_bytes().replace(b'"width": 48', b'"width": 49', 1))
    assert cli.phase_main("validate", "doc", ["--out_root", str(moved)]) == 3
    report = json.loads((moved / "logs" / "validation_report.json").read_text())
    assert "scene_index.json" in report["failure_reasons"]["(data set)"][0]


def test_depth_that_is_no_depth_is_an_error_of_its_file_and_not_a_crash(pair):
    import numpy as np

    from focusgen.media.codecs import encode_npz

    path = pair.out_root / "a" / "depth_maps" / "depth_0001.npz"
    depth = np.load(path)["depth"].copy()
    depth[0, 0] = np.nan
    path.write_bytes(encode_npz("depth", depth))
    assert any("depth_0001.npz: 1 of" in text for text in problems_of(pair))
