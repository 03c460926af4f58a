#!/usr/bin/env python
"""Train depth from focus; the same as `focusgen focal train`.

Reads   the stacks that --config or --data_root names (focusgen focal synth makes them)
Writes  <output_dir>/checkpoint.pt, log.csv and, at the end, focal_small.safetensors
Usage   python scripts/focal_train.py --config configs/focal/small.yaml
"""

from focusgen.cli import entry_point

if __name__ == "__main__":
    entry_point("focal", "train")
