"""Random SIGKILLs through all phases of a small data set; every record must stay true, all bytes equal.

    python benchmarks/chaos.py --kills 200 --seed 1 [--out DIR] [--write]

Each life is a fork that runs phases 1 to 6 and is killed after a random time. After each kill no published
file may be torn and no record may vouch for what is not there; when a data set is complete its bytes are
compared with an undisturbed run's, and the next one begins. Ends with 1 if anything was false.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from rich.console import Console  # noqa: E402

from benchmarks.results import write_section  # noqa: E402
from focusgen import config  # noqa: E402
from focusgen.base.checksums import FileEntry, file_checksum  # noqa: E402
from focusgen.base.errors import ConfigError, CorruptInputError  # noqa: E402
from focusgen.base.signals import stop_on_signals  # noqa: E402
from focusgen.cli import guarded  # noqa: E402
from focusgen.config import SCENE_PHASES, Config  # noqa: E402
from focusgen.dataset.index import read_index  # noqa: E402
from focusgen.dataset.layout import DatasetLayout  # noqa: E402
from focusgen.dataset.records import read_record  # noqa: E402
from focusgen.models import registry  # noqa: E402
from focusgen.run.console import ConsoleObserver  # noqa: E402
from focusgen.run.pipeline import run_all  # noqa: E402
from focusgen.run.selection import Selection  # noqa: E402
from focusgen.synth.write import synth_dataset  # noqa: E402
from tests.fingerprint import published_digests, torn_files  # noqa: E402

N_SCENES, N_FRAMES, WIDTH, HEIGHT = 3, 8, 96, 64
MEAN_LIVES = 12  # kills per data set, about: a life is on average this part of an undisturbed run
ODD_EXIT = 99


@dataclass
class Tally:
    """What the kills left behind."""

    n_kills: int = 0
    n_sets: int = 0
    torn: list[str] = field(default_factory=list)
    false_records: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    odd_ends: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """True if nothing false was found."""
        return not (self.torn or self.false_records or self.differing or self.odd_ends)

    def line(self, seed: int, elapsed_s: float) -> str:
        """Return the one line that is kept."""
        return (
            f"{self.n_kills} kills (seed {seed}) in {self.n_sets} data sets of {N_SCENES} scenes x "
            f"{N_FRAMES} frames, phases 1-6: {len(self.torn)} torn files, "
            f"{len(self.false_records)} false records, {len(self.differing)} differing files, "
            f"{len(self.odd_ends)} odd ends; {elapsed_s:.0f} s."
        )


def life(cfg: Config) -> int:
    """Start all phases in a fork, without output; return its process number."""
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)  # its decoders die with it
        code = ODD_EXIT
        try:
            code = guarded(lambda: _run(cfg))
        finally:
            os._exit(code)
    return pid


def _run(cfg: Config) -> int:
    with open(os.devnull, "w") as nowhere, stop_on_signals() as stop:
        observer = ConsoleObserver(Console(file=nowhere))
        return int(run_all(cfg, Selection(), observer, stop))


def killed_after(pid: int, delay_s: float) -> int | None:
    """Kill a life after a while; return its exit status if it ended by itself before."""
    deadline = time.monotonic() + delay_s
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(min(0.005, max(0.0, deadline - time.monotonic())))
    os.killpg(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return None if code == -signal.SIGKILL else code


def examine(cfg: Config, tally: Tally) -> None:
    """Look for torn files and false records, as they lie there right after a kill."""
    root = cfg.data.out_root
    if not root.exists():
        return
    tally.torn += [str(path) for path in torn_files(root)]
    dataset = DatasetLayout.of(cfg)
    try:
        index = read_index(dataset) if dataset.index_json.exists() else {}
    except ConfigError as error:
        tally.torn.append(error.message)
        return
    for scene_id in index:
        scene = dataset.scene(scene_id)
        for phase in SCENE_PHASES:
            try:
                record = read_record(scene.done(phase))
            except CorruptInputError as error:
                tally.false_records.append(error.message)
                continue
            for relative, entry in (record.files if record else {}).items():
                path = scene.phase_folder(phase) / relative
                if not path.is_file() or FileEntry(path.stat().st_size, file_checksum(path)) != entry:
                    tally.false_records.append(str(path))


def torment(cfg: Config, n_kills: int, seed: int) -> Tally:
    """Kill lives until there were enough kills, and let the last data set come to its end."""
    root, tally, rng = cfg.data.out_root, Tally(), random.Random(seed)
    started_s = time.monotonic()
    code = killed_after(life(cfg), 3600.0)
    if code != 0:
        raise SystemExit(f"the undisturbed run ended with {code}")
    whole_s, expected = time.monotonic() - started_s, published_digests(root)
    shutil.rmtree(root)
    while tally.n_kills < n_kills or root.exists():
        is_last = tally.n_kills >= n_kills
        delay_s = 3600.0 if is_last else rng.expovariate(MEAN_LIVES / whole_s) + 0.02
        code = killed_after(life(cfg), delay_s)
        examine(cfg, tally)
        if code is None:
            tally.n_kills += 1
            continue
        if code != 0:
            tally.odd_ends.append(f"after {tally.n_kills} kills: exit status {code}")
        found = published_digests(root)
        names = expected.keys() | found.keys()
        tally.differing += sorted(name for name in names if expected.get(name) != found.get(name))
        tally.n_sets += 1
        shutil.rmtree(root)
    return tally


def make_config(folder: Path, seed: int) -> Config:
    """Return settings for a data set of procedural scenes, made here."""
    raw, depth = folder / "raw", folder / "raw_depth"
    if not raw.exists():
        synth_dataset(raw, depth, seed=seed, n_scenes=N_SCENES, n_frames=N_FRAMES, width=WIDTH, height=HEIGHT)
    own = {
        "data.raw_root": raw,
        "data.out_root": folder / "out",
        "data.min_frames": 2,
        "depth.depth_root": depth,
        "deblur.temporal": "flow",
        "render.n_sets": 2,
        "run.auto_approve": True,
        "run.workers": 1,
    }
    return config.load(config.CONFIG_DIR / "demo.yaml", own)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the kills and print what they left."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder to work in; default: a temporary one")
    parser.add_argument("--write", action="store_true", help="put the counts into benchmarks/RESULTS.md")
    parsed = parser.parse_args(argv)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="focusgen_chaos_") as temporary:
        folder = parsed.out or Path(temporary)
        cfg = make_config(folder, parsed.seed)
        registry.load_renderer(cfg)  # imported once, here: every life is a fork
        tally = torment(cfg, parsed.kills, parsed.seed)
    line = tally.line(parsed.seed, time.monotonic() - started_s)
    print(line)
    for what in (tally.torn, tally.false_records, tally.differing, tally.odd_ends):
        for text in what[:10]:
            print(f"  {text}")
    if parsed.write or parsed.kills >= 200:
        command = f"`python benchmarks/chaos.py --kills {parsed.kills} --seed {parsed.seed}`"
        write_section("chaos", f"## SIGKILL at random moments\n\n{command}\n\n{line}")
    return 0 if tally.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
