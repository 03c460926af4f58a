#!/usr/bin/env python
"""List the focal stacks of a data set; the same as `focusgen focal stacks`.

Reads   <scenes>/ after phase 5
Writes  <out>.jsonl, one line per scene and frame
Usage   python scripts/focal_stacks.py --scenes output --out stacks.jsonl
"""

from focusgen.cli import entry_point

if __name__ == "__main__":
    entry_point("focal", "stacks")
