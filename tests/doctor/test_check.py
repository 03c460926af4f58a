"""What one check found."""

from __future__ import annotations

from focusgen.doctor.check import Check, Status


def test_a_line_needs_no_advice():
    assert Check("x", Status.OK, "fine").advice == ""
    assert [status.value for status in Status] == ["ok", "info", "warn", "fail"]
