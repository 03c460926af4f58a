#!/usr/bin/env python
"""Phase 2: sharpen every frame, then fuse neighbours along the motion of the input video.

Reads   <raw_root>/ through <out>/scene_index.json
Writes  <out>/<scene>/frames_sharp/*.png, and last of all .done; <out>/logs/deblur_psnr.csv
Usage   python scripts/02_deblur.py --config configs/davis.yaml --scene_idx 3
"""

import sys

from focusgen.cli import phase_main

if __name__ == "__main__":
    sys.exit(phase_main("deblur", __doc__))
