"""A forecast in GPU and node hours, against the room there is."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from focusgen.cluster.report import forecast_lines, room_lines
from focusgen.cluster.resources import node_share, partition_of
from focusgen.config import Config
from focusgen.config.backends import Rate
from focusgen.run.forecast import Forecast

EXPECTED = Forecast(
    n_scenes=2,
    n_frames=100,
    n_bytes=3 << 30,
    n_files=1000,
    phase_s={"deblur": 7200.0, "calibrate": 60.0},
    gpu_s=7200.0,
    free_bytes=10 << 30,
    free_files=None,
    rates={"deblur": Rate(72.0, load_s=900.0, is_measured=False)},
)


def settings(**sections: dict[str, object]) -> Config:
    return Config.model_validate(sections)


def test_every_worker_loads_its_model_and_is_charged_for_it():
    cfg = settings(deblur={"backend": "deblurnet"})
    lines = forecast_lines(cfg, EXPECTED, ["deblur", "calibrate"], n_workers=4)
    assert re.match(r"  deblur +4 workers +3\.00 h of work  \(estimated\)", lines[1]), lines[1]
    assert re.match(r"  calibrate +1 workers +0\.02 h", lines[2]), "a gate is one job, with no model"
    assert any(line.startswith("  charged   3.00 GPU hours") for line in lines)


def test_a_weight_free_backend_is_charged_no_gpu_and_told_where_it_goes():
    lines = forecast_lines(settings(deblur={"backend": "classical"}), EXPECTED, ["deblur"], 4)
    assert "    needs no GPU and asks for none; partition cpu" in lines
    assert any(line.startswith("  charged   0.00 GPU hours") for line in lines)


def test_a_gpu_asked_for_in_vain_is_named_with_the_way_out():
    cfg = settings(deblur={"backend": "classical"}, cluster={"gpus": {"deblur": 1}})
    (hint,) = (line for line in forecast_lines(cfg, EXPECTED, ["deblur"], 4) if "needs no GPU" in line)
    words = re.search(r"--cluster\.gpus '\{deblur: (\w+)\}'", hint)
    assert words and words.group(1) == "auto"


@pytest.mark.parametrize(
    ("cluster", "share"),
    [
        ({"gpus": {"deblur": 1}}, 0.25),
        ({"gpus": {"deblur": 0}, "cpus": {"deblur": 144}}, 0.5),
        ({"gpus": {"deblur": 0}, "memory_gb": {"deblur": 648}}, 0.75),
    ],
)
def test_the_largest_share_of_a_node_is_charged(cluster, share):
    assert node_share(settings(cluster=cluster), "deblur") == pytest.approx(share)


def test_a_site_with_one_partition_is_left_alone():
    cfg = settings(cluster={"partition": "workq"}, deblur={"backend": "classical"})
    assert partition_of(cfg, "deblur") == "workq"


def test_what_does_not_fit_is_warned_about():
    assert not any("WARNING" in line for line in room_lines(EXPECTED))
    for too_much in (replace(EXPECTED, n_bytes=11 << 30), replace(EXPECTED, free_files=999)):
        assert any("WARNING: it does not fit" in line for line in room_lines(too_much))
