"""What is read back is what was published, or an error that names the file and the way out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.published import (
    SharpFrames,
    read_bokeh,
    read_depth,
    read_flags,
    read_focus,
    read_sharp,
    read_stats,
)
from focusgen.media.codecs import encode_npz, encode_png
from focusgen.optics.sizes import frame_plan

RNG = np.random.default_rng(3)
RGB = RNG.integers(0, 256, (12, 16, 3), dtype=np.uint8)
DEPTH = RNG.uniform(1, 9, (12, 16)).astype(np.float16)


@pytest.fixture
def scene(tmp_path) -> SceneLayout:
    scene = SceneLayout(tmp_path, "bear")
    for path, data in (
        (scene.sharp(0), encode_png(RGB)),
        (scene.sharp(1), encode_png(RGB[::-1])),
        (scene.bokeh(1, 0), encode_png(RGB, "paeth")),
        (scene.depth(0), encode_npz("depth", DEPTH)),
        (scene.focus(1, 0), encode_npz("focus_map", DEPTH / np.float16(9))),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    scene.stats_json.write_text('{"d_min": 1, "d_max": 9, "d_median": 4, "d_p5": 1.5, "d_p95": 8}')
    return scene


READERS = {
    "sharp": (lambda s: read_sharp(s, 0), lambda s: s.sharp(0)),
    "bokeh": (lambda s: read_bokeh(s, 1, 0), lambda s: s.bokeh(1, 0)),
    "depth": (lambda s: read_depth(s, 0), lambda s: s.depth(0)),
    "focus": (lambda s: read_focus(s, 1, 0), lambda s: s.focus(1, 0)),
}


def test_whole_files_are_read_to_the_bit(scene):
    assert np.array_equal(read_sharp(scene, 0), RGB) and np.array_equal(read_bokeh(scene, 1, 0), RGB)
    assert np.array_equal(read_depth(scene, 0), DEPTH)
    assert read_focus(scene, 1, 0).dtype == np.float16
    assert read_stats(scene)["d_p95"] == 8.0


@pytest.mark.parametrize("kind", READERS)
def test_a_missing_and_a_damaged_file_are_named(scene, kind):
    read, path_of = READERS[kind]
    path = path_of(scene)
    data, whole = bytearray(path.read_bytes()), read(scene)
    for position in range(0, len(data), max(1, len(data) // 60)):
        torn = data.copy()
        torn[position] ^= 0x10
        path.write_bytes(torn)
        try:
            assert np.array_equal(read(scene), whole), "never a wrong pixel"  # a zip's date decides nothing
        except CorruptInputError as error:
            assert path.name in error.message
    path.write_bytes(data[:-5])
    with pytest.raises(CorruptInputError, match=path.name) as caught:
        read(scene)
    assert "repair" in caught.value.advice
    path.unlink()
    with pytest.raises(MissingUpstreamError, match=path.name):
        read(scene)


@pytest.mark.parametrize("array", [DEPTH.astype(np.float32), DEPTH.astype(np.int16)])
def test_a_map_of_another_type_is_no_map(scene, array):
    scene.depth(0).write_bytes(encode_npz("depth", array))
    with pytest.raises(CorruptInputError, match="not float16"):
        read_depth(scene, 0)
    scene.depth(0).write_bytes(encode_npz("disparity", DEPTH))
    with pytest.raises(CorruptInputError, match="no array 'depth'"):
        read_depth(scene, 0)


@pytest.mark.parametrize("text", ["", "[]", '{"d_min": 1}', '{"d_min": "near"}'])
def test_statistics_that_lack_a_number_are_refused(scene, text):
    scene.stats_json.write_text(text)
    with pytest.raises(CorruptInputError, match=r"stats\.json"):
        read_stats(scene)


def test_flags_are_zero_where_no_file_stands_and_damage_is_named(scene):
    assert not read_flags(scene, 0, (12, 16)).any()
    flags = np.zeros((12, 16), np.uint8)
    flags[2, 3] = 33
    cv2.imwrite(str(scene.valid(0)), flags)
    assert np.array_equal(read_flags(scene, 0, (12, 16)), flags)
    cv2.imwrite(str(scene.valid(0)), np.dstack([flags] * 3))
    with pytest.raises(CorruptInputError, match=r"valid_0000\.png"):
        read_flags(scene, 0, (12, 16))
    scene.valid(0).write_bytes(b"")
    with pytest.raises(CorruptInputError, match=r"valid_0000\.png"):
        read_flags(scene, 0, (12, 16))


def test_a_span_counts_from_its_own_first_frame(scene):
    plan = frame_plan(16, 12)
    span = SharpFrames(scene, "bear", 16, 12, 24.0, start=1, stop=2, plan=plan)
    assert len(span) == 1 and np.array_equal(span.read(0, 1)[0], RGB[::-1])
    assert span.read(1, 1).shape == (0, 12, 16, 3)
    assert span.provided_depth(0) is None
