"""Without shards: a state is what it was, and only one process keeps it (with them: `test_processes.py`)."""

from __future__ import annotations

import torch

from focusgen.focal.sd3.sharding import gathered, gathered_optimizer, share_out_optimizer


def test_without_shards_a_state_is_what_it_was_and_other_processes_keep_nothing():
    linear = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(linear.parameters())
    linear(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state = gathered_optimizer(optimizer, keeps=True)
    assert torch.equal(state["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])
    other = torch.optim.AdamW(torch.nn.Linear(2, 2).parameters())
    share_out_optimizer(other, state)
    assert torch.equal(other.state_dict()["state"][1]["exp_avg_sq"], state["state"][1]["exp_avg_sq"])
    assert gathered_optimizer(optimizer, keeps=False) == {}
    weights = dict(linear.named_parameters())
    assert gathered(weights, keeps=False) == {}
    assert torch.equal(gathered(weights, keeps=True)["bias"], linear.bias)
