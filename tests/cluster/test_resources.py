"""What one worker asks for: a GPU where its backend needs one, and the largest share of a node is charged."""

from __future__ import annotations

from typing import Any

import pytest

from focusgen import config
from focusgen.cluster import resources
from focusgen.cluster.resources import gpus_of, node_share, partition_of
from focusgen.config import Config


def load(**values: Any) -> Config:
    return config.load(None, {key.replace("__", "."): value for key, value in values.items()})


@pytest.mark.parametrize(
    ("values", "phase", "gpus", "partition"),
    [
        ({"deblur__backend": "deblurnet"}, "deblur", 1, "gpu"),
        ({"deblur__backend": "classical"}, "deblur", 0, "cpu"),
        ({"depth__backend": "provided"}, "depth", 0, "cpu"),
        ({"depth__backend": "vda"}, "depth", 1, "gpu"),
        ({}, "render", 0, "cpu"),
        ({"render__backend": "bokehnet"}, "render", 1, "gpu"),
        ({}, "index", 0, "cpu"),
        ({}, "validate", 0, "cpu"),
        # A number is the user's own choice, and leaves the phase where it is.
        ({"cluster__gpus": {"render": 2}}, "render", 2, "gpu"),
        ({"depth__backend": "provided", "cluster__gpus": {"depth": 0}}, "depth", 0, "gpu"),
        ({"depth__backend": "vda", "cluster__gpus": 0}, "depth", 0, "gpu"),
        ({"depth__backend": "provided", "cluster__partition": {"calibrate": "small"}}, "depth", 0, "small"),
    ],
)
def test_a_backend_that_needs_no_gpu_asks_for_none_and_goes_to_the_cpus(values, phase, gpus, partition):
    cfg = load(**values)
    assert gpus_of(cfg, phase) == gpus
    assert partition_of(cfg, phase) == partition


@pytest.mark.parametrize(
    ("values", "share"),
    [
        ({"gpus": 1, "cpus": 1, "memory_gb": 1}, 1 / 4),
        ({"gpus": 0, "cpus": 72, "memory_gb": 1}, 72 / 288),
        ({"gpus": 0, "cpus": 1, "memory_gb": 432}, 1 / 2),
        ({"gpus": 2, "cpus": 288, "memory_gb": 1}, 1.0),
        ({"gpus": 1, "cpus": 1, "memory_gb": 1, "node_gpus": 8}, 1 / 8),
        ({"gpus": 0, "cpus": 4, "memory_gb": 8, "node_cpus": 16, "node_memory_gb": 64}, 1 / 4),
    ],
)
def test_a_worker_is_charged_for_what_it_takes_most_of(values, share):
    cfg = load(**{f"cluster__{key}": value for key, value in values.items()})
    assert node_share(cfg, "depth") == pytest.approx(share)


@pytest.mark.parametrize(
    ("environment", "options", "asked"),
    [
        ({}, {}, ("lab", {"cpu"})),
        ({}, {"account": "other", "partition": "a,b"}, ("other", {"a", "b"})),
        ({"SBATCH_ACCOUNT": "mine", "SBATCH_PARTITION": "c"}, {"account": "other"}, ("mine", {"c"})),
    ],
)
def test_limits_are_asked_of_what_sbatch_will_take(monkeypatch, environment, options, asked):
    for name in ("SBATCH_ACCOUNT", "SBATCH_PARTITION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    questions = []
    monkeypatch.setattr(resources, "read_limits", lambda *words: questions.append(words))
    cfg = load(cluster__account="lab", cluster__options=options)
    resources.limits_for(cfg, ["deblur", "depth"])
    assert questions == [asked]
