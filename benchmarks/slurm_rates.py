"""CPU rates of the weight-free backends, for focusgen/config/backends.py: process time per megapixel.

Usage   python -m benchmarks.slurm_rates
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from focusgen import config
from focusgen.base.signals import StopFlag
from focusgen.phases.index import index_dataset
from focusgen.run.console import ConsoleObserver, make_console
from focusgen.run.phase_run import PhaseRun
from focusgen.run.pipeline import run_validate
from focusgen.run.progress import Observer
from focusgen.run.selection import complete_scenes
from focusgen.run.table import PHASES
from focusgen.synth.write import synth_dataset

N_FRAMES, WIDTH, HEIGHT, N_SETS = 12, 864, 480, 2


def main() -> None:
    """Run each backend once over one scene and print its rate."""
    megapixels = 1e-6 * N_FRAMES * WIDTH * HEIGHT
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        names = synth_dataset(
            root / "raw", root / "depth", n_scenes=1, n_frames=N_FRAMES, width=WIDTH, height=HEIGHT, workers=2
        )
        for deblur, depth in (("classical", "dryrun"), ("passthrough", "provided")):
            settings = {
                "data.raw_root": root / "raw",
                "data.out_root": root / deblur,
                "data.min_frames": 2,
                "depth.depth_root": root / "depth",
                "deblur.backend": deblur,
                "depth.backend": depth,
                "render.max_coc": 2e-3,
                "render.n_sets": N_SETS,
                "run.workers": 1,
            }
            cfg = config.load(None, settings)
            index_dataset(cfg)
            for phase, backend, units in (
                ("deblur", deblur, 1),
                ("depth", depth, 1),
                ("render", "thin_lens", N_SETS),
            ):
                started_s = time.process_time()
                PhaseRun(PHASES[phase], cfg, names, Observer(), StopFlag()).run()
                seconds = time.process_time() - started_s
                assert complete_scenes(cfg, phase, dict.fromkeys(names)) == list(names)  # type: ignore[arg-type]
                print(f"{backend:<12} {seconds / megapixels / units:6.2f} s per megapixel", flush=True)
        started_s = time.process_time()
        with ConsoleObserver(make_console()) as observer:
            run_validate(cfg, observer)
        seconds = time.process_time() - started_s
        print(f"{'validate':<12} {seconds / megapixels / N_SETS:6.2f} s per megapixel and set", flush=True)


if __name__ == "__main__":
    main()
