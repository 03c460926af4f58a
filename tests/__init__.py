"""Tests mirror focusgen file by file; `python -m tests.parity.vda DIR` and the like run from here."""
