"""Previews show what is published, with scales whose numbers can be read back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from focusgen.base.errors import ConfigError, CorruptInputError, MissingUpstreamError
from focusgen.dataset.layout import SceneLayout
from focusgen.media.codecs import encode_npz, encode_png
from focusgen.optics.stats import depth_counts, depth_stats
from focusgen.tools.preview import GAP_PX, TITLE_BAND_PX, contact_sheet, make_preview, rate_note
from focusgen.tools.preview_scales import depth_scale, focus_scale, metres
from focusgen.tools.preview_view import look_at

STATS = {"d_min": 0.5, "d_max": 20.0, "d_median": 2.0, "d_p5": 0.6, "d_p95": 15.0}
LENS_SET = {"f": 0.05, "N": 2.0, "S_focus": 2.0, "max_coc": 3e-4}


def publish(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def publish_scene(
    root: Path, n_frames: int = 5, *, width: int = 64, height: int = 48, n_rendered: int | None = None
) -> SceneLayout:
    """Write a scene whose frame i is grey 40 + 20 i, with depth falling from top to bottom."""
    scene = SceneLayout(root, "bear")
    depth = np.linspace(9.0, 0.7, height, dtype=np.float16)[:, None].repeat(width, 1)
    for i in range(n_frames):
        frame = np.full((height, width, 3), 40 + 20 * (i % 10), np.uint8)
        publish(scene.sharp(i), encode_png(frame))
        publish(scene.depth(i), encode_npz("depth", depth))
        if n_rendered is None or i < n_rendered:
            publish(scene.bokeh(0, i), encode_png(frame // 2))
            publish(scene.focus(0, i), encode_npz("focus_map", np.full((height, width), 0.25, np.float16)))
    publish(scene.stats_json, json.dumps(depth_stats(depth_counts(depth))).encode())
    if n_rendered != 0:
        publish(scene.metadata_json, json.dumps({"sets": [LENS_SET], "fps": 25.0}).encode())
    return scene


def decode_video(path: Path) -> tuple[list[np.ndarray], float]:
    """Return the frames of a video and its rate."""
    import av

    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        return frames, float(container.streams.video[0].average_rate)


@pytest.mark.slow
@pytest.mark.parametrize("fps", [0.005, 1000.0])
def test_an_hour_between_two_frames_makes_no_video_of_an_hour(fps, tmp_path):
    scene = publish_scene(tmp_path, n_frames=4)
    publish(scene.metadata_json, json.dumps({"sets": [LENS_SET], "fps": fps}).encode())
    view = make_preview(scene.root, tmp_path / "a.png", tmp_path / "a.mp4")
    assert decode_video(tmp_path / "a.mp4")[1] == pytest.approx(12.0)
    assert "the preview video runs at 12 fps" in rate_note(view)
    publish(scene.metadata_json, json.dumps({"sets": [LENS_SET], "fps": 25.0}).encode())
    assert rate_note(make_preview(scene.root, tmp_path / "a.png", tmp_path / "a.mp4")) == ""
    assert decode_video(tmp_path / "a.mp4")[1] == pytest.approx(25.0)


def test_depth_colours_read_back_as_depth():
    scale = depth_scale(STATS, focus_distance_m=2.0)
    depth = np.geomspace(0.55, 19.0, 200)[None].astype(np.float16)
    painted = scale.paint(depth)[0].astype(int)
    index = np.abs(scale.colours[None].astype(int) - painted[:, None]).sum(2).argmin(1)
    read_per_m = scale.low + index / 255.0 * (scale.high - scale.low)
    assert np.abs(read_per_m - 1.0 / depth[0].astype(float)).max() < 1.5 * (scale.high - scale.low) / 255.0


def test_ticks_stand_at_their_depth_and_leave_room_for_each_other():
    scale = depth_scale(STATS, focus_distance_m=2.0)
    by_text = {tick.text: tick.position for tick in (*scale.ticks, scale.mark)}
    assert by_text["1 m"] == pytest.approx(float(scale.position(np.array([1.0]))[0]), abs=1e-6)
    assert by_text["S 2 m"] == pytest.approx(float(scale.position(np.array([2.0]))[0]), abs=1e-6)
    positions = [tick.position for tick in scale.ticks]
    assert positions[0] == 0.0 and positions[-1] == 1.0 and np.diff(positions).min() >= 0.15


def test_outliers_do_not_flatten_the_scale_and_its_ends_say_so():
    sky = depth_scale({**STATS, "d_max": 5000.0, "d_min": 0.011}, None)
    assert sky.low == pytest.approx(1 / 22.5) and sky.high == pytest.approx(1 / 0.4)
    assert sky.ticks[0].text == "\u2265 22.5 m" and sky.ticks[-1].text == "\u2264 40 cm"
    flat = depth_scale(dict.fromkeys(STATS, 3.0), 3.0)
    assert flat.position(np.array([3.0]))[0] == pytest.approx(0.5, abs=0.05)


def test_focus_runs_from_blurred_to_sharp():
    scale = focus_scale()
    ends = scale.paint(np.array([[0.0, 1.0]], np.float16))[0]
    assert np.array_equal(ends, scale.colours[[0, 255]])
    assert [tick.text for tick in scale.ticks][:: len(scale.ticks) - 1] == ["0 blurred", "1 sharp"]


def test_distances_are_written_in_a_fitting_unit():
    assert [metres(x) for x in (0.05, 0.468, 2.0, 65504.0)] == ["5 cm", "46.8 cm", "2 m", "65.5 km"]


def test_a_rendered_scene_becomes_a_sheet_and_a_video_of_every_frame(tmp_path):
    scene = publish_scene(tmp_path)
    png, mp4 = tmp_path / "previews" / "bear.png", tmp_path / "previews" / "bear.mp4"
    view = make_preview(scene.root, png, mp4, n_columns=3)
    assert [strip.title for strip in view.strips] == ["sharp", "depth", "focus", "bokeh"]
    assert sorted(p.name for p in png.parent.iterdir()) == ["bear.mp4", "bear.png"]  # no temporary left
    with Image.open(png) as sheet:
        assert sheet.size[0] > 3 * 320 and sheet.size[1] > 4 * 240
    frames, fps = decode_video(mp4)
    assert (len(frames), fps) == (5, 25.0)
    for index, frame in enumerate(frames):
        sharp = frame[TITLE_BAND_PX + 100 : TITLE_BAND_PX + 200, GAP_PX + 100 : GAP_PX + 200]
        assert sharp.mean() == pytest.approx(40 + 20 * index, abs=4)


def test_the_sheet_shows_first_and_last_frame(tmp_path):
    sheet = np.asarray(contact_sheet(look_at(publish_scene(tmp_path, n_frames=7).root), n_columns=3))
    row = sheet[92 + 120, 136:]
    assert [int(row[160 + 328 * column, 0]) for column in range(3)] == [40, 100, 160]


@pytest.mark.parametrize("n_columns", [1, 50])
def test_a_sheet_has_no_more_columns_than_frames(tmp_path, n_columns):
    view = look_at(publish_scene(tmp_path, n_frames=2).root)
    assert contact_sheet(view, n_columns).size[0] < 136 + 3 * 328 + 124


def test_a_scene_that_is_not_rendered_shows_what_it_has(tmp_path):
    scene = publish_scene(tmp_path, n_rendered=0)
    view = make_preview(scene.root, tmp_path / "a.png", tmp_path / "a.mp4")
    assert [strip.title for strip in view.strips] == ["sharp", "depth"] and view.n_frames == 5
    for path in scene.phase_folder("depth").iterdir():
        path.unlink()
    assert [strip.title for strip in look_at(scene.root).strips] == ["sharp"]


def test_a_half_rendered_scene_shows_the_frames_that_are_whole(tmp_path):
    assert look_at(publish_scene(tmp_path, n_rendered=3).root).n_frames == 3


@pytest.mark.slow
def test_raw_frames_stand_in_front_when_given(tmp_path):
    scene = publish_scene(tmp_path)
    raw = np.full((5, 50, 70, 3), 200, np.uint8)
    view = make_preview(
        scene.root, tmp_path / "a.png", tmp_path / "a.mp4", raw_reader=lambda start, stop: raw[start:stop]
    )
    assert view.strips[0].title == "raw" and len(decode_video(tmp_path / "a.mp4")[0]) == 5


@pytest.mark.parametrize(("width", "height"), [(48, 160), (16, 16), (480, 16)])
def test_any_shape_of_frame_makes_a_video(tmp_path, width, height):
    scene = publish_scene(tmp_path, 2, width=width, height=height)
    make_preview(scene.root, tmp_path / "a.png", tmp_path / "a.mp4")
    frames, _ = decode_video(tmp_path / "a.mp4")
    assert len(frames) == 2 and max(frames[0].shape) < 3000


def test_a_rehearsal_is_written_on_the_sheet(tmp_path):
    scene = publish_scene(tmp_path)
    plain = np.asarray(contact_sheet(look_at(scene.root)))
    document = json.loads(scene.metadata_json.read_bytes())
    scene.metadata_json.write_text(json.dumps({**document, "is_rehearsal": True}))
    marked = np.asarray(contact_sheet(look_at(scene.root)))
    assert (marked[:40] != plain[:40]).any() and np.array_equal(marked[92:], plain[92:])


def test_what_cannot_be_shown_is_refused_by_name(tmp_path):
    scene = publish_scene(tmp_path)
    with pytest.raises(ConfigError, match="lens sets 0 to 0, not 3"):
        look_at(scene.root, set_index=3)
    with pytest.raises(MissingUpstreamError, match=r"frame_0000\.png"):
        look_at(tmp_path / "wolf")
    whole = scene.metadata_json.read_bytes()
    for text, message in [
        ("[]", "not a JSON object"),
        ("{", "metadata.json"),
        ('{"sets": [{"f": 1}]}', "has no N"),
    ]:
        scene.metadata_json.write_text(text)
        with pytest.raises(CorruptInputError, match=message):
            look_at(scene.root)
    scene.metadata_json.write_bytes(whole)
    scene.focus(0, 2).write_bytes(scene.focus(0, 2).read_bytes()[:-30])
    with pytest.raises(CorruptInputError, match=r"focus_0002\.npz"):
        make_preview(scene.root, tmp_path / "a.png", tmp_path / "a.mp4")
    assert not (tmp_path / "a.mp4").exists() and not list(tmp_path.glob(".*tmp"))
