#!/usr/bin/env python
"""Phase 6: check every file, every range, and recompute every label bit for bit.

Reads   everything published
Writes  <out>/logs/validation_report.json (verdict: pass, rehearsal or fail)
Usage   python scripts/06_validate_outputs.py --out_root output
"""

import sys

from focusgen.cli import phase_main

if __name__ == "__main__":
    sys.exit(phase_main("validate", __doc__))
