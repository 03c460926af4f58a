"""What a card says of labels gives the published ones, and what it names is what the records name."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import numpy as np
import pytest

from focusgen import cli
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.lens_metadata import SetLens
from focusgen.dataset.records import Record
from focusgen.optics.coc import Lens
from focusgen.tools.card_labels import OF_FILES, OF_SAMPLES, MadeBy, label_lines, made_by
from tests.conftest import Rgbd

DEPTH_M = np.linspace(0.4, 30.0, 40, dtype=np.float16).reshape(5, 8)
STILL = SetLens(Lens(0.085, 1.4, 1.0, "paper"), max_coc_m=0.002)


def code_of(lines: list[str]) -> str:
    return textwrap.dedent("\n".join(line for line in lines if line.startswith("    ")))


@pytest.mark.parametrize("formula", ["paper", "exact"])
def test_the_lines_of_a_card_recompute_the_label_of_its_own_formula(formula):
    one = replace(STILL, lens=replace(STILL.lens, formula=formula), focus_distances_m=(1.0, 2.5))
    for frame in (0, 1):
        lens = one.at(frame)
        names = {
            "np": np,
            "d": DEPTH_M.astype(np.float32),
            "f": lens.focal_length_m,
            "N": lens.f_number,
            "S": lens.focus_distance_m,
            "max_coc": one.max_coc_m,
        }
        exec(code_of(label_lines([one])), names)
        np.testing.assert_array_equal(names["focus_map"], one.label(DEPTH_M, frame))


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (OF_FILES, ["S_focus_per_frame", "`magnification` m", "max_radius_px", "`formula` of"]),
        (OF_SAMPLES, ["of the sample's own frame", "m = S / (S - f)", "coc_limits[k]", "`formula` of"]),
    ],
)
def test_steps_are_told_where_a_set_takes_them_and_nowhere_else(steps, words):
    others = [
        replace(STILL, focus_distances_m=(1.0,)),
        replace(STILL, breathes=True),
        replace(STILL, coc_limit_m=0.001),
        replace(STILL, lens=replace(STILL.lens, formula="exact")),
    ]
    assert not any(word in "\n".join(label_lines([STILL], steps)) for word in words)
    for word, other in zip(words, others, strict=True):
        assert word in "\n".join(label_lines([STILL, other], steps))


def test_a_card_names_its_backends_and_scenes_of_inexact_depth(tmp_path, capsys):
    assert "estimated" not in "".join(MadeBy({"deblur": ["a"], "depth": ["b"], "render": ["c"]}, 0).lines())
    rgbd = Rgbd(tmp_path)
    rgbd.add_scene("a")
    words = ["--depth.is_exact", "false", "--optics.formula", "exact", "--max_coc", "0.002", "--no_pictures"]
    folders = rgbd.flags("raw_root", "depth_root", "out_root")
    assert cli.main(["run", *folders, "--min_frames", "1", *words]) == 0, capsys.readouterr()
    assert cli.main(["card", "--out_root", str(rgbd.out_root), "--source_license", "MIT"]) == 0
    page = (rgbd.out_root / "README.md").read_text()
    assert "Backends: sharp frames passthrough, depth provided, renders thin_lens." in page
    assert "Depth of 1 scenes is estimated or measured" in page
    assert "(N * (S - f))" in page and "(N * S)" not in page


@pytest.mark.parametrize(("guidance", "is_told"), [("normalised", True), ("physical", False)])
def test_renders_that_were_guided_by_labels_are_told(tmp_path, monkeypatch, guidance, is_told):
    def record_of(path):
        settings = {"render.guidance": guidance} if "bokeh" in str(path) else {}
        return Record({"backend": "bokehnet", "settings": settings, "details": {}})

    monkeypatch.setattr("focusgen.tools.card_labels.read_record", record_of)
    scenes = [DatasetLayout(tmp_path, tmp_path / "scene_index.json").scene("a")]
    assert ("1 scenes were guided by their labels" in "".join(made_by(scenes).lines())) is is_told
