"""The head in three parts: together they are the published order of operations."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from focusgen.models.vda.head import Fusion, ResidualUnit, upsample
from tests.models.vda.tiny import tiny_net
from tests.tensors import normal

T, ROWS, COLUMNS = 3, 2, 3


@pytest.fixture(scope="module")
def head():
    return tiny_net().head


@pytest.fixture(scope="module")
def taps() -> list[torch.Tensor]:
    return [normal(T, 16, ROWS, COLUMNS, seed=n) for n in range(4)]


def test_corners_stay_on_corners():
    ramp = torch.linspace(0.0, 1.0, 3)[None, None, None].expand(1, 1, 2, -1)
    found = upsample(ramp, (4, 5))
    assert found[0, 0, 0].tolist() == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
    assert torch.equal(upsample(ramp, (2, 3)), ramp)


def test_a_residual_unit_adds_to_what_was_not_rectified():
    unit = ResidualUnit(2).requires_grad_(False)
    for layer in (unit.conv1, unit.conv2):
        layer.weight.zero_()
        layer.bias.zero_()
    x = torch.tensor([-1.0, 1.0]).reshape(1, 2, 1, 1)
    assert torch.equal(unit(x), x)
    unit.conv1.weight[:, :, 1, 1] = torch.eye(2)
    unit.conv2.weight[:, :, 1, 1] = torch.eye(2)
    assert unit(x).flatten().tolist() == [-1.0, 2.0]  # only the positive one came through


def test_a_pointwise_layer_commutes_with_upsampling():
    torch.manual_seed(0)
    fusion, path = Fusion(4).requires_grad_(False), normal(1, 4, 3, 4)
    published = fusion.out_conv(upsample(fusion.resConfUnit2(path), (6, 8)))
    torch.testing.assert_close(fusion(path, (6, 8)), published, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (3, 5)])
def test_features_have_the_sizes_that_are_promised(head, rows, columns):
    found = head.per_frame([normal(2, 16, rows, columns) for _ in range(4)])
    assert found.fine.shape == (2, 32, 4 * rows, 4 * columns)
    assert found.middle.shape == (2, 32, 2 * rows, 2 * columns)
    assert found.coarse.shape == (2, 32, rows, columns)
    assert found.coarsest.shape == (2, 32, -(-rows // 2), -(-columns // 2))


def published(head, taps: list[torch.Tensor]) -> torch.Tensor:
    """Return depth in the order of operations of the published head, without any of the cuts."""
    s, motion = head.scratch, head.motion_modules
    levels = [
        resize(project(tap))
        for project, resize, tap in zip(head.projects, head.resize_layers, taps, strict=True)
    ]
    levels[2], levels[3] = motion[0](levels[2], T), motion[1](levels[3], T)
    thin = [
        layer(level)
        for layer, level in zip((s.layer1_rn, s.layer2_rn, s.layer3_rn, s.layer4_rn), levels, strict=True)
    ]

    def fuse(block: Fusion, path: torch.Tensor, skip: torch.Tensor | None, size: torch.Size) -> torch.Tensor:
        path = path if skip is None else path + block.resConfUnit1(skip)
        return block.out_conv(upsample(block.resConfUnit2(path), tuple(size[-2:])))

    path = motion[2](fuse(s.refinenet4, thin[3], None, thin[2].shape), T)
    path = motion[3](fuse(s.refinenet3, path, thin[2], thin[1].shape), T)
    path = fuse(s.refinenet2, path, thin[1], thin[0].shape)
    double = torch.Size((2 * thin[0].shape[-2], 2 * thin[0].shape[-1]))
    path = fuse(s.refinenet1, path, thin[0], double)
    return s.output_conv2(upsample(s.output_conv1(path), (14 * ROWS, 14 * COLUMNS)))[:, 0]


def test_the_three_parts_are_the_published_head(head, taps):
    features = head.per_frame(taps)
    depth = head.draw(head.mix(features.coarse, features.coarsest, T), features.middle, features.fine)
    assert depth.shape == (T, 14 * ROWS, 14 * COLUMNS) and depth.dtype == torch.float32
    torch.testing.assert_close(depth, published(head, taps), atol=1e-5, rtol=1e-4)


def test_some_frames_of_a_window_may_be_drawn_alone(head, taps):
    features = head.per_frame(taps)
    path = head.mix(features.coarse, features.coarsest, T)
    whole = head.draw(path, features.middle, features.fine)
    some = head.draw(path[[2, 0]], features.middle[[2, 0]], features.fine[[2, 0]])
    torch.testing.assert_close(some, whole[[2, 0]], atol=1e-6, rtol=1e-5)


def test_depth_is_never_negative(head, taps):
    features = head.per_frame([F.leaky_relu(tap, -50.0) for tap in taps])
    assert (
        head.draw(head.mix(features.coarse, features.coarsest, T), features.middle, features.fine).min() >= 0
    )
