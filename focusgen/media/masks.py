"""Masks of things in a clip, as DAVIS has them: `<mask_root>/<scene_id>/*.png`, one a frame, 0 = nothing."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from focusgen.base.checksums import checksum, file_checksum
from focusgen.base.errors import CorruptInputError, MissingUpstreamError, reason_of
from focusgen.base.names import display, existing_form, natural_key
from focusgen.media.depth_pairs import FrameNames, pair_with_frames
from focusgen.optics.sizes import FramePlan, resize_depth

VOID = 255  # DAVIS 2017: a border that belongs to nobody; the one thing where no other number is (DAVIS 2016)
HOW = (
    "Give one PNG per frame, 0 where nothing is, in the frames' order; or no --mask_root, to follow a point."
)


@dataclass(frozen=True)
class Masks:
    """The masks of one scene.

    Attributes:
        files: one per frame, in order.
        plan: how raw frames were brought to the published size.
    """

    files: tuple[Path, ...]
    plan: FramePlan

    def read(self, frame: int) -> npt.NDArray[np.int32]:
        """Return which thing each pixel of a published frame shows, (H, W) numbers; 0 for none.

        Raises:
            CorruptInputError: damaged, not a mask, or of another picture; names the file.
        """
        path = self.files[frame]
        things = self._published(_numbers(path), path)
        return (things if self._is_binary else np.where(things == VOID, 0, things)).astype(np.int32)

    @functools.cached_property
    def _is_binary(self) -> bool:
        """Whether the masks of the whole clip are black and white: then white is the thing."""
        return all(np.isin(_numbers(path), (0, VOID)).all() for path in self.files)

    def digest(self) -> str:
        """Return a checksum of all files, their names and order."""
        text = "".join(f"{path.name}:{file_checksum(path)}\n" for path in self.files)
        return checksum(text.encode(errors="surrogateescape"))

    def _published(self, numbers: npt.NDArray[np.generic], path: Path) -> npt.NDArray[np.float32]:
        try:
            return resize_depth(numbers.astype(np.float32), self.plan)
        except CorruptInputError as error:
            plan, (height, width) = self.plan, numbers.shape
            raise CorruptInputError(
                f"{display(str(path))}: a mask of {width}x{height} does not fit frames of "
                f"{plan.raw_width}x{plan.raw_height}",
                "Give masks of the raw frames' size or aspect ratio, or of the published size "
                f"{plan.width}x{plan.height}.",
            ) from error


def _numbers(path: Path) -> npt.NDArray[np.generic]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            numbers = np.array(image)  # a palette's indices, as they are
    except UnidentifiedImageError as error:
        raise CorruptInputError(f"{display(str(path))}: not readable: it is no picture", HOW) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise CorruptInputError(f"{display(str(path))}: not readable: {reason_of(error)}", HOW) from error
    if numbers.ndim != 2:
        raise CorruptInputError(
            f"{display(str(path))}: a picture of {numbers.shape[-1]} channels is no mask",
            "Save things as numbers: a PNG with a palette, or 8-bit grey.",
        )
    return numbers


def open_masks(
    mask_root: Path,
    scene_id: str,
    n_frames: int,
    plan: FramePlan,
    frames: FrameNames,
    *,
    is_cut: bool = False,
) -> Masks:
    """Return the masks of a scene.

    Args:
        mask_root: folder that holds `<scene_id>/`.
        plan: how its frames were brought to the published size.
        frames: what the frames are called, so that masks are paired by their numbers.
        is_cut: the scene was cut short by `max_frames`, so more masks than frames are right.

    Raises:
        MissingUpstreamError: there is no such folder, or no PNG in it.
        CorruptInputError: another number of masks than of frames, or other numbers in their names.
    """
    folder = existing_form(mask_root / scene_id)
    if not folder.is_dir():
        what = "no such folder" if mask_root.is_dir() else "the mask root is no folder"
        raise MissingUpstreamError(f"{display(str(folder))}: {what} (lens.mask_root)", HOW)
    files = sorted(
        (p for p in folder.iterdir() if p.suffix.lower() == ".png" and not p.name.startswith(".")),
        key=lambda p: natural_key(p.name),
    )
    if not files:
        raise MissingUpstreamError(f"{display(str(folder))}: no PNG in it (lens.mask_root)", HOW)
    pairing = pair_with_frames([p.name for p in files], frames, n_frames)
    chosen = files if pairing.order is None else [files[position] for position in pairing.order]
    if len(chosen) < n_frames or (len(chosen) > n_frames and not is_cut):
        why = f" ({pairing.problem})" if pairing.problem else ""
        raise CorruptInputError(
            f"{display(str(folder))}: {len(chosen)} masks for {n_frames} frames, the last is "
            f"{display(chosen[-1].name)}{why}",
            HOW,
        )
    if pairing.problem:
        raise CorruptInputError(f"{display(str(folder))}: masks and frames differ: {pairing.problem}", HOW)
    return Masks(tuple(chosen[:n_frames]), plan)
