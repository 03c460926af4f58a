"""What a hub that refuses, or that cannot be reached, is heard as."""

from __future__ import annotations


def hub_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of a hub's refusal, of a network that is not there, and of a disk.

    Releases of huggingface_hub send requests by different libraries. Each derives its own HTTP error from the
    library's, which is the base of failed connections too: that one is no OSError everywhere.
    """
    from huggingface_hub.errors import HfHubHTTPError

    of_library = [base for base in HfHubHTTPError.__bases__ if issubclass(base, Exception)]
    return (HfHubHTTPError, OSError, *of_library)
