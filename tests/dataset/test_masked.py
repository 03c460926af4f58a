"""Masks that focus follows: others make a scene stale, older records and masks that are gone do not."""

from __future__ import annotations

import functools
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen import cli
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.masked import mask_digest
from focusgen.dataset.records import MASKS, Identity, read_record
from tests.conftest import Rgbd

N_FRAMES = 4


def run_approved(rgbd: Rgbd, *more: str) -> int:
    """Run all phases with the max_coc that phase 4 recommends."""
    roots = rgbd.flags("raw_root", "out_root", "depth_root")
    return cli.main(["run", "--no_pictures", *roots, "--min_frames", "2", "--n_sets", "2", *more])


def write_masks(folder: Path, width: int = 48) -> None:
    """Write where the moving plane of an `Rgbd` scene is."""
    folder.mkdir(parents=True)
    for frame in range(N_FRAMES):
        mask = np.zeros((32, width), np.uint8)
        mask[8:20, 10 + frame : 22 + frame] = 3
        cv2.imwrite(str(folder / f"{frame:05d}.png"), mask)


def noticed_by(rgbd: Rgbd, capsys) -> dict[str, int]:
    """Return the exit status of whatever says by phase and key that the masks are others."""
    out, said = rgbd.flags("out_root"), ["--lens.motion", "track", "--mask_root", str(rgbd.root / "masks")]
    asked = {
        "status": lambda: cli.main(["status", *out]),
        "explain": lambda: cli.main(["explain", "a", *out]),
        **{
            phase: functools.partial(
                cli.phase_main,
                phase,
                "A phase.",
                [*out, *more, *("--n_sets", "2")[: 2 * (phase == "render")]],
            )
            for phase, more in (("calibrate", said), ("render", said), ("validate", []))
        },
    }
    found = {}
    for name, ask in asked.items():
        status = ask()
        if f"weights.{MASKS}" in " ".join("".join(capsys.readouterr()).split()):
            found[name] = status
    return found


@pytest.mark.slow
def test_other_masks_make_phase_5_stale_and_masks_that_are_gone_do_not(rgbd: Rgbd, capsys) -> None:
    rgbd.add_scene("a", n_frames=N_FRAMES, width=96)
    folder = rgbd.root / "masks" / "a"
    write_masks(folder, width=96)
    flags = ("--lens.motion", "track", "--mask_root", str(rgbd.root / "masks"), "--auto_approve")
    assert run_approved(rgbd, *flags) == 0
    record = read_record(DatasetLayout.of(rgbd.config()).scene("a").done("render"))
    assert record is not None and len(record.document["weights"][MASKS]) > 8
    assert run_approved(rgbd, *flags) == 0  # the same masks
    changed = cv2.imread(str(folder / "00002.png"), cv2.IMREAD_UNCHANGED)
    changed[0:4, 0:4] = 3
    cv2.imwrite(str(folder / "00002.png"), changed)
    capsys.readouterr()
    assert run_approved(rgbd, *flags) == 3
    assert f"weights.{MASKS}" in "".join(capsys.readouterr())
    assert noticed_by(rgbd, capsys) == {"status": 0, "explain": 0, "calibrate": 3, "render": 3, "validate": 3}
    shutil.rmtree(rgbd.root / "masks")
    assert run_approved(rgbd, *flags) == 0


def test_records_of_older_releases_know_no_masks_and_stay_valid() -> None:
    today = Identity("render", "a", "thin_lens", 1, {}, {MASKS: "1", "net": "2"}, {}, 4)
    older = replace(today, weights={"net": "2"}).document()
    assert today.differences(older) == []
    assert today.differences(replace(today, weights={MASKS: "0", "net": "2"}).document())
    assert replace(today, weights={MASKS: "1"}).differences(older)  # other names are compared as ever


def test_masks_are_digested_only_where_a_motion_follows_them(rgbd: Rgbd) -> None:
    rgbd.add_scene("a", n_frames=N_FRAMES)
    write_masks(rgbd.root / "masks" / "a")
    assert rgbd.run() == 0
    cfg = rgbd.config(lens__motion="drift", lens__mask_root=rgbd.root / "masks")
    entry = read_index(DatasetLayout.of(cfg))["a"]
    assert mask_digest(cfg, "a", entry) == {}
    tracking = rgbd.config(lens__motion="mixed", lens__mask_root=rgbd.root / "masks")
    assert set(mask_digest(tracking, "a", entry)) == {MASKS}
    (rgbd.root / "masks" / "a" / "00003.png").unlink()
    assert mask_digest(tracking, "a", entry)[MASKS].startswith("unusable: ")
