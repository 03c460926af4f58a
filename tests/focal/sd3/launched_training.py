"""`focusgen` in two processes as torchrun starts them: its agent, but forks, one import of torch."""

from __future__ import annotations

import sys

import diffusers.models.transformers.transformer_sd3  # noqa: F401 - six seconds, once instead of in each fork
import torch._dynamo  # noqa: F401 - the first optimizer of a process imports it
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from focusgen import cli


def main(words: list[str]) -> int:
    """Run a command in both processes; return the worse of their exit statuses."""
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        run_id="test",
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        start_method="fork",
        max_restarts=0,
    )
    return max(elastic_launch(config, cli.main)(words).values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
