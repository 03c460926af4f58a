#!/usr/bin/env python
"""Phase 4: the circle-of-confusion distribution of the data set, and a max_coc for a person to approve.

Reads   <out>/<scene>/depth_maps/ of a sample of scenes
Writes  <out>/logs/coc_stats.json and coc_histogram.png
Usage   python scripts/04_calibrate_coc.py --out_root output; then: focusgen approve --out_root output
"""

import sys

from focusgen.cli import phase_main

if __name__ == "__main__":
    sys.exit(phase_main("calibrate", __doc__))
