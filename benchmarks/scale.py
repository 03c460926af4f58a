"""Many scenes: no step takes longer per scene because there are more of them.

Usage   python benchmarks/scale.py [--quick] [--write] [--folder DIR]

1. Tiny scenes: one of 16 frames of 16x16 goes through all phases; the others are copies with records of
   their own. Process time, that of child processes included.
2. 1,000 to 100,000 clips without pixels of their own (`scale_index`): each command's cost beside its work.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from benchmarks.results import write_section  # noqa: E402
from benchmarks.scale_index import measure_index, section  # noqa: E402
from benchmarks.scale_index import missed as missed_at_scale  # noqa: E402
from focusgen import cli, config  # noqa: E402
from focusgen.base.checksums import checksum  # noqa: E402
from focusgen.config import SCENE_PHASES, Config  # noqa: E402
from focusgen.dataset.index import read_index  # noqa: E402
from focusgen.dataset.layout import DatasetLayout  # noqa: E402
from focusgen.dataset.records import read_record, seal  # noqa: E402
from focusgen.phases.index import index_dataset  # noqa: E402
from focusgen.phases.validate import validate_dataset  # noqa: E402
from focusgen.run.settings import save_config  # noqa: E402

N_FRAMES, SIDE_PX = 16, 16
COUNTS = (250, 500, 1000)
INDEX_COUNTS = (1000, 10_000, 100_000)
MAX_STATUS_S = 3.0
MAX_GROWTH = 1.25  # of the time per scene, from the smallest to the largest number

Times = dict[str, float]


def write_raw(root: Path, n_scenes: int) -> None:
    """Write one scene of moving texture, and links to its frames and depth for the others."""
    first = root / "raw" / "scene_0000"
    first.mkdir(parents=True)
    picture = cv2.resize(np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8), (64, SIDE_PX))
    for frame in range(N_FRAMES):
        cv2.imwrite(str(first / f"{frame:04d}.png"), picture[:, frame : frame + SIDE_PX])
    (root / "depth").mkdir()
    depth_m = np.linspace(1, 5, SIDE_PX, dtype=np.float32)[None].repeat(SIDE_PX, 0)
    np.save(root / "depth" / "scene_0000.npy", np.stack([depth_m] * N_FRAMES))
    for number in range(1, n_scenes):
        shutil.copytree(first, first.with_name(f"scene_{number:04d}"), copy_function=os.link)


def settings(root: Path) -> Config:
    """Return the settings of all measurements."""
    values = {
        "data.raw_root": root / "raw",
        "data.out_root": root / "out",
        "depth.depth_root": root / "depth",
        "render.n_sets": 1,
        "render.max_coc": 1e-3,
        "run.workers": 1,
    }
    return config.load(None, values)


def finish_first_scene(root: Path) -> None:
    """Take scene_0000 through phases 2, 3 and 5."""
    out = ["--out_root", str(root / "out")]
    raw = ["--raw_root", str(root / "raw")]
    extra = {
        "deblur": raw,
        "depth": ["--depth_root", str(root / "depth")],
        "render": ["--max_coc", "0.001", "--n_sets", "1"],
    }
    for phase in SCENE_PHASES:
        with contextlib.redirect_stderr(io.StringIO()):
            assert cli.phase_main(phase, "", [*out, *extra[phase], "--scene_idx", "0"]) == 0


def copy_scene(dataset: DatasetLayout, scene_id: str) -> None:
    """Give a scene the files of scene_0000, and records that are valid for it."""
    source, target = dataset.scene("scene_0000"), dataset.scene(scene_id)
    for folder in (*(source.phase_folder(phase) for phase in SCENE_PHASES), source.root / "focus_maps"):
        goal = target.root / folder.relative_to(source.root)
        shutil.copytree(folder, goal, copy_function=os.link, ignore=shutil.ignore_patterns(".done"))
    metadata = {**json.loads(source.metadata_json.read_bytes()), "scene_id": scene_id}
    data = (json.dumps(metadata, indent=1) + "\n").encode()
    target.metadata_json.write_bytes(data)
    digests: dict[str, str] = {}
    for phase in SCENE_PHASES:
        record = read_record(source.done(phase))
        assert record is not None
        body = {key: value for key, value in record.document.items() if key not in ("digest", "run")}
        body = {**body, "scene_id": scene_id, "upstream": {**body["upstream"], **digests}}
        body["upstream"] = {name: body["upstream"][name] for name in record.document["upstream"]}
        if phase == "render":
            entry = {"size": len(data), "xxh3_128": checksum(data)}
            body["files"] = {**body["files"], "../metadata.json": entry}
        run = {key: value for key, value in record.document["run"].items() if key != "checksum"}
        sealed = seal(body, run)
        target.done(phase).write_bytes(sealed)
        target.record_copy(phase).parent.mkdir(parents=True, exist_ok=True)
        target.record_copy(phase).write_bytes(sealed)
        digests[phase] = json.loads(sealed)["digest"]


def process_seconds(work: Callable[[], object]) -> float:
    """Return the process time of a call, children that ended included."""

    def now() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(u.ru_utime + u.ru_stime for u in used)

    start = now()
    work()
    return now() - start


def measure(n_scenes: int, folder: Path) -> Times:
    """Return the seconds that each step takes over n scenes."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".bench_scale.") as scratch:
        root = Path(scratch)
        write_raw(root, n_scenes)
        cfg = settings(root)
        dataset = DatasetLayout.of(cfg)
        times = {"phase 1": process_seconds(lambda: index_dataset(cfg))}
        times["phase 1 again"] = process_seconds(lambda: index_dataset(cfg))
        finish_first_scene(root)
        index = read_index(dataset)
        for scene_id in list(index)[1:]:
            copy_scene(dataset, scene_id)
        for phase in SCENE_PHASES:
            save_config(cfg, phase)
        times["status"] = process_seconds(lambda: run_status(dataset.root, n_scenes))
        times["validation"] = process_seconds(lambda: check_passes(cfg, n_scenes))
    return times


