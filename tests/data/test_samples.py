"""One window as tensors: each array cut alike, in the shapes and types that training code is promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from focusgen.data.samples import build_sample, camera_matrix, lens_of_window
from focusgen.dataset.lens_metadata import SetLens
from focusgen.dataset.vetting import SceneInfo
from focusgen.optics.coc import Lens

HEIGHT, WIDTH, N = 24, 32, 5
STILL = SetLens(Lens(0.05, 2.0, 1.5), 1e-3)
MOVING = SetLens(Lens(0.05, 2.0, 1.0), 1e-3, tuple(1.0 + 0.1 * n for n in range(N)))
BREATHING = SetLens(Lens(0.05, 2.0, 0.5, formula="exact"), 1e-3, breathes=True)
SCENE = SceneInfo("bear", "train", N, WIDTH, HEIGHT, (), (STILL, MOVING, BREATHING), 0.036, False)
BOX = (3, 5, 8, 12)


def array(modality: str, frame: int) -> np.ndarray:
    """Return what a scene holds: numbers that tell modality, frame and place apart."""
    rng = np.random.default_rng([frame, len(modality)])
    if modality in ("sharp", "bokeh", "clean"):
        return rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    if modality == "valid":
        return rng.integers(0, 4, (HEIGHT, WIDTH), dtype=np.uint8)
    if modality == "depth":
        return rng.uniform(0.7, 4.0, (HEIGHT, WIDTH)).astype(np.float16)
    return rng.random((HEIGHT, WIDTH)).astype(np.float16)


def sample(
    *modalities: Any, set_index: int = 0, frames: tuple[int, ...] = (1, 2, 4), box: Any = BOX, **options: Any
):
    asked: list[tuple[str, int]] = []

    def read(modality: Any, frame: int) -> np.ndarray:
        asked.append((modality, frame))
        return array(modality, frame)

    options = {"recompute_labels": False, **options}
    return build_sample(SCENE, set_index, frames, box, modalities, read, **options), asked


@pytest.mark.parametrize("modality", ["sharp", "bokeh", "clean", "valid", "depth", "focus"])
def test_every_modality_is_its_own_array_cut_to_the_box(modality):
    made, asked = sample(modality)
    assert asked == [(modality, frame) for frame in (1, 2, 4)]
    for row, frame in zip(made[modality], (1, 2, 4), strict=True):
        cut = array(modality, frame)[3:11, 5:17]
        expected = cut.transpose(2, 0, 1) if cut.ndim == 3 else cut[None]
        np.testing.assert_array_equal(row.numpy(), expected)
    is_float = modality in ("depth", "focus")
    assert made[modality].dtype == (torch.float32 if is_float else torch.uint8)
    assert made[modality].is_contiguous()


def test_nothing_is_read_that_nobody_asked_for():
    made, asked = sample()
    assert asked == [] and {"sharp", "bokeh", "depth", "focus", "valid", "clean"}.isdisjoint(made)
    assert (made["scene"], made["set"], made["split"]) == ("bear", 0, "train")
    assert made["frames"].tolist() == [1, 2, 4] and made["crop"].tolist() == list(BOX)
    assert made["frames"].dtype == made["crop"].dtype == torch.int64


def test_labels_are_made_of_depth_and_lens_and_depth_is_read_once():
    made, asked = sample("focus", "depth", recompute_labels=True)
    assert asked == [("depth", frame) for frame in (1, 2, 4)]
    for row, frame in zip(made["focus"], (1, 2, 4), strict=True):
        expected = STILL.label(array("depth", frame), frame)[3:11, 5:17]
        np.testing.assert_array_equal(row[0].numpy(), expected.astype(np.float32))
    assert "depth" not in sample("focus", recompute_labels=True)[0]


def test_a_moving_focus_makes_the_label_of_its_own_frame():
    made, _ = sample("focus", set_index=1, recompute_labels=True)
    for row, frame in zip(made["focus"], (1, 2, 4), strict=True):
        expected = MOVING.label(array("depth", frame), frame)[3:11, 5:17]
        np.testing.assert_array_equal(row[0].numpy(), expected.astype(np.float32))


def test_a_breathing_lens_needs_the_whole_map_for_the_label_of_a_crop():
    made, _ = sample("focus", set_index=2, recompute_labels=True)
    whole = BREATHING.label(array("depth", 1), 1)
    np.testing.assert_array_equal(made["focus"][0, 0].numpy(), whole[3:11, 5:17].astype(np.float32))
    of_the_cut = BREATHING.label(np.ascontiguousarray(array("depth", 1)[3:11, 5:17]), 1)
    assert not np.array_equal(of_the_cut, whole[3:11, 5:17])


def test_arrays_that_may_not_be_written_to_are_taken_all_the_same():
    def read(modality: Any, frame: int) -> np.ndarray:
        found = array(modality, frame)
        found.setflags(write=False)
        return found

    whole = (0, 0, HEIGHT, WIDTH)
    made = build_sample(SCENE, 0, (0,), whole, ("sharp", "depth", "focus"), read, recompute_labels=False)
    made["depth"] += 1.0
    np.testing.assert_array_equal(made["sharp"][0].numpy(), array("sharp", 0).transpose(2, 0, 1))


# --- the lens


def test_a_still_lens_is_numbers_and_a_moving_one_has_a_distance_for_each_frame():
    still = lens_of_window(STILL, (0, 3))
    assert still == {"f": 0.05, "N": 2.0, "S_focus": 1.5, "max_coc": 1e-3}
    moving = lens_of_window(MOVING, (0, 3))["S_focus"]
    assert moving.dtype == torch.float64 and moving.tolist() == pytest.approx([1.0, 1.3])


def test_a_still_lens_may_have_one_too_so_that_windows_can_be_batched():
    still = lens_of_window(STILL, (0, 3), by_frame=True)["S_focus"]
    assert still.tolist() == [1.5, 1.5] and still.dtype == torch.float64
    assert sample(by_frame=True)[0]["lens"]["S_focus"].tolist() == [1.5] * 3


def test_a_camera_matrix_sends_the_axis_to_the_middle_of_the_whole_frame():
    matrix = camera_matrix(SCENE, STILL, BOX)
    focal_px = 0.05 / 0.036 * WIDTH
    assert matrix.dtype == torch.float32
    np.testing.assert_allclose(
        matrix.numpy(), [[focal_px, 0, 15.5 - 5], [0, focal_px, 11.5 - 3], [0, 0, 1]], rtol=1e-6
    )
    # A point 1 m to the right at 2 m depth lies half a focal length right of it, in any crop.
    shown = matrix @ torch.tensor([1.0, 0.0, 2.0])
    assert (shown[0] / shown[2]).item() + 5 == pytest.approx(15.5 + focal_px / 2)
