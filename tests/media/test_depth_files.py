"""Provided depth: every format gives the same metres, and nothing in a file is believed."""

from __future__ import annotations

import io
import os
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen.base.errors import CorruptInputError, MissingUpstreamError, SceneError, StorageError
from focusgen.media.depth_files import open_depth
from focusgen.media.depth_pairs import FrameNames
from focusgen.media.depth_units import DepthOptions

N, H, W = 12, 20, 30


def scene_depth() -> np.ndarray:
    """(T, H, W) float32 in whole millimetres with one hole, a different plane for each frame."""
    millimetres = np.random.default_rng(0).integers(500, 60_000, (N, H, W))
    depth = (millimetres / 1000.0).astype(np.float32)
    depth[:, 3, 4] = np.nan
    return depth


def write_map(path: Path, depth: np.ndarray) -> None:
    """Write one map in the format of the suffix."""
    if path.suffix == ".npy":
        np.save(path, depth)
    elif path.suffix == ".npz":
        np.savez_compressed(path, depth=depth)
    elif path.suffix == ".png":
        cv2.imwrite(str(path), np.nan_to_num(depth * 1000.0).round().astype(np.uint16))
    else:
        import OpenEXR

        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, {"Z": np.ascontiguousarray(depth)}).write(str(path))


def one_map(tmp_path: Path, name: str) -> Path:
    """Return the path of the only depth file of scene 'bear'."""
    (tmp_path / "bear").mkdir(exist_ok=True)
    return tmp_path / "bear" / name


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".png", ".exr"])
def test_one_file_per_frame_is_read_in_natural_order(tmp_path, suffix):
    depth = scene_depth()
    for index in range(N):
        write_map(one_map(tmp_path, f"frame{index + 1}{suffix}"), depth[index])  # frame10 sorts before frame2
    one_map(tmp_path, "intrinsics.txt").write_text("525 525")
    one_map(tmp_path, f"._frame1{suffix}").write_bytes(b"left by another system")
    source = open_depth(tmp_path, "bear", N, DepthOptions(1000.0))
    assert len(source) == N
    for index in range(N):
        read = source.read(index)
        assert read.dtype == np.float32 and read.flags.c_contiguous
        np.testing.assert_array_equal(read, depth[index])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_one_array_holds_a_whole_scene(tmp_path, suffix, order):
    depth = np.asarray(scene_depth(), order=order)
    path = tmp_path / f"bear{suffix}"
    np.save(path, depth) if suffix == ".npy" else np.savez(path, depth=depth, focal=np.float32(525))
    source = open_depth(tmp_path, "bear", N, DepthOptions(1000.0))
    for index in (0, 1, 7, 11, 3, 0):  # backwards too
        np.testing.assert_array_equal(source.read(index), depth[index])


def test_numbers_become_metres_by_their_type(tmp_path):
    for dtype, values, expected in [
        (np.float16, [[1.5, 2.0]], [[1.5, 2.0]]),
        (np.float64, [[1.5, 1e300]], [[1.5, np.finfo(np.float32).max]]),  # refused later, by its value
        (">f4", [[1.5, np.nan]], [[1.5, np.nan]]),
        (np.uint16, [[1500, 0]], [[0.3, np.nan]]),
    ]:
        np.save(one_map(tmp_path, "a.npy"), np.array(values, dtype=dtype))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scale = 5000.0 if dtype is np.uint16 else None
            read = open_depth(tmp_path, "bear", 1, DepthOptions(scale)).read(0)
        np.testing.assert_array_equal(read, np.array(expected, np.float32))


@pytest.mark.parametrize("shape", [(1, H, W), (H, W, 1)])
def test_a_lone_axis_is_dropped(tmp_path, shape):
    depth = scene_depth()[0]
    np.save(one_map(tmp_path, "a.npy"), depth.reshape(shape))
    np.testing.assert_array_equal(open_depth(tmp_path, "bear", 1, DepthOptions(1.0)).read(0), depth)


