"""Find depth and an all-in-focus picture in focal stacks, on a CPU, without weights.

Distances come from --focus-distances or EXIF; they are never guessed. With focal length and f-number, from
flags or EXIF, depth is in metres; without, it is relative and says so. Nothing but slices is read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from focusgen.base.errors import ConfigError, ExitCode

arg = tyro.conf.arg


@dataclass(frozen=True)
class InferFlags:
    """Flags of `focusgen focal infer`."""

    input: Annotated[str, arg(help="folder of slices, folder of stacks, or a.png,b.png,...", metavar="PATH")]
    output: Annotated[Path, arg(help="folder for the results", aliases=("-o",), metavar="DIR")]
    focus_distances: Annotated[
        str | None,
        arg(help="metres in name order: 0.5,1,inf; or a FILE; or exif (default: exif)", metavar="LIST"),
    ] = None
    focal_length: Annotated[float | None, arg(help="millimetres; default: EXIF", metavar="MM")] = None
    f_number: Annotated[
        float | None, arg(help="f-number; default: EXIF", aliases=("--aperture",), metavar="N")
    ] = None
    sensor_width: Annotated[
        float | None,
        arg(
            help="millimetres that the picture's width shows; default: EXIF, else 36",
            aliases=("--sensor_size",),
            metavar="MM",
        ),
    ] = None
    formula: Annotated[
        Literal["auto", "paper", "exact"], arg(help="exact: slices that breathe; auto: as measured")
    ] = "auto"
    backend: Annotated[Literal["classical"], arg(help="how depth is found")] = "classical"
    quality: Annotated[
        Literal["fast", "default", "best"],
        arg(help="fast: a quarter of the pixels; best: renderer in the loop"),
    ] = "default"
    no_align: Annotated[bool, arg(help="slices lie on each other already")] = False
    device: Annotated[str, arg(help="where --quality best computes: cpu, cuda, cuda:1", metavar="NAME")] = (
        "cpu"
    )
    batch_size: Annotated[
        int, arg(help="accepted for older calls: stacks are worked on one by one", metavar="N")
    ] = 1
    ensemble_size: Annotated[
        int, arg(help="accepted for older calls: the classical backend has no randomness", metavar="N")
    ] = 1
    save_visualization: Annotated[bool, arg(help="write the confidence as a picture too")] = False


def main(argv: Sequence[str]) -> int:
    """Run `focusgen focal infer`."""
    flags = tyro.cli(
        InferFlags,
        args=list(argv),
        prog="focusgen focal infer",
        description=__doc__,
        use_underscores=True,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    _check(flags)
    from focusgen.run.console import make_console
    from focusgen.tools.focal_infer import InferJob, infer_all

    job = InferJob(
        flags.input,
        flags.output,
        flags.focus_distances,
        _lens(flags),
        _options(flags),
        flags.save_visualization,
    )
    from rich.progress import Progress

    with Progress(console=make_console(), transient=True) as progress:
        task = progress.add_task("focal stack", total=1.0)
        summary = infer_all(
            job, lambda name, what, part: progress.update(task, description=f"{name}: {what}", completed=part)
        )
    return report(summary, flags.output)


def _lens(flags: InferFlags) -> Any:
    from focusgen.focal.infer import LensFlags

    return LensFlags(flags.focal_length, flags.f_number, flags.sensor_width, flags.formula)


def _options(flags: InferFlags) -> Any:
    from focusgen.focal.infer import InferOptions

    return InferOptions(flags.quality, not flags.no_align, flags.device)


def _check(flags: InferFlags) -> None:
    for name in ("focal_length", "f_number", "sensor_width", "batch_size", "ensemble_size"):
        value = getattr(flags, name)
        if value is not None and not (0 < value < float("inf")):
            raise ConfigError(f"--{name} must be > 0, not {value}")
    for name in ("batch_size", "ensemble_size"):
        if getattr(flags, name) != 1:
            print(f"note: --{name} has no effect with backend classical", file=sys.stderr)


def report(summary: dict[str, Any], output: Path) -> int:
    """Print one line per stack, and what could not be used; return the exit status."""
    from focusgen.base.names import display

    for stack in summary["stacks"]:
        known = stack["identifiable"]
        reach = f", identifiable to {known['to_m']:.3g} m ({known['share']:.0%})" if known else ""
        print(
            f"{output / stack['name']}_depth.npy  {stack['unit']}, {stack['width']}x{stack['height']}{reach}"
            f", {stack['share_unsure']:.0%} unsure, {stack['cpu_s']:.1f} CPU s"
        )
        if stack["unit"] == "relative":
            print(
                f"note: {display(stack['name'])}: depth is relative, not metres: the lens is not known. "
                "Give --focal-length and --f-number.",
                file=sys.stderr,
            )
    for failure in summary["failed"]:
        print(
            f"focusgen: {display(failure['name'])}: {failure['error']}\n{failure['advice']}", file=sys.stderr
        )
    return int(ExitCode.INCOMPLETE if summary["failed"] else ExitCode.COMPLETE)
