"""The weight-free renderer: physics of the ordered planes, and the backend that phases are handed."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from focusgen.models.bokeh.discs import disc_kernel, disc_reach_px, quick_fft_length
from focusgen.models.bokeh.hidden import edge_sides, far_side_seeds, hidden_fill, hidden_surface
from focusgen.models.bokeh.ocp import render_ocp
from focusgen.models.bokeh.planes import plane_ladder, plane_position, plane_weight
from focusgen.models.bokeh.snap import snap_to_colour_edges
from focusgen.models.bokeh.thin_lens import Camera, ThinLensRenderer, ThinLensSession
from focusgen.models.protocols import RenderContext
from focusgen.optics.coc import Lens, signed_blur_radius_px
from focusgen.optics.transfer import display_values, linear_light
from focusgen.synth.truth import fx_px_of
from focusgen.synth.write import make_scene
from tests.traced import write_truth

DATA = Path(__file__).parents[2] / "data" / "bokeh_truth"
BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
LENS = Lens(0.050, 1.8, 1.0)


def random_scene(height: int = 48, width: int = 64, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A near square over a slanted far wall, random colours."""
    generator = torch.Generator().manual_seed(seed)
    rgb = torch.rand(1, 3, height, width, generator=generator)
    rho = torch.linspace(-6.0, -1.0, width).expand(1, height, width).clone()
    rho[:, height // 4 : height // 2, width // 4 : width // 2] = 5.0
    return rgb, rho


def ladder_of(rho: torch.Tensor) -> tuple[float, ...]:
    return plane_ladder(float(rho.min()), float(rho.max()))


def context(**changes: object) -> RenderContext:
    values: dict[str, object] = {
        "scene_id": "a",
        "set_index": 0,
        "width": 64,
        "height": 48,
        "lens": LENS,
        "max_coc_m": None,
        "sensor_width_m": 0.036,
        "depth_m": {"d_min": 0.6, "d_max": 4.0, "d_median": 2.0, "d_p5": 0.7, "d_p95": 3.9},
        "is_depth_exact": True,
        "seed": 1,
    }
    return RenderContext(**{**values, **changes})  # type: ignore[arg-type]


# --- invariants -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ladder", [(0.0,), plane_ladder(-8.0, 5.0)])
def test_zero_blur_changes_nothing(ladder: tuple[float, ...]) -> None:
    rgb, _ = random_scene()
    out = render_ocp(rgb, torch.zeros(1, 48, 64), ladder)
    assert torch.allclose(out, rgb, atol=1e-6, rtol=0)


def test_a_constant_picture_stays_constant() -> None:
    _, rho = random_scene()
    out = render_ocp(torch.full((1, 3, 48, 64), 0.37), rho * 2, ladder_of(rho * 2))
    assert float((out - 0.37).abs().max()) < 1e-4


def test_the_picture_goes_on_beyond_its_frame_as_at_its_edge() -> None:
    ramp = torch.linspace(0.1, 0.9, 64).expand(1, 3, 48, 64).contiguous()
    out = render_ocp(ramp, torch.full((1, 48, 64), -5.0), plane_ladder(-5.0, -5.0))
    kernel = disc_kernel(5.0).float()
    reach = kernel.shape[-1] // 2
    beyond = torch.nn.functional.pad(ramp[:, :1], (reach,) * 4, mode="replicate")
    expected = torch.nn.functional.conv2d(beyond, kernel[None, None])
    assert torch.allclose(out[:, :1], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("radius_px", [2.5, 3.3, 6.0, 8.2, 17.0, 30.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_impulse_becomes_a_disc_of_the_asked_radius_and_the_same_energy(
    radius_px: float, sign: int
) -> None:
    size = 2 * math.ceil(radius_px) + 9
    rgb = torch.zeros(1, 3, size, size)
    rgb[..., size // 2, size // 2] = 1.0
    ladder = plane_ladder(-40.0, 40.0)
    out = render_ocp(rgb, torch.full((1, size, size), sign * radius_px), ladder)[0, 0].double()
    axis = torch.arange(size, dtype=torch.float64) - size // 2
    second_moment = float((out * (axis[:, None] ** 2 + axis**2)).sum() / out.sum())
    assert float(out.sum()) == pytest.approx(1.0, abs=1e-4)
    assert math.sqrt(2.0 * second_moment) == pytest.approx(radius_px, rel=0.02)


@pytest.mark.parametrize(("transfer", "level"), [("gamma22", 186), ("srgb", 188)])
def test_black_and_white_blend_to_half_the_light_by_the_curve_that_was_asked_for(transfer, level) -> None:
    renderer = ThinLensRenderer(max_radius_px=64, camera=Camera(transfer))
    checker = np.indices((48, 64)).sum(0)[None, ..., None] % 2 * np.full(3, 255)
    wall = np.full((1, 48, 64), -7.0, np.float32)
    depth_m = dict.fromkeys(("d_min", "d_max", "d_median", "d_p5", "d_p95"), 4.0)
    session = renderer.start(context(depth_m=depth_m))
    drawn = session.render(checker.astype(np.uint8), wall, wall.astype(np.float16), [0])
    assert (np.abs(drawn[:, 12:-12, 12:-12].astype(int) - level) <= 2).all()


def test_sharpness_falls_strictly_as_the_aperture_opens() -> None:
    rgb, rho = random_scene()
    energies = []
    for gain in (0.0, 0.125, 0.25, 0.5, 1.0, 2.0):
        out = render_ocp(rgb, rho * gain, ladder_of(rho * gain))
        laplacian = 4 * out[..., 1:-1, 1:-1] - (
            out[..., 2:, 1:-1] + out[..., :-2, 1:-1] + out[..., 1:-1, 2:] + out[..., 1:-1, :-2]
        )
        energies.append(float((laplacian**2).mean()))
    assert all(sharper > softer for sharper, softer in zip(energies[:-1], energies[1:], strict=True))


def test_sharp_pixels_far_from_edges_are_untouched() -> None:
    rgb, _ = random_scene()
    rho = torch.zeros(1, 48, 64)
    rho[:, :, :20] = 6.0
    out = render_ocp(rgb, rho, ladder_of(rho))
    change = (display_values(out) - display_values(rgb))[..., 20 + 8 :].abs().max()
    assert float(change) < 1 / 255


def test_a_near_blurred_edge_shows_the_wall_behind_it_and_a_sharp_one_hides_it() -> None:
    rgb = torch.zeros(1, 3, 40, 80)
    rgb[..., 40:] = 1.0
    halves = torch.zeros(1, 40, 80)
    near_black = halves.clone()
    near_black[..., :40] = 8.0  # black and near and blurred, over a sharp white wall
    out = render_ocp(rgb, near_black, plane_ladder(0.0, 8.0))[0, 0, 20]
    assert 0.3 < float(out[39]) < 0.7 and float(out[36]) > 0.1  # seen through the rim
    far_white = halves.clone()
    far_white[..., 40:] = -8.0  # the wall is far and blurred, black is sharp
    out = render_ocp(rgb, far_white, plane_ladder(-8.0, 0.0))[0, 0, 20]
    assert float(out[:40].abs().max()) < 1e-4
    assert float(out[40:].min()) > 0.99


def test_doubling_the_width_doubles_the_radius_and_k_is_the_slope_in_diopters() -> None:
    depth_m = np.array([0.7, 1.5, 4.0])
    narrow = signed_blur_radius_px(depth_m, LENS, image_width_px=400)
    assert signed_blur_radius_px(depth_m, LENS, image_width_px=800) == pytest.approx(2 * narrow)


# --- planes, discs --------------------------------------------------------------------------------


def test_plane_weights_sum_to_one_and_keep_the_second_moment() -> None:
    ladder = plane_ladder(-20.0, 13.0)
    rho = torch.linspace(-20.0, 13.0, 997)
    position = plane_position(rho, ladder)
    weights = torch.stack([plane_weight(position, k) for k in range(len(ladder))])
    assert torch.allclose(weights.sum(0), torch.ones(997), atol=1e-5)
    squares = (weights * torch.tensor([r * r for r in ladder])[:, None]).sum(0)
    assert torch.allclose(squares.sqrt(), rho.abs(), atol=0.02)


@pytest.mark.parametrize("ends", [(-10.0, 2.6), (0.0, 0.0), (3.2, 3.2), (-1.2, 7.9), (-130.0, 150.0)])
def test_ladders_run_from_the_nearest_to_the_farthest_radius(ends: tuple[float, float]) -> None:
    ladder = plane_ladder(*ends)
    assert (ladder[-1], ladder[0]) == ends
    assert list(ladder) == sorted(set(ladder), reverse=True)
    assert (0.0 in ladder) == (ends[0] <= 0.0 <= ends[1])


def test_ends_below_one_pixel_move_outwards_to_a_rung() -> None:
    assert plane_ladder(-0.3, 0.7) == (1.0, 0.0, -1.0)
    assert plane_ladder(0.3, 0.7) == (1.0, 0.0)
    assert str(plane_ladder(-0.7, -0.2)[0]) == "0.0"


@pytest.mark.parametrize("radius_px", [0.5, 1.0, 2.7, 9.0])
def test_discs_have_unit_sum_and_are_symmetric(radius_px: float) -> None:
    kernel = disc_kernel(radius_px)
    assert kernel.shape == (2 * disc_reach_px(radius_px) + 1,) * 2
    assert float(kernel.sum()) == pytest.approx(1.0, abs=1e-6)
    assert torch.equal(kernel, kernel.flip(0).T)


def test_quick_fft_lengths_are_the_next_products_of_two_three_five() -> None:
    def is_smooth(n: int) -> bool:
        for p in (2, 3, 5):
            while n % p == 0:
                n //= p
        return n == 1

    for n in range(1, 300):
        assert quick_fft_length(n) == next(m for m in range(n, 2 * n + 1) if is_smooth(m))


def test_the_hidden_surface_continues_the_far_side() -> None:
    rgb = torch.zeros(1, 3, 32, 32)
    rgb[..., 16:] = 0.5
    rho = torch.zeros(1, 1, 32, 32)
    rho[..., :16] = 6.0
    ladder = plane_ladder(0.0, 6.0)
    seeds = far_side_seeds(rho, *edge_sides(rho))
    hidden = hidden_surface(rho, seeds, hidden_fill(rgb, rho, seeds, ladder), ladder)
    behind = (0, slice(None), 10, slice(10, 16))
    assert torch.allclose(hidden.rgb[behind], torch.full((3, 6), 0.5), atol=1e-5)
    assert float(hidden.radius_px[..., 10:16].abs().max()) < 1e-5
    assert float(hidden.weight[..., 10:16].min()) == 1.0 and float(hidden.weight[..., 16:].max()) == 0.0


# --- numbers do not depend on how they are computed -----------------------------------------------


def test_cropped_planes_equal_whole_frames_and_a_batch_equals_its_frames() -> None:
    pairs = [random_scene(seed=s) for s in (0, 1, 2)]
    rgb = torch.cat([rgb for rgb, _ in pairs])
    rho = torch.cat([rho.roll(7 * i, -1) for i, (_, rho) in enumerate(pairs)])
    ladder = ladder_of(rho)
    whole = render_ocp(rgb, rho, ladder, crop=False)
    cropped = render_ocp(rgb, rho, ladder, crop=True)
    assert torch.allclose(whole, cropped, atol=1e-5)
    single = render_ocp(rgb[1:2], rho[1:2], ladder)
    assert torch.allclose(cropped[1:2], single, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (16, 1), (3, 5), (33, 20)])
@pytest.mark.parametrize("spread_px", [0.3, 3.0, 40.0])
def test_any_size_and_any_depth_gives_light_between_black_and_white(
    size: tuple[int, int], spread_px: float
) -> None:
    generator = torch.Generator().manual_seed(size[0] + size[1])
    rgb = torch.rand(1, 3, *size, generator=generator)
    rho = torch.randn(1, *size, generator=generator) * spread_px
    ladder = ladder_of(rho)
    out = render_ocp(rgb, rho, ladder)
    assert float(out.min()) > -1e-4 and float(out.max()) < 1 + 1e-4
    assert torch.allclose(out, render_ocp(rgb, rho, ladder, crop=False), atol=1e-5)


def test_off_the_cpu_no_value_is_read_by_the_host() -> None:
    rgb, rho = random_scene()
    ladder = ladder_of(rho)
    # A meta tensor has no values: whatever would make the host wait for a GPU raises here.
    with torch.inference_mode():
        snapped = snap_to_colour_edges(rgb.to("meta"), rho.to("meta"))
        out = render_ocp(rgb.to("meta"), snapped, ladder)
    assert out.shape == rgb.shape and out.device.type == "meta"


def test_the_number_of_threads_does_not_matter() -> None:
    rgb, rho = random_scene(96, 128)
    before = torch.get_num_threads()
    results = []
    try:
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            results.append(render_ocp(rgb, rho, ladder_of(rho)))
    finally:
        torch.set_num_threads(before)
    assert max(float((r - results[0]).abs().max()) for r in results) < 1e-5


def test_gradients_match_finite_differences() -> None:
    generator = torch.Generator().manual_seed(5)
    rgb, rho = random_scene(20, 24)
    rho += 0.3 * torch.rand(1, 20, 24, generator=generator)  # off the rungs, where the slope jumps
    ladder = plane_ladder(-7.0, 6.0)
    target = torch.rand(1, 3, 20, 24, generator=generator)

    def loss(rgb: torch.Tensor, rho: torch.Tensor) -> torch.Tensor:
        return ((render_ocp(rgb, rho, ladder) - target) ** 2).sum()

    def gradients(dtype: torch.dtype) -> list[torch.Tensor]:
        given = [x.to(dtype, copy=True).requires_grad_(True) for x in (rgb, rho)]
        return list(torch.autograd.grad(loss(*given), given))

    single, double = gradients(torch.float32), gradients(torch.float64)
    for a, b in zip(single, double, strict=True):
        assert torch.isfinite(a).all()
        assert float((a - b).norm() / b.norm()) < 1e-3
    step = 1e-5
    for _ in range(4):
        for which in (0, 1):
            direction = torch.randn(double[which].shape, generator=generator).double()
            ends = []
            for sign in (1.0, -1.0):
                moved = [rgb.double(), rho.double()]
                moved[which] = moved[which] + sign * step * direction
                ends.append(float(loss(*moved)))
            slope = (ends[0] - ends[1]) / (2 * step)
            assert slope == pytest.approx(float((double[which] * direction).sum()), rel=1e-3, abs=1e-3)


# --- depth edges ----------------------------------------------------------------------------------


def test_snapping_gives_a_soft_depth_edge_back_to_the_colour_edge() -> None:
    rgb = torch.full((1, 3, 24, 40), 0.2)
    rgb[..., 20:] = 0.8
    exact = torch.zeros(1, 24, 40)
    exact[..., 20:] = 8.0
    soft = exact.clone()
    soft[..., 18:22] = torch.tensor([1.0, 3.0, 5.0, 7.0])
    assert torch.equal(snap_to_colour_edges(rgb, soft), exact)
    gentle = torch.linspace(0, 4, 40).expand(1, 24, 40)
    assert torch.equal(snap_to_colour_edges(rgb, gentle), gentle)


def test_a_sharp_silhouette_keeps_its_soft_pixels_without_a_rim() -> None:
    """A white disc in focus before a far black wall: the half-covered pixels must not bleed into the blur."""
    size = 64
    axis = torch.arange(size * 8) / 8 - size / 2
    inside = ((axis[:, None] ** 2 + axis[None, :] ** 2) < 20.3**2).float()
    picture = torch.nn.functional.avg_pool2d(inside[None, None], 8)
    centre = torch.arange(size) + 0.5 - size / 2
    rho = torch.where(centre[:, None] ** 2 + centre[None, :] ** 2 < 20.3**2, 0.0, -8.0)[None]
    out = render_ocp(picture.expand(1, 3, -1, -1).contiguous(), rho, plane_ladder(-8.0, 0.0))
    assert float((out - picture).abs().mean()) < 5e-3  # black blurs to black: the truth is the picture
    outside = centre[:, None] ** 2 + centre[None, :] ** 2 > 22.0**2
    assert float(out[0, :, outside].max()) < 0.02


# --- the backend ----------------------------------------------------------------------------------


def render_one(renderer: ThinLensRenderer, ctx: RenderContext, depth_m: np.ndarray) -> np.ndarray:
    frames = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), dtype=np.uint8)
    radius = signed_blur_radius_px(
        depth_m.astype(np.float32), ctx.lens, image_width_px=64, sensor_width_m=0.036, max_coc_m=ctx.max_coc_m
    )
    labels = np.zeros((2, 48, 64), np.float16)
    return renderer.start(ctx).render(frames, np.stack([radius, radius]), labels, [0, 1])


def test_the_backend_returns_the_frames_blurred_in_linear_light() -> None:
    depth_m = np.linspace(0.6, 4.0, 64)[None].repeat(48, 0)
    out = render_one(ThinLensRenderer(max_radius_px=64), context(), depth_m)
    frames = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), dtype=np.uint8)
    assert out.shape == frames.shape and out.dtype == np.uint8
    assert out.std() < frames.std()
    light = [linear_light(torch.from_numpy(x / 255.0)).mean() for x in (frames, out)]
    assert float(light[1] / light[0]) == pytest.approx(1.0, abs=0.01)


