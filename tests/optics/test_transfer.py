import numpy as np
import pytest
import torch

from focusgen.optics.transfer import display_values, linear_light


def test_half_of_the_light_is_073_on_the_display_of_procedural_scenes():
    assert display_values(np.array([0.5]))[0] == pytest.approx(0.7297, abs=1e-4)


def test_srgb_is_the_standards_curve_at_both_sides_of_its_knee():
    light = linear_light(np.array([0.0, 0.04045, 0.5, 1.0]), "srgb")
    assert light == pytest.approx([0.0, 0.0031308, 0.21404114, 1.0], abs=1e-7)
    assert display_values(np.array([0.0, 0.001, 0.18, 1.0]), "srgb") == pytest.approx(
        [0.0, 0.01292, 0.46135613, 1.0], abs=1e-7
    )


@pytest.mark.parametrize("transfer", ["gamma22", "srgb"])
def test_display_values_come_back_and_light_beyond_white_is_white(transfer):
    shown = np.linspace(0.0, 1.0, 256)
    assert display_values(linear_light(shown, transfer), transfer) == pytest.approx(shown, abs=1e-6)
    assert display_values(np.array([-0.1, 1.7]), transfer) == pytest.approx([0.0, 1.0])


@pytest.mark.parametrize("transfer", ["gamma22", "srgb"])
def test_tensors_pass_too_with_finite_slopes_where_light_is_dark(transfer):
    shown = torch.linspace(0.0, 1.0, 256)
    assert np.allclose(linear_light(shown, transfer), linear_light(shown.numpy(), transfer), atol=1e-7)
    light = torch.tensor([0.001, 0.5], requires_grad=True)
    display_values(light, transfer).sum().backward()
    assert torch.isfinite(light.grad).all()


def test_the_two_curves_differ_most_in_the_dark():
    shown = np.array([10, 200]) / 255.0
    seen = display_values(linear_light(shown, "srgb"), "gamma22") * 255
    assert seen == pytest.approx([18.28, 198.69], abs=0.01)