def run_status(out_root: Path, n_scenes: int) -> None:
    """Run `focusgen status`; every scene must be complete."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert cli.main(["status", "--out_root", str(out_root), "--json"]) == 0
    counts = json.loads(said.getvalue())["counts"]
    assert counts == {phase: {"complete": n_scenes} for phase in SCENE_PHASES}, counts


def check_passes(cfg: Config, n_scenes: int) -> None:
    """Run phase 6; every scene must pass."""
    report = validate_dataset(cfg, read_index(DatasetLayout.of(cfg)))
    assert report["passing_scenes"] == n_scenes, dict(list(report["failure_reasons"].items())[:2])


def missed_bars(times: dict[int, Times]) -> list[str]:
    """Return what grows faster than the number of scenes, or takes too long."""
    fewest, most = min(times), max(times)
    missed = []
    for step, seconds in times[most].items():
        growth = (seconds / most) / (times[fewest][step] / fewest)
        if growth > MAX_GROWTH:
            missed.append(f"{step}: {growth:.2f} x the time per scene from {fewest} to {most} scenes")
    if times[most]["status"] > MAX_STATUS_S * most / 1000:
        missed.append(f"status of {most} scenes takes {times[most]['status']:.1f} s")
    return missed


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and end with 1 if a bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a quarter of the scenes")
    parser.add_argument("--write", action="store_true", help="put the figures into benchmarks/RESULTS.md")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="for scratch files")
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    args.folder.mkdir(parents=True, exist_ok=True)
    costs = {n: measure_index(n, args.folder) for n in (INDEX_COUNTS[:2] if args.quick else INDEX_COUNTS)}
    counts = [n // 4 for n in COUNTS] if args.quick else COUNTS
    measure(4, args.folder)  # imports and first calls
    times = {n: measure(n, args.folder) for n in counts}
    steps = list(times[counts[0]])
    lines = [f"| scenes | {' | '.join(steps)} |", "|" + "---|" * (len(steps) + 1)]
    lines += [f"| {n} | {' | '.join(f'{times[n][step]:.2f} s' for step in steps)} |" for n in counts]
    head = [
        "## Many scenes",
        "",
        "`python benchmarks/scale.py --write`; 16 frames of 16x16, process time.",
        "",
    ]
    text = "\n".join([*head, *lines, "", *section(costs)])
    print(text)
    missed = [*missed_bars(times), *missed_at_scale(costs, MAX_GROWTH)]
    for line in missed:
        print(f"missed: {line}")
    if args.write:
        write_section("scale", text)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
