"""A record vouches for what it says, to the last byte, and names every key that differs."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focusgen.base.errors import CorruptInputError
from focusgen.config import Config, DepthConfig, settings_for
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import RECORD_VERSION, Identity, read_record, seal, unseal
from focusgen.dataset.states import State, phase_state, read_failure

IDENTITY = Identity(
    phase="depth",
    scene_id="bear",
    backend="vda",
    algorithm_version=1,
    settings={"depth.input_size": 518, "depth.min_m": 0.01},
    weights={"vda": "abc"},
    upstream={"deblur": "123"},
    n_frames=3,
)


def document() -> dict:
    files = {"depth_0000.npz": {"size": 12, "xxh3_128": "ff"}}
    rest = {"files": files, "flags": {"1": ["odd"]}, "warnings": ["w"], "details": {"width": 16}}
    return {"record_version": RECORD_VERSION, **IDENTITY.document(), **rest}


def test_a_record_says_what_was_sealed():
    record = unseal(seal(document(), {"host": "n1", "notes": {"median/0": 2.5}}))
    assert record.n_frames == 3
    assert record.files["depth_0000.npz"].size == 12
    assert record.flags == {"1": ["odd"]}
    assert record.notes == {"median/0": 2.5}
    assert Identity.of(record.document) == IDENTITY


def test_times_and_host_are_in_no_digest_but_are_protected_all_the_same():
    one, other = (unseal(seal(document(), {"host": host})) for host in ("n1", "n2"))
    assert one.digest == other.digest
    with pytest.raises(CorruptInputError, match="damaged"):
        unseal(seal(document(), {"host": "n1"}).replace(b'"n1"', b'"n2"'))


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=200, deadline=None)
def test_any_flipped_bit_is_noticed(position, bit):
    data = bytearray(seal(document(), {"host": "n1"}))
    data[position % len(data)] ^= 1 << bit
    with pytest.raises(CorruptInputError):
        unseal(bytes(data))


@given(data=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_are_anything_but_refused(data):
    with pytest.raises(CorruptInputError):
        unseal(data)


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"null",
        b"3",
        b'"x"',
        b'{"run": []}',
        b'{"run": {}, "digest": 1}',
        b"[" * 100_000,
        b'{"run": 1}',
    ],
)
def test_json_that_is_no_record_is_refused(data):
    with pytest.raises(CorruptInputError, match="damaged"):
        unseal(data)


def test_an_empty_record_points_to_adopt():
    with pytest.raises(CorruptInputError, match="another pipeline") as caught:
        unseal(b"\n")
    assert "adopt" in caught.value.advice


def test_another_version_is_refused_by_its_number():
    with pytest.raises(CorruptInputError, match="version 99"):
        unseal(seal({**document(), "record_version": 99}, {}))


CHANGES = {
    "backend": ("hf", 'backend: "vda" -> "hf"'),
    "algorithm_version": (2, "algorithm_version: 1 -> 2"),
    "settings": ({"depth.input_size": 266, "depth.min_m": 0.01}, "depth.input_size: 518 -> 266"),
    "weights": ({"vda": "def"}, 'weights.vda: "abc" -> "def"'),
    "upstream": ({"deblur": "456"}, 'upstream.deblur: "123" -> "456"'),
    "n_frames": (4, "n_frames: 3 -> 4"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_difference_is_named_by_its_key(name):
    value, expected = CHANGES[name]
    today = dataclasses.replace(IDENTITY, **{name: value})
    assert today.difference(IDENTITY.document()) == expected
    assert IDENTITY.difference(IDENTITY.document()) is None


def test_all_differences_are_listed():
    today = dataclasses.replace(IDENTITY, **{name: value for name, (value, _) in CHANGES.items()})
    assert sorted(today.differences(IDENTITY.document())) == sorted(text for _, text in CHANGES.values())
    fewer = dataclasses.replace(IDENTITY, settings={"depth.input_size": 518})
    assert fewer.differences(IDENTITY.document()) == ["depth.min_m: 0.01 -> null"]


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"unit": "mm"}, {}, "scale_floats: true -> null (made with --depth.unit mm)"),
        ({}, {"unit": "mm"}, "scale_floats: null -> true (made without --depth.unit mm)"),
        (
            {"unit": "cm"},
            {"unit": "m"},
            "depth_scale: 100.0 -> 1.0 (made with --depth.unit cm, now with m)",
        ),
        ({"depth_scale": 100}, {"depth_scale": 10}, "depth_scale: 100.0 -> 10.0"),
        ({"unit": "mm"}, {"unit": "mm", "max_m": 3}, "max_m: null -> 3.0"),
    ],
)
def test_a_unit_that_records_hold_as_a_scale_is_named_as_it_is_typed(before, now, said):
    made, today = (settings_for(Config(depth=DepthConfig(**one)), "depth") for one in (before, now))
    recorded = dataclasses.replace(IDENTITY, settings=made).document()
    found = dataclasses.replace(IDENTITY, settings=today).differences(recorded)
    assert found == [f"depth.{said}"]


@pytest.fixture
def scene(tmp_path) -> SceneLayout:
    scene = SceneLayout(tmp_path, "bear")
    scene.phase_folder("depth").mkdir(parents=True)
    return scene


def test_the_state_of_a_scene_follows_from_its_files(scene):
    assert phase_state(scene, IDENTITY).state is State.PENDING
    scene.journal("depth").parent.mkdir(parents=True)
    scene.journal("depth").write_text("{}")
    assert phase_state(scene, IDENTITY).state is State.PARTIAL
    scene.failed("depth").write_text(json.dumps({"class": "oom", "message": "too large"}))
    found = phase_state(scene, IDENTITY)
    assert (found.state, found.reason) == (State.FAILED, "oom: too large")
    scene.done("depth").write_bytes(seal(document(), {}))
    assert phase_state(scene, IDENTITY).state is State.COMPLETE
    other = dataclasses.replace(IDENTITY, backend="hf")
    assert phase_state(scene, other).reason == CHANGES["backend"][1]
    scene.done("depth").write_bytes(b"{}")
    assert phase_state(scene, IDENTITY).state is State.STALE


def test_a_record_that_cannot_be_read_names_its_path(scene):
    scene.done("depth").write_bytes(b"{}")
    with pytest.raises(CorruptInputError, match=r"depth_maps/\.done"):
        read_record(scene.done("depth"))
    assert read_record(scene.partial("depth")) is None


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"message": 1}', b'"class"'])
def test_a_damaged_failure_record_is_no_crash(scene, data):
    scene.failed("depth").write_bytes(data)
    failure = read_failure(scene, "depth")
    assert failure is None or failure["class"] == "bug"


@pytest.mark.parametrize(
    ("backend", "details", "is_stale"),
    [
        ("provided", {"patched_raised_lowered": {"1": [0, 7, 0], "2": [5, 0, 0]}}, True),
        ("provided", {"patched_raised_lowered": {"1": [9, 0, 3]}}, False),
        ("provided", {"patched_raised_lowered": {}}, False),
        ("provided", {"patched_raised_lowered": {"1": [0, 7, 0]}, "unit": "metres"}, False),
        ("vda", {"patched_raised_lowered": {"1": [0, 7, 0]}}, False),
    ],
)
def test_own_depth_whose_holes_an_older_release_took_for_a_surface_is_stale(
    tmp_path, backend, details, is_stale
):
    identity, scene = dataclasses.replace(IDENTITY, backend=backend), SceneLayout(tmp_path, "bear")
    scene.phase_folder("depth").mkdir(parents=True)
    record = {**document(), **identity.document(), "details": details}
    scene.done("depth").write_bytes(seal(record, {}))
    state = phase_state(scene, identity)
    assert state.state is (State.STALE if is_stale else State.COMPLETE)
    assert ("7 pixels <= 0" in state.reason) is is_stale


@pytest.mark.parametrize(
    ("error", "way_out"), [(PermissionError, "it may be whole"), (IsADirectoryError, "Delete it")]
)
def test_a_record_that_may_not_be_read_is_not_advised_to_be_deleted(tmp_path, monkeypatch, error, way_out):
    def refuse(path):
        raise error(13, "no", str(path))

    (done := tmp_path / ".done").touch()
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(CorruptInputError, match="cannot be read: no") as caught:
        read_record(done)
    assert way_out in caught.value.advice and ("delete" in caught.value.advice.lower()) == (
        way_out == "Delete it"
    )
