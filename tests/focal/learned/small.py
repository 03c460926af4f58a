"""Small stacks and a small network that learn in a moment."""

from __future__ import annotations

from pathlib import Path

from focusgen.focal.learned.network import FocalNet
from focusgen.focal.learned.plain_net import PlainNet
from focusgen.focal.learned.settings import DataSettings, ModelSettings, SmallSettings, TrainSettings
from focusgen.focal.learned.shards import StackSet, make_stacks
from focusgen.focal.learned.stacks import StackRecipe

RECIPE = StackRecipe(seed=5, families=("clutter", "slabs"), width=64, height=48, traced_share=0.0)


def make_small_stacks(folder: Path) -> StackSet:
    return make_stacks(folder, RECIPE, 8)


def small_settings(stacks: Path, out: Path, steps: int = 6) -> SmallSettings:
    return SmallSettings(
        model=ModelSettings(channels=(8, 8, 16, 16), mix=4, sharp=4),
        data=DataSettings(folder=stacks, first=4, hold_steps=2, per_step=1.0, most=8),
        train=TrainSettings(
            steps=steps, warm_up=4, decay_from=5, learning_rate=3e-3, log_every=2, checkpoint_every_s=3600.0
        ),
        output_dir=out,
    )


def plain(net: FocalNet) -> PlainNet:
    return PlainNet({name: value.numpy() for name, value in net.state_dict().items()})
