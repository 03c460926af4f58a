"""Backends of other packages: found by entry points, run through whole phases, named where broken."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import numpy as np
import pytest

from focusgen import cli
from focusgen.base.errors import ConfigError
from focusgen.config import load
from focusgen.config.backends import names_of
from focusgen.doctor import imports
from focusgen.doctor.backends import check_backends, without_broken
from focusgen.doctor.check import Status
from focusgen.models.registry import backend_of, needs_gpu, weight_files

MODULE = """
import numpy as np
from focusgen.config.backends import Backend
from focusgen.models.protocols import BokehRenderer, Deblurrer, DepthModel, RenderSession

class Inverter(Deblurrer):
    def deblur(self, frames, keys):
        return 255 - frames

class Slope(DepthModel):
    handles_long_video = True
    doubts = ("a slope is no measurement",)
    def estimate(self, scene):
        for index in range(len(scene)):
            rows = np.linspace(6.0, 2.0, scene.height, dtype=np.float32)[:, None]
            yield index, np.repeat(rows, scene.width, axis=1) + np.float32(0.01 * index)

class Dimmer(BokehRenderer):
    def start(self, context):
        return DimmerSession()

class DimmerSession(RenderSession):
    def render(self, frames, signed_radius_px, focus_maps, frame_indices):
        return frames // 2

def load_inverter(cfg, device):
    return Inverter()

def slope_files(cfg):
    from pathlib import Path
    return {"slope/weights": Path(__file__).with_name("slope.bin")}

