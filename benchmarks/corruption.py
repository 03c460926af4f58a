"""Every kind of damage to every kind of published file: found by phase 6, named, and repaired?

    python benchmarks/corruption.py [--write] [--repeats 3]

Random kinds are repeated with other positions. A cell counts damages that phase 6 found and named by path,
and those that `focusgen repair` undid to the last byte.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from benchmarks.results import write_section  # noqa: E402
from focusgen import cli, config  # noqa: E402
from focusgen.base.errors import ConfigError  # noqa: E402
from focusgen.config import Config  # noqa: E402
from focusgen.dataset.index import read_index  # noqa: E402
from focusgen.dataset.layout import DatasetLayout  # noqa: E402
from focusgen.phases.validate import validate_scene  # noqa: E402
from tests.damage import ONE_FILE, is_possible, victims  # noqa: E402
from tests.fingerprint import published_digests  # noqa: E402
from tests.test_corruption import make_pair  # noqa: E402

RANDOM_KINDS = ("bit flip", "truncation", "zeroed block")


def errors_of(cfg: Config) -> list[str]:
    """Return what phase 6 says about the data set."""
    dataset = DatasetLayout.of(cfg)
    try:
        index = read_index(dataset)
    except ConfigError as error:
        return [error.message]
    return [e for name, entry in index.items() for e in validate_scene(dataset, name, entry, 0.5).errors]


def is_named(path: Path, root: Path, errors: Sequence[str]) -> bool:
    """Say whether an error names the file, relative to its scene or whole."""
    scene = root / "a"
    name = path.relative_to(scene).as_posix() if path.is_relative_to(scene) else str(path)
    return any(name in text for text in errors)


def repaired(root: Path) -> bool:
    """Repair everything without a word; say whether it ended well."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        return cli.main(["repair", "--out_root", str(root)]) == 0


def cell(whole: Path, work: Path, damage: str, kind: str, repeats: int) -> tuple[int, int, int]:
    """Return (damages, found and named, repaired to the same bytes)."""
    expected = published_digests(whole / "out")
    n_found = n_repaired = 0
    n_damages = repeats if damage in RANDOM_KINDS else 1
    for repeat in range(n_damages):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(whole, work)
        for saved in (work / "out" / ".focusgen" / "config").glob("*.yaml"):
            saved.write_text(saved.read_text().replace(str(whole), str(work)))
        path = victims(work / "out")[kind]
        ONE_FILE[damage](path, random.Random(f"{damage} {kind} {repeat}"))
        cfg = config.load(None, {"data.out_root": work / "out"})
        n_found += is_named(path, work / "out", errors_of(cfg))
        n_repaired += repaired(work / "out") and published_digests(work / "out") == expected
    return n_damages, n_found, n_repaired


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the matrix; 0 only if all of it was found and repaired."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    parsed = parser.parse_args(argv)
    totals = [0, 0, 0]
    rows = ["| file | " + " | ".join(ONE_FILE) + " |", "|---" * (len(ONE_FILE) + 1) + "|"]
    with tempfile.TemporaryDirectory(prefix="focusgen_corruption_") as temporary:
        whole, work = Path(temporary) / "whole", Path(temporary) / "work"
        whole.mkdir()
        with contextlib.redirect_stderr(io.StringIO()):
            make_pair(whole)
        alarms = errors_of(config.load(None, {"data.out_root": whole / "out"}))
        for kind in victims(whole / "out"):
            cells = []
            for damage in ONE_FILE:
                if not is_possible(damage, kind):
                    cells.append("-")
                    continue
                n_damages, n_found, n_repaired = cell(whole, work, damage, kind, parsed.repeats)
                totals = [a + b for a, b in zip(totals, (n_damages, n_found, n_repaired), strict=True)]
                cells.append(f"{n_found}, {n_repaired} of {n_damages}")
            rows.append(f"| {kind} | " + " | ".join(cells) + " |")
            print(rows[-1], flush=True)
    summary = (
        f"{totals[0]} damages: {totals[1]} found and named by path, {totals[2]} repaired to the same bytes; "
        f"{len(alarms)} false alarms on the whole data set. Cells: found, repaired of done."
    )
    print(summary)
    if parsed.write:
        head = "## Damage to published files\n\n`python benchmarks/corruption.py --write`\n\n"
        write_section("corruption", head + summary + "\n\n" + "\n".join(rows))
    return 0 if totals[0] == totals[1] == totals[2] and not alarms else 1


if __name__ == "__main__":
    sys.exit(main())
