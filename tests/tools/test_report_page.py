"""The page shows what phase 6 found, loads nothing, runs nothing, and takes names for text."""

from __future__ import annotations

import errno
import json
import re

import pytest

from focusgen import cli
from focusgen.base.files import storage_error
from focusgen.dataset.layout import DatasetLayout
from focusgen.tools import report_page, scene_preview
from focusgen.tools.report_page import _scene_of, write_report
from focusgen.tools.report_pictures import coverage_of
from tests.browser import SCREENS_PX, check_page, chromium


def page_of(root) -> str:
    layout = DatasetLayout(root, root / "scene_index.json")
    return write_report(layout, layout.report_html).read_text()


@pytest.mark.slow
def test_the_page_shows_verdict_scenes_pictures_and_what_is_wrong_first(finished, capsys):
    names = list(json.loads((finished / "scene_index.json").read_text()))
    victim = finished / names[-1] / "depth_maps" / "depth_0003.npz"
    victim.write_bytes(victim.read_bytes()[:-9])
    assert cli.phase_main("validate", "", ["--out_root", str(finished)]) == 3
    assert cli.main(["report", "--out_root", str(finished)]) == 0
    page = (finished / "logs" / "report.html").read_text()
    assert '<p class="verdict fail">verdict: fail</p>' in page
    shown = re.findall(r"<h3>(.*?)</h3>", page)
    assert shown[0] == names[-1] and sorted(shown) == sorted(names)
    assert "depth_0003.npz" in page
    assert page.count("data:image/jpeg;base64,") >= 3 * len(names)
    assert max(map(len, re.findall(r"<article.*?</article>", page, re.DOTALL))) < 70_000


def test_where_one_may_only_read_the_flag_is_named_that_writes_elsewhere(finished, capsys, monkeypatch):
    def refuse(path, *data, **how):
        raise storage_error(OSError(errno.EACCES, "Permission denied"), path) from OSError(errno.EACCES, "")

    monkeypatch.setattr(report_page, "publish", refuse)
    monkeypatch.setattr(scene_preview, "make_folder", refuse)
    out = ["--out_root", str(finished)]
    for command, place in (("report", "--output FILE"), ("preview", "--output FOLDER")):
        assert cli.main([command, *out]) == 3
        assert place in capsys.readouterr().err
        assert cli.main([command, *out, "--output", str(finished / "elsewhere")]) == 3
        assert "--output" not in capsys.readouterr().err


def test_a_verdict_that_is_older_than_the_data_is_called_so(finished):
    assert "older than the data" not in page_of(finished)
    path = finished / "logs" / "validation_report.json"
    document = json.loads(path.read_text())
    scene = next(iter(document["records"]))
    document["records"][scene]["depth"] = "0" * 32
    path.write_text(json.dumps(document))
    assert f"older than the data ({scene}, phase depth)" in page_of(finished)


def test_a_max_coc_of_finished_scenes_that_is_not_the_approved_one_is_shown(finished):
    assert "max_coc of finished scenes" not in page_of(finished)
    note = DatasetLayout(finished, finished / "scene_index.json").max_coc_json
    note.write_text('{"max_coc": 0.00125}')
    assert "max_coc of finished scenes</th><td>1.2500 mm" in page_of(finished)
    note.write_text("{")
    assert f"{note}: damaged" in page_of(finished)


def test_a_warning_stands_at_the_scene_whose_name_it_begins_with():
    names = {"a", "a: b", "c"}
    assert [_scene_of(text, names) for text in ("a: b: set_00: x", "a: bad", "c: ", "d: a: b")] == [
        *("a: b", "a", "c", ""),
    ]


def test_the_page_loads_and_runs_nothing(finished):
    page = page_of(finished)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    assert "<script" not in page.lower()
    assert not re.findall(r"""(?:src|href|xlink:href)=["'](?!data:|#)[^"']+""", page)
    assert page_of(finished) == page


def test_hostile_names_and_texts_are_shown_as_text(finished):
    path = finished / "logs" / "validation_report.json"
    document = json.loads(path.read_text())
    hostile = "<img src=x onerror=alert(1)>\x1b[31m\u202e"
    document["warnings"] = [f"{hostile}: {hostile}"]
    document["failure_reasons"] = {"(data set)": [hostile]}
    path.write_text(json.dumps(document))
    page = page_of(finished)
    assert "<img src=x" not in page and "&lt;img src=x" in page
    assert "\x1b" not in page and "\u202e" not in page


def test_the_coverage_is_that_of_the_published_labels(finished):
    import numpy as np

    names = list(json.loads((finished / "scene_index.json").read_text()))
    coverage = coverage_of(DatasetLayout(finished, finished / "scene_index.json"), names)
    counts = np.zeros(10)
    for path in finished.glob("*/focus_maps/*/*.npz"):
        counts += np.histogram(np.load(path)["focus_map"].astype(float), bins=10, range=(0, 1))[0]
    assert np.array_equal(coverage.counts, counts)
    share = counts[counts > 0] / counts.sum()
    assert coverage.entropy == pytest.approx(-(share * np.log10(share)).sum())


@pytest.mark.browser
@pytest.mark.slow
def test_a_real_browser_shows_it_on_a_wide_and_a_narrow_screen(finished, tmp_path):
    page_of(finished)
    with chromium() as browser:
        for width_px in SCREENS_PX:
            page = check_page(browser, finished / "logs" / "report.html", width_px)
            assert page.locator("h1").inner_text() == finished.name
            assert page.locator("img").count() > 0
