"""What will be missing later, said before the first frame is decoded: all of it, each with its way out."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from focusgen.base.errors import ConfigError, CorruptInputError, SceneError
from focusgen.base.files import broken_link
from focusgen.base.names import display, listed
from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.config.backends import PROVIDED
from focusgen.dataset.footage import check_table
from focusgen.dataset.index_edits import edits_text
from focusgen.dataset.layout import DatasetLayout
from focusgen.doctor.disk import nearest_existing
from focusgen.doctor.machine import missing_packages
from focusgen.doctor.weights import file_problem
from focusgen.media.depth_brought import check_told_unit
from focusgen.media.depth_files import check_unit, holds_depth, near_misses
from focusgen.media.layouts.beside import beside_remark
from focusgen.media.masks import HOW as MASKS_HOW
from focusgen.models import registry
from focusgen.models.weight_commands import command_for
from focusgen.phases.provided_depth import GIVE_FOLDER, NO_FOLDER, depth_options
from focusgen.run.ahead import Ahead, scenes_ahead
from focusgen.run.selection import Selection

MAX_NAMED = 5
MAX_LOOKED_AT = 16  # scenes whose first map is read before the start: a 4K EXR takes 0.1 s


@dataclass(frozen=True)
class Lack:
    """One thing that is missing.

    Attributes:
        what: it, and where it was looked for.
        way_out: a command, a flag, or a sentence.
        of_nodes: a job may find it on its node all the same: weights and packages.
    """

    what: str
    way_out: str
    of_nodes: bool = False

    @classmethod
    def of(cls, error: ConfigError | SceneError) -> Lack:
        """Return what an error complains of."""
        return cls(error.message, error.advice)


def ask_first(cfg: Config, phases: Sequence[PhaseName], selection: Selection) -> None:
    """Say everything that would be missing later, at once.

    Raises:
        ConfigError: something is missing without which a phase that has work to do cannot do it.
    """
    found = _look(cfg, phases, selection)
    found.gpu(cfg)
    _refuse(found, "nothing was started")


def ask_before_jobs(cfg: Config, phases: Sequence[PhaseName], selection: Selection, *, force: bool) -> None:
    """Say everything that the jobs would miss, as far as this machine sees what the nodes will see.

    Weights and packages that are not here are only warned of, a node may have them; a GPU is not asked for.

    Args:
        force: only warn.

    Raises:
        ConfigError: something is missing here that jobs need, and that no node brings along.
    """
    found = _look(cfg, phases, selection)
    if force or all(lack.of_nodes for lack in found.lacks):
        for lack in found.lacks:
            print(f"warning: missing here: {lack.what}\n    -> {lack.way_out}", file=sys.stderr)
    else:
        _refuse(found, "nothing was submitted (--force submits all the same: for what only the nodes see)")


def _look(cfg: Config, phases: Sequence[PhaseName], selection: Selection) -> _Found:
    """Look for everything but a GPU, and say what is only a warning."""
    found = _Found()
    ahead = found.ahead(cfg, phases, selection)
    found.output(cfg, phases)
    if set(phases) != {"validate"}:  # whose report says it
        found.warnings += filter(None, [edits_text(DatasetLayout.of(cfg))])
    for phase in phases:
        if phase in SCENE_PHASES and ahead is not None and _has_work(cfg, phase, ahead):
            found.backend(cfg, phase)
            if phase == "depth" and cfg.depth.backend == PROVIDED.name:
                found.depth(cfg, ahead)
            if phase == "render":
                found.camera(cfg)
    for text in found.warnings:
        print(f"warning: {text}", file=sys.stderr)
    return found


def _refuse(found: _Found, consequence: str) -> None:
    """Raise if anything is missing.

    Raises:
        ConfigError: one thing, or a list.
    """
    if len(found.lacks) == 1:
        lack = found.lacks[0]
        raise ConfigError(f"{lack.what}; {consequence}" if "(" in consequence else lack.what, lack.way_out)
    if found.lacks:
        lines = [f"  {lack.what}\n    -> {lack.way_out}" for lack in found.lacks]
        raise ConfigError("\n".join([f"{len(lines)} things are missing; {consequence}:", *lines]))


def _has_work(cfg: Config, phase: PhaseName, ahead: Ahead) -> bool:
    """Say whether any scene may need a phase; where all are finished, neither GPU nor depth is asked for."""
    dataset = DatasetLayout.of(cfg)
    is_redone = cfg.run.on_stale == "redo"
    return is_redone or any(not dataset.scene(name).done(phase).exists() for name in ahead.scene_ids)


@dataclass
class _Found:
    lacks: list[Lack] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    on_gpu: list[PhaseName] = field(default_factory=list)

    def camera(self, cfg: Config) -> None:
        """Look for what lenses are told by files: the footage's views, and the masks that focus follows."""
        with self._noting():
            check_table(cfg)
        root = cfg.lens.mask_root
        if root is not None and cfg.lens.has_effect("mask_root") and not root.is_dir():
            self.lacks.append(Lack(f"--mask_root {display(str(root))}: no such folder", MASKS_HOW))

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except (ConfigError, SceneError) as error:
            self.lacks.append(Lack.of(error))

    def ahead(self, cfg: Config, phases: Sequence[PhaseName], selection: Selection) -> Ahead | None:
        """Return the scenes ahead; None where it cannot be known, or nothing works on scenes."""
        if not any(phase in SCENE_PHASES for phase in phases):
            return None
        try:
            return scenes_ahead(cfg, phases, selection)
        except (ConfigError, SceneError) as error:
            self.lacks.append(Lack.of(error))
            return None

    def output(self, cfg: Config, phases: Sequence[PhaseName]) -> None:
        """Look whether the data set may be written; phase 6 can do without."""
        root = cfg.data.out_root
        if set(phases) == {"validate"}:
            return
        folder = nearest_existing(root)
        way_out = "Choose another --out_root, or have its permissions changed."
        broken = broken_link(root)
        if broken:
            self.lacks.append(
                Lack(
                    f"{display(str(root))}: {broken}",
                    "Mend the link, or choose another --out_root.",
                )
            )
        elif not folder.is_dir():
            self.lacks.append(Lack(f"{display(str(folder))}: a file, not a folder to write into", way_out))
        elif not os.access(folder, os.W_OK | os.X_OK):
            self.lacks.append(Lack(f"{display(str(folder))}: may not be written into", way_out))

    def backend(self, cfg: Config, phase: PhaseName) -> None:
        """Look for the packages and weights of a phase."""
        with self._noting():
            backend = registry.backend_of(cfg, phase)
            missing = missing_packages(backend.extra) if backend.extra else []
            if missing:
                what = f"{phase}.backend {backend.name}: not installed: {', '.join(missing)}"
                self.lacks.append(Lack(what, f"pip install 'focusgen[{backend.extra}]'", of_nodes=True))
            for name, path in registry.weight_files(cfg, phase).items():
                problem = file_problem(path)
                if problem:
                    what = f"{phase}: {name}: {display(str(path))}: {problem}"
                    self.lacks.append(Lack(what, command_for(cfg, phase, name, path), of_nodes=True))
            if registry.needs_gpu(cfg, phase):
                self.on_gpu.append(phase)

    def gpu(self, cfg: Config) -> None:
        """Look for a GPU if a phase with work needs one; torch is asked, since it is what will use it."""
        if not self.on_gpu:
            return
        from focusgen.models.devices import pick_device

        names = [f"{phase}.backend: {registry.backend_of(cfg, phase).name}" for phase in self.on_gpu]
        with self._noting():
            pick_device(cfg.run.device, ", ".join(names))

    def depth(self, cfg: Config, ahead: Ahead) -> None:
        """Look whether depth came with the scenes, and whether its unit is known."""
        root = cfg.depth.depth_root
        self._assumed_units(cfg, ahead)
        without = [name for name in ahead.scene_ids if name not in ahead.with_own_depth]
        if not without:
            return
        if root is None or not root.is_dir():
            self._no_depth_folder(cfg, without, is_for_all=len(without) == len(ahead.scene_ids))
            return
        is_there = {name: holds_depth(root, name) for name in without}
        found = [name for name in without if is_there[name]]
        missing = [name for name in without if not is_there[name]]
        if missing and not found and not ahead.with_own_depth:
            what = f"{display(str(root))}: holds no depth for any of {len(missing)} scenes: {listed(missing)}"
            way_out = "Call its folders or files like the scenes, or set --depth_root to another folder."
            self.lacks.append(Lack(f"{what}{_near(root, missing)}", way_out))
        elif missing:
            what = f"{display(str(root))}: no depth for {len(missing)} scenes: {listed(missing)}"
            self.warnings.append(what + _near(root, missing))
        self._units(cfg, root, _spread(found))

    def _units(self, cfg: Config, root: Path, scene_ids: Sequence[str]) -> None:
        options = depth_options(cfg.depth)
        self._ask_units(scene_ids, lambda name: check_unit(root, name, options))

    def _assumed_units(self, cfg: Config, ahead: Ahead) -> None:
        root, options = cfg.depth.depth_root, depth_options(cfg.depth)
        assumed = [name for name in ahead.of_assumed_unit if root is None or not holds_depth(root, name)]
        self._ask_units(
            _spread(assumed),
            lambda name: check_told_unit(ahead.of_assumed_unit[name], options),
            are_all=len(assumed) == len(ahead.scene_ids),
        )

    def _ask_units(
        self, scene_ids: Sequence[str], check: Callable[[str], None], *, are_all: bool = True
    ) -> None:
        """Ask for the unit where no scene can do without; warn of those that will fail alone."""
        unknown = [lack for name in scene_ids if (lack := _unit_lacking(check, name)) is not None]
        if unknown and are_all and len(unknown) == len(scene_ids):
            self.lacks.append(unknown[0])
        elif unknown:
            of_those = f"{len(unknown)} of {len(scene_ids)} scenes that were looked at will fail"
            self.warnings.append(f"{unknown[0].what} ({of_those})\n    -> {unknown[0].way_out}")

    def _no_depth_folder(self, cfg: Config, without: Sequence[str], *, is_for_all: bool) -> None:
        root = cfg.depth.depth_root
        what = NO_FOLDER if root is None else f"--depth_root {display(str(root))}: no such folder"
        if is_for_all:
            way_outs = (GIVE_FOLDER, *(f"{text}." for text in beside_remark(cfg.data.raw_root)))
            self.lacks.append(Lack(what, "\n".join(way_outs)))
        else:
            self.warnings.append(f"{what}; no depth for {len(without)} scenes: {listed(without)}")


def _unit_lacking(check: Callable[[str], None], scene_id: str) -> Lack | None:
    """Return what is asked of a person whose depth files are whole numbers without a unit."""
    try:
        check(scene_id)
    except CorruptInputError as error:
        if "nobody says" in error.message:  # what else is wrong with one file is that scene's failure
            return Lack.of(error)
    except SceneError:
        pass  # likewise: the disk under one file, say
    return None


def _spread(names: Sequence[str]) -> Sequence[str]:
    """Return up to `MAX_LOOKED_AT` of the names, the first and the last among them."""
    if len(names) <= MAX_LOOKED_AT:
        return names
    last = len(names) - 1
    return [names[round(step * last / (MAX_LOOKED_AT - 1))] for step in range(MAX_LOOKED_AT)]


def _near(root: Path, missing: Sequence[str]) -> str:
    """Say of the first few scenes without depth what is there under much the same name."""
    near = next(filter(None, (near_misses(root, name) for name in missing[:MAX_NAMED])), "")
    return f" ({near})" if near else ""
