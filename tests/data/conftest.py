"""Fixtures of the reader's tests."""

from tests.finished import _finished, finished  # noqa: F401 - fixtures
