"""The ablation: its tables say what is true, and people and programs can read them."""

from __future__ import annotations

import csv
import io
import json

import cv2
import numpy as np
import pytest

from focusgen.motion.flow import Image
from focusgen.motion.metrics import FlowPair
from focusgen.motion.temporal import TemporalNumbers
from focusgen.tools import ablate
from focusgen.tools.ablate import Excerpt, LensSets

HEIGHT, WIDTH, N_FRAMES, STEP_PX = 64, 96, 8, 2
NUMBERS = TemporalNumbers(radius=2, window_size=4, stride=2)


def panning_video() -> list[Image]:
    noise = np.random.default_rng(0).standard_normal((HEIGHT, WIDTH + 40, 3)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 2.0)
    wide = np.clip(np.rint(128 + texture * (40 / texture.std())), 0, 255).astype(np.uint8)
    return [wide[:, STEP_PX * t : STEP_PX * t + WIDTH].copy() for t in range(N_FRAMES)]


VIDEO = panning_video()


def hallucinating(sigma: float):
    def restore(frame_index: int, draw: int) -> Image:
        noise = np.random.default_rng([frame_index, draw]).standard_normal(VIDEO[0].shape) * sigma
        return np.clip(np.rint(VIDEO[frame_index] + noise), 0, 255).astype(np.uint8)

    return restore


def exact_flow(index: int) -> FlowPair:
    flow_px = np.full((HEIGHT, WIDTH, 2), (-STEP_PX, 0), np.float32)
    occluded = np.zeros((HEIGHT, WIDTH), bool)
    occluded[:, :STEP_PX] = True
    return FlowPair(flow_px, occluded)


EXCERPT = Excerpt(N_FRAMES, VIDEO.__getitem__, read_truth=VIDEO.__getitem__, read_flow=exact_flow)


def test_the_temporal_table_shows_that_the_cached_window_is_an_identity_and_flow_is_not():
    measured = ("e_warp", "long_term_e_warp", "sharpness_ratio", "tof", "psnr_db", "flicker")
    table = ablate.ablate_temporal(EXCERPT, hallucinating(12), NUMBERS)
    rows = {row["strategy"]: row for row in table.rows}
    assert list(rows) == ["flow", "draws", "none", "cached_window"]
    assert all(rows["cached_window"][name] == rows["none"][name] for name in measured)
    assert rows["flow"]["e_warp"] < rows["none"]["e_warp"] / 10
    # windows of 2 every frame: one draw at both ends, two between; of seven pairs 3/4, five times 1/2, 3/4
    assert rows["draws"]["e_warp"] == pytest.approx(rows["none"]["e_warp"] * 4 / 7, rel=0.1)
    assert rows["flow"]["psnr_db"] > rows["none"]["psnr_db"] + 4
    assert rows["flow"]["tof"] < rows["none"]["tof"]
    assert abs(rows["flow"]["sharpness_ratio"] - 1) < abs(rows["none"]["sharpness_ratio"] - 1)
    assert all(row["seconds"] > 0 for row in table.rows)


def test_a_short_excerpt_gets_windows_that_overlap_and_says_so():
    usual = TemporalNumbers()
    assert usual.fitting(12) == TemporalNumbers(2, 4, 2)
    assert usual.fitting(100) == usual
    assert TemporalNumbers(1, 16, 4).fitting(24) == TemporalNumbers(1, 8, 2)
    table = ablate.ablate_temporal(EXCERPT, hallucinating(12), usual, strategies=("none", "draws"))
    assert table.title == "temporal strategies, 8 frames, radius 2, window 2, stride 1"
    assert table.rows[1]["e_warp"] < 0.75 * table.rows[0]["e_warp"]


def test_without_truth_the_raw_frames_are_the_reference():
    row = ablate.measure(Excerpt(N_FRAMES, VIDEO.__getitem__), hallucinating(8), "none", NUMBERS, name="none")
    assert row["psnr_db"] == pytest.approx(30.1, abs=0.3)


def test_nothing_is_compared_across_a_cut():
    video = VIDEO[:4] + [255 - frame for frame in VIDEO[:4]]
    restore = lambda index, draw: video[index]  # noqa: E731
    with_cut = ablate.measure(Excerpt(8, video.__getitem__, (4,)), restore, "none", NUMBERS, name="a")
    without = ablate.measure(Excerpt(8, video.__getitem__), restore, "none", NUMBERS, name="b")
    assert with_cut["e_warp"] < 1e-4 < without["e_warp"]


def test_steps_and_windows_have_one_row_per_value_that_begins_with_its_name():
    by_steps = ablate.ablate_steps(EXCERPT, lambda n: hallucinating(24 / n), "none", NUMBERS, steps=(2, 4))
    assert [line.split()[0] for line in by_steps.text().splitlines()] == ["strategy", "steps=2", "steps=4"]
    assert by_steps.rows[1]["psnr_db"] > by_steps.rows[0]["psnr_db"] + 5
    windows = [("flow", TemporalNumbers(radius=1)), ("flow", TemporalNumbers(radius=3)), ("draws", NUMBERS)]
    by_window = ablate.ablate_window(EXCERPT, hallucinating(12), windows=windows)
    names = [row["strategy"] for row in by_window.rows]
    assert names == ["flow radius=1", "flow radius=3", "draws window=4 stride=2"]
    assert by_window.rows[1]["e_warp"] < by_window.rows[0]["e_warp"] < by_window.rows[2]["e_warp"]


def test_more_lens_sets_show_more_of_the_label_range():
    def start(n_sets: int):
        def of(lens_set: int):
            label = np.full((HEIGHT, WIDTH), lens_set / 4, np.float16)
            return lambda frame_index: (VIDEO[frame_index], label)

        return [of(lens_set) for lens_set in range(n_sets)]

    table = ablate.ablate_sets(LensSets(3, VIDEO.__getitem__, start), n_sets=(1, 2, 5))
    assert [row["strategy"] for row in table.rows] == ["sets=1", "sets=2", "sets=5"]
    assert [row["label_coverage"] for row in table.rows] == [1 / 16, 2 / 16, 5 / 16]
    assert [row["label_spread"] for row in table.rows] == [0.0, 0.25, 1.0]
    assert [row["in_focus"] for row in table.rows] == [0.0, 0.0, 1.0]


@pytest.mark.slow
def test_a_table_survives_csv_and_json_and_draws_its_plot(tmp_path):
    restore = lambda index, draw: VIDEO[index]  # noqa: E731 - exact: the PSNR is infinite
    table = ablate.ablate_temporal(EXCERPT, restore, NUMBERS, strategies=("none", "draws"))
    paths = {name: tmp_path / f"table.{name}" for name in ("csv", "json", "png")}
    table.save(csv_path=paths["csv"], json_path=paths["json"], plot_path=paths["png"])
    rows = list(csv.DictReader(io.StringIO(paths["csv"].read_text())))
    assert [row["strategy"] for row in rows] == ["none", "draws"]
    assert float(rows[0]["e_warp"]) == table.rows[0]["e_warp"] and rows[0]["psnr_db"] == "inf"
    document = json.loads(paths["json"].read_text())
    assert document["rows"][0]["psnr_db"] is None and document["rows"][0]["sharpness_ratio"] == 1.0
    assert cv2.imread(str(paths["png"])).shape[1] > 1000
