"""A data set of the reference pipeline is checked to the last label, then gets records or a reason."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen import cli
from tests.conftest import Rgbd
from tests.fingerprint import published_digests

WIDTH, HEIGHT, N_FRAMES, MAX_COC = 48, 32, 4, 0.002
PHASES = ("deblur", "depth", "render")
LENSES = ((0.05, 2.0, 2.5), (0.035, 4.0, 4.0))


def write_reference_scene(root: Path, name: str, split: str = "train", *, extra_arrays: bool = True) -> None:
    """Write a scene as the reference pipeline does: plain numpy and cv2, empty `.done` files."""
    rng = np.random.default_rng(len(name))
    scene = root / name
    for folder in ("frames_sharp", "depth_maps"):
        (scene / folder).mkdir(parents=True)
    (scene / "split.txt").write_text(split)
    texture = cv2.resize(rng.integers(0, 256, (12, 20, 3), dtype=np.uint8), (2 * WIDTH, HEIGHT))
    depths = []
    for frame in range(N_FRAMES):
        picture = np.ascontiguousarray(texture[:, frame : frame + WIDTH])
        cv2.imwrite(str(scene / f"frames_sharp/frame_{frame:04d}.png"), picture)
        depth = np.linspace(1, 6 + frame, WIDTH * HEIGHT, dtype=np.float32).reshape(HEIGHT, WIDTH)
        depths.append(depth.astype(np.float16))
        np.savez_compressed(scene / f"depth_maps/depth_{frame:04d}.npz", depth=depths[-1])
    every = np.stack(depths).astype(np.float32)
    stats = {"d_min": every.min(), "d_max": every.max(), "d_median": np.median(every)}
    stats |= {"d_p5": np.percentile(every, 5), "d_p95": np.percentile(every, 95)}
    (scene / "depth_maps/stats.json").write_text(json.dumps({k: float(v) for k, v in stats.items()}))
    sets = [{"f": f, "N": n, "S_focus": s, "max_coc": MAX_COC} for f, n, s in LENSES]
    (scene / "metadata.json").write_text(json.dumps({"sets": sets}))
    for number, (f, n, s) in enumerate(LENSES):
        for kind in ("bokeh_renders", "focus_maps"):
            (scene / kind / f"set_{number:02d}").mkdir(parents=True)
        for frame, depth in enumerate(depths):
            d = depth.astype(np.float32)
            coc = (f * f / (n * s)) * np.abs(d - s) / d
            label = (1.0 - np.clip(coc / MAX_COC, 0.0, 1.0)).astype(np.float16)
            more = {"coc": coc.astype(np.float16)} if extra_arrays else {}
            path = scene / f"focus_maps/set_{number:02d}/focus_{frame:04d}.npz"
            np.savez_compressed(path, focus_map=label, **more)
            drawn = cv2.GaussianBlur(texture[:, frame : frame + WIDTH], (0, 0), 1.0)
            cv2.imwrite(str(scene / f"bokeh_renders/set_{number:02d}/bokeh_{frame:04d}.png"), drawn)
    for folder in ("frames_sharp", "depth_maps", "bokeh_renders"):
        (scene / folder / ".done").touch()


def write_reference_index(root: Path, splits: dict[str, str]) -> None:
    frames = [f"{frame:05d}.jpg" for frame in range(N_FRAMES)]
    document = {
        name: {"frames": frames, "width": 46, "height": 30, "split": split} for name, split in splits.items()
    }
    (root / "scene_index.json").write_text(json.dumps(document))


@pytest.fixture
def reference(tmp_path) -> Rgbd:
    """Return three scenes in an order that is not the natural one."""
    rgbd = Rgbd(tmp_path)
    splits = {"swan": "train", "bear": "val", "lucia": "test"}
    for name, split in splits.items():
        write_reference_scene(rgbd.out_root, name, split)
    write_reference_index(rgbd.out_root, splits)
    return rgbd


def adopt(rgbd: Rgbd, *arguments: str) -> int:
    return cli.main(["adopt", *rgbd.flags("out_root"), *arguments])


def verdict_of(rgbd: Rgbd) -> str:
    cli.phase_main("validate", "doc", rgbd.flags("out_root"))
    return rgbd.report()["verdict"]


def status_of(rgbd: Rgbd, capsys, *arguments: str) -> dict:
    capsys.readouterr()
    assert cli.main(["status", *rgbd.flags("out_root"), "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)["scenes"]


def test_a_right_data_set_is_adopted_unchanged_and_passes_phase_6(reference, capsys):
    before = {
        name: digest
        for name, digest in published_digests(reference.out_root).items()
        if not name.endswith(("split.txt", "scene_index.json"))
    }
    assert adopt(reference) == 0
    after = published_digests(reference.out_root)
    assert {name: after[name] for name in before} == before, "no frame, map or label is touched"
    assert (reference.out_root / "bear/split.txt").read_text() == "val\n"
    assert list(json.loads((reference.out_root / "scene_index.json").read_text())) == [
        "swan",
        "bear",
        "lucia",
    ]
    assert verdict_of(reference) == "pass"
    states = status_of(reference, capsys)
    assert all(states[name][phase]["state"] == "complete" for name in states for phase in ("depth", "render"))


def test_damage_after_adoption_is_found_and_cannot_be_made_again(reference, capsys):
    assert adopt(reference) == 0
    victim = reference.out_root / "bear/bokeh_renders/set_01/bokeh_0002.png"
    data = bytearray(victim.read_bytes())
    data[-40] ^= 4
    victim.write_bytes(data)
    assert verdict_of(reference) == "fail"
    assert cli.main(["repair", *reference.flags("out_root"), "bear"]) == 3
    assert "bokeh_0002.png: made by another pipeline" in "".join(capsys.readouterr())


def test_raw_frames_that_come_after_adoption_are_not_called_changed(reference, capsys):
    assert adopt(reference) == 0
    (reference.raw_root / "bear").mkdir(parents=True)
    for frame in range(N_FRAMES):
        path = reference.out_root / f"bear/frames_sharp/frame_{frame:04d}.png"
        shutil.copy(path, reference.raw_root / "bear")
    flags = [*reference.flags("raw_root", "out_root"), "--min_frames", "2", "--workers", "1"]
    assert cli.phase_main("index", "doc", flags) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "adopted without its raw frames" in said and "changed" not in said
    assert verdict_of(reference) == "pass"


@pytest.mark.slow
def test_a_run_by_a_configuration_leaves_what_is_adopted_alone_and_does_the_rest(reference, capsys):
    for name in ("bokeh_renders", "focus_maps"):
        shutil.rmtree(reference.out_root / "lucia" / name)
    (reference.out_root / "lucia/metadata.json").unlink()
    assert adopt(reference) == 0
    file = reference.root / "mine.yaml"
    roots = f"{{raw_root: {reference.root}, out_root: {reference.out_root}}}"
    file.write_text(f"defaults: [rgbd]\ndata: {roots}\nrender: {{n_sets: 2}}\n")
    before = published_digests(reference.out_root)
    run = ["run", "--config", str(file), "--no_pictures"]
    assert cli.main([*run, "--max_coc", "0.003"]) == 3, "finished scenes have another, lucia gets none"
    assert "finished scenes have 0.002 -> 0.003" in capsys.readouterr().err
    assert cli.main([*run, "--max_coc", str(MAX_COC)]) == 0
    after = published_digests(reference.out_root)
    assert {name: after[name] for name in before if "/" in name} == {
        name: digest for name, digest in before.items() if "/" in name
    }
    states = status_of(reference, capsys, "--config", str(file))
    assert {states[name][phase]["state"] for name in states for phase in states[name] if phase in PHASES} == {
        "complete"
    }
    states = status_of(reference, capsys, "--config", str(file), "--render.n_sets", "3")
    assert states["bear"]["render"] == {"state": "stale", "reason": "render.n_sets: 2 -> 3"}, "files show it"
    flags = [*reference.flags("raw_root", "out_root", "max_coc"), "--n_sets", "1", "--on_stale", "redo"]
    assert cli.phase_main("render", "doc", flags) == 0
    record = json.loads((reference.out_root / "bear/bokeh_renders/.done").read_text())
    assert record["backend"] == "thin_lens", "made anew only where that is asked for"


def test_renders_can_be_made_anew_on_adopted_depth(reference):
    assert adopt(reference, "--phases", "deblur,depth") == 0
    flags = [*reference.flags("raw_root", "out_root", "max_coc"), "--on_stale", "redo", "--n_sets", "1"]
    assert cli.phase_main("render", "doc", flags) == 0
    assert verdict_of(reference) == "pass"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda s: (s / "frames_sharp/frame_0002.png").unlink(), "3 files *.png, the index says 4"),
        (lambda s: truncate(s / "bokeh_renders/set_00/bokeh_0001.png"), "bokeh_0001.png: PNG"),
        (lambda s: resave(s / "depth_maps/depth_0001.npz", "depth", np.float32), "depth is float32"),
        (lambda s: change(s / "depth_maps/depth_0001.npz", "depth", 0.0), "not finite or not positive"),
        (lambda s: change(s / "focus_maps/set_01/focus_0003.npz", "focus_map", 0.125), "labels differ"),
        (lambda s: change(s / "focus_maps/set_01/focus_0003.npz", "focus_map", 1.5), "labels differ"),
        (lambda s: relens(s / "metadata.json"), "drawn with another lens"),
        (lambda s: (s / "metadata.json").write_text('{"sets": [{"f": 0.05}]}'), "KeyError('N')"),
        (lambda s: (s / "depth_maps/stats.json").write_text('{"d_min": 3}'), "not the statistics"),
        (lambda s: (s / "split.txt").write_text("test"), "split.txt is not 'val'"),
        (lambda s: (s / "frames_sharp/.done").unlink(), "frames_sharp/.done is not there"),
    ],
)
def test_a_scene_that_is_wrong_says_so_and_gets_nothing(reference, capsys, spoil, reason):
    scene = reference.out_root / "bear"
    spoil(scene)
    assert adopt(reference) == 3
    shown = capsys.readouterr().out
    assert "bear: not adopted" in shown
    assert reason in shown
    assert all(path.stat().st_size == 0 for path in scene.rglob(".done"))
    assert (reference.out_root / "swan/bokeh_renders/.done").stat().st_size > 0
    assert verdict_of(reference) == "fail"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def resave(path: Path, key: str, dtype) -> None:
    np.savez_compressed(path, **{key: np.load(path)[key].astype(dtype)})


def change(path: Path, key: str, value: float) -> None:
    array = np.load(path)[key].copy()
    array[5, 5] = value
    np.savez_compressed(path, **{key: array})


def relens(path: Path) -> None:
    document = json.loads(path.read_text())
    document["sets"][0]["N"] *= 1.5
    path.write_text(json.dumps(document))


def test_labels_off_by_rounding_are_accepted_counted_and_verified_later(reference, capsys):
    path = reference.out_root / "bear/focus_maps/set_00/focus_0001.npz"
    label = np.load(path)["focus_map"].copy()
    inside = (label > 0.1) & (label < 0.9)
    label.view(np.uint16)[inside] += 1
    np.savez_compressed(path, focus_map=label)
    assert adopt(reference) == 0
    assert f"{np.count_nonzero(inside)} of" in capsys.readouterr().out
    assert verdict_of(reference) == "pass"
    assert adopt_again_refused(reference)


def adopt_again_refused(rgbd: Rgbd) -> bool:
    return adopt(rgbd) == 3  # they have records now


def test_rounding_is_refused_where_bit_equality_is_asked(reference, capsys):
    path = reference.out_root / "bear/focus_maps/set_00/focus_0001.npz"
    label = np.load(path)["focus_map"].copy()
    label.view(np.uint16)[(label > 0.1) & (label < 0.9)] += 1
    np.savez_compressed(path, focus_map=label)
    assert adopt(reference, "--max_label_difference", "0") == 3
    assert "bear: not adopted" in capsys.readouterr().out


def test_without_an_index_one_is_made_from_the_scenes(reference):
    (reference.out_root / "scene_index.json").unlink()
    assert adopt(reference) == 0
    index = json.loads((reference.out_root / "scene_index.json").read_text())
    assert list(index) == ["bear", "lucia", "swan"]
    assert (index["bear"]["split"], index["bear"]["width"]) == ("val", WIDTH)
    assert verdict_of(reference) == "pass"


def test_raw_frames_are_tied_to_adopted_scenes_in_the_old_order(reference):
    for name in ("swan", "bear", "lucia"):
        (reference.raw_root / name).mkdir(parents=True)
        for frame in range(N_FRAMES):
            picture = cv2.imread(str(reference.out_root / name / f"frames_sharp/frame_{frame:04d}.png"))
            cv2.imwrite(str(reference.raw_root / name / f"{frame:05d}.png"), picture)
    flags = [*reference.flags("raw_root"), "--data.min_frames", "2", "--run.workers", "1"]
    assert adopt(reference, *flags) == 0
    index = json.loads((reference.out_root / "scene_index.json").read_text())
    assert list(index) == ["swan", "bear", "lucia"]
    assert index["bear"]["frames"][0] == "00000.png"
    assert verdict_of(reference) == "pass"
    again = [*reference.flags("raw_root", "out_root"), "--min_frames", "2", "--strict"]
    assert cli.phase_main("index", "doc", again) == 0, "phase 1 finds the scenes unchanged"


def test_a_scene_name_that_could_leave_the_folder_is_refused(reference, capsys):
    path = reference.out_root / "scene_index.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({"../evil": document["bear"], **document}))
    shutil.copytree(reference.out_root / "bear", reference.root / "evil")
    assert adopt(reference) == 3
    assert "../evil: not adopted" in capsys.readouterr().out
    assert (reference.root / "evil/frames_sharp/.done").stat().st_size == 0


@pytest.mark.slow
def test_focus_that_moves_and_breathes_is_adopted_by_the_lens_of_each_frame(rgbd: Rgbd):
    rgbd.add_scene("a", n_frames=4)
    assert rgbd.run("--lens.motion", "rack", "--optics.breathing", "true") == 0
    shutil.rmtree(rgbd.out_root / ".focusgen")
    for record in rgbd.out_root.rglob(".done"):
        record.unlink()
    assert adopt(rgbd) == 0
    details = json.loads((rgbd.out_root / "a/bokeh_renders/.done").read_text())["details"]
    assert details["labels_differing"] == 0


def test_an_index_that_phase_1_published_meanwhile_is_not_replaced(reference, monkeypatch, capsys):
    index_json = reference.out_root / "scene_index.json"

    @contextmanager
    def after_phase_1(lock):
        document = json.loads(index_json.read_bytes())
        index_json.write_text(json.dumps({**document, "new": document["swan"]}))
        yield

    monkeypatch.setattr("focusgen.tools.adopt.exclusive", after_phase_1)
    write_reference_scene(reference.out_root, "new")
    assert adopt(reference) == 2
    assert "index changed while" in capsys.readouterr().err
    assert "new" in json.loads(index_json.read_bytes())
