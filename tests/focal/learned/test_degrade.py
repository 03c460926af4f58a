"""What cameras do to stacks: truth and slices stay together, and nothing is the same twice."""

import numpy as np

from focusgen.focal.learned.degrade import degraded
from focusgen.focal.learned.shards import StackSet
from focusgen.focal.learned.stacks import TrainingStack


def ramp_stack() -> TrainingStack:
    """A stack whose every picture shows its own depth: what is turned in one must be turned in all."""
    rows, columns = np.mgrid[:48, :64]
    depth_m = (1.0 + rows / 48 + 2.0 * columns / 64).astype(np.float32)
    shown = np.repeat(np.rint(60 * depth_m)[..., None], 3, -1).astype(np.uint8)
    slices = np.stack([shown] * 5)
    return TrainingStack(slices, np.linspace(1.0, 0.25, 5), 10.0, depth_m, shown, {})


def test_slices_keep_their_distances_and_the_truth_turns_with_them():
    stack = ramp_stack()
    for draw in range(40):
        made = degraded(stack, np.random.default_rng(draw))
        assert 2 <= len(made.slices) == len(made.diopters) <= len(stack.slices)
        assert (np.diff(made.diopters) < 0).all() and set(made.diopters) <= set(stack.diopters)
        assert np.abs(made.sharp - 60 * made.depth_m[..., None]).max() <= 0.51
        assert np.abs(made.slices.astype(float) - made.sharp).mean() <= 8.0
        assert abs(np.log(made.radius_px_m / stack.radius_px_m)) < 0.15


def test_draws_differ_and_repeat_from_their_seed(stacks: StackSet):
    stack = stacks.read(0)[0]
    made = [degraded(stack, np.random.default_rng(seed)) for seed in range(12)]
    assert len({one.slices.tobytes() for one in made}) >= 10
    assert np.array_equal(made[3].slices, degraded(stack, np.random.default_rng(3)).slices)
