"""What a training takes, before it begins."""

from __future__ import annotations

import pytest

from focusgen.config.files import CONFIG_DIR
from focusgen.focal.sd3.cost import cost_lines, tflop_of_step
from focusgen.focal.sd3.settings import load_settings

MEDIUM = CONFIG_DIR / "focal" / "sd3_medium.yaml"


def test_the_cost_of_a_step_is_about_what_was_counted_on_a_gpu():
    """140 TFLOP (benchmarks/RESULTS.md), and 20 for the decoder's blocks, computed anew since; six slices."""
    medium = load_settings(MEDIUM, {"data.most_slices": 6})
    assert tflop_of_step(medium, 2_244_081_059) == pytest.approx(160.0, rel=0.15)
    half = medium.model_copy(update={"data": medium.data.model_copy(update={"size": 256})})
    assert tflop_of_step(half, 2_244_081_059) == pytest.approx(40.0, rel=0.15)


def test_time_and_memory_of_a_training_follow_its_settings():
    memory, hours = cost_lines(load_settings(MEDIUM, {"train.steps": 2000}))
    assert memory.startswith("medium: 2.244 B parameters, 2244.1 M trained; 46.0 GiB")
    assert "2000 steps take about 1.3 h" in hours
    (lora, _) = cost_lines(load_settings(MEDIUM, {"model.trains": "lora"}))
    assert float(lora.split("; ")[1].split()[0]) < 10.0