def test_the_planes_are_fixed_by_the_scene_and_cut_at_the_largest_radius() -> None:
    wide = context(width=640)
    assert max(abs(r) for r in ThinLensRenderer(max_radius_px=3.0).start(wide).ladder) == 3.0
    session = ThinLensRenderer(max_radius_px=64).start(wide)
    expected = signed_blur_radius_px(np.array([4.0, 0.6]), LENS, image_width_px=640)
    assert (session.ladder[-1], session.ladder[0]) == pytest.approx(tuple(expected), rel=1e-5)


# --- truth ----------------------------------------------------------------------------------------


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """benchmarks/bokeh_truth.py, the one place that scores."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("bokeh_truth")
    del sys.modules["bokeh_truth"]


@pytest.mark.parametrize(
    ("name", "psnr_db", "ssim", "psnr_edge_db"),
    [("tabletop_320x192", 46.1, 0.997, 41.3), ("bars_320x192", 37.1, 0.976, 33.9)],
)
def test_the_ray_traced_truth_is_matched(
    name: str, psnr_db: float, ssim: float, psnr_edge_db: float, truth: ModuleType
) -> None:
    with np.load(DATA / f"{name}.npz") as data:
        scene = truth.read_scene(name, data)
    drawn = truth.render(scene, "thin_lens")
    figures = truth.score(scene, drawn)
    assert figures["psnr_db"] >= psnr_db
    assert figures["ssim"] >= ssim
    assert figures["psnr_edge_db"] >= psnr_edge_db
    baseline = truth.score(scene, truth.render(scene, "gather"))
    assert figures["psnr_db"] >= baseline["psnr_db"] + 3.0
    light = [float((x**2.2).mean()) for x in (scene.aif, drawn)]
    assert light[1] / light[0] == pytest.approx(1.0, abs=0.005)


def test_a_clip_of_the_truth_format_also_gives_its_motion_error(tmp_path: Path, truth: ModuleType) -> None:
    with np.load(DATA / "bars_320x192.npz") as data:
        still = {key: data[key] for key in data.files}
    moving = {key: np.stack([still[key], np.roll(still[key], 2, 1)]) for key in ("aif", "depth", "truth")}
    np.savez(tmp_path / "clip.npz", **{**still, **moving})
    (scene,) = truth.read_scenes(tmp_path)
    figures = truth.score(scene, truth.render(scene, "thin_lens"))
    assert set(figures) == {"name", "psnr_db", "ssim", "psnr_edge_db", "rm"}
    assert figures["name"] == "clip" and 0.0 < figures["rm"] < 0.02


def test_a_scene_traced_here_is_matched_better_than_by_the_baseline(
    tmp_path: Path, truth: ModuleType
) -> None:
    lens = Lens(0.085, 1.0, 1.0, "exact")
    made = make_scene("portrait", 1, n_frames=1, width=96, height=64, fx_px=fx_px_of(lens, 96))
    write_truth(tmp_path / "made.npz", made, 0, lens, 128)
    (scene,) = truth.read_scenes(tmp_path)
    ours, baseline = (truth.score(scene, truth.render(scene, r)) for r in ("thin_lens", "gather"))
    assert ours["psnr_db"] > max(baseline["psnr_db"] + 2.0, 34.0)


def test_a_moving_focus_draws_each_frame_as_a_lens_that_stays_there_would():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (3, 48, 64, 3), dtype=np.uint8)
    depth_m = np.linspace(0.6, 4.0, 64, dtype=np.float32)[None].repeat(48, 0)
    distances_m = (1.0, 1.7, 3.5)
    lenses = [Lens(0.050, 1.8, s) for s in distances_m]
    radius_px = np.stack([signed_blur_radius_px(depth_m, lens, image_width_px=64) for lens in lenses])
    labels = np.zeros(radius_px.shape, np.float16)
    renderer = ThinLensRenderer(max_radius_px=64.0)
    moving = renderer.start(context(focus_distances_m=distances_m))
    alone = [renderer.start(context(lens=lens)) for lens in lenses]
    expected = [
        alone[t].render(frames[t : t + 1], radius_px[t : t + 1], labels[:1], [t])[0] for t in range(3)
    ]
    assert np.array_equal(moving.render(frames, radius_px, labels, [0, 1, 2]), np.stack(expected))
    assert np.array_equal(moving.render(frames[2:], radius_px[2:], labels[2:], [2])[0], expected[2])
    assert moving.render(frames[:0], radius_px[:0], labels[:0], []).shape == (0, 48, 64, 3)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_small_lamp_before_a_far_wall_keeps_its_boosted_light_up_to_its_edge(sparse) -> None:
    lamp = np.s_[30:34, 30:34]
    frame, sharp, blurred = np.full((64, 64, 3), 40, np.uint8), np.full((64, 64), -8.0), np.zeros((64, 64))
    frame[lamp], sharp[lamp], blurred[lamp] = 255, 0.0, 8.0
    camera = Camera("srgb", boosts=True)

    def shown(radius: np.ndarray) -> np.ndarray:
        ladder = plane_ladder(float(radius.min()), float(radius.max()))
        session = ThinLensSession(ladder, camera=camera, sparse=sparse, device=torch.device("cpu"))
        return session.render(frame[None], radius[None].astype(np.float32), np.zeros((1, 64, 64)), [0])[0]

    def light_over_wall(rgb: np.ndarray) -> float:
        light = camera.light(torch.from_numpy(rgb.astype(np.float64) / 255))
        return float((light - light[0, 0]).sum())

    assert (shown(sharp)[lamp] == 255).all(), "what is sharp stays as it was"
    assert light_over_wall(shown(blurred)) == pytest.approx(light_over_wall(frame), rel=0.03)
