"""Jobs of the tests find this first: every published frame, and every checkpoint, takes a while."""

import os
import time
from pathlib import Path

_DELAY_S = float(os.environ.get("FOCUSGEN_TEST_FRAME_S", "0"))

if _DELAY_S:
    from focusgen.base import files

    def _slow(step: str, path: Path) -> None:
        if step == "before_write" and (path.suffix in (".png", ".npz") or path.name == "latest.json"):
            time.sleep(_DELAY_S)

    files.on_step = _slow
