"""Settings of a cluster: tables of which some lines are given, texts that become lines of a script."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config import settings_for
from focusgen.config.cluster import TABLES, ClusterConfig
from focusgen.config.graph import PhaseName


def load(**values: Any) -> ClusterConfig:
    return config.load(None, {f"cluster.{name}": value for name, value in values.items()}).cluster


@pytest.mark.parametrize("name", TABLES)
def test_a_table_names_every_phase_once(name):
    assert tuple(getattr(ClusterConfig(), name)) == get_args(PhaseName)


@pytest.mark.parametrize(
    ("name", "value"),
    [("partition", "debug"), ("time_h", 0.5), ("memory_gb", 12), ("cpus", 3), ("gpus", 0), ("gpus", "auto")],
)
def test_one_value_holds_for_all_phases_and_one_line_for_its_own(name, value):
    assert set(getattr(load(**{name: value}), name).values()) == {value}
    some = getattr(load(**{name: {"depth": value}}), name)
    assert some == {**TABLES[name], "depth": value}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cpus": {"depht": 3}}, r"cluster\.cpus\.depht"),
        ({"cpus": 0}, "every value must be greater than 0"),
        ({"time_h": {"depth": -1}}, "every value must be greater than 0"),
        ({"memory_gb": float("inf")}, r"cluster\.memory_gb"),
        ({"time_h": float("nan")}, r"cluster\.time_h"),
        ({"gpus": -1}, "no value may be negative"),
        ({"gpus": {"render": "many"}}, r"cluster\.gpus\.render"),
        ({"gpus": 0.5}, r"cluster\.gpus"),
        ({"partition": ""}, r"cluster\.partition: is empty: give a name, or leave it out"),
        ({"partition": {"depth": " "}}, r"cluster\.partition: is empty"),
        ({"account": ""}, r"cluster\.account: is empty"),
        ({"qos": ""}, r"cluster\.qos: is empty"),
        ({"python": ""}, r"cluster\.python: is empty"),
        ({"account": "a\nb"}, "one line"),
        ({"qos": "normal\x1b[31m"}, "printable"),
        ({"partition": {"depth": "gpu\n#SBATCH --wrap=x"}}, "one line"),
        ({"options": {"comment": "a\rb"}}, "one line"),
        ({"options": {"constraint=a100 --x": "1"}}, "no name of an sbatch option"),
        ({"options": {"--constraint": "a100"}}, "without --"),
        ({"options": {"": "a100"}}, "no name of an sbatch option"),
        ({"options": ["constraint"]}, r"cluster\.options"),
        ({"options": {"array": "0-3"}}, r"array is what focusgen itself tells sbatch: leave 'array' out"),
        ({"options": {"constraint": "a100", "job-name": "x"}}, "leave 'job-name' out"),
        ({"options": {"depend": "afterok:1"}}, "dependency is what focusgen itself tells sbatch"),
        ({"python": "python\t3"}, "printable"),
        ({"setup": 3}, r"cluster\.setup: give a list, e\.g\."),
        ({"throttle": 0}, r"cluster\.throttle"),
        ({"tasks": 0}, r"cluster\.tasks"),
        ({"workers_per_task": 65}, r"cluster\.workers_per_task"),
        ({"wall_share": 0}, r"cluster\.wall_share"),
        ({"wall_share": 1.01}, r"cluster\.wall_share"),
        ({"drain_s": 0}, r"cluster\.drain_s"),
        ({"max_requeues": -1}, r"cluster\.max_requeues"),
        ({"node_memory_gb": 0}, r"cluster\.node_memory_gb"),
    ],
)
def test_what_cannot_be_is_refused_and_says_what_may(values, message):
    with pytest.raises(ConfigError, match=message):
        load(**values)


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("setup", "module load cuda", ("module load cuda",)),
        ("setup", ["module load cuda", "export A='b c'"], ("module load cuda", "export A='b c'")),
        ("setup", [], ()),
        ("pass_env", "HF_TOKEN", ("HF_TOKEN",)),
        ("account", 12345, "12345"),  # YAML reads it as a number
        ("options", {"nice": 100, "constraint": "a100&nvme"}, {"nice": "100", "constraint": "a100&nvme"}),
        ("options", {"exclusive": ""}, {"exclusive": ""}),
        ("python", "/opt/my python/bin/python", "/opt/my python/bin/python"),
        ("account", "größe", "größe"),
        ("max_requeues", 0, 0),
        ("wall_share", 1, 1.0),
    ],
)
def test_what_people_write_is_read(name, given, read):
    assert getattr(load(**{name: given}), name) == read


def test_tables_of_two_configurations_share_nothing():
    first = load(cpus={"depth": 1})
    assert load().cpus == TABLES["cpus"] and first.cpus is not TABLES["cpus"]


@pytest.mark.parametrize("phase", ["index", "deblur", "depth", "calibrate", "render", "validate"])
def test_where_work_is_done_makes_no_scene_stale(phase):
    elsewhere = config.load(None, {"cluster.cpus": 1, "cluster.gpus": 4, "cluster.account": "x"})
    assert settings_for(elsewhere, phase) == settings_for(config.load(None), phase)
