"""Find depth and an all-in-focus picture in focal stacks, on a CPU; the network that it asks ships with it.

Distances come from --focus-distances or EXIF; they are never guessed. With focal length and f-number, from
flags or EXIF, depth is in metres; without, or where only the order of the slices is known, it is relative
and says so. Nothing but slices is read. A batch that was stopped goes on: what was finished, of the same
slices in the same way, is kept.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from focusgen.base.errors import ConfigError
from focusgen.commands.focal import ALIASES, checkpoint_of, note_what_has_no_effect, renamed
from focusgen.commands.focal_results import print_stack, report
from focusgen.config.flags import Flags, option, parse, required
from focusgen.focal.distances import order_of
from focusgen.focal.lens_checks import check_lens

if TYPE_CHECKING:
    from focusgen.focal.infer import InferOptions
    from focusgen.focal.told_lens import LensFlags
    from focusgen.tools.focal_asked import InferJob


@dataclass(frozen=True)
class InferFlags(Flags):
    """Which stacks, what is known of them, and how they are worked on."""

    output: Path = required("folder for the results (-o)")
    input: str | None = option(
        None, "folder of slices, folder of stacks, a TIFF of pages, a list (--input-list), or a.png,b.png,..."
    )
    sweep_video: Path | None = option(None, "instead of --input: a video in which focus travels")
    stack_size: int = option(5, "slices that are taken of each journey of a --sweep_video")
    focus_from: Path | None = option(None, "CSV with frame,focus_m or time_s,focus_m of a --sweep_video")
    focus_distances: str | None = option(
        None,
        "metres in name order, such as 0.5,1,inf; or a file; or exif (the default); or names, "
        "of slices called 30cm.png, inf.png; or, for relative depth where nobody knows them, near-to-far or "
        "far-to-near",
    )
    distances_from: Literal["lens", "sensor"] = option(
        "lens", "where distances begin, but those of lists; sensor: as scales of lenses and cameras mostly do"
    )
    focal_length: float | None = option(None, "millimetres; default: EXIF")
    f_number: float | None = option(None, "f-number (--aperture); default: EXIF")
    sensor_width: float | None = option(
        None,
        "millimetres that the picture's width shows (--sensor-size); default: EXIF, "
        "else 36 or as slices show",
    )
    formula: Literal["auto", "paper", "exact"] = option("auto", "exact: slices breathe; auto: as measured")
    transfer: Literal["auto", "srgb", "linear"] = option(
        "auto", "curve of the slices; linear: raw light, as many 16-bit TIFF; auto: srgb, and doubts are said"
    )
    backend: Literal["auto", "classical", "learned", "sd3"] = option(
        "auto",
        "how depth is found; learned: the small network that ships, fused with the classical; "
        "auto: learned where the blur of the lens is known or measured, else classical; "
        "sd3: Stable Diffusion 3.5 with a --checkpoint of focal train",
    )
    checkpoint: Path | None = option(
        None, "weights of learned (default: those that ship) or sd3 (--model-path)"
    )
    base_model: str | None = option(None, "sd3: folder or hub id; default: that of training")
    quality: Literal["fast", "default", "best"] = option(
        "default", "fast: a quarter of the pixels; best: candidates and the renderer in the loop, 20 x slower"
    )
    no_align: bool = option(False, "slices lie on each other already")
    device: str = option(
        "cpu", "where --quality best and --backend sd3 compute: cpu, cuda, cuda:1; all else is a CPU's work"
    )
    batch_size: int = option(1, "accepted for older calls: stacks are worked on one by one")
    ensemble_size: int = option(1, "sd3 with objective flow: chains that are averaged (--ensemble)")
    as_scene: bool = option(False, "make the results a scene that phases 4 to 6 accept")
    save_visualization: bool = option(False, "also draw confidence and slice numbers for people")
    resume: Literal["auto", "none"] = option(
        "auto", "auto: keep what --output has of the same slices and settings; none: do all anew"
    )


FLAGS = InferFlags
INFER_ALIASES = {
    **ALIASES,
    "--input_list": "--input",
    "--model_path": "--checkpoint",
    "--ensemble": "--ensemble_size",
}
DEVICE = re.compile(r"cpu|auto|mps|(cuda|xpu)(:\d+)?")


def main(argv: Sequence[str]) -> int:
    """Run `focusgen focal infer`."""
    words = renamed(argv, INFER_ALIASES)
    _refuse_loose_pictures(words)
    flags = parse(FLAGS, words, prog="focusgen focal infer", doc=__doc__).flags
    _check(flags)
    from focusgen.tools.focal_asked import InferJob

    job = InferJob(
        flags.input or "",
        flags.output,
        flags.focus_distances,
        _lens(flags),
        _options(flags),
        flags.save_visualization,
        flags.as_scene,
        keeps=flags.resume == "auto",
    )
    try:
        return report(_worked(flags, job), as_scene=flags.as_scene)
    except KeyboardInterrupt:
        print(
            "stopped; the results of stacks that were finished are whole: the same command goes on",
            file=sys.stderr,
        )
        raise


def _worked(flags: InferFlags, job: InferJob) -> dict[str, Any]:
    """Do the work, with a bar on a terminal; return the summary."""
    from focusgen.base.names import rich_text
    from focusgen.run.console import passing_bar
    from focusgen.tools.focal_infer import infer_all

    with passing_bar() as progress:
        task = progress.add_task("focal stack", total=1.0)
        said: dict[str, str] = {}

        def tell(name: str, what: str, part: float) -> None:
            progress.update(task, description=f"{rich_text(name)}: {what}", completed=part)

        def on_stack(stack: dict[str, Any]) -> None:
            progress.stop()  # it would be drawn over the line, which is no part of it
            print_stack(stack, flags.output, said)
            progress.start()

        if flags.sweep_video is not None:
            job = _cut(flags, job, lambda part: progress.update(task, completed=part))
        return infer_all(job, tell, on_stack)


def _refuse_loose_pictures(words: Sequence[str]) -> None:
    """Refuse `--input *.png`: a shell puts img_10 before img_2, and distances would be those of others."""
    after = list(words[words.index("--input") + 1 :]) if "--input" in words else []
    values = list(itertools.takewhile(lambda word: not word.startswith("-"), after))
    if len(values) > 1:
        raise ConfigError(
            f"--input takes one word, not {len(values)}",
            "Give the folder of the slices, or the slices with commas, in the order of --focus-distances: "
            "--input a.png,b.png,c.png",
        )


def _cut(flags: InferFlags, job: InferJob, progress: Callable[[float], object]) -> InferJob:
    """Cut the sweep video into stacks below the output, and return the job on those."""
    from focusgen.tools.focal_sweep import DISTANCES_FILE, write_sweep_stacks

    assert flags.sweep_video is not None and flags.focus_from is not None, "checked with the flags"
    cut = write_sweep_stacks(
        flags.sweep_video, flags.focus_from, flags.stack_size, flags.output / "stacks", progress
    )
    for note in cut.notes:
        print(f"note: {note}", file=sys.stderr)
    return replace(job, input=str(cut.folder), focus_distances=DISTANCES_FILE)


def _lens(flags: InferFlags) -> LensFlags:
    from focusgen.focal.told_lens import LensFlags

    return LensFlags(
        flags.focal_length,
        flags.f_number,
        flags.sensor_width,
        flags.formula,
        flags.distances_from,
        transfer=flags.transfer,
    )


def _options(flags: InferFlags) -> InferOptions:
    computes = flags.device if flags.quality != "best" else "cpu"  # best renders there, whatever the backend
    note_what_has_no_effect(flags.backend, flags.base_model, computes)
    from focusgen.focal.infer import InferOptions

    return InferOptions(
        flags.quality,
        not flags.no_align,
        flags.device,
        flags.backend,
        checkpoint_of(flags.checkpoint, flags.backend),
        flags.base_model,
        flags.ensemble_size,
    )


def _check(flags: InferFlags) -> None:
    _check_sources(flags)
    _check_order(flags)
    check_lens(flags.focal_length, flags.f_number, flags.sensor_width, "focal infer")
    for name in ("batch_size", "ensemble_size"):
        if getattr(flags, name) < 1:
            raise ConfigError(f"--{name} must be at least 1, not {getattr(flags, name)}")
    if DEVICE.fullmatch(flags.device) is None:
        raise ConfigError(f"--device {flags.device}: there is no such device", "Say cpu, cuda or cuda:1.")
    for name in ("batch_size", "ensemble_size"):
        if getattr(flags, name) != 1 and (name, flags.backend) != ("ensemble_size", "sd3"):
            print(f"note: --{name} has no effect with backend {flags.backend}", file=sys.stderr)


def _check_order(flags: InferFlags) -> None:
    """Refuse what needs focus distances where only the order of the slices is said."""
    order = order_of(flags.focus_distances)
    if order is not None and (flags.as_scene or flags.distances_from == "sensor"):
        which = "--as-scene" if flags.as_scene else "--distances-from sensor"
        raise ConfigError(
            f"{which} needs focus distances, and --focus-distances {order} tells none",
            "Give metres, a file, or exif.",
        )


def _check_sources(flags: InferFlags) -> None:
    if bool(flags.input) == (flags.sweep_video is not None):
        raise ConfigError("give one of --input and --sweep-video", "focusgen focal infer --help lists both.")
    if flags.sweep_video is None and flags.focus_from is not None:
        raise ConfigError("--focus-from is of a --sweep-video; --input has --focus-distances")
    if flags.sweep_video is None and flags.stack_size != FLAGS.stack_size:
        print("note: --stack_size has no effect with --input: its stacks are what they are", file=sys.stderr)
    if flags.sweep_video is not None and flags.focus_from is None:
        raise ConfigError(
            "--sweep-video needs --focus-from: a CSV with frame,focus_m or time_s,focus_m",
            "Focus distances are never guessed; cameras and rigs log them.",
        )
    if flags.sweep_video is not None and flags.focus_distances is not None:
        raise ConfigError("--focus-distances are of --input; a --sweep-video has --focus-from")
    if flags.sweep_video is not None and flags.as_scene and None in (flags.focal_length, flags.f_number):
        from focusgen.focal.told_lens import lens_flags_lacking
        from focusgen.tools.focal_scene import no_metres

        missing = lens_flags_lacking(flags.focal_length, flags.f_number)
        raise no_metres(str(flags.sweep_video), missing)  # before it is cut
