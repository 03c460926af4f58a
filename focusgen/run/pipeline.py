"""The six phases as functions: what the numbered scripts, `focusgen run` and a cluster task all call.

Each imports what only it needs: phase 6 brings OpenCV, and a task of another phase has no use for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from focusgen.base.errors import ExitCode
from focusgen.base.files import share_with_group
from focusgen.base.names import display, rich_text, shortened
from focusgen.base.signals import StopFlag
from focusgen.config import Config, PhaseName
from focusgen.dataset.index import IndexResult, read_index
from focusgen.dataset.index_draft import outline_of
from focusgen.dataset.layout import DatasetLayout
from focusgen.media.listing import Rejection
from focusgen.run.calibration import calibrate_in_run, run_calibrate
from focusgen.run.console import ConsoleObserver
from focusgen.run.max_coc import warning_before_renders
from focusgen.run.phase_run import PhaseRun
from focusgen.run.selection import Selection, select_scenes
from focusgen.run.settings import Expected, expected_in_run, save_config
from focusgen.run.table import PHASES

INDEX_STOPPED = "stopped by a signal; what was found out about scenes so far is kept for the next run"


def run_index(
    cfg: Config, observer: ConsoleObserver, stop: StopFlag, *, may_take_over: bool = False
) -> ExitCode:
    """Phase 1; by itself it reads every raw file."""
    from focusgen.phases.index import index_dataset

    result = index_dataset(
        cfg,
        on_start=lambda n: observer.begin("index", n, "scenes"),
        on_scene=lambda scene_id: observer.advance(),
        on_progress=lambda: stop.check(INDEX_STOPPED),
        may_take_over=may_take_over,
    )
    if result.n_found:  # else the raw root is another than that of the scenes in the index, if there are any
        save_config(cfg, "index")
    console = observer.console
    for scene_id, rejection in sorted(result.rejected.items()):
        console.print(f"  [red]refused[/red] {rich_text(refusal_line(scene_id, rejection))}")
    for text in [*note_lines(result), *result.remarks]:
        console.print(f"  [yellow]note[/yellow] {rich_text(text)}")
    for scene_id, what in result.renewed.items():
        console.print(f"  indexed anew: {rich_text(scene_id)}: {rich_text(what)}; no phase had finished it")
    n_frames = sum(outline_of(result.index, scene_id).n_frames for scene_id in result.index)
    console.print(
        f"  {len(result.index)} scenes indexed ({len(result.added)} new), {n_frames} frames, "
        f"{len(result.rejected)} refused"
    )
    if not result.index:
        rejected = rich_text(display(str(DatasetLayout.of(cfg).rejected_scenes_json)))
        why = f"{rejected} says why" if result.rejected else _nothing_found(cfg)
        console.print(f"  no usable scene: {why}")
        return ExitCode.INCOMPLETE
    return ExitCode.INCOMPLETE if result.rejected and cfg.run.strict else ExitCode.COMPLETE


def _nothing_found(cfg: Config) -> str:
    how = f"by --glob {cfg.data.glob!r}" if cfg.data.glob else "(--glob '*/*' looks one folder deeper)"
    return rich_text(f"no video and no folder of images in {display(str(cfg.data.raw_root))} {how}")


def refusal_line(scene_id: str, rejection: Rejection) -> str:
    """Return a refusal with every name in it once."""
    file = rejection.file
    is_named = file.startswith(f"{scene_id}/") or scene_id in (file, PurePosixPath(file).stem)
    return f"{file}: {rejection.reason}" if is_named else f"{scene_id}: {file}: {rejection.reason}"


def note_lines(result: IndexResult) -> Iterator[str]:
    """Yield each note on scenes that were decoded now, and where those on other scenes stand."""
    scenes_of: dict[str, list[str]] = {}
    for scene_id in result.looked_at:
        notes = result.index[scene_id].notes if outline_of(result.index, scene_id).n_notes else ()
        for note in notes:
            scenes_of.setdefault(note, []).append(scene_id)
    for note, scenes in scenes_of.items():
        yield f"{shortened(scenes)}: {note}"
    looked_at = set(result.looked_at)
    n_before = sum(
        outline_of(result.index, name).n_notes > 0 for name in result.index if name not in looked_at
    )
    if n_before:
        whose = "1 scene indexed before has" if n_before == 1 else f"{n_before} scenes indexed before have"
        yield f"{whose} notes (source.notes in scene_index.json)"


def run_index_share(
    cfg: Config, scene_ids: Sequence[str], observer: ConsoleObserver, stop: StopFlag
) -> ExitCode:
    """Phase 1's share of one array task: decode some scenes and leave the index to whoever merges."""
    from focusgen.phases.looking import look_at_share

    look_at_share(
        cfg,
        scene_ids,
        on_start=lambda n: observer.begin("index", n, f"of {len(scene_ids)} scenes of this task"),
        on_scene=lambda scene_id: observer.advance(),
        on_progress=lambda: stop.check(INDEX_STOPPED),
    )
    observer.console.print("  looked at; the job that merges the tasks publishes the index")
    return ExitCode.COMPLETE


