"""Fixtures of the tools' tests."""

from tests.finished import _finished, finished  # noqa: F401 - fixtures
