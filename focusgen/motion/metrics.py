"""How good a video is: each metric with the one definition used everywhere here.

No single number will do. E_warp falls when everything is blurred, so it stands beside the sharpness ratio and
tOF; the flicker score calls a frozen video perfect and is printed for comparison only.

    e_warp             mean squared difference of frame t and frame t+1 warped to it along the flow of the
                       *input* video, over the pixels that `flow.is_occluded` leaves; images in [0, 1]
    long_term_e_warp   the same between each frame and the first frame of its shot
    sharpness_ratio    Laplacian energy of the output over that of the reference: 1 is right
    tof                mean px length of Farneback(output) - Farneback(reference); two frames cut at each end
    flicker            (255 - mean |frame t - frame t+1|) / 255, VBench's score: 1 is still
    psnr_db            per frame, mean over frames, against the truth or else the raw frame

References:
    Lai et al. 2018 (E_warp, long-term E_warp). Chu et al. 2020, TecoGAN (tOF). Huang et al. 2024,
    VBench (temporal flickering).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from focusgen.motion import flow
from focusgen.motion.flow import Flow, Image, Mask

TOF_CUT_FRAMES = 2  # at each end, as TecoGAN evaluates


def psnr_db(image: Image, truth: Image) -> float:
    """Return 10 log10(255^2 / mean squared error); infinite for equal images."""
    difference = image.astype(np.float32) - truth
    error = float(np.mean(np.square(difference), dtype=np.float64))
    return 10.0 * math.log10(255.0**2 / error) if error else math.inf


def laplacian_energy(image: npt.NDArray[Any]) -> float:
    """Return the mean squared Laplacian (4 neighbours) over pixels and channels, without the border.

    Per channel: what a restorer invents is coloured, and in the luma half of it cancels.
    """
    inner = cv2.Laplacian(image, cv2.CV_32F)[1:-1, 1:-1]
    return float(np.mean(np.square(inner), dtype=np.float64))


def warp_error(first: Image, second: Image, flow_px: Flow, occluded: Mask) -> float:
    """Return the mean squared difference of `first` and the warped `second`, images in [0, 1].

    Args:
        first: (H, W, 3) uint8.
        second: (H, W, 3) uint8.
        flow_px: (H, W, 2) flow of the input video from `first` to `second`.
        occluded: (H, W) bool on the grid of `first`: pixels left out.

    Returns:
        NaN when every pixel is occluded.
    """
    seen = ~occluded
    if not seen.any():
        return math.nan
    warped = flow.warp_bilinear(second.astype(np.float32), flow_px)
    squared = np.square(warped - first).mean(axis=2)
    return float(squared[seen].mean(dtype=np.float64)) / 255.0**2


def motion_difference_px(outputs: tuple[Image, Image], references: tuple[Image, Image]) -> float:
    """Return tOF of one pair of frames: how far apparent motion differs from the reference's, in px."""
    gap = _farneback_px(*outputs) - _farneback_px(*references)
    return float(np.sqrt(np.square(gap).sum(axis=2)).mean(dtype=np.float64))


def _farneback_px(first: Image, second: Image) -> Flow:
    farneback: Any = cv2.calcOpticalFlowFarneback
    return np.asarray(farneback(flow.luma(first), flow.luma(second), None, 0.5, 3, 15, 3, 5, 1.2, 0))


def flicker_score(first: Image, second: Image) -> float:
    """Return VBench's score of one pair: 1 where nothing changes, be it motion or flicker."""
    return 1.0 - float(cv2.absdiff(first, second).mean()) / 255.0


class FlowPair(NamedTuple):
    """Flow from one frame to another, and where it is not to be believed."""

    flow_px: Flow
    occluded: Mask