def test_the_only_array_of_an_npz_is_taken_and_several_are_refused(tmp_path):
    depth = scene_depth()[0]
    np.savez(one_map(tmp_path, "a.npz"), z=depth)
    np.testing.assert_array_equal(open_depth(tmp_path, "bear", 1, DepthOptions(1.0)).read(0), depth)
    np.savez(one_map(tmp_path, "a.npz"), z=depth, w=depth)
    with pytest.raises(CorruptInputError, match=r"a\.npz: it holds z, w; .*'depth'"):
        open_depth(tmp_path, "bear", 1, DepthOptions(1.0)).read(0)


@pytest.mark.parametrize("channels", [["Z", "R", "G", "B"], ["ViewLayer.Depth.Z"], ["R", "G", "B"], ["Y"]])
def test_the_depth_channel_of_an_exr_is_found(tmp_path, channels):
    import OpenEXR

    depth = scene_depth()[0]
    colour = depth if channels == ["R", "G", "B"] else np.zeros_like(depth)
    pixels = {c: colour if c in "RGB" else depth for c in channels}
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, pixels).write(str(one_map(tmp_path, "a.exr")))
    np.testing.assert_array_equal(open_depth(tmp_path, "bear", 1, DepthOptions(1.0)).read(0), depth)


def test_an_exr_of_colours_is_no_depth(tmp_path):
    import OpenEXR

    planes = {c: np.full((4, 4), i, np.float32) for i, c in enumerate("RGB")}
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, planes).write(str(one_map(tmp_path, "a.exr")))
    with pytest.raises(CorruptInputError, match="none of its channels is depth.*B, G, R"):
        open_depth(tmp_path, "bear", 1, DepthOptions(1.0)).read(0)


def test_a_scene_without_depth_is_missing_upstream(tmp_path):
    with pytest.raises(MissingUpstreamError, match=r"neither bear/ nor bear\.npy\|\.npz"):
        open_depth(tmp_path, "bear", 3, DepthOptions(1000.0))


def test_counts_that_differ_are_refused_by_file(tmp_path):
    for index in range(3):
        np.save(one_map(tmp_path, f"{index}.npy"), scene_depth()[index])
    with pytest.raises(CorruptInputError, match=r"3 depth maps for 4 frames .*2\.npy"):
        open_depth(tmp_path, "bear", 4, DepthOptions(1000.0))
    with pytest.raises(CorruptInputError, match=r"3 depth maps for 2 frames .*1\.npy"):
        open_depth(tmp_path, "bear", 2, DepthOptions(1000.0))
    assert len(open_depth(tmp_path, "bear", 2, DepthOptions(1000.0), is_cut=True)) == 3
    with pytest.raises(CorruptInputError, match="3 depth maps for 4"):
        open_depth(tmp_path, "bear", 4, DepthOptions(1000.0), is_cut=True)


def test_a_frame_more_than_depth_has_a_way_out_where_no_file_is_known_to_be_missing(tmp_path):
    for index in range(3):
        np.save(one_map(tmp_path, f"{index}.npy"), scene_depth()[index])
    with pytest.raises(CorruptInputError) as video:
        open_depth(tmp_path, "bear", 4, DepthOptions(), frames=FrameNames((), is_video=True))
    assert "--max_frames 3 in a new --out_root" in video.value.advice
    names = tuple(f"{index}.png" for index in (0, 2, 3, 4))
    with pytest.raises(CorruptInputError) as folder:
        open_depth(tmp_path, "bear", 4, DepthOptions(), frames=FrameNames(names, is_video=False))
    assert "--max_frames" not in folder.value.advice


def test_hostile_file_names_neither_reach_the_terminal_nor_stop_the_digest(tmp_path):
    bad = os.fsdecode(b"a\xff\x1b[2J.npy")
    one_map(tmp_path, bad).write_bytes(b"junk")
    source = open_depth(tmp_path, "bear", 1, DepthOptions(1.0))
    assert len(source.digest()) == 32
    with pytest.raises(CorruptInputError) as caught:
        source.read(0)
    assert "\x1b" not in str(caught.value)
    str(caught.value).encode("utf-8")


def test_a_file_that_vanishes_is_a_matter_of_storage(tmp_path):
    np.save(one_map(tmp_path, "0.npy"), scene_depth()[0])
    (tmp_path / "bear" / "old.npy").mkdir()
    source = open_depth(tmp_path, "bear", 1, DepthOptions(1.0))
    one_map(tmp_path, "0.npy").unlink()
    with pytest.raises(StorageError, match=r"0\.npy: No such file"):
        source.read(0)


