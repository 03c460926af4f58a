"""Depth that lies upside down, mirrored or turned beside its frames is told; what stands rightly is not."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from focusgen import cli
from focusgen.dataset.records import read_record
from focusgen.phases import depth_standing
from focusgen.phases.depth_standing import _gradient_ranks, _meetings, standing_texts

TURNS = {
    "upside down": ("np.flipud", np.flipud),
    "mirrored": ("np.fliplr", np.fliplr),
    "turned by 180 degrees": ("np.rot90(depth, 2)", lambda depth_m: np.rot90(depth_m, 2)),
}


@pytest.fixture
def village(rgbd):
    """Return a procedural scene of the family that comes nearest to its mirror image."""
    roots = ("--raw_root", str(rgbd.raw_root), "--depth_root", str(rgbd.depth_root))
    small = (
        "--families",
        "village",
        "--n_scenes",
        "1",
        "--n_frames",
        "2",
        "--width",
        "128",
        "--height",
        "96",
    )
    assert cli.main(["synth", *roots, *small]) == 0
    return rgbd


def told(rgbd, *flags: str) -> list[str]:
    """Return what the record says of how the depth stands, phase 3 having made it."""
    assert rgbd.depth_phase(*flags) == 0
    warnings = read_record(rgbd.out_root / "village_000/depth_maps/.done").warnings
    return [text for text in warnings if "the depth seems to be" in text]


def change(rgbd, by) -> None:
    for path in (rgbd.depth_root / "village_000").iterdir():
        np.save(path, by(np.load(path)))


def test_depth_that_stands_rightly_is_not_told(village):
    assert told(village) == []


@pytest.mark.parametrize("how", TURNS)
def test_turned_depth_is_told_with_what_turns_it_back(village, how):
    back, turn = TURNS[how]
    change(village, turn)
    first = min((village.depth_root / "village_000").iterdir())
    np.save(first, np.full_like(np.load(first), 3.0))  # a frame without a step says nothing
    [text] = told(village)
    assert text.startswith(f"the depth seems to be {how}: ") and f"turn its files by {back} " in text


def test_an_edge_is_strong_whichever_way_it_runs_and_a_pixel_beside_it():
    grey = np.zeros((40, 40), np.uint8)
    grey[20:], grey[30:] = 90, 150  # the second edge is weaker, even in its middle
    for picture, at in ((grey, lambda ranks: ranks), (grey.T, lambda ranks: ranks.T)):
        ranks = at(_gradient_ranks(picture))
        assert ranks[18:22].min() > ranks[28:32].max() and ranks[28:32].min() > ranks[:14].max()


def test_rims_of_filled_holes_tell_nothing(village):
    """Holes where the mirror image has its edges, as a sensor's shadows may lie."""

    def with_holes(depth_m):
        is_rim = cv2.morphologyEx(depth_m, cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0.2 * depth_m
        wall_m = np.linspace(2.0, 6.0, depth_m.shape[1], dtype=np.float32)[None].repeat(len(depth_m), 0)
        return np.where(np.flipud(is_rim), np.float32(np.nan), wall_m)

    change(village, with_holes)
    assert told(village, "--depth.max_patched_fraction", "1") == []


def test_turned_steps_must_lie_on_strong_edges_and_on_stronger_ones_than_now(monkeypatch):
    for now, turned, is_told in (
        (0.3, 0.64, False),
        (0.3, 0.66, True),
        (0.6, 0.69, False),
        (0.6, 0.71, True),
    ):
        monkeypatch.setattr(depth_standing, "_meetings", lambda job, frame, row=(now, turned, 0, 0): [row])
        assert bool(list(standing_texts(SimpleNamespace(sampled_frames=[0])))) == is_told


@pytest.mark.parametrize(("rows", "n_told"), [((0, 96), 0), ((0, 30), 1), ((0, 0), 0)])
def test_depth_of_noise_or_without_a_step_tells_nothing(monkeypatch, rows, n_told):
    rng, depth_m = np.random.default_rng(0), np.full((96, 128), 3.0, np.float16)
    depth_m[slice(*rows)] = rng.uniform(1.0, 5.0, depth_m[slice(*rows)].shape)
    monkeypatch.setattr(depth_standing, "read_depth", lambda scene, frame: depth_m)
    monkeypatch.setattr(depth_standing, "read_flags", lambda scene, frame, shape: np.zeros(shape, np.uint8))
    picture = rng.integers(0, 256, (96, 128, 3), np.uint8)
    monkeypatch.setattr(depth_standing, "read_sharp", lambda scene, frame: picture)
    assert len(list(_meetings(SimpleNamespace(scene=None), 0))) == n_told
