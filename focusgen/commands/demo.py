"""Procedural scenes with exact depth through all phases, then previews: needs no weights, GPU or network.

The demo approves its own calibration, and says so; your own data set waits for you.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen import config
from focusgen.base.errors import ExitCode
from focusgen.base.names import shell_word
from focusgen.commands import synth
from focusgen.config.flags import Flags, option, parse
from focusgen.dataset.layout import DatasetLayout


@dataclass(frozen=True)
class DemoFlags(Flags):
    """Where to, and how much."""

    out_root: Path = option(Path("output_demo"), "folder that the demo writes")
    n_scenes: int = option(3, "procedural scenes")
    n_frames: int = option(24, "frames per scene")


FLAGS = DemoFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen demo`."""
    parsed = parse(FLAGS, argv, prog="focusgen demo", doc=__doc__, takes_settings=True)
    given = parsed.flags
    raw_root, depth_root = given.out_root / "raw", given.out_root / "raw_depth"
    synth.main(
        [
            *("--raw_root", str(raw_root), "--depth_root", str(depth_root)),
            *("--n_scenes", str(given.n_scenes), "--n_frames", str(given.n_frames)),
            *("--faults", "camera"),
        ]
    )
    own = {
        "data.raw_root": raw_root,
        "data.out_root": given.out_root,
        "depth.depth_root": depth_root,
        "run.auto_approve": True,
        "data.min_frames": min(config.load("demo").data.min_frames, given.n_frames),
    }
    cfg = config.load("demo", {**own, **parsed.dotted})
    from focusgen.run.here import run_everything
    from focusgen.run.selection import Selection
    from focusgen.tools.run_pictures import end_with_pictures, opening_line

    code, to_open = end_with_pictures(cfg, Selection(), lambda: run_everything(cfg, Selection()))
    if code == ExitCode.COMPLETE:
        _say_what_is_there(DatasetLayout.of(cfg))
    if to_open is not None:
        print(opening_line(to_open))
    return code


def _say_what_is_there(dataset: DatasetLayout) -> None:
    from focusgen.dataset.index import read_index

    scenes = list(read_index(dataset))
    print(f"\n{len(scenes)} scenes in {dataset.root}/ (the calibration was approved by the demo itself)")
    print(f"  previews    {dataset.previews}/*.png and *.mp4")
    print(f"  verdict     {dataset.validation_report_json}")
    print(f"  one label   np.load('{dataset.scene(scenes[0]).focus(0, 0)}')['focus_map']")
    print(f"  next        focusgen status --out_root {shell_word(dataset.root)}")
