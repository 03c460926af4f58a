"""Score renders through other openings than a disc, and of regained highlights, against ray-traced truth.

Usage   python benchmarks/bokeh_apertures.py [--samples 512] [--only TEXT]
Prints  a row of RESULTS.md per case: PSNR and edge PSNR in dB of the renderer, and of the disc in its place

The scene is the tracer's tabletop (seed 0, 320x192, 85 mm f/2). Highlights: bright surfaces stand for up to
four times white; picture and truth are seen through the camera's shoulder, the renderer regains what it bent.
"""

from __future__ import annotations

import argparse
import sys
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.bokeh_truth import edge_mask, psnr_db
from focusgen.models.bokeh.ocp import render_ocp
from focusgen.models.bokeh.planes import plane_ladder
from focusgen.optics.aperture import DISC, Aperture
from focusgen.optics.coc import Lens, signed_blur_radius_px
from focusgen.optics.highlights import PEAK, bent_light, regained_light
from focusgen.optics.transfer import display_values, linear_light
from focusgen.synth.truth import trace_thin_lens
from focusgen.synth.view import SynthScene, sharp_light
from tests.traced import make_truth_scene

APERTURES = ("disc", "polygon(6, 15)", "polygon(3, 20)", "cat_eye(0.5)", "cat_eye(1)")
LAMP_GAIN = 1.5
Light = npt.NDArray[np.float32]


class Case(NamedTuple):
    """An opening, and whether bright surfaces stand for more light than a picture can say."""

    name: str
    aperture: Aperture
    has_lamps: bool = False


CASES = (
    *(Case(text, Aperture.parse(text)) for text in APERTURES),
    Case("disc, highlights", DISC, True),
    Case("polygon(6, 15), highlights", Aperture.parse("polygon(6, 15)"), True),
)


def radiance(light: Light) -> Light:
    """Return what light stands for in the scene with lamps: its brightest third up to four times white."""
    return np.asarray(regained_light(np.clip(LAMP_GAIN * light, 0.0, 1.0)), np.float32)


def traced(scene: SynthScene, lens: Lens, case: Case, n_samples: int) -> tuple[Light, Light]:
    """Return (sharp picture, truth), display values in [0, 1]; the picture has 8 bits."""
    radiance_of = radiance if case.has_lamps else np.asarray
    sharp = sharp_light(scene.view(0), radiance_of)
    truth = trace_thin_lens(
        scene, 0, lens, aperture=case.aperture, radiance_of=radiance_of, n_samples=n_samples
    )
    if case.has_lamps:
        sharp, truth = bent_light(sharp), bent_light(truth)
    return np.rint(display_values(sharp) * 255) / np.float32(255), display_values(truth)


def drawn(picture: Light, radius_px: Light, aperture: Aperture, *, boosts: bool) -> Light:
    """Return the picture as phase 5 draws it, display values."""
    linear = linear_light(torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None].contiguous())
    ladder = plane_ladder(float(radius_px.min()), float(radius_px.max()))
    with torch.inference_mode():
        light = regained_light(linear) if boosts else linear
        radius, peak = torch.from_numpy(radius_px)[None], PEAK if boosts else 1.0
        blurred = render_ocp(light, radius, ladder, aperture=aperture, peak=peak)
        shown = display_values(bent_light(blurred) if boosts else blurred)
    return np.asarray(shown[0].permute(1, 2, 0).numpy())


def row(scene: SynthScene, lens: Lens, case: Case, n_samples: int) -> str:
    """Return the figures of one case as a row of RESULTS.md."""
    picture, truth = traced(scene, lens, case, n_samples)
    radius_px = signed_blur_radius_px(scene.depth_m(0), lens, image_width_px=scene.width)
    edges = edge_mask(radius_px)
    cells = []
    for aperture, boosts in ((case.aperture, case.has_lamps), (DISC, False)):
        shown = drawn(picture, radius_px, aperture, boosts=boosts).astype(np.float64)
        cells += [f"{psnr_db(shown, truth):.2f}", f"{psnr_db(shown[edges], truth[edges]):.2f}"]
    largest = float(np.abs(radius_px).max())
    return f"| {case.name} | {largest:.1f} | {' | '.join(cells)} |"


def main(argv: list[str] | None = None) -> int:
    """Print one row per case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=512, help="rays per pixel of the truth")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    scene, lens = make_truth_scene(
        "tabletop", 0, focal_length_m=0.085, f_number=2.0, focus_quantile=0.3, n_frames=1
    )
    print("| opening | r max px | dB | edge dB | disc instead: dB | edge dB |\n|---|---|---|---|---|---|")
    for case in CASES:
        if args.only in case.name:
            print(row(scene, lens, case, args.samples), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