def run_scene_phase(
    cfg: Config,
    phase: PhaseName,
    selection: Selection,
    observer: ConsoleObserver,
    stop: StopFlag,
    *,
    expected: Mapping[PhaseName, Expected] | None = None,
) -> ExitCode:
    """Phases 2, 3 and 5; `expected` as for `PhaseRun`."""
    index = read_index(DatasetLayout.of(cfg))
    is_alone = expected is None  # else phase 4 has just said what it kept
    if phase == "render" and (is_alone or cfg.render.max_coc is not None):
        warning = warning_before_renders(cfg)
        if warning:
            observer.console.print(f"  [yellow]warning[/yellow]: {rich_text(warning)}")
    scene_ids = select_scenes(index, selection)
    run = PhaseRun(PHASES[phase], cfg, scene_ids, observer, stop, expected=expected, index=index)
    return run.run().exit_code


def run_phase(
    cfg: Config, phase: PhaseName, selection: Selection, observer: ConsoleObserver, stop: StopFlag
) -> ExitCode:
    """Run one phase and return its exit status."""
    share_with_group(cfg.data.group_writable)
    if phase == "index":
        return run_index(cfg, observer, stop)
    if phase == "calibrate":
        return run_calibrate(cfg, observer)
    if phase == "validate":
        from focusgen.run.validation import run_validate

        return run_validate(cfg, observer, stop=stop)
    return run_scene_phase(cfg, phase, selection, observer, stop)


def run_all(
    cfg: Config, selection: Selection, observer: ConsoleObserver, stop: StopFlag, *, recheck: bool = False
) -> ExitCode:
    """Run phases 1 to 6; a failed scene stops only itself, an unapproved calibration stops phase 5.

    Args:
        stop: is asked after each frame.
        recheck: phases 1 and 6 read every file, those too that are by all signs what they were.

    Returns:
        The worst exit status met.
    """
    from focusgen.run.eta import predicted_s
    from focusgen.run.validation import run_validate

    share_with_group(cfg.data.group_writable)
    codes = [run_index(cfg, observer, stop, may_take_over=not recheck)]
    index = read_index(DatasetLayout.of(cfg))
    if not index:
        return max(codes)  # said by phase 1
    scene_ids = select_scenes(index, selection)
    chosen = Selection(scenes=scene_ids)
    observer.expect(predicted_s(cfg, index, scene_ids))
    expected = expected_in_run(cfg)
    for phase in ("deblur", "depth"):
        codes.append(run_scene_phase(cfg, phase, chosen, observer, stop, expected=expected))
    codes.append(calibrate_in_run(cfg, observer, scene_ids))
    codes.append(run_scene_phase(cfg, "render", chosen, observer, stop, expected=expected))
    codes.append(
        run_validate(cfg, observer, scene_ids, stop=stop, may_take_over=not recheck, expected=expected)
    )
    return max(codes)
