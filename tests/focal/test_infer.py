"""One stack to depth, confidence and a picture at full size; how depth is found is a double here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen.focal import infer
from focusgen.focal.backends import BackendOptions
from focusgen.focal.classical import Estimate
from focusgen.focal.infer import InferOptions, StackResult, enlarged, infer_stack
from focusgen.focal.light import decode_srgb
from focusgen.focal.opened import shrunk_picture
from focusgen.focal.refine import Refined
from focusgen.focal.slice_files import stack_of_folder
from focusgen.focal.stack import FocalStack
from focusgen.focal.told_lens import LensFlags
from tests.focal.stacks import truth

HEIGHT, WIDTH = 48, 64
LENS = LensFlags(50.0, 2.0, 36.0)
TOLD: list[tuple[str, float]] = []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texture = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 1.0
    )
    (tmp_path / "s").mkdir()
    for n in range(3):
        cv2.imwrite(str(tmp_path / "s" / f"{n}.png"), cv2.GaussianBlur(texture, (0, 0), 0.3 + 0.1 * n))
    return tmp_path / "s"


def step(stack: FocalStack) -> Estimate:
    """Return near depth on the left, far on the right."""
    height, width = stack.slices.shape[1:3]
    depth = np.where(np.arange(width) < width // 2, 2.0, 0.5).astype(np.float32) + np.zeros(
        (height, 1), np.float32
    )
    return Estimate(depth, depth, np.full((height, width), 0.8, np.float32), "learned", {})


def result(folder: Path, monkeypatch, find_depth=step, lens: LensFlags = LENS, **options) -> StackResult:
    distances_m = options.pop("distances_m", [0.5, 1.0, 2.0])
    asked = []
    monkeypatch.setattr(infer, "load_estimator", lambda name, of: asked.append((name, of)) or find_depth)
    TOLD.clear()
    found = infer_stack(
        stack_of_folder(folder),
        distances_m,
        lens,
        InferOptions(aligns=False, backend="learned", **options),
        lambda *t: TOLD.append(t),
    )
    assert asked[0][0] == "learned"
    return found


def test_depth_is_metres_at_full_size(folder, monkeypatch):
    found = result(folder, monkeypatch)
    assert found.is_metric and found.metadata["unit"] == "metre" and found.metadata["backend"] == "learned"
    assert found.depth.shape == found.confidence.shape == found.slice_index.shape == (HEIGHT, WIDTH)
    assert (found.depth[:, : WIDTH // 2] == 0.5).all() and (found.depth[:, WIDTH // 2 :] == 2.0).all()
    assert found.rgb.shape == (HEIGHT, WIDTH, 3) and found.rgb.dtype == np.uint8


def test_what_a_long_lens_sees_far_out_is_not_cut_where_infinity_is_written(folder, monkeypatch):
    def far(stack: FocalStack) -> Estimate:
        return step(stack)._replace(diopters=np.full((HEIGHT, WIDTH), 1 / 4000, np.float32))

    long = LensFlags(600.0, 4.0, 36.0)
    found = result(folder, monkeypatch, far, long, distances_m=[50.0, 2000.0, 5000.0])
    np.testing.assert_allclose(found.depth, 4000.0, rtol=1e-6)
    assert found.metadata["depth_range_m"] == pytest.approx([4000.0, 4000.0])


def test_without_a_lens_depth_runs_from_nothing_to_one(folder, monkeypatch):
    found = result(folder, monkeypatch, lens=LensFlags())
    assert not found.is_metric and found.metadata["unexplained_share"] is None
    assert (found.depth[:, : WIDTH // 2] == 0.0).all() and (found.depth[:, WIDTH // 2 :] == 1.0).all()
    np.testing.assert_array_equal(found.confidence, np.float32(0.8))


@pytest.mark.parametrize("factor", [1, 2])
def test_twelve_bits_that_are_stored_in_sixteen_are_looked_at_like_all_sixteen(tmp_path, monkeypatch, factor):
    monkeypatch.setitem(infer.WORK_PIXELS, "default", HEIGHT * WIDTH // factor**2)
    made = {}
    for bits in (12, 16):
        root = tmp_path / f"{bits}"
        root.mkdir()
        for n in range(3):
            eight = truth("tabletop").slices[2 * n][60 : 60 + HEIGHT, 60 : 60 + WIDTH, ::-1]
            deep = (eight.astype(np.uint16) * 16 + 15) << (bits - 12)
            cv2.imwrite(str(root / f"{n}.png"), deep)
        made[bits] = result(root, monkeypatch)
    low, high = made[12], made[16]
    np.testing.assert_allclose(low.rgb, high.rgb >> 4, atol=1)
    assert low.rgb.max() > 256
    for key in ("unexplained_share", "share_without_texture"):
        assert low.metadata[key] == pytest.approx(high.metadata[key], rel=0.01), key
    assert low.metadata["unexplained_share"] > 0.1
    assert (low.metadata["used_bits"], high.metadata["used_bits"]) == (12, 16)


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_slices_in_linear_light_give_what_those_for_displays_give(tmp_path, monkeypatch, factor, bits):
    monkeypatch.setitem(infer.WORK_PIXELS, "default", HEIGHT * WIDTH // factor**2)
    for n in range(3):
        display = truth("tabletop").slices[2 * n][60 : 60 + HEIGHT, 60 : 60 + WIDTH, ::-1]
        light = (2**bits - 1) * decode_srgb(display.astype(np.float32) / 255.0)
        for kind, pixels in (("srgb", display), ("linear", np.rint(light))):
            (tmp_path / kind).mkdir(exist_ok=True)
            dtype = np.uint8 if kind == "srgb" or bits == 8 else np.uint16
            cv2.imwrite(str(tmp_path / kind / f"{n}.png"), pixels.astype(dtype))
    shown = result(tmp_path / "srgb", monkeypatch)
    found = result(tmp_path / "linear", monkeypatch, lens=replace(LENS, transfer="linear"))
    light = (2**bits - 1) * decode_srgb(shown.rgb.astype(np.float32) / 255.0)
    assert found.rgb.dtype == (np.uint8 if bits == 8 else np.uint16)
    np.testing.assert_allclose(found.rgb, light, atol=0.02 * 2**bits)
    for key in ("unexplained_share", "share_in_focus_in_no_slice"):
        assert found.metadata[key] == pytest.approx(shown.metadata[key], rel=0.03), key
    assert (found.metadata["transfer"], shown.metadata["transfer"]) == ("linear", "srgb")


@pytest.mark.parametrize(
    ("said", "level", "is_told"), [("auto", 0.15, True), ("auto", 0.4, False), ("srgb", 0.15, False)]
)
def test_sixteen_bits_as_dark_as_linear_light_are_told_until_somebody_says_what_they_are(
    folder, monkeypatch, said, level, is_told
):
    for path in folder.iterdir():
        pixels = cv2.imread(str(path)).astype(np.float32) / 128.0 * level * 65535
        pixels[0, 0] = 65535
        cv2.imwrite(str(path), np.minimum(pixels, 65535).astype(np.uint16))
    lens = replace(LENS, transfer=said)
    assert result(folder, monkeypatch, lens=lens).metadata["looks_linear"] is is_told


@pytest.mark.parametrize("pixels", [HEIGHT * WIDTH // 4, 500])
def test_a_map_that_was_found_small_is_hard_where_depth_jumps(folder, monkeypatch, pixels):
    monkeypatch.setitem(infer.WORK_PIXELS, "default", pixels)
    found = result(folder, monkeypatch)
    assert found.metadata["working_width"] < WIDTH and found.depth.shape == (HEIGHT, WIDTH)
    assert set(np.unique(found.depth).tolist()) == {0.5, 2.0}  # no ramp between the two
    assert found.rgb.shape == (HEIGHT, WIDTH, 3)


def test_a_smooth_map_that_was_found_small_is_smooth_at_full_size(folder, monkeypatch):
    monkeypatch.setitem(infer.WORK_PIXELS, "default", HEIGHT * WIDTH // 4)

    def ramp(stack: FocalStack) -> Estimate:
        height, width = stack.slices.shape[1:3]
        depth = np.linspace(2.0, 1.4, width, dtype=np.float32) + np.zeros((height, 1), np.float32)
        return Estimate(depth, depth, np.full((height, width), 0.8, np.float32), "learned", {})

    found = 1.0 / result(folder, monkeypatch, ramp).depth
    assert np.abs(np.diff(found, axis=1)).max() < 0.6 / (WIDTH - 1) * 1.3


def test_a_picture_of_the_method_s_own_is_kept_where_it_has_the_full_size(folder, monkeypatch):
    def own(stack: FocalStack) -> Estimate:
        return step(stack)._replace(rgb=np.full(stack.slices.shape[1:], 77, np.uint8))

    assert (result(folder, monkeypatch, own).rgb == 77).all()
    monkeypatch.setitem(infer.WORK_PIXELS, "default", HEIGHT * WIDTH // 4)
    assert result(folder, monkeypatch, own).rgb.std() > 1


def test_progress_names_what_is_done_and_ends_whole(folder, monkeypatch):
    result(folder, monkeypatch)
    names = list(dict.fromkeys(what for what, _ in TOLD))
    assert names[:3] == ["read", "align", "depth"] and names[-1] == "all in focus"
    assert TOLD[-1][1] == 1.0 and all(0.0 <= part <= 1.0 for _, part in TOLD)


def test_the_renderer_in_the_loop_needs_a_lens(folder, monkeypatch):
    called = []
    monkeypatch.setattr(infer, "refine", lambda stack, found, **k: called.append(k) or found)
    result(folder, monkeypatch, lens=LensFlags(), quality="best")
    result(folder, monkeypatch, quality="default")
    assert called == []
    result(folder, monkeypatch, quality="best", device="cuda:1")
    assert called[0]["device"] == "cuda:1"


@pytest.mark.parametrize(("method", "right_m"), [("learned", 2.0), ("relative_blur", 0.5)])
def test_the_renderer_moves_what_the_network_says_on_its_surface_only(folder, monkeypatch, method, right_m):
    def moved(stack, found, **_):
        change = np.where(np.arange(WIDTH) < WIDTH // 2, 0.05, 1.5).astype(np.float32)
        picture = np.zeros(stack.slices.shape[1:], np.uint8)
        return Refined(found.diopters + change, picture)

    monkeypatch.setattr(infer, "refine", moved)
    found = result(folder, monkeypatch, lambda stack: step(stack)._replace(method=method), quality="best")
    assert found.depth[HEIGHT // 2, 5] == pytest.approx(1 / 2.05)
    assert found.depth[HEIGHT // 2, -5] == pytest.approx(right_m)


def test_options_of_a_backend_are_passed_on():
    options = InferOptions(checkpoint=Path("w"), base_model="b", device="cuda", n_ensemble=3).of_backend
    assert options == BackendOptions(Path("w"), "b", "cuda", 3)


@pytest.mark.parametrize("size", [(400, 600), (407, 609), (309, 1203)])
def test_a_map_is_enlarged_by_the_factor_that_pictures_were_shrunk_by_whatever_was_cut_off(size):
    factor, (height, width) = 10, size
    step_at = (width // factor - 1) * factor
    shown = np.where(np.arange(width) < step_at, 2.0, 0.5).astype(np.float32) + np.zeros(
        (height, 1), np.float32
    )
    for span in (1.5, None):
        found = enlarged(shrunk_picture(shown, factor), size, span)
        assert found.shape == size
        middle = np.argmax(found < 1.25, axis=1)
        np.testing.assert_array_equal(middle, step_at)