def estimate_flow_pair(estimator: flow.FlowEstimator, first: Image, second: Image) -> FlowPair:
    """Return the flow between two frames of the input video, with the occlusion rule of E_warp."""
    first_luma, second_luma = flow.luma(first), flow.luma(second)
    there_px = estimator.flow_px(first_luma, second_luma)
    return FlowPair(there_px, flow.is_occluded(there_px, estimator.flow_px(second_luma, first_luma)))


@dataclass(frozen=True)
class VideoFrame:
    """One frame as the meter sees it.

    Attributes:
        index: its place in the video.
        output: the frame that is judged.
        raw: the same frame of the input video, which flow is estimated on.
        truth: the sharp frame where it is known; else the raw frame is the reference.
        starts_shot: nothing is compared across the cut before it.
        flow_from_last: exact flow from the last frame to this one, with its occlusion, where it is known.
    """

    index: int
    output: Image
    raw: Image
    truth: Image | None = None
    starts_shot: bool = False
    flow_from_last: FlowPair | None = None

    @property
    def reference(self) -> Image:
        """The truth, or the raw frame."""
        return self.raw if self.truth is None else self.truth


@dataclass
class VideoMeter:
    """Measures a video frame by frame, holding two frames and, for the long term, the first of the shot.

    Attributes:
        with_long_term: also compare each frame with the first of its shot (two more flows per frame).
    """

    with_long_term: bool = False
    _estimator: flow.FlowEstimator = field(default_factory=flow.FlowEstimator)
    _last: VideoFrame | None = None
    _shot_start: VideoFrame | None = None
    _sums: dict[str, list[float]] = field(default_factory=dict)
    _tof_px: list[tuple[int, float]] = field(default_factory=list)

    def add(self, frame: VideoFrame) -> None:
        """Take the next frame of the video."""
        self._judge_alone(frame)
        if self._last is None or frame.starts_shot:
            self._shot_start = frame
        else:
            self._judge_pair(self._last, frame)
        self._last = frame

    def _judge_pair(self, last: VideoFrame, frame: VideoFrame) -> None:
        pair = frame.flow_from_last or estimate_flow_pair(self._estimator, last.raw, frame.raw)
        self._note("e_warp", warp_error(last.output, frame.output, *pair))
        self._note("flicker", flicker_score(last.output, frame.output))
        tof_px = motion_difference_px((last.output, frame.output), (last.reference, frame.reference))
        self._tof_px.append((frame.index, tof_px))
        if self.with_long_term and self._shot_start is not None:
            start = self._shot_start
            far = pair if start is last else estimate_flow_pair(self._estimator, start.raw, frame.raw)
            self._note("long_term_e_warp", warp_error(start.output, frame.output, *far))

    def _judge_alone(self, frame: VideoFrame) -> None:
        self._note("output_energy", laplacian_energy(frame.output))
        self._note("reference_energy", laplacian_energy(frame.reference))
        self._note("psnr_db", psnr_db(frame.output, frame.reference))

    def _note(self, name: str, value: float) -> None:
        if not math.isnan(value):
            self._sums.setdefault(name, []).append(value)

    def result(self, n_frames: int) -> dict[str, float]:
        """Return the metrics that could be measured, by name.

        Args:
            n_frames: length of the video, from whose ends tOF stays away; not all need have been shown.
        """
        means = {name: float(np.mean(values)) for name, values in self._sums.items()}
        energy, reference = means.pop("output_energy", 0.0), means.pop("reference_energy", 0.0)
        if self._sums:  # flat frames against flat ones are as sharp as they should be
            means["sharpness_ratio"] = 1.0 if energy == reference else energy / max(reference, 1e-12)
        tof_px = self._inner_tof_px(n_frames)
        if tof_px:
            means["tof"] = float(np.mean(tof_px))
        return means

    def _inner_tof_px(self, n_frames: int) -> list[float]:
        inner = range(TOF_CUT_FRAMES + 1, n_frames - TOF_CUT_FRAMES)
        kept = [value for index, value in self._tof_px if index in inner]
        return kept or [value for _, value in self._tof_px]  # a clip too short to cut anything
