"""No phase, task or tool builds on a record that is itself stale: the chain is followed to its root."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen import cli
from focusgen.base.errors import ExitCode
from focusgen.dataset.records import seal
from focusgen.models import weights
from tests.conftest import Rgbd
from tests.fingerprint import published_digests
from tests.tools.test_adopt import write_reference_index, write_reference_scene


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    rgbd = Rgbd(tmp_path_factory.mktemp("finished"))
    rgbd.add_scene("a", n_frames=2, width=96, height=64)
    assert rgbd.run() == 0
    return rgbd.root


@pytest.fixture
def whole(finished, tmp_path) -> Rgbd:
    """A finished data set of one scene that a test may change; its settings know the place of the copy."""
    root = tmp_path / "copy"
    shutil.copytree(finished, root)
    for path in (root / "out" / ".focusgen" / "config").glob("*.yaml"):
        path.write_text(path.read_text().replace(str(finished), str(root)))
    return Rgbd(root)


def phase(rgbd: Rgbd, name: str, *more: str) -> int:
    roots = {"deblur": ["raw_root"], "depth": ["depth_root"], "render": ["max_coc"]}.get(name, [])
    sets = ["--n_sets", "2"] if name == "render" else []
    return cli.phase_main(name, "doc", [*rgbd.flags("out_root", *roots), *sets, *more])


def redo_phase_2(rgbd: Rgbd) -> None:
    assert phase(rgbd, "deblur", "--resize_long_side", "32", "--on_stale", "redo") == 0


def change_raw_frames(rgbd: Rgbd) -> None:
    replace_raw_frame(rgbd)
    flags = ["--raw_root", str(rgbd.raw_root), "--min_frames", "2", "--workers", "1"]
    assert phase(rgbd, "index", *flags, "--on_stale", "redo") == 0


def replace_raw_frame(rgbd: Rgbd) -> None:
    path = rgbd.raw_root / "a" / "frame_0001.png"
    cv2.imwrite(str(path), cv2.imread(str(path)) // 2)


def change_provided_depth(rgbd: Rgbd) -> None:
    path = rgbd.depth_root / "a" / "depth_0001.npy"
    np.save(path, np.load(path) + 0.5)


BROKEN = [
    (replace_raw_frame, "phase 1 (index) is stale: frame_0001.png: not the bytes that phase 1 saw"),
    (redo_phase_2, "phase 3 (depth) is stale: upstream.deblur"),
    (change_raw_frames, "phase 2 (deblur) is stale: upstream.index"),
    (change_provided_depth, "phase 3 (depth) is stale: weights.provided_depth"),
]


@pytest.mark.parametrize(("change", "named"), BROKEN)
def test_what_changed_upstream_is_named_and_nothing_is_published(whole, capsys, change, named):
    change(whole)
    before = published_digests(whole.out_root)
    stats = (whole.out_root / "logs/coc_stats.json").read_bytes()
    (whole.out_root / "a/bokeh_renders/.failed").unlink(missing_ok=True)
    for name in ("calibrate", "render"):
        capsys.readouterr()
        assert phase(whole, name) == ExitCode.INCOMPLETE, name
        assert named in capsys.readouterr().err, name
    if change is not change_provided_depth:  # phase 6 reads what was made, not what it was made from
        assert phase(whole, "validate") == ExitCode.INCOMPLETE
    assert published_digests(whole.out_root) == before
    assert (whole.out_root / "logs/coc_stats.json").read_bytes() == stats


def test_phase_2_names_a_raw_frame_that_was_replaced_and_wipes_nothing(whole, capsys):
    raw, published = whole.raw_root / "a" / "frame_0001.png", published_digests(whole.out_root)
    before = raw.read_bytes()
    replace_raw_frame(whole)
    for on_stale, code in (("fail", 3), ("redo", 3), ("keep", 0)):
        assert phase(whole, "deblur", "--on_stale", on_stale) == code
        said = capsys.readouterr().err
        assert "frame_0001.png: not the bytes that phase 1 saw" in said
        assert "run phases 1 and 2 again with --on_stale redo" in " ".join(said.split())
        assert published_digests(whole.out_root) == published
    assert phase(whole, "render") == 3
    assert phase(whole, "render", "--on_stale", "keep") == 0
    assert cli.main(["status", *whole.flags("out_root"), "--json"]) == 0
    states = json.loads(capsys.readouterr().out)["scenes"]["a"]
    assert [states[name]["state"] for name in ("deblur", "depth", "render")] == ["stale"] * 3
    assert cli.main(["explain", *whole.flags("out_root"), "a"]) == 0
    assert "advice: Put the old file back" in capsys.readouterr().out
    raw.write_bytes(before)
    assert phase(whole, "deblur") == phase(whole, "render") == 0, "the old bytes are the old input"
    raw.unlink()
    raw.with_name("frame_0000.png").unlink()
    assert phase(whole, "deblur") == phase(whole, "render") == 0, "what is gone is no other input"
    raw.parent.rename(raw.parent.with_name("unmounted"))
    assert phase(whole, "deblur", "--resize_long_side", "32", "--on_stale", "redo") == 3
    assert phase(whole, "depth", "--deblur.resize_long_side", "32", "--on_stale", "redo") == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "no such source Put it back, or give --raw_root" in said
    assert re.search(r"phase 2 \(deblur\) is stale: .* Its last try failed \(.*a: no such source\)", said)
    assert published_digests(whole.out_root) == published, "nothing is wiped that nobody could make again"


@pytest.mark.parametrize(("change", "named"), BROKEN)
def test_a_scene_without_renders_gets_none_on_a_stale_depth(whole, capsys, change, named):
    shutil.rmtree(whole.out_root / "a/bokeh_renders")
    shutil.rmtree(whole.out_root / "a/focus_maps")
    change(whole)
    for on_stale in ("fail", "redo"):
        assert phase(whole, "render", "--on_stale", on_stale) == ExitCode.INCOMPLETE
        assert named in capsys.readouterr().err
    assert not (whole.out_root / "a/bokeh_renders").exists()


def test_depth_of_which_there_is_more_now_is_stale_and_no_failure_of_a_finished_scene(whole, capsys):
    path = whole.depth_root / "a" / "depth_0001.npy"
    shutil.copy(path, path.with_name("depth_0002.npy"))
    for on_stale, code in (("fail", 3), ("keep", 0)):
        assert phase(whole, "depth", "--on_stale", on_stale) == code
        said = capsys.readouterr().err
        assert "weights.provided_depth" in said and "3 depth maps for 2 frames" in said
        assert not (whole.out_root / "a/depth_maps/.failed").exists()
    before = published_digests(whole.out_root)
    assert phase(whole, "depth", "--on_stale", "redo") == ExitCode.INCOMPLETE
    assert "3 depth maps for 2 frames" in capsys.readouterr().err
    assert published_digests(whole.out_root) == before, "nothing goes that cannot be made again"
    path.with_name("depth_0002.npy").unlink()
    assert cli.main(["explain", *whole.flags("out_root"), "a"]) == 0
    assert "3 depth maps" not in capsys.readouterr().out, "what is complete has no failure"


def test_where_nobody_knows_the_last_settings_defaults_say_nothing_either(whole, capsys):
    shutil.rmtree(whole.out_root / ".focusgen" / "config")
    assert phase(whole, "validate") == 0, "the default is four lens sets, and two were made"
    assert phase(whole, "validate", "--depth.max_m", "3") == ExitCode.INCOMPLETE
    assert "phase 3 (depth) is stale: depth.max_m: null -> 3" in capsys.readouterr().err


def test_status_and_explain_say_the_same_as_the_phases(whole, capsys):
    redo_phase_2(whole)
    capsys.readouterr()
    assert cli.main(["status", *whole.flags("out_root"), "--json"]) == 0
    states = json.loads(capsys.readouterr().out)["scenes"]["a"]
    assert [states[name]["state"] for name in ("deblur", "depth", "render")] == ["complete", "stale", "stale"]
    assert cli.main(["explain", *whole.flags("out_root"), "a"]) == 0
    assert "phase 3 depth: stale: upstream.deblur" in capsys.readouterr().out


def test_a_render_of_stale_depth_is_stale_though_its_own_links_fit(whole, capsys):
    """Other settings of phase 3: no digest differs anywhere. Tried and refused, they are nobody's."""
    assert phase(whole, "depth", "--depth.max_m", "3") == ExitCode.INCOMPLETE

    def render(*more: str) -> dict[str, str]:
        capsys.readouterr()
        assert cli.main(["status", *whole.flags("out_root"), "--json", *more]) == 0
        return json.loads(capsys.readouterr().out)["scenes"]["a"]["render"]

    assert render()["state"] == "complete"
    asked = render("--depth.max_m", "3", "--render.n_sets", "2", "--render.max_coc", "2e-3")
    assert asked["state"] == "stale"
    assert asked["reason"].startswith("phase 3 (depth) is stale: depth.max_m: null -> 3")


