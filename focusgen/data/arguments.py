"""What is asked of windows of a data set, refused where it makes no sense; of files and of shards alike."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from focusgen.base.errors import RefusedDataError
from focusgen.data.crops import Crop, FocusRoi, MotionRoi, crop_size, whole
from focusgen.data.samples import MODALITIES, OPTIONAL_MODALITIES, Modality
from focusgen.dataset.vetting import SceneInfo


def check_arguments(
    window: int, stride: int | None, modalities: Iterable[Modality], on_damage: str
) -> tuple[Modality, ...]:
    """Refuse what makes no sense, and return the modalities.

    Raises:
        ValueError: says what.
    """
    if not (_is_count(window) and (stride is None or _is_count(stride))):
        raise ValueError(f"window {window!r} and stride {stride!r} count frames: give 1 or more")
    known = (*MODALITIES, *OPTIONAL_MODALITIES)
    wanted = () if isinstance(modalities, str) else tuple(modalities)  # a generator gives them once
    if not wanted or any(name not in known for name in wanted):
        raise ValueError(f"modalities {modalities!r}: give a list of {', '.join(known)}")
    if on_damage not in ("raise", "skip"):
        raise ValueError(f"on_damage {on_damage!r} is neither 'raise' nor 'skip'")
    return wanted


def _is_count(value: object) -> bool:
    try:
        return whole(value) >= 1
    except TypeError:
        return False


def with_roi(crop: Crop, roi: str | None) -> Crop:
    """Return the crop function of a region of interest, or the crop itself.

    Raises:
        ValueError: an unknown region, or no size to cut it with.
    """
    if roi is None:
        return crop
    if crop is None or callable(crop) or roi not in ("focus", "motion"):
        raise ValueError(f"roi {roi!r}, crop {crop!r}: give roi 'focus' or 'motion' and a crop of fixed size")
    return FocusRoi(crop) if roi == "focus" else MotionRoi(crop)


def check_crop(crop: Crop, scenes: Sequence[SceneInfo]) -> None:
    """Refuse a crop that does not fit into a frame.

    Raises:
        ValueError: names the scene.
    """
    size = crop_size(crop)
    for scene in scenes:
        if size is not None and (size[0] > scene.height or size[1] > scene.width):
            raise ValueError(
                f"crop {size[0]}x{size[1]} (height x width) is larger than the {scene.height}x{scene.width} "
                f"frames of scene {scene.scene_id!r}"
            )


def check_clean(modalities: Sequence[str], scenes: Sequence[SceneInfo]) -> None:
    """Refuse to look for renders before the sensor where none are kept.

    Raises:
        RefusedDataError: names the scene.
    """
    without = next((scene for scene in scenes if not scene.has_clean), None)
    if "clean" in modalities and without is not None:
        raise RefusedDataError(
            f"scene {without.scene_id!r} has no clean_renders",
            "Render it with a render.sensor and render.keep_clean true; without a sensor, read 'bokeh'.",
        )


def chosen_sets(scene: SceneInfo, sets: Sequence[int] | None) -> tuple[int, ...]:
    """Return the lens sets to use of a scene, ascending.

    Raises:
        ValueError: the scene has no such set.
    """
    if sets is None:
        return tuple(range(len(scene.lenses)))
    try:
        chosen = sorted({whole(number) for number in sets})  # of a list, an array or a tensor
    except TypeError:
        chosen = []
    if not chosen:
        raise ValueError(f"sets {sets!r}: give a list of lens sets, or None for all")
    if not 0 <= chosen[0] <= chosen[-1] < len(scene.lenses):
        raise ValueError(f"sets {chosen}: scene {scene.scene_id!r} has sets 0..{len(scene.lenses) - 1}")
    return tuple(chosen)


def window_starts(
    n_frames: int, cuts: Sequence[int], window: int, stride: int, *, across_cuts: bool
) -> list[int]:
    """Return the first frames of the windows of a scene; what is left at the end of a shot is dropped."""
    borders = [0, *([] if across_cuts else cuts), n_frames]
    return [
        start
        for first, stop in itertools.pairwise(borders)
        for start in range(first, stop - window + 1, stride)
    ]