def test_two_meanings_are_refused(tmp_path):
    np.save(one_map(tmp_path, "0.npy"), scene_depth()[0])
    np.savez(one_map(tmp_path, "0.npz"), depth=scene_depth()[0])
    with pytest.raises(CorruptInputError, match=r"several kinds \(\.npy, \.npz\)"):
        open_depth(tmp_path, "bear", 1, DepthOptions(1.0))
    np.save(tmp_path / "bear.npy", scene_depth())
    with pytest.raises(CorruptInputError, match="depth twice"):
        open_depth(tmp_path, "bear", N, DepthOptions(1.0))


def test_pickles_are_never_loaded(tmp_path):
    np.save(one_map(tmp_path, "a.npy"), np.array([[{"code": 1}]], dtype=object), allow_pickle=True)
    with pytest.raises(CorruptInputError, match=r"a\.npy"):
        open_depth(tmp_path, "bear", 1, DepthOptions(1.0)).read(0)
    np.savez(one_map(tmp_path, "a.npz"), depth=np.array([[{"code": 1}]], dtype=object))
    one_map(tmp_path, "a.npy").unlink()
    with pytest.raises(CorruptInputError, match=r"a\.npz"):
        open_depth(tmp_path, "bear", 1, DepthOptions(1.0)).read(0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, bool, np.complex64])
def test_numbers_that_cannot_be_metres_are_refused(tmp_path, dtype):
    np.save(one_map(tmp_path, "a.npy"), np.ones((4, 4), dtype))
    with pytest.raises(CorruptInputError, match="no depth|no metric depth"):
        open_depth(tmp_path, "bear", 1, DepthOptions(1.0)).read(0)


def test_an_eight_bit_or_colour_png_is_refused(tmp_path):
    for image in (np.ones((4, 4), np.uint8), np.ones((4, 4, 3), np.uint16)):
        cv2.imwrite(str(one_map(tmp_path, "a.png")), image)
        with pytest.raises(CorruptInputError, match="is no metric depth"):
            open_depth(tmp_path, "bear", 1, DepthOptions(1.0)).read(0)


