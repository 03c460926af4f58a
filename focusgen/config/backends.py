"""The backends of phases 2, 3 and 5: what is known of each without importing it.

The name of a backend stands in this table and nowhere else: settings, flags, forecast, doctor, cluster and
factories read it from here. `models.registry` imports what `load` and `weight_files` name, once it is asked.
Installed packages add rows of their own by entry points, see `GROUPS`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from focusgen.config.graph import PhaseName

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


@dataclass(frozen=True)
class Rate:
    """How long a backend takes.

    Attributes:
        seconds_per_mpx: per megapixel of output and unit of work (a step, a lens set, or one).
        load_s: loading the model.
        is_measured: here or on any CPU; else an estimate, from another GPU or from arithmetic.
    """

    seconds_per_mpx: float
    load_s: float
    is_measured: bool = True


UNKNOWN_RATE = Rate(1.0, 30.0, is_measured=False)


@dataclass(frozen=True)
class Backend:
    """One backend.

    Attributes:
        name: what `deblur.backend`, `depth.backend` or `render.backend` says.
        load: the factory, called as `load(cfg, device)`: itself, or "module:function" to import when asked.
        weight_files: likewise, a function of the settings that returns {name: file} of everything that the
            published bytes depend on, without loading it; None for just the files of `weight_settings`.
        weight_settings: name of a weight file -> setting of the section that points to it.
        needs_gpu: slow beyond use on a CPU; refused there unless `--device cpu` is said.
        can_use_gpu: gains by a GPU, and is told to take one by `--device cuda`.
        counts_steps: its work grows with `steps` of the section.
        draws_noise: its output depends on the seed of the run.
        is_framewise: a depth model whose frames do not know of each other, so that no shot is cut for it.
        has_model_id: made from the hub model or folder that `model_id` of the section names.
        extra: extra of the package (`pip install 'focusgen[gpu]'`) that it needs.
        rate: for the forecast.
    """

    name: str
    load: str | Callable[..., Any]
    weight_files: str | Callable[..., Mapping[str, Any]] | None = None
    weight_settings: Mapping[str, str] = field(default_factory=dict)
    needs_gpu: bool = False
    can_use_gpu: bool = False
    counts_steps: bool = False
    draws_noise: bool = True
    is_framewise: bool = False
    has_model_id: bool = False
    extra: str = ""
    rate: Rate = UNKNOWN_RATE


# CPU rates: process time of one 864x480 scene, encoding included (python -m benchmarks.slurm_rates). GPU
# rates: wall time on one H200 with random weights of the real size, benchmarks/flux.py (30 steps, two
# conditions, as both networks have) and benchmarks/vda.py (vitl, bf16) plus as much again for writing depth;
# `hf` was not measured: about 1e13 operations per frame with decoding, at 200 TF/s. On another GPU all of
# them are estimates, and are called so.
_flux = functools.partial(
    Backend,
    weight_settings={"flux/lora": "lora_weight"},
    needs_gpu=True,
    counts_steps=True,
    has_model_id=True,
    extra="gpu",
    rate=Rate(0.49, 120.0, is_measured=False),
)
PASSTHROUGH = Backend(
    "passthrough", "focusgen.models.passthrough:load", draws_noise=False, rate=Rate(0.05, 0.5)
)
CLASSICAL = Backend("classical", "focusgen.models.classical:load", draws_noise=False, rate=Rate(0.66, 0.5))
DEBLURNET = _flux(
    "deblurnet", "focusgen.models.flux.deblurnet:load_deblurnet", "focusgen.models.flux.files:deblurnet_files"
)
PROVIDED = Backend(
    "provided",
    "focusgen.models.provided:load",
    draws_noise=False,
    is_framewise=True,
    rate=Rate(0.02, 0.5),
)
DRYRUN = Backend("dryrun", "focusgen.models.dryrun:load", draws_noise=False, rate=Rate(0.05, 0.5))
VDA = Backend(
    "vda",
    "focusgen.models.vda.backend:load",
    weight_settings={"vda": "checkpoint"},
    needs_gpu=True,
    draws_noise=False,
    rate=Rate(0.09, 30.0, is_measured=False),
)
HF = Backend(
    "hf",
    "focusgen.models.hf:load",
    weight_files="focusgen.models.hf_files:model_files",
    needs_gpu=True,
    draws_noise=False,
    is_framewise=True,
    has_model_id=True,
    extra="gpu",
    rate=Rate(0.4, 30.0, is_measured=False),
)
THIN_LENS = Backend(
    "thin_lens",
    "focusgen.models.bokeh.thin_lens:load",
    can_use_gpu=True,
    draws_noise=False,
    rate=Rate(0.47, 3.0),
)
BOKEHNET = _flux(
    "bokehnet", "focusgen.models.flux.bokehnet:load_bokehnet", "focusgen.models.flux.files:bokehnet_files"
)

BUILT_IN: Mapping[PhaseName, tuple[Backend, ...]] = {
    "deblur": (PASSTHROUGH, CLASSICAL, DEBLURNET),
    "depth": (PROVIDED, DRYRUN, VDA, HF),
    "render": (THIN_LENS, BOKEHNET),
}
"""Section (it has the phase's name) -> its backends, in the order in which they are listed."""

GROUPS: Mapping[PhaseName, str] = {
    "deblur": "focusgen.deblurrers",
    "depth": "focusgen.depth_models",
    "render": "focusgen.renderers",
}
"""Section -> group of entry points by which installed packages add backends."""


def built_in(section: PhaseName, name: str) -> Backend | None:
    """Return the row of a name in one section, None if it is not one of ours."""
    return next((backend for backend in BUILT_IN[section] if backend.name == name), None)


def installed(section: PhaseName) -> Mapping[str, tuple[EntryPoint, ...]]:
    """Return {name: entry points} that installed packages add to a section; nothing of them is imported.

    Two packages may claim one name, or a name of ours: `models.registry` then says so.
    """
    return _installed(section, tuple(sys.path))


@functools.lru_cache(maxsize=16)  # looking through all packages takes 15 ms, and scenes ask one by one
def _installed(section: PhaseName, path: tuple[str, ...]) -> Mapping[str, tuple[EntryPoint, ...]]:
    from importlib.metadata import entry_points

    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in entry_points(group=GROUPS[section]):
        found[entry.name] = (*found.get(entry.name, ()), entry)
    return found


def names_of(section: PhaseName) -> list[str]:
    """Return the names that a section's `backend` may have, ours first."""
    ours = [backend.name for backend in BUILT_IN[section]]
    return [*ours, *(name for name in installed(section) if name not in ours)]
