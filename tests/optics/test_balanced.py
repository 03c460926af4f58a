"""The balanced law: what it promises of a scene's sets, and that it says so where it cannot."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.base.errors import SceneError
from focusgen.optics.balance import Balance
from focusgen.optics.balanced import BalancedLaw
from focusgen.optics.coc import Lens, coc_diameter_m
from focusgen.optics.stats import depth_counts
from focusgen.optics.surfaces import Surfaces
from focusgen.synth.families import FAMILIES
from focusgen.synth.write import make_scene

WIDTH = 320
PIXEL_M = 36e-3 / WIDTH
BALANCE = Balance((24.0, 85.0), (1.4, 8.0), (0.0075 * 36e-3, 0.02 * 36e-3), PIXEL_M)
N_SETS = 4
FROZEN = [  # before scenes with missing deciles were looked at more closely
    (0.04828738534355791, 2.8487619308102032, 1.4599609375),
    (0.07415907100915847, 1.600300513568851, 3.728515625),
]


def law_of(depth_m, balance: Balance = BALANCE, **kwargs) -> BalancedLaw:
    return BalancedLaw(Surfaces.of(depth_counts(np.asarray(depth_m, np.float16)), **kwargs), balance)


@pytest.fixture(scope="module")
def depths() -> dict[str, np.ndarray]:
    return {
        family: np.sort(make_scene(family, 0, width=WIDTH).depth_m(0).astype(np.float16).ravel()).astype(
            float
        )
        for family in FAMILIES
    }


def max_coc_of(depths: dict[str, np.ndarray], lenses: dict[str, tuple[Lens, ...]]) -> float:
    return float(np.percentile([coc_diameter_m(depths[f], lens) for f in depths for lens in lenses[f]], 95))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_sets_of_every_family_keep_all_promises_at_the_calibrated_max_coc(depths, seed):
    lenses = {family: law_of(depth_m).draw(N_SETS, seed).lenses for family, depth_m in depths.items()}
    max_coc_m, total = max_coc_of(depths, lenses), np.zeros(10)
    for family, depth_m in depths.items():
        shown = np.zeros(10, bool)
        for lens in lenses[family]:
            coc_m = coc_diameter_m(depth_m, lens)
            label = 1 - np.minimum(coc_m / max_coc_m, 1)
            assert (coc_m <= PIXEL_M / 2).mean() >= 0.05, family
            assert (coc_m > max_coc_m / 4).mean() >= 0.2, family
            assert 0.2 <= label.mean() <= 0.8, family
            assert 0.0074 * 36e-3 <= np.percentile(coc_m, 90) <= 0.0201 * 36e-3
            assert 24e-3 <= lens.focal_length_m <= 85e-3 and 1.4 <= lens.f_number <= 8.0
            assert lens.focus_distance_m in depth_m
            n = depth_m.size
            middle = np.array_split(coc_m[n // 20 : n - n // 20], 10)
            shown |= [(part <= max(PIXEL_M, 0.03 * max_coc_m)).mean() > 0.48 for part in middle]
            total += np.histogram(label, 10, (0, 1))[0]
        assert shown.all(), family
    share = total / total.sum()
    assert -(share * np.log10(share)).sum() >= 0.92


def test_the_first_lenses_stay_and_take_near_middle_and_far(depths):
    law = law_of(depths["tabletop"])
    many = law.draw(9, 8).lenses
    for k in (1, 3, 4, 8):
        assert law.draw(k, 8).lenses == many[:k]
    thirds = np.percentile(depths["tabletop"], [100 / 3, 200 / 3])
    assert sorted(int(np.searchsorted(thirds, lens.focus_distance_m)) for lens in many[:3]) == [0, 1, 2]
    assert law.draw(4, 9).lenses != many[:4]


def test_a_flat_wall_is_flagged_not_faked():
    drawn = law_of(np.full((8, 8), 3.0)).draw(4, 1)
    assert {lens.focus_distance_m for lens in drawn.lenses} == {3.0}
    assert drawn.n_redrawn == 4 * 24
    assert sum("reaches the target" in text for text in drawn.lacking) == 4
    assert sum("mean label" in text for text in drawn.lacking) == 4


def wall_behind_a_bench() -> np.ndarray:
    """Return a photographed room: few things at 2.4 and 3.7 m, the rest a wall .03 diopters deep."""
    parts = ((2.4, 2.5, 2500), (3.7, 3.86, 4000), (4.3, 5.0, 20_000))
    return np.concatenate([np.linspace(*part) for part in parts])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_wall_that_only_the_widest_lens_shows_among_blur_is_in_focus_in_some_set(seed):
    law = law_of(wall_behind_a_bench())
    many = law.draw(9, seed)
    assert not law.lacking(many.lenses[:N_SETS], BALANCE.expected_max_coc_m)
    assert any(lens.focus_distance_m > 4.3 for lens in many.lenses[:N_SETS])
    for k in (1, 3, 4):
        assert law.draw(k, seed).lenses == many.lenses[:k]


def test_scenes_that_show_everything_keep_the_lenses_that_they_always_had(depths):
    drawn = [law_of(depths[family]).draw(1, 8).lenses[0] for family in ("tabletop", "village")]
    assert [(lens.focal_length_m, lens.f_number, lens.focus_distance_m) for lens in drawn] == FROZEN


def test_what_is_lacking_is_said_of_the_max_coc_that_is_calibrated(depths):
    law = law_of(depths["village"])
    drawn = law.draw(4, 3)
    assert not drawn.lacking
    assert not law.draw(4, 3, BALANCE.expected_max_coc_m).lacking
    assert law.draw(4, 3, 1e-4).lenses == drawn.lenses
    assert sum("mean label" in text for text in law.draw(4, 3, 1e-4).lacking) == 3


@pytest.mark.slow
def test_deciles_that_no_set_shows_are_named():
    fine = Balance((24.0, 85.0), (1.4, 8.0), (0.03 * 36e-3, 0.04 * 36e-3), PIXEL_M)
    lacking = law_of(1 / np.linspace(0.2, 1, 4000), fine).draw(4, 1).lacking
    assert lacking[-1].startswith("depth deciles sharp in no set: ")


def test_sky_and_filled_holes_attract_no_focus():
    scene = law_of([*np.linspace(2, 6, 4000), *[80.0] * 6000])
    assert all(lens.focus_distance_m <= 6 for lens in scene.draw(8, 4).lenses)
    filled = law_of([*np.linspace(2, 3, 500), *np.linspace(5, 6, 500), *[4.0] * 9000], put=[(4.0, 9000)])
    assert 4.0 not in [lens.focus_distance_m for lens in filled.draw(8, 4).lenses]


def test_the_reach_is_what_the_ranges_can_blur_and_a_scene_nearer_than_2_f_is_refused():
    least_m, largest_m = law_of([1.0, 2.0] * 50).reach_m()
    # 24 mm f/8 and 85 mm f/1.4 across half a diopter
    assert least_m == pytest.approx(0.024**2 / 8 / 2)
    assert largest_m == pytest.approx(0.085**2 / 1.4 / 2)
    with pytest.raises(SceneError, match="twice the shortest focal length"):
        law_of(np.linspace(0.01, 0.04, 100))
