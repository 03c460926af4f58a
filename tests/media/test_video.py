import shutil
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from focusgen.base.errors import CorruptInputError
from focusgen.media.images import image_size
from focusgen.media.rawcheck import CheckOptions, check_raw
from focusgen.media.scenes import RawScene, discover
from focusgen.media.video import open_frames
from tests.clips import encoded, moving_texture, png_bomb, sample_video, write_images, write_video


def only_scene(path):
    found = discover(path)
    assert found.rejected == {}
    (scene,) = found.scenes
    return scene


def check(raw, *, min_frames=1, max_frames=None):
    return check_raw(raw, CheckOptions(min_frames, max_frames, 0.35))


def refusal(raw, **limits):
    with pytest.raises(CorruptInputError) as caught:
        check(raw, **limits)
    return str(caught.value)


# --- folders of images ---------------------------------------------------------------------------


def test_a_folder_of_images_reports_its_files_and_reads_back_the_same_pixels(tmp_path):
    frames = moving_texture(12)
    paths = write_images(tmp_path / "bear", frames, first=8)
    raw = only_scene(tmp_path / "bear")
    report = check(raw, min_frames=12)
    assert report.frames == tuple(path.name for path in paths)
    assert (report.width, report.height, report.n_decoded) == (64, 48, 12)
    assert report.fps is None and report.frame_times_s is None
    assert len(set(report.digests)) == 12 and all(len(digest) == 32 for digest in report.digests)
    with open_frames(raw, n_frames=12, digests=report.digests) as reader:
        assert (reader.width, reader.height) == (64, 48)
        assert np.array_equal(reader.read(0, 12), frames)
        assert np.array_equal(reader.read(3, 5), frames[3:5])
        with pytest.raises(IndexError, match="frames 3 to 13 of a scene of 12"):
            reader.read(3, 13)


def test_a_turned_photo_is_upright_in_size_and_pixels(tmp_path):
    stored = moving_texture(2)
    exif = Image.Exif()
    exif[0x0112] = 6
    for index, pixels in enumerate(stored):
        (tmp_path / f"{index}.png").write_bytes(encoded(Image.fromarray(pixels), "PNG", exif=exif.tobytes()))
    report = check(only_scene(tmp_path))
    assert (report.width, report.height) == (48, 64)
    assert report.notes == ("stored turned or mirrored: frames stand upright, as EXIF asks",)
    with open_frames(only_scene(tmp_path)) as reader:
        assert np.array_equal(reader.read(1, 2)[0], np.rot90(stored[1], -1))


def test_the_truncated_image_is_named(tmp_path):
    for suffix in (".jpg", ".png"):
        paths = write_images(tmp_path / suffix[1:], moving_texture(5), suffix)
        paths[3].write_bytes(paths[3].read_bytes()[:-20])
        message = refusal(only_scene(tmp_path / suffix[1:]))
        assert message.startswith(f"frame_0003{suffix}: ")


def test_mixed_sizes_name_the_first_offender_and_both_sizes(tmp_path):
    paths = write_images(tmp_path, moving_texture(6))
    for path in paths[4:]:
        Image.fromarray(moving_texture(1, 32, 24)[0]).save(path)
    said = refusal(only_scene(tmp_path))
    assert said.startswith("frame_0004.png: 32x24 pixels, but frame_0000.png has 64x48\n")
    assert "a folder of its own" in said
    with open_frames(only_scene(tmp_path)) as reader, pytest.raises(CorruptInputError, match="frame_0004"):
        reader.read(0, 6)


def test_a_short_scene_an_unreadable_file_and_a_bomb_are_refused(tmp_path):
    paths = write_images(tmp_path / "s", moving_texture(3))
    assert "3 frames, fewer than 16" in refusal(only_scene(tmp_path / "s"), min_frames=16)
    paths[1].write_bytes(png_bomb(30000, 30000))
    assert refusal(only_scene(tmp_path / "s")).startswith("frame_0001.png: claims 30000x30000 pixels")
    raw = only_scene(tmp_path / "s")
    paths[0].unlink()
    assert refusal(raw) == "frame_0000.png: cannot be read: No such file or directory"


