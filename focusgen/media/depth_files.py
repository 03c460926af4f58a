"""Depth that comes with the data: found for a scene, counted, and read frame by frame in bounded memory.

<depth_root>/<scene_id>/            one file per frame, of any kind in `depth_codecs.READERS`
<depth_root>/<scene_id>.npy         one (T, H, W) array, memory-mapped
<depth_root>/<scene_id>.npz         the same, inflated as it is read
<depth_root>/<scene_id>.hdf5|.h5    the same, read frame by frame
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.base.files import broken_link
from focusgen.base.names import display, natural_key, same_form, shortened
from focusgen.media.depth_codecs import PICTURE_SUFFIXES, READERS, naming, not_a_depth_file, read_values
from focusgen.media.depth_looks import unit_hint
from focusgen.media.depth_pairs import FrameNames, pair_with_frames
from focusgen.media.depth_sources import (
    DepthArchive,
    DepthArray,
    DepthFolder,
    DepthHdf5,
    DepthSource,
    DepthStack,
)
from focusgen.media.depth_units import DepthOptions, units_per_metre

STACKS: dict[str, type[DepthStack]] = {
    ".npy": DepthArray,
    ".npz": DepthArchive,
    ".hdf5": DepthHdf5,
    ".h5": DepthHdf5,
}
"""How a whole scene in one file is read, by its suffix in lower case."""

MAX_NAMES_SHOWN = 3

SUFFIX_GROUPS = {".tiff": ".tif", ".hdf5": ".h5"}
"""Two suffixes of one kind."""


def open_depth(
    depth_root: Path,
    scene_id: str,
    n_frames: int,
    options: DepthOptions,
    *,
    is_cut: bool = False,
    frames: FrameNames | None = None,
) -> DepthSource:
    """Return the provided depth of a scene.

    Args:
        depth_root: folder that holds `<scene_id>/` or one file `<scene_id>.npy|.npz|.hdf5|.h5`.
        n_frames: frames of the scene; the depth must have as many.
        options: how the files are to be read.
        is_cut: the scene was cut short by `max_frames`, so more depth than frames is right.
        frames: what the frames are called, so that files are paired by their numbers; None pairs by order.

    Raises:
        MissingUpstreamError: no depth for this scene.
        CorruptInputError: names the file: damaged, of a refused kind, or the counts differ. That the
            numbers of frames and files differ is raised where the first map is read.
    """
    path = _find(depth_root, scene_id)
    if not path.is_dir():
        stack = STACKS[path.suffix.lower()](path, options)
        _check_count(stack, path, n_frames, is_cut, _axis_hint(stack.shape, n_frames))
        return stack
    files = _depth_files(path)
    pairing = pair_with_frames([f.name for f in files], frames, n_frames)
    if pairing.order is not None:
        files = [files[position] for position in pairing.order]
    folder = DepthFolder(path, files, options, pairing)
    _check_count(folder, path, n_frames, is_cut, pairing.problem or "")
    return folder


def _check_count(source: DepthSource, path: Path, n_frames: int, is_cut: bool, hint: str) -> None:
    n_found = len(source)
    if n_found == n_frames or (n_found > n_frames and is_cut):
        return
    last = source.name(max(0, min(n_found, n_frames) - 1))
    shorter = (
        f" If just the last frames have none, --max_frames {n_found} in a new --out_root leaves them out (of "
        "all scenes; of one alone a line of --clips, which the phase that indexes reads)."
    )
    raise CorruptInputError(
        f"{display(str(path))}: {n_found} depth maps for {n_frames} frames (the last that has both: {last})"
        + (f"; {hint}" if hint else ""),
        "Give one depth map per frame, with the frame's number or in the natural order of the frames."
        + (shorter if 0 < n_found < n_frames and not hint else ""),
    )


def _axis_hint(shape: tuple[int, ...], n_frames: int) -> str:
    if shape[-1] == n_frames and shape[0] != n_frames:
        return (
            f"its shape {shape} looks like (H, W, T): frames belong on the first axis, "
            "save np.moveaxis(depth, -1, 0)"
        )
    return ""


def holds_depth(depth_root: Path, scene_id: str) -> bool:
    """Say whether there is anything of a scene in a folder of depth."""
    return bool(_candidates(depth_root, scene_id))


def depth_files_there(depth_root: Path, scene_id: str) -> Iterator[Path]:
    """Yield the files of a scene in a folder of depth, whatever they are; nothing where there are none."""
    for path in _candidates(depth_root, scene_id):
        yield from path.iterdir() if path.is_dir() else (path,)


def check_unit(depth_root: Path, scene_id: str, options: DepthOptions) -> None:
    """Look at one map of a scene, whether anybody says what its numbers are.

    Raises:
        CorruptInputError: nobody does, or they cannot be depth; names the file, and what it is named like.
    """
    path = _find(depth_root, scene_id)
    if path.is_dir():
        path = _depth_files(path)[0]
        values = read_values(path, options)
    else:
        values = STACKS[path.suffix.lower()](path, options).values(0)
    try:
        with naming(path):
            units_per_metre(values, options)
    except CorruptInputError as error:
        hint = unit_hint(path) if values.dtype.kind in "iu" else ""
        raise CorruptInputError(error.message, f"{error.advice} {hint}".rstrip()) from error


def _candidates(depth_root: Path, scene_id: str) -> list[Path]:
    """Return what may be a scene's depth; `.NPY` and another Unicode form of the name are the same."""
    names = [scene_id, *(scene_id + suffix for suffix in STACKS)]
    found = [p for p in (depth_root / name for name in names) if _is_right_kind(p, scene_id)]
    if not found and depth_root.is_dir():
        wanted = {_folded(name) for name in names}
        with naming(depth_root):
            found = [
                p for p in depth_root.iterdir() if _folded(p.name) in wanted and _is_right_kind(p, scene_id)
            ]
    return found


