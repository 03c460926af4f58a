from pathlib import Path

from focusgen.media.layouts.find import find_scenes
from focusgen.media.layouts.tum import pair_by_time
from tests.layouts import tum, write_depth_png, write_pictures
from tests.media.layouts.asking import data_of


def stamped(*times_s: float) -> list[tuple[float, str]]:
    return [(time_s, f"{time_s:g}") for time_s in times_s]


def test_each_frame_gets_the_nearest_depth_once_within_the_tolerance():
    """0.100 and 0.104 both want 0.103: the nearer one gets it, the other takes 0.09; 1.0 has none."""
    frames, depths = stamped(0.100, 0.104, 1.0), stamped(0.09, 0.103, 1.021)
    assert pair_by_time(frames, depths) == [("0.1", "0.09"), ("0.104", "0.103")]
    assert pair_by_time(frames, depths, 0.03)[-1] == ("1", "1.021")
    assert pair_by_time(frames, []) == []


def test_a_list_of_pairs_is_believed_whichever_it_names_first(tmp_path: Path):
    """ICL-NUIM: numbers instead of times, depth named first."""
    folder = tmp_path / "traj0"
    write_pictures(folder / "rgb", [f"{frame}.png" for frame in range(4)])
    write_depth_png(folder / "depth", [f"{frame}.png" for frame in range(4)], 5000)
    (folder / "associations.txt").write_text("1 depth/1.png 0 rgb/0.png\n2 depth/2.png 1 rgb/1.png\n")
    (scene,) = find_scenes(data_of(tmp_path)).scenes
    assert scene.brought is not None and scene.brought.depth is not None
    assert (scene.scene_id, scene.files) == ("traj0", ("0.png", "1.png"))
    assert scene.brought.depth.files == ("1.png", "2.png")
    assert scene.brought.camera is None


def test_pairs_come_in_the_order_of_the_frames_and_each_once(tmp_path: Path):
    """A list sorted as text played frame 10 after frame 1; a line that stood twice was a frame twice."""
    folder = tmp_path / "traj0_frei"
    names = [f"{frame}.png" for frame in range(12)]
    write_pictures(folder / "rgb", names)
    write_depth_png(folder / "depth", names, 5000)
    rows = [f"{name[:-4]} depth/{name} {name[:-4]} rgb/{name}\n" for name in sorted(names)]
    (folder / "associations.txt").write_text("".join([*rows, rows[3]]))
    (scene,) = find_scenes(data_of(tmp_path)).scenes
    assert scene.brought is not None and scene.brought.depth is not None
    assert scene.files == scene.brought.depth.files == tuple(names)


def test_the_frames_that_the_depth_camera_missed_are_left_out_and_named(tmp_path: Path):
    tum(tmp_path)
    (scene,) = find_scenes(data_of(tmp_path)).scenes
    expected = "2 of 18 frames have no depth and are left out: 1305031102.175304.png, 1305031102.208637.png"
    assert expected in scene.notes


def test_a_line_that_says_nothing_and_a_picture_called_infinity_are_passed_over(tmp_path: Path):
    tum(tmp_path / "whole")
    (whole,) = find_scenes(data_of(tmp_path / "whole")).scenes
    tum(tmp_path / "odd")
    folder = tmp_path / "odd" / "rgbd_dataset_freiburg1_xyz"
    for name in ("nan.png", "infinity.png"):
        (folder / "rgb" / name).write_bytes((folder / "rgb" / whole.files[0]).read_bytes())
    (folder / "rgb.txt").unlink()  # then the names tell the time
    (folder / "depth.txt").write_text(",\n" + (folder / "depth.txt").read_text())
    (odd,) = find_scenes(data_of(tmp_path / "odd")).scenes
    assert odd.files == whole.files


def test_clocks_that_never_meet_are_refused(tmp_path: Path):
    tum(tmp_path)
    folder = tmp_path / "rgbd_dataset_freiburg1_xyz"
    rows = (folder / "depth.txt").read_text().replace("1305031102", "1305031999")
    (folder / "depth.txt").write_text(rows.replace("depth/1305031999", "depth/1305031102"))
    (rejection,) = find_scenes(data_of(tmp_path)).rejected.values()
    assert "no frame of rgb/ has a depth of depth/ within 0.02 s" in rejection.reason


def test_only_sequences_of_known_names_have_tum_s_unit_for_certain(tmp_path: Path):
    """Recorders of RealSense and others write this form in millimetres."""
    tum(tmp_path)
    (known,) = find_scenes(data_of(tmp_path)).scenes
    (tmp_path / "rgbd_dataset_freiburg1_xyz").rename(tmp_path / "my_desk")
    (other,) = find_scenes(data_of(tmp_path)).scenes
    assert known.brought is not None and known.brought.depth is not None
    assert other.brought is not None and other.brought.depth is not None
    assert (known.brought.depth.is_unit_assumed, other.brought.depth.is_unit_assumed) == (False, True)
    assert known.brought.depth.units_per_metre == other.brought.depth.units_per_metre == 5000
    said = [note for note in other.notes if "unless --depth.depth_scale says otherwise" in note]
    assert len(said) == 1 and not set(said) & set(known.notes)
