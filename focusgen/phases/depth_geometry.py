"""Whether given depth shows the pixels of the frames: no size tells it where these were turned or cropped."""

from __future__ import annotations

from focusgen.base.errors import UndecidedInputError
from focusgen.media.crops import ToldCrop, told_crop
from focusgen.media.depth_sources import DepthSource
from focusgen.media.orientation import HALF_TURNED, QUARTER_TURNED
from focusgen.optics.sizes import FramePlan, has_aspect
from focusgen.phases.job import SceneJob


def check_upright(job: SceneJob) -> None:
    """Refuse depth of frames that were stored upside down or mirrored, unless somebody says how it stands.

    Raises:
        UndecidedInputError: depth as stored has the same size, and would be that of other pixels.
    """
    turned = _note(job, HALF_TURNED)
    if turned and not job.cfg.depth.accept_upright:
        raise _undecided_turn(job, turned, "upside down: np.rot90(depth, 2)")


def check_same_view(job: SceneJob, source: DepthSource, plan: FramePlan) -> None:
    """Refuse depth whose size fits what was stored as well as what frames show of it, unless somebody says.

    Raises:
        UndecidedInputError: of square frames that were turned, or of frames that were cropped.
    """
    asked = job.cfg.depth
    turned = "" if asked.accept_upright else _note(job, QUARTER_TURNED)
    crop = None if asked.accept_cropped else told_crop(job.entry.notes)
    if not turned and crop is None:
        return
    rows, columns = source.values(0).shape
    raw_size = plan.raw_width, plan.raw_height
    if turned and has_aspect(columns, rows, *raw_size) and has_aspect(rows, columns, *raw_size):
        raise _undecided_turn(job, turned, "np.rot90(depth) or np.rot90(depth, -1)")
    if crop is not None and (columns, rows) not in (raw_size, (plan.width, plan.height)):
        is_turned = bool(_note(job, QUARTER_TURNED))
        stored = crop.stored[::-1] if is_turned else crop.stored
        if has_aspect(columns, rows, *stored) and has_aspect(columns, rows, *raw_size):
            raise _undecided_crop(job, crop, (columns, rows))


def _note(job: SceneJob, beginning: str) -> str:
    return next((note for note in job.entry.notes if note.startswith(beginning)), "")


def _undecided_turn(job: SceneJob, turned: str, how: str) -> UndecidedInputError:
    return UndecidedInputError(
        f"scene {job.scene_id!r}: its frames are {turned}; nobody says whether its depth stands so, too",
        "If it does, say --depth.accept_upright true. If it lies as the pictures are stored, turn it as they "
        f"are turned ({how}), then say the same.",
    )


def _undecided_crop(job: SceneJob, crop: ToldCrop, size: tuple[int, int]) -> UndecidedInputError:
    width, height = job.entry.width, job.entry.height
    return UndecidedInputError(
        f"scene {job.scene_id!r}: its frames are {crop.note}; nobody says whether its depth of "
        f"{size[0]}x{size[1]} shows the cropped picture or all of it",
        "If it is of the cropped one, say --depth.accept_cropped true. If it is of all, cut off what "
        f"{width}x{height} frames do not show (of a map as stored, {crop.stored[0]}x{crop.stored[1]}: "
        f"{crop.cut_text}).",
    )