def test_max_frames_looks_at_the_first_frames_only(tmp_path):
    paths = write_images(tmp_path, moving_texture(6))
    paths[4].write_bytes(b"junk")
    report = check(only_scene(tmp_path), max_frames=4)
    assert len(report.frames) == len(report.digests) == report.n_decoded == 4


def test_a_file_that_changed_after_phase_1_is_noticed_when_it_is_read(tmp_path):
    frames = moving_texture(3)
    paths = write_images(tmp_path, frames)
    raw = only_scene(tmp_path)
    digests = check(raw).digests
    paths[2].write_bytes(encoded(Image.fromarray(frames[0]), "PNG"))
    with open_frames(raw, digests=digests) as reader:
        reader.read(0, 2)
        with pytest.raises(CorruptInputError, match="frame_0002.png: its bytes changed since phase 1"):
            reader.read(2, 3)


# --- video files ---------------------------------------------------------------------------------

CONTAINERS = {
    "a.mp4": ("libx264", "yuv420p", {}),
    "a.m4v": ("mpeg4", "yuv420p", {}),
    "a.mov": ("libx264", "yuv444p", {}),
    "a.mkv": ("libx264", "yuv420p", {"bf": "3"}),
    "c.mkv": ("libx265", "yuv420p", {"preset": "ultrafast", "x265-params": "log-level=none"}),
    "b.mkv": ("ffv1", "bgr0", {}),
    "a.avi": ("mpeg4", "yuv420p", {}),
    "b.avi": ("mjpeg", "yuvj420p", {}),
    "a.webm": ("libvpx", "yuv420p", {"auto-alt-ref": "1", "lag-in-frames": "5"}),
    "b.webm": ("libvpx-vp9", "yuv420p", {"lag-in-frames": "5"}),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_frame_of_every_container_arrives_in_order(name, tmp_path):
    codec, pixel_format, options = CONTAINERS[name]
    frames = moving_texture(20)
    container = "mp4" if name.endswith("m4v") else None
    raw = only_scene(
        write_video(tmp_path / name, frames, codec, pixel_format, container=container, **options)
    )
    report = check(raw, min_frames=16)
    assert report.frames[0] == "frame_0000" and report.frames[-1] == "frame_0019"
    assert (report.width, report.height, report.n_decoded, len(report.digests)) == (64, 48, 20, 1)
    assert report.fps == pytest.approx(25)
    if report.frame_times_s is not None:  # avi keeps none for frames out of order
        assert np.diff(report.frame_times_s) == pytest.approx(0.04, abs=0.002)
    with open_frames(raw) as reader:
        read = reader.read(0, 20)
    errors = np.abs(read[:, None].astype(int) - frames[None].astype(int)).mean((2, 3, 4))
    assert (errors.argmin(axis=1) == np.arange(20)).all()
    if codec == "ffv1":
        assert np.array_equal(read, frames)


def test_random_access_equals_reading_in_order(tmp_path):
    raw = only_scene(write_video(tmp_path / "a.mp4", moving_texture(90), bf="3", g="12"))
    with open_frames(raw) as reader:
        in_order = reader.read(0, 90)
    rng = np.random.default_rng(0)
    with open_frames(raw, n_frames=90) as reader:
        for start in [80, 0, 89, *rng.integers(0, 80, 12)]:
            assert np.array_equal(reader.read(start, start + 3 if start < 87 else 90), in_order[start:][:3])


def test_overlapping_chunks_decode_each_frame_once(tmp_path, monkeypatch):
    raw = only_scene(write_video(tmp_path / "a.mp4", moving_texture(80)))
    opened = []
    genuine = av.open
    monkeypatch.setattr(av, "open", lambda *args, **kwargs: opened.append(1) or genuine(*args, **kwargs))
    with open_frames(raw) as reader:
        for start in range(0, 64, 16):
            assert reader.read(start, start + 32).shape == (32, 48, 64, 3)
        assert len(opened) == 1
        with pytest.raises(CorruptInputError, match="a.mp4: ends after 80 frames"):
            reader.read(79, 81)


@pytest.mark.parametrize("rotation", [90, 180, -90])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_rotation_of_the_container_is_applied(name, rotation, tmp_path):
    frames = moving_texture(3)
    plain = only_scene(write_video(tmp_path / f"plain_{name}", frames))
    turned = only_scene(write_video(tmp_path / name, frames, rotation=rotation))
    with open_frames(plain) as reader:
        expected = np.rot90(reader.read(0, 3), rotation // 90, axes=(1, 2))
    with open_frames(turned) as reader:
        assert np.array_equal(reader.read(0, 3), expected)
    report = check(turned)
    assert (report.height, report.width) == expected.shape[1:3]


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((-1, 0, 0, 1), lambda f: f[:, :, ::-1]),
        ((0, 1, 1, 0), lambda f: f.swapaxes(1, 2)),
        ((0.7, 0.7, -0.7, 0.7), None),
    ],
)
def test_a_mirrored_video_is_mirrored_and_an_oblique_one_refused(matrix, expected, tmp_path):
    path = write_video(tmp_path / "a.mp4", moving_texture(3))
    with open_frames(only_scene(path)) as reader:
        plain = reader.read(0, 3)
    a, b, c, d = (int(value * 65536) for value in matrix)
    data = path.read_bytes()
    old = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    start = data.index(old, data.index(b"tkhd"))
    new = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data[:start] + new + data[start + 36 :])
    if expected is None:
        assert "other than 90 degrees" in refusal(only_scene(path))
        return
    with open_frames(only_scene(path)) as reader:
        assert np.array_equal(reader.read(0, 3), expected(plain))


