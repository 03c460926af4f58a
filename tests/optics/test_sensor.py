import numpy as np
import pytest

from focusgen.optics.sensor import noise_sigma, with_noise


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def test_sigma_is_the_root_of_electrons_and_of_reading():
    # ISO 1600: white is 3125 electrons; at 0.2 of it sqrt(625 + 9) / 3125
    assert noise_sigma(np.float32(0.2), 1600.0) == pytest.approx(np.sqrt(634.0) / 3125, rel=1e-6)
    assert noise_sigma(np.float32(0.0), 1600.0) == pytest.approx(3 / 3125, rel=1e-6)


@pytest.mark.parametrize("transfer", ["gamma22", "srgb"])
@pytest.mark.parametrize("level", [60, 180])
def test_noise_has_that_deviation_in_linear_light_and_no_bias(transfer, level):
    from focusgen.optics.transfer import linear_light

    flat = np.full((200, 200, 3), level, np.uint8)
    light = linear_light(with_noise(flat, 1600.0, rng(), transfer) / 255.0, transfer)
    true = linear_light(level / 255.0 * np.ones(1), transfer)[0]
    assert light.mean() == pytest.approx(true, rel=0.004)
    assert light.std() == pytest.approx(float(noise_sigma(np.float32(true), 1600.0)), rel=0.03)


def test_more_sensitivity_is_more_noise_and_one_seed_is_one_noise():
    flat = np.full((64, 64, 3), 128, np.uint8)
    spreads = [with_noise(flat, iso, rng(), "srgb").std() for iso in (100.0, 800.0, 6400.0)]
    assert spreads == sorted(spreads) and spreads[2] > 4 * spreads[0]
    assert np.array_equal(with_noise(flat, 800.0, rng(), "srgb"), with_noise(flat, 800.0, rng(), "srgb"))
    assert not np.array_equal(with_noise(flat, 800.0, rng(), "srgb"), with_noise(flat, 800.0, rng(2), "srgb"))
