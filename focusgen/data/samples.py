"""One window of one lens set as tensors, from arrays that somebody reads frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

import cv2
import numpy as np
import numpy.typing as npt
import torch

from focusgen.data.crops import Box, ReadWhole
from focusgen.dataset.lens_metadata import SetLens
from focusgen.dataset.vetting import SceneInfo

Modality = Literal["sharp", "bokeh", "depth", "focus", "valid", "clean"]
MODALITIES: tuple[Modality, ...] = ("sharp", "bokeh", "depth", "focus")
OPTIONAL_MODALITIES: tuple[Modality, ...] = ("valid", "clean")
Read: TypeAlias = "Callable[[Modality, int], npt.NDArray[Any]]"
"""Modality and frame -> (H, W, 3) uint8, (H, W) float16, or (H, W) uint8 flags, as published."""


class Sample(TypedDict, total=False):
    """What a data set yields; torch's default collate makes batches of it.

    sharp, bokeh: (T, 3, h, w) uint8 RGB. depth: (T, 1, h, w) float32 metres. focus: (T, 1, h, w) float32,
    1 = sharp. valid: (T, 1, h, w) uint8 flags, 0 where all is well. clean: as bokeh, before the sensor.
    lens: {f, N, S_focus, max_coc} floats in metres, S_focus a (T,) float64 tensor where focus moves in any
    set. K: (3, 3) float32 of the simulated lens, pixel centres at integers. frames: (T,) int64. crop: (4,)
    int64 y, x, h, w.
    """

    sharp: torch.Tensor
    bokeh: torch.Tensor
    depth: torch.Tensor
    focus: torch.Tensor
    valid: torch.Tensor
    clean: torch.Tensor
    lens: dict[str, Any]
    K: torch.Tensor
    scene: str
    set: int
    split: str
    frames: torch.Tensor
    crop: torch.Tensor


def build_sample(
    scene: SceneInfo,
    set_index: int,
    frames: Sequence[int],
    box: Box,
    modalities: Sequence[Modality],
    read: Read,
    *,
    recompute_labels: bool,
    by_frame: bool = False,
) -> Sample:
    """Return one window; every array is cut before it becomes a tensor.

    Args:
        scene: whose frames they are.
        set_index: lens set.
        frames: frame numbers.
        box: one crop for all.
        modalities: which tensors are wanted.
        read: where arrays come from.
        recompute_labels: make labels from depth and lens, bit for bit, instead of reading them.
        by_frame: S_focus as one value a frame even where it does not move, so that windows can be batched.
    """
    lens = scene.lenses[set_index]
    sample: Sample = {
        "lens": lens_of_window(lens, frames, by_frame=by_frame),
        "K": camera_matrix(scene, lens, box),
        "scene": scene.scene_id,
        "set": set_index,
        "split": scene.split,
        "frames": torch.tensor(list(frames), dtype=torch.int64),
        "crop": torch.tensor(box, dtype=torch.int64),
    }
    sample.update(_tensors(lens, frames, box, modalities, read, recompute_labels=recompute_labels))
    return sample


def without_label_files(read: ReadWhole, lens: SetLens) -> ReadWhole:
    """Return a reader that makes labels from depth and lens, and opens no file of labels."""

    def made(modality: str, frame: int) -> npt.NDArray[Any]:
        return lens.label(read("depth", frame), frame) if modality == "focus" else read(modality, frame)

    return made


def _tensors(
    lens: SetLens,
    frames: Sequence[int],
    box: Box,
    modalities: Sequence[Modality],
    read: Read,
    *,
    recompute_labels: bool,
) -> Sample:
    """Return the tensors that are wanted of a window, and nothing else."""

    def cut(kind: Modality) -> list[npt.NDArray[Any]]:
        return [_cut(read(kind, frame), box) for frame in frames]

    sample: Sample = {}
    whole, depth = list[npt.NDArray[Any]](), list[npt.NDArray[Any]]()
    if "depth" in modalities or ("focus" in modalities and recompute_labels):
        whole = [read("depth", frame) for frame in frames]
        depth = [_cut(one, box) for one in whole]
    for modality in modalities:
        if modality == "depth":
            sample["depth"] = _as_floats(depth)
        elif modality == "focus" and recompute_labels:
            sample["focus"] = _as_floats(_labels(lens, frames, whole, depth, box))
        elif modality == "focus":
            sample["focus"] = _as_floats(cut("focus"))
        elif modality == "valid":
            sample["valid"] = torch.from_numpy(np.stack(cut("valid"))[:, None])
        else:
            sample[modality] = _as_pictures(cut(modality))
    return sample


def _cut(array: npt.NDArray[Any], box: Box) -> npt.NDArray[Any]:
    y, x, height, width = box
    return np.ascontiguousarray(array[y : y + height, x : x + width])


def _labels(
    lens: SetLens,
    frames: Sequence[int],
    whole: Sequence[npt.NDArray[Any]],
    cut: Sequence[npt.NDArray[Any]],
    box: Box,
) -> list[npt.NDArray[Any]]:
    """Return labels of a crop; a lens that breathes shows depth from elsewhere, so it needs whole maps."""
    if lens.breathes:
        return [_cut(lens.label(one, frame), box) for one, frame in zip(whole, frames, strict=True)]
    return [lens.label(one, frame) for one, frame in zip(cut, frames, strict=True)]


def _as_floats(maps: Sequence[npt.NDArray[Any]]) -> torch.Tensor:
    stacked = torch.empty((len(maps), 1, *maps[0].shape), dtype=torch.float32)
    for row, one in zip(stacked, maps, strict=True):  # torch widens float16 10 x faster than numpy
        row[0].copy_(torch.from_numpy(one if one.flags.writeable else one.copy()))
    return stacked


def _as_pictures(frames: Sequence[npt.NDArray[Any]]) -> torch.Tensor:
    height, width, _ = frames[0].shape
    stacked = np.empty((len(frames), 3, height, width), np.uint8)
    for row, frame in zip(stacked, frames, strict=True):
        cv2.split(frame, list(row))  # 8 x faster than a transposed copy
    return torch.from_numpy(stacked)


def lens_of_window(lens: SetLens, frames: Sequence[int], *, by_frame: bool = False) -> dict[str, Any]:
    """Return {f, N, S_focus, max_coc}; S_focus is a tensor of one value a frame where focus moves."""
    focus: float | torch.Tensor = lens.lens.focus_distance_m
    if lens.focus_distances_m is not None:
        focus = torch.tensor([lens.focus_distances_m[frame] for frame in frames], dtype=torch.float64)
    elif by_frame:
        focus = torch.full((len(frames),), lens.lens.focus_distance_m, dtype=torch.float64)
    return {
        "f": lens.lens.focal_length_m,
        "N": lens.lens.f_number,
        "S_focus": focus,
        "max_coc": lens.max_coc_m,
    }


def camera_matrix(scene: SceneInfo, lens: SetLens, box: Box) -> torch.Tensor:
    """Return K of the simulated lens on the crop, OpenCV's convention; the raw camera's is unknown."""
    y, x, _, _ = box
    focal_px = lens.lens.focal_length_m / scene.sensor_width_m * scene.width
    return torch.tensor(
        [
            [focal_px, 0.0, (scene.width - 1) / 2 - x],
            [0.0, focal_px, (scene.height - 1) / 2 - y],
            [0.0, 0.0, 1.0],
        ],
        dtype=torch.float32,
    )
