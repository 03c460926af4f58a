"""Draw a sheet: all-in-focus, truth, ours, gather, and the error of both, one row per scene.

Usage   python benchmarks/bokeh_gallery.py DIR OUT.png [--error_gain 8]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from bokeh_truth import Floats, TruthScene, psnr_db, read_scenes, render
from PIL import Image, ImageDraw

HEADER_PX = 16
ROW_WIDTH_PX = 320


def write_gallery(folder: Path, out: Path, error_gain: float = 8.0) -> None:
    """Write the sheet of all scenes of a folder; of a clip, the first frame."""
    rows = [_row(scene, error_gain) for scene in read_scenes(folder)]
    width = max(row.width for row in rows)
    sheet = Image.new("RGB", (width, sum(row.height for row in rows)))
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out)


def _row(scene: TruthScene, error_gain: float) -> Image.Image:
    ours, gather = render(scene, "thin_lens")[0], render(scene, "gather")[0]
    aif, truth = scene.aif[0].astype(np.float64), scene.truth[0]
    cells = {
        f"{scene.name}: all in focus": aif,
        "truth": truth,
        f"thin_lens {psnr_db(ours, truth):.1f} dB": ours,
        f"gather {psnr_db(gather, truth):.1f} dB": gather,
        f"|thin_lens - truth| x {error_gain:g}": _error(ours, truth, error_gain),
        f"|gather - truth| x {error_gain:g}": _error(gather, truth, error_gain),
    }
    pictures = [_cell(label, values) for label, values in cells.items()]
    row = Image.new("RGB", (sum(p.width for p in pictures), pictures[0].height))
    for i, picture in enumerate(pictures):
        row.paste(picture, (i * picture.width, 0))
    return row


def _error(drawn: Floats, truth: Floats, gain: float) -> Floats:
    grey = np.abs(drawn - truth).max(-1, keepdims=True) * gain
    return np.asarray(grey.repeat(3, -1))


def _cell(label: str, values: npt.NDArray[np.float64]) -> Image.Image:
    picture = Image.fromarray((values.clip(0, 1) * 255 + 0.5).astype(np.uint8))
    height = round(ROW_WIDTH_PX * picture.height / picture.width)
    cell = Image.new("RGB", (ROW_WIDTH_PX, height + HEADER_PX))
    cell.paste(picture.resize((ROW_WIDTH_PX, height), Image.Resampling.LANCZOS), (0, HEADER_PX))
    ImageDraw.Draw(cell).text((3, 2), label, fill="white")
    return cell


def main(argv: list[str] | None = None) -> int:
    """Write the sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--error_gain", type=float, default=8.0)
    args = parser.parse_args(argv)
    write_gallery(args.folder, args.out, args.error_gain)
    return 0


if __name__ == "__main__":
    sys.exit(main())
