"""The backend: an untrained network changes nothing, sizes are free, and a wrong answer is vetoed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from focusgen.base.errors import ConfigError
from focusgen.focal.backends import BackendOptions, load_estimator
from focusgen.focal.classical import estimate
from focusgen.focal.fusion import fuse
from focusgen.focal.sd3.build import build
from focusgen.focal.sd3.design import Design
from focusgen.focal.sd3.predict import open_network, predict, working_size
from focusgen.focal.sd3.priors import Prior
from focusgen.focal.sd3.weights import save_weights, trained_state
from focusgen.focal.stack import FocalStack
from tests.focal.sd3.small import awake
from tests.focal.stacks import truth


@pytest.fixture(scope="module")
def stack() -> FocalStack:
    true = truth("tabletop")
    window = np.s_[:, :90, :122]  # no multiple of anything
    diopters = 1.0 / np.array(true.distances_m)
    return FocalStack(np.ascontiguousarray(true.slices[window]), diopters, true.radius_px_m)


def saved(tmp_path, net, design):
    path = tmp_path / "focal.safetensors"
    save_weights(path, trained_state(net), design, {})
    return path


@pytest.mark.slow
def test_before_training_the_backend_is_the_classical_one_to_the_bit(tmp_path, stack):
    path = saved(tmp_path, build(Design()), Design())
    found = load_estimator("sd3", BackendOptions(path))(stack)
    classical = estimate(stack)
    assert np.array_equal(found.diopters, classical.diopters)
    assert np.array_equal(found.rgb, fuse(stack, classical.sharpest).rgb)
    assert found.method == "sd3" and found.confidence.max() > 0.5


@pytest.mark.slow
def test_an_answer_that_explains_the_slices_worse_is_vetoed(tmp_path, stack):
    torch.manual_seed(0)
    net = awake(Design())
    with torch.no_grad():
        net.gate.fill_(1.0)
    net.requires_grad_(True)
    found = load_estimator("sd3", BackendOptions(saved(tmp_path, net, Design())))(stack)
    assert found.method != "sd3" and found.rgb is None
    assert found.rerender_error["sd3"] > found.rerender_error["focus_measure"]
    assert np.array_equal(found.diopters, estimate(stack).diopters)


def test_a_stack_without_a_lens_is_read_too(stack):
    prior = Prior(stack.slices[0], np.full(stack.slices.shape[1:3], 1.0, np.float32), np.ones((90, 122)))
    made = predict(replace(stack, radius_px_m=None), prior, awake(Design()))
    assert made.diopters.shape == (90, 122) and np.isfinite(made.diopters).all()
    assert made.rgb.shape == (90, 122, 3) and made.rgb.dtype == np.uint8


def test_large_pictures_are_looked_at_in_small():
    net = build(Design())
    assert working_size((90, 122), net) == (88, 120)
    assert max(working_size((3000, 4000), net)) == 256


@pytest.mark.parametrize("size", [(2, 3), (1, 122), (90, 1)])
def test_pictures_of_few_pixels_have_an_answer_of_their_size(stack, size):
    tiny = replace(stack, slices=np.ascontiguousarray(stack.slices[:, : size[0], : size[1]]))
    prior = Prior(tiny.slices[0], np.ones(size, np.float32), np.ones(size, np.float32))
    assert predict(tiny, prior, awake(Design())).diopters.shape == size


def test_a_checkpoint_is_needed_and_a_folder_of_training_will_do(tmp_path):
    with pytest.raises(ConfigError, match="needs --checkpoint"):
        load_estimator("sd3")
    with pytest.raises(ConfigError, match="focal_sd3.safetensors: no such checkpoint"):
        open_network(tmp_path, None, "cpu")