def npy_claiming(shape: tuple[int, ...], body: bytes = b"") -> bytes:
    """Return an npy whose header claims a shape, whatever follows."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return stream.getvalue() + body


@pytest.mark.slow
@pytest.mark.usefixtures("usual_garbage")
def test_a_header_that_lies_costs_no_memory(tmp_path):
    bombs = {"a.npy": npy_claiming((10**6, 10**6)), "b.npy": npy_claiming((9000, 9000))}
    inflated = npy_claiming((9000, 9000), bytes(4 * 9000 * 9000))
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("depth.npy", inflated)
    bombs["c.npz"] = zipped.getvalue()
    png = bytearray(cv2.imencode(".png", np.ones((4, 4), np.uint16))[1].tobytes())
    png[16:24] = (60_000).to_bytes(4, "big") * 2
    bombs["d.png"] = bytes(png)
    for name, data in bombs.items():
        scene = tmp_path / name.replace(".", "_")
        scene.mkdir()
        (scene / name).write_bytes(data)
        tracemalloc.start()
        with pytest.raises(CorruptInputError, match=name.replace(".", r"\.")):
            open_depth(tmp_path, scene.name, 1, DepthOptions(1.0)).read(0)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
        tracemalloc.stop()


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".png", ".exr"])
def test_damaged_files_are_refused_by_name_or_read_as_something(tmp_path, suffix):
    """Cut files are always refused; flipped bytes are refused or read, but nothing else may happen."""
    path = one_map(tmp_path, f"a{suffix}")
    write_map(path, scene_depth()[0])
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for stop in (0, 5, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:stop])
        with pytest.raises(CorruptInputError, match=path.name):
            open_depth(tmp_path, "bear", 1, DepthOptions(1000.0)).read(0)
    for _ in range(150):
        damaged = bytearray(whole)
        for position in rng.integers(0, min(len(whole), 400), 3):
            damaged[position] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(damaged))
        try:
            open_depth(tmp_path, "bear", 1, DepthOptions(1000.0)).read(0)
        except SceneError as error:
            assert path.name in str(error)


def test_every_byte_of_a_png_that_is_another_one_is_found(tmp_path):
    path = one_map(tmp_path, "a.png")
    cv2.imwrite(str(path), np.arange(1000, 1024, dtype=np.uint16).reshape(4, 6))
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(CorruptInputError, match=r"a\.png"):
            open_depth(tmp_path, "bear", 1, DepthOptions(1000.0)).read(0)


def test_a_damaged_archive_is_found_while_it_is_read(tmp_path):
    np.savez(tmp_path / "bear.npz", depth=scene_depth())
    data = bytearray((tmp_path / "bear.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bear.npz").write_bytes(bytes(data))
    source = open_depth(tmp_path, "bear", N, DepthOptions(1.0))
    with pytest.raises(CorruptInputError, match=r"bear\.npz.*CRC"):
        for index in range(N):
            source.read(index)


@pytest.mark.parametrize("shape", [(H, W), (N, 2, H, W)])
def test_an_array_that_is_no_scene_is_refused(tmp_path, shape):
    np.save(tmp_path / "bear.npy", np.ones(shape, np.float32))
    with pytest.raises(CorruptInputError, match="depth has shape"):
        open_depth(tmp_path, "bear", shape[0], DepthOptions(1.0))


@pytest.mark.usefixtures("usual_garbage")
def test_a_long_archive_is_read_in_the_memory_of_a_frame(tmp_path):
    np.savez_compressed(tmp_path / "bear.npz", depth=np.ones((200, 64, 64), np.float32))
    source = open_depth(tmp_path, "bear", 200, DepthOptions(1.0))
    tracemalloc.start()
    for index in range(200):
        source.read(index)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 12 * 64 * 64 * 4 + 200_000


def test_the_digest_follows_content_order_and_names(tmp_path):
    depth = scene_depth()
    for index in range(3):
        np.save(one_map(tmp_path, f"{index}.npy"), depth[index])
    before = open_depth(tmp_path, "bear", 3, DepthOptions(1.0)).digest()
    assert before == open_depth(tmp_path, "bear", 3, DepthOptions(1.0)).digest()
    np.save(one_map(tmp_path, "1.npy"), depth[1] * np.float32(1.001))
    assert open_depth(tmp_path, "bear", 3, DepthOptions(1.0)).digest() != before
    np.save(one_map(tmp_path, "1.npy"), depth[1])
    assert open_depth(tmp_path, "bear", 3, DepthOptions(1.0)).digest() == before


@pytest.mark.parametrize("there", ["bear.tif", "bear.mp4", "Bear/", "bear_depth/", "bear -> nowhere"])
def test_what_is_named_much_like_a_scene_without_depth_is_told(tmp_path, there):
    name, _, target = there.partition(" -> ")
    if target:
        (tmp_path / name).symlink_to(target)
    elif name.endswith("/"):
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).touch()
    with pytest.raises(MissingUpstreamError, match=rf"but there is {name}") as missing:
        open_depth(tmp_path, "bear", 3, DepthOptions())
    assert ("link to nowhere" in missing.value.message) == bool(target)


def test_a_depth_file_that_is_a_link_to_nothing_is_not_passed_over(tmp_path):
    for index in range(3):
        np.save(one_map(tmp_path, f"{index}.npy"), scene_depth()[index])
    one_map(tmp_path, "3.npy").symlink_to("gone.npy")
    with pytest.raises(CorruptInputError, match=r"3\.npy: it is a link to gone\.npy, which is not there"):
        open_depth(tmp_path, "bear", 3, DepthOptions())


def test_every_refusal_of_a_depth_file_says_what_to_do(tmp_path):
    np.save(one_map(tmp_path, "0.npy"), scene_depth()[0])
    whole = one_map(tmp_path, "0.npy").read_bytes()
    for damaged in (b"", whole[:100], whole[:-10], whole + b"\0"):
        one_map(tmp_path, "0.npy").write_bytes(damaged)
        with pytest.raises(CorruptInputError, match=r"0\.npy") as refused:
            open_depth(tmp_path, "bear", 1, DepthOptions()).read(0)
        assert "Replace the file" in refused.value.advice
