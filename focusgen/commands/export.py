"""Write a finished, validated data set as shards: WebDataset tars, or Parquet files, split by split.

The published bytes are not changed. Killed anywhere, the same command goes on; MANIFEST.sha256 is written
last and is checked by `sha256sum -c`. Ends with 3 if phase 6 has not passed the data set, or a file is
damaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from focusgen import config
from focusgen.base.names import shell_word
from focusgen.commands.groups import DataSetFlags
from focusgen.config.flags import option, parse, required, required_positional
from focusgen.run.console import passing_bar


@dataclass(frozen=True, kw_only=True)
class ExportFlags(DataSetFlags):
    """What kind of shards, and where to."""

    kind: Literal["webdataset", "parquet"] = required_positional("webdataset: tars; parquet: a row per frame")
    dest: Path = required("folder for the shards, empty or of an export that was begun")
    shard_mb: int = option(1024, "about how large a shard is, in 10^6 bytes")
    without: tuple[Literal["focus", "clean"], ...] = option(
        (), "leave out labels (focus), which follow from depth and lens, or renders before the sensor (clean)"
    )
    leave_out: tuple[str, ...] = option((), "scenes to do without, as one that nothing mends")
    source_license: str | None = option(None, "licence of the footage, for the card; default: the data set's")


FLAGS = ExportFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen export`."""
    parsed = parse(FLAGS, argv, prog="focusgen export", doc=__doc__)
    given = parsed.flags
    cfg = config.load(given.config, parsed.overrides)
    _check_card(given, cfg.data.out_root)

    from focusgen.tools.export import export
    from focusgen.tools.export_card import finish_with_card
    from focusgen.tools.export_plan import Wanted, cut_scenes

    with passing_bar() as progress:
        task = progress.add_task("export", total=None)
        result = export(
            cfg.data.out_root,
            given.dest,
            given.kind,
            shard_mb=given.shard_mb,
            wanted=Wanted("focus" not in given.without, "clean" not in given.without, given.leave_out),
            on_start=lambda n_frames: progress.update(task, total=n_frames),
            on_frame=lambda: progress.advance(task),
        )
    finish_with_card(cfg.data.out_root, given.dest, result, given.source_license)
    n_kept = f", {result.n_kept} were there" if result.n_kept else ""
    print(f"{len(result.plan.shards)} shards{n_kept}, {result.n_bytes / 1e9:.3f} GB in {given.dest}")
    if given.kind == "webdataset":
        _say_what_is_cut(cut_scenes(result.plan))
    print(f"check them: cd {shell_word(given.dest)} && sha256sum -c MANIFEST.sha256")
    return 0


def _say_what_is_cut(cut: Mapping[str, int]) -> None:
    if cut:
        n_mb = -(-max(cut.values()) // 10**6)
        first, n_more = next(iter(cut)), len(cut) - 1
        more = f" and {n_more} more are" if n_more else " is"
        print(
            f"{first}{more} larger than a shard: FocusShards gives no window across the cuts; "
            f"--shard_mb {n_mb} cuts none"
        )


def _check_card(given: ExportFlags, root: Path) -> None:
    """Refuse what the card could not be made of: before the work, not after it."""
    from focusgen.tools.front_matter import read_front_matter
    from focusgen.tools.licences import check_licence

    if given.source_license is not None:
        check_licence(given.source_license)
    for folder in (root, given.dest):
        read_front_matter(folder / "README.md")