SLOPE = Backend("slope", lambda cfg, device: Slope(), weight_files=slope_files, needs_gpu=True)
DIMMER = Backend("dimmer", lambda cfg, device: Dimmer())
"""


def install(site: Path, entry_points: str, *, name="focusgen-mirror", version="1.2", module=MODULE) -> None:
    """Put a distribution into a folder, as pip would: a module and a dist-info folder."""
    package = name.replace("-", "_")
    site.mkdir(exist_ok=True)
    (site / f"{package}.py").write_text(textwrap.dedent(module))
    (site / "slope.bin").write_bytes(b"weights")
    info = site / f"{package}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(textwrap.dedent(entry_points))


MIRROR = """
    [focusgen.deblurrers]
    invert = focusgen_mirror:load_inverter
    [focusgen.depth_models]
    slope = focusgen_mirror:SLOPE
    [focusgen.renderers]
    dimmer = focusgen_mirror:DIMMER
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a folder on the import path for one test's distributions."""
    folder = tmp_path / "site"
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("FOCUSGEN_CACHE_DIR", str(tmp_path / "cache"))
    yield folder
    import sys

    for name in ("focusgen_mirror", "focusgen_broken", "focusgen_other"):
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_installed_backends_make_a_whole_data_set(rgbd, site, capsys):
    install(site, MIRROR)
    rgbd.add_scene("a")
    assert rgbd.run("--backend", "invert,slope,dimmer", "--deblur.temporal", "none", "--device", "cpu") == 0
    scene = rgbd.out_root / "a"
    records = {
        phase: json.loads((scene / folder / ".done").read_text())
        for phase, folder in (("deblur", "frames_sharp"), ("depth", "depth_maps"), ("render", "focus_maps"))
        if (scene / folder / ".done").exists()
    }
    assert records["deblur"]["backend"] == "invert"
    assert records["deblur"]["weights"] == {"package": "focusgen-mirror 1.2"}
    assert records["depth"]["weights"].keys() == {"package", "slope/weights"}
    assert "a slope is no measurement" in records["depth"]["warnings"]
    report = rgbd.report()
    assert any("a slope is no measurement" in text for text in report["warnings"])
    depth_m = np.load(scene / "depth_maps" / "depth_0001.npz")["depth"]
    assert depth_m[0, 0] == np.float16(6.01) and depth_m[-1, -1] == np.float16(2.01)
    sharp = _picture(scene / "frames_sharp" / "frame_0000.png")
    assert np.array_equal(sharp, 255 - _picture(rgbd.raw_root / "a" / "frame_0000.png"))
    assert np.array_equal(_picture(scene / "bokeh_renders" / "set_01" / "bokeh_0002.png"),
                          _picture(scene / "frames_sharp" / "frame_0002.png") // 2)  # fmt: skip
    capsys.readouterr()
    assert cli.main(["status", "--out_root", str(rgbd.out_root)]) == 0


def _picture(path):
    import cv2

    return cv2.imread(str(path))


def test_another_version_of_the_package_makes_its_scenes_stale(rgbd, site, capsys):
    install(site, MIRROR)
    rgbd.add_scene("a")
    flags = ["--config", str(_config(rgbd)), "--backend", "invert"]
    assert cli.phase_main("index", "", flags[:2]) == 0
    assert cli.phase_main("deblur", "", flags) == 0
    info = next(site.glob("*.dist-info"))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: focusgen-mirror\nVersion: 1.3\n")
    _forget_entry_points()
    assert cli.phase_main("deblur", "", flags) == 3
    assert 'weights.package: "focusgen-mirror 1.2" -> "focusgen-mirror 1.3"' in capsys.readouterr().err


def _config(rgbd):
    path = rgbd.root / "mine.yaml"
    values = {"raw_root": str(rgbd.raw_root), "out_root": str(rgbd.out_root), "min_frames": 2}
    path.write_text(json.dumps({"data": values}))
    return path


def _forget_entry_points():
    from focusgen.config import backends

    backends._installed.cache_clear()


def test_facts_of_an_installed_backend_are_asked_for(site):
    install(site, MIRROR)
    cfg = load(None, {"deblur.backend": "invert", "depth.backend": "slope", "render.backend": "dimmer"})
    assert [needs_gpu(cfg, phase) for phase in ("deblur", "depth", "render")] == [False, True, False]
    assert weight_files(cfg, "depth") == {"slope/weights": site / "slope.bin"}
    assert weight_files(cfg, "deblur") == {}
    assert backend_of(cfg, "deblur").name == "invert"
    assert names_of("depth") == ["provided", "dryrun", "vda", "hf", "slope"]


BROKEN = """
    [focusgen.depth_models]
    hole = focusgen_broken:HOLE
    [focusgen.renderers]
    thin_lens = focusgen_broken:HOLE
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "complaint"),
    [
        ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError"),
        ("HOLE = 5", "is int, neither a Backend nor a factory"),
        ("", "AttributeError"),
        (
            "from focusgen.config.backends import Backend\nHOLE = Backend('pit', print)",
            "its row is called pit",
        ),
    ],
)
def test_a_broken_backend_is_named_by_doctor_and_harms_nothing_else(rgbd, site, module, complaint, capsys):
    install(site, BROKEN, name="focusgen-broken", module=module)
    rgbd.add_scene("a")
    assert rgbd.run() == 0, "nobody asked for the broken one, and ours keeps its name"
    checks = {check.name: check for check in check_backends(load())}
    assert checks["depth hole"].status is Status.WARN
    assert "focusgen-broken 1.2" in checks["depth hole"].detail and complaint in checks["depth hole"].detail
    assert "which is used instead" in checks["render thin_lens"].detail
    capsys.readouterr()
    assert rgbd.run("--backend", "hole") == 2
    assert "depth.backend: hole of the package focusgen-broken 1.2 is broken" in capsys.readouterr().err


@pytest.mark.slow
def test_doctor_fails_for_a_broken_backend_that_is_chosen_and_looks_at_all_else(
    site, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(imports, "_broken_among", lambda modules: {})  # seconds; tests/doctor/test_imports.py
    install(site, BROKEN, name="focusgen-broken", module="1 / 0")
    chosen = load(None, {"depth.backend": "hole"})
    assert {c.name: c.status for c in check_backends(chosen)}["depth hole"] is Status.FAIL
    assert without_broken(chosen).depth.backend == "provided"
    assert without_broken(load()) == load()
    assert cli.main(["doctor", "--out_root", str(tmp_path / "out"), "--depth.backend", "hole"]) == 2
    printed = capsys.readouterr().out
    assert "depth hole" in printed and "ZeroDivisionError" in printed
    assert "python" in printed and "ulimit -n" in printed


def test_two_packages_that_claim_one_name_are_both_named(site):
    install(site, MIRROR)
    install(
        site, "[focusgen.deblurrers]\ninvert = focusgen_other:f", name="focusgen-other", module="f = print"
    )
    cfg = load(None, {"deblur.backend": "invert"})
    with pytest.raises(ConfigError, match=r"invert is claimed by focusgen-(mirror|other) 1.2 and focusgen-"):
        backend_of(cfg, "deblur")


def test_an_unknown_backend_is_refused_at_load_with_the_nearest(site):
    install(site, MIRROR)
    for name, hint in (("deblurnt", "did you mean deblurnet?"), ("inverd", "did you mean invert?")):
        with pytest.raises(
            ConfigError, match=rf"deblur\.backend: .*no such backend; {hint.replace('?', '.')}"
        ):
            load(None, {"deblur.backend": name})
    with pytest.raises(ConfigError, match=r"that is one for depth\.backend"):
        load(None, {"deblur.backend": "vda"})


def test_help_lists_ours_and_the_installed_ones(site, capsys):
    install(site, MIRROR)
    with pytest.raises(SystemExit):
        cli.phase_main("deblur", "Phase 2.", ["--help"])
    assert "{passthrough,classical,deblurnet,invert}" in capsys.readouterr().out
