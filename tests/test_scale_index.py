"""What commands cost with very many scenes: measured in forks, and held to their bars."""

from __future__ import annotations

import pytest

from benchmarks.scale_index import MANY, Cost, measure_index, missed, table
from tests.zygote import measured_in_forks

STEPS = (
    *("merge", "status", "status again", "plan", "submission", "task", "task, finished"),
    *("status, all finished", "the same again"),
)


def costs(cpu_s: float, peak_mb: float = 50.0) -> dict[str, Cost]:
    return dict.fromkeys(STEPS, Cost(cpu_s, peak_mb))


def test_what_is_too_slow_too_large_or_grows_too_fast_is_named():
    assert missed({1000: costs(1.0), MANY: costs(9.0)}, 1.25) == []
    slow = {1000: costs(1.0), MANY: {**costs(9.0), "status": Cost(10.5, 50.0), "task": Cost(1.0, 201.0)}}
    assert missed(slow, 1.25) == [
        "status of 100,000 scenes takes 10.50 s, 50 MB",
        "task of 100,000 scenes takes 1.00 s, 201 MB",
    ]
    assert missed({10: costs(1.0), 100: {**costs(9.0), "plan": Cost(13.0, 50.0)}}, 1.25) == [
        "plan: 1.30 x the time per scene from 10 to 100 scenes"
    ]
    assert table({1000: costs(1.0)})[-1].startswith("| 1,000 | 1.00 s, 50 MB |")


@pytest.mark.slow
@pytest.mark.usefixtures("settled_files")
def test_six_times_the_scenes_cost_little_more_time_and_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.scale_index.SETTLED_S", 0.0)
    with measured_in_forks() as measure:
        few, many = (measure_index(n_scenes, tmp_path, measure) for n_scenes in (100, 600))
    print(*table({100: few, 600: many}), sep="\n")
    assert tuple(few) == STEPS
    assert many["task"].cpu_s < few["task"].cpu_s + 0.5
    for step in STEPS:
        assert many[step].peak_mb < few[step].peak_mb + 20, step
        assert many[step].cpu_s < 8 * few[step].cpu_s, step  # the index anew for each scene is far more
