#!/usr/bin/env python
"""Phase 5: per frame, atomically, the focus label and then the render made from that same label.

Reads   <out>/<scene>/frames_sharp/, depth_maps/, and the approved max_coc (or --max_coc)
Writes  <out>/<scene>/metadata.json, focus_maps/set_XX/*.npz, bokeh_renders/set_XX/*.png, last of all .done
Usage   python scripts/05_render_and_labels.py --config configs/davis.yaml --scene_idx 3
"""

import sys

from focusgen.cli import phase_main

if __name__ == "__main__":
    sys.exit(phase_main("render", __doc__))
