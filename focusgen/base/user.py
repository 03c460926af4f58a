"""Who is working here."""

from __future__ import annotations

import getpass
import os


def user_name() -> str:
    """Return the user's name; the number where nobody gave it one, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return str(os.getuid())
