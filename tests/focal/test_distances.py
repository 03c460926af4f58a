"""Focus distances as people write them: units, fractions; and what is refused."""

import math

import numpy as np
import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal.distances import (
    ORDERS,
    check_distances,
    from_the_lens,
    order_of,
    parse_distances,
    stepped_m,
)

NAMES = ["s_00.png", "s_01.png", "s_10.png"]
WANTED = [0.5, 0.75, math.inf]


@pytest.mark.parametrize(
    "text",
    [
        "0.5,0.75,inf",
        "50cm 750mm Infinity",
        "1/2; 3/4; \u221e",
        "[0.5, 0.75, inf]",
        "0.5 m, 75 cm, inf",
        "5e-1m,.75,+INF",
        "500000um 750000 \u00b5m inf",
        "500000\u03bcm;750000um;inf",
    ],
)
def test_any_way_of_writing_gives_the_same_metres(text: str):
    assert parse_distances(text, "here") == pytest.approx(WANTED)


@pytest.mark.parametrize("word", ["-1", "0", "nan", "1/0", "near", "2ft", "m", "1//2"])
def test_what_is_no_distance_is_named(word: str):
    with pytest.raises(ConfigError, match="here"):
        parse_distances(f"0.5,{word}", "here")


@pytest.mark.parametrize("text", ["300,500,1000mm", "30 50 100cm", "50,100um"])
def test_a_unit_that_may_be_meant_for_all_is_asked_for(text: str):
    with pytest.raises(ConfigError, match="alone") as refused:
        parse_distances(text, "here")
    said = refused.value.advice.partition(": ")[2].partition(", or")[0]
    assert len(parse_distances(said, "here")) == len(said.split(","))


def test_a_unit_of_the_last_alone_is_its_own_where_the_others_go_its_way():
    assert parse_distances("0.5,75cm", "here") == pytest.approx([0.5, 0.75])
    assert parse_distances("0.5,75cm,1/2,inf", "here")[3] == math.inf


@pytest.mark.parametrize(
    ("distances_m", "complaint"),
    [
        ([0.5, 0.7], "more slices than distances"),
        ([], "more slices than distances"),
        ([0.5, 0.6, 0.7, 0.8], "more distances than slices"),
        ([0.5, 0.500001, 1.0], "duplicate focus distance .* s_00.png and s_01.png"),
        ([0.5, math.inf, math.inf], "duplicate focus distance inf m"),
        ([0.04, 0.5, 1.0], "s_00.png: focus distance 0.04 m is not beyond the focal length, 50 mm"),
    ],
)
def test_what_is_no_stack_is_refused(distances_m: list[float], complaint: str):
    with pytest.raises(ConfigError, match=complaint):
        check_distances(distances_m, NAMES, 0.05)


def test_distances_from_the_sensor_are_those_of_the_lens_and_the_image_behind_it():
    metres = [0.1, 0.5172, 3.4, math.inf]  # from the lens; the first at a magnification of 1
    behind = [0.05 * s / (s - 0.05) for s in metres[:-1]]
    from_sensor = [*(s + v for s, v in zip(metres[:-1], behind, strict=True)), math.inf]
    assert from_the_lens(from_sensor, ["a", "b", "c", "d"], 0.05) == pytest.approx(metres, rel=1e-6)
    with pytest.raises(ConfigError, match=r"b: 0\.19 m from the sensor is nearer than four focal lengths"):
        from_the_lens([0.5, 0.19], ["a", "b"], 0.05)


def test_distances_that_nobody_knows_are_even_steps_either_way():
    near, far = (stepped_m(order, 5) for order in ORDERS)
    assert far == near[::-1] and near == sorted(near)
    steps = np.diff(1 / np.array(near))
    assert steps == pytest.approx(np.full(4, steps[0]))
    assert order_of(" Near-To-Far ") == ORDERS[0] and order_of("0.5,1") is None and order_of(None) is None