@pytest.mark.parametrize(("space", "coefficients"), [(1, (0.2126, 0.0722)), (5, (0.299, 0.114))])
def test_the_declared_colour_matrix_is_used(space, coefficients, tmp_path):
    path = tmp_path / "a.mp4"
    y, u, v = 120, 90, 170
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        stream.codec_context.colorspace = space
        stream.codec_context.color_range = 1
        for index in range(3):
            frame = av.VideoFrame(64, 48, "yuv444p")
            for plane, value in zip(frame.planes, (y, u, v), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    kr, kb = coefficients
    luma, cb, cr = (y - 16) * 255 / 219, (u - 128) * 255 / 224, (v - 128) * 255 / 224
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    with open_frames(only_scene(path)) as reader:
        assert reader.read(0, 1)[0, 20, 20] == pytest.approx([red, green, blue], abs=1.01)


@pytest.mark.slow
def test_real_clips_are_read_whole_and_their_cuts_found():
    expected = {
        "bikes": (640, 272, 250, 25.0, (30, 76, 137, 187, 242)),
        "carphone_pristine": (176, 144, 120, 30000 / 1001, ()),
    }
    for name, (width, height, n_frames, fps, cuts) in expected.items():
        report = check(only_scene(sample_video(name)), min_frames=16)
        assert (report.width, report.height, report.n_decoded) == (width, height, n_frames)
        assert report.fps == pytest.approx(fps)
        assert report.shot_cuts == cuts
    report = check(only_scene(sample_video("bigbuckbunny")), max_frames=40)
    assert (report.width, report.height, report.n_decoded, report.shot_cuts) == (1280, 720, 40, ())


def test_a_cut_between_two_clips_is_recorded(tmp_path):
    frames = np.concatenate([moving_texture(8, seed=1) // 2, 128 + moving_texture(8, seed=2) // 2])
    assert check(only_scene(write_video(tmp_path / "a.mp4", frames))).shot_cuts == (8,)
    write_images(tmp_path / "images", frames)
    assert check(only_scene(tmp_path / "images")).shot_cuts == (8,)


# --- hostile video files -------------------------------------------------------------------------


def test_a_video_with_fewer_frames_than_it_declares_is_refused_unless_its_length_is_fixed(tmp_path):
    path = write_video(tmp_path / "a.avi", moving_texture(20), "mpeg4")
    data = bytearray(path.read_bytes())
    start = data.index(b"strh") + 8 + 32  # dwLength of the stream header
    assert struct.unpack("<I", data[start : start + 4]) == (20,)
    data[start : start + 4] = struct.pack("<I", 1_000_000)
    path.write_bytes(data)
    said = refusal(only_scene(path))
    assert said.startswith("a.avi: 20 frames could be decoded of 1000000 declared\nCopy it again")
    assert check(only_scene(path), max_frames=10).n_decoded == 10


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.webm", "b.webm", "b.avi"])
def test_a_cut_video_is_refused_by_name(name, tmp_path):
    codec, pixel_format, options = CONTAINERS[name]
    path = write_video(tmp_path / name, moving_texture(20), codec, pixel_format, **options)
    data = path.read_bytes()
    for keep in (0.1, 0.4, 0.8, 0.97):
        path.write_bytes(data[: int(len(data) * keep)])
        assert refusal(only_scene(path)).startswith(f"{name}: ")


def test_missing_pictures_inside_a_whole_container_are_refused(tmp_path):
    path = write_video(tmp_path / "a.mp4", moving_texture(20))
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    size = struct.unpack(">I", data[start - 8 : start - 4])[0] - 8
    middle = start + size // 2
    data[middle : middle + size // 4] = bytes(size // 4)
    path.write_bytes(data)
    assert refusal(only_scene(path)).startswith("a.mp4: ")


def test_a_video_that_changes_its_size_is_refused(tmp_path):
    path = tmp_path / "a.avi"
    small, large = moving_texture(3, 64, 48), moving_texture(3, 96, 64)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for index, pixels in enumerate([*small, *large]):
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.height, encoder.width = pixels.shape[:2]
            encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1, 25)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuvj420p")
            for packet in [*encoder.encode(frame), *encoder.encode(None)]:
                packet.stream, packet.pts, packet.dts = stream, index, index
                output.mux(packet)
    message = refusal(only_scene(path))
    assert (
        message.startswith("a.avi: changes its size from 64x48 to 96x64 midway") and "end_s 0.08" in message
    )


@pytest.mark.parametrize(
    "text", ["ffconcat version 1.0\nfile secret.mp4\n", "#EXTM3U\n#EXTINF:10,\nsecret.mp4\n#EXT-X-ENDLIST\n"]
)
def test_a_playlist_called_mp4_does_not_open(text, tmp_path):
    write_video(tmp_path / "secret.mp4", moving_texture(20))
    (tmp_path / "clip.mp4").write_text(text)
    raw = RawScene("clip", "video", tmp_path / "clip.mp4", ("clip.mp4",))
    assert refusal(raw) == "clip.mp4: is no mp4, mov, mkv, webm or avi video"
    with pytest.raises(CorruptInputError, match="is no mp4"):
        open_frames(raw)


def test_a_file_name_is_never_read_as_a_protocol(tmp_path, monkeypatch):
    for name in ("concat:a|b.mp4", "http:x.mp4", "%d.mp4", "data:,x.mp4"):
        write_video(tmp_path / "a.mp4", moving_texture(3))
        shutil.move(tmp_path / "a.mp4", tmp_path / name)
        monkeypatch.chdir(tmp_path)
        assert check(RawScene("x", "video", (tmp_path / name).relative_to(tmp_path), (name,))).n_decoded == 3


def test_sound_without_pictures_and_codecs_off_the_list_are_refused(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as output:
        stream = output.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert refusal(only_scene(tmp_path / "sound.mp4")) == "sound.mp4: holds no video"
    path = write_video(tmp_path / "old.avi", moving_texture(3), "wmv2", "yuv420p")
    why = refusal(only_scene(path))
    assert why.startswith("old.avi: codec wmv2 is not accepted") and "-c:v ffv1" in why


def test_a_video_that_changed_after_phase_1_does_not_open(tmp_path):
    path = write_video(tmp_path / "a.mkv", moving_texture(3))
    raw = only_scene(path)
    digests = check(raw).digests
    open_frames(raw, digests=digests)
    write_video(path, moving_texture(3, seed=1))
    with pytest.raises(CorruptInputError, match="a.mkv: its bytes changed since phase 1"):
        open_frames(raw, digests=digests)


def test_a_video_beyond_the_pixel_limit_is_refused(tmp_path):
    raw = only_scene(write_video(tmp_path / "a.mp4", moving_texture(3)))
    with pytest.raises(CorruptInputError, match="a.mp4: claims 64x48 pixels"):
        check_raw(raw, CheckOptions(1, None, 0.35, 3000))


def test_image_size_comes_from_the_header(tmp_path):
    (path,) = write_images(tmp_path, moving_texture(1), ".jpg")
    assert image_size(path) == (64, 48)


def edit_list(data):
    """Return where an mp4's edit list keeps (duration, first time), and both."""
    start = data.index(b"elst") + 12
    return start, *struct.unpack(">Ii", data[start : start + 8])


def test_a_sound_track_beside_the_pictures_changes_nothing(tmp_path):
    frames = moving_texture(20)
    for suffix in ("mp4", "mkv"):
        path = tmp_path / f"a.{suffix}"
        with av.open(str(path), "w") as output:
            video, sound = output.add_stream("libx264", rate=25), output.add_stream("aac", rate=8000)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            for index, pixels in enumerate(frames):
                picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                samples = np.random.default_rng(index).normal(0, 0.1, (1, 640)).astype(np.float32)
                noise = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                noise.sample_rate, noise.pts, picture.pts = 8000, 640 * index, index
                output.mux(video.encode(picture))
                output.mux(sound.encode(noise))
            output.mux(video.encode(None))
            output.mux(sound.encode(None))
        assert check(only_scene(path)).n_decoded == 20


def test_pixels_that_are_not_square_are_noted(tmp_path):
    path = write_video(tmp_path / "a.mp4", moving_texture(3), **{"x264-params": "sar=4/3"})
    assert check(only_scene(path)).notes == ("pixels are not square (4:3): blur discs will be ellipses",)
    assert check(only_scene(write_video(tmp_path / "b.mp4", moving_texture(3)))).notes == ()


def test_a_trimmed_video_shows_what_its_edit_list_shows(tmp_path):
    frames = moving_texture(30)
    path = write_video(tmp_path / "a.mp4", frames, bf="2", g="10")
    whole = open_frames(only_scene(path)).read(0, 30)
    data = bytearray(path.read_bytes())
    start, duration, first = edit_list(data)
    data[start : start + 8] = struct.pack(">Ii", duration - 400, first + 5 * 512)
    path.write_bytes(data)
    assert check(only_scene(path)).n_decoded == 20
    assert np.array_equal(open_frames(only_scene(path)).read(0, 20), whole[5:25])


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "b.webm"])
def test_a_block_that_left_its_track_is_missed(name, tmp_path):
    codec, pixel_format, options = CONTAINERS[name]
    path = write_video(tmp_path / name, moving_texture(20), codec, pixel_format, **options)
    data = bytearray(path.read_bytes())
    cluster = data.index(bytes.fromhex("1f43b675"))
    # A simple block: its id, a length of one to three bytes, the track as 0x81.
    heads = [(i, 10 - data[i + 1].bit_length()) for i in range(cluster, len(data) - 8) if data[i] == 0xA3]
    tracks = [i + n for i, n in heads if n <= 4 and data[i + n] == 0x81]
    data[tracks[-2]] = 0x85
    path.write_bytes(data)
    assert refusal(only_scene(path)).startswith(f"{name}: damaged: blocks of a track 5 that does not exist")