@pytest.mark.parametrize("name", ["calibrate", "render", "validate"])
def test_changed_settings_of_an_earlier_phase_stop_the_later_ones(whole, capsys, tmp_path, name):
    named = "phase 3 (depth) is stale: depth.max_m: null -> 3"
    assert phase(whole, name, "--depth.max_m", "3") == ExitCode.INCOMPLETE
    assert named in capsys.readouterr().err
    settings = tmp_path / "mine.yaml"
    settings.write_text("depth: {max_m: 3}\n")
    assert phase(whole, name, "--config", str(settings)) == ExitCode.INCOMPLETE
    assert named in capsys.readouterr().err
    assert phase(whole, name, "--config", str(settings), "--run.on_stale", "keep") == 0


@pytest.mark.slow
def test_an_older_job_file_says_at_each_phase_what_that_phase_needs(rgbd):
    rgbd.add_scene("a", n_frames=2)
    assert phase(rgbd, "index", "--raw_root", str(rgbd.raw_root), "--min_frames", "2", "--workers", "1") == 0
    assert phase(rgbd, "deblur", "--backend", "classical") == 0
    assert phase(rgbd, "depth", "--backend", "dryrun", "--max_chunk", "128") == 0
    assert phase(rgbd, "calibrate") == 0
    assert phase(rgbd, "render", "--seed", "7") == 0
    assert phase(rgbd, "validate") == 0


