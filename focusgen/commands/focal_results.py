"""What `focusgen focal infer` prints of its results, and what a person should know of them."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from focusgen.base.errors import ExitCode
from focusgen.base.names import display, listed

MOST_SAID = 3.0
"""Shares above this are all the same to a reader."""
MUCH_CLIPPED = 0.01
"""Share of pixels of linear light that are white from which it is said: floats may have held more."""
MUCH_OUT_OF_FOCUS = 0.25
"""Share of a picture that is in focus in no slice from which it is said."""


def print_stack(stack: dict[str, Any], output: Path, said: dict[str, str]) -> None:
    """Print one line of a stack that is finished, and what a person should know of it.

    Args:
        stack: of the summary.
        output: where its results are.
        said: of which stack each note was printed; one of the same words is only named, and new ones added.
    """
    known = stack["identifiable"]
    reach = f", identifiable to {known['to_m']:.3g} m ({known['share']:.0%})" if known else ""
    print(
        f"{display(str(output / stack['name']))}_depth.npy  {stack['unit']}, "
        f"{stack['width']}x{stack['height']}{reach}, {stack['share_unsure']:.0%} unsure, "
        + ("kept" if stack["kept"] else f"{stack['cpu_s']:.1f} CPU s"),
        flush=True,
    )
    for note in notes_on(stack):
        first = said.setdefault(note, stack["name"])
        shown = note if first == stack["name"] else f"{note.partition(':')[0]}, as of {display(first)}"
        print(f"note: {display(stack['name'])}: {shown}", file=sys.stderr)


def report(summary: dict[str, Any], *, as_scene: bool = False) -> int:
    """Print how many stacks were kept, and what could not be used; return the exit status."""
    _note_kept(summary["stacks"])
    if as_scene:
        print(
            "note: the scene holds depth and pictures, no confidence: NAME_confidence.npy beside it has that "
            "of its frames, in the order of summary.json",
            file=sys.stderr,
        )
    without = summary.get("without_slices", ())
    if without:
        print(f"note: no pictures that could be slices in {listed(without)}: left out", file=sys.stderr)
    for failure in summary["failed"]:
        print(
            f"focusgen: {display(failure['name'])}: {failure['error']}\n{failure['advice']}", file=sys.stderr
        )
    return int(ExitCode.INCOMPLETE if summary["failed"] else ExitCode.COMPLETE)


def _note_kept(stacks: Sequence[Mapping[str, Any]]) -> None:
    n_kept = sum(stack["kept"] for stack in stacks)
    if n_kept:
        print(
            f"note: {n_kept} of {len(stacks)} stacks kept: an earlier call worked on the same slices in the "
            "same way; --resume none does them anew",
            file=sys.stderr,
        )


def _share(part: float) -> str:
    return f"{part:.0%}" if part <= MOST_SAID else f"more than {MOST_SAID:.0%}"


LIGHT = {
    "vignetting": "light falls off towards the corners more in one slice than in another. Was the aperture "
    "the same, and vignetting corrected in all of them or in none?",
    "tone": "contrast differs from slice to slice as tone curves change it. Fix picture style, HDR and "
    "automatic contrast in the camera, or develop all slices alike.",
    "clipped": "pixels are clipped: how bright they were, no slice says. Expose less.",
}
"""What is said of light that changes between slices."""


def _misfit(stack: Mapping[str, Any]) -> str:
    """Return in which way slices do not fit, and what to look at: what was measured, else what is likely."""
    lowered = "confidence is lowered"
    if stack["distances_fit_as_diopters"]:
        return (
            "as diopters, disparities or even steps (a stage's too) --focus-distances explain them clearly "
            f"better than as metres: near and far may be exchanged; {lowered}. Of diopters give 1 / these; "
            "of disparities and steps, which tell no metres, say near-to-far or far-to-near"
        )
    if stack["changed_light"] is not None:
        return f"{lowered}; {LIGHT[stack['changed_light']]}"
    if stack["better_orders"]:
        return f"{lowered}; {_ordered(stack)} Are --focus-distances in the order of the names?"
    if stack["blur_factor"] not in (None, 1.0):
        return (
            f"they show about {stack['blur_factor']:g} times the blur of this lens between these focus "
            f"distances; {lowered}. Are --focal-length (the lens' own, no 35 mm equivalent), --f-number and "
            "--sensor-width those of the lens, and --focus-distances metres, in the order of the names?"
        )
    return (
        f"{_share(stack['unexplained_share'])} of what differs between them is left when they are drawn from "
        f"the depth found; {lowered}. Did camera or things move? Thin things, two slices far apart, and blur "
        f"that changes by a pixel or two only, leave as much. Else: {_doubted(stack)}, and are slices no "
        "linear light (--transfer)?"
    )


def _doubted(stack: Mapping[str, Any]) -> str:
    """Return what may be wrong of that which was said, where nothing tells what."""
    if not stack["focus_distances_known"]:
        return "does focus go the other way from name to name (far-to-near, near-to-far)"
    in_order = "are --focus-distances in the order of the names"
    of_lens = "--focal-length, --f-number and --sensor-width those of the lens"
    return in_order if stack["lens"] is None else f"{in_order}, {of_lens}"


def _ordered(stack: Mapping[str, Any]) -> str:
    """Return in which order slices would fit."""
    orders = [", ".join(map(display, names)) for names in stack["better_orders"]]
    return f"from near to far they explain each other much better as {' or as '.join(orders)}."


def _border_notes(stack: Mapping[str, Any]) -> Iterator[str]:
    if borders := stack["empty_borders"]:
        yield (
            f"{len(borders)} of the slices have empty borders (up to {max(borders.values()):.0%} of the "
            "picture), as programs that align them leave: filled from what is beside them; confidence there "
            "is half"
        )


def _light_notes(stack: Mapping[str, Any]) -> Iterator[str]:
    if stack["exposure"]["corrected"]:
        yield (
            "exposure or white balance differ between the slices, by up to "
            f"{stack['exposure']['largest_step']:.2f} x: brought to those of the middle slice"
        )
    if (change := stack["light_change"])["corrected"]:
        yield (
            f"light changes between the slices, contrast by up to {100 * change['contrast_step']:.0f} % and "
            f"corners by {100 * change['corner_step']:.0f} %: brought to what is usual among them"
        )
    if stack["transfer"] == "linear" and stack["share_clipped"] > MUCH_CLIPPED:
        yield (
            f"{stack['share_clipped']:.0%} of the pixels are white and clipped: depth is worse there. "
            "Where the files hold more (floats above 1 are cut off), scale all slices by one number"
        )
    if not stack["has_display_curve"]:
        yield (
            "by their colour profile the slices hold linear light, or nearly: blur is reckoned as if they "
            "were sRGB, which makes depth worse. Say --transfer linear if it is, or develop them "
            "with sRGB, Adobe RGB or Display P3"
        )
    if stack["looks_linear"]:
        yield (
            "the slices have 16 bits and are as dark as linear light is: say --transfer linear if they hold "
            "it (raw converters without a tone curve), which makes depth better; --transfer srgb if not"
        )


def _lens_notes(stack: Mapping[str, Any]) -> Iterator[str]:
    if stack["sensor_width_assumed"]:
        yield (
            "the picture is taken to show 36 mm of sensor along its long side, as full frame does: on a "
            "smaller sensor depth between the slices is wrong. Give --sensor-width"
        )
    if stack["sensor_width_from"] == "measured":
        width_mm, focal_length_mm = (stack["lens"][key] for key in ("sensor_width_mm", "focal_length_mm"))
        view_deg = math.degrees(2.0 * math.atan(width_mm / (2.0 * focal_length_mm)))
        yield (
            f"the picture is taken to show {width_mm:.3g} mm of sensor along its width, a view of "
            f"{view_deg:.2g} degrees, by the blur of the slices: neither the 36 mm of full frame nor, where "
            "EXIF has it, the resolution of the focal plane gives that blur. Give --sensor-width; where the "
            "view is another, --focus-distances are not metres, or the lens is not the one given"
        )
    if stack["sensor_width_from"] == "exif_resolution":
        yield (
            f"the picture shows {stack['lens']['sensor_width_mm']:.3g} mm of sensor along its width, by the "
            "resolution of the focal plane in EXIF: where a program made the pictures smaller and left that "
            "as it was, depth between the slices is wrong. Give --sensor-width if it is another"
        )


def notes_on(stack: dict[str, Any]) -> Iterator[str]:
    """Yield what a person should know of one result of the summary."""
    from focusgen.focal.slice_files import is_like_a_slice

    yield from _border_notes(stack)
    yield from _light_notes(stack)
    if not stack["fits"]:
        yield f"the slices do not fit: {_misfit(stack)}"
    out_of_focus = stack["share_in_focus_in_no_slice"] or 0.0  # told by the depth: not where that is wrong
    if stack["fits"] and out_of_focus > MUCH_OUT_OF_FOCUS:
        yield (
            f"{out_of_focus:.0%} of the picture is in focus in no slice: depth is measured worse there, and "
            "the sharp picture stays soft. More slices (nearer, farther, in between) or stopping down help"
        )
    others = [name for name in stack["ignored_files"] if is_like_a_slice(name)]
    if others:
        shown = ", ".join(map(display, others[:4])) + (", ..." if len(others) > 4 else "")
        yield f"{len(others)} pictures of the folder are not of the series that was taken: {shown}"
    yield from _lens_notes(stack)
    if stack["unit"] == "relative":
        yield f"depth is relative, not metres: {_unknown(stack)}"


def _unknown(stack: Mapping[str, Any]) -> str:
    """Return what is not known that metres would need, and what was done instead."""
    if not stack["focus_distances_known"]:
        return (
            f"focus distances are not known, and taken to step evenly in diopters. {_blur_told(stack)}"
            "Give them by --focus-distances."
        )
    return f"the lens is not known. {_blur_told(stack)}Give --focal-length and --f-number."


def _blur_told(stack: Mapping[str, Any]) -> str:
    """Return where the blur of a lens that is not known comes from."""
    if stack["measured_blur_radius_px_per_diopter"] is not None:
        return "How much it blurs was measured from the slices. "
    vain = "--quality best had no effect. " if stack["quality"] == "best" else ""
    return f"The slices do not tell how much it blurs: depth is from their sharpness alone. {vain}"
