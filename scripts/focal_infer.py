#!/usr/bin/env python
"""Depth and an all-in-focus picture from focal stacks: the same as `focusgen focal infer`.

Reads   a folder of slices, a folder of stacks, or the slices themselves
Writes  <output>/NAME_depth.npy, NAME_depth.png, NAME_all_in_focus.png, NAME_confidence.npy, NAME_slice.png,
        NAME_metadata.json, summary.json
Usage   python scripts/focal_infer.py --input STACK --output OUT --focus-distances 0.5,1,inf
"""

from focusgen.cli import entry_point

if __name__ == "__main__":
    entry_point("focal", "infer")
