"""Draws docs/first.jpg: a photograph, its depth, and two renders with their labels, focused near and far.

The photograph is scikit-image's stereo_motorcycle: Middlebury 2014. Its authors permit the use and
publication of all images and disparity maps of their site, and ask to be cited (Scharstein et al., 2014).

Usage   python docs/first_picture.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from focusgen import cli

DOCS = Path(__file__).resolve().parent
FOCAL_LENGTH_PX, BASELINE_M, OFFSET_PX = 994.978, 0.193001, 31.086
"""Of the stereo pair at this size; OFFSET_PX lies between its principal points."""

N_FRAMES = 16
SHARE = 0.65
TITLE_PX, GAP_PX = 26, 4


def main() -> None:
    """Run the pipeline on the photograph, and put its files side by side."""
    with tempfile.TemporaryDirectory() as folder:
        scene = run_pipeline(Path(folder))
        cv2.imwrite(str(DOCS / "first.jpg"), sheet(scene), (cv2.IMWRITE_JPEG_QUALITY, 88))


def run_pipeline(work: Path) -> Path:
    """Return the scene's folder: the photograph as a clip that stands still, through two wide lenses."""
    from skimage.data import stereo_motorcycle

    left, _, disparity_px = stereo_motorcycle()
    depth_m = (FOCAL_LENGTH_PX * BASELINE_M / (disparity_px + OFFSET_PX)).astype(np.float32)
    depth_m[~np.isfinite(disparity_px)] = np.nan
    for name in ("raw", "depth"):
        (work / name / "motorcycle").mkdir(parents=True)
    for frame in range(N_FRAMES):
        cv2.imwrite(str(work / "raw" / "motorcycle" / f"{frame:03d}.png"), left[:, :, ::-1])
        np.save(work / "depth" / "motorcycle" / f"{frame:03d}.npy", depth_m)
    words = [
        *("run", "--raw_root", str(work / "raw"), "--depth_root", str(work / "depth")),
        *("--out_root", str(work / "out"), "--config", "training", "--auto_approve", "--n_sets", "4"),
        *("--lens.motion", "fixed", "--lens.focal_length_mm", "85", "--lens.f_number", "[1.4, 2.8]"),
    ]
    if cli.main(words):
        raise SystemExit("the run did not end well: see above")
    return work / "out" / "motorcycle"


def sheet(scene: Path) -> npt.NDArray[np.uint8]:
    """Return two rows: the sharp frame and two renders; its depth and the renders' labels."""
    frame = cv2.imread(str(scene / "frames_sharp" / "frame_0000.png"))
    depth_m = np.load(scene / "depth_maps" / "depth_0000.npz")["depth"].astype(np.float32)
    near, far = 1.0 / depth_m.min(), 1.0 / depth_m.max()
    shade = (255 * (1.0 / depth_m - far) / (near - far)).astype(np.uint8)
    span = f"depth, {depth_m.min():.1f} to {depth_m.max():.1f} m"
    top = [titled(frame, "sharp")]
    below = [titled(cv2.applyColorMap(shade, cv2.COLORMAP_TURBO), span)]
    lenses = json.loads((scene / "metadata.json").read_text())["sets"]
    by_distance = sorted(range(len(lenses)), key=lambda k: float(lenses[k]["S_focus"]))
    for k in (by_distance[0], by_distance[-1]):
        words = f"{1e3 * lenses[k]['f']:.0f} mm f/{lenses[k]['N']:.1f} at {lenses[k]['S_focus']:.1f} m"
        top.append(
            titled(cv2.imread(str(scene / "bokeh_renders" / f"set_{k:02d}" / "bokeh_0000.png")), words)
        )
        label = np.load(scene / "focus_maps" / f"set_{k:02d}" / "focus_0000.npz")["focus_map"]
        grey = (255 * label.astype(np.float32)).astype(np.uint8)
        below.append(titled(cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS), "its label: yellow = 1, in focus"))
    return np.concatenate([np.concatenate(row, axis=1) for row in (top, below)], axis=0)


def titled(picture: npt.NDArray[np.uint8], words: str) -> npt.NDArray[np.uint8]:
    """Return a picture, smaller, with words above it, and a white gap to its right."""
    small = cv2.resize(picture, None, fx=SHARE, fy=SHARE, interpolation=cv2.INTER_AREA)
    framed = cv2.copyMakeBorder(
        small, TITLE_PX, GAP_PX, 0, GAP_PX, cv2.BORDER_CONSTANT, value=(255, 255, 255)
    )
    place, font = (2, TITLE_PX - 8), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(framed, words, place, font, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
    return np.asarray(framed, np.uint8)


if __name__ == "__main__":
    main()
