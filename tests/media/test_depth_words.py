"""Arrays that their name calls something else than depth are no depth, unless somebody says so."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import OpenEXR
import pytest

from focusgen.base.errors import CorruptInputError
from focusgen.media.depth_files import open_depth
from focusgen.media.depth_units import DepthOptions
from focusgen.media.depth_words import file_name_note, other_quantity, path_note

MAP = np.linspace(2.0, 4.0, 6 * 8, dtype=np.float32).reshape(6, 8)


@pytest.mark.parametrize("name", ["disp", "leftDisparity", "inv_depth", "conf", "pred_mask", "normals"])
@pytest.mark.parametrize("kind", ["npz", "h5", "exr", "npz stack", "h5 stack"])
def test_the_only_array_is_refused_if_it_is_called_otherwise_and_taken_if_a_person_says_so(
    tmp_path, name, kind
):
    ending, _, is_stack = kind.partition(" ")
    values = np.stack([MAP, MAP]) if is_stack else MAP
    path = tmp_path / f"bear.{ending}" if is_stack else tmp_path / "bear" / f"0.{ending}"
    path.parent.mkdir(exist_ok=True)
    if ending == "npz":
        np.savez(path, **{name: values})
    elif ending == "h5":
        with h5py.File(path, "w") as file:
            file[name] = values
    else:
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, {name: values}).write(str(path))
    n_frames, flag = len(values) if is_stack else 1, "channel" if ending == "exr" else "key"
    with pytest.raises(CorruptInputError, match=rf"it holds {name}, which is .* by its name") as refused:
        open_depth(tmp_path, "bear", n_frames, DepthOptions()).read(0)
    assert f"--depth.{flag} {name}" in refused.value.advice
    said = DepthOptions(**{flag: name})
    np.testing.assert_array_equal(open_depth(tmp_path, "bear", n_frames, said).read(0), MAP)


@pytest.mark.parametrize(
    "name", ["depth", "pred", "display", "dispatch", "dataset", "Z", "arr_0", "maskingtape"]
)
def test_other_names_say_nothing(name):
    assert other_quantity(name) == "" and file_name_note(name) == ""


def test_files_called_disparity_are_told():
    assert "hold disparity or inverse depth by their name" in file_name_note("frame_0001_disp.npy")
    assert file_name_note("mask_dance_0001.npy") == ""


@pytest.mark.parametrize(
    ("path", "is_told"),
    [
        ("FlyingThings3D/disparity/TRAIN/A/0000/left/0006.pfm", True),
        ("kitti/training/disp_occ_0/000000_10.png", True),
        ("disparity_norm/tabletop/0006.npy", True),
        ("Disp-maps/tabletop/0006.png", True),
        ("disparity/depth_from_disparity/0006.pfm", False),
        ("disparity-net/run_3/0006.pfm", False),
        ("display/0006.pfm", False),
        ("any/0006_disp.pfm", True),
        ("depth_data/inverse_depth/0006.npy", True),
    ],
)
def test_the_nearest_folder_that_says_what_lies_in_it_counts(path, is_told):
    assert bool(path_note(Path(path))) == is_told
