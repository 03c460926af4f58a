"""The law that the lenses of a scene are drawn by, as configured: one for calibration and rendering."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from focusgen.base.errors import LensError
from focusgen.base.seeds import derive_seed, scene_seed
from focusgen.config import Config
from focusgen.optics.balance import Balance
from focusgen.optics.balanced import BalancedLaw
from focusgen.optics.lenses import LensDraw, sample_lenses, spread_lenses
from focusgen.phases.scene_depth import SceneDepth

LAW_LENSES = 2048  # that stand for the whole law in one scene
LAW_SETS, LAW_SETS_BEFORE = 128, 4  # where a set depends on the others: sets of whole draws, and of each draw
MIN_LAW_DRAWS = 8  # each of a lens of its own
DEFAULT_TARGET_BLUR = (0.0075, 0.02)  # of the frame's width: 50 mm, f/2.8 at 3 m blurs infinity by .0085


class LensLaws:
    """The configured law of lenses in one scene.

    Raises:
        LensError: no lens of the ranges can be focused in the scene, or gives the blur that was asked for.
    """

    def __init__(self, cfg: Config, depth: SceneDepth) -> None:
        self._cfg = cfg
        self._balanced = _balanced_law(cfg, depth) if cfg.lens.law == "balanced" else None
        self._stats = depth.stats()

    def draw(self, n: int, seed: int) -> LensDraw:
        """Return n lenses.

        Raises:
            LensError: no lens of the ranges can be focused in the scene.
        """
        if self._balanced is not None:
            return self._balanced.draw(n, seed, self._cfg.render.max_coc)
        near_m, far_m = _focus_range_m(self._cfg, self._stats)
        return sample_lenses(
            n,
            d_min_m=near_m,
            d_max_m=far_m,
            seed=seed,
            focal_length_mm=self._cfg.lens.focal_length_mm,
            f_number=self._cfg.lens.f_number,
            law="sweep" if self._cfg.lens.law == "sweep" else "random",
            formula=self._cfg.optics.formula,
        )

    def whole(self) -> LensDraw:
        """Return lenses that stand for the law itself, whatever the scene's name and the seed.

        Raises:
            LensError: as `draw`.
        """
        if self._cfg.lens.law != "random":
            # A sweep of n sets has its own distances; of the balanced law, the first sets stay as they are.
            n_sets = self._cfg.render.n_sets if self._cfg.lens.law == "sweep" else LAW_SETS_BEFORE
            n_draws = max(MIN_LAW_DRAWS, LAW_SETS // n_sets)
            return _together(self.draw(n_sets, derive_seed(number, "law")) for number in range(n_draws))
        ranges = (self._cfg.lens.focal_length_mm, self._cfg.lens.f_number)
        near_m, far_m = _focus_range_m(self._cfg, self._stats)
        formula = self._cfg.optics.formula
        return LensDraw(spread_lenses(LAW_LENSES, near_m, far_m, *ranges, formula=formula), 0)


def draw_lenses(cfg: Config, depth: SceneDepth, n: int) -> LensDraw:
    """Return n lenses of a scene by the one law that calibration and rendering share.

    Raises:
        LensError: as `LensLaws`.
    """
    return LensLaws(cfg, depth).draw(n, scene_seed(cfg.seed, depth.scene.scene_id, "lenses"))


def _together(draws: Iterable[LensDraw]) -> LensDraw:
    drawn = list(draws)
    lenses = tuple(lens for draw in drawn for lens in draw.lenses)
    return LensDraw(lenses, sum(draw.n_redrawn for draw in drawn))


def _focus_range_m(cfg: Config, stats: Mapping[str, float]) -> tuple[float, float]:
    robust = cfg.lens.focus_range == "robust"
    return stats["d_p5" if robust else "d_min"], stats["d_p95" if robust else "d_max"]


def _balanced_law(cfg: Config, depth: SceneDepth) -> BalancedLaw:
    pixel_m = cfg.optics.sensor_width_m / depth.long_side_px
    asked_px = cfg.lens.target_blur_px
    low, high = asked_px or tuple(share * depth.long_side_px for share in DEFAULT_TARGET_BLUR)
    target_m = (low * pixel_m, high * pixel_m)
    law = BalancedLaw(
        depth.surfaces(),
        Balance(cfg.lens.focal_length_mm, cfg.lens.f_number, target_m, pixel_m, cfg.optics.formula),
    )
    if asked_px is not None:
        _check_target(asked_px, (law.reach_m()[0] / pixel_m, law.reach_m()[1] / pixel_m))
    return law


def _check_target(asked_px: tuple[float, float], reach_px: tuple[float, float]) -> None:
    """Refuse a blur that was asked for by number and that no lens gives; a flat scene is flagged instead."""
    is_flat = reach_px[1] == 0.0
    if not is_flat and (asked_px[0] > reach_px[1] or asked_px[1] < reach_px[0]):
        raise LensError(
            f"lens.target_blur_px {list(asked_px)}: no lens of lens.focal_length_mm and lens.f_number "
            f"reaches it in this scene; they blur by {reach_px[0]:.2g} to {reach_px[1]:.3g} px",
            "Choose --lens.target_blur_px '[LOW, HIGH]' within that, or change --lens.focal_length_mm.",
        )