@pytest.mark.slow
def test_what_a_plan_of_phase_5_does_not_say_of_phase_3_stands_in_it_as_it_ran(rgbd):
    rgbd.add_scene("a", n_frames=2)
    roots = rgbd.flags("raw_root", "out_root")
    small = ["--cluster", "debug", "--min_frames", "2", "--n_sets", "1", "--workers", "1"]
    assert cli.main(["submit", *roots, *small, "--phases", "1-4", "--backend", "dryrun"]) == 0
    flags = [*roots, *rgbd.flags("max_coc"), *small, "--phases", "5-6"]
    assert cli.main(["submit", *flags]) == 0
    assert cli.main(["submit", *flags, "--depth.max_m", "3"]) == ExitCode.INCOMPLETE
    assert (rgbd.out_root / "a/bokeh_renders/.done").exists()


def test_a_task_ends_with_3_for_a_stale_scene(whole, capsys):
    redo_phase_2(whole)
    flags = [*whole.flags("out_root", "max_coc"), "--render.n_sets", "2"]
    capsys.readouterr()
    assert cli.main(["task", "--phases", "render", "--index", "0", *flags]) == ExitCode.INCOMPLETE
    assert "phase 3 (depth) is stale: upstream.deblur" in capsys.readouterr().err


@pytest.mark.parametrize("tool", [["preview", "a"], ["ablate", "sets", "a", "--values", "1"]])
def test_tools_refuse_what_does_not_belong_together(whole, capsys, tool):
    redo_phase_2(whole)
    assert cli.main([*tool, *whole.flags("out_root")]) == ExitCode.INCOMPLETE
    assert "phase 3 (depth) is stale: upstream.deblur" in capsys.readouterr().err


