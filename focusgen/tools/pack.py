"""Packs finished, validated scenes into one tar each: 10 files a frame become 8 a scene."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from focusgen.base.checksums import FileEntry
from focusgen.base.errors import CorruptInputError, ExitCode, FocusgenError
from focusgen.base.files import publish_json, remove, replacing, storage_error, sync_file_system
from focusgen.base.locks import exclusive
from focusgen.base.names import rich_text
from focusgen.config import Config
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.packs import Pack, is_packed, pack_document
from focusgen.run.console import make_console
from focusgen.run.finished_notes import note_finished
from focusgen.tools.export import TarWriter, read_members
from focusgen.tools.export_plan import TAR_BLOCK_BYTES, ExportPlan, Wanted, plan_samples
from focusgen.tools.export_samples import ExportScene

Places = dict[str, tuple[int, int]]


def pack_if_passed(cfg: Config, code: int) -> int:
    """Pack after a phase 6 that ended with `code`, where the settings ask for it; return the exit status."""
    if cfg.store.pack == "none" or code != ExitCode.COMPLETE:
        return code
    console = make_console()
    try:
        n_packed = pack_scenes(cfg.data.out_root)
    except FocusgenError as error:
        console.print(f"  [red]not packed[/red]: {rich_text(error.message)}")
        return int(error.exit_code)
    console.print(f"  {n_packed} scenes packed; focusgen unpack gives the files back")
    return code


def pack_scenes(root: Path, leave_out: Sequence[str] = ()) -> int:
    """Pack every scene of a data set that phase 6 has passed, and return how many there were.

    Killed anywhere, each file lies by itself, or in a whole tar, or in both; started again, it goes on.

    Args:
        leave_out: scenes to leave as they are.

    Raises:
        FocusgenError: the data set is not complete and validated, or a file is damaged.
    """
    plan = plan_samples(root, Wanted(leave_out=leave_out))
    dataset = DatasetLayout(root, root / "scene_index.json")
    index, n_packed = read_index(dataset), 0
    for scene_id, scene in plan.scenes.items():
        with exclusive(scene.vetted.layout.lock("render")):
            if _pack(plan, scene):
                n_packed += 1
                note_finished(dataset, index, scene_id)
    return n_packed


def _pack(plan: ExportPlan, scene: ExportScene) -> bool:
    layout = scene.vetted.layout
    sources = list(_sources(plan, scene))
    if not any((layout.root / source).exists() for source in sources):
        return False  # it is packed already
    places = _write_tar(plan, scene)
    _compare(scene, Pack(layout.pack_tar, places))
    publish_json(layout.pack_index, pack_document(layout, places))
    sync_file_system(layout.root)
    _remove_sources(layout, sources)
    return True


def _sources(plan: ExportPlan, scene: ExportScene) -> Iterator[str]:
    for frame in range(scene.vetted.n_frames):
        for member in plan.members(scene.vetted.scene_id, frame):
            if member.source is not None:
                yield member.source


def _write_tar(plan: ExportPlan, scene: ExportScene) -> Places:
    """Write the samples as an export does; return where the published files lie in the tar."""
    layout, scene_id = scene.vetted.layout, scene.vetted.scene_id
    places: Places = {}
    for draft in layout.root.glob(f".{layout.pack_tar.name}.*.tmp"):
        remove(draft)  # of a packing that was killed: this one holds the lock
    with replacing(layout.pack_tar) as temporary:
        try:
            with temporary.open("wb") as file:
                writer = TarWriter(file)
                for frame in range(scene.vetted.n_frames):
                    sources = {member.name: member.source for member in plan.members(scene_id, frame)}
                    for name, data in read_members(plan, scene, frame):
                        writer.add(scene, frame, {name: data})
                        n_blocks = -(-len(data) // TAR_BLOCK_BYTES)
                        source = sources.get(name)
                        if source is not None:
                            places[source] = (writer.n_bytes - TAR_BLOCK_BYTES * n_blocks, len(data))
                writer.close()
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise storage_error(error, layout.pack_tar) from error
    return places


def _compare(scene: ExportScene, pack: Pack) -> None:
    """Read the tar once more before anything is removed: what lies in it must be what the records say."""
    for source in pack.places:
        data = pack.read(source)
        if FileEntry.of(data) != scene.files[source]:
            raise CorruptInputError(f"{pack.tar}: {source} reads otherwise than it was written", "Try again.")


def _remove_sources(layout: SceneLayout, sources: list[str]) -> None:
    assert is_packed(layout)
    for source in sources:
        remove(layout.root / source)
    folders = {folder for source in sources for folder in Path(source).parents if folder.name}
    for folder in sorted(folders, reverse=True):  # those inside first
        if (layout.root / folder).is_dir() and not any((layout.root / folder).iterdir()):
            (layout.root / folder).rmdir()
