#!/usr/bin/env python
"""Phase 3: metric depth for every sharp frame.

Reads   <out>/<scene>/frames_sharp/*.png (and --depth_root with the `provided` backend)
Writes  <out>/<scene>/depth_maps/*.npz, stats.json, and last of all .done
Usage   python scripts/03_depth.py --config configs/davis.yaml --scene_idx 3
"""

import sys

from focusgen.cli import phase_main

if __name__ == "__main__":
    sys.exit(phase_main("depth", __doc__))
