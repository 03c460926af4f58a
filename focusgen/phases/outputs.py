"""What a model hands back, checked before it is published, whoever made the model.

A network that overflows, or a backend with a mistake in it, must end in an error, and not in black frames or
in depth that was patched from the median of the scene.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import DepthRangeError, SceneError
from focusgen.config import Config, PhaseName
from focusgen.config.backends import built_in
from focusgen.models.protocols import Frames

ADVICE = "This is a fault of the backend, not of the scene: report it there, or choose another backend."
OVERFLOW_ADVICE = (
    "Are the weights whole (focusgen weights check)? Half precision may overflow: set depth.fp32: true, or "
    "choose another backend."
)


def backend_words(cfg: Config, phase: PhaseName) -> str:
    """Return the backend of a phase with what it was made from, for messages."""
    section = dict(cfg.sections())[phase]
    name = str(section.effective("backend"))
    backend = built_in(phase, name)
    sources = [] if backend is None else list(backend.weight_settings.values())
    if backend is not None and backend.has_model_id:
        sources.append("model_id")
    made_from = ", ".join(str(section.effective(source)) for source in sources)
    return f"{phase}.backend {name}" + (f" ({made_from})" if made_from else "")


def checked_frames(made: object, given: Frames, what: str) -> Frames:
    """Return a model's frames if they are what was asked for: uint8 RGB of the given frames' shape.

    Args:
        made: what the model returned.
        given: the frames that it was handed.
        what: names scene, frames and backend in errors.

    Raises:
        SceneError: they are something else.
    """
    if not isinstance(made, np.ndarray):
        raise SceneError(f"{what}: gave {type(made).__name__}, not an array of frames", ADVICE)
    if made.dtype != np.uint8 or made.shape != given.shape:
        raise SceneError(
            f"{what}: gave {made.dtype} of shape {made.shape} for uint8 frames of shape {given.shape}", ADVICE
        )
    return made


def checked_depth(
    estimates: Iterable[tuple[int, object]],
    n_frames: int,
    size: tuple[int, int],
    what: str,
    *,
    may_have_holes: bool = False,
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yield a model's depth as float32 while it is what was asked for: every frame once, in order, finite.

    Args:
        estimates: what the model yields.
        n_frames: frames that it was handed.
        size: (height, width) of a frame.
        what: names scene and backend in errors.
        may_have_holes: NaN means "not measured", as only depth that came with the data may say.

    Raises:
        SceneError: another shape, kind or order, or too few maps.
        DepthRangeError: NaN or infinity.
    """
    n_seen = 0
    for index, depth_m in estimates:
        if index != n_seen:
            raise SceneError(f"{what}: gave depth of frame {index} where frame {n_seen} was due", ADVICE)
        yield index, _checked_map(depth_m, size, f"{what}, frame {index}", may_have_holes)
        n_seen += 1
    if n_seen != n_frames:
        raise SceneError(f"{what}: gave depth of {n_seen} frames, {n_frames} were asked for", ADVICE)


def _checked_map(
    depth_m: object, size: tuple[int, int], what: str, may_have_holes: bool
) -> npt.NDArray[np.float32]:
    if not isinstance(depth_m, np.ndarray) or not np.issubdtype(depth_m.dtype, np.floating):
        kind = depth_m.dtype if isinstance(depth_m, np.ndarray) else type(depth_m).__name__
        raise SceneError(f"{what}: gave {kind}, not an array of floating-point metres", ADVICE)
    if depth_m.shape != size:
        raise SceneError(f"{what}: gave depth of shape {depth_m.shape} for a frame of {size}", ADVICE)
    if not may_have_holes:
        n_bad = int(depth_m.size - np.count_nonzero(np.isfinite(depth_m)))
        if n_bad:
            share = f"{n_bad} of {depth_m.size} pixels"
            raise DepthRangeError(f"{what}: {share} are NaN or infinite", OVERFLOW_ADVICE)
    return depth_m.astype(np.float32, copy=False)
