"""Phase 6 on the masks of doubtful depth: whole, of the right size, and true as far as files can tell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import Record
from focusgen.media.codecs import decode_grey_png
from focusgen.optics.validity import ALL_FLAGS, DepthFlag, edge_flags
from focusgen.phases.file_checks import Tell, VouchedFiles


class FlagChecker:
    """Checks the masks that the record of a scene's depth vouches for.

    Args:
        record: of phase 3.
        error: told what is wrong.
    """

    def __init__(self, scene: SceneLayout, files: VouchedFiles, record: Record, error: Tell) -> None:
        self._scene, self._files, self._error = scene, files, error
        self._has_masks = any(name.startswith("valid_") for name in record.files)
        self._counts = record.details.get("patched_raised_lowered")

    def check(self, frame: int, depth_m: npt.NDArray[np.float16] | None, size: tuple[int, int]) -> None:
        """Check the mask of one frame, if the scene has masks.

        Args:
            depth_m: its saved depth, None if that is damaged.
            size: (width, height) of the scene.
        """
        if not self._has_masks:
            return
        path = self._scene.valid(frame)
        data = self._files.read(path)
        if data is None:
            return
        try:
            flags = decode_grey_png(data)
        except CorruptInputError as error:
            self._error(f"{self._files.name(path)}: {error.message}")
            return
        for text in self._wrong(frame, flags, depth_m, size):
            self._error(f"{self._files.name(path)}: {text}")

    def _wrong(
        self,
        frame: int,
        flags: npt.NDArray[np.uint8],
        depth_m: npt.NDArray[np.float16] | None,
        size: tuple[int, int],
    ) -> list[str]:
        if flags.shape != (size[1], size[0]):
            return [f"{flags.shape[1]}x{flags.shape[0]}, the scene is {size[0]}x{size[1]}"]
        found = []
        if flags.max(initial=0) > ALL_FLAGS:
            found.append(f"flags up to {flags.max()}, {ALL_FLAGS} are all of them")
        if depth_m is not None:
            n_wrong = int(np.count_nonzero((flags & DepthFlag.EDGE) != edge_flags(depth_m)))
            if n_wrong:
                found.append(f"{n_wrong} pixels differ from the depth edges of the saved map")
        if self._counts is not None:
            told = self._counts.get(str(frame), (0, 0, 0))
            for flag, n_told in zip((DepthFlag.PATCHED, DepthFlag.RAISED), told, strict=False):
                n = int(np.count_nonzero(flags & flag))
                if n != n_told:
                    found.append(f"{n} pixels are {str(flag.name).lower()}, the record says {n_told}")
        return found
