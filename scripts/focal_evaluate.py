#!/usr/bin/env python
"""Score depth and sharp pictures over lists of stacks; the same as `focusgen focal evaluate`.

Reads   the stacks of --list, with their depth and sharp pictures
Writes  <output_dir>/evaluation.json, .csv, .md, .png
Usage   python scripts/focal_evaluate.py --list stacks.jsonl --output-dir tables
"""

from focusgen.cli import entry_point

if __name__ == "__main__":
    entry_point("focal", "evaluate")