def test_repair_redoes_nothing_on_a_stale_chain(whole, capsys):
    redo_phase_2(whole)
    before = published_digests(whole.out_root)
    victim = whole.out_root / "a/bokeh_renders/set_00/bokeh_0000.png"
    victim.write_bytes(victim.read_bytes()[:-20])
    assert cli.main(["repair", *whole.flags("out_root"), "a"]) == ExitCode.INCOMPLETE
    assert "upstream.deblur" in capsys.readouterr().err
    changed = published_digests(whole.out_root).items() ^ before.items()
    assert {name for name, _ in changed} == {victim.relative_to(whole.out_root).as_posix()}


def test_a_weight_file_that_was_replaced_on_purpose_makes_depth_stale(whole, capsys, monkeypatch, tmp_path):
    """Phase 5 does not load the weights of phase 3: it looks at the record beside them."""
    checkpoint = tmp_path / "vda.pth"
    checkpoint.write_bytes(b"1" * 2000)
    monkeypatch.setattr("focusgen.models.registry.weight_files", lambda cfg, name: {"vda": checkpoint})
    weights.verify(checkpoint)
    done = whole.out_root / "a/depth_maps/.done"
    sha = weights.read_record(checkpoint).sha256
    _reseal(done, weights={"vda": sha})
    digest = json.loads(done.read_bytes())["digest"]
    render = whole.out_root / "a/bokeh_renders/.done"
    upstream = json.loads(render.read_bytes())["upstream"]
    _reseal(render, upstream={**upstream, "depth": digest}, weights={"vda": sha})
    assert phase(whole, "calibrate") == 0
    checkpoint.write_bytes(b"2" * 2000)
    weights.verify(checkpoint, accept=True)
    assert phase(whole, "calibrate") == ExitCode.INCOMPLETE
    assert "phase 3 (depth) is stale: weights.vda" in capsys.readouterr().err
    checkpoint.unlink()
    assert phase(whole, "calibrate") == 0, "phases 4 to 6 run where there are no weights"


def _reseal(path: Path, **changes) -> None:
    document = json.loads(path.read_bytes())
    run = {key: value for key, value in document.pop("run").items() if key != "checksum"}
    document.pop("digest")
    path.write_bytes(seal({**document, **changes}, run))


def test_adopted_scenes_are_built_on_whatever_the_defaults_are(tmp_path, capsys):
    rgbd = Rgbd(tmp_path)
    write_reference_scene(rgbd.out_root, "bear")
    write_reference_index(rgbd.out_root, {"bear": "train"})
    assert cli.main(["adopt", *rgbd.flags("out_root"), "--phases", "deblur,depth"]) == 0
    assert phase(rgbd, "calibrate") == 0
    assert phase(rgbd, "render", "--on_stale", "redo") == 0
    assert phase(rgbd, "validate") == 0
    assert phase(rgbd, "render", "--deblur.backend", "classical") == 0, "nobody knows what made its frames"
    assert phase(rgbd, "render", "--deblur.resize_long_side", "32") == ExitCode.INCOMPLETE, "files show that"
    assert "phase 2 (deblur) is stale: deblur.resize_long_side: null -> 32" in capsys.readouterr().err


@pytest.mark.slow
def test_rehearsals_build_on_rehearsals_of_the_same_frames(rgbd, capsys):
    rgbd.add_scene("a", n_frames=6)
    assert phase(rgbd, "index", "--raw_root", str(rgbd.raw_root), "--min_frames", "2", "--workers", "1") == 0
    short = ["--max_frames", "3"]
    for name in ("deblur", "depth", "render"):
        assert phase(rgbd, name, *short) == 0
    assert phase(rgbd, "deblur", *short, "--resize_long_side", "32", "--on_stale", "redo") == 0
    capsys.readouterr()
    assert phase(rgbd, "render", *short) == ExitCode.INCOMPLETE
    assert "phase 3 (depth) is stale: upstream.deblur" in capsys.readouterr().err
    assert phase(rgbd, "depth", *short, "--on_stale", "redo") == 0
    assert phase(rgbd, "render", *short, "--on_stale", "redo") == 0
