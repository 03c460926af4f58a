"""Many scenes: no step takes longer per scene because there are more of them."""

from __future__ import annotations

import pytest

from benchmarks import scale


@pytest.mark.slow
@pytest.mark.usefixtures("fresh_decoders")  # whose time counts when they have ended
def test_four_times_the_scenes_take_four_times_as_long(tmp_path):
    scale.measure(2, tmp_path)  # imports and first calls
    times = {n: scale.measure(n, tmp_path) for n in (30, 120)}
    for step, seconds in times[120].items():
        per_scene_ms = [1e3 * times[30][step] / 30, 1e3 * seconds / 120]
        assert per_scene_ms[1] < 1.5 * per_scene_ms[0] + 0.3, f"{step}: {per_scene_ms} ms a scene"


def test_a_step_that_grows_faster_than_the_scenes_is_named():
    times = {250: {"status": 0.3, "validation": 5.0}, 1000: {"status": 1.2, "validation": 60.0}}
    assert scale.missed_bars(times) == ["validation: 3.00 x the time per scene from 250 to 1000 scenes"]
    assert scale.missed_bars({1000: {"status": 3.1}}) == ["status of 1000 scenes takes 3.1 s"]
