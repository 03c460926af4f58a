import numpy as np
import pytest
import torch

from focusgen.optics.highlights import PEAK, SHOULDER, bent_light, regained_light


def test_what_is_sharp_comes_back_as_it_was_and_below_the_shoulder_nothing_happens():
    light = np.linspace(0.0, 1.0, 1001)
    regained = regained_light(light)
    assert bent_light(regained) == pytest.approx(light, abs=1e-12)
    dark = light <= SHOULDER
    assert np.array_equal(regained[dark], light[dark])
    assert regained[-1] == pytest.approx(PEAK) and (np.diff(regained) > 0).all()


def test_the_curve_has_no_kink_at_the_shoulder_and_tensors_pass_too():
    step = 1e-4
    above = (regained_light(np.array([SHOULDER + step])) - SHOULDER)[0] / step
    assert above == pytest.approx(1.0, abs=1e-3)
    tensor = torch.linspace(0.0, 1.0, 11)
    assert np.allclose(regained_light(tensor).numpy(), regained_light(tensor.numpy()), atol=1e-5)


def test_a_blurred_lamp_is_a_bright_ball_and_not_grey():
    lamp = np.full(16, 0.1)
    lamp[0] = 1.0
    dull, bright = lamp.mean(), bent_light(np.array([regained_light(lamp).mean()]))[0]
    assert bright == pytest.approx((PEAK + 1.5) / 16) and bright > 2 * dull
