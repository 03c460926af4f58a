"""Media and names from a hostile disk: every one complete or refused with its reason, and nothing else."""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from focusgen import cli, config
from focusgen.base.checksums import file_checksum
from focusgen.base.names import display
from focusgen.config import SCENE_PHASES
from focusgen.phases.index import index_dataset
from tests.clips import moving_texture, write_images
from tests.hostile import bombs, damaged_images, damaged_videos, disguises, false_counts, hostile_depths

pytestmark = pytest.mark.slow

HANG_S = 60.0


def tree(root: Path) -> dict[str, str]:
    """Return path -> content of everything below a folder; links are not followed."""
    found = {}
    for folder, _, names in os.walk(os.fsencode(root)):
        for name in names:
            path = os.path.join(folder, name)
            found[os.fsdecode(path)] = (
                "link" if os.path.islink(path) else file_checksum(Path(os.fsdecode(path)))
            )
    return found


def media_cases(scratch: Path, secret: Path, n_seeds: int) -> list:
    cases = [*damaged_videos(scratch, n_seeds), *damaged_images(n_seeds), *bombs(), *false_counts(scratch)]
    return [*cases, *disguises(scratch, secret)]


def index_hostile(tmp_path: Path, cases: Sequence) -> tuple[dict, dict, set[str]]:
    """Run phase 1 over the cases; return (index, rejections, scene ids that were there)."""
    raw_root, out_root = tmp_path / "raw", tmp_path / "out"
    raw_root.mkdir()
    for _, write in cases:
        write(raw_root)
    names = {path.name if path.is_dir() else path.stem for path in raw_root.iterdir()}
    before = tree(tmp_path)
    values = {"data.raw_root": raw_root, "data.out_root": out_root, "data.min_frames": 2, "run.workers": 2}
    started_s = time.monotonic()
    index_dataset(config.load(None, values))
    assert time.monotonic() - started_s < HANG_S + 0.2 * len(cases)
    after = tree(tmp_path)
    outside = {path: what for path, what in after.items() if not path.startswith(f"{out_root}/")}
    assert outside == before, "phase 1 writes into the output, and nowhere else"
    index = json.loads((out_root / "scene_index.json").read_text())
    rejected = json.loads((out_root / "logs" / "rejected_scenes.json").read_text())
    return index, rejected, names


def check_outcomes(index: dict, rejected: dict, names: set[str]) -> None:
    assert index.keys() | rejected.keys() >= names, "every one is complete or refused"
    assert not index.keys() & rejected.keys()
    for scene_id, entry in index.items():
        assert len(entry["frames"]) == entry["n_frames"] >= 2, scene_id
    for scene_id, rejection in rejected.items():
        assert rejection["file"] and len(rejection["reason"]) >= 8, scene_id
        assert rejection["reason"].isprintable(), scene_id
        assert "Traceback" not in rejection["reason"]
    for claim in (name for name in index if name.startswith("claims_")):
        assert index[claim]["n_frames"] == 6, f"{claim}: a frame count that lies"


def test_hundreds_of_hostile_media_files_stop_nothing(tmp_path):
    scratch, secret = tmp_path / "scratch", tmp_path / "secret.mp4"
    scratch.mkdir()
    secret.write_bytes(b"secret")
    cases = media_cases(scratch, secret, n_seeds=3)
    assert len(cases) >= 300
    index, rejected, names = index_hostile(tmp_path, cases)
    check_outcomes(index, rejected, names)
    assert {name for name in index if name.startswith("whole_")} == {f"whole_{stem}" for stem in "abcde"}
    for name in rejected:
        assert not name.startswith("whole_")
    refused = ("bomb", "flood", "animated", "no_", "empty", "changing", "resized")
    for name in names:
        if any(word in name for word in refused) and name != "png_text_flood":
            assert name in rejected, name
    for kind in ("ffconcat", "m3u8", "html", "sdp", "mpd", "zip", "pickle", "elf", "zeros", "noise", "box"):
        assert {f"{kind}_as", f"{kind}_as_png"} <= rejected.keys()


# --- depth


def run_depth(tmp_path: Path, cases: Sequence) -> tuple[Path, dict[str, dict | None]]:
    """Run phases 1 to 3 over scenes with the depth of the cases; return (data set, failure or None)."""
    raw_root, depth_root, out_root = (tmp_path / name for name in ("raw", "depth", "out"))
    depth_root.mkdir()
    write_images(tmp_path / "one", moving_texture(2, 16, 16))
    for name, write in cases:
        write(depth_root)
        shutil.copytree(tmp_path / "one", raw_root / name)
    before = tree(tmp_path)
    flags = ["--raw_root", str(raw_root), "--out_root", str(out_root), "--data.min_frames", "2"]
    assert cli.phase_main("index", "doc", flags) == 0
    assert cli.phase_main("deblur", "doc", flags[:4]) == 0
    started_s = time.monotonic()
    code = cli.phase_main("depth", "doc", [*flags[2:4], "--depth_root", str(depth_root)])
    assert time.monotonic() - started_s < HANG_S + 0.2 * len(cases)
    assert code in (0, 3)
    assert {p: w for p, w in tree(tmp_path).items() if not p.startswith(f"{out_root}/")} == before
    failures: dict[str, dict | None] = {}
    for name, _ in cases:
        folder = out_root / name / "depth_maps"
        failed, done = folder / ".failed", folder / ".done"
        assert failed.exists() != done.exists(), f"{name}: complete or failed, never both or neither"
        failures[name] = json.loads(failed.read_text()) if failed.exists() else None
    return out_root, failures