def _find(depth_root: Path, scene_id: str) -> Path:
    """Return the folder or file of a scene."""
    found = _candidates(depth_root, scene_id)
    if len(found) > 1:
        raise CorruptInputError(
            f"scene '{scene_id}' has depth twice: {', '.join(display(str(p)) for p in sorted(found))}",
            "Remove one of them.",
        )
    if not found:
        near = near_misses(depth_root, scene_id)
        raise MissingUpstreamError(
            f"scene '{scene_id}' has no depth in {depth_root}: neither {scene_id}/ nor "
            f"{scene_id}{'|'.join(STACKS)}" + (f"; but {near}" if near else ""),
            "Set --depth_root to the folder of the depth, or choose another depth.backend.",
        )
    return found[0]


def near_misses(depth_root: Path, scene_id: str) -> str:
    """Say what lies in a folder of depth that is named much like a scene but not read; "" if nothing does."""
    if not depth_root.is_dir():
        return ""
    wanted = _caseless(scene_id)
    with naming(depth_root):
        entries = [p for p in depth_root.iterdir() if wanted in _caseless(p.name)]
    entries.sort(key=lambda p: (_caseless(p.name) != wanted and _caseless(p.stem) != wanted, p.name))
    if not entries:
        return ""
    return f"there is {shortened(map(_shown_entry, entries), MAX_NAMES_SHOWN)}"


def _caseless(name: str) -> str:
    return same_form(name).casefold()


def _shown_entry(path: Path) -> str:
    name = display(path.name) + ("/" if path.is_dir() else "")
    broken = broken_link(path)
    return f"{name} ({broken})" if broken else name


def _folded(name: str) -> str:
    """Return a name in one Unicode form, its suffix in lower case."""
    composed = same_form(name)
    suffix = Path(composed).suffix
    return composed.removesuffix(suffix) + suffix.lower() if suffix.lower() in STACKS else composed


def _is_right_kind(path: Path, scene_id: str) -> bool:
    is_named_like_scene = same_form(path.name) == same_form(scene_id)
    return path.is_dir() if is_named_like_scene else path.is_file()


def _depth_files(folder: Path) -> list[Path]:
    with naming(folder):
        named = [p for p in folder.iterdir() if not p.name.startswith(".")]
    visible = [p for p in named if p.is_file()]
    _refuse_broken_links(named)
    files = [p for p in visible if p.suffix.lower() in READERS]
    kinds = sorted({_kind(p) for p in files})
    if len(kinds) > 1:
        raise CorruptInputError(
            f"{display(str(folder))}: depth of several kinds ({', '.join(kinds)}); "
            "which one is meant cannot be told",
            "Keep one kind per scene.",
        )
    if not files:
        pictures = sorted(p for p in visible if p.suffix.lower() in PICTURE_SUFFIXES)
        if pictures:
            raise not_a_depth_file(pictures[0])
        below = next((display(p.name) for p in sorted(named) if p.is_dir()), "")
        raise CorruptInputError(
            f"{display(str(folder))}: no depth file ({', '.join(READERS)})"
            + (f", but a folder {below}/" if below else ""),
            "Move its files up into this folder." if below else "Convert the depth to one of these.",
        )
    return sorted(files, key=lambda p: natural_key(p.name))  # as the frames are ordered


def _refuse_broken_links(paths: Sequence[Path]) -> None:
    """Refuse a depth file that is a link to nothing: passed over, it would look like one map too few."""
    for path in sorted(p for p in paths if p.suffix.lower() in READERS and not p.exists()):
        raise CorruptInputError(
            f"{display(str(path))}: {broken_link(path)}", "Mend the link, or put the file there."
        )


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    return SUFFIX_GROUPS.get(suffix, suffix)
