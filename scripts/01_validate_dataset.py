#!/usr/bin/env python
"""Phase 1: find scenes, decode every frame, refuse the damaged by name, and split 80/10/10.

Reads   <raw_root>/: videos, or folders of images
Writes  <out>/scene_index.json, <out>/<scene>/split.txt, <out>/logs/rejected_scenes.json
Usage   python scripts/01_validate_dataset.py --raw_root data --out_root output
"""

import sys

from focusgen.cli import phase_main

if __name__ == "__main__":
    sys.exit(phase_main("index", __doc__))
