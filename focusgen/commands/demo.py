"""Procedural scenes with exact depth through all phases, then previews: needs no weights, GPU or network.

The demo approves its own calibration, and says so; your own data set waits for you.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from focusgen import config
from focusgen.commands import preview, run, synth
from focusgen.config import flags
from focusgen.dataset.layout import DatasetLayout

EXTRAS: list[flags.Extra] = [
    ("out_root", Path, Path("output_demo"), "folder that the demo writes"),
    ("n_scenes", int, 3, "procedural scenes"),
    ("n_frames", int, 24, "frames per scene"),
]


def main(argv: Sequence[str]) -> int:
    """Run `focusgen demo`."""
    flag_set = flags.flags_class("DemoFlags", {}, EXTRAS)
    parsed, dotted = flags.parse(flag_set, argv, prog="focusgen demo", doc=__doc__ or "")
    raw_root, depth_root = parsed.out_root / "raw", parsed.out_root / "raw_depth"
    synth.main(
        [
            *("--raw_root", str(raw_root), "--depth_root", str(depth_root)),
            *("--n_scenes", str(parsed.n_scenes), "--n_frames", str(parsed.n_frames)),
            *("--faults", "camera"),
        ]
    )
    own = {
        "data.raw_root": raw_root,
        "data.out_root": parsed.out_root,
        "depth.depth_root": depth_root,
        "run.auto_approve": True,
    }
    cfg = config.load(config.CONFIG_DIR / "demo.yaml", {**own, **dotted})
    code = run.run_here(cfg)
    from focusgen.dataset.index import read_index

    dataset = DatasetLayout.of(cfg)
    scenes = list(read_index(dataset))
    for scene_id in scenes:
        preview.make(cfg, scene_id)
    print(f"\n{len(scenes)} scenes in {parsed.out_root}/ (the calibration was approved by the demo itself)")
    print(f"  look at     {dataset.previews}/*.png and *.mp4")
    print(f"  verdict     {dataset.validation_report_json}")
    print(f"  one label   np.load('{dataset.scene(scenes[0]).focus(0, 0)}')['focus_map']")
    print(f"  next        focusgen status --out_root {parsed.out_root}")
    return code