def check_depths(out_root: Path, failures: dict[str, dict | None]) -> None:
    for name, failure in failures.items():
        if failure is not None:
            assert failure["class"] == "corrupt_input", (name, failure["class"], failure["message"])
            assert name in failure["message"], failure["message"]
            continue
        for path in (out_root / name / "depth_maps").glob("*.npz"):
            depth_m = np.load(path)["depth"]
            assert depth_m.shape == (16, 16) and np.isfinite(depth_m).all() and (depth_m > 0).all(), name


def test_hostile_depth_fails_by_name_or_is_usable(tmp_path):
    out_root, failures = run_depth(tmp_path, list(hostile_depths(2)))
    check_depths(out_root, failures)
    usable = {name for name, failure in failures.items() if failure is None}
    assert {"good", "column_ordered", "big_endian"} <= usable
    assert not usable & {"all_nan", "all_zero", "negative", "objects", "calls", "claims_8_tb", "one_frame"}
    assert not Path("/tmp/owned").exists()


# --- names

HOSTILE_NAMES = [
    *("=cmd|'C calc'!A0", "+1+1", "@SUM(A1)", "-rf", "--out_root", "=HYPERLINK(1)"),
    *("line\nbreak", "car\rriage", "tab\tbed", "\x1b[2Jclear", "\x1b]0;title\x07", "bell\x07", "del\x7f"),
    *("exe\u202egpj.mp4", "\u2066isolate", "zero\u200bwidth", "c1\x9b31m", "sep\u2028line"),
    *("$(touch owned)", "`touch owned`", "; touch owned;", "&& touch owned", "a|b", "a>owned", "$HOME", "~"),
    *("<script>alert(1)", "<img src=x onerror=alert(1)>", "&amp;", "'quoted'", '"double"'),
    *("scene[b]", "[red]x", "[link=http:x]y", "trailing\\", "\\[b]", "%s%n", "{0.__class__}"),
    *("..", "...", "..hidden", ".hidden", "logs", "LOGS", "previews", "scene_index.json", ".focusgen"),
    *("con", "nul", "trailing.", "trailing ", " ", "x" * 201, "é" * 110, "x" * 200, "a b", "熊"),
    *("Case", "case", "é", "e\u0301", "not\udcffutf8", "*", "?", "a,b", 'a","b', "a;b", "$x^2_$", "\\"),
]


def test_hostile_names_are_refused_or_are_only_data(tmp_path, capsys, monkeypatch):
    raw_root, out_root = tmp_path / "raw", tmp_path / "out"
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "one", moving_texture(2, 16, 16))
    names = [name for name in HOSTILE_NAMES if name != ".."]
    for name in names:
        shutil.copytree(tmp_path / "one", raw_root / name)
    before = tree(tmp_path)
    flags = ["--raw_root", "raw", "--out_root", "out", "--min_frames", "2", "--workers", "1"]
    chosen = ["--backend", "dryrun", "--n_sets", "1", "--max_coc", "0.001"]
    assert cli.main(["run", "--no_pictures", *flags, *chosen]) == 0
    said = capsys.readouterr()
    for control in ("\x1b", "\x07", "\x7f", "\x9b", "\u202e", "\u2028", "\r"):
        assert control not in said.err + said.out
    index = json.loads((out_root / "scene_index.json").read_text())
    rejected = json.loads((out_root / "logs" / "rejected_scenes.json").read_text())
    visible = {name for name in names if not name.startswith(".")}
    assert {display(name) for name in visible} <= {display(n) for n in index} | rejected.keys()
    assert {"scene[b]", "$(touch owned)", "a b", "熊", "a,b"} <= index.keys()
    assert not any(name[0] in "=+-@." for name in index)
    ours = {"logs", ".focusgen", "scene_index.json"}
    assert {path.name for path in out_root.iterdir()} == ours | index.keys(), "one folder per scene"
    outside = {path: what for path, what in tree(tmp_path).items() if not path.startswith(f"{out_root}/")}
    assert outside == before
    for scene_id in index:
        for phase in SCENE_PHASES:
            folder = {"deblur": "frames_sharp", "depth": "depth_maps", "render": "bokeh_renders"}[phase]
            assert (out_root / scene_id / folder / ".done").exists()
    with (out_root / "logs" / "deblur_psnr.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert {row[0] for row in rows[1:]} == set(index)
    assert not any(cell[:1] in ("=", "+", "-", "@", "\t", "\r") for row in rows for cell in row)
    assert cli.main(["status", "--out_root", "out"]) == 0
    shown = capsys.readouterr().out
    assert "scene[b]" in shown and "[red]x" in shown and "\x1b" not in shown
    assert cli.main(["status", "--out_root", "out", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scenes"].keys() == index.keys()
