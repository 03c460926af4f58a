"""The whole network, cut where work can be saved, and held in half precision where that is harmless."""

from __future__ import annotations

import pytest
import torch

from focusgen.models.vda.motion import TimeTransformer
from tests.models.vda.tiny import tiny_net


@pytest.fixture
def net():
    return tiny_net()


def clips(n_clips: int = 2, n_frames: int = 3) -> torch.Tensor:
    return torch.randn(n_clips, n_frames, 3, 14, 28, generator=torch.Generator().manual_seed(0))


def test_frames_encoded_one_by_one_give_the_same_depth(net):
    whole = net(clips())
    assert whole.shape == (2, 3, 14, 28) and whole.dtype == torch.float32 and whole.std() > 1e-4
    parts = [net.encode(frame[None]) for frame in clips().flatten(0, 1)]
    fine, middle, coarse, coarsest = (torch.cat(level) for level in zip(*parts, strict=True))
    path = net.mix(coarse, coarsest, 3)
    torch.testing.assert_close(net.draw(path, middle, fine).reshape(whole.shape), whole, atol=1e-4, rtol=1e-3)


def test_clips_of_a_batch_do_not_see_each_other(net):
    torch.testing.assert_close(net(clips())[1:], net(clips()[1:]), atol=1e-5, rtol=1e-4)


def test_every_motion_module_is_limited(net):
    net.limit_sequences(3)
    limits = [m.max_sequences for m in net.modules() if isinstance(m, TimeTransformer)]
    assert limits == [3, 3, 3, 3]


def test_half_precision_holds_matrices_and_leaves_norms_positions_and_the_last_layers(net):
    net.set_precision("bf16")
    dtypes = {name: value.dtype for name, value in net.named_parameters()}
    assert dtypes["pretrained.blocks.0.attn.qkv.weight"] == torch.bfloat16
    assert dtypes["head.projects.0.weight"] == dtypes["head.resize_layers.0.weight"] == torch.bfloat16
    kept = [n for n, d in dtypes.items() if d == torch.float32]
    assert {
        "pretrained.pos_embed",
        "pretrained.blocks.0.norm1.weight",
        "pretrained.blocks.0.ls1.gamma",
    } <= set(kept)
    assert {n for n in dtypes if "output_conv2" in n} <= set(kept)
    assert net(clips()).dtype == torch.float32


def test_going_back_to_full_precision_is_possible(net):
    net.set_precision("bf16")
    net.set_precision("fp32")
    assert {value.dtype for value in net.parameters()} == {torch.float32}
