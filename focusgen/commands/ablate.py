"""What a choice buys and costs, measured on a few frames of one scene of the data set.

focusgen ablate temporal SCENE    each temporal strategy of phase 2
focusgen ablate steps SCENE       numbers of diffusion steps (--values 2,4,8,16)
focusgen ablate window SCENE      radius of `flow`, window and stride of `draws`
focusgen ablate sets SCENE        numbers of lens sets of phase 5 (--values 1,2,4,8)
focusgen ablate lenses [SCENE]    what the labels of each law of lenses cover, in all scenes or one
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from focusgen.base.errors import ConfigError
from focusgen.base.writable import check_writable
from focusgen.commands.groups import CONFIG_HELP, RootFlags, settings_to_write
from focusgen.config.flags import option, parse, positional, required_positional, sets


@dataclass(frozen=True, kw_only=True)
class AblateFlags(RootFlags):
    """What is measured, on what, and where the numbers go."""

    what: Literal["temporal", "steps", "window", "sets", "lenses"] = required_positional("which choice")
    scene: str | None = positional(None, "a scene of the index; lenses: all scenes where none is given")
    csv: Path | None = option(None, "write the table here")
    json: Path | None = option(None, "write the table here")
    plot: Path | None = option(None, "picture; default: <out_root>/logs/ablate_<what>_<scene>.png")
    n_frames: int = option(24, "how many of the scene's first frames")
    values: str | None = option(None, "steps, sets: comma-separated values to try")
    truth_root: Path | None = option(None, "folder with <scene>/ of sharp frames, where the truth is known")
    config: str | None = option(None, CONFIG_HELP)
    raw_root: Path | None = sets("data.raw_root")
    depth_root: Path | None = sets("depth.depth_root")
    backend: str | None = sets("deblur.backend")
    max_coc: float | None = sets("render.max_coc")
    device: str | None = sets("run.device")


FLAGS = AblateFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen ablate`."""
    parsed = parse(FLAGS, argv, prog="focusgen ablate", doc=__doc__)
    given = parsed.flags
    from focusgen.tools.ablate_scene import Asked, ablate_scene, settings_of

    today = settings_to_write(given.config, parsed.overrides)
    cfg = settings_of(today, given.config, parsed.overrides, given.what)
    plot = given.plot or cfg.data.out_root / "logs" / _plot_name(given)
    for path, flag in ((plot, "--plot"), (given.csv, "--csv"), (given.json, "--json")):
        if path is not None:
            check_writable(path.parent, flag)
    if given.what == "lenses":
        from focusgen.tools.ablate_lenses import ablate_lenses

        table = ablate_lenses(cfg, given.scene, plot)
        table.save(csv_path=given.csv, json_path=given.json)
    else:
        scene = _scene_of(given)
        _check_n_frames(given)
        numbers = _numbers(given.values)
        asked = Asked(given.what, scene, given.n_frames, today, numbers, given.truth_root)
        table = ablate_scene(cfg, asked)
        table.save(csv_path=given.csv, json_path=given.json, plot_path=plot)
    print(table.text())
    print(f"plot: {plot}")
    return 0


def _plot_name(given: AblateFlags) -> str:
    return "_".join(["ablate", given.what, *filter(None, [given.scene])]) + ".png"


def _scene_of(given: AblateFlags) -> str:
    if given.scene is None:
        raise ConfigError(
            f"focusgen ablate {given.what} needs a scene", f"Name one: focusgen ablate {given.what} SCENE"
        )
    return given.scene


def _check_n_frames(given: AblateFlags) -> None:
    fewest = 1 if given.what == "sets" else 2
    if given.n_frames < fewest:
        raise ConfigError(f"--n_frames {given.n_frames}: {given.what} looks at {fewest} or more")


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    if not all(value.strip().isdecimal() and int(value) > 0 for value in text.split(",")):
        raise ConfigError(f"--values {text}: give whole numbers of 1 or more, comma-separated")
    return [int(value) for value in text.split(",")]
