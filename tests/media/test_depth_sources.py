"""Depth of a scene, from a folder or from one file: the same metres, in any order of reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from focusgen.base.errors import CorruptInputError
from focusgen.media.depth_pairs import Pairing
from focusgen.media.depth_sources import (
    HYPERSIM_ENDING,
    RAYS_NOTE,
    DepthArchive,
    DepthArray,
    DepthFolder,
    DepthHdf5,
    DepthSource,
    check_stack,
)
from focusgen.media.depth_units import DepthOptions

N, H, W = 4, 3, 5
METRES = (1.0 + np.arange(N * H * W, dtype=np.float32).reshape(N, H, W) / 8.0).astype(np.float32)
KINDS = ("folder", "npy", "npy F", "npz", "npz F", "hdf5")


def source_of(kind: str, folder: Path, array: np.ndarray = METRES, **options: Any) -> DepthSource:
    """Write an array in some way, and return what reads it."""
    how, path = DepthOptions(**options), folder / "bear"
    array = np.asfortranarray(array) if kind.endswith("F") else array
    if kind == "folder":
        path.mkdir()
        files = [path / f"{n}.npy" for n in range(len(array))]
        for file, one in zip(files, array, strict=True):
            np.save(file, one)
        return DepthFolder(path, files, how)
    if kind.startswith("npy"):
        np.save(path.with_suffix(".npy"), array)
        return DepthArray(path.with_suffix(".npy"), how)
    if kind.startswith("npz"):
        np.savez_compressed(path.with_suffix(".npz"), depth=array)
        return DepthArchive(path.with_suffix(".npz"), how)
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        file["depth"] = array
    return DepthHdf5(path.with_suffix(".h5"), how)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 0, 3, 1), (2, 2)])
def test_frames_may_be_read_in_any_order_and_again(tmp_path, kind, order):
    source = source_of(kind, tmp_path)
    assert len(source) == N
    for index in order:
        found = source.read(index)
        np.testing.assert_array_equal(found, METRES[index])
        assert found.dtype == np.float32 and found.flags.c_contiguous
    assert source.unit == "metres (float32)"


@pytest.mark.parametrize("kind", KINDS)
def test_a_map_belongs_to_its_reader(tmp_path, kind):
    source = source_of(kind, tmp_path)
    source.read(1)[:] = -1.0
    np.testing.assert_array_equal(source.read(1), METRES[1])


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_lone_channel_is_no_axis_and_a_frame_is_named_by_its_place(tmp_path, kind):
    source = source_of(kind, tmp_path, METRES[..., None])
    np.testing.assert_array_equal(source.read(2), METRES[2])
    assert source.name(2).endswith("[2]") and len(source.files()) == 1


@pytest.mark.parametrize("index", [-1, N])
def test_an_archive_has_no_frame_beyond_its_ends(tmp_path, index):
    with pytest.raises(IndexError, match=f"has 4 frames, not {index}"):
        source_of("npz", tmp_path).read(index)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_an_array_that_is_no_scene_is_refused_when_it_is_opened(tmp_path, kind):
    with pytest.raises(CorruptInputError, match=r"bear\..*depth has shape"):
        source_of(kind, tmp_path, METRES[0])


@pytest.mark.parametrize("shape", [(4, 3, 5), (4, 1, 5), (4, 3, 5, 1), (4, 1, 3, 5)])
def test_stacks_are_maps_in_time(shape):
    check_stack(shape)


@pytest.mark.parametrize("shape", [(), (4,), (3, 5), (4, 3, 5, 3), (4, 3, 5, 1, 1)])
def test_other_shapes_are_no_stack(shape):
    with pytest.raises(CorruptInputError):
        check_stack(shape)


# --- numbers that have a scale ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_whether_floats_are_scaled_is_judged_once_by_the_first_frame_that_can_tell(tmp_path, kind):
    # Centimetres: 90 could be metres as well, so a later near frame must not be judged by itself.
    centimetres = np.stack([np.zeros((H, W)), np.full((H, W), 900.0), np.full((H, W), 90.0)]).astype(
        np.float32
    )
    source = source_of(kind, tmp_path, centimetres, depth_scale=100.0)
    assert source.read(2)[0, 0] == pytest.approx(0.9)
    assert source.read(1)[0, 0] == pytest.approx(9.0)
    assert np.isnan(source.read(0)).all()
    assert source.unit == "100 per metre (float32)"


def test_saturated_numbers_are_counted_by_frame(tmp_path):
    units = np.full((2, H, W), 1000, np.uint16)
    units[1, 0, :3] = 65535
    source = source_of("npy", tmp_path, units, depth_scale=1000.0)
    source.read(1)
    assert source.last_saturated is not None
    frame, pixels = source.last_saturated
    assert frame == 1 and pixels[0].tolist() == [True, True, True, False, False]
    source.read(0)
    assert source.last_saturated is None
    assert source.saturated_fractions == {1: 3 / (H * W)}


# --- what a finished scene is compared with ---------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_digest_is_of_the_bytes_and_of_a_scale_that_floats_are_divided_by(tmp_path, kind):
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).mkdir()
    same = [source_of(kind, tmp_path / name).digest() for name in ("a", "b")]
    assert same[0] == same[1]
    changed = METRES.copy()
    changed[-1, -1, -1] += 1.0
    assert source_of(kind, tmp_path / "c", changed).digest() != same[0]
    scaled = source_of(kind, tmp_path / "d", depth_scale=100.0, scale_floats=True)
    assert scaled.digest() != same[0]


def test_the_order_of_files_belongs_to_the_digest(tmp_path):
    source = source_of("folder", tmp_path)
    turned = DepthFolder(source.path, list(source.files())[::-1], DepthOptions())
    assert turned.digest() != source.digest()


def test_a_digest_needs_no_map_that_can_be_read(tmp_path):
    source = source_of("folder", tmp_path, depth_scale=100.0)
    for file in source.files():
        file.write_bytes(b"junk")
    assert len(source.digest()) == 32


# --- folders ----------------------------------------------------------------------------------------------


def test_files_without_a_partner_stop_reading_and_are_named(tmp_path):
    whole = source_of("folder", tmp_path)
    source = DepthFolder(whole.path, whole.files(), DepthOptions(), Pairing(problem="frame 3 has no depth"))
    with pytest.raises(CorruptInputError, match=r"bear: frame 3 has no depth") as caught:
        source.read(0)
    assert "remove those that have no partner" in caught.value.advice


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("0." + HYPERSIM_ENDING, {}, RAYS_NOTE),
        ("0." + HYPERSIM_ENDING, {"ray_distance_focal_px": 886.81}, None),
        ("0." + HYPERSIM_ENDING, {"ray_focal_per_width": 0.866}, None),
        ("disparity_0.npy", {}, "disparity or inverse depth"),
        ("0.npy", {}, None),
    ],
)
def test_file_names_that_say_something_else_are_told(name, options, said):
    source = DepthFolder(
        Path("x"), [Path("x") / name], DepthOptions(**options), Pairing(notes=("2 left out",))
    )
    assert source.notes == ("2 left out",)
    assert (said or "") in source.contradiction and (said is None) == (source.contradiction == "")


def test_a_damaged_frame_is_named_by_its_own_file(tmp_path):
    source = source_of("folder", tmp_path)
    source.files()[2].write_bytes(b"junk")
    source.read(1)
    with pytest.raises(CorruptInputError, match=r"bear/2\.npy: damaged"):
        source.read(2)


def test_a_column_ordered_archive_that_is_too_large_says_how_to_save_it(tmp_path, monkeypatch):
    monkeypatch.setattr("focusgen.media.depth_sources.MAX_FORTRAN_BYTES", METRES.nbytes - 1)
    with pytest.raises(CorruptInputError, match="column order") as caught:
        source_of("npz F", tmp_path)
    assert "np.ascontiguousarray" in caught.value.advice
