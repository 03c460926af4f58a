"""A user has a name everywhere, in containers without a line in /etc/passwd too."""

from __future__ import annotations

import getpass
import os

import pytest

from focusgen.base.user import user_name


def test_the_name_of_the_environment_is_taken(monkeypatch):
    monkeypatch.setenv("LOGNAME", "ada")
    assert user_name() == "ada"


@pytest.mark.parametrize("error", [KeyError("getpwuid(): uid not found: 12345"), OSError("No username set")])
def test_a_number_without_a_name_stands_for_itself(monkeypatch, error):
    def unknown() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", unknown)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert user_name() == "12345"
